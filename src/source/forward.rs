//! Lets a stream only go forward, and tells a message that was sent again from one that contradicts an earlier one.

use std::hash::{DefaultHasher, Hasher};

use anyhow::Result;

use crate::error::Fault;
use crate::model::{Body, CommitTs, Pulled, RawTxn};

/// How far a stream has come.
#[derive(Clone, Debug)]
pub struct Forward {
    position: CommitTs,
    /// Of the transaction at `position`; `None` after a resolved ts or at the start. A print, not the transaction:
    /// that one may have hundreds of MB.
    print: Option<u64>,
}

impl Forward {
    /// A stream of which nothing at or below `from` is wanted.
    #[must_use]
    pub fn new(from: CommitTs) -> Self {
        Self { position: from, print: None }
    }

    /// The last ts that passed.
    #[must_use]
    pub fn position(&self) -> CommitTs {
        self.position
    }

    /// Takes note of what the stream says: true if it is new, false if it repeats what was said last.
    ///
    /// # Errors
    /// If it lies behind what was said, or has the same ts as another transaction.
    pub fn pass(&mut self, pulled: &Pulled) -> Result<bool> {
        let ts = pulled.ts();
        if ts < self.position {
            let text = format!("commit ts {} comes after {}", ts.explain(), self.position.explain());
            return Err(backwards(&text));
        }
        match pulled {
            // Never a repetition, and true wherever the stream is not behind it.
            Pulled::Joins { .. } => {
                if ts > self.position {
                    *self = Self { position: ts, print: None };
                }
                Ok(true)
            }
            Pulled::Resolved(_) if ts == self.position => Ok(false),
            Pulled::Resolved(_) => {
                *self = Self { position: ts, print: None };
                Ok(true)
            }
            Pulled::Txn(txn) => {
                let print = print(txn);
                if ts > self.position {
                    *self = Self { position: ts, print: Some(print) };
                    return Ok(true);
                }
                if self.print == Some(print) {
                    return Ok(false);
                }
                let other = if self.print.is_some() {
                    "another transaction of the same commit ts"
                } else {
                    "its own word that nothing more follows up to it"
                };
                Err(backwards(&format!("a transaction of commit ts {} comes after {other}", ts.explain())))
            }
        }
    }
}

fn backwards(text: &str) -> anyhow::Error {
    Fault::refused(format!("the stream goes backwards: {text}"))
        .hint("an ordered stream cannot do this, so what it sends cannot be relied on; look at the Pump's log, or take the recording anew")
        .into()
}

/// A number that differs for transactions that differ (but for one chance in 2^64).
pub(super) fn print(txn: &RawTxn) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write_u64(txn.start_ts.0);
    match &txn.body {
        Body::Rows(rows) => {
            hasher.write_u8(1);
            hasher.write(rows);
        }
        Body::Ddl { job_id, query, schema_state } => {
            hasher.write_u8(2);
            hasher.write_i64(*job_id);
            hasher.write_i32(*schema_state);
            hasher.write(query);
        }
        Body::Nothing => hasher.write_u8(3),
        Body::Named { events, .. } => {
            hasher.write_u8(4);
            hasher.write(events);
        }
        Body::Statement(query) => {
            hasher.write_u8(5);
            hasher.write(query);
        }
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn txn(ts: u64, rows: &'static [u8]) -> Pulled {
        let body = Body::Rows(bytes::Bytes::from_static(rows));
        Pulled::Txn(RawTxn { commit_ts: CommitTs(ts), start_ts: CommitTs(1), body })
    }

    #[test]
    fn only_forward() {
        let mut forward = Forward::new(CommitTs(10));
        assert!(!forward.pass(&Pulled::Resolved(CommitTs(10))).unwrap());
        assert!(forward.pass(&txn(11, b"a")).unwrap());
        assert!(!forward.pass(&txn(11, b"a")).unwrap(), "sent again");
        assert!(forward.clone().pass(&txn(11, b"b")).is_err(), "same ts, other content");
        assert!(forward.clone().pass(&txn(10, b"a")).is_err());
        assert!(forward.clone().pass(&Pulled::Resolved(CommitTs(9))).is_err());
        assert!(forward.pass(&Pulled::Resolved(CommitTs(12))).unwrap());
        assert!(forward.pass(&txn(12, b"a")).is_err(), "it had said that nothing follows up to 12");
        assert_eq!(forward.position(), CommitTs(12));
    }
}
