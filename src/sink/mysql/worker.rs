//! A worker: one thread, one connection, one slot.
//!
//! It applies tasks until there are none, and survives the loss of its connection.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Error, Result};

use super::apply::Done;
use super::scheduler::{Job, Task};
use super::shape::Doubt;
use super::shared::Context;
use super::shared::Lane;
use super::watch::{Backoff, Outlook};
use super::window::Rows;
use crate::checkpoint::{Forgotten, OtherBatch, Record, Slot};
use crate::error::{Fault, Kind, counted, fault};
use crate::event::Event;
use crate::model::CommitTs;
use crate::mysql::answer::Caller;
use crate::mysql::error::{Class, class_of, is_late, is_vague};
use crate::mysql::session::Session;
use crate::sink::Anomalies;

/// How often an error with no specific code is retried: about a minute.
pub(super) const VAGUE: u32 = 35;
/// How often a COMMIT is retried that the target answers with a permanent error.
const COMMITS: u32 = 3;

/// One worker thread with its connection and slot.
pub(super) struct Worker {
    number: u32,
    pub(super) context: Arc<Context>,
    lane: Option<Lane>,
    /// What the current transaction does, from before its COMMIT on.
    pub(super) pending: Option<Done>,
    /// Whether the stream contradicted itself.
    pub(super) contradicted: bool,
    /// The table and deviations that the last failed transaction found.
    pub(super) conflict: Option<(String, Anomalies)>,
    /// A table whose columns on the target may have changed.
    pub(super) doubt: Option<Doubt>,
    /// Whether a COMMIT was sent: whatever the answer is, only the slot tells whether it took
    /// effect.
    pub(super) committing: bool,
    /// Whether the current work may take any time: then there is no limit for an answer.
    patient: bool,
    /// How often in a row an answer did not come in time.
    late: u32,
    caller: Caller,
}

/// Ends the run if a worker panics: otherwise its task would be waited for for ever.
struct Guard<'a>(&'a Context);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.0.shared.fail(Fault::refused("a worker stopped unexpectedly; none of its batch is on the target").into());
        self.0.scheduler.close(true);
    }
}

/// The longest time limit for an answer, after several that did not come in time.
const LONGEST: Duration = Duration::from_secs(3600);

/// `limit` after it was too short `late` times: a long statement must not be cut off for ever.
fn longer(limit: Duration, late: u32) -> Duration {
    limit.saturating_mul(1 << late.min(16)).min(LONGEST.max(limit))
}

/// The outcome of a transaction on the target after an error.
enum After {
    /// Nothing of it is there: try it again.
    Again,
    /// It is durable: only the answer was lost.
    Durable,
    /// The target refuses it.
    Refused(Error),
}

/// How a task ended.
enum Outcome {
    Done,
    /// The target refused it; perhaps because of what is still under way.
    Refused,
}

impl Worker {
    pub(super) fn new(number: u32, context: Arc<Context>) -> Self {
        let caller = Caller::worker(&context.waits, number);
        Self {
            number,
            context,
            lane: None,
            pending: None,
            contradicted: false,
            conflict: None,
            doubt: None,
            committing: false,
            patient: false,
            late: 0,
            caller,
        }
    }

    /// Works until the scheduler closes.
    pub(super) fn work(mut self) {
        let context = self.context.clone();
        while let Some(mut task) = context.scheduler.take(self.number == 0) {
            let guard = Guard(&context);
            let result = self.perform(&mut task);
            std::mem::forget(guard);
            self.late = 0;
            self.caller.done();
            match result {
                Ok(Outcome::Done) => self.finish(&task),
                Ok(Outcome::Refused) => {
                    self.conflict = None;
                    context.scheduler.park(task);
                }
                Err(error) => {
                    self.count_conflict();
                    self.keep_position();
                    context.shared.fail(error);
                    context.scheduler.close(true);
                }
            }
        }
    }

    /// Reports the deviating rows that ended the run, although nothing of them is on the target.
    fn count_conflict(&mut self) {
        let Some((table, found)) = self.conflict.take() else { return };
        (self.context.events)(found.event(&table));
        self.context.shared.count(|totals| totals.anomalies.entry(table).or_default().add(found));
    }

    /// Saves the durable position when the run ends with an error, for readers of the checkpoint.
    /// The slots have it anyway.
    fn keep_position(&mut self) {
        let Some(lane) = self.lane.as_mut().filter(|_| !self.context.acknowledged.is_lost()) else { return };
        lane.session.rollback();
        if let Some(ts) = self.context.shared.position().filter(|ts| Some(*ts) != self.context.opened) {
            let _ = self.context.link.save_position(&mut lane.session, ts);
        }
    }

    fn finish(&self, task: &Task) {
        let context = &self.context;
        context.scheduler.finish(task.id, task.window, task.bytes, |mark| context.shared.reached(mark));
    }

    fn perform(&mut self, task: &mut Task) -> Result<Outcome> {
        match &mut task.job {
            Job::Batch(batch) => match self.until_done(&mut |w| w.apply(&batch.parts, &batch.record))? {
                None => Ok(Outcome::Done),
                Some(_) if !task.alone => Ok(Outcome::Refused),
                Some(error) => {
                    let last = task.window.is_some_and(|w| self.context.scheduler.only_left(w));
                    self.one_by_one(batch, last, error).map(|()| Outcome::Done)
                }
            },
            Job::Large(ts, rows, done) => self.large(*ts, rows, *done).map(|()| Outcome::Done),
            Job::Ddl(ts, ddl) => self.ddl(*ts, ddl).map(|()| Outcome::Done),
            Job::Look(tables) => self.must(&mut |w| w.look(tables)).map(|()| Outcome::Done),
            Job::Compare => self.must(&mut Self::compare).map(|()| Outcome::Done),
            Job::Save { ts, drained } => {
                let (ts, drained) = (*ts, *drained);
                self.must(&mut |w| w.save(ts, drained))?;
                self.context.shared.save_ended();
                Ok(Outcome::Done)
            }
        }
    }

    /// Applies the transactions of a refused batch one by one: so those before the refused one
    /// become durable, and the error names only that one. `last` says that everything before the
    /// batch, and everything else in its window, is durable.
    fn one_by_one(&mut self, batch: &super::window::Batch, last: bool, together: Error) -> Result<()> {
        if batch.parts.len() < 2 {
            return Err(together);
        }
        for part in &batch.parts {
            let record = Record::List(vec![part.ts]);
            if let Some(alone) = self.until_done(&mut |w| w.apply(std::slice::from_ref(part), &record))? {
                return Err(alone);
            }
            if last {
                self.context.shared.reached(part.ts);
            }
        }
        Ok(())
    }

    /// Applies one large transaction: whole, unless the operator allows splitting it; after the
    /// `done` row changes that an earlier run left durable.
    fn large(&mut self, ts: CommitTs, rows: &mut Rows, mut done: u64) -> Result<()> {
        let most = match self.context.options.max_txn_rows {
            None if done == 0 => return self.must(&mut |w| w.apply_large(ts, rows)),
            None => u64::MAX / 2,
            Some(most) => most.max(1),
        };
        loop {
            // For a portion whose answer was lost.
            let mut taken = most;
            self.must(&mut |w| {
                taken = w.apply_portion(ts, rows, done, most)?;
                Ok(())
            })?;
            if taken < most {
                return Ok(());
            }
            done += most;
            (self.context.events)(Event::Note(format!(
                "the transaction of commit ts {} is split (--max-txn-rows): {} applied",
                ts.explain(),
                counted(done, "row change")
            )));
        }
    }

    /// As [`until_done`](Self::until_done), for work that the target must accept.
    pub(super) fn must(&mut self, work: &mut dyn FnMut(&mut Self) -> Result<()>) -> Result<()> {
        self.until_done(work)?.map_or(Ok(()), Err)
    }

    /// Repeats `work`, at most one transaction of the slot, until it is durable. Returns the error
    /// if the target refuses it.
    fn until_done(&mut self, work: &mut dyn FnMut(&mut Self) -> Result<()>) -> Result<Option<Error>> {
        let mut backoff = Backoff::new();
        let mut number = None;
        loop {
            let result = self.lane(&mut backoff).map(|lane| lane.slot.durable()).and_then(|durable| {
                if durable < *number.get_or_insert(durable + 1) {
                    work(self)?;
                }
                self.acknowledge_batch()
            });
            let Err(error) = result else {
                self.count();
                return Ok(None);
            };
            match self.after(error, number, &mut backoff)? {
                After::Again => self.pending = None,
                After::Durable => {}
                After::Refused(error) => match self.look_again() {
                    Ok(true) => self.pending = None,
                    Ok(false) => return Ok(Some(error)),
                    Err(other) => match class_of(&other).filter(|c| c.is_transient()) {
                        Some(class) => {
                            self.lane = None;
                            self.pause(&mut backoff, class, &other)?;
                        }
                        None => return Err(other.context(format!("{error:#}"))),
                    },
                },
            }
        }
    }

    /// Records that the last batch of the slot is durable.
    fn acknowledge_batch(&mut self) -> Result<()> {
        let (context, number) = (self.context.clone(), self.number);
        let lane = self.open_lane()?;
        let batch = lane.slot.durable();
        lane.acknowledge(&context.acknowledged, &context.link, |all, compared| all.batch(number, batch, compared))
    }

    /// Checks that the target holds everything that it acknowledged.
    fn compare(&mut self) -> Result<()> {
        let context = self.context.clone();
        let lane = self.open_lane()?;
        lane.compared = context.acknowledged.compare(&mut lane.session, &context.link)?;
        Ok(())
    }

    /// The connection, opened if there is none.
    ///
    /// # Errors
    /// If it cannot be opened for a permanent reason.
    pub(super) fn lane(&mut self, backoff: &mut Backoff) -> Result<&mut Lane> {
        loop {
            if self.lane.is_some() {
                break;
            }
            match self.connect() {
                Ok(lane) => self.lane = Some(lane),
                Err(error) => match class_of(&error).filter(|c| c.is_transient()) {
                    Some(class) => self.pause(backoff, class, &error)?,
                    None => return Err(error),
                },
            }
        }
        self.lane.as_mut().ok_or_else(|| Fault::connect("there is no connection to the target").into())
    }

    fn connect(&mut self) -> Result<Lane> {
        let target = &self.context.target;
        let limit = target.read_timeout().filter(|_| !self.patient).map(|limit| longer(limit, self.late));
        let asked = self.caller.ask("a new connection", 0);
        let mut session = asked
            .answered(Session::open(&limit.map_or_else(|| target.patient(), |limit| target.answering_within(limit))))?;
        session.calls_for(self.caller.clone());
        if let Some(limit) = limit {
            session.wait_for_locks_within(target, limit)?;
        }
        session.set_prelude(self.context.marks.as_ref().map(|marks| marks.carrier(self.number)));
        let Context { acknowledged, link, .. } = &*self.context;
        let compared = acknowledged.compare_new(&mut session, link).map_err(Error::from)?;
        // Waits for what the previous connection had under way, and reads the outcome.
        let claimed = Slot::claim(&mut session, link, self.number).map_err(Error::from);
        let slot = claimed.inspect_err(|error| self.late += u32::from(is_late(error)))?;
        Ok(Lane { session, slot, compared })
    }

    /// The open connection.
    ///
    /// # Errors
    /// If it was lost.
    pub(super) fn open_lane(&mut self) -> Result<&mut Lane> {
        self.lane.as_mut().ok_or_else(|| Fault::connect("the connection to the target was lost").into())
    }

    /// Sets whether the next work may take any time: then it needs a connection without a time
    /// limit.
    pub(super) fn be_patient(&mut self, patient: bool) {
        if self.patient != patient {
            self.patient = patient;
            self.hang_up();
        }
    }

    /// Closes the connection; the next use opens a new one.
    pub(super) fn hang_up(&mut self) {
        self.lane = None;
    }

    pub(super) fn pause(&self, backoff: &mut Backoff, class: Class, error: &Error) -> Result<()> {
        let Context { options, shared, events, told, .. } = &*self.context;
        backoff.pause(class, error, &Outlook { stop: &options.stop, shared, events, told })
    }

    /// Finds the outcome of transaction `number` of this slot, and what to do about it.
    fn after(&mut self, error: Error, number: Option<u64>, backoff: &mut Backoff) -> Result<After> {
        if Forgotten::of(&error).is_some() {
            return Err(error);
        }
        let unclear = std::mem::take(&mut self.committing) || OtherBatch::is(&error);
        let class = class_of(&error);
        self.late += u32::from(self.lane.is_some() && is_late(&error));
        match class {
            _ if unclear => self.lane = None,
            Some(Class::Connection | Class::ReadOnly) => self.lane = None,
            _ => {
                if let Some(lane) = &mut self.lane {
                    lane.session.rollback();
                    lane.slot.undone();
                }
            }
        }
        match class.or(unclear.then_some(Class::Contention)) {
            Some(class) if unclear || class.is_transient() => {
                self.pause(backoff, class, &error)?;
                let lane = self.lane(backoff)?;
                if number.is_some_and(|n| lane.slot.durable() >= n) {
                    return Ok(After::Durable);
                }
                let most = match class {
                    _ if is_vague(&error) => VAGUE,
                    class if class.is_transient() => u32::MAX,
                    _ => COMMITS,
                };
                if backoff.tries() >= most {
                    return Err(error);
                }
                Ok(After::Again)
            }
            _ if !self.contradicted && fault(&error).is_some_and(|f| f.kind == Kind::Refused) => {
                Ok(After::Refused(error))
            }
            _ => Err(error),
        }
    }
}
