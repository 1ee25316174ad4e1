//! DDL of two opposite links, of which one runs it: what that one ran does not stop the other, whatever is killed; what a person ran
//! on the wrong side does.

use std::thread::sleep;
use std::time::{Duration, Instant};

use mysql::prelude::Queryable;
use tisync::playground::mirror::Mirror;

use crate::common::binary::Ran;
use crate::common::run::{LIMIT, Running};
use crate::pair::{MARKED, Pair};

/// What the link from B to A is given: it runs no DDL.
pub fn back(pair: &Pair, more: &[&str]) -> Running {
    pair.link(1, &[&MARKED[..], &["--no-ddl"], more].concat())
}

pub fn there(pair: &Pair, more: &[&str]) -> Running {
    pair.link(0, &[&MARKED[..], more].concat())
}

#[track_caller]
pub fn run(side: &Mirror, sql: &str) {
    side.connect().unwrap().query_drop(sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
}

/// The first column of the first row; empty where there is none, or nothing to ask.
fn one(side: &Mirror, sql: &str) -> String {
    side.connect().unwrap().query_first::<String, _>(sql).ok().flatten().unwrap_or_default()
}

fn has(side: &Mirror, sql: &str) -> bool {
    !one(side, sql).is_empty()
}

/// Runs the link until it has all that its source holds now.
#[track_caller]
fn caught_up(pair: &Pair, direction: usize, more: &[&str], code: i32) -> Ran {
    let from = [&pair.a, &pair.b][direction];
    from.wait_caught_up(LIMIT).expect("the mirror follows");
    let more = [more, &["--until", "caught-up"]].concat();
    if direction == 0 { there(pair, &more) } else { back(pair, &more) }.expect(code)
}

/// Each with the number of jobs that it becomes on B.
const STATEMENTS: [(&str, u32); 20] = [
    ("CREATE DATABASE sides", 1),
    ("CREATE TABLE sides.t (id INT PRIMARY KEY, a INT)", 1),
    ("CREATE TABLE IF NOT EXISTS sides.u (id INT PRIMARY KEY) COMMENT 'it''s /* no */ comment' /* here */", 1),
    ("CREATE TABLE sides.v LIKE sides.t", 1),
    ("CREATE TABLE sides.copied AS SELECT 1 AS one", 1),
    ("ALTER TABLE sides.t ADD COLUMN b VARCHAR(20) /* at the end */", 1),
    ("ALTER TABLE sides.t ADD COLUMN c INT, ADD INDEX i (a)", 1),
    ("/* in front */ CREATE INDEX j ON sides.t (b)", 1),
    ("DROP INDEX j ON sides.t", 1),
    ("ALTER TABLE sides.t DROP COLUMN c -- and no more", 1),
    ("RENAME TABLE sides.u TO sides.w", 1),
    ("RENAME TABLE sides.w TO sides.x, sides.v TO sides.w", 2),
    ("TRUNCATE TABLE sides.t", 1),
    ("DROP TABLE sides.w", 1),
    ("DROP TABLE sides.x, sides.copied", 2),
    ("DROP TABLE IF EXISTS sides.nowhere", 0),
    ("ALTER DATABASE sides CHARACTER SET latin1", 1),
    ("CREATE DATABASE gone", 1),
    ("CREATE TABLE gone.t (a INT)", 1),
    ("DROP DATABASE gone", 1),
];

#[test]
fn ddl_of_the_other_side_is_followed() {
    let pair = Pair::start(7_600_000_000_000_000_060);
    let (mut to_b, mut to_a) = (there(&pair, &[]), back(&pair, &[]));
    for (sql, _) in STATEMENTS {
        run(&pair.a, sql);
        run(&pair.a, "INSERT INTO play.bare VALUES (1, 1, 'between')");
    }
    run(&pair.a, "INSERT INTO sides.t VALUES (1, 1, 'of A')");
    to_b.until("A's row on B", || one(&pair.b, "SELECT b FROM sides.t WHERE id = 1") == "of A");
    run(&pair.b, "INSERT INTO sides.t VALUES (2, 2, 'of B')");
    to_a.until("B's row on A", || one(&pair.a, "SELECT b FROM sides.t WHERE id = 2") == "of B");
    to_a.interrupt();
    to_b.interrupt();
    let (to_a, to_b) = (to_a.expect(5), to_b.expect(5));
    let jobs: u32 = STATEMENTS.iter().map(|(_, jobs)| jobs).sum();
    assert!(to_a.stderr.contains(&format!("followed {jobs} DDLs that came from the other side")), "{}", to_a.stderr);
    assert!(!to_b.stderr.contains("note: followed "), "{}", to_b.stderr);
    // From the history and from the statement alike: the comment is nobody's to see.
    assert!(to_a.stderr.contains("`DROP TABLE `w``") && !to_a.stderr.contains("/* tisync"), "{}", to_a.stderr);
}

/// Under way on B: the statement that the link from A has sent there.
fn sent(pair: &Pair) -> bool {
    let sql = format!(
        "SELECT 'yes' FROM information_schema.processlist WHERE id <> CONNECTION_ID() \
         AND info LIKE '/* tisync channel=1 cluster={} ts=%'",
        pair.a.cluster().cluster_id()
    );
    one(&pair.b, &sql) == "yes"
}

#[test]
fn both_links_killed_while_a_ddl_is_under_way() {
    let pair = Pair::start(7_600_000_000_000_000_070);
    let (mut to_b, to_a) = (there(&pair, &[]), back(&pair, &[]));
    run(&pair.a, "CREATE DATABASE k");
    run(&pair.a, "CREATE TABLE k.t (id INT PRIMARY KEY, a INT)");
    run(&pair.a, "CREATE TABLE k.last (id INT PRIMARY KEY)");
    to_b.until("the tables", || one(&pair.b, "SHOW TABLES FROM k LIKE 'last'") == "last");
    let (mut to_b, mut to_a) = (Some(to_b), Some(to_a));
    let statements = [
        ("ALTER TABLE k.t ADD COLUMN b INT", "k.t"),
        ("CREATE INDEX i ON k.t (a)", "k.t"),
        ("TRUNCATE TABLE k.t", "k.t"),
        ("RENAME TABLE k.t TO k.u", "k.t"),
        ("DROP TABLE k.u", "k.u"),
        ("DROP DATABASE k", "k.last"),
    ];
    for (n, (sql, table)) in statements.into_iter().enumerate() {
        let mut lock = pair.b.connect().unwrap();
        lock.query_drop(format!("LOCK TABLES {table} READ")).unwrap();
        run(&pair.a, sql);
        let begin = Instant::now();
        while !sent(&pair) {
            assert!(begin.elapsed() < LIMIT, "B does not get `{sql}`");
            sleep(Duration::from_millis(10));
        }
        // Dropped: killed.
        drop((to_b.take(), to_a.take()));
        // A server sees after a second that the client of a statement that waits is gone, and gives it up; before, it goes on.
        if n % 2 == 1 {
            sleep(Duration::from_millis(1500));
        }
        drop(lock);
        let done = format!("INSERT INTO play.words VALUES ('1 {n}', {n})");
        run(&pair.a, &done);
        let (mut forth, mut home) = (there(&pair, &["--quiet"]), back(&pair, &["--quiet"]));
        forth.until(sql, || has(&pair.b, &format!("SELECT word FROM play.words WHERE word = '1 {n}'")));
        run(&pair.b, &format!("INSERT INTO play.words VALUES ('2 {n}', {n})"));
        home.until(sql, || has(&pair.a, &format!("SELECT word FROM play.words WHERE word = '2 {n}'")));
        (to_b, to_a) = (Some(forth), Some(home));
    }
    assert_eq!(one(&pair.b, "SHOW DATABASES LIKE 'k'"), "");
}

/// The commit ts in the error, and the position that the link keeps.
fn stopped(pair: &Pair, ran: &Ran, statement: &str) -> String {
    assert!(ran.stderr.contains("on the wrong side") && ran.stderr.contains(statement), "{}", ran.stderr);
    assert!(ran.stderr.contains("--wrong-side-ddl ignore"), "{}", ran.stderr);
    let ts = ran.stderr.split("--skip-ddl ").nth(1).expect("a hint").split('`').next().unwrap().to_owned();
    let position = one(&pair.a, "SELECT CAST(MAX(commit_ts) AS CHAR) FROM tidb_binlog.tisync_checkpoint");
    assert!(position.parse::<u64>().unwrap() < ts.parse().unwrap(), "{position} {ts}");
    ts
}

#[test]
fn ddl_on_the_wrong_side_stops_and_the_operator_decides() {
    let pair = Pair::start(7_600_000_000_000_000_080);
    let (a, b) = (&pair.a, &pair.b);
    // Nobody brings these to A either, and nobody wants them there.
    let filter = ["--tables", "*.*", "--tables", "!own.*", "--sync-mode", "2"];
    run(b, "CREATE DATABASE own");
    run(b, "CREATE TABLE own.t (a INT)");
    run(b, "CREATE TABLE retl.more (a INT)");
    run(b, "CREATE DATABASE IF NOT EXISTS tidb_binlog");
    run(b, "CREATE TABLE tidb_binlog.more (a INT)");
    run(b, "INSERT INTO play.words VALUES ('2 first', 1)");
    let ran = caught_up(&pair, 1, &filter, 0);
    assert!(!ran.stderr.contains("wrong side"), "{}", ran.stderr);
    // A run that goes on stops when it turns up, and what came before it is on A.
    let mut to_a = back(&pair, &filter);
    to_a.until("it runs", || has(a, "SELECT word FROM play.words WHERE word = '2 first'"));
    run(b, "INSERT INTO play.words VALUES ('2 before', 1)");
    run(b, "ALTER TABLE play.words ADD COLUMN more INT");
    run(b, "INSERT INTO play.bare VALUES (2, 2, 'behind')");
    stopped(&pair, &to_a.expect(4), "ALTER TABLE play.words ADD COLUMN more INT");
    assert_eq!(one(a, "SELECT word FROM play.words WHERE word = '2 before'"), "2 before");
    // It does so again; ignored it goes on, and says so.
    stopped(&pair, &caught_up(&pair, 1, &filter, 4), "ALTER TABLE play.words ADD COLUMN more INT");
    assert_eq!(one(a, "SELECT note FROM play.bare WHERE n = 2"), "");
    let ran = caught_up(&pair, 1, &[&filter[..], &["--wrong-side-ddl", "ignore"]].concat(), 0);
    assert!(ran.stderr.contains("ignored 1 DDL on the wrong side"), "{}", ran.stderr);
    assert!(ran.stderr.contains("ignored because of --wrong-side-ddl: `ALTER TABLE play.words ADD"), "{}", ran.stderr);
    assert_eq!(one(a, "SELECT note FROM play.bare WHERE n = 2"), "behind");
    // This one alone.
    run(b, "DROP TABLE play.hot");
    let ts = stopped(&pair, &caught_up(&pair, 1, &filter, 4), "DROP TABLE `hot`");
    caught_up(&pair, 1, &[&filter[..], &["--skip-ddl", &ts]].concat(), 0);
    assert_eq!(one(a, "SHOW TABLES FROM play LIKE 'hot'"), "hot");
    // Or on both sides: the link to B, which runs DDL, knows it as B's.
    run(b, "ALTER TABLE play.bare ADD COLUMN extra INT");
    let ts = stopped(&pair, &caught_up(&pair, 1, &filter, 4), "ALTER TABLE play.bare ADD COLUMN extra INT");
    let replace = format!("replace:{ts}=ALTER TABLE play.bare ADD COLUMN extra INT");
    caught_up(&pair, 1, &[&filter[..], &["--on-ddl-error", &replace]].concat(), 0);
    run(b, "INSERT INTO play.bare VALUES (2, 3, 'wider', 5)");
    caught_up(&pair, 1, &filter, 0);
    assert_eq!(one(a, "SELECT CAST(extra AS CHAR) FROM play.bare WHERE n = 3"), "5");
    let ran = caught_up(&pair, 0, &["--sync-mode", "2", "--allow-missing"], 0);
    assert!(ran.stderr.contains("followed 1 DDL that came from the other side"), "{}", ran.stderr);
    assert_eq!(one(b, "SELECT CAST(COUNT(*) AS CHAR) FROM play.bare"), "2");
}
