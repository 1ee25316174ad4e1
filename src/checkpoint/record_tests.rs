//! Tests of the record format: any record comes back, and damage is detected.

use super::*;
use proptest::prelude::*;

/// Commit ts as TiDB gives them, and at the limits of what fits.
fn any_ts() -> impl Strategy<Value = CommitTs> {
    let near = (0..3_000_u64, 0..4_u64).prop_map(|(ms, n)| CommitTs::from_parts(1_605_022_819_591 + ms, n));
    prop_oneof![6 => near, 1 => any::<u64>().prop_map(CommitTs), 1 => Just(CommitTs(0)), 1 => Just(CommitTs::MAX)]
}

fn any_record() -> impl Strategy<Value = Record> {
    prop_oneof![
        (any_ts(), any_ts()).prop_map(|(a, b)| Record::Range { first: a.min(b), last: a.max(b) }),
        proptest::collection::btree_set(any_ts(), 1..40).prop_map(|s| Record::List(s.into_iter().collect())),
        (any_ts(), prop_oneof![1..9_u64, Just(u64::MAX)]).prop_map(|(ts, rows)| Record::Part { ts, rows }),
    ]
}

fn sealed(records: &[Record]) -> Vec<u8> {
    let encoded: Vec<_> = records.iter().map(|r| r.encode().unwrap()).collect();
    seal(encoded.iter().map(Vec::as_slice))
}

proptest! {
    #[test]
    fn what_is_sealed_opens_again(records in proptest::collection::vec(any_record(), 0..6)) {
        prop_assert_eq!(open(&sealed(&records)).unwrap(), records);
    }

    #[test]
    fn damage_is_noticed(
        records in proptest::collection::vec(any_record(), 1..4),
        at in any::<prop::sample::Index>(),
        flip in 1..=255_u8,
        cut in any::<prop::sample::Index>(),
    ) {
        let blob = sealed(&records);
        let mut flipped = blob.clone();
        flipped[at.index(blob.len())] ^= flip;
        prop_assert!(open(&flipped).is_err());
        let cut = &blob[..1 + cut.index(blob.len() - 1)];
        prop_assert!(open(cut).is_err());
        prop_assert!(open(&[blob.as_slice(), &[0]].concat()).is_err());
    }

    /// Even with a correct checksum, nothing is accepted that is not exactly what is written.
    #[test]
    fn only_what_is_written_is_read(bytes in proptest::collection::vec(prop_oneof![0..8_u8, any::<u8>()], 1..24)) {
        let blob = seal([bytes.as_slice()].into_iter());
        if let Ok(records) = open(&blob) {
            prop_assert_eq!(sealed(&records), blob);
        }
    }
}

#[test]
fn a_transaction_takes_two_to_four_bytes() {
    let list: Vec<_> = (0..1000).map(|n| CommitTs::from_parts(1_605_022_819_591 + 3 * n, 1 + n % 3)).collect();
    let bytes = Record::List(list).encode().unwrap();
    assert!((2000..2020).contains(&bytes.len()), "{}", bytes.len());
    let range = Record::of(&[CommitTs(420_747_102_018_863_124), CommitTs(420_747_102_018_863_900)], true);
    assert!(range.encode().unwrap().len() <= 12);
}

#[test]
fn wrong_lengths_and_formats() {
    let words = |blob: &[u8]| open(blob).unwrap_err().0;
    assert_eq!(open(&[]), Ok(vec![]));
    assert_eq!(words(&[1]), "they are cut off");
    assert_eq!(words(&[0; 4]), "they are cut off");
    assert_eq!(words(&[2, 0, 0, 0, 0]), "they have format 2, which this tisync does not know");
    assert_eq!(words(&[1, 0, 0, 0, 0]), "their checksum does not match");
    // A count of 2^63, with a correct checksum: no memory is reserved for it.
    let wild = [&[LIST][..], &[0x80; 9], &[1]].concat();
    assert_eq!(words(&seal([wild.as_slice()].into_iter())), "a record in them cannot be read");
}

#[test]
fn the_lists_that_are_ranges() {
    let [a, b, c] = [3, 5, 9].map(CommitTs);
    assert_eq!(Record::of(&[a, b, c], true), Record::Range { first: a, last: c });
    assert_eq!(Record::of(&[a, b, c], false), Record::List(vec![a, b, c]));
    assert_eq!(Record::of(&[b], true), Record::List(vec![b]));
}

#[test]
fn jobs_stay_until_their_message_is_passed() {
    let jobs = EarlyDdl::new(read("4:90,5:70").unwrap());
    let at = DdlAt { ts: CommitTs(100), job: 6, early: Some(CommitTs(80)) };
    let with = jobs.with(at);
    assert_eq!(write(&with), "4:90,6:100");
    jobs.set(with);
    assert_eq!(write(&jobs.with(at)), "4:90,6:100", "once each");
    assert_eq!((at.position(), DdlAt::from((CommitTs(7), 1)).position()), (CommitTs(80), CommitTs(7)));
    assert!(read("").unwrap().is_empty());
    for bad in ["x", "1", "1:x", "1:2;3:4"] {
        assert!(read(bad).is_err(), "{bad}");
    }
}
