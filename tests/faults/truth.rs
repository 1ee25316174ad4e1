//! What the target has to hold, written beside it by the upstream's own DDL and plain inserts, and compared.

use anyhow::{Result, bail};
use mysql::Conn;
use mysql::prelude::Queryable;
use tisync::model::Value;
use tisync::playground::compare::{self, Definitions, Side};

use crate::tables::{DATABASE, State};
use crate::workload::Truth;

const TRUTH: &str = "truth";

/// Compares every table of the target with the truth; gives the number of rows.
pub fn compare(connect: impl Fn() -> Result<Conn>, truth: &Truth) -> Result<usize> {
    load(&mut connect()?, truth)?;
    let (mut ours, mut theirs) = (Side::new(connect()?, DATABASE)?, Side::new(connect()?, TRUTH)?);
    let found = compare::databases(&mut ours, &mut theirs, Definitions::Exact, &[])?;
    if !found.equal() {
        bail!("the target is not equal:\n{}", found.differences.join("\n"));
    }
    let rows: usize = truth.states.iter().map(|s| s.rows.len()).sum();
    if (found.tables, found.rows) != (truth.states.len(), rows) {
        bail!("{} tables with {} rows instead of {} with {rows}", found.tables, found.rows, truth.states.len());
    }
    Ok(rows)
}

fn load(conn: &mut Conn, truth: &Truth) -> Result<()> {
    conn.query_drop("SET NAMES utf8mb4")?;
    conn.query_drop("SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO', foreign_key_checks = 0")?;
    conn.query_drop("SET SESSION character_set_server = 'utf8mb4', collation_server = 'utf8mb4_bin'")?;
    for ddl in &truth.ddl {
        conn.query_drop(ddl.query.replace(&format!("`{DATABASE}`"), &format!("`{TRUTH}`")))?;
    }
    conn.query_drop("BEGIN")?;
    for state in &truth.states {
        insert(conn, state)?;
    }
    Ok(conn.query_drop("COMMIT")?)
}

fn insert(conn: &mut Conn, state: &State) -> Result<()> {
    let columns: Vec<String> = state.table.columns.iter().map(|c| format!("`{}`", c.name)).collect();
    let mut rows = Vec::new();
    for row in state.rows.values() {
        let values: Vec<String> = row.iter().map(literal).collect();
        rows.push(format!("({})", values.join(",")));
    }
    for some in rows.chunks(500) {
        let (name, columns) = (state.name(), columns.join(","));
        conn.query_drop(format!("INSERT INTO `{TRUTH}`.`{name}` ({columns}) VALUES {}", some.join(",")))?;
    }
    Ok(())
}

/// The few types that the workload has; its texts need no escapes.
fn literal(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Int(n) => n.to_string(),
        Value::Decimal(d) => String::from_utf8_lossy(&d.text).into_owned(),
        Value::Bytes(b) => format!("'{}'", String::from_utf8_lossy(b)),
        other => panic!("the workload has no {other:?}"),
    }
}
