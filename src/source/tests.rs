//! Tests of the order that a stream must keep.

use super::*;

fn txn(ts: u64, rows: &'static [u8]) -> Pulled {
    let body = Body::Rows(bytes::Bytes::from_static(rows));
    Pulled::Txn(RawTxn { commit_ts: CommitTs(ts), start_ts: CommitTs(1), body })
}

#[test]
fn only_forward() {
    let mut forward = Forward::new(CommitTs(10));
    assert!(!forward.pass(&Pulled::Resolved(CommitTs(10))).unwrap());
    assert!(forward.pass(&txn(11, b"a")).unwrap());
    assert!(!forward.pass(&txn(11, b"a")).unwrap(), "sent again");
    assert!(forward.clone().pass(&txn(11, b"b")).is_err(), "same ts, other content");
    assert!(forward.clone().pass(&txn(10, b"a")).is_err());
    assert!(forward.clone().pass(&Pulled::Resolved(CommitTs(9))).is_err());
    assert!(forward.pass(&Pulled::Resolved(CommitTs(12))).unwrap());
    assert!(forward.pass(&txn(12, b"a")).is_err(), "it had said that nothing follows up to 12");
    assert_eq!(forward.position(), CommitTs(12));
}
