//! The thread that applies: one connection, one piece of work after the other, in order.
//!
//! The parallel engine will put several of these behind a causality graph; what it replaces is [`Writer`] alone.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use anyhow::{Context, Error, Result};
use crossbeam_channel::{Sender, bounded};

use super::applier::Applier;
use super::queued::Queued;
use super::skipped::Skipped;
use crate::error::{Fault, fault};
use crate::model::{CommitTs, Ddl};
use crate::sink::Totals;

/// Closed batches that may wait while one is applied.
const QUEUE: usize = 4;

/// A piece of work for the writer.
pub(super) enum Work {
    /// Rows and the position they reach.
    Batch(Box<Queued>),
    /// A position that was reached without data.
    Position(CommitTs),
    /// A DDL.
    Ddl(CommitTs, Box<Ddl>),
    /// Answers when everything before it is done.
    Wait(Sender<()>),
}

/// What the sink and its writer both see.
pub(super) struct Shared {
    state: Mutex<State>,
    stopped: AtomicBool,
}

struct State {
    position: Option<CommitTs>,
    totals: Totals,
    skipped: Arc<Skipped>,
    error: Option<Error>,
    fault: Option<Fault>,
}

impl Shared {
    pub(super) fn new(position: Option<CommitTs>, skipped: Skipped) -> Self {
        let state = State { position, totals: Totals::default(), skipped: Arc::new(skipped), error: None, fault: None };
        Self { state: Mutex::new(state), stopped: AtomicBool::new(false) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn position(&self) -> Option<CommitTs> {
        self.lock().position
    }

    pub(super) fn skipped(&self) -> Arc<Skipped> {
        self.lock().skipped.clone()
    }

    pub(super) fn set_skipped(&self, skipped: Skipped) {
        self.lock().skipped = Arc::new(skipped);
    }

    pub(super) fn totals(&self) -> Totals {
        let state = self.lock();
        Totals { left_out: state.skipped.entries().to_vec(), ..state.totals.clone() }
    }

    /// Changes the totals once work is durable up to `ts`.
    pub(super) fn done(&self, ts: CommitTs, change: impl FnOnce(&mut Totals)) {
        let mut state = self.lock();
        state.position = state.position.max(Some(ts));
        change(&mut state.totals);
    }

    /// Nothing more will be applied: `error` was seen by the caller, later calls get its words.
    pub(super) fn stop(&self, error: &Error) {
        self.stopped.store(true, Ordering::SeqCst);
        let mut state = self.lock();
        if state.fault.is_none() {
            let found = fault(error).cloned().unwrap_or_else(|| Fault::connect(format!("{error:#}")));
            state.fault = Some(Fault { message: format!("stopped by an earlier error: {}", found.message), ..found });
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

/// The writer thread, seen from the sink. Dropping it ends the thread after the piece of work at hand.
pub(super) struct Writer {
    work: Option<Sender<Work>>,
    thread: Option<JoinHandle<()>>,
    shared: Arc<Shared>,
}

impl Writer {
    pub(super) fn start(applier: Applier) -> Result<Self> {
        let (work, receiver) = bounded(QUEUE);
        let shared = applier.shared.clone();
        let thread = std::thread::Builder::new()
            .name("target-writer".to_owned())
            .spawn(move || applier.work(&receiver))
            .context("cannot start the writer thread")?;
        Ok(Self { work: Some(work), thread: Some(thread), shared })
    }

    pub(super) fn send(&self, work: Work, shared: &Shared) -> Result<()> {
        shared.check()?;
        if self.work.as_ref().is_some_and(|w| w.send(work).is_ok()) {
            return Ok(());
        }
        shared.check()?;
        Err(Fault::connect("the writer thread has ended").into())
    }

    /// Waits until everything sent so far is done.
    pub(super) fn wait(&self, shared: &Shared) -> Result<()> {
        let (sender, receiver) = bounded(1);
        self.send(Work::Wait(sender), shared)?;
        // An error here means that the thread has ended, which `check` explains.
        let answered = receiver.recv().is_ok();
        shared.check()?;
        if answered { Ok(()) } else { Err(Fault::connect("the writer thread has ended").into()) }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        self.work = None;
        if let Some(thread) = self.thread.take() {
            // A panic there was reported when it happened.
            let _ = thread.join();
        }
    }
}
