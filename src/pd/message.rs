//! The protobuf messages of PD (`pdpb`) and etcd (`etcdserverpb`) that a replicator needs, by hand.
//!
//! Field numbers are those of docs/protocol/tidb-binlog.md §1.2 and §1.3; those of the messages
//! that write a key of PD's etcd are of §1.3. The simulated cluster answers with the same messages.

use bytes::Bytes;
use prost::Message;

/// `pdpb.RequestHeader`: part of every request to PD.
#[derive(Clone, PartialEq, Message)]
pub struct RequestHeader {
    /// Must be the cluster's own id, except in `GetMembers`.
    #[prost(uint64, tag = "1")]
    pub cluster_id: u64,
}

/// `pdpb.Error`: why PD refused a request.
#[derive(Clone, PartialEq, Message)]
pub struct Error {
    /// 0 is no error; 2 not bootstrapped; others in docs/protocol/tidb-binlog.md §1.2.
    #[prost(int32, tag = "1")]
    pub kind: i32,
    /// PD's text.
    #[prost(string, tag = "2")]
    pub message: String,
}

/// `pdpb.ResponseHeader`: part of every answer of PD.
#[derive(Clone, PartialEq, Message)]
pub struct ResponseHeader {
    /// The TiDB cluster id.
    #[prost(uint64, tag = "1")]
    pub cluster_id: u64,
    /// No error if absent or of kind 0.
    #[prost(message, optional, tag = "2")]
    pub error: Option<Error>,
}

/// `pdpb.GetMembersRequest`: asks for the list of PD servers.
#[derive(Clone, PartialEq, Message)]
pub struct GetMembersRequest {
    /// Cluster id 0 is allowed here.
    #[prost(message, optional, tag = "1")]
    pub header: Option<RequestHeader>,
}

/// `pdpb.Member`: one PD server.
#[derive(Clone, PartialEq, Message)]
pub struct Member {
    /// Name of the server.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Id of the server.
    #[prost(uint64, tag = "2")]
    pub member_id: u64,
    /// Addresses for other PD servers.
    #[prost(string, repeated, tag = "3")]
    pub peer_urls: Vec<String>,
    /// Addresses for clients.
    #[prost(string, repeated, tag = "4")]
    pub client_urls: Vec<String>,
}

/// `pdpb.GetMembersResponse`: the list of PD servers.
#[derive(Clone, PartialEq, Message)]
pub struct GetMembersResponse {
    /// Has the cluster id.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// All PD servers.
    #[prost(message, repeated, tag = "2")]
    pub members: Vec<Member>,
    /// The server that gives out timestamps.
    #[prost(message, optional, tag = "3")]
    pub leader: Option<Member>,
    /// The server that leads etcd.
    #[prost(message, optional, tag = "4")]
    pub etcd_leader: Option<Member>,
}

/// `pdpb.TsoRequest`: asks for timestamps.
#[derive(Clone, PartialEq, Message)]
pub struct TsoRequest {
    /// Must have the right cluster id.
    #[prost(message, optional, tag = "1")]
    pub header: Option<RequestHeader>,
    /// Number of timestamps; above 0.
    #[prost(uint32, tag = "2")]
    pub count: u32,
    /// Empty or `global`.
    #[prost(string, tag = "3")]
    pub dc_location: String,
}

/// `pdpb.Timestamp`: a TSO in two parts.
#[derive(Clone, PartialEq, Message)]
pub struct Timestamp {
    /// Milliseconds since the Unix epoch.
    #[prost(int64, tag = "1")]
    pub physical: i64,
    /// The counter within the millisecond.
    #[prost(int64, tag = "2")]
    pub logical: i64,
    /// Normally 0.
    #[prost(uint32, tag = "3")]
    pub suffix_bits: u32,
}

/// `pdpb.TsoResponse`: the timestamps.
#[derive(Clone, PartialEq, Message)]
pub struct TsoResponse {
    /// Has the cluster id.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// Number of timestamps, as requested.
    #[prost(uint32, tag = "2")]
    pub count: u32,
    /// The last one of them.
    #[prost(message, optional, tag = "3")]
    pub timestamp: Option<Timestamp>,
}

/// `pdpb.GetGCSafePointRequest`: asks for the GC safe point.
#[derive(Clone, PartialEq, Message)]
pub struct GetGcSafePointRequest {
    /// Must have the right cluster id.
    #[prost(message, optional, tag = "1")]
    pub header: Option<RequestHeader>,
}

/// `pdpb.GetGCSafePointResponse`: the GC safe point.
#[derive(Clone, PartialEq, Message)]
pub struct GetGcSafePointResponse {
    /// Has the cluster id.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// The ts below which TiKV keeps no old versions.
    #[prost(uint64, tag = "2")]
    pub safe_point: u64,
}

/// `etcdserverpb.RangeRequest`: reads one key or a range of keys.
#[derive(Clone, PartialEq, Message)]
pub struct RangeRequest {
    /// First key.
    #[prost(bytes = "bytes", tag = "1")]
    pub key: Bytes,
    /// The end of the range (exclusive); empty for one key only.
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
    /// The etcd member that answered.
    #[prost(uint64, tag = "2")]
    pub member_id: u64,
    /// The store's revision.
    #[prost(int64, tag = "3")]
    pub revision: i64,
    /// Raft's term.
    #[prost(uint64, tag = "4")]
    pub raft_term: u64,
}

/// `mvccpb.KeyValue`: a key with its value.
#[derive(Clone, PartialEq, Message)]
pub struct KeyValue {
    /// The key.
    #[prost(bytes = "bytes", tag = "1")]
    pub key: Bytes,
    /// Revision at which it was created.
    #[prost(int64, tag = "2")]
    pub create_revision: i64,
    /// Revision at which it was last changed.
    #[prost(int64, tag = "3")]
    pub mod_revision: i64,
    /// How often it was written since it was created.
    #[prost(int64, tag = "4")]
    pub version: i64,
    /// The value.
    #[prost(bytes = "bytes", tag = "5")]
    pub value: Bytes,
    /// Its lease; 0 if there is none.
    #[prost(int64, tag = "6")]
    pub lease: i64,
}

/// `etcdserverpb.RangeResponse`: the keys found.
#[derive(Clone, PartialEq, Message)]
pub struct RangeResponse {
    /// etcd's header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<EtcdHeader>,
    /// The pairs found.
    #[prost(message, repeated, tag = "2")]
    pub kvs: Vec<KeyValue>,
    /// Whether the limit cut the answer.
    #[prost(bool, tag = "3")]
    pub more: bool,
    /// Number of keys in the range.
    #[prost(int64, tag = "4")]
    pub count: i64,
}

/// `etcdserverpb.PutRequest`: writes a key.
#[derive(Clone, PartialEq, Message)]
pub struct PutRequest {
    /// The key.
    #[prost(bytes = "bytes", tag = "1")]
    pub key: Bytes,
    /// Its new value.
    #[prost(bytes = "bytes", tag = "2")]
    pub value: Bytes,
    /// 0: the key stays until it is deleted.
    #[prost(int64, tag = "3")]
    pub lease: i64,
}

/// `etcdserverpb.PutResponse`: a key was written.
#[derive(Clone, PartialEq, Message)]
pub struct PutResponse {
    /// etcd's header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<EtcdHeader>,
}

/// `etcdserverpb.DeleteRangeRequest`, for one key.
#[derive(Clone, PartialEq, Message)]
pub struct DeleteRequest {
    /// The key.
    #[prost(bytes = "bytes", tag = "1")]
    pub key: Bytes,
}

/// `etcdserverpb.Compare`: a condition on a key.
#[derive(Clone, PartialEq, Message)]
pub struct Compare {
    /// 0 equal, 1 greater, 2 less, 3 not equal.
    #[prost(int32, tag = "1")]
    pub result: i32,
    /// 0 version, 1 create, 2 mod, 3 value, 4 lease.
    #[prost(int32, tag = "2")]
    pub target: i32,
    /// The key.
    #[prost(bytes = "bytes", tag = "3")]
    pub key: Bytes,
    /// The value that the target is compared with.
    #[prost(oneof = "Operand", tags = "4, 5, 6, 7")]
    pub operand: Option<Operand>,
}

/// `etcdserverpb.Compare.target_union`.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Operand {
    /// How often the key was written since it was created.
    #[prost(int64, tag = "4")]
    Version(i64),
    /// The revision at which it was created.
    #[prost(int64, tag = "5")]
    CreateRevision(i64),
    /// The revision at which it was last changed; 0: there is no such key.
    #[prost(int64, tag = "6")]
    ModRevision(i64),
    /// Its value.
    #[prost(bytes = "bytes", tag = "7")]
    Value(Bytes),
}

/// `Compare.result`: equal.
pub const EQUAL: i32 = 0;
/// `Compare.result`: greater.
pub const GREATER: i32 = 1;
/// `Compare.target`: the revision at which the key was last changed.
pub const MOD: i32 = 2;

/// `etcdserverpb.RequestOp`: one operation of a transaction.
#[derive(Clone, PartialEq, Message)]
pub struct RequestOp {
    /// The operation.
    #[prost(oneof = "Op", tags = "1, 2, 3")]
    pub op: Option<Op>,
}

/// `etcdserverpb.RequestOp.request`, without kinds that are not needed.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Op {
    /// Reads.
    #[prost(message, tag = "1")]
    Range(RangeRequest),
    /// Writes.
    #[prost(message, tag = "2")]
    Put(PutRequest),
    /// Removes.
    #[prost(message, tag = "3")]
    Delete(DeleteRequest),
}

/// `etcdserverpb.TxnRequest`: operations that depend on conditions.
#[derive(Clone, PartialEq, Message)]
pub struct TxnRequest {
    /// All of them must hold.
    #[prost(message, repeated, tag = "1")]
    pub compare: Vec<Compare>,
    /// Operations if all conditions hold.
    #[prost(message, repeated, tag = "2")]
    pub success: Vec<RequestOp>,
    /// Operations if not.
    #[prost(message, repeated, tag = "3")]
    pub failure: Vec<RequestOp>,
}

/// `etcdserverpb.TxnResponse`; the answers to its operations are ignored.
#[derive(Clone, PartialEq, Message)]
pub struct TxnResponse {
    /// etcd's header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<EtcdHeader>,
    /// Whether the conditions held.
    #[prost(bool, tag = "2")]
    pub succeeded: bool,
}

/// Writes `value` under `key` if revision `revision` last changed the key; 0: if there is no such
/// key.
#[must_use]
pub fn swap_request(key: &str, value: &[u8], revision: i64) -> TxnRequest {
    let put = PutRequest { key: bytes(key), value: Bytes::copy_from_slice(value), lease: 0 };
    unchanged(key, revision, Op::Put(put))
}

/// Deletes `key` if revision `revision` last changed it.
#[must_use]
pub fn remove_request(key: &str, revision: i64) -> TxnRequest {
    unchanged(key, revision, Op::Delete(DeleteRequest { key: bytes(key) }))
}

fn bytes(key: &str) -> Bytes {
    Bytes::copy_from_slice(key.as_bytes())
}

/// Runs `op` if revision `revision` last changed `key`; 0: if there is no such key.
fn unchanged(key: &str, revision: i64, op: Op) -> TxnRequest {
    let operand = Some(Operand::ModRevision(revision));
    TxnRequest {
        compare: vec![Compare { result: EQUAL, target: MOD, key: bytes(key), operand }],
        success: vec![RequestOp { op: Some(op) }],
        failure: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_a_conditional_write() {
        // Compare{target MOD, key "k", mod_revision 0}: fields 2, 3 and 6; EQUAL is 0 and not
        // written, a oneof's 0 is.
        let absent = swap_request("k", b"v", 0).encode_to_vec();
        assert_eq!(hex::encode(absent), "0a0710021a016b3000".to_owned() + "1208" + "1206" + "0a016b" + "120176");
        // Revision 150 takes two bytes.
        let changed = swap_request("k", b"v", 150).encode_to_vec();
        assert_eq!(hex::encode(changed), "0a0810021a016b309601".to_owned() + "1208" + "1206" + "0a016b" + "120176");
        // DeleteRangeRequest is the third member of the oneof.
        let removed = remove_request("k", 150).encode_to_vec();
        assert_eq!(hex::encode(removed), "0a0810021a016b309601".to_owned() + "1205" + "1a03" + "0a016b");
        let answer = TxnResponse::decode(hex::decode("0a021805100112001a00").unwrap().as_slice()).err();
        assert!(answer.is_some(), "a wrong wire type is no answer");
        let answer = TxnResponse::decode(hex::decode("0a02180510011a0412020a00").unwrap().as_slice()).unwrap();
        assert!(answer.succeeded && answer.header.unwrap().revision == 5);
    }
}
