//! What `ts check` judges by, gathered from backups, PD, the Pumps and the target.

use jiff::Timestamp;

use crate::model::CommitTs;

/// What is known about the place to start from. What is absent was not asked for.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// This machine's clock.
    pub clock: Timestamp,
    /// A fresh ts of the upstream.
    pub now: Option<CommitTs>,
    /// The upstream's cluster id.
    pub cluster_id: Option<u64>,
    /// The upstream's Pumps that are not offline.
    pub pumps: Option<Vec<PumpFact>>,
    /// What the target was restored or loaded from.
    pub backup: Option<BackupFact>,
    /// How far an earlier replication has brought the target.
    pub checkpoint: CheckpointFact,
    /// What of the target's settings may cost it its last commits.
    pub risk: Option<String>,
}

/// A Pump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PumpFact {
    /// Its node id.
    pub name: String,
    /// Its gauge `binlog_pump_storage_gc_ts`: it has deleted everything older. Milliseconds since the Unix epoch; 0 when it
    /// has not deleted anything yet.
    pub gc_ms: u64,
}

/// A backup or dump that the target was filled from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupFact {
    /// Which, as in `the dump in /dumps/today`.
    pub name: String,
    /// It holds everything up to and including this.
    pub ts: CommitTs,
    /// For an incremental backup: it holds only what is above this.
    pub start: Option<CommitTs>,
    /// The cluster that it was taken of, where it says.
    pub cluster_id: Option<u64>,
    /// What makes its ts less than certain.
    pub warnings: Vec<String>,
}

/// The target's checkpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CheckpointFact {
    /// No target was named.
    #[default]
    NotAsked,
    /// The target has none.
    None,
    /// The target holds everything up to and including this.
    At(CommitTs),
}
