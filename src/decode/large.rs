//! Decodes a transaction row by row that is too large to be decoded as a whole.

use std::fmt;
use std::sync::Arc;

use anyhow::Result;
use bytes::Bytes;

use super::{Kinds, LeftOut, Lookup, Part, TxnOutline, blame};
use crate::model::{CommitTs, Handle, LargeRows, RowChange, Table};

/// Limit of the bytes that a column takes besides its value, or by which its value is shorter in
/// the store.
const MARKS: u64 = 16;
/// Limit of the bytes of a handle that is not made of columns.
const HANDLE: u64 = 16;

/// The row changes of one transaction, decoded one by one as the iterator is advanced. It takes
/// little memory besides the raw bytes, whatever the number of rows.
///
/// A clone shares the bytes and continues on its own from the same position. The first error is the
/// last item.
#[derive(Clone)]
pub struct LargeTxn {
    commit_ts: CommitTs,
    value: Bytes,
    parts: Arc<[Part]>,
    /// Index of the next part.
    at: usize,
    /// A copy of that part which has been read up to the current position.
    begun: Option<Part>,
    given: u64,
    left_out: LeftOut,
}

impl LargeTxn {
    /// Takes a transaction of which the outline is known. `lookup` is called as for
    /// [`rows`](super::rows), once for each table, before this returns.
    ///
    /// # Errors
    /// If `lookup` fails. An error within a row, or between the rows and their order, shows when
    /// that row is reached.
    pub fn open(outline: &TxnOutline, lookup: &mut dyn FnMut(i64, i64) -> Result<Lookup>) -> Result<Self> {
        let (mut parts, left_out) = outline.parts(lookup)?;
        parts.retain(|p| p.wanted() > 0 || (p.kinds == Kinds::ALL && p.mutation.rows_left() > 0));
        let (commit_ts, value) = (outline.commit_ts, outline.value.clone());
        Ok(Self { commit_ts, value, parts: parts.into(), at: 0, begun: None, given: 0, left_out })
    }

    /// Row changes that the operator left out; no other number includes them.
    #[must_use]
    pub fn left_out(&self) -> LeftOut {
        self.left_out
    }

    /// Its tables with the number of row changes of each, in the order of the message.
    pub fn tables(&self) -> impl Iterator<Item = (&Arc<Table>, u64)> {
        self.parts.iter().map(|p| (&p.table, p.wanted()))
    }

    /// Row changes given or skipped so far.
    #[must_use]
    pub fn given(&self) -> u64 {
        self.given
    }
}

impl LargeRows for LargeTxn {
    fn commit_ts(&self) -> CommitTs {
        self.commit_ts
    }

    fn raw_size(&self) -> usize {
        self.value.len()
    }

    fn row_count(&self) -> u64 {
        self.tables().map(|(_, rows)| rows).sum()
    }

    // The new rows, without id, flag and length of each column. What updates and deletions write
    // does not show in the size of their rows; indexes are not counted.
    fn least_written(&self) -> u64 {
        let of = |part: &Part| {
            let columns = part.table.columns.len() as u64;
            let (rows, bytes) = if part.kinds.insert { part.mutation.inserted() } else { (0, 0) };
            // The columns of such a handle may come before the row and again in it.
            let bytes = if matches!(part.table.handle, Handle::Common(_)) { bytes / 2 } else { bytes };
            bytes.saturating_sub(rows.saturating_mul(columns.saturating_mul(MARKS) + HANDLE))
        };
        self.parts.iter().map(of).fold(0, u64::saturating_add)
    }

    fn rewind(&mut self) {
        (self.at, self.begun, self.given) = (0, None, 0);
    }

    fn pass_over(&mut self, count: u64) -> Result<u64> {
        let mut passed = 0;
        while passed < count {
            let Some(part) = self.parts.get(self.at) else { break };
            let begun = self.begun.get_or_insert_with(|| part.again());
            match begun.pass_over(&self.value) {
                Ok(Some(wanted)) => passed += u64::from(wanted),
                Ok(None) => (self.at, self.begun) = (self.at + 1, None),
                Err(error) => {
                    let error = blame(error, self.commit_ts, &part.table);
                    self.at = self.parts.len();
                    return Err(error);
                }
            }
        }
        self.given += passed;
        Ok(passed)
    }

    fn boxed_clone(&self) -> Box<dyn LargeRows> {
        Box::new(self.clone())
    }
}

impl Iterator for LargeTxn {
    type Item = Result<RowChange>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let part = self.parts.get(self.at)?;
            let begun = self.begun.get_or_insert_with(|| part.again());
            match begun.next(&self.value) {
                Ok(Some(change)) => {
                    self.given += 1;
                    return Some(Ok(change));
                }
                Ok(None) => (self.at, self.begun) = (self.at + 1, None),
                Err(error) => {
                    let error = blame(error, self.commit_ts, &part.table);
                    self.at = self.parts.len();
                    return Some(Err(error));
                }
            }
        }
    }
}

impl fmt::Debug for LargeTxn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tables: Vec<_> =
            self.tables().map(|(table, rows)| format!("`{}`.`{}`: {rows}", table.schema, table.name)).collect();
        f.debug_struct("LargeTxn")
            .field("commit_ts", &self.commit_ts)
            .field("bytes", &self.value.len())
            .field("tables", &tables)
            .field("given", &self.given)
            .finish()
    }
}
