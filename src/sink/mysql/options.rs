//! How a sink is opened.

use std::collections::BTreeSet;

use super::connection::Connection;
use crate::model::CommitTs;
use crate::stop::Stop;

/// What to do about a DDL that an earlier run began and did not see end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PendingDdl {
    /// It took effect on the target: go on behind it.
    Done,
    /// It did not: run it again.
    Again,
}

/// How a sink is opened.
#[derive(Clone, Debug)]
pub struct MysqlOptions {
    /// The upstream cluster's id, from PD.
    pub cluster_id: u64,
    /// The link's name, 1 to 64 characters: one checkpoint for each.
    pub link: String,
    /// Password, session variables and the like.
    pub connection: Connection,
    /// Where a first start begins (exclusive); a checkpoint on the target wins over it.
    pub start: Option<CommitTs>,
    /// Nobody named [`start`](Self::start): it is what PD's clock showed.
    pub start_is_now: bool,
    /// INSERT becomes REPLACE, and rows that are not as expected are counted instead of being an error.
    pub safe_mode: bool,
    /// Tables that the target lacks are only said; a row for one of them stops the run.
    pub allow_missing: bool,
    /// DDLs that are not run, by commit ts.
    pub skip_ddl: BTreeSet<CommitTs>,
    /// The operator's word about a DDL left behind.
    pub pending_ddl: Option<PendingDdl>,
    /// Connections to the target, 1 to 64; chosen from the round trip to it if `None`.
    pub workers: Option<usize>,
    /// Row changes of a batch, at least 1; chosen from the round trip if `None`. A larger transaction still is not split.
    pub batch_rows: Option<u64>,
    /// Row changes above which an upstream transaction is split over several of the target's; never if `None`.
    pub max_txn_rows: Option<u64>,
    /// Bytes of memory that the run may take.
    pub memory_limit: usize,
    /// Ends the waiting for a target that does not come back.
    pub stop: Stop,
}

impl MysqlOptions {
    /// The default of [`memory_limit`](Self::memory_limit).
    pub const MEMORY_LIMIT: usize = 256 << 20;

    /// The defaults for a link of a cluster.
    #[must_use]
    pub fn new(cluster_id: u64, link: impl Into<String>) -> Self {
        Self {
            cluster_id,
            link: link.into(),
            connection: Connection::default(),
            start: None,
            start_is_now: false,
            safe_mode: false,
            allow_missing: false,
            skip_ddl: BTreeSet::new(),
            pending_ddl: None,
            workers: None,
            batch_rows: None,
            max_txn_rows: None,
            memory_limit: Self::MEMORY_LIMIT,
            stop: Stop::default(),
        }
    }
}
