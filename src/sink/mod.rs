//! The sink interface: takes upstream transactions and makes them durable.
//!
//! A sink takes whole upstream transactions in commit-ts order and makes them durable together with
//! the position they reach, so that a restart neither repeats nor misses one.

pub mod mysql;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use crate::error::Fault;
use crate::event::Event;
use crate::model::{Change, CommitTs, Definition, Partition, Row, Table, Txn};

/// In an error: a row that the stream inserts or changes met another one with the same key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clash {
    /// The database on the target.
    pub schema: String,
    /// The table there.
    pub table: String,
}

impl std::fmt::Display for Clash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a key of `{}`.`{}` is already taken", self.schema, self.table)
    }
}

/// A target that transactions are applied to.
///
/// The contract:
/// - `apply` gets rising commit ts, all of them above [`position`](Self::position). A DDL that runs
///   [early](crate::model::Ddl::early) is out of this order: it takes effect after that position,
///   and what follows has lower commit ts than its own.
/// - An upstream transaction is never split: either all of it is durable, or nothing of it.
/// - The first error is final: every later call fails too, and the position stays where it was.
pub trait Sink: Send {
    /// Where the target stands: everything at or below is durable there; `None` on a first start
    /// without a start ts.
    fn position(&self) -> Option<CommitTs>;

    /// Takes a transaction. May keep it back for a batch; `Change::Nothing` only moves the
    /// position.
    ///
    /// # Errors
    /// If this one or an earlier one cannot be applied.
    fn apply(&mut self, txn: Txn) -> Result<()>;

    /// Whether the transaction of `ts`, which lies above the position, is on the target already
    /// from an earlier run. It is taken like any other, and not applied again.
    fn has(&self, _ts: CommitTs) -> bool {
        false
    }

    /// Nothing at or below `ts` will follow.
    ///
    /// # Errors
    /// If an earlier transaction could not be applied.
    fn resolved(&mut self, ts: CommitTs) -> Result<()>;

    /// A transaction of which nothing concerns the target, and that itself is only bookkeeping of a
    /// replication tool: the position moves, but that alone is no reason to save it. Else two links
    /// of opposite directions would answer each other's saves for ever.
    ///
    /// # Errors
    /// If an earlier transaction could not be applied.
    fn pass_over(&mut self, ts: CommitTs) -> Result<()> {
        self.apply(Txn { commit_ts: ts, change: Change::Nothing })
    }

    /// Nothing more is there right now: all that is kept back goes on its way. Does not wait for
    /// it.
    ///
    /// # Errors
    /// If an earlier transaction could not be applied.
    fn flush(&mut self) -> Result<()>;

    /// Whether something is kept back although [`flush`](Self::flush) was called, because the
    /// target is busy: then it wants to be called again soon.
    fn holds_back(&self) -> bool {
        false
    }

    /// With the last transaction taken, the upstream's schema came to this version. For a sink that
    /// keeps it beside the position.
    fn followed(&mut self, _schema_version: i64) {}

    /// Among what is taken from here on is data that links of these other clusters wrote upstream.
    /// For a sink that keeps it beside the data, so that it is known if it ever comes back to one
    /// of them.
    fn set_origins(&mut self, _origins: &BTreeSet<u64>) {}

    /// DDL on this table of the target is left out by the operator's rules: where its columns are
    /// others, rows are written with those that both sides have.
    fn may_differ(&mut self, _schema: &str, _table: &str) {}

    /// What the target has of a table, for rows that come without definitions. Everything taken
    /// before the last DDL, and that DDL, is durable when it answers.
    ///
    /// # Errors
    /// If the target cannot tell, or cannot be asked.
    fn definition(&mut self, schema: &str, table: &str) -> Result<Definition> {
        Err(Fault::refused(format!("this target cannot describe `{schema}`.`{table}`"))
            .hint("Drainer's files have no definitions: replay them into MySQL, MariaDB or TiDB")
            .into())
    }

    /// For each of `rows` of `table` the first of `partitions` that it belongs to, as the target's
    /// server says of the table as it is now; `None` for those that are in none of them.
    ///
    /// # Errors
    /// If the target cannot tell, or cannot be asked.
    fn locate(&mut self, table: &Table, _: &[Partition], _: &[&Row]) -> Result<Vec<Option<usize>>> {
        Err(Fault::refused(format!(
            "this target cannot tell which partition of `{}`.`{}` a row is in",
            table.schema, table.name
        ))
        .into())
    }

    /// The names of the tables that the target has in a database, under the same conditions.
    ///
    /// # Errors
    /// If the target cannot tell, or cannot be asked.
    fn tables(&mut self, schema: &str) -> Result<Vec<String>> {
        Err(Fault::refused(format!("this target cannot tell which tables `{schema}` has"))
            .hint("Drainer's files have no definitions: replay them into MySQL, MariaDB or TiDB")
            .into())
    }

    /// Waits until everything taken is durable, and saves the position.
    ///
    /// # Errors
    /// If something could not be applied, or the position could not be saved.
    fn drain(&mut self) -> Result<()>;

    /// What was done in this run so far.
    fn totals(&self) -> Totals;
}

/// What a sink did in this run. Counts of durable work only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Upstream transactions with rows.
    pub txns: u64,
    /// Rows inserted upstream.
    pub inserts: u64,
    /// Rows updated upstream.
    pub updates: u64,
    /// Rows deleted upstream.
    pub deletes: u64,
    /// DDLs that were run.
    pub ddl: u64,
    /// DDLs that were not run: without meaning to the target, or skipped by the operator.
    pub skipped_ddl: u64,
    /// DDLs that the operator replaced with other statements.
    pub replaced_ddl: u64,
    /// DDLs that were followed and not run, because none is on this link.
    pub unrun_ddl: u64,
    /// DDLs that were followed and not run, although a user ran them on the side that has no DDL of
    /// its own; the operator accepts it.
    pub wrong_side_ddl: u64,
    /// DDLs that were followed and not run, because the target had them first.
    pub returned_ddl: u64,
    /// DDLs of this run that the operator had skipped or replaced.
    pub decided: Vec<DecidedDdl>,
    /// Row changes that were not applied because their table is missing through a skipped DDL.
    pub skipped_rows: u64,
    /// Tables on which the target was not as expected: overwritten in safe mode or by the
    /// operator's word, otherwise what the run ended with, of which nothing is on the target.
    pub anomalies: BTreeMap<String, Anomalies>,
    /// Row changes that were written without columns that the target lacks, by table (sync-mode 2
    /// only).
    pub narrowed: BTreeMap<String, u64>,
    /// Tables that are left out because of a skipped DDL, of this run and of earlier ones.
    pub left_out: Vec<LeftOut>,
}

impl Totals {
    /// Row changes applied.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.inserts + self.updates + self.deletes
    }
}

/// A DDL that the operator skipped or replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecidedDdl {
    /// Its commit ts.
    pub commit_ts: CommitTs,
    /// Its database.
    pub schema: String,
    /// The beginning of its statement.
    pub query: String,
    /// The beginning of what ran instead; `None` if nothing did.
    pub instead: Option<String>,
}

/// What was not as expected on one table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Anomalies {
    /// Rows to delete or to change that were not there.
    pub missing: u64,
    /// Rows to insert whose key was taken.
    pub duplicate: u64,
}

impl Anomalies {
    /// Adds what was found elsewhere.
    pub fn add(&mut self, more: Self) {
        self.missing += more.missing;
        self.duplicate += more.duplicate;
    }

    /// The text that reports them for this table.
    #[must_use]
    pub fn event(self, table: &str) -> Event {
        Event::Odd { table: table.to_owned(), missing: self.missing, duplicate: self.duplicate }
    }
}

/// A table that is not on the target because the DDL that brings it was skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The commit ts of the skipped DDL.
    pub commit_ts: CommitTs,
    /// The table's id; 0 stands for a whole database.
    pub table_id: i64,
    /// Its database.
    pub schema: String,
    /// Its name when it was skipped; empty for a database.
    pub table: String,
    /// Row changes left out so far, over all runs.
    pub rows: u64,
    /// Whether the upstream has dropped it since.
    pub ended: bool,
}
