//! Runs one statement of a batch and compares what it did with what it had to do.

use anyhow::{Context, Result};

use super::failure::{Class, class_of, classify, explain};
use super::session::Session;
use super::statement::{Expect, Step};
use crate::error::Fault;
use crate::sink::Anomalies;

/// Runs `step` on table `name`. Adds what was not as expected to `odd`, in case of an error too; unless `safe` it is one.
///
/// # Errors
/// If the target refuses the statement, or it did something else than it had to.
pub(super) fn apply_step(
    session: &mut Session,
    name: &str,
    step: Step<'_>,
    safe: bool,
    odd: &mut Anomalies,
) -> Result<()> {
    match step {
        Step::Delete { sql, rows } => {
            let deleted = run(session, sql, || format!("deleting {rows} rows from {name}"))?;
            compare(deleted, rows, safe, name, odd)?;
        }
        Step::Count { sql, found } => {
            *found = session.rows(sql).with_context(|| format!("looking for rows of {name}, which has no key"))?;
        }
        Step::DeleteEqual { sql, loose, rows } => {
            let what = || format!("deleting {rows} rows from {name}, which has no key");
            let mut deleted = run(session, &format!("{sql}{rows}"), what)?;
            if let (Some(loose), true) = (loose, deleted < rows) {
                deleted += run(session, &format!("{loose}{}", rows - deleted), what)?;
            }
            compare(deleted, rows, safe, name, odd)?;
        }
        Step::Change { sql, rows } => {
            let affected = run(session, sql, || format!("changing {rows} rows of {name}"))?;
            // Two for each row that was there and changed, one for each that was inserted or there as it is now.
            let there = if affected == rows * 2 { Some(rows) } else { session.duplicates() };
            let Some(there) = there else {
                let message = format!("changing {rows} rows of {name}: the target does not say how many were there");
                return Err(Fault::refused(message).into());
            };
            compare(there, rows, safe, name, odd)?;
        }
        Step::Update { sql, relaxed, found, expect } => {
            let what = || format!("changing a row of {name}");
            let affected = match relaxed {
                0 => run(session, sql, what)?,
                zeros => run_relaxed(session, sql, zeros, name, what)?,
            };
            // A row that has the new image already is found, not changed.
            *found = session.matched().unwrap_or(affected);
            match expect {
                Expect::There => compare(*found, 1, safe, name, odd)?,
                Expect::New => odd.duplicate += *found,
                Expect::Perhaps => {}
            }
        }
        Step::Clear { sql } => odd.duplicate += run(session, sql, || format!("replacing rows of {name}"))?,
        Step::Insert { sql, rows, relaxed } => {
            let what = || format!("inserting {rows} rows into {name}");
            let inserted = match relaxed {
                0 => run(session, sql, what),
                zeros => run_relaxed(session, sql, zeros, name, what),
            };
            // A statement of many rows stops at the first key that is taken.
            let inserted =
                inserted.inspect_err(|e| odd.duplicate += u64::from(class_of(e) == Some(Class::Duplicate)))?;
            if !safe && inserted != rows {
                return Err(Fault::refused(format!("{} took {inserted} of them", what())).into());
            }
            odd.duplicate += inserted.saturating_sub(rows);
        }
    }
    Ok(())
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
    let inserted = relaxed(session, sql, zeros, table, what);
    // A refused statement leaves the session as it was, not relaxed; after a lost connection there is nothing to mend.
    let mended = session.relax(false);
    inserted.and_then(|rows| mended.map(|()| rows))
}

fn relaxed(session: &mut Session, sql: &str, zeros: u64, table: &str, what: impl Fn() -> String) -> Result<u64> {
    let rows = run(session, sql, what)?;
    let warnings = u64::from(session.warnings());
    if warnings > zeros {
        let shown: Vec<(String, u16, String)> = session.rows("SHOW WARNINGS")?;
        let shown: Vec<String> = shown.into_iter().take(5).map(|(_, code, text)| format!("{code} {text}")).collect();
        return Err(Fault::refused(format!("values do not fit the columns of {table}: {}", shown.join("; "))).into());
    }
    Ok(rows)
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
        "the target differs from the upstream: was it written to by others, or loaded from a backup of another time than the start ts? \
         Nothing of the transaction was applied. Repair the table, or go on with --on-conflict count, which makes the target's rows what the upstream has and counts them",
    )
    .into())
}
