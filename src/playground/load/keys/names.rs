//! Texts that a key takes for the same although they differ in letter case.

use anyhow::{Context, Result};

use super::maybe_commit;
use crate::model::{Row, Value};
use crate::playground::load::draft::{Draft, INT, text};
use crate::playground::load::{Place, Stream};
use crate::playground::random::Random;

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

pub(super) struct Names {
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
    pub(super) fn new(out: &mut Stream, rows: i64) -> Result<Self> {
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

    pub(super) fn step(&mut self, out: &mut Stream, random: &mut Random) -> Result<()> {
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
