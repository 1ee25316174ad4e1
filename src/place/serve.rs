//! The one port of a link: gRPC for Pumps, HTTP for people and Prometheus, as Drainer has them (spec/tidb-binlog.md §9.7).

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::response::Response;
use axum::routing::{get, post, put};
use tokio::runtime::{Builder, Runtime};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::server::{Server as TlsServer, TcpConnectInfo, TlsConnectInfo};
use tonic::transport::{Identity, ServerTlsConfig};

use super::entry::Wish;
use super::{Shared, cistern, pages};
use crate::error::Fault;
use crate::pd::Security;

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
        let router = router(shared);
        match tls(security)? {
            None => {
                let service = router.into_make_service_with_connect_info::<SocketAddr>();
                runtime.spawn(async move { axum::serve(listener, service).await });
            }
            Some(tls) => {
                let mut server = TlsServer::builder().accept_http1(true).tls_config(tls).map_err(|e| {
                    Fault::usage(format!("cannot serve TLS: {}", crate::pd::reason(&e)))
                        .hint("check the certificate and key files for TLS")
                })?;
                let server = server.add_routes(router.into());
                runtime.spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
            }
        }
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

fn tls(security: &Security) -> Result<Option<ServerTlsConfig>> {
    let (Some(cert), Some(key)) = (&security.cert, &security.key) else { return Ok(None) };
    let read = |path: &std::path::Path| {
        std::fs::read(path).map_err(|e| {
            Fault::usage(format!("cannot read {} for TLS: {e}", path.display())).hint("check the path and its rights")
        })
    };
    Ok(Some(ServerTlsConfig::new().identity(Identity::from_pem(read(cert)?, read(key)?))))
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
    let asked = Arc::clone(&shared);
    let now = tokio::task::spawn_blocking(move || asked.pd.tso()).await;
    // Who cannot be asked cannot say that all is there.
    let now = now.ok().and_then(Result::ok);
    pages::status(&shared.muster.positions(), shared.durable.get(), now)
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
    request: Request,
) -> Response {
    let wish = match action.as_str() {
        "pause" => Wish::Pause,
        "close" => Wish::Close,
        _ => return pages::answer(pages::FAILED, &format!("invalid action {action}: it is pause or close")),
    };
    if node != shared.id {
        return pages::answer(pages::FAILED, &format!("invalid nodeID {node}, this is {}", shared.id));
    }
    let now = {
        let standing = shared.standing();
        if standing.takes_wishes() { None } else { Some(standing.state().to_string()) }
    };
    if let Some(now) = now {
        return pages::answer(pages::FAILED, &format!("{} is {now}; only what is online can {action}", shared.id));
    }
    shared.ask(wish, format!("`PUT /state/{node}/{action}` from {}", caller(&request)));
    pages::answer(pages::DONE, &format!("apply action {action} success!"))
}

/// Who is on the other end of the connection.
fn caller(request: &Request) -> String {
    let parts = request.extensions();
    let plain = parts.get::<ConnectInfo<SocketAddr>>().map(|info| info.0);
    let tls = || parts.get::<TlsConnectInfo<TcpConnectInfo>>().and_then(|info| info.get_ref().remote_addr());
    plain.or_else(tls).map_or_else(|| "an unknown address".to_owned(), |address| address.ip().to_string())
}
