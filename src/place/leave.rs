//! Removes the entry of a link that is given up for good.

use anyhow::Result;

use super::judge;
use crate::pd::{DRAINERS, Pd, State};

/// How often it is tried again when somebody else writes in between.
const RACES: u32 = 10;

/// What became of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Left {
    /// There was none.
    Nothing,
    /// It is removed.
    Removed,
    /// It stays: whoever keeps it was heard of just now, at this address.
    Alive(String),
}

/// Removes the entry of drainer `id`, unless somebody keeps it alive.
///
/// # Errors
/// If etcd does not answer, does not allow it, or somebody else keeps writing.
pub fn leave(pd: &Pd, id: &str) -> Result<Left> {
    for _ in 0..RACES {
        let Some((status, revision)) = pd.entry(DRAINERS, id)? else { return Ok(Left::Nothing) };
        let stopped = matches!(status.state(), State::Paused | State::Offline);
        if !stopped && judge::is_fresh(status.update_ts(), pd.tso()?) {
            return Ok(Left::Alive(status.host));
        }
        if pd.remove(&format!("{DRAINERS}{id}"), revision)? {
            return Ok(Left::Removed);
        }
    }
    anyhow::bail!("somebody else keeps writing the entry of drainer {id}")
}
