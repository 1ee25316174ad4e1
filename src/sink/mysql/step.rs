//! Runs one statement of a batch and compares what it did with what it had to do.

use anyhow::{Context, Result};

use super::failure::{Class, class_of};
use super::relaxed::{Told, Values, run, run_relaxed};
use super::session::Session;
use super::statement::{Expect, Step};
use crate::error::Fault;
use crate::model::Table;
use crate::sink::Anomalies;

/// Runs `step` on `table`, which is called `name`. Adds what was not as expected to `odd`, in case of an error too; unless `safe` it is one.
///
/// # Errors
/// If the target refuses the statement, or it did something else than it had to.
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
            let deleted = run(session, sql, values, || format!("deleting {rows} rows from {name}"))?;
            compare(deleted.affected, rows, safe, name, odd)?;
        }
        Step::Count { sql, found } => {
            *found = session.rows(sql).with_context(|| format!("looking for rows of {name}, which has no key"))?;
        }
        Step::DeleteEqual { sql, loose, rows } => {
            let what = || format!("deleting {rows} rows from {name}, which has no key");
            let mut deleted = run(session, &format!("{sql}{rows}"), values, what)?.affected;
            if let (Some(loose), true) = (loose, deleted < rows) {
                deleted += run(session, &format!("{loose}{}", rows - deleted), values, what)?.affected;
            }
            compare(deleted, rows, safe, name, odd)?;
        }
        Step::Change { sql, rows } => {
            let Told { affected, duplicates, .. } =
                run(session, sql, values, || format!("changing {rows} rows of {name}"))?;
            // Two for each row that was there and changed, one for each that was inserted or there as it is now.
            let there = if affected == rows * 2 { Some(rows) } else { duplicates };
            let Some(there) = there else {
                let message = format!("changing {rows} rows of {name}: the target does not say how many were there");
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
            // A row that has the new image already is found, not changed.
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
            let what = || format!("inserting {rows} rows into {name}");
            let inserted = match relaxed {
                0 => run(session, sql, values, what),
                zeros => run_relaxed(session, sql, zeros, values, what),
            };
            // A statement of many rows stops at the first key that is taken.
            let inserted =
                inserted.inspect_err(|e| odd.duplicate += u64::from(class_of(e) == Some(Class::Duplicate)))?.affected;
            if !safe && inserted != rows {
                return Err(Fault::refused(format!("{} took {inserted} of them", what())).into());
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
        return Err(Fault::refused(format!("deleting {expected} rows from {table} would have removed {deleted}"))
            .hint("the target's key is not unique there: compare the table's keys with the upstream's")
            .into());
    }
    if missing == 0 || safe {
        return Ok(());
    }
    Err(Fault::refused(format!(
        "{missing} of {expected} rows that the upstream deleted or changed are not in {table} on the target"
    ))
    .hint(
        "the target differs from the upstream: was it written to by others, or loaded from a backup of another time than the start ts? Or TiDB kept \
         something else than its stream says, as after UPDATE IGNORE on a taken key, or a failed statement inside a cascading foreign key? \
         Nothing of the transaction was applied. Repair the table, or go on with --on-conflict count, which makes the target's rows what the upstream has and counts them",
    )
    .into())
}
