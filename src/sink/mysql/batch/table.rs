//! What transactions do to one table: each row that they touch, before and after.

use std::sync::Arc;

use anyhow::Result;
use hashbrown::{DefaultHashBuilder, HashTable};

use super::full_name;
use super::identity::Identity;
use super::net::Counted;
use crate::error::Fault;
use crate::model::{Row, Table};

/// What a batch does to one table.
#[derive(Debug)]
pub struct TableChanges<'a> {
    /// The definition of all its rows.
    pub table: &'a Arc<Table>,
    pub(super) identity: Identity,
    /// Columns that are no part of what a row without a key is known by: see [`gaps`](Self::gaps).
    gaps: Vec<usize>,
    /// In the order of their first mention.
    pub(super) touched: Vec<Touched<'a>>,
    /// Hash and place of each.
    index: HashTable<(u64, usize)>,
    hasher: DefaultHashBuilder,
}

/// A row by its identity.
#[derive(Debug)]
pub(super) struct Touched<'a> {
    /// What has to go: the first image that was deleted without having been inserted here. Any image while the count
    /// is 0.
    pub(super) removed: Counted<'a>,
    /// What is there in the end: the last image. Any image while the count is 0.
    pub(super) inserted: Counted<'a>,
}

impl<'a> TableChanges<'a> {
    pub(super) fn new(table: &'a Arc<Table>, gaps: Vec<usize>, hasher: DefaultHashBuilder) -> Self {
        let identity = Identity::of(table, &gaps);
        Self { table, identity, gaps, touched: Vec::new(), index: HashTable::new(), hasher }
    }

    /// Columns of a table without a key that some image to be removed lacks: they are being dropped, and no row is told apart by them.
    #[must_use]
    pub fn gaps(&self) -> &[usize] {
        &self.gaps
    }

    /// Columns of the identifying key; `None` where the whole row is the identity.
    #[must_use]
    pub fn key(&self) -> Option<&[usize]> {
        self.identity.key()
    }

    fn find(&self, hash: u64, row: &Row) -> Option<usize> {
        let same = |(h, at): &(u64, usize)| {
            *h == hash && self.touched.get(*at).is_some_and(|t| self.identity.same(t.removed.row, row))
        };
        self.index.find(hash, same).map(|(_, at)| *at)
    }

    fn touch(&mut self, hash: u64, removed: Counted<'a>, inserted: Counted<'a>) {
        self.index.insert_unique(hash, (hash, self.touched.len()), |(hash, _)| *hash);
        self.touched.push(Touched { removed, inserted });
    }

    pub(super) fn insert(&mut self, row: &'a Row, lenient: bool) -> Result<()> {
        self.check(row)?;
        let hash = self.identity.hash(&self.hasher, row);
        let keyed = self.key().is_some();
        let Some(touched) = self.find(hash, row).and_then(|at| self.touched.get_mut(at)) else {
            self.touch(hash, Counted { row, count: 0 }, Counted { row, count: 1 });
            return Ok(());
        };
        let there = &mut touched.inserted;
        if keyed && there.count > 0 {
            if !lenient {
                return Err(self.contradiction("inserts a row that is there already"));
            }
        } else {
            there.count += 1;
        }
        there.row = row;
        Ok(())
    }

    pub(super) fn delete(&mut self, row: &'a Row, lenient: bool) -> Result<()> {
        self.check(row)?;
        let hash = self.identity.hash(&self.hasher, row);
        let keyed = self.key().is_some();
        let Some(touched) = self.find(hash, row).and_then(|at| self.touched.get_mut(at)) else {
            self.touch(hash, Counted { row, count: 1 }, Counted { row, count: 0 });
            return Ok(());
        };
        if touched.inserted.count > 0 {
            touched.inserted.count -= 1;
        } else if keyed && !lenient {
            return Err(self.contradiction("deletes a row that is gone already"));
        } else if !keyed {
            touched.removed = Counted { row, count: touched.removed.count + 1 };
        } else if touched.removed.count == 0 {
            touched.removed = Counted { row, count: 1 };
        }
        Ok(())
    }

    pub(super) fn update(&mut self, old: &'a Row, new: &'a Row, lenient: bool) -> Result<()> {
        self.check(old)?;
        self.check(new)?;
        if !self.identity.same(old, new) {
            self.delete(old, lenient)?;
            return self.insert(new, lenient);
        }
        let hash = self.identity.hash(&self.hasher, old);
        let keyed = self.key().is_some();
        let Some(touched) = self.find(hash, old).and_then(|at| self.touched.get_mut(at)) else {
            self.touch(hash, Counted { row: old, count: 1 }, Counted { row: new, count: 1 });
            return Ok(());
        };
        if touched.inserted.count > 0 {
            touched.inserted.row = new;
            return Ok(());
        }
        if keyed && !lenient {
            return Err(self.contradiction("changes a row that is gone already"));
        }
        if !keyed || touched.removed.count == 0 {
            touched.removed = Counted { row: old, count: touched.removed.count + 1 };
        }
        touched.inserted = Counted { row: new, count: 1 };
        Ok(())
    }

    fn check(&self, row: &Row) -> Result<()> {
        if row.len() == self.table.columns.len() {
            return Ok(());
        }
        Err(Fault::refused(format!(
            "a row of {} has {} values for {} columns",
            full_name(self.table),
            row.len(),
            self.table.columns.len()
        ))
        .into())
    }

    fn contradiction(&self, what: &str) -> anyhow::Error {
        Fault::refused(format!("the stream {what} in {}", full_name(self.table)))
            .hint("does the start ts lie within the stream's history of this table? --safe-mode takes such changes")
            .into()
    }
}
