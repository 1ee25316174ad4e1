//! What came from a link and does not carry our mark is an echo: it is seen at once, and does not go round. Rows of marks may be lost.

use std::thread::sleep;
use std::time::Duration;

use mysql::prelude::Queryable;
use tisync::playground::mirror::Mirror;

use crate::common::binary::tisync;
use crate::pair::{LIMIT, MARKED, Pair, counted};

fn run(mirror: &Mirror, sql: &str) {
    let mut conn = mirror.connect().unwrap();
    // The marks' rows are never long without a lock.
    for _ in 0..50 {
        match conn.query_drop(sql) {
            Err(mysql::Error::MySqlError(e)) if matches!(e.code, 1205 | 1213) => sleep(Duration::from_millis(50)),
            other => return other.unwrap_or_else(|e| panic!("{sql}: {e}")),
        }
    }
    panic!("{sql}: locked for too long");
}

#[test]
fn without_marks_the_echo_is_seen() {
    let pair = Pair::start(7_600_000_000_000_000_050);
    let load = pair.load();
    // There it goes without marks, and comes back on a link that looks for them.
    let _there = pair.link(0, &[]);
    let back = pair.link(1, &MARKED);
    let ran = back.expect(4);
    assert!(ran.stderr.contains("data came back that a link had written here, and without a mark"), "{}", ran.stderr);
    assert!(ran.stderr.contains("Make that link write marks (--loopback --channel-id 1)"), "{}", ran.stderr);
    assert!(ran.stderr.contains("echoes: 1"), "{}", ran.stderr);
    for one in load {
        one.stop().expect("the load has no conflicts");
    }
}

#[test]
fn two_opposite_links_without_marks_stop_after_one_round() {
    let pair = Pair::start(7_600_000_000_000_000_055);
    let ended = |ran: &crate::common::binary::Ran| {
        assert!(
            ran.stderr.contains("data came back that this cluster had sent out, passed on by another link"),
            "{}",
            ran.stderr
        );
        assert!(ran.stderr.contains("give both --loopback and the same --channel-id"), "{}", ran.stderr);
        assert!(ran.stderr.contains("echoes: 1"), "{}", ran.stderr);
    };
    // Processes that know nothing of each other, and start in either order.
    let there = pair.link(0, &[]);
    let mut back = pair.link(1, &[]);
    run(&pair.a, "INSERT INTO play.bare VALUES (1, 1, 'once')");
    ended(&there.expect(4));
    let rows =
        |mirror: &Mirror| mirror.connect().unwrap().query_first::<u64, _>("SELECT COUNT(*) FROM play.bare").unwrap();
    assert_eq!((rows(&pair.a), rows(&pair.b)), (Some(2), Some(1)), "a table without a key holds every turn");
    // Started again it sees the same, and sends nothing.
    ended(&pair.link(0, &[]).expect(4));
    assert_eq!((rows(&pair.a), rows(&pair.b)), (Some(2), Some(1)));
    assert!(!back.ended());
    back.interrupt();
    back.expect(5);
}

#[test]
fn channels_that_differ_do_not_go_round() {
    let pair = Pair::start(7_600_000_000_000_000_060);
    tisync(&["mark", "setup", "--to", &pair.a.url(), "--channel-id", "2"]).expect(0);
    run(&pair.a, "INSERT INTO play.bare VALUES (1, 1, 'once')");
    let there = pair.link(0, &MARKED);
    // It does not know the marks of the other direction, and sends back what it finds.
    let mut back = pair.link(1, &["--loopback", "--channel-id", "2"]);
    let ran = there.expect(4);
    assert!(ran.stderr.contains("data came back that this cluster had sent out"), "{}", ran.stderr);
    assert!(ran.stderr.contains("need the same --channel-id") && ran.stderr.contains("echoes: 1"), "{}", ran.stderr);
    // Once round, and no further: a table without a key holds every turn.
    let rows =
        |mirror: &Mirror| mirror.connect().unwrap().query_first::<u64, _>("SELECT COUNT(*) FROM play.bare").unwrap();
    assert_eq!((rows(&pair.a), rows(&pair.b)), (Some(2), Some(1)));
    // A new start of the link sees the same, and one of the other one changes nothing.
    pair.link(0, &MARKED).expect(4);
    assert!(!back.ended());
    back.interrupt();
    let ran = back.expect(5);
    assert!(ran.stderr.contains("carried a mark of channel 1; echoes: 0"), "{}", ran.stderr);
    assert_eq!((rows(&pair.a), rows(&pair.b)), (Some(2), Some(1)));
    // Where the marks of others end the run, nothing goes back at all.
    let ran =
        pair.link(1, &["--link", "strict", "--loopback", "--channel-id", "2", "--other-channels", "stop"]).expect(4);
    assert!(ran.stderr.contains("carries a mark of channel 1"), "{}", ran.stderr);
    assert_eq!(rows(&pair.a), Some(2));
}

#[test]
fn deleted_mark_rows_are_made_again_while_both_sides_work() {
    let pair = Pair::start(7_600_000_000_000_000_070);
    let load = pair.load();
    let mut links = [0, 1].map(|d| pair.link(d, &MARKED));
    for (direction, link) in links.iter_mut().enumerate() {
        link.until("marks", || counted(pair.target(direction)) > 5);
        run(pair.target(direction), "DELETE FROM retl._drainer_repl_mark");
        // They count anew.
        link.until("marks again", || counted(pair.target(direction)) > 2);
    }
    for one in load {
        one.stop().expect("the load has no conflicts");
    }
    for link in links {
        link.interrupt();
        let ran = link.expect(5);
        assert_eq!(ran.stderr.matches("another process deleted the mark row").count(), 1, "{}", ran.stderr);
        assert!(ran.stderr.contains("echoes: 0"), "{}", ran.stderr);
    }
    for direction in 0..2 {
        pair.source(direction).wait_caught_up(LIMIT).expect("the mirror follows");
        let ran = pair.link(direction, &[&MARKED[..], &["--until", "caught-up"]].concat()).expect(0);
        assert!(ran.stderr.contains("echoes: 0"), "{}", ran.stderr);
    }
    pair.same();
}

#[test]
fn without_its_mark_table_a_link_stops_and_the_other_goes_on() {
    let pair = Pair::start(7_600_000_000_000_000_080);
    let load = pair.load();
    let mut there = pair.link(0, &MARKED);
    let mut back = pair.link(1, &MARKED);
    there.until("marks", || counted(&pair.b) > 5);
    run(&pair.b, "DROP TABLE retl._drainer_repl_mark");
    let ran = there.expect(4);
    assert!(
        ran.stderr.contains("the mark could not be set") && ran.stderr.contains("tisync mark setup"),
        "{}",
        ran.stderr
    );
    let before = counted(&pair.a);
    back.until("more marks", || counted(&pair.a) > before + 2);
    let ran = pair.link(0, &MARKED).expect(4);
    assert!(ran.stderr.contains("the target has no mark table retl._drainer_repl_mark"), "{}", ran.stderr);
    tisync(&["mark", "setup", "--to", &pair.b.url(), "--channel-id", "1"]).expect(0);
    for one in load {
        one.stop().expect("the load has no conflicts");
    }
    pair.a.wait_caught_up(LIMIT).expect("the mirror follows");
    pair.link(0, &[&MARKED[..], &["--until", "caught-up"]].concat()).expect(0);
    back.interrupt();
    let ran = back.expect(5);
    assert!(ran.stderr.contains("echoes: 0"), "{}", ran.stderr);
    pair.b.wait_caught_up(LIMIT).expect("the mirror follows");
    pair.link(1, &[&MARKED[..], &["--until", "caught-up"]].concat()).expect(0);
    pair.same();
}
