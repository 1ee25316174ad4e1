//! Each kind of statement, left behind before and after it took effect.

use crate::common::server::Dialect;
use mysql::prelude::Queryable;
use tisync::playground::mariadb::PrivateServer;
use tisync::sink::mysql::PendingDdl;
use tisync::sink::mysql::ddl::Settled;

use super::Case;
use super::world::*;

pub const CASES: &[(&str, Case)] = &[
    ("every kind of statement is judged by ids", |s| every_kind(s, "kinds", true)),
    ("without ids, what only they tell stays unknown", |s| every_kind(s, "blind", false)),
    ("names that InnoDB encodes", odd_names),
];

/// One kind of statement.
struct Kind {
    action: u8,
    sql: &'static str,
    /// Makes what it needs in an empty database.
    setup: &'static [&'static str],
    /// What others do after it took effect: a second run of the statement would undo it, or fail.
    then: &'static str,
    /// Shows that it took effect once.
    probe: (&'static str, &'static str),
    seen: Seen,
}

/// How a statement that took effect is judged.
#[derive(Clone, Copy, PartialEq)]
enum Seen {
    /// By what is there.
    Always,
    /// By ids alone.
    ById,
    /// It leaves nothing that shows, and running it again changes nothing.
    Never,
    /// Only as unknown, even with ids.
    Unknown,
}
use Seen::{Always, ById, Never, Unknown};

const T: &[&str] = &["CREATE TABLE t (id INT PRIMARY KEY, a INT)", "INSERT INTO t VALUES (1, 1)"];
const P: &[&str] = &[
    "CREATE TABLE p (id INT PRIMARY KEY) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10), PARTITION `P 1` VALUES LESS THAN (20))",
    "INSERT INTO p VALUES (1), (11)",
    "CREATE TABLE q (id INT PRIMARY KEY)",
    "INSERT INTO q VALUES (2)",
];
const TWO: &[&str] =
    &["CREATE TABLE a (id INT)", "CREATE TABLE b (id INT)", "INSERT INTO a VALUES (1)", "INSERT INTO b VALUES (2)"];
const T_ROWS: &str = "SELECT id FROM t ORDER BY id";
const P_ROWS: &str = "SELECT id FROM p ORDER BY id";
const P_PARTS: &str = "SELECT GROUP_CONCAT(partition_name ORDER BY partition_name) FROM information_schema.partitions \
                       WHERE table_schema = DATABASE() AND table_name = 'p'";
const T_COLUMNS: &str = "SELECT GROUP_CONCAT(column_name ORDER BY ordinal_position), MAX(data_type) FROM \
                         information_schema.columns WHERE table_schema = DATABASE() AND table_name = 't'";
const TABLES: &str = "SELECT GROUP_CONCAT(table_name ORDER BY table_name) FROM information_schema.tables WHERE table_schema = DATABASE()";
const MADE: &str = "SELECT default_collation_name FROM information_schema.schemata WHERE schema_name = 'made'";
const SEQUENCE: &str = "SELECT next_not_cached_value, increment FROM s";

const fn kind(
    action: u8,
    sql: &'static str,
    setup: &'static [&'static str],
    then: &'static str,
    probe: (&'static str, &'static str),
    seen: Seen,
) -> Kind {
    Kind { action, sql, setup, then, probe, seen }
}

fn kinds() -> Vec<Kind> {
    let index = (
        "SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = DATABASE() AND index_name = 'i'",
        "1",
    );
    let no_index = (index.0, "0");
    let indexed: &[&str] = &["CREATE TABLE t (id INT PRIMARY KEY, a INT, KEY i (a))"];
    let sequence: &[&str] = &["CREATE SEQUENCE s"];
    let view: &[&str] = &[
        "CREATE TABLE t (id INT PRIMARY KEY, a INT)",
        "CREATE DEFINER = blind@localhost SQL SECURITY INVOKER VIEW v AS SELECT id FROM t",
    ];
    let view_columns =
        "SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'v'";
    vec![
        kind(3, "CREATE TABLE t (id INT PRIMARY KEY)", &[], "INSERT INTO t VALUES (5)", (T_ROWS, "5"), Always),
        kind(3, "CREATE TABLE IF NOT EXISTS t (id INT)", &[], "INSERT INTO t VALUES (5)", (T_ROWS, "5"), Always),
        kind(3, "CREATE TABLE IF NOT EXISTS t (id INT)", T, "DO 0", (T_ROWS, "1"), Never),
        kind(4, "DROP TABLE t", T, "DO 0", (TABLES, "~"), Always),
        kind(4, "DROP TABLE IF EXISTS t", &[], "DO 0", (TABLES, "~"), Never),
        kind(11, "TRUNCATE TABLE `t`", T, "INSERT INTO t VALUES (9, 9)", (T_ROWS, "9"), ById),
        kind(11, "TRUNCATE p", P, "INSERT INTO p VALUES (9)", (P_ROWS, "9"), ById),
        kind(14, "RENAME TABLE t TO u", T, "INSERT INTO u VALUES (2, 2)", ("SELECT id FROM u", "1;2"), Always),
        kind(14, "ALTER TABLE t RENAME TO u", T, "INSERT INTO u VALUES (2, 2)", ("SELECT id FROM u", "1;2"), Always),
        kind(
            47,
            "RENAME TABLE a TO x, b TO a, x TO b",
            TWO,
            "INSERT INTO a VALUES (3)",
            ("SELECT id FROM a", "2;3"),
            ById,
        ),
        kind(47, "RENAME TABLE a TO x, b TO y", TWO, "INSERT INTO x VALUES (3)", ("SELECT id FROM x", "1;3"), Always),
        kind(21, "CREATE VIEW v AS SELECT id FROM t", T, "DO 0", ("SELECT id FROM v", "1"), Always),
        kind(21, "CREATE OR REPLACE VIEW v AS SELECT id, a FROM t", view, "DO 0", (view_columns, "2"), Always),
        kind(24, "DROP VIEW v", view, "DO 0", (TABLES, "t"), Always),
        kind(34, "CREATE SEQUENCE s START 7", &[], "SELECT NEXTVAL(s)", (SEQUENCE, "1007|1"), Always),
        kind(35, "ALTER SEQUENCE s INCREMENT BY 5", sequence, "DO 0", (SEQUENCE, "1|5"), Always),
        kind(35, "ALTER SEQUENCE s RESTART 50", sequence, "SELECT NEXTVAL(s)", (SEQUENCE, "1050|1"), Unknown),
        kind(36, "DROP SEQUENCE s", sequence, "DO 0", (TABLES, "~"), Always),
        kind(5, "ALTER TABLE t ADD COLUMN b INT DEFAULT 5", T, "DO 0", (T_COLUMNS, "id,a,b|int"), Always),
        kind(6, "ALTER TABLE t DROP COLUMN a", T, "ALTER TABLE t COMMENT 'x'", (T_COLUMNS, "id|int"), Always),
        kind(12, "ALTER TABLE t MODIFY COLUMN a VARCHAR(9)", T, "DO 0", (T_COLUMNS, "id,a|varchar"), Always),
        kind(12, "ALTER TABLE t CHANGE COLUMN a b INT", T, "DO 0", (T_COLUMNS, "id,b|int"), Always),
        kind(61, "ALTER TABLE t ADD COLUMN b INT, ADD INDEX i (b)", T, "DO 0", index, Always),
        kind(7, "ALTER TABLE t ADD INDEX i (a)", T, "INSERT INTO t VALUES (2, 2)", index, Always),
        kind(7, "CREATE INDEX i ON t (a)", T, "DO 0", index, Always),
        kind(8, "ALTER TABLE t DROP INDEX i", indexed, "DO 0", no_index, Always),
        kind(8, "DROP INDEX i ON t", indexed, "DO 0", no_index, Always),
        kind(
            9,
            "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES t (id)",
            T,
            "DO 0",
            (
                "SELECT constraint_name FROM information_schema.referential_constraints WHERE constraint_schema = DATABASE()",
                "f",
            ),
            Always,
        ),
        kind(
            13,
            "ALTER TABLE t AUTO_INCREMENT = 50",
            &["CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT)"],
            "INSERT INTO t VALUES ()",
            (T_ROWS, "50"),
            Never,
        ),
        kind(
            15,
            "ALTER TABLE t ALTER COLUMN a SET DEFAULT 5",
            T,
            "INSERT INTO t (id) VALUES (2)",
            ("SELECT a FROM t", "1;5"),
            Always,
        ),
        kind(
            17,
            "ALTER TABLE t COMMENT = 'c'",
            T,
            "DO 0",
            ("SELECT table_comment FROM information_schema.tables WHERE table_schema = DATABASE()", "c"),
            Always,
        ),
        kind(
            18,
            "ALTER TABLE t RENAME INDEX j TO i",
            &["CREATE TABLE t (id INT PRIMARY KEY, a INT, KEY j (a))"],
            "DO 0",
            index,
            Always,
        ),
        kind(
            22,
            "ALTER TABLE t CONVERT TO CHARACTER SET latin1 COLLATE latin1_bin",
            T,
            "DO 0",
            ("SELECT table_collation FROM information_schema.tables WHERE table_schema = DATABASE()", "latin1_bin"),
            Always,
        ),
        kind(
            19,
            "ALTER TABLE p ADD PARTITION (PARTITION p2 VALUES LESS THAN (30))",
            P,
            "DO 0",
            (P_PARTS, "P 1,p0,p2"),
            Always,
        ),
        kind(20, "ALTER TABLE p DROP PARTITION p0", P, "DO 0", (P_PARTS, "P 1"), Always),
        kind(23, "ALTER TABLE p TRUNCATE PARTITION `p 1`", P, "INSERT INTO p VALUES (12)", (P_ROWS, "1;12"), ById),
        kind(23, "ALTER TABLE p TRUNCATE PARTITION p0, `P 1`", P, "INSERT INTO p VALUES (12)", (P_ROWS, "12"), ById),
        kind(
            42,
            "ALTER TABLE p EXCHANGE PARTITION p0 WITH TABLE q",
            P,
            "INSERT INTO p VALUES (3)",
            (P_ROWS, "2;3;11"),
            ById,
        ),
        kind(
            64,
            "ALTER TABLE p REORGANIZE PARTITION p0 INTO (PARTITION m VALUES LESS THAN (5), PARTITION n VALUES LESS THAN (10))",
            P,
            "INSERT INTO p VALUES (3)",
            (P_PARTS, "m,n,P 1"),
            Always,
        ),
        kind(72, "ALTER TABLE p REMOVE PARTITIONING", P, "INSERT INTO p VALUES (33)", (P_ROWS, "1;11;33"), Always),
        kind(
            1,
            "CREATE DATABASE made CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
            &[],
            "CREATE TABLE made.x (a INT)",
            (MADE, "utf8mb4_unicode_ci"),
            Always,
        ),
        kind(
            26,
            "ALTER DATABASE made COLLATE latin1_bin",
            &["CREATE DATABASE made"],
            "DO 0",
            (MADE, "latin1_bin"),
            Always,
        ),
        kind(
            2,
            "DROP DATABASE made",
            &["CREATE DATABASE made", "CREATE TABLE made.x (a INT)"],
            "DO 0",
            (MADE, ""),
            Always,
        ),
    ]
}

fn every_kind(server: &PrivateServer, db: &str, ids: bool) {
    let mysql = Dialect::of(server).mysql;
    let kinds: Vec<Kind> = kinds().into_iter().filter(|kind| !mysql || !kind.sql.contains(" SEQUENCE ")).collect();
    let unknown: Vec<&str> = kinds.iter().filter(|kind| one_kind(server, db, ids, kind)).map(|kind| kind.sql).collect();
    let restart = "ALTER SEQUENCE s RESTART 50";
    let by_id = [
        "TRUNCATE TABLE `t`",
        "TRUNCATE p",
        "RENAME TABLE a TO x, b TO a, x TO b",
        restart,
        "ALTER TABLE p TRUNCATE PARTITION `p 1`",
        "ALTER TABLE p TRUNCATE PARTITION p0, `P 1`",
        "ALTER TABLE p EXCHANGE PARTITION p0 WITH TABLE q",
    ];
    let expected = if ids { vec![restart] } else { by_id.to_vec() };
    assert_eq!(unknown, expected.into_iter().filter(|sql| !mysql || *sql != restart).collect::<Vec<_>>());
}

/// Gives whether it was unknown what became of it after it took effect.
fn one_kind(server: &PrivateServer, db: &str, ids: bool, kind: &Kind) -> bool {
    // The process dies between the intent and the statement.
    left_before(scene(server, db, ids, kind), ids, kind);
    // It dies between the statement and the end of the intent.
    let mut w = scene(server, db, ids, kind);
    let statement = ddl(&w.db, kind.action, kind.sql);
    let mut old = w.start();
    w.announce(&mut old, &statement, &[kind.sql]);
    old.session.run(kind.sql).unwrap();
    drop(old);
    w.run(kind.then);
    let mut new = w.start();
    let settled = w.settle(&mut new);
    let expected = match kind.seen {
        Always => Some(Settled::Done),
        ById => ids.then_some(Settled::Done),
        Never => Some(Settled::TakenBack),
        Unknown => None,
    };
    match (settled, expected) {
        (Ok(settled), Some(expected)) => {
            assert_eq!(settled, expected, "{}", kind.sql);
            if settled == Settled::TakenBack {
                w.apply(&mut new, &statement).unwrap();
            }
        }
        (Err(error), None) => {
            let text = said(&error);
            assert_eq!(tisync::error::exit_code(&error), 4, "{text}");
            assert!(
                text.contains("--pending-ddl done") && text.contains("before it:") && text.lines().count() <= 18,
                "{text}"
            );
            w.word = Some(PendingDdl::Done);
            let mut last = w.start();
            assert_eq!(w.settle(&mut last).unwrap(), Settled::Done);
            new = last;
        }
        (settled, expected) => panic!("{}: {expected:?}, but {settled:?}", kind.sql),
    }
    assert_eq!(w.rows(kind.probe.0), kind.probe.1, "after {}", kind.sql);
    let state = w.state(&mut new);
    assert_eq!((state.position, state.last_job, state.intent), (Some(TS), Some(JOB), None), "{}", kind.sql);
    expected.is_none()
}

fn scene<'a>(server: &'a PrivateServer, db: &str, ids: bool, kind: &Kind) -> World<'a> {
    let mut conn = server.connect().unwrap();
    conn.query_drop(format!("DROP DATABASE IF EXISTS `{db}`")).unwrap();
    // A link that has not begun.
    let there: Option<u8> =
        conn.query_first("SELECT 1 FROM information_schema.tables WHERE table_name = 'tisync_checkpoint'").unwrap();
    if there.is_some() {
        conn.query_drop(format!("DELETE FROM tidb_binlog.tisync_checkpoint WHERE link = '{db}'")).unwrap();
    }
    let mut w = World::new(server, db);
    conn.query_drop("DROP DATABASE IF EXISTS made").unwrap();
    for sql in kind.setup {
        w.run(sql);
    }
    if ids { w } else { w.without_process() }
}

fn left_before(mut w: World<'_>, ids: bool, kind: &Kind) {
    let statement = ddl(&w.db, kind.action, kind.sql);
    let mut old = w.start();
    w.announce(&mut old, &statement, &[kind.sql]);
    drop(old);
    let mut new = w.start();
    let settled = w.settle(&mut new);
    if kind.seen == ById && !ids {
        assert_eq!(tisync::error::exit_code(&settled.unwrap_err()), 4, "{}", kind.sql);
        w.word = Some(PendingDdl::Again);
        new = w.start();
        assert_eq!(w.settle(&mut new).unwrap(), Settled::TakenBack);
    } else {
        assert_eq!(settled.unwrap(), Settled::TakenBack, "{}", kind.sql);
    }
    assert_eq!(w.state(&mut new).position, None);
    assert!(w.apply(&mut new, &statement).unwrap().ran(), "{}", kind.sql);
    w.run(kind.then);
    assert_eq!(w.rows(kind.probe.0), kind.probe.1, "{}", kind.sql);
    assert_eq!(w.state(&mut new).position, Some(TS));
}

fn odd_names(server: &PrivateServer) {
    // Of letters like these MariaDB alone says how it writes them.
    let (e, upper) = if Dialect::of(server).mysql { ("本", "本") } else { ("é", "É") };
    let db = format!("odd-{e} 日");
    let mut w = World::new(server, &db);
    w.run(&format!("CREATE TABLE `a#P#b.c/{e}` (id INT PRIMARY KEY)"));
    w.run(&format!("CREATE TABLE `a` (id INT PRIMARY KEY) PARTITION BY RANGE (id) (PARTITION `{e}#日-1` VALUES LESS THAN (10), PARTITION b VALUES LESS THAN (20))"));
    w.run("INSERT INTO a VALUES (1), (11)");
    let (whole, part) = (format!("TRUNCATE `a#P#b.c/{e}`"), format!("ALTER TABLE a TRUNCATE PARTITION `{upper}#日-1`"));
    for (action, sql) in [(11, whole.as_str()), (23, part.as_str())] {
        let statement = ddl(&w.db, action, sql);
        drop(w.start());
        w.run("UPDATE tidb_binlog.tisync_checkpoint SET commit_ts = 0 WHERE link LIKE 'odd%'");
        let mut old = w.start();
        w.announce(&mut old, &statement, &[sql]);
        old.session.run(sql).unwrap();
        drop(old);
        let mut new = w.start();
        assert_eq!(w.settle(&mut new).unwrap(), Settled::Done, "{sql}");
    }
    assert_eq!(w.rows(&format!("SELECT id FROM `{db}`.a")), "11");
}
