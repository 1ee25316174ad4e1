//! The changes that transactions make to one table: each row they touch, before and after.
//!
//! The second part is the identity of a row: what tells the rows of a table apart.

use std::cmp::Ordering;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;

use anyhow::Result;
use hashbrown::{DefaultHashBuilder, HashTable};

use super::{Counted, full_name};
use crate::error::Fault;
use crate::model::{KeyPart, Row, Table, Value};
use crate::mysql::literal::same;

/// What a batch does to one table.
#[derive(Debug)]
pub struct TableChanges<'a> {
    /// The definition of all its rows.
    pub table: &'a Arc<Table>,
    pub(super) identity: Identity,
    /// Columns that are not part of the identity of a row without a key: as [`gaps`](Self::gaps).
    gaps: Vec<usize>,
    /// In the order in which they were first touched.
    pub(super) touched: Vec<Touched<'a>>,
    /// Hash and index of each.
    index: HashTable<(u64, usize)>,
    hasher: DefaultHashBuilder,
}

/// A row by its identity.
#[derive(Debug)]
pub(super) struct Touched<'a> {
    /// The row to delete: the first image that was deleted without having been inserted here. Any
    /// image while the count is 0.
    pub(super) removed: Counted<'a>,
    /// The row that is there in the end: the last image. Any image while the count is 0.
    pub(super) inserted: Counted<'a>,
}

impl<'a> TableChanges<'a> {
    pub(super) fn new(table: &'a Arc<Table>, gaps: Vec<usize>, hasher: DefaultHashBuilder) -> Self {
        let identity = Identity::of(table, &gaps);
        Self { table, identity, gaps, touched: Vec::new(), index: HashTable::new(), hasher }
    }

    /// Columns of a table without a key that some image to be deleted lacks: they are being
    /// dropped, and are not used to tell rows apart.
    #[must_use]
    pub fn gaps(&self) -> &[usize] {
        &self.gaps
    }

    /// Columns of the identifying key; `None` if the whole row is the identity.
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
                return Err(self.contradiction("inserts a row that already exists"));
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
            return Err(self.contradiction("deletes a row that is already gone"));
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
            return Err(self.contradiction("changes a row that is already gone"));
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
            .hint("does the start ts lie within the stream's history of this table? --safe-mode tolerates such changes")
            .into()
    }
}

/// The columns that identify a row.
#[derive(Debug)]
pub(super) enum Identity {
    /// A key of one column.
    Single(usize),
    /// A key of several columns.
    Key(Vec<usize>),
    /// All columns that a statement may name: equal rows may exist.
    Whole(Vec<usize>),
}

impl Identity {
    /// `gaps` are columns that not every image has.
    pub(super) fn of(table: &Table, gaps: &[usize]) -> Self {
        match identifying(table) {
            Some([one]) => Self::Single(one.column),
            Some(parts) => Self::Key(parts.iter().map(|p| p.column).collect()),
            None => {
                let columns = table.columns.iter().enumerate().filter(|(_, c)| c.writable()).map(|(i, _)| i);
                Self::Whole(columns.filter(|i| !gaps.contains(i)).collect())
            }
        }
    }

    /// The key's columns; `None` if the whole row is the identity.
    pub(super) fn key(&self) -> Option<&[usize]> {
        match self {
            Self::Single(column) => Some(std::slice::from_ref(column)),
            Self::Key(columns) => Some(columns),
            Self::Whole(_) => None,
        }
    }

    fn columns(&self) -> &[usize] {
        match self {
            Self::Single(column) => std::slice::from_ref(column),
            Self::Key(columns) | Self::Whole(columns) => columns,
        }
    }

    /// Equal for equal rows. The seed is random for each process, so that an upstream cannot
    /// provoke collisions.
    pub(super) fn hash(&self, hasher: &DefaultHashBuilder, row: &Row) -> u64 {
        if let Self::Single(column) = self
            && let Some(Value::Int(n)) = row.get(*column)
        {
            return hasher.hash_one(n);
        }
        let mut state = hasher.build_hasher();
        self.columns().iter().filter_map(|c| row.get(*c)).for_each(|v| hash_value(&mut state, v));
        state.finish()
    }

    pub(super) fn same(&self, a: &Row, b: &Row) -> bool {
        self.columns().iter().all(|c| match (a.get(*c), b.get(*c)) {
            (Some(a), Some(b)) => same(a, b),
            _ => false,
        })
    }

    /// An order close to that of the target's index.
    pub(super) fn order(&self, a: &Row, b: &Row) -> Ordering {
        let by_column = |c: &usize| match (a.get(*c), b.get(*c)) {
            (Some(a), Some(b)) => order(a, b),
            _ => Ordering::Equal,
        };
        self.columns().iter().map(by_column).find(|o| *o != Ordering::Equal).unwrap_or(Ordering::Equal)
    }
}

/// The first key that identifies every row.
pub(super) fn identifying(table: &Table) -> Option<&[KeyPart]> {
    let key = table.keys.iter().find(|k| !k.parts.is_empty() && k.identifies(&table.columns));
    key.map(|k| k.parts.as_slice())
}

/// Values that are [`same`] hash alike.
fn hash_value(state: &mut impl Hasher, value: &Value) {
    match value {
        Value::Absent => state.write_u8(0),
        Value::Null => state.write_u8(1),
        Value::Int(n) | Value::Duration(n) => state.write_i64(*n),
        Value::UInt(n) | Value::Time(n) | Value::Enum(n) | Value::Set(n) | Value::Bit(n) => state.write_u64(*n),
        Value::Float(x) => state.write_u32(x.to_bits()),
        Value::Double(x) => state.write_u64(x.to_bits()),
        Value::Decimal(d) => d.text.hash(state),
        Value::Bytes(b) | Value::Json(b) => b.hash(state),
    }
}

/// An order of values of one column. It only affects speed: unknown pairs count as equal.
fn order(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) | (Value::Duration(a), Value::Duration(b)) => a.cmp(b),
        (Value::UInt(a), Value::UInt(b))
        | (Value::Time(a), Value::Time(b))
        | (Value::Enum(a), Value::Enum(b))
        | (Value::Set(a), Value::Set(b))
        | (Value::Bit(a), Value::Bit(b)) => a.cmp(b),
        (Value::Bytes(a), Value::Bytes(b)) => a.cmp(b),
        _ => Ordering::Equal,
    }
}
