//! Whether a target's settings let it lose commits that it has acknowledged, when it or its machine crashes.

use std::collections::BTreeMap;

use anyhow::Result;

use super::connect::Target;
use super::session::{Flavour, Session};
use crate::event::Events;

/// What of the target's settings may cost it the last commits, in words; `None` if it keeps each.
///
/// # Errors
/// If they cannot be read.
pub fn risk(session: &mut Session) -> Result<Option<String>> {
    if session.server().flavour == Flavour::TiDb {
        return Ok(None);
    }
    let names = "'innodb_flush_log_at_trx_commit','sync_binlog','log_bin'";
    let rows: Vec<(String, String)> =
        session.rows(&format!("SHOW GLOBAL VARIABLES WHERE Variable_name IN ({names})"))?;
    Ok(judge(&rows.into_iter().map(|(name, value)| (name.to_lowercase(), value.to_uppercase())).collect()))
}

/// The same for the target at `to`.
///
/// # Errors
/// If it cannot be reached or read.
pub fn risk_of(to: &str, events: &Events) -> Result<Option<String>> {
    risk(&mut Session::open(&Target::parse(to, events)?)?)
}

fn judge(values: &BTreeMap<String, String>) -> Option<String> {
    let is_not_one = |name: &str| values.get(name).filter(|v| *v != "1").map(|v| format!("{name} is {v}"));
    let binlog = values.get("log_bin").is_some_and(|v| matches!(v.as_str(), "ON" | "1"));
    let found: Vec<String> = is_not_one("innodb_flush_log_at_trx_commit")
        .into_iter()
        .chain(is_not_one("sync_binlog").filter(|_| binlog))
        .collect();
    if found.is_empty() {
        return None;
    }
    Some(format!(
        "the target may lose its last commits when it crashes: {}, and only 1 keeps each. A run notices, and brings them again as long as the \
         upstream still has them",
        found.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_settings_forget() {
        let judged = |flush: &str, sync: &str, log_bin: &str| {
            let pairs = [("innodb_flush_log_at_trx_commit", flush), ("sync_binlog", sync), ("log_bin", log_bin)];
            judge(&pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
        };
        assert_eq!(judged("1", "1", "ON"), None);
        assert_eq!(judged("1", "0", "OFF"), None, "a binlog that is not written loses nothing");
        let says = |flush: &str, sync: &str, words: &str| assert!(judged(flush, sync, "ON").unwrap().contains(words));
        says("2", "1", "crashes: innodb_flush_log_at_trx_commit is 2, and");
        says("1", "1000", "crashes: sync_binlog is 1000, and");
        says("0", "0", "innodb_flush_log_at_trx_commit is 0, sync_binlog is 0");
        assert_eq!(judge(&BTreeMap::new()), None, "another engine");
    }
}
