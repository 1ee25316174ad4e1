//! DDL jobs as TiDB's history shows them (docs/protocol/tidb-formats.md §6.1, §6.2).
//!
//! Also a compact form of pending jobs: a history has tens of thousands of jobs, and each holds the
//! whole definition of its table.

use anyhow::{Context, Result};
use jiff::tz::{Offset, TimeZone};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zstd::bulk::Compressor;

use super::info::{DbInfo, TableInfo, nullable};
use crate::model::ActionType;

/// Table ids above this are those of the tables in which TiDB keeps its DDL jobs.
pub const RESERVED_ABOVE: i64 = 281_474_976_709_655;

/// A finished DDL job: done, rolled back or cancelled.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Job {
    /// Its id. Jobs do not run in the order of their ids.
    #[serde(deserialize_with = "nullable")]
    pub id: i64,
    /// What kind of DDL it is.
    #[serde(rename = "type", deserialize_with = "nullable")]
    pub action: ActionType,
    /// Its database; for RENAME the new one.
    #[serde(deserialize_with = "nullable")]
    pub schema_id: i64,
    /// Its table; for TRUNCATE and EXCHANGE PARTITION the old id.
    #[serde(deserialize_with = "nullable")]
    pub table_id: i64,
    /// Name of the database, lower case.
    #[serde(deserialize_with = "nullable")]
    pub schema_name: String,
    /// Name of the table, lower case.
    #[serde(deserialize_with = "nullable")]
    pub table_name: String,
    /// When it began to run; 0 if TiDB is too old to have this.
    #[serde(deserialize_with = "nullable")]
    pub real_start_ts: u64,
    /// The snapshot from which it copied rows to new partitions; 0 if it copied none.
    #[serde(rename = "snapshot_ver", deserialize_with = "nullable")]
    pub copied_ts: u64,
    /// When it was queued.
    #[serde(deserialize_with = "nullable")]
    pub start_ts: u64,
    /// 4 done and 6 synced took effect; 3 was rolled back, 5 cancelled.
    #[serde(deserialize_with = "nullable")]
    pub state: i64,
    /// The statement as the user wrote it.
    #[serde(deserialize_with = "nullable")]
    pub query: String,
    /// The definitions after the job.
    #[serde(rename = "binlog", deserialize_with = "nullable")]
    pub info: HistoryInfo,
    /// How the job rewrites values, if it does.
    #[serde(rename = "reorg_meta")]
    pub reorg: Option<Reorg>,
    /// The parts of an ALTER with several changes.
    #[serde(rename = "multi_schema_info", deserialize_with = "nullable", skip_serializing_if = "Parts::is_none")]
    pub parts: Parts,
}

/// `DDLReorgMeta`: settings of the session that ran the job.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Reorg {
    /// Its zone.
    pub location: Option<Location>,
}

/// `TimeZoneLocation`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Location {
    /// A name, `Asia/Shanghai`; empty where only an offset was set.
    #[serde(deserialize_with = "nullable")]
    pub name: String,
    /// Seconds east of UTC.
    #[serde(deserialize_with = "nullable")]
    pub offset: i32,
}

impl Reorg {
    /// The time zone, if it is a known one.
    #[must_use]
    pub fn zone(&self) -> Option<TimeZone> {
        let Location { name, offset } = self.location.as_ref()?;
        if *offset == 0 && !name.is_empty() {
            return TimeZone::get(name).ok();
        }
        Offset::from_seconds(*offset).ok().map(Offset::to_time_zone)
    }
}

/// `MultiSchemaInfo`: the parts of an ALTER with several changes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Parts {
    /// In the order of the statement.
    #[serde(deserialize_with = "nullable")]
    pub sub_jobs: Vec<Part>,
}

impl Parts {
    fn is_none(&self) -> bool {
        self.sub_jobs.is_empty()
    }
}

/// `SubJob`: one part.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Part {
    /// The schema version of its last step; 0 if it shares that of another part, or TiDB is too old
    /// to have this.
    #[serde(deserialize_with = "nullable")]
    pub schema_version: i64,
}

impl Job {
    /// Whether it changed anything that concerns a reader of rows. FLASHBACK CLUSTER has no schema
    /// version, but changes everything.
    #[must_use]
    pub fn effective(&self) -> bool {
        let changed = self.info.schema_version != 0 || self.action == ActionType::FlashbackCluster;
        matches!(self.state, 4 | 6) && changed && self.table_id <= RESERVED_ABOVE
    }
}

/// `HistoryInfo`; which fields are filled depends on the action.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HistoryInfo {
    /// The schema version that the job ended with, by which jobs are ordered. 0 if it changed
    /// nothing.
    #[serde(rename = "SchemaVersion", deserialize_with = "nullable")]
    pub schema_version: i64,
    /// The database.
    #[serde(rename = "DBInfo")]
    pub db: Option<Box<DbInfo>>,
    /// The table after the job; for DROP the one before.
    #[serde(rename = "TableInfo")]
    pub table: Option<Box<TableInfo>>,
    /// Start ts of the transaction that put the job into the history. In real clusters it is 50 ms
    /// or more *above* the commit ts of the job's binlog, which is written when the job is done.
    #[serde(rename = "FinishedTS", deserialize_with = "nullable")]
    pub finished_ts: u64,
    /// Several tables, in the order of the statement (RENAME TABLES, batched CREATE TABLE).
    #[serde(rename = "MultipleTableInfos", deserialize_with = "nullable")]
    pub tables: Vec<TableInfo>,
}

/// Databases and tables as they are now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// Each database with its tables, views and sequences.
    pub databases: Vec<(DbInfo, Vec<TableInfo>)>,
}

/// zstd's fastest usual level: definitions are repetitive, and each is unpacked at most once.
const LEVEL: i32 = 1;

/// How many columns of definitions stay unpacked before the rest is compressed: about 16 MB, enough
/// for most histories.
const PLAIN_COLUMNS: usize = 50_000;

/// Packs values; the first ones stay unpacked.
pub(super) struct Packer {
    compressor: Compressor<'static>,
    room: usize,
}

impl Packer {
    pub fn new() -> Result<Self> {
        Ok(Self { compressor: Compressor::new(LEVEL)?, room: PLAIN_COLUMNS })
    }

    /// Packs `value`, whose definitions have `columns` columns in total.
    fn keep<T: Serialize>(&mut self, value: T, columns: usize) -> Result<Kept<T>> {
        if let Some(room) = self.room.checked_sub(columns + 1) {
            self.room = room;
            return Ok(Kept::Plain(Box::new(value)));
        }
        let text = serde_json::to_vec(&value)?;
        Ok(Kept::Compressed { bytes: self.compressor.compress(&text)?.into(), length: text.len() })
    }
}

/// A value as it is, or as compressed JSON.
#[derive(Clone, Debug, PartialEq)]
enum Kept<T> {
    Plain(Box<T>),
    Compressed { bytes: Box<[u8]>, length: usize },
}

impl<T: DeserializeOwned> Kept<T> {
    fn open(self) -> Result<T> {
        match self {
            Self::Plain(value) => Ok(*value),
            Self::Compressed { bytes, length } => Ok(serde_json::from_slice(&zstd::bulk::decompress(&bytes, length)?)?),
        }
    }
}

/// A job, packed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PackedJob {
    pub id: i64,
    pub action: ActionType,
    pub schema_id: i64,
    pub table_id: i64,
    /// The schema version that it ended with, and the [first](Job::first_version) that shows a part
    /// of it.
    pub version: i64,
    pub first_version: i64,
    pub finished_ts: u64,
    /// When it began, and the snapshot from which it copied rows.
    pub started_ts: u64,
    pub copied_ts: u64,
    pub effective: bool,
    /// Whether it has a database's definition.
    pub has_database: bool,
    /// The tables whose definitions it has, and when it last changed each.
    pub tables: Box<[i64]>,
    pub updated: Box<[(i64, u64)]>,
    whole: Kept<Job>,
}

impl PackedJob {
    pub fn new(job: Job, packer: &mut Packer) -> Result<Self> {
        let id = job.id;
        let columns = job.info.table.iter().map(|t| t.cols.len()).chain(job.info.tables.iter().map(|t| t.cols.len()));
        let columns = columns.sum();
        let infos = || job.info.table.as_deref().into_iter().chain(&job.info.tables);
        Ok(Self {
            id,
            action: job.action,
            schema_id: job.schema_id,
            table_id: job.table_id,
            version: job.info.schema_version,
            first_version: job.first_version(),
            finished_ts: job.info.finished_ts,
            copied_ts: job.copied_ts,
            started_ts: if job.real_start_ts > 0 { job.real_start_ts } else { job.start_ts },
            effective: job.effective(),
            has_database: job.info.db.is_some(),
            tables: job.info.table.iter().map(|t| t.id).chain(job.info.tables.iter().map(|t| t.id)).collect(),
            updated: infos().map(|t| (t.id, t.update_timestamp)).collect(),
            whole: packer.keep(job, columns).with_context(|| format!("keeping DDL job {id}"))?,
        })
    }

    pub fn open(self) -> Result<Job> {
        let id = self.id;
        self.whole.open().with_context(|| format!("reading DDL job {id} again"))
    }
}

/// A table as it is now, packed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PackedTable {
    pub id: i64,
    pub name: String,
    pub update_timestamp: u64,
    whole: Kept<TableInfo>,
}

impl PackedTable {
    pub fn new(table: TableInfo, packer: &mut Packer) -> Result<Self> {
        let (name, columns) = (table.name.0.clone(), table.cols.len());
        Ok(Self {
            id: table.id,
            update_timestamp: table.update_timestamp,
            whole: packer.keep(table, columns).with_context(|| format!("keeping the table `{name}`"))?,
            name,
        })
    }

    pub fn open(self) -> Result<TableInfo> {
        let name = self.name;
        self.whole.open().with_context(|| format!("reading the table `{name}` again"))
    }
}

/// The current databases, each with its tables.
pub(super) type PackedSnapshot = Vec<(DbInfo, Vec<PackedTable>)>;
