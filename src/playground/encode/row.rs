//! Encodes rows as a binlog carries them, and DDL jobs as TiDB's history shows them.
//!
//! Rows are in the old format, with the handle in front of an inserted one
//! (docs/protocol/tidb-formats.md §4.1, §4.3, §4.6). For a DDL job there is also the key that
//! stands in its binlog.

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use serde_json::{Value as Json, json};

use crate::model::{ActionType, Column, Handle, KeyPart, Kind, Row, Table, Value};
use crate::playground::encode;

/// The column id of the hidden row id.
const ROW_ID: i64 = -1;

/// An item of `inserted_rows`. `row_id` is the hidden row id, for a table whose handle is one.
///
/// As TiDB does, the row leaves out what the handle or a missing column's default already says.
///
/// # Errors
/// If the row does not fit the table.
pub fn insert(table: &Table, row: &Row, row_id: i64) -> Result<Vec<u8>> {
    check(table, row)?;
    let mut out = Vec::new();
    handle(&mut out, table, row, row_id)?;
    let start = out.len();
    for (at, (column, value)) in table.columns.iter().zip(row).enumerate() {
        let default = *value == Value::Null && column.missing == Value::Null;
        if *value != Value::Absent && !default && !told_by_handle(table, at) {
            pair(&mut out, column, value)?;
        }
    }
    if out.len() == start {
        encode::null(&mut out);
    }
    Ok(out)
}

/// An item of `updated_rows`. `row_id` is the hidden row id, for a table whose handle is one.
///
/// # Errors
/// If a row does not fit the table.
pub fn update(table: &Table, old: &Row, new: &Row, row_id: i64) -> Result<Vec<u8>> {
    let mut out = delete(table, old, row_id)?;
    out.append(&mut delete(table, new, row_id)?);
    Ok(out)
}

/// An item of `deleted_rows`. `row_id` is the hidden row id, for a table whose handle is one.
///
/// # Errors
/// If the row does not fit the table.
pub fn delete(table: &Table, row: &Row, row_id: i64) -> Result<Vec<u8>> {
    check(table, row)?;
    let mut out = Vec::new();
    for (column, value) in table.columns.iter().zip(row) {
        if *value != Value::Absent {
            pair(&mut out, column, value)?;
        }
    }
    if table.handle == Handle::RowId {
        encode::int(&mut out, ROW_ID);
        encode::int(&mut out, row_id);
    }
    if out.is_empty() {
        encode::null(&mut out);
    }
    Ok(out)
}

fn check(table: &Table, row: &Row) -> Result<()> {
    if row.len() != table.columns.len() {
        bail!("a row of {} values for a table of {} columns", row.len(), table.columns.len());
    }
    Ok(())
}

fn pair(out: &mut Vec<u8>, column: &Column, value: &Value) -> Result<()> {
    encode::int(out, column.id);
    cell(out, &column.kind, value).with_context(|| format!("column `{}`", column.name))
}

/// The value datum of a row's column.
fn cell(out: &mut Vec<u8>, kind: &Kind, value: &Value) -> Result<()> {
    match value {
        Value::Absent => bail!("no value given"),
        Value::Null => encode::null(out),
        Value::Int(n) | Value::Duration(n) => encode::int(out, *n),
        Value::UInt(n) | Value::Time(n) | Value::Enum(n) | Value::Set(n) | Value::Bit(n) => encode::uint(out, *n),
        Value::Float(x) => encode::float(out, f64::from(*x)),
        Value::Double(x) => encode::float(out, *x),
        Value::Bytes(bytes) => encode::bytes(out, bytes),
        Value::Json(text) => encode::json(out, &encode::document(text)?),
        Value::Decimal(number) => {
            let Kind::Decimal { precision, scale } = kind else { bail!("a decimal in a column of another type") };
            out.push(crate::decode::datum::DECIMAL);
            encode::decimal(out, std::str::from_utf8(&number.text)?, *precision, *scale)?;
        }
    }
    Ok(())
}

fn handle(out: &mut Vec<u8>, table: &Table, row: &Row, row_id: i64) -> Result<()> {
    match &table.handle {
        Handle::RowId => encode::int(out, row_id),
        Handle::Int(at) => match row.get(*at) {
            Some(Value::Int(n)) => encode::int(out, *n),
            Some(Value::UInt(n)) => encode::int(out, n.cast_signed()),
            _ => bail!("the handle column has no integer"),
        },
        Handle::Common(parts) => {
            for part in parts {
                let (column, value) = table
                    .columns
                    .get(part.column)
                    .zip(row.get(part.column))
                    .context("the handle names a column that the table does not have")?;
                key_part(out, column, value, part).with_context(|| format!("column `{}`", column.name))?;
            }
        }
    }
    Ok(())
}

/// A part of a clustered key in front of the row: value form, but a string as its sort key and TIME
/// in key form.
fn key_part(out: &mut Vec<u8>, column: &Column, value: &Value, part: &KeyPart) -> Result<()> {
    match (&column.kind, value) {
        (Kind::Text { collation, .. }, Value::Bytes(bytes)) => {
            encode::bytes(out, &sort_key(collation, chars(bytes, part.prefix)));
        }
        (Kind::Binary { .. }, Value::Bytes(bytes)) => {
            let end = part.prefix.and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX);
            encode::bytes(out, bytes.get(..end).unwrap_or(bytes));
        }
        (_, Value::Duration(nanos)) => encode::duration(out, *nanos),
        (kind, value) => cell(out, kind, value)?,
    }
    Ok(())
}

/// The first `count` characters.
fn chars(text: &[u8], count: Option<u32>) -> &[u8] {
    let Some(count) = count.and_then(|n| usize::try_from(n).ok()) else { return text };
    let mut starts = (0..text.len()).filter(|at| text.get(*at).is_some_and(|b| b & 0xc0 != 0x80));
    starts.nth(count).and_then(|end| text.get(..end)).unwrap_or(text)
}

/// The bytes by which new collations order text (docs/protocol/tidb-formats.md §4.5): exact for
/// `*_bin`; for the others the weights of `general_ci` for ASCII. That is enough for a form that no
/// reader may take for the text.
fn sort_key(collation: &str, text: &[u8]) -> Vec<u8> {
    let trimmed = text.iter().rposition(|b| *b != b' ').and_then(|last| text.get(..=last)).unwrap_or_default();
    if collation.ends_with("_bin") {
        return trimmed.to_vec();
    }
    String::from_utf8_lossy(trimmed)
        .chars()
        .flat_map(|c| u16::try_from(u32::from(c.to_ascii_uppercase())).unwrap_or(0xfffd).to_be_bytes())
        .collect()
}

/// Whether an inserted row leaves the column to its handle: it is a whole column of the key, and
/// its sort key is its value.
fn told_by_handle(table: &Table, at: usize) -> bool {
    match &table.handle {
        Handle::RowId => false,
        Handle::Int(column) => *column == at,
        Handle::Common(parts) => {
            parts.iter().any(|part| part.column == at && part.prefix.is_none())
                && !table.columns.get(at).is_some_and(|column| needs_restoring(&column.kind))
        }
    }
}

/// Whether the text cannot be restored from the key alone. CHAR and VARCHAR are one kind here. For
/// VARCHAR in a `*_bin` collation TiDB writes the text again in the row; this is done for both.
fn needs_restoring(kind: &Kind) -> bool {
    matches!(kind, Kind::Text { .. })
}

/// The result of a DDL job, for the history and the binlog.
pub struct Job {
    /// What kind of job it is.
    pub action: ActionType,
    /// The id of its database.
    pub schema_id: i64,
    /// The name of its database.
    pub schema_name: String,
    /// 0 for a job on a database.
    pub table_id: i64,
    /// The name of its table; empty for a job on a database.
    pub table_name: String,
    /// Its statement.
    pub query: String,
    /// A comment in front of it: the history keeps it, the binlog, whose text TiDB restores, does
    /// not.
    pub comment: Option<String>,
}

impl Job {
    /// The job as the history shows it when it is finished (docs/protocol/tidb-formats.md §6.1).
    #[must_use]
    pub fn json(&self, id: i64, version: i64, ts: u64, db_info: &Json, table_info: &Json) -> Json {
        let query = self.comment.iter().map(String::as_str).chain([self.query.as_str()]).collect::<Vec<_>>().join(" ");
        json!({
            "id": id, "type": self.action, "schema_id": self.schema_id, "table_id": self.table_id,
            "schema_name": self.schema_name, "table_name": self.table_name, "state": 6, "warning": null, "err": null,
            "err_count": 0, "row_count": 0, "raw_args": null, "schema_state": 5, "snapshot_ver": 0,
            "real_start_ts": ts, "start_ts": ts, "dependency_id": 0, "query": query,
            "binlog": {
                "SchemaVersion": version, "DBInfo": db_info, "TableInfo": table_info, "FinishedTS": ts,
                "MultipleTableInfos": null,
            },
            "version": 1, "reorg_meta": null, "multi_schema_info": null, "priority": 0, "seq_num": version,
            "charset": "utf8mb4", "collate": "utf8mb4_bin",
        })
    }

    /// The meta key that the job wrote first (docs/protocol/tidb-formats.md §5.3).
    #[must_use]
    pub fn meta_key(&self) -> Bytes {
        let (hash, field) = if self.table_id == 0 {
            ("DBs".to_owned(), format!("DB:{}", self.schema_id))
        } else {
            (format!("DB:{}", self.schema_id), format!("Table:{}", self.table_id))
        };
        let mut key = vec![b'm'];
        encode::comparable_bytes(&mut key, hash.as_bytes());
        key.extend(u64::from(b'h').to_be_bytes());
        encode::comparable_bytes(&mut key, field.as_bytes());
        key.into()
    }
}
