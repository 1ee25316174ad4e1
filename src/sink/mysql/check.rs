//! What is checked on a target before the first write, so that a run does not stop half-way for a foreseeable cause.
//!
//! Everything found is said at once. Rights on rows are tried with statements that change nothing, because the text of
//! SHOW GRANTS (roles, patterns, proxies) does not tell.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::Result;

use super::batch::full_name;
use super::failure::{Class, classify};
use super::session::{Flavour, Session, quote_name, quote_text};
use crate::error::Fault;
use crate::event::{Event, Events};
use crate::model::{Generated, Table};

/// Problems that are shown one by one: no more than a small screen takes.
const SHOWN: usize = 10;
/// Engines that keep a transaction together.
const ENGINES: [&str; 3] = ["innodb", "rocksdb", "tokudb"];

/// A table as it is on the target.
#[derive(Default)]
struct Found {
    engine: String,
    /// Lower-case name to what matters of it.
    columns: BTreeMap<String, FoundColumn>,
    /// Unique keys: lower-case columns with their prefix lengths, in order.
    keys: BTreeSet<Vec<(String, Option<u32>)>>,
}

struct FoundColumn {
    generated: bool,
    needed: bool,
}

/// Checks the server's settings and every one of `tables`. `fresh` is a first start; with `allow_missing` a table that is
/// missing is only said.
///
/// # Errors
/// Refused, with all problems found.
pub fn check(
    session: &mut Session,
    tables: &[&Arc<Table>],
    fresh: bool,
    allow_missing: bool,
    events: &Events,
) -> Result<()> {
    let mut problems = Vec::new();
    let mut denied = Vec::new();
    let mut missing = Vec::new();
    settings(session, &mut problems, events)?;
    letter_case(session, tables, &mut problems)?;
    let folded = lower_case(session)? != 0;
    let found = read(session, tables, folded)?;
    let mut holding = 0_usize;
    for table in tables {
        match found.get(&key_of(folded, &table.schema, &table.name)) {
            None if hidden(session, table) => denied.push(no_right("SELECT", table)),
            None if allow_missing => missing.push(full_name(table)),
            None => problems.push(format!("table {} is missing", full_name(table))),
            Some(there) => {
                compare(table, there, &mut problems);
                holding += usize::from(rights(session, table, &mut denied, events)?);
            }
        }
    }
    triggers(session, tables, events)?;
    if !missing.is_empty() {
        let count = missing.len();
        missing.truncate(SHOWN);
        let more = if count > SHOWN { ", …" } else { "" };
        events(Event::Warning(format!("{count} tables are missing on the target: {}{more}", missing.join(", "))));
    }
    if fresh && holding > 0 {
        events(Event::Note(format!(
            "{holding} of {} tables on the target hold rows already: taken as the backup that belongs to the start ts",
            tables.len()
        )));
    }
    verdict(problems, denied)
}

/// Everything that stands against a start as one error. An account that merely lacks rights is no danger to the data.
fn verdict(mut problems: Vec<String>, denied: Vec<String>) -> Result<()> {
    let rights_alone = problems.is_empty();
    problems.extend(denied);
    if problems.is_empty() {
        return Ok(());
    }
    let count = problems.len();
    let more = if count > SHOWN { format!("\n  … and {} more", count - SHOWN) } else { String::new() };
    problems.truncate(SHOWN);
    let list = problems.join("\n  ");
    let (noun, verb) = if count == 1 { ("thing", "stands") } else { ("things", "stand") };
    let text = format!("{count} {noun} on the target {verb} against a start:\n  {list}{more}");
    if rights_alone {
        return Err(Fault::connect(text).hint(Class::Privilege.hint()).into());
    }
    Err(Fault::refused(text)
        .hint(
            "load the backup that belongs to the start ts, or make target and upstream alike; --allow-missing goes on \
             without tables that the stream will not touch",
        )
        .into())
}

fn settings(session: &mut Session, problems: &mut Vec<String>, events: &Events) -> Result<()> {
    let mysql = session.server().flavour == Flavour::MySql;
    let mut values = BTreeMap::new();
    let names = "'read_only','super_read_only','log_bin','binlog_format','sql_require_primary_key',\
                 'sql_generate_invisible_primary_key','explicit_defaults_for_timestamp','innodb_lock_wait_timeout'";
    let rows: Vec<(String, String)> = session.rows(&format!("SHOW VARIABLES WHERE Variable_name IN ({names})"))?;
    values.extend(rows.into_iter().map(|(n, v)| (n.to_lowercase(), v.to_uppercase())));
    let is = |name: &str, value: &str| values.get(name).is_some_and(|v| v == value);
    if is("super_read_only", "ON") {
        problems.push("super_read_only is ON: the target takes no writes".to_owned());
    } else if is("read_only", "ON") {
        events(Event::Warning("read_only is ON on the target: only privileged accounts can write there".to_owned()));
    }
    if session.server().flavour != Flavour::TiDb && is("log_bin", "ON") && is("binlog_format", "STATEMENT") {
        problems
            .push("binlog_format is STATEMENT, which READ COMMITTED sessions cannot write under: use ROW".to_owned());
    }
    if is("sql_require_primary_key", "ON") {
        events(Event::Warning(
            "sql_require_primary_key is ON on the target: a CREATE TABLE without a primary key will fail there"
                .to_owned(),
        ));
    }
    if mysql && is("sql_generate_invisible_primary_key", "ON") {
        events(Event::Warning(
            "sql_generate_invisible_primary_key is ON on the target: tables without a key get a column of their own"
                .to_owned(),
        ));
    }
    if is("explicit_defaults_for_timestamp", "OFF") {
        events(Event::Warning(
            "explicit_defaults_for_timestamp is OFF on the target: a TIMESTAMP in a CREATE TABLE of the stream becomes NOT NULL \
             and changes itself; switch it on"
                .to_owned(),
        ));
    }
    let wait = values.get("innodb_lock_wait_timeout").and_then(|v| v.parse::<u64>().ok());
    if let Some(wait) = wait.filter(|w| *w < 5) {
        events(Event::Warning(format!(
            "innodb_lock_wait_timeout is {wait} s on the target: short locks of others will stop the run"
        )));
    }
    Ok(())
}

/// 0: names keep their case and tell apart; 1: stored in lower case; 2: kept, but compared without case.
fn lower_case(session: &mut Session) -> Result<u8> {
    Ok(session.first("SELECT @@lower_case_table_names")?.unwrap_or(0))
}

fn letter_case(session: &mut Session, tables: &[&Arc<Table>], problems: &mut Vec<String>) -> Result<()> {
    if lower_case(session)? == 0 {
        return Ok(());
    }
    let mut seen: BTreeMap<(String, String), String> = BTreeMap::new();
    for table in tables {
        let lower = (table.schema.to_lowercase(), table.name.to_lowercase());
        if let Some(other) = seen.insert(lower, full_name(table)) {
            problems.push(format!("{other} and {} are one table there (lower_case_table_names)", full_name(table)));
        }
    }
    Ok(())
}

/// How a table is looked up: TiDB itself compares names without case, the target perhaps with.
fn key_of(folded: bool, schema: &str, table: &str) -> (String, String) {
    if folded { (schema.to_lowercase(), table.to_lowercase()) } else { (schema.to_owned(), table.to_owned()) }
}

fn read(session: &mut Session, tables: &[&Arc<Table>], folded: bool) -> Result<BTreeMap<(String, String), Found>> {
    let fold = |name: String| if folded { name.to_lowercase() } else { name };
    let mut found: BTreeMap<(String, String), Found> = BTreeMap::new();
    let schemas: BTreeSet<&str> = tables.iter().map(|t| t.schema.as_str()).collect();
    for schema in schemas {
        let of = quote_text(schema);
        let rows: Vec<(String, String, Option<String>)> = session.rows(&format!(
            "SELECT table_schema, table_name, engine FROM information_schema.tables \
             WHERE table_schema = {of} AND table_type = 'BASE TABLE'"
        ))?;
        for (schema, table, engine) in rows {
            let entry = found.entry((fold(schema), fold(table))).or_default();
            entry.engine = engine.unwrap_or_default().to_lowercase();
        }
        type Column = (String, String, String, String, bool, String);
        let rows: Vec<Column> = session.rows(&format!(
            "SELECT table_schema, table_name, column_name, extra, column_default IS NULL, is_nullable \
             FROM information_schema.columns WHERE table_schema = {of}"
        ))?;
        for (schema, table, column, extra, no_default, nullable) in rows {
            let Some(entry) = found.get_mut(&(fold(schema), fold(table))) else { continue };
            let extra = extra.to_uppercase();
            // MySQL 8 says DEFAULT_GENERATED of an ordinary column with an expression as default.
            let generated = ["VIRTUAL", "STORED", "PERSISTENT"].iter().any(|w| extra.contains(w));
            let needed = !generated && no_default && nullable == "NO" && !extra.contains("AUTO_INCREMENT");
            entry.columns.insert(column.to_lowercase(), FoundColumn { generated, needed });
        }
        type Part = (String, String, String, Option<String>, Option<u32>);
        let rows: Vec<Part> = session.rows(&format!(
            "SELECT table_schema, table_name, index_name, column_name, sub_part FROM information_schema.statistics \
             WHERE table_schema = {of} AND non_unique = 0 ORDER BY table_name, index_name, seq_in_index"
        ))?;
        let mut keys: BTreeMap<(String, String, String), Vec<_>> = BTreeMap::new();
        for (schema, table, index, column, prefix) in rows {
            let part = (column.unwrap_or_default().to_lowercase(), prefix);
            keys.entry((fold(schema), fold(table), index)).or_default().push(part);
        }
        for ((schema, table, _), parts) in keys {
            if let Some(entry) = found.get_mut(&(schema, table)) {
                entry.keys.insert(parts);
            }
        }
    }
    Ok(found)
}

fn compare(table: &Table, there: &Found, problems: &mut Vec<String>) {
    let name = full_name(table);
    if !there.engine.is_empty() && !ENGINES.contains(&there.engine.as_str()) {
        problems.push(format!("{name} is kept by {}, which has no transactions: use InnoDB", there.engine));
    }
    let mut known = BTreeSet::new();
    for column in table.columns.iter().filter(|c| !c.hidden) {
        let lower = column.name.to_lowercase();
        let generated = column.generated != Generated::No;
        match there.columns.get(&lower) {
            None => problems.push(format!("{name} has no column {}", quote_name(&column.name))),
            Some(c) if c.generated && !generated => {
                problems.push(format!(
                    "column {} of {name} is generated there, but not upstream",
                    quote_name(&column.name)
                ));
            }
            Some(c) if !c.generated && generated => {
                problems.push(format!(
                    "column {} of {name} is generated upstream, but not there",
                    quote_name(&column.name)
                ));
            }
            Some(_) => {}
        }
        known.insert(lower);
    }
    for (column, _) in there.columns.iter().filter(|(n, c)| c.needed && !known.contains(*n)) {
        problems.push(format!(
            "{name} needs a value for its column {}, which the upstream does not have",
            quote_name(column)
        ));
    }
    let mut wanted = BTreeSet::new();
    for key in &table.keys {
        let columns: Vec<_> = key.parts.iter().filter_map(|p| Some((table.columns.get(p.column)?, p.prefix))).collect();
        // An index over an expression has no column of that name on other servers.
        if columns.iter().any(|(c, _)| c.hidden) {
            continue;
        }
        let parts: Vec<_> = columns.into_iter().map(|(c, prefix)| (c.name.to_lowercase(), prefix)).collect();
        if !there.keys.contains(&parts) {
            let what = if key.primary { "primary key" } else { "unique key" };
            problems.push(format!("{name} has no {what} over {}", parts_text(&parts)));
        }
        wanted.insert(parts);
    }
    for parts in there.keys.difference(&wanted).filter(|p| p.iter().all(|(c, _)| !c.is_empty())) {
        problems.push(format!("{name} has a unique key over {} that the upstream does not have", parts_text(parts)));
    }
}

fn parts_text(parts: &[(String, Option<u32>)]) -> String {
    let part = |(name, prefix): &(String, Option<u32>)| match prefix {
        Some(n) => format!("{}({n})", quote_name(name)),
        None => quote_name(name),
    };
    format!("({})", parts.iter().map(part).collect::<Vec<_>>().join(", "))
}

fn no_right(right: &str, table: &Table) -> String {
    format!("the account has no right to {right} on {}", full_name(table))
}

/// Whether the account may not even see the table: servers list only what it has a right to.
fn hidden(session: &mut Session, table: &Table) -> bool {
    let tried = session.try_run(&format!("SELECT 1 FROM {} WHERE 1 = 0", full_name(table)));
    tried.is_err_and(|e| classify(&e) == Class::Privilege)
}

/// Tries each right on rows without touching one. Gives whether the table holds rows.
fn rights(session: &mut Session, table: &Table, denied: &mut Vec<String>, events: &Events) -> Result<bool> {
    let name = full_name(table);
    // All of them: a column without a default must have a value even where no row is inserted.
    let columns: Vec<String> = table.columns.iter().filter(|c| c.writable()).map(|c| quote_name(&c.name)).collect();
    let column = columns.join(",");
    let Some(first) = columns.first() else { return Ok(false) };
    let tries = [
        ("SELECT", format!("SELECT {column} FROM {name} WHERE 1 = 0")),
        ("INSERT", format!("INSERT INTO {name} ({column}) SELECT {column} FROM {name} WHERE 1 = 0")),
        ("DELETE", format!("DELETE FROM {name} WHERE 1 = 0")),
        ("UPDATE", format!("UPDATE {name} SET {first} = {first} WHERE 1 = 0")),
    ];
    for (right, sql) in tries {
        match session.try_run(&sql) {
            Ok(_) => {}
            Err(error) if classify(&error) == Class::Privilege => {
                denied.push(no_right(right, table));
                return Ok(false);
            }
            // A missing column is in the list already.
            Err(error) if classify(&error) == Class::Object => return Ok(false),
            Err(error) => {
                events(Event::Warning(format!("{right} on {name} could not be tried: {error}")));
                return Ok(false);
            }
        }
    }
    Ok(session.first::<u8>(&format!("SELECT 1 FROM {name} LIMIT 1"))?.is_some())
}

/// Triggers would repeat what the stream already carries.
fn triggers(session: &mut Session, tables: &[&Arc<Table>], events: &Events) -> Result<()> {
    let wanted: BTreeSet<(&str, &str)> = tables.iter().map(|t| (t.schema.as_str(), t.name.as_str())).collect();
    let rows: Vec<(String, String, String)> = session
        .rows("SELECT event_object_schema, event_object_table, trigger_name FROM information_schema.triggers")?;
    for (schema, table, trigger) in rows {
        if wanted.contains(&(schema.as_str(), table.as_str())) {
            events(Event::Warning(format!(
                "trigger `{trigger}` on `{schema}`.`{table}` will fire for replicated rows: drop it on the target"
            )));
        }
    }
    Ok(())
}
