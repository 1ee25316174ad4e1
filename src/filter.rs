//! Which databases are replicated at all. System databases, and the tools' own books, never are.

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

#[cfg(test)]
mod tests {
    use super::wanted;

    #[test]
    fn system_databases_are_out_in_any_case() {
        assert!(!wanted("mysql") && !wanted("PERFORMANCE_SCHEMA") && !wanted("tidb_binlog") && !wanted("retl"));
        assert!(wanted("bank") && wanted("mysql2") && wanted("test"));
    }
}
