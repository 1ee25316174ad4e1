//! Compares two databases, on one server or two: tables, columns, keys and the bytes of each row.
//!
//! - Loads a Dumpling dump (SQL files) into a server under other database names: the truth to
//!   compare a target with.
//! - Writes the state that the bank expects beside the tables of the target, so both can be
//!   compared on one server.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use mysql::prelude::Queryable;
use mysql::{Conn, Value, params};

use super::bank::Expected;
use super::sql_name;
use crate::mysql::answer::Answers;
use crate::mysql::literal;

/// The result of a comparison. No differences means equal.
#[derive(Debug, Default)]
pub struct Comparison {
    /// Tables that both sides have.
    pub tables: usize,
    /// Rows that both sides have.
    pub rows: usize,
    /// One line for each difference.
    pub differences: Vec<String>,
}

impl Comparison {
    /// Whether nothing differs and there was something to compare.
    #[must_use]
    pub fn equal(&self) -> bool {
        self.differences.is_empty() && self.tables > 0
    }
}

/// One database to compare, with a connection of its own.
pub struct Side {
    conn: Conn,
    database: String,
    mariadb: bool,
    tidb: bool,
}

impl Side {
    /// Database `database` of the server behind `conn`.
    ///
    /// # Errors
    /// If the server does not give its version.
    pub fn new(mut conn: Conn, database: &str) -> Result<Self> {
        let version: Option<String> = conn.one("SELECT VERSION()")?;
        conn.query_drop("SET SESSION time_zone = '+00:00'")?;
        let is = |name: &str| version.as_ref().is_some_and(|v| v.contains(name));
        let (mariadb, tidb) = (is("MariaDB"), is("TiDB"));
        Ok(Self { conn, database: database.to_owned(), mariadb, tidb })
    }
}

/// How much of the definitions must be equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Definitions {
    /// Columns by name, type, nullability and collation; unique keys by their columns. For two
    /// databases on servers of one kind.
    Exact,
    /// The names of the columns and the columns of the unique keys. For servers of different kinds.
    Names,
}

/// Compares two databases, without the tables in `except`: their definitions, and their rows as a
/// multiset of exact values (JSON by its meaning).
///
/// # Errors
/// If a server cannot be read; then nothing is known about equality.
pub fn databases(left: &mut Side, right: &mut Side, how: Definitions, except: &[&str]) -> Result<Comparison> {
    let mut found = Comparison::default();
    let (ours, theirs) = (tables(left)?, tables(right)?);
    let names: BTreeSet<&String> = ours.union(&theirs).filter(|t| !except.contains(&t.as_str())).collect();
    for name in names {
        match (ours.contains(name), theirs.contains(name)) {
            (true, true) => table(left, right, name, how, &mut found)?,
            (true, false) => found.differences.push(unmatched(left, right, name)),
            (false, _) => found.differences.push(unmatched(right, left, name)),
        }
    }
    Ok(found)
}

fn unmatched(has: &Side, lacks: &Side, table: &str) -> String {
    format!("table {}.{table} has no match in {}", has.database, lacks.database)
}

fn tables(side: &mut Side) -> Result<BTreeSet<String>> {
    let query = "SELECT table_name FROM information_schema.tables WHERE table_schema = ? AND table_type = 'BASE TABLE'";
    Ok(side.conn.all_with::<String>(query, (&side.database,))?.into_iter().collect())
}

fn table(left: &mut Side, right: &mut Side, name: &str, how: Definitions, found: &mut Comparison) -> Result<()> {
    let (ours, theirs) = (definition(left, name, how)?, definition(right, name, how)?);
    let (left_name, right_name) = (left.database.clone(), right.database.clone());
    if ours != theirs {
        found.differences.push(format!("definition of {name}: {left_name} has {ours:?}, {right_name} has {theirs:?}"));
        return Ok(());
    }
    let (ours, theirs) = (rows(left, name)?, rows(right, name)?);
    found.tables += 1;
    let mut different = 0_i64;
    let mut example = None;
    for (row, count) in &ours {
        let other = theirs.get(row).copied().unwrap_or(0);
        if other != *count {
            different += (count - other).abs();
            example
                .get_or_insert_with(|| format!("{count} times in {left_name}, {other} times in {right_name}: {row}"));
        }
        found.rows += usize::try_from(other.min(*count)).unwrap_or(0);
    }
    let mut missing = None;
    for (row, count) in theirs.iter().filter(|(row, _)| !ours.contains_key(*row)) {
        different += count;
        missing.get_or_insert_with(|| format!("only in {right_name}: {row}"));
    }
    if different > 0 {
        // One row of each side: often they are the same row.
        let examples = example.iter().chain(&missing).map(|e| e.chars().take(400).collect::<String>());
        let examples: Vec<String> = examples.collect();
        found.differences.push(format!("{name}: {different} rows differ; {}", examples.join("; ")));
    }
    Ok(())
}

/// Columns and keys, as lines that can be compared.
fn definition(side: &mut Side, table: &str, how: Definitions) -> Result<Vec<String>> {
    let column = match how {
        Definitions::Exact => {
            "CONCAT_WS(' ', column_name, column_type, is_nullable, collation_name, IF(extra LIKE '%GENERATED%', extra, ''))"
        }
        Definitions::Names => "column_name",
    };
    let columns = format!(
        "SELECT {column} FROM information_schema.columns WHERE table_schema = ? AND table_name = ? ORDER BY ordinal_position"
    );
    // TiDB's STATISTICS has no prefix lengths.
    let (source, index) = if side.tidb { ("tidb_indexes", "key_name") } else { ("statistics", "index_name") };
    let keys = format!(
        "SELECT CONCAT('unique ', GROUP_CONCAT(CONCAT_WS(' ', column_name, sub_part) ORDER BY seq_in_index)) AS parts
         FROM (SELECT DISTINCT {index} AS name, seq_in_index, column_name, sub_part FROM information_schema.{source}
               WHERE table_schema = ? AND table_name = ? AND non_unique = 0) AS all_parts GROUP BY name"
    );
    let mut lines: Vec<String> = side.conn.all_with(columns, (&side.database, table))?;
    // TiDB lists a table twice after a RENAME that swapped it across databases.
    lines.dedup();
    // MariaDB's JSON is text, so converting a table to a character set changes its collation, which
    // means nothing for JSON.
    for column in json_columns(side, table)? {
        let json = format!("{column} longtext ");
        lines.iter_mut().filter(|l| l.starts_with(&json)).for_each(|l| *l = format!("{column} json"));
    }
    let mut keys: Vec<String> = side.conn.all_with(keys, (&side.database, table))?;
    // Sorted here, as each server has its own order of letters.
    keys.sort();
    lines.extend(keys);
    Ok(lines)
}

/// MariaDB keeps JSON as text with a CHECK constraint, which is how it can be recognised. Database
/// and table stand there twice: without constants the server opens every table it has to find its
/// constraints.
fn json_columns(side: &mut Side, table: &str) -> Result<Vec<String>> {
    let query = if side.mariadb {
        "SELECT c.column_name FROM information_schema.columns c
            JOIN information_schema.check_constraints k ON k.constraint_schema = c.table_schema AND k.table_name = c.table_name
            AND k.check_clause = CONCAT('json_valid(`', REPLACE(c.column_name, '`', '``'), '`)')
            WHERE c.table_schema = :db AND c.table_name = :name AND k.constraint_schema = :db AND k.table_name = :name"
    } else {
        "SELECT column_name FROM information_schema.columns WHERE table_schema = :db AND table_name = :name AND data_type = 'json'"
    };
    Ok(side.conn.all_with(query, params! { "db" => &side.database, "name" => table })?)
}

/// Each distinct row, as text that shows every bit of it, with its count.
fn rows(side: &mut Side, table: &str) -> Result<BTreeMap<String, i64>> {
    let json = json_columns(side, table)?;
    let mut counts = BTreeMap::new();
    let query = format!("SELECT * FROM {}.{}", sql_name(&side.database), sql_name(table));
    // The binary protocol gives floats bit for bit; text would round them.
    for row in side.conn.exec_iter(query, ())? {
        let row = row?;
        let columns = row.columns();
        let mut text = String::new();
        for (column, value) in columns.iter().zip(row.unwrap()) {
            let name = column.name_str();
            text.push_str(&name);
            text.push('=');
            text.push_str(&shown(&value, json.iter().any(|j| *j == name)));
            text.push(' ');
        }
        *counts.entry(text).or_insert(0) += 1;
    }
    Ok(counts)
}

/// JSON with whole doubles as integers: a dump has `1` for `1.0`, so no more of it can be compared.
fn whole(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value::{Array, Number, Object};
    match value {
        Number(n) => match n.as_f64().filter(|f| n.is_f64() && f.fract() == 0.0 && f.abs() < 1e15) {
            #[allow(clippy::cast_possible_truncation, reason = "it is whole and small enough")]
            Some(f) => Number((f as i64).into()),
            None => Number(n),
        },
        Array(list) => Array(list.into_iter().map(whole).collect()),
        Object(map) => Object(map.into_iter().map(|(key, value)| (key, whole(value))).collect()),
        other => other,
    }
}

fn shown(value: &Value, json: bool) -> String {
    match value {
        Value::Bytes(bytes) if json => match serde_json::from_slice::<serde_json::Value>(bytes) {
            Ok(parsed) => whole(parsed).to_string(),
            Err(_) => value.as_sql(false),
        },
        // Six digits: a dump's text holds no more of a FLOAT, so no more of it can be compared.
        Value::Float(f) => format!("{f:.5e}"),
        Value::Double(d) => format!("{d}/{:x}", d.to_bits()),
        other => other.as_sql(false),
    }
}

/// Loads every table of `databases` from the dump in `dir`, each into a new database called
/// `prefix` + its name. The connection's session settings are changed.
///
/// # Errors
/// If a file cannot be read or the server refuses a statement; the file is named.
pub fn load_dump(conn: &mut Conn, dir: &Path, databases: &[&str], prefix: &str) -> Result<()> {
    conn.query_drop(
        "SET NAMES utf8mb4, time_zone = '+00:00', foreign_key_checks = 0, sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES'",
    )?;
    // As TiDB does it; MySQL before 8.0 would make the first TIMESTAMP of a table NOT NULL. On
    // other servers this is the default, or no session variable.
    let _ = conn.query_drop("SET SESSION explicit_defaults_for_timestamp = 1");
    for database in databases {
        let target = sql_name(&format!("{prefix}{database}"));
        conn.query_drop(format!("CREATE DATABASE {target} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"))?;
        conn.query_drop(format!("USE {target}"))?;
        for (table, files) in files(dir, database)? {
            for file in files {
                let sql = fs::read_to_string(dir.join(&file)).with_context(|| format!("cannot read {file}"))?;
                load_one(conn, &mend(&sql, &table)).with_context(|| format!("cannot load {file}"))?;
            }
        }
    }
    Ok(())
}

/// The files of each table, the one that creates it first.
fn files(dir: &Path, database: &str) -> Result<BTreeMap<String, Vec<String>>> {
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let start = format!("{database}.");
    for entry in fs::read_dir(dir).with_context(|| format!("cannot list {}", dir.display()))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let Some(rest) = name.strip_prefix(&start).and_then(|r| r.strip_suffix(".sql")) else { continue };
        match rest.strip_suffix("-schema") {
            Some(table) => tables.entry(table.to_owned()).or_default().insert(0, name.clone()),
            None => {
                let table = rest.rsplit_once('.').map_or(rest, |(table, _)| table);
                tables.entry(table.to_owned()).or_default().push(name.clone());
            }
        }
    }
    Ok(tables)
}

/// Runs the statements of a file; without its keys on expressions if the server has none.
fn load_one(conn: &mut Conn, sql: &str) -> Result<()> {
    let Err(error) = run(conn, sql) else { return Ok(()) };
    let keys = |line: &&str| line.trim_start().starts_with("KEY ") && line.contains("((");
    if !sql.lines().any(|line| keys(&line)) {
        return Err(error);
    }
    let lines: Vec<&str> = sql.lines().filter(|line| !keys(line)).collect();
    // The comma before the last line of the list, which was removed.
    run(conn, &lines.join("\n").replace(",\n) ENGINE", "\n) ENGINE"))
}

/// Takes out the dump's own session settings, and quotes a table name that Dumpling leaves half
/// quoted.
fn mend(sql: &str, table: &str) -> String {
    let sql = sql.replace("/*!40101 SET NAMES binary*/;", "").replace("/*!40014 SET FOREIGN_KEY_CHECKS=0*/;", "");
    if table.contains('`') {
        let half = format!("INSERT INTO {} VALUES", table.replace('`', "``"));
        return sql.replace(&half, &format!("INSERT INTO {} VALUES", sql_name(table)));
    }
    sql
}

/// Runs statements one after the other, and checks the result of each.
fn run(conn: &mut Conn, sql: &str) -> Result<()> {
    let mut results = conn.query_iter(sql)?;
    while let Some(set) = results.iter() {
        for row in set {
            row?;
        }
    }
    Ok(())
}

/// Rows in one statement.
const CHUNK: usize = 500;

/// Makes database `truth` with the tables of `database`, each holding what `expected` says.
///
/// # Errors
/// If a table is missing on the server, or stores a row differently from what was expected.
pub fn load_expected(conn: &mut Conn, database: &str, truth: &str, expected: &[Expected]) -> Result<()> {
    conn.query_drop(
        "SET NAMES utf8mb4, time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES'",
    )?;
    let truth = sql_name(truth);
    conn.query_drop(format!("CREATE DATABASE {truth} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"))?;
    for one in expected {
        let name = sql_name(&one.table.name);
        conn.query_drop(format!("CREATE TABLE {truth}.{name} LIKE {}.{name}", sql_name(database)))
            .with_context(|| format!("table {name} is missing on the target"))?;
        let columns: Vec<String> =
            one.table.columns.iter().filter(|c| c.writable()).map(|c| sql_name(&c.name)).collect();
        for rows in one.rows.chunks(CHUNK) {
            let mut sql = format!("INSERT INTO {truth}.{name} ({}) VALUES ", columns.join(",")).into_bytes();
            for (n, row) in rows.iter().enumerate() {
                sql.extend_from_slice(if n == 0 { b"(" } else { b",(" });
                let written = one.table.columns.iter().zip(row).filter(|(column, _)| column.writable());
                for (m, (column, value)) in written.enumerate() {
                    if m > 0 {
                        sql.push(b',');
                    }
                    literal::write(&mut sql, &column.kind, value)?;
                }
                sql.push(b')');
            }
            conn.query_drop(String::from_utf8(sql)?)?;
        }
    }
    Ok(())
}
