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

/// The error code of a proxy that cannot parse several statements at once.
const PARSE_ERROR: u16 = 1064;
/// TiDB's error code for a client that did not request several statements at once (we do).
const NO_MULTI_STATEMENTS: u16 = 8130;

/// How often a mark's row is created again within one begin, before that is given up because
/// another process keeps deleting it.
const TRIES: u32 = 5;

/// The first statement of each transaction of a session, which has to change exactly one row;
/// otherwise the transaction is rolled back.
///
/// A link's marks are the only implementation; a session knows nothing about marks.
pub trait Prelude: Send + Sync {
    /// The first statement of each transaction: it raises the number in its row by one. Constant.
    fn statement(&self) -> &str;

    /// A query that reads and locks that number, for a transaction that is going to raise it.
    fn lock(&self) -> &str;

    /// A statement that creates the row if it is missing; its change counts like that of
    /// `statement`.
    fn insert(&self) -> &str;

    /// Reports that the row was missing. Called each time before the row is created again.
    fn tell_missing(&self);

    /// The error if the row stays missing, or the statement `found` something else than one row.
    /// The transaction is rolled back.
    fn wrong(&self, found: &str) -> Fault;

    /// The error if the server refuses the statement with an error of `class`, and the text that it
    /// `said`.
    fn refused(&self, class: Class, said: &str) -> Fault;

    /// The comment before each statement of the DDL at `ts`, which cannot be in a transaction.
    fn comment(&self, ts: CommitTs) -> String;
}

/// The effect of a statement.
pub(crate) struct Changed {
    /// Rows that it matched, inserted or deleted.
    pub(crate) found: u64,
    /// Rows that an UPDATE changed, if the server tells: `Rows matched: 1  Changed: 1  Warnings:
    /// 0`.
    pub(crate) changed: Option<u64>,
}

/// The effect of a mark's statement.
enum Marked {
    /// It changed one row.
    Set,
    /// Its row does not exist.
    Missing,
    /// It had another effect.
    Wrong(String),
}

impl Session {
    /// Sets `prelude` as the beginning of each further transaction of this session.
    pub fn set_prelude(&mut self, prelude: Option<Arc<dyn Prelude>>) {
        self.prelude = prelude;
    }

    /// The comment before each statement of the DDL at `ts`, if this session has a prelude.
    #[must_use]
    pub fn comment(&self, ts: CommitTs) -> Option<String> {
        self.prelude.as_ref().map(|prelude| prelude.comment(ts))
    }

    /// Begins a transaction with the statement `first`, in one round trip if the server accepts
    /// several statements at once; returns the number of rows that `first` matched or changed.
    /// After an error, call [`rollback`](Self::rollback).
    ///
    /// # Errors
    /// The server's error; refused if the mark could not be set.
    pub fn begin_with(&mut self, first: &str) -> Result<u64, SessionError> {
        self.open_with(Some(first), "cannot begin a transaction on the target")
    }

    /// Begins a transaction.
    pub(crate) fn open_transaction(&mut self) -> Result<(), SessionError> {
        self.open_with(None, "the target refused `START TRANSACTION`").map(drop)
    }

    /// Runs a statement that writes, within the open transaction or in one of its own with the
    /// mark, which is only committed if the statement changed something. Returns the number of rows
    /// that it matched or changed.
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

    /// Raises the mark in a transaction that was not begun here, but by the first statement with
    /// autocommit off. `raised` is the value from an earlier try, which is valid unless the server
    /// has rolled that back meanwhile; a mark is raised only once.
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

    /// Commits the open transaction, and keeps the server's answer in an error; after an error,
    /// call [`rollback`](Self::rollback).
    pub(crate) fn commit_open(&mut self) -> Result<(), SessionError> {
        self.exec("COMMIT")?;
        self.transaction = false;
        Ok(())
    }

    /// Sends `statements`, which return no rows, in one round trip if the server accepts several at
    /// once. Returns how many rows each matched or changed; an error has the number of its
    /// statement.
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
            // An error of a statement after the first shows as its first row.
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
