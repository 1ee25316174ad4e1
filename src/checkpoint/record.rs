//! Which upstream transactions a batch held, as a few bytes in the slot's row.
//!
//! A slot's `applied` is a version byte, records one after the other, and a checksum of four bytes (FNV-1a, big-endian).
//! A record is a tag and numbers in LEB128. A ts is written as the milliseconds since the ts before it (0 before the
//! first); then comes its counter, or what that adds where the millisecond is the same.

use super::failed::Refusal;
use crate::model::CommitTs;

/// The layout described above.
const FORMAT: u8 = 1;
const RANGE: u8 = 1;
const LIST: u8 = 2;
const PART: u8 = 3;
const CHECKSUM: usize = 4;

/// Which upstream transactions a batch held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// Every transaction of the stream whose commit ts lies from `first` to `last`, both included; `first` ≤ `last`.
    Range {
        /// Commit ts of the first transaction in the batch.
        first: CommitTs,
        /// Commit ts of the last one; may be the same.
        last: CommitTs,
    },
    /// These and no others; strictly ascending, not empty.
    List(Vec<CommitTs>),
    /// The first `rows` row changes of one transaction that is split; its last batch has a [`List`](Self::List) instead.
    Part {
        /// Commit ts of the transaction.
        ts: CommitTs,
        /// Row changes from its beginning that are applied when this batch is; more than 0.
        rows: u64,
    },
}

impl Record {
    /// The record of whole transactions `list`, strictly ascending; `whole` says that the stream holds no other one from the
    /// first to the last of them.
    #[must_use]
    pub fn of(list: &[CommitTs], whole: bool) -> Self {
        match list {
            [first, .., last] if whole => Self::Range { first: *first, last: *last },
            _ => Self::List(list.to_vec()),
        }
    }

    /// The largest commit ts in it: at or below the low-water mark the record has no more use.
    #[must_use]
    pub fn last(&self) -> CommitTs {
        match self {
            Self::Range { last, .. } => *last,
            Self::List(list) => list.last().copied().unwrap_or_default(),
            Self::Part { ts, .. } => *ts,
        }
    }

    /// About how many bytes the slot's row has for it.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Self::Range { .. } | Self::Part { .. } => 20,
            Self::List(list) => 8 + 4 * list.len(),
        }
    }

    /// Whether it says as much about the transaction `ts` as an earlier [`Part`](Self::Part) of it.
    pub(super) fn covers(&self, ts: CommitTs) -> bool {
        match self {
            Self::Range { first, last } => (*first..=*last).contains(&ts),
            Self::List(list) => list.binary_search(&ts).is_ok(),
            Self::Part { ts: own, .. } => *own == ts,
        }
    }

    /// Its bytes.
    ///
    /// # Errors
    /// If it is none: an empty or unordered list, a range that ends before it begins, no rows.
    pub(super) fn encode(&self) -> Result<Vec<u8>, Refusal> {
        let mut out = Vec::with_capacity(24);
        let sound = match self {
            Self::Range { first, last } => {
                out.push(RANGE);
                put_ts(&mut out, CommitTs(0), *first);
                put_ts(&mut out, *first, *last);
                first <= last
            }
            Self::List(list) => {
                out.push(LIST);
                put(&mut out, list.len() as u64);
                let mut before = CommitTs(0);
                for ts in list {
                    put_ts(&mut out, before, *ts);
                    before = *ts;
                }
                !list.is_empty() && list.is_sorted_by(|a, b| a < b)
            }
            Self::Part { ts, rows } => {
                out.push(PART);
                put_ts(&mut out, CommitTs(0), *ts);
                put(&mut out, *rows);
                *rows > 0
            }
        };
        if sound { Ok(out) } else { Err(Refusal(format!("no record can be made of {self:?}"))) }
    }
}

/// The blob that holds `records`, each of them encoded; none gives no bytes at all.
pub(super) fn seal<'a>(records: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut out = vec![FORMAT];
    records.for_each(|r| out.extend_from_slice(r));
    if out.len() == 1 {
        return Vec::new();
    }
    let sum = checksum(&out);
    out.extend_from_slice(&sum);
    out
}

/// The records in a blob that [`seal`] made; nothing is made of bytes that are not exactly that.
pub(super) fn open(blob: &[u8]) -> Result<Vec<Record>, Refusal> {
    if blob.is_empty() {
        return Ok(Vec::new());
    }
    let damaged = |why: &str| Refusal(why.to_owned());
    let cut = blob.len().checked_sub(CHECKSUM).ok_or_else(|| damaged("they are cut off"))?;
    let (body, sum) = blob.split_at(cut);
    match body.split_first() {
        Some((&FORMAT, _)) => {}
        Some((&other, _)) => {
            return Err(Refusal(format!("they are of format {other}, which this tisync does not know")));
        }
        None => return Err(damaged("they are cut off")),
    }
    if checksum(body) != *sum {
        return Err(damaged("their checksum does not match"));
    }
    let mut cursor = Cursor(body.get(1..).unwrap_or_default());
    let mut records = Vec::new();
    while !cursor.0.is_empty() {
        records.push(cursor.record().ok_or_else(|| damaged("a record in them cannot be read"))?);
    }
    Ok(records)
}

/// FNV-1a in 64 bits: also names locks, so it may never change.
pub(super) fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, b| (hash ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3))
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    let [a, b, c, d, e, f, g, h] = fnv(bytes).to_be_bytes();
    [a ^ e, b ^ f, c ^ g, d ^ h]
}

fn put(out: &mut Vec<u8>, mut number: u64) {
    while let Some(high) = std::num::NonZeroU64::new(number >> 7) {
        out.push(number.to_le_bytes()[0] | 0x80);
        number = high.get();
    }
    out.push(number.to_le_bytes()[0]);
}

/// `ts` is not below `before`; where it is, the caller throws the bytes away.
fn put_ts(out: &mut Vec<u8>, before: CommitTs, ts: CommitTs) {
    let ms = ts.physical_ms().saturating_sub(before.physical_ms());
    put(out, ms);
    put(out, if ms == 0 { ts.logical().saturating_sub(before.logical()) } else { ts.logical() });
}

/// Bytes not yet read. `None` stands for bytes that no encoder wrote.
struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            let placed = bits << shift;
            // Bits that fall off the end, or a last group of none: not how a number is written.
            if placed >> shift != bits || (byte == 0 && shift > 0) {
                return None;
            }
            number |= placed;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn ts(&mut self, before: CommitTs) -> Option<CommitTs> {
        let (ms, counter) = (self.number()?, self.number()?);
        let physical = before.physical_ms().checked_add(ms).filter(|p| *p <= CommitTs::MAX.physical_ms())?;
        let logical = if ms == 0 { before.logical().checked_add(counter)? } else { counter };
        (logical <= CommitTs::MAX.logical()).then(|| CommitTs::from_parts(physical, logical))
    }

    fn record(&mut self) -> Option<Record> {
        match self.byte()? {
            RANGE => {
                let first = self.ts(CommitTs(0))?;
                Some(Record::Range { first, last: self.ts(first)? })
            }
            LIST => {
                let count = self.number()?;
                // Each takes two bytes at least: a wild number must not reserve memory.
                if count == 0 || count > self.0.len() as u64 / 2 {
                    return None;
                }
                let mut list = Vec::with_capacity(usize::try_from(count).ok()?);
                let mut before = CommitTs(0);
                for i in 0..count {
                    let ts = self.ts(before)?;
                    if i > 0 && ts == before {
                        return None;
                    }
                    list.push(ts);
                    before = ts;
                }
                Some(Record::List(list))
            }
            PART => {
                let ts = self.ts(CommitTs(0))?;
                let rows = self.number().filter(|rows| *rows > 0)?;
                Some(Record::Part { ts, rows })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Commit ts as TiDB gives them, and at the edges of what fits.
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

        /// Even with a right checksum nothing is read that is not exactly what is written.
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
        assert_eq!(words(&[2, 0, 0, 0, 0]), "they are of format 2, which this tisync does not know");
        assert_eq!(words(&[1, 0, 0, 0, 0]), "their checksum does not match");
        // A count of 2^63, with a right checksum: no memory is reserved for it.
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
}
