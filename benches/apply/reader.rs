//! Somebody who looks at the bank while money moves: each look is one statement, so one snapshot.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle, sleep};
use std::time::Duration;

use crate::load::Bank;
use anyhow::{Context, Result};
use mysql::Conn;
use mysql::prelude::Queryable;

/// Between two looks: the reader is to see much, not to take the server for itself.
const PAUSE: Duration = Duration::from_millis(1);

/// What was seen while writes were under way: when some of the transfers were there, but not all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    /// Looks.
    pub reads: u64,
    /// Looks at which the balances did not add up.
    pub wrong: u64,
}

/// A reader on a thread of its own.
pub struct Reader {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Seen>>,
}

impl Reader {
    /// Begins to look, straight at the server.
    pub fn start(mut conn: Conn, bank: Bank) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = thread::spawn(move || look(&mut conn, bank, &stopped));
        Self { stop, thread }
    }

    /// What it saw.
    pub fn end(self) -> Result<Seen> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().ok().context("the reader panicked")?
    }
}

fn look(conn: &mut Conn, bank: Bank, stop: &AtomicBool) -> Result<Seen> {
    let tables = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'load_bank'";
    while conn.query_first::<u64, _>(tables)? < Some(2) {
        if stop.load(Ordering::Relaxed) {
            return Ok(Seen::default());
        }
        sleep(PAUSE);
    }
    let query = "SELECT CAST(SUM(balance) * 100 AS SIGNED), COUNT(*), (SELECT MAX(id) FROM load_bank.transfers) \
                 FROM load_bank.accounts";
    let mut seen = Seen::default();
    while !stop.load(Ordering::Relaxed) {
        let (sum, accounts, last): (Option<i64>, u64, Option<u64>) = conn.query_first(query)?.context("a row")?;
        if last.is_some_and(|last| last < bank.transfers) {
            seen.reads += 1;
            seen.wrong += u64::from(sum != Some(bank.sum()) || accounts != u64::from(bank.accounts));
        }
        sleep(PAUSE);
    }
    Ok(seen)
}
