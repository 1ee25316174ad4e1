//! What the operator wants to become of DDLs: run or not, and what to do about one that the target refuses.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::checkpoint::Failed;
use crate::error::Fault;
use crate::model::{CommitTs, Ddl};
use crate::sink::mysql::failure::refuse;

/// What becomes of a DDL that the target refuses, or that cannot run there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDdlError {
    /// The run ends, with what to do.
    #[default]
    Stop,
    /// Somebody is asked, by [`Asker`]; without one it is the same as [`Stop`](Self::Stop).
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

/// What the operator has decided about DDLs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DdlPolicy {
    /// Whether DDLs run on the target. Otherwise the schema is followed and the position moves, as with Drainer's `sync-ddl = false`.
    pub run: bool,
    /// DDLs that are not run, by commit ts.
    pub skip: BTreeSet<CommitTs>,
    /// What runs instead of a DDL, by commit ts: one statement, or several with semicolons between.
    pub replace: BTreeMap<CommitTs, String>,
    /// What becomes of all others that fail.
    pub on_error: OnDdlError,
    /// Where none are run because the link of the other direction brings them: what becomes of one that it did not bring.
    pub wrong_side: WrongSide,
}

/// What becomes of a DDL that somebody ran on the side that has no DDL of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WrongSide {
    /// The run ends before it.
    #[default]
    Stop,
    /// It is followed and not run, as every DDL there.
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
    /// All of them run, and the first that fails ends the run.
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
    /// A usage fault if the replacement says nothing.
    pub(super) fn instead(&self, ts: CommitTs) -> Result<Option<Vec<String>>, Fault> {
        let Some(text) = self.replace.get(&ts) else { return Ok(None) };
        let statements: Vec<String> = crate::sql::statements(text).into_iter().map(str::to_owned).collect();
        if statements.is_empty() {
            return Err(Fault::usage(format!("what shall run instead of the DDL of commit ts {} is empty", ts.0))
                .hint(format!("`--on-ddl-error skip:{}` leaves it out", ts.0)));
        }
        Ok(Some(statements))
    }
}

/// A DDL that did not run, for whoever decides what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DdlTrouble {
    /// Its commit ts.
    pub commit_ts: CommitTs,
    /// The database that is current for it.
    pub schema: String,
    /// The statement as the upstream wrote it.
    pub statement: String,
    /// Why it did not run: the server's error, or why it was not even tried.
    pub error: String,
}

/// What shall be done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Try it again: somebody has changed something on the target.
    Again,
    /// Go on without it.
    Skip,
    /// Run this instead.
    Replace(String),
    /// End the run.
    Stop,
}

/// Asks somebody. Called from a worker's thread, which waits for the answer.
#[derive(Clone)]
pub struct Asker(Arc<dyn Fn(&DdlTrouble) -> Answer + Send + Sync>);

impl Asker {
    /// One that calls `ask`.
    pub fn new(ask: impl Fn(&DdlTrouble) -> Answer + Send + Sync + 'static) -> Self {
        Self(Arc::new(ask))
    }

    /// The answer.
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
    pub(super) fn new(ts: CommitTs, ddl: &Ddl, error: &anyhow::Error) -> Self {
        Self { commit_ts: ts, schema: ddl.schema.clone(), statement: ddl.query.clone(), error: format!("{error:#}") }
    }
}

/// The refusal of a DDL as the error that ends the run, with the ways on where it does not name them.
pub(super) fn for_good(ts: CommitTs, failed: Failed) -> anyhow::Error {
    match failed {
        Failed::Target { error, attempted } => refuse(
            &error,
            attempted,
            &format!(
                "run something else instead with `--on-ddl-error 'replace:{}=SQL'`, or go on without this DDL with `--skip-ddl {}`",
                ts.0, ts.0
            ),
        ),
        Failed::Refused(error) => error,
    }
}

#[cfg(test)]
mod tests {
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
