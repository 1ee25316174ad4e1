//! A batch that does not come to its end: others go on, as far as what has to be remembered of them stays small.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use mysql::prelude::Queryable;
use tisync::playground::mariadb::PrivateServer;
use tisync::sink::Sink;
use tisync::sink::mysql::MysqlOptions;

use super::Case;
use super::world::*;

pub const CASES: &[(&str, Case)] =
    &[("behind a stuck batch others go on, and what the slots remember stays small", records_stay_small)];

/// More one-row transactions than may be remembered behind a stuck one: a quarter of a mebibyte has room for half of them.
const TXNS: u64 = 130_000;
/// What is kept for all slots together, and some more.
const MOST: usize = 300 << 10;

fn records_stay_small(server: &PrivateServer) {
    let mut w = World::new(server, "stuck");
    let t = w.table("t", "id BIGINT PRIMARY KEY, v BIGINT", &[("id", INT), ("v", INT)], &[&[0]], true);
    w.run("INSERT INTO t VALUES (0, 0)");
    let mut other = server.connect().unwrap();
    other.query_drop("START TRANSACTION").unwrap();
    other.query_drop("SELECT * FROM stuck.t WHERE id = 0 FOR UPDATE").unwrap();
    let mut sink = w.open(MysqlOptions { workers: Some(4), batch_rows: Some(500), ..w.options() }).unwrap();
    sink.apply(txn(1, vec![upd(&t, vec![i(0), i(0)], vec![i(0), i(1)])])).unwrap();
    sink.flush().unwrap();
    let taken = AtomicU64::new(0);
    let kept = "SELECT COALESCE(SUM(LENGTH(applied)), 0) FROM tidb_binlog.tisync_slot WHERE link = 'stuck'";
    scope(|scope| {
        scope.spawn(|| {
            for n in 2..=TXNS {
                let row = i64::try_from(n).unwrap();
                sink.apply(txn(n, vec![ins(&t, vec![i(row), i(0)])])).unwrap();
                taken.store(n, Ordering::Relaxed);
            }
            sink.drain().unwrap();
        });
        let begin = Instant::now();
        let (mut last, mut since, mut most) = (0, Instant::now(), 0_usize);
        // Until nothing more is taken, for as long as a busy machine might rest.
        let rest = std::env::var("TISYNC_STUCK_SECONDS").ok().and_then(|s| s.parse().ok()).unwrap_or(3);
        while since.elapsed() < Duration::from_secs(rest) {
            assert!(begin.elapsed() < Duration::from_secs(120 + rest), "it takes ever more");
            most = most.max(w.one(kept).parse().unwrap());
            let now = taken.load(Ordering::Relaxed);
            if now != last || now < 20_000 {
                (last, since) = (now, Instant::now());
            }
            sleep(Duration::from_millis(20));
        }
        let there: u64 = w.one("SELECT COUNT(*) FROM t").parse().unwrap();
        assert!(last < TXNS, "nothing holds it back: {there} rows there, {most} bytes remembered");
        assert!(there > 20_000, "others go on: {there}");
        assert!(most < MOST, "{most} bytes");
        other.query_drop("ROLLBACK").unwrap();
    });
    assert_eq!(w.one("SELECT COUNT(*), SUM(v) FROM t"), format!("{TXNS}|1"));
    // With the mark past them, the records go with the next batch of each slot.
    assert_eq!(w.checkpoint(), START + TXNS);
}
