//! Rows in TiDB's old format, the only one in a binlog: pairs of column id and value without length, count or order
//! (spec/tidb-formats.md §4.1, §4.6; spec/tidb-binlog.md §3.2).

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;

use super::cursor::Cursor;
use super::datum::{self, Datum};
use super::handle::Prefix;
use super::value;
use crate::model::{Column, Row, RowKind, Table, Value};

/// Most pairs in one item: both images of the widest table (4,096 columns), and as many that the table does not know.
/// Bounds the search for unknown column ids in damaged rows.
const MAX_PAIRS: usize = 16_384;

/// Reads an item of `inserted_rows`: the handle, then the row.
///
/// # Errors
/// If it is malformed or does not fit `table`.
pub fn insert(table: &Table, bytes: &Bytes) -> Result<Row> {
    let mut from = Cursor::new(bytes);
    let prefix = Prefix::read(table, &mut from)?;
    let mut row = image(table, from, bytes)?;
    prefix.fill(table, &mut row, bytes)?;
    finish(table, &mut row)?;
    Ok(row)
}

/// Reads an item of `deleted_rows`: the row.
///
/// # Errors
/// If it is malformed or does not fit `table`.
pub fn delete(table: &Table, bytes: &Bytes) -> Result<Row> {
    let mut row = image(table, Cursor::new(bytes), bytes)?;
    finish(table, &mut row)?;
    Ok(row)
}

/// Reads an item of `updated_rows`: the old row and the new one without anything between them. What comes first of a
/// column is its old value.
///
/// # Errors
/// If it is malformed, does not fit `table`, or the two rows differ in their columns.
pub fn update(table: &Table, bytes: &Bytes) -> Result<RowKind> {
    let (mut old, mut new) = (blank(table), blank(table));
    let mut pairs = Pairs::new(table, Cursor::new(bytes));
    while let Some((at, column)) = pairs.next()? {
        let slot = match (old.get_mut(at), new.get_mut(at)) {
            (Some(old), _) if *old == Value::Absent => old,
            (_, Some(new)) if *new == Value::Absent => new,
            _ => bail!("column `{}` is there more than twice", column.name),
        };
        *slot = pairs.value(column, bytes)?;
    }
    for (column, (old, new)) in table.columns.iter().zip(old.iter().zip(&new)) {
        let torn = *old != Value::Absent && *new == Value::Absent;
        ensure!(!torn, "column `{}` is in one of the two images only", column.name);
    }
    finish(table, &mut old).context("the image before the update")?;
    finish(table, &mut new).context("the image after the update")?;
    Ok(RowKind::Update { old, new })
}

/// One row, up to the end of the bytes.
fn image(table: &Table, from: Cursor<'_>, source: &Bytes) -> Result<Row> {
    let mut row = blank(table);
    if from.rest() == [datum::NIL] {
        return Ok(row);
    }
    let mut pairs = Pairs::new(table, from);
    while let Some((at, column)) = pairs.next()? {
        match row.get_mut(at) {
            Some(slot) if *slot == Value::Absent => *slot = pairs.value(column, source)?,
            _ => bail!("column `{}` is there twice", column.name),
        }
    }
    Ok(row)
}

fn blank(table: &Table) -> Row {
    std::iter::repeat_with(|| Value::Absent).take(table.columns.len()).collect()
}

/// Gives the columns that no pair and no handle filled their value, and takes away what the target computes itself.
fn finish(table: &Table, row: &mut [Value]) -> Result<()> {
    for (column, slot) in table.columns.iter().zip(row) {
        if !column.writable() {
            *slot = Value::Absent;
        } else if *slot == Value::Absent {
            *slot = column.missing.clone();
        }
        ensure!(column.nullable || *slot != Value::Null, "column `{}` is NULL, which it must not be", column.name);
    }
    Ok(())
}

/// The pairs of one or two rows whose column the table knows.
struct Pairs<'a> {
    table: &'a Table,
    from: Cursor<'a>,
    /// The column behind the last one found: nearly always the next to come.
    expected: usize,
    read: usize,
}

impl<'a> Pairs<'a> {
    fn new(table: &'a Table, from: Cursor<'a>) -> Self {
        Self { table, from, expected: 0, read: 0 }
    }

    /// The column of the next pair and its place; its value must be taken next. Other columns are passed over: they
    /// are the hidden row id (-1), or about to be added or dropped. `None` at the end.
    fn next(&mut self) -> Result<Option<(usize, &'a Column)>> {
        while self.read == 0 || !self.from.is_empty() {
            self.read += 1;
            ensure!(self.read <= MAX_PAIRS, "a row has more than {MAX_PAIRS} columns");
            let id = match Datum::read(&mut self.from).context("a column id")? {
                Datum::Int(id) => id,
                other => bail!("there is {} where a column id belongs", other.name()),
            };
            if let Some(found) = self.find(id) {
                return Ok(Some(found));
            }
            datum::skip(&mut self.from).with_context(|| format!("column id {id}, not in the definition"))?;
        }
        Ok(None)
    }

    fn find(&mut self, id: i64) -> Option<(usize, &'a Column)> {
        let columns = &self.table.columns;
        let (before, behind) = columns.split_at_checked(self.expected)?;
        let behind = behind.iter().zip(self.expected..);
        let (column, at) = behind.chain(before.iter().zip(0..)).find(|(column, _)| column.id == id)?;
        self.expected = at + 1;
        Some((at, column))
    }

    /// The value of the pair whose `column` was just read. That of a column which the target computes is only passed
    /// over and marked as seen; [`finish`] takes the mark away.
    fn value(&mut self, column: &Column, source: &Bytes) -> Result<Value> {
        if column.writable() {
            Datum::read(&mut self.from).and_then(|datum| value::value(datum, &column.kind, source))
        } else {
            datum::skip(&mut self.from).map(|()| Value::Null)
        }
        .with_context(|| format!("column `{}`", column.name))
    }
}
