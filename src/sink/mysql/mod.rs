//! The sink for MySQL, MariaDB and TiDB.
//!
//! Rows are collected into batches of whole upstream transactions ([`batch`]), rendered as multi-row statements
//! ([`statement`]) and applied by one [`writer`] thread, each batch in one transaction together with the checkpoint.
//! DDL runs alone ([`ddl`]).

mod applier;
pub mod batch;
pub mod check;
pub mod connect;
pub mod ddl;
pub mod ddl_text;
pub mod failure;
pub mod literal;
mod option_file;
mod rendered;
pub mod secret;
pub mod session;
pub mod skipped;
pub mod statement;
pub mod tidb_limit;
mod writer;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;

use self::applier::Applier;
use self::batch::Batch;
use self::connect::Target;
use self::rendered::Rendered;
use self::session::{Server, Session};
use self::statement::Style;
use self::writer::{Shared, Work, Writer};
use super::{Sink, Totals};
use crate::checkpoint::Checkpoint;
use crate::error::Fault;
use crate::event::{Event, Events};
use crate::model::{Change, CommitTs, RowChange, RowKind, Table, Txn};

/// How often a position that moved without data is saved.
const SAVE_EVERY: Duration = Duration::from_secs(3);

/// What to do about a DDL that an earlier run began and did not see end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PendingDdl {
    /// It took effect on the target: go on behind it.
    Done,
    /// It did not: run it again.
    Again,
}

/// How a sink is opened.
#[derive(Clone, Debug)]
pub struct MysqlOptions {
    /// The upstream cluster's id, from PD.
    pub cluster_id: u64,
    /// The link's name, 1 to 64 characters: one checkpoint for each.
    pub link: String,
    /// Where a first start begins (exclusive); a checkpoint on the target wins over it.
    pub start: Option<CommitTs>,
    /// INSERT becomes REPLACE, and rows that are not as expected are counted instead of being an error.
    pub safe_mode: bool,
    /// Tables that the target lacks are only said; a row for one of them stops the run.
    pub allow_missing: bool,
    /// DDLs that are not run, by commit ts.
    pub skip_ddl: BTreeSet<CommitTs>,
    /// The operator's word about a DDL left behind.
    pub pending_ddl: Option<PendingDdl>,
    /// Row changes that close a batch; a larger transaction still is not split.
    pub batch_rows: u64,
    /// Bytes of rows that close a batch.
    pub batch_bytes: usize,
    /// Memory in bytes that the whole run may take, one raw transaction of the stream not counted.
    pub memory_limit: usize,
    /// Connections that write at once; `None`: chosen from the measured round trip.
    pub workers: Option<usize>,
    /// An upstream transaction with more row changes than this is split; `None`: never.
    pub max_txn_rows: Option<u64>,
}

impl MysqlOptions {
    /// The defaults for a link of a cluster.
    #[must_use]
    pub fn new(cluster_id: u64, link: impl Into<String>) -> Self {
        Self {
            cluster_id,
            link: link.into(),
            start: None,
            safe_mode: false,
            allow_missing: false,
            skip_ddl: BTreeSet::new(),
            pending_ddl: None,
            batch_rows: 8000,
            batch_bytes: 4 << 20,
            memory_limit: 256 << 20,
            workers: None,
            max_txn_rows: None,
        }
    }
}

/// A [`Sink`] that writes to a MySQL, MariaDB or TiDB server.
pub struct MysqlSink {
    target: Target,
    options: MysqlOptions,
    events: Events,
    server: Server,
    style: Style,
    shared: Arc<Shared>,
    writer: Writer,
    batch: Batch,
    /// Where it was opened: nothing is stored for a start that takes nothing, so that another start ts can follow it.
    opened: Option<CommitTs>,
    /// The last ts taken, by `apply` or `resolved`.
    taken: Option<CommitTs>,
    /// The last position sent to the writer without data.
    saved: Option<(Instant, CommitTs)>,
    /// Whether this is the link's first start.
    fresh: bool,
    last_job: Option<i64>,
}

impl MysqlSink {
    /// Connects, makes the state tables where they are missing, and takes the link over from an earlier run.
    ///
    /// # Errors
    /// If the target cannot be reached or is not supported, or an earlier run left a DDL behind and
    /// [`MysqlOptions::pending_ddl`] does not say what became of it.
    pub fn open(target: &str, options: MysqlOptions, events: Events) -> Result<Self> {
        let target = Target::parse(target, &events)?;
        let mut session = Session::open(&target)?;
        let server = session.server().clone();
        let style = Style::of(&server, options.safe_mode);
        let (mut checkpoint, intent) = Checkpoint::take(&mut session, options.cluster_id, &options.link)?;
        if let Some(intent) = intent {
            ddl::settle(&mut session, &mut checkpoint, &intent, options.pending_ddl, &events)?;
        }
        let last_job = checkpoint.last_job();
        let fresh = checkpoint.position().is_none();
        let position = checkpoint.position().or(options.start);
        match (checkpoint.position(), options.start) {
            (Some(there), Some(start)) if there != start => events(Event::Note(format!(
                "link `{}` continues from its checkpoint on the target, {}; the start ts {} is not used",
                options.link,
                there.explain(),
                start.0
            ))),
            (Some(there), _) => {
                events(Event::Note(format!("link `{}` continues from {}", options.link, there.explain())));
            }
            (None, Some(start)) => {
                events(Event::Note(format!("link `{}` starts behind {}", options.link, start.explain())));
            }
            (None, None) => {}
        }
        let skipped = skipped::Skipped::load(&mut session, &checkpoint)?;
        let shared = Arc::new(Shared::new(position, skipped));
        let applier = Applier::new(session, checkpoint, options.clone(), events.clone(), shared.clone());
        let writer = Writer::start(applier)?;
        let batch = Batch::default();
        Ok(Self {
            target,
            options,
            events,
            server,
            style,
            shared,
            writer,
            batch,
            opened: position,
            taken: position,
            saved: None,
            fresh,
            last_job,
        })
    }

    /// Checks the target before the first write: settings, rights, and every one of `tables` as they are upstream at
    /// [`position`](Sink::position).
    ///
    /// # Errors
    /// Refused, with everything found at once.
    pub fn prepare<'a>(&mut self, tables: impl Iterator<Item = &'a Arc<Table>>) -> Result<()> {
        let skipped = self.shared.skipped();
        let wanted: Vec<&Arc<Table>> =
            tables.filter(|t| !skipped.has_table(t.id) && !skipped.has_schema(&t.schema)).collect();
        let mut session = Session::open(&self.target)?;
        check::check(&mut session, &wanted, self.fresh, self.options.allow_missing, &self.events)
    }

    /// The last DDL job at or below the position that this run started from, where the link has seen one.
    #[must_use]
    pub fn last_job(&self) -> Option<i64> {
        self.last_job
    }

    /// The server behind it.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    fn close_batch(&mut self) -> Result<()> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let batch = std::mem::take(&mut self.batch);
        let rendered = Rendered::new(batch, self.style).inspect_err(|e| self.shared.stop(e))?;
        self.send(Work::Batch(Box::new(rendered)))
    }

    fn send(&mut self, work: Work) -> Result<()> {
        self.writer.send(work, &self.shared)
    }

    fn take(&mut self, ts: CommitTs, rising: bool) -> Result<()> {
        self.shared.check()?;
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

    /// The position moved to the last ts taken, without data.
    fn moved(&mut self) -> Result<()> {
        let Some(ts) = self.taken else { return Ok(()) };
        if !self.batch.is_empty() {
            self.batch.last = ts;
            return Ok(());
        }
        if self.saved.is_some_and(|(at, saved)| at.elapsed() < SAVE_EVERY || saved == ts) {
            return Ok(());
        }
        self.saved = Some((Instant::now(), ts));
        self.send(Work::Position(ts))
    }

    fn apply_rows(&mut self, ts: CommitTs, rows: Vec<RowChange>) -> Result<()> {
        let count = rows.len() as u64;
        let bytes: usize = rows.iter().map(change_size).sum();
        if self.batch.rows() + count > self.options.batch_rows
            || self.batch.bytes + bytes > self.options.batch_bytes
            || rows.iter().any(|r| self.batch.conflicts(&r.table))
        {
            self.close_batch()?;
        }
        self.batch.begin(ts);
        let skipped = self.shared.skipped();
        for row in rows {
            if !skipped.is_empty() && skipped.has_table(row.table.id) {
                self.batch.leave_out(row.table.id);
            } else {
                self.batch.add(row, self.options.safe_mode)?;
            }
        }
        drop(skipped);
        if self.batch.rows() >= self.options.batch_rows || self.batch.bytes >= self.options.batch_bytes {
            self.close_batch()?;
        }
        Ok(())
    }
}

fn change_size(change: &RowChange) -> usize {
    let row = |row: &Vec<_>| row.iter().map(literal::size).sum::<usize>();
    match &change.kind {
        RowKind::Insert(new) => row(new),
        RowKind::Update { old, new } => row(old) + row(new),
        RowKind::Delete(old) => row(old),
    }
}

impl Sink for MysqlSink {
    fn position(&self) -> Option<CommitTs> {
        self.shared.position()
    }

    fn apply(&mut self, txn: Txn) -> Result<()> {
        self.take(txn.commit_ts, true)?;
        let applied = match txn.change {
            Change::Rows(rows) => self.apply_rows(txn.commit_ts, rows),
            Change::Large(large) => large.collect::<Result<_>>().and_then(|rows| self.apply_rows(txn.commit_ts, rows)),
            Change::Nothing => self.moved(),
            Change::Ddl(ddl) => self
                .close_batch()
                .and_then(|()| self.send(Work::Ddl(txn.commit_ts, ddl)))
                // What a skipped DDL leaves out must be known before the next rows are taken.
                .and_then(|()| self.writer.wait(&self.shared)),
        };
        // A transaction that was taken in part must never be applied in part.
        applied.inspect_err(|e| {
            self.batch = Batch::default();
            self.shared.stop(e);
        })
    }

    fn resolved(&mut self, ts: CommitTs) -> Result<()> {
        self.shared.check()?;
        // Behind a transaction that says more than the mark, an older mark is no news.
        if self.taken.is_none_or(|taken| ts > taken) {
            self.take(ts, false)?;
        }
        self.moved()
    }

    fn flush(&mut self) -> Result<()> {
        self.shared.check()?;
        self.close_batch()
    }

    fn drain(&mut self) -> Result<()> {
        self.shared.check()?;
        self.close_batch()?;
        if let Some(ts) = self.taken.filter(|ts| Some(*ts) != self.opened) {
            self.send(Work::Position(ts))?;
            self.saved = Some((Instant::now(), ts));
        }
        self.writer.wait(&self.shared)
    }

    fn totals(&self) -> Totals {
        self.shared.totals()
    }
}
