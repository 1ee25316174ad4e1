//! The only way a session begins a transaction: with the mark first, if the session carries one.
//!
//! A transaction whose mark does not change exactly one row is rolled back, regardless of its other
//! changes. If the mark's row was deleted, it is made again in a transaction of its own before the
//! next try; nothing goes out unmarked.

use std::sync::Arc;

use mysql::DriverError;
use mysql::prelude::Queryable;

use super::answer::guarded;
use super::error::{Class, SessionError, classify, explain};
use super::session::{Session, second_number, shorten};
use crate::error::Fault;
use crate::model::CommitTs;

/// What a proxy that knows no pairs of statements makes of one.
const PARSE_ERROR: u16 = 1064;
/// TiDB's word for a client that did not ask for several statements at once (we do).
const NO_MULTI_STATEMENTS: u16 = 8130;

/// How often a mark's row is made again within one beginning, before it is given up because another
/// process deletes it as often.
const TRIES: u32 = 5;

/// What each transaction of a session begins with: a statement that changes exactly one row, or the
/// transaction is rolled back.
///
/// The link's marks are one; a session knows nothing of them.
pub trait Prelude: Send + Sync {
    /// The first statement of each transaction: it raises the number of its row by one.
    fn statement(&self) -> &str;

    /// Reads that number within a transaction that is to raise it.
    fn lock(&self) -> &str;

    /// Makes the row anew where it is gone; does by itself what the statement does.
    fn insert(&self) -> &str;

    /// Says that the row was gone.
    fn tell_missing(&self);

    /// Why nothing goes out where the row stays away, or the statement `found` something else than
    /// one row.
    fn wrong(&self, found: &str) -> Fault;

    /// Why nothing goes out where the server refuses the statement with an error of `class`, and
    /// what it `said`.
    fn refused(&self, class: Class, said: &str) -> Fault;

    /// What stands in front of each statement of the DDL at `ts`, which no transaction can hold.
    fn comment(&self, ts: CommitTs) -> String;
}

/// What a statement did.
pub(crate) struct Changed {
    /// Rows that it found, or inserted or deleted.
    pub(crate) found: u64,
    /// Rows that an UPDATE changed, where the server says so: `Rows matched: 1  Changed: 1
    /// Warnings: 0`.
    pub(crate) changed: Option<u64>,
}

/// What became of a mark.
enum Marked {
    /// One row was changed.
    Set,
    /// Its row is not there.
    Missing,
    /// It changed something else.
    Wrong(String),
}

impl Session {
    /// From here on each transaction of this session begins with `prelude`.
    pub fn set_prelude(&mut self, prelude: Option<Arc<dyn Prelude>>) {
        self.prelude = prelude;
    }

    /// What stands in front of each statement of the DDL at `ts`, if this session has a prelude.
    #[must_use]
    pub fn comment(&self, ts: CommitTs) -> Option<String> {
        self.prelude.as_ref().map(|prelude| prelude.comment(ts))
    }

    /// Begins a transaction with the statement `first`, in one round trip where the server takes
    /// several statements at once; gives the number of rows that `first` found or changed. After an
    /// error [`rollback`](Self::rollback) is due.
    ///
    /// # Errors
    /// What the server said; refused if the mark could not be set.
    pub fn begin_with(&mut self, first: &str) -> Result<u64, SessionError> {
        self.open_with(Some(first), "cannot begin a transaction on the target")
    }

    /// Begins a transaction.
    pub(crate) fn open_transaction(&mut self) -> Result<(), SessionError> {
        self.open_with(None, "the target refused `START TRANSACTION`").map(drop)
    }

    /// Runs a statement that writes, within the open transaction or as one that carries the mark;
    /// the latter is only committed if it changed something. Gives the number of rows that it found
    /// or changed.
    pub(crate) fn write(&mut self, sql: &str) -> Result<u64, SessionError> {
        if self.in_transaction() || self.prelude.is_none() {
            return self.exec(sql);
        }
        let attempted = format!("the target refused `{}`", shorten(sql));
        let done = self.open_with(Some(sql), &attempted).and_then(|changed| {
            if changed > 0 {
                self.commit_open()?;
            }
            Ok(changed)
        });
        self.rollback();
        done
    }

    /// Raises the mark in a transaction that is not begun here: with autocommit off, by the first
    /// statement. `raised` is what an earlier try made of it, which holds unless the server has
    /// rolled that back meanwhile; a mark is raised once.
    pub(crate) fn mark_open(&mut self, raised: &mut Option<i64>) -> Result<(), SessionError> {
        let Some(prelude) = self.prelude.clone() else { return Ok(()) };
        match self.fetch_one::<i64>(prelude.lock())? {
            Some(val) if *raised == Some(val) => return Ok(()),
            Some(val) => {
                *raised = None;
                let found = self.exec(prelude.statement())?;
                if found != 1 {
                    return Err(prelude.wrong(&format!("is {found} rows")).into());
                }
                *raised = Some(val + 1);
            }
            None => {
                self.exec(prelude.insert())?;
                *raised = Some(0);
            }
        }
        Ok(())
    }

    /// Runs `work` in a transaction of its own, which is rolled back if it fails.
    pub(crate) fn transaction<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, SessionError>,
    ) -> Result<T, SessionError> {
        let done =
            self.open_transaction().and_then(|()| work(self)).and_then(|value| self.commit_open().map(|()| value));
        self.rollback();
        done
    }

    /// Makes durable what is open, and keeps what the server says; after an error
    /// [`rollback`](Self::rollback) is due.
    pub(crate) fn commit_open(&mut self) -> Result<(), SessionError> {
        self.exec("COMMIT")?;
        self.transaction = false;
        Ok(())
    }

    /// Sends `statements`, which give no rows, in one round trip where the server takes several at
    /// once. Gives how many rows each found or changed; an error with the number of the statement
    /// that it belongs to.
    pub(crate) fn run_all(&mut self, statements: &[&str]) -> Result<Vec<Changed>, (usize, mysql::Error)> {
        let asked = self.asks(statements.last().copied().unwrap_or_default());
        asked.answered(self.send_all(statements))
    }

    fn send_all(&mut self, statements: &[&str]) -> Result<Vec<Changed>, (usize, mysql::Error)> {
        if self.pairs && statements.len() > 1 {
            match self.run_together(statements) {
                Err((_, mysql::Error::MySqlError(e))) if matches!(e.code, PARSE_ERROR | NO_MULTI_STATEMENTS) => {
                    self.pairs = false;
                }
                other => return other,
            }
        }
        let mut changed = Vec::with_capacity(statements.len());
        for (number, sql) in statements.iter().enumerate() {
            let done = guarded(|| {
                let result = self.conn.query_iter(*sql)?;
                Ok(Changed { found: result.affected_rows(), changed: second_number(&result.info_str()) })
            });
            changed.push(done.map_err(|e| (number, e))?);
        }
        Ok(changed)
    }

    fn run_together(&mut self, statements: &[&str]) -> Result<Vec<Changed>, (usize, mysql::Error)> {
        let mut number = 0;
        guarded(|| self.send_together(statements, &mut number)).map_err(|error| (number, error))
    }

    fn send_together(&mut self, statements: &[&str], number: &mut usize) -> mysql::Result<Vec<Changed>> {
        let mut results = self.conn.query_iter(statements.join("; "))?;
        let mut changed = Vec::with_capacity(statements.len());
        for at in 0..statements.len() {
            *number = at;
            let Some(mut result) = results.iter() else {
                return Err(mysql::Error::DriverError(DriverError::UnexpectedPacket));
            };
            changed.push(Changed { found: result.affected_rows(), changed: second_number(&result.info_str()) });
            // An error of a statement behind the first shows as its first row.
            result.next().transpose()?;
        }
        Ok(changed)
    }

    fn open_with(&mut self, first: Option<&str>, attempted: &str) -> Result<u64, SessionError> {
        let refused = |error| SessionError::Target { error, attempted: attempted.to_owned() };
        let Some(prelude) = self.prelude.clone() else {
            let statements: Vec<&str> = ["START TRANSACTION"].into_iter().chain(first).collect();
            self.transaction = true;
            let done = self.run_all(&statements).map_err(|(_, error)| refused(error))?;
            return Ok(done.last().map_or(0, |c| c.found));
        };
        for _ in 0..TRIES {
            let statements: Vec<&str> = ["START TRANSACTION", prelude.statement()].into_iter().chain(first).collect();
            self.transaction = true;
            let done = match self.run_all(&statements) {
                Ok(done) => done,
                Err((1, error)) if !classify(&error).is_transient() => {
                    self.rollback();
                    return Err(why(prelude.as_ref(), &error).into());
                }
                Err((_, error)) => return Err(refused(error)),
            };
            match marked(done.get(1)) {
                Marked::Set => return Ok(done.get(2).map_or(0, |c| c.found)),
                Marked::Missing => {
                    self.rollback();
                    prelude.tell_missing();
                    self.exec(prelude.insert()).map_err(|failed| match failed {
                        SessionError::Target { error, .. } if !classify(&error).is_transient() => {
                            why(prelude.as_ref(), &error).into()
                        }
                        other => other,
                    })?;
                }
                Marked::Wrong(found) => {
                    self.rollback();
                    return Err(prelude.wrong(&found).into());
                }
            }
        }
        Err(prelude.wrong("is deleted as soon as it is made").into())
    }
}

fn marked(update: Option<&Changed>) -> Marked {
    match update {
        Some(Changed { found: 1, changed: None | Some(1) }) => Marked::Set,
        Some(Changed { found: 0, .. }) | None => Marked::Missing,
        Some(Changed { found: 1, .. }) => Marked::Wrong("was found but did not change".to_owned()),
        Some(Changed { found, .. }) => Marked::Wrong(format!("is {found} rows")),
    }
}

fn why(prelude: &dyn Prelude, error: &mysql::Error) -> Fault {
    let said = explain(error, "");
    prelude.refused(classify(error), said.root_cause().to_string().as_str())
}
