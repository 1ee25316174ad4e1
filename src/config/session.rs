//! What a file may set in the sessions on the target, beside what tisync needs to set itself.

use super::origin::Given;
use super::reader::Reader;
use crate::near::nearest;

/// Modes that change how the text of a statement is read, or what a table becomes: these are passed on.
const PASSED: [&str; 11] = [
    "ANSI",
    "ANSI_QUOTES",
    "HIGH_NOT_PRECEDENCE",
    "IGNORE_SPACE",
    "NO_DIR_IN_CREATE",
    "NO_ENGINE_SUBSTITUTION",
    "NO_UNSIGNED_SUBTRACTION",
    "ONLY_FULL_GROUP_BY",
    "PIPES_AS_CONCAT",
    "REAL_AS_FLOAT",
    "SIMULTANEOUS_ASSIGNMENT",
];

/// Modes about values. The upstream has judged its values; here they have to arrive as they are, which tisync's own modes see to.
const OWN: [&str; 13] = [
    "ALLOW_INVALID_DATES",
    "ERROR_FOR_DIVISION_BY_ZERO",
    "NO_AUTO_CREATE_USER",
    "NO_AUTO_VALUE_ON_ZERO",
    "NO_FIELD_OPTIONS",
    "NO_KEY_OPTIONS",
    "NO_TABLE_OPTIONS",
    "NO_ZERO_DATE",
    "NO_ZERO_IN_DATE",
    "STRICT_ALL_TABLES",
    "STRICT_TRANS_TABLES",
    "TIME_TRUNCATE_FRACTIONAL",
    "TRADITIONAL",
];

/// Modes under which tisync's own statements would mean something else.
const REFUSED: [&str; 10] = [
    "DB2",
    "EMPTY_STRING_IS_NULL",
    "MAXDB",
    "MSSQL",
    "MYSQL323",
    "MYSQL40",
    "NO_BACKSLASH_ESCAPES",
    "ORACLE",
    "PAD_CHAR_TO_FULL_LENGTH",
    "POSTGRESQL",
];

/// Those of the modes that are passed on; notes names that are none, and those that cannot be.
pub(super) fn modes(reader: &Reader<'_>, key: &str, given: Given<Vec<String>>) -> Option<Given<Vec<String>>> {
    let mut passed = Vec::new();
    let mut good = true;
    for name in &given.value {
        let upper = name.to_ascii_uppercase();
        if PASSED.contains(&upper.as_str()) {
            passed.push(upper);
        } else if REFUSED.contains(&upper.as_str()) {
            good = false;
            reader.refuse(
                key,
                &given,
                format!("under {upper} the statements that tisync writes would mean something else: leave it out"),
            );
        } else if !OWN.contains(&upper.as_str()) {
            good = false;
            let near = nearest(&upper, PASSED.into_iter().chain(OWN).chain(REFUSED));
            let hint = near.map_or(String::new(), |n| format!("; did you mean {n}?"));
            reader.refuse(key, &given, format!("`{name}` is no SQL mode{hint}"));
        }
    }
    good.then(|| given.with(passed))
}

/// Why a session variable cannot be set: tisync's work depends on it. `None` if it can.
pub(super) fn own_variable(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    Some(match name.as_str() {
        "time_zone" => "is always UTC: times are converted by tisync and need no setting",
        "sql_mode" => "is set by `sql-mode`",
        "autocommit" | "foreign_key_checks" | "unique_checks" => "is set by tisync, whose transactions depend on it",
        "transaction_isolation" | "tx_isolation" | "tidb_txn_mode" | "transaction_read_only" | "tx_read_only" => {
            "is set by tisync: locks hand a link over from run to run"
        }
        "names"
        | "charset"
        | "collation"
        | "character_set_client"
        | "character_set_connection"
        | "character_set_results"
        | "character_set_server"
        | "collation_connection"
        | "collation_server" => "is set by tisync, which writes utf8mb4",
        "explicit_defaults_for_timestamp" | "sql_safe_updates" | "sql_select_limit" | "pseudo_thread_id" => {
            "would change what tisync's statements do"
        }
        _ if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') => {
            "is no name of a variable"
        }
        _ => return None,
    })
}
