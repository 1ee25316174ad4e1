//! A whole setup on one machine: a private MariaDB, a simulated TiDB cluster, a comparison.
//!
//! - A small random number generator: the same numbers for a seed, on every machine and in every
//!   version.
//! - The writing part of a TiDB: it gives out ids and schema versions, and writes transactions and
//!   DDL jobs to the Pumps as TiDB would.
//! - A simulated cluster that serves a recording of a real one: a folder with `binlogs.bin` (or
//!   `.zst`), or one such folder for each Pump (`pump-1`, `pump-2` …), `ddl_history.json` and
//!   `meta.json`.

pub mod bank;
pub mod cluster;
pub mod compare;
pub mod encode;
pub mod mariadb;
pub mod mirror;
pub mod tableinfo;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use prost::Message;
use serde::Deserialize;
use serde_json::Value as Json;
use serde_json::value::RawValue;

use crate::error::Fault;
use crate::model::{CommitTs, RowChange};
use crate::source::binlog::{Binlog, TP_COMMIT};
use crate::source::recording::{self, Frames, Meta};
pub use crate::sql::quote_name as sql_name;
use cluster::{Behaviour, ClockMode, Cluster, ClusterSpec, PumpSpec};
use encode::row::Job;

/// SplitMix64: one addition and three mixing steps for each number.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// A generator that starts at `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    #[expect(clippy::should_implement_trait, reason = "it never ends")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// 0 to `end` - 1; 0 if there is nothing below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next().checked_rem(end).unwrap_or(0)
    }

    /// The index of one of `length` things; 0 if there is none.
    pub fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or(0)
    }

    /// `from` to `to`, both included.
    pub fn between(&mut self, from: i64, to: i64) -> i64 {
        let span = to.abs_diff(from).saturating_add(1);
        from.saturating_add_unsigned(self.below(span))
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// `length` letters and digits, some of them outside ASCII.
    pub fn text(&mut self, length: u64) -> String {
        const LETTERS: [&str; 16] =
            ["a", "b", "c", "d", "e", "X", "Y", "7", " ", "'", "\\", "ä", "ß", "東", "😀", "\""];
        (0..length).filter_map(|_| LETTERS.get(usize::try_from(self.below(16)).ok()?)).copied().collect()
    }

    /// `length` bytes.
    pub fn bytes(&mut self, length: u64) -> Vec<u8> {
        (0..length).flat_map(|_| u8::try_from(self.below(256))).collect()
    }
}

/// The writing side of the simulated upstream.
struct Upstream {
    cluster: Arc<Cluster>,
    job_delay: Option<Duration>,
    last_id: i64,
    version: i64,
    pumps: Random,
}

impl Upstream {
    fn new(cluster: Arc<Cluster>, job_delay: Option<Duration>, seed: u64) -> Self {
        // In a real cluster, TiDB's own tables take the first ids and versions.
        Self { cluster, job_delay, last_id: 100, version: 40, pumps: Random::new(!seed) }
    }

    /// An id for a database, a table or a job: they share one sequence.
    fn new_id(&mut self) -> i64 {
        self.last_id += 1;
        self.last_id
    }

    /// Commits a transaction, each change with the handle of its row; an empty one leaves no trace,
    /// as in TiDB.
    fn rows(&mut self, changes: &[RowChange], handles: &[i64]) -> Result<Option<CommitTs>> {
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
    fn ddl(&mut self, job: &Job, outcome: impl FnOnce(u64) -> (Json, Json)) -> Result<CommitTs> {
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

    /// Commits on any of the Pumps that are online, as TiDB chooses; `before` runs with the start
    /// ts just before the message becomes visible.
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

/// With several Pumps, each gets a fake after this many messages of the recording, so that a merge
/// can go on.
const FAKE_EVERY: usize = 50;
/// How often [`serve`] checks its flag.
const TICK: Duration = Duration::from_millis(50);

/// A recording in memory.
pub struct Recording {
    /// The id of the recorded cluster.
    pub cluster_id: u64,
    /// It holds what was committed after this (0: from the beginning) …
    pub start_ts: CommitTs,
    /// … up to and including this; if the recording does not say, the last message's ts.
    pub end_ts: CommitTs,
    /// The TiDB version it came from.
    pub version: String,
    /// The messages of each Pump, serialized `Binlog`s in rising commit ts.
    pub streams: Vec<Vec<Bytes>>,
    /// The DDL history as JSON texts of jobs.
    pub jobs: Vec<String>,
}

impl Recording {
    /// Reads a folder.
    ///
    /// # Errors
    /// If a file is missing or damaged; the message names it.
    pub fn read(folder: &Path) -> Result<Self> {
        let meta = Meta::read(folder)?;
        let history = recording::history_file(folder).ok_or_else(|| {
            Fault::usage(format!("{} has no ddl_history.json", folder.display())).hint("give the folder of a recording")
        })?;
        let text = fs::read(&history).with_context(|| format!("cannot read {}", history.display()))?;
        let jobs: Vec<Box<RawValue>> =
            serde_json::from_slice(&text).with_context(|| format!("{} is not a list of jobs", history.display()))?;
        let mut streams = Vec::new();
        for file in recording::files(folder)? {
            streams.push(Frames::open(&file)?.map(|frame| Ok(frame?.payload)).collect::<Result<Vec<_>>>()?);
        }
        let mut last = CommitTs(0);
        for payload in streams.iter().filter_map(|s| s.last()) {
            let ts = Binlog::decode(payload.clone())?.commit_ts.and_then(CommitTs::from_wire);
            last = last.max(ts.unwrap_or_default());
        }
        Ok(Self {
            cluster_id: meta.cluster_id,
            start_ts: meta.start_ts,
            end_ts: meta.end_ts.unwrap_or(last),
            version: meta.more.get("tidb").and_then(|v| v.as_str()).unwrap_or_default().to_owned(),
            streams,
            jobs: jobs.into_iter().map(|j| j.get().to_owned()).collect(),
        })
    }
}

/// Options for serving a recording.
#[derive(Clone, Debug)]
pub struct ReplayOptions {
    /// Over how many Pumps a recording of one Pump is spread, each transaction on one of them. A
    /// recording of several Pumps keeps its own.
    pub pumps: usize,
    /// Which Pump takes a transaction.
    pub spread: Spread,
    /// How Pumps send.
    pub behaviour: Behaviour,
    /// `None`: all jobs are in the history from the start; else those that have a message appear
    /// this long after it was sent.
    pub job_delay: Option<Duration>,
    /// PD's port on 127.0.0.1; 0 takes a free one.
    pub pd_port: u16,
}

impl Default for ReplayOptions {
    /// One healthy Pump, all jobs visible.
    fn default() -> Self {
        Self { pumps: 1, spread: Spread::Turns, behaviour: Behaviour::default(), job_delay: None, pd_port: 0 }
    }
}

/// Which Pump takes a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// One after the other, as TiDB does by default.
    Turns,
    /// By a hash of the commit ts.
    Hash,
}

impl Spread {
    fn pump(self, turn: usize, commit_ts: i64, pumps: usize) -> usize {
        match self {
            Self::Turns => turn % pumps,
            Self::Hash => {
                let hash = commit_ts.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
                usize::try_from(hash).unwrap_or(0) % pumps
            }
        }
    }
}

/// Starts a cluster that serves the recording. PD's timestamps are at or above the recording's end.
///
/// # Errors
/// If a port is taken, or the recording's messages do not rise in commit ts.
pub fn start(recording: &Recording, options: &ReplayOptions) -> Result<Cluster> {
    let own = recording.streams.len();
    let count = if own > 1 { own } else { options.pumps.max(1) };
    let mut spec = ClusterSpec::new(recording.cluster_id, 0);
    spec.pd_port = options.pd_port;
    spec.clock = ClockMode::Wall;
    if !recording.version.is_empty() {
        spec.version.clone_from(&recording.version);
    }
    for n in 1..=count {
        let mut pump = PumpSpec::new(&format!("pump-{n}"));
        // Fakes carry fresh timestamps: they have to wait until the whole recording is in.
        pump.behaviour = Behaviour { fakes: None, silent: true, ..options.behaviour.clone() };
        spec.pumps.push(pump);
    }
    let cluster = Cluster::start(spec)?;
    let mut with_message = BTreeSet::new();
    if own > 1 {
        for (index, stream) in recording.streams.iter().enumerate() {
            for payload in stream {
                with_message.extend(job_of(payload)?);
                cluster.append(index, payload.clone())?;
            }
        }
    } else if let Some(stream) = recording.streams.first() {
        with_message = spread(&cluster, stream, options.spread, count)?;
    }
    cluster.set_tso(recording.end_ts);
    for job in &recording.jobs {
        publish(&cluster, job, options.job_delay, &with_message)?;
    }
    for pump in 0..count {
        cluster.behave(pump, |b| *b = options.behaviour.clone())?;
        if options.behaviour.fakes.is_some() {
            // So that a reader can reach "now" without waiting for the first regular fake.
            cluster.append_fake(pump, cluster.tso())?;
        }
    }
    Ok(cluster)
}

/// The DDL job of a message.
fn job_of(payload: &Bytes) -> Result<Option<i64>> {
    Ok(Binlog::decode(payload.clone())?.ddl_job_id.filter(|id| *id > 0))
}

/// Distributes one stream over `count` Pumps, with regular fakes on all of them.
fn spread(cluster: &Cluster, stream: &[Bytes], how: Spread, count: usize) -> Result<BTreeSet<i64>> {
    let mut jobs = BTreeSet::new();
    let mut before = 0;
    for (turn, payload) in stream.iter().enumerate() {
        let binlog = Binlog::decode(payload.clone())?;
        let commit_ts = binlog.commit_ts.unwrap_or(0);
        // A ts of its own, between two messages.
        if count > 1 && turn % FAKE_EVERY == FAKE_EVERY - 1 && before + 1 < commit_ts {
            for pump in 0..count {
                cluster.append_fake(pump, CommitTs::from_wire(before + 1).unwrap_or_default())?;
            }
        }
        jobs.extend(binlog.ddl_job_id.filter(|id| *id > 0));
        cluster.append(how.pump(turn, commit_ts, count), payload.clone())?;
        before = commit_ts;
    }
    Ok(jobs)
}

fn publish(cluster: &Cluster, job: &str, delay: Option<Duration>, with_message: &BTreeSet<i64>) -> Result<()> {
    #[derive(Deserialize)]
    struct Id {
        id: i64,
    }
    let Id { id } = serde_json::from_str(job).context("a job of the recording's ddl_history.json")?;
    match delay {
        Some(delay) if with_message.contains(&id) => cluster.publish_job_after_message(job, delay),
        _ => cluster.publish_job(job),
    }
}

/// Serves a recording until `stop` is set: the body of a process of its own, as measurements need
/// it. `ready` gets the running cluster once it can be used.
///
/// # Errors
/// See [`start`].
pub fn serve(
    recording: &Recording,
    options: &ReplayOptions,
    stop: &AtomicBool,
    ready: impl FnOnce(&Cluster),
) -> Result<()> {
    let cluster = start(recording, options)?;
    ready(&cluster);
    while !stop.load(Ordering::Relaxed) {
        sleep(TICK);
    }
    Ok(())
}
