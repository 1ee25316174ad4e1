//! The vectors of whole rows.

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use serde_json::{Value as Json, json};
use tisync::decode::{row, value};
use tisync::model::{Column, Generated, Handle, KeyPart, Kind, Row, RowKind, Table, Value};
use tisync::playground::encode;

use crate::{Vector, same};

/// The table that the vector's `columns` describe. What a missing column holds is marked, to be seen where it is used.
fn table(vector: &Vector<'_>, handle: Handle) -> Result<Table> {
    let empty = Vec::new();
    let columns = vector.0["columns"].as_array().unwrap_or(&empty).iter().map(column).collect::<Result<_>>()?;
    Ok(Table {
        id: 1,
        schema: "db".into(),
        name: "t".into(),
        columns,
        keys: Vec::new(),
        handle,
        foreign_keys: Vec::new(),
        partitions: Vec::new(),
        charset: "utf8mb4".into(),
        collation: "utf8mb4_bin".into(),
        details: None,
    })
}

fn column(info: &Json) -> Result<Column> {
    let flag = info["flag"].as_u64().context("no flag")?;
    let unsigned = flag & 32 != 0;
    let fsp = u8::try_from(info["decimal"].as_i64().unwrap_or(0)).unwrap_or(0);
    let flen = info["flen"].as_i64().unwrap_or(-1);
    let text = |field: &str| info[field].as_str().unwrap_or_default().to_owned();
    let elements = || -> Vec<String> {
        info["elems"].as_array().into_iter().flatten().filter_map(|e| e.as_str().map(str::to_owned)).collect()
    };
    let kind = match info["tp"].as_u64().context("no type")? {
        3 => Kind::Int { bytes: 4, unsigned },
        8 => Kind::Int { bytes: 8, unsigned },
        4 => Kind::Float,
        5 => Kind::Double,
        7 => Kind::Timestamp { fsp },
        10 => Kind::Date,
        11 => Kind::Duration { fsp },
        12 => Kind::Datetime { fsp },
        13 => Kind::Year,
        16 => Kind::Bit { width: u8::try_from(flen)? },
        245 => Kind::Json,
        246 => Kind::Decimal { precision: u8::try_from(flen)?, scale: fsp },
        247 => Kind::Enum { elements: elements() },
        248 => Kind::Set { elements: elements() },
        15 | 249..=254 if text("charset") == "binary" => Kind::Binary { fixed: None },
        15 | 249..=254 => Kind::Text { charset: text("charset"), collation: text("collate") },
        tp => bail!("the column type {tp} is new"),
    };
    Ok(Column {
        id: info["id"].as_i64().context("no id")?,
        name: text("name"),
        kind,
        nullable: flag & 1 == 0,
        generated: Generated::No,
        hidden: false,
        missing: Value::Bytes(Bytes::from_static(b"nothing may be missing")),
    })
}

/// A row that has no handle in it or in front of it.
pub fn plain_row(vector: &Vector<'_>, bytes: &str, values: &str) -> Result<()> {
    let table = table(vector, Handle::Common(Vec::new()))?;
    let bytes = vector.bytes(bytes)?;
    let row = row::delete(&table, &bytes)?;
    compare(vector, &table, &row, values)?;
    same("written", encode::row::delete(&table, &row, 0)?, bytes.to_vec())
}

pub fn deleted(vector: &Vector<'_>) -> Result<()> {
    let table = table(vector, Handle::RowId)?;
    let bytes = vector.bytes("hex")?;
    let row = row::delete(&table, &bytes)?;
    compare(vector, &table, &row, "values")?;
    same("written", encode::row::delete(&table, &row, 7)?, bytes.to_vec())
}

pub fn inserted(vector: &Vector<'_>) -> Result<()> {
    let mut table = table(vector, Handle::RowId)?;
    let bytes = vector.bytes("hex")?;
    if vector.0["pk_is_handle"] == json!(true) {
        table.handle = Handle::Int(0);
    } else if vector.0["is_common_handle"] == json!(true) {
        let ids = vector.0["pk_column_ids"].as_array().context("no key columns")?;
        let part = |id: &Json| {
            let column = table.columns.iter().position(|c| Some(c.id) == id.as_i64()).context("no such column")?;
            Ok(KeyPart { column, prefix: None })
        };
        table.handle = Handle::Common(ids.iter().map(part).collect::<Result<_>>()?);
    }
    let row = row::insert(&table, &bytes)?;
    compare(vector, &table, &row, "values")?;
    same("written", encode::row::insert(&table, &row, 7)?, bytes.to_vec())
}

pub fn updated(vector: &Vector<'_>) -> Result<()> {
    let hidden = vector.0["old"].as_array().into_iter().flatten().any(|value| value["id"] == json!(-1));
    let table = table(vector, if hidden { Handle::RowId } else { Handle::Int(0) })?;
    let bytes = vector.bytes("hex")?;
    let RowKind::Update { old, new } = row::update(&table, &bytes)? else { bail!("no update") };
    compare(vector, &table, &old, "old")?;
    compare(vector, &table, &new, "new")?;
    same("written", encode::row::update(&table, &old, &new, 7)?, bytes.to_vec())
}

/// Compares each column's value with what `field` gives for its id.
fn compare(vector: &Vector<'_>, table: &Table, row: &Row, field: &str) -> Result<()> {
    same("columns", row.len(), table.columns.len())?;
    let zone = vector.0["time_zone"].as_str().unwrap_or("UTC");
    for (column, value) in table.columns.iter().zip(row) {
        let expected = vector.0[field].as_array().into_iter().flatten().find(|v| v["id"] == json!(column.id));
        let expected = expected.with_context(|| format!("no value for column id {}", column.id))?;
        same(&column.name, &shown(value, &column.kind, zone)?, &expected["value"])?;
    }
    Ok(())
}

/// `value` as the vectors show it.
pub fn shown(value: &Value, kind: &Kind, zone: &str) -> Result<Json> {
    let mut out = Vec::new();
    let one_based = |n: u64| usize::try_from(n).unwrap().checked_sub(1);
    Ok(match (value, kind) {
        (Value::Null, _) => Json::Null,
        (Value::Int(n), _) => json!(n.to_string()),
        (Value::UInt(n), _) => json!(n.to_string()),
        (Value::Float(x), _) => json!(x.to_string()),
        (Value::Double(x), _) => json!(x.to_string()),
        (Value::Decimal(number), _) => json!(std::str::from_utf8(&number.text)?),
        (Value::Json(text), _) => json!(std::str::from_utf8(text)?),
        (Value::Bytes(bytes), _) => json!({ "bytes_hex": hex::encode(bytes) }),
        (Value::Time(packed), Kind::Date) => {
            value::write_date(&mut out, *packed);
            json!(String::from_utf8(out)?)
        }
        (Value::Time(packed), Kind::Datetime { fsp } | Kind::Timestamp { fsp }) => {
            value::write_datetime(&mut out, *packed, *fsp);
            let utc = String::from_utf8(out)?;
            let local = matches!(kind, Kind::Timestamp { .. }) && *packed != 0 && zone == "Asia/Shanghai";
            json!(if local { shanghai(&utc)? } else { utc })
        }
        (Value::Duration(nanos), Kind::Duration { fsp }) => {
            value::write_duration(&mut out, *nanos, *fsp);
            json!(String::from_utf8(out)?)
        }
        (Value::Enum(n), Kind::Enum { elements }) => {
            let name = one_based(*n).and_then(|at| elements.get(at)).map_or("", String::as_str);
            json!({ "index": n, "name": name })
        }
        (Value::Set(mask), Kind::Set { elements }) => {
            let names: Vec<&str> =
                (0..).zip(elements).filter(|(bit, _)| mask >> bit & 1 == 1).map(|(_, name)| name.as_str()).collect();
            json!({ "bits": mask, "name": names.join(",") })
        }
        (Value::Bit(n), Kind::Bit { width }) => {
            let bytes = n.to_be_bytes();
            json!({ "bytes_hex": hex::encode(&bytes[8 - usize::from(width.div_ceil(8))..]), "int": n.to_string() })
        }
        (value, kind) => bail!("{value:?} in a column of {kind:?}"),
    })
}

fn shanghai(utc: &str) -> Result<String> {
    let local = utc.parse::<jiff::civil::DateTime>()?.checked_add(jiff::Span::new().hours(8))?;
    Ok(local.strftime("%Y-%m-%d %H:%M:%S").to_string())
}
