//! JSON text to TiDB's binary form (spec/tidb-formats.md §3.7).

use anyhow::{Context, Result};
use serde_json::Value;

use super::datum::uvarint;
use crate::decode::json as code;

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

/// Count, size, entries of keys, entries of values, keys, values. Offsets count from `out`'s end before.
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
