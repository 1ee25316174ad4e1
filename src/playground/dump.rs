//! Loads a Dumpling dump (SQL files) into a server under other database names: the truth to compare a target with.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use mysql::Conn;
use mysql::prelude::Queryable;

use super::sql_name;

/// Loads every table of `databases` from the dump in `dir`, each into a new database called `prefix` + its name.
/// The connection's session settings are changed.
///
/// # Errors
/// If a file cannot be read or the server refuses a statement; the file is named.
pub fn load(conn: &mut Conn, dir: &Path, databases: &[&str], prefix: &str) -> Result<()> {
    conn.query_drop(
        "SET NAMES utf8mb4, time_zone = '+00:00', foreign_key_checks = 0, sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES'",
    )?;
    // As TiDB does it; MySQL before 8.0 would make the first TIMESTAMP of a table NOT NULL. Elsewhere it is so, or is no variable of a session.
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

/// Runs the statements of a file; without its keys on expressions, where the server knows none.
fn load_one(conn: &mut Conn, sql: &str) -> Result<()> {
    let Err(error) = run(conn, sql) else { return Ok(()) };
    let keys = |line: &&str| line.trim_start().starts_with("KEY ") && line.contains("((");
    if !sql.lines().any(|line| keys(&line)) {
        return Err(error);
    }
    let lines: Vec<&str> = sql.lines().filter(|line| !keys(line)).collect();
    // The comma before what was the last line of the list.
    run(conn, &lines.join("\n").replace(",\n) ENGINE", "\n) ENGINE"))
}

/// Takes out the dump's own session settings, and quotes a table name that Dumpling leaves half quoted.
fn mend(sql: &str, table: &str) -> String {
    let sql = sql.replace("/*!40101 SET NAMES binary*/;", "").replace("/*!40014 SET FOREIGN_KEY_CHECKS=0*/;", "");
    if table.contains('`') {
        let half = format!("INSERT INTO {} VALUES", table.replace('`', "``"));
        return sql.replace(&half, &format!("INSERT INTO {} VALUES", sql_name(table)));
    }
    sql
}

/// Runs statements one behind the other, the result of each looked at.
fn run(conn: &mut Conn, sql: &str) -> Result<()> {
    let mut results = conn.query_iter(sql)?;
    while let Some(set) = results.iter() {
        for row in set {
            row?;
        }
    }
    Ok(())
}
