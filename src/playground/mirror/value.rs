//! From a value of MariaDB's row binlog to the one that TiDB would store.

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use mysql::Value as Sql;
use mysql::binlog::value::BinlogValue;

use crate::decode::time::Civil;
use crate::model::{Decimal, Kind, Value};

/// The value of a column of `kind`. Text must be in UTF-8 already; see [`charset`](super::charset).
///
/// # Errors
/// If the binlog holds something else for such a column.
pub(super) fn value(value: BinlogValue<'_>, kind: &Kind) -> Result<Value> {
    let BinlogValue::Value(value) = value else { bail!("a binary JSON, which MariaDB does not write") };
    Ok(match (kind, value) {
        (_, Sql::NULL) => Value::Null,
        (Kind::Int { bytes, unsigned: true }, n) => Value::UInt(whole(&n)? & mask(*bytes)),
        (Kind::Int { bytes, unsigned: false }, n) => Value::Int(signed(whole(&n)?, *bytes)),
        // The crate gives the byte of the year 0 as 1900, which no YEAR can be.
        (Kind::Year, Sql::Bytes(text)) => Value::Int(match ascii(&text)?.parse()? {
            1900 => 0,
            year => year,
        }),
        (Kind::Float, Sql::Float(x)) => Value::Float(x),
        (Kind::Double, Sql::Double(x)) => Value::Double(x),
        (Kind::Decimal { .. }, Sql::Bytes(text)) => Value::Decimal(Decimal { text: text.into() }),
        (Kind::Date | Kind::Datetime { .. }, Sql::Date(year, month, day, hour, minute, second, micros)) => {
            let civil = Civil {
                year: year.into(),
                month: month.into(),
                day: day.into(),
                hour: hour.into(),
                minute: minute.into(),
                second: second.into(),
                micros,
            };
            Value::Time(civil.pack())
        }
        (Kind::Timestamp { .. }, Sql::Bytes(text)) => Value::Time(stamp(ascii(&text)?)?),
        (Kind::Timestamp { .. }, Sql::Int(seconds)) => Value::Time(stamp(&seconds.to_string())?),
        (Kind::Duration { .. }, Sql::Time(negative, days, hours, minutes, seconds, micros)) => {
            let whole = ((i64::from(days) * 24 + i64::from(hours)) * 60 + i64::from(minutes)) * 60 + i64::from(seconds);
            let nanos = (whole * 1_000_000 + i64::from(micros)) * 1000;
            Value::Duration(if negative { -nanos } else { nanos })
        }
        (Kind::Text { .. } | Kind::Binary { fixed: None }, Sql::Bytes(bytes)) => Value::Bytes(bytes.into()),
        (Kind::Binary { fixed: Some(width) }, Sql::Bytes(mut bytes)) => {
            // The binlog leaves out the zero bytes at its end.
            let width = usize::try_from(*width)?;
            bytes.resize(bytes.len().max(width), 0);
            Value::Bytes(bytes.into())
        }
        (Kind::Enum { .. }, Sql::Int(index)) => Value::Enum(u64::try_from(index)?),
        (Kind::Set { .. }, Sql::Bytes(bytes)) => Value::Set(number(bytes.iter().rev())?),
        (Kind::Bit { .. }, Sql::Bytes(bytes)) => Value::Bit(number(bytes.iter())?),
        (Kind::Json, Sql::Bytes(text)) => Value::Json(Bytes::from(text)),
        (kind, value) => bail!("{value:?} in a column of type {kind:?}"),
    })
}

/// The 64 bits of an integer, sign-extended where it was read as signed.
fn whole(value: &Sql) -> Result<u64> {
    Ok(match value {
        Sql::Int(n) => n.cast_unsigned(),
        Sql::UInt(n) => *n,
        other => bail!("{other:?} in an integer column"),
    })
}

const fn mask(bytes: u8) -> u64 {
    if bytes >= 8 { u64::MAX } else { (1 << (bytes as u32 * 8)) - 1 }
}

const fn signed(n: u64, bytes: u8) -> i64 {
    let unused = 64_u32.saturating_sub(bytes as u32 * 8);
    (n << unused).cast_signed() >> unused
}

/// Big-endian digits of a number.
fn number<'a>(bytes: impl Iterator<Item = &'a u8>) -> Result<u64> {
    let mut n = 0_u64;
    for byte in bytes {
        ensure!(n >> 56 == 0, "a bit field of more than 64 bits");
        n = n << 8 | u64::from(*byte);
    }
    Ok(n)
}

/// Unix seconds with up to six fraction digits, as packed time in UTC; 0 is the zero date, as in MariaDB.
fn stamp(text: &str) -> Result<u64> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i64 = seconds.parse().context("a TIMESTAMP")?;
    let micros: u32 = if fraction.is_empty() { 0 } else { format!("{fraction:0<6}").parse().context("a TIMESTAMP")? };
    if seconds == 0 && micros == 0 {
        return Ok(0);
    }
    let at = Timestamp::from_second(seconds)?.to_zoned(TimeZone::UTC).datetime();
    let part = |n: i8| u32::try_from(n).unwrap_or(0);
    let civil = Civil {
        year: u32::try_from(at.year())?,
        month: part(at.month()),
        day: part(at.day()),
        hour: part(at.hour()),
        minute: part(at.minute()),
        second: part(at.second()),
        micros,
    };
    Ok(civil.pack())
}

fn ascii(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).context("a number that is no text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_keep_their_bits_whatever_sign_they_were_read_with() {
        let of = |n: Sql, bytes, unsigned| value(BinlogValue::Value(n), &Kind::Int { bytes, unsigned }).unwrap();
        assert_eq!(of(Sql::Int(-1), 1, true), Value::UInt(255));
        assert_eq!(of(Sql::Int(-1), 8, true), Value::UInt(u64::MAX));
        assert_eq!(of(Sql::UInt(255), 1, false), Value::Int(-1));
        assert_eq!(of(Sql::Int(0x00ff_ffff), 3, false), Value::Int(-1));
        assert_eq!(of(Sql::Int(i64::MIN), 8, false), Value::Int(i64::MIN));
    }

    #[test]
    fn stamps_are_utc() {
        assert_eq!(stamp("0").unwrap(), 0);
        assert_eq!(stamp("1677823270").unwrap(), 1_850_845_719_989_059_584);
        assert_eq!(stamp("1677823270.123456").unwrap(), 1_850_845_719_989_183_040);
    }

    #[test]
    fn sets_and_bits_are_numbers() {
        assert_eq!(number([1_u8, 2].iter()).unwrap(), 258);
        assert_eq!(number([255_u8; 8].iter()).unwrap(), u64::MAX);
        assert!(number([1_u8; 9].iter()).is_err());
    }
}
