//! Writes the state that the bank expects beside the target's tables, so that both can be compared on one server.

use anyhow::{Context, Result};
use mysql::Conn;
use mysql::prelude::Queryable;

use super::bank::Expected;
use super::sql_name;
use crate::sink::mysql::literal;

/// Rows in one statement.
const CHUNK: usize = 500;

/// Makes database `truth` with the tables of `database`, each holding what `expected` says.
///
/// # Errors
/// If a table is missing on the server, or takes a row differently from how it was meant.
pub fn load(conn: &mut Conn, database: &str, truth: &str, expected: &[Expected]) -> Result<()> {
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
