//! What the sink and its workers both see: position, totals, what is left out, and the first error.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Error, Result};

use super::skipped::Skipped;
use crate::error::{Fault, fault};
use crate::model::CommitTs;
use crate::sink::Totals;

/// See the module.
pub(super) struct Shared {
    state: Mutex<State>,
    stopped: AtomicBool,
    /// A save of the position is under way: another one beside it would only wait with it where the target is stuck.
    saving: AtomicBool,
}

struct State {
    position: Option<CommitTs>,
    totals: Totals,
    skipped: Arc<Skipped>,
    error: Option<Error>,
    fault: Option<Fault>,
    /// Schema versions, each with the commit ts from which on it holds; rising.
    versions: Vec<(CommitTs, i64)>,
}

impl Shared {
    pub(super) fn new(position: Option<CommitTs>, skipped: Skipped) -> Self {
        let state = State {
            position,
            totals: Totals::default(),
            skipped: Arc::new(skipped),
            error: None,
            fault: None,
            versions: Vec::new(),
        };
        Self { state: Mutex::new(state), stopped: AtomicBool::new(false), saving: AtomicBool::new(false) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The low-water mark: everything at or below is durable.
    pub(super) fn position(&self) -> Option<CommitTs> {
        self.lock().position
    }

    pub(super) fn skipped(&self) -> Arc<Skipped> {
        self.lock().skipped.clone()
    }

    pub(super) fn set_skipped(&self, skipped: Skipped) {
        self.lock().skipped = Arc::new(skipped);
    }

    /// Changes the list in place, for counts that several workers add to.
    pub(super) fn change_skipped(&self, change: impl FnOnce(&mut Skipped)) {
        change(Arc::make_mut(&mut self.lock().skipped));
    }

    pub(super) fn totals(&self) -> Totals {
        let state = self.lock();
        Totals { left_out: state.skipped.entries().to_vec(), ..state.totals.clone() }
    }

    /// Counts durable work.
    pub(super) fn count(&self, change: impl FnOnce(&mut Totals)) {
        change(&mut self.lock().totals);
    }

    /// The low-water mark moved to `ts`, if it was not there yet.
    pub(super) fn reached(&self, ts: CommitTs) {
        let mut state = self.lock();
        state.position = state.position.max(Some(ts));
    }

    /// A save of the position is to begin; false if one is under way.
    pub(super) fn begin_save(&self) -> bool {
        !self.saving.swap(true, Ordering::SeqCst)
    }

    pub(super) fn save_ended(&self) {
        self.saving.store(false, Ordering::SeqCst);
    }

    /// From `ts` on the schema has `version`.
    pub(super) fn followed(&self, ts: CommitTs, version: i64) {
        let mut state = self.lock();
        if state.versions.last().is_none_or(|(_, v)| *v != version) {
            state.versions.push((ts, version));
        }
    }

    /// The schema version at `ts`, which the position has reached; 0 if it is not known.
    pub(super) fn schema_version(&self, ts: CommitTs) -> i64 {
        let mut state = self.lock();
        let behind = state.versions.partition_point(|(from, _)| *from <= ts);
        // Older ones will not be asked for again.
        state.versions.drain(..behind.saturating_sub(1));
        state.versions.first().filter(|(from, _)| *from <= ts).map_or(0, |(_, v)| *v)
    }

    /// Nothing more will be applied: `error` was seen by the caller, later calls get its words.
    pub(super) fn stop(&self, error: &Error) {
        self.stopped.store(true, Ordering::SeqCst);
        let mut state = self.lock();
        if state.fault.is_none() {
            let found = fault(error).cloned().unwrap_or_else(|| Fault::connect(""));
            state.fault = Some(Fault { message: format!("stopped by an earlier error: {error:#}"), ..found });
        }
    }

    pub(super) fn fail(&self, error: Error) {
        self.stop(&error);
        self.lock().error.get_or_insert(error);
    }

    /// # Errors
    /// The first error the first time, its words from then on.
    pub(super) fn check(&self) -> Result<()> {
        let mut state = self.lock();
        match (state.error.take(), &state.fault) {
            (Some(error), _) => Err(error),
            (None, Some(fault)) => Err(fault.clone().into()),
            (None, None) => Ok(()),
        }
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }
}
