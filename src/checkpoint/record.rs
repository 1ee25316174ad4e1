//! The record format: which upstream transactions a batch held, as a few bytes in the slot's row.
//!
//! A slot's `applied` is a version byte, records one after the other, and a checksum of four bytes
//! (FNV-1a, big-endian). A record is a tag and numbers in LEB128. A ts is written as the
//! milliseconds since the previous ts (0 before the first), followed by its counter, or by the
//! counter's increase if the millisecond is the same.
//!
//! Also here: DDL jobs that ran before their turn in the stream, because rows of theirs come before
//! their message. The link's row lists them until the position has reached the message, so that
//! none runs twice.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::error::Fault;
use crate::model::{CommitTs, Ddl};
use crate::mysql::error::{Refusal, SessionError};

/// The version of the format described above.
const FORMAT: u8 = 1;
const RANGE: u8 = 1;
const LIST: u8 = 2;
const PART: u8 = 3;
const CHECKSUM: usize = 4;

/// The upstream transactions in a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// Every transaction of the stream whose commit ts is from `first` to `last`, both inclusive;
    /// `first` ≤ `last`.
    Range {
        /// Commit ts of the first transaction in the batch.
        first: CommitTs,
        /// Commit ts of the last one; may be that of the first.
        last: CommitTs,
    },
    /// Exactly these; strictly ascending, not empty.
    List(Vec<CommitTs>),
    /// The first `rows` row changes of one transaction that is split; its last batch has a
    /// [`List`](Self::List) instead.
    Part {
        /// Commit ts of the transaction.
        ts: CommitTs,
        /// Row changes from its beginning that are applied with this batch; more than 0.
        rows: u64,
    },
}

impl Record {
    /// The record of the complete transactions `list`, strictly ascending. `whole` says that the
    /// stream has no other transaction from the first to the last of them.
    #[must_use]
    pub fn of(list: &[CommitTs], whole: bool) -> Self {
        match list {
            [first, .., last] if whole => Self::Range { first: *first, last: *last },
            _ => Self::List(list.to_vec()),
        }
    }

    /// The largest commit ts in it: when the low-water mark reaches it, the record is no longer
    /// needed.
    #[must_use]
    pub fn last(&self) -> CommitTs {
        match self {
            Self::Range { last, .. } => *last,
            Self::List(list) => list.last().copied().unwrap_or_default(),
            Self::Part { ts, .. } => *ts,
        }
    }

    /// Approximate bytes that it takes in the slot's row.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Self::Range { .. } | Self::Part { .. } => 20,
            Self::List(list) => 8 + 4 * list.len(),
        }
    }

    /// Whether it makes an earlier [`Part`](Self::Part) of the transaction `ts` redundant.
    pub(super) fn covers(&self, ts: CommitTs) -> bool {
        match self {
            Self::Range { first, last } => (*first..=*last).contains(&ts),
            Self::List(list) => list.binary_search(&ts).is_ok(),
            Self::Part { ts: own, .. } => *own == ts,
        }
    }

    /// The encoded record.
    ///
    /// # Errors
    /// If the record is not valid: an empty or unordered list, a range that ends before it begins,
    /// no rows.
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
        if sound { Ok(out) } else { Err(Refusal(format!("cannot make a record of {self:?}"))) }
    }
}

/// The blob of `records`, each of them encoded; empty if there are none.
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

/// The records in a blob that [`seal`] made. Any other bytes are an error.
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
            return Err(Refusal(format!("they have format {other}, which this tisync does not know")));
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

/// FNV-1a with 64 bits. It also names locks, so it must never change.
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

/// `ts` is not below `before`; if it is, the caller discards the bytes.
fn put_ts(out: &mut Vec<u8>, before: CommitTs, ts: CommitTs) {
    let ms = ts.physical_ms().saturating_sub(before.physical_ms());
    put(out, ms);
    put(out, if ms == 0 { ts.logical().saturating_sub(before.logical()) } else { ts.logical() });
}

/// Bytes not yet read. Its methods give `None` for bytes that no encoder writes.
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
            // Bits beyond the 64th, or a last group of zero: no encoder writes these.
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
                // Each ts takes at least two bytes: a wrong count must not reserve memory.
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

/// A DDL as the link's row knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DdlAt {
    /// The commit ts of its message.
    pub ts: CommitTs,
    /// TiDB's job id.
    pub job: i64,
    /// As [`Ddl::early`].
    pub early: Option<CommitTs>,
}

impl DdlAt {
    /// `ddl`, whose message has the commit ts `ts`.
    #[must_use]
    pub fn of(ts: CommitTs, ddl: &Ddl) -> Self {
        Self { ts, job: ddl.job_id, early: ddl.early }
    }

    /// The position of the link after it has run.
    #[must_use]
    pub fn position(self) -> CommitTs {
        self.early.unwrap_or(self.ts)
    }
}

impl From<(CommitTs, i64)> for DdlAt {
    fn from((ts, job): (CommitTs, i64)) -> Self {
        Self { ts, job, early: None }
    }
}

/// Jobs that ran early, each with the commit ts of its message.
pub(super) type Early = Vec<(i64, CommitTs)>;

/// The jobs of a link that ran early, as its row has them.
#[derive(Clone, Debug, Default)]
pub(super) struct EarlyDdl(Arc<Mutex<Early>>);

impl EarlyDdl {
    pub(super) fn new(jobs: Early) -> Self {
        Self(Arc::new(Mutex::new(jobs)))
    }

    pub(super) fn jobs(&self) -> Early {
        self.0.lock().clone()
    }

    /// The jobs with `at`, and without those whose message the position has passed.
    pub(super) fn with(&self, at: DdlAt) -> Early {
        let mut jobs = self.jobs();
        jobs.retain(|(job, ts)| *ts > at.position() && *job != at.job);
        jobs.push((at.job, at.ts));
        jobs
    }

    pub(super) fn set(&self, jobs: Early) {
        *self.0.lock() = jobs;
    }
}

/// The jobs as the text of the column.
pub(super) fn write(jobs: &Early) -> String {
    let texts: Vec<String> = jobs.iter().map(|(job, ts)| format!("{job}:{}", ts.0)).collect();
    texts.join(",")
}

/// Parses the text of the column.
///
/// # Errors
/// If it is not what [`write`] makes: a DDL could run twice.
pub(super) fn read(text: &str) -> Result<Early, SessionError> {
    let one = |text: &str| {
        let (job, ts) = text.split_once(':')?;
        Some((job.parse().ok()?, CommitTs(ts.parse().ok()?)))
    };
    let jobs: Option<Early> = text.split(',').filter(|part| !part.is_empty()).map(one).collect();
    jobs.ok_or_else(|| {
        Fault::refused(format!(
            "`{text}` in tidb_binlog.tisync_checkpoint (column `early_ddl`) is not a list of DDL jobs"
        ))
        .hint("restore the row: without that list a DDL could run twice")
        .into()
    })
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
