//! Tests of the merge: its rules case by case, and random lists that are split and merged again.

use std::thread;

use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use proptest::prelude::*;

use super::*;
use crate::model::Body;

const SHORT: Duration = Duration::from_millis(5);

fn raw(ts: u64, rows: &'static [u8]) -> RawTxn {
    RawTxn { commit_ts: CommitTs(ts), start_ts: CommitTs(1), body: Body::Rows(Bytes::from_static(rows)) }
}

fn txn(ts: u64) -> Pulled {
    Pulled::Txn(raw(ts, b"row"))
}

fn resolved(ts: u64) -> Pulled {
    Pulled::Resolved(CommitTs(ts))
}

fn merge_of(n: usize) -> (Merge, Vec<Option<Sender<Result<Pulled>>>>) {
    let (mut streams, mut senders) = (Vec::new(), Vec::new());
    for i in 0..n {
        let (sender, receiver) = unbounded();
        streams.push(Stream { name: format!("s{i}"), receiver: receiver.into() });
        senders.push(Some(sender));
    }
    (Merge::new(streams, CommitTs(0)), senders)
}

fn say(sender: &Option<Sender<Result<Pulled>>>, pulled: Pulled) {
    sender.as_ref().unwrap().send(Ok(pulled)).unwrap();
}

#[test]
fn a_silent_stream_holds_back_and_is_named() {
    let (mut merge, mut senders) = merge_of(2);
    say(&senders[0], txn(5));
    assert_eq!(merge.next(SHORT).unwrap(), Merged::Idle);
    assert_eq!(merge.holding_back(), Some(("s1".into(), CommitTs(0))));
    say(&senders[1], resolved(4));
    assert_eq!(merge.next(SHORT).unwrap(), Merged::Resolved(CommitTs(4)));
    assert_eq!(merge.next(SHORT).unwrap(), Merged::Idle);
    assert_eq!(merge.holding_back(), Some(("s1".into(), CommitTs(4))));
    say(&senders[1], resolved(5));
    assert_eq!(merge.next(SHORT).unwrap(), Merged::Txn(raw(5, b"row")));
    // A closed stream leaves the merge.
    say(&senders[0], txn(9));
    assert_eq!(merge.next(SHORT).unwrap(), Merged::Idle);
    senders[1] = None;
    assert_eq!(merge.next(SHORT).unwrap(), Merged::Txn(raw(9, b"row")));
    say(&senders[0], resolved(11));
    senders[0] = None;
    assert_eq!(merge.next(SHORT).unwrap(), Merged::Resolved(CommitTs(11)));
    assert_eq!(merge.next(SHORT).unwrap(), Merged::End);
    assert_eq!(merge.next(SHORT).unwrap(), Merged::End);
    assert_eq!(merge.holding_back(), None);
}

#[test]
fn a_stream_that_joins_is_waited_for_from_its_beginning_on() {
    let (mut merge, senders) = merge_of(2);
    let (joining, receiver) = unbounded();
    let joins = |from: u64, receiver: &Receiver<Result<Pulled>>| Pulled::Joins {
        stream: Stream { name: "new".into(), receiver: receiver.clone().into() },
        from: CommitTs(from),
    };
    say(&senders[0], txn(7));
    say(&senders[1], resolved(5));
    // Announced at 5, though the announcing stream goes on at once.
    say(&senders[1], joins(5, &receiver));
    say(&senders[1], resolved(9));
    assert_eq!(merge.next(SHORT).unwrap(), Merged::Resolved(CommitTs(5)));
    assert_eq!(merge.next(SHORT).unwrap(), Merged::Idle, "the new one may hold 6");
    assert_eq!(merge.holding_back(), Some(("new".into(), CommitTs(5))));
    joining.send(Ok(txn(6))).unwrap();
    joining.send(Ok(resolved(8))).unwrap();
    assert_eq!(merge.next(SHORT).unwrap(), Merged::Txn(raw(6, b"row")));
    assert_eq!(merge.next(SHORT).unwrap(), Merged::Txn(raw(7, b"row")));
    // The stream ends, and joins again under its name.
    drop(joining);
    say(&senders[0], resolved(20));
    assert_eq!(merge.next(SHORT).unwrap(), Merged::Resolved(CommitTs(9)));
    let (again, receiver) = unbounded();
    say(&senders[1], joins(12, &receiver));
    say(&senders[1], resolved(20));
    assert_eq!(merge.next(SHORT).unwrap(), Merged::Resolved(CommitTs(12)));
    again.send(Ok(txn(13))).unwrap();
    assert_eq!(merge.next(SHORT).unwrap(), Merged::Txn(raw(13, b"row")));
    // One that joins at a ts that was already given out is refused: something may be missing.
    say(&senders[1], joins(20, &receiver));
    assert_eq!(merge.next(SHORT).unwrap(), Merged::Idle);
    let (merge, behind) = (&mut merge, unbounded().1);
    merge.position = CommitTs(30);
    say(&senders[1], joins(21, &behind));
    assert!(format!("{:#}", merge.next(SHORT).unwrap_err()).contains("new joins after"));
}

#[test]
fn a_transaction_that_comes_twice() {
    let (mut merge, senders) = merge_of(2);
    say(&senders[0], txn(5));
    say(&senders[1], txn(5));
    say(&senders[0], txn(6));
    say(&senders[1], Pulled::Txn(raw(6, b"other")));
    assert_eq!(merge.next(SHORT).unwrap(), Merged::Txn(raw(5, b"row")));
    let error = merge.next(SHORT).unwrap_err().to_string();
    assert!(error.contains("s0 and s1 hold different transactions of commit ts 6"), "{error}");
    assert!(merge.next(SHORT).is_err(), "an error is final");
}

#[test]
fn a_stream_that_goes_backwards_or_fails() {
    for bad in [Ok(txn(4)), Ok(resolved(4)), Err(anyhow::anyhow!("broken"))] {
        let (mut merge, senders) = merge_of(1);
        say(&senders[0], txn(5));
        senders[0].as_ref().unwrap().send(bad).unwrap();
        assert_eq!(merge.next(SHORT).unwrap(), Merged::Txn(raw(5, b"row")));
        assert!(format!("{:#}", merge.next(SHORT).unwrap_err()).contains("the stream of s0 failed"));
        assert!(merge.next(SHORT).is_err());
    }
}

#[test]
fn nothing_at_or_below_the_start_is_taken() {
    let (sender, receiver) = unbounded();
    sender.send(Ok(txn(5))).unwrap();
    let mut merge = Merge::new(vec![Stream { name: "s".into(), receiver: receiver.into() }], CommitTs(6));
    assert!(merge.next(SHORT).is_err());
}

/// An ordered list, dealt out at random to `n` streams, with resolved ts wherever they are true,
/// and a few transactions in two streams.
fn deal(n: usize, gaps: &[(u64, usize, u8)]) -> (Vec<RawTxn>, Vec<Vec<Pulled>>) {
    let (mut list, mut streams, mut ts) = (Vec::new(), vec![Vec::new(); n], 0);
    for (gap, to, what) in gaps {
        ts += gap + 1;
        let txn = RawTxn { commit_ts: CommitTs(ts), start_ts: CommitTs(ts - 1), body: Body::Nothing };
        match what {
            0..=9 => {
                streams[to % n].push(Pulled::Txn(txn.clone()));
                list.push(txn);
            }
            10 => {
                streams[to % n].push(Pulled::Txn(txn.clone()));
                streams[(to + 1) % n].push(Pulled::Txn(txn.clone()));
                list.push(txn);
            }
            11 => streams.iter_mut().for_each(|s| s.push(Pulled::Resolved(CommitTs(ts)))),
            _ => streams[to % n].push(Pulled::Resolved(CommitTs(ts))),
        }
    }
    (list, streams)
}

proptest! {
    #[test]
    fn a_list_dealt_out_comes_back(n in 1..6_usize, gaps in proptest::collection::vec((0..3_u64, 0..6_usize, 0..16_u8), 0..200), room in 1..4_usize) {
        let (list, dealt) = deal(n, &gaps);
        let mut streams = Vec::new();
        let mut threads = Vec::new();
        for (i, items) in dealt.into_iter().enumerate() {
            let (sender, receiver) = bounded(room);
            streams.push(Stream { name: i.to_string(), receiver: receiver.into() });
            threads.push(thread::spawn(move || items.into_iter().try_for_each(|p| sender.send(Ok(p)))));
        }
        let mut merge = Merge::new(streams, CommitTs(0));
        let (mut got, mut last) = (Vec::new(), CommitTs(0));
        loop {
            match merge.next(Duration::from_secs(10)).unwrap() {
                Merged::Txn(txn) => {
                    prop_assert!(txn.commit_ts > last);
                    last = txn.commit_ts;
                    got.push(txn);
                }
                Merged::Resolved(ts) => {
                    prop_assert!(ts > last);
                    last = ts;
                }
                Merged::Idle => prop_assert!(false, "stuck at {last} behind {:?}", merge.holding_back()),
                Merged::End => break,
            }
            prop_assert_eq!(merge.position(), last);
        }
        prop_assert_eq!(got, list);
        for thread in threads {
            thread.join().unwrap().unwrap();
        }
    }
}
