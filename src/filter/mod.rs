//! Which databases and tables are replicated. System databases, and the tools' own books, never are.

use crate::model::Ddl;

/// Databases of TiDB and MySQL themselves, and those in which replication tools keep their checkpoints and marks.
const NEVER: [&str; 9] = [
    "mysql",
    "sys",
    "information_schema",
    "performance_schema",
    "metrics_schema",
    "inspection_schema",
    "tidb_binlog",
    "retl",
    "tidb_lightning_task_info",
];

/// Whether the tables of `database` belong to the users of the cluster.
#[must_use]
pub fn wanted(database: &str) -> bool {
    !NEVER.iter().any(|never| never.eq_ignore_ascii_case(database))
}

/// What of an upstream is replicated, by its own names. The default is everything that is [`wanted`].
#[derive(Clone, Debug, Default)]
pub struct Filter {}

impl Filter {
    /// Whether rows of this table are replicated, and DDL on it.
    #[must_use]
    pub fn table(&self, schema: &str, _table: &str) -> bool {
        wanted(schema)
    }

    /// Whether `ddl` is replicated.
    #[must_use]
    pub fn ddl(&self, ddl: &Ddl) -> bool {
        wanted(&ddl.schema)
    }
}

#[cfg(test)]
mod tests {
    use super::wanted;

    #[test]
    fn system_databases_are_out_in_any_case() {
        assert!(!wanted("mysql") && !wanted("PERFORMANCE_SCHEMA") && !wanted("tidb_binlog") && !wanted("retl"));
        assert!(wanted("bank") && wanted("mysql2") && wanted("test"));
    }
}
