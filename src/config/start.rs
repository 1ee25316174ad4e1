//! Where a first start begins.

use std::fmt;
use std::str::FromStr;

use crate::model::CommitTs;
use crate::moment;

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
        moment::ts_or_time(text).map(Self::Ts).map_err(|e| format!("{e}, or `now`"))
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
