//! Tests of the names of mark tables, and of the origin in the comment of a DDL.

use super::*;
use crate::model::DEFAULT_MARK_TABLE;
use proptest::prelude::*;

#[test]
fn names_of_mark_tables() {
    assert_eq!(Mark::new(DEFAULT_MARK_TABLE, 3).unwrap(), Mark::drainers(3));
    let mark = Mark::drainers(1);
    assert!(mark.is("RETL", "_Drainer_repl_MARK") && !mark.is("retl", "other") && !mark.is("r", &mark.table));
    for bad in ["marks", ".t", "d.", "a.b.c", "a.`b`", ""] {
        assert!(Mark::new(bad, 1).is_err(), "{bad}");
    }
}

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
        // Another number is another origin; anything else is none.
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

#[test]
fn the_statements() {
    let mark = Mark::new("my marks.m", -7).unwrap();
    assert_eq!(mark.update(3), "UPDATE `my marks`.`m` SET val = IFNULL(val, 0) + 1 WHERE id = 3 AND channel_id = -7");
    assert_eq!(
        mark.insert(&[(0, "it's".to_owned()), (1, "x".repeat(70))]),
        format!(
            "INSERT IGNORE INTO `my marks`.`m` (id, channel_id, val, channel_info) VALUES (0, -7, 0, 'it\\'s'), (1, -7, 0, '{}')",
            "x".repeat(64)
        )
    );
    assert_eq!(mark.delete(), "DELETE FROM `my marks`.`m` WHERE channel_id = -7");
}

#[test]
fn a_row_names_its_link() {
    let user = User::read("tisync 7123456789012345678 a link").unwrap();
    assert!(user.is(7_123_456_789_012_345_678, "a link") && !user.is(7, "a link"));
    assert!(!user.is(7_123_456_789_012_345_678, "a link of another"));
    assert_eq!(User::read(""), None);
    assert_eq!(User::read("tisync mark setup"), None);
    let long = "x".repeat(60);
    let info = crate::mark::cut(&format!("tisync 5 {long}"));
    let user = User::read(&info).unwrap();
    assert!(user.is(5, &long) && !user.is(5, &"x".repeat(40)));
}
