//! The few lines between axum's router and tonic's gRPC, one function for each kind of call.

use std::future::{Ready, ready};

use axum::body::Body;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use prost::Message;
use tokio_stream::Stream;
use tonic::codec::CompressionEncoding::Gzip;
use tonic::server::{Grpc, ServerStreamingService, StreamingService, UnaryService};
use tonic::{Status, Streaming};
use tonic_prost::ProstCodec;

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

/// What a server says to a method it does not have, and to a web page it does not have.
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
