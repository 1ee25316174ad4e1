//! The handle in front of an inserted row (spec/tidb-formats.md §4.6).

use anyhow::{Context, Result, bail};
use bytes::Bytes;

use super::cursor::Cursor;
use super::datum::{self, Datum};
use super::row::absent;
use super::value;
use crate::model::{Column, Handle, KeyPart, Table, Value};

/// A handle that was passed over, to be asked for what the row itself lacks.
pub(super) enum Prefix<'a> {
    /// The hidden row id: no column.
    RowId,
    /// The value of one integer column.
    Int(usize, i64),
    /// A datum for each part of the clustered primary key.
    Common(&'a [KeyPart], Cursor<'a>),
}

impl<'a> Prefix<'a> {
    /// Passes over the handle of a row of `table`.
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
                    datum::skip(from).context("the primary key in front of the row")?;
                }
                Self::Common(parts, start)
            }
        })
    }

    /// Fills the columns of `row` that the handle knows and the row does not hold itself. The row goes first: with
    /// new collations a string in the handle is only the key to sort it by. A prefix of a column is not its value.
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
    match Datum::read(from).context("the handle in front of the row")? {
        Datum::Int(n) => Ok(n),
        other => bail!("the handle in front of the row is {} instead of an integer", other.name()),
    }
}

fn place<'t, 'r>(table: &'t Table, row: &'r mut [Value], at: usize) -> Result<(&'t Column, &'r mut Value)> {
    table.columns.get(at).zip(row.get_mut(at)).context("the handle names a column that the table does not have")
}

fn in_handle(column: &Column) -> String {
    format!("column `{}`, in the handle", column.name)
}
