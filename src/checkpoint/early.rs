//! DDL jobs that ran before their place in the stream, because rows of theirs come before their message: the link's row remembers them until
//! the position has come to the message, so that none runs twice.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::Fault;
use crate::model::{CommitTs, Ddl};

use super::failed::Failed;

/// A DDL as the link's row knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DdlAt {
    /// The commit ts of its message.
    pub ts: CommitTs,
    /// TiDB's job id.
    pub job: i64,
    /// See [`Ddl::early`].
    pub early: Option<CommitTs>,
}

impl DdlAt {
    /// `ddl`, whose message has the commit ts `ts`.
    #[must_use]
    pub fn of(ts: CommitTs, ddl: &Ddl) -> Self {
        Self { ts, job: ddl.job_id, early: ddl.early }
    }

    /// The position that the link has when it has run.
    #[must_use]
    pub fn position(self) -> CommitTs {
        self.early.unwrap_or(self.ts)
    }
}

impl From<(CommitTs, i64)> for DdlAt {
    fn from((ts, job): (CommitTs, i64)) -> Self {
        Self { ts, job, early: None }
    }
}

/// Jobs that ran early, each with the commit ts of its message.
pub(super) type Early = Vec<(i64, CommitTs)>;

/// Those of a link, as its row has them.
#[derive(Clone, Debug, Default)]
pub(super) struct EarlyDdl(Arc<Mutex<Early>>);

impl EarlyDdl {
    pub(super) fn new(jobs: Early) -> Self {
        Self(Arc::new(Mutex::new(jobs)))
    }

    fn lock(&self) -> MutexGuard<'_, Early> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn jobs(&self) -> Early {
        self.lock().clone()
    }

    /// With `at`, and without those whose message the position has passed.
    pub(super) fn with(&self, at: DdlAt) -> Early {
        let mut jobs = self.jobs();
        jobs.retain(|(job, ts)| *ts > at.position() && *job != at.job);
        jobs.push((at.job, at.ts));
        jobs
    }

    pub(super) fn set(&self, jobs: Early) {
        *self.lock() = jobs;
    }
}

/// The text in the row.
pub(super) fn write(jobs: &Early) -> String {
    let texts: Vec<String> = jobs.iter().map(|(job, ts)| format!("{job}:{}", ts.0)).collect();
    texts.join(",")
}

/// What the row says.
///
/// # Errors
/// If it is not what this program writes: a DDL could run twice.
pub(super) fn read(text: &str) -> Result<Early, Failed> {
    let one = |text: &str| {
        let (job, ts) = text.split_once(':')?;
        Some((job.parse().ok()?, CommitTs(ts.parse().ok()?)))
    };
    let jobs: Option<Early> = text.split(',').filter(|part| !part.is_empty()).map(one).collect();
    jobs.ok_or_else(|| {
        Fault::refused(format!("`{text}` in tidb_binlog.tisync_checkpoint (column `early_ddl`) is no list of DDL jobs"))
            .hint("restore the row: without that list a DDL could run twice")
            .into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_stay_until_their_message_is_passed() {
        let jobs = EarlyDdl::new(read("4:90,5:70").unwrap());
        let at = DdlAt { ts: CommitTs(100), job: 6, early: Some(CommitTs(80)) };
        let with = jobs.with(at);
        assert_eq!(write(&with), "4:90,6:100");
        jobs.set(with);
        assert_eq!(write(&jobs.with(at)), "4:90,6:100", "once each");
        assert_eq!((at.position(), DdlAt::from((CommitTs(7), 1)).position()), (CommitTs(80), CommitTs(7)));
        assert!(read("").unwrap().is_empty());
        for bad in ["x", "1", "1:x", "1:2;3:4"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
