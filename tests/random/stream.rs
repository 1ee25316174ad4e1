//! A story as a simulated TiDB writes it into its Pumps, with the schema lag that a real one has under load.

use std::sync::Arc;

use anyhow::{Context, Result};
use prost::Message;
use serde_json::{Value as Json, json};
use tisync::model::{RowChange, RowKind};
use tisync::playground::cluster::Cluster;
use tisync::playground::encode;
use tisync::source::binlog::{Binlog, TP_COMMIT};

use crate::chance::Random;
use crate::story::{Change, Infos, Job, Lag, Step};

/// The lags that stories have unless told otherwise.
const USUAL: &str = "late,partition,early,twice";
/// What lies between the row ids of a row's two writes while partitions are reorganised.
const SECOND_WRITES: i64 = 1_000_000;
/// The most transactions that change places with a DDL.
const MOST_LAGGING: u64 = 4;

/// How transactions and DDL get out of step.
#[derive(Clone, Copy, Debug)]
pub struct Lags {
    pub late: bool,
    pub late_by_partition: bool,
    pub early: bool,
    pub twice: bool,
}

impl Lags {
    /// All of them, or those that `TISYNC_RANDOM_LAGS` names.
    pub fn wanted() -> Self {
        let named = std::env::var("TISYNC_RANDOM_LAGS").unwrap_or_else(|_| USUAL.to_owned());
        let has = |name: &str| named.split(',').any(|n| n == name);
        Self { late: has("late"), late_by_partition: has("partition"), early: has("early"), twice: has("twice") }
    }

    fn late(self, lag: Lag) -> bool {
        self.late && lag == Lag::Late || self.late_by_partition && lag == Lag::LateByPartition
    }
}

/// Writes all of it.
pub fn write(cluster: &Arc<Cluster>, steps: &[Step], seed: u64) -> Result<()> {
    let lags = Lags::wanted();
    let mut writer = Writer { cluster: Arc::clone(cluster), random: Random::new(!seed) };
    let mut rest = steps;
    while let Some((step, after)) = rest.split_first() {
        let until = rest.iter().position(|s| matches!(s, Step::Ddl(_))).unwrap_or(rest.len());
        rest = match (step, rest.get(until)) {
            (Step::Ddl(job), _) => {
                let early = if lags.early && job.lag == Lag::Early { writer.lagging(after) } else { 0 };
                let (first, rest) = after.split_at(early);
                first.iter().try_for_each(|step| writer.txn(step, job.version, None))?;
                writer.ddl(job, None)?;
                rest
            }
            (_, Some(Step::Ddl(job))) if until as u64 <= MOST_LAGGING && job.lag != Lag::Early => {
                let late = lags.late(job.lag) && writer.random.one_in(2);
                let twice = lags.twice && job.lag == Lag::Twice;
                let before = rest.get(..until).unwrap_or_default();
                // A job that reorganises partitions has begun, and copied what was there, before any row comes twice.
                let began = writer.cluster.tso().0;
                if late {
                    writer.ddl(job, None)?;
                }
                for step in before {
                    writer.txn_beside(step, job, twice)?;
                }
                if !late {
                    writer.ddl(job, twice.then_some(began))?;
                }
                rest.get(until + 1..).unwrap_or_default()
            }
            (step, _) => {
                writer.txn(step, 0, None)?;
                after
            }
        };
    }
    Ok(())
}

struct Writer {
    cluster: Arc<Cluster>,
    random: Random,
}

impl Writer {
    /// How many of the transactions at the beginning of `steps` commit before the message in front of them.
    fn lagging(&mut self, steps: &[Step]) -> usize {
        let until = steps.iter().position(|s| matches!(s, Step::Ddl(_))).unwrap_or(steps.len());
        usize::try_from(self.random.below(MOST_LAGGING + 1)).unwrap_or(0).min(until)
    }

    /// A transaction that began while the job ran: with the version before its last one.
    fn txn_beside(&mut self, step: &Step, job: &Job, twice: bool) -> Result<()> {
        self.txn(step, job.version - 1, twice.then_some(job.table_id))
    }

    /// With the version of its step if `version` is 0; the changes of the table `twice` come twice.
    fn txn(&mut self, step: &Step, version: i64, twice: Option<i64>) -> Result<()> {
        let Step::Txn { changes, version: own, .. } = step else { return Ok(()) };
        let version = if version == 0 { *own } else { version };
        let mut rows = Vec::new();
        let mut handles = Vec::new();
        for Change { table, handle, kind } in changes {
            let times = if twice == Some(table.id) { 2 } else { 1 };
            for time in 0..times {
                rows.push(RowChange { table: Arc::clone(table), kind: kind.clone() });
                // The second write of a new row has a row id of its own.
                let own = time == 1 && matches!(kind, RowKind::Insert(_));
                handles.push(if own { handle + SECOND_WRITES } else { *handle });
            }
        }
        let mut handles = handles.into_iter();
        let value = encode::prewrite(version, &rows, &mut |_| handles.next().unwrap_or(0))?;
        let binlog =
            Binlog { prewrite_value: Some(value), ddl_job_id: Some(0), ddl_schema_state: Some(0), ..Binlog::default() };
        self.write(binlog, |_| Ok(()))
    }

    /// The job's message; it began at `began` if not just now.
    fn ddl(&mut self, job: &Job, began: Option<u64>) -> Result<()> {
        let binlog = Binlog {
            ddl_query: Some(job.query.clone().into()),
            ddl_job_id: Some(job.id),
            ddl_schema_state: Some(5),
            ..Binlog::default()
        };
        let cluster = Arc::clone(&self.cluster);
        self.write(binlog, |start_ts| cluster.publish_job(&history(job, began, start_ts).to_string()))
    }

    fn write(&mut self, mut binlog: Binlog, before: impl FnOnce(u64) -> Result<()>) -> Result<()> {
        let pump = usize::try_from(self.random.below(self.cluster.pump_count() as u64))?;
        let start_ts = self.cluster.tso();
        let written = self.cluster.commit(pump, |commit_ts| {
            before(start_ts.0)?;
            binlog.tp = Some(TP_COMMIT);
            binlog.start_ts = Some(start_ts.to_wire());
            binlog.commit_ts = Some(commit_ts.to_wire());
            Ok(binlog.encode_to_vec().into())
        });
        written.map(drop).context("writing into a Pump")
    }
}

/// The job's entry in the history.
fn history(job: &Job, began: Option<u64>, ts: u64) -> Json {
    let (began, copied) = (began.unwrap_or(ts), began.unwrap_or(0));
    let dated = |info: &Json| {
        let mut info = info.clone();
        info["update_timestamp"] = json!(ts);
        info
    };
    let (database, table, several) = match &job.infos {
        Infos::Database(info) => (info.clone(), Json::Null, Json::Null),
        Infos::One(info) => (Json::Null, dated(info), Json::Null),
        Infos::Several(all) => {
            let all: Vec<Json> = all.iter().map(dated).collect();
            (Json::Null, all.last().cloned().unwrap_or_default(), json!(all))
        }
    };
    json!({
        "id": job.id, "type": job.action, "schema_id": job.schema_id, "table_id": job.table_id,
        "schema_name": job.schema_name, "table_name": job.table_name, "state": 6, "err": null, "err_count": 0,
        "row_count": 0, "raw_args": null, "schema_state": 5, "snapshot_ver": copied, "real_start_ts": began, "start_ts": began,
        "dependency_id": 0, "query": job.query, "version": 1, "seq_num": job.version,
        "binlog": {
            "SchemaVersion": job.version, "DBInfo": database, "TableInfo": table, "FinishedTS": ts,
            "MultipleTableInfos": several,
        },
    })
}
