//! Where a DDL comes from, where MariaDB's binlog does not say: it writes its own text of a DROP TABLE, without the comment in
//! front of it. But the link that runs it has stored that it is about to, and that passes through here first.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::mark::Origin;
use crate::model::{Row, RowChange, RowKind, Table, Value};
use crate::sink::mysql::ddl::Begun;
use crate::sink::mysql::ddl::form::Form;

/// The statements that links are about to run, by cluster and link.
#[derive(Default)]
pub(super) struct Origins(BTreeMap<(u64, Vec<u8>), Open>);

struct Open {
    origin: Origin,
    form: Form,
}

impl Origins {
    /// Takes notice of a change, if it is one of a link's row.
    pub(super) fn see(&mut self, change: &RowChange) {
        let table = &change.table;
        if table.schema != "tidb_binlog" || table.name != "tisync_checkpoint" {
            return;
        }
        let (row, open) = match &change.kind {
            RowKind::Insert(row) | RowKind::Update { new: row, .. } => (row, open(table, row)),
            RowKind::Delete(row) => (row, None),
        };
        let cluster_id = number(table, row, "cluster_id").unwrap_or_default();
        let key = (cluster_id, bytes(table, row, "link").unwrap_or_default().to_vec());
        match open {
            Some(open) => drop(self.0.insert(key, open)),
            None => drop(self.0.remove(&key)),
        }
    }

    /// What stood in front of a statement of this form.
    pub(super) fn of(&self, form: &Form) -> Option<String> {
        self.0.values().find(|open| same(form, &open.form)).map(|open| open.origin.to_string())
    }
}

fn open(table: &Arc<Table>, row: &Row) -> Option<Open> {
    let begun = Begun::read(std::str::from_utf8(bytes(table, row, "ddl_before")?).ok()?)?;
    let step = usize::try_from(number(table, row, "ddl_step")?).ok()?;
    let (origin, _) = Origin::split(begun.origin.as_deref()?)?;
    Some(Open { origin, form: begun.form(step) })
}

/// MariaDB may leave out names of a DROP that it did not find, and logs after a crash which of them were gone.
fn same(found: &Form, open: &Form) -> bool {
    match (found, open) {
        (Form::Drop { names, .. }, Form::Drop { names: all, .. }) => names.iter().all(|name| all.contains(name)),
        (found, open) => found == open,
    }
}

fn value<'a>(table: &Table, row: &'a Row, column: &str) -> Option<&'a Value> {
    row.get(table.columns.iter().position(|c| c.name == column)?)
}

fn number(table: &Table, row: &Row, column: &str) -> Option<u64> {
    match value(table, row, column)? {
        Value::UInt(n) => Some(*n),
        Value::Int(n) => u64::try_from(*n).ok(),
        _ => None,
    }
}

fn bytes<'a>(table: &Table, row: &'a Row, column: &str) -> Option<&'a [u8]> {
    match value(table, row, column)? {
        Value::Bytes(bytes) => Some(bytes),
        _ => None,
    }
}
