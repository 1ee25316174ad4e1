//! Decodes rows in TiDB's old format, the only one in a binlog.
//!
//! A row is pairs of column id and value without length, count or order
//! (docs/protocol/tidb-formats.md §4.1, §4.6; docs/protocol/tidb-binlog.md §3.2). An inserted row
//! has its handle in front (docs/protocol/tidb-formats.md §4.6).

use anyhow::{Context, Error, Result, bail, ensure};
use bytes::Bytes;

use super::datum::{self, Cursor, Datum};
use super::value;
use crate::model::{Column, Handle, KeyPart, Row, RowKind, Table, Value};

/// Limit of pairs in one item: both images of the widest table (4,096 columns), and as many that
/// the table does not know. Bounds the search for unknown column ids in damaged rows.
const MAX_PAIRS: usize = 16_384;

/// Reads an item of `inserted_rows`: the handle, then the row.
///
/// # Errors
/// If it is malformed or does not fit `table`.
pub fn insert(table: &Table, bytes: &Bytes) -> Result<Row> {
    insert_from(table, bytes, bytes)
}

/// As [`insert`], for an item that lies within `source`.
pub(super) fn insert_from(table: &Table, bytes: &[u8], source: &Bytes) -> Result<Row> {
    let mut from = Cursor::new(bytes);
    let prefix = Prefix::read(table, &mut from)?;
    let mut row = image(table, from, source)?;
    prefix.fill(table, &mut row, source)?;
    finish(table, &mut row, |_| true)?;
    Ok(row)
}

/// Reads an item of `deleted_rows`: the row.
///
/// # Errors
/// If it is malformed or does not fit `table`.
pub fn delete(table: &Table, bytes: &Bytes) -> Result<Row> {
    delete_from(table, bytes, bytes)
}

/// As [`delete`], for an item that lies within `source`.
pub(super) fn delete_from(table: &Table, bytes: &[u8], source: &Bytes) -> Result<Row> {
    let mut row = image(table, Cursor::new(bytes), source)?;
    finish(table, &mut row, |_| false)?;
    Ok(row)
}

/// Reads an item of `updated_rows`: the old row and the new one without a separator. The first
/// value of a column is the old one.
///
/// # Errors
/// If it is malformed, does not fit `table`, or the two rows have different columns.
pub fn update(table: &Table, bytes: &Bytes) -> Result<RowKind> {
    update_from(table, bytes, bytes)
}

/// As [`update`], for an item that lies within `source`.
pub(super) fn update_from(table: &Table, bytes: &[u8], source: &Bytes) -> Result<RowKind> {
    let (mut old, mut new) = (blank(table), blank(table));
    let mut pairs = Pairs::new(table, Cursor::new(bytes));
    while let Some((at, column)) = pairs.next()? {
        let slot = match (old.get_mut(at), new.get_mut(at)) {
            (Some(old), _) if absent(old) => old,
            (_, Some(new)) if absent(new) => new,
            _ => bail!("column `{}` appears more than twice", column.name),
        };
        *slot = pairs.value(column, source)?;
    }
    for (column, (old, new)) in table.columns.iter().zip(old.iter().zip(&new)) {
        let torn = !absent(old) && absent(new);
        ensure!(!torn, "column `{}` is in only one of the two images", column.name);
    }
    finish(table, &mut old, |_| false).context("the image before the update")?;
    // Without a value, a row that has to be written anew would violate NOT NULL.
    finish(table, &mut new, |column| !column.nullable).context("the image after the update")?;
    Ok(RowKind::Update { old, new })
}

/// Column id of the hidden row id.
const ROW_ID: i64 = -1;

/// The row id of a change; `None` if the table's rows have none.
pub(super) fn row_id(table: &Table, kind: &RowKind, bytes: &[u8]) -> Result<Option<i64>> {
    let mut from = Cursor::new(bytes);
    if table.handle != Handle::RowId {
        return Ok(None);
    }
    let int = |from: &mut Cursor<'_>| match Datum::read(from)? {
        Datum::Int(id) => Ok(id),
        other => bail!("{} found where a row id is expected", other.name()),
    };
    if let RowKind::Insert(_) = kind {
        return int(&mut from).map(Some);
    }
    while !from.is_empty() {
        let Datum::Int(column) = Datum::read(&mut from)? else { return Ok(None) };
        if column == ROW_ID {
            return int(&mut from).map(Some);
        }
        datum::skip(&mut from)?;
    }
    Ok(None)
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
            Some(slot) if absent(slot) => *slot = pairs.value(column, source)?,
            _ => bail!("column `{}` appears twice", column.name),
        }
    }
    Ok(row)
}

fn blank(table: &Table) -> Row {
    std::iter::repeat_with(|| Value::Absent).take(table.columns.len()).collect()
}

/// Whether the column has not been filled yet.
pub(super) fn absent(value: &Value) -> bool {
    matches!(value, Value::Absent)
}

/// Removes the values of columns that the target computes, and fills columns that neither a pair
/// nor the handle filled with their default, for columns that `fills` accepts.
///
/// An insert leaves out columns that are NULL by default, and those that its writer did not know.
/// The images of updates and deletes have all columns except one that is being dropped
/// (docs/protocol/tidb-binlog.md §3.2): its value in the target's row is not known, and will soon
/// be gone.
fn finish(table: &Table, row: &mut [Value], fills: impl Fn(&Column) -> bool) -> Result<()> {
    for (column, slot) in table.columns.iter().zip(row) {
        if !column.writable() {
            *slot = Value::Absent;
        } else if absent(slot) && fills(column) {
            ensure!(
                !absent(&column.missing),
                "column `{}` is not in the row, and TiDB's schema does not say what value rows older than the column \
                 have",
                column.name
            );
            *slot = column.missing.clone();
        }
        ensure!(column.nullable || !matches!(slot, Value::Null), "column `{}` is NULL, but must not be", column.name);
    }
    Ok(())
}

/// The pairs of one or two rows whose column the table knows.
struct Pairs<'a> {
    table: &'a Table,
    from: Cursor<'a>,
    /// Index after the last column found: nearly always the next one.
    expected: usize,
    read: usize,
}

impl<'a> Pairs<'a> {
    fn new(table: &'a Table, from: Cursor<'a>) -> Self {
        Self { table, from, expected: 0, read: 0 }
    }

    /// The column of the next pair and its index; its value has to be read next. `None` at the end.
    /// Unknown columns are skipped: they are the hidden row id (-1), or about to be added or
    /// dropped.
    fn next(&mut self) -> Result<Option<(usize, &'a Column)>> {
        while self.read == 0 || !self.from.is_empty() {
            self.read += 1;
            ensure!(self.read <= MAX_PAIRS, "a row has more than {MAX_PAIRS} columns");
            let id = self.id()?;
            if let Some(found) = self.find(id) {
                return Ok(Some(found));
            }
            datum::skip(&mut self.from).with_context(|| format!("column id {id}, not in the definition"))?;
        }
        Ok(None)
    }

    #[inline]
    fn id(&mut self) -> Result<i64> {
        // Nearly always one byte after the flag.
        if let [datum::VARINT, byte @ ..0x80, ..] = self.from.rest() {
            let id = i64::from(byte >> 1) ^ -i64::from(byte & 1);
            self.from.take(2)?;
            return Ok(id);
        }
        match Datum::read(&mut self.from).context("a column id")? {
            Datum::Int(id) => Ok(id),
            other => bail!("{} found where a column id is expected", other.name()),
        }
    }

    #[inline]
    fn find(&mut self, id: i64) -> Option<(usize, &'a Column)> {
        let columns = &self.table.columns;
        if let Some(column) = columns.get(self.expected).filter(|column| column.id == id) {
            self.expected += 1;
            return Some((self.expected - 1, column));
        }
        let (before, behind) = columns.split_at_checked(self.expected)?;
        let behind = behind.iter().zip(self.expected..);
        let (column, at) = behind.chain(before.iter().zip(0..)).find(|(column, _)| column.id == id)?;
        self.expected = at + 1;
        Some((at, column))
    }

    /// The value of the pair whose `column` was just read. The value of a column that the target
    /// computes is skipped and marked as seen; [`finish`] removes the mark.
    #[inline]
    fn value(&mut self, column: &Column, source: &Bytes) -> Result<Value> {
        let value = if column.writable() {
            Datum::read(&mut self.from).and_then(|datum| value::value(datum, &column.kind, source))
        } else {
            datum::skip(&mut self.from).map(|()| Value::Null)
        };
        match value {
            Ok(value) => Ok(value),
            Err(error) => Err(in_column(error, column)),
        }
    }
}

#[cold]
fn in_column(error: Error, column: &Column) -> Error {
    error.context(format!("column `{}`", column.name))
}

/// The handle of a row, kept for columns that the row itself lacks.
pub(super) enum Prefix<'a> {
    /// The hidden row id, which is not a column.
    RowId,
    /// The value of one integer column.
    Int(usize, i64),
    /// A datum for each part of the clustered primary key.
    Common(&'a [KeyPart], Cursor<'a>),
}

impl<'a> Prefix<'a> {
    /// Skips the handle of a row of `table`.
    pub(super) fn read(table: &'a Table, from: &mut Cursor<'a>) -> Result<Self> {
        Ok(match &table.handle {
            Handle::RowId => {
                integer(from)?;
                Self::RowId
            }
            Handle::Int(column) => Self::Int(*column, integer(from)?),
            Handle::Common(parts) => {
                let start = *from;
                for _ in parts {
                    datum::skip(from).context("the primary key before the row")?;
                }
                Self::Common(parts, start)
            }
        })
    }

    /// Fills the columns of `row` that are in the handle and not in the row. The row takes
    /// precedence: with new collations, a string in the handle is only the sort key. A prefix of a
    /// column is not its value.
    pub(super) fn fill(self, table: &Table, row: &mut [Value], source: &Bytes) -> Result<()> {
        match self {
            Self::RowId => {}
            Self::Int(at, n) => {
                let (column, slot) = place(table, row, at)?;
                if absent(slot) {
                    *slot = value::from_handle(n, &column.kind).with_context(|| in_handle(column))?;
                }
            }
            Self::Common(parts, mut from) => {
                for part in parts {
                    let (column, slot) = place(table, row, part.column)?;
                    if part.prefix.is_some() || !absent(slot) {
                        datum::skip(&mut from)?;
                        continue;
                    }
                    let datum = Datum::read(&mut from)?;
                    *slot = value::value(datum, &column.kind, source).with_context(|| in_handle(column))?;
                }
            }
        }
        Ok(())
    }
}

fn integer(from: &mut Cursor<'_>) -> Result<i64> {
    match Datum::read(from).context("the handle before the row")? {
        Datum::Int(n) => Ok(n),
        other => bail!("the handle before the row is {} instead of an integer", other.name()),
    }
}

fn place<'t, 'r>(table: &'t Table, row: &'r mut [Value], at: usize) -> Result<(&'t Column, &'r mut Value)> {
    table.columns.get(at).zip(row.get_mut(at)).context("the handle names a column that the table does not have")
}

fn in_handle(column: &Column) -> String {
    format!("column `{}`, in the handle", column.name)
}

#[cfg(test)]
#[path = "row_tests.rs"]
mod tests;
