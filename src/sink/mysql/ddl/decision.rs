//! Decides how this target handles a DDL: run, replaced, left out, or refused.
//!
//! - The verdict by type and text: run as which statements, left out, or refused.
//! - The way that a DDL takes: run, in which words, replaced, left out, or refused.

use std::collections::BTreeMap;

use super::begun::DELETE;
use super::constraint::{Named, Names};
use super::dialect::{TEMPORARY, Unsupported, translate};
use super::foreign_key;
use super::form::{self, Form, drop_other_spelling, own_definer, rewrite};
use super::run::{DdlContext, StatementError};
use super::sequence::{self, Left, keep_in_range};
use super::skipped::{self, Skipped, Unrun};
use super::{Fate, SEQUENCES, conversion, define};
use crate::error::Fault;
use crate::model::{ActionType, CommitTs, Ddl, Partition, Side};
use crate::mysql::error::SessionError;
use crate::mysql::session::{Flavour, Server, shorten};
use crate::sink::mysql::batch::full_name;
use crate::sink::mysql::ddl;
use crate::sink::mysql::limits::condition;
use crate::sql::{has_query, statements};

/// How a DDL is handled, by its type and text.
pub(super) enum Plan {
    /// These statements run, in order.
    Run {
        /// The statements in the target's SQL.
        statements: Vec<String>,
        /// How many of the last ones the target may refuse.
        optional: usize,
        /// What is left out of them, and other remarks for the operator.
        said: Vec<String>,
    },
    /// It is irrelevant to the target.
    LeaveOut(String),
}

pub(super) fn plan(server: &Server, ts: CommitTs, ddl: &Ddl) -> Result<Plan, Fault> {
    if let Some(fault) = &ddl.refused {
        return Err(Fault::clone(fault));
    }
    let tidb = server.flavour == Flavour::TiDb;
    let left = |why: &str| Ok(Plan::LeaveOut(why.to_owned()));
    match ddl::fate(ddl.action) {
        Fate::BringsBack => return Err(brings_back(ts, ddl)),
        Fate::LeftOut(why) => return left(why),
        Fate::RunsOnTidb(why) if !tidb => return left(why),
        Fate::RunsUnlessMysql(why) if server.flavour == Flavour::MySql => return left(why),
        Fate::Repairs if same_columns(ddl) => return left("it repairs the upstream's own metadata of the table"),
        Fate::Repairs => return Err(repairs(ts, ddl)),
        Fate::Unused if Form::of(&ddl.query, &ddl.schema) == Form::Other => return Err(unknown(ts, ddl)),
        _ => {}
    }
    if ddl.temporary && !tidb {
        return left(TEMPORARY);
    }
    if !tidb && ddl.partitions.iter().any(|p| p.hashed.is_some()) {
        return hashed_otherwise(ts, ddl);
    }
    if let Some(rest) = sequence::without(ddl).filter(|_| server.flavour == Flavour::MySql) {
        return without_sequences(server, ts, ddl, rest);
    }
    let made = define::statements(server, ddl).map_err(|why| unspeakable(server, ts, ddl, &why))?;
    let texts = match &made {
        Some(made) => made.statements.iter().chain(&made.optional).map(String::as_str).collect(),
        None => match &ddl.unclear {
            Some(fault) => return Err(Fault::clone(fault)),
            None => texts(ts, ddl)?,
        },
    };
    let default = default_of(ddl);
    let (mut statements, mut said) = (Vec::new(), Vec::new());
    for text in texts {
        fits_its_job(text, ts, ddl)?;
        let Some(text) = rewrite(text, server.flavour, default) else { continue };
        let spoken = translate(&text, server, ddl).map_err(|why| unspeakable(server, ts, ddl, &why))?;
        statements.extend(spoken.sql);
        said.extend(spoken.without);
    }
    said.extend(made.iter().flat_map(|made| made.without.clone()));
    if statements.is_empty() {
        return Ok(Plan::LeaveOut(if said.is_empty() {
            "it means nothing to this target".to_owned()
        } else {
            said.join("; ")
        }));
    }
    if ddl.action == ActionType::CreateTables {
        said.push(
            "if this was a restore, its rows are not in the stream and must be restored on the target too".to_owned(),
        );
    }
    let optional = made.map_or(0, |made| made.optional.len());
    Ok(Plan::Run { statements, optional, said })
}

/// Plans a statement that names sequences, and perhaps tables, for a target that has none.
fn without_sequences(server: &Server, ts: CommitTs, ddl: &Ddl, left: Left) -> Result<Plan, Fault> {
    let Some(query) = left.sql else { return Ok(Plan::LeaveOut(SEQUENCES.to_owned())) };
    let rest = Ddl { query, sequences: Vec::new(), ..ddl.clone() };
    let mut planned = plan(server, ts, &rest)?;
    if let Plan::Run { said, .. } = &mut planned {
        said.extend(left.without.iter().map(|name| format!("without the sequence {name}: {SEQUENCES}")));
    }
    Ok(planned)
}

/// Plans a DDL about partitions by KEY, which hold other rows on another server than in TiDB.
fn hashed_otherwise(ts: CommitTs, ddl: &Ddl) -> Result<Plan, Fault> {
    let refused =
        |why: &str| Fault::refused(format!("{} cannot run on the target: {why}", named(ts, ddl))).hint(ways_on(ts));
    let table = ddl.after.iter().find(|t| !t.columns.is_empty());
    let (Some(table), ActionType::TruncatePartition) = (table, ddl.action) else {
        return Err(refused("its partitions are by KEY, and hold different rows there than in TiDB"));
    };
    let of = |p: &Partition| p.hashed.as_ref().map(|hashed| condition(table, hashed));
    let conditions =
        ddl.partitions.iter().filter_map(of).collect::<Result<Vec<_>, _>>().map_err(|why| refused(&why.message))?;
    Ok(Plan::Run {
        statements: vec![format!("{DELETE} {} WHERE {}", full_name(table), conditions.join(" OR "))],
        optional: 0,
        said: vec![
            "its partitions are by KEY, and hold different rows there than in TiDB: the rows themselves are deleted"
                .to_owned(),
        ],
    })
}

/// Checks that a text does what a job of TiDB can do, regardless of the job type that it claims.
fn fits_its_job(text: &str, ts: CommitTs, ddl: &Ddl) -> Result<(), Fault> {
    let why = match Form::of(text, &ddl.schema) {
        Form::Other => "it is not a known DDL",
        Form::DropDatabase(_) if ddl.action != ActionType::DropSchema => "it drops a database, but its job does not",
        _ if has_query(text) => "it contains a query, which no DDL of TiDB does",
        _ => return Ok(()),
    };
    Err(Fault::refused(format!("{} is not sent to the target: {why}", named(ts, ddl))).hint(ways_on(ts)))
}

/// The statements of the job: one, except for tables that were created together.
fn texts(ts: CommitTs, ddl: &Ddl) -> Result<Vec<&str>, Fault> {
    let texts = statements(&ddl.query);
    if ddl.action == ActionType::CreateTables {
        if texts.len() == ddl.after.len() {
            return Ok(texts);
        }
        return Err(Fault::refused(format!(
            "a job created {} tables at once in database `{}`, but its text has {} statements (commit ts {})",
            ddl.after.len(),
            ddl.schema,
            texts.len(),
            ts.explain()
        ))
        .hint(format!(
            "this is how BR restores, and the binlog does not contain restored rows: restore the same backup on the \
             target, or leave the tables out with `--skip-ddl {}`",
            ts.0
        )));
    }
    if texts.len() > 1 {
        return Err(Fault::refused(format!(
            "a DDL job has one statement, but its text has {}: `{}` (commit ts {})",
            texts.len(),
            shorten(&ddl.query),
            ts.explain()
        ))
        .hint(ways_on(ts)));
    }
    Ok(texts)
}

fn ways_on(ts: CommitTs) -> String {
    format!(
        "`--on-ddl-error 'replace:{0}=SQL'` runs SQL instead, `--on-ddl-error skip:{0}` (or `--skip-ddl {0}`) \
         continues without it",
        ts.0
    )
}

fn named(ts: CommitTs, ddl: &Ddl) -> String {
    format!("`{}` in database `{}` (commit ts {})", shorten(&ddl.query), ddl.schema, ts.explain())
}

fn brings_back(ts: CommitTs, ddl: &Ddl) -> Fault {
    Fault::refused(format!(
        "{} brings back rows that the binlog does not contain, so the target cannot follow",
        named(ts, ddl)
    ))
    .hint(format!(
        "`--skip-ddl {0}` continues without it: what it brings back is then left out, counted and listed. To have \
             it on the target, copy it there from a newer backup and start a new link from that backup's ts; or create \
             the same rows there by hand, and continue with `--on-ddl-error 'replace:{0}=DO 0'`",
        ts.0
    ))
}

/// Whether the job left the tables as they were, as far as rows go.
fn same_columns(ddl: &Ddl) -> bool {
    let columns = |tables: &[std::sync::Arc<crate::model::Table>]| {
        tables.iter().map(|t| (t.name.clone(), t.columns.clone(), t.keys.clone())).collect::<Vec<_>>()
    };
    columns(&ddl.before) == columns(&ddl.after)
}

fn repairs(ts: CommitTs, ddl: &Ddl) -> Fault {
    Fault::refused(format!("{} gives the table a different definition without changing its rows", named(ts, ddl)))
        .hint(format!("change the target's table to that definition. {}", ways_on(ts)))
}

fn unknown(ts: CommitTs, ddl: &Ddl) -> Fault {
    Fault::refused(format!("{} is a job of unknown type {}", named(ts, ddl), ddl.action.number())).hint(ways_on(ts))
}

fn unspeakable(server: &Server, ts: CommitTs, ddl: &Ddl, why: &Unsupported) -> Fault {
    Fault::refused(format!("{} cannot run on the target, {server}: {}", named(ts, ddl), why.0)).hint(ways_on(ts))
}

/// Charset and collation of the job's database upstream, if both are known and are plain names.
fn default_of(ddl: &Ddl) -> Option<(&str, &str)> {
    let names = ddl.charset.as_deref().zip(ddl.collation.as_deref())?;
    let is_name = |n: &str| n.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    (is_name(names.0) && is_name(names.1)).then_some(names)
}

/// How this target handles a DDL.
pub(super) enum Decision {
    /// The operator skips it.
    Skip,
    /// Its tables are missing on the target.
    Follow,
    /// The schema is followed, and nothing runs.
    Unrun(Unrun),
    /// It is irrelevant to the target.
    LeaveOut(String),
    /// The operator's statements run instead.
    Instead(Vec<String>),
    /// These statements run, in order.
    Run {
        /// The statements in the target's SQL.
        statements: Vec<String>,
        /// The time zones, as SQL, of those that do not run in UTC, by their numbers.
        zones: BTreeMap<usize, String>,
        /// Those from this one on are left out if the target refuses them.
        optional_from: Option<usize>,
        /// Remarks for the operator.
        said: Vec<String>,
    },
}

/// How `ddl` is handled.
///
/// # Errors
/// Refused if the target cannot have it, before anything is sent.
pub(super) fn way(
    context: &mut DdlContext<'_>,
    skipped: &Skipped,
    ts: CommitTs,
    ddl: &Ddl,
) -> Result<Decision, StatementError> {
    if context.policy.skip.contains(&ts) {
        return Ok(Decision::Skip);
    }
    let came_back = ddl.side == Side::Target;
    if let Some(statements) = context.policy.instead(ts).map_err(refused)?.filter(|_| !came_back) {
        return Ok(Decision::Instead(statements));
    }
    if skipped::touches_missing(skipped, ts, ddl).map_err(refused)? {
        return Ok(Decision::Follow);
    }
    if came_back {
        return Ok(Decision::Unrun(Unrun::CameBack));
    }
    if !context.policy.run {
        return Unrun::of(context, ts, ddl).map(Decision::Unrun).map_err(refused);
    }
    if let Some(why) = form::never_there(context.session.server(), ddl) {
        return Ok(Decision::LeaveOut(why));
    }
    match plan(context.session.server(), ts, ddl).map_err(refused)? {
        Plan::LeaveOut(why) => Ok(Decision::LeaveOut(why)),
        Plan::Run { statements: planned, optional, mut said } => {
            let (mut statements, mut zones) = (Vec::new(), BTreeMap::new());
            let (mut names, mut left_behind) = (Names::default(), Vec::new());
            for planned in planned {
                let mut statement = match names.named(context.session, &planned, ddl)? {
                    Named::Runs(statement, index) => {
                        left_behind.extend(index);
                        statement
                    }
                    Named::Goes(why) => {
                        said.push(why);
                        continue;
                    }
                };
                form::check(context.session.server(), &statement, ts, ddl).map_err(refused)?;
                said.extend(keep_in_range(context.session, &mut statement, ddl)?);
                said.extend(own_definer(context.session, &mut statement)?);
                statements.extend(drop_other_spelling(context.session, &statement, ddl)?);
                super::conversion::check(context.session, &statement, ts)?;
                let prepared = conversion::prepare(context.session, &statement, ts, ddl)?;
                said.extend(prepared.said);
                for (before, zone) in prepared.before {
                    zones.extend(zone.map(|zone| (statements.len(), zone)));
                    statements.push(before);
                }
                statements.extend(foreign_key::apart(context.session, statement, ddl)?);
            }
            let optional = optional + left_behind.len();
            statements.extend(left_behind);
            let optional_from = (optional > 0).then(|| statements.len().saturating_sub(optional));
            Ok(Decision::Run { statements, zones, optional_from, said })
        }
    }
}

pub(super) fn refused(fault: Fault) -> StatementError {
    StatementError::Refused(SessionError::from(fault))
}
