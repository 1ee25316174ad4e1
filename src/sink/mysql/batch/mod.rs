//! Whole upstream transactions, folded to their net effect per row.
//!
//! A row is known by its identity: the values of an identifying key, or the whole row where there is none (then a
//! table is a multiset). Identities are compared bit by bit: the stream's images are exact. Values that the target's
//! collation holds for equal still come out right, because each table's deletes run before its inserts.
//!
//! Nothing here owns a row but [`Part`]: what is folded borrows, so that it can be folded again after a failure.

mod definitions;
mod identity;
mod net;
mod table;

use std::collections;
use std::sync::Arc;

use anyhow::{Context, Result};
use hashbrown::{DefaultHashBuilder, HashMap};

pub use self::definitions::Definitions;
use self::identity::identifying;
pub use self::net::{Counted, Net, sole};
pub use self::table::TableChanges;
use super::literal;
use crate::error::Fault;
use crate::model::{CommitTs, Row, RowChange, RowKind, Table, Value};

/// One upstream transaction of a batch, kept until it is durable.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// When it committed upstream.
    pub ts: CommitTs,
    /// Its row changes, in order within each table.
    pub changes: Vec<RowChange>,
    /// For each of its row changes on a table that is left out, the table's id.
    pub left_out: Vec<i64>,
    /// Rough size of its rows as text, in bytes.
    pub bytes: usize,
    /// The same of its largest row.
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

    /// Counts a change on a table that is left out.
    pub fn leave_out(&mut self, table_id: i64) {
        self.left_out.push(table_id);
    }
}

/// Roughly how many bytes of text the images of `change` become.
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
    use super::session::quote_name;
    format!("{}.{}", quote_name(&table.schema), quote_name(&table.name))
}

/// What transactions do together.
#[derive(Debug, Default)]
pub struct Folded<'a> {
    /// Row changes as they came: inserts, updates, deletes. Those on left-out tables are not among them.
    pub counts: [u64; 3],
    /// Row changes on tables that are left out, by table id.
    pub left_out: collections::HashMap<i64, u64>,
    /// The tables in the order of their first change.
    pub tables: Vec<TableChanges<'a>>,
}

impl Folded<'_> {
    /// Row changes in it.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// The net effect of `parts`, which come in the order of their commit ts. `lenient` takes changes that contradict the
/// ones before.
///
/// # Errors
/// Refused, with the commit ts: if a row does not fit its definition, two definitions of a table meet, or a change
/// contradicts the ones before.
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

/// What images to be removed lack, where a row is known by all that it holds.
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
    /// The table of the change before, which most changes share: its address and index.
    last: Option<(usize, usize)>,
    by_address: HashMap<usize, usize>,
    by_name: HashMap<(&'a str, &'a str), usize>,
    /// By database and table: see [`TableChanges::gaps`].
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

    /// Addresses stay taken while the parts are borrowed.
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

#[cfg(test)]
mod tests;
