//! The writing part of a TiDB: it gives out ids and schema versions, and writes transactions and DDL jobs to the Pumps as
//! TiDB would.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use prost::Message;
use serde_json::Value as Json;

use super::cluster::Cluster;
use super::encode::{self, job::Job};
use super::random::Random;
use crate::model::{CommitTs, RowChange};
use crate::source::binlog::{Binlog, TP_COMMIT};

/// The writing side of the simulated upstream.
pub(super) struct Upstream {
    pub(super) cluster: Arc<Cluster>,
    job_delay: Option<Duration>,
    last_id: i64,
    version: i64,
    pumps: Random,
}

impl Upstream {
    pub(super) fn new(cluster: Arc<Cluster>, job_delay: Option<Duration>, seed: u64) -> Self {
        // TiDB's own tables take the first ids and versions of a real cluster.
        Self { cluster, job_delay, last_id: 100, version: 40, pumps: Random::new(!seed) }
    }

    /// An id for a database, a table or a job: they share one sequence.
    pub(super) fn new_id(&mut self) -> i64 {
        self.last_id += 1;
        self.last_id
    }

    /// Commits a transaction, each change with the handle of its row; an empty one leaves no trace, as in TiDB.
    pub(super) fn rows(&mut self, changes: &[RowChange], handles: &[i64]) -> Result<Option<CommitTs>> {
        let Some(first) = changes.first() else { return Ok(None) };
        let handle = handles.first().copied().unwrap_or(0);
        let mut handles = handles.iter();
        let value = encode::prewrite(self.version, changes, &mut |_| handles.next().copied().unwrap_or(0))?;
        let binlog = Binlog {
            prewrite_key: Some(encode::row_key(first.table.id, handle)),
            prewrite_value: Some(value),
            ddl_job_id: Some(0),
            ddl_schema_state: Some(0),
            ..Binlog::default()
        };
        self.write(binlog, |_| Ok(())).map(Some)
    }

    /// Runs a DDL job; `outcome` gives DBInfo and TableInfo for the time it is done.
    pub(super) fn ddl(&mut self, job: &Job, outcome: impl FnOnce(u64) -> (Json, Json)) -> Result<CommitTs> {
        let id = self.new_id();
        self.version += 1;
        let version = self.version;
        let binlog = Binlog {
            prewrite_key: Some(job.meta_key()),
            ddl_query: Some(job.query.clone().into()),
            ddl_job_id: Some(id),
            ddl_schema_state: Some(5),
            ..Binlog::default()
        };
        let (cluster, delay) = (self.cluster.clone(), self.job_delay);
        self.write(binlog, |start_ts| {
            let (db_info, table_info) = outcome(start_ts);
            let text = job.json(id, version, start_ts, &db_info, &table_info).to_string();
            match delay {
                Some(delay) => cluster.publish_job_after_message(&text, delay),
                None => cluster.publish_job(&text),
            }
        })
    }

    /// Commits on any of the Pumps that are online, as TiDB chooses; `before` runs with the start ts just before anybody can see the message.
    fn write(&mut self, mut binlog: Binlog, before: impl FnOnce(u64) -> Result<()>) -> Result<CommitTs> {
        let online = self.cluster.online_pumps();
        let chosen = usize::try_from(self.pumps.below(u64::try_from(online.len())?))?;
        let pump = online.get(chosen).copied().context("no Pump is there to commit on")?;
        let start_ts = self.cluster.tso();
        self.cluster.commit(pump, |commit_ts| {
            before(start_ts.0)?;
            binlog.tp = Some(TP_COMMIT);
            binlog.start_ts = Some(start_ts.to_wire());
            binlog.commit_ts = Some(commit_ts.to_wire());
            Ok(binlog.encode_to_vec().into())
        })
    }
}
