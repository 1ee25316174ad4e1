//! `binlog.Cistern`, the gRPC service of a Drainer (spec/tidb-binlog.md §1.6), between axum's router and tonic.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use prost::Message;
use tonic::Status;
use tonic::server::{Grpc, ServerStreamingService, UnaryService};
use tonic_prost::ProstCodec;

use super::Shared;

/// A Pump waits 10 s for all drainers together.
const LIMIT: Duration = Duration::from_secs(5);

/// Any of the service's requests, of which no field is needed.
#[derive(Clone, PartialEq, Message)]
struct Request0 {}

/// Any of the service's answers, all of whose fields stay empty.
#[derive(Clone, PartialEq, Message)]
struct Answer0 {}

type Future<T> = Pin<Box<dyn std::future::Future<Output = Result<tonic::Response<T>, Status>> + Send>>;

/// `Notify`: a Pump has registered. It is answered when the list has been read anew, and the Pump, if it is new, is being read.
pub(super) async fn notify(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    grpc().unary(Notify(shared), request).await.map(Body::new)
}

/// `DumpDDLJobs`: nothing, as Drainer answers it.
pub(super) async fn dump_ddl_jobs(request: Request) -> Response {
    grpc().unary(Nothing, request).await.map(Body::new)
}

/// `DumpBinlog`: an empty stream, as Drainer answers it.
pub(super) async fn dump_binlog(request: Request) -> Response {
    grpc().server_streaming(Nothing, request).await.map(Body::new)
}

/// What nobody serves here: in gRPC's words for a gRPC request, in HTTP's for others.
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
            // A run that ends reads no new Pump; the next one finds it in the list.
            if !shared.stop.requested() {
                let called = tokio::time::timeout(LIMIT, shared.muster.call()).await;
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
