//! etcd's side of PD: the keys under which Pumps and TiDB servers register, whose values are made when they are asked for, so
//! that heartbeats are always fresh while a server runs; and those that others write.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use serde_json::json;
use tonic::Status;

use super::grpc;
use super::keys::holds;
use super::state::{DDL_ID, Shared, lock};
use crate::pd::etcd::{Compare, Op, PutRequest, PutResponse, TxnRequest, TxnResponse};
use crate::pd::message::{EtcdHeader, KeyValue, RangeRequest, RangeResponse};
use crate::pd::{PUMPS, Status as Entry};

/// `etcdserverpb.KV/Range`: one key, a range, or everything from a key on.
pub(super) async fn range(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    grpc::unary(request, |asked| answer(&shared, &asked)).await
}

/// `etcdserverpb.KV/Put`.
pub(super) async fn put(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    grpc::unary(request, |asked: PutRequest| {
        write(&shared, &asked)?;
        Ok(PutResponse { header: Some(header(&shared)) })
    })
    .await
}

/// `etcdserverpb.KV/Txn`: reads in it are not answered.
pub(super) async fn txn(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    grpc::unary(request, |asked: TxnRequest| {
        // One at a time, as in etcd.
        let _alone = lock(&shared.writing);
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
    let mut keys = lock(&shared.keys);
    if keys.locked {
        return Err(Status::permission_denied("etcdserver: permission denied"));
    }
    let pump = key.strip_prefix(PUMPS).and_then(|id| shared.pumps.iter().find(|p| p.node_id == id));
    let Some(pump) = pump else {
        keys.put(&key, put.value.clone());
        return Ok(());
    };
    let status = Entry::read(&put.value).map_err(|e| Status::invalid_argument(format!("{e:#}")))?;
    let mut entry = lock(&pump.entry);
    entry.state = status.state().to_string();
    entry.host = status.host;
    Ok(())
}

/// Only what others have written can be removed: the servers' own keys come back with their next heartbeat.
fn remove(shared: &Shared, key: &str) -> Result<(), Status> {
    let mut keys = lock(&shared.keys);
    if keys.locked {
        return Err(Status::permission_denied("etcdserver: permission denied"));
    }
    keys.remove(key);
    Ok(())
}

fn header(shared: &Shared) -> EtcdHeader {
    // etcd's own id is not TiDB's: a client that mixes them up shall notice.
    EtcdHeader { cluster_id: !shared.cluster_id, member_id: shared.member_id, revision: revision(shared), raft_term: 2 }
}

/// Every heartbeat is a write in a real cluster, so the revision moves all the time.
fn revision(shared: &Shared) -> i64 {
    let seconds = i64::try_from(shared.clock.about().physical_ms() / 1000).unwrap_or(1);
    seconds.max(lock(&shared.keys).revision())
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

/// All keys as etcd has them: those that somebody wrote, and those that are made for the cluster's own servers.
fn pairs(shared: &Shared) -> BTreeMap<String, KeyValue> {
    let mut all: BTreeMap<String, KeyValue> =
        lock(&shared.keys).all().map(|(key, pair)| (key.clone(), pair.clone())).collect();
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

/// All keys with their values (spec/tidb-binlog.md §1.4 and what a live cluster holds for TiDB servers).
fn keys(shared: &Shared) -> BTreeMap<String, String> {
    let mut keys = BTreeMap::new();
    for pump in &shared.pumps {
        if lock(&pump.entry).listed {
            keys.insert(format!("/tidb-binlog/v1/pumps/{}", pump.node_id), shared.pump_status(pump));
        }
    }
    let info = shared.server_info();
    if lock(&shared.tidb).listed {
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
