//! Classifies server errors, and says what an operator can do about them.
//!
//! Errors of bookkeeping are of two kinds: after one the caller may try again, after the other
//! never.

use anyhow::Error;
use mysql::DriverError;

use super::answer::unexpected;
use super::definition_codes::Unfit;
use crate::error::{Fault, Kind};

/// The text for an answer that did not come in time.
const NO_ANSWER: &str = "no answer in time (`read-timeout`)";

/// The kind of an error of the target. Which kinds are retried is decided by the retry policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The connection is lost or was never established; what was under way may have taken effect.
    Connection,
    /// User or password is wrong.
    Login,
    /// The account lacks a privilege.
    Privilege,
    /// The server accepts no writes.
    ReadOnly,
    /// A deadlock, a lock wait that timed out, a killed query: a retry may succeed.
    Contention,
    /// The server's disk or table space is full.
    Full,
    /// A statement is larger than the server accepts.
    TooLarge,
    /// A value does not fit its column.
    Data,
    /// A key exists already.
    Duplicate,
    /// A database, table or column does not exist, or exists already.
    Object,
    /// The server does not know the syntax or function.
    Syntax,
    /// The server does not accept such a table, view or key.
    Definition,
    /// Anything else.
    Other,
}

impl Class {
    /// Whether a retry may succeed without any action; otherwise the operator has to act.
    pub(crate) fn is_transient(self) -> bool {
        matches!(self, Self::Connection | Self::Contention | Self::ReadOnly)
    }

    /// Whether the server answered, so that the statement certainly had no effect.
    #[must_use]
    pub fn is_definite(self) -> bool {
        !matches!(self, Self::Connection | Self::Contention | Self::Full | Self::Other)
    }

    /// A hint for the operator.
    pub(crate) fn hint(self) -> &'static str {
        match self {
            Self::Connection => {
                "check that the target is running and can be reached; the next run continues from the checkpoint"
            }
            Self::Login => "check user and password: TISYNC_TARGET_PASSWORD, password-file= or ~/.my.cnf",
            Self::Privilege => {
                "the account needs SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, REFERENCES, CREATE VIEW and SHOW VIEW \
                 on the replicated databases and on tidb_binlog"
            }
            Self::ReadOnly => "is this a replica? Turn read_only off on the target, or use its primary",
            Self::Contention => {
                "something else holds locks on the target; start again: the run continues from the checkpoint"
            }
            Self::Full => "free up space on the target and start again: the run continues from the checkpoint",
            Self::TooLarge => "raise max_allowed_packet on the target, and start again",
            Self::Data => "a column of the target holds less than its counterpart upstream: compare both definitions",
            Self::Duplicate => {
                "the target has a row that the stream does not know: the backup is newer than the start ts, or \
                 something else writes there; if that is known and harmless, --on-conflict count overwrites such rows \
                 and counts them; --safe-mode is for a start from a backup that is not a consistent snapshot"
            }
            Self::Object => "the target's tables do not match the upstream at this commit ts: compare both definitions",
            Self::Syntax => "the target does not understand this",
            Self::Definition => Unfit::Rule.hint(),
            Self::Other => "none of this batch is on the target; the next run continues from the checkpoint",
        }
    }
}

/// The class of `error`, by the error codes of MySQL, MariaDB and TiDB.
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
        // TiDB that is cut off from its cluster has an old schema; another server at that address
        // may not be.
        8027 => Class::Connection,
        // A Galera node that has left its cluster, or is still joining; on other servers, an
        // unknown command.
        1047 if e.message.contains("WSREP") => Class::Connection,
        1045 | 1130 | 3159 | 1251 | 1698 | 1820 | 1862 => Class::Login,
        1044 | 1095 | 1142 | 1143 | 1227 | 1370 | 1410 | 1419 | 8121 => Class::Privilege,
        1290 | 1792 | 1836 | 3100 => Class::ReadOnly,
        // The answer to a COMMIT that lost against others: certification in Group Replication and
        // Galera, TiDB's check of the schema.
        1180 if no_space(&e.message) => Class::Full,
        UNNAMED if passes_on_tidb(&e.message) => Class::Contention,
        1180 | 3101 | 8005 | 8028 => Class::Contention,
        // TiDB: a check of keys that was deferred to the COMMIT. The result is in the text.
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

/// The code of errors that have none of their own.
const UNNAMED: u16 = 1105;

/// Whether an error without a code of its own is one of TiDB's that soon passes: a column is just
/// being added to the table, or a part of the cluster is restarting.
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

/// Whether the code of `error` says so little that retries are limited.
pub(crate) fn is_vague(error: &Error) -> bool {
    code_of(error) == Some(UNNAMED)
}

/// Whether the engine's error in 1180 is that the disk is full: `Got error 28 "No space left on
/// device" during COMMIT`.
fn no_space(message: &str) -> bool {
    message.split(|c: char| !c.is_ascii_digit()).find(|n| !n.is_empty()) == Some("28")
}

/// The server's or the driver's own text, with its class, at the end of an error chain.
#[derive(Debug)]
struct ServerMessage {
    class: Class,
    code: Option<u16>,
    text: String,
}

impl std::fmt::Display for ServerMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for ServerMessage {}

/// The class of an error that [`explain`] made; `None` if it did not come from the target.
#[must_use]
pub(crate) fn class_of(error: &Error) -> Option<Class> {
    error.chain().find_map(|e| e.downcast_ref::<ServerMessage>()).map(|s| s.class)
}

/// The server's code in an error that [`explain`] made, if it answered.
#[must_use]
pub(crate) fn code_of(error: &Error) -> Option<u16> {
    error.chain().find_map(|e| e.downcast_ref::<ServerMessage>()).and_then(|s| s.code)
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

/// The target's own text in an error that [`explain`] made.
#[must_use]
pub(crate) fn said_of(error: &Error) -> Option<&str> {
    error.chain().find_map(|e| e.downcast_ref::<ServerMessage>()).map(|s| s.text.as_str())
}

/// Whether the target did not answer in time. It may still be working.
#[must_use]
pub(crate) fn is_late(error: &Error) -> bool {
    error.chain().find_map(|e| e.downcast_ref::<ServerMessage>()).is_some_and(|said| said.text == NO_ANSWER)
}

/// Whether the target requires a password and was given none.
#[must_use]
pub fn wants_password(error: &Error) -> bool {
    let said = error.chain().find_map(|e| e.downcast_ref::<ServerMessage>());
    said.is_some_and(|s| s.class == Class::Login && s.text.contains("using password: NO"))
}

/// Whether the target refused the login.
#[must_use]
pub fn refused_login(error: &Error) -> bool {
    class_of(error) == Some(Class::Login)
}

/// A hint for the operator, if the code of `error` says more than its class.
fn hint(error: &mysql::Error) -> &'static str {
    match error {
        mysql::Error::MySqlError(e) => match e.code {
            8004 => {
                "raise performance.txn-total-size-limit in the configuration of the target's TiDB servers and start \
                 again; or split large transactions with --max-txn-rows"
            }
            8025 => {
                "a row is larger than the target accepts: raise performance.txn-entry-size-limit in the \
                 configuration of its TiDB servers, and raftstore.raft-entry-max-size of its TiKV servers if that is \
                 smaller; then start again"
            }
            3159 => "the target accepts only encrypted connections: remove ssl-mode=disabled, or use ssl-mode=required",
            3750 => {
                "sql_require_primary_key is ON on the target, and the account may not turn it off for its sessions: \
                 grant it SESSION_VARIABLES_ADMIN, or turn it off; --on-ddl-error 'replace:TS=SQL' creates the table \
                 with an additional key"
            }
            1040 => "the target has no connections left: raise its max_connections, or use fewer with --workers",
            1203 => USER_LIMIT,
            1226 if e.message.contains("max_user_connections") => USER_LIMIT,
            1226 => {
                "the account has used up its limit for this hour: raise it, MAX_QUERIES_PER_HOUR, \
                 MAX_UPDATES_PER_HOUR or MAX_CONNECTIONS_PER_HOUR"
            }
            1665 => {
                "binlog_format is STATEMENT on the target, under which READ COMMITTED sessions cannot write: set it to \
                 ROW there, or grant the account the privilege to set it for its sessions: BINLOG ADMIN on MariaDB, \
                 SESSION_VARIABLES_ADMIN on MySQL, SUPER on MySQL 5.7"
            }
            code => Unfit::of(code, &e.message).map_or_else(|| classify(error).hint(), Unfit::hint),
        },
        mysql::Error::FromRowError(_) => {
            "the target, or a proxy in front of it, gave an answer that tisync does not know; this query changed nothing"
        }
        mysql::Error::DriverError(DriverError::UnknownAuthPlugin(_)) => {
            "tisync supports mysql_native_password, caching_sha2_password, ed25519 and parsec: give the account one of \
             these, as in ALTER USER … IDENTIFIED WITH caching_sha2_password BY …; MySQL gives the same error for an \
             account that does not exist"
        }
        _ => classify(error).hint(),
    }
}

/// The hint for an account that has reached its limit of connections.
const USER_LIMIT: &str = "the account is at its connection limit: raise its MAX_USER_CONNECTIONS (or the server's \
    max_user_connections), or use fewer with --workers";

/// `error` with what was attempted and a hint.
pub(crate) fn explain(error: &mysql::Error, attempted: impl std::fmt::Display) -> Error {
    Error::new(said(error)).context(fault_of(error, attempted))
}

/// `error` with the message of `fault`.
pub(crate) fn explain_as(error: &mysql::Error, fault: Fault) -> Error {
    Error::new(said(error)).context(fault)
}

/// As [`explain`], for something that the target refuses permanently, with `ways` to continue. An
/// error about privileges, or about the present state of the server, stays one.
pub(crate) fn refuse(error: &mysql::Error, attempted: impl std::fmt::Display, ways: &str) -> Error {
    let mut fault = fault_of(error, attempted);
    if !matches!(classify(error), Class::Login | Class::Privilege | Class::ReadOnly) {
        fault.kind = Kind::Refused;
    }
    // The hint of the class is about a batch of rows, not about such a statement.
    let says = Some(fault.hint).filter(|hint| hint != Class::Other.hint()).map(|hint| hint + "; ").unwrap_or_default();
    fault.hint = says + ways;
    Error::new(said(error)).context(fault)
}

fn said(error: &mysql::Error) -> ServerMessage {
    let text = match error {
        mysql::Error::MySqlError(e) => format!("error {} ({}): {}", e.code, e.state, e.message),
        _ if timed_out(error) => NO_ANSWER.to_owned(),
        mysql::Error::IoError(e) => e.to_string(),
        mysql::Error::DriverError(e) => e.to_string(),
        mysql::Error::FromRowError(e) => unexpected(e),
        other => other.to_string(),
    };
    let code = if let mysql::Error::MySqlError(e) = error { Some(e.code) } else { None };
    ServerMessage { class: classify(error), code, text }
}

fn fault_of(error: &mysql::Error, attempted: impl std::fmt::Display) -> Fault {
    let answered = matches!(error, mysql::Error::MySqlError(_));
    let kind = match classify(error) {
        Class::Duplicate | Class::Data | Class::Object | Class::Syntax | Class::Definition | Class::TooLarge => {
            Kind::Refused
        }
        // Whatever it is, a retry will be refused as well.
        Class::Other if answered => Kind::Refused,
        _ => Kind::Connect,
    };
    Fault::new(kind, attempted.to_string()).hint(hint(error))
}

/// An error that keeps the target's answer, for callers that decide about a retry; `?` converts it
/// to an [`anyhow::Error`] with kind and hint.
#[derive(Debug)]
pub enum SessionError {
    /// The target failed, or the connection to it.
    Target {
        /// The target's error.
        error: mysql::Error,
        /// What was attempted.
        attempted: String,
    },
    /// Continuing would be wrong: the link was taken over, or its rows are not as they must be.
    Refused(Error),
}

impl SessionError {
    /// The class of the target's failure; `None` for a refusal.
    #[must_use]
    pub fn class(&self) -> Option<Class> {
        match self {
            Self::Target { error, .. } => Some(classify(error)),
            Self::Refused(_) => None,
        }
    }

    /// Whether the server answered that it does not have what was queried, or does not show it to
    /// this account: the only errors that answer a query.
    #[must_use]
    pub fn is_not_there(&self) -> bool {
        // Galera in strict mode has no code for it.
        self.said().contains("pxc_strict_mode")
            || self.code() == Some(1128)
            || matches!(self.class(), Some(Class::Object | Class::Syntax | Class::Privilege))
    }

    /// The server's error code, if it answered.
    #[must_use]
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Target { error: mysql::Error::MySqlError(e), .. } => Some(e.code),
            _ => None,
        }
    }

    /// The server's text, without its code; empty if it did not answer.
    #[must_use]
    pub fn said(&self) -> &str {
        match self {
            Self::Target { error: mysql::Error::MySqlError(e), .. } => &e.message,
            _ => "",
        }
    }
}

impl From<SessionError> for Error {
    fn from(failed: SessionError) -> Self {
        match failed {
            SessionError::Target { error, attempted } => explain(&error, attempted),
            SessionError::Refused(error) => error,
        }
    }
}

impl From<Fault> for SessionError {
    fn from(fault: Fault) -> Self {
        Self::Refused(fault.into())
    }
}

/// Why bytes are not records, or a record cannot be written; a caller that knows the row makes a
/// [`Fault`] of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal(pub String);

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
