//! Work with columns that come and go: DDL on A, one statement after the other, and on both sides rows that use what is there at the moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use mysql::Conn;
use mysql::prelude::Queryable;
use tisync::playground::mirror::Mirror;

/// The tables whose columns change: one with a key of its own numbers, one with words, one without any.
const TABLES: [&str; 3] = ["words", "accounts", "bare"];
/// What servers say of a column that has just gone or come, or when they go down themselves.
const PASSING: [u16; 9] = [1053, 1054, 1136, 1205, 1213, 1317, 1412, 1927, 3024];

/// A statement of A's, and what is to be seen afterwards.
struct Step {
    sql: String,
    /// A query that gives 1 when it has been done.
    done: String,
}

/// What happens to column `n` of a table, in this order; between them there are those of other tables.
fn steps(table: &str, n: u64) -> Vec<Step> {
    let column = |name: &str, more: &str| {
        format!(
            "SELECT COUNT(*) > 0 FROM information_schema.columns WHERE table_schema = 'play' AND table_name = '{table}' \
             AND column_name = '{name}' {more}"
        )
    };
    let step = |change: String, done: String| Step { sql: format!("ALTER TABLE play.{table} {change}"), done };
    let (int, text, other) = (format!("i{n}"), format!("t{n}"), format!("r{n}"));
    let gone = |name: &str| format!("SELECT NOT ({})", column(name, ""));
    vec![
        step(format!("ADD COLUMN {int} INT NOT NULL DEFAULT {n}"), column(&int, "")),
        step(format!("ADD COLUMN {text} VARCHAR(20) NULL DEFAULT 'new {n}' FIRST"), column(&text, "")),
        step(format!("MODIFY COLUMN {int} BIGINT NOT NULL DEFAULT {n}"), column(&int, "AND data_type = 'bigint'")),
        step(format!("RENAME COLUMN {text} TO {other}"), column(&other, "")),
        step(format!("MODIFY COLUMN {other} VARCHAR(60) NULL"), column(&other, "AND character_maximum_length = 60")),
        step(format!("DROP COLUMN {int}"), gone(&int)),
        // The name that was given up comes back, for something else.
        step(format!("CHANGE COLUMN {other} {text} VARCHAR(60) NULL"), column(&text, "")),
        step(
            format!("ADD COLUMN k{n} DECIMAL(10,2) NOT NULL DEFAULT 1.5, DROP COLUMN {text}"),
            column(&format!("k{n}"), ""),
        ),
    ]
}

/// DDL that goes on, on one server.
pub struct Changes {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

impl Changes {
    /// A statement on A every so often, and rows on both sides.
    pub fn start(a: &Arc<Mirror>, b: &Arc<Mirror>, every: Duration) -> Self {
        let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let mut threads = Vec::new();
        let (mirror, flag, count) = (Arc::clone(a), Arc::clone(&stop), Arc::clone(&done));
        threads.push(std::thread::spawn(move || ddl(&mirror, every, &flag, &count)));
        for (side, mirror) in [(1, a), (2, b)] {
            let (mirror, flag) = (Arc::clone(mirror), Arc::clone(&stop));
            threads.push(std::thread::spawn(move || fill(&mirror, side, &flag)));
        }
        Self { stop, done, threads }
    }

    /// Statements that have been done.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Ends it.
    pub fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().for_each(|t| t.join().expect("no thread panics"));
        self.done.load(Ordering::Relaxed)
    }
}

fn ddl(mirror: &Mirror, every: Duration, stop: &AtomicBool, count: &AtomicU64) {
    for n in 0.. {
        let mut all: Vec<_> = TABLES.map(|table| steps(table, n).into_iter()).into();
        while let Some(step) = (0..all.len()).find_map(|_| {
            all.rotate_left(1);
            all.last_mut()?.next()
        }) {
            let begin = Instant::now();
            while begin.elapsed() < every {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                sleep(Duration::from_millis(10));
            }
            until_done(mirror, &step);
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Runs it, also if the server dies of it.
fn until_done(mirror: &Mirror, step: &Step) {
    loop {
        sleep(Duration::from_millis(5));
        let Ok(mut conn) = mirror.connect() else { continue };
        match conn.query_first::<u8, _>(&step.done) {
            Ok(Some(1)) => return,
            Ok(_) => {}
            Err(_) => continue,
        }
        match conn.query_drop(&step.sql) {
            Ok(()) => return,
            Err(mysql::Error::MySqlError(e)) if !PASSING.contains(&e.code) => panic!("{}: {e}", step.sql),
            Err(_) => {}
        }
    }
}

/// Rows of the side's own, with values in columns that are there.
fn fill(mirror: &Mirror, side: u8, stop: &AtomicBool) {
    let mut n = 0_u64;
    while !stop.load(Ordering::Relaxed) {
        sleep(Duration::from_millis(20));
        let Ok(mut conn) = mirror.connect() else { continue };
        let _ = conn.query_drop("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED");
        while !stop.load(Ordering::Relaxed) {
            n += 1;
            match once(&mut conn, side, n) {
                Ok(()) => sleep(Duration::from_millis(10)),
                Err(mysql::Error::MySqlError(e)) if !PASSING.contains(&e.code) => panic!("{e}"),
                Err(_) => break,
            }
        }
    }
}

fn once(conn: &mut Conn, side: u8, n: u64) -> mysql::Result<()> {
    let table = TABLES[usize::try_from(n % 3).unwrap()];
    let columns: Vec<(String, String)> = conn.query(format!(
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = 'play' AND table_name = '{table}' \
         AND column_name REGEXP '^[itrk][0-9]+$'"
    ))?;
    let value = |kind: &str| if kind == "varchar" { format!("'{side} {n}'") } else { format!("{side}{}", n % 1000) };
    let names: String = columns.iter().map(|(name, _)| format!(", {name}")).collect();
    let values: String = columns.iter().map(|(_, kind)| format!(", {}", value(kind))).collect();
    let sets: Vec<String> = columns.iter().map(|(name, kind)| format!("{name} = {}", value(kind))).collect();
    let few = n / 3 % 40;
    let (own, row) = match table {
        "words" => {
            (format!("word = '{side} more {few}'"), format!("(word, n{names}) VALUES ('{side} more {few}', 1{values})"))
        }
        "accounts" => (
            format!("owner = '{side} more {few}'"),
            format!("(owner, balance{names}) VALUES ('{side} more {few}', {n}{values})"),
        ),
        _ => (
            format!("side = {side} AND n = {}", 1000 + few),
            format!("(side, n, note{names}) VALUES ({side}, {}, 'more'{values})", 1000 + few),
        ),
    };
    match n % 7 {
        0 | 3 => conn.query_drop(format!("DELETE FROM play.{table} WHERE {own} LIMIT 1"))?,
        1 | 4 if !sets.is_empty() => {
            conn.query_drop(format!("UPDATE play.{table} SET {} WHERE {own} LIMIT 1", sets.join(", ")))?;
        }
        // The other columns alone.
        2 if table == "accounts" => conn.query_drop(format!("UPDATE play.accounts SET balance = {n} WHERE {own}"))?,
        _ if table == "bare" => conn.query_drop(format!("INSERT INTO play.bare {row}"))?,
        _ => conn.query_drop(format!("INSERT IGNORE INTO play.{table} {row}"))?,
    }
    Ok(())
}
