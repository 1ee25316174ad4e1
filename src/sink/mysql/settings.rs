//! The session variables that applying relies on: a global of the server that says otherwise must not matter.
//!
//! They are set with one statement. A variable that a server does not have is left out, and the sessions after the first one know that.

use anyhow::Result;
use mysql::Conn;
use mysql::prelude::Queryable;

use super::failure::explain;
use super::guard::guarded;
use super::server::{Flavour, Known};

/// The code for an unknown system variable.
pub(super) const UNKNOWN_VARIABLE: u16 = 1193;
/// Codes for a variable that this account or this server does not let a session set, or not to that value: no right, no support, global,
/// read-only, a value or type it does not take, a statement that it does not read, and what TiDB only pretends to have.
const NOT_TO_BE_SET: [u16; 11] = [1227, 1228, 1229, 1231, 1232, 1235, 1238, 1621, 1064, 8144, 1559];

/// How much depends on a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    /// Every server has it.
    Always,
    /// Where it exists, it must be so.
    WhereKnown,
    /// Where it can be set, it is; the checks before the first write say what it means where not.
    WherePossible,
}

use Need::{Always, WhereKnown, WherePossible};

/// A variable with its value, as SQL.
type Setting = (&'static str, &'static str, Need);

/// What holds on every kind of server. First of all what decides about the answers to the questions that follow.
const COMMON: [Setting; 18] = [
    // A result that ends early would look like a table without its last columns.
    ("sql_select_limit", "18446744073709551615", Always),
    ("time_zone", "'+00:00'", Always),
    ("foreign_key_checks", "0", Always),
    ("autocommit", "1", Always),
    // A statement ends when it ends; the run itself decides how long is too long.
    ("max_statement_time", "0", WherePossible),
    ("max_execution_time", "0", WherePossible),
    // A COMMIT that opens the next transaction, or ends the connection, is none that we count on.
    ("completion_type", "0", WherePossible),
    // A table without a key has its rows changed by all of their columns.
    ("sql_safe_updates", "0", WherePossible),
    ("sql_big_selects", "1", WherePossible),
    // Where it is off, a second row with the same key may get in without a word.
    ("unique_checks", "1", WherePossible),
    // `id IS NULL` would mean the row that was inserted last.
    ("sql_auto_is_null", "0", WherePossible),
    ("sql_quote_show_create", "1", WherePossible),
    ("sql_notes", "1", WherePossible),
    ("max_error_count", "1024", WherePossible),
    // A CREATE DATABASE without a charset then gets TiDB's default, not the server's case-insensitive one.
    ("character_set_server", "'utf8mb4'", Always),
    ("collation_server", "'utf8mb4_bin'", Always),
    // A quiet upstream is no reason to lose the connection: some servers hang up after a minute.
    ("wait_timeout", "604800", WhereKnown),
    ("net_read_timeout", "CAST(GREATEST(@@net_read_timeout, 60) AS UNSIGNED)", WherePossible),
];

const TIDB: [Setting; 10] = [
    ("allow_auto_random_explicit_insert", "1", WhereKnown),
    // A locking read has to wait for the one before: that is what hands a link over from run to run.
    ("tidb_txn_mode", "'pessimistic'", WhereKnown),
    ("tidb_placement_mode", "'ignore'", WhereKnown),
    // A key that is taken shows with its statement, not with the COMMIT.
    ("tidb_constraint_check_in_place_pessimistic", "1", WhereKnown),
    // Nothing that splits a statement into transactions of its own.
    ("tidb_dml_type", "'standard'", WhereKnown),
    ("tidb_batch_insert", "0", WherePossible),
    ("tidb_batch_delete", "0", WherePossible),
    ("tidb_idle_transaction_timeout", "0", WherePossible),
    ("tidb_low_resolution_tso", "0", WherePossible),
    // After a REORGANIZE PARTITION, TiDB takes a row that one transaction deletes and inserts again for one that must not be there (8141). That a
    // key is taken shows with its statement (above), and that index and row fit is TiDB's other check.
    ("tidb_txn_assertion_level", "'OFF'", WherePossible),
];

/// A CREATE TABLE that names no engine must not get one that keeps no transactions together.
const ENGINE: Setting = (
    "default_storage_engine",
    "IF(UPPER(@@default_storage_engine) IN ('INNODB', 'ROCKSDB', 'TOKUDB'), @@default_storage_engine, 'InnoDB')",
    WhereKnown,
);

const MARIADB: [Setting; 10] = [
    ENGINE,
    ("in_predicate_conversion_threshold", "0", WhereKnown),
    // A row that the upstream has let in must come in here as well.
    ("check_constraint_checks", "0", WhereKnown),
    ("idle_transaction_timeout", "0", WhereKnown),
    ("idle_write_transaction_timeout", "0", WhereKnown),
    ("idle_readonly_transaction_timeout", "0", WhereKnown),
    // An ALTER TABLE takes the way that it needs.
    ("alter_algorithm", "'DEFAULT'", WherePossible),
    // What is not there is an error, unless the statement says otherwise.
    ("sql_if_exists", "0", WherePossible),
    ("old_mode", "'UTF8_IS_UTF8MB3'", WherePossible),
    ("enforce_storage_engine", "NULL", WherePossible),
];

const MYSQL: [Setting; 2] = [
    ENGINE,
    // What `information_schema` says of a table is no more than a moment old, not a day.
    ("information_schema_stats_expiry", "0", WherePossible),
];

/// What takes a right that the account may lack.
const PRIVILEGED: [Setting; 1] = [("binlog_format", "'ROW'", WherePossible)];
const PRIVILEGED_MYSQL: [Setting; 4] = [
    ("binlog_format", "'ROW'", WherePossible),
    ("sql_require_primary_key", "0", WherePossible),
    ("sql_generate_invisible_primary_key", "0", WherePossible),
    // TiDB takes any index for a foreign key's parent.
    ("restrict_fk_on_non_standard_key", "0", WherePossible),
];

/// Sets what every kind of server has, and `sql_mode`.
pub(super) fn common(conn: &mut Conn, known: &Known, sql_mode: &str) -> Result<()> {
    let mut wanted: Vec<Wanted<'_>> = COMMON.to_vec();
    wanted.push(("sql_mode", sql_mode, Always));
    set(conn, known, &wanted)
}

/// Sets what servers of one kind have.
pub(super) fn own(conn: &mut Conn, known: &Known, flavour: Flavour) -> Result<()> {
    match flavour {
        Flavour::TiDb => set(conn, known, &TIDB),
        Flavour::MariaDb => set(conn, known, &MARIADB).and_then(|()| set(conn, known, &PRIVILEGED)),
        Flavour::MySql => set(conn, known, &MYSQL).and_then(|()| set(conn, known, &PRIVILEGED_MYSQL)),
    }
}

/// A setting whose value lives shorter than the program.
type Wanted<'a> = (&'static str, &'a str, Need);

fn set(conn: &mut Conn, known: &Known, wanted: &[Wanted<'_>]) -> Result<()> {
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

/// One for itself, where an answer does not say which one it is about.
fn alone(conn: &mut Conn, known: &Known, (name, value, need): Wanted<'_>) -> Result<()> {
    match guarded(|| conn.query_drop(format!("SET SESSION {name} = {value}"))) {
        Err(error) if passes(&error, need) => {
            known.is_without(name);
            Ok(())
        }
        done => done.map_err(|error| explain(&error, format!("cannot set the session variable {name} on the target"))),
    }
}

/// Whether a session does without a variable that a server answered with `error` to.
fn passes(error: &mysql::Error, need: Need) -> bool {
    let mysql::Error::MySqlError(said) = error else { return false };
    match need {
        Always => false,
        WhereKnown => said.code == UNKNOWN_VARIABLE,
        WherePossible => said.code == UNKNOWN_VARIABLE || NOT_TO_BE_SET.contains(&said.code),
    }
}

/// Which of `left` the answer names, if a session does without it. Servers name it in quotes, in whatever language.
fn culprit(error: &mysql::Error, left: &[Wanted<'_>]) -> Option<usize> {
    let mysql::Error::MySqlError(said) = error else { return None };
    let words: Vec<&str> = said.message.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    let named = |name: &str| words.iter().any(|word| word.eq_ignore_ascii_case(name));
    left.iter().position(|(name, _, need)| named(name) && passes(error, *need))
}

#[cfg(test)]
mod tests {
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
        // What must be so and is refused, or what every server must have, ends it; so does what names nothing of ours.
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
