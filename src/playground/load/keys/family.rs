//! Parents and children, bound by a foreign key that cascades.

use anyhow::{Context, Result};

use super::maybe_commit;
use crate::model::{Row, Value};
use crate::playground::load::draft::{Draft, INT, text};
use crate::playground::load::{Place, Stream};
use crate::playground::random::Random;

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

pub(super) struct Family {
    parents: Place,
    children: Place,
    all: Vec<Parent>,
    last: i64,
}

impl Family {
    pub(super) fn new(out: &mut Stream, rows: i64) -> Result<Self> {
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

    pub(super) fn step(&mut self, out: &mut Stream, random: &mut Random) -> Result<()> {
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
