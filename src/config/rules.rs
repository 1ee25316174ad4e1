//! What a link replicates, as a file says it.

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
