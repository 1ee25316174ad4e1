//! Rows that stand in each other's way: through unique keys, keys that allow NULL, letter case and foreign keys.
//!
//! Parents and children, bound by a foreign key that cascades.
//!
//! Rows that pass the values of their unique keys to each other.
//!
//! Texts that a key takes for the same although they differ in letter case.

use anyhow::{Context, Result};

use super::stream::{Place, Stream};
use super::{Draft, INT, Workload, text};
use tisync::model::{Row, Value};
use tisync::playground::Random;

/// Five tables. `swap`: rows that exchange the values of a unique key and of one that allows NULL, within a transaction
/// and over several, change their primary key, and make room for each other. `names`: a clustered text key in
/// `utf8mb4_general_ci`, and `tags`, whose only key is such a text or NULL: texts that differ in letter case alone
/// follow each other. `parents` and `children`: a foreign key, with the cascades in the stream as TiDB writes them.
#[derive(Clone, Copy, Debug)]
pub struct Keys {
    /// The same seed gives the same stream.
    pub seed: u64,
    /// Rows at first in each table; about as many stay.
    pub rows: u32,
    /// Steps behind them; each is one to three transactions.
    pub steps: u64,
}

impl Default for Keys {
    fn default() -> Self {
        Self { seed: 1, rows: 60, steps: 4_000 }
    }
}

impl Workload for Keys {
    fn name(&self) -> &'static str {
        "keys"
    }

    fn fill(&self, out: &mut Stream) -> Result<()> {
        let rows = i64::from(self.rows.max(4));
        let mut swap = Swap::new(out, rows)?;
        let mut names = Names::new(out, rows)?;
        let mut family = Family::new(out, rows)?;
        let mut random = Random::new(self.seed);
        for _ in 0..self.steps {
            match random.below(6) {
                0..3 => swap.step(out, &mut random)?,
                3 | 4 => names.step(out, &mut random)?,
                _ => family.step(out, &mut random)?,
            }
        }
        Ok(())
    }
}

/// Commits one time in two: what follows is then in a transaction of its own.
fn maybe_commit(out: &mut Stream, random: &mut Random) -> Result<()> {
    if random.one_in(2) { out.commit() } else { Ok(()) }
}

/// The most children that a parent gets at once.
const MOST_CHILDREN: u64 = 4;

#[derive(Default)]
struct Parent {
    id: i64,
    count: i64,
    children: Vec<i64>,
}

impl Parent {
    fn row(&self) -> Row {
        vec![Value::Int(self.id), text(format!("family {}", self.id)), Value::Int(self.count)]
    }
}

fn child(id: i64, parent: i64) -> Row {
    vec![Value::Int(id), Value::Int(parent)]
}

struct Family {
    parents: Place,
    children: Place,
    all: Vec<Parent>,
    last: i64,
}

impl Family {
    fn new(out: &mut Stream, rows: i64) -> Result<Self> {
        let draft = Draft::new("parents").column("id", INT).varchar("name", 40).column("count", INT);
        let parents = out.table(draft.primary(&[0]))?;
        let draft = Draft::new("children").column("id", INT).nullable("parent", INT);
        let children = out.table(draft.primary(&[0]).child_of("parent", "parents", "id"))?;
        let mut family = Self { parents, children, all: Vec::new(), last: 0 };
        for _ in 0..rows {
            family.found(out)?;
        }
        out.commit()?;
        Ok(family)
    }

    fn step(&mut self, out: &mut Stream, random: &mut Random) -> Result<()> {
        let at = usize::try_from(random.below(u64::try_from(self.all.len())?))?;
        match random.below(5) {
            0 => {
                // Gone with all its children; another one begins.
                let gone = self.all.swap_remove(at);
                out.delete(self.parents, 0, gone.row())?;
                for id in &gone.children {
                    out.delete(self.children, 0, child(*id, gone.id))?;
                }
                maybe_commit(out, random)?;
                self.found(out)?;
                maybe_commit(out, random)?;
                self.born(out, random, self.all.len() - 1)?;
            }
            1 => {
                // Another number, which the children take over.
                self.last += 1;
                let parent = self.all.get_mut(at).context("a parent")?;
                let old = parent.id;
                out.delete(self.parents, 0, parent.row())?;
                parent.id = self.last;
                out.insert(self.parents, 0, parent.row())?;
                for id in &parent.children {
                    out.update(self.children, 0, child(*id, old), child(*id, parent.id))?;
                }
            }
            2 => {
                let parent = self.all.get_mut(at).context("a parent")?;
                let old = parent.row();
                parent.count += 1;
                out.update(self.parents, 0, old, parent.row())?;
            }
            3 => {
                // A child moves to another parent.
                let other = usize::try_from(random.below(u64::try_from(self.all.len())?))?;
                let parent = self.all.get_mut(at).context("a parent")?;
                let (from, id) = (parent.id, parent.children.pop());
                if let Some(id) = id {
                    let to = self.all.get_mut(other).context("a parent")?;
                    to.children.push(id);
                    out.update(self.children, 0, child(id, from), child(id, to.id))?;
                }
            }
            _ => self.born(out, random, at)?,
        }
        out.commit()
    }

    /// A new parent.
    fn found(&mut self, out: &mut Stream) -> Result<()> {
        self.last += 1;
        let parent = Parent { id: self.last, ..Parent::default() };
        out.insert(self.parents, 0, parent.row())?;
        self.all.push(parent);
        Ok(())
    }

    /// New children of the parent at `at`, until it has enough of them.
    fn born(&mut self, out: &mut Stream, random: &mut Random, at: usize) -> Result<()> {
        let parent = self.all.get_mut(at).context("a parent")?;
        for _ in 0..=random.below(MOST_CHILDREN) {
            if parent.children.len() < 20 {
                self.last += 1;
                out.insert(self.children, 0, child(self.last, parent.id))?;
                parent.children.push(self.last);
            }
        }
        Ok(())
    }
}

#[derive(Clone)]
struct Item {
    id: i64,
    /// Unique.
    place: i64,
    /// Unique, or NULL.
    code: Option<i64>,
    count: i64,
}

impl Item {
    fn row(&self) -> Row {
        let code = self.code.map_or(Value::Null, |n| text(format!("code {n}")));
        vec![Value::Int(self.id), Value::Int(self.place), code, Value::Int(self.count)]
    }
}

struct Swap {
    table: Place,
    items: Vec<Item>,
    last: i64,
}

impl Swap {
    fn new(out: &mut Stream, rows: i64) -> Result<Self> {
        let draft =
            Draft::new("swap").column("id", INT).column("place", INT).nullable_varchar("code", 20).column("count", INT);
        let table = out.table(draft.primary(&[0]).unique("by_place", &[1]).unique("by_code", &[2]))?;
        let items: Vec<Item> =
            (1..=rows).map(|id| Item { id, place: id, code: Some(id).filter(|id| id % 3 != 0), count: 0 }).collect();
        for item in &items {
            out.insert(table, 0, item.row())?;
        }
        out.commit()?;
        Ok(Self { table, items, last: rows })
    }

    fn step(&mut self, out: &mut Stream, random: &mut Random) -> Result<()> {
        let count = self.items.len();
        let a = usize::try_from(random.below(u64::try_from(count)?))?;
        let b = (a + 1 + usize::try_from(random.below(u64::try_from(count)? - 1))?) % count;
        self.last += 1;
        let spare = -self.last;
        match random.below(6) {
            0 => self.exchange_places(out, random, a, b, spare)?,
            1 => self.hand_down(out, random, a, b, spare)?,
            2 => {
                // The code moves, or a NULL does.
                let (left, right) = (self.item(a)?.code, self.item(b)?.code);
                self.change(out, a, |i| i.code = None)?;
                maybe_commit(out, random)?;
                self.change(out, b, |i| i.code = left)?;
                maybe_commit(out, random)?;
                self.change(out, a, |i| i.code = right)?;
            }
            3 => {
                // Another row takes over everything but the primary key.
                let old = self.item(a)?.clone();
                out.delete(self.table, 0, old.row())?;
                maybe_commit(out, random)?;
                let new = Item { id: self.last, count: 0, ..old };
                out.insert(self.table, 0, new.row())?;
                *self.items.get_mut(a).context("an item")? = new;
            }
            4 => {
                // A changed primary key: TiDB writes it as a removal and a new row.
                let old = self.item(a)?.clone();
                out.delete(self.table, 0, old.row())?;
                let new = Item { id: self.last, count: old.count + 1, ..old };
                out.insert(self.table, 0, new.row())?;
                *self.items.get_mut(a).context("an item")? = new;
            }
            _ => self.change(out, a, |i| i.count += 1)?,
        }
        out.commit()
    }

    /// Two rows exchange their places by way of a spare one.
    fn exchange_places(&mut self, out: &mut Stream, random: &mut Random, a: usize, b: usize, spare: i64) -> Result<()> {
        let (left, right) = (self.item(a)?.place, self.item(b)?.place);
        // In one transaction, or in up to three.
        let split = random.one_in(2);
        for (at, place) in [(a, spare), (b, left), (a, right)] {
            self.change(out, at, |i| i.place = place)?;
            if split {
                maybe_commit(out, random)?;
            }
        }
        Ok(())
    }

    /// One row takes a new place, another one the place that is free now.
    fn hand_down(&mut self, out: &mut Stream, random: &mut Random, a: usize, b: usize, spare: i64) -> Result<()> {
        let free = self.item(a)?.place;
        self.change(out, a, |i| i.place = spare)?;
        maybe_commit(out, random)?;
        self.change(out, b, |i| i.place = free)
    }

    fn item(&self, at: usize) -> Result<&Item> {
        self.items.get(at).context("an item")
    }

    fn change(&mut self, out: &mut Stream, at: usize, change: impl FnOnce(&mut Item)) -> Result<()> {
        let item = self.items.get_mut(at).context("an item")?;
        let old = item.row();
        change(item);
        out.update(self.table, 0, old, item.row())
    }
}

/// A collation to which letter case means nothing.
const COLLATION: &str = "utf8mb4_general_ci";

/// A word in one of its spellings.
#[derive(Clone, Copy)]
struct Word {
    number: i64,
    spelling: u64,
}

impl Word {
    fn text(self) -> Value {
        let plain = format!("name of {}", self.number);
        text(match self.spelling % 4 {
            0 => plain,
            1 => plain.to_uppercase(),
            2 => plain.replace("name", "Name"),
            _ => plain.replace("of", "OF"),
        })
    }
}

struct Tag {
    handle: i64,
    code: Option<Word>,
    count: i64,
}

impl Tag {
    fn row(&self) -> Row {
        vec![self.code.map_or(Value::Null, Word::text), Value::Int(self.count)]
    }
}

struct Names {
    names: Place,
    tags: Place,
    /// Each word is there or not, with its count.
    words: Vec<(Word, Option<i64>)>,
    tagged: Vec<Tag>,
    last: i64,
}

fn name(word: Word, count: i64) -> Row {
    vec![word.text(), Value::Int(count)]
}

impl Names {
    fn new(out: &mut Stream, rows: i64) -> Result<Self> {
        let draft = Draft::new("names").collation(COLLATION).varchar("name", 40).column("count", INT);
        let names = out.table(draft.primary(&[0]))?;
        let draft = Draft::new("tags").collation(COLLATION).nullable_varchar("code", 40).column("count", INT);
        let tags = out.table(draft.unique("by_code", &[0]))?;
        let words: Vec<_> = (0..rows).map(|number| (Word { number, spelling: 0 }, Some(0))).collect();
        for (word, _) in &words {
            out.insert(names, 0, name(*word, 0))?;
        }
        let tagged: Vec<Tag> = (1..=rows)
            .map(|n| Tag { handle: n, code: (n % 3 != 0).then_some(Word { number: n, spelling: 0 }), count: 0 })
            .collect();
        for tag in &tagged {
            out.insert(tags, tag.handle, tag.row())?;
        }
        out.commit()?;
        Ok(Self { names, tags, words, tagged, last: rows })
    }

    fn step(&mut self, out: &mut Stream, random: &mut Random) -> Result<()> {
        if random.one_in(2) {
            self.name(out, random)?
        } else {
            self.tag(out, random)?
        }
        out.commit()
    }

    fn name(&mut self, out: &mut Stream, random: &mut Random) -> Result<()> {
        let at = usize::try_from(random.below(u64::try_from(self.words.len())?))?;
        let (word, count) = self.words.get_mut(at).context("a word")?;
        let Some(old) = *count else {
            // It comes back in any spelling.
            word.spelling = random.next();
            *count = Some(0);
            return out.insert(self.names, 0, name(*word, 0));
        };
        if random.one_in(3) {
            *count = Some(old + 1);
            return out.update(self.names, 0, name(*word, old), name(*word, old + 1));
        }
        out.delete(self.names, 0, name(*word, old))?;
        if random.one_in(4) {
            *count = None;
            return Ok(());
        }
        maybe_commit(out, random)?;
        word.spelling = random.next();
        out.insert(self.names, 0, name(*word, old))
    }

    fn tag(&mut self, out: &mut Stream, random: &mut Random) -> Result<()> {
        let count = self.tagged.len();
        let a = usize::try_from(random.below(u64::try_from(count)?))?;
        let b = (a + 1 + usize::try_from(random.below(u64::try_from(count)? - 1))?) % count;
        match random.below(4) {
            0 => {
                // The code goes to another row, in another spelling; NULLs go about as well.
                let code = self.tagged.get(a).context("a tag")?.code;
                let back = self.tagged.get(b).context("a tag")?.code;
                self.change(out, a, |t| t.code = None)?;
                maybe_commit(out, random)?;
                let spelling = random.next();
                self.change(out, b, |t| t.code = code.map(|w| Word { spelling, ..w }))?;
                maybe_commit(out, random)?;
                self.change(out, a, |t| t.code = back)
            }
            1 => {
                let spelling = random.next();
                self.change(out, a, |t| t.code = t.code.map(|w| Word { spelling, ..w }))
            }
            2 => {
                let old = self.tagged.get_mut(a).context("a tag")?;
                out.delete(self.tags, old.handle, old.row())?;
                maybe_commit(out, random)?;
                self.last += 1;
                let spelling = random.next();
                *old = Tag { handle: self.last, code: old.code.map(|w| Word { spelling, ..w }), count: 0 };
                out.insert(self.tags, self.last, old.row())
            }
            _ => self.change(out, a, |t| t.count += 1),
        }
    }

    fn change(&mut self, out: &mut Stream, at: usize, change: impl FnOnce(&mut Tag)) -> Result<()> {
        let tag = self.tagged.get_mut(at).context("a tag")?;
        let old = tag.row();
        change(tag);
        out.update(self.tags, tag.handle, old, tag.row())
    }
}
