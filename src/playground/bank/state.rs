//! What the bank's tables hold: the truth to compare a target with.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{Column, Row, RowChange, RowKind, Table, Value};
use crate::playground::tableinfo::Details;

/// One table and its rows by handle: the integer key, or a number that only the upstream sees.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) schema_id: i64,
    pub(super) table: Arc<Table>,
    pub(super) details: Details,
    pub(super) rows: BTreeMap<i64, Row>,
    next: i64,
}

impl State {
    pub(super) fn new(schema_id: i64, table: Table, details: Details) -> Self {
        Self { schema_id, table: Arc::new(table), details, rows: BTreeMap::new(), next: 1 }
    }

    /// A handle that no row has had before.
    pub(super) fn new_handle(&mut self) -> i64 {
        self.next += 1;
        self.next - 1
    }

    /// The row at `at` or the next one behind it, or else the first.
    pub(super) fn near(&self, at: i64) -> Option<(i64, &Row)> {
        self.rows.range(at..).next().or_else(|| self.rows.iter().next()).map(|(id, row)| (*id, row))
    }

    pub(super) fn last_handle(&self) -> i64 {
        self.next - 1
    }

    /// Adds a column at the end; rows that are there get its value for older rows.
    pub(super) fn add_column(&mut self, column: Column) {
        for row in self.rows.values_mut() {
            row.push(column.missing.clone());
        }
        Arc::make_mut(&mut self.table).columns.push(column);
    }
}

/// The row changes of one transaction, with the handle of each.
#[derive(Default)]
pub(super) struct Work {
    pub(super) changes: Vec<RowChange>,
    pub(super) handles: Vec<i64>,
}

impl Work {
    pub(super) fn insert(&mut self, state: &mut State, handle: i64, row: Row) {
        state.rows.insert(handle, row.clone());
        self.push(state, handle, RowKind::Insert(row));
    }

    pub(super) fn update(&mut self, state: &mut State, handle: i64, change: impl FnOnce(&mut Row)) {
        let Some(row) = state.rows.get_mut(&handle) else { return };
        let old = row.clone();
        change(row);
        let new = row.clone();
        // TiDB writes nothing for an update that changes nothing.
        if old != new {
            self.push(state, handle, RowKind::Update { old, new });
        }
    }

    pub(super) fn delete(&mut self, state: &mut State, handle: i64) {
        if let Some(row) = state.rows.remove(&handle) {
            self.push(state, handle, RowKind::Delete(row));
        }
    }

    fn push(&mut self, state: &State, handle: i64, kind: RowKind) {
        self.changes.push(RowChange { table: state.table.clone(), kind });
        self.handles.push(handle);
    }
}

/// What a table holds in the end.
#[derive(Clone, Debug)]
pub struct Expected {
    /// Its definition now.
    pub table: Arc<Table>,
    /// Its rows, values in the order of the definition. Tables without a key may hold equal ones.
    pub rows: Vec<Row>,
}

/// Hundredths as the value of a DECIMAL with two digits behind the point.
pub(super) fn money(cents: i64) -> Value {
    let sign = if cents < 0 { "-" } else { "" };
    let text = format!("{sign}{}.{:02}", cents.unsigned_abs() / 100, cents.unsigned_abs() % 100);
    Value::Decimal(crate::model::Decimal { text: text.into() })
}
