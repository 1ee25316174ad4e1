//! What all workers of a sink share, and what it decides about a transaction by its ts.

use std::sync::Arc;

use anyhow::Result;

use super::batch::full_name;
use super::board::Board;
use super::connect::Target;
use super::retry::Told;
use super::session::Server;
use super::shape::Fits;
use super::shared::Shared;
use super::size::Size;
use super::statement::Style;
use super::waits::Waits;
use super::{MysqlOptions, OnConflict};
use crate::checkpoint::{Acknowledged, DrainerTable, Link};
use crate::error::Fault;
use crate::event::Events;
use crate::mark::Writer;
use crate::model::{CommitTs, Table};

/// What all workers of a sink share.
pub(super) struct Context {
    pub(super) target: Target,
    pub(super) link: Link,
    /// What the target said is durable, in this run.
    pub(super) acknowledged: Acknowledged,
    pub(super) options: MysqlOptions,
    pub(super) server: Server,
    /// Tables whose columns are not the same on both sides.
    pub(super) fits: Fits,
    /// Transactions at or below it may be on the target already.
    pub(super) safe_until: Option<CommitTs>,
    /// The same, as far as Drainer may have applied it.
    pub(super) overlap: Option<CommitTs>,
    /// Drainer's checkpoint, which is kept in step.
    pub(super) drainer: DrainerTable,
    pub(super) size: Size,
    pub(super) events: Events,
    pub(super) shared: Shared,
    pub(super) board: Board,
    /// The position that the run began with.
    pub(super) opened: Option<CommitTs>,
    pub(super) told: Told,
    /// What the workers wait for.
    pub(super) waits: Arc<Waits>,
    /// What the transactions carry, if the target is a source too.
    pub(super) marks: Option<Writer>,
}

impl Context {
    /// Whether a transaction of `ts` may be on the target already.
    pub(super) fn safe(&self, ts: CommitTs) -> bool {
        self.options.forgives() || self.safe_until.is_some_and(|until| ts <= until)
    }

    /// Sees to it that rows above `ts` (all, if `None`) have each effect once: those that Drainer may have applied before do not, if
    /// nothing tells them from others.
    ///
    /// # Errors
    /// Refused, with those of `tables` that have no key, unless the operator allows it.
    pub(super) fn exactly_once<'a>(
        &self,
        ts: Option<CommitTs>,
        tables: impl Iterator<Item = &'a Arc<Table>>,
    ) -> Result<()> {
        let Some(until) = self.overlap.filter(|until| ts.is_none_or(|ts| ts < *until)) else { return Ok(()) };
        if self.options.allow_repeats {
            return Ok(());
        }
        let keyless = |t: &&Arc<Table>| !t.keys.iter().any(|k| !k.parts.is_empty() && k.identifies(&t.columns));
        let names: Vec<String> = tables.filter(keyless).map(|t| full_name(t)).collect();
        if names.is_empty() {
            return Ok(());
        }
        Err(Fault::refused(format!(
            "rows up to {} may be on the target already (Drainer was not stopped cleanly, or the checkpoint was set back), and nothing \
             tells them from others in tables without a primary key or a unique key of NOT NULL columns: {}",
            until.explain(),
            names.join(", ")
        ))
        .hint(
            "if it was Drainer, start it again and stop it with SIGTERM, so that its checkpoint says `consistent`; or start with --allow-repeats, after which \
             some rows of these tables may be there twice, or keep a deleted twin: compare them later",
        )
        .into())
    }

    pub(super) fn style(&self, safe: bool) -> Style {
        Style::of(&self.server, safe).clearing(self.options.on_conflict == OnConflict::Count)
    }
}
