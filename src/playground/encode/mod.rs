//! Encodes a binlog byte for byte as TiDB does: the reverse of [`decode`](crate::decode).
//!
//! The simulated cluster sends it, and tests read it back. In the order of this file:
//!
//! - datums in the form of rows (value form) and of keys (docs/protocol/tidb-formats.md §1),
//!   appended to `out`;
//! - decimal text to TiDB's binary form (docs/protocol/tidb-formats.md §2);
//! - JSON text to TiDB's binary form (docs/protocol/tidb-formats.md §3.7).

pub mod row;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use prost::Message;
use serde_json::Value;

use crate::decode::value::size;
use crate::decode::{datum as flag, json as code};
use crate::model::{RowChange, RowKind};
use crate::source::binlog::{PrewriteValue, TableMutation};

/// A serialized `PrewriteValue` of `changes`: one mutation for each table in the order of their
/// first touch, their changes in the order given. `row_id` gives the hidden row id of a row whose
/// table has no clustered key.
///
/// # Errors
/// If a row does not fit its table.
pub fn prewrite(
    schema_version: i64,
    changes: &[RowChange],
    row_id: &mut dyn FnMut(&RowChange) -> i64,
) -> Result<Bytes> {
    let mut mutations: Vec<TableMutation> = Vec::new();
    for change in changes {
        let table = &change.table;
        let at = mutations.iter().position(|m| m.table_id == Some(table.id)).unwrap_or_else(|| {
            mutations.push(TableMutation { table_id: Some(table.id), ..TableMutation::default() });
            mutations.len() - 1
        });
        let Some(mutation) = mutations.get_mut(at) else { continue };
        add(mutation, change, row_id(change))
            .with_context(|| format!("encoding a row of `{}`.`{}`", table.schema, table.name))?;
    }
    Ok(PrewriteValue { schema_version: Some(schema_version), mutations }.encode_to_vec().into())
}

/// Appends `change` to `mutation`, in its list and in the sequence.
///
/// # Errors
/// If the row does not fit its table.
pub fn add(mutation: &mut TableMutation, change: &RowChange, row_id: i64) -> Result<()> {
    let table = &change.table;
    match &change.kind {
        RowKind::Insert(new) => {
            mutation.inserted_rows.push(row::insert(table, new, row_id)?.into());
            mutation.sequence.push(0);
        }
        RowKind::Update { old, new } => {
            mutation.updated_rows.push(row::update(table, old, new, row_id)?.into());
            mutation.sequence.push(1);
        }
        RowKind::Delete(old) => {
            mutation.deleted_rows.push(row::delete(table, old, row_id)?.into());
            mutation.sequence.push(4);
        }
    }
    Ok(())
}

/// The raw TiKV key of a row with an integer handle.
#[must_use]
pub fn row_key(table: i64, handle: i64) -> Bytes {
    let comparable = |n: i64| (n.cast_unsigned() ^ 1 << 63).to_be_bytes();
    let mut key = vec![b't'];
    key.extend(comparable(table));
    key.extend(b"_r");
    key.extend(comparable(handle));
    key.into()
}

/// NULL, in both forms.
pub fn null(out: &mut Vec<u8>) {
    out.push(flag::NIL);
}

/// A signed number, value form.
pub fn int(out: &mut Vec<u8>, n: i64) {
    out.push(flag::VARINT);
    varint(out, n);
}

/// An unsigned number, value form; times, ENUM, SET and BIT of rows too.
pub fn uint(out: &mut Vec<u8>, n: u64) {
    out.push(flag::UVARINT);
    uvarint(out, n);
}

/// FLOAT (widened) and DOUBLE, in both forms.
pub fn float(out: &mut Vec<u8>, x: f64) {
    out.push(flag::FLOAT);
    // As in TiDB's ordering: -0.0 becomes 0.0.
    let bits = if x >= 0.0 { x.to_bits() | 1 << 63 } else { !x.to_bits() };
    out.extend(bits.to_be_bytes());
}

/// A string, value form.
pub fn bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(flag::COMPACT_BYTES);
    compact_bytes(out, bytes);
}

/// JSON from type code and body, value form.
pub fn json(out: &mut Vec<u8>, document: &[u8]) {
    out.push(flag::JSON);
    out.extend_from_slice(document);
}

/// A signed number, key form.
pub fn key_int(out: &mut Vec<u8>, n: i64) {
    out.push(flag::INT);
    out.extend((n.cast_unsigned() ^ 1 << 63).to_be_bytes());
}

/// An unsigned number, key form.
pub fn key_uint(out: &mut Vec<u8>, n: u64) {
    out.push(flag::UINT);
    out.extend(n.to_be_bytes());
}

/// TIME in nanoseconds, key form; also in the handle of an inserted row.
pub fn duration(out: &mut Vec<u8>, nanos: i64) {
    out.push(flag::DURATION);
    out.extend((nanos.cast_unsigned() ^ 1 << 63).to_be_bytes());
}

/// A string, key form.
pub fn key_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(flag::BYTES);
    comparable_bytes(out, bytes);
}

/// Groups of 8 bytes with a marker behind each, without a flag.
pub fn comparable_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    let (groups, rest) = bytes.as_chunks::<8>();
    for group in groups {
        out.extend_from_slice(group);
        out.push(0xff);
    }
    out.extend_from_slice(rest);
    out.extend(std::iter::repeat_n(0, 8 - rest.len()));
    out.push(u8::try_from(0xff - (8 - rest.len())).unwrap_or(0xff));
}

/// A zigzag length and the bytes, without a flag.
pub fn compact_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    varint(out, i64::try_from(bytes.len()).unwrap_or(i64::MAX));
    out.extend_from_slice(bytes);
}

/// A zigzag LEB128 number, without a flag.
pub fn varint(out: &mut Vec<u8>, n: i64) {
    uvarint(out, ((n << 1) ^ (n >> 63)).cast_unsigned());
}

/// A LEB128 number, without a flag.
pub fn uvarint(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(n.to_le_bytes()[0] | 0x80);
        n >>= 7;
    }
    out.push(n.to_le_bytes()[0]);
}

/// Appends header and groups of the decimal `text` (`-12.340`) as one of `precision` digits,
/// `scale` of them behind the point. There is no flag.
///
/// # Errors
/// If `text` is no decimal or has more digits than that.
pub fn decimal(out: &mut Vec<u8>, text: &str, precision: u8, scale: u8) -> Result<()> {
    ensure!(size(precision, scale).is_some(), "there is no DECIMAL({precision}, {scale})");
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let whole = whole.trim_start_matches('0');
    let (room, scale_digits) = (usize::from(precision - scale), usize::from(scale));
    ensure!(
        digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
            && whole.len() <= room
            && fraction.len() <= scale_digits,
        "{text:?} is no DECIMAL({precision}, {scale})"
    );
    let negative = negative && digits.bytes().any(|b| b.is_ascii_digit() && b != b'0');
    let whole = format!("{whole:0>room$}");
    let fraction = format!("{fraction:0<scale_digits$}");
    out.extend([precision, scale]);
    let start = out.len();
    let (first, words) = whole.split_at(room % 9);
    group(out, first)?;
    for word in words.as_bytes().chunks(9) {
        group(out, std::str::from_utf8(word)?)?;
    }
    for word in fraction.as_bytes().chunks(9) {
        group(out, std::str::from_utf8(word)?)?;
    }
    let groups = out.get_mut(start..).unwrap_or_default();
    if negative {
        groups.iter_mut().for_each(|byte| *byte = !*byte);
    }
    if let Some(byte) = groups.first_mut() {
        *byte ^= 0x80;
    }
    Ok(())
}

/// Appends up to nine digits in the 0 to 4 bytes that they take.
fn group(out: &mut Vec<u8>, digits: &str) -> Result<()> {
    if digits.is_empty() {
        return Ok(());
    }
    let number: u32 = digits.parse().with_context(|| format!("{digits:?} are no digits"))?;
    let bytes = digits.len().div_ceil(2).min(4);
    out.extend(number.to_be_bytes().into_iter().skip(4 - bytes));
    Ok(())
}

/// Type code and body of the document `text`.
///
/// # Errors
/// If `text` is no JSON, or too large for the binary form.
pub fn document(text: &[u8]) -> Result<Vec<u8>> {
    let value: Value = serde_json::from_slice(text).context("not a JSON document")?;
    let mut out = vec![type_of(&value)];
    body(&mut out, &value)?;
    Ok(out)
}

fn type_of(value: &Value) -> u8 {
    match value {
        Value::Null | Value::Bool(_) => code::LITERAL,
        Value::Number(n) if n.is_i64() => code::INT64,
        Value::Number(n) if n.is_u64() => code::UINT64,
        Value::Number(_) => code::DOUBLE,
        Value::String(_) => code::STRING,
        Value::Array(_) => code::ARRAY,
        Value::Object(_) => code::OBJECT,
    }
}

fn body(out: &mut Vec<u8>, value: &Value) -> Result<()> {
    match value {
        Value::Null | Value::Bool(_) => out.push(literal(value)),
        Value::Number(n) => match (n.as_i64(), n.as_u64(), n.as_f64()) {
            (Some(n), _, _) => out.extend(n.to_le_bytes()),
            (_, Some(n), _) => out.extend(n.to_le_bytes()),
            (_, _, x) => out.extend(x.context("not a number")?.to_le_bytes()),
        },
        Value::String(text) => {
            uvarint(out, u64::try_from(text.len())?);
            out.extend_from_slice(text.as_bytes());
        }
        Value::Array(items) => container(out, &[], &items.iter().collect::<Vec<_>>())?,
        // The map is sorted by the bytes of its keys, as TiDB stores them.
        Value::Object(map) => {
            let keys: Vec<&str> = map.keys().map(String::as_str).collect();
            container(out, &keys, &map.values().collect::<Vec<_>>())?;
        }
    }
    Ok(())
}

fn literal(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(true) => 1,
        _ => 2,
    }
}

/// Count, size, entries of keys, entries of values, keys, values. Offsets count from the end that
/// `out` had before.
fn container(out: &mut Vec<u8>, keys: &[&str], values: &[&Value]) -> Result<()> {
    let offset = |n: usize| u32::try_from(n).context("a JSON document is too large");
    let mut at = 8 + keys.len() * 6 + values.len() * 5;
    let mut entries = offset(values.len())?.to_le_bytes().to_vec();
    entries.extend([0; 4]);
    for key in keys {
        entries.extend(offset(at)?.to_le_bytes());
        entries.extend(u16::try_from(key.len()).context("a JSON key is too long")?.to_le_bytes());
        at += key.len();
    }
    let mut data = keys.concat().into_bytes();
    let start = at - data.len();
    for value in values {
        entries.push(type_of(value));
        match value {
            Value::Null | Value::Bool(_) => entries.extend([literal(value), 0, 0, 0]),
            _ => {
                entries.extend(offset(start + data.len())?.to_le_bytes());
                body(&mut data, value)?;
            }
        }
    }
    let size = offset(entries.len() + data.len())?.to_le_bytes();
    let (head, rest) = entries.split_at(4);
    out.extend_from_slice(head);
    out.extend(size);
    out.extend_from_slice(rest.get(4..).unwrap_or_default());
    out.append(&mut data);
    Ok(())
}
