//! The row changes of one transaction that is too large to be held as a batch, or that may be split: taken in portions.

use anyhow::Result;

use super::batch::Part;
use super::skipped::Skipped;
use crate::decode::LargeTxn;
use crate::model::{CommitTs, RowChange};

/// Where the rows come from. They can be gone through again, for another try.
pub(super) enum Rows {
    /// Decoded one after the other.
    Lazy(Box<LargeTxn>),
    /// There already.
    Ready { rows: Vec<RowChange>, next: usize },
}

impl Rows {
    /// Back to the first row, then over `done` of them.
    ///
    /// # Errors
    /// If the rows cannot be read.
    pub(super) fn restart(&mut self, done: u64) -> Result<()> {
        match self {
            Self::Lazy(txn) => {
                txn.rewind();
                txn.pass_over(done).map(drop)
            }
            Self::Ready { next, .. } => {
                *next = usize::try_from(done)?;
                Ok(())
            }
        }
    }

    fn next(&mut self) -> Option<Result<RowChange>> {
        match self {
            Self::Lazy(txn) => txn.next(),
            Self::Ready { rows, next } => {
                let row = rows.get(*next).cloned().map(Ok);
                *next += 1;
                row
            }
        }
    }

    /// The next portion of the transaction of `ts`: at most `rows` row changes and about `bytes` bytes; `None` behind the last.
    ///
    /// # Errors
    /// If a row cannot be read.
    pub(super) fn portion(&mut self, ts: CommitTs, rows: u64, bytes: usize, skipped: &Skipped) -> Result<Option<Part>> {
        let mut part = Part::new(ts);
        let mut taken = 0;
        while taken < rows && part.bytes < bytes {
            let Some(row) = self.next() else { break };
            let row = row?;
            taken += 1;
            if skipped.has_table(row.table.id) {
                part.leave_out(row.table.id);
            } else {
                part.push(row);
            }
        }
        Ok((taken > 0).then_some(part))
    }
}
