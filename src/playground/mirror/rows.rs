//! Turns MariaDB's row events into row changes with values as TiDB stores them.
//!
//! The mysql crate reads the events, but not the cells: it reads negative TIMEs with a fraction
//! wrong.

use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use mysql::binlog::events::{Event, EventData, OptionalMetadataField, TableMapEvent};
use mysql::consts::ColumnType;

use super::definition;
use crate::decode::datum::Cursor;
use crate::decode::value::{self, Binary, Civil};
use crate::model::{Decimal, Generated, Handle, Kind, Row, RowChange, RowKind, Table, Value};

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

/// The format of each column; the names tell whether the event was written with this definition.
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
        "the event has the columns {names:?}, the definition {expected:?}: they have diverged, or binlog_row_metadata \
         is not FULL"
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
            read(from, cell, &column.kind).with_context(|| format!("column `{}`", column.name))?
        };
        row.push(if column.generated == Generated::Virtual { Value::Absent } else { value });
    }
    Ok(row)
}

/// Whether an update changes the handle of the row.
fn moved(table: &Table, old: &Row, new: &Row) -> bool {
    let differs = |at: usize| old.get(at) != new.get(at);
    match &table.handle {
        Handle::RowId => false,
        Handle::Int(at) => differs(*at),
        Handle::Common(parts) => parts.iter().any(|part| differs(part.column)),
    }
}

/// The format of a column's cells.
pub(super) struct Cell {
    /// The type, ENUM and SET told from CHAR.
    pub(super) kind: ColumnType,
    /// The metadata of the table map for it.
    pub(super) meta: [u8; 2],
}

/// Reads the cell of a column of `kind` that is not NULL.
///
/// # Errors
/// If the binlog does not hold a value of this kind.
pub(super) fn read(from: &mut Cursor<'_>, cell: &Cell, kind: &Kind) -> Result<Value> {
    use ColumnType as T;
    let [first, second] = cell.meta;
    Ok(match (kind, cell.kind) {
        (Kind::Int { bytes, unsigned }, T::MYSQL_TYPE_TINY) => int(from, 1, *bytes, *unsigned)?,
        (Kind::Int { bytes, unsigned }, T::MYSQL_TYPE_SHORT) => int(from, 2, *bytes, *unsigned)?,
        (Kind::Int { bytes, unsigned }, T::MYSQL_TYPE_INT24) => int(from, 3, *bytes, *unsigned)?,
        (Kind::Int { bytes, unsigned }, T::MYSQL_TYPE_LONG) => int(from, 4, *bytes, *unsigned)?,
        (Kind::Int { bytes, unsigned }, T::MYSQL_TYPE_LONGLONG) => int(from, 8, *bytes, *unsigned)?,
        (Kind::Year, T::MYSQL_TYPE_YEAR) => Value::Int(match from.byte()? {
            0 => 0,
            since => 1900 + i64::from(since),
        }),
        (Kind::Float, T::MYSQL_TYPE_FLOAT) => Value::Float(f32::from_le_bytes(from.array()?)),
        (Kind::Double, T::MYSQL_TYPE_DOUBLE) => Value::Double(f64::from_le_bytes(from.array()?)),
        (Kind::Decimal { .. }, T::MYSQL_TYPE_NEWDECIMAL) => Value::Decimal(digits(from, first, second)?),
        (Kind::Date, T::MYSQL_TYPE_NEWDATE | T::MYSQL_TYPE_DATE) => Value::Time(date(little(from, 3)?)),
        (Kind::Datetime { .. }, T::MYSQL_TYPE_DATETIME2) => {
            // The whole seconds are laid out as TiDB's packed time has them.
            let whole = big(from, 5)?.wrapping_sub(0x80_0000_0000);
            Value::Time(whole << 24 | fraction(from, first)?)
        }
        (Kind::Timestamp { .. }, T::MYSQL_TYPE_TIMESTAMP2) => {
            let seconds = big(from, 4)?;
            Value::Time(stamp(seconds, fraction(from, first)?)?)
        }
        (Kind::Duration { .. }, T::MYSQL_TYPE_TIME2) => Value::Duration(duration(from, first)?),
        (Kind::Enum { .. }, T::MYSQL_TYPE_ENUM) => Value::Enum(little(from, second)?),
        (Kind::Set { .. }, T::MYSQL_TYPE_SET) => Value::Set(little(from, second)?),
        (Kind::Bit { .. }, T::MYSQL_TYPE_BIT) => Value::Bit(big(from, second + u8::from(first > 0))?),
        (kind, of) => text(string(from, of, cell.meta)?, kind)?,
    })
}

fn text(bytes: &[u8], kind: &Kind) -> Result<Value> {
    Ok(match kind {
        Kind::Text { charset, .. } => Value::Bytes(definition::to_utf8(charset, bytes)?.into()),
        Kind::Binary { fixed } => {
            // The binlog leaves out the zero bytes at the end of a BINARY.
            let mut bytes = bytes.to_vec();
            let width = usize::try_from(fixed.unwrap_or(0))?;
            bytes.resize(bytes.len().max(width), 0);
            Value::Bytes(bytes.into())
        }
        Kind::Json => Value::Json(bytes.to_vec().into()),
        other => bail!("text in a column of type {other:?}"),
    })
}

/// The bytes of any type that has a length in front.
fn string<'a>(from: &mut Cursor<'a>, of: ColumnType, meta: [u8; 2]) -> Result<&'a [u8]> {
    use ColumnType as T;
    let [first, second] = meta;
    let width = match of {
        T::MYSQL_TYPE_TINY_BLOB | T::MYSQL_TYPE_BLOB | T::MYSQL_TYPE_MEDIUM_BLOB | T::MYSQL_TYPE_LONG_BLOB => first,
        T::MYSQL_TYPE_VARCHAR | T::MYSQL_TYPE_VAR_STRING => 1 + u8::from(second > 0),
        // Two bits of a long CHAR's length hide in its type.
        T::MYSQL_TYPE_STRING => 1 + u8::from(first & 0x30 != 0x30),
        other => bail!("a cell of type {other:?}"),
    };
    let length = usize::try_from(little(from, width)?)?;
    from.take(length)
}

fn int(from: &mut Cursor<'_>, width: u8, bytes: u8, unsigned: bool) -> Result<Value> {
    ensure!(width == bytes, "an integer of {width} bytes in a column of {bytes}");
    let n = little(from, width)?;
    let unused = 64_u32.saturating_sub(u32::from(width) * 8);
    Ok(if unsigned { Value::UInt(n) } else { Value::Int((n << unused).cast_signed() >> unused) })
}

fn digits(from: &mut Cursor<'_>, precision: u8, scale: u8) -> Result<Decimal> {
    let Some(size) = value::size(precision, scale) else { bail!("a DECIMAL({precision}, {scale})") };
    let mut bytes = vec![precision, scale];
    bytes.extend_from_slice(from.take(size)?);
    Ok(Decimal { text: Binary::read(&mut Cursor::new(&bytes))?.text()?.into() })
}

const fn date(n: u64) -> u64 {
    let (day, month, year) = (n & 31, n >> 5 & 15, n >> 9);
    ((year * 13 + month) << 5 | day) << 41
}

/// TIME: one signed number of two's complement over all bytes, in which the fraction stands last.
fn duration(from: &mut Cursor<'_>, fsp: u8) -> Result<i64> {
    let bytes = fsp.div_ceil(2);
    let bits = u32::from(bytes) * 8;
    let n = big(from, 3 + bytes)?.cast_signed() - (0x80_0000_i64 << bits);
    let size = n.unsigned_abs();
    let (hms, part) = (size >> bits, size & ((1 << bits) - 1));
    let seconds = ((hms >> 12 & 1023) * 60 + (hms >> 6 & 63)) * 60 + (hms & 63);
    let nanos = i64::try_from((seconds * 1_000_000 + micros(part, bytes)) * 1000)?;
    Ok(if n < 0 { -nanos } else { nanos })
}

/// The fraction behind a DATETIME or TIMESTAMP, in microseconds.
fn fraction(from: &mut Cursor<'_>, fsp: u8) -> Result<u64> {
    let bytes = fsp.div_ceil(2);
    Ok(micros(big(from, bytes)?, bytes))
}

/// A byte holds two digits.
const fn micros(n: u64, bytes: u8) -> u64 {
    match bytes {
        1 => n * 10_000,
        2 => n * 100,
        _ => n,
    }
}

/// Unix seconds as packed time in UTC; 0 is the zero date, as in MariaDB.
fn stamp(seconds: u64, micros: u64) -> Result<u64> {
    if seconds == 0 && micros == 0 {
        return Ok(0);
    }
    let at = Timestamp::from_second(i64::try_from(seconds)?)?.to_zoned(TimeZone::UTC).datetime();
    let part = |n: i8| u32::try_from(n).unwrap_or(0);
    let civil = Civil {
        year: u32::try_from(at.year())?,
        month: part(at.month()),
        day: part(at.day()),
        hour: part(at.hour()),
        minute: part(at.minute()),
        second: part(at.second()),
        micros: u32::try_from(micros)?,
    };
    Ok(civil.pack())
}

fn little(from: &mut Cursor<'_>, bytes: u8) -> Result<u64> {
    ensure!(bytes <= 8, "a number of {bytes} bytes");
    Ok(from.take(bytes.into())?.iter().rev().fold(0, |n, byte| n << 8 | u64::from(*byte)))
}

fn big(from: &mut Cursor<'_>, bytes: u8) -> Result<u64> {
    ensure!(bytes <= 8, "a number of {bytes} bytes");
    Ok(from.take(bytes.into())?.iter().fold(0, |n, byte| n << 8 | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: &Kind, cell: ColumnType, meta: [u8; 2], bytes: &[u8]) -> Result<Value> {
        let mut from = Cursor::new(bytes);
        let value = read(&mut from, &Cell { kind: cell, meta }, kind)?;
        assert!(from.is_empty(), "{:?} left", from.rest());
        Ok(value)
    }

    #[test]
    fn integers_have_the_sign_of_their_column() {
        let int = |bytes, unsigned| Kind::Int { bytes, unsigned };
        let tiny = ColumnType::MYSQL_TYPE_TINY;
        assert_eq!(of(&int(1, true), tiny, [0; 2], &[255]).unwrap(), Value::UInt(255));
        assert_eq!(of(&int(1, false), tiny, [0; 2], &[255]).unwrap(), Value::Int(-1));
        let medium = ColumnType::MYSQL_TYPE_INT24;
        assert_eq!(of(&int(3, false), medium, [0; 2], &[0, 0, 0x80]).unwrap(), Value::Int(-8_388_608));
        assert!(of(&int(4, false), tiny, [0; 2], &[255]).is_err());
    }

    #[test]
    fn negative_times_keep_their_fraction() {
        let time =
            |fsp: u8, bytes: &[u8]| of(&Kind::Duration { fsp }, ColumnType::MYSQL_TYPE_TIME2, [fsp, 0], bytes).unwrap();
        assert_eq!(time(0, &[0x80, 0, 1]), Value::Duration(1_000_000_000));
        assert_eq!(time(0, &[0x7f, 0xff, 0xff]), Value::Duration(-1_000_000_000));
        assert_eq!(time(2, &[0x7f, 0xff, 0xff, 0xff]), Value::Duration(-10_000_000));
        assert_eq!(time(6, &[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff]), Value::Duration(-1000));
    }

    #[test]
    fn stamps_are_utc() {
        assert_eq!(stamp(0, 0).unwrap(), 0);
        assert_eq!(stamp(1_677_823_270, 123_456).unwrap(), 1_850_845_719_989_183_040);
        assert_eq!(date(2023 << 9 | 3 << 5 | 3), 1_850_845_306_430_685_184);
    }

    #[test]
    fn what_ends_early_is_an_error() {
        assert!(of(&Kind::Double, ColumnType::MYSQL_TYPE_DOUBLE, [8, 0], &[0; 7]).is_err());
        let text = Kind::Text { charset: "utf8mb4".into(), collation: String::new() };
        assert!(of(&text, ColumnType::MYSQL_TYPE_VARCHAR, [10, 0], &[3, b'a']).is_err());
    }
}
