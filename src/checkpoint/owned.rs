//! A link's row for one writer that saves the position in each transaction with data, without slots.

use std::ops::Deref;

use anyhow::Result;

use super::link::{Intent, Link};
use super::take::take;
use crate::error::Fault;
use crate::event::silent;
use crate::model::CommitTs;
use crate::sink::mysql::session::Session;

/// A link's row, owned by this run.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    link: Link,
    position: CommitTs,
    last_job: i64,
}

impl Deref for Checkpoint {
    type Target = Link;

    fn deref(&self) -> &Link {
        &self.link
    }
}

impl Checkpoint {
    /// Makes the state tables where they are missing, and takes the link over: whoever had it before is stopped at its
    /// next write, and whatever it had under way is either durable or gone when this returns. Gives the intent that
    /// was left behind, if one was.
    ///
    /// # Errors
    /// If the tables cannot be made, or are of another version.
    pub fn take(session: &mut Session, cluster_id: u64, link: &str) -> Result<(Self, Option<Intent>)> {
        let taken = take(session, cluster_id, link, 0, &silent())?;
        if !taken.applied.is_empty() {
            return Err(Fault::refused(format!(
                "link `{link}` has transactions above its checkpoint that a writer without slots cannot account for"
            ))
            .into());
        }
        let position = taken.position.unwrap_or_default();
        let last_job = taken.last_job.unwrap_or_default();
        Ok((Self { link: taken.link, position, last_job }, taken.intent))
    }

    /// Everything at or below is durable; `None` if the link has not started yet.
    #[must_use]
    pub fn position(&self) -> Option<CommitTs> {
        (self.position.0 > 0).then_some(self.position)
    }

    /// The last DDL job whose message lay at or below the position when the run took the link over.
    #[must_use]
    pub fn last_job(&self) -> Option<i64> {
        (self.last_job > 0).then_some(self.last_job)
    }

    /// Writes `ts` within the transaction that is open, or alone; [`saved`](Self::saved) follows once it is durable.
    ///
    /// # Errors
    /// If the link was taken over, or `ts` lies below what is there.
    pub fn write(&self, session: &mut Session, ts: CommitTs) -> Result<()> {
        Ok(self.link.save_position(session, ts)?)
    }

    /// The same for the commit ts of DDL job `job`, which does not run here.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn write_ddl(&mut self, session: &mut Session, ts: CommitTs, job: i64) -> Result<()> {
        self.link.save_ddl_position(session, ts, job)?;
        self.last_job = job;
        Ok(())
    }

    /// Remembers that `ts` is durable.
    pub fn saved(&mut self, ts: CommitTs) {
        self.position = self.position.max(ts);
    }

    /// Remembers that DDL `job` was settled, and its commit ts with it.
    pub fn settled(&mut self, ts: CommitTs, job: i64) {
        self.saved(ts);
        self.last_job = job;
    }
}
