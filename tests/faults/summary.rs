//! What all rounds of a run came to.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::reader::Seen;
use crate::steps::Step;

/// How often a kind of fault came.
#[derive(Clone, Copy, Debug, Default)]
pub struct Count {
    pub times: u64,
    /// Times that a transaction was open.
    pub open: u64,
    /// The most transactions that were open at one time.
    pub most: usize,
    /// Times that its moment did not come before the run's end.
    pub missed: u64,
}

#[derive(Default)]
pub struct Summary {
    pub rounds: u64,
    pub equal: u64,
    pub failed: Vec<(u64, String)>,
    pub faults: BTreeMap<String, Count>,
    pub runs: u64,
    pub by_hand: u64,
    /// Runs that lost the target before they had begun to read.
    pub at_start: u64,
    /// Runs that were refused at their start because a Pump was away.
    pub without_pump: u64,
    pub txns: u64,
    pub rows: usize,
    pub seen: Seen,
    /// DDL that ended as unknown, by type, and how it was settled.
    pub unknown: BTreeMap<String, u64>,
    pub steps: BTreeMap<Step, u64>,
}

static ALL: Mutex<Option<Summary>> = Mutex::new(None);

/// Adds something to the summary.
pub fn note(add: impl FnOnce(&mut Summary)) {
    let mut all: MutexGuard<'_, Option<Summary>> = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    add(all.get_or_insert_default());
}

impl Summary {
    pub fn fault(&mut self, kind: &str, open: usize) {
        let count = self.faults.entry(kind.to_owned()).or_default();
        count.times += 1;
        count.open += u64::from(open > 0);
        count.most = count.most.max(open);
    }
}

/// Prints the table; nothing if there was no round.
pub fn print() {
    note(|all| {
        if all.rounds + all.faults.len() as u64 == 0 {
            return;
        }
        println!("\n{:<58} {:>6} {:>10} {:>6} {:>7}", "fault", "times", "txn open", "most", "missed");
        let mut sum = Count::default();
        for (kind, count) in &all.faults {
            println!("{kind:<58} {:>6} {:>10} {:>6} {:>7}", count.times, count.open, count.most, count.missed);
            sum.times += count.times;
            sum.open += count.open;
            sum.most = sum.most.max(count.most);
            sum.missed += count.missed;
        }
        println!("{:<58} {:>6} {:>10} {:>6} {:>7}\n", "all", sum.times, sum.open, sum.most, sum.missed);
        // What it writes about itself is a transaction, too, but has no rows in it.
        let counts = |kind: &str| {
            kind.starts_with("kill ") && !["take-over", "claim", "Drainer"].iter().any(|own| kind.contains(own))
        };
        let kills: u64 = all.faults.iter().filter(|(kind, _)| counts(kind)).map(|(_, count)| count.open).sum();
        println!("kills with a transaction open that applies rows: {kills}");
        println!("rounds: {}, equal: {}, failed: {}", all.rounds, all.equal, all.failed.len());
        println!("runs of tisync: {}, of which restarted by hand after a lost connection: {}", all.runs, all.by_hand);
        println!("runs that lost the target before they had begun to read: {}", all.at_start);
        println!("runs refused at their start while a Pump was away: {}", all.without_pump);
        println!("upstream transactions: {}, rows compared: {}", all.txns, all.rows);
        let Summary { seen, .. } = all;
        println!("snapshots read: {} of {} states, wrong: {}", seen.reads, seen.states, seen.wrong.len());
        for (what, times) in &all.unknown {
            println!("DDL that ended as unknown: {what}: {times}");
        }
        let steps: Vec<String> = all.steps.iter().map(|(step, n)| format!("{step} {n}")).collect();
        println!("statements seen: {}", steps.join(", "));
        for (seed, why) in &all.failed {
            println!("FAILED: TISYNC_FAULT_SEED={seed}: {}", why.lines().next().unwrap_or_default());
        }
    });
}
