//! What tells the rows of a table apart.

use std::cmp::Ordering;
use std::hash::{BuildHasher, Hash, Hasher};

use hashbrown::DefaultHashBuilder;

use super::super::literal::same;
use crate::model::{KeyPart, Row, Table, Value};

/// The columns that a row is known by.
#[derive(Debug)]
pub(super) enum Identity {
    /// A key of one column.
    Single(usize),
    /// A key of several columns.
    Key(Vec<usize>),
    /// All columns that a statement may name: rows may be there more than once.
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

    /// The key's columns; `None` where the whole row is the identity.
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

    /// Equal for rows that are the same; the seed is the process's own, so that no upstream can choose collisions.
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

    /// An order near to that of the target's index.
    pub(super) fn order(&self, a: &Row, b: &Row) -> Ordering {
        let by_column = |c: &usize| match (a.get(*c), b.get(*c)) {
            (Some(a), Some(b)) => order(a, b),
            _ => Ordering::Equal,
        };
        self.columns().iter().map(by_column).find(|o| *o != Ordering::Equal).unwrap_or(Ordering::Equal)
    }
}

/// The first key that tells every row apart.
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

/// For values of one column. Only a matter of speed: where it does not know, they are equal.
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
