//! DDL jobs as TiDB's history shows them.

/// A finished DDL job (spec/tidb-formats.md §6.1).
#[derive(Clone, Debug)]
pub struct Job {
    /// Its id.
    pub id: i64,
}
