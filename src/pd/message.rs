//! The messages of PD (`pdpb`) and etcd (`etcdserverpb`) that a replicator needs, by hand, with the field numbers of
//! spec/tidb-binlog.md §1.2 and §1.3. The simulated cluster answers with the same ones.

use bytes::Bytes;
use prost::Message;

/// `pdpb.RequestHeader`: goes with every request to PD.
#[derive(Clone, PartialEq, Message)]
pub struct RequestHeader {
    /// Must be the cluster's own id, except in `GetMembers`.
    #[prost(uint64, tag = "1")]
    pub cluster_id: u64,
}

/// `pdpb.Error`.
#[derive(Clone, PartialEq, Message)]
pub struct Error {
    /// 0 is fine; 2 not bootstrapped; others in spec §1.2.
    #[prost(int32, tag = "1")]
    pub kind: i32,
    /// PD's own words.
    #[prost(string, tag = "2")]
    pub message: String,
}

/// `pdpb.ResponseHeader`.
#[derive(Clone, PartialEq, Message)]
pub struct ResponseHeader {
    /// The TiDB cluster id.
    #[prost(uint64, tag = "1")]
    pub cluster_id: u64,
    /// Absent or of kind 0: fine.
    #[prost(message, optional, tag = "2")]
    pub error: Option<Error>,
}

/// `pdpb.GetMembersRequest`.
#[derive(Clone, PartialEq, Message)]
pub struct GetMembersRequest {
    /// Cluster id 0 is allowed here.
    #[prost(message, optional, tag = "1")]
    pub header: Option<RequestHeader>,
}

/// `pdpb.Member`: one PD server.
#[derive(Clone, PartialEq, Message)]
pub struct Member {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its id.
    #[prost(uint64, tag = "2")]
    pub member_id: u64,
    /// For other PD servers.
    #[prost(string, repeated, tag = "3")]
    pub peer_urls: Vec<String>,
    /// For us.
    #[prost(string, repeated, tag = "4")]
    pub client_urls: Vec<String>,
}

/// `pdpb.GetMembersResponse`.
#[derive(Clone, PartialEq, Message)]
pub struct GetMembersResponse {
    /// Holds the cluster id.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// All PD servers.
    #[prost(message, repeated, tag = "2")]
    pub members: Vec<Member>,
    /// The one that gives out timestamps.
    #[prost(message, optional, tag = "3")]
    pub leader: Option<Member>,
    /// The one that leads etcd.
    #[prost(message, optional, tag = "4")]
    pub etcd_leader: Option<Member>,
}

/// `pdpb.TsoRequest`.
#[derive(Clone, PartialEq, Message)]
pub struct TsoRequest {
    /// With the right cluster id.
    #[prost(message, optional, tag = "1")]
    pub header: Option<RequestHeader>,
    /// How many timestamps; above 0.
    #[prost(uint32, tag = "2")]
    pub count: u32,
    /// Empty or `global`.
    #[prost(string, tag = "3")]
    pub dc_location: String,
}

/// `pdpb.Timestamp`.
#[derive(Clone, PartialEq, Message)]
pub struct Timestamp {
    /// Milliseconds since the Unix epoch.
    #[prost(int64, tag = "1")]
    pub physical: i64,
    /// The counter within it.
    #[prost(int64, tag = "2")]
    pub logical: i64,
    /// Normally 0.
    #[prost(uint32, tag = "3")]
    pub suffix_bits: u32,
}

/// `pdpb.TsoResponse`.
#[derive(Clone, PartialEq, Message)]
pub struct TsoResponse {
    /// Holds the cluster id.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// As asked.
    #[prost(uint32, tag = "2")]
    pub count: u32,
    /// The last of them.
    #[prost(message, optional, tag = "3")]
    pub timestamp: Option<Timestamp>,
}

/// `pdpb.GetGCSafePointRequest`.
#[derive(Clone, PartialEq, Message)]
pub struct GetGcSafePointRequest {
    /// With the right cluster id.
    #[prost(message, optional, tag = "1")]
    pub header: Option<RequestHeader>,
}

/// `pdpb.GetGCSafePointResponse`.
#[derive(Clone, PartialEq, Message)]
pub struct GetGcSafePointResponse {
    /// Holds the cluster id.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// TiKV keeps no versions older than this ts.
    #[prost(uint64, tag = "2")]
    pub safe_point: u64,
}

/// `etcdserverpb.RangeRequest`.
#[derive(Clone, PartialEq, Message)]
pub struct RangeRequest {
    /// First key.
    #[prost(bytes = "bytes", tag = "1")]
    pub key: Bytes,
    /// Behind the last key; empty for the one key alone.
    #[prost(bytes = "bytes", tag = "2")]
    pub range_end: Bytes,
    /// 0: no limit.
    #[prost(int64, tag = "3")]
    pub limit: i64,
}

/// `etcdserverpb.ResponseHeader`; its cluster id is etcd's own, not TiDB's.
#[derive(Clone, PartialEq, Message)]
pub struct EtcdHeader {
    /// etcd's cluster id.
    #[prost(uint64, tag = "1")]
    pub cluster_id: u64,
    /// Who answered.
    #[prost(uint64, tag = "2")]
    pub member_id: u64,
    /// The store's revision.
    #[prost(int64, tag = "3")]
    pub revision: i64,
    /// Raft's term.
    #[prost(uint64, tag = "4")]
    pub raft_term: u64,
}

/// `mvccpb.KeyValue`.
#[derive(Clone, PartialEq, Message)]
pub struct KeyValue {
    /// The key.
    #[prost(bytes = "bytes", tag = "1")]
    pub key: Bytes,
    /// Revision that made it.
    #[prost(int64, tag = "2")]
    pub create_revision: i64,
    /// Revision that changed it last.
    #[prost(int64, tag = "3")]
    pub mod_revision: i64,
    /// How often it was written.
    #[prost(int64, tag = "4")]
    pub version: i64,
    /// The value.
    #[prost(bytes = "bytes", tag = "5")]
    pub value: Bytes,
    /// Its lease, if any.
    #[prost(int64, tag = "6")]
    pub lease: i64,
}

/// `etcdserverpb.RangeResponse`.
#[derive(Clone, PartialEq, Message)]
pub struct RangeResponse {
    /// etcd's header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<EtcdHeader>,
    /// The pairs found.
    #[prost(message, repeated, tag = "2")]
    pub kvs: Vec<KeyValue>,
    /// Whether a limit cut the answer.
    #[prost(bool, tag = "3")]
    pub more: bool,
    /// How many there are.
    #[prost(int64, tag = "4")]
    pub count: i64,
}
