//! Events of a run, passed to the display through one callback, so that no stage prints.

use std::sync::Arc;
use std::time::Duration;

use crate::model::CommitTs;

/// Something that happened in a run.
#[derive(Clone, Debug)]
pub enum Event {
    /// Worth a line: where it starts, what was found, what was skipped.
    Note(String),
    /// Worth a line that stands out: nothing is lost, but the operator should look.
    Warning(String),
    /// A batch is durable on the target.
    Applied {
        /// Upstream transactions in it.
        txns: u64,
        /// Row changes in them.
        rows: u64,
        /// Everything at or below this is durable.
        position: CommitTs,
    },
    /// The target's position, told without a batch: at the start and the end of a run, and where it
    /// moves without data.
    Durable {
        /// Everything at or below this is durable.
        position: CommitTs,
    },
    /// The target lost what it had said is durable: everything behind this comes again.
    SetBack {
        /// Everything at or below this is durable.
        position: CommitTs,
    },
    /// The source has been read up to here.
    Reached {
        /// Everything at or below has been taken from the source.
        position: CommitTs,
        /// Transactions with rows that were taken in this run.
        txns: u64,
        /// Transactions that were dropped because they came from the other side.
        dropped: u64,
    },
    /// Rows of the target were not as expected: both sides changed the same rows, or another client
    /// writes to the target.
    Odd {
        /// The table, quoted, with its database.
        table: String,
        /// Rows to delete or to change that were not there.
        missing: u64,
        /// Rows to insert whose key was taken.
        duplicate: u64,
    },
    /// Something failed that may pass by itself; it is tried again.
    Retrying {
        /// What failed, and why.
        why: String,
        /// When the next try comes.
        next: Duration,
        /// For how long it has been failing.
        since: Duration,
    },
    /// What is read is a cluster at work: whatever it has not sent by now is behind.
    Live,
    /// What was [waited](Self::Waiting) for has come.
    Resumed,
    /// The target lets the run wait.
    Unanswered {
        /// For what, and as far as can be told why; `None`: it answers again.
        what: Option<String>,
        /// For how long already.
        since: Duration,
    },
    /// Something outside keeps the run from going on.
    Waiting {
        /// What it waits for, as in `job 123 in TiDB's DDL history`.
        what: String,
        /// For how long already.
        since: Duration,
    },
}

/// Where events go. Cheap to clone; may be called from any thread.
pub type Events = Arc<dyn Fn(Event) + Send + Sync>;

/// Discards all events: for tests and one-off commands.
#[must_use]
pub fn silent() -> Events {
    Arc::new(|_| {})
}
