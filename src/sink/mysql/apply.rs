//! Applies a batch as one transaction on the target: the slot first, then the rows, then COMMIT.
//!
//! - Running one statement of a batch, and comparing its effect with the expected one.
//! - Statements whose text was not generated here, sent one at a time. The driver asks every server
//!   to accept several statements at once, which rows need (`Session::run_all`). The text of a DDL
//!   comes from the source; however this program parses it, the server has the last word that it is
//!   one statement.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context, Error, Result};
use mysql::prelude::Queryable;

use super::batch::{Part, fold, full_name};
use super::drainer::drainer_is_ahead;
use super::refused_rows::{StatementResult, Values, run, run_relaxed};
use super::shape::fits::Ordered;
use super::shared::Lane;
use super::statement::{Emit, Expect, Step, in_order, render};
use super::window::Rows;
use super::worker::Worker;
use crate::checkpoint::Record;
use crate::checkpoint::drainer::{self, Owner};
use crate::error::{Fault, counted};
use crate::event::Event;
use crate::model::{CommitTs, RowKind, Table};
use crate::mysql::answer::guarded;
use crate::mysql::error::{Class, class_of};
use crate::mysql::session::Session;
use crate::sink::Anomalies;

/// What a transaction does; counted once it is durable.
#[derive(Default)]
pub(super) struct Done {
    txns: u64,
    range: Option<(CommitTs, CommitTs)>,
    counts: [u64; 3],
    left_out: HashMap<i64, u64>,
    found: Vec<(String, Anomalies)>,
    narrowed: HashMap<String, u64>,
}

impl Done {
    fn add(&mut self, parts: &[Part], counts: [u64; 3], left_out: &HashMap<i64, u64>) {
        for part in parts {
            let (first, last) = self.range.unwrap_or((part.ts, part.ts));
            self.range = Some((first.min(part.ts), last.max(part.ts)));
        }
        for (sum, count) in self.counts.iter_mut().zip(counts) {
            *sum += count;
        }
        for (id, rows) in left_out {
            *self.left_out.entry(*id).or_default() += rows;
        }
    }

    fn count_kinds(&mut self, changes: &[RowKind]) {
        let [inserts, updates, deletes] = &mut self.counts;
        for change in changes {
            match change {
                RowKind::Insert(_) => *inserts += 1,
                RowKind::Update { .. } => *updates += 1,
                RowKind::Delete(_) => *deletes += 1,
            }
        }
    }

    /// The commit ts that it holds, for messages.
    fn range(&self) -> String {
        self.known_range().unwrap_or_else(|| "nothing".to_owned())
    }

    fn known_range(&self) -> Option<String> {
        let (first, last) = self.range?;
        Some(if first == last {
            format!("the transaction of commit ts {}", first.explain())
        } else {
            format!("{}, commit ts {} to {}", counted(self.txns, "transaction"), first.explain(), last.explain())
        })
    }

    /// `error` with the commit ts that could not be applied. An error about the stream itself
    /// occurs before anything is counted, and names its transaction.
    fn blame(&self, error: Error, up_to: &str) -> Error {
        match self.known_range() {
            Some(range) => error.context(format!("cannot apply {range}{up_to}")),
            None => error,
        }
    }
}

impl Worker {
    /// Applies several transactions as one transaction on the target.
    pub(super) fn apply(&mut self, parts: &[Part], record: &Record) -> Result<()> {
        let mut done = Done { txns: parts.len() as u64, ..Done::default() };
        self.begin(record)?;
        let worked = self.rows(parts, &mut done).and_then(|()| self.left_out(&done));
        worked.map_err(|error| done.blame(error, ""))?;
        self.commit(done)
    }

    /// Applies one large transaction as one transaction on the target, in portions that fit into
    /// memory.
    pub(super) fn apply_large(&mut self, ts: CommitTs, rows: &mut Rows) -> Result<()> {
        rows.restart(0)?;
        self.begin(&Record::List(vec![ts]))?;
        let mut done = Done { txns: 1, ..Done::default() };
        self.portions(ts, rows, u64::MAX, &mut done)?;
        self.left_out(&done)?;
        self.commit(done)
    }

    /// Applies the next `most` row changes of a transaction after the first `from`. Returns how
    /// many there were.
    pub(super) fn apply_portion(&mut self, ts: CommitTs, rows: &mut Rows, from: u64, most: u64) -> Result<u64> {
        rows.restart(from)?;
        self.begin(&Record::Part { ts, rows: from + most })?;
        let mut done = Done { txns: u64::from(from == 0), ..Done::default() };
        let taken = self.portions(ts, rows, most, &mut done)?;
        self.left_out(&done)?;
        self.commit(done)?;
        Ok(taken)
    }

    fn portions(&mut self, ts: CommitTs, rows: &mut Rows, most: u64, done: &mut Done) -> Result<u64> {
        let skipped = self.context.shared.skipped();
        let size = self.context.size;
        let mut taken = 0;
        while taken < most {
            let Some(part) = rows.portion(ts, size.rows.min(most - taken), size.bytes, &skipped)? else { break };
            taken += part.changes.len() as u64 + part.left_out.len() as u64;
            self.look_first(ts, &part)?;
            self.rows(&[part], done).map_err(|error| done.blame(error, &format!(" (up to its row change {taken})")))?;
        }
        Ok(taken)
    }

    /// Writes the net effect of `parts` within the open transaction, each statement as soon as it
    /// is rendered.
    fn rows(&mut self, parts: &[Part], done: &mut Done) -> Result<()> {
        let context = self.context.clone();
        let safe = parts.last().is_some_and(|p| context.safe(p.ts));
        let style = context.style(safe);
        let taken = self.taken(parts);
        let split = context.fits.split(parts)?;
        let same = split.as_ref().map_or(parts, |s| s.parts.as_slice());
        // A stream that contradicts itself is not tried again in smaller pieces.
        let folded = fold(same, safe).inspect_err(|_| self.contradicted = true)?;
        done.add(parts, folded.counts, &folded.left_out);
        self.still_so(taken)?;
        for changes in folded.tables {
            let table = changes.table;
            let ran = self.statements(table, safe, done, |emit| render(&changes, style, emit));
            ran.map_err(|error| self.key_taken(table, same, error))?;
        }
        for Ordered { fit, changes } in split.iter().flat_map(|s| &s.ordered) {
            done.count_kinds(changes);
            let ran = self.statements(&fit.table, safe, done, |emit| in_order(fit, changes, style, emit));
            ran.map_err(|error| self.key_taken(&fit.table, parts, error))?;
        }
        for (name, rows) in split.into_iter().flat_map(|s| s.narrowed) {
            *done.narrowed.entry(name).or_default() += rows;
        }
        Ok(())
    }

    /// Runs the statements on one table as `made` produces them.
    fn statements(
        &mut self,
        table: &Arc<Table>,
        safe: bool,
        done: &mut Done,
        made: impl FnOnce(Emit<'_>) -> Result<()>,
    ) -> Result<()> {
        let name = full_name(table);
        let mut found = Anomalies::default();
        let Lane { session, .. } = self.open_lane()?;
        session.server().has_room_for(table)?;
        let ran = made(&mut |step| apply_step(session, (table, &name), step, safe, &mut found));
        if found != Anomalies::default() {
            if ran.is_err() {
                self.conflict = Some((name.clone(), found));
            }
            done.found.push((name, found));
        }
        ran.inspect_err(|error| self.doubt(table, error))
    }

    fn left_out(&mut self, done: &Done) -> Result<()> {
        if done.left_out.is_empty() {
            return Ok(());
        }
        let context = self.context.clone();
        let Lane { session, .. } = self.open_lane()?;
        Ok(context.shared.skipped().write_counts(session, &context.link, &done.left_out)?)
    }

    fn begin(&mut self, record: &Record) -> Result<()> {
        self.conflict = None;
        let floor = self.context.shared.position().unwrap_or_default();
        let Lane { session, slot, .. } = self.open_lane()?;
        let number = slot.durable() + 1;
        let sql = slot.statement(number, record, floor)?;
        let affected = session.begin_with(&sql)?;
        Ok(slot.check(session, affected)?)
    }

    fn commit(&mut self, done: Done) -> Result<()> {
        let range = done.range();
        // Kept before the answer comes: the answer may be lost although the commit took effect.
        self.pending = Some(done);
        self.committing = true;
        let Lane { session, slot, .. } = self.open_lane()?;
        session.commit().with_context(|| format!("while committing {range}"))?;
        slot.saved();
        self.committing = false;
        Ok(())
    }

    /// Counts what has become durable.
    pub(super) fn count(&mut self) {
        let Some(done) = self.pending.take() else { return };
        let context = &self.context;
        let range = done.range();
        if !done.left_out.is_empty() {
            context.shared.change_skipped(|s| s.add_counts(&done.left_out));
        }
        for (name, found) in &done.found {
            (context.events)(Event::Warning(format!(
                "{name}: rows to delete or change that were missing: {}, keys already taken: {} ({range})",
                found.missing, found.duplicate,
            )));
            (context.events)(found.event(name));
        }
        let [inserts, updates, deletes] = done.counts;
        context.shared.count(|totals| {
            totals.txns += done.txns;
            totals.inserts += inserts;
            totals.updates += updates;
            totals.deletes += deletes;
            totals.skipped_rows += done.left_out.values().sum::<u64>();
            for (name, found) in done.found {
                totals.anomalies.entry(name).or_default().add(found);
            }
            for (name, rows) in done.narrowed {
                *totals.narrowed.entry(name).or_default() += rows;
            }
        });
        let position = context.shared.position().unwrap_or_default();
        (context.events)(Event::Applied { txns: done.txns, rows: inserts + updates + deletes, position });
    }

    /// Saves a position without data, and Drainer's row with it.
    pub(super) fn save(&mut self, ts: CommitTs, drained: bool) -> Result<()> {
        let context = self.context.clone();
        let lane = self.open_lane()?;
        let written = context.link.save_position(&mut lane.session, ts)?;
        lane.acknowledge(&context.acknowledged, &context.link, |all, compared| all.position(ts, compared))?;
        if !written {
            // A later save overtook this one, so Drainer's row is further on as well.
            return Ok(());
        }
        let session = &mut lane.session;
        let version = context.shared.schema_version(ts);
        let place = &context.drainer;
        if let Owner::Other(row) = drainer::write(session, place, &context.link, (ts, version), drained)? {
            return Err(drainer_is_ahead(place, &row, &context.link, ts).into());
        }
        context.shared.reached(ts);
        Ok(())
    }
}

/// Runs `step` on `table`, which is called `name`. Adds deviations to `odd`, also before an error;
/// unless `safe`, a deviation is an error.
///
/// # Errors
/// If the target refuses the statement, or it had another effect than expected.
pub(super) fn apply_step(
    session: &mut Session,
    (table, name): (&Table, &str),
    step: Step<'_>,
    safe: bool,
    odd: &mut Anomalies,
) -> Result<()> {
    let values = Values { table, name };
    match step {
        Step::Delete { sql, rows } => {
            let deleted = run(session, sql, values, || format!("deleting {} from {name}", counted(rows, "row")))?;
            compare(deleted.affected, rows, safe, name, odd)?;
        }
        Step::Count { sql, found } => {
            *found = session.rows(sql).with_context(|| format!("looking for rows of {name}, which has no key"))?;
        }
        Step::DeleteEqual { sql, loose, rows } => {
            let what = || format!("deleting {} from {name}, which has no key", counted(rows, "row"));
            let mut deleted = run(session, &format!("{sql}{rows}"), values, what)?.affected;
            if let (Some(loose), true) = (loose, deleted < rows) {
                deleted += run(session, &format!("{loose}{}", rows - deleted), values, what)?.affected;
            }
            compare(deleted, rows, safe, name, odd)?;
        }
        Step::Change { sql, rows } => {
            let StatementResult { affected, duplicates, .. } =
                run(session, sql, values, || format!("changing {} of {name}", counted(rows, "row")))?;
            // Affected rows count two for each row that was there and changed, one for each that
            // was inserted or already equal.
            let there = if affected == rows * 2 { Some(rows) } else { duplicates };
            let Some(there) = there else {
                let message =
                    format!("changing {} of {name}: the target does not say how many it had", counted(rows, "row"));
                return Err(Fault::refused(message).into());
            };
            compare(there, rows, safe, name, odd)?;
        }
        Step::Update { sql, relaxed, found, expect } => {
            let what = || format!("changing a row of {name}");
            let told = match relaxed {
                0 => run(session, sql, values, what)?,
                zeros => run_relaxed(session, sql, zeros, values, what)?,
            };
            // A row that already has the new image is matched, not changed.
            *found = told.matched.unwrap_or(told.affected);
            match expect {
                Expect::There => compare(*found, 1, safe, name, odd)?,
                Expect::New => odd.duplicate += *found,
                Expect::Perhaps => {}
            }
        }
        Step::Clear { sql } => {
            odd.duplicate += run(session, sql, values, || format!("replacing rows of {name}"))?.affected
        }
        Step::Insert { sql, rows, relaxed } => {
            let what = || format!("inserting {} into {name}", counted(rows, "row"));
            let inserted = match relaxed {
                0 => run(session, sql, values, what),
                zeros => run_relaxed(session, sql, zeros, values, what),
            };
            // A statement of many rows stops at the first key that is taken.
            let inserted =
                inserted.inspect_err(|e| odd.duplicate += u64::from(class_of(e) == Some(Class::Duplicate)))?.affected;
            if !safe && inserted != rows {
                return Err(Fault::refused(format!("{}: only {inserted} inserted", what())).into());
            }
            odd.duplicate += inserted.saturating_sub(rows);
        }
    }
    Ok(())
}

/// Counts the rows that were missing, which is an error unless in safe mode.
fn compare(deleted: u64, expected: u64, safe: bool, table: &str, odd: &mut Anomalies) -> Result<()> {
    let missing = expected.saturating_sub(deleted);
    odd.missing += missing;
    if deleted > expected {
        return Err(Fault::refused(format!(
            "deleting {} from {table} would have removed {deleted}",
            counted(expected, "row")
        ))
        .hint("the key is not unique on the target: compare the table's keys with the upstream's")
        .into());
    }
    if missing == 0 || safe {
        return Ok(());
    }
    Err(Fault::refused(format!(
        "rows that the upstream deleted or changed are missing from {table} on the target: {missing} of {expected}"
    ))
    .hint(
        "the target differs from the upstream: was it written to by something else, or loaded from a backup that does \
         not match the start ts? Or does TiDB hold something other than its stream says, as after UPDATE IGNORE on a \
         taken key, or a failed statement inside a cascading foreign key? Nothing of the transaction was applied. \
         Repair the table, or continue with --on-conflict count, which makes the target's rows match the upstream and \
         counts them",
    )
    .into())
}

/// Error codes for a statement that was parsed and cannot be prepared: MySQL and MariaDB, and TiDB.
const NOT_PREPARED: [u16; 2] = [1295, 8107];

impl Session {
    /// Runs a statement whose text was not generated here, as exactly one statement: if it has a
    /// semicolon, the server first parses it with several statements at once forbidden.
    ///
    /// # Errors
    /// The server's error; for a text of several statements, its syntax error.
    pub(super) fn try_run_single(&mut self, sql: &str) -> mysql::Result<u64> {
        if sql.contains(';') {
            let asked = self.asks(sql);
            asked.answered(self.read_single(sql))?;
        }
        self.try_run(sql)
    }

    fn read_single(&mut self, sql: &str) -> mysql::Result<()> {
        match guarded(|| self.conn.prep(sql)) {
            Ok(statement) => guarded(|| self.conn.close(statement)),
            // It was parsed as one statement, of a kind that cannot be prepared.
            Err(mysql::Error::MySqlError(e)) if NOT_PREPARED.contains(&e.code) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
