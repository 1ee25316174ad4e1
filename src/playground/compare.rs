//! Are two databases equal, on one server or on two? Tables, columns, keys and every row, compared byte for byte.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use mysql::prelude::Queryable;
use mysql::{Conn, Value, params};

use super::sql_name;
use crate::sink::mysql::answer::Answers;

/// What a comparison found. Empty means equal.
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
    /// If the server does not say what it is.
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
    /// Columns by name, type, nullability and collation; unique keys by their columns. For two databases on servers of one kind.
    Exact,
    /// The names of the columns and the columns of the unique keys. For servers of different kinds.
    Names,
}

/// Compares two databases, without the tables in `except`: their definitions, and their rows as a multiset of exact values (JSON
/// by its meaning).
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
        // One of each side: often they are the same row.
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
    // TiDB's STATISTICS has no lengths of prefixes.
    let (source, index) = if side.tidb { ("tidb_indexes", "key_name") } else { ("statistics", "index_name") };
    let keys = format!(
        "SELECT CONCAT('unique ', GROUP_CONCAT(CONCAT_WS(' ', column_name, sub_part) ORDER BY seq_in_index)) AS parts
         FROM (SELECT DISTINCT {index} AS name, seq_in_index, column_name, sub_part FROM information_schema.{source}
               WHERE table_schema = ? AND table_name = ? AND non_unique = 0) AS all_parts GROUP BY name"
    );
    let mut lines: Vec<String> = side.conn.all_with(columns, (&side.database, table))?;
    // TiDB lists a table twice after a RENAME that swapped it across databases.
    lines.dedup();
    // MariaDB's JSON is text, so converting a table to a character set changes its collation, which means nothing for JSON.
    for column in json_columns(side, table)? {
        let json = format!("{column} longtext ");
        lines.iter_mut().filter(|l| l.starts_with(&json)).for_each(|l| *l = format!("{column} json"));
    }
    let mut keys: Vec<String> = side.conn.all_with(keys, (&side.database, table))?;
    // Here, as each server has an order of its own for letters.
    keys.sort();
    lines.extend(keys);
    Ok(lines)
}

/// MariaDB keeps JSON as text with a check; the check is how it can be told. Database and table stand there twice: without
/// constants the server opens every table it has to find its checks.
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

/// Each distinct row, as text that tells every bit of it, and how often it is there.
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
