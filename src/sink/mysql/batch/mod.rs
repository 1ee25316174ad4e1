//! Folds whole upstream transactions to their net effect per row.
//!
//! A row is known by its identity: the values of an identifying key, or the whole row where there
//! is none (then a table is a multiset). Identities are compared bit by bit: the stream's images
//! are exact. Values that the target's collation holds to be equal still come out right, because
//! each table's deletes run before its inserts.
//!
//! Only [`Part`] owns rows: the folded form borrows them, so that it can be folded again after a
//! failure.
//!
//! The file also tells by which definition of each table a set of transactions was read, and holds
//! the net effect on one table.

mod table;

use std::collections;
use std::sync::Arc;

use anyhow::{Context, Result};
use hashbrown::{DefaultHashBuilder, HashMap};

use crate::error::Fault;
use crate::model::{Column, CommitTs, Key, KeyPart, Row, RowChange, RowKind, Table, Value};
use crate::mysql::literal::{self, same};
pub use table::TableChanges;
use table::{Identity, identifying};

/// One upstream transaction of a batch, kept until the batch is durable.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// When it committed upstream.
    pub ts: CommitTs,
    /// Its row changes, in order within each table.
    pub changes: Vec<RowChange>,
    /// The table id of each of its row changes on a table that is left out.
    pub left_out: Vec<i64>,
    /// Approximate size of its rows as text, in bytes.
    pub bytes: usize,
    /// Approximate size of its largest row as text, in bytes.
    pub largest: usize,
}

impl Part {
    /// The transaction of `ts`, without rows yet.
    #[must_use]
    pub fn new(ts: CommitTs) -> Self {
        Self { ts, ..Self::default() }
    }

    /// Adds its next row change.
    pub fn push(&mut self, change: RowChange) {
        self.bytes += change_size(&change);
        let row = |row: &Row| literal::row_size(&change.table, row);
        self.largest = self.largest.max(match &change.kind {
            RowKind::Insert(one) | RowKind::Delete(one) => row(one),
            RowKind::Update { old, new } => row(old).max(row(new)),
        });
        self.changes.push(change);
    }

    /// Records a change on a table that is left out.
    pub fn leave_out(&mut self, table_id: i64) {
        self.left_out.push(table_id);
    }
}

/// Approximate bytes of text of the images of `change`.
#[must_use]
pub fn change_size(change: &RowChange) -> usize {
    let row = |row: &Row| row.iter().map(literal::size).sum::<usize>();
    match &change.kind {
        RowKind::Insert(new) => row(new),
        RowKind::Update { old, new } => row(old) + row(new),
        RowKind::Delete(old) => row(old),
    }
}

/// `` `db`.`table` `` as statements and messages name it.
#[must_use]
pub fn full_name(table: &Table) -> String {
    use crate::sql::quote_name;
    format!("{}.{}", quote_name(&table.schema), quote_name(&table.name))
}

/// The net effect of transactions.
#[derive(Debug, Default)]
pub struct Folded<'a> {
    /// Row changes as they came: inserts, updates, deletes. Without those on left-out tables.
    pub counts: [u64; 3],
    /// Row changes on tables that are left out, by table id.
    pub left_out: collections::HashMap<i64, u64>,
    /// The tables in the order of their first change.
    pub tables: Vec<TableChanges<'a>>,
}

impl Folded<'_> {
    /// The number of row changes in it.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// The net effect of `parts`, which are in the order of their commit ts. With `lenient`, changes
/// may contradict the ones before.
///
/// # Errors
/// Refused, with the commit ts: if a row does not fit its definition, two definitions of a table
/// meet, or a change contradicts the ones before.
pub fn fold(parts: &[Part], lenient: bool) -> Result<Folded<'_>> {
    let mut folder = Folder { lenient, gaps: gaps(parts), ..Folder::default() };
    for part in parts {
        for id in &part.left_out {
            *folder.folded.left_out.entry(*id).or_default() += 1;
        }
        folder.add(part).with_context(|| format!("cannot apply the transaction of commit ts {}", part.ts.explain()))?;
    }
    Ok(folder.folded)
}

/// The columns that images to be deleted lack, for tables where the whole row is the identity.
fn gaps(parts: &[Part]) -> HashMap<(&str, &str), Vec<usize>> {
    let mut gaps: HashMap<(&str, &str), Vec<usize>> = HashMap::default();
    let mut last: Option<(usize, bool)> = None;
    for change in parts.iter().flat_map(|p| &p.changes) {
        let (RowKind::Update { old: row, .. } | RowKind::Delete(row)) = &change.kind else { continue };
        let address = Arc::as_ptr(&change.table).addr();
        let keyed = match last {
            Some((known, keyed)) if known == address => keyed,
            _ => identifying(&change.table).is_some(),
        };
        last = Some((address, keyed));
        if keyed {
            continue;
        }
        for (index, (column, value)) in change.table.columns.iter().zip(row).enumerate() {
            if matches!(value, Value::Absent) && column.writable() {
                let found = gaps.entry((&change.table.schema, &change.table.name)).or_default();
                if !found.contains(&index) {
                    found.push(index);
                }
            }
        }
    }
    gaps
}

#[derive(Default)]
struct Folder<'a> {
    folded: Folded<'a>,
    lenient: bool,
    /// The table of the previous change, which most changes share: its address and index.
    last: Option<(usize, usize)>,
    by_address: HashMap<usize, usize>,
    by_name: HashMap<(&'a str, &'a str), usize>,
    /// By database and table: as [`TableChanges::gaps`].
    gaps: HashMap<(&'a str, &'a str), Vec<usize>>,
    hasher: DefaultHashBuilder,
}

impl<'a> Folder<'a> {
    fn add(&mut self, part: &'a Part) -> Result<()> {
        for change in &part.changes {
            let index = self.table(&change.table)?;
            let [inserts, updates, deletes] = &mut self.folded.counts;
            let Some(table) = self.folded.tables.get_mut(index) else { continue };
            match &change.kind {
                RowKind::Insert(row) => {
                    *inserts += 1;
                    table.insert(row, self.lenient)?;
                }
                RowKind::Update { old, new } => {
                    *updates += 1;
                    table.update(old, new, self.lenient)?;
                }
                RowKind::Delete(row) => {
                    *deletes += 1;
                    table.delete(row, self.lenient)?;
                }
            }
        }
        Ok(())
    }

    /// The address of a definition is not reused while the parts are borrowed.
    fn table(&mut self, table: &'a Arc<Table>) -> Result<usize> {
        let address = Arc::as_ptr(table).addr();
        if let Some((last, index)) = self.last
            && last == address
        {
            return Ok(index);
        }
        let index = match self.by_address.get(&address) {
            Some(index) => *index,
            None => {
                let index = self.new_table(table)?;
                self.by_address.insert(address, index);
                index
            }
        };
        self.last = Some((address, index));
        Ok(index)
    }

    fn new_table(&mut self, table: &'a Arc<Table>) -> Result<usize> {
        let tables = &mut self.folded.tables;
        let index = *self.by_name.entry((&table.schema, &table.name)).or_insert(tables.len());
        match tables.get(index) {
            None => {
                let gaps = self.gaps.get(&(table.schema.as_str(), table.name.as_str())).cloned().unwrap_or_default();
                tables.push(TableChanges::new(table, gaps, self.hasher.clone()));
            }
            Some(there) if **there.table == **table => {}
            Some(_) => {
                return Err(Fault::refused(format!("it has rows of two definitions of {}", full_name(table))).into());
            }
        }
        Ok(index)
    }
}

/// The tables of transactions that will be folded together: one definition of each.
#[derive(Debug, Default)]
pub struct Definitions {
    by_address: HashMap<usize, Arc<Table>>,
    by_name: HashMap<(String, String), Arc<Table>>,
}

impl Definitions {
    /// Whether `table` is another definition of a table that is known already: the two cannot be
    /// folded together.
    #[must_use]
    pub fn conflict(&self, table: &Arc<Table>) -> bool {
        if self.by_address.contains_key(&Arc::as_ptr(table).addr()) {
            return false;
        }
        let there = self.by_name.get(&(table.schema.clone(), table.name.clone()));
        there.is_some_and(|t| **t != **table)
    }

    /// Adds `table`.
    pub fn learn(&mut self, table: &Arc<Table>) {
        // Kept, so that its address is not reused.
        if self.by_address.insert(Arc::as_ptr(table).addr(), table.clone()).is_none() {
            self.by_name.entry((table.schema.clone(), table.name.clone())).or_insert_with(|| table.clone());
        }
    }
}

/// A row and its count; more than 1 only without a key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Counted<'a> {
    /// Its values.
    pub row: &'a Row,
    /// 0 after it was undone.
    pub count: u64,
}

/// The net effect of a batch on one table, in the order in which it has to be written. Each list is
/// sorted by the key if there is one: the server then walks its index, and transactions side by
/// side take locks in the same order.
#[derive(Debug, Default)]
pub struct Net<'a> {
    /// Rows to delete.
    pub removed: Vec<Counted<'a>>,
    /// Only in safe mode: rows that were inserted and deleted again in the batch. They may have
    /// been there before, and must not be there afterwards.
    pub cleared: Vec<Counted<'a>>,
    /// The new images of rows to change in place, each once; key and columns stay those of the old
    /// image.
    pub changed: Vec<Counted<'a>>,
    /// Rows to insert.
    pub inserted: Vec<Counted<'a>>,
}

impl<'a> TableChanges<'a> {
    /// The net effect. A row that ends as it was is left out, except in `safe` mode: there the
    /// target may be at any of the states in between, so each row with a key of its own is written
    /// or deleted. `in_place` fills [`Net::changed`].
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

    /// Whether a row whose key stays may be changed in place, because it can then meet no other
    /// row. Not with a second unique key, whose values rows may swap.
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

/// A unique key of `table` whose value only this row can have: all its columns are full and not
/// NULL in `row`.
#[must_use]
pub fn sole<'t>(table: &'t Table, row: &Row) -> Option<&'t Key> {
    let full = |k: &KeyPart| {
        table.columns.get(k.column).is_some_and(Column::writable)
            && !matches!(row.get(k.column), None | Some(Value::Null | Value::Absent))
    };
    table.keys.iter().find(|k| !k.parts.is_empty() && k.parts.iter().all(full))
}

/// Which columns have a value in the row.
fn written(row: &Row) -> impl Iterator<Item = bool> {
    row.iter().map(|v| *v != Value::Absent)
}

#[cfg(test)]
mod tests;
