//! How what was collected goes to the workers: the window in batches, or one job with nothing else under way.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::MysqlSink;
use super::board::Job;
use crate::event::Event;
use crate::model::CommitTs;

/// A batch with fewer row changes is not worth a connection of its own.
const LEAST_ROWS: u64 = 500;
/// How long a stuck batch may hold up all others before it is told.
const PATIENT_UNTIL: Duration = Duration::from_secs(5);

impl MysqlSink {
    /// Cuts the window into batches and puts them up.
    pub(super) fn close_window(&mut self) -> Result<()> {
        if self.window.is_empty() {
            return Ok(());
        }
        let window = std::mem::take(&mut self.window);
        let size = self.context.size;
        let (last, held) = (window.last(), window.bytes());
        let batches = window.cut(size.workers, LEAST_ROWS);
        let board = &self.context.board;
        let begin = Instant::now();
        // What comes is held as well.
        board.wait_for_room(size.in_flight.saturating_sub(held).max(1), size.workers * 2, size.records(), |held_up| {
            if begin.elapsed() >= PATIENT_UNTIL {
                let what = format!(
                    "what the target has not finished of the transactions up to {}; as much as may go before them is applied",
                    held_up.explain()
                );
                (self.context.events)(Event::Waiting { what, since: begin.elapsed() });
            }
        });
        self.context.shared.check()?;
        let records = batches.iter().map(|b| b.record.size()).sum();
        let number = board.open(last, batches.len(), records);
        for mut batch in batches {
            let (id, oldest) = board.numbers();
            let before = self.lineage.enter(id, &std::mem::take(&mut batch.tokens), oldest);
            batch.heavy = size.is_heavy(batch.largest);
            let bytes = batch.bytes + size.statement(batch.largest);
            board.put(Job::Batch(batch), Some(number), &before, bytes);
        }
        Ok(())
    }

    /// Waits until nothing is under way.
    pub(super) fn settle(&mut self) -> Result<()> {
        self.close_window()?;
        self.board().wait_until_idle();
        self.lineage.clear();
        self.shared().check()
    }

    /// Does `job`, which brings everything up to `last`, with nothing else under way.
    pub(super) fn alone(&mut self, last: CommitTs, job: Job) -> Result<()> {
        self.settle()?;
        let window = self.board().open(last, 1, 0);
        self.board().put(job, Some(window), &[], 0);
        self.settle()
    }
}
