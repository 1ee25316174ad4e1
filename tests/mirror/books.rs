//! What a link writes for itself: all of it carries the mark, so whoever reads the other way leaves it out. A Drainer there has no tables for it.

use mysql::prelude::Queryable;
use tisync::playground::mirror::Mirror;

use crate::common::binary::tisync;
use crate::pair::{MARKED, Pair};

const MARKS: &str = "retl._drainer_repl_mark";

/// Transactions of a server's binlogs that changed a link's records: how many there are, and the tables of those without a mark.
pub fn records(mirror: &Mirror) -> (usize, Vec<Vec<String>>) {
    let mut conn = mirror.connect().unwrap();
    let logs: Vec<(String, u64)> = conn.query("SHOW BINARY LOGS").unwrap();
    let mut all: Vec<Vec<String>> = Vec::new();
    for (log, _) in logs {
        let rows: Vec<mysql::Row> = conn.query(format!("SHOW BINLOG EVENTS IN '{log}'")).unwrap();
        for row in rows {
            let (kind, info): (String, String) = (row.get(2).unwrap(), row.get(5).unwrap());
            match kind.as_str() {
                "Gtid" => all.push(Vec::new()),
                "Table_map" => all.last_mut().unwrap().push(info.split(['(', ')']).nth(1).unwrap().to_owned()),
                _ => {}
            }
        }
    }
    all.retain(|tables| tables.iter().any(|t| t.starts_with("tidb_binlog.")));
    let count = all.len();
    all.retain(|tables| tables.iter().all(|t| t != MARKS));
    (count, all)
}

#[test]
fn every_record_of_a_link_carries_the_mark() {
    let pair = Pair::start(7_600_000_000_000_000_114);
    let (a, b) = (&pair.a, &pair.b);
    let run = |n: usize, sql: &str, workers: &str, more: &[&str]| {
        a.connect().unwrap().query_drop(sql).unwrap();
        a.connect().unwrap().query_drop(format!("INSERT INTO play.bare (side, n) VALUES (1, {n})")).unwrap();
        let mut link = pair.link(0, &[&MARKED[..], &["--workers", workers], more].concat());
        let there = format!("SELECT COUNT(*) FROM play.bare WHERE n = {n}");
        link.until("the row", || b.connect().unwrap().query_first(&there).unwrap() == Some(1));
        link
    };
    // The first start, a take-over from one that was killed, with more connections and with fewer, and DDL.
    run(1, "DO 0", "2", &[]).kill();
    run(2, "ALTER TABLE play.words ADD COLUMN one INT", "5", &[]).kill();
    let link = run(3, "CREATE TABLE play.two (id INT PRIMARY KEY)", "1", &[]);
    link.interrupt();
    link.expect(5);
    // Its operator's word.
    let ts = a.cluster().tso().to_string();
    let (to, link) = (b.url(), ["--link", "default"]);
    tisync(&[&["checkpoint", "set", "--to", &to, &ts, "--yes"], &link[..]].concat()).expect(0);
    let before = records(b).0;
    tisync(&[&["checkpoint", "clear", "--to", &to, "--yes"], &link[..]].concat()).expect(0);
    let (count, unmarked) = records(b);
    assert!(unmarked.is_empty(), "{unmarked:?}");
    assert!(count > before && count > 12, "{count}");
}
