//! What the servers of one simulated cluster share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use serde_json::{Value, json};

use super::PumpSpec;
use super::clock::Clock;
use super::jobs::Jobs;
use super::keys::Keys;
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
    /// Held by whoever compares and writes keys.
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
    /// One that listens at `address`.
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

/// What etcd holds of a Pump.
pub(super) struct Registration {
    /// Whether there is a key at all.
    pub(super) listed: bool,
    /// The address it says it has.
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
    /// The Status JSON of a Pump, with TiDB Binlog's key order (spec/tidb-binlog.md §1.4).
    pub(super) fn pump_status(&self, pump: &Pump) -> String {
        let entry = lock(&pump.entry);
        let (max, update) = entry.stopped.unwrap_or_else(|| (pump.store.max_commit_ts(), self.clock.about()));
        let (id, host, state) = (text(&pump.node_id), text(&entry.host), text(&entry.state));
        format!(
            r#"{{"nodeId":{id},"host":{host},"state":{state},"isAlive":false,"score":0,"label":null,"maxCommitTS":{max},"updateTS":{update}}}"#
        )
    }

    /// What TiDB says of itself, in etcd and over HTTP.
    pub(super) fn server_info(&self) -> Value {
        let tidb = lock(&self.tidb);
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

/// Locks also after a panic of another holder: each lock guards plain data that is always whole.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// See [`lock`].
pub(super) fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

/// See [`lock`].
pub(super) fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
