//! Runs DDL: alone, with its intent stored first, never twice.
//!
//! The protocol is in docs/protocol/tidb-binlog.md §7.7 and docs/protocol/tidb-formats.md §6.4.
//!
//! ```text
//! mod               what becomes of each job type; the operator's policy: skip, replace, ask, none
//! decision          how a DDL is handled, by type and text: run, replaced, left out, refused
//! skipped           DDLs that the operator skips, tables missing since; DDL followed but not run
//! sequence          statements that name sequences as tables, for a target that has none;
//!                   ALTER SEQUENCE within the range that MariaDB takes
//! define            statements made from definitions
//! form              what a statement is about; its text for this target: charsets, names, views
//! dialect           translation of TiDB's SQL for the target
//! constraint        names of foreign keys and CHECKs, which must be unique beyond their table
//! foreign_key       foreign keys that hold a column: dropped, and added again afterwards
//! conversion        columns of another type whose values this target would convert otherwise;
//!                   columns that become TIMESTAMPs, or cease to be; charsets, collations
//! conversion_table  the pairs of types concerned; generated columns that divide
//! run               one statement at a time, each under an intent; resumes after a lost
//!                   connection; asks when a statement is refused
//! begun             what is stored of a DDL in flight
//! settle            at the start of a run, what became of a DDL in flight; what an operator reads
//!                   when a statement does not complete
//! picture           what a statement concerns on the target, read before and after
//! wait              until the session that ran a statement is gone
//! expected          what the tables have to be in the end, and whether they are
//! judge             two pictures: not done, done, in part, unknown
//! ```
//!
//! The file itself holds two parts: what becomes of each type of DDL job, and what the operator
//! wants to become of DDLs: run or not, and what to do about one that the target refuses.

mod begun;
mod constraint;
mod conversion;
mod conversion_table;
mod decision;
pub(crate) mod define;
pub(crate) mod dialect;
mod expected;
mod foreign_key;
pub mod form;
pub mod judge;
pub mod picture;
mod run;
mod sequence;
mod settle;
pub mod skipped;
mod wait;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use clap::ValueEnum;

use crate::error::Fault;
use crate::model::{ActionType, CommitTs, Ddl};
use crate::mysql::error::SessionError;
use crate::mysql::error::refuse;
pub use begun::Begun;
pub use expected::{Reference, reference, reference_of_text};
pub use run::{DdlContext, How, Ran, announce, resume, run};
pub use settle::{Settled, settle};
pub use skipped::Unrun;

/// How a type of job is handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Runs, translated for the target.
    Runs,
    /// Runs if the target is TiDB; irrelevant to others, for this reason.
    RunsOnTidb(&'static str),
    /// Runs unless the target is MySQL, to which it is irrelevant.
    RunsUnlessMysql(&'static str),
    /// Irrelevant to every target.
    LeftOut(&'static str),
    /// It brings back rows that are in no binlog: the run stops.
    BringsBack,
    /// It repairs the upstream's own metadata of a table: left out, unless it leaves a different
    /// table.
    Repairs,
    /// TiDB no longer has such a job, or did not when this program was written.
    Unused,
}

const LOCKS: &str = "locks concern only the upstream";
const TIFLASH: &str = "TiFlash concerns only the upstream";
const ATTRIBUTES: &str = "attributes concern only the upstream's stores";
const PLACEMENT: &str = "placement concerns only the upstream's stores";
const CACHES: &str = "table caches concern only the upstream";
const GROUPS: &str = "resource groups concern only the upstream";
const SEQUENCES: &str = "MySQL has no sequences";
const TTL: &str = "the rows that TTL deletes are replicated anyway";

/// How jobs of this type are handled.
const fn fate(action: ActionType) -> Fate {
    use ActionType as Type;
    use Fate::{BringsBack, LeftOut, Repairs, Runs, RunsOnTidb, RunsUnlessMysql, Unused};
    match action {
        Type::RecoverTable | Type::FlashbackCluster | Type::RecoverSchema => BringsBack,
        Type::LockTable | Type::UnlockTable => LeftOut(LOCKS),
        Type::RepairTable => Repairs,
        Type::SetTiFlashReplica | Type::UpdateTiFlashReplica => LeftOut(TIFLASH),
        Type::CreateSequence | Type::AlterSequence | Type::DropSequence => RunsUnlessMysql(SEQUENCES),
        Type::AlterTableAttributes | Type::AlterPartitionAttributes => LeftOut(ATTRIBUTES),
        Type::CreatePlacementPolicy
        | Type::AlterPlacementPolicy
        | Type::DropPlacementPolicy
        | Type::AlterPartitionPlacement
        | Type::ModifySchemaPlacement
        | Type::AlterTablePlacement => LeftOut(PLACEMENT),
        Type::CacheTable | Type::NoCacheTable => LeftOut(CACHES),
        Type::AlterTableStatistics => LeftOut("statistics concern only the upstream"),
        Type::AlterTtl | Type::RemoveTtl => RunsOnTidb(TTL),
        Type::CreateResourceGroup | Type::AlterResourceGroup | Type::DropResourceGroup => LeftOut(GROUPS),
        Type::AddColumnarIndex => LeftOut("columnar indexes concern only the upstream's TiFlash"),
        Type::ModifyEngineAttribute => LeftOut("engine attributes concern only the upstream"),
        Type::AlterTableMode => LeftOut("a table's mode concerns only the upstream"),
        Type::RefreshMeta => LeftOut("it concerns only the upstream's schema cache"),
        Type::ModifySchemaReadOnly => LeftOut("it would lock out tisync as well"),
        Type::None | Type::AlterPartition | Type::Unused | Type::Other(_) => Unused,
        Type::CreateSchema
        | Type::DropSchema
        | Type::CreateTable
        | Type::DropTable
        | Type::AddColumn
        | Type::DropColumn
        | Type::AddIndex
        | Type::DropIndex
        | Type::AddForeignKey
        | Type::DropForeignKey
        | Type::TruncateTable
        | Type::ModifyColumn
        | Type::RebaseAutoId
        | Type::RenameTable
        | Type::SetDefaultValue
        | Type::ShardRowId
        | Type::ModifyTableComment
        | Type::RenameIndex
        | Type::AddPartition
        | Type::DropPartition
        | Type::CreateView
        | Type::ModifyTableCharset
        | Type::TruncatePartition
        | Type::DropView
        | Type::ModifySchemaCharset
        | Type::AddPrimaryKey
        | Type::DropPrimaryKey
        | Type::AddColumns
        | Type::DropColumns
        | Type::ModifyAutoIdCache
        | Type::RebaseAutoRandom
        | Type::AlterIndexVisibility
        | Type::ExchangePartition
        | Type::AddCheck
        | Type::DropCheck
        | Type::AlterCheck
        | Type::RenameTables
        | Type::DropIndexes
        | Type::CreateTables
        | Type::MultiSchemaChange
        | Type::ReorganizePartition
        | Type::PartitionBy
        | Type::RemovePartitioning => Runs,
    }
}

/// Whether the job brings back rows that are in no binlog.
fn brings_back(action: ActionType) -> bool {
    fate(action) == Fate::BringsBack
}

/// What to do about a DDL that the target refuses, or that cannot run there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDdlError {
    /// The run ends, with a hint.
    #[default]
    Stop,
    /// The operator is asked, by [`Asker`]; without one it is like [`Stop`](Self::Stop).
    Ask,
}

impl fmt::Display for OnDdlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stop => "stop",
            Self::Ask => "ask",
        })
    }
}

/// The operator's decisions about DDLs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DdlPolicy {
    /// Whether DDLs run on the target. If not, the schema is followed and the position moves, as
    /// with Drainer's `sync-ddl = false`.
    pub run: bool,
    /// DDLs that are not run, by commit ts.
    pub skip: BTreeSet<CommitTs>,
    /// What runs instead of a DDL, by commit ts: one statement, or several separated by semicolons.
    pub replace: BTreeMap<CommitTs, String>,
    /// What to do about other DDLs that fail.
    pub on_error: OnDdlError,
    /// What to do about a DDL that the link of the other direction did not bring, if no DDL runs on
    /// this link because that one brings them.
    pub wrong_side: WrongSide,
}

/// What to do about a DDL that a user ran on the side that has no DDL of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum WrongSide {
    /// The run ends before it.
    #[default]
    Stop,
    /// It is followed and not run on the target.
    Ignore,
}

impl fmt::Display for WrongSide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stop => "stop",
            Self::Ignore => "ignore",
        })
    }
}

impl Default for DdlPolicy {
    /// All DDLs run, and the first that fails ends the run.
    fn default() -> Self {
        Self {
            run: true,
            skip: BTreeSet::new(),
            replace: BTreeMap::new(),
            on_error: OnDdlError::Stop,
            wrong_side: WrongSide::Stop,
        }
    }
}

impl DdlPolicy {
    /// The statements that run instead of the DDL at `ts`, if there are any.
    ///
    /// # Errors
    /// A usage fault if the replacement is empty.
    fn instead(&self, ts: CommitTs) -> Result<Option<Vec<String>>, Fault> {
        let Some(text) = self.replace.get(&ts) else { return Ok(None) };
        let statements: Vec<String> = crate::sql::statements(text).into_iter().map(str::to_owned).collect();
        if statements.is_empty() {
            return Err(Fault::usage(format!("the replacement for the DDL of commit ts {} is empty", ts.0))
                .hint(format!("`--on-ddl-error skip:{}` leaves it out", ts.0)));
        }
        Ok(Some(statements))
    }
}

/// A DDL that did not run, as shown to the operator who decides what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DdlTrouble {
    /// Its commit ts.
    pub commit_ts: CommitTs,
    /// The database that is current for it.
    pub schema: String,
    /// The statement as the upstream wrote it.
    pub statement: String,
    /// Why it did not run: the server's error, or why it was not sent.
    pub error: String,
}

/// The operator's decision about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Try again: the operator has changed something on the target.
    Again,
    /// Go on without it.
    Skip,
    /// Run this instead.
    Replace(String),
    /// End the run.
    Stop,
}

/// Asks the operator. Called from a worker's thread, which waits for the answer.
#[derive(Clone)]
pub struct Asker(Arc<dyn Fn(&DdlTrouble) -> Answer + Send + Sync>);

impl Asker {
    /// Asks by calling `ask`.
    pub fn new(ask: impl Fn(&DdlTrouble) -> Answer + Send + Sync + 'static) -> Self {
        Self(Arc::new(ask))
    }

    /// Asks, and waits for the answer.
    #[must_use]
    pub fn ask(&self, trouble: &DdlTrouble) -> Answer {
        (self.0)(trouble)
    }
}

impl fmt::Debug for Asker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Asker")
    }
}

impl DdlTrouble {
    fn new(ts: CommitTs, ddl: &Ddl, error: &anyhow::Error) -> Self {
        Self { commit_ts: ts, schema: ddl.schema.clone(), statement: ddl.query.clone(), error: format!("{error:#}") }
    }
}

/// The refusal of a DDL as the error that ends the run, with the ways to continue if it does not
/// name them.
fn for_good(ts: CommitTs, failed: SessionError) -> anyhow::Error {
    match failed {
        SessionError::Target { error, attempted } => refuse(
            &error,
            attempted,
            &format!(
                "run something else instead with `--on-ddl-error 'replace:{}=SQL'`, or continue without this DDL with \
                 `--skip-ddl {}`",
                ts.0, ts.0
            ),
        ),
        SessionError::Refused(error) => error,
    }
}

#[cfg(test)]
mod judge_tests;

#[cfg(test)]
mod policy_tests {
    use super::*;

    #[test]
    fn a_replacement_may_be_several_statements_but_not_none() {
        let with = |text: &str| {
            let replace = BTreeMap::from([(CommitTs(7), text.to_owned())]);
            DdlPolicy { replace, ..DdlPolicy::default() }.instead(CommitTs(7))
        };
        assert_eq!(with("DO 0; ALTER TABLE `a;b` ENGINE = InnoDB;").unwrap().unwrap().len(), 2);
        assert!(with(" ; ").unwrap_err().message.contains("of commit ts 7"));
        assert_eq!(DdlPolicy::default().instead(CommitTs(7)).unwrap(), None);
    }
}
