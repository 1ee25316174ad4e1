//! Marks: each transaction on the target carries one, whatever happens to their rows. The server's own binlog is the witness.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::common::server::{self, Dialect};
use mysql::prelude::Queryable;
use tisync::model::Mark;
use tisync::model::{Change, CommitTs, Txn};
use tisync::playground::mariadb::PrivateServer;
use tisync::sink::Sink;
use tisync::sink::mysql::{DdlPolicy, MysqlOptions, MysqlSink};

use super::Case;
use super::world::*;

pub const CASES: &[(&str, Case)] = &[
    ("every transaction carries its mark, one row for each connection", all_are_marked),
    ("t13_a_deleted_mark_row_is_made_again_and_nothing_goes_out_unmarked", deleted),
    ("t13_without_a_usable_mark_nothing_goes_out", unusable),
    ("rows of marks are made before the start, and none is reset", made),
    ("two quiet links come to rest", rest),
];

/// A server that keeps a binlog, with the mark table.
fn logging() -> PrivateServer {
    let server = server::start(&["--log-bin=log", "--server-id=1", "--binlog-format=ROW"]).unwrap();
    set_up(&server, "retl");
    server
}

fn set_up(server: &PrivateServer, schema: &str) -> Mark {
    let mark = Mark::new(&format!("{schema}._drainer_repl_mark"), 5).unwrap();
    let mut conn = server.connect().unwrap();
    conn.query_drop(mark.create_database()).unwrap();
    conn.query_drop(mark.create_table()).unwrap();
    mark
}

/// The end of the binlog.
fn end(w: &mut World<'_>) -> (String, u64) {
    let Dialect { mysql, version } = Dialect::of(w.server);
    let sql = if mysql && version >= (8, 4) { "SHOW BINARY LOG STATUS" } else { "SHOW MASTER STATUS" };
    let row: mysql::Row = w.conn.query_first(sql).unwrap().unwrap();
    (row.get(0).unwrap(), row.get(1).unwrap())
}

/// The tables of each transaction with rows behind `from`, in the order of their first touch.
fn transactions(w: &mut World<'_>, from: &(String, u64)) -> Vec<Vec<String>> {
    let rows: Vec<mysql::Row> = w.conn.query(format!("SHOW BINLOG EVENTS IN '{}' FROM {}", from.0, from.1)).unwrap();
    let (mut all, mut tables) = (Vec::new(), Vec::new());
    for row in rows {
        let (kind, info): (String, String) = (row.get(2).unwrap(), row.get(5).unwrap());
        match kind.as_str() {
            "Gtid" | "Anonymous_Gtid" => tables = Vec::new(),
            "Table_map" => {
                let name = info.split(['(', ')']).nth(1).unwrap().to_owned();
                if !tables.contains(&name) {
                    tables.push(name);
                }
            }
            "Xid" => all.push(std::mem::take(&mut tables)),
            "Query" if info == "COMMIT" => all.push(std::mem::take(&mut tables)),
            _ => {}
        }
    }
    all
}

const MARKS: &str = "retl._drainer_repl_mark";

/// `val` by row, and all of them together.
fn vals(w: &mut World<'_>) -> (BTreeMap<u64, u64>, u64) {
    let rows: Vec<(u64, u64)> = w.conn.query(format!("SELECT id, val FROM {MARKS} WHERE channel_id = 5")).unwrap();
    let sum = rows.iter().map(|(_, v)| v).sum();
    (rows.into_iter().collect(), sum)
}

fn marked(w: &World<'_>) -> MysqlOptions {
    MysqlOptions { mark: Some(Mark::drainers(5)), workers: Some(3), batch_rows: Some(4), ..w.options() }
}

fn all_are_marked(_: &PrivateServer) {
    let server = &logging();
    let mut w = World::new(server, "all_marked");
    let t = w.table("t", "id BIGINT PRIMARY KEY", &[("id", INT)], &[&[0]], true);
    let u = w.table("u", "n BIGINT NOT NULL", &[("n", INT)], &[], false);
    let options =
        MysqlOptions { ddl: DdlPolicy { skip: [CommitTs(START + 500)].into(), ..DdlPolicy::default() }, ..marked(&w) };
    let mut sink = w.open(options.clone()).unwrap();
    let (from, before) = (end(&mut w), vals(&mut w).1);
    for n in 1..=200 {
        let n64 = i64::try_from(n).unwrap();
        sink.apply(txn(n, vec![ins(&t, vec![i(n64)]), ins(&u, vec![i(n64 % 7)])])).unwrap();
        if n % 5 == 0 {
            sink.flush().unwrap();
        }
        if n == 100 {
            // Whoever is connected is cut off: the slots are claimed again.
            let ids: Vec<u64> = w
                .conn
                .query("SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND user = 'root'")
                .unwrap();
            ids.iter().for_each(|id| drop(w.conn.query_drop(format!("KILL {id}"))));
        }
    }
    let large = (1000..1030).map(|n| ins(&t, vec![i(n)])).collect();
    sink.apply(txn(300, large)).unwrap();
    sink.apply(ddl(400, 3, "all_marked", "CREATE TABLE v (n INT)", &[], &[])).unwrap();
    sink.apply(ddl(500, 3, "all_marked", "CREATE TABLE w (n INT)", &[], &[])).unwrap();
    sink.resolved(CommitTs(START + 600)).unwrap();
    sink.drain().unwrap();
    drop(sink);
    // A transaction that is split, and one that the operator forgives.
    let split = MysqlOptions { max_txn_rows: Some(7), safe_mode: true, ..options };
    let late = end(&mut w);
    let mut sink = w.open(split).unwrap();
    let opened = end(&mut w);
    sink.apply(txn(700, (2000..2050).map(|n| ins(&t, vec![i(n)])).collect())).unwrap();
    sink.apply(txn(701, vec![del(&t, vec![i(9999)])])).unwrap();
    sink.drain().unwrap();
    drop(sink);

    let all = transactions(&mut w, &from);
    let unmarked: Vec<_> = all.iter().filter(|tables| tables.first().is_none_or(|first| first != MARKS)).collect();
    // The one by which the second run took the link over is among them.
    assert!(unmarked.is_empty(), "{unmarked:?}");
    assert!(transactions(&mut w, &late).len() > transactions(&mut w, &opened).len());
    let (by_row, after) = vals(&mut w);
    assert_eq!(after - before, all.len() as u64, "each raised one row once: {by_row:?}");
    assert_eq!(by_row.keys().copied().collect::<Vec<_>>(), [0, 1, 2]);
    assert!(by_row.values().all(|v| *v > 5), "each connection has its own: {by_row:?}");
    let with_data = all.iter().filter(|t| t.iter().any(|t| t.starts_with("all_marked."))).count();
    assert!(with_data > 30, "{with_data}");
    let touched = |name: &str| all.iter().any(|t| t.iter().any(|t| t == name));
    for name in ["checkpoint", "tisync_checkpoint", "tisync_slot", "tisync_skipped"] {
        assert!(touched(&format!("tidb_binlog.{name}")), "{name}");
    }
    assert_eq!(w.one("SELECT COUNT(*) FROM t"), "280");
    assert_eq!(w.one(&format!("SELECT DISTINCT channel_info FROM {MARKS}")), "tisync 77 all_marked");
}

fn deleted(_: &PrivateServer) {
    let server = &logging();
    let mut w = World::new(server, "deleted");
    let t = w.table("t", "id BIGINT PRIMARY KEY", &[("id", INT)], &[&[0]], true);
    let mut sink = w.open(marked(&w)).unwrap();
    let from = end(&mut w);
    let made_at_start = vals(&mut w).0.len();
    for n in 1..=30 {
        if n % 6 == 0 {
            // What a Drainer does when it ends. Workers hold rows of it, so it may have to be done again.
            let mut drainer = server.connect().unwrap();
            while let Err(error) = drainer.query_drop(format!("DELETE FROM {MARKS} WHERE channel_id = 5")) {
                assert!(error.to_string().contains("1213"), "{error}");
            }
        }
        sink.apply(txn(n, vec![ins(&t, vec![i(i64::try_from(n).unwrap())])])).unwrap();
        sink.flush().unwrap();
    }
    sink.drain().unwrap();
    assert_eq!((w.one("SELECT COUNT(*) FROM t"), made_at_start), ("30".to_owned(), 3));
    let all = transactions(&mut w, &from);
    assert!(all.iter().all(|tables| tables.first().is_some_and(|first| first == MARKS)), "{all:?}");
    let told = w.notes.lock().unwrap().iter().filter(|n| n.contains("another process deleted the mark row")).count();
    assert_eq!(told, 1, "it is said once: {:?}", w.notes.lock().unwrap());
}

fn unusable(_: &PrivateServer) {
    let server = &logging();
    let mut w = World::new(server, "unusable");
    let t = w.table("t", "id BIGINT PRIMARY KEY", &[("id", INT)], &[&[0]], true);
    let cases = [
        (format!("DROP TABLE {MARKS}"), format!("CREATE TABLE {MARKS} LIKE spare"), "the target refuses to change row"),
        (
            format!("CREATE TRIGGER retl.still BEFORE UPDATE ON {MARKS} FOR EACH ROW SET NEW.val = OLD.val"),
            "DROP TRIGGER retl.still".to_owned(),
            "was found but did not change",
        ),
        (
            format!("CREATE TRIGGER retl.away BEFORE INSERT ON {MARKS} FOR EACH ROW SET NEW.channel_id = 6"),
            "DROP TRIGGER retl.away".to_owned(),
            "is deleted as soon as it is made",
        ),
    ];
    w.run(&format!("CREATE TABLE spare LIKE {MARKS}"));
    for (n, (harm, mend, words)) in (1..).zip(cases) {
        let mut sink = w.open(marked(&w)).unwrap();
        w.run(&harm);
        let rows = if n == 3 { format!("DELETE FROM {MARKS}") } else { "DO 0".to_owned() };
        w.run(&rows);
        let from = end(&mut w);
        let error = said(&sink.apply(txn(n, vec![ins(&t, vec![i(1)])])).and_then(|()| sink.drain()).unwrap_err());
        assert!(error.contains(words) && error.contains("tisync mark setup"), "{error}");
        drop(sink);
        let all = transactions(&mut w, &from);
        assert!(all.iter().all(|t| t.len() == 1 && t[0] == MARKS), "{all:?}");
        assert_eq!(w.one("SELECT COUNT(*) FROM t"), "0");
        w.run(&mend);
    }
    // A NULL is no number to add to; it counts as none.
    let mut sink = w.open(marked(&w)).unwrap();
    w.run(&format!("UPDATE {MARKS} SET val = NULL"));
    let from = end(&mut w);
    apply(&mut sink, vec![txn(9, vec![ins(&t, vec![i(1)])])]);
    assert!(transactions(&mut w, &from).iter().all(|t| t[0] == MARKS));
}

fn made(_: &PrivateServer) {
    let server = &server::start(&[]).unwrap();
    let mut w = World::new(server, "made");
    let refused = |w: &World<'_>| said(&w.open(marked(w)).err().unwrap());
    let error = refused(&w);
    assert!(error.contains("no mark table retl._drainer_repl_mark") && error.contains("mark setup"), "{error}");
    w.run("CREATE DATABASE retl");
    w.run(&format!("CREATE TABLE {MARKS} (id INT PRIMARY KEY, channel_id BIGINT, val BIGINT) ENGINE = MyISAM"));
    let error = refused(&w);
    for words in [
        "storage engine myisam",
        "its column id is int, not bigint",
        "no column channel_info",
        "its primary key is (id), not (id, channel_id)",
    ] {
        assert!(error.contains(words), "{words}: {error}");
    }
    w.run(&format!("DROP TABLE {MARKS}"));
    set_up(server, "retl");
    w.run("CREATE USER reader@'127.0.0.1' IDENTIFIED BY 'x'");
    w.run("GRANT ALL ON tidb_binlog.* TO reader@'127.0.0.1'");
    w.run("GRANT SELECT, INSERT ON retl.* TO reader@'127.0.0.1'");
    let url = server.url().replace("root@", "reader:x@");
    let error = said(&MysqlSink::open(&url, marked(&w), w.events()).err().unwrap());
    assert!(error.contains("it lacks: UPDATE on retl._drainer_repl_mark"), "{error}");
    w.run(&format!("INSERT INTO {MARKS} VALUES (0, 5, 41, ''), (9, 5, 7, 'another'), (1, 6, 3, 'other channel')"));
    drop(w.open(marked(&w)).unwrap());
    let found = w.rows(&format!("SELECT channel_id, id, val, channel_info FROM {MARKS} ORDER BY channel_id, id"));
    let ours = "tisync 77 made";
    assert_eq!(
        found,
        [
            // The transaction by which the link begins carries it too.
            // The start itself raised it.
            format!("5|0|43|{ours}"),
            format!("5|1|0|{ours}"),
            format!("5|2|0|{ours}"),
            "5|9|7|another".to_owned(),
            "6|1|3|other channel".to_owned()
        ]
    );
    // A second link with the same channel shares the rows, and is told.
    let mut first = w.open(marked(&w)).unwrap();
    first.resolved(CommitTs(START + 1)).unwrap();
    first.drain().unwrap();
    assert!(!w.noted("uses the same rows"));
    drop(w.open(MysqlOptions { link: "made_2".into(), ..marked(&w) }).unwrap());
    assert!(w.noted("link `made` of cluster 77 uses the same rows of channel 5"));
}

/// Two links of opposite directions: what one saves comes to the other as a transaction of bookkeeping.
fn rest(server: &PrivateServer) {
    let mut w = World::new(server, "rest");
    let t = w.table("t", "id BIGINT PRIMARY KEY", &[("id", INT)], &[&[0]], true);
    let mut sides: Vec<(MysqlSink, Mark, u64)> = ["rest_a", "rest_b"]
        .into_iter()
        .zip([901, 902])
        .map(|(name, cluster_id)| {
            let mark = set_up(server, name);
            let options = MysqlOptions { link: name.to_owned(), mark: Some(mark.clone()), ..w.options() };
            (w.open(MysqlOptions { cluster_id, ..options }).unwrap(), mark, 0)
        })
        .collect();
    let written = |w: &mut World<'_>, mark: &Mark| -> u64 {
        w.one(&format!("SELECT COALESCE(SUM(val), 0) FROM {}", mark.quoted())).parse().unwrap()
    };
    let mut n = 2;
    for (side, id) in [(0, 1), (1, 2)] {
        sides[side].0.apply(txn(n, vec![ins(&t, vec![i(id)])])).unwrap();
    }
    let begin = Instant::now();
    let mut history = Vec::new();
    while begin.elapsed() < Duration::from_secs(10) {
        for from in [0, 1] {
            // Whatever one side has written since comes to the other.
            let (mark, seen) = (sides[from].1.clone(), sides[from].2);
            let now = written(&mut w, &mark);
            for _ in seen..now {
                n += 1;
                sides[1 - from].0.pass_over(CommitTs(START + n)).unwrap();
            }
            sides[from].2 = now;
            sides[from].0.flush().unwrap();
        }
        history.push((begin.elapsed().as_secs(), sides[0].2 + sides[1].2));
        sleep(Duration::from_millis(20));
    }
    let at = |second: u64| history.iter().rfind(|(s, _)| *s == second).unwrap().1;
    assert!(at(0) > 0, "the data was written");
    assert_eq!(at(9), at(4), "nothing is written once the data's position is saved: {} then {}", at(4), at(9));
    // On each side: the beginning, claims of slots, the data, and two saves of two transactions each.
    assert!(at(9) <= 20, "{}", at(9));
    // What was passed over is kept at the end all the same.
    for (sink, ..) in &mut sides {
        sink.drain().unwrap();
    }
    let saved = "SELECT MIN(commit_ts) FROM tidb_binlog.tisync_checkpoint WHERE link LIKE 'rest__'";
    assert!(w.one(saved).parse::<u64>().unwrap() > START + 2);
    assert!(sides.iter().all(|(sink, ..)| sink.position().is_some_and(|p| p.0 > START + 2)));
    let nothing = Txn { commit_ts: CommitTs(START + n + 1), change: Change::Nothing };
    sides[0].0.apply(nothing).unwrap();
}
