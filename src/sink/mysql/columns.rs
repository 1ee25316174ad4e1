//! What a worker does about columns that are not the same on both sides.

use std::sync::Arc;

use anyhow::{Error, Result};

use super::batch::{Part, full_name};
use super::failure::{code_of, explain};
use super::held::{Difference, Held};
use super::shape::ahead::Explained;
use super::shape::look::{self, Seen};
use super::shape::signature::Signature;
use super::shape::{Fit, Fits};
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

#[derive(PartialEq)]
struct TakenFor {
    fit: Option<Arc<Fit>>,
    signature: Option<Signature>,
}

impl TakenFor {
    fn of(fits: &Fits, table: &Arc<Table>) -> Option<Self> {
        fits.knows(table).then(|| Self { fit: fits.get(table), signature: fits.signature(table) })
    }
}

impl Worker {
    /// Compares `tables` with the target. One that the target has changed already is waited for, with no transaction open, until the
    /// source's own history says what becomes of it.
    pub(super) fn look(&mut self, tables: &[Arc<Table>]) -> Result<()> {
        let context = self.context.clone();
        if let Some(ahead) = context.options.follows() {
            return tables.iter().try_for_each(|table| self.look_ahead(ahead, table));
        }
        let lane = self.open_lane()?;
        look::look(&mut lane.session, tables, context.options.mode, &context.fits, &context.events)
    }

    fn look_ahead(&mut self, ahead: &Ahead, table: &Arc<Table>) -> Result<()> {
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
                Explained::Yes(fit) => {
                    if let Some(says) = context.fits.put_for(table, fit, Some(signature)) {
                        (context.events)(Event::Note(says));
                    }
                    return Ok(());
                }
                Explained::NotYet(differences) => {
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

    /// Where the target's columns may change at any time: sees, within the open transaction, that those of each table of `parts` are still
    /// what its rows are made for. They stay so until its end.
    pub(super) fn still_so(&mut self, parts: &[Part]) -> Result<()> {
        let context = self.context.clone();
        if context.options.follows().is_none() {
            return Ok(());
        }
        let mut seen: Vec<*const Table> = Vec::new();
        for change in parts.iter().flat_map(|p| &p.changes) {
            let table = &change.table;
            if seen.contains(&Arc::as_ptr(table)) {
                continue;
            }
            seen.push(Arc::as_ptr(table));
            let Some(wanted) = context.fits.signature(table) else { continue };
            let name = full_name(table);
            let there = self.open_lane()?.session.signature(&name);
            if there.map_err(|e| explain(&e, format!("looking at the columns of {name}")))? != wanted {
                self.doubt = Some(Doubt { table: table.clone(), taken_for: TakenFor::of(&context.fits, table) });
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
            self.doubt = fits.upstream(table).map(|(table, _)| Doubt { taken_for: TakenFor::of(fits, &table), table });
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
        self.look(std::slice::from_ref(&table))?;
        Ok(taken_for.is_none() || TakenFor::of(&self.context.fits, &table) != taken_for)
    }
}
