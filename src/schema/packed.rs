//! A DDL job on its way from the history to its place in the schema: kept small, because a history has tens of
//! thousands of them, and each holds its table's whole definition.

use anyhow::{Context, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use zstd::bulk::Compressor;

use super::{DbInfo, Job, TableInfo};
use crate::model::ActionType;

/// zstd's fastest usual level: definitions are repetitive, and each is unpacked at most once.
const LEVEL: i32 = 1;

/// Columns in definitions that are kept as they are, before the rest is compressed: about 16 MB, and most histories.
const PLAIN_COLUMNS: usize = 50_000;

/// Packs values; the first of them stay as they are.
pub(super) struct Packer {
    compressor: Compressor<'static>,
    room: usize,
}

impl Packer {
    pub fn new() -> Result<Self> {
        Ok(Self { compressor: Compressor::new(LEVEL)?, room: PLAIN_COLUMNS })
    }

    /// Keeps `value`, whose definitions have so many columns.
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
    /// The schema version that it ended with, and the [first](Job::first_version) that shows a part of it.
    pub version: i64,
    pub first_version: i64,
    pub finished_ts: u64,
    /// When it began, and as of when it copied rows.
    pub started_ts: u64,
    pub copied_ts: u64,
    pub effective: bool,
    /// Whether it brings a database's definition.
    pub has_database: bool,
    /// The tables whose definitions it brings, and when it changed each last.
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

/// What is now: each database with its tables.
pub(super) type PackedSnapshot = Vec<(DbInfo, Vec<PackedTable>)>;
