//! PD's side: members, timestamps, the GC safe point, etcd's keys, and two pages of its HTTP API, all on one port.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::json;
use tokio_stream::StreamExt;
use tonic::Status;

use super::state::{Shared, lock};
use super::{etcd, grpc};
use crate::pd::message::{
    GetGcSafePointRequest, GetGcSafePointResponse, GetMembersRequest, GetMembersResponse, Member, RequestHeader,
    ResponseHeader, Timestamp, TsoRequest, TsoResponse,
};

/// The name of the one PD server.
const NAME: &str = "pd-simulated";

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/pdpb.PD/GetMembers", post(get_members))
        .route("/pdpb.PD/Tso", post(tso))
        .route("/pdpb.PD/GetGCSafePoint", post(get_gc_safe_point))
        .route("/etcdserverpb.KV/Range", post(etcd::range))
        .route("/etcdserverpb.KV/Put", post(etcd::put))
        .route("/etcdserverpb.KV/Txn", post(etcd::txn))
        .route("/pd/api/v1/members", get(members_page))
        .route("/pd/api/v1/cluster", get(cluster_page))
        .fallback(grpc::unknown)
        .with_state(shared)
}

async fn get_members(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    grpc::unary(request, |asked: GetMembersRequest| {
        // Whoever asks this does not know the id yet.
        if asked.header.as_ref().is_some_and(|h| h.cluster_id != 0) {
            check(&shared, asked.header.as_ref())?;
        }
        let member = member(&shared);
        Ok(GetMembersResponse {
            header: Some(header(&shared)),
            members: vec![member.clone()],
            leader: Some(member.clone()),
            etcd_leader: Some(member),
        })
    })
    .await
}

async fn tso(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    grpc::both_stream(request, |requests| {
        let shared = shared.clone();
        Ok(requests.map(move |asked: Result<TsoRequest, Status>| answer_tso(&shared, &asked?)))
    })
    .await
}

fn answer_tso(shared: &Shared, asked: &TsoRequest) -> Result<TsoResponse, Status> {
    check(shared, asked.header.as_ref())?;
    let ts = shared.clock.take(asked.count).ok_or_else(|| Status::unknown("tso count should be positive"))?;
    let part = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let timestamp = Timestamp { physical: part(ts.physical_ms()), logical: part(ts.logical()), suffix_bits: 0 };
    Ok(TsoResponse { header: Some(header(shared)), count: asked.count, timestamp: Some(timestamp) })
}

async fn get_gc_safe_point(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    grpc::unary(request, |asked: GetGcSafePointRequest| {
        check(&shared, asked.header.as_ref())?;
        Ok(GetGcSafePointResponse { header: Some(header(&shared)), safe_point: lock(&shared.safe_point).0 })
    })
    .await
}

/// PD refuses requests for another cluster.
fn check(shared: &Shared, header: Option<&RequestHeader>) -> Result<(), Status> {
    let (need, got) = (shared.cluster_id, header.map_or(0, |h| h.cluster_id));
    if need == got {
        return Ok(());
    }
    Err(Status::failed_precondition(format!("mismatch cluster id, need {need} but got {got}")))
}

fn header(shared: &Shared) -> ResponseHeader {
    ResponseHeader { cluster_id: shared.cluster_id, error: None }
}

fn member(shared: &Shared) -> Member {
    let url = format!("http://{}", shared.pd);
    Member {
        name: NAME.to_owned(),
        member_id: shared.member_id,
        // There are no other PD servers to talk to.
        peer_urls: vec![url.clone()],
        client_urls: vec![url],
    }
}

async fn members_page(State(shared): State<Arc<Shared>>) -> Response {
    let m = member(&shared);
    let member = json!({
        "name": m.name, "member_id": m.member_id, "peer_urls": m.peer_urls, "client_urls": m.client_urls,
        "deploy_path": "", "binary_version": "v7.5.0", "git_hash": "None",
    });
    let header = json!({ "cluster_id": shared.cluster_id });
    page(&json!({ "header": header, "members": [&member], "leader": &member, "etcd_leader": &member }))
}

async fn cluster_page(State(shared): State<Arc<Shared>>) -> Response {
    page(&json!({ "id": shared.cluster_id, "max_peer_count": 3 }))
}

fn page(value: &serde_json::Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json; charset=UTF-8")], format!("{value:#}\n")).into_response()
}
