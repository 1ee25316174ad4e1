//! Two links of opposite directions with nothing to do: each writes its position every now and then, and does not answer the other's.

use std::env;
use std::thread::sleep;
use std::time::{Duration, Instant};

use mysql::prelude::Queryable;
use tisync::playground::mirror::Mirror;

use crate::pair::{MARKED, Pair, status};

/// How often an idle link saves its position at most, in seconds.
const EVERY: u64 = 3;
/// One transaction for its own row, one for Drainer's.
const SAVES: [&[&str]; 2] = [
    &["retl._drainer_repl_mark", "tidb_binlog.tisync_checkpoint"],
    &["retl._drainer_repl_mark", "tidb_binlog.checkpoint", "tidb_binlog.tisync_checkpoint"],
];

/// Where a server's binlog ends.
fn end(mirror: &Mirror) -> (String, u64) {
    let row: mysql::Row = mirror.connect().unwrap().query_first("SHOW MASTER STATUS").unwrap().unwrap();
    (row.get(0).unwrap(), row.get(1).unwrap())
}

/// The tables of each transaction behind `from`.
fn transactions(mirror: &Mirror, from: &(String, u64)) -> Vec<Vec<String>> {
    let sql = format!("SHOW BINLOG EVENTS IN '{}' FROM {}", from.0, from.1);
    let rows: Vec<mysql::Row> = mirror.connect().unwrap().query(sql).unwrap();
    let mut all: Vec<Vec<String>> = Vec::new();
    for row in rows {
        let (kind, info): (String, String) = (row.get(2).unwrap(), row.get(5).unwrap());
        match kind.as_str() {
            "Gtid" => all.push(Vec::new()),
            "Table_map" => all.last_mut().unwrap().push(info.split(['(', ')']).nth(1).unwrap().to_owned()),
            // What is neither: DDL and statements as text.
            "Query" if info != "BEGIN" && info != "COMMIT" => all.last_mut().unwrap().push(info),
            _ => {}
        }
    }
    all
}

fn saved(mirror: &Mirror) -> u64 {
    let sql = "SELECT commit_ts FROM tidb_binlog.tisync_checkpoint";
    mirror.connect().unwrap().query_first(sql).unwrap().unwrap_or(0)
}

#[test]
fn two_idle_links_write_nothing_but_their_positions() {
    let seconds = env::var("TISYNC_MIRROR_IDLE").ok().and_then(|n| n.parse().ok()).unwrap_or(12_u64);
    let pair = Pair::start(7_600_000_000_000_000_090);
    // One transaction there, one back: then they have nothing more to say.
    for (side, mirror) in [(1, &pair.a), (2, &pair.b)] {
        mirror.connect().unwrap().query_drop(format!("INSERT INTO play.bare VALUES ({side}, 1, 'one')")).unwrap();
    }
    let mut links = [0, 1].map(|d| pair.link(d, &[&MARKED[..], &["--workers", "1"]].concat()));
    for (direction, link) in links.iter_mut().enumerate() {
        let rows = "SELECT COUNT(*) FROM play.bare";
        link.until("the row", || pair.target(direction).connect().unwrap().query_first(rows).unwrap() == Some(2));
    }
    sleep(Duration::from_secs(EVERY + 1));
    let names = ["Handler_write", "Handler_update", "Handler_delete"];
    let look = |m: &Mirror| (end(m), saved(m), names.map(|n| status(m, n)));
    let before = [&pair.a, &pair.b].map(|m| look(m));
    let begin = Instant::now();
    sleep(Duration::from_secs(seconds));
    let after = [&pair.a, &pair.b].map(|m| look(m));
    let most = 2 * usize::try_from(begin.elapsed().as_secs() / EVERY + 1).unwrap();
    for (number, mirror) in [&pair.a, &pair.b].into_iter().enumerate() {
        let (before, after) = (&before[number], &after[number]);
        let wrote = transactions(mirror, &before.0);
        println!("{} transactions in {seconds} s, {} bytes: {wrote:?}", wrote.len(), after.0.1 - before.0.1);
        assert!(after.1 > before.1, "the position moves on");
        // One more save may have come since the counters were read.
        assert!(!wrote.is_empty() && wrote.len() <= most + 2, "{} of {most}", wrote.len());
        assert!(wrote.iter().all(|tables| SAVES.iter().any(|save| tables == save)), "{wrote:?}");
        let grew: Vec<u64> = after.2.iter().zip(before.2).map(|(a, b)| a - b).collect();
        let [written, updated, deleted] = grew[..] else { panic!() };
        // Drainer's row is written as if it were new.
        assert!(deleted == 0 && written <= most as u64 / 2, "{names:?}: {grew:?}");
        assert!(updated <= 3 * most as u64, "{names:?}: {grew:?}");
    }
    for link in links {
        link.interrupt();
        assert!(link.expect(5).stderr.contains("echoes: 0"));
    }
}
