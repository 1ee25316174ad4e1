//! The value of a column that was added after the row was written.
//!
//! See docs/protocol/tidb-formats.md §4.4, §6.7. `default` is never used here: it is for statements
//! that omit a column, and the server has applied it already.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::info::{ColumnInfo, NOT_NULL};
use crate::decode::value::Civil;
use crate::model::{Decimal, Kind, Value};

/// The longest BINARY(n), in bytes.
const MAX_BINARY: u32 = 255;
/// What JSON leaves of bytes that are not UTF-8. TiDB reads its own definitions from JSON too, so
/// its rows have this character, and its users see it.
pub(super) const DAMAGED: char = '\u{fffd}';

/// The value of `column` in a row that does not hold it; `Absent` for a generated column and where
/// the definition does not say.
#[must_use]
pub fn missing(column: &ColumnInfo, kind: &Kind) -> Value {
    value(column, kind, column.origin_default.as_deref(), column.origin_default_bit.as_deref())
}

/// The plain value that new rows get if they do not name `column`; `Absent` if there is none.
#[must_use]
pub fn for_new_rows(column: &ColumnInfo, kind: &Kind) -> Value {
    let text = column.default.as_deref().filter(|text| !is_too_long(column, text));
    value(column, kind, text, column.default_bit.as_deref())
}

/// Whether a default became too long for its column when JSON replaced its bytes. TiDB then refuses
/// rows that would get it.
pub(super) fn is_too_long(column: &ColumnInfo, default: &str) -> bool {
    default.contains(DAMAGED) && room(column).is_some_and(|room| default.len() > room)
}

/// The length in bytes of a BINARY or VARBINARY.
fn room(column: &ColumnInfo) -> Option<usize> {
    let field = &column.field;
    let sized = matches!(field.tp, 15 | 0xfd | 0xfe) && field.charset.eq_ignore_ascii_case("binary");
    usize::try_from(field.flen).ok().filter(|_| sized)
}

/// The default of `column` as a value: from `text`, or for BIT from `bits`.
fn value(column: &ColumnInfo, kind: &Kind, text: Option<&str>, bits: Option<&str>) -> Value {
    if !column.generated_expr_string.is_empty() {
        return Value::Absent;
    }
    let bits = bits.filter(|b| !b.is_empty());
    if let (Kind::Bit { .. }, Some(bits)) = (kind, bits) {
        return STANDARD.decode(bits).ok().and_then(|b| bit(&b)).unwrap_or(Value::Absent);
    }
    match text {
        Some(text) => origin(column, kind, text).unwrap_or(Value::Absent),
        None if !column.has(NOT_NULL) => Value::Null,
        None => zero(kind),
    }
}

/// The zero value of a NOT NULL column without a default; of an ENUM the first element.
fn zero(kind: &Kind) -> Value {
    match kind {
        Kind::Int { unsigned: true, .. } => Value::UInt(0),
        Kind::Int { .. } | Kind::Year => Value::Int(0),
        Kind::Float => Value::Float(0.0),
        Kind::Double => Value::Double(0.0),
        Kind::Decimal { scale, .. } => decimal("0", *scale).unwrap_or(Value::Absent),
        Kind::Date | Kind::Datetime { .. } | Kind::Timestamp { .. } => Value::Time(0),
        Kind::Duration { .. } => Value::Duration(0),
        Kind::Text { .. } => Value::Bytes(Bytes::new()),
        Kind::Binary { fixed } => padded(b"", *fixed),
        Kind::Enum { .. } => Value::Enum(1),
        Kind::Set { .. } => Value::Set(0),
        Kind::Bit { .. } => Value::Bit(0),
        Kind::Json => Value::Json(Bytes::from_static(b"null")),
    }
}

/// `text` as a value of the column's type; `None` if it is not one, or is incomplete.
fn origin(column: &ColumnInfo, kind: &Kind, text: &str) -> Option<Value> {
    match kind {
        Kind::Int { unsigned: true, .. } => text.trim().parse().ok().map(Value::UInt),
        Kind::Int { .. } => text.trim().parse().ok().map(Value::Int),
        Kind::Year => year(text).map(Value::Int),
        // Adding zero turns -0.0 into 0.0, the only zero that TiDB stores.
        Kind::Float => text.trim().parse::<f32>().ok().filter(|f| f.is_finite()).map(|f| Value::Float(f + 0.0)),
        Kind::Double => text.trim().parse::<f64>().ok().filter(|f| f.is_finite()).map(|f| Value::Double(f + 0.0)),
        Kind::Decimal { scale, .. } => decimal(text.trim(), *scale),
        Kind::Date => time(text, 0).map(Value::Time),
        Kind::Datetime { fsp } => time(text, *fsp).map(Value::Time),
        // Before version 1 the text is in the zone of the server that ran the DDL.
        Kind::Timestamp { fsp } => time(text, *fsp).filter(|t| *t == 0 || column.version >= 1).map(Value::Time),
        Kind::Duration { fsp } => duration(text, *fsp).map(Value::Duration),
        // CHAR is stored without its trailing spaces.
        Kind::Text { .. } if column.field.tp == 0xfe => {
            Some(Value::Bytes(text.trim_end_matches(' ').to_owned().into()))
        }
        Kind::Text { .. } => Some(Value::Bytes(text.to_owned().into())),
        Kind::Binary { fixed } => {
            // TiDB cuts a default that is too long when it reads an old row.
            let cut = room(column).and_then(|room| text.as_bytes().get(..room));
            Some(padded(cut.unwrap_or(text.as_bytes()), *fixed))
        }
        Kind::Enum { elements } => element(elements, text).map(|i| Value::Enum(i + 1)),
        Kind::Set { elements } => set(elements, text).map(Value::Set),
        Kind::Bit { .. } if text.contains(DAMAGED) => None,
        Kind::Bit { .. } => bit(text.as_bytes()),
        Kind::Json if text.is_empty() => Some(zero(kind)),
        Kind::Json => Some(Value::Json(text.to_owned().into())),
    }
}

/// A YEAR. TiDB keeps the text as it was typed, and reads one or two digits as a year from 1970 to
/// 2069; of four digits, `0000` is the year zero.
fn year(text: &str) -> Option<i64> {
    let number: i64 = text.trim().parse().ok()?;
    Some(match number {
        0 if text.len() == 4 => 0,
        0..=69 => 2000 + number,
        70..=99 => 1900 + number,
        _ => number,
    })
}

/// Big-endian bytes, of which at most the last 8 are not zero.
fn bit(bytes: &[u8]) -> Option<Value> {
    let mut n = 0u64;
    for byte in bytes {
        n = n.checked_mul(256)? | u64::from(*byte);
    }
    Some(Value::Bit(n))
}

fn padded(bytes: &[u8], fixed: Option<u32>) -> Value {
    let mut bytes = bytes.to_vec();
    let width = usize::try_from(fixed.unwrap_or(0).min(MAX_BINARY)).unwrap_or(0);
    if bytes.len() < width {
        bytes.resize(width, 0);
    }
    Value::Bytes(bytes.into())
}

/// The 0-based index of `text` among the elements: an exact match if there is one, else ignoring
/// case.
fn element(elements: &[String], text: &str) -> Option<u64> {
    let exact = elements.iter().position(|e| e == text);
    let place = exact.or_else(|| elements.iter().position(|e| e.to_lowercase() == text.to_lowercase()))?;
    u64::try_from(place).ok()
}

fn set(elements: &[String], text: &str) -> Option<u64> {
    if text.is_empty() {
        return Some(0);
    }
    text.split(',').try_fold(0u64, |mask, name| {
        let place = u32::try_from(element(elements, name)?).ok()?;
        Some(mask | 1u64.checked_shl(place)?)
    })
}

/// Decimal text in `scale` fraction digits, rounded half away from zero, without a negative zero.
fn decimal(text: &str, scale: u8) -> Option<Value> {
    let (text, negative) = match text.strip_prefix('-') {
        Some(rest) => (rest, true),
        None => (text.strip_prefix('+').unwrap_or(text), false),
    };
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((m, e)) => (m, e.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
    // No DECIMAL has more digits; it also bounds the work below.
    if digits.is_empty()
        || digits.len() > 200
        || exponent.unsigned_abs() > 200
        || !digits.iter().all(u8::is_ascii_digit)
    {
        return None;
    }
    // Digits that stay: all before the point, and `scale` after it.
    let keep = i32::try_from(whole.len()).ok()? + exponent + i32::from(scale);
    let keep = if let Ok(keep) = usize::try_from(keep) {
        keep
    } else {
        digits.clear();
        0
    };
    let round_up = digits.get(keep).is_some_and(|d| *d >= b'5');
    digits.resize(keep, b'0');
    if round_up {
        increment(&mut digits);
    }
    let scale = usize::from(scale);
    while digits.len() <= scale {
        digits.insert(0, b'0');
    }
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let zeros = whole.iter().take_while(|d| **d == b'0').count().min(whole.len() - 1);
    let mut out = Vec::with_capacity(digits.len() + 2);
    if negative && digits.iter().any(|d| *d != b'0') {
        out.push(b'-');
    }
    out.extend(whole.iter().skip(zeros));
    if scale > 0 {
        out.push(b'.');
        out.extend(fraction);
    }
    Some(Value::Decimal(Decimal { text: out.into() }))
}

/// Adds one to a number of decimal digits.
fn increment(digits: &mut Vec<u8>) {
    for digit in digits.iter_mut().rev() {
        if *digit < b'9' {
            *digit += 1;
            return;
        }
        *digit = b'0';
    }
    digits.insert(0, b'1');
}

/// `YYYY-MM-DD[ hh:mm:ss[.f]]`, packed. TiDB wrote it with the column's own precision, so a text
/// with more digits is not a value of the column.
fn time(text: &str, fsp: u8) -> Option<u64> {
    let (date, clock) = text.trim().split_once([' ', 'T']).unwrap_or((text.trim(), "00:00:00"));
    let mut ymd = date.split('-').map(number);
    let (clock, micros) = seconds(clock, fsp)?;
    let civil = Civil {
        year: ymd.next()??,
        month: ymd.next()??,
        day: ymd.next()??,
        hour: clock.0,
        minute: clock.1,
        second: clock.2,
        micros,
    };
    let valid = civil.year <= 9999 && civil.month <= 12 && civil.day <= 31 && civil.hour <= 23;
    (valid && ymd.next().is_none()).then(|| civil.pack())
}

/// `[-]hh:mm:ss[.f]` in nanoseconds.
fn duration(text: &str, fsp: u8) -> Option<i64> {
    let text = text.trim();
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let ((hours, minutes, secs), micros) = seconds(text, fsp)?;
    let secs = i64::from(hours) * 3600 + i64::from(minutes) * 60 + i64::from(secs);
    let nanos = secs * 1_000_000_000 + i64::from(micros) * 1000;
    (nanos <= 3_020_399_999_999_000).then_some(sign * nanos)
}

/// `h:m:s[.f]`: the three numbers, and microseconds from at most `fsp` digits (zeros after them do
/// no harm).
fn seconds(text: &str, fsp: u8) -> Option<((u32, u32, u32), u32)> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = clock.split(':').map(number);
    let clock = (parts.next()??, parts.next()??, parts.next()??);
    let digits = fraction.trim_end_matches('0');
    if clock.1 > 59 || clock.2 > 59 || parts.next().is_some() || digits.len() > usize::from(fsp.min(6)) {
        return None;
    }
    let micros = if digits.is_empty() { 0 } else { number(&format!("{digits:0<6}"))? };
    Some((clock, micros))
}

/// One to six digits.
fn number(text: &str) -> Option<u32> {
    let digits = (1..=6).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_text_panics(text in r"[-+0-9.:eE T,a]{0,12}|e-2147483648|\PC*", scale in 0u8..=30, fsp in 0u8..=6) {
            let column = ColumnInfo { origin_default: Some(text), version: 2, ..ColumnInfo::default() };
            let list = vec!["a".to_owned(); 70];
            for kind in [
                Kind::Decimal { precision: 65, scale },
                Kind::Datetime { fsp },
                Kind::Duration { fsp },
                Kind::Set { elements: list.clone() },
                Kind::Enum { elements: list },
                Kind::Bit { width: 64 },
                Kind::Binary { fixed: Some(u32::MAX) },
                Kind::Double,
            ] {
                let _ = missing(&column, &kind);
            }
        }

        #[test]
        fn decimals_keep_their_value(n in any::<i64>(), scale in 0u8..=30) {
            let want = if scale == 0 { n.to_string() } else { format!("{n}.{:0width$}", 0, width = usize::from(scale)) };
            prop_assert_eq!(dec(&n.to_string(), scale), want);
            // Shifted to the right by `scale` digits: equal to the number with an exponent.
            let shifted = dec(&format!("{n}e-{scale}"), scale);
            prop_assert_eq!(shifted.replace('.', "").parse::<i64>().unwrap(), n);
        }
    }

    fn dec(text: &str, scale: u8) -> String {
        match decimal(text, scale) {
            Some(Value::Decimal(d)) => String::from_utf8(d.text.to_vec()).unwrap(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn decimals_get_the_columns_scale() {
        for (text, scale, want) in [
            ("1.5", 3, "1.500"),
            ("-0", 2, "0.00"),
            ("-0.004", 2, "0.00"),
            ("-0.005", 2, "-0.01"),
            ("9.995", 2, "10.00"),
            ("0.5", 0, "1"),
            ("0.04", 0, "0"),
            ("000123", 1, "123.0"),
            ("1.5e3", 1, "1500.0"),
            ("15e-4", 3, "0.002"),
            ("5e-9", 2, "0.00"),
            (".5", 1, "0.5"),
            ("99", 0, "99"),
            ("x", 0, "None"),
            ("", 0, "None"),
        ] {
            assert_eq!(dec(text, scale), want, "{text} in {scale}");
        }
    }

    #[test]
    fn times_and_durations() {
        assert_eq!(time("2023-03-03 06:01:10.123456", 6), Some(1_850_845_719_989_183_040));
        assert_eq!(time("2023-03-03", 0), Some(1_850_845_306_430_685_184));
        assert_eq!(time("0000-00-00 00:00:00", 0), Some(0));
        assert_eq!(time("2023-03-03 06:01:10.5", 0), None, "digits that the column does not have");
        assert_eq!(time("CURRENT_TIMESTAMP", 0), None);
        assert_eq!(time("2023-13-03", 0), None);
        assert_eq!(duration("-00:00:00.01", 2), Some(-10_000_000));
        assert_eq!(duration("838:59:59", 0), Some(3_020_399_000_000_000));
        assert_eq!(duration("839:00:00", 0), None);
    }

    #[test]
    fn what_nobody_can_tell_is_absent() {
        let mut column = ColumnInfo { origin_default: Some("2023-03-03 06:01:10".to_owned()), ..ColumnInfo::default() };
        let stamp = Kind::Timestamp { fsp: 0 };
        assert_eq!(missing(&column, &stamp), Value::Absent, "the zone of a version 0 default is unknown");
        column.version = 1;
        assert_eq!(missing(&column, &stamp), Value::Time(1_850_845_719_989_059_584));
        column.origin_default = Some("a\u{fffd}".to_owned());
        assert_eq!(missing(&column, &Kind::Bit { width: 16 }), Value::Absent, "bytes lost in JSON");
        column.origin_default = Some("a".to_owned());
        let padded = Value::Bytes(Bytes::from_static(b"a\0\0\0"));
        assert_eq!(missing(&column, &Kind::Binary { fixed: Some(4) }), padded);
    }

    #[test]
    fn bytes_are_what_json_made_of_them() {
        let mut column = ColumnInfo { origin_default: Some("\u{fffd}\u{1}".to_owned()), ..ColumnInfo::default() };
        column.default = column.origin_default.clone();
        column.field.tp = 15;
        column.field.charset = "binary".into();
        // What TiDB 6.6 shows of x'ff01' in old rows; a new row is refused where that is too long.
        let all: &[u8] = b"\xef\xbf\xbd\x01";
        let cases = [(9, all, Some(all)), (4, all, Some(all)), (2, &all[..2], None)];
        let kind = Kind::Binary { fixed: None };
        for (flen, old, new) in cases {
            column.field.flen = flen;
            assert_eq!(missing(&column, &kind), Value::Bytes(old.into()), "{flen}");
            let new = new.map_or(Value::Null, |bytes| Value::Bytes(bytes.into()));
            assert_eq!(for_new_rows(&column, &kind), new, "{flen}");
        }
    }

    #[test]
    fn years_of_one_or_two_digits() {
        for (text, want) in
            [("0", 2000), ("00", 2000), ("0000", 0), ("5", 2005), ("69", 2069), ("70", 1970), ("1901", 1901)]
        {
            assert_eq!(year(text), Some(want), "{text}");
        }
        assert_eq!(year("x"), None);
    }

    #[test]
    fn sets_and_bits() {
        let elements = ["a".to_owned(), "B".to_owned(), "c".to_owned()];
        assert_eq!(set(&elements, "a,c"), Some(5));
        assert_eq!(set(&elements, "b"), Some(2), "the collation may ignore case");
        assert_eq!(set(&elements, "a,x"), None);
        assert_eq!(bit(&[0x0a, 0xbc]), Some(Value::Bit(2748)));
        assert_eq!(bit(&[0xff; 8]), Some(Value::Bit(u64::MAX)));
        assert_eq!(bit(&[1; 9]), None);
    }
}
