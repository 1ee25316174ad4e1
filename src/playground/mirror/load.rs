//! A load on both of two mirrored servers that never touches a row from both sides.
//!
//! Each side has its own numbers, words and rows of a table without a key, and a row that each of
//! its transactions writes to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use anyhow::Result;
use mysql::Conn;
use mysql::prelude::Queryable;

use super::Mirror;
use crate::error::Fault;
use crate::mysql::answer::Answers;
use crate::playground::Random;

/// The database of the work.
pub const DATABASE: &str = "play";
/// Words that a side uses.
const WORDS: u64 = 300;
/// Numbers that a side keeps, to change and delete their rows later.
const REMEMBERED: usize = 500;
/// The pause before a lost server is tried again.
const AGAIN: Duration = Duration::from_millis(50);

/// Makes the tables that do not exist yet.
///
/// # Errors
/// If the server refuses.
pub fn create(conn: &mut Conn) -> Result<()> {
    for sql in [
        "CREATE DATABASE IF NOT EXISTS play",
        "CREATE TABLE IF NOT EXISTS play.accounts (id BIGINT AUTO_INCREMENT PRIMARY KEY, owner VARCHAR(40) UNIQUE,
            balance DECIMAL(12,2) NOT NULL, changed TIMESTAMP(6) NULL)",
        "CREATE TABLE IF NOT EXISTS play.words (word VARCHAR(40) PRIMARY KEY, n INT NOT NULL)",
        "CREATE TABLE IF NOT EXISTS play.hot (side INT PRIMARY KEY, n BIGINT NOT NULL)",
        // Without a key that tells rows apart. The index is there so that the statements of a side
        // lock only that side's rows, as in a TiDB: a statement that has to read a whole table in
        // MariaDB locks all of it, and two of those can end in a deadlock.
        "CREATE TABLE IF NOT EXISTS play.bare (side INT, n INT, note VARCHAR(40), KEY (side, n))",
    ] {
        conn.query_drop(sql)?;
    }
    Ok(())
}

/// Whether a server has all of them.
///
/// # Errors
/// If the server does not answer.
pub fn ready(conn: &mut Conn) -> Result<bool> {
    let query = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'play'";
    Ok(conn.one::<u32>(query)? == Some(4))
}

/// Options of the load.
#[derive(Clone, Copy, Debug)]
pub struct LoadOptions {
    /// 1 or 2: which rows belong to this load. The server must give AUTO_INCREMENT numbers of that
    /// offset alone.
    pub side: u8,
    /// One seed always gives the same statements.
    pub seed: u64,
    /// Transactions a second; `None`: as many as possible.
    pub rate: Option<f64>,
}

/// A running load.
pub struct RunningLoad {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    thread: JoinHandle<Result<()>>,
}

impl RunningLoad {
    /// Works on the server of `mirror`, through any restart of it, until stopped.
    #[must_use]
    pub fn start(mirror: Arc<Mirror>, options: LoadOptions) -> Self {
        let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (flag, count) = (Arc::clone(&stop), Arc::clone(&done));
        let thread = std::thread::spawn(move || {
            let mut worker = Worker { options, random: Random::new(options.seed), numbers: Vec::new(), named: 0 };
            while !flag.load(Ordering::Relaxed) {
                // While the server is away, there is nothing to do.
                if let Ok(conn) = mirror.connect() {
                    worker.work(conn, &flag, &count)?;
                }
                sleep(AGAIN);
            }
            Ok(())
        });
        Self { stop, done, thread }
    }

    /// Transactions whose COMMIT was answered.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Ends it after the current transaction. Gives the number of transactions.
    ///
    /// # Errors
    /// If the server refused a statement.
    pub fn stop(self) -> Result<u64> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| Fault::refused("the load's thread panicked"))??;
        Ok(self.done.load(Ordering::Relaxed))
    }
}

struct Worker {
    options: LoadOptions,
    random: Random,
    /// Numbers of own rows; some may be gone with a lost transaction.
    numbers: Vec<u64>,
    named: u64,
}

impl Worker {
    /// Works until told to stop or the connection is lost.
    fn work(&mut self, mut conn: Conn, stop: &AtomicBool, done: &AtomicU64) -> Result<()> {
        let begin = Instant::now();
        let mut count = 0_u32;
        // A TiDB locks no gaps.
        if conn.query_drop("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED").is_err() {
            return Ok(());
        }
        while !stop.load(Ordering::Relaxed) {
            let due = self.options.rate.map(|rate| Duration::try_from_secs_f64(f64::from(count) / rate));
            if let Some(early) = due.and_then(|d| d.ok()?.checked_sub(begin.elapsed())) {
                sleep(early.min(AGAIN));
                continue;
            }
            match self.transaction(&mut conn) {
                Ok(()) => {}
                // A refused statement is a bug here, or a conflict, which must not happen.
                Err(mysql::Error::MySqlError(error)) if !passing(error.code) => {
                    return Err(mysql::Error::from(error).into());
                }
                Err(_) => return Ok(()),
            }
            count = count.saturating_add(1);
            done.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    fn transaction(&mut self, conn: &mut Conn) -> mysql::Result<()> {
        let side = self.options.side;
        conn.query_drop("BEGIN")?;
        conn.query_drop(format!("INSERT INTO play.hot VALUES ({side}, 1) ON DUPLICATE KEY UPDATE n = n + 1"))?;
        let mut new = Vec::new();
        for _ in 0..=self.random.below(3) {
            let sql = self.statement();
            conn.query_drop(&sql)?;
            if sql.starts_with("INSERT INTO play.accounts") {
                new.push(conn.last_insert_id());
            }
        }
        conn.query_drop("COMMIT")?;
        self.numbers.append(&mut new);
        let many = self.numbers.len().saturating_sub(REMEMBERED);
        self.numbers.drain(..many);
        Ok(())
    }

    fn statement(&mut self) -> String {
        let side = self.options.side;
        let amount = self.random.below(100_000);
        let word = self.random.below(WORDS);
        let n = self.random.below(50);
        let at = self.random.below(u64::try_from(self.numbers.len()).unwrap_or(0));
        let known = usize::try_from(at).ok().and_then(|at| self.numbers.get(at)).copied().unwrap_or(0);
        match self.random.below(10) {
            0 | 1 => {
                self.named += 1;
                let owner = format!("{side} {} {}", self.options.seed, self.named);
                format!(
                    "INSERT INTO play.accounts (owner, balance, changed) VALUES ('{owner}', {amount} / 100, NOW(6)) \
                     ON DUPLICATE KEY UPDATE id = LAST_INSERT_ID(id)"
                )
            }
            2 | 3 => format!("UPDATE play.accounts SET balance = {amount} / 100, changed = NOW(6) WHERE id = {known}"),
            4 => format!("DELETE FROM play.accounts WHERE id = {known}"),
            5 | 6 => {
                format!(
                    "INSERT INTO play.words (word, n) VALUES ('{side} wörd {word}', 1) ON DUPLICATE KEY UPDATE n = n + 1"
                )
            }
            7 => format!("DELETE FROM play.words WHERE word = '{side} wörd {word}'"),
            8 => format!(
                "INSERT INTO play.bare (side, n, note) VALUES ({side}, {n}, 'note {n}'), ({side}, {n}, 'note {n}')"
            ),
            _ if amount.is_multiple_of(2) => {
                format!("UPDATE play.bare SET note = CONCAT('changed ', n) WHERE side = {side} AND n = {n} LIMIT 1")
            }
            _ => format!("DELETE FROM play.bare WHERE side = {side} AND n = {n} LIMIT 2"),
        }
    }
}

/// Whether the error is one of a server that shuts down, or that has chosen this transaction to end
/// a deadlock.
fn passing(code: u16) -> bool {
    matches!(code, 1053 | 1205 | 1213 | 1317 | 1927)
}
