//! MariaDB's row events as changes of a TiDB's rows.

use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use mysql::binlog::events::{Event, EventData, OptionalMetadataField, TableMapEvent};

use super::value::{self, Cell};
use crate::decode::cursor::Cursor;
use crate::model::{Generated, Handle, Row, RowChange, RowKind, Table, Value};

/// The changes in one row event of `table`.
///
/// # Errors
/// If the event was written with another definition, or holds less than whole rows.
pub(super) fn changes(event: &Event, map: &TableMapEvent<'static>, table: &Arc<Table>) -> Result<Vec<RowChange>> {
    let Some(EventData::RowsEvent(rows)) = event.read_data()? else { bail!("an event without rows") };
    let cells = cells(map, table)?;
    let (before, after) = (rows.columns_before_image(), rows.columns_after_image());
    ensure!(
        before.into_iter().chain(after).all(|image| image.len() == cells.len() && image.all()),
        "the session wrote less than whole rows (binlog_row_image is not FULL)"
    );
    let mut from = Cursor::new(rows.rows_data());
    let mut changes = Vec::new();
    let mut push = |kind| changes.push(RowChange { table: Arc::clone(table), kind });
    while !from.is_empty() {
        let old = before.map(|_| image(&mut from, &cells, table)).transpose()?;
        let new = after.map(|_| image(&mut from, &cells, table)).transpose()?;
        match (old, new) {
            (None, Some(new)) => push(RowKind::Insert(new)),
            (Some(old), None) => push(RowKind::Delete(old)),
            // TiDB moves a row by removing it and writing another.
            (Some(old), Some(new)) if moved(table, &old, &new) => {
                push(RowKind::Delete(old));
                push(RowKind::Insert(new));
            }
            (Some(old), Some(new)) => push(RowKind::Update { old, new }),
            (None, None) => bail!("an event without an image"),
        }
    }
    Ok(changes)
}

/// How each column is written; the names tell whether the event was written with this definition.
fn cells(map: &TableMapEvent<'static>, table: &Table) -> Result<Vec<Cell>> {
    let mut names = Vec::new();
    for field in map.iter_optional_meta() {
        if let OptionalMetadataField::ColumnName(all) = field? {
            for name in all.iter_names() {
                names.push(name?.name().into_owned());
            }
        }
    }
    let expected: Vec<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
    ensure!(
        names == expected,
        "the event has the columns {names:?}, the definition {expected:?}: they went apart, or binlog_row_metadata is not FULL"
    );
    let cell = |at| {
        let kind = map.get_column_type(at)?.context("a column without a type")?;
        let mut meta = [0; 2];
        let told = map.get_column_metadata(at).unwrap_or_default();
        meta.iter_mut().zip(told).for_each(|(to, from)| *to = *from);
        Ok(Cell { kind, meta })
    };
    (0..names.len()).map(cell).collect()
}

/// One row: a bit for each NULL, then the cells that are not.
fn image(from: &mut Cursor<'_>, cells: &[Cell], table: &Table) -> Result<Row> {
    let nulls = from.take(cells.len().div_ceil(8))?;
    let mut row = Vec::with_capacity(cells.len());
    for (at, (column, cell)) in table.columns.iter().zip(cells).enumerate() {
        let null = nulls.get(at / 8).is_some_and(|byte| byte >> (at % 8) & 1 == 1);
        let value = if null {
            Value::Null
        } else {
            value::read(from, cell, &column.kind).with_context(|| format!("column `{}`", column.name))?
        };
        row.push(if column.generated == Generated::Virtual { Value::Absent } else { value });
    }
    Ok(row)
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
