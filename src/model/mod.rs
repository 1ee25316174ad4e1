//! The types that travel between the stages. Nothing here does any I/O.
//!
//! [`CommitTs`] is a timestamp of TiDB (TSO): milliseconds since the Unix epoch in the upper 46
//! bits, a counter in the lower 18.

mod details;
mod queue;
mod table;
mod txn;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;

use crate::error::Fault;

pub use details::{
    Check, ColumnDefault, ColumnDetails, ForeignKeyDetails, Index, IndexPart, Method, PartitionDetails, Partitioning,
    TableDetails, TidbOptions, Ttl,
};
pub(crate) use queue::Queue;
pub use queue::QueueReceiver;
pub use table::{
    Column, Decimal, Definition, ForeignKey, Generated, Handle, Hashed, Key, KeyPart, Kind, Partition, Table, Value,
};
pub use txn::{ActionType, Body, Change, Ddl, LargeRows, Pulled, RawTxn, Row, RowChange, RowKind, Side, Stream, Txn};

/// Drainer's own mark table.
pub const DEFAULT_MARK_TABLE: &str = "retl._drainer_repl_mark";
/// Bits of the logical counter below the physical milliseconds.
const LOGICAL_BITS: u32 = 18;

/// The target's position: everything at or below it is durable there. The sink writes it; clones
/// share it, so that other parts, such as the registration, can read it at any time.
#[derive(Clone, Debug, Default)]
pub struct DurablePosition(Arc<AtomicU64>);

// One more than the ts, so that 0 is none: a ts of 0 is the very beginning, which a recording has.
impl DurablePosition {
    /// The position; `None` until the sink has one.
    #[must_use]
    pub fn get(&self) -> Option<CommitTs> {
        self.0.load(Ordering::SeqCst).checked_sub(1).map(CommitTs)
    }

    /// Starts from `ts`, which may be behind the old position: a target can lose what it had.
    pub fn restart(&self, ts: Option<CommitTs>) {
        self.0.store(ts.map_or(0, |ts| ts.0.saturating_add(1)), Ordering::SeqCst);
    }

    /// Moves to `ts`, unless it is there or further already.
    pub fn advance(&self, ts: CommitTs) {
        self.0.fetch_max(ts.0.saturating_add(1), Ordering::SeqCst);
    }
}

/// A commit ts, or any other TSO of a TiDB cluster. 0 means the very beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitTs(pub u64);

impl CommitTs {
    /// The largest ts; no real transaction has it.
    pub const MAX: Self = Self(u64::MAX);

    /// The first ts of the millisecond `ms` (since the Unix epoch).
    #[must_use]
    pub const fn from_millis(ms: u64) -> Self {
        Self(ms << LOGICAL_BITS)
    }

    /// A ts from its two parts, as PD gives it.
    #[must_use]
    pub const fn from_parts(physical_ms: u64, logical: u64) -> Self {
        Self((physical_ms << LOGICAL_BITS) + logical)
    }

    /// A ts from the signed form that Pump and etcd use; `None` for a negative one.
    #[must_use]
    pub fn from_wire(ts: i64) -> Option<Self> {
        u64::try_from(ts).ok().map(Self)
    }

    /// The signed form for Pump's messages; the largest one if it does not fit.
    #[must_use]
    pub fn to_wire(self) -> i64 {
        i64::try_from(self.0).unwrap_or(i64::MAX)
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn physical_ms(self) -> u64 {
        self.0 >> LOGICAL_BITS
    }

    /// The counter within the millisecond, 0 to 262,143.
    #[must_use]
    pub const fn logical(self) -> u64 {
        self.0 & ((1 << LOGICAL_BITS) - 1)
    }

    /// The physical part as a time; `None` if it is outside of the calendar.
    #[must_use]
    pub fn time(self) -> Option<Timestamp> {
        Timestamp::from_millisecond(i64::try_from(self.physical_ms()).ok()?).ok()
    }

    /// Milliseconds from this ts to this machine's clock; negative if the ts is ahead of the clock.
    #[must_use]
    pub fn age_ms(self) -> i64 {
        let physical = i64::try_from(self.physical_ms()).unwrap_or(i64::MAX);
        Timestamp::now().as_millisecond().saturating_sub(physical)
    }

    /// The number with its UTC time and age, as every message shows a ts:
    /// `470616376687198209 (2026-11-21 11:04:20.123 UTC, 2h 5m ago)`.
    #[must_use]
    pub fn explain(self) -> String {
        match self.time() {
            Some(time) if self.0 > 0 => {
                let text = time.strftime("%Y-%m-%d %H:%M:%S%.3f UTC");
                format!("{} ({text}, {})", self.0, age_text(self.age_ms()))
            }
            _ => self.0.to_string(),
        }
    }
}

impl fmt::Display for CommitTs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An age in its two largest units: `3d 4h ago`, `12.3s ago`, `5m 2s ahead`.
fn age_text(ms: i64) -> String {
    let side = if ms < 0 { "ahead" } else { "ago" };
    format!("{} {side}", span_text(ms.unsigned_abs()))
}

/// `ms` milliseconds in their two largest units: `3d 4h`, `12.3s`, `5m 2s`.
#[must_use]
pub fn span_text(ms: u64) -> String {
    let (s, m, h, d) = (ms / 1000, ms / 60_000, ms / 3_600_000, ms / 86_400_000);
    match (d, h, m) {
        (0, 0, 0) => format!("{}.{}s", s, ms % 1000 / 100),
        (0, 0, _) => format!("{m}m {}s", s % 60),
        (0, _, _) => format!("{h}h {}m", m % 60),
        _ => format!("{d}d {}h", h % 24),
    }
}

/// A channel of a mark table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The database.
    pub schema: String,
    /// The table.
    pub table: String,
    /// The channel: transactions with its mark do not go back. Both clusters use the same number.
    pub channel: i64,
}

impl Mark {
    /// The channel `channel` in the table `name`, written as `database.table`.
    ///
    /// # Errors
    /// A usage fault if `name` is not of that form.
    pub fn new(name: &str, channel: i64) -> anyhow::Result<Self> {
        let sound = |part: &str| !part.is_empty() && part.chars().count() <= 64 && !part.contains(['.', '`', '\0']);
        match name.split_once('.') {
            Some((schema, table)) if sound(schema) && sound(table) => {
                Ok(Self { schema: schema.to_owned(), table: table.to_owned(), channel })
            }
            _ => Err(Fault::usage(format!("the mark table cannot be `{name}`"))
                .hint(format!("write it as database.table, without quotes; Drainer's is {DEFAULT_MARK_TABLE}"))
                .into()),
        }
    }

    /// Channel `channel` of Drainer's own table.
    #[must_use]
    pub fn drainers(channel: i64) -> Self {
        Self { schema: "retl".to_owned(), table: "_drainer_repl_mark".to_owned(), channel }
    }

    /// Whether this is the name of the mark table. Names compare without case, as in TiDB.
    #[must_use]
    pub fn is(&self, schema: &str, table: &str) -> bool {
        self.schema.to_lowercase() == schema.to_lowercase() && self.table.to_lowercase() == table.to_lowercase()
    }

    /// The name as `database.table`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}.{}", self.schema, self.table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_known_ts() {
        let ts = CommitTs(420_747_102_018_863_124);
        assert_eq!((ts.physical_ms(), ts.logical()), (1_605_022_819_591, 20));
        assert_eq!(CommitTs::from_parts(1_605_022_819_591, 20), ts);
        assert!(ts.explain().starts_with("420747102018863124 (2020-11-10 15:40:19.591 UTC, "));
    }

    #[test]
    fn ages_read_well() {
        assert_eq!(age_text(12_345), "12.3s ago");
        assert_eq!(age_text(-302_000), "5m 2s ahead");
        assert_eq!(age_text(3 * 86_400_000 + 4 * 3_600_000), "3d 4h ago");
    }
}
