//! Who runs a link: what a run says of itself in the link's row, for people and for the next run.

use std::fmt;
use std::fs;

use jiff::{Timestamp, Unit};
use serde::{Deserialize, Serialize};

use crate::mark::Mark;

/// A host's or an account's name is cut behind this many characters, so that all of it has room in the row.
const NAME_CHARS: usize = 64;
/// The size of the column.
const COLUMN_CHARS: usize = 512;

/// The process that took a link over last. The column `holder` has it as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Who {
    /// Its number on its host.
    pub pid: u32,
    /// The host's name, or nothing if it does not tell.
    pub host: String,
    /// The account that it uses on the target.
    pub account: String,
    /// When it took the link over, by its own clock: RFC 3339, UTC, in seconds.
    pub since: String,
    /// Of its tisync.
    pub version: String,
    /// The number of the target's connection that held the lease at that time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<u64>,
    /// The mark table that it writes with, as `db.table`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mark: Option<String>,
    /// The channel of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<i64>,
}

impl Who {
    /// This process, which goes to the target as `account` and writes with `mark`.
    #[must_use]
    pub fn this_process(account: &str, mark: Option<&Mark>) -> Self {
        let now = Timestamp::now();
        Self {
            pid: std::process::id(),
            host: cut(&host()),
            account: cut(account),
            since: now.round(Unit::Second).unwrap_or(now).to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            connection: None,
            mark: mark.map(Mark::name),
            channel: mark.map(|m| m.channel),
        }
    }

    /// What a row says; `None` if nobody has written there, or something else than a tisync.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        // Fields without names would pass for ours, in their order.
        let named: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text).ok()?;
        serde_json::from_value(named.into()).ok()
    }

    /// As the row has it: at most 512 characters.
    #[must_use]
    pub fn text(&self) -> String {
        // Plain fields cannot fail to be written.
        let text = serde_json::to_string(self).unwrap_or_default();
        if text.chars().count() <= COLUMN_CHARS {
            return text;
        }
        // A table with a name full of quotes: without it, `mark drop` looks at the rows alone.
        serde_json::to_string(&Self { mark: None, channel: None, ..self.clone() }).unwrap_or_default()
    }

    /// The mark that it writes with, if any.
    #[must_use]
    pub fn writes_mark(&self) -> Option<Mark> {
        Mark::new(self.mark.as_deref()?, self.channel?).ok()
    }

    /// Whether it writes with the mark table `name`, and that channel if one is named.
    #[must_use]
    pub fn writes_with(&self, name: &str, channel: Option<i64>) -> bool {
        self.mark.as_deref() == Some(name) && (channel.is_none() || self.channel == channel)
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = if self.host.is_empty() { "an unnamed host" } else { &self.host };
        write!(f, "pid {} on {host} (account {}, tisync {}) since {}", self.pid, self.account, self.version, self.since)
    }
}

fn cut(name: &str) -> String {
    let plain = |c: char| if c.is_control() || matches!(c, '"' | '\\') { '?' } else { c };
    name.chars().take(NAME_CHARS).map(plain).collect()
}

/// The name of this machine.
fn host() -> String {
    let of_linux = fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = of_linux.or_else(|| std::env::var("HOSTNAME").ok()).unwrap_or_default();
    name.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mark = Mark::drainers(7);
        let who = Who { connection: Some(12), ..Who::this_process(&"u".repeat(99), Some(&mark)) };
        assert_eq!(Who::read(&who.text()), Some(who.clone()));
        assert_eq!((who.pid, who.account.len()), (std::process::id(), NAME_CHARS));
        assert!(!who.host.is_empty() && who.since.ends_with('Z') && !who.since.contains('.'), "{who:?}");
        let name = mark.name();
        assert!(who.writes_with(&name, None) && who.writes_with(&name, Some(7)) && !who.writes_with(&name, Some(8)));
        assert!(!who.writes_with("retl.other", Some(7)));
        assert!(!Who::this_process("u", None).writes_with(&name, None));
        assert_eq!((who.writes_mark(), Who::this_process("u", None).writes_mark()), (Some(mark), None));
    }

    #[test]
    fn the_longest_fits_its_column() {
        let name = || "ü".repeat(NAME_CHARS);
        let mark = Mark { schema: name(), table: name(), channel: i64::MIN };
        let who = Who { host: name(), connection: Some(u64::MAX), ..Who::this_process(&name(), Some(&mark)) };
        let text = who.text();
        assert!(text.chars().count() <= COLUMN_CHARS && Who::read(&text) == Some(who.clone()), "{text}");
        let quotes = Mark { schema: "\"".repeat(64), table: "\"".repeat(64), channel: 1 };
        let text = Who { mark: Some(quotes.name()), ..who }.text();
        assert!(text.chars().count() <= COLUMN_CHARS && Who::read(&text).is_some(), "{text}");
        assert_eq!(cut("a\"b\n"), "a?b?");
    }

    #[test]
    fn what_others_wrote_is_nobody() {
        for text in ["", "me", "[1]", "{\"pid\":\"x\"}"] {
            assert_eq!(Who::read(text), None, "{text}");
        }
        // A later tisync may say more.
        assert_eq!(Who::read(r#"{"pid":5,"mood":"good"}"#).map(|w| w.pid), Some(5));
    }
}
