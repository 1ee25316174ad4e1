//! The comment in front of each DDL that a link with marks runs: `/* tisync channel=1 cluster=7 ts=42 */ ALTER TABLE …`.
//!
//! TiDB keeps what stands before a statement in the text of the job (`query` of its history), though not in the text of the
//! message, which it restores. So the link of the other direction finds it there, and knows whose the DDL is.
//!
//! These are bytes from outside. There is one way to write each comment, and anything else says nothing. Who types one is believed.

use std::fmt;

use crate::model::CommitTs;

/// Where a DDL came from before a link ran it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The channel of the link's marks.
    pub channel: i64,
    /// The cluster that the link reads.
    pub cluster_id: u64,
    /// The DDL's commit ts there.
    pub ts: CommitTs,
}

impl Origin {
    /// The comment that `sql` begins with, and the statement behind it; `None` if it begins with anything else.
    #[must_use]
    pub fn split(sql: &str) -> Option<(Self, &str)> {
        let sql = sql.trim_ascii_start();
        let (words, _) = sql.strip_prefix("/* tisync ")?.split_once(" */")?;
        let mut words = words.split(' ');
        let mut value = |name: &str| words.next()?.strip_prefix(name);
        let origin = Self {
            channel: value("channel=")?.parse().ok()?,
            cluster_id: value("cluster=")?.parse().ok()?,
            ts: CommitTs(value("ts=")?.parse().ok()?),
        };
        // Numbers may be written in more ways than this one, and more words may follow.
        let rest = sql.strip_prefix(origin.to_string().as_str())?;
        Some((origin, rest.strip_prefix(' ').unwrap_or(rest)))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/* tisync channel={} cluster={} ts={} */", self.channel, self.cluster_id, self.ts.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_way_to_write_it() {
        let origin = Origin { channel: -3, cluster_id: 7, ts: CommitTs(42) };
        assert_eq!(origin.to_string(), "/* tisync channel=-3 cluster=7 ts=42 */");
        let read = |sql| Origin::split(sql);
        assert_eq!(read("/* tisync channel=-3 cluster=7 ts=42 */ DROP TABLE t"), Some((origin, "DROP TABLE t")));
        assert_eq!(read("\n /* tisync channel=-3 cluster=7 ts=42 */DO 0"), Some((origin, "DO 0")));
        for sql in [
            "",
            "DROP TABLE t",
            "DROP TABLE t /* tisync channel=-3 cluster=7 ts=42 */",
            "x /* tisync channel=-3 cluster=7 ts=42 */ DROP TABLE t",
            "/* tisync channel=-3 cluster=7 ts=42",
            "/* tisync channel=-3 cluster=7 ts=42*/ DROP TABLE t",
            "/* tisync channel=-3 cluster=7 ts=42 more=1 */ DROP TABLE t",
            "/* tisync channel=-3 cluster=7 */ DROP TABLE t",
            "/* tisync cluster=7 channel=-3 ts=42 */ DROP TABLE t",
            "/* tisync channel=-03 cluster=7 ts=42 */ DROP TABLE t",
            "/* tisync channel=3 cluster=+7 ts=42 */ DROP TABLE t",
            "/* tisync channel=3 cluster=-7 ts=42 */ DROP TABLE t",
            "/* tisync  channel=3 cluster=7 ts=42 */ DROP TABLE t",
            "/* tisync channel=3 cluster=7 ts=18446744073709551616 */ DROP TABLE t",
            "/*! tisync channel=3 cluster=7 ts=42 */ DROP TABLE t",
            "/* TISYNC channel=3 cluster=7 ts=42 */ DROP TABLE t",
        ] {
            assert_eq!(read(sql), None, "{sql}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(channel: i64, cluster_id: u64, ts: u64, sql in ".*") {
            let origin = Origin { channel, cluster_id, ts: CommitTs(ts) };
            let sent = format!("{origin} {sql}");
            prop_assert_eq!(Origin::split(&sent), Some((origin, sql.as_str())));
        }

        #[test]
        fn nothing_else_is(channel: i64, cluster_id: u64, ts: u64, at in 0_usize..90, with in any::<char>()) {
            let origin = Origin { channel, cluster_id, ts: CommitTs(ts) };
            let mut text = format!("{origin} DO 0").chars().collect::<Vec<_>>();
            let at = at % text.len();
            text[at] = with;
            let text: String = text.into_iter().collect();
            // Another number is another origin, and nothing but that one.
            if let Some((read, rest)) = Origin::split(&text) {
                prop_assert!(text.trim_ascii_start().starts_with(&read.to_string()) && text.ends_with(rest));
            }
        }

        #[test]
        fn any_text_is_survived(sql in "(/\\* ?tisync (channel=-?[0-9]{0,25} )?(cluster=[0-9]{0,25} )?(ts=.{0,5})?( \\*/)?)?.*") {
            if let Some((read, rest)) = Origin::split(&sql) {
                let text = sql.trim_ascii_start();
                let (with, without) = (format!("{read} {rest}"), format!("{read}{rest}"));
                prop_assert!(text == with || text == without);
            }
        }
    }
}
