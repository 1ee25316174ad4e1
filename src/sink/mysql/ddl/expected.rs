//! Checks that the tables of a finished DDL are on the target what they have to be.
//!
//! A server may accept a statement and do something else: cut a name, change a type, leave a
//! constraint out. So the target's definition is compared with the upstream's
//! ([`schema_diff`](crate::sink::mysql::schema_diff)) before the DDL counts as done, and so before
//! any row follows. What differed before the DDL may still differ, and a foreign key may be
//! missing: operators of a replica have reasons for such things.
//!
//! The second part makes an empty table like the upstream's on a target: from a definition, or from
//! the CREATE TABLE that a server or a dump shows.

use std::collections::BTreeSet;
use std::sync::Arc;

use mysql::Error;
use serde::{Deserialize, Serialize};

use super::begun::Begun;
use super::define;
use super::dialect::{Unsupported, translate};
use super::form::{Form, Name, rewrite};
use super::run::{DdlContext, StatementError};
use crate::checkpoint::SCHEMA;
use crate::error::Fault;
use crate::event::Event;
use crate::model::{ActionType, CommitTs, Ddl, Table, TableDetails};
use crate::mysql::error::SessionError;
use crate::mysql::error::classify;
use crate::mysql::session::{Server, shorten};
pub use crate::sink::mysql::schema_diff::Reference;
use crate::sink::mysql::schema_diff::{
    Collations, Difference, PARTITIONS, Part, Shown, show, statements, without_foreign_keys,
};
use crate::sql::{Token, tokens};

/// Limit of differences that an error names.
const NAMED: usize = 8;

/// A table whose definition a DDL changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpectedTable {
    /// Its database and name on the target.
    schema: String,
    name: String,
    /// How it must be.
    after: Reference,
    /// How it had to be before; `None` for a new one.
    before: Option<Reference>,
    /// Columns and indexes that were renamed, each with its former name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    renamed: Vec<(String, String)>,
    /// Its definition on the target before the first statement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shown: Option<String>,
}

/// The tables that `ddl` changes or creates, as far as definitions tell.
pub(super) fn expected(server: &Server, ddl: &Ddl) -> Vec<ExpectedTable> {
    let one = |after: &Table| {
        let now = unnamed_reference(server, after).ok()??;
        let before = ddl.before.iter().find(|b| b.id == after.id);
        let was = match before {
            None if ddl.before.is_empty() => None,
            // With another id, its definition is not the job's concern.
            None => return None,
            Some(before) => Some(unnamed_reference(server, before).ok()??),
        };
        let renamed = before.map(|before| renamed(before, after)).unwrap_or_default();
        let (schema, name) = (after.schema.clone(), after.name.clone());
        let changed = was.as_ref() != Some(&now);
        changed.then_some(ExpectedTable { schema, name, after: now, before: was, renamed, shown: None })
    };
    ddl.after.iter().filter(|_| !ddl.temporary).filter_map(|table| one(table)).collect()
}

fn renamed(before: &Table, after: &Table) -> Vec<(String, String)> {
    let columns = after.columns.iter().filter_map(|c| {
        let old = before.columns.iter().find(|o| o.id == c.id && o.name != c.name)?;
        Some((c.name.clone(), old.name.clone()))
    });
    let indexes = |table: &Table| table.details.as_ref().map(|d| d.indexes.clone()).unwrap_or_default();
    let old = indexes(before);
    let keys = indexes(after).into_iter().filter_map(|key| {
        let was = old.iter().find(|o| o.id == key.id && o.name != key.name)?;
        Some((key.name, was.name.clone()))
    });
    columns.chain(keys).collect()
}

impl Begun {
    /// Keeps the definition on the target before the first statement, and for a table that is
    /// created, before the statement that creates it: the picture has what that statement names. A
    /// table that is created, and did not exist before, is as its statement says.
    pub(super) fn keep_shown(&mut self, step: usize) {
        let made = |step: usize| match self.form(step) {
            Form::Create { name, .. } => Some(name),
            _ => None,
        };
        let (now, first) = (made(step), step == 0);
        let later: BTreeSet<Name> = (1..self.statements.len()).filter(|_| first).filter_map(made).collect();
        let picture = &self.picture;
        self.expected.retain_mut(|expected| {
            let name = Name { schema: expected.schema.clone(), name: expected.name.clone() };
            if now.as_ref() != Some(&name) && (!first || later.contains(&name)) {
                return true;
            }
            expected.shown = picture.state(&name).map(|state| state.definition.clone());
            expected.before.is_some() || expected.shown.is_some()
        });
    }
}

/// Compares the tables of `begun`, whose statements are done, with how they must be.
///
/// # Errors
/// Refused, with the differences and the statements that correct them. The intent stays, so that no
/// row is applied before.
pub(super) fn confirm(
    context: &mut DdlContext<'_>,
    (ts, job): (CommitTs, i64),
    begun: &mut Begun,
) -> Result<(), StatementError> {
    let mut faults = Vec::new();
    for expected in &begun.expected {
        match compare(context, expected) {
            Ok(None) => {}
            Ok(Some(wrong)) => faults.push((expected, wrong)),
            Err(SessionError::Target { error, .. }) if !classify(&error).is_transient() => {
                unknown(context, expected, ts, &error)
            }
            Err(failed) => return Err(failed.into()),
        }
    }
    let Some(fault) = fault(&faults, (ts, job), begun) else { return Ok(()) };
    begun.ran = true;
    let last = u32::try_from(begun.statements.len().saturating_sub(1)).unwrap_or(u32::MAX);
    let stored = begun
        .write()
        .map_err(|e| SessionError::from(Fault::refused(format!("cannot store which objects a DDL affects: {e}"))))?;
    let lock = context.link.ddl_lock();
    context.link.step_ddl(context.session, (ts, &begun.text()), (last, &stored), &lock)?;
    Err(StatementError::Failed(fault.into()))
}

/// The differences of a table.
struct Wrong {
    differences: Vec<Difference>,
    mend: Vec<String>,
}

fn compare(context: &mut DdlContext<'_>, expected: &ExpectedTable) -> Result<Option<Wrong>, SessionError> {
    let reference = Name { schema: SCHEMA.to_owned(), name: context.link.reference() }.to_string();
    let table = Name { schema: expected.schema.clone(), name: expected.name.clone() }.to_string();
    let Some(now) = show(context.session, &table)? else { return Ok(None) };
    let (upstream, mut found) = expected.after.compare(context.session, &reference, &now, &expected.schema)?;
    found.retain(|d| !(matches!(d.part, Part::ForeignKey(_)) && d.target.is_none()));
    let before = expected.before.as_ref().zip(expected.shown.as_deref().and_then(Shown::read));
    if let Some((reference_before, shown)) = before.filter(|_| !found.is_empty()) {
        let (_, old) = reference_before.compare(context.session, &reference, &shown, &expected.schema)?;
        let (known, new): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|d| old.iter().any(|o| o.part == earlier(&d.part, &expected.renamed)));
        found = new;
        if !known.is_empty() {
            (context.events)(Event::Note(format!(
                "{table} on the target does not match the upstream, and did not before this DDL: {}",
                listed(&known, "; ")
            )));
        }
    }
    if found.is_empty() {
        return Ok(None);
    }
    let collations = Collations::read(context.session)?;
    let mend = statements(context.session.server(), &table, (&upstream, &now), &found, &collations);
    Ok(Some(Wrong { differences: found, mend }))
}

/// `part` under its name before the DDL.
fn earlier(part: &Part, renamed: &[(String, String)]) -> Part {
    let was = |name: &String| renamed.iter().find(|(now, _)| now == name).map_or(name, |(_, old)| old).clone();
    match part {
        Part::Column(name) => Part::Column(was(name)),
        Part::Attribute(name, attribute) => Part::Attribute(was(name), *attribute),
        Part::Key(name) => Part::Key(was(name)),
        other => other.clone(),
    }
}

fn listed(differences: &[Difference], between: &str) -> String {
    let mut lines: Vec<String> = differences.iter().take(NAMED).map(ToString::to_string).collect();
    if differences.len() > NAMED {
        lines.push(format!("and {} more", differences.len() - NAMED));
    }
    lines.join(between)
}

/// Reports that the target did not create the reference, which it should be able to.
fn unknown(context: &DdlContext<'_>, expected: &ExpectedTable, ts: CommitTs, error: &Error) {
    (context.events)(Event::Warning(format!(
        "could not compare `{}`.`{}` on both sides after the DDL of commit ts {}: {error}",
        expected.schema,
        expected.name,
        ts.explain()
    )));
}

fn fault(faults: &[(&ExpectedTable, Wrong)], (ts, job): (CommitTs, i64), begun: &Begun) -> Option<Fault> {
    if faults.is_empty() {
        return None;
    }
    let tables: Vec<String> = faults
        .iter()
        .map(|(table, wrong)| format!("`{}`.`{}`:\n  {}", table.schema, table.name, listed(&wrong.differences, "\n  ")))
        .collect();
    let mend: Vec<&str> = faults.iter().flat_map(|(_, wrong)| &wrong.mend).map(String::as_str).collect();
    Some(
        Fault::refused(format!(
            "the DDL of commit ts {} (job {job}) ran, `{}`, but the target does not match the upstream now\n{}",
            ts.explain(),
            shorten(&begun.text()),
            tables.join("\n")
        ))
        .hint(format!(
            "no row after it was written. Make both sides match, for example with `{}`, and run the same command \
             again; or keep the target as it is, and continue with `--pending-ddl done`",
            mend.join("; ")
        )),
    )
}

/// The statement that creates an empty table like `table`; `None` if its whole definition is not
/// known.
///
/// # Errors
/// What the target cannot have.
pub fn reference(server: &Server, table: &Table) -> Result<Option<Reference>, String> {
    let Some(details) = &table.details else { return Ok(None) };
    let mut bare = Table { foreign_keys: Vec::new(), ..table.clone() };
    let mut own = TableDetails { foreign_keys: Vec::new(), auto_increment: 0, ..(**details).clone() };
    let mut made = |own: &TableDetails| {
        bare.details = Some(Arc::new(own.clone()));
        definition(server, &bare)
    };
    let all = details.partitioning.as_ref().map_or(0, |by| by.partitions.len());
    let whole = if all > PARTITIONS { Some(made(&own)?.0) } else { None };
    let mut more = Vec::new();
    if let Some(by) = own.partitioning.as_mut().filter(|_| whole.is_some()) {
        let rest = by.partitions.split_off(PARTITIONS);
        more = define::partitions_said(by, &rest).map_err(|why| why.0)?;
    }
    let (definition, without) = made(&own)?;
    Ok(Some(Reference { definition, whole, more, foreign_keys: define::foreign_keys(table), without }))
}

/// Like [`reference`], with CHECKs that have no names: in MySQL the names are unique in a database,
/// and the references of several links are in one.
///
/// # Errors
/// What the target cannot have.
pub(super) fn unnamed_reference(server: &Server, table: &Table) -> Result<Option<Reference>, String> {
    let Some(details) = &table.details else { return Ok(None) };
    let mut own = (**details).clone();
    own.checks.iter_mut().for_each(|check| check.name.clear());
    reference(server, &Table { details: Some(Arc::new(own)), ..table.clone() })
}

/// The statement that creates an empty table like `sql`, a CREATE TABLE as a server shows it;
/// `tidb` if that server is TiDB, whose SQL is translated for the target. `parent` gives the names
/// that the parent of a foreign key has on the target; its database is empty if the statement names
/// none.
///
/// # Errors
/// What the target cannot have.
pub fn reference_of_text(
    server: &Server,
    sql: &str,
    tidb: bool,
    parent: &dyn Fn(&str, &str) -> (String, String),
) -> Result<Reference, String> {
    let plain = unwrapped(sql);
    let (bare, foreign_keys) = without_foreign_keys(if tidb { &plain } else { sql }, parent);
    let ddl = Ddl { action: ActionType::CreateTable, checks: true, ..Ddl::default() };
    let (definition, without) =
        if tidb { words(server, &bare, &ddl)? } else { (behind_name(&bare).to_owned(), Vec::new()) };
    Ok(Reference { definition, foreign_keys, without, ..Reference::default() })
}

/// `sql` with comments that MySQL executes from some version on (`/*!80000 INVISIBLE */`)
/// unwrapped, as TiDB itself reads them.
fn unwrapped(sql: &str) -> String {
    let (mut out, mut from) = (String::with_capacity(sql.len()), 0);
    for (token, start, end) in tokens(sql) {
        let Token::Comment(text) = token else { continue };
        let Some(inner) = text.strip_prefix("/*!").and_then(|t| t.strip_suffix("*/")) else { continue };
        out.push_str(sql.get(from..start).unwrap_or_default());
        out.push_str(inner.trim_start_matches(|c: char| c.is_ascii_digit()));
        from = end;
    }
    out.push_str(sql.get(from..).unwrap_or_default());
    out
}

fn definition(server: &Server, table: &Table) -> Result<(String, Vec<String>), String> {
    let sql = define::create(server, table).map_err(|why| why.0)?;
    let checks = table.details.as_ref().is_some_and(|details| !details.checks.is_empty());
    words(server, &sql, &Ddl { action: ActionType::CreateTable, checks, ..Ddl::default() })
}

/// What follows the name in `sql`, a CREATE TABLE of TiDB's, in the target's SQL; and what is left
/// out.
fn words(server: &Server, sql: &str, ddl: &Ddl) -> Result<(String, Vec<String>), String> {
    let text = rewrite(sql, server.flavour, None).unwrap_or_default();
    let spoken = translate(&text, server, ddl).map_err(|Unsupported(why)| why)?;
    let sql = spoken.sql.unwrap_or_default();
    Ok((behind_name(&sql).to_owned(), spoken.without))
}

fn behind_name(sql: &str) -> &str {
    let bracket = tokens(sql).into_iter().find(|(token, ..)| *token == Token::Sign('('));
    bracket.and_then(|(_, from, _)| sql.get(from..)).unwrap_or_default()
}
