//! Where a Drainer kept its checkpoint, as its drainer.toml says (spec/tidb-binlog.md §8.1).

use std::fmt;
use std::path::PathBuf;

use crate::sink::mysql::Connection;

/// Where the Drainer that a link takes over from kept its checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DrainerCheckpoint {
    /// In a table on the link's own target; the usual place is `tidb_binlog`.`checkpoint`.
    Target {
        /// Its database.
        schema: String,
        /// Its table.
        table: String,
    },
    /// In a table on another server.
    Server {
        /// `mysql://user@host:port/?…`, without a password.
        address: String,
        /// Its password and the like.
        connection: Connection,
        /// Its database.
        schema: String,
        /// Its table.
        table: String,
    },
    /// In a file: `<data-dir>/savepoint`, TOML with `commitTS`, `consistent` and `schema-version`, without the cluster's id.
    File(PathBuf),
}

impl Default for DrainerCheckpoint {
    fn default() -> Self {
        Self::Target { schema: "tidb_binlog".to_owned(), table: "checkpoint".to_owned() }
    }
}

impl fmt::Display for DrainerCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Target { schema, table } => write!(f, "{schema}.{table} on the target"),
            Self::Server { address, schema, table, .. } => write!(f, "{schema}.{table} on {address}"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}
