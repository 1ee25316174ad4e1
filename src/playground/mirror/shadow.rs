//! A second MariaDB without rows that repeats every DDL, one after the other: so there is a server whose definitions are
//! those of the place that the binlog's reader has come to, however far the first server is ahead.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use mysql::Conn;
use mysql::prelude::Queryable;

use super::definition::{self, Definition};
use crate::playground::mariadb::PrivateServer;
use crate::playground::sql_name;
use crate::sink::mysql::answer::Answers;

/// It holds nothing that would have to survive it.
const SMALL: [&str; 7] = [
    "--innodb-buffer-pool-size=8M",
    "--innodb-log-file-size=8M",
    "--innodb-flush-log-at-trx-commit=0",
    "--skip-innodb-doublewrite",
    "--performance-schema=OFF",
    "--key-buffer-size=1M",
    "--aria-pagecache-buffer-size=8M",
];

/// A statement of the binlog, with what its session had set.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Query {
    /// The current database; empty for none.
    pub(super) schema: String,
    /// The statement.
    pub(super) sql: String,
    /// `sql_mode` as a number.
    pub(super) sql_mode: Option<u64>,
    /// Ids of `collation_connection` and `collation_server`.
    pub(super) collations: Option<(u16, u16)>,
}

/// The server that repeats DDL.
pub(super) struct Shadow {
    conn: Conn,
    /// MariaDB's default collation of each character set.
    pub(super) collations: BTreeMap<String, String>,
    _server: PrivateServer,
}

impl Shadow {
    /// Starts it with `options`, which decide about character sets and time zone as on the first server.
    pub(super) fn start(options: &[&str]) -> Result<Self> {
        let all: Vec<&str> = SMALL.iter().chain(options).copied().collect();
        let server = PrivateServer::start_alone(&all)?;
        let mut conn = server.connect()?;
        let query = "SELECT character_set_name, default_collate_name FROM information_schema.character_sets";
        let collations = conn.all(query)?.into_iter().collect();
        Ok(Self { conn, collations, _server: server })
    }

    /// Repeats a DDL.
    ///
    /// # Errors
    /// If this server refuses what the first one did.
    pub(super) fn run(&mut self, query: &Query) -> Result<()> {
        if let Some(mode) = query.sql_mode {
            self.conn.query_drop(format!("SET SESSION sql_mode = {mode}"))?;
        }
        // Tables come without the parents of their foreign keys now and then, as the first server allows too.
        self.conn.query_drop("SET SESSION foreign_key_checks = 0")?;
        if !query.schema.is_empty() {
            // CREATE DATABASE names itself as current; where the database is really needed, the statement fails itself.
            let _ = self.conn.query_drop(format!("USE {}", sql_name(&query.schema)));
        }
        if let Some((connection, server)) = query.collations {
            let set = format!("SET SESSION collation_connection = {connection}, collation_server = {server}");
            self.conn.query_drop(set)?;
        }
        let done = self.conn.query_drop(&query.sql).context("the server that repeats DDL");
        // Whatever mode the statement had, names and texts below are read with the usual one.
        self.conn.query_drop("SET SESSION sql_mode = DEFAULT")?;
        self.conn.query_drop("SET NAMES utf8mb4")?;
        done
    }

    /// The definition of a table; `None` if there is none.
    ///
    /// # Errors
    /// If it has something that a TiDB's table cannot have here.
    pub(super) fn table(&mut self, schema: &str, name: &str) -> Result<Option<Definition>> {
        definition::read(&mut self.conn, schema, name)
    }

    /// Default character set and collation of a database; `None` if there is none.
    pub(super) fn database(&mut self, name: &str) -> Result<Option<(String, String)>> {
        let query = "SELECT default_character_set_name, default_collation_name FROM information_schema.schemata \
                     WHERE schema_name = ?";
        Ok(self.conn.one_with(query, (name,))?)
    }

    /// Whether there is a table, view or sequence of this name.
    pub(super) fn has(&mut self, schema: &str, name: &str) -> Result<bool> {
        let query = "SELECT 1 FROM information_schema.tables WHERE table_schema = ? AND table_name = ?";
        Ok(self.conn.one_with::<u8>(query, (schema, name))?.is_some())
    }
}
