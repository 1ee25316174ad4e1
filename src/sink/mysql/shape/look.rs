//! Reads tables on the target and compares them with the upstream's: before the first row of a definition, after a DDL, and when the
//! server says that a column is not what it was.

use std::sync::Arc;

use anyhow::Result;

use super::found::{Facts, Tables, read};
use super::{Fit, Fits, compare};
use crate::error::Fault;
use crate::event::{Event, Events};
use crate::model::Table;
use crate::sink::mysql::Mode;
use crate::sink::mysql::session::Session;

/// What an operator can do about other columns.
pub(in crate::sink::mysql) const HINT: &str = "make both definitions alike, or start with --sync-mode 2, which leaves out columns that the target lacks \
     and lets the target's own columns keep their values; nothing was dropped silently";

/// Compares `tables` with the target and takes note of it. One that is not there is left to its first row.
///
/// # Errors
/// Refused, if rows of one of them cannot be written in this mode; or what the target said.
pub(in crate::sink::mysql) fn look(
    session: &mut Session,
    tables: &[Arc<Table>],
    mode: Mode,
    fits: &Fits,
    events: &Events,
) -> Result<()> {
    let facts = Facts::read(session)?;
    let mut found = Tables::new();
    for table in tables {
        read(session, facts, &table.schema, Some(&table.name), &mut found)?;
    }
    let mut problems = Vec::new();
    for table in tables {
        let there = found.get(&facts.key(&table.schema, &table.name));
        let fit = match (there, mode) {
            (None, _) => None,
            (Some(there), Mode::Full) => {
                problems.extend(compare::columns(table, there));
                None
            }
            (Some(there), Mode::Partial) => match Fit::of(table, there, facts) {
                Ok(fit) => fit.map(Arc::new),
                Err(found) => {
                    problems.extend(found);
                    continue;
                }
            },
        };
        if let Some(says) = fits.put(table, fit) {
            events(Event::Warning(says));
        }
    }
    if problems.is_empty() {
        return Ok(());
    }
    let hint = match mode {
        Mode::Full => HINT,
        Mode::Partial => "make the target's definition one that the rows fit into, and start again",
    };
    Err(Fault::refused(problems.join("\n  ")).hint(hint).into())
}
