//! A PD with its etcd and any number of Pumps, small and obedient, so that a test can make each of them misbehave.
#![allow(dead_code, reason = "each test uses its own part")]

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{get, post};
use bytes::Bytes;
use prost::Message;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::codec::CompressionEncoding;
use tonic::server::{Grpc, ServerStreamingService, StreamingService, UnaryService};
use tonic::transport::server::{Server, ServerTlsConfig};
use tonic::{Status, Streaming};
use tonic_prost::ProstCodec;

use tisync::model::{CommitTs, Pulled};
use tisync::pd::message::*;
use tisync::schema::{History, Job, Snapshot};
use tisync::source::binlog::{Entity, PullBinlogReq, PullBinlogResp};

pub const CLUSTER: u64 = 7_000_000_000_000_000_001;

/// How a Pump's connection ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cut {
    Never,
    /// After so many messages the stream ends without an error, as after a failed read in the Pump.
    Clean(usize),
    /// After so many messages the stream is reset.
    Reset(usize),
    /// After so many messages with a status.
    Status(usize, tonic::Code),
}

#[derive(Clone)]
pub struct Pump {
    pub payloads: Vec<(CommitTs, Bytes)>,
    pub cut: Cut,
    /// Fakes with the cluster's clock, once everything has been sent.
    pub fakes: bool,
    pub gc_metrics: String,
    pub cluster_id: u64,
    /// Sends what is at the asked position once more, as a Pump with a closed lower bound would.
    pub closed_bound: bool,
    pub pulls: Vec<i64>,
    /// Whether the last one who pulled speaks gzip.
    pub gzip: bool,
}

pub struct Shared {
    pub etcd: Mutex<BTreeMap<String, String>>,
    pub clock: AtomicU64,
    pub pd: Mutex<Option<SocketAddr>>,
    pub client_url: Mutex<Option<String>>,
    /// Addresses of PD's other members.
    pub others: Mutex<Vec<String>>,
    /// How often somebody asked who the members are.
    pub asked: AtomicU64,
    /// Whether etcd answers nothing but an error.
    pub etcd_fails: Mutex<bool>,
}

pub type PumpState = Arc<(Mutex<Pump>, Arc<Shared>)>;

pub struct FakeCluster {
    runtime: Option<Runtime>,
    tls: Option<ServerTlsConfig>,
    pub shared: Arc<Shared>,
}

impl FakeCluster {
    /// A PD and a TiDB server that writes Binlog; the clock stands behind `clock`.
    pub fn start(clock: CommitTs) -> Self {
        Self::start_with(clock, None)
    }

    /// The same with TLS on every port.
    pub fn start_with(clock: CommitTs, tls: Option<ServerTlsConfig>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let shared = Arc::new(Shared {
            etcd: Mutex::default(),
            clock: AtomicU64::new(clock.0),
            pd: Mutex::default(),
            client_url: Mutex::default(),
            others: Mutex::default(),
            asked: AtomicU64::default(),
            etcd_fails: Mutex::default(),
        });
        let router = Router::new()
            .route("/pdpb.PD/GetMembers", post(members))
            .route("/pdpb.PD/Tso", post(tso))
            .route("/pdpb.PD/GetGCSafePoint", post(safe_point))
            .route("/etcdserverpb.KV/Range", post(range))
            .with_state(Arc::clone(&shared));
        let cluster = Self { runtime: Some(runtime), tls, shared };
        let address = cluster.serve(router);
        *cluster.shared.pd.lock().unwrap() = Some(address);
        cluster.tidb("On");
        cluster
    }

    /// Ports that are opened from now on have other certificates.
    #[allow(dead_code)]
    pub fn renew(&mut self, tls: ServerTlsConfig) {
        self.tls = Some(tls);
    }

    fn serve(&self, router: Router) -> SocketAddr {
        let runtime = self.runtime.as_ref().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        match self.tls.clone() {
            None => drop(runtime.spawn(async move { axum::serve(listener, router).await })),
            Some(tls) => {
                let mut server = Server::builder().accept_http1(true).tls_config(tls).unwrap();
                let server = server.add_routes(router.into());
                runtime.spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
            }
        }
        address
    }

    pub fn pd_address(&self) -> String {
        self.shared.pd.lock().unwrap().unwrap().to_string()
    }

    /// A TiDB's status port that answers `/ddl/history` with `jobs` and knows no database; gives its address.
    #[allow(dead_code)]
    pub fn status_port(&self, jobs: &'static str) -> String {
        let router = Router::new()
            .route("/ddl/history", get(move || async move { jobs }))
            .route("/schema", get(|| async { "[]" }));
        self.serve(router).to_string()
    }

    pub fn put(&self, key: &str, value: &str) {
        self.shared.etcd.lock().unwrap().insert(key.to_owned(), value.to_owned());
    }

    pub fn tidb(&self, binlog_status: &str) {
        let json = format!(
            r#"{{"version":"8.0.11-TiDB-v8.1.0","ddl_id":"t1","ip":"127.0.0.1","listening_port":4000,"status_port":10080,"binlog_status":"{binlog_status}"}}"#
        );
        self.put("/tidb/server/info/t1", &json);
    }

    pub fn register(&self, id: &str, host: &str, state: &str, max: CommitTs) {
        let json = format!(
            r#"{{"nodeId":"{id}","host":"{host}","state":"{state}","isAlive":false,"score":0,"label":null,"maxCommitTS":{},"updateTS":0}}"#,
            max.0
        );
        self.put(&format!("/tidb-binlog/v1/pumps/{id}"), &json);
    }

    /// A Pump that serves `said` and then fakes, registered as online.
    pub fn pump(&self, id: &str, said: &[Pulled]) -> PumpState {
        let (pump, address) = self.pump_unregistered(said);
        self.register(id, &address, "online", CommitTs(1));
        pump
    }

    pub fn pump_unregistered(&self, said: &[Pulled]) -> (PumpState, String) {
        let payloads = said.iter().map(|p| (p.ts(), tisync::source::write(p).encode_to_vec().into())).collect();
        let pump = Pump {
            payloads,
            cut: Cut::Never,
            fakes: true,
            gc_metrics: "binlog_pump_storage_gc_ts 0\n".to_owned(),
            cluster_id: CLUSTER,
            closed_bound: false,
            pulls: Vec::new(),
            gzip: false,
        };
        let state: PumpState = Arc::new((Mutex::new(pump), Arc::clone(&self.shared)));
        let router = Router::new()
            .route("/binlog.Pump/PullBinlogs", post(pull))
            .route("/metrics", get(|State(s): State<PumpState>| async move { s.0.lock().unwrap().gc_metrics.clone() }))
            .with_state(Arc::clone(&state));
        let address = self.serve(router).to_string();
        (state, address)
    }
}

impl Drop for FakeCluster {
    fn drop(&mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }
}

impl Shared {
    pub fn tick(&self) -> CommitTs {
        CommitTs(self.clock.fetch_add(1 << 18, Ordering::SeqCst) + (1 << 18))
    }
}

type Work<T> = Pin<Box<dyn Future<Output = Result<tonic::Response<T>, Status>> + Send>>;

struct One<F>(F);

impl<Q, A, F> UnaryService<Q> for One<F>
where
    F: Fn(Q) -> Result<A, Status>,
    A: Send + 'static,
{
    type Response = A;
    type Future = Work<A>;

    fn call(&mut self, request: tonic::Request<Q>) -> Self::Future {
        let answer = (self.0)(request.into_inner()).map(tonic::Response::new);
        Box::pin(async move { answer })
    }
}

async fn unary<Q, A>(request: Request, f: impl Fn(Q) -> Result<A, Status>) -> Response
where
    Q: Message + Default + 'static,
    A: Message + Default + 'static,
{
    Grpc::new(ProstCodec::<A, Q>::default()).unary(One(f), request).await.map(Body::new)
}

fn header() -> Option<ResponseHeader> {
    Some(ResponseHeader { cluster_id: CLUSTER, error: None })
}

fn right_cluster(header: Option<RequestHeader>) -> Result<(), Status> {
    let id = header.unwrap_or_default().cluster_id;
    if id == CLUSTER {
        return Ok(());
    }
    Err(Status::failed_precondition(format!("mismatch cluster id, need {CLUSTER} but got {id}")))
}

async fn members(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let default = format!("http://{}", shared.pd.lock().unwrap().unwrap());
    let url = shared.client_url.lock().unwrap().clone().unwrap_or(default);
    shared.asked.fetch_add(1, Ordering::SeqCst);
    let others = shared.others.lock().unwrap().clone();
    unary(request, move |_: GetMembersRequest| {
        let named = |url: &String| Member { name: "pd".into(), client_urls: vec![url.clone()], ..Member::default() };
        let member = Member { member_id: 1, ..named(&url) };
        let other = |address: &String| named(&format!("http://{address}"));
        Ok(GetMembersResponse {
            header: header(),
            members: [member.clone()].into_iter().chain(others.iter().map(other)).collect(),
            leader: Some(member.clone()),
            etcd_leader: Some(member),
        })
    })
    .await
}

async fn safe_point(request: Request) -> Response {
    unary(request, |q: GetGcSafePointRequest| {
        right_cluster(q.header)?;
        Ok(GetGcSafePointResponse { header: header(), safe_point: 77 })
    })
    .await
}

async fn range(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    unary(request, move |q: RangeRequest| {
        if *shared.etcd_fails.lock().unwrap() {
            return Err(Status::unavailable("etcdserver: no leader"));
        }
        let etcd = shared.etcd.lock().unwrap();
        let inside = |k: &str| k.as_bytes() >= &q.key[..] && k.as_bytes() < &q.range_end[..];
        let kvs: Vec<KeyValue> = etcd
            .iter()
            .filter(|(k, _)| inside(k))
            .map(|(k, v)| KeyValue { key: k.clone().into(), value: v.clone().into(), ..KeyValue::default() })
            .collect();
        Ok(RangeResponse { header: None, count: kvs.len() as i64, kvs, more: false })
    })
    .await
}

struct TsoService(Arc<Shared>);

impl StreamingService<TsoRequest> for TsoService {
    type Response = TsoResponse;
    type ResponseStream = ReceiverStream<Result<TsoResponse, Status>>;
    type Future = Work<Self::ResponseStream>;

    fn call(&mut self, request: tonic::Request<Streaming<TsoRequest>>) -> Self::Future {
        let (shared, mut requests) = (Arc::clone(&self.0), request.into_inner());
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(async move {
            while let Ok(Some(q)) = requests.message().await {
                let answer = right_cluster(q.header).map(|()| {
                    let ts = shared.tick();
                    let timestamp =
                        Timestamp { physical: ts.physical_ms() as i64, logical: ts.logical() as i64, suffix_bits: 0 };
                    TsoResponse { header: header(), count: q.count, timestamp: Some(timestamp) }
                });
                if sender.send(answer).await.is_err() {
                    return;
                }
            }
        });
        Box::pin(async move { Ok(tonic::Response::new(ReceiverStream::new(receiver))) })
    }
}

async fn tso(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    Grpc::new(ProstCodec::<TsoResponse, TsoRequest>::default())
        .streaming(TsoService(shared), request)
        .await
        .map(Body::new)
}

struct PullService(PumpState);

impl ServerStreamingService<PullBinlogReq> for PullService {
    type Response = PullBinlogResp;
    type ResponseStream = ReceiverStream<Result<PullBinlogResp, Status>>;
    type Future = Work<Self::ResponseStream>;

    fn call(&mut self, request: tonic::Request<PullBinlogReq>) -> Self::Future {
        let (q, state) = (request.into_inner(), Arc::clone(&self.0));
        let from = q.start_from.clone().unwrap_or_default().offset;
        let pump = {
            let mut pump = state.0.lock().unwrap();
            pump.pulls.push(from);
            pump.clone()
        };
        if q.cluster_id != pump.cluster_id {
            let text = format!("cluster ID are mismatch, {} vs {}", q.cluster_id, pump.cluster_id);
            return Box::pin(async move { Err(Status::unknown(text)) });
        }
        let (sender, receiver) = mpsc::channel(4);
        tokio::spawn(serve_pull(state, pump, from as u64, sender));
        Box::pin(async move { Ok(tonic::Response::new(ReceiverStream::new(receiver))) })
    }
}

type Answers = mpsc::Sender<Result<PullBinlogResp, Status>>;

async fn serve_pull(state: PumpState, pump: Pump, from: u64, sender: Answers) {
    let message = |payload: Bytes| PullBinlogResp { entity: Some(Entity { payload, ..Entity::default() }) };
    let limit = match pump.cut {
        Cut::Never => usize::MAX,
        Cut::Clean(n) | Cut::Reset(n) | Cut::Status(n, _) => n,
    };
    let wanted = |ts: CommitTs| if pump.closed_bound { ts.0 >= from } else { ts.0 > from };
    let (mut sent, mut last) = (0, from);
    for (ts, payload) in pump.payloads.iter().filter(|(ts, _)| wanted(*ts)) {
        if sent == limit {
            if let Cut::Status(_, code) = pump.cut {
                let _ = sender.send(Err(Status::new(code, "the test ends it"))).await;
            }
            return;
        }
        if sender.send(Ok(message(payload.clone()))).await.is_err() {
            return;
        }
        sent += 1;
        last = ts.0;
    }
    // A Pump whose connections are cut has its last one stay.
    if !pump.fakes {
        return sender.closed().await;
    }
    loop {
        let ts = state.1.tick();
        assert!(ts.0 > last, "the test's clock stands before its data");
        let fake = tisync::source::write(&Pulled::Resolved(ts)).encode_to_vec();
        if sender.send(Ok(message(fake.into()))).await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn pull(State(state): State<PumpState>, request: Request) -> Response {
    let gzip = ["grpc-encoding", "grpc-accept-encoding"]
        .iter()
        .all(|name| request.headers().get(*name).is_some_and(|v| v.to_str().unwrap().contains("gzip")));
    let cut = {
        let mut pump = state.0.lock().unwrap();
        pump.gzip = gzip;
        pump.cut
    };
    let answer = Grpc::new(ProstCodec::<PullBinlogResp, PullBinlogReq>::default())
        .accept_compressed(CompressionEncoding::Gzip)
        .send_compressed(CompressionEncoding::Gzip)
        .server_streaming(PullService(state), request)
        .await;
    match cut {
        Cut::Reset(_) => answer.map(|body| {
            // The data without the trailers, then an error: the server resets the stream.
            let data = Body::new(body).into_data_stream();
            Body::from_stream(data.chain(tokio_stream::once(Err(axum::Error::new(std::io::Error::other("reset"))))))
        }),
        _ => answer.map(Body::new),
    }
}

/// A history of no jobs: a source hands its history on and does not look into it.
pub struct NoJobs;

impl History for NoJobs {
    fn all(&self) -> anyhow::Result<Vec<Job>> {
        Ok(Vec::new())
    }

    fn job(&self, _: i64) -> anyhow::Result<Option<Job>> {
        Ok(None)
    }

    fn grows(&self) -> bool {
        false
    }

    fn current(&self) -> anyhow::Result<Option<Snapshot>> {
        Ok(None)
    }
}
