//! Rows that pass the values of their unique keys to each other.

use anyhow::{Context, Result};

use super::maybe_commit;
use crate::model::{Row, Value};
use crate::playground::load::draft::{Draft, INT, text};
use crate::playground::load::{Place, Stream};
use crate::playground::random::Random;

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

pub(super) struct Swap {
    table: Place,
    items: Vec<Item>,
    last: i64,
}

impl Swap {
    pub(super) fn new(out: &mut Stream, rows: i64) -> Result<Self> {
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

    pub(super) fn step(&mut self, out: &mut Stream, random: &mut Random) -> Result<()> {
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
