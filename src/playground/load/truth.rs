//! What a target must hold in the end: for each table the number of rows and a checksum that does not depend on their
//! order, both known to the maker of a stream without keeping a row, and told by one statement on the target.

use std::fmt::Write as _;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use mysql::Conn;
use mysql::prelude::Queryable;

use crate::decode::time;
use crate::model::{CommitTs, Kind, Row, Table, Value};
use crate::playground::sql_name;
use crate::sink::mysql::answer::Answers;

/// What a NULL counts as in a checksum.
const NULL: &str = "~";
/// What stands between two columns.
const BETWEEN: &str = "#";

/// What a whole stream leaves behind.
#[derive(Clone, Debug)]
pub struct Truth {
    /// The stream holds what was committed after this …
    pub start_ts: CommitTs,
    /// … up to and including this.
    pub end_ts: CommitTs,
    /// Its transactions with rows; DDL is not counted.
    pub txns: u64,
    /// Their row changes.
    pub row_changes: u64,
    /// Its tables in the order of their making.
    pub tables: Vec<TableTruth>,
}

impl Truth {
    /// Compares with what is on a target; gives a line for each table that differs, or is missing.
    ///
    /// # Errors
    /// If the server does not answer.
    pub fn differences(&self, conn: &mut Conn) -> Result<Vec<String>> {
        // TIMESTAMPs are told in the session's zone.
        conn.query_drop("SET NAMES utf8mb4, time_zone = '+00:00'")?;
        let mut found = Vec::new();
        for table in &self.tables {
            if let Some(line) = table.difference(conn)? {
                found.push(line);
            }
        }
        Ok(found)
    }

    /// Table, rows, checksum and statement, a line each.
    pub(super) fn lines(&self) -> String {
        let mut out = String::new();
        for t in &self.tables {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{}.{}\t{}\t{}\t{}", t.table.schema, t.table.name, t.rows, t.checksum, t.query());
        }
        out
    }
}

/// What one table holds.
#[derive(Clone, Debug)]
pub struct TableTruth {
    /// Its definition.
    pub table: Arc<Table>,
    /// How many rows.
    pub rows: u64,
    /// Sum of `crc32(concat_ws('#', …))` over the rows, all columns in order as binary text, NULL as `~`.
    pub checksum: u64,
}

impl TableTruth {
    pub(super) fn new(table: Arc<Table>) -> Self {
        Self { table, rows: 0, checksum: 0 }
    }

    pub(super) fn add(&mut self, row: &Row) -> Result<()> {
        self.checksum += self.crc(row)?;
        self.rows += 1;
        Ok(())
    }

    pub(super) fn remove(&mut self, row: &Row) -> Result<()> {
        let gone = "a stream removes a row that its table does not hold";
        self.checksum = self.checksum.checked_sub(self.crc(row)?).context(gone)?;
        self.rows = self.rows.checked_sub(1).context(gone)?;
        Ok(())
    }

    /// The statement that gives `rows` and `checksum` on a target whose session is in UTC.
    #[must_use]
    pub fn query(&self) -> String {
        let columns: Vec<String> = self
            .table
            .columns
            .iter()
            .map(|c| format!("IFNULL(CAST({} AS BINARY),'{NULL}')", sql_name(&c.name)))
            .collect();
        format!(
            "SELECT COUNT(*), CAST(IFNULL(SUM(CRC32(CONCAT_WS('{BETWEEN}',{}))),0) AS UNSIGNED) FROM {}.{}",
            columns.join(","),
            sql_name(&self.table.schema),
            sql_name(&self.table.name)
        )
    }

    fn difference(&self, conn: &mut Conn) -> Result<Option<String>> {
        let (schema, name) = (&self.table.schema, &self.table.name);
        let there: Option<u8> = conn.one_with(
            "SELECT 1 FROM information_schema.tables WHERE table_schema = ? AND table_name = ?",
            (schema, name),
        )?;
        if there.is_none() {
            return Ok(Some(format!("`{schema}`.`{name}` is missing")));
        }
        let (rows, checksum): (u64, u64) = conn.one(self.query())?.context("a count always gives a row")?;
        Ok(((rows, checksum) != (self.rows, self.checksum)).then(|| {
            format!(
                "`{schema}`.`{name}`: {rows} rows with checksum {checksum}, expected {} with {}",
                self.rows, self.checksum
            )
        }))
    }

    /// The CRC-32 of a row as the server computes it.
    fn crc(&self, row: &Row) -> Result<u64> {
        let mut text = Vec::new();
        for (n, (column, value)) in self.table.columns.iter().zip(row).enumerate() {
            if n > 0 {
                text.extend_from_slice(BETWEEN.as_bytes());
            }
            write(&mut text, &column.kind, value).with_context(|| format!("column `{}`", column.name))?;
        }
        Ok(u64::from(crc32fast::hash(&text)))
    }
}

/// Appends `value` as the server casts it to binary.
fn write(out: &mut Vec<u8>, kind: &Kind, value: &Value) -> Result<()> {
    match (value, kind) {
        (Value::Null, _) => out.extend_from_slice(NULL.as_bytes()),
        (Value::Int(n), _) => out.extend_from_slice(n.to_string().as_bytes()),
        (Value::UInt(n), _) => out.extend_from_slice(n.to_string().as_bytes()),
        (Value::Double(x), _) => out.extend_from_slice(x.to_string().as_bytes()),
        (Value::Decimal(d), _) => out.extend_from_slice(&d.text),
        (Value::Bytes(b), _) => out.extend_from_slice(b),
        (Value::Time(t), Kind::Date) => time::write_date(out, *t),
        (Value::Time(t), Kind::Datetime { fsp } | Kind::Timestamp { fsp }) => time::write_datetime(out, *t, *fsp),
        (Value::Enum(n), Kind::Enum { elements }) => {
            let element = usize::try_from(*n).ok().and_then(|n| elements.get(n.checked_sub(1)?));
            out.extend_from_slice(element.context("no such element")?.as_bytes());
        }
        (value, kind) => bail!("a checksum cannot speak of {value:?} of type {kind:?}"),
    }
    Ok(())
}
