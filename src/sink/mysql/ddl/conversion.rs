//! Column type changes for which this target converts values otherwise than TiDB has.
//!
//! - A column that gets another type: by way of a type that makes the values the same, or not at
//!   all while values that differ are there.
//! - A column that becomes a TIMESTAMP, or ceases to be one. TiDB converts its values in the zone
//!   of the session that ran the job, and keeps that zone with the job. The sink's sessions are in
//!   UTC, so these values get a separate step, in that zone.
//! - A table that takes its charset from a database whose default is not the upstream's: it
//!   compares text differently.
//! - Collations that a statement names and the target does not have: text would compare otherwise,
//!   so no other collation is put in their place.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::begun::Begun;
use super::conversion_table::{Class, find};
use super::decision::refused;
use super::form::{Form, Name};
use super::run::{DdlContext, StatementError};
use crate::error::Fault;
use crate::event::Event;
use crate::model::{ActionType, Column, CommitTs, Ddl, Kind, Table};
use crate::mysql::error::SessionError;
use crate::mysql::session::{Flavour, Session, shorten};
use crate::sql::{Retyped, Role, Statement, Token, names_charset, tokens};
use crate::sql::{quote_name, quote_text};

/// Why a NULL in a column that becomes a TIMESTAMP NOT NULL does not become the same on both sides.
const MOMENT: &str = "it gets the time at which the statement runs, which differs on each side";

/// What has to be done for one statement.
#[derive(Debug, Default)]
pub(super) struct Prepared {
    /// Statements that run before it, some of them in another time zone.
    pub before: Vec<Step>,
    /// Remarks for the operator.
    pub said: Vec<String>,
}

/// Finds what `sql` of `ddl` does to values on the target.
///
/// # Errors
/// Refused, if some would become different from the upstream's.
pub(super) fn prepare(session: &mut Session, sql: &str, ts: CommitTs, ddl: &Ddl) -> Result<Prepared, StatementError> {
    let mut prepared = Prepared::default();
    let statement = Statement::of(sql);
    let Some(table) = Form::of(sql, &ddl.schema).names().into_iter().next() else { return Ok(prepared) };
    for column in statement.retyped() {
        if gets_the_moment(ddl, column) && holds_null(session, &table, column)? {
            return Err(refused(differs(sql, ts, (&table, column), MOMENT, "NULL")));
        }
    }
    if session.server().flavour == Flavour::TiDb {
        return Ok(prepared);
    }
    let mariadb = session.server().flavour == Flavour::MariaDb;
    for column in statement.retyped() {
        let Some((word, precision)) = there(session, &table, &column.column)? else { continue };
        prepared.before.extend(steps(session, &table, (column, &word, precision), (ts, ddl))?);
        let Some(from) = class(&word, &column.column, ddl) else { continue };
        let Some(rule) = Class::of(&column.word).and_then(|to| find(from, to, mariadb)) else { continue };
        if let Some(condition) = rule.unless
            && let Some(value) = other(session, &table, column, condition)?
        {
            return Err(refused(differs(sql, ts, (&table, column), rule.why, &value)));
        }
        match rule.through {
            // Whole seconds need no intermediate type.
            Some(_) if matches!(from, Class::Datetime | Class::Time) && precision == 0 => {}
            Some(kind) => {
                let name = quote_name(&column.column);
                prepared.before.push((format!("ALTER TABLE {table} MODIFY {name} {kind}"), None));
            }
            None if rule.unless.is_none() => {
                prepared.said.push(format!("column {} of {table}: {}", quote_name(&column.column), rule.why));
            }
            None => {}
        }
    }
    Ok(prepared)
}

/// The type's name that the target's column has now, and its digits after the second; `None` if the
/// column does not exist, which the statement itself will show.
fn there(session: &mut Session, table: &Name, column: &str) -> Result<Option<(String, u64)>, SessionError> {
    let found: Option<(String, Option<u64>)> = session.fetch_one(&format!(
        "SELECT data_type, datetime_precision FROM information_schema.columns WHERE table_schema = {} AND table_name = {} AND column_name = {}",
        quote_text(&table.schema),
        quote_text(&table.name),
        quote_text(column)
    ))?;
    Ok(found.map(|(word, precision)| (word.to_lowercase(), precision.unwrap_or(0))))
}

/// The class of a column of this type. MariaDB keeps JSON as text.
fn class(word: &str, column: &str, ddl: &Ddl) -> Option<Class> {
    let same = |name: &str| name.to_lowercase() == column.to_lowercase();
    let is_json = ddl.before.iter().flat_map(|t| &t.columns).any(|c| c.kind == Kind::Json && same(&c.name));
    if is_json { Some(Class::Json) } else { Class::of(word) }
}

/// Whether a NULL in the column becomes the time at which the statement runs, which is different on
/// each side.
fn gets_the_moment(ddl: &Ddl, column: &Retyped) -> bool {
    let nullable = |tables: &[Arc<Table>], name: &str| {
        let named = |c: &&Column| c.name.to_lowercase() == name.to_lowercase();
        tables.iter().flat_map(|t| &t.columns).find(named).map(|c| c.nullable)
    };
    column.word == "TIMESTAMP"
        && nullable(&ddl.after, &column.renamed) == Some(false)
        && nullable(&ddl.before, &column.column) != Some(false)
}

fn holds_null(session: &mut Session, table: &Name, column: &Retyped) -> Result<bool, StatementError> {
    // The statement itself will show that it does not exist.
    if there(session, table, &column.column)?.is_none() {
        return Ok(false);
    }
    let sql = format!("SELECT 1 FROM {table} WHERE {} IS NULL LIMIT 1", quote_name(&column.column));
    Ok(session.fetch_one::<u8>(&sql)?.is_some())
}

/// A value that `condition` selects.
fn other(
    session: &mut Session,
    table: &Name,
    column: &Retyped,
    condition: &str,
) -> Result<Option<String>, SessionError> {
    let name = quote_name(&column.column);
    let condition = condition.replace("{v}", &name).replace("{n}", &column.size.min(6).to_string());
    let found: Option<Option<String>> =
        session.fetch_one(&format!("SELECT CAST({name} AS CHAR) FROM {table} WHERE {condition} LIMIT 1"))?;
    Ok(found.flatten())
}

fn differs(sql: &str, ts: CommitTs, (table, column): (&Name, &Retyped), why: &str, value: &str) -> Fault {
    Fault::refused(format!(
        "`{}` (commit ts {}) would not give column {} of {table} the values that it has upstream: it holds {}, for \
         example, and {}",
        shorten(sql),
        ts.explain(),
        quote_name(&column.column),
        shorten(value),
        why
    ))
    .hint(format!(
        "nothing was changed. To get the upstream's values, run the statement followed by UPDATEs that set them: \
         `--on-ddl-error 'replace:{0}=SQL; SQL'`; if the values may differ, use `replace:{0}=` with the statement as \
         it is; `--skip-ddl {0}` continues without it",
        ts.0
    ))
}

/// A statement that runs before the job's own, and the time zone that it runs in, as SQL.
pub(super) type Step = (String, Option<String>);

/// The steps that convert a column of `table`, which is of class `from` with so many digits after
/// the second, from or to TIMESTAMP; empty if nothing depends on a time zone.
///
/// # Errors
/// Refused, if the target cannot compute in the zone. The target's error, if it cannot be read.
pub(super) fn steps(
    session: &mut Session,
    table: &Name,
    (column, from, precision): (&Retyped, &str, u64),
    (ts, ddl): (CommitTs, &Ddl),
) -> Result<Vec<Step>, StatementError> {
    let Some(zone) = ddl.zone.as_ref().filter(|zone| **zone != TimeZone::UTC) else { return Ok(Vec::new()) };
    let to = column.word.to_lowercase();
    let (modify, name) = (format!("ALTER TABLE {table} MODIFY"), quote_name(&column.column));
    let datetime = |digits: u64| format!("{modify} {name} DATETIME({digits}) NULL");
    let timestamp = |digits: u64| format!("{modify} {name} TIMESTAMP({digits}) NULL");
    Ok(match (from, to.as_str()) {
        ("timestamp", "timestamp") => Vec::new(),
        ("timestamp", _) => {
            let sql = in_zone(session, table, &name, zone, (ts, ddl))?;
            vec![(datetime(precision), sql)]
        }
        (_, "timestamp") => {
            let digits = u64::from(column.size).min(6);
            let mut steps = Vec::new();
            if from != "datetime" {
                steps.push((datetime(digits), None));
            }
            let sql = in_zone(session, table, &name, zone, (ts, ddl))?;
            steps.push((timestamp(digits), sql));
            steps
        }
        _ => Vec::new(),
    })
}

/// The time zone as SQL. Few servers know zones by name, but an offset will do if the zone has only
/// one for all the values.
fn in_zone(
    session: &mut Session,
    table: &Name,
    column: &str,
    zone: &TimeZone,
    (ts, ddl): (CommitTs, &Ddl),
) -> Result<Option<String>, StatementError> {
    let ends: Option<(Option<String>, Option<String>)> = session.fetch_one(&format!(
        "SELECT CAST(MIN({column}) AS CHAR), CAST(MAX({column}) AS CHAR) FROM {table} WHERE {column} > '1970-01-02'"
    ))?;
    let (Some(first), Some(last)) = ends.unwrap_or_default() else { return Ok(Some("+00:00".to_owned())) };
    if let Some(offset) = one_offset(zone, &first, &last) {
        return Ok(Some(offset));
    }
    let name = zone.iana_name().unwrap_or_default();
    let known: Option<Option<String>> =
        session.fetch_one(&format!("SELECT CAST(CONVERT_TZ('2024-01-01', 'UTC', {}) AS CHAR)", quote_text(name)))?;
    if known.flatten().is_some() {
        return Ok(Some(name.to_owned()));
    }
    Err(refused(
        Fault::refused(format!(
            "`{}` (commit ts {}) turned values of column {column} of {table} into times in the zone {name}, whose \
             offset changes between {first} and {last}, and the target does not know this time zone",
            shorten(&ddl.query),
            ts.explain()
        ))
        .hint("load the time zones on the target (`mysql_tzinfo_to_sql /usr/share/zoneinfo | mysql mysql`), then run the same command again"),
    ))
}

/// `+08:00`, if `zone` has one offset from `first` to `last`.
fn one_offset(zone: &TimeZone, first: &str, last: &str) -> Option<String> {
    let time = |text: &str| {
        let time: DateTime = text.replacen(' ', "T", 1).parse().ok()?;
        time.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    };
    // A day more on both sides, since these may be times in the zone or in UTC.
    let day = jiff::SignedDuration::from_hours(24);
    let (first, last) = (time(first)?.checked_sub(day).ok()?, time(last)?.checked_add(day).ok()?);
    let offset = |at: Timestamp| zone.to_offset(at);
    if zone.following(first).take_while(|c| c.timestamp() <= last).any(|c| c.offset() != offset(first)) {
        return None;
    }
    let seconds = offset(first).seconds();
    let (sign, minutes) = (if seconds < 0 { '-' } else { '+' }, seconds.abs() / 60);
    (seconds % 60 == 0).then(|| format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60))
}

/// Sends the statement of `step`, in its time zone. A session that is lost in between takes the
/// setting with it.
///
/// # Errors
/// The server's error.
pub(super) fn send(session: &mut Session, begun: &Begun, step: usize) -> mysql::Result<()> {
    let Some(zone) = begun.zones.get(&step) else { return session.try_run_single(&begun.sent(step)).map(drop) };
    session.try_run(&format!("SET SESSION time_zone = {}", quote_text(zone)))?;
    let sent = session.try_run_single(&begun.sent(step)).map(drop);
    session.try_run("SET SESSION time_zone = '+00:00'")?;
    sent
}

/// The table that `ddl` creates without naming a character set. Statements made from a definition
/// always name it.
fn inheriting(ddl: &Ddl) -> Option<&Table> {
    let table = ddl.after.first().filter(|_| ddl.action == ActionType::CreateTable)?;
    let statement = Statement::of(&ddl.query);
    let says =
        table.details.is_some() && !ddl.temporary || statement.place(Role::Like).is_some() || names_charset(&ddl.query);
    (!says && !table.collation.is_empty()).then_some(table)
}

/// Reports such a table before it is created.
pub(super) fn warn_of_charset(context: &mut DdlContext<'_>, ts: CommitTs, ddl: &Ddl) -> Result<(), SessionError> {
    let Some(table) = inheriting(ddl) else { return Ok(()) };
    let there: Option<String> = context.session.fetch_one(&format!(
        "SELECT default_collation_name FROM information_schema.schemata WHERE schema_name = {}",
        quote_text(&table.schema)
    ))?;
    let Some(there) = there else { return Ok(()) };
    if there.replace("utf8mb3", "utf8") != table.collation.replace("utf8mb3", "utf8") {
        (context.events)(Event::Warning(format!(
            "table `{}`.`{}` gets collation {there} from its database on the target, but has {} upstream (commit ts \
             {}): its text may compare differently. `ALTER DATABASE {} COLLATE {}` on the target would prevent this \
             for new tables",
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

/// The error code for an unknown collation.
const UNKNOWN_COLLATION: u16 = 1273;

/// The collations that `sql` names.
fn named(sql: &str) -> Vec<&str> {
    let all: Vec<Token<'_>> = tokens(sql).into_iter().map(|(t, ..)| t).collect();
    let mut names = Vec::new();
    for (at, token) in all.iter().enumerate() {
        if !token.is("COLLATE") {
            continue;
        }
        let value = at + if all.get(at + 1) == Some(&Token::Sign('=')) { 2 } else { 1 };
        if let Some(Token::Word(name)) = all.get(value)
            && !names.contains(name)
        {
            names.push(*name);
        }
    }
    names
}

/// Checks that the target has all of them.
///
/// # Errors
/// Refused, with the first that it lacks.
pub(super) fn check(session: &mut Session, sql: &str, ts: CommitTs) -> Result<(), StatementError> {
    for name in named(sql) {
        let charset = name.split('_').next().unwrap_or_default();
        let unknown = |code: u16| code == UNKNOWN_COLLATION;
        match session.exec(&format!("DO CONVERT('' USING {charset}) COLLATE {name}")) {
            Err(failed) if failed.code().is_some_and(unknown) => {
                return Err(refused(lacks(session, name, sql, ts)));
            }
            Err(failed) if failed.class() == Some(crate::mysql::error::Class::Connection) => {
                return Err(SessionError::into(failed));
            }
            // Other errors will show with the statement itself.
            _ => {}
        }
    }
    Ok(())
}

fn lacks(session: &Session, name: &str, sql: &str, ts: CommitTs) -> Fault {
    Fault::refused(format!(
        "`{}` (commit ts {}) needs the collation {name}, which the target ({}) does not have",
        shorten(sql),
        ts.explain(),
        session.server()
    ))
    .hint(format!(
        "choose a collation of the target that compares the same way, and run the statement with it: `--on-ddl-error \
         'replace:{}=SQL'`. A unique key must not treat texts as equal that are different upstream",
        ts.0
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::TableDetails;
    use std::sync::Arc;

    #[test]
    fn one_offset_for_all_values() {
        let of = |zone: &str, first: &str, last: &str| one_offset(&TimeZone::get(zone).unwrap(), first, last);
        let text = |offset: &str| Some(offset.to_owned());
        assert_eq!(of("Asia/Shanghai", "2000-01-01 00:00:00", "2030-01-01 00:00:00"), text("+08:00"));
        assert_eq!(of("Asia/Shanghai", "1987-01-01 00:00:00", "2000-01-01 00:00:00"), None);
        assert_eq!(of("America/New_York", "2024-01-05 00:00:00", "2024-02-01 12:00:00.125"), text("-05:00"));
        assert_eq!(of("America/New_York", "2024-01-05 00:00:00", "2024-07-01 00:00:00"), None);
        assert_eq!(of("America/New_York", "2024-01-05 00:00:00", "2025-01-05 00:00:00"), None);
        assert_eq!(of("Asia/Kolkata", "2024-01-05 00:00:00", "2025-01-05 00:00:00"), text("+05:30"));
    }

    #[test]
    fn only_a_text_can_leave_it_unsaid() {
        let warns = |query: &str, details: bool| {
            let details = details.then(|| Arc::new(TableDetails::default()));
            let table = Table { collation: "utf8mb4_bin".to_owned(), details, ..Table::named("d", "t") };
            let (action, query) = (ActionType::CreateTable, query.to_owned());
            inheriting(&Ddl { action, query, after: vec![Arc::new(table)], ..Ddl::default() }).is_some()
        };
        assert!(warns("CREATE TABLE `t` (`a` CHAR(5) CHARACTER SET utf8)", false));
        assert!(!warns("CREATE TABLE `t` (`a` CHAR(5))", true), "the statement is made from the definition");
        assert!(!warns("CREATE TABLE `t` (`a` INT) CHARSET utf8", false));
        assert!(!warns("CREATE TABLE `t` LIKE `s`", false));
    }

    #[test]
    fn names_are_found() {
        let sql = "CREATE TABLE t (a TEXT COLLATE utf8mb4_bin, b TEXT COLLATE utf8mb4_0900_ai_ci) COLLATE = utf8mb4_bin COMMENT 'COLLATE x'";
        assert_eq!(named(sql), ["utf8mb4_bin", "utf8mb4_0900_ai_ci"]);
    }
}
