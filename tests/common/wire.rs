//! A gRPC client that knows nothing but bytes, and a page reader: what the simulated servers are asked with.
#![allow(dead_code, reason = "each test uses its part")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on panics")]

use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use prost::Message;
use tokio::runtime::Runtime;
use tokio::time::timeout;
use tonic::codec::CompressionEncoding::Gzip;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status, Streaming};

use tisync::source::binlog::{Binlog, Pos, PullBinlogReq, PullBinlogResp};

/// Messages as they are on the wire.
#[derive(Clone, Copy, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, dst: &mut EncodeBuf<'_>) -> Result<(), Status> {
        dst.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, src: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(src.copy_to_bytes(src.remaining())))
    }
}

pub fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

async fn connect(address: &str) -> Result<Channel, Status> {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap().connect_timeout(Duration::from_secs(2));
    endpoint.connect().await.map_err(|e| Status::unavailable(e.to_string()))
}

/// Opens a call of any kind: on the wire they are all streams.
async fn open(address: &str, method: &str, requests: Vec<Bytes>) -> Result<Streaming<Bytes>, Status> {
    let mut client = tonic::client::Grpc::new(connect(address).await?).max_decoding_message_size(usize::MAX);
    client.ready().await.map_err(|e| Status::unavailable(e.to_string()))?;
    let path = axum::http::uri::PathAndQuery::try_from(method).unwrap();
    let answer = client.streaming(Request::new(tokio_stream::iter(requests)), path, Raw).await?;
    Ok(answer.into_inner())
}

/// The encoding of the stream that a Pump gives to a reader that asks for gzip, and the first message of it.
pub fn pull_with_gzip(address: &str, cluster_id: u64) -> (Option<String>, Binlog) {
    let request = PullBinlogReq { cluster_id, start_from: Some(Pos::default()) };
    runtime().block_on(async {
        let client = tonic::client::Grpc::new(connect(address).await.unwrap());
        let mut client = client.send_compressed(Gzip).accept_compressed(Gzip);
        client.ready().await.unwrap();
        let path = axum::http::uri::PathAndQuery::from_static("/binlog.Pump/PullBinlogs");
        let request = Request::new(Bytes::from(request.encode_to_vec()));
        let answer = client.server_streaming(request, path, Raw).await.unwrap();
        let encoding = answer.metadata().get("grpc-encoding").map(|v| v.to_str().unwrap().to_owned());
        (encoding, payload(answer.into_inner().message().await.unwrap().unwrap()))
    })
}

/// Up to `most` answers to `requests`, fewer if the server ends the call.
pub fn call(address: &str, method: &str, requests: Vec<Bytes>, most: usize) -> Result<Vec<Bytes>, Status> {
    runtime().block_on(async {
        let mut stream = open(address, method, requests).await?;
        let mut answers = Vec::new();
        while answers.len() < most {
            match stream.message().await? {
                Some(answer) => answers.push(answer),
                None => break,
            }
        }
        Ok(answers)
    })
}

/// One message for one message.
pub fn ask<Q: Message, A: Message + Default>(address: &str, method: &str, request: &Q) -> Result<A, Status> {
    let answers = call(address, method, vec![request.encode_to_vec().into()], 1)?;
    Ok(A::decode(answers.first().expect("an answer").clone()).unwrap())
}

/// An open stream of a Pump.
pub struct Reader {
    runtime: Runtime,
    stream: Streaming<Bytes>,
}

impl Reader {
    pub fn open(address: &str, cluster_id: u64, offset: u64) -> Result<Self, Status> {
        let offset = i64::try_from(offset).unwrap();
        let request = PullBinlogReq { cluster_id, start_from: Some(Pos { suffix: 0, offset }) };
        let runtime = runtime();
        let requests = vec![request.encode_to_vec().into()];
        let stream = runtime.block_on(open(address, "/binlog.Pump/PullBinlogs", requests))?;
        Ok(Self { runtime, stream })
    }

    /// The next message; `Ok(None)` at a clean end; an error also if nothing comes within `limit`.
    pub fn next_within(&mut self, limit: Duration) -> Result<Option<Bytes>, Status> {
        let Self { runtime, stream } = self;
        let next = runtime.block_on(async { timeout(limit, stream.message()).await });
        next.unwrap_or_else(|_| Err(Status::deadline_exceeded("nothing came")))
    }

    /// The next message as a Binlog.
    pub fn next(&mut self) -> Binlog {
        let message = self.next_within(Duration::from_secs(5)).unwrap().expect("the stream has ended");
        payload(message)
    }

    /// The commit ts of the next `n` messages.
    pub fn commit_ts(&mut self, n: usize) -> Vec<i64> {
        (0..n).map(|_| self.next().commit_ts.unwrap()).collect()
    }
}

pub fn payload(message: Bytes) -> Binlog {
    Binlog::decode(PullBinlogResp::decode(message).unwrap().entity.unwrap().payload).unwrap()
}

/// Status code and body of a page.
pub fn page(address: &str, path: &str) -> (u16, String) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build().into();
    let mut answer = agent.get(format!("http://{address}{path}")).call().unwrap();
    (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
}

pub fn json(address: &str, path: &str) -> serde_json::Value {
    let (code, text) = page(address, path);
    assert_eq!(code, 200, "{path}: {text}");
    serde_json::from_str(&text).unwrap()
}
