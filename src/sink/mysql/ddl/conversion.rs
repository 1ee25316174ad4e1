//! A column that gets another type, where this target converts values otherwise than TiDB has: by way of a type that makes it the same,
//! or not at all while such values are there.

use std::sync::Arc;

use super::conversions::{Class, find};
use super::form::{Form, Name};
use super::run::Setback;
use super::way::refused;
use super::zone::{Step, steps};
use crate::checkpoint::Failed;
use crate::error::Fault;
use crate::model::{Column, CommitTs, Ddl, Kind, Table};
use crate::sink::mysql::session::{Flavour, Session, quote_name, quote_text, shorten};
use crate::sql::{Retyped, Statement};

/// Why a NULL in a column that becomes a TIMESTAMP NOT NULL is not the same on both sides.
const MOMENT: &str = "it gets the moment at which the statement runs, on each side its own";

/// What has to be done for one statement.
#[derive(Debug, Default)]
pub(super) struct Prepared {
    /// Statements that run before it, some of them in a zone of their own.
    pub before: Vec<Step>,
    /// What an operator should know.
    pub said: Vec<String>,
}

/// Looks what `sql` of `ddl` does to values that are on the target.
///
/// # Errors
/// Refused, if some would become others than they are upstream.
pub(super) fn prepare(session: &mut Session, sql: &str, ts: CommitTs, ddl: &Ddl) -> Result<Prepared, Setback> {
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
            // Whole seconds need no step between.
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

/// The word of the type that the target's column has now, and its digits behind the second; `None` where it is not there, which the statement itself
/// will show.
fn there(session: &mut Session, table: &Name, column: &str) -> Result<Option<(String, u64)>, Failed> {
    let found: Option<(String, Option<u64>)> = session.fetch_one(&format!(
        "SELECT data_type, datetime_precision FROM information_schema.columns WHERE table_schema = {} AND table_name = {} AND column_name = {}",
        quote_text(&table.schema),
        quote_text(&table.name),
        quote_text(column)
    ))?;
    Ok(found.map(|(word, precision)| (word.to_lowercase(), precision.unwrap_or(0))))
}

/// What a column of this type holds. MariaDB keeps JSON as a text.
fn class(word: &str, column: &str, ddl: &Ddl) -> Option<Class> {
    let same = |name: &str| name.to_lowercase() == column.to_lowercase();
    let is_json = ddl.before.iter().flat_map(|t| &t.columns).any(|c| c.kind == Kind::Json && same(&c.name));
    if is_json { Some(Class::Json) } else { Class::of(word) }
}

/// Whether a NULL in the column becomes the moment at which the statement runs, which each side has for itself.
fn gets_the_moment(ddl: &Ddl, column: &Retyped) -> bool {
    let nullable = |tables: &[Arc<Table>], name: &str| {
        let named = |c: &&Column| c.name.to_lowercase() == name.to_lowercase();
        tables.iter().flat_map(|t| &t.columns).find(named).map(|c| c.nullable)
    };
    column.word == "TIMESTAMP"
        && nullable(&ddl.after, &column.renamed) == Some(false)
        && nullable(&ddl.before, &column.column) != Some(false)
}

fn holds_null(session: &mut Session, table: &Name, column: &Retyped) -> Result<bool, Setback> {
    // The statement itself shows that it is not there.
    if there(session, table, &column.column)?.is_none() {
        return Ok(false);
    }
    let sql = format!("SELECT 1 FROM {table} WHERE {} IS NULL LIMIT 1", quote_name(&column.column));
    Ok(session.fetch_one::<u8>(&sql)?.is_some())
}

/// A value that `condition` selects.
fn other(session: &mut Session, table: &Name, column: &Retyped, condition: &str) -> Result<Option<String>, Failed> {
    let name = quote_name(&column.column);
    let condition = condition.replace("{v}", &name).replace("{n}", &column.size.min(6).to_string());
    let found: Option<Option<String>> =
        session.fetch_one(&format!("SELECT CAST({name} AS CHAR) FROM {table} WHERE {condition} LIMIT 1"))?;
    Ok(found.flatten())
}

fn differs(sql: &str, ts: CommitTs, (table, column): (&Name, &Retyped), why: &str, value: &str) -> Fault {
    Fault::refused(format!(
        "`{}` (commit ts {}) would not make of column {} of {table} what it is upstream: it holds {}, for one, and {}",
        shorten(sql),
        ts.explain(),
        quote_name(&column.column),
        shorten(value),
        why
    ))
    .hint(format!(
        "nothing was changed. To have the upstream's values, run the statement with UPDATEs behind it that bring them: `--on-ddl-error 'replace:{0}=SQL; SQL'`; \
         if the values may differ, `replace:{0}=` with the statement as it is; `--skip-ddl {0}` goes on without",
        ts.0
    ))
}
