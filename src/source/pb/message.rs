//! The messages in Drainer's files, package `pb_binlog` (spec/tidb-binlog.md §9.6). `bytes` fields share the memory of the
//! frame they were read from.

use anyhow::Result;
use bytes::Bytes;
use jiff::tz::TimeZone;
use prost::Message;

use crate::error::Fault;
use crate::model::{Body, CommitTs, RawTxn};

/// `pb_binlog.Binlog`: one transaction or DDL.
#[derive(Clone, PartialEq, Message)]
pub struct Binlog {
    /// 0 rows, 1 DDL.
    #[prost(int32, optional, tag = "1")]
    pub tp: Option<i32>,
    /// When it took effect.
    #[prost(int64, optional, tag = "2")]
    pub commit_ts: Option<i64>,
    /// A serialized `pb_binlog.DMLData`, for rows.
    #[prost(bytes = "bytes", optional, tag = "3")]
    pub dml_data: Option<Bytes>,
    /// The statement, for DDL.
    #[prost(bytes = "bytes", optional, tag = "4")]
    pub ddl_query: Option<Bytes>,
}

/// Reads a message. `zone` is what its TIMESTAMPs are in.
///
/// # Errors
/// For bytes that are no such message, and for a commit ts that is none.
pub fn read(payload: Bytes, zone: &TimeZone) -> Result<RawTxn> {
    let length = payload.len();
    let binlog = Binlog::decode(payload)
        .map_err(|e| wrong(&format!("a message of {length} bytes is not one of Drainer's ({e}; pb_binlog.Binlog)")))?;
    let ts = binlog.commit_ts.unwrap_or_default();
    let Some(commit_ts) = CommitTs::from_wire(ts).filter(|ts| ts.0 > 0) else {
        return Err(wrong(&format!("a message has the impossible commit ts {ts}")));
    };
    let body = match (binlog.tp, binlog.dml_data, binlog.ddl_query) {
        (Some(0) | None, Some(events), None) => Body::Named { events, zone: zone.clone() },
        (Some(1), None, Some(query)) => Body::Statement(query),
        (Some(0) | None, None, None) => Body::Nothing,
        (tp, rows, ddl) => {
            let (rows, ddl) = (rows.is_some(), ddl.is_some());
            return Err(wrong(&format!(
                "the message of commit ts {} contradicts itself: type {}, rows {rows}, DDL {ddl}",
                commit_ts.explain(),
                tp.unwrap_or_default()
            )));
        }
    };
    // The file does not tell when it began; any ts below will do.
    Ok(RawTxn { commit_ts, start_ts: CommitTs(commit_ts.0 - 1), body })
}

fn wrong(message: &str) -> anyhow::Error {
    Fault::refused(message)
        .hint("its checksum is right, so it was written so: was it Drainer with db-type `file`? Nothing of it was applied")
        .into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_drainer_writes() {
        let read = |b: &Binlog| read(b.encode_to_vec().into(), &TimeZone::UTC);
        let ddl = hex::decode("080110052202613b").unwrap();
        let txn = super::read(ddl.into(), &TimeZone::UTC).unwrap();
        assert_eq!((txn.commit_ts, txn.body), (CommitTs(5), Body::Statement(Bytes::from_static(b"a;"))));
        let rows = Binlog { tp: Some(0), commit_ts: Some(7), dml_data: Some(Bytes::new()), ddl_query: None };
        assert_eq!(read(&rows).unwrap().body, Body::Named { events: Bytes::new(), zone: TimeZone::UTC });
        for bad in [
            Binlog { commit_ts: Some(0), ..rows.clone() },
            Binlog { commit_ts: Some(-7), ..rows.clone() },
            Binlog { commit_ts: None, ..rows.clone() },
            Binlog { tp: Some(1), ..rows.clone() },
            Binlog { tp: Some(2), ..rows.clone() },
            Binlog { ddl_query: Some(Bytes::new()), ..rows },
        ] {
            let error = read(&bad).unwrap_err();
            assert!(crate::error::fault(&error).is_some_and(|f| !f.hint.is_empty()), "{error:#}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_give_an_answer_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = read(bytes.into(), &TimeZone::UTC);
        }
    }
}
