//! Both links in one process: rows both ways, orderly and disorderly ends.

use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use tisync::playground::compare::{self, Definitions, Side};
use tisync::playground::mirror::Mirror;
use tisync::playground::mirror::load::{self, LoadOptions, RunningLoad};

use crate::common::dropped;
use crate::common::run::Running;
use crate::world::{LIMIT, World, one, sql, until};

const COUNT: &str = "SELECT COUNT(*) FROM shop.t";

#[track_caller]
fn said(stderr: &str, words: &[&str]) {
    for words in words {
        assert!(stderr.contains(words), "{words}\nis not in\n{stderr}");
    }
}

/// Transactions with data that a link found to have come from the other side.
#[track_caller]
fn dropped(stderr: &str, link: &str) -> u64 {
    let of_link: Vec<&str> = stderr.lines().filter(|l| l.starts_with(&format!("note: {link}: "))).collect();
    dropped::with_data(&of_link.join("\n"))
}

/// Both links at work, and A's first row on B.
fn opened(world: &World) -> Running {
    let mut run = world.file.sync(&[]);
    sql(&world.a, "CREATE DATABASE shop");
    sql(&world.a, "CREATE TABLE shop.t (id INT PRIMARY KEY, v VARCHAR(20))");
    sql(&world.a, "INSERT INTO shop.t VALUES (1, 'of A')");
    until(&mut run, &world.b, COUNT, 1);
    run
}

#[test]
fn rows_go_both_ways_and_a_signal_drains_both() {
    let world = World::start(7_700_000_000_000_000_010);
    let (a, b) = (&world.a, &world.b);
    let mut run = opened(&world);
    sql(b, "INSERT INTO shop.t VALUES (2, 'of B'), (3, 'of B too')");
    until(&mut run, a, COUNT, 3);
    sql(a, "UPDATE shop.t SET v = 'changed at A' WHERE id = 2");
    until(&mut run, b, "SELECT COUNT(*) FROM shop.t WHERE v = 'changed at A'", 1);
    // What reaches A now stands in B's stream behind both of A's transactions, so that `b-a` has read them.
    sql(b, "UPDATE shop.t SET v = 'changed at B' WHERE id = 3");
    until(&mut run, a, "SELECT COUNT(*) FROM shop.t WHERE v = 'changed at B'", 1);
    run.interrupt();
    let ran = run.expect(5);
    said(
        &ran.stderr,
        &[
            "error: stopped cleanly; `a-b`: everything up to ",
            "; `b-a`: everything up to ",
            "hint: run the same command to resume",
            "note: a-b: stopped cleanly",
            "note: b-a: stopped cleanly",
        ],
    );
    // B has two transactions of A's. A has two of B's, and the signal may have come before `a-b` read the second.
    assert_eq!(dropped(&ran.stderr, "b-a"), 2, "{}", ran.stderr);
    assert!((1..=2).contains(&dropped(&ran.stderr, "a-b")), "{}", ran.stderr);

    // The second run goes on from there, and each link to its own end.
    sql(a, "INSERT INTO shop.t VALUES (4, 'of A')");
    sql(b, "DELETE FROM shop.t WHERE id = 1");
    for side in [a, b] {
        side.wait_caught_up(LIMIT).unwrap();
    }
    let ran = world.file.sync(&["--until", "caught-up"]).expect(0);
    said(&ran.stderr, &["a-b: finished at ", "b-a: finished at ", "; the others continue"]);
    for side in [a, b] {
        assert_eq!(one::<String>(side, "SELECT GROUP_CONCAT(id ORDER BY id) FROM shop.t").unwrap(), "2,3,4");
    }

    // One of them, as before.
    sql(a, "INSERT INTO shop.t VALUES (5, 'of A')");
    sql(b, "INSERT INTO shop.t VALUES (6, 'of B')");
    for side in [a, b] {
        side.wait_caught_up(LIMIT).unwrap();
    }
    let ran = world.file.sync(&["--until", "caught-up", "--link", "b-a"]).expect(0);
    assert!(!ran.stderr.contains("`a-b`") && ran.stderr.contains("`b-a`"), "{}", ran.stderr);
    assert_eq!((one::<i64>(a, COUNT), one::<i64>(b, COUNT)), (Some(5), Some(4)));
}

#[test]
fn one_that_fails_stops_the_other_unless_it_shall_go_on() {
    let world = World::start(7_700_000_000_000_000_020);
    let (a, b) = (&world.a, &world.b);
    let run = opened(&world);
    // Nobody but B knows of it.
    sql(b, "SET STATEMENT sql_log_bin = 0 FOR INSERT INTO shop.t VALUES (2, 'in the way')");
    sql(a, "INSERT INTO shop.t VALUES (2, 'of A')");
    let ran = run.expect(4);
    said(
        &ran.stderr,
        &[
            "error: link `a-b`: ",
            "`shop`.`t`",
            "warning: a-b: failed; the others drain and stop",
            "note: b-a: stopped cleanly; everything up to ",
        ],
    );

    let mut run = world.file.sync(&["--keep-going"]);
    sql(b, "INSERT INTO shop.t VALUES (3, 'of B')");
    until(&mut run, a, "SELECT COUNT(*) FROM shop.t WHERE id = 3", 1);
    // The link that goes on does so for longer than the other needs to fail.
    sleep(Duration::from_secs(2));
    sql(b, "INSERT INTO shop.t VALUES (4, 'of B')");
    until(&mut run, a, "SELECT COUNT(*) FROM shop.t WHERE id = 4", 1);
    run.interrupt();
    let ran = run.expect(4);
    said(
        &ran.stderr,
        &[
            "warning: a-b: failed: ",
            "; the others continue (--keep-going)",
            "note: b-a: stopped cleanly; everything up to ",
            "error: link `a-b`: ",
        ],
    );
}

/// A link that does not even begin is no reason to wait for it.
#[test]
fn a_source_that_is_not_there_stops_both_at_once() {
    let world = World::start(7_700_000_000_000_000_030);
    let text = std::fs::read_to_string(world.file.name()).unwrap();
    // Nobody listens on port 1.
    let pd = world.b.cluster().pd_url().replace("pd://", "");
    let file = crate::world::File::new(&text.replace(&pd, "127.0.0.1:1"));
    let ran = file.sync(&[]).expect(3);
    said(&ran.stderr, &["error: link `b-a`: ", "127.0.0.1:1"]);
    let mut run = file.sync(&["--keep-going"]);
    sql(&world.a, "CREATE DATABASE shop");
    sql(&world.a, "CREATE TABLE shop.t (id INT PRIMARY KEY)");
    until(&mut run, &world.b, COUNT, 0);
    run.interrupt();
    run.expect(3);
}

fn load(mirror: &Arc<Mirror>, side: u8) -> RunningLoad {
    RunningLoad::start(Arc::clone(mirror), LoadOptions { side, seed: side.into(), rate: Some(80.0) })
}

#[test]
fn both_sides_are_equal_after_the_process_was_killed() {
    let world = World::start(7_700_000_000_000_000_040);
    let (a, b) = (&world.a, &world.b);
    load::create(&mut a.connect().unwrap()).unwrap();
    let mut run = world.file.sync(&[]);
    run.until("the tables are there", || load::ready(&mut b.connect().unwrap()).unwrap());
    let running = [load(a, 1), load(b, 2)];
    for _ in 0..2 {
        sleep(Duration::from_millis(1500));
        // Dropped: killed.
        drop(std::mem::replace(&mut run, world.file.sync(&["--workers", "3"])));
    }
    sleep(Duration::from_millis(1500));
    drop(run);
    let done = running.map(|l| l.stop().expect("the load has no conflicts"));
    assert!(done.iter().all(|n| *n > 50), "{done:?}");
    for side in [a, b] {
        side.wait_caught_up(LIMIT).unwrap();
    }
    let ran = world.file.sync(&["--until", "caught-up"]).expect(0);
    said(&ran.stderr, &["echoes: 0"]);
    let side = |m: &Mirror| Side::new(m.connect().unwrap(), load::DATABASE).unwrap();
    let found = compare::databases(&mut side(a), &mut side(b), Definitions::Exact, &[]).unwrap();
    assert!(found.equal(), "{}", found.differences.join("\n"));
    assert_eq!(found.tables, 4);
}
