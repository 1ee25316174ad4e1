//! The thread that applies: one connection, one piece of work after the other, in order.
//!
//! The parallel engine will put several of these behind a causality graph; what it replaces is [`Writer`] alone.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use anyhow::{Context, Error, Result};
use crossbeam_channel::{Receiver, Sender, bounded};

use super::batch::{Batch, Part, full_name};
use super::failure::{Class, classify, explain};
use super::session::Session;
use super::skipped::Skipped;
use super::statement::{Step, Style, render};
use super::{MysqlOptions, ddl};
use crate::checkpoint::Checkpoint;
use crate::error::{Fault, Kind, fault};
use crate::event::{Event, Events};
use crate::model::{CommitTs, Ddl};
use crate::sink::{Anomalies, Totals};

/// Closed batches that may wait while one is applied.
const QUEUE: usize = 4;

/// A piece of work for the writer.
pub(super) enum Work {
    /// Rows and the position they reach.
    Batch(Box<Rendered>),
    /// A position that was reached without data.
    Position(CommitTs),
    /// A DDL.
    Ddl(CommitTs, Box<Ddl>),
    /// Answers when everything before it is done.
    Wait(Sender<()>),
}

/// A batch as statements, so that they are ready when the one before is applied.
pub(super) struct Rendered {
    first: CommitTs,
    last: CommitTs,
    txns: u64,
    rows: u64,
    counts: [u64; 3],
    left_out: HashMap<i64, u64>,
    /// The transactions as they came, for the case that the target refuses them together.
    parts: Vec<Part>,
    /// The full name of each table, and what is to be done there.
    tables: Vec<(String, Vec<Step>)>,
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

fn range(txns: u64, first: CommitTs, last: CommitTs) -> String {
    match txns {
        1 => format!("the transaction of commit ts {}", first.explain()),
        _ => format!("{txns} transactions, commit ts {} to {}", first.explain(), last.explain()),
    }
}

/// What the sink and its writer both see.
pub(super) struct Shared {
    state: Mutex<State>,
    stopped: AtomicBool,
}

struct State {
    position: Option<CommitTs>,
    totals: Totals,
    skipped: Arc<Skipped>,
    error: Option<Error>,
    fault: Option<Fault>,
}

impl Shared {
    pub(super) fn new(position: Option<CommitTs>, skipped: Skipped) -> Self {
        let state = State { position, totals: Totals::default(), skipped: Arc::new(skipped), error: None, fault: None };
        Self { state: Mutex::new(state), stopped: AtomicBool::new(false) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn position(&self) -> Option<CommitTs> {
        self.lock().position
    }

    pub(super) fn skipped(&self) -> Arc<Skipped> {
        self.lock().skipped.clone()
    }

    pub(super) fn set_skipped(&self, skipped: Skipped) {
        self.lock().skipped = Arc::new(skipped);
    }

    pub(super) fn totals(&self) -> Totals {
        let state = self.lock();
        Totals { left_out: state.skipped.entries().to_vec(), ..state.totals.clone() }
    }

    /// Changes the totals once work is durable up to `ts`.
    pub(super) fn done(&self, ts: CommitTs, change: impl FnOnce(&mut Totals)) {
        let mut state = self.lock();
        state.position = state.position.max(Some(ts));
        change(&mut state.totals);
    }

    /// Nothing more will be applied: `error` was seen by the caller, later calls get its words.
    pub(super) fn stop(&self, error: &Error) {
        self.stopped.store(true, Ordering::SeqCst);
        let mut state = self.lock();
        if state.fault.is_none() {
            let found = fault(error).cloned().unwrap_or_else(|| Fault::connect(format!("{error:#}")));
            state.fault = Some(Fault { message: format!("stopped by an earlier error: {}", found.message), ..found });
        }
    }

    fn fail(&self, error: Error) {
        self.stop(&error);
        self.lock().error.get_or_insert(error);
    }

    /// # Errors
    /// The first error the first time, its words from then on.
    pub(super) fn check(&self) -> Result<()> {
        let mut state = self.lock();
        match (state.error.take(), &state.fault) {
            (Some(error), _) => Err(error),
            (None, Some(fault)) => Err(fault.clone().into()),
            (None, None) => Ok(()),
        }
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }
}

/// The writer thread, seen from the sink. Dropping it ends the thread after the piece of work at hand.
pub(super) struct Writer {
    work: Option<Sender<Work>>,
    thread: Option<JoinHandle<()>>,
    shared: Arc<Shared>,
}

impl Writer {
    pub(super) fn start(applier: Applier) -> Result<Self> {
        let (work, receiver) = bounded(QUEUE);
        let shared = applier.shared.clone();
        let thread = std::thread::Builder::new()
            .name("target-writer".to_owned())
            .spawn(move || applier.work(&receiver))
            .context("cannot start the writer thread")?;
        Ok(Self { work: Some(work), thread: Some(thread), shared })
    }

    pub(super) fn send(&self, work: Work, shared: &Shared) -> Result<()> {
        shared.check()?;
        if self.work.as_ref().is_some_and(|w| w.send(work).is_ok()) {
            return Ok(());
        }
        shared.check()?;
        Err(Fault::connect("the writer thread has ended").into())
    }

    /// Waits until everything sent so far is done.
    pub(super) fn wait(&self, shared: &Shared) -> Result<()> {
        let (sender, receiver) = bounded(1);
        self.send(Work::Wait(sender), shared)?;
        // An error here means that the thread has ended, which `check` explains.
        let answered = receiver.recv().is_ok();
        shared.check()?;
        if answered { Ok(()) } else { Err(Fault::connect("the writer thread has ended").into()) }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        self.work = None;
        if let Some(thread) = self.thread.take() {
            // A panic there was reported when it happened.
            let _ = thread.join();
        }
    }
}

/// What applies work: the connection with the link's state.
pub(super) struct Applier {
    pub(super) session: Session,
    pub(super) checkpoint: Checkpoint,
    pub(super) options: MysqlOptions,
    pub(super) events: Events,
    pub(super) shared: Arc<Shared>,
}

impl Applier {
    pub(super) fn new(
        session: Session,
        checkpoint: Checkpoint,
        options: MysqlOptions,
        events: Events,
        shared: Arc<Shared>,
    ) -> Self {
        Self { session, checkpoint, options, events, shared }
    }

    fn work(mut self, receiver: &Receiver<Work>) {
        // A stopped writer still takes what comes and lets it go: a message that stays in the channel would keep the
        // answer that somebody waits for alive for ever.
        for work in receiver {
            if self.shared.is_stopped() {
                continue;
            }
            let done = match work {
                Work::Batch(batch) => self.apply_or_part(*batch),
                Work::Position(ts) => self.save(ts),
                Work::Ddl(ts, ddl) => ddl::run(&mut self, ts, &ddl),
                Work::Wait(answer) => {
                    // Nobody waits any more: fine.
                    let _ = answer.send(());
                    Ok(())
                }
            };
            if let Err(error) = done {
                self.session.rollback();
                self.shared.fail(error);
            }
        }
    }

    fn save(&mut self, ts: CommitTs) -> Result<()> {
        if self.checkpoint.position() != Some(ts) {
            self.checkpoint.write(&mut self.session, ts)?;
            self.checkpoint.saved(ts);
            self.shared.done(ts, |_| {});
        }
        Ok(())
    }

    /// Applies `batch`; if the target refuses it, its transactions one by one: so those before the refused one are
    /// durable, and the error names that one alone.
    fn apply_or_part(&mut self, mut batch: Rendered) -> Result<()> {
        let (parts, last) = (std::mem::take(&mut batch.parts), batch.last);
        let Err(error) = self.apply(batch) else { return Ok(()) };
        if parts.len() < 2 || !is_refused(&error) {
            return Err(error);
        }
        self.session.rollback();
        // The refused statement may have left strictness off.
        self.session.relax(false)?;
        let style = Style::of(self.session.server(), self.options.safe_mode);
        for part in parts {
            let single = Rendered::new(part.into_batch(self.options.safe_mode)?, style)?;
            if let Err(alone) = self.apply(single) {
                // Whatever else went wrong now says less than the refusal.
                return Err(if is_refused(&alone) { alone } else { error });
            }
        }
        self.save(last)
    }

    fn apply(&mut self, batch: Rendered) -> Result<()> {
        let Rendered { first, last, txns, rows, counts, .. } = batch;
        let range = move || range(txns, first, last);
        self.session.begin()?;
        // First of all: whoever takes the link over waits at this row for our commit.
        self.checkpoint.write(&mut self.session, last)?;
        let mut skipped = Skipped::clone(&*self.shared.skipped());
        skipped.write_counts(&mut self.session, &self.checkpoint, &batch.left_out)?;
        let mut anomalies = Vec::new();
        for (name, steps) in batch.tables {
            let found = self.apply_table(&name, steps).with_context(|| format!("cannot apply {}", range()))?;
            if found != Anomalies::default() {
                anomalies.push((name, found));
            }
        }
        self.session.commit().with_context(|| format!("while committing {}", range()))?;
        self.checkpoint.saved(last);
        skipped.add_counts(&batch.left_out);
        if !batch.left_out.is_empty() {
            self.shared.set_skipped(skipped);
        }
        for (name, found) in &anomalies {
            (self.events)(Event::Warning(format!(
                "{name}: {} rows to delete or change were not there, {} keys were taken ({})",
                found.missing,
                found.duplicate,
                range()
            )));
        }
        self.shared.done(last, |totals| {
            totals.txns += txns;
            let [inserts, updates, deletes] = counts;
            totals.inserts += inserts;
            totals.updates += updates;
            totals.deletes += deletes;
            totals.skipped_rows += batch.left_out.values().sum::<u64>();
            for (name, found) in anomalies {
                let entry = totals.anomalies.entry(name).or_default();
                entry.missing += found.missing;
                entry.duplicate += found.duplicate;
            }
        });
        (self.events)(Event::Applied { txns, rows, position: last });
        Ok(())
    }

    fn apply_table(&mut self, name: &str, steps: Vec<Step>) -> Result<Anomalies> {
        let mut found = Anomalies::default();
        let safe = self.options.safe_mode;
        let session = &mut self.session;
        for step in steps {
            let missing = match step {
                Step::Delete { sql, rows } => {
                    let deleted = run(session, &sql, || format!("deleting {rows} rows from {name}"))?;
                    compare(deleted, rows, safe, name)?
                }
                Step::DeleteEqual { sql, loose, rows } => {
                    let what = || format!("deleting {rows} rows from {name}, which has no key");
                    let mut deleted = run(session, &format!("{sql}{rows}"), what)?;
                    if let (Some(loose), true) = (loose, deleted < rows) {
                        deleted += run(session, &format!("{loose}{}", rows - deleted), what)?;
                    }
                    compare(deleted, rows, safe, name)?
                }
                Step::Change { sql, rows } => {
                    let affected = run(session, &sql, || format!("changing {rows} rows of {name}"))?;
                    // Two for each row that was there and changed, one for each that was inserted or there as it is now.
                    let there = if affected == rows * 2 { Some(rows) } else { session.duplicates() };
                    let Some(there) = there else {
                        let message =
                            format!("changing {rows} rows of {name}: the target does not say how many were there");
                        return Err(Fault::refused(message).into());
                    };
                    compare(there, rows, safe, name)?
                }
                Step::Insert { sql, rows, relaxed } => {
                    let what = || format!("inserting {rows} rows into {name}");
                    let inserted = match relaxed {
                        0 => run(session, &sql, what)?,
                        zeros => run_relaxed(session, &sql, zeros, name, what)?,
                    };
                    if !safe && inserted != rows {
                        return Err(Fault::refused(format!("{} took {inserted} of them", what())).into());
                    }
                    found.duplicate += inserted.saturating_sub(rows);
                    0
                }
            };
            found.missing += missing;
        }
        Ok(found)
    }
}

fn is_refused(error: &Error) -> bool {
    fault(error).is_some_and(|f| f.kind == Kind::Refused)
}

fn run(session: &mut Session, sql: &str, what: impl Fn() -> String) -> Result<u64> {
    session.try_run(sql).map_err(|e| {
        let what = what();
        let before = if classify(&e) == Class::Connection { "the connection was lost while " } else { "" };
        explain(&e, format!("{before}{what}"))
    })
}

/// Inserts rows with ENUM values of index 0, which need strict mode off; anything else that then bends is an error.
fn run_relaxed(session: &mut Session, sql: &str, zeros: u64, table: &str, what: impl Fn() -> String) -> Result<u64> {
    session.relax(true)?;
    let rows = run(session, sql, what)?;
    let warnings = u64::from(session.warnings());
    if warnings > zeros {
        let shown: Vec<(String, u16, String)> = session.rows("SHOW WARNINGS")?;
        let shown: Vec<String> = shown.into_iter().take(5).map(|(_, code, text)| format!("{code} {text}")).collect();
        return Err(Fault::refused(format!("values do not fit the columns of {table}: {}", shown.join("; "))).into());
    }
    session.relax(false)?;
    Ok(rows)
}

/// How many rows were missing; an error unless in safe mode.
fn compare(deleted: u64, expected: u64, safe: bool, table: &str) -> Result<u64> {
    let missing = expected.saturating_sub(deleted);
    if deleted > expected {
        return Err(Fault::refused(format!("deleting {expected} rows from {table} would have removed {deleted}"))
            .hint("the target's key is not unique there: compare the table's keys with the upstream's")
            .into());
    }
    if missing == 0 || safe {
        return Ok(missing);
    }
    Err(Fault::refused(format!(
        "{missing} of {expected} rows that the upstream deleted or changed are not in {table} on the target"
    ))
    .hint(
        "the target differs from the upstream: was it written to by others, or loaded from a backup of another time than the start ts? \
         Nothing of the transaction was applied. Repair the table, or go on with --safe-mode, which counts such rows",
    )
    .into())
}
