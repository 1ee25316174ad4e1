//! State shared by the sink and its workers: position, totals, what is left out, the first error.
//!
//! - What the sink decides about a transaction by its ts.
//! - When the position moves, and when it is saved apart from data.
//! - A worker's connection with its slot, and whether the server behind it still has what it
//!   acknowledged.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Error, Result};
use parking_lot::Mutex;

use super::MysqlSink;
use super::batch::full_name;
use super::ddl::skipped::Skipped;
use super::options::{MysqlOptions, OnConflict, Size};
use super::scheduler::{Job, Scheduler};
use super::shape::Fits;
use super::statement::Style;
use super::watch::LastNotice;
use crate::checkpoint::{Acknowledged, DrainerTable, Link, Slot};
use crate::error::{Fault, fault};
use crate::event::Events;
use crate::mark::Writer;
use crate::model::{CommitTs, DurablePosition, Table};
use crate::mysql::address::Target;
use crate::mysql::answer::Waits;
use crate::mysql::session::{Server, Session};
use crate::sink::Totals;

/// State of the sink and its workers.
pub(super) struct Shared {
    /// The low-water mark.
    durable: DurablePosition,
    state: Mutex<State>,
    stopped: AtomicBool,
    /// Whether a save of the position is under way: a second one would only wait with it if the
    /// target is stuck.
    saving: AtomicBool,
}

struct State {
    totals: Totals,
    skipped: Arc<Skipped>,
    error: Option<Error>,
    fault: Option<Fault>,
    /// Schema versions, each with the commit ts from which it is valid; ascending.
    versions: Vec<(CommitTs, i64)>,
}

impl Shared {
    /// The state of a run that begins at `position`; `durable` has the position from here on.
    pub(super) fn new(position: Option<CommitTs>, skipped: Skipped, durable: DurablePosition) -> Self {
        durable.restart(position);
        let state = State {
            totals: Totals::default(),
            skipped: Arc::new(skipped),
            error: None,
            fault: None,
            versions: Vec::new(),
        };
        Self { durable, state: Mutex::new(state), stopped: AtomicBool::new(false), saving: AtomicBool::new(false) }
    }

    /// The low-water mark: everything at or below is durable.
    pub(super) fn position(&self) -> Option<CommitTs> {
        self.durable.get()
    }

    pub(super) fn skipped(&self) -> Arc<Skipped> {
        self.state.lock().skipped.clone()
    }

    pub(super) fn set_skipped(&self, skipped: Skipped) {
        self.state.lock().skipped = Arc::new(skipped);
    }

    /// Changes the list in place, for counts that several workers add to.
    pub(super) fn change_skipped(&self, change: impl FnOnce(&mut Skipped)) {
        change(Arc::make_mut(&mut self.state.lock().skipped));
    }

    pub(super) fn totals(&self) -> Totals {
        let state = self.state.lock();
        Totals { left_out: state.skipped.entries().to_vec(), ..state.totals.clone() }
    }

    /// Counts durable work.
    pub(super) fn count(&self, change: impl FnOnce(&mut Totals)) {
        change(&mut self.state.lock().totals);
    }

    /// Records that the low-water mark has moved to `ts`, unless it is there already.
    pub(super) fn reached(&self, ts: CommitTs) {
        self.durable.advance(ts);
    }

    /// Begins a save of the position; false if one is under way.
    pub(super) fn begin_save(&self) -> bool {
        !self.saving.swap(true, Ordering::SeqCst)
    }

    pub(super) fn save_ended(&self) {
        self.saving.store(false, Ordering::SeqCst);
    }

    /// Records that the schema has `version` from `ts` on.
    pub(super) fn followed(&self, ts: CommitTs, version: i64) {
        let mut state = self.state.lock();
        if state.versions.last().is_none_or(|(_, v)| *v != version) {
            state.versions.push((ts, version));
        }
    }

    /// The schema version at `ts`, which the position has reached; 0 if it is not known.
    pub(super) fn schema_version(&self, ts: CommitTs) -> i64 {
        let mut state = self.state.lock();
        let behind = state.versions.partition_point(|(from, _)| *from <= ts);
        // Older ones will not be asked for again.
        state.versions.drain(..behind.saturating_sub(1));
        state.versions.first().filter(|(from, _)| *from <= ts).map_or(0, |(_, v)| *v)
    }

    /// Stops all work: the caller has seen `error`, and later calls get its message.
    pub(super) fn stop(&self, error: &Error) {
        self.stopped.store(true, Ordering::SeqCst);
        let mut state = self.state.lock();
        if state.fault.is_none() {
            let found = fault(error).cloned().unwrap_or_else(|| Fault::connect(""));
            state.fault = Some(Fault { message: format!("stopped by an earlier error: {error:#}"), ..found });
        }
    }

    pub(super) fn fail(&self, error: Error) {
        self.stop(&error);
        self.state.lock().error.get_or_insert(error);
    }

    /// # Errors
    /// The first error the first time, its message afterwards.
    pub(super) fn check(&self) -> Result<()> {
        let mut state = self.state.lock();
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

/// Shared by all workers of a sink.
pub(super) struct Context {
    pub(super) target: Target,
    pub(super) link: Link,
    /// What the target acknowledged in this run.
    pub(super) acknowledged: Acknowledged,
    pub(super) options: MysqlOptions,
    pub(super) server: Server,
    /// Tables whose columns differ between both sides.
    pub(super) fits: Fits,
    /// Transactions at or below this may be on the target already.
    pub(super) safe_until: Option<CommitTs>,
    /// Transactions at or below this may have been applied by Drainer.
    pub(super) overlap: Option<CommitTs>,
    /// Drainer's checkpoint, which is kept in step.
    pub(super) drainer: DrainerTable,
    pub(super) size: Size,
    pub(super) events: Events,
    pub(super) shared: Shared,
    pub(super) scheduler: Scheduler,
    /// The position that the run began with.
    pub(super) opened: Option<CommitTs>,
    pub(super) told: LastNotice,
    /// What the workers wait for.
    pub(super) waits: Arc<Waits>,
    /// The marks of the transactions, if the target is also a source.
    pub(super) marks: Option<Writer>,
}

impl Context {
    /// Whether a transaction of `ts` may be on the target already.
    pub(super) fn safe(&self, ts: CommitTs) -> bool {
        self.options.forgives() || self.safe_until.is_some_and(|until| ts <= until)
    }

    /// Checks that rows above `ts` (all, if `None`) have their effect once: rows that Drainer may
    /// have applied before cannot be recognised if their table has no key.
    ///
    /// # Errors
    /// Refused, with those of `tables` that have no key, unless the operator allows it.
    pub(super) fn exactly_once<'a>(
        &self,
        ts: Option<CommitTs>,
        tables: impl Iterator<Item = &'a Arc<Table>>,
    ) -> Result<()> {
        let Some(until) = self.overlap.filter(|until| ts.is_none_or(|ts| ts < *until)) else { return Ok(()) };
        if self.options.allow_repeats {
            return Ok(());
        }
        let keyless = |t: &&Arc<Table>| !t.keys.iter().any(|k| !k.parts.is_empty() && k.identifies(&t.columns));
        let names: Vec<String> = tables.filter(keyless).map(|t| full_name(t)).collect();
        if names.is_empty() {
            return Ok(());
        }
        Err(Fault::refused(format!(
            "rows up to {} may already be on the target (Drainer was not stopped cleanly, or the checkpoint was set \
             back), and cannot be told apart in tables without a primary key or a unique key of NOT NULL columns: {}",
            until.explain(),
            names.join(", ")
        ))
        .hint(
            "if it was Drainer, start it again and stop it with SIGTERM, so that its checkpoint says `consistent`; or \
             start with --allow-repeats, after which some rows of these tables may exist twice, or keep a deleted \
             duplicate: compare them later",
        )
        .into())
    }

    pub(super) fn style(&self, safe: bool) -> Style {
        Style::of(&self.server, safe).clearing(self.options.on_conflict == OnConflict::Count)
    }
}

/// How often a position is saved without data, and Drainer's row with it.
const SAVE_EVERY: Duration = Duration::from_secs(3);

impl MysqlSink {
    /// Moves the position to the last ts taken, without data.
    pub(super) fn moved(&mut self) -> Result<()> {
        self.news = self.taken;
        self.reach();
        self.save_in_time()
    }

    /// Moves the position to the last ts taken as soon as everything before is durable.
    pub(super) fn reach(&mut self) {
        let Some(ts) = self.taken else { return };
        if !self.window.is_empty() {
            self.window.reach(ts);
        } else if self.scheduler().unfinished() == 0 {
            self.shared().reached(ts);
        }
    }

    /// If there is nothing to apply, only the loss of the lease's connection shows that the target
    /// was restarted and may have lost commits.
    fn compare_after_a_loss(&mut self) {
        let losses = self.parts.lease.losses();
        if losses != self.losses {
            self.losses = losses;
            self.scheduler().put(Job::Compare, None, &[], 0);
        }
    }

    /// Saves the position from time to time.
    pub(super) fn save_in_time(&mut self) -> Result<()> {
        self.compare_after_a_loss();
        let Some(ts) = self.shared().position() else { return Ok(()) };
        match self.saved {
            Some((at, saved)) if at.elapsed() < SAVE_EVERY || saved == ts || Some(saved) >= self.news => return Ok(()),
            None if Some(ts) == self.opened || self.news.is_none() => return Ok(()),
            _ => {}
        }
        if !self.shared().begin_save() {
            return self.shared().check();
        }
        self.saved = Some((Instant::now(), ts));
        self.scheduler().put(Job::Save { ts, drained: false }, None, &[], 0);
        self.shared().check()
    }
}

/// One connection with its slot.
pub(super) struct Lane {
    pub(super) session: Session,
    pub(super) slot: Slot,
    /// The number of the comparison that showed that the server holds everything it acknowledged.
    pub(super) compared: u64,
}

impl Lane {
    /// Records, with `note`, that something is durable. If other connections were made meanwhile,
    /// this one is first compared again: the server that acknowledged may be gone.
    ///
    /// # Errors
    /// If the connection is lost, or the server has lost commits: whether this is durable is then
    /// unknown.
    pub(super) fn acknowledge(
        &mut self,
        acknowledged: &Acknowledged,
        link: &Link,
        note: impl Fn(&Acknowledged, u64) -> bool,
    ) -> Result<()> {
        while !note(acknowledged, self.compared) {
            self.compared = acknowledged.compare(&mut self.session, link)?;
        }
        Ok(())
    }
}
