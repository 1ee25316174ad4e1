//! What is not followed stops the stream, and says so.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::world::World;

/// Runs `bad` between two inserts: the second must not arrive, and no fake may say that all is there.
fn refuses(cluster_id: u64, bad: &[&str], because: &str) {
    let world = World::start(cluster_id);
    world.run(["CREATE DATABASE d", "CREATE TABLE d.t (a INT)", "INSERT INTO d.t VALUES (1)"]);
    world.catch_up();
    world.run(bad);
    world.run(["INSERT INTO d.t VALUES (2)"]);
    let begin = Instant::now();
    let failure = loop {
        if let Some(failure) = world.a.failure() {
            break failure;
        }
        assert!(begin.elapsed() < Duration::from_secs(60), "{bad:?} went through");
        sleep(Duration::from_millis(20));
    };
    assert!(failure.contains(because) && failure.contains("refused"), "{failure}");
    assert!(world.a.wait_caught_up(Duration::from_secs(1)).is_err());
    let mut run = world.sync(&["--until", "caught-up"]);
    sleep(Duration::from_secs(2));
    assert!(!run.ended(), "it claims to have caught up behind {bad:?}");
    assert_eq!(world.on_b("SELECT CAST(a AS CHAR) FROM d.t"), ["1"]);
}

#[test]
fn a_trigger() {
    let bad = "CREATE TRIGGER d.g AFTER INSERT ON d.t FOR EACH ROW SET @a = 1";
    refuses(7_600_000_000_000_000_021, &[bad], "FOR EACH ROW SET @a = 1");
}

#[test]
fn a_type_that_no_tidb_has() {
    refuses(7_600_000_000_000_000_022, &["CREATE TABLE d.u (id UUID PRIMARY KEY)"], "MariaDB's uuid");
}

#[test]
fn a_statement_instead_of_rows() {
    let bad = ["SET SESSION binlog_format = STATEMENT", "INSERT INTO d.t VALUES (7)"];
    refuses(7_600_000_000_000_000_023, &bad, "INSERT INTO d.t VALUES (7)");
}
