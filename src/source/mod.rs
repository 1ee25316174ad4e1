//! Sources: where the transactions of an upstream cluster come from.

pub mod binlog;
mod forward;
mod payload;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use crossbeam_channel::Receiver;

use crate::model::{CommitTs, Pulled};
use crate::schema::History;

pub use forward::Forward;
pub use payload::{read, write};

/// An upstream: its identity, its streams and its schema.
///
/// The contract, which `tests/source_contract.rs` runs on every implementation:
/// - `streams` is called once, with the position to start behind (exclusive), and gives the *complete* list of streams;
///   what any of them holds above the position, and nothing else, arrives in rising commit ts.
/// - A source that cannot keep this, because it no longer holds what follows the position, fails instead.
/// - Reconnecting is the source's own affair; an `Err` in a stream is final.
/// - A stream that has nothing to send says `Resolved` every few seconds, unless it has ended: then its channel closes.
/// - Dropping the streams ends the threads behind them.
pub trait Source: Send {
    /// The id that PD gave the cluster.
    fn cluster_id(&self) -> u64;

    /// Where the definitions of its tables come from.
    fn history(&self) -> Arc<dyn History>;

    /// The newest ts: what `--until caught-up` waits for. For files, the end of what they hold.
    ///
    /// # Errors
    /// If the source cannot be asked.
    fn now(&self) -> Result<CommitTs>;

    /// Where a first run starts if the operator names no ts: files know, a live cluster does not.
    fn first(&self) -> Option<CommitTs>;

    /// Opens every stream behind `from`.
    ///
    /// # Errors
    /// If the list of streams is not complete, or one of them no longer holds all that follows `from`.
    fn streams(&mut self, from: CommitTs) -> Result<Vec<Stream>>;
}

/// One ordered stream of a source: one Pump, one file.
pub struct Stream {
    /// What messages call it: a Pump's node id, a file's path.
    pub name: String,
    /// What it says; closed when it has ended for good.
    pub receiver: Receiver<Result<Pulled>>,
}

/// How long a stream may be silent before its source looks for the cause. A healthy Pump sends a fake every 3 s.
pub const SILENCE: Duration = Duration::from_secs(30);
