//! Transactions: as they come from a source, and as the sink takes them.

use std::sync::Arc;

use anyhow::Result;
use bytes::Bytes;
use crossbeam_channel::Receiver;
use jiff::tz::TimeZone;

use super::{ActionType, CommitTs, Partition, Table, Value};
use crate::decode::LargeTxn;
use crate::error::Fault;

/// What one stream of a source says next.
#[derive(Clone, Debug, PartialEq)]
pub enum Pulled {
    /// Here is a transaction. Its commit ts is above that of everything this stream said before.
    Txn(RawTxn),
    /// Nothing at or below this ts will follow from this stream. It keeps the merge moving past an idle stream.
    Resolved(CommitTs),
    /// Another stream begins, opened behind `from`, which is also how far this stream is: what the new one holds lies
    /// above. It has to be taken in before anything above `from` goes out.
    Joins {
        /// The new stream.
        stream: Stream,
        /// Nothing at or below this comes from it.
        from: CommitTs,
    },
}

/// One ordered stream of a source: one Pump, one file.
#[derive(Clone, Debug)]
pub struct Stream {
    /// What messages call it: a Pump's node id, a file's path.
    pub name: String,
    /// What it says; closed when it has ended for good.
    pub receiver: Receiver<Result<Pulled>>,
}

impl PartialEq for Stream {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.receiver.same_channel(&other.receiver)
    }
}

impl Pulled {
    /// The position that the stream has reached with this.
    #[must_use]
    pub fn ts(&self) -> CommitTs {
        match self {
            Self::Txn(txn) => txn.commit_ts,
            Self::Resolved(ts) | Self::Joins { from: ts, .. } => *ts,
        }
    }
}

/// A transaction as it came, not decoded yet.
#[derive(Clone, Debug, PartialEq)]
pub struct RawTxn {
    /// When it took effect; the order of everything.
    pub commit_ts: CommitTs,
    /// When it began.
    pub start_ts: CommitTs,
    /// What it holds.
    pub body: Body,
}

/// What a raw transaction holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// A serialized `binlog.PrewriteValue` (spec/tidb-binlog.md §3.1): rows of one or more tables.
    Rows(Bytes),
    /// A DDL job. Only its state in the history tells whether it took effect.
    Ddl {
        /// The job's id.
        job_id: i64,
        /// The statement as TiDB restored it.
        query: Bytes,
        /// `ddl_schema_state`: 1 marks the delete-only notice of a DROP COLUMN, which is no DDL yet.
        schema_state: i32,
    },
    /// A serialized `pb_binlog.DMLData` (spec/tidb-binlog.md §9.6): rows by the names of their columns, without definitions.
    Named {
        /// The message.
        events: Bytes,
        /// The zone that its TIMESTAMPs are in.
        zone: TimeZone,
    },
    /// A DDL of which only the text is known, with the `use` before it. It took effect.
    Statement(Bytes),
    /// Nothing that concerns a target.
    Nothing,
}

/// A decoded transaction.
#[derive(Clone, Debug)]
pub struct Txn {
    /// When it took effect upstream.
    pub commit_ts: CommitTs,
    /// What it does.
    pub change: Change,
}

/// What a transaction does. A filtered one is `Nothing`: it still moves the position.
#[derive(Clone, Debug)]
pub enum Change {
    /// Changes of rows, in order within each table.
    Rows(Vec<RowChange>),
    /// The same of a transaction that is too large to be held decoded.
    Large(Box<LargeTxn>),
    /// One DDL.
    Ddl(Box<Ddl>),
    /// Nothing for the target.
    Nothing,
}

/// One changed row, with the definition that reads it.
#[derive(Clone, Debug)]
pub struct RowChange {
    /// The table as of the row's commit ts.
    pub table: Arc<Table>,
    /// What happened to the row.
    pub kind: RowKind,
}

/// A row's values, one for each of [`Table::columns`], in that order.
pub type Row = Vec<Value>;

/// What happened to a row.
#[derive(Clone, Debug, PartialEq)]
pub enum RowKind {
    /// A new row.
    Insert(Row),
    /// A changed row: both whole images.
    Update {
        /// Before.
        old: Row,
        /// After.
        new: Row,
    },
    /// A removed row: its whole image.
    Delete(Row),
}

/// A DDL that took effect upstream (its job is done or synced).
#[derive(Clone, Debug, Default)]
pub struct Ddl {
    /// TiDB's job id.
    pub job_id: i64,
    /// The type of its job.
    pub action: ActionType,
    /// The database that must be current when the statement runs; for RENAME the one before the job.
    pub schema: String,
    /// The table it names; empty for a statement on a database.
    pub table: String,
    /// The statement to run, names qualified where the current database would not do.
    pub query: String,
    /// The statement as the user wrote it, as far as the history keeps it.
    pub written: String,
    /// Tables that exist after the job and did not before, or whose definition it changed.
    pub after: Vec<Arc<Table>>,
    /// Tables as they were before the job: those that it changed, renamed or removed.
    pub before: Vec<Arc<Table>>,
    /// The database's default character set, where the job left one behind (CREATE and ALTER DATABASE).
    pub charset: Option<String>,
    /// Its default collation.
    pub collation: Option<String>,
    /// Whether the table has CHECK constraints upstream. TiDB reads them without keeping them unless told to, so the statement does not say.
    pub checks: bool,
    /// Sequences that it is about, by database and name before the job: some targets have none.
    pub sequences: Vec<(String, String)>,
    /// Whether it is about a temporary table, whose rows no stream carries.
    pub temporary: bool,
    /// Why it must not run as it is, where an earlier stage saw that: the sink stops with this, unless the operator has
    /// said what to do about this DDL.
    pub refused: Option<Box<Fault>>,
    /// Why its text must not be sent: who reads it may find another statement in it. What is made from definitions does not care.
    pub unclear: Option<Box<Fault>>,
    /// Where it comes from, on a link with loopback control.
    pub side: Side,
    /// The partitions that it emptied or exchanged.
    pub partitions: Vec<Partition>,
    /// Rows that were written with it come before its message, so it runs before them: behind this ts. `None`, as nearly always: at its
    /// own commit ts.
    pub early: Option<CommitTs>,
    /// The zone of the session that ran it, in which values became times; `None` if that is not known.
    pub zone: Option<TimeZone>,
}

/// Where a DDL comes from, as a link sees it whose target is a source too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Side {
    /// Nobody asked, or it does not matter.
    #[default]
    Unknown,
    /// Somebody ran it upstream.
    Upstream,
    /// The link of the other direction ran it upstream: the target had it first.
    Target,
}
