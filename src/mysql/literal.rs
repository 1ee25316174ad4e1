//! Writes values as SQL literals, exact for each type (docs/protocol/tidb-formats.md §8.3).
//!
//! Every literal is valid UTF-8: bytes that are not are written as hexadecimal, which keeps them.

use std::io::Write;

use anyhow::{Result, bail};

use crate::decode::value;
use crate::model::{Column, Kind, Row, Table, Value};
use crate::sql::append_text;

/// Appends `value` of a column of `kind`.
///
/// # Errors
/// If the value does not fit the kind, or has no SQL literal (infinities).
pub fn write(out: &mut Vec<u8>, kind: &Kind, value: &Value) -> Result<()> {
    match (value, kind) {
        (Value::Null, _) => out.extend_from_slice(b"NULL"),
        (Value::Int(n), _) => integer(out, *n),
        (Value::UInt(n) | Value::Enum(n) | Value::Set(n) | Value::Bit(n), _) => integer(out, *n),
        // The exact widened number: the shortest text of the largest FLOAT is above what the server
        // accepts, and a comparison widens the column's side as well.
        (Value::Float(x), _) => double(out, f64::from(*x))?,
        (Value::Double(x), _) => double(out, *x)?,
        (Value::Decimal(d), _) => {
            if d.text.is_empty() || !d.text.iter().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'.')) {
                bail!("not a decimal: {:?}", d.text);
            }
            out.extend_from_slice(&d.text);
        }
        (Value::Time(t), Kind::Date) => in_quotes(out, |out| value::write_date(out, *t)),
        (Value::Time(t), Kind::Datetime { fsp } | Kind::Timestamp { fsp }) => {
            in_quotes(out, |out| value::write_datetime(out, *t, *fsp));
        }
        (Value::Duration(n), Kind::Duration { fsp }) => in_quotes(out, |out| value::write_duration(out, *n, *fsp)),
        (Value::Bytes(b), Kind::Text { .. }) if is_plain(b) => in_quotes(out, |out| out.extend_from_slice(b)),
        (Value::Bytes(b), Kind::Text { .. }) if std::str::from_utf8(b).is_ok() => append_text(out, b),
        (Value::Bytes(b), Kind::Text { .. } | Kind::Binary { .. }) => hexadecimal(out, b),
        (Value::Json(text), Kind::Json) if std::str::from_utf8(text).is_ok() => append_text(out, text),
        (value, kind) => bail!("the value {value:?} does not belong in a column of type {kind:?}"),
    }
    Ok(())
}

fn integer(out: &mut Vec<u8>, n: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(n).as_bytes());
}

/// Always with an exponent: without one, a literal is a DECIMAL, and compares and rounds like one.
fn double(out: &mut Vec<u8>, x: f64) -> Result<()> {
    if !x.is_finite() {
        bail!("{x} is not a number in SQL");
    }
    write!(out, "{x:e}")?;
    Ok(())
}

fn in_quotes(out: &mut Vec<u8>, text: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'\'');
    text(out);
    out.push(b'\'');
}

/// Whether `text` is printable ASCII that needs no backslash, as most texts are.
fn is_plain(text: &[u8]) -> bool {
    let (chunks, rest) = text.as_chunks::<32>();
    // No early exit within a chunk, so that it compiles to a few vector instructions.
    let plain = |bytes: &[u8]| {
        bytes.iter().fold(true, |all, b| all & (*b >= 0x20) & (*b < 0x7f) & (*b != b'\'') & (*b != b'\\'))
    };
    chunks.iter().all(|chunk| plain(chunk)) && plain(rest)
}

/// Appends `bytes` as a binary string, `x'…'`.
pub fn hexadecimal(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    let digit = |n: u8| DIGITS.get(usize::from(n & 15)).copied().unwrap_or(b'0');
    out.reserve(bytes.len() * 2 + 3);
    out.extend_from_slice(b"x'");
    let begin = out.len();
    out.resize(begin + bytes.len() * 2, 0);
    let (pairs, _) = out.get_mut(begin..).unwrap_or_default().as_chunks_mut::<2>();
    for (pair, b) in pairs.iter_mut().zip(bytes) {
        *pair = [digit(b >> 4), digit(*b)];
    }
    out.push(b'\'');
}

/// How the target compares JSON documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonStyle {
    /// JSON is a type: MySQL, TiDB.
    Typed,
    /// JSON is text: MariaDB; `equals` says whether it has JSON_EQUALS (10.7).
    Text {
        /// Whether it has JSON_EQUALS.
        equals: bool,
    },
}

/// Appends a condition that is true for exactly the rows whose column `name` (quoted) has `value`,
/// including letter case and trailing spaces. With `loose`, it is also true for equivalent JSON
/// documents.
///
/// # Errors
/// As for [`write`].
pub fn condition(
    out: &mut Vec<u8>,
    name: &str,
    kind: &Kind,
    value: &Value,
    json: JsonStyle,
    loose: bool,
) -> Result<()> {
    let mut text = Vec::new();
    write(&mut text, kind, value)?;
    let text = String::from_utf8(text)?;
    match (kind, value) {
        (_, Value::Null) => write!(out, "{name} IS NULL")?,
        (Kind::Json, _) => match (json, loose) {
            (JsonStyle::Typed, true) => write!(out, "{name} = CAST({text} AS JSON)")?,
            (JsonStyle::Typed, false) => write!(
                out,
                "CAST(CAST({name} AS CHAR) AS BINARY) = CAST(CAST(CAST({text} AS JSON) AS CHAR) AS BINARY)"
            )?,
            (JsonStyle::Text { equals: true }, true) => write!(out, "JSON_EQUALS({name}, {text}) = 1")?,
            (JsonStyle::Text { .. }, _) => {
                write!(out, "CAST(JSON_COMPACT({name}) AS BINARY) = CAST(JSON_COMPACT({text}) AS BINARY)")?;
            }
        },
        (Kind::Text { .. }, Value::Bytes(b)) if std::str::from_utf8(b).is_ok() => write!(
            out,
            // The first half can use an index; the second excludes values that the column's
            // collation considers equal.
            "{name} = {text} AND CAST(CONVERT({name} USING utf8mb4) AS BINARY) = CAST({text} AS BINARY)"
        )?,
        (Kind::Text { .. }, _) => write!(out, "CAST({name} AS BINARY) = {text}")?,
        // Compared with the number 0, a YEAR of 0 would mean 2000; its text does not.
        (Kind::Year, _) => write!(out, "{name} + 0 = {text}")?,
        _ => write!(out, "{name} = {text}")?,
    }
    Ok(())
}

/// Whether two values of one column are identical, bit by bit.
#[must_use]
pub fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits(),
        (Value::Double(a), Value::Double(b)) => a.to_bits() == b.to_bits(),
        (a, b) => a == b,
    }
}

/// Appends bytes that are equal for two values only if the values are identical, bit by bit.
pub fn identity(out: &mut Vec<u8>, value: &Value) {
    let (tag, fixed) = match value {
        Value::Absent => (0, 0),
        Value::Null => (1, 0),
        Value::Int(n) | Value::Duration(n) => (2, n.cast_unsigned()),
        Value::UInt(n) | Value::Time(n) | Value::Enum(n) | Value::Set(n) | Value::Bit(n) => (3, *n),
        Value::Float(x) => (4, u64::from(x.to_bits())),
        Value::Double(x) => (5, x.to_bits()),
        Value::Decimal(d) => return bytes(out, &d.text),
        Value::Bytes(b) | Value::Json(b) => return bytes(out, b),
    };
    out.push(tag);
    out.extend_from_slice(&fixed.to_be_bytes());
}

fn bytes(out: &mut Vec<u8>, b: &[u8]) {
    out.push(6);
    out.extend_from_slice(&(b.len() as u64).to_be_bytes());
    out.extend_from_slice(b);
}

/// Approximate size of `value` as text.
pub(crate) fn size(value: &Value) -> usize {
    match value {
        Value::Bytes(b) | Value::Json(b) => b.len() + 3,
        Value::Decimal(d) => d.text.len() + 1,
        _ => 12,
    }
}

/// Approximate bytes of a row of `table` as text: bytes take two digits each.
#[must_use]
pub fn row_size(table: &Table, row: &Row) -> usize {
    let one = |(column, value): (&Column, &Value)| match column.kind {
        Kind::Binary { .. } => size(value) * 2,
        _ => size(value),
    };
    table.columns.iter().zip(row).map(one).sum()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::model::Decimal;

    fn text(kind: &Kind, value: Value) -> String {
        let mut out = Vec::new();
        write(&mut out, kind, &value).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn literals() {
        let utf8 = Kind::Text { charset: "utf8mb4".into(), collation: "utf8mb4_bin".into() };
        assert_eq!(text(&Kind::Float, Value::Float(f32::MAX)), "3.4028234663852886e38");
        assert_eq!(text(&Kind::Double, Value::Double(0.1)), "1e-1");
        assert_eq!(text(&utf8, Value::Bytes(Bytes::from_static(b"a'b\\c\n\r\0\x1a%"))), "'a\\'b\\\\c\\n\\r\\0\\Z%'");
        assert_eq!(text(&utf8, Value::Bytes(Bytes::from_static(b"\xe9\xff"))), "x'e9ff'");
        let long = "0123456789 abcdefghijklmnopqrstuvwxyz~ABCDEFGHIJKLMNOPQRSTUVWXYZ";
        for (special, written) in [("", ""), ("'", "\\'"), ("\0", "\\0"), ("\t\n", "\t\\n"), ("é", "é"), ("\\", "\\\\")]
        {
            for at in [0, 31, 32, 40, long.len()] {
                let (a, b) = long.split_at(at);
                let bytes = Bytes::from(format!("{a}{special}{b}"));
                assert_eq!(text(&utf8, Value::Bytes(bytes)), format!("'{a}{written}{b}'"));
            }
        }
        assert_eq!(text(&Kind::Binary { fixed: None }, Value::Bytes(Bytes::new())), "x''");
        assert_eq!(text(&Kind::Date, Value::Time(0)), "'0000-00-00'");
        assert_eq!(text(&Kind::Duration { fsp: 3 }, Value::Duration(-1_000_000)), "'-00:00:00.001'");
        assert_eq!(text(&Kind::Json, Value::Json(Bytes::from_static(b"{\"a\": \"\\n\"}"))), "'{\"a\": \"\\\\n\"}'");
        let mut out = Vec::new();
        assert!(write(&mut out, &Kind::Double, &Value::Double(f64::NAN)).is_err());
        assert!(write(&mut out, &Kind::Date, &Value::Absent).is_err());
        let bad = Decimal { text: Bytes::from_static(b"1; drop") };
        assert!(write(&mut out, &Kind::Double, &Value::Decimal(bad)).is_err());
    }

    proptest! {
        #[test]
        fn a_quoted_text_ends_where_it_should(b in ".*") {
            let mut out = Vec::new();
            append_text(&mut out, b.as_bytes());
            // Read back as the server's lexer does.
            let inner = &out[1..out.len() - 1];
            let (mut back, mut i) = (Vec::new(), 0);
            while i < inner.len() {
                prop_assert!(inner[i] != b'\'');
                if inner[i] == b'\\' {
                    i += 1;
                    back.push(match inner[i] { b'0' => 0, b'n' => b'\n', b'r' => b'\r', b'Z' => 0x1a, c => c });
                } else {
                    back.push(inner[i]);
                }
                i += 1;
            }
            prop_assert_eq!(back, b.into_bytes());
        }
    }
}
