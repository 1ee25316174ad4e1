//! Compares a table's columns on both sides, and handles differences.
//!
//! See docs/protocol/tidb-binlog.md §6.4.
//!
//! ```text
//! found      a table as the target has it: ENUM and SET texts, unique keys, columns of a result
//! fit        mode 2: the row that the target takes, made of the upstream's; zero values
//! fits       what differs (an error in mode 1), and the fits of all tables, by upstream definition
//! mod        what workers do about it; reading and comparing; targets that have each DDL first
//! ```
//!
//! - What a worker does about columns that are not the same on both sides.
//! - Reading tables on the target and comparing them with the upstream's: before the first row of a
//!   definition, after a DDL, and when the server says that a column is not what it was.
//! - A target that has each DDL before the source: which of the source's later definitions it has
//!   now, and how a row of the current definition is written to that one.
//!
//! For such a target nothing is guessed: the target's definition is only explained by one that the
//! source itself gets later. Columns are followed through their DDLs, so a renamed column keeps its
//! values, and a column that is dropped and created again does not. A column that the source does
//! not have yet gets in new rows the value that the source's own rows get when it runs the DDL, and
//! keeps its value in other rows.

pub(super) mod fit;
pub(super) mod fits;
pub(super) mod found;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Error, Result};

use super::alone::{Difference, HeldRows};
use super::batch::{Part, full_name};
use super::options::Mode;
use super::worker::Worker;
use crate::error::Fault;
use crate::event::{Event, Events};
use crate::model::{CommitTs, Table};
use crate::mysql::error::{Class, classify, code_of, explain};
use crate::mysql::session::Session;
use crate::schema::{Ahead, Later, carried};
use crate::sql::quote_text;
pub(super) use fit::Fit;
pub(super) use fits::Fits;
use fits::TakenFor;
use found::{Facts, Signature, Tables, TargetTable, read};

/// Error codes for a column that does not exist, that lacks a value, or that must not have one.
const CODES: [u16; 7] = [1054, 1136, 1364, 1906, 3105, 3819, 4025];

/// A table whose columns on the target may not be as the last comparison found them.
pub(super) struct Doubt {
    table: Arc<Table>,
    /// The result of that comparison; `None` if there was none.
    taken_for: Option<TakenFor>,
}

/// A table of a batch, with the result of its last comparison.
pub(super) type Taken = (Arc<Table>, TakenFor);

impl Worker {
    /// Compares `tables` with the target. If the target has changed one already, it waits, without
    /// an open transaction, until the source's own history explains the change.
    pub(super) fn look(&mut self, tables: &[Arc<Table>]) -> Result<()> {
        let context = self.context.clone();
        if let Some(ahead) = context.options.follows() {
            return tables.iter().try_for_each(|table| self.look_ahead(ahead, table, false));
        }
        let lane = self.open_lane()?;
        look(&mut lane.session, tables, context.options.mode, &context.fits, &context.events)
    }

    /// `moved`: the target's columns have just changed, so it has a DDL that the source may not
    /// have.
    fn look_ahead(&mut self, ahead: &Ahead, table: &Arc<Table>, mut moved: bool) -> Result<()> {
        let context = self.context.clone();
        let mut held = HeldRows::new(table);
        loop {
            let session = &mut self.open_lane()?.session;
            let Some(Seen { there, facts, signature }) = see(session, table)? else {
                // It is compared with its first row.
                context.fits.put(table, None);
                return Ok(());
            };
            // Read afterwards: what is in the source's history by now was on the target by then.
            let course = match ahead.after(table) {
                Ok(course) => course,
                Err(error) => {
                    held.wait(&context, Err(error))?;
                    continue;
                }
            };
            match explain_ahead(table, &course.later, &there, facts) {
                Explained::Yes { fit, known } => {
                    // The columns may look as before, and be different ones.
                    if moved && !known {
                        let changed = changed(session, table)?;
                        if held.wait_for_news(&context, changed, course.newest)? {
                            continue;
                        }
                    }
                    if let Some(says) = context.fits.put_for(table, fit, Some(signature)) {
                        (context.events)(Event::Note(says));
                    }
                    return Ok(());
                }
                Explained::NotYet(differences) => {
                    moved = true;
                    let changed = changed(session, table)?;
                    held.wait(&context, Ok(Difference { texts: differences, changed, newest: course.newest }))?;
                }
                Explained::Never(problems) => {
                    return Err(Fault::refused(problems.join("\n  "))
                        .hint("change the target's definition so that the rows fit, and start again")
                        .into());
                }
            }
        }
    }

    /// Compares the tables of `part` that have not been compared yet.
    pub(super) fn look_first(&mut self, ts: CommitTs, part: &Part) -> Result<()> {
        let mut new: Vec<Arc<Table>> = Vec::new();
        for change in &part.changes {
            let known = new.last().is_some_and(|t| Arc::ptr_eq(t, &change.table));
            if !known && !self.context.fits.knows(&change.table) {
                new.push(change.table.clone());
            }
        }
        let Some(first) = new.first() else { return Ok(()) };
        self.context.exactly_once(Some(CommitTs(ts.0 - 1)), new.iter())?;
        if self.context.options.follows().is_some() {
            // It may have to be waited for, which must not happen in an open transaction.
            self.doubt = Some(Doubt { table: first.clone(), taken_for: None });
            return Err(Fault::refused(format!("{} has not been compared yet", full_name(first))).into());
        }
        self.look(&new)
    }

    /// If the target's columns may change at any time: the last comparison of each table of
    /// `parts`.
    pub(super) fn taken(&self, parts: &[Part]) -> Vec<Taken> {
        let mut taken: Vec<Taken> = Vec::new();
        if self.context.options.follows().is_none() {
            return taken;
        }
        for change in parts.iter().flat_map(|p| &p.changes) {
            if taken.iter().all(|(table, _)| !Arc::ptr_eq(table, &change.table)) {
                let there = self.context.fits.taken_for(&change.table);
                taken.extend(there.map(|there| (change.table.clone(), there)));
            }
        }
        taken
    }

    /// Checks, within the open transaction, that the columns of these tables are still those that
    /// the rows were made for. They stay so until its end.
    pub(super) fn still_so(&mut self, taken: Vec<Taken>) -> Result<()> {
        for (table, taken_for) in taken {
            let Some(wanted) = &taken_for.signature else { continue };
            let name = full_name(&table);
            let there = self.open_lane()?.session.signature(&name);
            let there = there.map_err(|e| explain(&e, format!("looking at the columns of {name}")))?;
            // Another worker may have compared it again while the rows were made.
            if there != *wanted || self.context.fits.taken_for(&table).as_ref() != Some(&taken_for) {
                self.doubt = Some(Doubt { table, taken_for: Some(taken_for) });
                return Err(Fault::refused(format!("the columns of {name} have just changed on the target")).into());
            }
        }
        Ok(())
    }

    /// Records a statement on the target's `table` that failed with `error`, if its columns may be
    /// the cause.
    pub(super) fn doubt(&mut self, table: &Arc<Table>, error: &Error) {
        self.doubt = None;
        if code_of(error).is_some_and(|code| CODES.contains(&code)) {
            let fits = &self.context.fits;
            self.doubt = fits.upstream(table).map(|table| Doubt { taken_for: fits.taken_for(&table), table });
        }
    }

    /// After a refused statement: reads the target's definition again, if that may be the cause.
    /// Returns whether it has changed, so that the transaction is worth another try.
    ///
    /// # Errors
    /// Refused, if rows of the table cannot be written as it is now.
    pub(super) fn look_again(&mut self) -> Result<bool> {
        let Some(Doubt { table, taken_for }) = self.doubt.take() else { return Ok(false) };
        let mut backoff = super::watch::Backoff::new();
        self.lane(&mut backoff)?;
        let context = self.context.clone();
        match context.options.follows() {
            Some(ahead) => self.look_ahead(ahead, &table, taken_for.is_some())?,
            None => self.look(std::slice::from_ref(&table))?,
        }
        Ok(taken_for.is_none() || self.context.fits.taken_for(&table) != taken_for)
    }
}

/// The hint for different columns.
pub(in crate::sink::mysql) const HINT: &str = "make both definitions match, or start with --sync-mode 2, which leaves \
    out columns that the target lacks and lets the target's own columns keep their values; nothing was dropped \
    silently";

/// The hint for different columns if the target has each DDL first.
pub(in crate::sink::mysql) const HINT_AHEAD: &str = "the target's DDL reaches the source through the link in the \
     other direction: check that it is running, and whether it skipped, filtered or has yet to run one for this \
     table, then start again. Otherwise make both definitions match, or start with --sync-mode 2, which leaves out \
     columns that the target lacks and lets the target's own columns keep their values";

/// A table as the target has it now.
pub(in crate::sink::mysql) struct Seen {
    pub(in crate::sink::mysql) there: TargetTable,
    pub(in crate::sink::mysql) facts: Facts,
    pub(in crate::sink::mysql) signature: Signature,
}

/// Reads one table completely, unchanged while it was read. `None` if it does not exist.
///
/// # Errors
/// The server's error.
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

/// When the target's table was last changed, if the server tells: its creation time is that of its
/// last DDL.
///
/// # Errors
/// The server's error.
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

/// Compares `tables` with the target and records the result. One that does not exist is compared
/// with its first row.
///
/// # Errors
/// Refused, if rows of one of them cannot be written in this mode; or the server's error.
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
                problems.extend(fits::columns(table, there));
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
        Mode::Partial => "change the target's definition so that the rows fit, and start again",
    };
    Err(Fault::refused(problems.join("\n  ")).hint(hint).into())
}

/// The result of a comparison.
#[derive(Debug)]
pub(in crate::sink::mysql) enum Explained {
    /// Rows are written unchanged, or as `fit` says. `known`: the source's history has everything
    /// that the target has by now, as far as its columns tell.
    Yes { fit: Option<Arc<Fit>>, known: bool },
    /// The target has a definition that the source does not reach, as far as is known.
    NotYet(Vec<String>),
    /// Rows cannot be written to it.
    Never(Vec<String>),
}

/// Compares `table`, which becomes `later`, with the target's.
pub(in crate::sink::mysql) fn explain_ahead(
    table: &Table,
    later: &[Later],
    there: &TargetTable,
    facts: Facts,
) -> Explained {
    let mut differences = fits::columns(table, there);
    let named = |l: &Later| Table { schema: table.schema.clone(), name: table.name.clone(), ..Table::clone(&l.table) };
    let alike = later.iter().rposition(|l| fits::columns(&named(l), there).is_empty());
    // What a link has brought to the source was on the target before: the target cannot be back at
    // an earlier definition.
    let passed = later.iter().rposition(|l| l.brought);
    let steps = alike.filter(|at| passed.is_none_or(|passed| *at >= passed)).and_then(|at| later.get(..=at));
    let Some((steps, last)) = steps.and_then(|steps| Some((steps, steps.last()?))) else {
        if differences.is_empty() && passed.is_none() {
            return Explained::Yes { fit: None, known: false };
        }
        if differences.is_empty() {
            differences.push(format!("{} has columns that were dropped and created again", full_name(table)));
        }
        return Explained::NotYet(differences);
    };
    let places = carried(table, steps);
    match Fit::ahead(table, &places, &last.table, there, facts) {
        Ok(fit) => Explained::Yes { fit: fit.map(Arc::new), known: true },
        Err(problems) => Explained::Never(problems),
    }
}

#[cfg(test)]
mod tests;
