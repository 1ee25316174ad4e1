//! A batch of whole upstream transactions, folded to its net effect per row.
//!
//! A row is known by its identity: the values of an identifying key, or the whole row where there is none (then a
//! table is a multiset). Identities are compared bit by bit: the stream's images are exact. Values that the target's
//! collation holds for equal still come out right, because each table's deletes run before its inserts.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Result;

use super::literal;
use crate::error::Fault;
use crate::model::{CommitTs, Row, RowChange, RowKind, Table};

/// Upstream transactions that are applied in one transaction of the target.
#[derive(Debug, Default)]
pub struct Batch {
    /// Commit ts of its first transaction.
    pub first: CommitTs,
    /// Commit ts of its last transaction, or what was resolved behind it: the position that it reaches.
    pub last: CommitTs,
    /// Upstream transactions with rows.
    pub txns: u64,
    /// Row changes taken: inserts, updates, deletes.
    pub counts: [u64; 3],
    /// Rough size of its rows, in bytes.
    pub bytes: usize,
    /// Row changes on tables that are left out, by table id.
    pub left_out: HashMap<i64, u64>,
    /// Its tables in the order of their first change.
    pub tables: Vec<TableChanges>,
    /// The transactions as they came, for the case that the target refuses them together.
    pub parts: Vec<Part>,
    by_table: HashMap<usize, usize>,
    by_name: HashMap<(String, String), usize>,
}

/// One upstream transaction of a batch.
#[derive(Debug, Default)]
pub struct Part {
    ts: CommitTs,
    changes: Vec<RowChange>,
    left_out: Vec<i64>,
}

impl Part {
    /// It alone as a batch.
    ///
    /// # Errors
    /// As [`Batch::add`].
    pub fn into_batch(self, lenient: bool) -> Result<Batch> {
        let mut batch = Batch::default();
        batch.begin(self.ts);
        self.left_out.into_iter().for_each(|id| batch.leave_out(id));
        self.changes.into_iter().try_for_each(|change| batch.add(change, lenient))?;
        Ok(batch)
    }
}

impl Batch {
    /// Row changes in it.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Whether it holds nothing, not even left-out rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.txns == 0
    }

    /// Whether `table` is another definition of a table that the batch already has: then it has to be closed first.
    #[must_use]
    pub fn conflicts(&self, table: &Arc<Table>) -> bool {
        if self.by_table.contains_key(&address(table)) {
            return false;
        }
        let at = self.by_name.get(&(table.schema.clone(), table.name.clone()));
        at.and_then(|i| self.tables.get(*i)).is_some_and(|t| *t.table != **table)
    }

    /// Counts a transaction in that committed at `ts`.
    pub fn begin(&mut self, ts: CommitTs) {
        if self.txns == 0 {
            self.first = ts;
        }
        self.last = ts;
        self.txns += 1;
        self.parts.push(Part { ts, ..Part::default() });
    }

    /// Counts a change on a table that is left out.
    pub fn leave_out(&mut self, table_id: i64) {
        *self.left_out.entry(table_id).or_default() += 1;
        if let Some(part) = self.parts.last_mut() {
            part.left_out.push(table_id);
        }
    }

    /// Adds one change. `lenient` takes changes that contradict the ones before.
    ///
    /// # Errors
    /// If the row does not fit its definition, or contradicts what the batch already holds.
    pub fn add(&mut self, change: RowChange, lenient: bool) -> Result<()> {
        let ts = self.last;
        if let Some(part) = self.parts.last_mut() {
            // Cheap: the values share the memory of the message.
            part.changes.push(change.clone());
        }
        let index = self.by_table.get(&address(&change.table)).copied();
        let index = match index {
            Some(index) => index,
            None => self.add_table(&change.table)?,
        };
        let [inserts, updates, deletes] = &mut self.counts;
        let Some(table) = self.tables.get_mut(index) else { return Ok(()) };
        match change.kind {
            RowKind::Insert(row) => {
                *inserts += 1;
                self.bytes += size(&row);
                table.insert(row, lenient)
            }
            RowKind::Update { old, new } => {
                *updates += 1;
                self.bytes += size(&old) + size(&new);
                table.delete(old, lenient).and_then(|()| table.insert(new, lenient))
            }
            RowKind::Delete(row) => {
                *deletes += 1;
                self.bytes += size(&row);
                table.delete(row, lenient)
            }
        }
        .map_err(|e| e.context(format!("in the transaction of commit ts {}", ts.explain())))
    }

    fn add_table(&mut self, table: &Arc<Table>) -> Result<usize> {
        let name = (table.schema.clone(), table.name.clone());
        let index = match self.by_name.get(&name) {
            Some(index) if self.tables.get(*index).is_some_and(|t| *t.table == **table) => *index,
            Some(_) => {
                return Err(Fault::refused(format!(
                    "the transaction of commit ts {} has rows of two definitions of {}",
                    self.last.explain(),
                    full_name(table)
                ))
                .into());
            }
            None => {
                self.tables.push(TableChanges::new(table.clone()));
                self.tables.len() - 1
            }
        };
        self.by_name.insert(name, index);
        // The address stays taken: either the batch holds this very definition, or the caller's change does until
        // the batch is closed; see `keep`.
        if let Some(t) = self.tables.get_mut(index) {
            t.keep.push(table.clone());
        }
        self.by_table.insert(address(table), index);
        Ok(index)
    }
}

fn address(table: &Arc<Table>) -> usize {
    Arc::as_ptr(table).addr()
}

fn size(row: &Row) -> usize {
    row.iter().map(literal::size).sum()
}

/// `` `db`.`table` `` as statements and messages name it.
#[must_use]
pub fn full_name(table: &Table) -> String {
    use super::session::quote_name;
    format!("{}.{}", quote_name(&table.schema), quote_name(&table.name))
}

/// A row and how often it is meant; more than once only without a key.
#[derive(Clone, Debug, PartialEq)]
pub struct Counted {
    /// Its values.
    pub row: Row,
    /// How often; 0 when it was taken back.
    pub count: u64,
}

/// The net effect of a batch on one table, in the order in which it has to be written.
#[derive(Debug)]
pub struct Net {
    /// Rows to delete.
    pub removed: Vec<Counted>,
    /// The new images of rows to change where they are, each once: key and columns are the old ones.
    pub changed: Vec<Counted>,
    /// Rows to insert.
    pub inserted: Vec<Counted>,
}

/// Which columns a row has a value for.
fn written(row: &Row) -> impl Iterator<Item = bool> {
    row.iter().map(|v| *v != crate::model::Value::Absent)
}

/// What a batch does to one table.
#[derive(Debug)]
pub struct TableChanges {
    /// The definition of all its rows.
    pub table: Arc<Table>,
    /// Columns of the identifying key; `None` where the whole row is the identity.
    pub key: Option<Vec<usize>>,
    removed: Side,
    inserted: Side,
    keep: Vec<Arc<Table>>,
}

/// One of the two sets of rows, in the order of their first mention.
#[derive(Debug, Default)]
struct Side {
    rows: Vec<Counted>,
    index: HashMap<Box<[u8]>, usize>,
}

impl Side {
    fn get(&mut self, identity: &[u8]) -> Option<&mut Counted> {
        let index = *self.index.get(identity)?;
        self.rows.get_mut(index)
    }

    fn add(&mut self, identity: Vec<u8>, row: Row) {
        self.index.insert(identity.into_boxed_slice(), self.rows.len());
        self.rows.push(Counted { row, count: 1 });
    }
}

impl TableChanges {
    fn new(table: Arc<Table>) -> Self {
        let key = table.keys.iter().find(|k| !k.parts.is_empty() && k.identifies(&table.columns));
        let key = key.map(|k| k.parts.iter().map(|p| p.column).collect());
        Self { table, key, removed: Side::default(), inserted: Side::default(), keep: Vec::new() }
    }

    fn identity(&self, row: &Row) -> Result<Vec<u8>> {
        if row.len() != self.table.columns.len() {
            return Err(Fault::refused(format!(
                "a row of {} has {} values for {} columns",
                full_name(&self.table),
                row.len(),
                self.table.columns.len()
            ))
            .into());
        }
        let mut out = Vec::with_capacity(32);
        match &self.key {
            Some(key) => key.iter().filter_map(|c| row.get(*c)).for_each(|v| literal::identity(&mut out, v)),
            None => {
                let columns = self.table.columns.iter().zip(row).filter(|(c, _)| c.writable());
                columns.for_each(|(_, v)| literal::identity(&mut out, v));
            }
        }
        Ok(out)
    }

    fn insert(&mut self, row: Row, lenient: bool) -> Result<()> {
        let identity = self.identity(&row)?;
        let keyed = self.key.is_some();
        match self.inserted.get(&identity) {
            Some(there) if keyed && there.count > 0 => {
                if !lenient {
                    return Err(self.contradiction("inserts a row that is there already"));
                }
                there.row = row;
            }
            Some(there) => {
                there.row = row;
                there.count += 1;
            }
            None => self.inserted.add(identity, row),
        }
        Ok(())
    }

    fn delete(&mut self, row: Row, lenient: bool) -> Result<()> {
        let identity = self.identity(&row)?;
        if let Some(there) = self.inserted.get(&identity)
            && there.count > 0
        {
            there.count -= 1;
            return Ok(());
        }
        let keyed = self.key.is_some();
        match self.removed.get(&identity) {
            Some(_) if keyed && lenient => {}
            Some(_) if keyed => return Err(self.contradiction("deletes a row that is gone already")),
            Some(there) => there.count += 1,
            None => self.removed.add(identity, row),
        }
        Ok(())
    }

    fn contradiction(&self, what: &str) -> anyhow::Error {
        Fault::refused(format!("the stream {what} in {}", full_name(&self.table)))
            .hint("does the start ts lie within the stream's history of this table? --safe-mode takes such changes")
            .into()
    }

    /// Whether a row whose key stays may be changed where it is: it can then meet no other row. Not with a second unique
    /// key, which rows may swap among them.
    fn can_change(&self) -> bool {
        let parts = |k: &crate::model::Key| k.parts.iter().map(|p| p.column).collect::<Vec<_>>();
        match (self.table.keys.as_slice(), &self.key) {
            ([only], Some(key)) => parts(only) == *key && only.parts.iter().all(|p| p.prefix.is_none()),
            _ => false,
        }
    }

    /// The net effect. A row that comes back as it was is in no part of it. `in_place` fills [`Net::changed`].
    #[must_use]
    pub fn finish(mut self, in_place: bool) -> Net {
        let in_place = in_place && self.can_change();
        let mut changed = Vec::new();
        for (identity, at) in &self.removed.index {
            let (Some(old), Some(new)) = (
                self.removed.rows.get_mut(*at),
                self.inserted.index.get(identity).and_then(|i| self.inserted.rows.get_mut(*i)),
            ) else {
                continue;
            };
            let same = |(c, (a, b)): (&crate::model::Column, (&_, &_))| {
                let (mut x, mut y) = (Vec::new(), Vec::new());
                literal::identity(&mut x, a);
                literal::identity(&mut y, b);
                !c.writable() || x == y
            };
            if self.table.columns.iter().zip(old.row.iter().zip(&new.row)).all(same) {
                let both = old.count.min(new.count);
                old.count -= both;
                new.count -= both;
            } else if in_place && old.count == 1 && new.count == 1 && written(&old.row).eq(written(&new.row)) {
                (old.count, new.count) = (0, 0);
                changed.push(Counted { row: std::mem::take(&mut new.row), count: 1 });
            }
        }
        let some = |side: Side| side.rows.into_iter().filter(|r| r.count > 0).collect();
        Net { removed: some(self.removed), changed, inserted: some(self.inserted) }
    }
}
