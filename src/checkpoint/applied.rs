//! The transactions above a link's position that are durable all the same, as a new run finds them.

use std::collections::{BTreeMap, VecDeque};

use super::failed::Refusal;
use super::record::{self, Record};
use crate::model::CommitTs;

/// What must not be applied again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// First and last commit ts, both included; ascending, without overlap.
    ranges: VecDeque<(CommitTs, CommitTs)>,
    /// Row changes already durable of transactions that were split and not finished.
    parts: BTreeMap<CommitTs, u64>,
}

impl Applied {
    /// What `records` say about transactions above `position`.
    #[must_use]
    pub fn new(records: impl IntoIterator<Item = Record>, position: CommitTs) -> Self {
        let mut found = Vec::new();
        let mut parts = BTreeMap::new();
        for record in records {
            match record {
                Record::Range { first, last } => found.push((first, last)),
                Record::List(list) => found.extend(list.into_iter().map(|ts| (ts, ts))),
                Record::Part { ts, rows } => {
                    let known = parts.entry(ts).or_insert(0);
                    *known = rows.max(*known);
                }
            }
        }
        found.sort_unstable();
        let mut ranges: VecDeque<(CommitTs, CommitTs)> = VecDeque::new();
        for (first, last) in found {
            match ranges.back_mut() {
                Some((_, end)) if first <= *end => *end = last.max(*end),
                _ => ranges.push_back((first, last)),
            }
        }
        let mut applied = Self { ranges, parts };
        applied.forget_up_to(position);
        let Self { ranges, parts } = &mut applied;
        parts.retain(|ts, _| !covered(ranges, *ts));
        applied
    }

    /// Whether the whole transaction is durable.
    #[must_use]
    pub fn contains(&self, ts: CommitTs) -> bool {
        covered(&self.ranges, ts)
    }

    /// How many row changes from the beginning of the transaction are durable, if it was split and not finished.
    #[must_use]
    pub fn part(&self, ts: CommitTs) -> Option<u64> {
        self.parts.get(&ts).copied()
    }

    /// Drops what lies at or below `ts`; cheap enough to be called for each transaction.
    pub fn forget_up_to(&mut self, ts: CommitTs) {
        while self.ranges.front().is_some_and(|(_, last)| *last <= ts) {
            self.ranges.pop_front();
        }
        while let Some(entry) = self.parts.first_entry().filter(|e| *e.key() <= ts) {
            entry.remove();
        }
    }

    /// Whether it holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty() && self.parts.is_empty()
    }

    /// The largest commit ts in it.
    #[must_use]
    pub fn last(&self) -> Option<CommitTs> {
        let part = self.parts.keys().next_back().copied();
        self.ranges.back().map(|(_, last)| *last).max(part)
    }

    /// The same as records.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        let mut records = Vec::new();
        let mut singles = Vec::new();
        for (first, last) in &self.ranges {
            if first == last {
                singles.push(*first);
            } else {
                records.push(Record::Range { first: *first, last: *last });
            }
        }
        if !singles.is_empty() {
            records.push(Record::List(singles));
        }
        records.extend(self.parts.iter().map(|(ts, rows)| Record::Part { ts: *ts, rows: *rows }));
        records
    }

    pub(super) fn seal(&self) -> Result<Vec<u8>, Refusal> {
        let encoded = self.records().iter().map(Record::encode).collect::<Result<Vec<_>, _>>()?;
        Ok(record::seal(encoded.iter().map(Vec::as_slice)))
    }
}

fn covered(ranges: &VecDeque<(CommitTs, CommitTs)>, ts: CommitTs) -> bool {
    let after = ranges.partition_point(|(first, _)| *first <= ts);
    after.checked_sub(1).and_then(|i| ranges.get(i)).is_some_and(|(_, last)| ts <= *last)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Numbers in a small space, so that everything touches everything.
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
                // What it is stored as says the same, again and again.
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
}
