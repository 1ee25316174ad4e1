//! When the position moves, and when it is saved apart from data.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::MysqlSink;
use super::board::Job;

/// How often a position is saved apart from data, and Drainer's row with it.
const SAVE_EVERY: Duration = Duration::from_secs(3);

impl MysqlSink {
    /// The position moved to the last ts taken, without data.
    pub(super) fn moved(&mut self) -> Result<()> {
        self.news = self.taken;
        self.reach();
        self.save_in_time()
    }

    /// The position is the last ts taken, as soon as all before it is durable.
    pub(super) fn reach(&mut self) {
        let Some(ts) = self.taken else { return };
        if !self.window.is_empty() {
            self.window.reach(ts);
        } else if self.board().unfinished() == 0 {
            self.shared().reached(ts);
        }
    }

    /// Where there is nothing to apply, nobody would notice that the target was restarted and has forgotten something, but for the lease.
    fn compare_after_a_loss(&mut self) {
        let losses = self.parts.lease.losses();
        if losses != self.losses {
            self.losses = losses;
            self.board().put(Job::Compare, None, &[], 0);
        }
    }

    /// Saves the position every now and then.
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
        self.board().put(Job::Save { ts, drained: false }, None, &[], 0);
        self.shared().check()
    }
}
