//! A window: whole transactions sent to the target together, cut into independent batches.
//!
//! Transactions that share a conflict key (see [`causality`](super::causality)) belong to one
//! group, because their order matters; groups are independent of each other. A batch is made of
//! whole groups, with its transactions in commit-ts order.
//!
//! - How the collected transactions go to the workers: the window in batches, or one job with
//!   nothing else in flight.
//! - The row changes of one transaction that is too large to be held as a batch, or that may be
//!   split: taken in portions.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::MysqlSink;
use super::batch::{Definitions, Part};
use super::causality::ConflictKey;
use super::ddl::skipped::Skipped;
use super::scheduler::Job;
use crate::checkpoint::Record;
use crate::event::Event;
use crate::model::{CommitTs, LargeRows, RowChange, Table};

/// The transactions collected so far.
#[derive(Default)]
pub(super) struct Window {
    parts: Vec<Part>,
    groups: Groups,
    conflict_keys: Vec<(u64, bool, u32)>,
    seen: HashMap<u64, Seen, foldhash::fast::FixedState>,
    /// A window holds rows of only one definition of each table.
    definitions: Definitions,
    rows: u64,
    bytes: usize,
    last: CommitTs,
}

/// The groups of transactions: for each the one that it was joined to, itself at the root.
#[derive(Default)]
struct Groups(Vec<u32>);

impl Groups {
    fn add(&mut self, part: u32) {
        self.0.push(part);
    }

    fn root(&mut self, mut part: u32) -> u32 {
        while let Some(parent) = self.0.get(part as usize).copied().filter(|p| *p != part) {
            let above = self.0.get(parent as usize).copied().unwrap_or(parent);
            if let Some(place) = self.0.get_mut(part as usize) {
                *place = above;
            }
            part = parent;
        }
        part
    }

    fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        // The older one becomes the root, so that a group's number is that of its first
        // transaction.
        if let Some(place) = self.0.get_mut(a.max(b) as usize) {
            *place = a.min(b);
        }
    }
}

/// The parts that have a conflict key.
#[derive(Default)]
struct Seen {
    exclusive: Option<u32>,
    /// Parts after the exclusive one.
    shared: Vec<u32>,
}

/// Transactions of a window that form one transaction on the target.
pub(super) struct Batch {
    pub(super) parts: Vec<Part>,
    /// Each hash once; true if any of its conflict keys is exclusive.
    pub(super) conflict_keys: Vec<(u64, bool)>,
    /// What the target has to record.
    pub(super) record: Record,
    pub(super) rows: u64,
    pub(super) bytes: usize,
    /// The size of its largest row.
    pub(super) largest: usize,
    /// Whether that row takes more memory than each worker has.
    pub(super) heavy: bool,
}

impl Window {
    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Number of row changes in it.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// Approximate memory of its rows.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The position that it reaches.
    pub(super) fn last(&self) -> CommitTs {
        self.last
    }

    /// The commit ts of the last transaction in it.
    pub(super) fn last_part(&self) -> Option<CommitTs> {
        self.parts.last().map(|p| p.ts)
    }

    /// Records that nothing follows at or below `ts`.
    pub(super) fn reach(&mut self, ts: CommitTs) {
        self.last = self.last.max(ts);
    }

    /// Whether the window holds rows of another definition of `table`: then it has to be closed
    /// first.
    pub(super) fn conflicts(&self, table: &Arc<Table>) -> bool {
        self.definitions.conflict(table)
    }

    /// Adds a transaction with its conflict keys.
    pub(super) fn add(&mut self, part: Part, conflict_keys: &[ConflictKey]) {
        let number = u32::try_from(self.parts.len()).unwrap_or(u32::MAX);
        self.rows += part.changes.len() as u64;
        self.bytes += part.bytes;
        self.last = self.last.max(part.ts);
        let mut last: Option<&Arc<Table>> = None;
        for RowChange { table, .. } in &part.changes {
            // Most changes have the table of the previous one.
            if !last.is_some_and(|l| Arc::ptr_eq(l, table)) {
                self.definitions.learn(table);
            }
            last = Some(table);
        }
        self.parts.push(part);
        self.groups.add(number);
        for conflict_key in conflict_keys {
            self.conflict_keys.push((conflict_key.hash, conflict_key.exclusive, number));
            let seen = self.seen.entry(conflict_key.hash).or_default();
            if let Some(other) = seen.exclusive {
                self.groups.join(other, number);
            }
            if conflict_key.exclusive {
                seen.shared.drain(..).for_each(|other| self.groups.join(other, number));
                seen.exclusive = Some(number);
            } else if seen.shared.last() != Some(&number) {
                seen.shared.push(number);
            }
        }
    }

    /// Cuts it into at most `most` batches of about the same size, each of about `least` rows or
    /// more.
    pub(super) fn cut(mut self, most: usize, least: u64) -> Vec<Batch> {
        let wanted = (self.rows / least.max(1)).clamp(1, most.max(1) as u64);
        let places = if wanted == 1 { vec![0; self.parts.len()] } else { self.places(wanted) };
        let count = places.iter().copied().max().map_or(1, |p| p as usize + 1);
        let mut batches: Vec<Batch> = (0..count).map(|_| Batch::new()).collect();
        let first = self.parts.first().map(|p| p.ts).unwrap_or_default();
        for (hash, exclusive, part) in &self.conflict_keys {
            let place = places.get(*part as usize).copied().unwrap_or_default();
            if let Some(batch) = batches.get_mut(place as usize) {
                batch.conflict_keys.push((*hash, *exclusive));
            }
        }
        for (part, place) in self.parts.drain(..).zip(&places) {
            if let Some(batch) = batches.get_mut(*place as usize) {
                batch.rows += part.changes.len() as u64;
                batch.bytes += part.bytes;
                batch.largest = batch.largest.max(part.largest);
                batch.parts.push(part);
            }
        }
        batches.retain(|b| !b.parts.is_empty());
        let alone = batches.len() == 1;
        for batch in &mut batches {
            batch.finish();
            if alone {
                batch.record = Record::Range { first, last: self.last };
            }
        }
        batches
    }

    /// The number of the batch of each part. Groups are ordered by their first table, so that a
    /// batch has few tables and its statements many rows.
    fn places(&mut self, wanted: u64) -> Vec<u32> {
        let count = self.parts.len();
        let roots: Vec<u32> = (0..count).map(|p| self.groups.root(u32::try_from(p).unwrap_or(u32::MAX))).collect();
        let mut sizes = vec![0_u64; count];
        for (part, root) in self.parts.iter().zip(&roots) {
            if let Some(size) = sizes.get_mut(*root as usize) {
                *size += part.changes.len() as u64;
            }
        }
        let mut order: Vec<(i64, u32)> = Vec::new();
        for (number, (part, root)) in self.parts.iter().zip(&roots).enumerate() {
            if *root as usize == number {
                order.push((part.changes.first().map_or(0, |c| c.table.id), *root));
            }
        }
        order.sort_unstable();
        let mut place_of = vec![0_u32; count];
        let (mut place, mut filled, mut left, mut open) = (0, 0, self.rows, wanted);
        for (_, root) in order {
            let size = sizes.get(root as usize).copied().unwrap_or_default();
            // An equal share of what is left; a group goes where more than half of it fits.
            if filled > 0 && open > 1 && (filled + size / 2) * open > left {
                left = left.saturating_sub(filled);
                (place, filled, open) = (place + 1, 0, open - 1);
            }
            filled += size;
            if let Some(p) = place_of.get_mut(root as usize) {
                *p = place;
            }
        }
        roots.iter().map(|root| place_of.get(*root as usize).copied().unwrap_or_default()).collect()
    }
}

impl Batch {
    fn new() -> Self {
        Self {
            parts: Vec::new(),
            conflict_keys: Vec::new(),
            record: Record::List(Vec::new()),
            rows: 0,
            bytes: 0,
            largest: 0,
            heavy: false,
        }
    }

    fn finish(&mut self) {
        // Exclusive ones come first among equals, so that the first one counts.
        self.conflict_keys.sort_unstable_by_key(|(hash, exclusive)| (*hash, !exclusive));
        self.conflict_keys.dedup_by_key(|(hash, _)| *hash);
        self.record = Record::List(self.parts.iter().map(|p| p.ts).collect());
    }
}

/// Row changes below which a batch is not worth its own connection.
const LEAST_ROWS: u64 = 500;
/// How long a stuck batch may hold up all others before it is reported.
const PATIENT_UNTIL: Duration = Duration::from_secs(5);

impl MysqlSink {
    /// Cuts the window into batches and schedules them.
    pub(super) fn close_window(&mut self) -> Result<()> {
        if self.window.is_empty() {
            return Ok(());
        }
        let window = std::mem::take(&mut self.window);
        let size = self.context.size;
        let (last, held) = (window.last(), window.bytes());
        let batches = window.cut(size.workers, LEAST_ROWS);
        let scheduler = &self.context.scheduler;
        let begin = Instant::now();
        // The next window is in memory as well.
        scheduler.wait_for_room(
            size.in_flight.saturating_sub(held).max(1),
            size.workers * 2,
            size.records(),
            |held_up| {
                if begin.elapsed() >= PATIENT_UNTIL {
                    let what = format!(
                        "the target to finish the transactions up to {}; everything that may go before them is applied",
                        held_up.explain()
                    );
                    (self.context.events)(Event::Waiting { what, since: begin.elapsed() });
                }
            },
        );
        self.context.shared.check()?;
        let records = batches.iter().map(|b| b.record.size()).sum();
        let number = scheduler.open(last, batches.len(), records);
        for mut batch in batches {
            let (id, oldest) = scheduler.numbers();
            let before = self.dependencies.enter(id, &std::mem::take(&mut batch.conflict_keys), oldest);
            batch.heavy = size.is_heavy(batch.largest);
            let bytes = batch.bytes + size.statement(batch.largest);
            scheduler.put(Job::Batch(batch), Some(number), &before, bytes);
        }
        Ok(())
    }

    /// Waits until nothing is under way.
    pub(super) fn settle(&mut self) -> Result<()> {
        self.close_window()?;
        self.scheduler().wait_until_idle();
        self.dependencies.clear();
        self.shared().check()
    }

    /// Runs `job`, which applies everything up to `last`, with nothing else under way.
    pub(super) fn alone(&mut self, last: CommitTs, job: Job) -> Result<()> {
        self.settle()?;
        let window = self.scheduler().open(last, 1, 0);
        self.scheduler().put(job, Some(window), &[], 0);
        self.settle()
    }
}

/// The source of the rows. They can be read again for another try.
pub(super) enum Rows {
    /// Decoded one by one.
    Lazy(Box<dyn LargeRows>),
    /// In memory already.
    Ready { rows: Vec<RowChange>, next: usize },
}

impl Rows {
    /// Goes back to the first row, then skips `done` of them.
    ///
    /// # Errors
    /// If the rows cannot be read.
    pub(super) fn restart(&mut self, done: u64) -> Result<()> {
        match self {
            Self::Lazy(txn) => {
                txn.rewind();
                txn.pass_over(done).map(drop)
            }
            Self::Ready { next, .. } => {
                *next = usize::try_from(done)?;
                Ok(())
            }
        }
    }

    fn next(&mut self) -> Option<Result<RowChange>> {
        match self {
            Self::Lazy(txn) => txn.next(),
            Self::Ready { rows, next } => {
                let row = rows.get(*next).cloned().map(Ok);
                *next += 1;
                row
            }
        }
    }

    /// The next portion of the transaction of `ts`: at most `rows` row changes and about `bytes`
    /// bytes; `None` after the last.
    ///
    /// # Errors
    /// If a row cannot be read. If a row cannot be read.
    pub(super) fn portion(&mut self, ts: CommitTs, rows: u64, bytes: usize, skipped: &Skipped) -> Result<Option<Part>> {
        let mut part = Part::new(ts);
        let mut taken = 0;
        while taken < rows && part.bytes < bytes {
            let Some(row) = self.next() else { break };
            let row = row?;
            taken += 1;
            if skipped.has_table(row.table.id) {
                part.leave_out(row.table.id);
            } else {
                part.push(row);
            }
        }
        Ok((taken > 0).then_some(part))
    }
}

#[cfg(test)]
#[path = "window_tests.rs"]
mod tests;
