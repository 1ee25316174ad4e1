//! The messages of Pump's gRPC protocol, and reading and writing `Binlog` payloads.
//!
//! The structs are written by hand (docs/protocol/tidb-binlog.md §2, §3.1); `bytes` fields share
//! the memory of the message that they were read from. [`read`] turns a payload into what a stream
//! says, [`write`] does the reverse (docs/protocol/tidb-binlog.md §2.2, §2.3, §3.1).

use anyhow::Result;
use bytes::Bytes;
use prost::Message;

use crate::error::Fault;
use crate::model::{Body, CommitTs, Pulled, RawTxn};

/// `binlog.Binlog`: what a Pump stores of one transaction (proto2: absent fields are `None`).
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
    /// The schema state of the job's object when the message was written.
    #[prost(int32, optional, tag = "8")]
    pub ddl_schema_state: Option<i32>,
}

/// `Binlog.tp` of a committed transaction.
pub const TP_COMMIT: i32 = 1;
/// `Binlog.tp` of a fake binlog, which only moves the position.
pub const TP_ROLLBACK: i32 = 2;

/// `binlog.PrewriteValue`: the rows of a transaction.
#[derive(Clone, PartialEq, Message)]
pub struct PrewriteValue {
    /// Schema version that the writing session used.
    #[prost(int64, optional, tag = "1")]
    pub schema_version: Option<i64>,
    /// One entry for each table, in the order in which the transaction touched them.
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
    /// Old row and new row of each changed row, one after the other.
    #[prost(bytes = "bytes", repeated, tag = "3")]
    pub updated_rows: Vec<Bytes>,
    /// The old row of each deleted row.
    #[prost(bytes = "bytes", repeated, tag = "6")]
    pub deleted_rows: Vec<Bytes>,
    /// The order of the changes: 0 insert, 1 update, 4 delete; each takes the next row of its list.
    #[prost(int32, repeated, packed = "false", tag = "7")]
    pub sequence: Vec<i32>,
}

/// `binlog.Pos`. Zero fields are left out, so an empty one takes no bytes; the field that holds it
/// is always sent.
#[derive(Clone, PartialEq, Message)]
pub struct Pos {
    /// Ignored by Pumps of this generation.
    #[prost(uint64, tag = "1")]
    pub suffix: u64,
    /// The commit ts received last: the Pump sends what is above it.
    #[prost(int64, tag = "2")]
    pub offset: i64,
}

/// `binlog.PullBinlogReq`: asks for the stream above a position.
#[derive(Clone, PartialEq, Message)]
pub struct PullBinlogReq {
    /// Must be the Pump's own cluster id.
    #[prost(uint64, tag = "1")]
    pub cluster_id: u64,
    /// Always sent, even if it is zero.
    #[prost(message, optional, tag = "2")]
    pub start_from: Option<Pos>,
}

/// `binlog.Meta`: start ts and commit ts of a payload.
#[derive(Clone, PartialEq, Message)]
pub struct Meta {
    /// When the transaction began.
    #[prost(int64, tag = "1")]
    pub start_ts: i64,
    /// When it took effect.
    #[prost(int64, tag = "2")]
    pub commit_ts: i64,
}

/// `binlog.Entity`: a payload with its metadata.
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

/// `binlog.PullBinlogResp`: one message of a Pump's stream.
#[derive(Clone, PartialEq, Message)]
pub struct PullBinlogResp {
    /// The message itself.
    #[prost(message, optional, tag = "1")]
    pub entity: Option<Entity>,
}

/// `binlog.WriteBinlogReq`: what TiDB sends to a Pump. An empty payload only checks that the Pump
/// is alive.
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
    /// Empty: the payload was written.
    #[prost(string, tag = "1")]
    pub errmsg: String,
}

/// Reads one payload of a Pump's stream. The rows stay as they are and share the payload's memory.
///
/// # Errors
/// For bytes that are not a binlog, a commit ts that cannot be one, and messages that a Pump never
/// sends (prewrite, obsolete and contradictory ones). Each error names the ts and what is wrong.
pub fn read(payload: Bytes) -> Result<Pulled> {
    let len = payload.len();
    let binlog = Binlog::decode(payload)
        .map_err(|e| wrong(&format!("a message of {len} bytes is not a binlog ({e}; spec: binlog.Binlog)")))?;
    let tp = binlog.tp.unwrap_or_default();
    let commit_ts = match binlog.commit_ts.map(|ts| (ts, CommitTs::from_wire(ts))) {
        Some((1.., Some(ts))) => ts,
        Some((ts, _)) => {
            return Err(wrong(&format!("a binlog has the impossible commit ts {ts} ({})", started(&binlog))));
        }
        None => {
            return Err(wrong(&format!("a binlog has no commit ts ({}, type {})", started(&binlog), type_name(tp))));
        }
    };
    let bad = |what: String| Err(wrong(&format!("the binlog with commit ts {} {what}", commit_ts.explain())));
    let start = binlog.start_ts.unwrap_or_default();
    let Some(start_ts) = CommitTs::from_wire(start) else { return bad(format!("has the impossible start ts {start}")) };
    let rows = binlog.prewrite_value.filter(|v| !v.is_empty());
    let job_id = binlog.ddl_job_id.unwrap_or_default();
    let empty = rows.is_none() && job_id == 0;

    match tp {
        TP_COMMIT | TP_ROLLBACK if empty && start_ts == commit_ts => return Ok(Pulled::Resolved(commit_ts)),
        TP_ROLLBACK if empty => return Ok(Pulled::Resolved(commit_ts)),
        TP_COMMIT => {}
        TP_ROLLBACK => return bad("is of type Rollback but has data".to_owned()),
        other => return bad(format!("is of type {}, which no Pump sends", type_name(other))),
    }
    if start_ts >= commit_ts {
        return bad(format!("holds data but began at {}, not before its commit", start_ts.explain()));
    }
    let body = match (job_id, rows) {
        (..0, _) => return bad(format!("has the impossible DDL job id {job_id}")),
        (0, Some(rows)) => Body::Rows(rows),
        (0, None) => Body::Nothing,
        (_, Some(_)) => return bad(format!("holds both rows and the DDL job {job_id}")),
        (_, None) => {
            let query = binlog.ddl_query.unwrap_or_default();
            Body::Ddl { job_id, query, schema_state: binlog.ddl_schema_state.unwrap_or_default() }
        }
    };
    Ok(Pulled::Txn(RawTxn { commit_ts, start_ts, body }))
}

/// The reverse of [`read`], with the fields that a Pump writes, also where they are 0. Bodies that
/// do not come from a Pump ([`Body::Named`], [`Body::Statement`]) have no field in its messages and
/// are left out.
#[must_use]
pub fn write(pulled: &Pulled) -> Binlog {
    let base = |tp, start: CommitTs, commit: CommitTs| Binlog {
        tp: Some(tp),
        start_ts: Some(start.to_wire()),
        commit_ts: Some(commit.to_wire()),
        ddl_job_id: Some(0),
        ddl_schema_state: Some(0),
        ..Binlog::default()
    };
    match pulled {
        // A stream that joins is not a message; its ts says what a position marker says.
        Pulled::Resolved(ts) | Pulled::Joins { from: ts, .. } => base(TP_ROLLBACK, *ts, *ts),
        Pulled::Txn(txn) => {
            let mut binlog = base(TP_COMMIT, txn.start_ts, txn.commit_ts);
            match &txn.body {
                Body::Rows(rows) => binlog.prewrite_value = Some(rows.clone()),
                Body::Ddl { job_id, query, schema_state } => {
                    binlog.ddl_query = Some(query.clone());
                    binlog.ddl_job_id = Some(*job_id);
                    binlog.ddl_schema_state = Some(*schema_state);
                }
                Body::Named { .. } | Body::Statement(_) | Body::Nothing => {}
            }
            binlog
        }
    }
}

fn started(binlog: &Binlog) -> String {
    match binlog.start_ts {
        Some(ts) => format!("start ts {}", CommitTs::from_wire(ts).map_or(ts.to_string(), CommitTs::explain)),
        None => "no start ts".to_owned(),
    }
}

fn type_name(tp: i32) -> String {
    let name = match tp {
        0 => "Prewrite",
        1 => "Commit",
        2 => "Rollback",
        3 => "PreDDL",
        4 => "PostDDL",
        _ => return tp.to_string(),
    };
    format!("{tp} ({name})")
}

fn wrong(message: &str) -> anyhow::Error {
    Fault::refused(message)
        .hint(
            "the Pump's store or the file may be damaged; check the Pump's log, or make the recording again. Nothing \
               of it was applied",
        )
        .into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn binlog(tp: i32, start: i64, commit: i64) -> Binlog {
        Binlog { tp: Some(tp), start_ts: Some(start), commit_ts: Some(commit), ..Binlog::default() }
    }

    fn read_of(binlog: &Binlog) -> Result<Pulled> {
        read(binlog.encode_to_vec().into())
    }

    #[test]
    fn the_fake_of_the_specification() {
        let bytes = hex::decode("0802109480f0a0a9e8b2eb05189480f0a0a9e8b2eb0538004000").unwrap();
        let fake = Pulled::Resolved(CommitTs(420_747_102_018_863_124));
        assert_eq!(read(bytes.clone().into()).unwrap(), fake);
        assert_eq!(write(&fake).encode_to_vec(), bytes);
    }

    #[test]
    fn what_a_pump_sends() {
        assert_eq!(read_of(&binlog(2, 7, 7)).unwrap(), Pulled::Resolved(CommitTs(7)));
        assert_eq!(read_of(&binlog(2, 5, 7)).unwrap(), Pulled::Resolved(CommitTs(7)));
        assert_eq!(read_of(&binlog(1, 7, 7)).unwrap(), Pulled::Resolved(CommitTs(7)));
        let nothing = RawTxn { commit_ts: CommitTs(7), start_ts: CommitTs(5), body: Body::Nothing };
        assert_eq!(read_of(&binlog(1, 5, 7)).unwrap(), Pulled::Txn(nothing));
    }

    #[test]
    fn what_no_pump_sends() {
        let rows = |b: Binlog| Binlog { prewrite_value: Some(Bytes::from_static(b"\x08\x01")), ..b };
        let ddl = |b: Binlog, id| Binlog { ddl_job_id: Some(id), ..b };
        let cases = [
            (binlog(0, 5, 7), "Prewrite"),
            (binlog(3, 5, 7), "PreDDL"),
            (binlog(9, 5, 7), "type 9"),
            (binlog(1, 5, 0), "impossible commit ts 0"),
            (binlog(1, 5, -7), "impossible commit ts -7"),
            (Binlog { commit_ts: None, ..binlog(0, 5, 0) }, "no commit ts"),
            (binlog(1, -5, 7), "impossible start ts -5"),
            (rows(binlog(2, 5, 7)), "Rollback but has data"),
            (rows(binlog(1, 7, 7)), "not before its commit"),
            (binlog(1, 9, 7), "not before its commit"),
            (ddl(binlog(1, 5, 7), -1), "job id -1"),
            (ddl(rows(binlog(1, 5, 7)), 3), "both rows and the DDL job 3"),
        ];
        for (binlog, words) in cases {
            let error = read_of(&binlog).unwrap_err();
            assert!(error.to_string().contains(words), "{error} / {words}");
            assert!(!crate::error::fault(&error).unwrap().hint.is_empty());
        }
    }

    fn body() -> impl Strategy<Value = Body> {
        let bytes = || proptest::collection::vec(any::<u8>(), 1..50).prop_map(Bytes::from);
        prop_oneof![
            bytes().prop_map(Body::Rows),
            (1..i64::MAX, bytes(), any::<i32>()).prop_map(|(job_id, query, schema_state)| Body::Ddl {
                job_id,
                query,
                schema_state
            }),
            Just(Body::Nothing),
        ]
    }

    proptest! {
        #[test]
        fn written_and_read_again(start in 0..1_u64 << 40, more in 1..1_u64 << 40, body in body()) {
            let txn = Pulled::Txn(RawTxn { commit_ts: CommitTs(start + more), start_ts: CommitTs(start), body });
            prop_assert_eq!(read(write(&txn).encode_to_vec().into()).unwrap(), txn);
        }

        #[test]
        fn any_bytes_give_an_answer_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Err(error) = read(bytes.into()) {
                prop_assert!(crate::error::fault(&error).is_some());
            }
        }
    }
}
