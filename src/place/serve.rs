//! The one port of a link: gRPC for Pumps, HTTP for people and Prometheus, as Drainer has them (spec/tidb-binlog.md §9.7).

use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::{get, post, put};
use axum::{Extension, Router};
use tokio::runtime::{Builder, Runtime};

use super::door::{self, Caller};
use super::entry::Wish;
use super::{Shared, cistern, pages};
use crate::model::CommitTs;
use crate::pd::Security;

/// For how long what PD's clock said is good enough for a page.
const FRESH: Duration = Duration::from_secs(1);

/// A running server; it ends when it is dropped.
pub(super) struct Server {
    runtime: Option<Runtime>,
}

impl Server {
    pub(super) fn start(listener: TcpListener, security: &Security, shared: Arc<Shared>) -> Result<Self> {
        listener.set_nonblocking(true).context("cannot serve the cluster's Pumps")?;
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("place").enable_all().build();
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
        .route("/binlog.Cistern/Notify", post(cistern::notify))
        .route("/binlog.Cistern/DumpBinlog", post(cistern::dump_binlog))
        .route("/binlog.Cistern/DumpDDLJobs", post(cistern::dump_ddl_jobs))
        .route("/status", get(status))
        .route("/commit_ts", get(commit_ts))
        .route("/state/{node}/{action}", put(state))
        .route("/metrics", get(metrics))
        .fallback(cistern::unknown)
        .with_state(shared)
}

async fn status(State(shared): State<Arc<Shared>>) -> Response {
    let now = shared.now().await;
    pages::status(&shared.muster.positions(), shared.durable.get(), now)
}

impl Shared {
    /// PD's clock, not older than [`FRESH`]: whoever asks often costs PD no more than whoever asks once. Who cannot be asked cannot say that all is
    /// there.
    pub(super) async fn now(self: &Arc<Self>) -> Option<CommitTs> {
        // Held while PD is asked: others wait for the same answer.
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
    pages::commit_ts(shared.durable.get())
}

async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    pages::metrics(&shared.muster.positions(), shared.durable.get(), shared.clock.now())
}

async fn state(
    State(shared): State<Arc<Shared>>,
    Path((node, action)): Path<(String, String)>,
    Extension(caller): Extension<Caller>,
) -> Response {
    match decide(&shared, &node, &action, caller) {
        Ok(done) => pages::answer(pages::DONE, &done),
        Err(why) => pages::answer(pages::FAILED, &why),
    }
}

/// Who may not ask learns nothing, not even who is here.
pub(super) fn decide(shared: &Shared, node: &str, action: &str, caller: Caller) -> std::result::Result<String, String> {
    if !caller.may_change() {
        return Err("this is asked for from the machine itself, or with a client certificate of the cluster's CA; else write the entry in PD: \
                    `tisync nodes set-state`"
            .to_owned());
    }
    let wish = match action {
        "pause" => Wish::Pause,
        "close" => Wish::Close,
        _ => return Err(format!("invalid action {action}: it is pause or close")),
    };
    if node != shared.id {
        return Err(format!("invalid nodeID {node}, this is {}", shared.id));
    }
    let now = {
        let standing = shared.standing();
        if standing.takes_wishes() { None } else { Some(standing.state().to_string()) }
    };
    if let Some(now) = now {
        return Err(format!("{} is {now}; only what is online can {action}", shared.id));
    }
    shared.ask(wish, format!("`PUT /state/{node}/{action}` from {}", caller.ip));
    Ok(format!("apply action {action} success!"))
}
