//! Checks a target before the first write, so that no run stops half-way for a foreseeable cause.
//!
//! All findings are reported at once. Rights on rows are tried with statements that change nothing,
//! because the text of SHOW GRANTS (roles, patterns, proxies) does not tell.
//!
//! The second part tells whether a target's settings let it lose commits that it has acknowledged,
//! when the server or its machine crashes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::Result;

use super::batch::full_name;
use super::limits::{self, ANOTHER, Numbering, lacks};
use super::options::Mode;
use super::shape::found::{self, Facts, Tables, TargetTable};
use super::shape::{Fit, Fits, fits};
use crate::error::{self, Fault};
use crate::event::{Event, Events};
use crate::model::Table;
use crate::mysql::address::Target;
use crate::mysql::error::{Class, classify};
use crate::mysql::session::{Flavour, Session};
use crate::sql::quote_name;

/// Limit of problems that are listed: as many as fit on a small screen.
const SHOWN: usize = 10;
/// Engines with transactions.
const ENGINES: [&str; 3] = ["innodb", "rocksdb", "tokudb"];

/// What has to be checked, and how strictly.
pub struct Ask<'a> {
    /// The upstream's tables.
    pub tables: &'a [&'a Arc<Table>],
    /// Whether it is a first start.
    pub fresh: bool,
    /// Whether a missing table is only reported.
    pub allow_missing: bool,
    /// Whether both sides must have the same columns.
    pub mode: Mode,
    /// Whether the target is also a source.
    pub both_ways: bool,
    /// Whether the target has each DDL before the upstream: a table that is missing or different is
    /// only reported, and compared again with its first row.
    pub leads: bool,
}

/// Checks the server's settings and every table, and records tables whose columns differ. Returns
/// how the target numbers rows, if that matters.
///
/// # Errors
/// Refused, with all problems found.
pub(super) fn check(session: &mut Session, ask: &Ask<'_>, fits: &Fits, events: &Events) -> Result<Option<Numbering>> {
    let Ask { tables, fresh, allow_missing, mode, both_ways, leads } = *ask;
    let mut problems = Vec::new();
    let mut denied = Vec::new();
    let (mut missing, mut others) = (Vec::new(), Vec::new());
    settings(session, &mut problems, events)?;
    letter_case(session, tables, &mut problems)?;
    let facts = Facts::read(session)?;
    let mut found = Tables::new();
    let schemas: BTreeSet<&str> = tables.iter().map(|t| t.schema.as_str()).collect();
    for schema in schemas {
        found::read(session, facts, schema, None, &mut found)?;
    }
    let mut holding = 0_usize;
    let mut counted = Vec::new();
    for table in tables {
        match found.get(&facts.key(&table.schema, &table.name)) {
            None if hidden(session, table) => denied.push(no_right("SELECT", table)),
            None if allow_missing || leads => missing.push(full_name(table)),
            None => problems.push(match session.server().cannot_name_table(&table.schema, &table.name) {
                None => format!("table {} is missing", full_name(table)),
                Some(odd) => format!("table {} is missing: {}; {ANOTHER}", full_name(table), lacks(odd)),
            }),
            Some(there) => {
                if there.columns.values().any(|c| c.counted) {
                    counted.push(full_name(table));
                }
                let mut differs = Vec::new();
                let fit = compared(table, there, (mode, facts, fits), &mut differs);
                if leads && !differs.is_empty() {
                    others.push(full_name(table));
                    continue;
                }
                problems.append(&mut differs);
                holding += usize::from(rights(session, table, fit.as_deref(), &mut denied, events)?);
                // If the target may change at any time, what counts is its state at the first row.
                if leads && mode == Mode::Full {
                    continue;
                }
                if let Some(says) = fits.put(table, fit) {
                    events(Event::Warning(says));
                }
            }
        }
    }
    triggers(session, tables, events)?;
    let numbering = if both_ways { limits::check(session, &counted, events)? } else { None };
    name(missing, "missing on the target", events);
    name(others, "not yet the same upstream as on the target, and compared only at the first row", events);
    if fresh && holding > 0 {
        events(Event::Note(format!(
            "tables on the target that already have rows: {holding} of {} (assumed to be the backup that belongs to \
             the start ts)",
            tables.len()
        )));
    }
    verdict(problems, denied, mode).map(|()| numbering)
}

/// Reports the tables of a kind, if there are any.
fn name(mut tables: Vec<String>, what: &str, events: &Events) {
    let count = tables.len();
    if count > 0 {
        tables.truncate(SHOWN);
        let more = if count > SHOWN { ", …" } else { "" };
        events(Event::Warning(format!("{} {what}: {}{more}", error::counted(count, "table"), tables.join(", "))));
    }
}

/// All problems as one error. Missing rights alone are not a danger to the data.
fn verdict(mut problems: Vec<String>, denied: Vec<String>, mode: Mode) -> Result<()> {
    let rights_alone = problems.is_empty();
    problems.extend(denied);
    if problems.is_empty() {
        return Ok(());
    }
    let count = problems.len();
    let more = if count > SHOWN { format!("\n  … and {} more", count - SHOWN) } else { String::new() };
    problems.truncate(SHOWN);
    let list = problems.join("\n  ");
    let verb = if count == 1 { "prevents" } else { "prevent" };
    let text = format!("{} on the target {verb} the start:\n  {list}{more}", error::counted(count, "problem"));
    if rights_alone {
        return Err(Fault::connect(text).hint(Class::Privilege.hint()).into());
    }
    let other_columns = if mode == Mode::Full { ", --sync-mode 2 with other columns" } else { "" };
    Err(Fault::refused(text)
        .hint(format!(
            "load the backup that belongs to the start ts, or make the target match the upstream; --allow-missing \
             continues without tables that the stream will not touch{other_columns}"
        ))
        .into())
}

/// Checks the server's own settings: reasons not to start go into `problems`, other remarks into
/// `events`.
///
/// # Errors
/// If they cannot be read.
pub(crate) fn settings(session: &mut Session, problems: &mut Vec<String>, events: &Events) -> Result<()> {
    let mysql = session.server().flavour == Flavour::MySql;
    let mut values = BTreeMap::new();
    let names = "'read_only','super_read_only','log_bin','binlog_format','sql_require_primary_key',\
                 'sql_generate_invisible_primary_key','explicit_defaults_for_timestamp','innodb_lock_wait_timeout'";
    let rows: Vec<(String, String)> = session.rows(&format!("SHOW VARIABLES WHERE Variable_name IN ({names})"))?;
    values.extend(rows.into_iter().map(|(n, v)| (n.to_lowercase(), v.to_uppercase())));
    let is = |name: &str, value: &str| values.get(name).is_some_and(|v| v == value);
    if is("super_read_only", "ON") {
        problems.push("super_read_only is ON: the target does not accept writes".to_owned());
    } else if is("read_only", "ON") {
        events(Event::Warning("read_only is ON on the target: only privileged accounts can write there".to_owned()));
    }
    if session.server().flavour != Flavour::TiDb && is("log_bin", "ON") && is("binlog_format", "STATEMENT") {
        problems.push(
            "binlog_format is STATEMENT, under which READ COMMITTED sessions cannot write: use ROW, or grant the \
             account the privilege to set it for its sessions (BINLOG ADMIN on MariaDB, SESSION_VARIABLES_ADMIN on \
             MySQL, SUPER on MySQL 5.7)"
                .to_owned(),
        );
    }
    if is("sql_require_primary_key", "ON") {
        events(Event::Warning(
            "sql_require_primary_key is ON on the target, and the account may not turn it off for its sessions \
             (SESSION_VARIABLES_ADMIN): a CREATE TABLE without a primary key will fail there"
                .to_owned(),
        ));
    }
    if mysql && is("sql_generate_invisible_primary_key", "ON") {
        events(Event::Warning(
            "sql_generate_invisible_primary_key is ON on the target, and the account may not turn it off for its \
             sessions (SESSION_VARIABLES_ADMIN): tables without a key get an extra column"
                .to_owned(),
        ));
    }
    if is("explicit_defaults_for_timestamp", "OFF") {
        events(Event::Warning(
            "explicit_defaults_for_timestamp is OFF on the target: a TIMESTAMP in a CREATE TABLE of the stream becomes \
             NOT NULL and updates itself; turn it on"
                .to_owned(),
        ));
    }
    let wait = values.get("innodb_lock_wait_timeout").and_then(|v| v.parse::<u64>().ok());
    if let Some(wait) = wait.filter(|w| *w < 5) {
        events(Event::Warning(format!(
            "innodb_lock_wait_timeout is {wait} s on the target: short locks held by other sessions will stop the run"
        )));
    }
    Ok(())
}

/// 0: names keep their case and are told apart by it; 1: stored in lower case; 2: kept, but
/// compared without case.
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
            problems.push(format!(
                "{other} and {} are the same table on the target (lower_case_table_names)",
                full_name(table)
            ));
        }
    }
    Ok(())
}

/// The differences of a table: problems, and in mode 2 how rows are written nevertheless.
fn compared(
    table: &Table,
    there: &TargetTable,
    (mode, facts, fits): (Mode, Facts, &Fits),
    problems: &mut Vec<String>,
) -> Option<Arc<Fit>> {
    if !there.engine.is_empty() && !ENGINES.contains(&there.engine.as_str()) {
        let name = full_name(table);
        problems
            .push(format!("{name} uses the storage engine {}, which has no transactions: use InnoDB", there.engine));
    }
    if fits.mode(table, mode) == Mode::Full {
        problems.extend(fits::columns(table, there));
        problems.extend(fits::keys(table, there));
        return None;
    }
    match fits.make(table, there, facts) {
        Ok(fit) => fit,
        Err(found) => {
            problems.extend(found);
            None
        }
    }
}

fn no_right(right: &str, table: &Table) -> String {
    format!("the account lacks the {right} privilege on {}", full_name(table))
}

/// Whether the account may not even see the table: servers list only tables that it has a right to.
fn hidden(session: &mut Session, table: &Table) -> bool {
    let tried = session.try_run(&format!("SELECT 1 FROM {} WHERE 1 = 0", full_name(table)));
    tried.is_err_and(|e| classify(&e) == Class::Privilege)
}

/// Tries each right on rows without touching one. Returns whether the table has rows.
fn rights(
    session: &mut Session,
    table: &Table,
    fit: Option<&Fit>,
    denied: &mut Vec<String>,
    events: &Events,
) -> Result<bool> {
    let name = full_name(table);
    // All columns: one without a default needs a value even if no row is inserted.
    let seen = fit.map_or(table, |f| &f.table);
    let own = seen.columns.iter().filter(|c| c.writable()).map(|c| quote_name(&c.name));
    let columns: Vec<String> = own.chain(fit.iter().flat_map(|f| &f.extras).map(|e| quote_name(&e.name))).collect();
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
            // A missing table or column is in the list already.
            Err(error) if classify(&error) == Class::Object => return Ok(false),
            Err(error) => {
                events(Event::Warning(format!("{right} on {name} could not be tested: {error}")));
                return Ok(false);
            }
        }
    }
    Ok(session.first::<u8>(&format!("SELECT 1 FROM {name} LIMIT 1"))?.is_some())
}

/// Reports triggers: they would repeat changes that are in the stream already.
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

/// Which of the target's settings may cost it the last commits; `None` if it keeps all of them.
///
/// # Errors
/// If they cannot be read.
pub fn risk(session: &mut Session) -> Result<Option<String>> {
    if session.server().flavour == Flavour::TiDb {
        return Ok(None);
    }
    let names = "'innodb_flush_log_at_trx_commit','sync_binlog','log_bin'";
    let rows: Vec<(String, String)> =
        session.rows(&format!("SHOW GLOBAL VARIABLES WHERE Variable_name IN ({names})"))?;
    Ok(judge(&rows.into_iter().map(|(name, value)| (name.to_lowercase(), value.to_uppercase())).collect()))
}

/// Connects to the target at `to` and returns its [`risk`].
///
/// # Errors
/// If it cannot be reached or read.
pub fn risk_of(to: &str, events: &Events) -> Result<Option<String>> {
    risk(&mut Session::open(&Target::parse(to, events)?)?)
}

fn judge(values: &BTreeMap<String, String>) -> Option<String> {
    let is_not_one = |name: &str| values.get(name).filter(|v| *v != "1").map(|v| format!("{name} is {v}"));
    let binlog = values.get("log_bin").is_some_and(|v| matches!(v.as_str(), "ON" | "1"));
    let found: Vec<String> = is_not_one("innodb_flush_log_at_trx_commit")
        .into_iter()
        .chain(is_not_one("sync_binlog").filter(|_| binlog))
        .collect();
    if found.is_empty() {
        return None;
    }
    Some(format!(
        "the target may lose its last commits in a crash: {}, and only 1 keeps every commit. tisync notices that, and \
         applies them again as long as the upstream still has them",
        found.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_settings_forget() {
        let judged = |flush: &str, sync: &str, log_bin: &str| {
            let pairs = [("innodb_flush_log_at_trx_commit", flush), ("sync_binlog", sync), ("log_bin", log_bin)];
            judge(&pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
        };
        assert_eq!(judged("1", "1", "ON"), None);
        assert_eq!(judged("1", "0", "OFF"), None, "a binlog that is not written loses nothing");
        let says = |flush: &str, sync: &str, words: &str| assert!(judged(flush, sync, "ON").unwrap().contains(words));
        says("2", "1", "a crash: innodb_flush_log_at_trx_commit is 2, and");
        says("1", "1000", "a crash: sync_binlog is 1000, and");
        says("0", "0", "innodb_flush_log_at_trx_commit is 0, sync_binlog is 0");
        assert_eq!(judge(&BTreeMap::new()), None, "another engine");
    }
}
