//! The state that the servers of one simulated cluster share.
//!
//! - The timestamp oracle: one counter for all clients.
//! - A server: a port on loopback and a runtime of its own, so that stopping it cuts its
//!   connections at once, as a killed process would.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

use super::PumpSpec;
use super::catalog::Jobs;
use super::etcd::Keys;
use super::store::Store;
use crate::model::CommitTs;

/// The state behind all servers of a cluster.
pub(super) struct Shared {
    pub(super) cluster_id: u64,
    pub(super) member_id: u64,
    /// `127.0.0.1:PORT` of PD.
    pub(super) pd: String,
    pub(super) clock: Clock,
    pub(super) pumps: Vec<Pump>,
    pub(super) jobs: Jobs,
    pub(super) tidb: Mutex<Tidb>,
    pub(super) old_collations: bool,
    pub(super) safe_point: Mutex<CommitTs>,
    pub(super) keys: Mutex<Keys>,
    /// Held during a comparison of keys and the writes that depend on it.
    pub(super) writing: Mutex<()>,
}

/// One Pump.
pub(super) struct Pump {
    pub(super) node_id: String,
    /// `127.0.0.1:PORT` where it listens.
    pub(super) address: String,
    pub(super) store: Store,
    pub(super) entry: Mutex<Registration>,
    /// Whether its process has ended by itself.
    pub(super) left: AtomicBool,
}

impl Pump {
    /// A Pump that listens at `address`.
    pub(super) fn of(spec: PumpSpec, address: String) -> Self {
        let entry = Registration {
            listed: spec.registered,
            host: spec.advertise.unwrap_or_else(|| address.clone()),
            state: "online".to_owned(),
            stopped: None,
        };
        Self {
            node_id: spec.node_id,
            address,
            store: Store::new(spec.behaviour),
            entry: Mutex::new(entry),
            left: false.into(),
        }
    }

    pub(super) fn leave(&self, left: bool) {
        self.left.store(left, Ordering::SeqCst);
    }

    pub(super) fn has_left(&self) -> bool {
        self.left.load(Ordering::SeqCst)
    }
}

/// The entry of a Pump in etcd.
pub(super) struct Registration {
    /// Whether there is a key at all.
    pub(super) listed: bool,
    /// The address in its entry.
    pub(super) host: String,
    /// `online`, `pausing`, `paused`, `closing` or `offline`.
    pub(super) state: String,
    /// The last heartbeat of a Pump that does not run; a running one's is now.
    pub(super) stopped: Option<(CommitTs, CommitTs)>,
}

/// The one TiDB server.
pub(super) struct Tidb {
    pub(super) version: String,
    pub(super) binlog_status: String,
    pub(super) status_port: u16,
    /// Unix seconds.
    pub(super) started: i64,
    /// Whether it is registered in etcd.
    pub(super) listed: bool,
}

/// The TiDB server's id, made up.
pub(super) const DDL_ID: &str = "00000000-0000-4000-8000-7469737962ee";

impl Shared {
    /// The Status JSON of a Pump, with TiDB Binlog's key order (docs/protocol/tidb-binlog.md §1.4).
    pub(super) fn pump_status(&self, pump: &Pump) -> String {
        let entry = pump.entry.lock();
        let (max, update) = entry.stopped.unwrap_or_else(|| (pump.store.max_commit_ts(), self.clock.about()));
        let (id, host, state) = (text(&pump.node_id), text(&entry.host), text(&entry.state));
        format!(
            r#"{{"nodeId":{id},"host":{host},"state":{state},"isAlive":false,"score":0,"label":null,"maxCommitTS":{max},"updateTS":{update}}}"#
        )
    }

    /// TiDB's information about itself, in etcd and over HTTP.
    pub(super) fn server_info(&self) -> Value {
        let tidb = self.tidb.lock();
        json!({
            "version": tidb.version, "git_hash": "None", "ddl_id": DDL_ID, "ip": "127.0.0.1",
            // It has no SQL port: this is a simulation of the servers that a replicator reads from.
            "listening_port": 4000, "status_port": tidb.status_port, "lease": "45s",
            "binlog_status": tidb.binlog_status, "start_timestamp": tidb.started, "labels": {}, "server_id": 1,
        })
    }
}

/// A JSON string.
fn text(s: &str) -> Value {
    Value::from(s)
}

/// How many timestamps fit into one millisecond.
const PER_MS: u64 = 1 << 18;

/// Where the physical part of timestamps comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockMode {
    /// This machine's clock, as PD does it.
    Wall,
    /// Stands still at this ts: each request takes the next counter, and `set_tso` moves it on. For
    /// runs that have to be reproducible.
    Manual(CommitTs),
}

/// Gives out timestamps that only rise.
pub(super) struct Clock {
    wall: bool,
    last: Mutex<CommitTs>,
}

impl Clock {
    pub(super) fn new(mode: ClockMode) -> Self {
        match mode {
            ClockMode::Wall => Self { wall: true, last: Mutex::new(CommitTs(0)) },
            ClockMode::Manual(ts) => Self { wall: false, last: Mutex::new(ts) },
        }
    }

    /// The largest of the next `count` timestamps; `None` if a millisecond cannot hold that many,
    /// or for none at all.
    pub(super) fn take(&self, count: u32) -> Option<CommitTs> {
        let count = u64::from(count);
        if count == 0 || count >= PER_MS {
            return None;
        }
        let mut last = self.last.lock();
        let now = self.physical(*last);
        let used = if now > last.physical_ms() { 0 } else { last.logical() };
        let next = used + count;
        *last = if next < PER_MS { CommitTs::from_parts(now, next) } else { CommitTs::from_parts(now + 1, count) };
        Some(*last)
    }

    /// The next timestamp.
    pub(super) fn next(&self) -> CommitTs {
        // One always fits; the fallback only keeps the types honest.
        self.take(1).unwrap_or_default()
    }

    /// Moves the clock, so that every later timestamp is above `ts`; has no effect if it is above
    /// already.
    pub(super) fn raise(&self, ts: CommitTs) {
        let mut last = self.last.lock();
        *last = (*last).max(ts);
    }

    /// Approximately now, without taking a timestamp: for heartbeats.
    pub(super) fn about(&self) -> CommitTs {
        let last = *self.last.lock();
        last.max(CommitTs::from_millis(self.physical(last)))
    }

    fn physical(&self, last: CommitTs) -> u64 {
        let wall = if self.wall { u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0) } else { 0 };
        wall.max(last.physical_ms())
    }
}

/// How long a stopped server may take to end.
const STOP_LIMIT: Duration = Duration::from_secs(2);

/// A running or stopped server.
pub(super) struct Node {
    name: String,
    port: u16,
    runtime: Option<Runtime>,
}

/// Listens on `port` of 127.0.0.1; 0 takes a free one.
pub(super) fn listen(port: u16) -> Result<(TcpListener, u16)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .with_context(|| format!("the simulated cluster cannot listen on 127.0.0.1:{port}"))?;
    listener.set_nonblocking(true)?;
    let port = listener.local_addr()?.port();
    Ok((listener, port))
}

impl Node {
    /// A server that does not run yet.
    pub(super) fn new(name: String, port: u16) -> Self {
        Self { name, port, runtime: None }
    }

    pub(super) fn running(&self) -> bool {
        self.runtime.is_some()
    }

    /// Starts on `listener`, or on its own port again.
    pub(super) fn start<F>(&mut self, listener: Option<TcpListener>, router: Router, beside: Option<F>) -> Result<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = match listener {
            Some(listener) => listener,
            None => listen(self.port)?.0,
        };
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name(&self.name).enable_all().build()?;
        let entered = runtime.enter();
        let listener = tokio::net::TcpListener::from_std(listener)?;
        drop(entered);
        runtime.spawn(async move { axum::serve(listener, router).await });
        if let Some(beside) = beside {
            runtime.spawn(beside);
        }
        self.runtime = Some(runtime);
        Ok(())
    }

    /// Drops every connection and the port.
    pub(super) fn stop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(STOP_LIMIT);
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_never_overlap_and_spill_into_the_next_millisecond() {
        let clock = Clock::new(ClockMode::Manual(CommitTs::from_parts(1000, 0)));
        assert_eq!(clock.take(10), Some(CommitTs::from_parts(1000, 10)));
        assert_eq!(clock.take(1), Some(CommitTs::from_parts(1000, 11)));
        assert_eq!(clock.take(262_143), Some(CommitTs::from_parts(1001, 262_143)));
        assert_eq!(clock.take(1), Some(CommitTs::from_parts(1002, 1)));
        assert_eq!((clock.take(0), clock.take(262_144)), (None, None));
        clock.raise(CommitTs::from_parts(5, 5));
        assert_eq!(clock.next(), CommitTs::from_parts(1002, 2));
    }
}
