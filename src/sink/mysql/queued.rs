//! A batch as the sink collects it and the writer takes it.

use std::sync::Arc;

use super::batch::{Definitions, Part};
use crate::model::{CommitTs, RowChange, Table};

/// Whole upstream transactions that are applied in one transaction of the target.
#[derive(Debug, Default)]
pub(super) struct Queued {
    /// The position that it reaches: its last transaction, or what was resolved behind it.
    pub(super) last: CommitTs,
    /// Row changes to be applied.
    pub(super) rows: u64,
    /// Rough size of its rows, in bytes.
    pub(super) bytes: usize,
    pub(super) parts: Vec<Part>,
    definitions: Definitions,
}

impl Queued {
    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Whether `table` is another definition of a table that the batch already has: then it has to be closed first.
    pub(super) fn conflicts(&self, table: &Arc<Table>) -> bool {
        self.definitions.conflict(table)
    }

    pub(super) fn add(&mut self, part: Part) {
        self.last = part.ts;
        self.rows += part.changes.len() as u64;
        self.bytes += part.bytes;
        part.changes.iter().for_each(|RowChange { table, .. }| self.definitions.learn(table));
        self.parts.push(part);
    }
}

/// What of the stream `parts` hold, for messages.
pub(super) fn range(parts: &[Part]) -> String {
    match parts {
        [] => "no transaction".to_owned(),
        [one] => format!("the transaction of commit ts {}", one.ts.explain()),
        [first, .., last] => {
            format!("{} transactions, commit ts {} to {}", parts.len(), first.ts.explain(), last.ts.explain())
        }
    }
}
