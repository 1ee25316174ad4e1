//! How large a transaction a TiDB target takes.
//!
//! TiDB counts the keys and values that a transaction writes. `performance.txn-total-size-limit` bounds them: 100 MiB unless
//! set (error 8004 above it). Since 6.5 that value, where nobody changed it, means that the transaction's memory counts
//! into the session's instead, which `tidb_mem_quota_query` bounds (1 GiB unless set), unless `tidb_mem_oom_action` says
//! that passing it is only logged.

use anyhow::Result;

use super::session::{Flavour, Session};
use crate::decode::LargeTxn;
use crate::error::Fault;

/// `performance.txn-total-size-limit` where nobody set it.
const UNSET: u64 = 100 << 20;

/// What bounds a transaction on a TiDB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TidbLimit {
    /// Most bytes of keys and values.
    pub bytes: u64,
    setting: &'static str,
}

impl TidbLimit {
    /// Asks the target. `None` if it is no TiDB, has no limit, or does not tell: the configuration takes the privilege
    /// CONFIG, and a limit that is only guessed must not keep a transaction out.
    pub fn read(session: &mut Session) -> Option<Self> {
        if session.server().flavour != Flavour::TiDb {
            return None;
        }
        let version = session.server().version;
        // A refusal here is no answer; a lost connection shows with the next statement.
        let shown = "SHOW CONFIG WHERE type = 'tidb' AND name = 'performance.txn-total-size-limit'";
        let sizes: Vec<(String, String, String, String)> = session.rows(shown).unwrap_or_default();
        let size = sizes.iter().filter_map(|(_, _, _, value)| value.parse().ok()).min();
        let quota: Option<String> = session.first("SELECT @@tidb_mem_quota_query").ok().flatten();
        let action: Option<String> = session.first("SELECT @@tidb_mem_oom_action").ok().flatten();
        Self::of(version, size, quota.and_then(|q| q.parse().ok()), action.as_deref())
    }

    /// What these settings come to, as far as they were told.
    fn of(version: (u32, u32, u32), size: Option<u64>, quota: Option<i64>, action: Option<&str>) -> Option<Self> {
        let bytes = size?;
        if version == (0, 0, 0) && bytes == UNSET {
            // A build without a version: which of the two limits counts there is not known.
            return None;
        }
        if version < (6, 5, 0) || bytes != UNSET {
            return Some(Self { bytes, setting: "performance.txn-total-size-limit" });
        }
        let bytes = u64::try_from(quota?).ok().filter(|bytes| *bytes > 0)?;
        action.filter(|a| a.eq_ignore_ascii_case("CANCEL"))?;
        Some(Self { bytes, setting: "tidb_mem_quota_query" })
    }

    /// Refuses `txn` if the target surely would, before anything of it is written.
    ///
    /// # Errors
    /// Refused, with the number to set.
    pub fn check(&self, txn: &LargeTxn) -> Result<()> {
        self.check_size(txn.least_written(), || {
            format!("the transaction committed at {} ({} bytes)", txn.commit_ts().explain(), txn.raw_size())
        })
    }

    fn check_size(&self, least: u64, what: impl Fn() -> String) -> Result<()> {
        if least <= self.bytes {
            return Ok(());
        }
        let Self { bytes, setting } = self;
        // Indexes and the target's own overhead come on top.
        let number = least.saturating_mul(2).next_multiple_of(1 << 20);
        let text = format!("{} writes at least {least} bytes, and the target's {setting} is {bytes}", what());
        Err(Fault::refused(text)
            .hint(format!(
                "set {setting} to {number} or more on the target and start again; or let the transaction be split with \
                 --max-txn-rows. Nothing of it was applied"
            ))
            .into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::fault;

    const OLD: (u32, u32, u32) = (5, 4, 3);
    const NEW: (u32, u32, u32) = (8, 1, 0);

    fn limit(
        version: (u32, u32, u32),
        size: Option<u64>,
        quota: Option<i64>,
        action: &str,
    ) -> Option<(u64, &'static str)> {
        TidbLimit::of(version, size, quota, Some(action)).map(|l| (l.bytes, l.setting))
    }

    #[test]
    fn which_setting_counts() {
        let total = "performance.txn-total-size-limit";
        assert_eq!(limit(OLD, Some(UNSET), Some(1 << 30), "CANCEL"), Some((UNSET, total)));
        assert_eq!(limit(NEW, Some(5 << 30), Some(1 << 30), "CANCEL"), Some((5 << 30, total)));
        assert_eq!(limit(NEW, Some(UNSET), Some(1 << 30), "CANCEL"), Some((1 << 30, "tidb_mem_quota_query")));
        // Not told, not limited, or not enforced.
        assert_eq!(limit(OLD, None, Some(1 << 30), "CANCEL"), None);
        assert_eq!(limit(NEW, None, Some(1 << 30), "CANCEL"), None);
        assert_eq!(limit(NEW, Some(UNSET), Some(-1), "CANCEL"), None);
        assert_eq!(limit(NEW, Some(UNSET), Some(0), "CANCEL"), None);
        assert_eq!(limit(NEW, Some(UNSET), Some(1 << 30), "LOG"), None);
        assert_eq!(TidbLimit::of(NEW, Some(UNSET), Some(1), None), None);
        assert_eq!(limit((0, 0, 0), Some(UNSET), Some(1 << 30), "CANCEL"), None);
    }

    #[test]
    fn a_transaction_above_it_is_refused_with_the_number_to_set() {
        let limit = TidbLimit { bytes: UNSET, setting: "performance.txn-total-size-limit" };
        assert!(limit.check_size(UNSET, String::new).is_ok());
        let error = limit.check_size(UNSET + 1, || "the transaction".to_owned()).unwrap_err();
        assert!(error.to_string().contains("at least 104857601 bytes"), "{error}");
        let hint = &fault(&error).unwrap().hint;
        assert!(hint.contains("performance.txn-total-size-limit to 210763776 or more"), "{hint}");
    }
}
