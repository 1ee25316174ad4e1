//! What a worker does about columns that are not the same on both sides.

use std::sync::Arc;

use anyhow::{Error, Result};

use super::batch::{Part, full_name};
use super::failure::{code_of, explain};
use super::held::{Difference, Held};
use super::shape::ahead::Explained;
use super::shape::fits::TakenFor;
use super::shape::look::{self, Seen};
use super::worker::Worker;
use crate::error::Fault;
use crate::event::Event;
use crate::model::{CommitTs, Table};
use crate::schema::Ahead;

/// What servers say of a column that is not there, that lacks a value, or that must not have one.
const CODES: [u16; 7] = [1054, 1136, 1364, 1906, 3105, 3819, 4025];

/// A table whose columns on the target were not as they were taken for.
pub(super) struct Doubt {
    table: Arc<Table>,
    /// What it was taken for; `None` if for nothing yet.
    taken_for: Option<TakenFor>,
}

/// What a table of a batch is taken for.
pub(super) type Taken = (Arc<Table>, TakenFor);

impl Worker {
    /// Compares `tables` with the target. One that the target has changed already is waited for, with no transaction open, until the
    /// source's own history says what becomes of it.
    pub(super) fn look(&mut self, tables: &[Arc<Table>]) -> Result<()> {
        let context = self.context.clone();
        if let Some(ahead) = context.options.follows() {
            return tables.iter().try_for_each(|table| self.look_ahead(ahead, table, false));
        }
        let lane = self.open_lane()?;
        look::look(&mut lane.session, tables, context.options.mode, &context.fits, &context.events)
    }

    /// `moved`: the target's columns have just changed, so it has a DDL that the source may not have.
    fn look_ahead(&mut self, ahead: &Ahead, table: &Arc<Table>, mut moved: bool) -> Result<()> {
        let context = self.context.clone();
        let mut held = Held::new(table);
        loop {
            let session = &mut self.open_lane()?.session;
            let Some(Seen { there, facts, signature }) = look::see(session, table)? else {
                // It is left to its first row.
                context.fits.put(table, None);
                return Ok(());
            };
            // Read behind it: what is in the source's history by now was on the target by then.
            let course = match ahead.after(table) {
                Ok(course) => course,
                Err(error) => {
                    held.wait(&context, Err(error))?;
                    continue;
                }
            };
            match super::shape::ahead::explain(table, &course.later, &there, facts) {
                Explained::Yes { fit, known } => {
                    // The columns may look like those before, and be others.
                    if moved && !known {
                        let changed = look::changed(session, table)?;
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
                    let changed = look::changed(session, table)?;
                    held.wait(&context, Ok(Difference { texts: differences, changed, newest: course.newest }))?;
                }
                Explained::Never(problems) => {
                    return Err(Fault::refused(problems.join("\n  "))
                        .hint("make the target's definition one that the rows fit into, and start again")
                        .into());
                }
            }
        }
    }

    /// The same for those tables of `part` that nobody has compared yet.
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
            // It may have to be waited for, which no open transaction should.
            self.doubt = Some(Doubt { table: first.clone(), taken_for: None });
            return Err(Fault::refused(format!("{} is not compared yet", full_name(first))).into());
        }
        self.look(&new)
    }

    /// Where the target's columns may change at any time: what each table of `parts` is taken for.
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

    /// Sees, within the open transaction, that the columns of these tables are still what the rows were made for. They stay so until its end.
    pub(super) fn still_so(&mut self, taken: Vec<Taken>) -> Result<()> {
        for (table, taken_for) in taken {
            let Some(wanted) = &taken_for.signature else { continue };
            let name = full_name(&table);
            let there = self.open_lane()?.session.signature(&name);
            let there = there.map_err(|e| explain(&e, format!("looking at the columns of {name}")))?;
            // Another worker may have compared them again while the rows were made.
            if there != *wanted || self.context.fits.taken_for(&table).as_ref() != Some(&taken_for) {
                self.doubt = Some(Doubt { table, taken_for: Some(taken_for) });
                return Err(Fault::refused(format!("the columns of {name} have just changed on the target")).into());
            }
        }
        Ok(())
    }

    /// Takes note of a statement on the target's `table` that failed with `error`, if its columns may be the cause.
    pub(super) fn doubt(&mut self, table: &Arc<Table>, error: &Error) {
        self.doubt = None;
        if code_of(error).is_some_and(|code| CODES.contains(&code)) {
            let fits = &self.context.fits;
            self.doubt = fits.upstream(table).map(|table| Doubt { taken_for: fits.taken_for(&table), table });
        }
    }

    /// After a refused statement: reads the target's definition again, if that may be the cause. Gives whether it is another one
    /// now, so that the same transaction is worth another try.
    ///
    /// # Errors
    /// Refused, if rows of the table cannot be written as it is now.
    pub(super) fn look_again(&mut self) -> Result<bool> {
        let Some(Doubt { table, taken_for }) = self.doubt.take() else { return Ok(false) };
        let mut backoff = super::retry::Backoff::new();
        self.lane(&mut backoff)?;
        let context = self.context.clone();
        match context.options.follows() {
            Some(ahead) => self.look_ahead(ahead, &table, taken_for.is_some())?,
            None => self.look(std::slice::from_ref(&table))?,
        }
        Ok(taken_for.is_none() || self.context.fits.taken_for(&table) != taken_for)
    }
}
