//! What the target has to hold: the upstream's own DDL on empty tables, and plain inserts of the rows that are left.

use anyhow::{Context, Result};
use mysql::Conn;
use mysql::prelude::Queryable;
use tisync::playground::compare::{self, Definitions, Side};
use tisync::playground::mariadb::PrivateServer;
use tisync::playground::sql_name;

use crate::story::{DATABASES, Step, Story, written};

/// What the names of the databases begin with that hold the truth.
const PREFIX: &str = "truth ";

/// What differs between the target and the truth: nothing, or a line each.
pub fn differences(server: &PrivateServer, story: &Story) -> Result<Vec<String>> {
    load(&mut server.connect()?, story)?;
    let mut all = Vec::new();
    let mut rows = 0;
    for database in DATABASES {
        let truth = format!("{PREFIX}{database}");
        let (mut ours, mut theirs) = (Side::new(server.connect()?, database)?, Side::new(server.connect()?, &truth)?);
        let found = compare::databases(&mut ours, &mut theirs, Definitions::Exact, &[])?;
        all.extend(found.differences);
        rows += found.rows;
    }
    let wanted: usize = story.tables.iter().map(|t| t.rows.len()).sum();
    if all.is_empty() && rows != wanted {
        all.push(format!("{rows} rows were compared instead of {wanted}"));
    }
    Ok(all)
}

/// Takes everything away that an earlier story has left.
pub fn clean(server: &PrivateServer) -> Result<()> {
    let mut conn = server.connect()?;
    conn.query_drop("SET SESSION foreign_key_checks = 0")?;
    for database in DATABASES {
        conn.query_drop(format!("DROP DATABASE IF EXISTS {}", sql_name(database)))?;
        conn.query_drop(format!("DROP DATABASE IF EXISTS {}", sql_name(&format!("{PREFIX}{database}"))))?;
    }
    Ok(conn.query_drop("DROP DATABASE IF EXISTS tidb_binlog")?)
}

fn load(conn: &mut Conn, story: &Story) -> Result<()> {
    conn.query_drop("SET NAMES utf8mb4")?;
    conn.query_drop("SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO', time_zone = '+00:00'")?;
    conn.query_drop("SET SESSION character_set_server = 'utf8mb4', collation_server = 'utf8mb4_bin'")?;
    for step in &story.steps {
        let Step::Ddl(job) = step else { continue };
        let query = renamed(&job.query);
        conn.query_drop(&query).with_context(|| format!("the truth's own statement {query}"))?;
    }
    conn.query_drop("BEGIN")?;
    for state in &story.tables {
        for row in state.rows.values() {
            let (names, values): (Vec<_>, Vec<_>) = written(state, row).into_iter().unzip();
            let name = renamed(&state.full_name());
            let query = format!("INSERT INTO {name} ({}) VALUES ({})", names.join(", "), values.join(", "));
            conn.query_drop(&query).with_context(|| format!("the truth's own statement {query}"))?;
        }
    }
    Ok(conn.query_drop("COMMIT")?)
}

fn renamed(query: &str) -> String {
    DATABASES
        .iter()
        .fold(query.to_owned(), |query, name| query.replace(&sql_name(name), &sql_name(&format!("{PREFIX}{name}"))))
}
