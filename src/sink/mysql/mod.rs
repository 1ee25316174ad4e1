//! The sink for MySQL, MariaDB and TiDB.
//!
//! Whole upstream transactions are collected into a [`window`], which is cut into batches that need
//! not wait for each other ([`causality`] says which must). The [`scheduler`] hands them to the
//! [`worker`]s, each with its own connection, when the batches that they depend on are durable. A
//! worker folds a batch to its net effect ([`batch`]), renders it as multi-row statements
//! ([`statement`]) and applies it in one transaction ([`apply`]) that also records what it holds.
//! DDL runs alone ([`ddl`]).

mod alone;
mod apply;
pub mod batch;
pub mod causality;
pub mod check;
pub mod ddl;
pub(crate) mod definition;
mod drainer;
pub mod limits;
mod open;
mod options;
mod refused_rows;
pub mod scheduler;
pub mod schema_diff;
pub(crate) mod shape;
mod shared;
pub mod statement;
mod watch;
mod window;
mod worker;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use anyhow::Result;

use self::batch::Part;
use self::causality::{Causality, ConflictKey};
pub use self::ddl::{Answer, Asker, DdlPolicy, DdlTrouble, OnDdlError, WrongSide};
pub use self::open::Opening;
use self::open::Parts;
pub use self::options::{Mode, MysqlOptions, OnConflict, PendingDdl};
use self::shared::Shared;
use self::window::Window;
pub use crate::mysql::login::Connection;
use crate::mysql::session::{Flavour, Server, Session};
use limits::TidbLimit;
pub use open::Reopening;
use scheduler::DependencyTracker;
use scheduler::{Job, Scheduler};
use shared::Context;
use window::Rows;

use super::{Sink, Totals};
use crate::checkpoint::Applied;
use crate::error::Fault;
use crate::event::Event;
use crate::identity;
use crate::loopback::Identify;
use crate::model::{Change, CommitTs, Definition, Partition, Row, RowChange, Side, Table, Txn};
use crate::pd::Security;

/// A [`Sink`] that writes to a MySQL, MariaDB or TiDB server.
pub struct MysqlSink {
    context: Arc<Context>,
    workers: Vec<JoinHandle<()>>,
    server: Server,
    window: Window,
    causality: Causality,
    dependencies: DependencyTracker,
    conflict_keys: Vec<ConflictKey>,
    /// Transactions above the position that are durable from an earlier run.
    applied: Applied,
    /// The position when it was opened: nothing is stored for a start that takes nothing, so that
    /// another start ts can follow it.
    opened: Option<CommitTs>,
    /// The last ts taken, by `apply` or `resolved`.
    taken: Option<CommitTs>,
    /// When a position was last saved without data, and which one.
    saved: Option<(Instant, CommitTs)>,
    /// The last ts taken that is worth saving: after it there was only bookkeeping.
    news: Option<CommitTs>,
    /// Whether this is the link's first start.
    fresh: bool,
    last_job: Option<i64>,
    /// Whether the end of safe mode was reported.
    safe_ended: bool,
    /// TiDB's limit for a transaction.
    limit: Option<TidbLimit>,
    /// Where the link began, if that was in this process; see [`Reopening`].
    began: Option<Option<CommitTs>>,
    /// How often the lease's connection had been lost when the target was last checked for lost
    /// commits.
    losses: u64,
    /// What it was opened with; dropped after the workers have ended.
    parts: Parts,
}

impl MysqlSink {
    /// The last DDL job at or below the position that this run started from, if the link has seen
    /// one.
    #[must_use]
    pub fn last_job(&self) -> Option<i64> {
        self.last_job
    }

    /// DDL jobs that are on the target already, although their message is above the position.
    #[must_use]
    pub fn early_jobs(&self) -> Vec<i64> {
        self.context.link.early_jobs()
    }

    /// The target's server.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Returns a function that asks which cluster the target is, if it is TiDB. `security` is for
    /// its PD.
    #[must_use]
    pub fn identify(&self, security: &Security) -> Identify {
        let (target, security) = (self.parts.target.clone(), security.clone());
        let is_tidb = self.server.flavour == Flavour::TiDb;
        Box::new(move || match is_tidb {
            true => identity::cluster(&mut Session::open(&target.patient())?, &security),
            false => Ok(None),
        })
    }

    fn shared(&self) -> &Shared {
        &self.context.shared
    }

    fn scheduler(&self) -> &Scheduler {
        &self.context.scheduler
    }

    fn take(&mut self, ts: CommitTs, rising: bool) -> Result<()> {
        self.shared().check()?;
        if let Some(taken) = self.taken
            && (ts < taken || (rising && ts == taken))
        {
            return Err(Fault::refused(format!(
                "the stream went back: a transaction of commit ts {} after {}",
                ts.explain(),
                taken.explain()
            ))
            .into());
        }
        self.taken = Some(ts);
        Ok(())
    }

    fn apply_rows(&mut self, ts: CommitTs, rows: Vec<RowChange>) -> Result<()> {
        let most = self.context.options.max_txn_rows;
        let durable = self.applied.part(ts).unwrap_or(0);
        if durable > 0 || most.is_some_and(|most| rows.len() as u64 > most) {
            return self.alone(ts, Job::Large(ts, Box::new(Rows::Ready { rows, next: 0 }), durable));
        }
        // Safe and strict writes are never combined.
        let safe = self.context.safe(ts);
        if self.window.last_part().is_some_and(|last| self.context.safe(last) != safe) {
            self.close_window()?;
        }
        self.say_end_of_safety(safe);
        self.learn(&rows)?;
        let skipped = self.context.shared.skipped();
        let mut part = Part::new(ts);
        self.conflict_keys.clear();
        for row in rows {
            if !skipped.is_empty() && skipped.has_table(row.table.id) {
                part.leave_out(row.table.id);
            } else {
                self.causality.conflict_keys(&row, &mut self.conflict_keys);
                part.push(row);
            }
        }
        let size = self.context.size;
        if self.window.rows() + part.changes.len() as u64 > size.window_rows()
            || self.window.bytes() + part.bytes + size.statement(part.largest) > size.window_bytes()
        {
            self.close_window()?;
        }
        self.window.add(part, &self.conflict_keys);
        self.save_in_time()
    }

    /// Reports once that from here on transactions are expected not to be on the target already.
    fn say_end_of_safety(&mut self, safe: bool) {
        let Some(until) = self.context.safe_until.filter(|_| !safe && !self.safe_ended) else { return };
        self.safe_ended = true;
        if self.opened.is_none_or(|opened| opened < until) {
            (self.context.events)(Event::Note(format!(
                "safe mode has ended at {}: from here on each row must be as the stream says",
                until.explain()
            )));
        }
    }

    /// Compares the columns of those of `tables` that have not been compared yet with the target's.
    fn compare(&mut self, tables: &[Arc<Table>]) -> Result<()> {
        let fits = &self.context.fits;
        let new: Vec<Arc<Table>> = tables.iter().filter(|t| !fits.knows(t)).cloned().collect();
        if !new.is_empty() {
            self.settle()?;
            self.scheduler().put(Job::Look(new.clone()), None, &[], 0);
            self.settle()?;
        }
        for table in &new {
            let fit = self.context.fits.get(table);
            self.causality.order_by(table, fit.map(|f| f.more_keys.clone()).unwrap_or_default());
        }
        Ok(())
    }

    /// After a DDL: its tables may have other columns on the target now, or be new. They are
    /// compared now, or `later`, with their first row.
    fn compare_again(&mut self, tables: &[Arc<Table>], later: bool) -> Result<()> {
        let skipped = self.context.shared.skipped();
        // A table of which only the name is known has nothing to compare before its first row.
        let known = |t: &&Arc<Table>| !t.columns.is_empty() && !skipped.has_table(t.id);
        let there: Vec<Arc<Table>> = tables.iter().filter(known).cloned().collect();
        self.context.fits.forget(&there);
        if later { Ok(()) } else { self.compare(&there) }
    }

    /// Waits for batches in flight where a table brings news about the order of rows.
    fn learn(&mut self, rows: &[RowChange]) -> Result<()> {
        let mut last: Option<&Arc<Table>> = None;
        for row in rows {
            if last.is_some_and(|l| Arc::ptr_eq(l, &row.table)) {
                continue;
            }
            last = Some(&row.table);
            if !self.causality.knows(&row.table) {
                let before = self.taken.map(|ts| CommitTs(ts.0.saturating_sub(1)));
                self.context.exactly_once(before, std::iter::once(&row.table))?;
                self.compare(std::slice::from_ref(&row.table))?;
            }
            if self.causality.learn(&row.table) {
                self.settle()?;
            }
            if self.window.conflicts(&row.table) {
                self.settle()?;
            }
        }
        Ok(())
    }
}

impl Sink for MysqlSink {
    fn position(&self) -> Option<CommitTs> {
        self.shared().position()
    }

    fn has(&self, ts: CommitTs) -> bool {
        self.applied.contains(ts)
    }

    fn apply(&mut self, txn: Txn) -> Result<()> {
        let ts = txn.commit_ts;
        let early = if let Change::Ddl(ddl) = &txn.change { ddl.early } else { None };
        self.take(early.unwrap_or(ts), early.is_none())?;
        self.news = self.taken;
        let done_before = self.applied.contains(ts);
        let applied = match txn.change {
            Change::Rows(rows) if !done_before => self.apply_rows(ts, rows),
            Change::Large(rows) if !done_before => {
                self.limit.map_or(Ok(()), |l| l.check(rows.as_ref())).and_then(|()| {
                    let durable = self.applied.part(ts).unwrap_or(0);
                    self.alone(ts, Job::Large(ts, Box::new(Rows::Lazy(rows)), durable))
                })
            }
            // The tables that a skipped DDL leaves out must be known before the next rows are
            // taken.
            Change::Ddl(ddl) => {
                let after = ddl.after.clone();
                // The target may be further on by now; what counts is whether rows fit.
                let leads = ddl.side == Side::Target || self.context.options.target_leads();
                self.alone(early.unwrap_or(ts), Job::Ddl(ts, ddl)).and_then(|()| self.compare_again(&after, leads))
            }
            _ => self.moved(),
        };
        // A transaction that was taken in part must never be applied in part.
        applied.inspect_err(|e| {
            self.window = Window::default();
            self.shared().stop(e);
        })
    }

    fn pass_over(&mut self, ts: CommitTs) -> Result<()> {
        self.take(ts, true)?;
        self.reach();
        self.save_in_time()
    }

    fn resolved(&mut self, ts: CommitTs) -> Result<()> {
        self.shared().check()?;
        // After a transaction that says more than the mark, an older mark brings nothing new.
        if self.taken.is_none_or(|taken| ts > taken) {
            self.take(ts, false)?;
        }
        self.moved()
    }

    fn flush(&mut self) -> Result<()> {
        self.shared().check()?;
        // While all workers are busy, the next transactions may as well join the same batch.
        if self.scheduler().unfinished() < self.context.size.workers {
            self.close_window()?;
        }
        self.save_in_time()
    }

    fn holds_back(&self) -> bool {
        !self.window.is_empty()
    }

    fn followed(&mut self, schema_version: i64) {
        if let Some(ts) = self.taken {
            self.shared().followed(ts, schema_version);
        }
    }

    fn set_origins(&mut self, origins: &BTreeSet<u64>) {
        self.context.link.set_origins(origins);
    }

    fn may_differ(&mut self, schema: &str, table: &str) {
        self.context.fits.may_differ(schema, table);
    }

    fn definition(&mut self, schema: &str, table: &str) -> Result<Definition> {
        self.shared().check()?;
        self.define(schema, table)
    }

    fn locate(&mut self, table: &Table, partitions: &[Partition], rows: &[&Row]) -> Result<Vec<Option<usize>>> {
        self.shared().check()?;
        self.find_partitions(table, partitions, rows)
    }

    fn tables(&mut self, schema: &str) -> Result<Vec<String>> {
        self.shared().check()?;
        self.tables_of(schema)
    }

    fn drain(&mut self) -> Result<()> {
        self.shared().check()?;
        self.settle()?;
        if let Some(ts) = self.taken.filter(|ts| Some(*ts) != self.opened) {
            self.scheduler().put(Job::Save { ts, drained: true }, None, &[], 0);
            self.saved = Some((Instant::now(), ts));
        }
        self.settle()
    }

    fn totals(&self) -> Totals {
        self.shared().totals()
    }
}

impl Drop for MysqlSink {
    fn drop(&mut self) {
        self.context.scheduler.close(false);
        for worker in self.workers.drain(..) {
            // A panic was reported when it happened.
            let _ = worker.join();
        }
    }
}
