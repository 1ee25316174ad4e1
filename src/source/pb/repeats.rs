//! Tells a transaction that Drainer wrote again after a restart from one that is out of order.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::error::Fault;
use crate::model::{CommitTs, RawTxn};
use crate::source::forward::print;

/// Transactions whose content is remembered. Drainer's checkpoint lags by seconds; what lies further back is passed over unseen.
const REMEMBERED: usize = 100_000;

/// What has been read.
pub(super) struct Repeats {
    last: CommitTs,
    recent: BTreeMap<CommitTs, u64>,
    passed_over: u64,
}

impl Repeats {
    pub(super) fn new() -> Self {
        Self { last: CommitTs(0), recent: BTreeMap::new(), passed_over: 0 }
    }

    /// The highest commit ts so far.
    pub(super) fn last(&self) -> CommitTs {
        self.last
    }

    /// How many transactions were there before.
    pub(super) fn passed_over(&self) -> u64 {
        self.passed_over
    }

    /// Whether `txn` lies behind all that came before; false if it was there already.
    ///
    /// # Errors
    /// If it lies before what was read and was not there, or not like this.
    pub(super) fn is_new(&mut self, txn: &RawTxn) -> Result<bool> {
        let ts = txn.commit_ts;
        let print = print(txn);
        if ts > self.last {
            self.last = ts;
            self.recent.insert(ts, print);
            if self.recent.len() > REMEMBERED {
                self.recent.pop_first();
            }
            return Ok(true);
        }
        self.passed_over += 1;
        let forgotten = self.recent.first_key_value().is_none_or(|(first, _)| ts < *first);
        match self.recent.get(&ts) {
            Some(known) if *known == print => Ok(false),
            None if forgotten => Ok(false),
            known => {
                let why = if known.is_some() {
                    "and differs from the one that was there"
                } else {
                    "and was not there before"
                };
                let text = format!("the transaction of {} comes behind {}, {why}", ts.explain(), self.last.explain());
                Err(Fault::refused(text)
                    .hint("Drainer writes the same again after a restart, never another: are the files of one Drainer only?")
                    .into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Body;

    fn txn(ts: u64, text: &'static str) -> RawTxn {
        RawTxn { commit_ts: CommitTs(ts), start_ts: CommitTs(ts - 1), body: Body::Statement(text.into()) }
    }

    #[test]
    fn the_same_again_is_passed_over() {
        let mut repeats = Repeats::new();
        for ts in [5, 7, 9] {
            assert!(repeats.is_new(&txn(ts, "a")).unwrap());
        }
        assert!(!repeats.is_new(&txn(7, "a")).unwrap());
        assert!(!repeats.is_new(&txn(9, "a")).unwrap());
        assert!(!repeats.is_new(&txn(3, "from before the files")).unwrap());
        assert!(repeats.is_new(&txn(10, "a")).unwrap());
        assert_eq!((repeats.passed_over(), repeats.last()), (3, CommitTs(10)));
        for bad in [txn(8, "a"), txn(7, "b")] {
            assert!(repeats.is_new(&bad).is_err(), "{bad:?}");
        }
    }
}
