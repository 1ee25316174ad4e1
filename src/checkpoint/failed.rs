//! Why bookkeeping did not succeed: the caller may try again after one half of it, never after the other.

use anyhow::Error;

use crate::error::Fault;
use crate::sink::mysql::failure::{Class, classify, explain};

/// An error that keeps what the target said, for whoever decides about another try; `?` makes an [`anyhow::Error`] with
/// kind and hint of it.
#[derive(Debug)]
pub enum Failed {
    /// The target or the way to it.
    Target {
        /// What it said.
        error: mysql::Error,
        /// What was attempted.
        attempted: String,
    },
    /// Going on would be wrong: the link was taken over, or its rows are not what they must be.
    Refused(Error),
}

impl Failed {
    /// What kind of failure of the target it is; `None` for a refusal.
    #[must_use]
    pub fn class(&self) -> Option<Class> {
        match self {
            Self::Target { error, .. } => Some(classify(error)),
            Self::Refused(_) => None,
        }
    }

    /// Whether the server said that it does not have what was asked for, or does not show it to this account: the only errors that are an
    /// answer to a look.
    #[must_use]
    pub fn is_not_there(&self) -> bool {
        // Galera in strict mode has no name for it.
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

    /// What the server said, without its code; empty if it did not answer.
    #[must_use]
    pub fn said(&self) -> &str {
        match self {
            Self::Target { error: mysql::Error::MySqlError(e), .. } => &e.message,
            _ => "",
        }
    }
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Target { error, attempted } => explain(&error, attempted),
            Failed::Refused(error) => error,
        }
    }
}

impl From<Fault> for Failed {
    fn from(fault: Fault) -> Self {
        Self::Refused(fault.into())
    }
}

/// Why bytes are no records, or a record no bytes; who knows the row makes a [`Fault`] of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal(pub String);
