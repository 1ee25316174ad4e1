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

/// In an error chain: a row that the stream inserts or changes has a key that another row has
/// already.
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
/// One thread owns a sink and makes all calls, so no method has to expect a concurrent one; what a
/// sink does in threads of its own it does not show, except by [`position`](Self::position). The
/// contract:
/// - `apply`, `pass_over` and `resolved` get rising commit ts, all of them above the position at
///   the start of the run. A DDL that runs [early](crate::model::Ddl::early) is out of this order:
///   it takes effect at that lower position, and what follows has lower commit ts than its own.
/// - An upstream transaction is never split: either all of it is durable, or nothing of it.
/// - The first error is final: every later call that returns a `Result` fails too, and the position
///   no longer moves. Calls without a `Result` remain allowed.
pub trait Sink: Send {
    /// Everything at or below this is durable on the target; `None` on a first start without a
    /// start ts. Called at any time, also after an error: before a run as its start, during it for
    /// reports. Never falls, and never waits.
    fn position(&self) -> Option<CommitTs>;

    /// Takes the next transaction; called by the pipeline for each one, decoded and filtered. It
    /// may be kept for a batch: when this returns, nothing has to be durable, except for a DDL and
    /// everything before it. `Change::Nothing` only moves the position. Blocks while the target is
    /// behind.
    ///
    /// # Errors
    /// If this transaction or an earlier one cannot be applied.
    fn apply(&mut self, txn: Txn) -> Result<()>;

    /// Whether the transaction of `ts`, which is above the position, is on the target already from
    /// an earlier run. Called before `apply`, for counting only: the transaction is passed to
    /// `apply` like any other, which does not apply it again.
    fn has(&self, _ts: CommitTs) -> bool {
        false
    }

    /// Nothing at or below `ts` will follow. Called between transactions, when the streams are idle
    /// and at the end of a run. The position reaches `ts` once everything before is durable.
    ///
    /// # Errors
    /// If an earlier transaction could not be applied.
    fn resolved(&mut self, ts: CommitTs) -> Result<()>;

    /// Called instead of `apply` for a transaction that has nothing for the target and is only the
    /// bookkeeping of a replication tool. The position moves, but that alone is no reason to save
    /// it: otherwise two links of opposite directions would answer each other's saves for ever.
    ///
    /// # Errors
    /// If an earlier transaction could not be applied.
    fn pass_over(&mut self, ts: CommitTs) -> Result<()> {
        self.apply(Txn { commit_ts: ts, change: Change::Nothing })
    }

    /// Called when no further transaction is there right now: everything kept for a batch is sent
    /// to the target. Does not wait for it.
    ///
    /// # Errors
    /// If an earlier transaction could not be applied.
    fn flush(&mut self) -> Result<()>;

    /// Whether something is still kept after [`flush`](Self::flush), because the target is busy.
    /// Then the caller waits only briefly for the next transaction before it flushes again.
    fn holds_back(&self) -> bool {
        false
    }

    /// The upstream's schema version as of the last transaction taken. Called at the start of a run
    /// and after each DDL; for a sink that stores the version with the position.
    fn followed(&mut self, _schema_version: i64) {}

    /// From here on, transactions include data that links of these other clusters wrote upstream.
    /// Called before the first such transaction, with all clusters known so far; for a sink that
    /// stores them with the data, so that it is noticed if the data ever comes back to one of them.
    fn set_origins(&mut self, _origins: &BTreeSet<u64>) {}

    /// The operator's rules leave out DDL on this table of the target: if its columns are
    /// different, rows are written with those that both sides have. Called before the run, and
    /// before the first row or DDL that it is needed for; may be repeated.
    fn may_differ(&mut self, _schema: &str, _table: &str) {}

    /// The target's definition of a table, for rows that come without definitions. Called between
    /// transactions. Everything taken up to the last DDL, that DDL included, is durable before it
    /// answers.
    ///
    /// # Errors
    /// If the target cannot tell, or cannot be asked.
    fn definition(&mut self, schema: &str, table: &str) -> Result<Definition> {
        Err(Fault::refused(format!("this target cannot describe `{schema}`.`{table}`"))
            .hint("Drainer's files have no definitions: replay them into MySQL, MariaDB or TiDB")
            .into())
    }

    /// For each of `rows` of `table`, the index of the first of `partitions` that it belongs to, by
    /// the target's present definition; `None` for a row in none of them. Called between
    /// transactions, for rows behind a TRUNCATE or EXCHANGE PARTITION.
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

    /// The names of the tables in a database of the target. Called as
    /// [`definition`](Self::definition), with the same guarantee.
    ///
    /// # Errors
    /// If the target cannot tell, or cannot be asked.
    fn tables(&mut self, schema: &str) -> Result<Vec<String>> {
        Err(Fault::refused(format!("this target cannot tell which tables `{schema}` has"))
            .hint("Drainer's files have no definitions: replay them into MySQL, MariaDB or TiDB")
            .into())
    }

    /// Waits until everything taken is durable, and saves the position. Called at the end of a run,
    /// also after an error of the source.
    ///
    /// # Errors
    /// If something could not be applied, or the position could not be saved.
    fn drain(&mut self) -> Result<()>;

    /// What was done in this run so far. Called at the end of a run, also after an error.
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
    /// DDLs that were not run: irrelevant to the target, or skipped by the operator.
    pub skipped_ddl: u64,
    /// DDLs that the operator replaced with other statements.
    pub replaced_ddl: u64,
    /// DDLs that were followed and not run, because this link runs none.
    pub unrun_ddl: u64,
    /// DDLs that were followed and not run because a user ran them on the side that has no DDL of
    /// its own; the operator accepts that.
    pub wrong_side_ddl: u64,
    /// DDLs that were followed and not run, because the target had them first.
    pub returned_ddl: u64,
    /// DDLs of this run that the operator had skipped or replaced.
    pub decided: Vec<DecidedDdl>,
    /// Row changes that were not applied because a skipped DDL would have created their table.
    pub skipped_rows: u64,
    /// Tables on which the target was not as expected. In safe mode, or if the operator chose so,
    /// it was overwritten; otherwise the run ended with it, and nothing of it is on the target.
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

/// Deviations of one table from what the stream says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Anomalies {
    /// Rows to delete or to change that were not there.
    pub missing: u64,
    /// Rows to insert that met another row with their key.
    pub duplicate: u64,
}

impl Anomalies {
    /// Adds those of another part.
    pub fn add(&mut self, more: Self) {
        self.missing += more.missing;
        self.duplicate += more.duplicate;
    }

    /// The event that reports them for this table.
    #[must_use]
    pub fn event(self, table: &str) -> Event {
        Event::Odd { table: table.to_owned(), missing: self.missing, duplicate: self.duplicate }
    }
}

/// A table that is not on the target because the DDL that creates it was skipped.
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
