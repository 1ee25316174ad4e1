//! The writing side of the simulated cluster: transactions and DDL jobs as a TiDB would put them into its Pumps.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use prost::Message;
use serde_json::{Value as Json, json};
use tisync::model::RowChange;
use tisync::playground::cluster::Cluster;
use tisync::playground::encode;
use tisync::source::binlog::{Binlog, TP_COMMIT};

use crate::random::Random;
use crate::tables::DATABASE;

/// The id of the one database.
pub const SCHEMA_ID: i64 = 101;

/// A DDL job (docs/protocol/tidb-formats.md §6.1).
pub struct Job {
    /// ActionType.
    pub action: u8,
    /// The table that it is about, before the job; 0 for a database.
    pub table_id: i64,
    pub table_name: String,
    pub query: String,
    pub db_info: Json,
    pub table_info: Json,
    /// For jobs about several tables.
    pub several: Json,
}

pub struct Upstream {
    cluster: Arc<Cluster>,
    job_delay: Option<Duration>,
    last_id: i64,
    version: i64,
    pumps: Random,
}

impl Upstream {
    pub fn new(cluster: Arc<Cluster>, job_delay: Option<Duration>, seed: u64) -> Self {
        Self { cluster, job_delay, last_id: SCHEMA_ID, version: 40, pumps: Random::new(!seed) }
    }

    /// Tables and jobs share one sequence of ids.
    pub fn new_id(&mut self) -> i64 {
        self.last_id += 1;
        self.last_id
    }

    /// Commits row changes, each with its handle.
    pub fn rows(&mut self, changes: &[RowChange], handles: &[i64]) -> Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        let mut handles = handles.iter().copied();
        let value = encode::prewrite(self.version, changes, &mut |_| handles.next().unwrap_or(0))?;
        let binlog =
            Binlog { prewrite_value: Some(value), ddl_job_id: Some(0), ddl_schema_state: Some(0), ..Binlog::default() };
        self.write(binlog, |_| Ok(())).map(drop)
    }

    /// Runs a job; gives its commit ts.
    pub fn ddl(&mut self, job: Job) -> Result<u64> {
        let id = self.new_id();
        self.version += 1;
        let version = self.version;
        let binlog = Binlog {
            ddl_query: Some(job.query.clone().into()),
            ddl_job_id: Some(id),
            ddl_schema_state: Some(5),
            ..Binlog::default()
        };
        let (cluster, delay) = (Arc::clone(&self.cluster), self.job_delay);
        self.write(binlog, |start_ts| {
            let text = json!({
                "id": id, "type": job.action, "schema_id": SCHEMA_ID, "table_id": job.table_id,
                "schema_name": DATABASE, "table_name": job.table_name, "state": 6, "err": null, "err_count": 0,
                "row_count": 0, "raw_args": null, "schema_state": 5, "snapshot_ver": 0, "real_start_ts": start_ts,
                "start_ts": start_ts, "dependency_id": 0, "query": job.query, "version": 1, "seq_num": version,
                "binlog": {
                    "SchemaVersion": version, "DBInfo": job.db_info, "TableInfo": job.table_info,
                    "FinishedTS": start_ts, "MultipleTableInfos": job.several,
                },
            })
            .to_string();
            match delay {
                Some(delay) => cluster.publish_job_after_message(&text, delay),
                None => cluster.publish_job(&text),
            }
        })
    }

    fn write(&mut self, mut binlog: Binlog, before: impl FnOnce(u64) -> Result<()>) -> Result<u64> {
        let pump = usize::try_from(self.pumps.below(self.cluster.pump_count() as u64))?;
        let start_ts = self.cluster.tso();
        let ts = self.cluster.commit(pump, |commit_ts| {
            before(start_ts.0)?;
            binlog.tp = Some(TP_COMMIT);
            binlog.start_ts = Some(start_ts.to_wire());
            binlog.commit_ts = Some(commit_ts.to_wire());
            Ok(binlog.encode_to_vec().into())
        })?;
        Ok(ts.0)
    }
}
