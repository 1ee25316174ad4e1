//! Values that Drainer formatted as text, read back (docs/protocol/tidb-binlog.md §9.6).

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::decode::datum::Cursor;
use crate::decode::datum::Datum;
use crate::decode::value::Civil;
use crate::model::{Decimal, Kind, Value};

/// Limit of the characters of a DECIMAL, with sign and point.
const DECIMAL_TEXT: usize = 67;
/// Hours of the largest TIME.
const MAX_HOURS: u32 = 838;

/// The value of `datum`, which is exactly one datum, in a column of `kind`. TIMESTAMPs are in
/// `zone`.
///
/// # Errors
/// If it is not a datum, or none that such a column can hold.
pub fn value(datum: &Bytes, kind: &Kind, zone: &TimeZone) -> Result<Value> {
    let mut from = Cursor::new(datum);
    let read = Datum::read(&mut from)?;
    ensure!(from.is_empty(), "{} bytes follow the value", from.rest().len());
    Ok(match (kind, read) {
        (_, Datum::Null) => Value::Null,
        (Kind::Int { .. } | Kind::Year, Datum::Int(n)) => Value::Int(n),
        (Kind::Year, Datum::UInt(n)) => Value::Int(i64::try_from(n)?),
        (Kind::Int { .. }, Datum::UInt(n)) => Value::UInt(n),
        (Kind::Float, Datum::Float(x)) => Value::Float(narrow(x)?),
        (Kind::Double, Datum::Float(x)) => Value::Double(x),
        // While DROP COLUMN runs, rows that lack the column get its default as the definition has
        // it: as text.
        (Kind::Int { .. } | Kind::Year, Datum::Bytes(text)) => whole(&text)?,
        (Kind::Float, Datum::Bytes(text)) => Value::Float(narrow(real(&text)?)?),
        (Kind::Double, Datum::Bytes(text)) => Value::Double(real(&text)?),
        (Kind::Decimal { .. }, Datum::Bytes(text)) => Value::Decimal(decimal(&text)?),
        (Kind::Date | Kind::Datetime { .. }, Datum::Bytes(text)) => Value::Time(time(&text)?.pack()),
        (Kind::Timestamp { .. }, Datum::Bytes(text)) => Value::Time(in_utc(time(&text)?, zone)?.pack()),
        (Kind::Duration { .. }, Datum::Bytes(text)) => Value::Duration(duration(&text)?),
        (Kind::Text { .. }, Datum::Bytes(bytes)) => Value::Bytes(shared(datum, &bytes)),
        (Kind::Binary { fixed }, Datum::Bytes(bytes)) => Value::Bytes(padded(datum, &bytes, *fixed)?),
        (Kind::Enum { .. }, Datum::UInt(n)) => Value::Enum(n),
        (Kind::Set { .. }, Datum::UInt(n)) => Value::Set(n),
        (Kind::Bit { .. }, Datum::UInt(n)) => Value::Bit(n),
        (Kind::Bit { .. }, Datum::Bytes(bytes)) => Value::Bit(number(&bytes)?),
        (Kind::Json, Datum::Bytes(text)) => Value::Json(shared(datum, &text)),
        (kind, datum) => bail!("{} does not belong in a column of type {kind:?}", datum.name()),
    })
}

/// `part` as a slice of `source`, without a copy: a datum's bytes are at its end.
fn shared(source: &Bytes, part: &[u8]) -> Bytes {
    match source.len().checked_sub(part.len()) {
        Some(begin) if source.get(begin..) == Some(part) => source.slice(begin..),
        _ => Bytes::copy_from_slice(part),
    }
}

/// BINARY(n) is padded with zeros where it is stored.
fn padded(source: &Bytes, bytes: &[u8], fixed: Option<u32>) -> Result<Bytes> {
    let width = usize::try_from(fixed.unwrap_or(0))?;
    if bytes.len() >= width {
        return Ok(shared(source, bytes));
    }
    let mut out = bytes.to_vec();
    out.resize(width, 0);
    Ok(out.into())
}

#[allow(clippy::cast_possible_truncation, reason = "the stored number is a widened f32; what does not fit is refused")]
fn narrow(x: f64) -> Result<f32> {
    let narrow = x as f32;
    ensure!(narrow.is_finite(), "{x} is not a FLOAT");
    Ok(narrow)
}

fn whole(text: &[u8]) -> Result<Value> {
    let digits = std::str::from_utf8(text).ok().filter(|t| !t.starts_with('+'));
    let signed = digits.and_then(|t| t.parse().map(Value::Int).ok());
    let whole = signed.or_else(|| digits.and_then(|t| t.parse().map(Value::UInt).ok()));
    whole.with_context(|| format!("`{}` is not an integer", shown(text)))
}

fn real(text: &[u8]) -> Result<f64> {
    let real = std::str::from_utf8(text).ok().and_then(|t| t.parse().ok()).filter(|x: &f64| x.is_finite());
    real.with_context(|| format!("`{}` is not a number", shown(text)))
}

fn number(bytes: &[u8]) -> Result<u64> {
    ensure!(bytes.len() <= 8, "a BIT has {} bytes", bytes.len());
    Ok(bytes.iter().fold(0, |n, b| n << 8 | u64::from(*b)))
}

fn decimal(text: &[u8]) -> Result<Decimal> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let points = digits.iter().filter(|b| **b == b'.').count();
    let fits = digits.iter().all(|b| b.is_ascii_digit() || *b == b'.')
        && points <= 1
        && digits.len() > points
        && text.len() <= DECIMAL_TEXT;
    ensure!(fits, "`{}` is not a decimal", shown(text));
    // No negative zero: it would differ from zero where bytes are compared.
    let zero = digits.iter().all(|b| matches!(b, b'0' | b'.'));
    Ok(Decimal { text: Bytes::copy_from_slice(if zero { digits } else { text }) })
}

/// `YYYY-MM-DD`, perhaps with ` hh:mm:ss` and up to six fraction digits. Zero dates and days that
/// do not exist are accepted.
fn time(text: &[u8]) -> Result<Civil> {
    let wrong = || format!("`{}` is not a date or time", shown(text));
    let text = std::str::from_utf8(text).with_context(wrong)?;
    let (date, clock) = text.split_once(' ').unwrap_or((text, ""));
    let [year, month, day] = parts(date, '-').with_context(wrong)?;
    let (clock, micros) = fraction(clock).with_context(wrong)?;
    let [hour, minute, second] = if clock.is_empty() { [0; 3] } else { parts(clock, ':').with_context(wrong)? };
    let civil = Civil { year, month, day, hour, minute, second, micros };
    let fits = year <= 9999 && month <= 12 && day <= 31 && hour <= 23 && minute <= 59 && second <= 59;
    ensure!(fits, wrong());
    Ok(civil)
}

/// `[-]hh:mm:ss` with up to six fraction digits, in nanoseconds.
fn duration(text: &[u8]) -> Result<i64> {
    let wrong = || format!("`{}` is not a TIME", shown(text));
    let all = std::str::from_utf8(text).with_context(wrong)?;
    let (sign, clock) = all.strip_prefix('-').map_or((1, all), |rest| (-1, rest));
    let (clock, micros) = fraction(clock).with_context(wrong)?;
    let [hours, minutes, seconds] = parts(clock, ':').with_context(wrong)?;
    ensure!(hours <= MAX_HOURS && minutes <= 59 && seconds <= 59, wrong());
    let whole = i64::from(hours) * 3600 + i64::from(minutes) * 60 + i64::from(seconds);
    Ok(sign * (whole * 1_000_000_000 + i64::from(micros) * 1000))
}

/// Three numbers of at most four digits with `mark` between them.
fn parts(text: &str, mark: char) -> Option<[u32; 3]> {
    let mut numbers = text.split(mark).map(|n| {
        let digits = (1..=4).contains(&n.len()) && n.bytes().all(|b| b.is_ascii_digit());
        n.parse::<u32>().ok().filter(|_| digits)
    });
    let three = [numbers.next()??, numbers.next()??, numbers.next()??];
    numbers.next().is_none().then_some(three)
}

/// The part before the point, and the microseconds after it.
fn fraction(text: &str) -> Option<(&str, u32)> {
    let Some((whole, fraction)) = text.split_once('.') else { return Some((text, 0)) };
    let digits = (1..=6).contains(&fraction.len()) && fraction.bytes().all(|b| b.is_ascii_digit());
    let n: u32 = fraction.parse().ok().filter(|_| digits && !whole.is_empty())?;
    let power = u32::try_from(6_usize.checked_sub(fraction.len())?).ok()?;
    Some((whole, n * 10_u32.pow(power)))
}

/// Converts a TIMESTAMP from `zone` to UTC. The zero timestamp is the same in every zone.
fn in_utc(civil: Civil, zone: &TimeZone) -> Result<Civil> {
    if *zone == TimeZone::UTC || civil == Civil::default() {
        return Ok(civil);
    }
    let narrow = |n: u32| i8::try_from(n);
    let local = DateTime::new(
        i16::try_from(civil.year)?,
        narrow(civil.month)?,
        narrow(civil.day)?,
        narrow(civil.hour)?,
        narrow(civil.minute)?,
        narrow(civil.second)?,
        i32::try_from(civil.micros)? * 1000,
    )?;
    let utc = TimeZone::UTC.to_datetime(crate::moment::in_zone(local, zone)?);
    Ok(Civil {
        year: u32::try_from(utc.year())?,
        month: u32::try_from(utc.month())?,
        day: u32::try_from(utc.day())?,
        hour: u32::try_from(utc.hour())?,
        minute: u32::try_from(utc.minute())?,
        second: u32::try_from(utc.second())?,
        micros: u32::try_from(utc.subsec_nanosecond() / 1000)?,
    })
}

/// The beginning of a value, for messages.
fn shown(text: &[u8]) -> String {
    String::from_utf8_lossy(text).chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decode::value::{write_datetime, write_duration};

    fn datum(text: &str) -> Bytes {
        assert!(text.len() < 64, "one byte of length");
        [&[2, u8::try_from(text.len() * 2).unwrap()], text.as_bytes()].concat().into()
    }

    fn of(text: &str, kind: &Kind, zone: &str) -> Result<Value> {
        value(&datum(text), kind, &crate::moment::zone(zone).unwrap())
    }

    fn utc(text: &str, zone: &str) -> String {
        let Value::Time(packed) = of(text, &Kind::Timestamp { fsp: 6 }, zone).unwrap() else { panic!("no time") };
        let mut out = Vec::new();
        write_datetime(&mut out, packed, 6);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn timestamps_come_from_their_zone() {
        assert_eq!(utc("2026-11-21 19:30:00.5", "+08:00"), "2026-11-21 11:30:00.500000");
        assert_eq!(utc("2026-07-21 13:30:00", "Europe/Berlin"), "2026-07-21 11:30:00.000000");
        assert_eq!(utc("2026-01-01 00:30:00", "Europe/Berlin"), "2025-12-31 23:30:00.000000");
        assert_eq!(utc("0000-00-00 00:00:00", "Asia/Tokyo"), "0000-00-00 00:00:00.000000");
        // An hour that occurs twice is ambiguous.
        let twice = of("2026-10-25 02:30:00", &Kind::Timestamp { fsp: 0 }, "Europe/Berlin").unwrap_err();
        assert!(crate::error::fault(&twice).unwrap().hint.contains("--time-zone +02:00"), "{twice:#}");
        // A DATETIME has no zone.
        let day = |zone| of("2026-10-25 02:30:00", &Kind::Datetime { fsp: 0 }, zone).unwrap();
        assert_eq!(day("Europe/Berlin"), day("UTC"));
    }

    #[test]
    fn decimals_keep_their_digits() {
        let of = |text: &str| of(text, &Kind::Decimal { precision: 65, scale: 30 }, "UTC");
        for (text, kept) in [("-12.340", "-12.340"), ("0", "0"), ("-0.00", "0.00"), ("007", "007")] {
            assert_eq!(of(text).unwrap(), Value::Decimal(Decimal { text: kept.as_bytes().to_vec().into() }));
        }
        for bad in ["", "-", ".", "1.2.3", "1e5", "--1", "NaN", "1; drop"] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for bad in ["", "2026-11", "2026-13-01", "2026-11-21 24:00:00", "2026-11-21 10:00", "2026-11-21 10:00:00.", "x"]
        {
            assert!(of(bad, &Kind::Datetime { fsp: 0 }, "UTC").is_err(), "{bad}");
        }
        for bad in ["", "-", "1:2", "839:00:00", "10:60:00", "10:00:00.1234567", "+1:00:00"] {
            assert!(of(bad, &Kind::Duration { fsp: 0 }, "UTC").is_err(), "{bad}");
        }
    }

    #[test]
    fn binaries_are_filled_up() {
        let of = |kind: Kind| of("ab", &kind, "UTC").unwrap();
        assert_eq!(of(Kind::Binary { fixed: Some(4) }), Value::Bytes(Bytes::from_static(b"ab\0\0")));
        assert_eq!(of(Kind::Binary { fixed: None }), Value::Bytes(Bytes::from_static(b"ab")));
    }

    proptest! {
        #[test]
        fn a_printed_time_comes_back(y in 0..9999_u32, mo in 0..=12_u32, d in 0..=31_u32, h in 0..24_u32, mi in 0..60_u32, s in 0..60_u32, us in 0..1_000_000_u32) {
            let packed = Civil { year: y, month: mo, day: d, hour: h, minute: mi, second: s, micros: us }.pack();
            let mut text = Vec::new();
            write_datetime(&mut text, packed, 6);
            let text = String::from_utf8(text).unwrap();
            prop_assert_eq!(of(&text, &Kind::Datetime { fsp: 6 }, "UTC").unwrap(), Value::Time(packed));
        }

        #[test]
        fn a_printed_duration_comes_back(micros in -3_020_399_999_999_i64..=3_020_399_999_999) {
            let nanos = micros * 1000;
            let mut text = Vec::new();
            write_duration(&mut text, nanos, 6);
            let text = String::from_utf8(text).unwrap();
            prop_assert_eq!(of(&text, &Kind::Duration { fsp: 6 }, "UTC").unwrap(), Value::Duration(nanos));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..30), zone in prop_oneof![Just("UTC"), Just("Europe/Berlin")]) {
            let zone = crate::moment::zone(zone).unwrap();
            for kind in [Kind::Date, Kind::Timestamp { fsp: 6 }, Kind::Duration { fsp: 0 }, Kind::Json, Kind::Bit { width: 3 }] {
                let _ = value(&Bytes::from(bytes.clone()), &kind, &zone);
            }
        }
    }
}
