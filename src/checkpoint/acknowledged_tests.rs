//! Tests of the set of acknowledged ranges, and of its comparison with what the target holds.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn held(link: Option<(u64, u64)>, slots: &[(u32, u64, u64)]) -> HeldByTarget {
    let slots = slots.iter().map(|(slot, run, batch)| (*slot, (*run, *batch))).collect();
    HeldByTarget { link: link.map(|(run, ts)| (run, CommitTs(ts))), slots }
}

#[test]
fn what_is_missing() {
    let batches = BTreeMap::from([(0, 7), (2, 3)]);
    let look = |held: &HeldByTarget| missing(held, 5, &batches, CommitTs(100)).map(|f| f.what);
    let all = [(0, 5, 7), (1, 5, 0), (2, 5, 3)];
    assert_eq!(look(&held(Some((5, 100)), &all)), None);
    // The target has more than was acknowledged: a COMMIT without an answer yet.
    assert_eq!(look(&held(Some((5, 120)), &[(0, 5, 8), (2, 5, 3)])), None);
    // A later run has the link, or is taking it over.
    assert_eq!(look(&held(Some((6, 90)), &[])), None);
    assert_eq!(look(&held(Some((5, 100)), &[(0, 6, 0), (2, 6, 0)])), None);

    let says = |held: &HeldByTarget, words: &str| {
        let what = look(held).expect("something is missing");
        assert!(what.contains(words), "{what}");
    };
    says(&held(None, &[]), "no longer has a row");
    says(&held(Some((4, 100)), &all), "run 4");
    says(&held(Some((5, 99)), &all), "position");
    says(&held(Some((5, 100)), &[(0, 5, 6), (2, 5, 3)]), "batch 7 of worker 0");
    says(&held(Some((5, 100)), &[(0, 5, 7)]), "batch 3 of worker 2");
    says(&held(Some((5, 100)), &[(0, 5, 7), (2, 4, 9)]), "batch 3 of worker 2");
}

#[test]
fn an_answer_from_before_a_comparison_is_not_taken() {
    let acknowledged = Acknowledged::new(Some(CommitTs(10)));
    assert!(acknowledged.batch(0, 1, 0) && acknowledged.position(CommitTs(11), 0));
    acknowledged.0.lock().compared += 1;
    assert!(!acknowledged.batch(0, 2, 0) && !acknowledged.position(CommitTs(12), 0));
    assert!(acknowledged.batch(0, 2, 1) && acknowledged.position(CommitTs(5), 1));
    let state = acknowledged.0.lock();
    assert_eq!((state.batches.get(&0), state.position), (Some(&2), CommitTs(11)));
}

/// Commit ts in a small range, so that the records overlap.
fn any_record() -> impl Strategy<Value = Record> {
    prop_oneof![
        (1..60_u64, 0..9_u64).prop_map(|(a, n)| Record::Range { first: CommitTs(a), last: CommitTs(a + n) }),
        proptest::collection::btree_set(1..70_u64, 1..9)
            .prop_map(|s| Record::List(s.into_iter().map(CommitTs).collect())),
        (1..70_u64, 1..9_u64).prop_map(|(ts, rows)| Record::Part { ts: CommitTs(ts), rows }),
    ]
}

proptest! {
    #[test]
    fn it_is_the_set_of_what_its_records_say(
        records in proptest::collection::vec(any_record(), 0..12),
        position in 0..70_u64,
        further in 0..80_u64,
    ) {
        let mut whole = BTreeSet::new();
        let mut parts = BTreeMap::new();
        for record in &records {
            match record {
                Record::Range { first, last } => whole.extend(first.0..=last.0),
                Record::List(list) => whole.extend(list.iter().map(|ts| ts.0)),
                Record::Part { ts, rows } => {
                    let known: &mut u64 = parts.entry(ts.0).or_default();
                    *known = (*known).max(*rows);
                }
            }
        }
        let mut applied = Applied::new(records, CommitTs(position));
        for position in [position, position.max(further)] {
            applied.forget_up_to(CommitTs(position));
            for n in position + 1..90 {
                prop_assert_eq!(applied.contains(CommitTs(n)), whole.contains(&n), "{}", n);
                let part = parts.get(&n).filter(|_| !whole.contains(&n)).copied();
                prop_assert_eq!(applied.part(CommitTs(n)), part, "{}", n);
            }
            let last = whole.iter().chain(parts.keys()).max().filter(|n| **n > position);
            prop_assert_eq!(applied.last(), last.map(|n| CommitTs(*n)));
            prop_assert_eq!(applied.is_empty(), last.is_none());
            // The stored form says the same, also when it is stored again.
            let stored = record::open(&applied.seal().unwrap()).unwrap();
            prop_assert_eq!(&Applied::new(stored, CommitTs(position)), &applied);
        }
    }
}

#[test]
fn both_ends_of_a_range_belong_to_it() {
    let range = Record::Range { first: CommitTs(5), last: CommitTs(9) };
    let applied = Applied::new([range], CommitTs(3));
    let inside: Vec<u64> = (0..20).filter(|n| applied.contains(CommitTs(*n))).collect();
    assert_eq!(inside, [5, 6, 7, 8, 9]);
    let edge = Record::Range { first: CommitTs(0), last: CommitTs::MAX };
    assert!(Applied::new([edge], CommitTs(0)).contains(CommitTs::MAX));
}
