//! The one path by which a session begins a transaction: with the mark first, if the session carries one.
//!
//! A transaction whose mark does not change exactly one row is rolled back, whatever else it would have done. A row that somebody
//! deleted is made anew in a transaction of its own before the next try; nothing goes out unmarked.

use super::failure::{classify, explain};
use super::retry::passes;
use super::session::{Changed, Session, shorten};
use crate::checkpoint::Failed;
use crate::mark::Carrier;

/// How often a mark's row is made again within one beginning, before somebody who deletes it as often is too much.
const TRIES: u32 = 5;

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
    /// From here on each transaction of this session carries a mark of `carrier`.
    pub fn carry(&mut self, carrier: Option<Carrier>) {
        self.carrier = carrier;
    }

    /// Begins a transaction with the statement `first`, in one round trip where the server takes several statements at once;
    /// gives the number of rows that `first` found or changed. After an error [`rollback`](Self::rollback) is due.
    ///
    /// # Errors
    /// What the server said; refused if the mark could not be set.
    pub fn begin_with(&mut self, first: &str) -> Result<u64, Failed> {
        self.open_with(Some(first), "cannot begin a transaction on the target")
    }

    /// Begins a transaction.
    pub(crate) fn open_transaction(&mut self) -> Result<(), Failed> {
        self.open_with(None, "the target refused `START TRANSACTION`").map(drop)
    }

    /// Runs a statement that writes, within the open transaction or as one that carries the mark; the latter is only committed if it
    /// changed something. Gives the number of rows that it found or changed.
    pub(crate) fn write(&mut self, sql: &str) -> Result<u64, Failed> {
        if self.in_transaction() || self.carrier.is_none() {
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

    fn open_with(&mut self, first: Option<&str>, attempted: &str) -> Result<u64, Failed> {
        let refused = |error| Failed::Target { error, attempted: attempted.to_owned() };
        let Some(carrier) = self.carrier.clone() else {
            let statements: Vec<&str> = ["START TRANSACTION"].into_iter().chain(first).collect();
            self.set_in_transaction();
            let done = self.run_all(&statements).map_err(|(_, error)| refused(error))?;
            return Ok(done.last().map_or(0, |c| c.found));
        };
        for _ in 0..TRIES {
            let statements: Vec<&str> = ["START TRANSACTION", carrier.update()].into_iter().chain(first).collect();
            self.set_in_transaction();
            let done = match self.run_all(&statements) {
                Ok(done) => done,
                Err((1, error)) if !passes(classify(&error)) => {
                    self.rollback();
                    return Err(why(&carrier, &error).into());
                }
                Err((_, error)) => return Err(refused(error)),
            };
            match marked(done.get(1)) {
                Marked::Set => return Ok(done.get(2).map_or(0, |c| c.found)),
                Marked::Missing => {
                    self.rollback();
                    carrier.tell_missing();
                    self.exec(carrier.insert()).map_err(|failed| match failed {
                        Failed::Target { error, .. } if !passes(classify(&error)) => why(&carrier, &error).into(),
                        other => other,
                    })?;
                }
                Marked::Wrong(found) => {
                    self.rollback();
                    return Err(carrier.wrong(&found).into());
                }
            }
        }
        Err(carrier.wrong("is deleted as soon as it is made").into())
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

fn why(carrier: &Carrier, error: &mysql::Error) -> crate::error::Fault {
    let said = explain(error, "");
    carrier.refused(classify(error), said.root_cause().to_string().as_str())
}
