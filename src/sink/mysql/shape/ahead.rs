//! A target that has each DDL before the source: which of the source's later definitions it has now, and how a row of today is written
//! to that one.
//!
//! Nothing is guessed: only a definition that the source itself comes to explains the target's. Columns are followed by what the DDL does to them,
//! so a renamed one keeps its values, and a column that is dropped and made anew does not. A column that the source does not have yet gets in
//! new rows what the source's own rows get when the DDL comes there, and keeps its value in others.

use std::sync::Arc;

use super::Fit;
use super::compare;
use super::found::{Facts, Found};
use crate::model::Table;
use crate::schema::{Later, carried};

/// What a comparison says.
#[derive(Debug)]
pub(in crate::sink::mysql) enum Explained {
    /// Rows are written as they are, or as this says.
    Yes(Option<Arc<Fit>>),
    /// The target has a definition that the source does not come to, as far as is known.
    NotYet(Vec<String>),
    /// Rows cannot be written to it.
    Never(Vec<String>),
}

/// Compares `table`, which becomes `later`, with the target's.
pub(in crate::sink::mysql) fn explain(table: &Table, later: &[Later], there: &Found, facts: Facts) -> Explained {
    let differences = compare::columns(table, there);
    // What is in the source's history was on the target first: the last one that is alike is the one that it has.
    let named = |l: &Later| Table { schema: table.schema.clone(), name: table.name.clone(), ..Table::clone(&l.table) };
    let alike = later.iter().rposition(|l| compare::columns(&named(l), there).is_empty());
    let Some(steps) = alike.and_then(|at| later.get(..=at)) else {
        return if differences.is_empty() { Explained::Yes(None) } else { Explained::NotYet(differences) };
    };
    let Some(last) = steps.last() else { return Explained::Yes(None) };
    let places = carried(table, steps);
    match Fit::ahead(table, &places, &last.table, there, facts) {
        Ok(fit) => Explained::Yes(fit.map(Arc::new)),
        Err(problems) => Explained::Never(problems),
    }
}
