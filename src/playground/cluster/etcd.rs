//! The etcd in the simulated PD: the keys of Pumps and TiDB servers, and those that clients write.
//!
//! Values of Pumps and TiDB servers are made when they are asked for, so heartbeats are always
//! fresh while a server runs. Keys that clients write are the entries of Drainers, and any that a
//! test puts there. Also here: what a test does with the entries of the cluster.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Result;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use serde_json::json;
use tonic::Status;

use super::pump::Site;
use super::state::{DDL_ID, Shared};
use super::{Cluster, pd, store};
use crate::pd::message::{
    Compare, EQUAL, EtcdHeader, GREATER, KeyValue, Op, Operand, PutRequest, PutResponse, RangeRequest, RangeResponse,
    TxnRequest, TxnResponse,
};
use crate::pd::{PUMPS, Status as Entry};

/// `etcdserverpb.KV/Range`: one key, a range, or everything from a key on.
pub(super) async fn range(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    pd::unary(request, |asked| answer(&shared, &asked)).await
}

/// `etcdserverpb.KV/Put`.
pub(super) async fn put(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    pd::unary(request, |asked: PutRequest| {
        write(&shared, &asked)?;
        Ok(PutResponse { header: Some(header(&shared)) })
    })
    .await
}

/// `etcdserverpb.KV/Txn`: reads in it are not answered.
pub(super) async fn txn(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    pd::unary(request, |asked: TxnRequest| {
        // One at a time, as in etcd.
        let _alone = shared.writing.lock();
        let found = pairs(&shared);
        let one = |compare: &Compare| holds(found.get(&String::from_utf8_lossy(&compare.key).into_owned()), compare);
        let succeeded = asked.compare.iter().all(one);
        for part in if succeeded { &asked.success } else { &asked.failure } {
            match &part.op {
                Some(Op::Put(put)) => write(&shared, put)?,
                Some(Op::Delete(delete)) => remove(&shared, &String::from_utf8_lossy(&delete.key))?,
                Some(Op::Range(_)) | None => {}
            }
        }
        Ok(TxnResponse { header: Some(header(&shared)), succeeded })
    })
    .await
}

fn write(shared: &Shared, put: &PutRequest) -> Result<(), Status> {
    let key = String::from_utf8_lossy(&put.key).into_owned();
    let mut keys = shared.keys.lock();
    if keys.locked {
        return Err(Status::permission_denied("etcdserver: permission denied"));
    }
    let pump = key.strip_prefix(PUMPS).and_then(|id| shared.pumps.iter().find(|p| p.node_id == id));
    let Some(pump) = pump else {
        keys.put(&key, put.value.clone());
        return Ok(());
    };
    let status = Entry::read(&put.value).map_err(|e| Status::invalid_argument(format!("{e:#}")))?;
    let mut entry = pump.entry.lock();
    entry.state = status.state().to_string();
    entry.host = status.host;
    Ok(())
}

/// Removes a key. Only keys of clients can be removed: those of the servers come back with their
/// next heartbeat.
fn remove(shared: &Shared, key: &str) -> Result<(), Status> {
    let mut keys = shared.keys.lock();
    if keys.locked {
        return Err(Status::permission_denied("etcdserver: permission denied"));
    }
    keys.remove(key);
    Ok(())
}

fn header(shared: &Shared) -> EtcdHeader {
    // etcd's own id differs from TiDB's: a client that mixes them up should notice.
    EtcdHeader { cluster_id: !shared.cluster_id, member_id: shared.member_id, revision: revision(shared), raft_term: 2 }
}

/// Every heartbeat is a write in a real cluster, so the revision moves all the time.
fn revision(shared: &Shared) -> i64 {
    let seconds = i64::try_from(shared.clock.about().physical_ms() / 1000).unwrap_or(1);
    seconds.max(shared.keys.lock().revision())
}

fn answer(shared: &Shared, asked: &RangeRequest) -> Result<RangeResponse, Status> {
    if asked.key.is_empty() {
        return Err(Status::invalid_argument("etcdserver: key is not provided"));
    }
    let all = pairs(shared).into_values();
    let mut kvs: Vec<KeyValue> = all.filter(|kv| wanted(asked, &kv.key)).collect();
    let count = kvs.len();
    let limit = usize::try_from(asked.limit).ok().filter(|l| *l > 0).unwrap_or(count);
    kvs.truncate(limit);
    Ok(RangeResponse {
        header: Some(header(shared)),
        more: kvs.len() < count,
        kvs,
        count: i64::try_from(count).unwrap_or(i64::MAX),
    })
}

/// All keys as etcd has them: those that clients wrote, and those that are made for the cluster's
/// own servers.
fn pairs(shared: &Shared) -> BTreeMap<String, KeyValue> {
    let mut all: BTreeMap<String, KeyValue> =
        shared.keys.lock().all().map(|(key, pair)| (key.clone(), pair.clone())).collect();
    let revision = revision(shared);
    all.extend(keys(shared).into_iter().map(|(key, value)| {
        let pair = KeyValue {
            key: key.clone().into(),
            create_revision: 1,
            mod_revision: revision,
            version: revision,
            value: Bytes::from(value),
            lease: 0,
        };
        (key, pair)
    }));
    all
}

fn wanted(asked: &RangeRequest, key: &[u8]) -> bool {
    let from = asked.key.as_ref();
    match asked.range_end.as_ref() {
        [] => key == from,
        [0] => key >= from,
        end => key >= from && key < end,
    }
}

/// All keys with their values (docs/protocol/tidb-binlog.md §1.4 and what a live cluster holds for
/// TiDB servers).
fn keys(shared: &Shared) -> BTreeMap<String, String> {
    let mut keys = BTreeMap::new();
    for pump in &shared.pumps {
        if pump.entry.lock().listed {
            keys.insert(format!("/tidb-binlog/v1/pumps/{}", pump.node_id), shared.pump_status(pump));
        }
    }
    let info = shared.server_info();
    if shared.tidb.lock().listed {
        keys.insert(format!("/tidb/server/info/{DDL_ID}"), info.to_string());
        let topology = json!({
            "version": info["version"], "git_hash": "None", "ip": "127.0.0.1", "status_port": info["status_port"],
            "deploy_path": "", "start_timestamp": info["start_timestamp"], "labels": {},
        });
        keys.insert("/topology/tidb/127.0.0.1:4000/info".to_owned(), topology.to_string());
        let nanos = u128::from(shared.clock.about().physical_ms()) * 1_000_000;
        keys.insert("/topology/tidb/127.0.0.1:4000/ttl".to_owned(), nanos.to_string());
    }
    keys
}

impl Cluster {
    /// Starts a Pump that is new or was offline: it registers as `online`, and notifies every
    /// Drainer that is `online` too. Takes up to 10 s if one does not answer.
    ///
    /// # Errors
    /// If a Drainer does not answer: then the Pump is offline again, as a real one that fails to
    /// start.
    pub fn join_pump(&self, index: usize) -> Result<()> {
        let site = Site { shared: self.shared.clone(), index };
        if !self.node(index)?.lock().running() {
            self.restart_pump(index)?;
        }
        store::register(&site)
    }

    /// The value of a key that a client wrote into etcd.
    #[must_use]
    pub fn key(&self, key: &str) -> Option<String> {
        self.shared.keys.lock().get(key).map(|pair| String::from_utf8_lossy(&pair.value).into_owned())
    }

    /// The keys that clients wrote into etcd.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        self.shared.keys.lock().all().map(|(key, _)| key.clone()).collect()
    }

    /// Writes a key of etcd; `None` removes it.
    pub fn set_key(&self, key: &str, value: Option<&str>) {
        // Not between a client's condition and the operations that depend on it.
        let _alone = self.shared.writing.lock();
        let mut keys = self.shared.keys.lock();
        match value {
            Some(value) => keys.put(key, Bytes::copy_from_slice(value.as_bytes())),
            None => keys.remove(key),
        }
    }

    /// Whether clients may write into etcd.
    pub fn set_etcd_writable(&self, writable: bool) {
        self.shared.keys.lock().locked = !writable;
    }

    /// A Pump's state in etcd.
    ///
    /// # Errors
    /// If there is no such Pump.
    pub fn pump_state(&self, index: usize) -> Result<String> {
        Ok(self.pump(index)?.entry.lock().state.clone())
    }

    /// The Pumps whose state is `online`; all of them, if there is none.
    #[must_use]
    pub fn online_pumps(&self) -> Vec<usize> {
        let pumps = self.shared.pumps.iter().enumerate();
        let online = |p: &super::state::Pump| {
            let entry = p.entry.lock();
            entry.listed && entry.state == "online"
        };
        let found: Vec<usize> = pumps.filter(|(_, p)| online(p)).map(|(index, _)| index).collect();
        if found.is_empty() { (0..self.pump_count()).collect() } else { found }
    }
}

/// `Compare.result`: less.
const LESS: i32 = 2;

/// Keys with their histories, as etcd counts them.
#[derive(Default)]
pub(super) struct Keys {
    all: BTreeMap<String, KeyValue>,
    revision: i64,
    /// Whether writes are refused.
    pub(super) locked: bool,
}

impl Keys {
    pub(super) fn get(&self, key: &str) -> Option<&KeyValue> {
        self.all.get(key)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&String, &KeyValue)> {
        self.all.iter()
    }

    pub(super) fn revision(&self) -> i64 {
        self.revision
    }

    pub(super) fn put(&mut self, key: &str, value: Bytes) {
        self.revision += 1;
        let before = self.all.get(key);
        let pair = KeyValue {
            key: key.to_owned().into(),
            create_revision: before.map_or(self.revision, |b| b.create_revision),
            mod_revision: self.revision,
            version: before.map_or(1, |b| b.version + 1),
            value,
            lease: 0,
        };
        self.all.insert(key.to_owned(), pair);
    }

    pub(super) fn remove(&mut self, key: &str) {
        self.revision += 1;
        self.all.remove(key);
    }
}

/// Whether a condition holds for what its key holds.
pub(super) fn holds(found: Option<&KeyValue>, compare: &Compare) -> bool {
    let number = |of: fn(&KeyValue) -> i64, with: i64| found.map_or(0, of).cmp(&with);
    let order = match &compare.operand {
        Some(Operand::Version(n)) => number(|kv| kv.version, *n),
        Some(Operand::CreateRevision(n)) => number(|kv| kv.create_revision, *n),
        Some(Operand::ModRevision(n)) => number(|kv| kv.mod_revision, *n),
        Some(Operand::Value(value)) => match found {
            Some(kv) => kv.value.cmp(value),
            None => return false,
        },
        None => return false,
    };
    match compare.result {
        EQUAL => order.is_eq(),
        GREATER => order.is_gt(),
        LESS => order.is_lt(),
        _ => order.is_ne(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pd::message::MOD;

    #[test]
    fn conditions_and_revisions() {
        let mut keys = Keys::default();
        let condition = |result, n| Compare {
            result,
            target: MOD,
            key: Bytes::from_static(b"k"),
            operand: Some(Operand::ModRevision(n)),
        };
        assert!(holds(keys.get("k"), &condition(EQUAL, 0)) && !holds(keys.get("k"), &condition(GREATER, 0)));
        keys.put("k", Bytes::from_static(b"1"));
        keys.put("other", Bytes::new());
        keys.put("k", Bytes::from_static(b"2"));
        let found = keys.get("k").cloned().unwrap();
        assert_eq!((found.create_revision, found.mod_revision, found.version), (1, 3, 2));
        assert!(holds(Some(&found), &condition(EQUAL, 3)) && holds(Some(&found), &condition(GREATER, 0)));
        assert!(!holds(Some(&found), &condition(EQUAL, 0)));
        keys.remove("k");
        assert!(holds(keys.get("k"), &condition(EQUAL, 0)) && keys.all().count() == 1);
    }
}
