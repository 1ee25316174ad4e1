//! Detects what server the target is, and sets the session variables that applying relies on.
//!
//! The first session of an address detects the server; later sessions inherit the result.
//! `VERSION()` does not tell the kind: on TiDB it returns the `server-version` of its
//! configuration. `TIDB_VERSION()` is a function that only TiDB has.
//!
//! The session variables are set so that a different global value on the server does not matter.
//! One statement sets them all. A variable that a server does not have is left out, and the
//! sessions after the first know that.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use Need::{Always, WhereKnown, WherePossible};
use anyhow::Result;
use mysql::Conn;
use mysql::prelude::Queryable;
use parking_lot::Mutex;

use super::answer::guarded;
use super::error::explain;
use crate::error::Fault;

/// Error codes for an unknown function; without a current database, some servers ask for one first.
const NO_FUNCTION: [u16; 4] = [1305, 1128, 1046, 1064];

/// What kind of server the target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// MySQL or one of its close kin.
    MySql,
    /// MariaDB.
    MariaDb,
    /// TiDB.
    TiDb,
}

/// A server's kind and version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its kind.
    pub flavour: Flavour,
    /// Major, minor, patch: TiDB's own, not the MySQL version that it claims. Zeros for TiDB that
    /// was built without a version: it is treated like an early one.
    pub version: (u32, u32, u32),
    /// The output of `select version()`.
    pub text: String,
    /// The largest statement that it accepts, in bytes.
    pub max_allowed_packet: usize,
}

impl Server {
    /// `text` is the output of VERSION(), `tidb` that of TIDB_VERSION() if the server has it.
    pub(crate) fn read(text: String, tidb: Option<&str>, max_allowed_packet: usize) -> Self {
        let (flavour, version) = match tidb {
            Some(told) => (Flavour::TiDb, tidb_version(told, &text)),
            None if text.to_lowercase().contains("mariadb") => {
                // Some proxies keep the prefix that old replication clients needed.
                (Flavour::MariaDb, numbers(text.strip_prefix("5.5.5-").unwrap_or(&text)))
            }
            None => (Flavour::MySql, numbers(&text)),
        };
        Self { flavour, version, text, max_allowed_packet }
    }

    /// Checks that tisync can write to this server.
    ///
    /// # Errors
    /// Refused, with the supported versions.
    pub fn supported(&self) -> Result<()> {
        let oldest = match self.flavour {
            Flavour::MySql => (5, 7, 0),
            Flavour::MariaDb => (10, 6, 0),
            Flavour::TiDb => (4, 0, 0),
        };
        if self.version >= oldest || self.has_no_version() {
            return Ok(());
        }
        Err(Fault::refused(format!("the target is {self}, which is too old"))
            .hint("supported targets are MySQL 5.7, MariaDB 10.6, TiDB 4.0 and later")
            .into())
    }

    fn has_no_version(&self) -> bool {
        self.flavour == Flavour::TiDb && self.version == (0, 0, 0)
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.flavour {
            Flavour::MySql => "MySQL",
            Flavour::MariaDb => "MariaDB",
            Flavour::TiDb => "TiDB",
        };
        if self.has_no_version() {
            return write!(f, "{name} of unknown version");
        }
        write!(f, "{name} {}.{}.{}", self.version.0, self.version.1, self.version.2)
    }
}

/// The version in TIDB_VERSION()'s line `Release Version: v7.5.1`, or else after `-TiDB-v` in
/// VERSION().
fn tidb_version(told: &str, text: &str) -> (u32, u32, u32) {
    let line = told.lines().find_map(|line| line.trim().strip_prefix("Release Version:"));
    let release = line.map(|version| numbers(version.trim().trim_start_matches(['v', 'V'])));
    release
        .filter(|version| *version != (0, 0, 0))
        .or_else(|| text.split_once("-TiDB-v").map(|(_, own)| numbers(own)))
        .unwrap_or_default()
}

/// Major, minor, patch at the beginning of `text`; zeros if there are none.
fn numbers(text: &str) -> (u32, u32, u32) {
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map(|n| n.parse().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    (next(), next(), next())
}

/// The result of `SELECT TIDB_VERSION()`: `None` if the server does not know the function.
///
/// # Errors
/// Any other error.
pub(crate) fn told_by_tidb(answer: mysql::Result<Option<Option<String>>>) -> mysql::Result<Option<String>> {
    match answer {
        Ok(told) => Ok(Some(told.flatten().unwrap_or_default())),
        Err(mysql::Error::MySqlError(e)) if NO_FUNCTION.contains(&e.code) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What the sessions of one address have found out.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServerCache(Arc<Mutex<Learned>>);

#[derive(Debug, Default)]
struct Learned {
    /// The VERSION() for which TIDB_VERSION() was queried.
    text: Option<String>,
    tidb: Option<String>,
    /// Session variables that the server does not have, or that this account may not set.
    without: BTreeSet<&'static str>,
}

impl ServerCache {
    /// The output of TIDB_VERSION() on the server whose VERSION() is `text`; the outer `None` if it
    /// was not queried. An address may lead to another server than before.
    pub(crate) fn tidb(&self, text: &str) -> Option<Option<String>> {
        let learned = self.0.lock();
        (learned.text.as_deref() == Some(text)).then(|| learned.tidb.clone())
    }

    pub(crate) fn learn(&self, text: &str, tidb: Option<String>) {
        let mut learned = self.0.lock();
        if learned.text.as_deref().is_some_and(|before| before != text) {
            learned.without.clear();
        }
        (learned.text, learned.tidb) = (Some(text.to_owned()), tidb);
    }

    pub(crate) fn has(&self, variable: &str) -> bool {
        !self.0.lock().without.contains(variable)
    }

    pub(crate) fn is_without(&self, variable: &'static str) {
        self.0.lock().without.insert(variable);
    }
}

/// The error code for an unknown system variable.
pub(crate) const UNKNOWN_VARIABLE: u16 = 1193;
/// Error codes for a variable that this account or this server does not allow in a session, or not
/// with that value: no privilege, not supported, global, read-only, wrong value or type, a
/// statement that it does not parse, and variables that TiDB only pretends to have.
const NOT_TO_BE_SET: [u16; 11] = [1227, 1228, 1229, 1231, 1232, 1235, 1238, 1621, 1064, 8144, 1559];

/// How necessary a variable is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    /// Every server has it.
    Always,
    /// If it exists, it must have this value.
    WhereKnown,
    /// Set if possible; the checks before the first write report what it means if not.
    WherePossible,
}

/// A variable with its value, as SQL.
type Setting = (&'static str, &'static str, Need);

/// Variables of every kind of server. The first one decides about the answers to later queries.
const COMMON: [Setting; 18] = [
    // A truncated result would look like a table without its last columns.
    ("sql_select_limit", "18446744073709551615", Always),
    ("time_zone", "'+00:00'", Always),
    ("foreign_key_checks", "0", Always),
    ("autocommit", "1", Always),
    // Statements have no time limit on the server; the run itself decides how long is too long.
    ("max_statement_time", "0", WherePossible),
    ("max_execution_time", "0", WherePossible),
    // A COMMIT must not open the next transaction or end the connection.
    ("completion_type", "0", WherePossible),
    // Rows of a table without a key are changed by all of their columns.
    ("sql_safe_updates", "0", WherePossible),
    ("sql_big_selects", "1", WherePossible),
    // If it is off, a second row with an existing key may be accepted silently.
    ("unique_checks", "1", WherePossible),
    // `id IS NULL` would mean the row that was inserted last.
    ("sql_auto_is_null", "0", WherePossible),
    ("sql_quote_show_create", "1", WherePossible),
    ("sql_notes", "1", WherePossible),
    ("max_error_count", "1024", WherePossible),
    // A CREATE DATABASE without a charset then gets TiDB's default, not the server's
    // case-insensitive one.
    ("character_set_server", "'utf8mb4'", Always),
    ("collation_server", "'utf8mb4_bin'", Always),
    // An idle upstream must not cost the connection: some servers close it after a minute.
    ("wait_timeout", "604800", WhereKnown),
    ("net_read_timeout", "CAST(GREATEST(@@net_read_timeout, 60) AS UNSIGNED)", WherePossible),
];

const TIDB: [Setting; 10] = [
    ("allow_auto_random_explicit_insert", "1", WhereKnown),
    // A locking read has to wait for an earlier one: that is how a run takes a link over from
    // another.
    ("tidb_txn_mode", "'pessimistic'", WhereKnown),
    ("tidb_placement_mode", "'ignore'", WhereKnown),
    // An existing key must show with its statement, not with the COMMIT.
    ("tidb_constraint_check_in_place_pessimistic", "1", WhereKnown),
    // Nothing may split a statement into several transactions.
    ("tidb_dml_type", "'standard'", WhereKnown),
    ("tidb_batch_insert", "0", WherePossible),
    ("tidb_batch_delete", "0", WherePossible),
    ("tidb_idle_transaction_timeout", "0", WherePossible),
    ("tidb_low_resolution_tso", "0", WherePossible),
    // After a REORGANIZE PARTITION, TiDB refuses a row that one transaction deletes and inserts
    // again, as one that must not exist (8141). An existing key shows with its statement (above),
    // and another check of TiDB's verifies that index and row fit.
    ("tidb_txn_assertion_level", "'OFF'", WherePossible),
];

/// A CREATE TABLE without an engine must not get one without transactions.
const ENGINE: Setting = (
    "default_storage_engine",
    "IF(UPPER(@@default_storage_engine) IN ('INNODB', 'ROCKSDB', 'TOKUDB'), @@default_storage_engine, 'InnoDB')",
    WhereKnown,
);

const MARIADB: [Setting; 10] = [
    ENGINE,
    ("in_predicate_conversion_threshold", "0", WhereKnown),
    // A row that the upstream has accepted must be accepted here as well.
    ("check_constraint_checks", "0", WhereKnown),
    ("idle_transaction_timeout", "0", WhereKnown),
    ("idle_write_transaction_timeout", "0", WhereKnown),
    ("idle_readonly_transaction_timeout", "0", WhereKnown),
    // ALTER TABLE must be able to use any algorithm.
    ("alter_algorithm", "'DEFAULT'", WherePossible),
    // A missing object is an error, unless the statement says otherwise.
    ("sql_if_exists", "0", WherePossible),
    ("old_mode", "'UTF8_IS_UTF8MB3'", WherePossible),
    ("enforce_storage_engine", "NULL", WherePossible),
];

const MYSQL: [Setting; 2] = [
    ENGINE,
    // What `information_schema` shows of a table must not be cached for a day.
    ("information_schema_stats_expiry", "0", WherePossible),
];

/// Variables that require a privilege that the account may lack.
const PRIVILEGED: [Setting; 1] = [("binlog_format", "'ROW'", WherePossible)];
const PRIVILEGED_MYSQL: [Setting; 4] = [
    ("binlog_format", "'ROW'", WherePossible),
    ("sql_require_primary_key", "0", WherePossible),
    ("sql_generate_invisible_primary_key", "0", WherePossible),
    // TiDB accepts any index for a foreign key's parent.
    ("restrict_fk_on_non_standard_key", "0", WherePossible),
];

/// Sets the variables of every kind of server, and `sql_mode`.
pub(crate) fn common(conn: &mut Conn, known: &ServerCache, sql_mode: &str) -> Result<()> {
    let mut wanted: Vec<Wanted<'_>> = COMMON.to_vec();
    wanted.push(("sql_mode", sql_mode, Always));
    set(conn, known, &wanted)
}

/// Sets the variables of one kind of server.
pub(crate) fn own(conn: &mut Conn, known: &ServerCache, flavour: Flavour) -> Result<()> {
    match flavour {
        Flavour::TiDb => set(conn, known, &TIDB),
        Flavour::MariaDb => set(conn, known, &MARIADB).and_then(|()| set(conn, known, &PRIVILEGED)),
        Flavour::MySql => set(conn, known, &MYSQL).and_then(|()| set(conn, known, &PRIVILEGED_MYSQL)),
    }
}

/// A setting whose value is not static.
type Wanted<'a> = (&'static str, &'a str, Need);

fn set(conn: &mut Conn, known: &ServerCache, wanted: &[Wanted<'_>]) -> Result<()> {
    let mut left: Vec<Wanted<'_>> = wanted.iter().filter(|(name, ..)| known.has(name)).copied().collect();
    while !left.is_empty() {
        let list: Vec<String> = left.iter().map(|(name, value, _)| format!("{name} = {value}")).collect();
        let Err(error) = guarded(|| conn.query_drop(format!("SET SESSION {}", list.join(", ")))) else { return Ok(()) };
        match culprit(&error, &left) {
            Some(at) => {
                let (name, ..) = left.remove(at);
                known.is_without(name);
            }
            None => return left.iter().try_for_each(|one| alone(conn, known, *one)),
        }
    }
    Ok(())
}

/// Sets one variable, if the answer to several does not tell which one it is about.
fn alone(conn: &mut Conn, known: &ServerCache, (name, value, need): Wanted<'_>) -> Result<()> {
    match guarded(|| conn.query_drop(format!("SET SESSION {name} = {value}"))) {
        Err(error) if passes(&error, need) => {
            known.is_without(name);
            Ok(())
        }
        done => done.map_err(|error| explain(&error, format!("cannot set the session variable {name} on the target"))),
    }
}

/// Whether a session can do without a variable that a server answered with `error`.
fn passes(error: &mysql::Error, need: Need) -> bool {
    let mysql::Error::MySqlError(said) = error else { return false };
    match need {
        Always => false,
        WhereKnown => said.code == UNKNOWN_VARIABLE,
        WherePossible => said.code == UNKNOWN_VARIABLE || NOT_TO_BE_SET.contains(&said.code),
    }
}

/// The index of the variable in `left` that the answer names, if a session can do without it.
/// Servers quote the name, in any language.
fn culprit(error: &mysql::Error, left: &[Wanted<'_>]) -> Option<usize> {
    let mysql::Error::MySqlError(said) = error else { return None };
    let words: Vec<&str> = said.message.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    let named = |name: &str| words.iter().any(|word| word.eq_ignore_ascii_case(name));
    left.iter().position(|(name, _, need)| named(name) && passes(error, *need))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str, tidb: Option<&str>) -> String {
        Server::read(text.to_owned(), tidb, 1).to_string()
    }

    fn release(version: &str) -> String {
        format!("Release Version: {version}\nEdition: Community\nGit Commit Hash: 7d16cc79\nStore: tikv")
    }

    #[test]
    fn versions() {
        assert_eq!(said("10.11.19-MariaDB-0+deb12u1", None), "MariaDB 10.11.19");
        assert_eq!(said("5.5.5-10.6.4-MariaDB-log", None), "MariaDB 10.6.4");
        assert_eq!(said("5.7.44-log", None), "MySQL 5.7.44");
        assert!(Server::read("5.6.1".to_owned(), None, 1).supported().is_err());
        assert!(Server::read("8.4.3".to_owned(), None, 1).supported().is_ok());
    }

    #[test]
    fn a_tidb_is_what_it_says_of_itself() {
        for (text, version, shown) in [
            ("8.0.11-TiDB-v7.5.1", "v7.5.1", "TiDB 7.5.1"),
            ("5.7.25", "v6.1.7", "TiDB 6.1.7"),
            ("8.0.36-MariaDB", "v8.1.0", "TiDB 8.1.0"),
            ("5.7.25-TiDB-v9.9.9", "v5.4.0-alpha-103-g7d16cc79", "TiDB 5.4.0"),
            ("5.7.25-TiDB-v5.4.0-dirty", "None", "TiDB 5.4.0"),
            ("8.0.11-TiDB-None", "None", "TiDB of unknown version"),
            ("our own", "", "TiDB of unknown version"),
        ] {
            assert_eq!(said(text, Some(&release(version))), shown, "{text}");
        }
        assert_eq!(said("8.0.11", Some("")), "TiDB of unknown version");
        assert!(Server::read("x".to_owned(), Some(""), 1).supported().is_ok());
        assert!(Server::read("x".to_owned(), Some(&release("v3.0.20")), 1).supported().is_err());
        // A name alone is not enough for TiDB: the function is missing.
        assert_eq!(said("8.0.11-TiDB-v7.5.1", None), "MySQL 8.0.11");
    }

    #[test]
    fn only_a_missing_function_means_no_tidb() {
        let error =
            |code| mysql::Error::MySqlError(mysql::MySqlError { state: "HY000".into(), message: "no".into(), code });
        assert_eq!(told_by_tidb(Err(error(1305))).unwrap(), None);
        assert_eq!(told_by_tidb(Err(error(1046))).unwrap(), None);
        for code in [1317, 1205, 9001, 1226, 2013, 1105] {
            assert!(told_by_tidb(Err(error(code))).is_err(), "{code}");
        }
        assert!(told_by_tidb(Err(mysql::Error::DriverError(mysql::DriverError::UnexpectedPacket))).is_err());
        assert_eq!(told_by_tidb(Ok(Some(Some("x".into())))).unwrap(), Some("x".into()));
        assert_eq!(told_by_tidb(Ok(Some(None))).unwrap(), Some(String::new()));
    }

    #[test]
    fn another_server_behind_the_address_is_asked_again() {
        let known = ServerCache::default();
        assert_eq!(known.tidb("5.7.25"), None);
        known.learn("5.7.25", Some("x".into()));
        known.is_without("v");
        assert_eq!((known.clone().tidb("5.7.25"), known.has("v")), (Some(Some("x".into())), false));
        assert_eq!(known.tidb("8.0.11"), None);
        known.learn("8.0.11", None);
        assert_eq!((known.tidb("8.0.11"), known.has("v")), (Some(None), true));
    }
}

#[cfg(test)]
mod settings_tests {
    use super::*;

    fn said(code: u16, message: &str) -> mysql::Error {
        mysql::Error::MySqlError(mysql::MySqlError { state: "HY000".into(), message: message.into(), code })
    }

    #[test]
    fn what_a_session_does_without() {
        let left =
            [("autocommit", "1", Always), ("completion_type", "0", WhereKnown), ("old_mode", "''", WherePossible)];
        let of = |code, message: &str| culprit(&said(code, message), &left);
        assert_eq!(of(1193, "Unknown system variable 'completion_type'"), Some(1));
        assert_eq!(of(1193, "Unbekannte Systemvariable 'OLD_MODE'"), Some(2));
        assert_eq!(of(1231, "Variable 'old_mode' can't be set to the value of ''"), Some(2));
        // A necessary variable that is refused ends it; so does an error that names none of ours.
        assert_eq!(of(1231, "Variable 'completion_type' can't be set to the value of '0'"), None);
        assert_eq!(of(1193, "Unknown system variable 'autocommit'"), None);
        assert_eq!(of(1227, "Access denied; you need the SUPER privilege"), None);
        assert!(!passes(&said(2013, "Lost connection"), WherePossible));
        assert!(!passes(&mysql::Error::DriverError(mysql::DriverError::UnexpectedPacket), WherePossible));
    }

    #[test]
    fn each_is_set_once() {
        for own in [&TIDB[..], &MARIADB, &MYSQL, &PRIVILEGED, &PRIVILEGED_MYSQL] {
            let mut names: Vec<&str> = COMMON.iter().chain(own).map(|(name, ..)| *name).collect();
            let all = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), all);
        }
    }
}
