//! A batch as the statements that write its net effect.

use std::collections::HashMap;

use anyhow::{Context, Result};

use super::batch::{Batch, Part, full_name};
use super::statement::{Step, Style, render};
use crate::model::CommitTs;

/// A batch as statements, so that they are ready when the one before is applied.
pub(super) struct Rendered {
    pub(super) first: CommitTs,
    pub(super) last: CommitTs,
    pub(super) txns: u64,
    pub(super) rows: u64,
    pub(super) counts: [u64; 3],
    pub(super) left_out: HashMap<i64, u64>,
    /// The transactions as they came, for the case that the target refuses them together.
    pub(super) parts: Vec<Part>,
    /// The full name of each table, and what is to be done there.
    pub(super) tables: Vec<(String, Vec<Step>)>,
}

impl Rendered {
    /// # Errors
    /// If a value has no literal, or a row is larger than the target takes.
    pub(super) fn new(batch: Batch, style: Style) -> Result<Self> {
        let rows = batch.rows();
        let Batch { first, last, txns, counts, left_out, tables, parts, .. } = batch;
        let tables = tables.into_iter().map(|changes| {
            let name = full_name(&changes.table);
            let mut steps = Vec::new();
            let emit = &mut |step| {
                steps.push(step);
                Ok(())
            };
            render(changes, style, emit).with_context(|| format!("cannot apply {}", range(txns, first, last)))?;
            Ok((name, steps))
        });
        let tables = tables.collect::<Result<_>>()?;
        Ok(Self { first, last, txns, rows, counts, left_out, parts, tables })
    }
}

/// What of the stream a batch holds, for messages.
pub(super) fn range(txns: u64, first: CommitTs, last: CommitTs) -> String {
    match txns {
        1 => format!("the transaction of commit ts {}", first.explain()),
        _ => format!("{txns} transactions, commit ts {} to {}", first.explain(), last.explain()),
    }
}
