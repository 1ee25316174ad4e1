//! DDLs that do not run: skipped by the operator, on tables missing since, or only followed.
//!
//! - DDLs that do not run because the operator said so, or because their tables are missing since
//!   an earlier skip.
//! - The record of skipped DDLs and of the tables that are missing on the target since. It is kept
//!   in `tidb_binlog.tisync_skipped`, so that later rows of those tables are left out, and counted,
//!   through restarts.
//! - DDL that is followed and not run: the schema and the position move on. Of two opposite links
//!   one runs all DDL. The other one runs none, and what it finds upstream must have come from its
//!   own target. Any other DDL there was run on the wrong side: no link brings it to the target,
//!   and rows will soon not fit.

use std::collections::HashMap;

use super::WrongSide;
use super::decision::{Plan, plan};
use super::run::{DdlContext, How, Ran};
use crate::checkpoint::{DdlAt, Link};
use crate::error::Fault;
use crate::event::Event;
use crate::model::{ActionType, CommitTs, Ddl, Side};
use crate::mysql::error::SessionError;
use crate::mysql::session::{Session, shorten};
use crate::sink::LeftOut;
use crate::sink::mysql::ddl;
use crate::sql::quote_text;

/// Records a DDL that the operator skips.
pub(super) fn leave_out(
    context: &mut DdlContext<'_>,
    skipped: &Skipped,
    ts: CommitTs,
    ddl: &Ddl,
) -> Result<Ran, SessionError> {
    let whole = matches!(ddl.action, ActionType::RecoverSchema | ActionType::CreateSchema);
    let mut skipped = skipped.clone();
    let names = transaction(context, |context| {
        context.link.save_ddl_position(context.session, DdlAt::of(ts, ddl))?;
        skipped.record(context.session, context.link, (ts, ddl, whole))
    })?;
    let left = if names.is_empty() { String::new() } else { format!("; left out from here on: {}", names.join(", ")) };
    (context.events)(Event::Warning(format!(
        "skipped as you asked: `{}` (commit ts {}){left}",
        shorten(&ddl.query),
        ts.explain()
    )));
    Ok(Ran { how: How::Skipped, skipped: Some(skipped) })
}

/// Whether `ddl` is about tables that are missing on the target because of a skipped DDL.
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
        .hint(format!("bring the tables to the state after it by hand, and leave it out with `--skip-ddl {}`", ts.0)));
    }
    Ok(true)
}

/// Updates the list of missing tables for a DDL on them, which is not run.
pub(super) fn follow(
    context: &mut DdlContext<'_>,
    skipped: &Skipped,
    ts: CommitTs,
    ddl: &Ddl,
) -> Result<Ran, SessionError> {
    let mut skipped = skipped.clone();
    let gone: Vec<i64> = ddl.before.iter().map(|t| t.id).filter(|id| ddl.after.iter().all(|a| a.id != *id)).collect();
    let schema = (ddl.action == ActionType::DropSchema).then_some(ddl.schema.as_str());
    transaction(context, |context| {
        context.link.save_ddl_position(context.session, DdlAt::of(ts, ddl))?;
        skipped.end(context.session, context.link, (ts, &gone, schema))?;
        // A truncated table has a new id, and a new table in a missing database is missing as well.
        let dropped = matches!(ddl.action, ActionType::DropSchema | ActionType::DropTable);
        if !dropped && ddl.after.iter().any(|t| ddl.before.iter().all(|b| b.id != t.id)) {
            skipped.record(context.session, context.link, (ts, ddl, false))?;
        }
        Ok(())
    })?;
    not_run(context, "its table was left out earlier", ts, ddl);
    Ok(Ran { how: How::LeftOut, skipped: Some(skipped) })
}

/// Ends the entries of a database that `ddl` has dropped. Repeating it changes nothing.
pub(super) fn end_of_database(
    context: &mut DdlContext<'_>,
    skipped: &Skipped,
    ts: CommitTs,
    ddl: &Ddl,
) -> Result<Option<Skipped>, SessionError> {
    if ddl.action != ActionType::DropSchema || skipped.is_empty() {
        return Ok(None);
    }
    let mut skipped = skipped.clone();
    skipped.end(context.session, context.link, (ts, &[], Some(&ddl.schema)))?;
    Ok(Some(skipped))
}

fn transaction<T>(
    context: &mut DdlContext<'_>,
    work: impl FnOnce(&mut DdlContext<'_>) -> Result<T, SessionError>,
) -> Result<T, SessionError> {
    let done = match context.session.open_transaction() {
        Ok(()) => work(context).and_then(|value| context.session.commit_open().map(|()| value)),
        Err(failed) => Err(failed),
    };
    // If the connection is lost, everything is rolled back as well.
    context.session.rollback();
    done
}

/// The tables that are left out on this link.
#[derive(Clone, Debug, Default)]
pub struct Skipped {
    entries: Vec<LeftOut>,
    tables: HashMap<i64, usize>,
}

impl Skipped {
    /// Reads the record of earlier runs.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn load(session: &mut Session, checkpoint: &Link) -> Result<Self, SessionError> {
        type Found = (u64, i64, String, String, bool, u64, u64);
        let rows: Vec<Found> = session.fetch(&format!(
            "SELECT `commit_ts`, `table_id`, `schema_name`, `table_name`, `whole_schema`, `rows_left_out`, `ended_ts` \
             FROM `tidb_binlog`.`tisync_skipped` WHERE {} ORDER BY `commit_ts`, `table_id`",
            checkpoint.link_condition()
        ))?;
        let mut skipped = Self::default();
        for (ts, table_id, schema, table, whole, rows, ended) in rows {
            // A statement that would have created nothing has a row only for the record.
            if table_id != 0 || whole {
                let ended = ended != 0;
                skipped.push(LeftOut { commit_ts: CommitTs(ts), table_id, schema, table, rows, ended });
            }
        }
        Ok(skipped)
    }

    fn push(&mut self, entry: LeftOut) {
        if entry.table_id != 0 && !entry.ended {
            self.tables.insert(entry.table_id, self.entries.len());
        }
        self.entries.push(entry);
    }

    /// Whether rows of this table are left out.
    #[must_use]
    pub fn has_table(&self, id: i64) -> bool {
        self.tables.contains_key(&id)
    }

    /// Whether nothing is left out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.iter().all(|e| e.ended)
    }

    /// Whether this whole database is missing.
    #[must_use]
    pub fn has_schema(&self, name: &str) -> bool {
        self.entries.iter().any(|e| e.table_id == 0 && !e.ended && e.schema.eq_ignore_ascii_case(name))
    }

    /// All entries, including ended ones.
    #[must_use]
    pub fn entries(&self) -> &[LeftOut] {
        &self.entries
    }

    /// Records `ddl` at `ts` as not run, within the open transaction, with the tables that it would
    /// have created; with `whole_schema` its database is missing too.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn record(
        &mut self,
        session: &mut Session,
        checkpoint: &Link,
        (ts, ddl, whole_schema): (CommitTs, &Ddl, bool),
    ) -> Result<Vec<String>, SessionError> {
        let brought: Vec<_> = ddl.after.iter().filter(|t| ddl.before.iter().all(|b| b.id != t.id)).collect();
        let mut rows: Vec<(i64, &str, &str)> =
            brought.iter().map(|t| (t.id, t.schema.as_str(), t.name.as_str())).collect();
        if whole_schema || rows.is_empty() {
            rows.push((0, &ddl.schema, if whole_schema { "" } else { &ddl.table }));
        }
        for (id, schema, table) in &rows {
            session.write(&format!(
                "REPLACE INTO `tidb_binlog`.`tisync_skipped` (`cluster_id`, `link`, `commit_ts`, `table_id`, `job_id`, \
                 `schema_name`, `table_name`, `query`, `whole_schema`) VALUES ({}, {}, {id}, {}, {}, {}, {}, {})",
                checkpoint.link_values(),
                ts.0,
                ddl.job_id,
                quote_text(schema),
                quote_text(table),
                quote_text(&shorten(&ddl.query)),
                u8::from(whole_schema && *id == 0)
            ))?;
        }
        let mut names = Vec::new();
        for (id, schema, table) in rows {
            if id != 0 || whole_schema {
                let (schema, table) = (schema.to_owned(), table.to_owned());
                names.push(format!("{schema}.{}", if table.is_empty() { "*" } else { &table }));
                self.push(LeftOut { commit_ts: ts, table_id: id, schema, table, rows: 0, ended: false });
            }
        }
        Ok(names)
    }

    /// Marks tables that the upstream dropped at `ts`, and with `schema` a whole database.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn end(
        &mut self,
        session: &mut Session,
        checkpoint: &Link,
        (ts, ids, schema): (CommitTs, &[i64], Option<&str>),
    ) -> Result<(), SessionError> {
        for entry in &mut self.entries {
            let hit = match schema {
                Some(name) => entry.schema.eq_ignore_ascii_case(name),
                None => entry.table_id != 0 && ids.contains(&entry.table_id),
            };
            if !hit || entry.ended {
                continue;
            }
            session.write(&format!(
                "UPDATE `tidb_binlog`.`tisync_skipped` SET `ended_ts` = {} WHERE {} AND `commit_ts` = {} AND `table_id` = {}",
                ts.0,
                checkpoint.link_condition(),
                entry.commit_ts.0,
                entry.table_id
            ))?;
            entry.ended = true;
            self.tables.remove(&entry.table_id);
        }
        Ok(())
    }

    /// Adds to the counts of rows left out, within the open transaction.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_counts(
        &self,
        session: &mut Session,
        checkpoint: &Link,
        counts: &HashMap<i64, u64>,
    ) -> Result<(), SessionError> {
        for (id, rows) in counts {
            let Some(entry) = self.tables.get(id).and_then(|i| self.entries.get(*i)) else { continue };
            session.write(&format!(
                "UPDATE `tidb_binlog`.`tisync_skipped` SET `rows_left_out` = `rows_left_out` + {rows} \
                 WHERE {} AND `commit_ts` = {} AND `table_id` = {id}",
                checkpoint.link_condition(),
                entry.commit_ts.0
            ))?;
        }
        Ok(())
    }

    /// Adds the counts in memory once they are durable.
    pub fn add_counts(&mut self, counts: &HashMap<i64, u64>) {
        for (id, rows) in counts {
            if let Some(entry) = self.tables.get(id).and_then(|i| self.entries.get_mut(*i)) {
                entry.rows += rows;
            }
        }
    }
}

/// Why a DDL is followed and not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unrun {
    /// No DDL is run on this link.
    Off,
    /// No DDL is run on this link, and this one did not come from the target as it should; the
    /// operator accepts that.
    WrongSide,
    /// The target had it first.
    CameBack,
}

impl Unrun {
    /// The kind of `ddl` on a link that runs none.
    ///
    /// # Errors
    /// Refused if a user ran it upstream, it would change something on the target, and the operator
    /// does not accept that.
    pub(super) fn of(context: &DdlContext<'_>, ts: CommitTs, ddl: &Ddl) -> Result<Self, Fault> {
        if ddl.side != Side::Upstream || matches!(plan(context.session.server(), ts, ddl), Ok(Plan::LeaveOut(_))) {
            return Ok(Self::Off);
        }
        match context.policy.wrong_side {
            WrongSide::Ignore => Ok(Self::WrongSide),
            WrongSide::Stop => Err(refusal(ts, ddl)),
        }
    }

    /// Reports it.
    pub(super) fn tell(self, context: &DdlContext<'_>, ts: CommitTs, ddl: &Ddl) {
        let (query, at) = (shorten(&ddl.query), ts.explain());
        match self {
            Self::CameBack => not_run(context, "because it came from there", ts, ddl),
            Self::Off if !ddl::brings_back(ddl.action) => not_run(context, "because this link runs no DDL", ts, ddl),
            Self::Off => (context.events)(Event::Warning(format!(
                "this link runs no DDL, and this one brings back rows that the binlog does not contain: `{query}` \
                 (commit ts {at})"
            ))),
            Self::WrongSide => (context.events)(Event::Warning(format!(
                "ignored because of --wrong-side-ddl: `{query}` in database `{}` (commit ts {at}) was run on the \
                 source and did not come from the target, which does not have it",
                ddl.schema
            ))),
        }
    }
}

pub(super) fn not_run(context: &DdlContext<'_>, why: &str, ts: CommitTs, ddl: &Ddl) {
    (context.events)(Event::Note(format!(
        "not run on the target, {why}: `{}` (commit ts {})",
        shorten(&ddl.query),
        ts.explain()
    )));
}

fn refusal(ts: CommitTs, ddl: &Ddl) -> Fault {
    Fault::refused(format!(
        "this DDL is on the wrong side: `{}` in database `{}` (commit ts {}) was run on the source of this link, \
         which runs no DDL, and did not come from its target. So the target does not have it, and no link will bring \
         it there",
        shorten(&ddl.query),
        ddl.schema,
        ts.explain()
    ))
    .hint(format!(
        "the position stays before it. To have it on both sides, start again with `--on-ddl-error 'replace:{0}=SQL'`, \
         where SQL is the statement: it runs on the target, and the other direction recognises it as its own. Or undo \
         it on the source, run it on the target, from where it is replicated, and leave both out here with `--skip-ddl \
         {0}` and the ts of the statement that undoes it. `--skip-ddl {0}` alone continues without it, \
         `--wrong-side-ddl ignore` without all such DDL: use that also where the other direction is a Drainer, which \
         does not say what came through it",
        ts.0
    ))
}
