//! Hashes of the values of some columns of a row: equal where any target may hold the values for equal.

use std::hash::{BuildHasher, Hasher};

use foldhash::quality::{FixedState, FoldHasher};

use super::fold::{Extent, fold};
use crate::model::{Kind, Row, Table, Value};

/// One column of a key, and how its values are read.
#[derive(Clone, Debug)]
pub(super) struct Part {
    column: usize,
    read: Read,
}

#[derive(Clone, Copy, Debug)]
enum Read {
    /// Numbers and times: equal or not, whatever the target.
    Exact,
    /// Folded.
    Text(Extent),
    /// So many bytes at most, without the padding.
    Binary(usize),
}

impl Part {
    /// `prefix`: characters or bytes that the key holds. `None` if the target computes the column: no row has a value.
    pub(super) fn new(table: &Table, column: usize, prefix: Option<u32>) -> Option<Self> {
        let definition = table.columns.get(column).filter(|c| c.writable())?;
        let prefix = prefix.and_then(|n| usize::try_from(n).ok());
        let read = match (&definition.kind, prefix) {
            (Kind::Text { .. }, None) => Read::Text(Extent::Whole),
            (Kind::Text { charset, .. }, Some(n)) if charset.starts_with("utf8") => Read::Text(Extent::Characters(n)),
            (Kind::Text { .. }, Some(n)) => Read::Text(Extent::Either(n)),
            (Kind::Binary { .. }, n) => Read::Binary(n.unwrap_or(usize::MAX)),
            _ => Read::Exact,
        };
        Some(Self { column, read })
    }

    pub(super) fn text(&self) -> bool {
        matches!(self.read, Read::Text(_))
    }

    /// Whether the column holds the very same value in both rows.
    pub(super) fn same(&self, a: &Row, b: &Row) -> bool {
        a.get(self.column) == b.get(self.column)
    }
}

/// What some columns of one row hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Digest {
    /// The same for the same values; unless exotic, the same for all that a target may hold for equal.
    pub(super) own: u64,
    /// The same for all rows that agree in what is no text; 0 unless asked for.
    pub(super) wide: u64,
    /// A text among the values may be equal to texts with another `own`.
    pub(super) exotic: bool,
    /// One of the values is NULL.
    pub(super) null: bool,
}

/// Hashes the values of `parts`. Different seeds keep keys apart. `wide` asks for [`Digest::wide`].
#[inline]
pub(super) fn digest(seed: u64, parts: &[Part], row: &Row, wide: bool, scratch: &mut Vec<u8>) -> Digest {
    let digest = hash::<false>(seed, parts, row, scratch);
    Digest { wide: if wide { hash::<true>(!seed, parts, row, scratch).own } else { 0 }, ..digest }
}

/// `WIDE` passes over texts.
fn hash<const WIDE: bool>(seed: u64, parts: &[Part], row: &Row, scratch: &mut Vec<u8>) -> Digest {
    let mut own = FixedState::with_seed(0).build_hasher();
    own.write_u64(seed);
    let (mut exotic, mut null) = (false, false);
    for part in parts {
        match (row.get(part.column).unwrap_or(&Value::Absent), part.read) {
            (Value::Null, _) => {
                null = true;
                own.write_u8(1);
            }
            (Value::Bytes(_), Read::Text(_)) if WIDE => {}
            (Value::Bytes(text), Read::Text(extent)) => {
                let plain = fold(text, extent, scratch);
                exotic |= !plain;
                bytes(&mut own, if plain { scratch } else { text });
            }
            (Value::Bytes(b) | Value::Json(b), Read::Binary(most)) => {
                let b = unpadded(b.get(..most).unwrap_or(b));
                bytes(&mut own, b);
            }
            (Value::Bytes(b) | Value::Json(b), Read::Exact) => {
                bytes(&mut own, b);
            }
            (Value::Decimal(d), _) => {
                decimal(&mut own, &d.text);
            }
            (value, _) => {
                let n = number(value);
                own.write_u64(n);
            }
        }
    }
    Digest { own: own.finish(), wide: 0, exotic, null }
}

/// The number that stands for a value of fixed size: the same for equal INT and BIGINT UNSIGNED, for 0.0 and -0.0.
fn number(value: &Value) -> u64 {
    match value {
        Value::Int(n) | Value::Duration(n) => n.cast_unsigned(),
        Value::UInt(n) | Value::Time(n) | Value::Enum(n) | Value::Set(n) | Value::Bit(n) => *n,
        Value::Float(x) => (f64::from(*x) + 0.0).to_bits(),
        Value::Double(x) => (*x + 0.0).to_bits(),
        Value::Absent | Value::Null | Value::Decimal(_) | Value::Bytes(_) | Value::Json(_) => 0,
    }
}

fn bytes(hasher: &mut FoldHasher<'_>, b: &[u8]) {
    hasher.write_usize(b.len());
    hasher.write(b);
}

/// Without what a BINARY(n) is filled up with, and what comparisons with PAD SPACE pass over.
fn unpadded(b: &[u8]) -> &[u8] {
    let end = b.iter().rposition(|b| !matches!(b, 0 | b' ')).map_or(0, |last| last + 1);
    b.get(..end).unwrap_or(b)
}

/// By value: no leading or trailing zeros, no sign of zero.
fn decimal(hasher: &mut FoldHasher<'_>, text: &[u8]) {
    let (minus, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let point = digits.iter().position(|b| *b == b'.').unwrap_or(digits.len());
    let (whole, fraction) = digits.split_at(point);
    let fraction = fraction.get(1..).unwrap_or_default();
    let start = whole.iter().position(|b| *b != b'0').unwrap_or(whole.len());
    let end = fraction.iter().rposition(|b| *b != b'0').map_or(0, |last| last + 1);
    let (whole, fraction) = (whole.get(start..).unwrap_or_default(), fraction.get(..end).unwrap_or_default());
    hasher.write_u8(u8::from(minus && !(whole.is_empty() && fraction.is_empty())));
    bytes(hasher, whole);
    bytes(hasher, fraction);
}

/// A seed from names, whose letter case does not matter.
pub(super) fn seed<'a>(names: impl IntoIterator<Item = &'a str>) -> u64 {
    let mut hasher = FixedState::with_seed(0).build_hasher();
    names.into_iter().for_each(|name| bytes(&mut hasher, name.to_lowercase().as_bytes()));
    hasher.finish()
}
