//! The schema that the simulated TiDB knows at the reader's position: databases, tables, ids.
//!
//! Also a census of the transactions of a server, counted from its own binlog: independent of what
//! any link says of itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Result, bail};
use serde_json::Value as Json;

use super::definition::Definition;
use crate::filter::wanted;
use crate::model::Mark;
use crate::model::{Handle, Kind, Row, RowChange, RowKind, Table, Value};
use crate::playground::tableinfo::{self, Details};
use crate::schema::{Converted, TableInfo, convert};

/// A table.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) schema_id: i64,
    /// The definition that rows are written and read with: that of a reader of the TableInfo.
    pub(super) table: Arc<Table>,
    /// The definition as it goes into the TableInfo.
    pub(super) source: Table,
    pub(super) details: Details,
    /// The primary key is an index beside a hidden row id.
    pub(super) nonclustered: bool,
    last_column: i64,
}

/// Databases by name, and tables by database and name. Names differ by case here, as on MariaDB's
/// Linux.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    pub(super) databases: BTreeMap<String, i64>,
    pub(super) tables: BTreeMap<(String, String), Known>,
}

impl Catalog {
    pub(super) fn table(&self, schema: &str, name: &str) -> Option<&Known> {
        self.tables.get(&(schema.to_owned(), name.to_owned()))
    }

    pub(super) fn put(&mut self, known: Known) {
        self.tables.insert((known.table.schema.clone(), known.table.name.clone()), known);
    }

    pub(super) fn take(&mut self, schema: &str, name: &str) -> Option<Known> {
        self.tables.remove(&(schema.to_owned(), name.to_owned()))
    }
}

impl Known {
    /// A new table, its columns numbered from 1.
    pub(super) fn new(schema_id: i64, id: i64, nonclustered: bool, definition: Definition) -> Result<Self> {
        let mut table = definition.table;
        table.id = id;
        let mut last_column = 0;
        for column in &mut table.columns {
            last_column += 1;
            column.id = last_column;
        }
        Self::finished(schema_id, table, definition.details, nonclustered, last_column)
    }

    /// This table with another definition: columns that stay keep their ids, `renamed` ones (old
    /// and new names) too. TiDB never clusters by a primary key that was added later.
    pub(super) fn altered(&self, definition: Definition, renamed: &[(String, String)]) -> Result<Self> {
        let (mut table, mut details) = (definition.table, definition.details);
        table.id = self.table.id;
        let same = |a: &str, b: &str| a.to_lowercase() == b.to_lowercase();
        let mut last_column = self.last_column;
        for column in &mut table.columns {
            let old = renamed.iter().find(|(_, new)| same(new, &column.name)).map_or(&column.name, |(old, _)| old);
            let left = |name: &str| renamed.iter().any(|(old, _)| same(old, name));
            // A column may take the name that another one gave up in the same statement.
            let found = self.table.columns.iter().find(|c| same(&c.name, old) && (*old != column.name || !left(old)));
            let own = details.columns.entry(column.name.clone()).or_default();
            column.id = match found {
                Some(found) => {
                    own.origin = self.details.columns.get(&found.name).and_then(|d| d.origin.clone());
                    found.id
                }
                None => {
                    own.origin.clone_from(&own.default);
                    last_column += 1;
                    last_column
                }
            };
        }
        let had_key = self.table.keys.first().is_some_and(|k| k.primary);
        Self::finished(self.schema_id, table, details, self.nonclustered || !had_key, last_column)
    }

    /// This table under another id, name and database.
    pub(super) fn moved(&self, schema_id: i64, id: i64, schema: &str, name: &str) -> Result<Self> {
        let mut table = self.source.clone();
        table.id = id;
        schema.clone_into(&mut table.schema);
        name.clone_into(&mut table.name);
        Self::finished(schema_id, table, self.details.clone(), self.nonclustered, self.last_column)
    }

    fn finished(
        schema_id: i64,
        mut source: Table,
        details: Details,
        nonclustered: bool,
        last_column: i64,
    ) -> Result<Self> {
        source.handle = handle(&source, nonclustered);
        let info: TableInfo = serde_json::from_value(tableinfo::table_info(&source, &details, 0))?;
        let table = match convert(&info, &source.schema) {
            Converted::Table(table) => Arc::new(*table),
            Converted::Unreadable(why) => bail!("its TableInfo cannot be read: {why}"),
            Converted::Rowless => bail!("its TableInfo is that of a view"),
        };
        Ok(Self { schema_id, table, source, details, nonclustered, last_column })
    }

    /// Its TableInfo; `updated` is the ts of its last DDL.
    pub(super) fn info(&self, updated: u64) -> Json {
        let mut info = tableinfo::table_info(&self.source, &self.details, updated);
        if let Some(info) = info.as_object_mut() {
            info.insert("max_col_id".to_owned(), self.last_column.into());
        }
        info
    }
}

/// TiDB's rule since 5.0: one integer column is the handle itself, any other primary key is a
/// common handle.
fn handle(table: &Table, nonclustered: bool) -> Handle {
    let Some(key) = table.keys.iter().find(|k| k.primary).filter(|_| !nonclustered) else { return Handle::RowId };
    match key.parts.as_slice() {
        [part] if matches!(table.columns.get(part.column).map(|c| &c.kind), Some(Kind::Int { .. })) => {
            Handle::Int(part.column)
        }
        parts => Handle::Common(parts.to_vec()),
    }
}

/// Transactions with rows, counted by their contents. Marks are rows of Drainer's mark table, of
/// any channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Only rows of users: a client's own work.
    pub own: u64,
    /// A row of the mark table rose: a link wrote the transaction.
    pub marked: u64,
    /// By how much those rows rose in all. Equal to `marked` if each rose by one, once in a
    /// transaction.
    pub risen: i64,
    /// Rows of users and records of a link, but no mark: a reader could not tell that this came
    /// from the other side.
    pub unmarked: u64,
}

impl Census {
    /// Counts one transaction.
    pub(super) fn take(&mut self, changes: &[RowChange]) {
        let mark = Mark::drainers(0);
        let (mut users, mut records, mut marks) = (false, false, false);
        let mut risen = 0;
        for change in changes {
            let table = &change.table;
            if mark.is(&table.schema, &table.name) {
                marks = true;
                risen += rise(change);
            } else if wanted(&table.schema) {
                users = true;
            } else {
                records = true;
            }
        }
        self.marked += u64::from(risen != 0);
        self.risen += risen;
        self.own += u64::from(users && !records && !marks);
        self.unmarked += u64::from(users && records && !marks);
    }

    /// The difference to `before`.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self {
            own: self.own - before.own,
            marked: self.marked - before.marked,
            risen: self.risen - before.risen,
            unmarked: self.unmarked - before.unmarked,
        }
    }
}

/// By how much a row of the mark table rose; NULL counts as 0, as it does for the link that raises
/// it.
fn rise(change: &RowChange) -> i64 {
    let val = |row: &Row| match change.table.value(row, "val") {
        Some(Value::Int(n)) => *n,
        _ => 0,
    };
    match &change.kind {
        RowKind::Update { old, new } => val(new) - val(old),
        // A row that is made, or taken away, raises nothing.
        RowKind::Insert(_) | RowKind::Delete(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{Column, Generated, Kind, Table};

    fn column(name: &str) -> Column {
        Column {
            id: 1,
            name: name.to_owned(),
            kind: Kind::Int { bytes: 8, unsigned: false },
            nullable: true,
            generated: Generated::No,
            hidden: false,
            missing: Value::Null,
        }
    }

    fn insert(schema: &str, name: &str) -> RowChange {
        RowChange { table: Arc::new(Table::named(schema, name)), kind: RowKind::Insert(Vec::new()) }
    }

    fn rises(from: Value, to: i64) -> RowChange {
        let mut table = Table::named("retl", "_drainer_repl_mark");
        table.columns = ["id", "val"].map(column).to_vec();
        let row = |val| vec![Value::Int(1), val];
        RowChange { table: Arc::new(table), kind: RowKind::Update { old: row(from), new: row(Value::Int(to)) } }
    }

    #[test]
    fn each_kind_of_transaction() {
        let (user, record) = (|| insert("shop", "t"), || insert("tidb_binlog", "tisync_slot"));
        let mut census = Census::default();
        let before = {
            census.take(&[user(), user()]);
            census
        };
        assert_eq!(before, Census { own: 1, ..Census::default() });
        for transaction in [
            vec![rises(Value::Int(4), 5), record(), user()],
            vec![rises(Value::Null, 1), record()],
            vec![record(), user()],
            // Bookkeeping, and a row that a link makes or renames for itself.
            vec![record()],
            vec![insert("RETL", "_drainer_repl_mark")],
            vec![rises(Value::Int(5), 5)],
            vec![],
        ] {
            census.take(&transaction);
        }
        assert_eq!(census.since(before), Census { own: 0, marked: 2, risen: 2, unmarked: 1 });
        // Two marks in one transaction, or one that rises by more, do not add up.
        census.take(&[rises(Value::Int(1), 2), rises(Value::Int(7), 8), user()]);
        assert_eq!((census.marked, census.risen), (3, 4));
    }
}
