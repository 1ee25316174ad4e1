//! etcd's side of PD: the keys under which Pumps and TiDB servers register. Values are made when they are asked for, so
//! that heartbeats are always fresh while a server runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use serde_json::json;
use tonic::Status;

use super::grpc;
use super::state::{DDL_ID, Shared, lock};
use crate::pd::message::{EtcdHeader, KeyValue, RangeRequest, RangeResponse};

/// `etcdserverpb.KV/Range`: one key, a range, or everything from a key on.
pub(super) async fn range(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    grpc::unary(request, |asked| answer(&shared, &asked)).await
}

fn answer(shared: &Shared, asked: &RangeRequest) -> Result<RangeResponse, Status> {
    if asked.key.is_empty() {
        return Err(Status::invalid_argument("etcdserver: key is not provided"));
    }
    // Every heartbeat is a write in a real cluster, so the revision moves all the time.
    let revision = i64::try_from(shared.clock.about().physical_ms() / 1000).unwrap_or(1);
    let mut kvs: Vec<KeyValue> = keys(shared)
        .into_iter()
        .filter(|(key, _)| wanted(asked, key.as_bytes()))
        .map(|(key, value)| KeyValue {
            key: key.into(),
            create_revision: 1,
            mod_revision: revision,
            version: revision,
            value: Bytes::from(value),
            lease: 0,
        })
        .collect();
    let count = kvs.len();
    let limit = usize::try_from(asked.limit).ok().filter(|l| *l > 0).unwrap_or(count);
    kvs.truncate(limit);
    Ok(RangeResponse {
        // etcd's own id is not TiDB's: a client that mixes them up shall notice.
        header: Some(EtcdHeader {
            cluster_id: !shared.cluster_id,
            member_id: shared.member_id,
            revision,
            raft_term: 2,
        }),
        more: kvs.len() < count,
        kvs,
        count: i64::try_from(count).unwrap_or(i64::MAX),
    })
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
