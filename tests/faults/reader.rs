//! A reader beside tisync, straight at the target: every consistent snapshot has to hold whole transactions.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle, sleep};
use std::time::Duration;

use mysql::prelude::Queryable;
use mysql::{Conn, OptsBuilder};

use crate::tables::DATABASE;
use crate::workload::BALANCE;

/// How long it rests between two looks.
const REST: Duration = Duration::from_millis(3);

/// What it saw.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Snapshots with accounts in them.
    pub reads: u64,
    /// Of these, how many had more or fewer transfers than the one before.
    pub states: u64,
    /// What was wrong, one line each.
    pub wrong: Vec<String>,
}

pub struct Reader {
    done: Arc<AtomicBool>,
    thread: JoinHandle<Seen>,
}

impl Reader {
    /// Reads the server on port `port` until [`end`](Self::end).
    pub fn start(port: u16, accounts: i64) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&done);
        Self { done, thread: thread::spawn(move || watch(port, accounts, &flag)) }
    }

    pub fn end(self) -> Seen {
        self.done.store(true, Ordering::Relaxed);
        self.thread.join().expect("the reader does not panic")
    }
}

fn watch(port: u16, accounts: i64, done: &AtomicBool) -> Seen {
    let mut seen = Seen::default();
    let mut last = None;
    while !done.load(Ordering::Relaxed) {
        let options = OptsBuilder::new().ip_or_hostname(Some("127.0.0.1")).tcp_port(port).user(Some("root"));
        // The server may be away: that is one of the faults.
        let Ok(mut conn) = Conn::new(options) else {
            sleep(REST);
            continue;
        };
        while !done.load(Ordering::Relaxed) {
            match look(&mut conn) {
                Ok(Some(state)) => {
                    seen.reads += 1;
                    seen.states += u64::from(last.replace(state.transfers) != Some(state.transfers));
                    if let Some(wrong) = state.wrong(accounts) {
                        seen.wrong.push(wrong);
                    }
                }
                Ok(None) => {}
                // Not made yet, or just being altered.
                Err(mysql::Error::MySqlError(e)) if [1049, 1146, 1412, 1054].contains(&e.code) => {
                    let _ = conn.query_drop("ROLLBACK");
                }
                Err(_) => break,
            }
            sleep(REST);
        }
    }
    seen
}

struct State {
    sum: i64,
    /// Balances weighed by the accounts' numbers: tells which transfers were made, where the sum only tells that whole ones were.
    weighed: i64,
    count: i64,
    transfers: i64,
    moved: i64,
    orphans: i64,
}

impl State {
    fn wrong(&self, accounts: i64) -> Option<String> {
        let (sum, numbers) = (accounts * BALANCE, accounts * (accounts + 1) / 2);
        let right = self.count == accounts
            && self.sum == sum
            && self.weighed - numbers * BALANCE == self.moved
            && self.orphans == 0;
        let said = format!(
            "{} accounts of {accounts} with {} instead of {sum}, weighed {} for {} moved by {} transfers, {} children without a parent",
            self.count,
            self.sum,
            self.weighed - numbers * BALANCE,
            self.moved,
            self.transfers,
            self.orphans
        );
        (!right).then_some(said)
    }
}

fn look(conn: &mut Conn) -> mysql::Result<Option<State>> {
    conn.query_drop("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")?;
    conn.query_drop("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")?;
    let accounts: Option<(i64, Option<i64>, Option<i64>)> = conn.query_first(format!(
        "SELECT COUNT(*), CAST(SUM(balance) * 100 AS SIGNED), CAST(SUM(balance * id) * 100 AS SIGNED) FROM {DATABASE}.accounts"
    ))?;
    let transfers: Option<(i64, Option<i64>)> = conn.query_first(format!(
        "SELECT COUNT(*), CAST(SUM(amount * (dst - src)) * 100 AS SIGNED) FROM {DATABASE}.transfers"
    ))?;
    let orphans: Option<i64> = conn.query_first(format!(
        "SELECT COUNT(*) FROM {DATABASE}.children c LEFT JOIN {DATABASE}.parents p ON p.id = c.parent WHERE p.id IS NULL"
    ))?;
    conn.query_drop("COMMIT")?;
    let (Some((count, Some(sum), Some(weighed))), Some((transfers, moved))) = (accounts, transfers) else {
        return Ok(None);
    };
    let (moved, orphans) = (moved.unwrap_or(0), orphans.unwrap_or(0));
    Ok(Some(State { sum, weighed, count, transfers, moved, orphans }))
}

/// Whether a wrong snapshot is seen as one: half a transfer, a transfer without its money, a child without its parent.
pub fn check() {
    let right =
        || State { sum: 3 * BALANCE, weighed: 6 * BALANCE + 500, count: 3, transfers: 1, moved: 500, orphans: 0 };
    assert_eq!(right().wrong(3), None);
    let wrong = [
        State { sum: 3 * BALANCE - 500, ..right() },
        State { weighed: 6 * BALANCE, ..right() },
        State { moved: 0, ..right() },
        State { count: 2, ..right() },
        State { orphans: 1, ..right() },
    ];
    assert!(wrong.iter().all(|state| state.wrong(3).is_some()));
}
