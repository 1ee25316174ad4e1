//! From a datum to the value of a column: what TiDB calls unflattening (spec/tidb-formats.md §1.6), with every check
//! that tells a wrong definition or damaged bytes from data.

use std::borrow::Cow;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;

use super::datum::Datum;
use super::json;
use super::time::Civil;
use crate::model::{Decimal, Kind, Value};

/// Largest TIME in nanoseconds: 838:59:59.999999.
const MAX_DURATION: u64 = (838 * 3600 + 59 * 60 + 59) * 1_000_000_000 + 999_999_000;

/// What `datum` is in a column of `kind`. Strings share the memory of `source`, from which the datum was read.
///
/// # Errors
/// If such a column cannot hold it.
pub fn value(datum: Datum<'_>, kind: &Kind, source: &Bytes) -> Result<Value> {
    Ok(match (kind, datum) {
        (_, Datum::Null) => Value::Null,
        (Kind::Int { bytes, unsigned: false }, Datum::Int(n)) => Value::Int(signed(n, *bytes)?),
        (Kind::Int { bytes, unsigned: true }, Datum::UInt(n)) => Value::UInt(unsigned(n, *bytes)?),
        // The datum has a sign of its own, which need not be the column's.
        (Kind::Int { bytes, unsigned: false }, Datum::UInt(n)) => Value::Int(signed(as_signed(n)?, *bytes)?),
        (Kind::Int { bytes, unsigned: true }, Datum::Int(n)) => {
            let n = u64::try_from(n).with_context(|| format!("{n} is negative, which the column cannot hold"))?;
            Value::UInt(unsigned(n, *bytes)?)
        }
        (Kind::Year, Datum::Int(n)) => Value::Int(year(n)?),
        (Kind::Year, Datum::UInt(n)) => Value::Int(year(as_signed(n)?)?),
        (Kind::Float, Datum::Float(x)) => Value::Float(float(x)?),
        (Kind::Double, Datum::Float(x)) => {
            ensure!(x.is_finite(), "SQL has no number {x}");
            Value::Double(x)
        }
        (Kind::Decimal { .. }, Datum::Decimal(binary)) => Value::Decimal(Decimal { text: exact(binary.text()?) }),
        (Kind::Date | Kind::Datetime { .. } | Kind::Timestamp { .. }, Datum::UInt(packed)) => {
            Value::Time(packed_time(packed)?)
        }
        (Kind::Duration { .. }, Datum::Int(nanos) | Datum::Duration(nanos)) => Value::Duration(duration(nanos)?),
        (Kind::Text { .. } | Kind::Binary { .. }, Datum::Bytes(bytes)) => Value::Bytes(match bytes {
            Cow::Borrowed(bytes) => share(source, bytes),
            Cow::Owned(bytes) => bytes.into(),
        }),
        // TiDB reads an index beyond the elements as the empty error value.
        (Kind::Enum { elements }, Datum::UInt(n)) => Value::Enum(if within(n, elements.len()) { n } else { 0 }),
        (Kind::Set { elements }, Datum::UInt(mask)) => {
            let bits = u64::BITS - mask.leading_zeros();
            ensure!(within(bits.into(), elements.len()), "{mask:#x} sets more than the {} elements", elements.len());
            Value::Set(mask)
        }
        (Kind::Bit { width }, Datum::UInt(n)) => {
            let bits = u64::BITS - n.leading_zeros();
            ensure!(bits <= u32::from(*width), "{n} takes {bits} bits where the column has {width}");
            Value::Bit(n)
        }
        (Kind::Json, Datum::Json(document)) => Value::Json(exact(json::text(document)?)),
        (kind, datum) => bail!("{} cannot hold {}", name(kind), datum.name()),
    })
}

/// What the integer handle `n` is in a column of `kind`. Handles are signed in the store, whatever the column is.
///
/// # Errors
/// If such a column cannot hold it.
pub fn from_handle(n: i64, kind: &Kind) -> Result<Value> {
    Ok(match kind {
        Kind::Int { bytes, unsigned: true } => Value::UInt(unsigned(n.cast_unsigned(), *bytes)?),
        Kind::Int { bytes, unsigned: false } => Value::Int(signed(n, *bytes)?),
        Kind::Year => Value::Int(year(n)?),
        kind => bail!("{} cannot be an integer handle", name(kind)),
    })
}

fn as_signed(n: u64) -> Result<i64> {
    i64::try_from(n).with_context(|| format!("{n} is beyond the signed numbers"))
}

fn signed(n: i64, bytes: u8) -> Result<i64> {
    let unused = 64_u32.saturating_sub(u32::from(bytes) * 8);
    ensure!(n.checked_shl(unused).is_some_and(|shifted| shifted >> unused == n), "{n} does not fit {bytes} bytes");
    Ok(n)
}

fn unsigned(n: u64, bytes: u8) -> Result<u64> {
    ensure!(n.checked_shr(u32::from(bytes) * 8).unwrap_or(0) == 0, "{n} does not fit {bytes} unsigned bytes");
    Ok(n)
}

fn year(n: i64) -> Result<i64> {
    ensure!(n == 0 || (1901..=2155).contains(&n), "{n} is no YEAR");
    Ok(n)
}

/// The column's own 32 bits of a number that is stored in 64.
#[allow(clippy::cast_possible_truncation, reason = "the stored number is a widened f32; what does not fit is refused")]
fn float(x: f64) -> Result<f32> {
    let narrow = x as f32;
    ensure!(narrow.is_finite(), "{x} is no FLOAT");
    Ok(narrow)
}

/// Months and days may be zero, and days need not exist in their month; anything else has no text.
fn packed_time(packed: u64) -> Result<u64> {
    let t = Civil::unpack(packed);
    let known =
        packed >> 63 == 0 && t.year <= 9999 && t.hour <= 23 && t.minute <= 59 && t.second <= 59 && t.micros <= 999_999;
    ensure!(known, "{packed:#x} is no date or time");
    Ok(packed)
}

fn duration(nanos: i64) -> Result<i64> {
    ensure!(nanos.unsigned_abs() <= MAX_DURATION, "{nanos} ns is beyond what TIME holds");
    Ok(nanos)
}

fn within(n: u64, count: usize) -> bool {
    usize::try_from(n).is_ok_and(|n| n <= count)
}

/// `part` of `source` without a copy.
fn share(source: &Bytes, part: &[u8]) -> Bytes {
    let from = part.as_ptr().addr().wrapping_sub(source.as_ptr().addr());
    match from.checked_add(part.len()) {
        Some(to) if to <= source.len() => source.slice(from..to),
        _ => Bytes::copy_from_slice(part),
    }
}

/// `text` without its spare room, which would be kept as long as the value, and noted in an allocation of its own.
fn exact(text: Vec<u8>) -> Bytes {
    text.into_boxed_slice().into()
}

/// The type, for messages.
fn name(kind: &Kind) -> &'static str {
    match kind {
        Kind::Int { .. } => "an integer column",
        Kind::Year => "a YEAR column",
        Kind::Float => "a FLOAT column",
        Kind::Double => "a DOUBLE column",
        Kind::Decimal { .. } => "a DECIMAL column",
        Kind::Date => "a DATE column",
        Kind::Datetime { .. } => "a DATETIME column",
        Kind::Timestamp { .. } => "a TIMESTAMP column",
        Kind::Duration { .. } => "a TIME column",
        Kind::Text { .. } => "a text column",
        Kind::Binary { .. } => "a binary column",
        Kind::Enum { .. } => "an ENUM column",
        Kind::Set { .. } => "a SET column",
        Kind::Bit { .. } => "a BIT column",
        Kind::Json => "a JSON column",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(datum: Datum<'_>, kind: &Kind) -> Result<Value> {
        value(datum, kind, &Bytes::new())
    }

    #[test]
    fn integers_keep_to_their_width_and_sign() {
        let int = |bytes, unsigned| Kind::Int { bytes, unsigned };
        assert_eq!(of(Datum::Int(-128), &int(1, false)).unwrap(), Value::Int(-128));
        assert!(of(Datum::Int(-129), &int(1, false)).is_err());
        assert!(of(Datum::Int(1 << 23), &int(3, false)).is_err());
        assert_eq!(of(Datum::Int(i64::MIN), &int(8, false)).unwrap(), Value::Int(i64::MIN));
        assert_eq!(of(Datum::UInt(7), &int(4, false)).unwrap(), Value::Int(7));
        assert!(of(Datum::UInt(u64::MAX), &int(8, false)).is_err());
        assert_eq!(of(Datum::UInt(u64::MAX), &int(8, true)).unwrap(), Value::UInt(u64::MAX));
        assert_eq!(of(Datum::Int(255), &int(1, true)).unwrap(), Value::UInt(255));
        assert!(of(Datum::Int(256), &int(1, true)).is_err());
        assert!(of(Datum::Int(-1), &int(8, true)).is_err());
        assert_eq!(from_handle(-1, &int(8, true)).unwrap(), Value::UInt(u64::MAX));
        assert!(from_handle(-1, &int(4, true)).is_err());
    }

    #[test]
    fn sets_enums_and_bits_keep_to_their_elements() {
        let two = || vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(of(Datum::UInt(2), &Kind::Enum { elements: two() }).unwrap(), Value::Enum(2));
        assert_eq!(of(Datum::UInt(3), &Kind::Enum { elements: two() }).unwrap(), Value::Enum(0));
        assert_eq!(of(Datum::UInt(3), &Kind::Set { elements: two() }).unwrap(), Value::Set(3));
        assert!(of(Datum::UInt(4), &Kind::Set { elements: two() }).is_err());
        assert_eq!(of(Datum::UInt(u64::MAX), &Kind::Bit { width: 64 }).unwrap(), Value::Bit(u64::MAX));
        assert!(of(Datum::UInt(8), &Kind::Bit { width: 3 }).is_err());
    }

    #[test]
    fn times_that_have_no_text_are_refused() {
        let datetime = Kind::Datetime { fsp: 6 };
        assert_eq!(of(Datum::UInt(0), &datetime).unwrap(), Value::Time(0));
        let latest = 9_147_936_188_962_652_735;
        assert_eq!(of(Datum::UInt(latest), &datetime).unwrap(), Value::Time(latest));
        for packed in [latest + 1, u64::MAX, 63 << 24, 1_000_000, 1 << 63] {
            assert!(of(Datum::UInt(packed), &datetime).is_err(), "{packed:#x}");
        }
        let time = Kind::Duration { fsp: 0 };
        assert_eq!(
            of(Datum::Duration(-3_020_399_999_999_000), &time).unwrap(),
            Value::Duration(-3_020_399_999_999_000)
        );
        assert!(of(Datum::Int(3_020_400_000_000_000), &time).is_err());
        assert!(of(Datum::Int(i64::MIN), &time).is_err());
    }

    #[test]
    fn a_flag_of_another_type_is_refused() {
        let error = of(Datum::Int(1), &Kind::Json).unwrap_err();
        assert_eq!(error.to_string(), "a JSON column cannot hold a signed number");
        assert!(of(Datum::Float(1.0), &Kind::Decimal { precision: 3, scale: 1 }).is_err());
        assert!(of(Datum::Float(1e300), &Kind::Float).is_err());
        assert!(of(Datum::Float(f64::NAN), &Kind::Double).is_err());
        assert!(of(Datum::Max, &Kind::Double).is_err());
        assert_eq!(of(Datum::Null, &Kind::Double).unwrap(), Value::Null);
    }

    #[test]
    fn strings_are_not_copied() {
        let source = Bytes::from_static(b"..abc");
        let part = source.get(2..).unwrap();
        let kind = Kind::Binary { fixed: None };
        let Value::Bytes(bytes) = value(Datum::Bytes(part.into()), &kind, &source).unwrap() else { panic!("bytes") };
        assert_eq!((bytes.as_ptr(), &bytes[..]), (part.as_ptr(), b"abc".as_slice()));
    }
}
