//! Transactions: as they come from a source, and as the sink takes them; and DDL job types.
//!
//! The job types: docs/protocol/tidb-formats.md §6.4.

use std::fmt::Debug;
use std::sync::Arc;

use anyhow::Result;
use bytes::Bytes;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::table::{Partition, Table, Value};
use super::{CommitTs, QueueReceiver};
use crate::error::Fault;

/// A message of one stream of a source.
#[derive(Clone, Debug, PartialEq)]
pub enum Pulled {
    /// A transaction. Its commit ts is above everything that this stream sent before.
    Txn(RawTxn),
    /// Nothing at or below this ts will follow from this stream. It keeps the merge moving past an
    /// idle stream.
    Resolved(CommitTs),
    /// Another stream begins, opened behind `from`, which is also the position of this stream: what
    /// the new one holds lies above. It has to be taken in before anything above `from` goes out.
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
    /// Its name in messages: a Pump's node id, a file's path.
    pub name: String,
    /// Its messages; closed when the stream has ended for good.
    pub receiver: QueueReceiver,
}

impl PartialEq for Stream {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.receiver.same_queue(&other.receiver)
    }
}

impl Pulled {
    /// The position that the stream reaches with this message.
    #[must_use]
    pub fn ts(&self) -> CommitTs {
        match self {
            Self::Txn(txn) => txn.commit_ts,
            Self::Resolved(ts) | Self::Joins { from: ts, .. } => *ts,
        }
    }
}

/// A transaction as it came, not decoded.
#[derive(Clone, Debug, PartialEq)]
pub struct RawTxn {
    /// When it took effect. Transactions are ordered by it.
    pub commit_ts: CommitTs,
    /// When it began.
    pub start_ts: CommitTs,
    /// What it holds.
    pub body: Body,
}

/// The content of a raw transaction.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// A serialized `binlog.PrewriteValue` (docs/protocol/tidb-binlog.md §3.1): rows of one or more
    /// tables.
    Rows(Bytes),
    /// A DDL job. Only its state in the history tells whether it took effect.
    Ddl {
        /// The job's id.
        job_id: i64,
        /// The statement as TiDB restored it.
        query: Bytes,
        /// `ddl_schema_state`: 1 marks the delete-only notice of a DROP COLUMN, which is not a DDL
        /// yet.
        schema_state: i32,
    },
    /// A serialized `pb_binlog.DMLData` (docs/protocol/tidb-binlog.md §9.6): rows by the names of
    /// their columns, without definitions.
    Named {
        /// The message.
        events: Bytes,
        /// The zone that its TIMESTAMPs are in.
        zone: TimeZone,
    },
    /// A DDL that took effect and of which only the text is known, with the `use` before it.
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

/// The effect of a transaction. A filtered one is `Nothing`: it still moves the position.
#[derive(Clone, Debug)]
pub enum Change {
    /// Changes of rows, in order within each table.
    Rows(Vec<RowChange>),
    /// Changes of rows of a transaction that is too large to be held decoded.
    Large(Box<dyn LargeRows>),
    /// One DDL.
    Ddl(Box<Ddl>),
    /// Nothing for the target.
    Nothing,
}

/// The row changes of one transaction that is too large to be held decoded: an iterator that
/// decodes them one by one.
///
/// A clone continues on its own from the same position. The first error is the last item.
pub trait LargeRows: Iterator<Item = Result<RowChange>> + Debug + Send {
    /// When the transaction took effect.
    fn commit_ts(&self) -> CommitTs;

    /// Bytes of the raw transaction, including rows that are left out.
    fn raw_size(&self) -> usize;

    /// The number of all its row changes, including those that were given already.
    fn row_count(&self) -> u64;

    /// A lower bound of the bytes that TiDB has to write for it.
    fn least_written(&self) -> u64;

    /// Goes back to the first row.
    fn rewind(&mut self);

    /// Skips the next `count` row changes without decoding them, or as many as there are; gives
    /// their number.
    ///
    /// # Errors
    /// If the order of the changes does not fit the rows.
    fn pass_over(&mut self, count: u64) -> Result<u64>;

    /// A clone of this iterator.
    fn boxed_clone(&self) -> Box<dyn LargeRows>;
}

impl Clone for Box<dyn LargeRows> {
    fn clone(&self) -> Self {
        self.boxed_clone()
    }
}

/// One changed row, with the definition that reads it.
#[derive(Clone, Debug)]
pub struct RowChange {
    /// The table as of the row's commit ts.
    pub table: Arc<Table>,
    /// The change of the row.
    pub kind: RowKind,
}

/// A row's values, one for each of [`Table::columns`], in that order.
pub type Row = Vec<Value>;

/// The change of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum RowKind {
    /// A new row.
    Insert(Row),
    /// A changed row, with both complete images.
    Update {
        /// The image before the change.
        old: Row,
        /// The image after the change.
        new: Row,
    },
    /// A deleted row, with its complete image.
    Delete(Row),
}

/// A DDL that took effect upstream (its job is done or synced).
#[derive(Clone, Debug, Default)]
pub struct Ddl {
    /// TiDB's job id.
    pub job_id: i64,
    /// The type of its job.
    pub action: ActionType,
    /// The database that must be current when the statement runs; for RENAME the one before the
    /// job.
    pub schema: String,
    /// The table that it is about; empty for a statement on a database.
    pub table: String,
    /// The statement to run, with names qualified if the current database is not the right one.
    pub query: String,
    /// The statement as the user wrote it, as far as the history keeps it.
    pub written: String,
    /// Tables that the job created or whose definition it changed, as they are after it.
    pub after: Vec<Arc<Table>>,
    /// Tables that the job changed, renamed or removed, as they were before it.
    pub before: Vec<Arc<Table>>,
    /// The database's default character set after the job (CREATE and ALTER DATABASE).
    pub charset: Option<String>,
    /// The database's default collation after the job.
    pub collation: Option<String>,
    /// Whether the table has CHECK constraints upstream. TiDB parses them without keeping them
    /// unless it is configured to, so the statement does not show it.
    pub checks: bool,
    /// The sequences that it is about, by database and name before the job: some targets have none.
    pub sequences: Vec<(String, String)>,
    /// Whether it is about a temporary table, whose rows are in no stream.
    pub temporary: bool,
    /// Why it must not run as it is, if an earlier stage saw that: the sink stops with this error,
    /// unless the operator has decided what to do about this DDL.
    pub refused: Option<Box<Fault>>,
    /// Why its text must not be sent: the target might read another statement in it. Statements
    /// that are made from definitions are not affected.
    pub unclear: Option<Box<Fault>>,
    /// The side that it comes from, on a link with loopback control.
    pub side: Side,
    /// The partitions that it emptied or exchanged.
    pub partitions: Vec<Partition>,
    /// Set if rows that were written with it come before its message: it runs before them, behind
    /// this ts. `None`, as nearly always: it runs at its own commit ts.
    pub early: Option<CommitTs>,
    /// The time zone of the session that ran it, in which values became times; `None` if it is not
    /// known.
    pub zone: Option<TimeZone>,
}

/// The side that a DDL comes from, for a link whose target is also a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Side {
    /// Not known, or irrelevant.
    #[default]
    Unknown,
    /// A user ran it upstream.
    Upstream,
    /// The link of the other direction ran it upstream: the target had it first.
    Target,
}

/// Defines the types with TiDB's numbers and names, and the conversions between type and number.
macro_rules! types {
    ($($(#[$of:meta])? $number:literal $name:ident $words:literal,)*) => {
        /// TiDB's ActionType: the kind of DDL of a job.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(from = "u8", into = "u8")]
        pub enum ActionType {
            $($(#[$of])? #[doc = $words] $name,)*
            /// A type that this program does not know, made by [`From`] alone.
            Other(u8),
        }

        impl ActionType {
            /// All known types, by number.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// TiDB's number.
            #[must_use]
            pub const fn number(self) -> u8 {
                match self {
                    $(Self::$name => $number,)*
                    Self::Other(number) => number,
                }
            }

            /// TiDB's name of it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $words,)*
                    Self::Other(_) => "unknown",
                }
            }
        }

        impl From<u8> for ActionType {
            fn from(number: u8) -> Self {
                match number {
                    $($number => Self::$name,)*
                    other => Self::Other(other),
                }
            }
        }
    };
}

types! {
    #[default] 0 None "none",
    1 CreateSchema "create schema",
    2 DropSchema "drop schema",
    3 CreateTable "create table",
    4 DropTable "drop table",
    5 AddColumn "add column",
    6 DropColumn "drop column",
    7 AddIndex "add index",
    8 DropIndex "drop index",
    9 AddForeignKey "add foreign key",
    10 DropForeignKey "drop foreign key",
    11 TruncateTable "truncate table",
    12 ModifyColumn "modify column",
    13 RebaseAutoId "rebase auto_increment ID",
    14 RenameTable "rename table",
    15 SetDefaultValue "set default value",
    16 ShardRowId "shard row ID",
    17 ModifyTableComment "modify table comment",
    18 RenameIndex "rename index",
    19 AddPartition "add partition",
    20 DropPartition "drop partition",
    21 CreateView "create view",
    22 ModifyTableCharset "modify table charset and collate",
    23 TruncatePartition "truncate partition",
    24 DropView "drop view",
    25 RecoverTable "recover table",
    26 ModifySchemaCharset "modify schema charset and collate",
    27 LockTable "lock table",
    28 UnlockTable "unlock table",
    29 RepairTable "repair table",
    30 SetTiFlashReplica "set tiflash replica",
    31 UpdateTiFlashReplica "update tiflash replica status",
    32 AddPrimaryKey "add primary key",
    33 DropPrimaryKey "drop primary key",
    34 CreateSequence "create sequence",
    35 AlterSequence "alter sequence",
    36 DropSequence "drop sequence",
    37 AddColumns "add columns",
    38 DropColumns "drop columns",
    39 ModifyAutoIdCache "modify auto id cache",
    40 RebaseAutoRandom "rebase auto_random ID",
    41 AlterIndexVisibility "alter index visibility",
    42 ExchangePartition "exchange partition",
    43 AddCheck "add check constraint",
    44 DropCheck "drop check constraint",
    45 AlterCheck "alter check constraint",
    46 AlterPartition "alter partition",
    47 RenameTables "rename tables",
    48 DropIndexes "drop indexes",
    49 AlterTableAttributes "alter table attributes",
    50 AlterPartitionAttributes "alter table partition attributes",
    51 CreatePlacementPolicy "create placement policy",
    52 AlterPlacementPolicy "alter placement policy",
    53 DropPlacementPolicy "drop placement policy",
    54 AlterPartitionPlacement "alter table partition placement",
    55 ModifySchemaPlacement "modify schema default placement",
    56 AlterTablePlacement "alter table placement",
    57 CacheTable "alter table cache",
    58 AlterTableStatistics "alter table statistics options",
    59 NoCacheTable "alter table nocache",
    60 CreateTables "create tables",
    61 MultiSchemaChange "alter table multi-schema change",
    62 FlashbackCluster "flashback cluster",
    63 RecoverSchema "flashback schema",
    64 ReorganizePartition "alter table reorganize partition",
    65 AlterTtl "alter table ttl",
    66 Unused "unused",
    67 RemoveTtl "alter table no_ttl",
    68 CreateResourceGroup "create resource group",
    69 AlterResourceGroup "alter resource group",
    70 DropResourceGroup "drop resource group",
    71 PartitionBy "alter table partition by",
    72 RemovePartitioning "alter table remove partitioning",
    73 AddColumnarIndex "add columnar index",
    74 ModifyEngineAttribute "modify engine attribute",
    75 AlterTableMode "alter table mode",
    76 RefreshMeta "refresh meta",
    77 ModifySchemaReadOnly "modify schema read only",
}

impl From<ActionType> for u8 {
    fn from(action: ActionType) -> Self {
        action.number()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_kept() {
        for number in 0..=u8::MAX {
            let action = ActionType::from(number);
            assert_eq!(action.number(), number);
            assert_eq!(ActionType::ALL.get(usize::from(number)).is_some(), !matches!(action, ActionType::Other(_)));
            assert_eq!(serde_json::to_string(&action).unwrap(), number.to_string());
            assert_eq!(serde_json::from_str::<ActionType>(&number.to_string()).unwrap(), action);
        }
        assert!(serde_json::from_str::<ActionType>("256").is_err());
        assert_eq!(ActionType::default(), ActionType::from(0));
    }
}
