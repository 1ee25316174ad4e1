//! A DDL job on its way from the history to its place in the schema: kept small, because a history has tens of
//! thousands of them, and each holds its table's whole definition.

use anyhow::{Context, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{DbInfo, Job, TableInfo};

/// zstd's fastest usual level: definitions are repetitive, and each is unpacked at most once.
const LEVEL: i32 = 1;

/// A value as compressed JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Compressed(Box<[u8]>);

impl Compressed {
    fn new(value: &impl Serialize) -> Result<Self> {
        let text = serde_json::to_vec(value)?;
        Ok(Self(zstd::bulk::compress(&text, LEVEL)?.into()))
    }

    fn open<T: DeserializeOwned>(&self) -> Result<T> {
        Ok(serde_json::from_slice(&zstd::stream::decode_all(&*self.0)?)?)
    }
}

/// A job, packed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PackedJob {
    pub id: i64,
    pub action: i64,
    pub schema_id: i64,
    pub table_id: i64,
    /// The schema version that it ended with.
    pub version: i64,
    pub finished_ts: u64,
    pub effective: bool,
    /// Whether it brings a database's definition.
    pub has_database: bool,
    /// The tables whose definitions it brings.
    pub tables: Box<[i64]>,
    whole: Compressed,
}

impl PackedJob {
    pub fn new(job: &Job) -> Result<Self> {
        Ok(Self {
            id: job.id,
            action: job.action,
            schema_id: job.schema_id,
            table_id: job.table_id,
            version: job.info.schema_version,
            finished_ts: job.info.finished_ts,
            effective: job.effective(),
            has_database: job.info.db.is_some(),
            tables: job.info.table.iter().map(|t| t.id).chain(job.info.tables.iter().map(|t| t.id)).collect(),
            whole: Compressed::new(job).with_context(|| format!("keeping DDL job {}", job.id))?,
        })
    }

    pub fn open(&self) -> Result<Job> {
        self.whole.open().with_context(|| format!("reading DDL job {} again", self.id))
    }
}

/// A table as it is now, packed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PackedTable {
    pub id: i64,
    pub name: String,
    pub update_timestamp: u64,
    whole: Compressed,
}

impl PackedTable {
    pub fn new(table: &TableInfo) -> Result<Self> {
        Ok(Self {
            id: table.id,
            name: table.name.0.clone(),
            update_timestamp: table.update_timestamp,
            whole: Compressed::new(table).with_context(|| format!("keeping the table `{}`", table.name.0))?,
        })
    }

    pub fn open(&self) -> Result<TableInfo> {
        self.whole.open().with_context(|| format!("reading the table `{}` again", self.name))
    }
}

/// What is now: each database with its tables.
pub(super) type PackedSnapshot = Vec<(DbInfo, Vec<PackedTable>)>;
