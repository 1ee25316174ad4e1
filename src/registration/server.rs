//! The one port of a link: gRPC for Pumps, HTTP for people and Prometheus.
//!
//! - `binlog.Cistern`, the gRPC service of a Drainer (docs/protocol/tidb-binlog.md §1.6), between
//!   axum's router and tonic.
//! - The HTTP pages, as Drainer has them (docs/protocol/tidb-binlog.md §9.7), and what they hold,
//!   in Drainer's forms.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Extension, Router};
use prost::Message;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use tonic::Status;
use tonic::server::{Grpc, ServerStreamingService, UnaryService};
use tonic_prost::ProstCodec;

use super::Shared;
use super::door::{self, Caller};
use super::entry::Wish;
use crate::model::CommitTs;
use crate::pd::Security;

/// Limit for reading the list of Pumps: a Pump waits 10 s for all drainers together.
const LIMIT: Duration = Duration::from_secs(5);

/// Any request of the service; no field of it is needed.
#[derive(Clone, PartialEq, Message)]
struct Request0 {}

/// Any answer of the service; all fields stay empty.
#[derive(Clone, PartialEq, Message)]
struct Answer0 {}

type Future<T> = Pin<Box<dyn std::future::Future<Output = Result<tonic::Response<T>, Status>> + Send>>;

/// `Notify`: a Pump has registered. Answered when the list of Pumps has been read again and the
/// Pump, if it is new, is being read.
pub(super) async fn notify(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    grpc().unary(Notify(shared), request).await.map(Body::new)
}

/// `DumpDDLJobs`: an empty answer, as Drainer gives.
pub(super) async fn dump_ddl_jobs(request: Request) -> Response {
    grpc().unary(Nothing, request).await.map(Body::new)
}

/// `DumpBinlog`: an empty stream, as Drainer gives.
pub(super) async fn dump_binlog(request: Request) -> Response {
    grpc().server_streaming(Nothing, request).await.map(Body::new)
}

/// An unknown path: answered as gRPC does for a gRPC request, as HTTP does for others.
pub(super) async fn unknown(request: Request) -> Response {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if kind.starts_with("application/grpc") {
        return Status::unimplemented(format!("unknown method {}", request.uri().path())).into_http::<Body>();
    }
    (StatusCode::NOT_FOUND, "404 page not found\n").into_response()
}

fn grpc() -> Grpc<ProstCodec<Answer0, Request0>> {
    Grpc::new(ProstCodec::default())
}

struct Notify(Arc<Shared>);

impl UnaryService<Request0> for Notify {
    type Response = Answer0;
    type Future = Future<Answer0>;

    fn call(&mut self, _: tonic::Request<Request0>) -> Self::Future {
        let shared = Arc::clone(&self.0);
        Box::pin(async move {
            // A run that ends reads no new Pump; the next run finds it in the list.
            if !shared.stop.requested() {
                let called = tokio::time::timeout(LIMIT, shared.pump_status.call()).await;
                called.map_err(|_| Status::unavailable("the list of Pumps could not be read within 5 s"))?;
            }
            Ok(tonic::Response::new(Answer0 {}))
        })
    }
}

struct Nothing;

impl UnaryService<Request0> for Nothing {
    type Response = Answer0;
    type Future = Future<Answer0>;

    fn call(&mut self, _: tonic::Request<Request0>) -> Self::Future {
        Box::pin(async { Ok(tonic::Response::new(Answer0 {})) })
    }
}

impl ServerStreamingService<Request0> for Nothing {
    type Response = Answer0;
    type ResponseStream = tokio_stream::Empty<Result<Answer0, Status>>;
    type Future = Future<Self::ResponseStream>;

    fn call(&mut self, _: tonic::Request<Request0>) -> Self::Future {
        Box::pin(async { Ok(tonic::Response::new(tokio_stream::empty())) })
    }
}

/// How old PD's clock may be for a page.
const FRESH: Duration = Duration::from_secs(1);

/// A running server; it ends when it is dropped.
pub(super) struct Server {
    runtime: Option<Runtime>,
}

impl Server {
    pub(super) fn start(listener: TcpListener, security: &Security, shared: Arc<Shared>) -> Result<Self> {
        listener.set_nonblocking(true).context("cannot serve the cluster's Pumps")?;
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("registration").enable_all().build();
        let runtime = runtime.context("cannot start the thread that serves the cluster's Pumps")?;
        let entered = runtime.enter();
        let listener = tokio::net::TcpListener::from_std(listener).context("cannot serve the cluster's Pumps")?;
        runtime.spawn(door::open(listener, door::tls(security)?, router(shared), door::Limits::default()));
        drop(entered);
        Ok(Self { runtime: Some(runtime) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/binlog.Cistern/Notify", post(notify))
        .route("/binlog.Cistern/DumpBinlog", post(dump_binlog))
        .route("/binlog.Cistern/DumpDDLJobs", post(dump_ddl_jobs))
        .route("/status", get(status))
        .route("/commit_ts", get(commit_ts))
        .route("/state/{node}/{action}", put(state))
        .route("/metrics", get(metrics))
        .fallback(unknown)
        .with_state(shared)
}

async fn status(State(shared): State<Arc<Shared>>) -> Response {
    let now = shared.now().await;
    status_page(&shared.pump_status.positions(), shared.durable(), now)
}

impl Shared {
    /// PD's clock, not older than [`FRESH`]: many requests cost PD no more than one. `None` if PD
    /// does not answer: then a page cannot say that everything is synced.
    pub(super) async fn now(self: &Arc<Self>) -> Option<CommitTs> {
        // Held while PD is asked: other requests wait for the same answer.
        let mut last = self.asked.lock().await;
        match *last {
            Some((at, now)) if at.elapsed() < FRESH => now,
            _ => {
                let asked = Arc::clone(self);
                let now = tokio::task::spawn_blocking(move || asked.pd.tso()).await.ok().and_then(Result::ok);
                *last = Some((Instant::now(), now));
                now
            }
        }
    }
}

async fn commit_ts(State(shared): State<Arc<Shared>>) -> Response {
    commit_ts_page(shared.durable())
}

async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    metrics_page(&shared.pump_status.positions(), shared.durable(), shared.clock.now())
}

async fn state(
    State(shared): State<Arc<Shared>>,
    Path((node, action)): Path<(String, String)>,
    Extension(caller): Extension<Caller>,
) -> Response {
    match decide(&shared, &node, &action, caller) {
        Ok(done) => answer(DONE, &done),
        Err(why) => answer(FAILED, &why),
    }
}

/// Carries out a `PUT /state` request. A caller without permission learns nothing, not even the
/// node id.
pub(super) fn decide(shared: &Shared, node: &str, action: &str, caller: Caller) -> std::result::Result<String, String> {
    if !caller.may_change() {
        return Err("this must come from the machine itself, or with a client certificate of the cluster's CA; \
                    otherwise write the entry in PD: `tisync nodes set-state`"
            .to_owned());
    }
    let wish = match action {
        "pause" => Wish::Pause,
        "close" => Wish::Close,
        _ => return Err(format!("invalid action {action}: must be pause or close")),
    };
    if node != shared.id {
        return Err(format!("invalid nodeID {node}, this is {}", shared.id));
    }
    let now = {
        let standing = shared.standing.lock();
        if standing.takes_wishes() { None } else { Some(standing.state().to_string()) }
    };
    if let Some(now) = now {
        return Err(format!("{} is {now}; only what is online can {action}", shared.id));
    }
    shared.ask(wish, format!("`PUT /state/{node}/{action}` from {}", caller.ip));
    Ok(format!("apply action {action} success!"))
}

/// `code` of an answer: success.
pub(super) const DONE: u16 = 200;
/// `code` of an answer: failure.
pub(super) const FAILED: u16 = 3;
/// A target that is no further behind than this is synced: an idle Pump sends its position every 3
/// s.
const SYNCED_MS: u64 = 10_000;

/// Whether the target has everything that the cluster had at `now`, except for a moment: both what
/// is durable and what every Pump has sent must be that far. A Pump that sends nothing does not
/// prove that it has nothing.
fn synced(pumps: &BTreeMap<String, CommitTs>, durable: CommitTs, now: Option<CommitTs>) -> bool {
    let Some(now) = now else { return false };
    let slowest = pumps.values().min().copied().unwrap_or_default();
    now.physical_ms().saturating_sub(slowest.min(durable).physical_ms()) <= SYNCED_MS
}

/// `GET /status`.
pub(super) fn status_page(pumps: &BTreeMap<String, CommitTs>, durable: CommitTs, now: Option<CommitTs>) -> Response {
    let positions: serde_json::Map<String, Value> =
        pumps.iter().map(|(id, ts)| (id.clone(), ts.to_wire().into())).collect();
    let positions = Value::Object(positions);
    let (synced, last) = (synced(pumps, durable, now), durable.to_wire());
    json_page(format!(r#"{{"PumpPos":{positions},"Synced":{synced},"LastTS":{last},"TsMap":""}}"#))
}

/// `GET /commit_ts`.
pub(super) fn commit_ts_page(durable: CommitTs) -> Response {
    let ts = durable.to_wire();
    json_page(format!(r#"{{"message":"get drainer's latest ts success!","code":200,"data":{{"ts":{ts}}}}}"#))
}

/// The answer to an action; always HTTP 200, its `code` tells the result.
pub(super) fn answer(code: u16, message: &str) -> Response {
    json_page(format!(r#"{{"message":{},"code":{code},"data":null}}"#, json!(message)))
}

/// `GET /metrics`: the metrics that Drainer's alert rules use.
pub(super) fn metrics_page(pumps: &BTreeMap<String, CommitTs>, durable: CommitTs, now: CommitTs) -> Response {
    let mut text = String::new();
    let mut gauge = |name: &str, help: &str, lines: &[(String, String)]| {
        text.push_str(&format!("# HELP binlog_drainer_{name} {help}\n# TYPE binlog_drainer_{name} gauge\n"));
        for (labels, value) in lines {
            text.push_str(&format!("binlog_drainer_{name}{labels} {value}\n"));
        }
    };
    let whole = |value: String| [(String::new(), value)];
    gauge(
        "checkpoint_tso",
        "Position that is durable on the target, in ms.",
        &whole(durable.physical_ms().to_string()),
    );
    let delay = now.physical_ms().saturating_sub(durable.physical_ms());
    let delay = format!("{}.{:03}", delay / 1000, delay % 1000);
    gauge("checkpoint_delay_seconds", "How far that position is behind the cluster's clock.", &whole(delay));
    let label = |id: &String| format!("{{nodeID=\"{}\"}}", id.replace('\\', "\\\\").replace('"', "\\\""));
    let positions: Vec<_> = pumps.iter().map(|(id, ts)| (label(id), ts.physical_ms().to_string())).collect();
    gauge("pump_position", "How far each Pump has been read, in ms.", &positions);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

fn json_page(text: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t29_synced_tells_whether_all_is_there_not_whether_nothing_came() {
        let at = |s: u64| CommitTs::from_millis(s * 1000);
        let pumps = |a, b| BTreeMap::from([("p1".to_owned(), at(a)), ("p2".to_owned(), at(b))]);
        assert!(synced(&pumps(98, 97), at(97), Some(at(100))));
        assert!(!synced(&pumps(99, 40), at(40), Some(at(100))), "one Pump is stuck");
        assert!(!synced(&pumps(99, 99), at(40), Some(at(100))), "the target is behind");
        assert!(!synced(&pumps(99, 40), at(99), Some(at(100))));
        assert!(!synced(&pumps(99, 99), at(99), None), "PD does not tell the time");
        assert!(!synced(&BTreeMap::new(), at(99), Some(at(100))), "no Pump has said anything");
    }
}
