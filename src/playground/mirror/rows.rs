//! MariaDB's row events as changes of a TiDB's rows.

use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use mysql::binlog::events::{Event, EventData, TableMapEvent};
use mysql::binlog::row::BinlogRow;
use mysql::binlog::value::BinlogValue;
use mysql::Value as Sql;

use super::charset;
use super::value;
use crate::model::{Generated, Handle, Kind, Row, RowChange, RowKind, Table, Value};

/// The changes in one row event of `table`.
///
/// # Errors
/// If the event was written with another definition, or holds less than whole rows.
pub(super) fn changes(event: &Event, map: &TableMapEvent<'static>, table: &Arc<Table>) -> Result<Vec<RowChange>> {
    let Some(EventData::RowsEvent(rows)) = event.read_data()? else { bail!("an event without rows") };
    let mut changes = Vec::new();
    let mut push = |kind| changes.push(RowChange { table: Arc::clone(table), kind });
    for images in rows.rows(map) {
        let (before, after) = images.context("reading a row event")?;
        let before = before.map(|row| image(row, table)).transpose()?;
        let after = after.map(|row| image(row, table)).transpose()?;
        match (before, after) {
            (None, Some(new)) => push(RowKind::Insert(new)),
            (Some(old), None) => push(RowKind::Delete(old)),
            // TiDB moves a row by removing it and writing another.
            (Some(old), Some(new)) if moved(table, &old, &new) => {
                push(RowKind::Delete(old));
                push(RowKind::Insert(new));
            }
            (Some(old), Some(new)) => push(RowKind::Update { old, new }),
            (None, None) => {}
        }
    }
    Ok(changes)
}

fn image(row: BinlogRow, table: &Table) -> Result<Row> {
    let names: Vec<String> = row.columns_ref().iter().map(|c| c.name_str().into_owned()).collect();
    let whole = names.iter().eq(table.columns.iter().map(|c| &c.name));
    ensure!(
        whole,
        "a row with the columns {names:?}, while the definition has {:?}: either the session wrote less than whole rows \
         (binlog_row_image, binlog_row_metadata), or the definitions went apart",
        table.columns.iter().map(|c| &c.name).collect::<Vec<_>>()
    );
    let mut values = Vec::with_capacity(names.len());
    for (column, value) in table.columns.iter().zip(row.unwrap()) {
        let value = if column.generated == Generated::Virtual {
            Value::Absent
        } else {
            one(value, &column.kind).with_context(|| format!("column `{}`", column.name))?
        };
        values.push(value);
    }
    Ok(values)
}

fn one(value: BinlogValue<'static>, kind: &Kind) -> Result<Value> {
    let value = match (value, kind) {
        (BinlogValue::Value(Sql::Bytes(bytes)), Kind::Text { charset, .. }) => {
            BinlogValue::Value(Sql::Bytes(charset::to_utf8(charset, bytes)?))
        }
        (value, _) => value,
    };
    value::value(value, kind)
}

/// Whether an update gives the row another handle.
fn moved(table: &Table, old: &Row, new: &Row) -> bool {
    let differs = |at: usize| old.get(at) != new.get(at);
    match &table.handle {
        Handle::RowId => false,
        Handle::Int(at) => differs(*at),
        Handle::Common(parts) => parts.iter().any(|part| differs(part.column)),
    }
}
