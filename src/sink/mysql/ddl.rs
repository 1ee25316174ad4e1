//! DDL: alone, with its intent stored first (spec/tidb-binlog.md §7.7, spec/tidb-formats.md §6.4).

use anyhow::{Context, Result};

use super::PendingDdl;
use super::ddl_text::{inherits_charset, rewrite, split};
use super::failure::{classify, explain};
use super::session::{Flavour, Server, Session, quote_name, quote_text, shorten};
use super::skipped::Skipped;
use crate::checkpoint::{Intent, Link};
use super::shared::Shared;
use super::MysqlOptions;
use crate::error::Fault;
use crate::event::{Event, Events};
use crate::model::{CommitTs, Ddl};

/// Where a DDL runs.
pub(super) struct Applier<'a> {
    pub(super) session: &'a mut Session,
    pub(super) link: &'a Link,
    pub(super) options: &'a MysqlOptions,
    pub(super) events: &'a Events,
    pub(super) shared: &'a Shared,
}

/// ActionType numbers that are named here.
mod action {
    pub const CREATE_SCHEMA: u8 = 1;
    pub const DROP_SCHEMA: u8 = 2;
    pub const CREATE_TABLE: u8 = 3;
    pub const DROP_TABLE: u8 = 4;
    pub const RECOVER_TABLE: u8 = 25;
    pub const SCHEMA_CHARSET: u8 = 26;
    pub const CREATE_TABLES: u8 = 60;
    pub const FLASHBACK_CLUSTER: u8 = 62;
    pub const RECOVER_SCHEMA: u8 = 63;
}

/// What becomes of a DDL.
enum Verdict {
    /// These statements run.
    Run(Vec<String>),
    /// It means nothing to the target.
    Skip(&'static str),
}

/// Settles the intent that an earlier run left behind, by the operator's word.
///
/// # Errors
/// Refused without such a word.
pub(super) fn settle(
    session: &mut Session,
    checkpoint: &mut Link,
    intent: &Intent,
    word: Option<PendingDdl>,
    events: &Events,
) -> Result<()> {
    let what = format!(
        "`{}` in database `{}` (job {}, commit ts {})",
        intent.query,
        intent.schema,
        intent.job,
        intent.ts.explain()
    );
    match word {
        None => {
            Err(Fault::refused(format!("an earlier run began this DDL on the target and did not see it end: {what}"))
                .hint(
                    "look at the target whether it took effect: go on with `--pending-ddl done` if it did, with \
             `--pending-ddl again` if it did not",
                )
                .into())
        }
        Some(PendingDdl::Done) => {
            events(Event::Note(format!("taken as done by your word: {what}")));
            Ok(checkpoint.end_ddl(session, Some((intent.ts, intent.job)))?)
        }
        Some(PendingDdl::Again) => {
            events(Event::Note(format!("will be run again by your word: {what}")));
            Ok(checkpoint.end_ddl(session, None)?)
        }
    }
}

/// Runs, skips or refuses `ddl`, and moves the checkpoint to `ts`.
pub(super) fn run(applier: &mut Applier<'_>, ts: CommitTs, ddl: &Ddl) -> Result<()> {
    let mut skipped = Skipped::clone(&*applier.shared.skipped());
    if applier.options.skip_ddl.contains(&ts) {
        return leave_out(applier, &mut skipped, ts, ddl);
    }
    if touches_missing(&skipped, ts, ddl)? {
        return follow_missing(applier, &mut skipped, ts, ddl);
    }
    match judge(applier.session.server(), ts, ddl)? {
        Verdict::Skip(why) => {
            applier.link.save_ddl_position(applier.session, ts, ddl.job_id)?;
            (applier.events)(Event::Note(format!(
                "not run on the target, {why}: `{}` (commit ts {})",
                shorten(&ddl.query),
                ts.explain()
            )));
            applier.shared.count(|t| t.skipped_ddl += 1);
        }
        Verdict::Run(statements) => {
            warn_of_charset(applier, ts, ddl)?;
            execute(applier, ts, ddl, &statements)?;
            applier.shared.count(|t| t.ddl += 1);
            (applier.events)(Event::Note(format!("ran `{}` (commit ts {})", shorten(&ddl.query), ts.explain())));
        }
    }
    if ddl.action == action::DROP_SCHEMA && !skipped.is_empty() {
        // The database went with whatever was missing in it.
        skipped.end(applier.session, applier.link, (ts, &[], Some(&ddl.schema)))?;
        applier.shared.set_skipped(skipped);
    }
    Ok(())
}

fn judge(server: &Server, ts: CommitTs, ddl: &Ddl) -> Result<Verdict> {
    let flavour = server.flavour;
    let why = match ddl.action {
        action::RECOVER_TABLE | action::RECOVER_SCHEMA | action::FLASHBACK_CLUSTER => {
            return Err(Fault::refused(format!(
                "`{}` in database `{}` (commit ts {}) brings rows back that no binlog repeats, so the target cannot follow",
                shorten(&ddl.query),
                ddl.schema,
                ts.explain()
            ))
            .hint(format!(
                "`--skip-ddl {}` goes on without: what it brings back is then left out, counted and listed. To have it on the \
                 target, copy it there from a newer backup and start a new link from that backup's ts",
                ts.0
            ))
            .into());
        }
        27 | 28 => Some("locks concern the upstream alone"),
        30 | 31 => Some("TiFlash concerns the upstream alone"),
        49..=56 => Some("placement concerns the upstream alone"),
        57 | 59 => Some("table caches concern the upstream alone"),
        58 => Some("statistics concern the upstream alone"),
        65 | 67 => Some("the rows that TTL removes arrive by themselves"),
        68..=70 => Some("resource groups concern the upstream alone"),
        34..=36 if flavour == Flavour::MySql => Some("MySQL has no sequences"),
        41 if flavour == Flavour::MariaDb || server.version < (8, 0, 0) && flavour == Flavour::MySql => {
            Some("the target has no invisible indexes")
        }
        _ => None,
    };
    if let Some(why) = why {
        return Ok(Verdict::Skip(why));
    }
    let texts = if ddl.action == action::CREATE_TABLES { split(&ddl.query) } else { vec![ddl.query.as_str()] };
    if ddl.action == action::CREATE_TABLES && texts.len() != ddl.after.len() {
        return Err(Fault::refused(format!(
            "a job made {} tables at once in database `{}`, but its text holds {} statements (commit ts {})",
            ddl.after.len(),
            ddl.schema,
            texts.len(),
            ts.explain()
        ))
        .hint(format!(
            "this is how BR restores, whose rows no binlog carries: restore the same backup on the target, or leave the tables \
             out with `--skip-ddl {}`",
            ts.0
        ))
        .into());
    }
    let statements: Vec<String> = texts.into_iter().filter_map(|text| rewrite(text, flavour)).collect();
    Ok(if statements.is_empty() { Verdict::Skip("it says nothing to this target") } else { Verdict::Run(statements) })
}

/// Stores the intent, runs the statements, saves the checkpoint.
fn execute(applier: &mut Applier<'_>, ts: CommitTs, ddl: &Ddl, statements: &[String]) -> Result<()> {
    let (session, checkpoint) = (&mut *applier.session, applier.link);
    checkpoint.begin_ddl(session, (ts, ddl), &statements.join("; "), (0, ""), "")?;
    let of_database = matches!(ddl.action, action::CREATE_SCHEMA | action::DROP_SCHEMA | action::SCHEMA_CHARSET);
    let database =
        if of_database || ddl.schema.is_empty() { None } else { Some(format!("USE {}", quote_name(&ddl.schema))) };
    for (ran, sql) in database.iter().chain(statements).enumerate() {
        if let Err(error) = session.try_run(sql) {
            // The server said no to the first statement: surely nothing happened, and a restart may simply try again.
            if classify(&error).is_definite() && ran <= usize::from(database.is_some()) {
                checkpoint.end_ddl(session, None)?;
            }
            return Err(explain(&error, format!("the target refused `{}`", shorten(sql)))).with_context(|| {
                format!(
                    "cannot run the DDL of commit ts {} (job {}) in database `{}`",
                    ts.explain(),
                    ddl.job_id,
                    ddl.schema
                )
            });
        }
    }
    Ok(checkpoint.end_ddl(session, Some((ts, ddl.job_id)))?)
}

/// Records a DDL that the operator wants skipped.
fn leave_out(applier: &mut Applier<'_>, skipped: &mut Skipped, ts: CommitTs, ddl: &Ddl) -> Result<()> {
    let whole = matches!(ddl.action, action::RECOVER_SCHEMA | action::CREATE_SCHEMA);
    applier.session.begin()?;
    applier.link.save_ddl_position(applier.session, ts, ddl.job_id)?;
    let names = skipped.record(applier.session, applier.link, (ts, ddl, whole))?;
    applier.session.commit()?;
    applier.shared.set_skipped(skipped.clone());
    applier.shared.count(|t| t.skipped_ddl += 1);
    let left = if names.is_empty() { String::new() } else { format!("; left out from here on: {}", names.join(", ")) };
    (applier.events)(Event::Warning(format!(
        "skipped by your word: `{}` (commit ts {}){left}",
        shorten(&ddl.query),
        ts.explain()
    )));
    Ok(())
}

/// Whether `ddl` is about tables that are missing on the target through a skipped DDL.
fn touches_missing(skipped: &Skipped, ts: CommitTs, ddl: &Ddl) -> Result<bool> {
    if skipped.is_empty() {
        return Ok(false);
    }
    if skipped.has_schema(&ddl.schema) {
        return Ok(true);
    }
    let missing = ddl.before.iter().filter(|t| skipped.has_table(t.id)).count();
    if missing == 0 || ddl.action == action::DROP_SCHEMA {
        return Ok(false);
    }
    if missing < ddl.before.len() {
        return Err(Fault::refused(format!(
            "`{}` (commit ts {}) joins tables that are on the target with tables that a skipped DDL left out",
            shorten(&ddl.query),
            ts.explain()
        ))
        .hint(format!("bring the tables to the state behind it by hand, and leave it out with `--skip-ddl {}`", ts.0))
        .into());
    }
    Ok(true)
}

/// Keeps the list of missing tables right through a DDL on them, which is not run.
fn follow_missing(applier: &mut Applier<'_>, skipped: &mut Skipped, ts: CommitTs, ddl: &Ddl) -> Result<()> {
    let (session, checkpoint) = (&mut *applier.session, applier.link);
    session.begin()?;
    checkpoint.save_ddl_position(session, ts, ddl.job_id)?;
    let gone: Vec<i64> = ddl.before.iter().map(|t| t.id).filter(|id| ddl.after.iter().all(|a| a.id != *id)).collect();
    let schema = (ddl.action == action::DROP_SCHEMA).then_some(ddl.schema.as_str());
    skipped.end(session, checkpoint, (ts, &gone, schema))?;
    if ddl.action != action::DROP_SCHEMA && ddl.action != action::DROP_TABLE {
        // A truncated table has a new id, a new table of a missing database is missing as well.
        let new = ddl.after.iter().any(|t| ddl.before.iter().all(|b| b.id != t.id));
        if new {
            skipped.record(session, checkpoint, (ts, ddl, false))?;
        }
    }
    session.commit()?;
    applier.shared.set_skipped(skipped.clone());
    applier.shared.count(|t| t.skipped_ddl += 1);
    (applier.events)(Event::Note(format!(
        "not run, its table was left out before: `{}` (commit ts {})",
        shorten(&ddl.query),
        ts.explain()
    )));
    Ok(())
}

/// A table that takes its charset from a database whose default is not the upstream's compares text differently.
fn warn_of_charset(applier: &mut Applier<'_>, ts: CommitTs, ddl: &Ddl) -> Result<()> {
    let Some(table) = ddl.after.first().filter(|_| ddl.action == action::CREATE_TABLE) else { return Ok(()) };
    if table.collation.is_empty() || !inherits_charset(&ddl.query) {
        return Ok(());
    }
    let there: Option<String> = applier.session.first(&format!(
        "SELECT default_collation_name FROM information_schema.schemata WHERE schema_name = {}",
        quote_text(&table.schema)
    ))?;
    let Some(there) = there else { return Ok(()) };
    if there.replace("utf8mb3", "utf8") != table.collation.replace("utf8mb3", "utf8") {
        (applier.events)(Event::Warning(format!(
            "table `{}`.`{}` gets collation {there} from its database on the target, but has {} upstream (commit ts {}): its \
             text may compare differently. `ALTER DATABASE {} COLLATE {}` on the target would prevent it for further tables",
            table.schema,
            table.name,
            table.collation,
            ts.explain(),
            quote_name(&table.schema),
            table.collation
        )));
    }
    Ok(())
}
