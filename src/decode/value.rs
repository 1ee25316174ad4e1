//! Converts a datum to the value of a column, with checks against damage and a wrong definition.
//!
//! TiDB calls this unflattening (docs/protocol/tidb-formats.md §1.6). Also here: MySQL's binary
//! decimal to text, exactly (docs/protocol/tidb-formats.md §2), and TiDB's packed time and
//! duration: unpacking, packing and printing them (docs/protocol/tidb-formats.md §3.1, §3.2).

use std::borrow::Cow;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;

use super::datum::{Cursor, Datum};
use super::json;
use crate::model::{Decimal, Kind, Value};

/// Largest TIME in nanoseconds: 838:59:59.999999.
const MAX_DURATION: u64 = (838 * 3600 + 59 * 60 + 59) * 1_000_000_000 + 999_999_000;

/// The value of `datum` in a column of `kind`. Strings share the memory of `source`, from which the
/// datum was read.
///
/// # Errors
/// If such a column cannot hold it.
pub fn value(datum: Datum<'_>, kind: &Kind, source: &Bytes) -> Result<Value> {
    Ok(match (kind, datum) {
        (_, Datum::Null) => Value::Null,
        (Kind::Int { bytes, unsigned: false }, Datum::Int(n)) => Value::Int(signed(n, *bytes)?),
        (Kind::Int { bytes, unsigned: true }, Datum::UInt(n)) => Value::UInt(unsigned(n, *bytes)?),
        // The datum's sign need not be that of the column.
        (Kind::Int { bytes, unsigned: false }, Datum::UInt(n)) => Value::Int(signed(as_signed(n)?, *bytes)?),
        (Kind::Int { bytes, unsigned: true }, Datum::Int(n)) => {
            let n = u64::try_from(n).with_context(|| format!("{n} is negative, which the column cannot hold"))?;
            Value::UInt(unsigned(n, *bytes)?)
        }
        (Kind::Year, Datum::Int(n)) => Value::Int(year(n)?),
        (Kind::Year, Datum::UInt(n)) => Value::Int(year(as_signed(n)?)?),
        (Kind::Float, Datum::Float(x)) => Value::Float(float(x)?),
        (Kind::Double, Datum::Float(x)) => {
            ensure!(x.is_finite(), "{x} is not a number in SQL");
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

/// The value of the integer handle `n` in a column of `kind`. Handles are signed in the store,
/// whatever the column is.
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
    i64::try_from(n).with_context(|| format!("{n} is beyond the signed range"))
}

fn signed(n: i64, bytes: u8) -> Result<i64> {
    let unused = 64_u32.saturating_sub(u32::from(bytes) * 8);
    ensure!(n.checked_shl(unused).is_some_and(|shifted| shifted >> unused == n), "{n} does not fit in {bytes} bytes");
    Ok(n)
}

fn unsigned(n: u64, bytes: u8) -> Result<u64> {
    ensure!(n.checked_shr(u32::from(bytes) * 8).unwrap_or(0) == 0, "{n} does not fit in {bytes} unsigned bytes");
    Ok(n)
}

fn year(n: i64) -> Result<i64> {
    ensure!(n == 0 || (1901..=2155).contains(&n), "{n} is not a YEAR");
    Ok(n)
}

/// A FLOAT that is stored as a double.
#[allow(clippy::cast_possible_truncation, reason = "the stored number is a widened f32; what does not fit is refused")]
fn float(x: f64) -> Result<f32> {
    let narrow = x as f32;
    ensure!(narrow.is_finite(), "{x} is not a FLOAT");
    Ok(narrow)
}

/// Accepts zero months and days, and days that their month does not have; anything else has no
/// text.
fn packed_time(packed: u64) -> Result<u64> {
    let t = Civil::unpack(packed);
    let known =
        packed >> 63 == 0 && t.year <= 9999 && t.hour <= 23 && t.minute <= 59 && t.second <= 59 && t.micros <= 999_999;
    ensure!(known, "{packed:#x} is not a date or time");
    Ok(packed)
}

fn duration(nanos: i64) -> Result<i64> {
    ensure!(nanos.unsigned_abs() <= MAX_DURATION, "{nanos} ns is beyond the range of TIME");
    Ok(nanos)
}

fn within(n: u64, count: usize) -> bool {
    usize::try_from(n).is_ok_and(|n| n <= count)
}

/// `part`, which lies in `source`, without a copy.
fn share(source: &Bytes, part: &[u8]) -> Bytes {
    let from = part.as_ptr().addr().wrapping_sub(source.as_ptr().addr());
    match from.checked_add(part.len()) {
        Some(to) if to <= source.len() => source.slice(from..to),
        _ => Bytes::copy_from_slice(part),
    }
}

/// `text` without its spare capacity, which would take memory as long as the value lives.
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

/// Digits in a full group of 4 bytes.
const GROUP_DIGITS: u8 = 9;
/// Bytes of a partial group by its number of digits.
const GROUP_BYTES: [usize; 10] = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4];
/// Limit of TiDB's writer; columns have at most 65 digits.
const MAX_PRECISION: u8 = 81;
/// Limit of digits after the point.
const MAX_SCALE: u8 = 30;

/// Bytes of a decimal of `precision` digits, `scale` of them after the point; `None` if there is no
/// such decimal.
#[must_use]
pub fn size(precision: u8, scale: u8) -> Option<usize> {
    let whole = precision.checked_sub(scale)?;
    if precision == 0 || precision > MAX_PRECISION || scale > MAX_SCALE {
        return None;
    }
    let part = |digits: u8| {
        let partial = GROUP_BYTES.get(usize::from(digits % GROUP_DIGITS)).copied()?;
        Some(usize::from(digits / GROUP_DIGITS) * 4 + partial)
    };
    Some(part(whole)? + part(scale)?).filter(|size| *size <= 40)
}

/// A binary decimal with the precision and scale of its own header, whatever the column's
/// definition says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binary<'a> {
    /// Digits in all.
    pub precision: u8,
    /// Digits after the point.
    pub scale: u8,
    /// The groups, as many as precision and scale require.
    bytes: &'a [u8],
}

impl<'a> Binary<'a> {
    /// Reads header and groups.
    ///
    /// # Errors
    /// If the header is impossible or the bytes end too early.
    pub fn read(from: &mut Cursor<'a>) -> Result<Self> {
        let [precision, scale] = from.array()?;
        let Some(size) = size(precision, scale) else {
            bail!("a decimal cannot have {precision} digits with {scale} after the point");
        };
        Ok(Self { precision, scale, bytes: from.take(size)? })
    }

    /// The digits, like `-12.340`: all digits of the scale, one zero before the point if there are
    /// no others, no negative zero.
    ///
    /// # Errors
    /// If a group holds more than its digits.
    pub fn text(&self) -> Result<Vec<u8>> {
        let mut groups = Groups {
            from: Cursor::new(self.bytes),
            negative: self.bytes.first().is_some_and(|b| b & 0x80 == 0),
            flip: 0x80,
        };
        let whole = self.precision - self.scale;
        // The sign is written first, and removed again if all digits are zero.
        let mut out = Vec::with_capacity(usize::from(self.precision) + 4);
        out.push(b'-');
        let leading = whole % GROUP_DIGITS;
        if leading > 0 {
            // As tolerant as TiDB, which lets the first group hold one digit more.
            push_digits(&mut out, groups.next(leading, 10u32.pow(u32::from(leading) + 1))?, 0);
        }
        for _ in 0..whole / GROUP_DIGITS {
            let width = if out.len() > 1 { GROUP_DIGITS } else { 0 };
            push_digits(&mut out, groups.next(GROUP_DIGITS, 1_000_000_000)?, width);
        }
        if out.len() == 1 {
            out.push(b'0');
        }
        if self.scale > 0 {
            out.push(b'.');
            for _ in 0..self.scale / GROUP_DIGITS {
                push_digits(&mut out, groups.next(GROUP_DIGITS, 1_000_000_000)?, GROUP_DIGITS);
            }
            let trailing = self.scale % GROUP_DIGITS;
            if trailing > 0 {
                push_digits(&mut out, groups.next(trailing, 10u32.pow(u32::from(trailing)))?, trailing);
            }
        }
        if !groups.negative || out.iter().all(|b| matches!(b, b'-' | b'0' | b'.')) {
            out.remove(0);
        }
        Ok(out)
    }
}

/// The groups of a decimal from left to right.
struct Groups<'a> {
    from: Cursor<'a>,
    /// Whether every byte is complemented.
    negative: bool,
    /// The inverted bits of the next byte: the top bit of the very first one.
    flip: u8,
}

impl Groups<'_> {
    /// The next group, of `digits` digits; it must be below `limit`.
    fn next(&mut self, digits: u8, limit: u32) -> Result<u32> {
        let bytes = self.from.take(GROUP_BYTES.get(usize::from(digits)).copied().unwrap_or(0))?;
        let mask = if self.negative { 0xff } else { 0 };
        let mut group = 0;
        for byte in bytes {
            group = group << 8 | u32::from(byte ^ mask ^ self.flip);
            self.flip = 0;
        }
        ensure!(group < limit, "a decimal has {group} where {digits} digits are expected");
        Ok(group)
    }
}

/// Appends `group` with at least `width` digits; nothing for zero without a width.
fn push_digits(out: &mut Vec<u8>, mut group: u32, width: u8) {
    let start = out.len();
    let mut left = width;
    while group > 0 || left > 0 {
        out.push(b"0123456789".get(usize::try_from(group % 10).unwrap_or(0)).copied().unwrap_or(b'0'));
        group /= 10;
        left = left.saturating_sub(1);
    }
    if let Some(digits) = out.get_mut(start..) {
        digits.reverse();
    }
}

/// The parts of a packed time. They are not checked: months and days may be 0, and 31 February can
/// be stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Civil {
    /// 0 to 9999.
    pub year: u32,
    /// 0 to 12.
    pub month: u32,
    /// 0 to 31.
    pub day: u32,
    /// 0 to 23.
    pub hour: u32,
    /// 0 to 59.
    pub minute: u32,
    /// 0 to 59.
    pub second: u32,
    /// 0 to 999,999.
    pub micros: u32,
}

impl Civil {
    /// The parts of `packed`; the zero date is all zero.
    #[must_use]
    pub const fn unpack(packed: u64) -> Self {
        let (hms, ymd) = (low(packed >> 24, 17), low(packed >> 41, 23));
        let months = ymd >> 5;
        Self {
            year: months / 13,
            month: months % 13,
            day: ymd & 31,
            hour: hms >> 12,
            minute: (hms >> 6) & 63,
            second: hms & 63,
            micros: low(packed, 24),
        }
    }

    /// The packed form.
    #[must_use]
    pub const fn pack(self) -> u64 {
        let ymd = ((self.year as u64 * 13 + self.month as u64) << 5) | self.day as u64;
        let hms = ((self.hour as u64) << 12) | ((self.minute as u64) << 6) | self.second as u64;
        (((ymd << 17) | hms) << 24) | self.micros as u64
    }
}

/// The lowest `bits` (at most 32) of `n`.
#[allow(clippy::cast_possible_truncation, reason = "masked to at most 32 bits just before")]
const fn low(n: u64, bits: u32) -> u32 {
    (n & ((1 << bits) - 1)) as u32
}

/// Appends `YYYY-MM-DD`.
pub fn write_date(out: &mut Vec<u8>, packed: u64) {
    let t = Civil::unpack(packed);
    digits(out, t.year, 4);
    out.push(b'-');
    digits(out, t.month, 2);
    out.push(b'-');
    digits(out, t.day, 2);
}

/// Appends `YYYY-MM-DD hh:mm:ss` and exactly `fsp` (0 to 6) fraction digits; the rest is cut off.
pub fn write_datetime(out: &mut Vec<u8>, packed: u64, fsp: u8) {
    let t = Civil::unpack(packed);
    write_date(out, packed);
    out.push(b' ');
    write_clock(out, t.hour, t.minute, t.second);
    write_fraction(out, t.micros, fsp);
}

/// Appends `[-]hh:mm:ss` (hours up to three digits) and exactly `fsp` fraction digits of `nanos`.
pub fn write_duration(out: &mut Vec<u8>, nanos: i64, fsp: u8) {
    if nanos < 0 {
        out.push(b'-');
    }
    let micros = nanos.unsigned_abs() / 1000;
    let seconds = micros / 1_000_000;
    let hours = u32::try_from(seconds / 3600).unwrap_or(u32::MAX);
    write_clock(out, hours, low(seconds / 60 % 60, 6), low(seconds % 60, 6));
    write_fraction(out, low(micros % 1_000_000, 20), fsp);
}

fn write_clock(out: &mut Vec<u8>, hour: u32, minute: u32, second: u32) {
    digits(out, hour, 2);
    out.push(b':');
    digits(out, minute, 2);
    out.push(b':');
    digits(out, second, 2);
}

fn write_fraction(out: &mut Vec<u8>, micros: u32, fsp: u8) {
    let fsp = fsp.min(6);
    if fsp > 0 {
        out.push(b'.');
        digits(out, micros / 10u32.pow(6 - u32::from(fsp)), usize::from(fsp));
    }
}

/// Appends `n` with at least `width` digits.
fn digits(out: &mut Vec<u8>, n: u32, width: usize) {
    let text = n.to_string();
    out.extend(std::iter::repeat_n(b'0', width.saturating_sub(text.len())));
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
#[path = "value_tests.rs"]
mod tests;
