//! How a sink is opened.

use std::collections::BTreeSet;

use crate::mark::Mark;
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

/// What to do where the target's rows are not as the stream supposes: one to change or delete is missing, or the key of one to insert is
/// taken. They are counted in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnConflict {
    /// Nothing of the transaction is applied, and the run ends.
    #[default]
    Stop,
    /// The row becomes what the upstream has.
    Count,
}

/// How a sink is opened.
#[derive(Clone, Debug)]
pub struct MysqlOptions {
    /// The upstream cluster's id, from PD.
    pub cluster_id: u64,
    /// The link's name, 1 to 64 characters: one checkpoint for each.
    pub link: String,
    /// Where a first start begins (exclusive); a checkpoint on the target wins over it.
    pub start: Option<CommitTs>,
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
    /// What to do where rows are not as the stream supposes; in safe mode nobody supposes anything.
    pub on_conflict: OnConflict,
    /// With it every transaction on the target carries a mark of this channel, for the target is a source too.
    pub mark: Option<Mark>,
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
            start: None,
            safe_mode: false,
            allow_missing: false,
            skip_ddl: BTreeSet::new(),
            pending_ddl: None,
            workers: None,
            batch_rows: None,
            max_txn_rows: None,
            memory_limit: Self::MEMORY_LIMIT,
            on_conflict: OnConflict::default(),
            mark: None,
            stop: Stop::default(),
        }
    }

    /// Whether rows that are not as supposed are overwritten and counted.
    pub(super) fn forgives(&self) -> bool {
        self.safe_mode || self.on_conflict == OnConflict::Count
    }
}
