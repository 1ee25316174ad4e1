//! What makes an empty table like the upstream's on a target: from a definition, or from the CREATE TABLE that a server or a dump shows.

use std::sync::Arc;

use super::define;
use super::dialect::{Unspeakable, speak};
use super::text::rewrite;
use crate::model::{ActionType, Ddl, Table, TableDetails};
pub use crate::sink::mysql::schema_diff::Reference;
use crate::sink::mysql::schema_diff::{PARTITIONS, without_foreign_keys};
use crate::sink::mysql::session::Server;
use crate::sql::{Token, tokens};

/// What makes an empty table like `table`; `None` if its whole definition is not known.
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

/// The same with CHECKs that have no names: MySQL has each name once in a database, and references of several links are in one.
///
/// # Errors
/// What the target cannot have.
pub(super) fn unnamed_reference(server: &Server, table: &Table) -> Result<Option<Reference>, String> {
    let Some(details) = &table.details else { return Ok(None) };
    let mut own = (**details).clone();
    own.checks.iter_mut().for_each(|check| check.name.clear());
    reference(server, &Table { details: Some(Arc::new(own)), ..table.clone() })
}

/// The same of `sql`, a CREATE TABLE as a server shows it: `tidb` if that is a TiDB, whose words are said to the target in its own. `parent` gives the
/// names that the parent of a foreign key has on the target; its database is empty where the statement names none.
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

/// `sql` with what TiDB shows in comments that MySQL executes from some version on (`/*!80000 INVISIBLE */`) as TiDB itself reads it.
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

/// What stands behind the name in `sql`, a CREATE TABLE of TiDB's, in the target's words, and what is left out.
fn words(server: &Server, sql: &str, ddl: &Ddl) -> Result<(String, Vec<String>), String> {
    let text = rewrite(sql, server.flavour, None).unwrap_or_default();
    let spoken = speak(&text, server, ddl).map_err(|Unspeakable(why)| why)?;
    let sql = spoken.sql.unwrap_or_default();
    Ok((behind_name(&sql).to_owned(), spoken.without))
}

fn behind_name(sql: &str) -> &str {
    let bracket = tokens(sql).into_iter().find(|(token, ..)| *token == Token::Sign('('));
    bracket.and_then(|(_, from, _)| sql.get(from..)).unwrap_or_default()
}
