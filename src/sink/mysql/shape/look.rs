//! Reads tables on the target and compares them with the upstream's: before the first row of a definition, after a DDL, and when the
//! server says that a column is not what it was.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;

use super::found::{Facts, Found, Tables, read};
use super::signature::Signature;
use super::{Fits, compare};
use crate::error::Fault;
use crate::event::{Event, Events};
use crate::model::Table;
use crate::sink::mysql::Mode;
use crate::sink::mysql::batch::full_name;
use crate::sink::mysql::failure::{Class, classify, explain};
use crate::sink::mysql::session::{Session, quote_text};

/// What an operator can do about other columns.
pub(in crate::sink::mysql) const HINT: &str = "make both definitions alike, or start with --sync-mode 2, which leaves out columns that the target lacks \
     and lets the target's own columns keep their values; nothing was dropped silently";

/// The same where the target has each DDL first.
pub(in crate::sink::mysql) const HINT_AHEAD: &str = "the target's DDL comes to the source through the link of the other direction: see that it runs, and whether it skipped, filtered or \
     still has to run one for this table, then start again. Otherwise make both definitions alike, or start with --sync-mode 2, which leaves out \
     columns that the target lacks and lets the target's own columns keep their values";

/// A table as the target has it now.
pub(in crate::sink::mysql) struct Seen {
    pub(in crate::sink::mysql) there: Found,
    pub(in crate::sink::mysql) facts: Facts,
    pub(in crate::sink::mysql) signature: Signature,
}

/// Reads one table, whole: it is the same when it was read. `None` if there is none.
///
/// # Errors
/// What the target said.
pub(in crate::sink::mysql) fn see(session: &mut Session, table: &Table) -> Result<Option<Seen>> {
    if session.server().cannot_name_table(&table.schema, &table.name).is_some() {
        return Ok(None);
    }
    let name = full_name(table);
    let facts = Facts::read(session)?;
    loop {
        let before = match session.signature(&name) {
            Ok(signature) => signature,
            Err(error) if classify(&error) == Class::Object => return Ok(None),
            Err(error) => return Err(explain(&error, format!("looking at the columns of {name}"))),
        };
        let mut found = Tables::new();
        read(session, facts, &table.schema, Some(&table.name), &mut found)?;
        let there = found.remove(&facts.key(&table.schema, &table.name));
        let after = session.signature(&name);
        if let (Some(there), Ok(signature)) = (there, after)
            && signature == before
        {
            return Ok(Some(Seen { there, facts, signature }));
        }
    }
}

/// When the target's table was last changed, by its clock.
#[derive(Clone, Copy, Debug)]
pub(in crate::sink::mysql) struct Changed {
    /// How long ago.
    pub(in crate::sink::mysql) age: Duration,
    /// Seconds since 1970, rounded down.
    pub(in crate::sink::mysql) at: u64,
}

/// When the target's table was last changed, where the server tells: what it calls the time of its creation is that of its last DDL.
///
/// # Errors
/// What the target said.
pub(in crate::sink::mysql) fn changed(session: &mut Session, table: &Table) -> Result<Option<Changed>> {
    let found: Option<(Option<i64>, Option<i64>)> = session.first(&format!(
        "SELECT CAST(UNIX_TIMESTAMP(create_time) AS SIGNED), CAST(UNIX_TIMESTAMP(NOW()) AS SIGNED) FROM information_schema.tables \
         WHERE table_schema = {} AND table_name = {}",
        quote_text(&table.schema),
        quote_text(&table.name)
    ))?;
    let Some((Some(at), Some(now))) = found else { return Ok(None) };
    let age = Duration::from_secs(u64::try_from(now - at).unwrap_or(0));
    Ok(u64::try_from(at).ok().map(|at| Changed { age, at }))
}

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
        let fit = match (there, fits.mode(table, mode)) {
            (None, _) => None,
            (Some(there), Mode::Full) => {
                problems.extend(compare::columns(table, there));
                None
            }
            (Some(there), Mode::Partial) => match fits.make(table, there, facts) {
                Ok(fit) => fit,
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
