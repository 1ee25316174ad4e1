//! DDLs that do not run because the operator said so, or because their tables are missing since such a one.

use super::run::{Ground, How, Ran};
use super::unrun::not_run;
use crate::checkpoint::{DdlAt, Failed};
use crate::error::Fault;
use crate::event::Event;
use crate::model::{ActionType, CommitTs, Ddl};
use crate::sink::mysql::session::shorten;
use crate::sink::mysql::skipped::Skipped;

/// Records a DDL that the operator wants skipped.
pub(super) fn leave_out(ground: &mut Ground<'_>, skipped: &Skipped, ts: CommitTs, ddl: &Ddl) -> Result<Ran, Failed> {
    let whole = matches!(ddl.action, ActionType::RecoverSchema | ActionType::CreateSchema);
    let mut skipped = skipped.clone();
    let names = transaction(ground, |ground| {
        ground.link.save_ddl_position(ground.session, DdlAt::of(ts, ddl))?;
        skipped.record(ground.session, ground.link, (ts, ddl, whole))
    })?;
    let left = if names.is_empty() { String::new() } else { format!("; left out from here on: {}", names.join(", ")) };
    (ground.events)(Event::Warning(format!(
        "skipped by your word: `{}` (commit ts {}){left}",
        shorten(&ddl.query),
        ts.explain()
    )));
    Ok(Ran { how: How::Skipped, skipped: Some(skipped) })
}

/// Whether `ddl` is about tables that are missing on the target through a skipped DDL.
pub(super) fn touches_missing(skipped: &Skipped, ts: CommitTs, ddl: &Ddl) -> Result<bool, Fault> {
    if skipped.is_empty() {
        return Ok(false);
    }
    if skipped.has_schema(&ddl.schema) {
        return Ok(true);
    }
    let missing = ddl.before.iter().filter(|t| skipped.has_table(t.id)).count();
    if missing == 0 || ddl.action == ActionType::DropSchema {
        return Ok(false);
    }
    if missing < ddl.before.len() {
        return Err(Fault::refused(format!(
            "`{}` (commit ts {}) joins tables that are on the target with tables that a skipped DDL left out",
            shorten(&ddl.query),
            ts.explain()
        ))
        .hint(format!(
            "bring the tables to the state behind it by hand, and leave it out with `--skip-ddl {}`",
            ts.0
        )));
    }
    Ok(true)
}

/// Keeps the list of missing tables right through a DDL on them, which is not run.
pub(super) fn follow(ground: &mut Ground<'_>, skipped: &Skipped, ts: CommitTs, ddl: &Ddl) -> Result<Ran, Failed> {
    let mut skipped = skipped.clone();
    let gone: Vec<i64> = ddl.before.iter().map(|t| t.id).filter(|id| ddl.after.iter().all(|a| a.id != *id)).collect();
    let schema = (ddl.action == ActionType::DropSchema).then_some(ddl.schema.as_str());
    transaction(ground, |ground| {
        ground.link.save_ddl_position(ground.session, DdlAt::of(ts, ddl))?;
        skipped.end(ground.session, ground.link, (ts, &gone, schema))?;
        // A truncated table has a new id, a new table of a missing database is missing as well.
        let dropped = matches!(ddl.action, ActionType::DropSchema | ActionType::DropTable);
        if !dropped && ddl.after.iter().any(|t| ddl.before.iter().all(|b| b.id != t.id)) {
            skipped.record(ground.session, ground.link, (ts, ddl, false))?;
        }
        Ok(())
    })?;
    not_run(ground, "its table was left out before", ts, ddl);
    Ok(Ran { how: How::LeftOut, skipped: Some(skipped) })
}

/// Ends the entries of what was missing in a database that `ddl` has dropped. Doing it once more changes nothing.
pub(super) fn end_of_database(
    ground: &mut Ground<'_>,
    skipped: &Skipped,
    ts: CommitTs,
    ddl: &Ddl,
) -> Result<Option<Skipped>, Failed> {
    if ddl.action != ActionType::DropSchema || skipped.is_empty() {
        return Ok(None);
    }
    let mut skipped = skipped.clone();
    skipped.end(ground.session, ground.link, (ts, &[], Some(&ddl.schema)))?;
    Ok(Some(skipped))
}

fn transaction<T>(
    ground: &mut Ground<'_>,
    work: impl FnOnce(&mut Ground<'_>) -> Result<T, Failed>,
) -> Result<T, Failed> {
    let done = match ground.session.open_transaction() {
        Ok(()) => work(ground).and_then(|value| ground.session.commit_open().map(|()| value)),
        Err(failed) => Err(failed),
    };
    // Where the connection is lost, everything is taken back as well.
    ground.session.rollback();
    done
}
