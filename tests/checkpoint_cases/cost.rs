//! What recording costs: the same transactions with and without their slot's update, in turns.
#![allow(clippy::print_stdout)]

use std::time::{Duration, Instant};

use tisync::checkpoint::{Record, Slot};
use tisync::playground::mariadb::PrivateServer;

use super::*;

const TRANSACTIONS: u64 = 500;
const ROUNDS: u64 = 5;
/// Upstream transactions in each, and how far the low-water mark lags behind, in transactions here.
const WHOLE: u64 = 20;
const LAG: u64 = 8;

/// Not a test but a figure, for `--ignored`.
pub fn measure(server: &PrivateServer) {
    let mut conn = table(server, "cost");
    conn.query_drop("CREATE TABLE data.cost_keyed (id BIGINT PRIMARY KEY, k BIGINT, c CHAR(60), KEY (k))").unwrap();
    for group in [20, 1] {
        for kind in ["without", "range", "list", "list, in one round trip"] {
            // Warm up what each of them uses.
            round(server, kind, group, 50, 0);
        }
        let mut times: Vec<Vec<Duration>> = vec![Vec::new(); 4];
        for turn in 0..ROUNDS {
            for (kind, times) in ["without", "range", "list", "list, in one round trip"].iter().zip(&mut times) {
                times.push(round(server, kind, group, TRANSACTIONS, turn + 1));
            }
        }
        let medians: Vec<f64> = times
            .into_iter()
            .map(|mut t| {
                t.sort_unstable();
                t[t.len() / 2].as_secs_f64()
            })
            .collect();
        println!("{TRANSACTIONS} transactions of 20 inserts in {} statements, medians of {ROUNDS}:", 20 / group);
        for (kind, median) in ["without", "range", "list", "list, in one round trip"].iter().zip(&medians) {
            println!("  {kind}: {:.3} s, {:.3} times the time without", median, median / medians[0]);
        }
    }
}

fn round(server: &PrivateServer, kind: &str, group: u64, transactions: u64, turn: u64) -> Duration {
    let link = started(server, 5, &format!("cost {kind} {group} {turn}"), 1).1;
    let mut worker = session(server);
    let mut slot = Slot::claim(&mut worker, &link, 0).unwrap();
    server.connect().unwrap().query_drop("TRUNCATE data.cost_keyed").unwrap();
    let begin = Instant::now();
    for batch in 1..=transactions {
        let own =
            (0..WHOLE).map(|n| CommitTs::from_parts(START >> 18, 0).0 + ((batch * WHOLE + n) << 18)).map(CommitTs);
        let own: Vec<CommitTs> = own.collect();
        let record = Record::of(&own, kind == "range");
        let floor = CommitTs((START >> 18 << 18) + ((batch.saturating_sub(LAG) * WHOLE) << 18));
        match kind {
            "without" => worker.begin().unwrap(),
            "list, in one round trip" => {
                let sql = slot.statement(batch, &record, floor).unwrap();
                let affected = worker.begin_with(&sql).unwrap();
                slot.check(&mut worker, affected).unwrap();
            }
            _ => {
                worker.begin().unwrap();
                slot.write(&mut worker, batch, &record, floor).unwrap();
            }
        }
        for statement in 0..20 / group {
            let rows: Vec<String> = (0..group)
                .map(|n| batch * 20 + statement * group + n)
                .map(|id| format!("({id}, {}, 'some text of a row like others')", id % 977))
                .collect();
            worker.run(&format!("INSERT INTO data.cost_keyed VALUES {}", rows.join(", "))).unwrap();
        }
        worker.commit().unwrap();
        slot.saved();
    }
    begin.elapsed()
}
