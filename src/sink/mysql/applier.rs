//! Applies batches, positions and DDL to the target, each with the checkpoint that it reaches.

use std::sync::Arc;

use anyhow::{Context, Error, Result};
use crossbeam_channel::Receiver;

use super::failure::{Class, classify, explain};
use super::rendered::{Rendered, range};
use super::session::Session;
use super::skipped::Skipped;
use super::statement::{Step, Style};
use super::writer::{Shared, Work};
use super::{MysqlOptions, ddl};
use crate::checkpoint::Checkpoint;
use crate::error::{Fault, Kind, fault};
use crate::event::{Event, Events};
use crate::model::{CommitTs, Ddl};
use crate::sink::Anomalies;
use crate::stop::Stop;

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

    pub(super) fn work(mut self, receiver: &Receiver<Work>) {
        // A stopped writer still takes what comes and lets it go: a message that stays in the channel would keep the
        // answer that somebody waits for alive for ever.
        for work in receiver {
            if self.shared.is_stopped() {
                continue;
            }
            let done = match work {
                Work::Batch(batch) => self.apply_or_part(*batch),
                Work::Position(ts) => self.save(ts),
                Work::Ddl(ts, ddl) => self.run_ddl(ts, &ddl),
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

    fn run_ddl(&mut self, ts: CommitTs, ddl: &Ddl) -> Result<()> {
        let skipped = Skipped::clone(&*self.shared.skipped());
        let mut ground = ddl::Ground {
            session: &mut self.session,
            link: &self.checkpoint,
            skip: &self.options.skip_ddl,
            word: None,
            stop: &Stop::default(),
            events: &self.events,
        };
        let done = ddl::run(&mut ground, &skipped, ts, ddl)?;
        self.checkpoint.saved(ts);
        if let Some(skipped) = done.skipped {
            self.shared.set_skipped(skipped);
        }
        self.shared.done(ts, |totals| if done.ran { totals.ddl += 1 } else { totals.skipped_ddl += 1 });
        Ok(())
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
