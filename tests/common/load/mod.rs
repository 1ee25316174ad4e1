//! Workloads: streams of transactions as a TiDB would write them into its Pump, made from a seed, together with what a
//! target must hold in the end.
//!
//! [`write`] makes a recording folder, which `tisync sync --from DIR` reads and `tisync playground --serve --recording
//! DIR` serves. It is written as it is made: a stream of any length takes no more memory than the rows that it still
//! speaks of. The same seed and sizes give the same bytes.
//!
//! A table's definition, put together column by column.
//!
//! What a target must hold in the end: for each table the number of rows and a checksum that does not depend on their
//! order, both known to the maker of a stream without keeping a row, and told by one statement on the target.
#![allow(unused_imports, reason = "each binary uses its own part")]

pub(super) mod keys;
mod simple;
pub(super) mod stream;
mod wide;

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use mysql::Conn;
use mysql::prelude::Queryable;

pub use keys::Keys;
pub use simple::{Backlog, Bank, Big, ManyTables, NoKey};
pub use stream::{Place, Stream};
use tisync::decode::value;
use tisync::model::{Column, CommitTs, ForeignKey, Generated, Handle, Key, KeyPart, Kind, Row, Table, Value};
use tisync::mysql::answer::Answers;
use tisync::playground::sql_name;
use tisync::playground::tableinfo::{ColumnDetails, Details};
pub use wide::Wide;

/// A kind of load, with its sizes.
pub trait Workload {
    /// Its name; its tables are in the database `load_` and this.
    fn name(&self) -> &'static str;

    /// Writes its whole stream.
    ///
    /// # Errors
    /// If it cannot be written.
    fn fill(&self, out: &mut Stream) -> Result<()>;

    /// The database of its tables.
    fn database(&self) -> String {
        format!("load_{}", self.name())
    }
}

/// Writes `workload` as a recording into the folder `dir`, which is made if need be and must not hold one yet. Gives what
/// a target must hold once everything is applied; `expected.tsv` in the folder says the same.
///
/// # Errors
/// If it cannot be written.
pub fn write(workload: &dyn Workload, dir: &Path) -> Result<Truth> {
    let mut out = Stream::create(dir, &workload.database())?;
    workload.fill(&mut out).with_context(|| format!("making the workload `{}`", workload.name()))?;
    out.finish()
}

/// A definition without ids. Columns are told by their place in the order of their making.
pub struct Draft {
    table: Table,
    details: Details,
}

/// BIGINT.
const BIGINT: Kind = Kind::Int { bytes: 8, unsigned: false };
/// INT.
const INT: Kind = Kind::Int { bytes: 4, unsigned: false };
/// DECIMAL(14,2).
const MONEY: Kind = Kind::Decimal { precision: 14, scale: 2 };

impl Draft {
    /// A table without columns, in `utf8mb4_bin`.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let table = Table {
            id: 0,
            schema: String::new(),
            name: name.to_owned(),
            columns: Vec::new(),
            keys: Vec::new(),
            handle: Handle::RowId,
            foreign_keys: Vec::new(),
            partitions: Vec::new(),
            charset: "utf8mb4".to_owned(),
            collation: "utf8mb4_bin".to_owned(),
            details: None,
        };
        Self { table, details: Details::default() }
    }

    /// The collation of the text columns that follow.
    #[must_use]
    pub fn collation(mut self, collation: &str) -> Self {
        collation.clone_into(&mut self.table.collation);
        self
    }

    /// A column that allows no NULL.
    #[must_use]
    pub fn column(self, name: &str, kind: Kind) -> Self {
        self.push(name, kind, false)
    }

    /// A column that allows NULL.
    #[must_use]
    pub fn nullable(self, name: &str, kind: Kind) -> Self {
        self.push(name, kind, true)
    }

    /// A VARCHAR(`length`) that allows no NULL.
    #[must_use]
    pub fn varchar(self, name: &str, length: u32) -> Self {
        let kind = self.text();
        self.push(name, kind, false).length(name, length)
    }

    /// A VARCHAR(`length`) that allows NULL.
    #[must_use]
    pub fn nullable_varchar(self, name: &str, length: u32) -> Self {
        let kind = self.text();
        self.push(name, kind, true).length(name, length)
    }

    /// The n of the VARCHAR(n) or VARBINARY(n) column `name`.
    #[must_use]
    pub fn length(mut self, name: &str, length: u32) -> Self {
        let details = ColumnDetails { length: Some(length), ..ColumnDetails::default() };
        self.details.columns.insert(name.to_owned(), details);
        self
    }

    /// The primary key, clustered: the handle itself where it is one whole number.
    #[must_use]
    pub fn primary(mut self, columns: &[usize]) -> Self {
        let key = key("PRIMARY", true, columns);
        let is_int = |at: &usize| self.table.columns.get(*at).is_some_and(|c| matches!(c.kind, Kind::Int { .. }));
        self.table.handle = match columns {
            [only] if is_int(only) => Handle::Int(*only),
            _ => Handle::Common(key.parts.clone()),
        };
        self.table.keys.insert(0, key);
        self
    }

    /// A unique key.
    #[must_use]
    pub fn unique(mut self, name: &str, columns: &[usize]) -> Self {
        self.table.keys.push(key(name, false, columns));
        self
    }

    /// A foreign key that cascades, to a column of another table of the same database.
    #[must_use]
    pub fn child_of(mut self, column: &str, parent: &str, parent_column: &str) -> Self {
        self.table.foreign_keys.push(ForeignKey {
            name: format!("{column}_of_{parent}"),
            parent_schema: String::new(),
            parent_table: parent.to_owned(),
            columns: vec![column.to_owned()],
            parent_columns: vec![parent_column.to_owned()],
        });
        self
    }

    fn text(&self) -> Kind {
        Kind::Text { charset: self.table.charset.clone(), collation: self.table.collation.clone() }
    }

    fn push(mut self, name: &str, kind: Kind, nullable: bool) -> Self {
        let id = self.table.columns.iter().map(|c| c.id).max().unwrap_or(0) + 1;
        // Nothing is older than the table, so nobody asks what older rows hold.
        let missing = if nullable { Value::Null } else { Value::Absent };
        let name = name.to_owned();
        self.table.columns.push(Column { id, name, kind, nullable, generated: Generated::No, hidden: false, missing });
        self
    }
}

fn key(name: &str, primary: bool, columns: &[usize]) -> Key {
    let parts = columns.iter().map(|column| KeyPart { column: *column, prefix: None }).collect();
    Key { name: name.to_owned(), primary, parts }
}

/// Text as a value.
fn text(text: impl Into<String>) -> Value {
    Value::Bytes(text.into().into())
}

/// Hundredths as the value of a DECIMAL with two digits behind the point.
fn money(cents: i64) -> Value {
    scaled(cents, 2)
}

/// `n` / 10^`scale` as a decimal with all its digits.
fn scaled(n: i64, scale: usize) -> Value {
    let sign = if n < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", n.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    Value::Decimal(tisync::model::Decimal { text: format!("{sign}{whole}.{fraction}").into() })
}

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
    fn lines(&self) -> String {
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
    fn new(table: Arc<Table>) -> Self {
        Self { table, rows: 0, checksum: 0 }
    }

    fn add(&mut self, row: &Row) -> Result<()> {
        self.checksum += self.crc(row)?;
        self.rows += 1;
        Ok(())
    }

    fn remove(&mut self, row: &Row) -> Result<()> {
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
            write_truth(&mut text, &column.kind, value).with_context(|| format!("column `{}`", column.name))?;
        }
        Ok(u64::from(crc32fast::hash(&text)))
    }
}

/// Appends `value` as the server casts it to binary.
fn write_truth(out: &mut Vec<u8>, kind: &Kind, value: &Value) -> Result<()> {
    match (value, kind) {
        (Value::Null, _) => out.extend_from_slice(NULL.as_bytes()),
        (Value::Int(n), _) => out.extend_from_slice(n.to_string().as_bytes()),
        (Value::UInt(n), _) => out.extend_from_slice(n.to_string().as_bytes()),
        (Value::Double(x), _) => out.extend_from_slice(x.to_string().as_bytes()),
        (Value::Decimal(d), _) => out.extend_from_slice(&d.text),
        (Value::Bytes(b), _) => out.extend_from_slice(b),
        (Value::Time(t), Kind::Date) => value::write_date(out, *t),
        (Value::Time(t), Kind::Datetime { fsp } | Kind::Timestamp { fsp }) => value::write_datetime(out, *t, *fsp),
        (Value::Enum(n), Kind::Enum { elements }) => {
            let element = usize::try_from(*n).ok().and_then(|n| elements.get(n.checked_sub(1)?));
            out.extend_from_slice(element.context("no such element")?.as_bytes());
        }
        (value, kind) => bail!("a checksum cannot speak of {value:?} of type {kind:?}"),
    }
    Ok(())
}
