//! What a link replicates, as a file says it.

/// Events of some tables that are left out: `[[link.events]]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventRule {
    /// Patterns of tables, as in `tables`.
    pub tables: Vec<String>,
    /// Names of events: `delete`, `truncate table`, `all ddl`.
    pub ignore: Vec<String>,
    /// Regular expressions that are searched in the text of DDL.
    pub ignore_sql: Vec<String>,
    /// Whether names count with their case.
    pub case_sensitive: bool,
}

/// A new name: `app.*` becomes `app2.*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The pattern of the upstream's names.
    pub from: String,
    /// The target's name.
    pub to: String,
}

/// What runs instead of a DDL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement {
    /// The DDL's commit ts.
    pub ts: u64,
    /// The statements.
    pub sql: String,
}
