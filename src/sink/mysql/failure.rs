//! What the server's errors mean, and what an operator can do about them.

mod definition;

use anyhow::Error;
use definition::Unfit;
use mysql::DriverError;

use super::answer::unexpected;
use crate::error::{Fault, Kind};

/// The words for an answer that did not come in time.
const NO_ANSWER: &str = "no answer in time (`read-timeout`)";

/// What kind of failure an error of the target is. Which of them are tried again is the retry policy's affair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The connection is gone or never was; what was under way may have happened.
    Connection,
    /// User or password are wrong.
    Login,
    /// The account may not do this.
    Privilege,
    /// The server takes no writes.
    ReadOnly,
    /// A deadlock, a lock wait that took too long, a killed query: the same may succeed later.
    Contention,
    /// The server's disk or table space is full.
    Full,
    /// A statement is larger than the server takes.
    TooLarge,
    /// A value does not fit its column.
    Data,
    /// A key is taken already.
    Duplicate,
    /// A database, table or column is not there, or is there already.
    Object,
    /// The server does not know what the statement asks for.
    Syntax,
    /// The server knows it, and does not take such a table, view or key.
    Definition,
    /// Anything else.
    Other,
}

/// The class of `error`, by the server's code. Codes of MySQL, MariaDB and TiDB.
#[must_use]
pub fn classify(error: &mysql::Error) -> Class {
    let mysql::Error::MySqlError(e) = error else {
        return match error {
            mysql::Error::DriverError(DriverError::PacketTooLarge) => Class::TooLarge,
            mysql::Error::DriverError(DriverError::UnknownAuthPlugin(_)) => Class::Login,
            mysql::Error::FromValueError(_) | mysql::Error::FromRowError(_) => Class::Other,
            _ => Class::Connection,
        };
    };
    match e.code {
        1040 | 1053 | 1079 | 1129 | 1152 | 1158..=1161 | 1184 | 1203 | 1226 | 1927 | 2006 | 2013 | 3169 | 8501 => {
            Class::Connection
        }
        // A TiDB that is cut off from its cluster has an old schema; behind the same address may be one that is not.
        8027 => Class::Connection,
        // A node of Galera that has left its cluster, or is still joining; elsewhere it is a command that the server does not know.
        1047 if e.message.contains("WSREP") => Class::Connection,
        1045 | 1130 | 3159 | 1251 | 1698 | 1820 | 1862 => Class::Login,
        1044 | 1095 | 1142 | 1143 | 1227 | 1370 | 1410 | 1419 | 8121 => Class::Privilege,
        1290 | 1792 | 1836 | 3100 => Class::ReadOnly,
        // The answer to a COMMIT that others got ahead of: Group Replication's and Galera's certification, TiDB's check of the schema.
        1180 if no_space(&e.message) => Class::Full,
        UNNAMED if passes_on_tidb(&e.message) => Class::Contention,
        1180 | 3101 | 8005 | 8028 => Class::Contention,
        // TiDB: a check of keys that was put off to the COMMIT. What it found is in the text.
        8147 if e.message.contains("Duplicate entry") => Class::Duplicate,
        8147 => Class::Contention,
        1205 | 1213 | 1317 | 1028 | 1637 | 3024 | 3058 | 1969 | 8002 | 8022 | 9001..=9008 | 9010 | 9011 => {
            Class::Contention
        }
        1005 if e.message.contains("errno: 28 ") => Class::Full,
        code if Unfit::of(code, &e.message).is_some() => Class::Definition,
        3 | 1021 | 1030 | 1114 | 1041 => Class::Full,
        1153 | 1301 | 8004 | 8025 => Class::TooLarge,
        1048 | 1264..=1267 | 1292 | 1364 | 1366 | 1406 | 1411 | 1416 | 1525 | 1526 | 1690 | 3140 | 3819 | 4025 => {
            Class::Data
        }
        1022 | 1062 | 1169 | 1586 => Class::Duplicate,
        1007 | 1008 | 1017 | 1046 | 1049 | 1050 | 1051 | 1054 | 1060 | 1061 | 1072 | 1091 | 1109 | 1146 | 1176
        | 1347 | 1507 | 1517 => Class::Object,
        1064 | 1115 | 1149 | 1193 | 1235 | 1273 | 1286 | 1305 | 1478 | 1479 | 1901 | 1905 | 3750 | 4161 => {
            Class::Syntax
        }
        _ => Class::Other,
    }
}

/// The code for whatever has none of its own.
const UNNAMED: u16 = 1105;

/// Whether an error without a code of its own is one of TiDB's that a moment later is over: a column is just being added to the table, or a part of
/// the cluster starts again.
fn passes_on_tidb(message: &str) -> bool {
    const WORDS: [&str; 7] = [
        "columnID count not match",
        "[try again later]",
        "rpc error: ",
        "context canceled",
        "loss connection",
        "backoffer.maxSleep",
        "Information schema is changed",
    ];
    WORDS.iter().any(|words| message.contains(words))
}

/// Whether `error` has a code that says so little that it is tried again only for a while.
pub(super) fn is_vague(error: &Error) -> bool {
    code_of(error) == Some(UNNAMED)
}

/// Whether the engine's error behind 1180 is that the disk is full: `Got error 28 "No space left on device" during COMMIT`.
fn no_space(message: &str) -> bool {
    message.split(|c: char| !c.is_ascii_digit()).find(|n| !n.is_empty()) == Some("28")
}

impl Class {
    /// Whether the server answered, so that the statement surely had no effect.
    #[must_use]
    pub fn is_definite(self) -> bool {
        !matches!(self, Self::Connection | Self::Contention | Self::Full | Self::Other)
    }

    /// What an operator can do about it.
    pub(super) fn hint(self) -> &'static str {
        match self {
            Self::Connection => {
                "check that the target runs and can be reached; the next run continues from the checkpoint"
            }
            Self::Login => "check user and password: TISYNC_TARGET_PASSWORD, password-file= or ~/.my.cnf",
            Self::Privilege => {
                "the account needs SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, REFERENCES, CREATE VIEW and SHOW VIEW \
                 on the replicated databases and on tidb_binlog"
            }
            Self::ReadOnly => "is this a replica? Switch read_only off on the target, or name its primary",
            Self::Contention => {
                "something else holds locks on the target; start again: it continues from the checkpoint"
            }
            Self::Full => "make room on the target and start again: it continues from the checkpoint",
            Self::TooLarge => "raise max_allowed_packet on the target, and start again",
            Self::Data => "a column of the target takes less than its counterpart upstream: compare both definitions",
            Self::Duplicate => {
                "the target holds a row that the stream does not know of: a backup newer than the start ts, or another writer; \
                 if that is known and harmless, --on-conflict count overwrites such rows and counts them; --safe-mode is for a start from a \
                 backup that is no consistent point"
            }
            Self::Object => {
                "the target's tables are not those of the upstream at this commit ts: compare both definitions"
            }
            Self::Syntax => "the target does not understand this",
            Self::Definition => Unfit::Rule.hint(),
            Self::Other => "nothing of this batch is on the target; the next run continues from the checkpoint",
        }
    }
}

/// The server's or the driver's own words, with their class, at the end of the chain of an error.
#[derive(Debug)]
struct Said {
    class: Class,
    code: Option<u16>,
    text: String,
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Said {}

/// The class of an error that [`explain`] made; `None` if it did not come from the target.
#[must_use]
pub(super) fn class_of(error: &Error) -> Option<Class> {
    error.chain().find_map(|e| e.downcast_ref::<Said>()).map(|s| s.class)
}

/// The server's code in an error that [`explain`] made, if it answered.
#[must_use]
pub(super) fn code_of(error: &Error) -> Option<u16> {
    error.chain().find_map(|e| e.downcast_ref::<Said>()).and_then(|s| s.code)
}

/// Whether the driver gave up waiting for an answer.
fn timed_out(error: &mysql::Error) -> bool {
    let e = match error {
        mysql::Error::IoError(e) => Some(e),
        mysql::Error::CodecError(e) => std::error::Error::source(e).and_then(|cause| cause.downcast_ref()),
        _ => None,
    };
    e.is_some_and(|e: &std::io::Error| e.kind() == std::io::ErrorKind::WouldBlock)
}

/// The words of the target in an error that [`explain`] made.
#[must_use]
pub(super) fn said_of(error: &Error) -> Option<&str> {
    error.chain().find_map(|e| e.downcast_ref::<Said>()).map(|s| s.text.as_str())
}

/// Whether the target did not answer in time. It may be at work still.
#[must_use]
pub(super) fn is_late(error: &Error) -> bool {
    error.chain().find_map(|e| e.downcast_ref::<Said>()).is_some_and(|said| said.text == NO_ANSWER)
}

/// Whether the target wants a password and was given none.
#[must_use]
pub fn wants_password(error: &Error) -> bool {
    let said = error.chain().find_map(|e| e.downcast_ref::<Said>());
    said.is_some_and(|s| s.class == Class::Login && s.text.contains("using password: NO"))
}

/// Whether the target did not let the account in.
#[must_use]
pub fn refused_login(error: &Error) -> bool {
    class_of(error) == Some(Class::Login)
}

/// What an operator can do about `error`, where its code says more than its class.
fn hint(error: &mysql::Error) -> &'static str {
    match error {
        mysql::Error::MySqlError(e) => match e.code {
            8004 => {
                "raise performance.txn-total-size-limit in the configuration of the target's TiDB servers and start again; or let large \
                 transactions be split with --max-txn-rows"
            }
            8025 => {
                "a row is larger than the target takes: raise performance.txn-entry-size-limit in the configuration of its TiDB servers, and \
                 raftstore.raft-entry-max-size of its TiKV servers if that is smaller; then start again"
            }
            3159 => {
                "the target takes encrypted connections alone: leave ssl-mode=disabled away, or write ssl-mode=required"
            }
            3750 => {
                "sql_require_primary_key is ON on the target, and the account may not switch it off for itself: grant it SESSION_VARIABLES_ADMIN, or \
                 have it switched off; --on-ddl-error 'replace:TS=SQL' makes the table with a key of the target's own"
            }
            1040 => "the target has no connection left: raise its max_connections, or start with fewer by --workers",
            1203 => USER_LIMIT,
            1226 if e.message.contains("max_user_connections") => USER_LIMIT,
            1226 => {
                "the account may do no more within this hour: lift its limit, MAX_QUERIES_PER_HOUR, MAX_UPDATES_PER_HOUR or \
                 MAX_CONNECTIONS_PER_HOUR"
            }
            1665 => {
                "binlog_format is STATEMENT on the target, which READ COMMITTED sessions cannot write under: set it to ROW there, or give the account \
                 the right to set it for itself: BINLOG ADMIN on MariaDB, SESSION_VARIABLES_ADMIN on MySQL, SUPER on MySQL 5.7"
            }
            code => Unfit::of(code, &e.message).map_or_else(|| classify(error).hint(), Unfit::hint),
        },
        mysql::Error::FromRowError(_) => {
            "the target, or a proxy in front of it, answers in a way that tisync does not know; nothing was changed by this query"
        }
        mysql::Error::DriverError(DriverError::UnknownAuthPlugin(_)) => {
            "tisync knows mysql_native_password, caching_sha2_password, ed25519 and parsec: give the account one of these, as in ALTER USER … \
             IDENTIFIED WITH caching_sha2_password BY …; of an account that is not there a MySQL says the same"
        }
        _ => classify(error).hint(),
    }
}

/// For an account that has as many connections as it may.
const USER_LIMIT: &str = "the account has as many connections as it may: raise its MAX_USER_CONNECTIONS (or the server's max_user_connections), or start with \
                          fewer by --workers";

/// `error` with what was attempted and what to do about it.
pub(crate) fn explain(error: &mysql::Error, attempted: impl std::fmt::Display) -> Error {
    Error::new(said(error)).context(fault_of(error, attempted))
}

/// `error` with the words of `fault`.
pub(super) fn explain_as(error: &mysql::Error, fault: Fault) -> Error {
    Error::new(said(error)).context(fault)
}

/// The same of something that the target refuses for good, with the ways on. What it merely does not allow this account, or now, stays that.
pub(crate) fn refuse(error: &mysql::Error, attempted: impl std::fmt::Display, ways: &str) -> Error {
    let mut fault = fault_of(error, attempted);
    if !matches!(classify(error), Class::Login | Class::Privilege | Class::ReadOnly) {
        fault.kind = Kind::Refused;
    }
    // What the class says of a batch of rows is about no such statement.
    let says = Some(fault.hint).filter(|hint| hint != Class::Other.hint()).map(|hint| hint + "; ").unwrap_or_default();
    fault.hint = says + ways;
    Error::new(said(error)).context(fault)
}

fn said(error: &mysql::Error) -> Said {
    let text = match error {
        mysql::Error::MySqlError(e) => format!("error {} ({}): {}", e.code, e.state, e.message),
        _ if timed_out(error) => NO_ANSWER.to_owned(),
        mysql::Error::IoError(e) => e.to_string(),
        mysql::Error::DriverError(e) => e.to_string(),
        mysql::Error::FromRowError(e) => unexpected(e),
        other => other.to_string(),
    };
    let code = if let mysql::Error::MySqlError(e) = error { Some(e.code) } else { None };
    Said { class: classify(error), code, text }
}

fn fault_of(error: &mysql::Error, attempted: impl std::fmt::Display) -> Fault {
    let answered = matches!(error, mysql::Error::MySqlError(_));
    let kind = match classify(error) {
        Class::Duplicate | Class::Data | Class::Object | Class::Syntax | Class::Definition | Class::TooLarge => {
            Kind::Refused
        }
        // Whatever it is, the same will be refused again.
        Class::Other if answered => Kind::Refused,
        _ => Kind::Connect,
    };
    Fault::new(kind, attempted.to_string()).hint(hint(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{exit_code, fault};

    fn said(code: u16, message: &str) -> mysql::Error {
        mysql::Error::MySqlError(mysql::MySqlError { state: "HY000".into(), message: message.into(), code })
    }

    #[test]
    fn a_refusal_for_good_is_no_lack_of_a_connection() {
        for (code, exit, sure) in [(1832, 4, 4), (1105, 4, 4), (1064, 4, 4), (1114, 3, 4), (1142, 3, 3), (1290, 3, 3)] {
            let error = said(code, "no");
            assert_eq!(exit_code(&explain(&error, "it did not work")), exit, "{code}");
            let refused = refuse(&error, "it did not work", "or do without");
            assert_eq!(exit_code(&refused), sure, "{code}");
            assert!(fault(&refused).unwrap().hint.ends_with("or do without"), "{refused:#}");
            assert_eq!(format!("{refused:#}"), format!("it did not work: error {code} (HY000): no"));
        }
    }

    #[test]
    fn what_passes_by_itself_is_told_from_what_does_not() {
        for (code, message, class) in [
            (8027, "Information schema is out of date: schema failed to update in 1 lease", Class::Connection),
            (8028, "Information schema is changed during the execution of the statement", Class::Contention),
            (8005, "Write conflict, txnStartTS 1 is stale", Class::Contention),
            (9008, "Store token is up to the limit, store id = 1", Class::Contention),
            (9010, "TiKV server reports stale command", Class::Contention),
            (9011, "TiKV max timestamp is not synced", Class::Contention),
            (8147, "transaction aborted because lazy uniqueness check is enabled: Write conflict", Class::Contention),
            (8147, "transaction aborted because lazy …: [kv:1062]Duplicate entry '1' for key", Class::Duplicate),
            (3101, "Plugin instructed the server to rollback the current transaction.", Class::Contention),
            (1180, "Got error 149 \"Lock deadlock; Retry transaction\" during COMMIT", Class::Contention),
            (1180, "Got error 28 \"No space left on device\" during COMMIT", Class::Full),
            (1105, "EncodeRow error: data and columnID count not match 5 vs 4", Class::Contention),
            (1105, "rpc error: code = Unavailable desc = keepalive ping failed", Class::Contention),
            (1105, "unknown error", Class::Other),
            (1047, "WSREP has not yet prepared node for application use", Class::Connection),
            (1047, "Unknown command", Class::Other),
            (1226, "User 'u' has exceeded the 'max_user_connections' resource (current value: 4)", Class::Connection),
        ] {
            assert_eq!(classify(&said(code, message)), class, "{code} {message}");
        }
    }

    #[test]
    fn a_limit_is_called_by_its_name() {
        for (code, message, word) in [
            (8004, "Transaction is too large, size: 104857600", "performance.txn-total-size-limit"),
            (8025, "entry too large, the max entry size is 6291456", "performance.txn-entry-size-limit"),
            (1153, "Got a packet bigger than 'max_allowed_packet' bytes", "raise max_allowed_packet"),
            (1040, "Too many connections", "--workers"),
            (1203, "User u already has more than 'max_user_connections' active connections", "--workers"),
            (1226, "User 'u' has exceeded the 'max_user_connections' resource (current value: 4)", "--workers"),
            (1226, "User 'u' has exceeded the 'max_updates' resource", "MAX_UPDATES_PER_HOUR"),
        ] {
            let error = explain(&said(code, message), "it did not work");
            let hint = &fault(&error).unwrap().hint;
            assert!(hint.contains(word), "{code}: {hint}");
            assert_eq!(exit_code(&error), if classify(&said(code, message)) == Class::Connection { 3 } else { 4 });
        }
    }
}
