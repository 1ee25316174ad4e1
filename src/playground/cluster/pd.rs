//! The simulated PD: members, timestamps, the GC safe point, etcd, two HTTP pages, all on one port.
//!
//! - The few lines between axum's router and tonic's gRPC, one function for each kind of call.
//! - TiDB's status port: its status, its schema and its DDL history
//!   (docs/protocol/tidb-formats.md §7).

use std::future::{Ready, ready};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use prost::Message;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_stream::{Stream, StreamExt};
use tonic::codec::CompressionEncoding::Gzip;
use tonic::server::{Grpc, ServerStreamingService, StreamingService, UnaryService};
use tonic::{Status, Streaming};
use tonic_prost::ProstCodec;

use super::catalog::Catalog;
use super::etcd;
use super::state::{DDL_ID, Shared};
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
        .fallback(unknown)
        .with_state(shared)
}

async fn get_members(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    unary(request, |asked: GetMembersRequest| {
        // A client that sends this request does not know the id yet.
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
    both_stream(request, |requests| {
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
    unary(request, |asked: GetGcSafePointRequest| {
        check(&shared, asked.header.as_ref())?;
        Ok(GetGcSafePointResponse { header: Some(header(&shared)), safe_point: shared.safe_point.lock().0 })
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

/// Answers one request with one message.
pub(super) async fn unary<Q, A, F>(request: Request, answer: F) -> Response
where
    Q: Message + Default + 'static,
    A: Message + Send + 'static,
    F: FnMut(Q) -> Result<A, Status>,
{
    codec::<A, Q>().unary(Call(answer), request).await.map(Body::new)
}

/// Answers one request with a stream.
pub(super) async fn server_stream<Q, A, S, F>(request: Request, answer: F) -> Response
where
    Q: Message + Default + 'static,
    A: Message + Send + 'static,
    S: Stream<Item = Result<A, Status>> + Send + 'static,
    F: FnMut(Q) -> Result<S, Status>,
{
    codec::<A, Q>().server_streaming(Call(answer), request).await.map(Body::new)
}

/// Answers a stream of requests with a stream.
pub(super) async fn both_stream<Q, A, S, F>(request: Request, answer: F) -> Response
where
    Q: Message + Default + 'static,
    A: Message + Send + 'static,
    S: Stream<Item = Result<A, Status>> + Send + 'static,
    F: FnMut(Streaming<Q>) -> Result<S, Status> + Send,
{
    codec::<A, Q>().streaming(Call(answer), request).await.map(Body::new)
}

/// The answer of a server to a method, or a web page, that it does not have.
pub(super) async fn unknown(request: Request) -> Response {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if kind.starts_with("application/grpc") {
        let message = format!("unknown method {} (the simulated cluster does not have it)", request.uri().path());
        return Status::unimplemented(message).into_http::<Body>();
    }
    (StatusCode::NOT_FOUND, "404 page not found\n").into_response()
}

/// Messages of any size, as Pumps send them, gzip where the client asks for it.
fn codec<A, Q>() -> Grpc<ProstCodec<A, Q>>
where
    Q: Message + Default + 'static,
    A: Message + Send + 'static,
{
    Grpc::new(ProstCodec::default())
        .accept_compressed(Gzip)
        .send_compressed(Gzip)
        .max_decoding_message_size(usize::MAX)
        .max_encoding_message_size(usize::MAX)
}

/// A closure as one of tonic's services.
struct Call<F>(F);

type Answer<T> = Ready<Result<tonic::Response<T>, Status>>;

impl<Q, A, F: FnMut(Q) -> Result<A, Status>> UnaryService<Q> for Call<F> {
    type Response = A;
    type Future = Answer<A>;

    fn call(&mut self, request: tonic::Request<Q>) -> Answer<A> {
        ready((self.0)(request.into_inner()).map(tonic::Response::new))
    }
}

impl<Q, A, S, F> ServerStreamingService<Q> for Call<F>
where
    S: Stream<Item = Result<A, Status>>,
    F: FnMut(Q) -> Result<S, Status>,
{
    type Response = A;
    type ResponseStream = S;
    type Future = Answer<S>;

    fn call(&mut self, request: tonic::Request<Q>) -> Answer<S> {
        ready((self.0)(request.into_inner()).map(tonic::Response::new))
    }
}

impl<Q, A, S, F> StreamingService<Q> for Call<F>
where
    S: Stream<Item = Result<A, Status>>,
    F: FnMut(Streaming<Q>) -> Result<S, Status>,
{
    type Response = A;
    type ResponseStream = S;
    type Future = Answer<S>;

    fn call(&mut self, request: tonic::Request<Streaming<Q>>) -> Answer<S> {
        ready((self.0)(request.into_inner()).map(tonic::Response::new))
    }
}

/// The most jobs that one answer holds.
const MOST: usize = 2048;

pub(super) fn status_router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/status", get(status))
        .route("/info", get(info))
        .route("/info/all", get(info_all))
        .route("/schema", get(schema))
        .route("/settings", get(settings))
        .route("/schema/{db}", get(tables))
        .route("/schema/{db}/{table}", get(table))
        .route("/db-table/{id}", get(db_table))
        .route("/ddl/history", get(history))
        .fallback(unknown)
        .with_state(shared)
}

async fn status(State(shared): State<Arc<Shared>>) -> Response {
    let version = shared.server_info()["version"].clone();
    json_page(format!(r#"{{"connections":0,"version":{version},"git_hash":"None"}}"#))
}

async fn info(State(shared): State<Arc<Shared>>) -> Response {
    let mut info = shared.server_info();
    info["is_owner"] = true.into();
    info["max_procs"] = 1.into();
    info["gogc"] = 100.into();
    status_page(&info)
}

async fn info_all(State(shared): State<Arc<Shared>>) -> Response {
    status_page(&json!({
        "servers_num": 1, "owner_id": DDL_ID, "is_all_server_version_consistent": true,
        "all_servers_info": { DDL_ID: shared.server_info() },
    }))
}

async fn settings(State(shared): State<Arc<Shared>>) -> Response {
    status_page(&json!({ "store": "tikv", "new_collations_enabled_on_first_bootstrap": !shared.old_collations }))
}

async fn schema(State(shared): State<Arc<Shared>>) -> Response {
    match Catalog::read(&shared.jobs) {
        Ok(catalog) => list(catalog.databases()),
        Err(error) => refuse(&format!("{error:#}")),
    }
}

async fn tables(State(shared): State<Arc<Shared>>, Path(db): Path<String>) -> Response {
    match Catalog::read(&shared.jobs).map(|c| c.tables(&db)) {
        Ok(Some(tables)) => list(tables),
        Ok(None) => refuse(&format!("[schema:1049]Unknown database '{db}'")),
        Err(error) => refuse(&format!("{error:#}")),
    }
}

async fn table(State(shared): State<Arc<Shared>>, Path((db, name)): Path<(String, String)>) -> Response {
    match Catalog::read(&shared.jobs).map(|c| c.table(&db, &name)) {
        Ok(Some(table)) => json_page(table),
        Ok(None) => refuse(&format!("[schema:1146]Table '{db}.{name}' doesn't exist")),
        Err(error) => refuse(&format!("{error:#}")),
    }
}

/// A table by its id, with the schema version of now.
async fn db_table(State(shared): State<Arc<Shared>>, Path(id): Path<i64>) -> Response {
    // Read first: so the table is no older than this version.
    let version = shared.jobs.version();
    let job = shared.jobs.last_of(id).and_then(|job| serde_json::from_str::<Value>(&job).ok());
    let found = job.and_then(|job| {
        let outcome = &job["binlog"];
        let several = outcome["MultipleTableInfos"].as_array().into_iter().flatten();
        std::iter::once(&outcome["TableInfo"]).chain(several).find(|info| info["id"] == id).cloned()
    });
    match found {
        Some(info) => status_page(&json!({ "db_info": null, "table_info": info, "schema_version": version })),
        None => refuse(&format!("[schema:1146]Table which ID = {id} does not exist.")),
    }
}

#[derive(Deserialize)]
struct Page {
    start_job_id: Option<String>,
    limit: Option<String>,
}

async fn history(State(shared): State<Arc<Shared>>, Query(asked): Query<Page>) -> Response {
    match bounds(&asked) {
        Ok((from, limit)) => list(shared.jobs.newest(from, limit)),
        Err(why) => refuse(&why),
    }
}

/// Highest job id and largest number of jobs; the error is TiDB's own text where they are not
/// allowed.
fn bounds(asked: &Page) -> Result<(i64, usize), String> {
    let from = number(asked.start_job_id.as_deref())?;
    if from.is_some_and(|n| n < 1) {
        return Err("ddl history start_job_id must be greater than 0".to_owned());
    }
    let limit = match number(asked.limit.as_deref())? {
        Some(n) => Some(
            usize::try_from(n)
                .ok()
                .filter(|n| (1..=MOST).contains(n))
                .ok_or_else(|| format!("ddl history limit must be greater than 0 and less than or equal to {MOST}"))?,
        ),
        None => None,
    };
    match (from, limit) {
        (Some(_), None) => Err("when 'start_job_id' is specified, it must work with a 'limit'".to_owned()),
        (from, limit) => Ok((from.unwrap_or(i64::MAX), limit.unwrap_or(MOST))),
    }
}

fn number(text: Option<&str>) -> Result<Option<i64>, String> {
    match text {
        None | Some("") => Ok(None),
        Some(text) => {
            text.parse().map(Some).map_err(|_| format!("strconv.Atoi: parsing {}: invalid syntax", json!(text)))
        }
    }
}

fn list<S: AsRef<str>>(items: Vec<S>) -> Response {
    let items: Vec<_> = items.iter().map(AsRef::as_ref).collect();
    json_page(format!("[\n{}\n]", items.join(",\n")))
}

fn status_page(value: &Value) -> Response {
    json_page(format!("{value:#}"))
}

fn json_page(text: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

fn refuse(why: &str) -> Response {
    (StatusCode::BAD_REQUEST, why.to_owned()).into_response()
}
