//! The board between the sink and its workers: tasks that wait for others, tasks that are ready, and how far the target is.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::large::Rows;
use super::window::Batch;
use crate::model::{CommitTs, Ddl, Table};
use crate::progress::{Progress, WindowId};

/// Numbers tasks in the order of the stream.
pub(super) type Id = u64;

/// What a worker is to do.
pub(super) enum Job {
    /// Whole transactions, as one transaction of the target.
    Batch(Batch),
    /// One transaction that is too large for a batch, or that may be split.
    /// The number says how many of its row changes are durable already.
    Large(CommitTs, Box<Rows>, u64),
    /// A DDL.
    Ddl(CommitTs, Box<Ddl>),
    /// Compares tables with the target's.
    Look(Vec<Arc<Table>>),
    /// Sees to it that the target still holds all that it acknowledged.
    Compare,
    /// Saves a position that was reached; `drained` if nothing was left to apply when it was.
    Save {
        /// Everything at or below is durable.
        ts: CommitTs,
        /// See above.
        drained: bool,
    },
}

/// A job with its place in the order.
pub(super) struct Task {
    pub(super) id: Id,
    pub(super) job: Job,
    /// The window that it is a part of.
    pub(super) window: Option<WindowId>,
    /// It was refused before, and is tried again now that everything older is durable.
    pub(super) alone: bool,
    pub(super) bytes: usize,
    /// Its rows are so large that their text, and what a connection keeps of it, cannot be held by each worker: one of them does all such.
    heavy: bool,
}

/// See the module.
#[derive(Default)]
pub(super) struct Board {
    state: Mutex<State>,
    workers: Condvar,
    sink: Condvar,
}

#[derive(Default)]
struct State {
    ready: BTreeMap<Id, Task>,
    waiting: HashMap<Id, (Task, usize)>,
    /// Refused tasks that are tried again when they are the oldest.
    parked: BTreeMap<Id, Task>,
    dependents: HashMap<Id, Vec<Id>>,
    unfinished: BTreeSet<Id>,
    running: usize,
    bytes: usize,
    next: Id,
    progress: Progress,
    closed: bool,
}

impl Board {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a window of `parts` tasks that reaches `last`, of which the slots keep `records` bytes.
    pub(super) fn open(&self, last: CommitTs, parts: usize, records: usize) -> WindowId {
        self.lock().progress.open(last, parts, records)
    }

    /// The number of the next task, and of the oldest unfinished one (the next if there is none).
    pub(super) fn numbers(&self) -> (Id, Id) {
        let state = self.lock();
        (state.next, state.unfinished.first().copied().unwrap_or(state.next))
    }

    /// Puts up a task that has to wait for those in `before`; its number is the next.
    pub(super) fn put(&self, job: Job, window: Option<WindowId>, before: &[Id], bytes: usize) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        let id = state.next;
        state.next += 1;
        state.unfinished.insert(id);
        state.bytes += bytes;
        let heavy = match &job {
            Job::Batch(batch) => batch.heavy,
            Job::Large(..) => true,
            _ => false,
        };
        let task = Task { id, job, window, alone: false, bytes, heavy };
        let open: Vec<Id> = before.iter().copied().filter(|b| state.unfinished.contains(b)).collect();
        for other in &open {
            state.dependents.entry(*other).or_default().push(id);
        }
        if open.is_empty() {
            self.ready(&mut state, task);
        } else {
            state.waiting.insert(id, (task, open.len()));
        }
    }

    fn ready(&self, state: &mut State, task: Task) {
        let heavy = task.heavy;
        state.ready.insert(task.id, task);
        if heavy {
            // Whoever wakes must be the one that takes it.
            self.workers.notify_all();
        } else {
            self.workers.notify_one();
        }
    }

    /// The oldest task that is ready, of those with large rows only if `heavy`; waits for one. `None` when there will be no more.
    pub(super) fn take(&self, heavy: bool) -> Option<Task> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            let first = state.ready.iter().find(|(_, task)| heavy || !task.heavy).map(|(id, _)| *id);
            if let Some(task) = first.and_then(|id| state.ready.remove(&id)) {
                state.running += 1;
                return Some(task);
            }
            state = self.workers.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// `task` was refused: it will be ready again when everything older is durable.
    pub(super) fn park(&self, mut task: Task) {
        let mut state = self.lock();
        state.running -= 1;
        task.alone = true;
        state.parked.insert(task.id, task);
        self.settle(&mut state);
    }

    /// Task `id` is durable. `reached` gets the low-water mark if it moved, before anybody who waits goes on.
    pub(super) fn finish(&self, id: Id, window: Option<WindowId>, bytes: usize, reached: impl FnOnce(CommitTs)) {
        let mut state = self.lock();
        state.running -= 1;
        state.unfinished.remove(&id);
        state.bytes = state.bytes.saturating_sub(bytes);
        for other in state.dependents.remove(&id).unwrap_or_default() {
            let Some((_, left)) = state.waiting.get_mut(&other) else { continue };
            *left -= 1;
            if *left == 0
                && let Some((task, _)) = state.waiting.remove(&other)
            {
                self.ready(&mut state, task);
            }
        }
        if let Some(mark) = window.and_then(|w| state.progress.done(w)) {
            reached(mark);
        }
        self.settle(&mut state);
    }

    /// Whether one part of `window` is left, and no older window is open.
    pub(super) fn only_left(&self, window: WindowId) -> bool {
        self.lock().progress.only_left(window)
    }

    /// Wakes whoever has something to do now.
    fn settle(&self, state: &mut State) {
        let oldest = state.unfinished.first().copied();
        if let Some(task) = oldest.and_then(|id| state.parked.remove(&id)) {
            self.ready(state, task);
        }
        self.sink.notify_all();
    }

    /// Something failed for good: no task begins any more. `running` says that the caller still holds one.
    pub(super) fn close(&self, running: bool) {
        let mut state = self.lock();
        state.closed = true;
        state.running -= usize::from(running);
        state.ready.clear();
        state.waiting.clear();
        state.parked.clear();
        self.workers.notify_all();
        self.sink.notify_all();
    }

    /// Waits until less than `bytes` and `tasks` are under way, and what the slots keep above the mark is below `records` bytes; or, after a
    /// failure, until nothing runs any more. `stuck` hears every second how far the window reaches that keeps the mark where it is, if it is for
    /// that.
    pub(super) fn wait_for_room(&self, bytes: usize, tasks: usize, records: usize, stuck: impl FnMut(CommitTs)) {
        self.wait(
            |s| s.bytes < bytes && s.unfinished.len() < tasks && s.progress.records() < records,
            |s| s.progress.oldest().filter(|_| s.progress.records() >= records),
            stuck,
        );
    }

    /// Waits until nothing is under way.
    pub(super) fn wait_until_idle(&self) {
        self.wait(|s| s.unfinished.is_empty(), |_| None, |_| {});
    }

    fn wait(
        &self,
        reached: impl Fn(&State) -> bool,
        held_up: impl Fn(&State) -> Option<CommitTs>,
        mut stuck: impl FnMut(CommitTs),
    ) {
        let mut state = self.lock();
        let mut told = Instant::now();
        while !(reached(&state) || state.closed && state.running == 0) {
            if told.elapsed() >= Duration::from_secs(1) {
                told = Instant::now();
                held_up(&state).into_iter().for_each(&mut stuck);
            }
            // The time-out only guards against a worker that died without a word.
            let waited = self.sink.wait_timeout(state, Duration::from_secs(1));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Tasks under way.
    pub(super) fn unfinished(&self) -> usize {
        self.lock().unfinished.len()
    }
}
