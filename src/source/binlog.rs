//! Pump's messages and the `Binlog` inside them, by hand, with the field numbers of spec/tidb-binlog.md §2 and §3.1.
//! `bytes` fields share the memory of the message they were read from.

use bytes::Bytes;
use prost::Message;

/// `binlog.Binlog`: what a Pump stored of one transaction (proto2: absent fields are `None`).
#[derive(Clone, PartialEq, Message)]
pub struct Binlog {
    /// 0 prewrite, 1 commit, 2 rollback (also the fake position markers), 3 and 4 obsolete.
    #[prost(int32, optional, tag = "1")]
    pub tp: Option<i32>,
    /// When the transaction began.
    #[prost(int64, optional, tag = "2")]
    pub start_ts: Option<i64>,
    /// When it took effect.
    #[prost(int64, optional, tag = "3")]
    pub commit_ts: Option<i64>,
    /// The transaction's primary key in TiKV.
    #[prost(bytes = "bytes", optional, tag = "4")]
    pub prewrite_key: Option<Bytes>,
    /// A serialized [`PrewriteValue`], for rows.
    #[prost(bytes = "bytes", optional, tag = "5")]
    pub prewrite_value: Option<Bytes>,
    /// The statement, for DDL.
    #[prost(bytes = "bytes", optional, tag = "6")]
    pub ddl_query: Option<Bytes>,
    /// Above 0 for DDL.
    #[prost(int64, optional, tag = "7")]
    pub ddl_job_id: Option<i64>,
    /// Schema state when it was written.
    #[prost(int32, optional, tag = "8")]
    pub ddl_schema_state: Option<i32>,
}

/// `Binlog.tp` of a committed transaction.
pub const TP_COMMIT: i32 = 1;
/// `Binlog.tp` of a fake, which only moves the position.
pub const TP_ROLLBACK: i32 = 2;

/// `binlog.PrewriteValue`: the rows of a transaction.
#[derive(Clone, PartialEq, Message)]
pub struct PrewriteValue {
    /// Schema version that the writing session used.
    #[prost(int64, optional, tag = "1")]
    pub schema_version: Option<i64>,
    /// One for each table, in the order of their first touch.
    #[prost(message, repeated, tag = "2")]
    pub mutations: Vec<TableMutation>,
}

/// `binlog.TableMutation`: the rows of one table.
#[derive(Clone, PartialEq, Message)]
pub struct TableMutation {
    /// The logical table id.
    #[prost(int64, optional, tag = "1")]
    pub table_id: Option<i64>,
    /// Handle and row of each new row.
    #[prost(bytes = "bytes", repeated, tag = "2")]
    pub inserted_rows: Vec<Bytes>,
    /// Old row and new row of each changed one, one behind the other.
    #[prost(bytes = "bytes", repeated, tag = "3")]
    pub updated_rows: Vec<Bytes>,
    /// The old row of each removed one.
    #[prost(bytes = "bytes", repeated, tag = "6")]
    pub deleted_rows: Vec<Bytes>,
    /// The order: 0 insert, 1 update, 4 delete; each takes the next of its list.
    #[prost(int32, repeated, packed = "false", tag = "7")]
    pub sequence: Vec<i32>,
}

/// `binlog.Pos`. Zero fields are left out, so an empty one is no byte; the message that holds it is always sent.
#[derive(Clone, PartialEq, Message)]
pub struct Pos {
    /// Ignored by Pumps of this generation.
    #[prost(uint64, tag = "1")]
    pub suffix: u64,
    /// The commit ts received last: what follows is above it.
    #[prost(int64, tag = "2")]
    pub offset: i64,
}

/// `binlog.PullBinlogReq`.
#[derive(Clone, PartialEq, Message)]
pub struct PullBinlogReq {
    /// Must be the Pump's own cluster id.
    #[prost(uint64, tag = "1")]
    pub cluster_id: u64,
    /// Always sent, even if empty.
    #[prost(message, optional, tag = "2")]
    pub start_from: Option<Pos>,
}

/// `binlog.Meta`.
#[derive(Clone, PartialEq, Message)]
pub struct Meta {
    /// When the transaction began.
    #[prost(int64, tag = "1")]
    pub start_ts: i64,
    /// When it took effect.
    #[prost(int64, tag = "2")]
    pub commit_ts: i64,
}

/// `binlog.Entity`.
#[derive(Clone, PartialEq, Message)]
pub struct Entity {
    /// Left empty by Pump.
    #[prost(message, optional, tag = "1")]
    pub pos: Option<Pos>,
    /// A serialized [`Binlog`].
    #[prost(bytes = "bytes", tag = "2")]
    pub payload: Bytes,
    /// Left empty by Pump.
    #[prost(bytes = "bytes", tag = "3")]
    pub checksum: Bytes,
    /// Both timestamps again, from newer Pumps.
    #[prost(message, optional, tag = "4")]
    pub meta: Option<Meta>,
}

/// `binlog.PullBinlogResp`.
#[derive(Clone, PartialEq, Message)]
pub struct PullBinlogResp {
    /// The message itself.
    #[prost(message, optional, tag = "1")]
    pub entity: Option<Entity>,
}

/// `binlog.WriteBinlogReq`: what TiDB sends to a Pump; a payload that is empty only asks whether it lives.
#[derive(Clone, PartialEq, Message)]
pub struct WriteBinlogReq {
    /// Must be the Pump's own cluster id.
    #[prost(uint64, tag = "1")]
    pub cluster_id: u64,
    /// A serialized [`Binlog`].
    #[prost(bytes = "bytes", tag = "2")]
    pub payload: Bytes,
}

/// `binlog.WriteBinlogResp`.
#[derive(Clone, PartialEq, Message)]
pub struct WriteBinlogResp {
    /// Empty: written.
    #[prost(string, tag = "1")]
    pub errmsg: String,
}
