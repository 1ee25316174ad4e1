//! What a worker does about columns that are not the same on both sides.

use std::sync::Arc;

use anyhow::{Error, Result};

use super::batch::Part;
use super::failure::code_of;
use super::shape::{Fit, look};
use super::worker::Worker;
use crate::model::{CommitTs, Table};

/// What servers say of a column that is not there, that lacks a value, or that must not have one.
const CODES: [u16; 7] = [1054, 1136, 1364, 1906, 3105, 3819, 4025];

/// A table whose columns on the target were not as they were taken for.
pub(super) struct Doubt {
    table: Arc<Table>,
    /// What it was taken for.
    fit: Option<Arc<Fit>>,
}

impl Worker {
    /// Compares `tables` with the target.
    pub(super) fn look(&mut self, tables: &[Arc<Table>]) -> Result<()> {
        let context = self.context.clone();
        let lane = self.open_lane()?;
        look::look(&mut lane.session, tables, context.options.mode, &context.fits, &context.events)
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
        if new.is_empty() {
            return Ok(());
        }
        self.context.exactly_once(Some(CommitTs(ts.0 - 1)), new.iter())?;
        self.look(&new)
    }

    /// Takes note of a statement on the target's `table` that failed with `error`, if its columns may be the cause.
    pub(super) fn doubt(&mut self, table: &Arc<Table>, error: &Error) {
        self.doubt = None;
        if code_of(error).is_some_and(|code| CODES.contains(&code)) {
            self.doubt = self.context.fits.upstream(table).map(|(table, fit)| Doubt { table, fit });
        }
    }

    /// After a refused statement: reads the target's definition again, if that may be the cause. Gives whether it is another one
    /// now, so that the same transaction is worth another try.
    ///
    /// # Errors
    /// Refused, if rows of the table cannot be written as it is now.
    pub(super) fn look_again(&mut self) -> Result<bool> {
        let Some(Doubt { table, fit }) = self.doubt.take() else { return Ok(false) };
        let mut backoff = super::retry::Backoff::new();
        self.lane(&mut backoff)?;
        self.look(std::slice::from_ref(&table))?;
        Ok(self.context.fits.get(&table) != fit)
    }
}
