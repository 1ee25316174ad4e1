//! A simulated TiDB cluster as a replicator sees one: PD with its etcd, Pumps, TiDB's status port.
//!
//! It is no TiDB: it has no SQL, no TiKV and no data but the messages that a test or a load put
//! into it. What it does, it does on the wire as the real servers do: the same gRPC methods, bytes
//! and errors (docs/protocol/tidb-binlog.md §1 to §3), the same pages over HTTP
//! (docs/protocol/tidb-formats.md §7). `tests/wire_server.rs` compares it with recorded exchanges.
//! Everything listens on 127.0.0.1 alone.

mod catalog;
mod etcd;
mod pd;
mod pump;
mod state;
mod store;

use std::future::Pending;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use jiff::Timestamp;
use parking_lot::Mutex;

use self::pump::Site;
use self::state::{Pump, Shared, Tidb};
use self::store::Stored;
use crate::model::CommitTs;
use state::Clock;
use state::{Node, listen};

pub use self::store::{Behaviour, Break};
pub use state::ClockMode;

/// The parts of a cluster.
#[derive(Clone, Debug)]
pub struct ClusterSpec {
    /// The id that PD gives it.
    pub cluster_id: u64,
    /// Its Pumps.
    pub pumps: Vec<PumpSpec>,
    /// PD's port on 127.0.0.1; 0 takes a free one.
    pub pd_port: u16,
    /// The port of TiDB's status page; 0 takes a free one.
    pub status_port: u16,
    /// Where timestamps come from.
    pub clock: ClockMode,
    /// The version that TiDB names.
    pub version: String,
    /// Whether TiDB is set to old collations, which compare bytes.
    pub old_collations: bool,
}

impl ClusterSpec {
    /// A cluster with `pumps` Pumps named `pump-1`, `pump-2` … on free ports, by this machine's
    /// clock.
    #[must_use]
    pub fn new(cluster_id: u64, pumps: usize) -> Self {
        Self {
            cluster_id,
            pumps: (1..=pumps).map(|n| PumpSpec::new(&format!("pump-{n}"))).collect(),
            pd_port: 0,
            status_port: 0,
            clock: ClockMode::Wall,
            version: "8.0.11-TiDB-v8.1.0".to_owned(),
            old_collations: false,
        }
    }
}

/// One Pump of a [`ClusterSpec`].
#[derive(Clone, Debug)]
pub struct PumpSpec {
    /// Its node id, which is the last part of its key in etcd.
    pub node_id: String,
    /// Its port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// Whether it is registered in etcd.
    pub registered: bool,
    /// The address that it registers, if not its own.
    pub advertise: Option<String>,
    /// How it sends.
    pub behaviour: Behaviour,
}

impl PumpSpec {
    /// A healthy, registered Pump on a free port.
    #[must_use]
    pub fn new(node_id: &str) -> Self {
        Self {
            node_id: node_id.to_owned(),
            port: 0,
            registered: true,
            advertise: None,
            behaviour: Behaviour::default(),
        }
    }
}

/// A running simulated cluster. Dropping it stops every server. Neither drop it nor call
/// `stop_pump` inside an async task: both wait for threads.
pub struct Cluster {
    shared: Arc<Shared>,
    pumps: Vec<Mutex<Node>>,
    pd: Mutex<Node>,
    tidb: Mutex<Node>,
}

/// The type of "nothing runs beside this server".
const NOTHING: Option<Pending<()>> = None;

impl Cluster {
    /// Starts every server.
    ///
    /// # Errors
    /// If a port is taken or the system gives no threads.
    pub fn start(spec: ClusterSpec) -> Result<Self> {
        let (pd_listener, pd_port) = listen(spec.pd_port)?;
        let (tidb_listener, status_port) = listen(spec.status_port)?;
        let mut pumps = Vec::new();
        let mut listeners = Vec::new();
        for pump in spec.pumps {
            let (listener, port) = listen(pump.port)?;
            listeners.push((listener, port));
            pumps.push(Pump::of(pump, format!("127.0.0.1:{port}")));
        }
        let shared = Arc::new(Shared {
            cluster_id: spec.cluster_id,
            member_id: spec.cluster_id ^ 0x7064,
            pd: format!("127.0.0.1:{pd_port}"),
            clock: Clock::new(spec.clock),
            pumps,
            jobs: catalog::Jobs::default(),
            tidb: Mutex::new(Tidb {
                version: spec.version,
                binlog_status: "On".to_owned(),
                status_port,
                started: Timestamp::now().as_second(),
                listed: true,
            }),
            old_collations: spec.old_collations,
            safe_point: Mutex::default(),
            keys: Mutex::default(),
            writing: Mutex::default(),
        });
        let mut pd = Node::new("pd".to_owned(), pd_port);
        pd.start(Some(pd_listener), pd::router(shared.clone()), NOTHING)?;
        let mut tidb = Node::new("tidb".to_owned(), status_port);
        tidb.start(Some(tidb_listener), pd::status_router(shared.clone()), NOTHING)?;
        let mut nodes = Vec::new();
        for (index, (listener, port)) in listeners.into_iter().enumerate() {
            let site = Site { shared: shared.clone(), index };
            let mut node = Node::new(format!("pump-{index}"), port);
            node.start(Some(listener), pump::router(site.clone()), Some(pump::write_fakes(site)))?;
            nodes.push(Mutex::new(node));
        }
        Ok(Self { shared, pumps: nodes, pd: Mutex::new(pd), tidb: Mutex::new(tidb) })
    }

    /// PD's address as the source of `sync`: `pd://127.0.0.1:PORT`.
    #[must_use]
    pub fn pd_url(&self) -> String {
        format!("pd://{}", self.shared.pd)
    }

    /// The address of TiDB's status page: `127.0.0.1:PORT`.
    #[must_use]
    pub fn status_address(&self) -> String {
        format!("127.0.0.1:{}", self.shared.tidb.lock().status_port)
    }

    /// The address of a Pump: `127.0.0.1:PORT`.
    ///
    /// # Errors
    /// If there is no such Pump.
    pub fn pump_address(&self, pump: usize) -> Result<String> {
        Ok(self.pump(pump)?.address.clone())
    }

    /// How many Pumps it has, running or not.
    #[must_use]
    pub fn pump_count(&self) -> usize {
        self.pumps.len()
    }

    /// The cluster's id.
    #[must_use]
    pub fn cluster_id(&self) -> u64 {
        self.shared.cluster_id
    }

    /// A fresh timestamp.
    #[must_use]
    pub fn tso(&self) -> CommitTs {
        self.shared.clock.next()
    }

    /// Sets the clock: timestamps from now on are above `ts`; they never fall.
    pub fn set_tso(&self, ts: CommitTs) {
        self.shared.clock.raise(ts);
    }

    /// Stores the next message of a Pump: a serialized `Binlog`. Its commit ts must be above all
    /// that the store holds, fakes included. PD's timestamps are above it from now on.
    ///
    /// # Errors
    /// If it is no Binlog, or its commit ts does not rise.
    pub fn append(&self, pump: usize, payload: Bytes) -> Result<CommitTs> {
        let ts = self.pump(pump)?.store.write(|| self.stored(payload))?;
        self.shared.clock.raise(ts);
        Ok(ts)
    }

    /// Takes a commit ts, and stores the message that `build` makes with it, in one step: no fake
    /// of this Pump can come in between.
    ///
    /// # Errors
    /// If `build` fails, or what it makes is no Binlog with a rising commit ts.
    pub fn commit(&self, pump: usize, build: impl FnOnce(CommitTs) -> Result<Bytes>) -> Result<CommitTs> {
        self.pump(pump)?.store.write(|| self.stored(build(self.shared.clock.next())?))
    }

    fn stored(&self, payload: Bytes) -> Result<Stored> {
        let stored = Stored::read(payload)?;
        self.shared.jobs.came_to(stored.schema_version);
        Ok(stored)
    }

    /// Writes a fake at `ts` into a Pump's store; nothing happens if the store is past it.
    ///
    /// # Errors
    /// If there is no such Pump.
    pub fn append_fake(&self, pump: usize, ts: CommitTs) -> Result<()> {
        self.pump(pump)?.store.write_fake_at(ts);
        self.shared.clock.raise(ts);
        Ok(())
    }

    /// Adds the job to the DDL history from now on; a job with the same id is replaced.
    ///
    /// # Errors
    /// If it is no JSON object with an `id`.
    pub fn publish_job(&self, job: &str) -> Result<()> {
        self.shared.jobs.add(job, None).map(|_| ())
    }

    /// Adds the job to the DDL history `delay` after a Pump has sent its message for the first
    /// time.
    ///
    /// # Errors
    /// If it is no JSON object with an `id`.
    pub fn publish_job_after_message(&self, job: &str, delay: Duration) -> Result<()> {
        self.shared.jobs.add(job, Some(delay)).map(|_| ())
    }

    /// Makes the effect of this job visible from now on, although the job is not over: an ALTER of
    /// several parts shows them before its message is written.
    pub fn show_job(&self, id: i64) {
        self.shared.jobs.show(id);
    }

    /// The status that TiDB reports of its binlog: `On`, `Off`, `Skipping` or `Unknown`.
    pub fn set_binlog_status(&self, status: &str) {
        status.clone_into(&mut self.shared.tidb.lock().binlog_status);
    }

    /// Whether TiDB is registered in etcd.
    pub fn set_tidb_listed(&self, listed: bool) {
        self.shared.tidb.lock().listed = listed;
    }

    /// Sets a Pump's GC ts: it no longer sends messages at or below it.
    ///
    /// # Errors
    /// If there is no such Pump.
    pub fn set_gc_ts(&self, pump: usize, ts: CommitTs) -> Result<()> {
        self.pump(pump)?.store.set_gc_ts(ts);
        Ok(())
    }

    /// Sets TiKV's GC safe point.
    pub fn set_gc_safe_point(&self, ts: CommitTs) {
        *self.shared.safe_point.lock() = ts;
    }

    /// Sets a Pump's state in etcd: `online`, `pausing`, `paused`, `closing` or `offline`.
    ///
    /// # Errors
    /// If there is no such Pump.
    pub fn set_pump_state(&self, pump: usize, state: &str) -> Result<()> {
        state.clone_into(&mut self.pump(pump)?.entry.lock().state);
        Ok(())
    }

    /// Sets the address that a Pump has in etcd, right or wrong; `None` removes its key.
    ///
    /// # Errors
    /// If there is no such Pump.
    pub fn register_pump(&self, pump: usize, host: Option<&str>) -> Result<()> {
        let mut entry = self.pump(pump)?.entry.lock();
        entry.listed = host.is_some();
        if let Some(host) = host {
            host.clone_into(&mut entry.host);
        }
        Ok(())
    }

    /// Changes how a Pump sends, for running streams too.
    ///
    /// # Errors
    /// If there is no such Pump.
    pub fn behave(&self, pump: usize, change: impl FnOnce(&mut Behaviour)) -> Result<()> {
        self.pump(pump)?.store.behave(change);
        Ok(())
    }

    /// Makes a Pump wait this long before each message.
    ///
    /// # Errors
    /// If there is no such Pump.
    pub fn slow_pump(&self, pump: usize, delay: Duration) -> Result<()> {
        self.behave(pump, |b| b.delay = delay)
    }

    /// Stops a Pump as `kill -9` would: connections break, and its key in etcd stays as it was.
    ///
    /// # Errors
    /// If there is no such Pump.
    pub fn stop_pump(&self, index: usize) -> Result<()> {
        let pump = self.pump(index)?;
        let now = (pump.store.max_commit_ts(), self.shared.clock.about());
        pump.entry.lock().stopped.get_or_insert(now);
        self.node(index)?.lock().stop();
        Ok(())
    }

    /// Starts a stopped Pump on the same port and store.
    ///
    /// # Errors
    /// If there is no such Pump, or its port was taken meanwhile.
    pub fn restart_pump(&self, index: usize) -> Result<()> {
        self.stop_pump(index)?;
        let site = Site { shared: self.shared.clone(), index };
        let router = pump::router(site.clone());
        self.node(index)?.lock().start(None, router, Some(pump::write_fakes(site)))?;
        let pump = self.pump(index)?;
        pump.leave(false);
        pump.entry.lock().stopped = None;
        Ok(())
    }

    /// Stops PD, or starts it again on its port.
    ///
    /// # Errors
    /// If the port was taken meanwhile.
    pub fn set_pd_running(&self, run: bool) -> Result<()> {
        switch(&self.pd, run, || pd::router(self.shared.clone()))
    }

    /// Stops TiDB's status port, or starts it again.
    ///
    /// # Errors
    /// If the port was taken meanwhile.
    pub fn set_tidb_running(&self, run: bool) -> Result<()> {
        switch(&self.tidb, run, || pd::status_router(self.shared.clone()))
    }

    fn pump(&self, index: usize) -> Result<&Pump> {
        self.shared.pumps.get(index).with_context(|| format!("the simulated cluster has no Pump {index}"))
    }

    fn node(&self, index: usize) -> Result<&Mutex<Node>> {
        self.pumps.get(index).with_context(|| format!("the simulated cluster has no Pump {index}"))
    }
}

fn switch(node: &Mutex<Node>, run: bool, router: impl FnOnce() -> axum::Router) -> Result<()> {
    let mut node = node.lock();
    match (node.running(), run) {
        (false, true) => node.start(None, router(), NOTHING),
        (true, false) => {
            node.stop();
            Ok(())
        }
        _ => Ok(()),
    }
}
