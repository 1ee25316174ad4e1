//! The async half of the PD client: finds PD's leader, sends requests to it, and retries.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use parking_lot::Mutex;
use prost::Message;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;
use tonic::{Request, Status};
use tonic_prost::ProstCodec;

use super::message::{
    GetGcSafePointRequest, GetGcSafePointResponse, GetMembersRequest, GetMembersResponse, KeyValue, RangeRequest,
    RangeResponse, RequestHeader, ResponseHeader, TsoRequest, TsoResponse,
};
use super::message::{TxnRequest, TxnResponse, remove_request, swap_request};
use super::security::{Security, reason};
use crate::error::Fault;
use crate::error::quoted;
use crate::model::CommitTs;

/// How long a connection may take to be established.
pub const DIAL_LIMIT: Duration = Duration::from_secs(5);
/// How long an answer may take.
pub const REQUEST_LIMIT: Duration = Duration::from_secs(5);

/// How old the list of members may be. PD's servers are replaced one after the other, with more
/// time in between.
const MEMBERS_AGE: Duration = Duration::from_secs(20);

/// The request for the list of members; needs no cluster id.
#[must_use]
pub fn members_request() -> GetMembersRequest {
    GetMembersRequest { header: None }
}

/// The request for one timestamp.
#[must_use]
pub fn tso_request(cluster_id: u64) -> TsoRequest {
    TsoRequest { header: Some(RequestHeader { cluster_id }), count: 1, dc_location: String::new() }
}

/// The request for TiKV's GC safe point.
#[must_use]
pub fn safe_point_request(cluster_id: u64) -> GetGcSafePointRequest {
    GetGcSafePointRequest { header: Some(RequestHeader { cluster_id }) }
}

/// The request to etcd for every key that begins with `prefix`.
#[must_use]
pub fn range_request(prefix: &str) -> RangeRequest {
    let mut end = prefix.as_bytes().to_vec();
    // The first key after all keys with the prefix. 0xff cannot be raised; then its predecessor is.
    while let Some(last) = end.pop() {
        if last < 0xff {
            end.push(last + 1);
            break;
        }
    }
    if end.is_empty() {
        end.push(0); // etcd's way to say "to the last key"
    }
    RangeRequest { key: Bytes::copy_from_slice(prefix.as_bytes()), range_end: end.into(), limit: 0 }
}

/// The request to etcd for one key.
#[must_use]
pub fn get_request(key: &str) -> RangeRequest {
    RangeRequest { key: Bytes::copy_from_slice(key.as_bytes()), range_end: Bytes::new(), limit: 0 }
}

/// The leader as it was last seen.
#[derive(Clone)]
struct Leader {
    address: String,
    channel: Channel,
}

/// The async half of [`Pd`](super::Pd).
pub(super) struct Client {
    endpoints: Vec<String>,
    security: Security,
    cluster_id: u64,
    leader: Mutex<Leader>,
    members: Mutex<Members>,
}

/// PD's members when they were last asked: all addresses that the operator gave may have been
/// replaced since.
struct Members {
    addresses: Vec<String>,
    asked: Instant,
}

impl Members {
    fn of(addresses: Vec<String>) -> Self {
        Self { addresses, asked: Instant::now() }
    }
}

/// The answer of a member, from which a leader was found.
struct LeaderHint {
    cluster_id: u64,
    leader: Leader,
    members: Vec<String>,
}

impl Client {
    pub(super) async fn connect(endpoints: Vec<String>, security: Security) -> Result<Self> {
        let LeaderHint { cluster_id, leader, members } = find_leader(&endpoints, &security).await?;
        let (leader, members) = (Mutex::new(leader), Mutex::new(Members::of(members)));
        Ok(Self { endpoints, security, cluster_id, leader, members })
    }

    pub(super) fn cluster_id(&self) -> u64 {
        self.cluster_id
    }

    pub(super) fn flags(&self) -> String {
        let Security { ca, cert, key } = &self.security;
        let mut flags = format!("--pd {}", quoted(&self.endpoints.join(",")));
        for (flag, file) in [("--ssl-ca", ca), ("--ssl-cert", cert), ("--ssl-key", key)] {
            if let Some(file) = file {
                flags.push_str(&format!(" {flag} {}", quoted(&file.display().to_string())));
            }
        }
        flags
    }

    pub(super) fn leader(&self) -> String {
        self.leader.lock().address.clone()
    }

    pub(super) async fn tso(&self) -> Result<CommitTs> {
        let answer: TsoResponse = self
            .on_leader("a timestamp", async |channel| {
                let (sender, receiver) = mpsc::channel(1);
                // Cannot fail: the channel is empty, and its other end is still held here.
                let _ = sender.send(tso_request(self.cluster_id)).await;
                let mut grpc = ready(channel).await?;
                let path = PathAndQuery::from_static("/pdpb.PD/Tso");
                let request = Request::new(ReceiverStream::new(receiver));
                let mut answers =
                    grpc.streaming(request, path, ProstCodec::<TsoRequest, TsoResponse>::default()).await?.into_inner();
                let answer = answers.message().await?;
                // Kept open until now: some versions end the call, answered or not, once the
                // requests have ended.
                drop(sender);
                answer.ok_or_else(|| Status::unavailable("the stream ended without an answer"))
            })
            .await?;
        self.check(answer.header.as_ref())?;
        let stamp = answer.timestamp.filter(|_| answer.count == 1).context("PD's answer has no timestamp")?;
        let part = |v: i64| u64::try_from(v).map_err(|_| anyhow!("PD gave a negative timestamp: {stamp:?}"));
        let (physical, logical) = (part(stamp.physical)?, part(stamp.logical)?);
        anyhow::ensure!(physical < 1 << 46 && logical < 1 << 18, "PD gave an impossible timestamp: {stamp:?}");
        Ok(CommitTs::from_parts(physical, logical))
    }

    pub(super) async fn gc_safe_point(&self) -> Result<CommitTs> {
        let request = safe_point_request(self.cluster_id);
        let answer: GetGcSafePointResponse = self
            .on_leader("the GC safe point", async |channel| {
                unary(channel, "/pdpb.PD/GetGCSafePoint", request.clone()).await
            })
            .await?;
        self.check(answer.header.as_ref())?;
        Ok(CommitTs(answer.safe_point))
    }

    pub(super) async fn range(&self, prefix: &str) -> Result<Vec<KeyValue>> {
        let request = range_request(prefix);
        let answer: RangeResponse = self
            .on_leader(&format!("the keys under {prefix}"), async |channel| {
                unary(channel, "/etcdserverpb.KV/Range", request.clone()).await
            })
            .await?;
        if answer.more {
            let text = format!("etcd returned only some of the {} keys under {prefix}", answer.count);
            return Err(Fault::connect(text)
                .hint("such a list is not reliable; check PD's log, then try again")
                .into());
        }
        Ok(answer.kvs)
    }

    pub(super) async fn get(&self, key: &str) -> Result<Option<KeyValue>> {
        let request = get_request(key);
        let answer: RangeResponse = self
            .on_leader(&format!("the key {key}"), async |channel| {
                unary(channel, "/etcdserverpb.KV/Range", request.clone()).await
            })
            .await?;
        Ok(answer.kvs.into_iter().next())
    }

    pub(super) async fn swap(&self, key: &str, value: &[u8], revision: i64) -> Result<bool> {
        self.write(key, swap_request(key, value, revision)).await
    }

    pub(super) async fn remove(&self, key: &str, revision: i64) -> Result<bool> {
        self.write(key, remove_request(key, revision)).await
    }

    async fn write(&self, key: &str, request: TxnRequest) -> Result<bool> {
        let answer: TxnResponse = self
            .on_leader(&format!("permission to write the key {key}"), async |channel| {
                unary(channel, "/etcdserverpb.KV/Txn", request.clone()).await
            })
            .await?;
        Ok(answer.succeeded)
    }

    /// Runs `call` on the leader; if that fails, once more on the leader that the members name
    /// then.
    async fn on_leader<T>(&self, what: &str, call: impl AsyncFn(Channel) -> Result<T, Status>) -> Result<T> {
        let leader = self.leader.lock().clone();
        let first = match limited(call(leader.channel.clone())).await {
            Ok(answer) => {
                self.keep_members(leader.channel).await;
                return Ok(answer);
            }
            Err(status) => status,
        };
        if let Some(fault) = mismatch(&first) {
            return Err(fault.into());
        }
        let LeaderHint { cluster_id, leader, members } =
            find_leader(&self.places(), &self.security).await.with_context(|| {
                format!("PD did not return {what} ({}), and its leader could not be found again", words(&first))
            })?;
        if cluster_id != self.cluster_id {
            return Err(self.other_cluster(cluster_id));
        }
        *self.leader.lock() = leader.clone();
        *self.members.lock() = Members::of(members);
        limited(call(leader.channel))
            .await
            .map_err(|status| {
                mismatch(&status).unwrap_or_else(|| {
                    Fault::connect(format!("PD's leader {} did not return {what}: {}", leader.address, words(&status)))
                        .hint("check PD's health (`pd-ctl health`), then try again")
                })
            })
            .map_err(Into::into)
    }

    /// The addresses to look for a leader at: those that the operator gave, then those that PD
    /// named.
    fn places(&self) -> Vec<String> {
        let members = self.members.lock();
        let learnt = members.addresses.iter().filter(|a| !self.endpoints.contains(a));
        self.endpoints.iter().chain(learnt).cloned().collect()
    }

    /// Asks the leader for the members if the last answer is old. Without an answer the old list
    /// stays.
    async fn keep_members(&self, leader: Channel) {
        let now = Instant::now();
        {
            let mut members = self.members.lock();
            if now.duration_since(members.asked) < MEMBERS_AGE {
                return;
            }
            members.asked = now;
        }
        let answer: Result<GetMembersResponse, Status> =
            limited(unary(leader, "/pdpb.PD/GetMembers", members_request())).await;
        let Ok(answer) = answer else { return };
        let found = addresses(&answer);
        if answer.header.is_some_and(|h| h.cluster_id == self.cluster_id) && !found.is_empty() {
            self.members.lock().addresses = found;
        }
    }

    fn check(&self, header: Option<&ResponseHeader>) -> Result<()> {
        let header = header.context("PD's answer has no header")?;
        if let Some(error) = header.error.as_ref().filter(|e| e.kind != 0) {
            let text = format!("PD answered with error {}: {}", error.kind, error.message);
            return Err(Fault::connect(text).hint("check PD's log").into());
        }
        if header.cluster_id == self.cluster_id { Ok(()) } else { Err(self.other_cluster(header.cluster_id)) }
    }

    fn other_cluster(&self, id: u64) -> anyhow::Error {
        Fault::refused(format!("PD now says that the cluster's id is {id}; it was {} before", self.cluster_id))
            .hint("the addresses lead to more than one cluster, or the cluster was recreated; check them")
            .into()
    }
}

/// The cluster id and a leader that can be reached. The error lists every address that was tried.
async fn find_leader(endpoints: &[String], security: &Security) -> Result<LeaderHint> {
    let mut tried = Vec::new();
    for address in endpoints {
        let channel = security.channel(address, DIAL_LIMIT)?;
        let members: GetMembersResponse = match limited(unary(channel, "/pdpb.PD/GetMembers", members_request())).await
        {
            Ok(members) => members,
            Err(status) => {
                tried.push(format!("{address}: {}", words(&status)));
                continue;
            }
        };
        match leader_of(&members, address, security).await {
            Ok(found) => return Ok(found),
            Err(why) => tried.push(format!("{address}: {why}")),
        }
    }
    Err(Fault::connect(format!("cannot find the leader of PD; tried {}", tried.join("; ")))
        .hint("check the address (the client port, 2379 by default), the network, and whether PD requires TLS")
        .into())
}

/// The addresses of PD's members, as they advertise them.
fn addresses(members: &GetMembersResponse) -> Vec<String> {
    members.members.iter().flat_map(|m| &m.client_urls).map(|url| address(url)).collect()
}

/// `host:port` of a URL.
fn address(url: &str) -> String {
    url.split_once("://").map_or(url, |(_, rest)| rest).trim_end_matches('/').to_owned()
}

async fn leader_of(members: &GetMembersResponse, asked: &str, security: &Security) -> Result<LeaderHint, String> {
    let header = members.header.as_ref().ok_or("its answer has no header; is this PD?")?;
    if let Some(error) = header.error.as_ref().filter(|e| e.kind != 0) {
        return Err(format!("it answered with error {}: {}", error.kind, error.message));
    }
    if header.cluster_id == 0 {
        return Err("it returned no cluster id; the cluster is not bootstrapped yet".to_owned());
    }
    let leader =
        members.leader.as_ref().filter(|l| !l.client_urls.is_empty()).ok_or("it has no leader at the moment")?;
    let mut candidates: Vec<String> = leader.client_urls.iter().map(|url| address(url)).collect();
    if members.members.len() == 1 {
        // The only member is the leader, even if the name that it advertises cannot be reached from
        // here.
        candidates.push(asked.to_owned());
    }
    let mut why = Vec::new();
    for address in candidates {
        let channel = security.channel(&address, DIAL_LIMIT).map_err(|e| format!("{e:#}"))?;
        let answer: Result<GetMembersResponse, Status> =
            limited(unary(channel.clone(), "/pdpb.PD/GetMembers", members_request())).await;
        match answer {
            Ok(_) => {
                let (cluster_id, leader) = (header.cluster_id, Leader { address, channel });
                return Ok(LeaderHint { cluster_id, leader, members: addresses(members) });
            }
            Err(status) => why.push(format!("{address} ({})", words(&status))),
        }
    }
    Err(format!("its leader {} cannot be reached: {}", leader.name, why.join(", ")))
}

async fn ready(channel: Channel) -> Result<Grpc<Channel>, Status> {
    let mut grpc = Grpc::new(channel);
    grpc.ready().await.map_err(|e| Status::unavailable(reason(&e)))?;
    Ok(grpc)
}

async fn unary<Q, A>(channel: Channel, path: &'static str, request: Q) -> Result<A, Status>
where
    Q: Message + 'static,
    A: Message + Default + 'static,
{
    // A listing of etcd may be above tonic's limit of 4 MiB.
    let mut grpc = ready(channel).await?.max_decoding_message_size(256 << 20);
    let codec = ProstCodec::<Q, A>::default();
    Ok(grpc.unary(Request::new(request), PathAndQuery::from_static(path), codec).await?.into_inner())
}

async fn limited<T>(work: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
    let late = || Status::deadline_exceeded(format!("no answer within {} s", REQUEST_LIMIT.as_secs()));
    timeout(REQUEST_LIMIT, work).await.unwrap_or_else(|_| Err(late()))
}

/// PD refuses requests with another cluster's id; a retry does not help.
fn mismatch(status: &Status) -> Option<Fault> {
    status.message().contains("mismatch cluster id").then(|| {
        Fault::refused(format!("this PD belongs to another cluster: {}", status.message()))
            .hint("the addresses lead to more than one cluster, or the cluster was recreated; check them")
    })
}

/// A status as text for an operator, with its causes.
pub(crate) fn words(status: &Status) -> String {
    let mut text =
        if status.message().is_empty() { format!("{:?}", status.code()) } else { status.message().to_owned() };
    let mut source = std::error::Error::source(status);
    while let Some(inner) = source {
        let more = inner.to_string();
        if !text.contains(&more) && more != "transport error" {
            text = format!("{text}: {more}");
        }
        source = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_behind_its_last_key() {
        let end = |prefix: &str| range_request(prefix).range_end;
        assert_eq!(end("/tidb-binlog/v1/pumps/"), Bytes::from_static(b"/tidb-binlog/v1/pumps0"));
        assert_eq!(end(""), Bytes::from_static(&[0]));
    }
}
