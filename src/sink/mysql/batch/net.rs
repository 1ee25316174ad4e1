//! The net effect on one table.

use super::identity::Identity;
use super::table::TableChanges;
use crate::model::{Column, Key, KeyPart, Row, Table, Value};
use crate::sink::mysql::literal::same;

/// A row and how often it is meant; more than once only without a key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Counted<'a> {
    /// Its values.
    pub row: &'a Row,
    /// How often; 0 when it was taken back.
    pub count: u64,
}

/// The net effect of a batch on one table, in the order in which it has to be written. Each list is sorted by the key
/// where there is one: the server then walks its index, and transactions side by side take locks in one order.
#[derive(Debug, Default)]
pub struct Net<'a> {
    /// Rows to delete.
    pub removed: Vec<Counted<'a>>,
    /// Only in safe mode: rows that were put in and taken out again here. They may have been there before, and must not be behind.
    pub cleared: Vec<Counted<'a>>,
    /// The new images of rows to change where they are, each once: key and columns are the old ones.
    pub changed: Vec<Counted<'a>>,
    /// Rows to insert.
    pub inserted: Vec<Counted<'a>>,
}

impl<'a> TableChanges<'a> {
    /// The net effect. A row that comes back as it was is in no part of it, unless in `safe` mode: there the target may be at any
    /// of the states in between, so each row that a key tells from all others is written or deleted. `in_place` fills [`Net::changed`].
    #[must_use]
    pub fn net(&self, in_place: bool, safe: bool) -> Net<'a> {
        let in_place = in_place && self.can_change();
        let mut net = Net::default();
        for touched in &self.touched {
            let (mut removed, mut inserted) = (touched.removed, touched.inserted);
            let always = safe && (self.key().is_some() || sole(self.table, removed.row).is_some());
            if removed.count == 0 && inserted.count == 0 && always {
                net.cleared.push(Counted { count: 1, ..removed });
            }
            if removed.count > 0 && inserted.count > 0 && !always {
                if self.is_same(removed.row, inserted.row) {
                    let both = removed.count.min(inserted.count);
                    removed.count -= both;
                    inserted.count -= both;
                } else if in_place && written(removed.row).eq(written(inserted.row)) {
                    net.changed.push(inserted);
                    continue;
                }
            }
            if removed.count > 0 {
                net.removed.push(removed);
            }
            if inserted.count > 0 {
                net.inserted.push(inserted);
            }
        }
        [&mut net.removed, &mut net.cleared, &mut net.changed, &mut net.inserted]
            .into_iter()
            .for_each(|rows| self.sort(rows));
        net
    }

    fn sort(&self, rows: &mut [Counted]) {
        match &self.identity {
            Identity::Single(column)
                if matches!(rows.first().and_then(|r| r.row.get(*column)), Some(Value::Int(_))) =>
            {
                rows.sort_by_cached_key(|r| match r.row.get(*column) {
                    Some(Value::Int(n)) => *n,
                    _ => 0,
                });
            }
            Identity::Single(_) | Identity::Key(_) => rows.sort_unstable_by(|a, b| self.identity.order(a.row, b.row)),
            Identity::Whole(_) => {}
        }
    }

    fn is_same(&self, old: &Row, new: &Row) -> bool {
        self.table.columns.iter().zip(old.iter().zip(new)).all(|(c, (a, b))| !c.writable() || same(a, b))
    }

    /// Whether a row whose key stays may be changed where it is: it can then meet no other row. Not with a second unique
    /// key, which rows may swap among them.
    fn can_change(&self) -> bool {
        let is_identity = |k: &Key, key: &[usize]| {
            k.parts.iter().map(|p| &p.column).eq(key) && k.parts.iter().all(|p| p.prefix.is_none())
        };
        match (self.table.keys.as_slice(), self.key()) {
            ([only], Some(key)) => is_identity(only, key),
            _ => false,
        }
    }
}

/// The unique key of a table that may have none of NOT NULL columns, whose value only this row can have.
#[must_use]
pub fn sole<'t>(table: &'t Table, row: &Row) -> Option<&'t Key> {
    let full = |k: &KeyPart| {
        table.columns.get(k.column).is_some_and(Column::writable)
            && !matches!(row.get(k.column), None | Some(Value::Null | Value::Absent))
    };
    table.keys.iter().find(|k| !k.parts.is_empty() && k.parts.iter().all(full))
}

/// Which columns a row has a value for.
fn written(row: &Row) -> impl Iterator<Item = bool> {
    row.iter().map(|v| *v != Value::Absent)
}
