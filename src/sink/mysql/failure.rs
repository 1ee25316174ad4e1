//! What the server's errors mean, and what an operator can do about them.

use anyhow::Error;
use mysql::DriverError;

use crate::error::Fault;

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
    /// Anything else.
    Other,
}

/// The class of `error`, by the server's code. Codes of MySQL, MariaDB and TiDB.
#[must_use]
pub fn classify(error: &mysql::Error) -> Class {
    let mysql::Error::MySqlError(e) = error else {
        return match error {
            mysql::Error::DriverError(DriverError::PacketTooLarge) => Class::TooLarge,
            mysql::Error::FromValueError(_) | mysql::Error::FromRowError(_) => Class::Other,
            _ => Class::Connection,
        };
    };
    match e.code {
        1040 | 1053 | 1079 | 1129 | 1152 | 1158..=1161 | 1184 | 1203 | 1927 | 2006 | 2013 | 3169 | 8501 => {
            Class::Connection
        }
        1045 | 1130 | 1251 | 1698 | 1820 | 1862 => Class::Login,
        1044 | 1142 | 1143 | 1227 | 1370 | 1410 | 1419 | 8121 => Class::Privilege,
        1290 | 1792 | 1836 | 3100 => Class::ReadOnly,
        1205 | 1213 | 1317 | 1028 | 1637 | 3024 | 1969 | 8002 | 8022 | 9001..=9007 => Class::Contention,
        3 | 1021 | 1030 | 1114 | 1041 => Class::Full,
        1153 | 1301 | 8004 | 8025 => Class::TooLarge,
        1048 | 1264..=1267 | 1292 | 1364 | 1366 | 1406 | 1411 | 1416 | 1426 | 1525 | 1526 | 3140 | 3819 | 4025 => {
            Class::Data
        }
        1022 | 1062 | 1169 | 1586 => Class::Duplicate,
        1007 | 1008 | 1046 | 1049 | 1050 | 1051 | 1054 | 1060 | 1061 | 1072 | 1091 | 1146 | 1176 | 1347 | 1507
        | 1517 => Class::Object,
        1064 | 1115 | 1149 | 1193 | 1235 | 1273 | 1286 | 1305 | 1478 | 1479 | 1901 | 1905 | 4161 => Class::Syntax,
        _ => Class::Other,
    }
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
            Self::Syntax => "the target does not understand this; if it can do without, --skip-ddl TS leaves a DDL out",
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

/// `error` with what was attempted and what to do about it.
pub(crate) fn explain(error: &mysql::Error, attempted: impl std::fmt::Display) -> Error {
    let class = classify(error);
    let text = match error {
        mysql::Error::MySqlError(e) => format!("error {} ({}): {}", e.code, e.state, e.message),
        _ if timed_out(error) => NO_ANSWER.to_owned(),
        mysql::Error::IoError(e) => e.to_string(),
        mysql::Error::DriverError(e) => e.to_string(),
        other => other.to_string(),
    };
    let attempted = attempted.to_string();
    let fault = match class {
        Class::Duplicate | Class::Data | Class::Object | Class::Syntax | Class::TooLarge => Fault::refused(attempted),
        _ => Fault::connect(attempted),
    };
    let code = if let mysql::Error::MySqlError(e) = error { Some(e.code) } else { None };
    Error::new(Said { class, code, text }).context(fault.hint(class.hint()))
}
