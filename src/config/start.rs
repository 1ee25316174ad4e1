//! Where a first start begins.

use std::fmt;
use std::str::FromStr;

use crate::model::CommitTs;

/// Where a first start begins; later the target's checkpoint decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Behind this ts (exclusive).
    Ts(CommitTs),
    /// At PD's current ts: what was before is never replicated.
    Now,
}

impl FromStr for Start {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "now" {
            return Ok(Self::Now);
        }
        text.parse().map(|ts| Self::Ts(CommitTs(ts))).map_err(|_| "expected a ts (digits) or `now`".to_owned())
    }
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ts(ts) => write!(f, "{}", ts.0),
            Self::Now => f.write_str("now"),
        }
    }
}

/// Which columns of a row are replicated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SyncMode {
    /// All: a column that one side lacks is an error.
    #[default]
    Full,
    /// Those that both sides have.
    Partial,
}

impl SyncMode {
    /// 1 is full, 2 partial, as Drainer numbers them.
    #[must_use]
    pub fn of(number: i64) -> Option<Self> {
        match number {
            1 => Some(Self::Full),
            2 => Some(Self::Partial),
            _ => None,
        }
    }
}

impl fmt::Display for SyncMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "1",
            Self::Partial => "2",
        })
    }
}
