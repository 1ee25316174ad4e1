//! Schedules tasks between the sink and its workers, and tracks how far the target is.
//!
//! - The scheduler: tasks that wait for others, and tasks that are ready.
//! - The dependency tracker: which batches in flight hold which conflict keys, so that a new batch
//!   knows which ones it has to wait for.
//! - The low-water mark, below which everything is durable. Transactions go to the target in
//!   windows, each cut into parts that become durable in any order. The mark stands at the end of
//!   the last window before which none is unfinished; a part that never finishes blocks it for
//!   good.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::window::{Batch, Rows};
use crate::model::{CommitTs, Ddl, Table};

/// Number of a task, in the order of the stream.
pub(super) type Id = u64;

/// A task for a worker.
pub(super) enum Job {
    /// Whole transactions, as one transaction on the target.
    Batch(Batch),
    /// One transaction that is too large for a batch, or that may be split.
    /// The number says how many of its row changes are durable already.
    Large(CommitTs, Box<Rows>, u64),
    /// A DDL.
    Ddl(CommitTs, Box<Ddl>),
    /// Compares tables with the target's.
    Look(Vec<Arc<Table>>),
    /// Checks that the target still holds everything that it acknowledged.
    Compare,
    /// Saves a position without data.
    Save {
        /// Everything at or below is durable.
        ts: CommitTs,
        /// Whether nothing was left to apply at that position.
        drained: bool,
    },
}

/// A job with its number.
pub(super) struct Task {
    pub(super) id: Id,
    pub(super) job: Job,
    /// The window that it is part of.
    pub(super) window: Option<WindowId>,
    /// Whether it was refused before, and is tried again now that everything older is durable.
    pub(super) alone: bool,
    pub(super) bytes: usize,
    /// Whether its rows are so large that not every worker can hold their text, and what a
    /// connection keeps of it, at once: one worker does all such tasks.
    heavy: bool,
}

/// Hands tasks from the sink to its workers.
#[derive(Default)]
pub(super) struct Scheduler {
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
    low_water_mark: LowWaterMark,
    closed: bool,
}

impl Scheduler {
    /// Opens a window of `parts` tasks that ends at `last`, and of which the slots keep `records`
    /// bytes.
    pub(super) fn open(&self, last: CommitTs, parts: usize, records: usize) -> WindowId {
        self.state.lock().low_water_mark.open(last, parts, records)
    }

    /// The number of the next task, and of the oldest unfinished one (the next if there is none).
    pub(super) fn numbers(&self) -> (Id, Id) {
        let state = self.state.lock();
        (state.next, state.unfinished.first().copied().unwrap_or(state.next))
    }

    /// Adds a task that has to wait for those in `before`; its number is the next one.
    pub(super) fn put(&self, job: Job, window: Option<WindowId>, before: &[Id], bytes: usize) {
        let mut state = self.state.lock();
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
            // The woken worker must be the one that takes such tasks.
            self.workers.notify_all();
        } else {
            self.workers.notify_one();
        }
    }

    /// The oldest task that is ready; one with large rows only if `heavy`. Waits for one. `None`
    /// when there will be no more.
    pub(super) fn take(&self, heavy: bool) -> Option<Task> {
        let mut state = self.state.lock();
        loop {
            if state.closed {
                return None;
            }
            let first = state.ready.iter().find(|(_, task)| heavy || !task.heavy).map(|(id, _)| *id);
            if let Some(task) = first.and_then(|id| state.ready.remove(&id)) {
                state.running += 1;
                return Some(task);
            }
            self.workers.wait(&mut state);
        }
    }

    /// Parks `task`, which was refused: it will be ready again when everything older is durable.
    pub(super) fn park(&self, mut task: Task) {
        let mut state = self.state.lock();
        state.running -= 1;
        task.alone = true;
        state.parked.insert(task.id, task);
        self.settle(&mut state);
    }

    /// Records that task `id` is durable. `reached` gets the low-water mark if it moved, before any
    /// waiting thread continues.
    pub(super) fn finish(&self, id: Id, window: Option<WindowId>, bytes: usize, reached: impl FnOnce(CommitTs)) {
        let mut state = self.state.lock();
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
        if let Some(mark) = window.and_then(|w| state.low_water_mark.done(w)) {
            reached(mark);
        }
        self.settle(&mut state);
    }

    /// Whether one part of `window` is left, and no older window is open.
    pub(super) fn only_left(&self, window: WindowId) -> bool {
        self.state.lock().low_water_mark.only_left(window)
    }

    /// Wakes the threads that can go on now.
    fn settle(&self, state: &mut State) {
        let oldest = state.unfinished.first().copied();
        if let Some(task) = oldest.and_then(|id| state.parked.remove(&id)) {
            self.ready(state, task);
        }
        self.sink.notify_all();
    }

    /// Called after a permanent failure: no more tasks begin. `running` says that the caller still
    /// holds one.
    pub(super) fn close(&self, running: bool) {
        let mut state = self.state.lock();
        state.closed = true;
        state.running -= usize::from(running);
        state.ready.clear();
        state.waiting.clear();
        state.parked.clear();
        self.workers.notify_all();
        self.sink.notify_all();
    }

    /// Waits until fewer than `bytes` and `tasks` are under way, and what the slots keep above the
    /// low-water mark is below `records` bytes; or, after a failure, until nothing runs any more.
    /// If the last condition is the cause, `stuck` is called every second with the end of the
    /// window that keeps the mark where it is.
    pub(super) fn wait_for_room(&self, bytes: usize, tasks: usize, records: usize, stuck: impl FnMut(CommitTs)) {
        self.wait(
            |s| s.bytes < bytes && s.unfinished.len() < tasks && s.low_water_mark.records() < records,
            |s| s.low_water_mark.oldest().filter(|_| s.low_water_mark.records() >= records),
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
        let mut state = self.state.lock();
        let mut told = Instant::now();
        while !(reached(&state) || state.closed && state.running == 0) {
            if told.elapsed() >= Duration::from_secs(1) {
                told = Instant::now();
                held_up(&state).into_iter().for_each(&mut stuck);
            }
            // The time-out only guards against a worker that died without reporting.
            self.sink.wait_for(&mut state, Duration::from_secs(1));
        }
    }

    /// The number of tasks under way.
    pub(super) fn unfinished(&self) -> usize {
        self.state.lock().unfinished.len()
    }
}

/// Number of entries above which dead ones are removed.
const ROOM: usize = 1 << 16;

/// The batches under way by the conflict keys of their rows. Batches are numbered in the order of
/// the stream.
#[derive(Default)]
pub(super) struct DependencyTracker {
    holders: HashMap<u64, Holders, foldhash::fast::FixedState>,
    room: usize,
}

#[derive(Default)]
struct Holders {
    exclusive: Option<Id>,
    /// Batches after the exclusive one.
    shared: Vec<Id>,
}

impl DependencyTracker {
    /// Adds batch `id` with its conflict keys (each hash once, with whether it is exclusive), and
    /// gives the batches at or above `oldest` that have to be durable before it. Those below are
    /// durable already.
    pub(super) fn enter(&mut self, id: Id, conflict_keys: &[(u64, bool)], oldest: Id) -> Vec<Id> {
        if self.holders.len() > self.room.max(ROOM) {
            self.holders
                .retain(|_, h| h.exclusive.is_some_and(|e| e >= oldest) || h.shared.iter().any(|s| *s >= oldest));
            self.room = self.holders.len() * 2;
        }
        let mut before = Vec::new();
        for (hash, exclusive) in conflict_keys {
            let holders = self.holders.entry(*hash).or_default();
            before.extend(holders.exclusive.filter(|e| *e >= oldest));
            if *exclusive {
                before.extend(holders.shared.drain(..).filter(|s| *s >= oldest));
                holders.exclusive = Some(id);
            } else {
                if holders.shared.len() > 8 {
                    holders.shared.retain(|s| *s >= oldest);
                }
                holders.shared.push(id);
            }
        }
        before.sort_unstable();
        before.dedup();
        before
    }

    /// Called when nothing is under way any more.
    pub(super) fn clear(&mut self) {
        self.holders.clear();
    }
}

/// Number of a window; rises by one from window to window.
pub type WindowId = u64;

/// The windows under way, oldest first.
#[derive(Debug, Default)]
pub struct LowWaterMark {
    open: VecDeque<Open>,
    next: WindowId,
    records: usize,
}

#[derive(Debug)]
struct Open {
    last: CommitTs,
    left: usize,
    records: usize,
}

impl LowWaterMark {
    /// Opens a window of `parts` parts that ends at `last`. `records` is the number of bytes that
    /// the target keeps to record what of it is durable, until the low-water mark has passed it.
    pub fn open(&mut self, last: CommitTs, parts: usize, records: usize) -> WindowId {
        self.open.push_back(Open { last, left: parts, records });
        self.records += records;
        self.next += 1;
        self.next - 1
    }

    /// Records that one of the parts of `window` is durable. Returns the new low-water mark if it
    /// moved.
    pub fn done(&mut self, window: WindowId) -> Option<CommitTs> {
        let first = self.next - self.open.len() as u64;
        let place = usize::try_from(window.checked_sub(first)?).ok()?;
        let found = self.open.get_mut(place)?;
        found.left = found.left.saturating_sub(1);
        let mut mark = None;
        while let Some(front) = self.open.front().filter(|w| w.left == 0) {
            mark = Some(front.last);
            self.records -= front.records;
            self.open.pop_front();
        }
        mark
    }

    /// Bytes that the target keeps, or will keep, to record what is durable above the mark.
    #[must_use]
    pub fn records(&self) -> usize {
        self.records
    }

    /// The end of the oldest window, which everything after it waits for.
    #[must_use]
    pub fn oldest(&self) -> Option<CommitTs> {
        self.open.front().map(|w| w.last)
    }

    /// Whether `window` is the oldest, and one part of it is left.
    #[must_use]
    pub fn only_left(&self, window: WindowId) -> bool {
        window + self.open.len() as u64 == self.next && self.open.front().is_some_and(|w| w.left == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_wait_for_the_writer_and_the_next_writer_for_all() {
        let mut dependencies = DependencyTracker::default();
        assert!(dependencies.enter(1, &[(7, true)], 0).is_empty());
        assert_eq!(dependencies.enter(2, &[(7, false), (8, true)], 0), [1]);
        assert_eq!(dependencies.enter(3, &[(7, false)], 0), [1]);
        assert_eq!(dependencies.enter(4, &[(7, true), (8, true)], 0), [1, 2, 3]);
        // Durable batches need not be waited for.
        assert_eq!(dependencies.enter(5, &[(7, true)], 5), Vec::<Id>::new());
        assert!(dependencies.enter(6, &[(9, true)], 5).is_empty());
    }

    #[test]
    fn the_mark_waits_for_the_oldest_window() {
        let mut low_water_mark = LowWaterMark::default();
        let (a, b, c) = (
            low_water_mark.open(CommitTs(10), 2, 7),
            low_water_mark.open(CommitTs(20), 1, 20),
            low_water_mark.open(CommitTs(30), 2, 500),
        );
        assert_eq!(low_water_mark.done(b), None);
        assert_eq!(low_water_mark.done(a), None);
        assert_eq!((low_water_mark.records(), low_water_mark.oldest()), (527, Some(CommitTs(10))));
        assert_eq!(low_water_mark.done(c), None);
        assert_eq!(low_water_mark.done(a), Some(CommitTs(20)));
        assert_eq!((low_water_mark.records(), low_water_mark.oldest()), (500, Some(CommitTs(30))));
        assert_eq!(low_water_mark.done(c), Some(CommitTs(30)));
        assert_eq!((low_water_mark.records(), low_water_mark.oldest()), (0, None));
        let d = low_water_mark.open(CommitTs(40), 1, 0);
        assert_eq!(low_water_mark.done(d), Some(CommitTs(40)));
        // A window that is complete cannot be counted down again.
        assert_eq!(low_water_mark.done(a), None);
    }
}
