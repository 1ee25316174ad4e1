//! The same stories typed into a real TiDB by several sessions at once, while the binary replicates live and is killed again and
//! again. What the statements do then is the upstream's affair: both sides are compared in the end.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use mysql::prelude::Queryable;
use mysql::{Conn, Opts};
use tisync::playground::compare::{self, Definitions, Side};
use tisync::playground::sql_name;

use crate::chance::Random;
use crate::common::binary;
use crate::story::{DATABASES, Step, Story};

/// Sessions that write rows; one more runs the DDL.
const WRITERS: usize = 6;
/// Statements that wait for a session.
const AHEAD: usize = 4;
/// A DDL comes about every so many transactions.
const DDL_EVERY: u64 = 25;
/// Turns of a story a second: more than a small cluster takes.
const TURNS: u64 = 100;
/// The longest that a run goes on before it is killed, in milliseconds.
const MOST_MS: u64 = 9_000;

/// Where the clusters are.
pub struct World {
    upstream: String,
    pd: String,
    targets: Vec<String>,
}

#[derive(Default)]
struct Counted {
    done: AtomicU64,
    /// How often each error came.
    refused: Mutex<BTreeMap<u16, u64>>,
}

impl World {
    /// What the environment says; `None` where it names no clusters. There may be several targets, with spaces between.
    pub fn named() -> Option<Self> {
        let of = |name: &str| std::env::var(name).ok();
        let (upstream, pd) = (of("TISYNC_LIVE_UPSTREAM")?, of("TISYNC_LIVE_PD")?);
        let targets = of("TISYNC_LIVE_TARGET")?.split_whitespace().map(str::to_owned).collect();
        Some(Self { upstream, pd, targets })
    }

    /// A round of about `length`; what came of it.
    pub fn play(&self, seed: u64, length: Duration) -> Result<String> {
        for address in self.targets.iter().chain([&self.upstream]) {
            let mut conn = connect(address)?;
            for database in DATABASES {
                conn.query_drop(format!("DROP DATABASE IF EXISTS {}", sql_name(database)))?;
            }
        }
        let start = binary::tisync(&["ts", "now", "--pd", &self.pd]).expect(0).stdout;
        let start = start.trim();
        let loaded = AtomicBool::new(false);
        let (load, ends) = thread::scope(|scope| {
            let links: Vec<_> = (0..)
                .zip(&self.targets)
                .map(|(number, target)| {
                    let loaded = &loaded;
                    scope.spawn(move || self.follow(target, seed + number * 1_000, start, length, loaded))
                })
                .collect();
            let load = type_in(&self.upstream, seed, length);
            loaded.store(true, Ordering::Relaxed);
            (load, links.into_iter().map(|link| link.join()).collect::<Vec<_>>())
        });
        let mut lines = vec![load?];
        let mut failed = false;
        for (end, target) in ends.into_iter().zip(&self.targets) {
            let line = match end {
                Ok(Ok(line)) => line,
                Ok(Err(error)) => {
                    failed = true;
                    format!("FAILED: {error:#}")
                }
                Err(_) => bail!("a link panicked"),
            };
            lines.push(format!("  {target}: {line}"));
        }
        if failed {
            self.keep(seed, start)?;
            bail!("{}", lines.join("\n"));
        }
        Ok(lines.join("\n"))
    }

    fn follow(&self, target: &str, seed: u64, start: &str, length: Duration, loaded: &AtomicBool) -> Result<String> {
        let kills = self.replicate(target, seed, start, length, loaded)?;
        Ok(format!("equal, {} rows, {kills} kills", self.compare(target)?))
    }

    /// Runs the binary until everything is there; gives how often it was killed.
    fn replicate(&self, target: &str, seed: u64, start: &str, length: Duration, loaded: &AtomicBool) -> Result<u64> {
        let link = format!("random-{seed}-{start}");
        let args = [
            "sync",
            "--from",
            &self.pd,
            "--to",
            target,
            "--start-ts",
            start,
            "--link",
            &link,
            "--allow-missing",
            "--quiet",
        ];
        let mut random = Random::new(seed);
        let mut kills = 0;
        let begun = Instant::now();
        while begun.elapsed() < length && !loaded.load(Ordering::Relaxed) {
            let mut child = binary::spawn(&args);
            let until = Instant::now() + Duration::from_millis(500 + random.below(MOST_MS));
            while Instant::now() < until && child.try_wait()?.is_none() {
                sleep(Duration::from_millis(5));
            }
            let ended = child.try_wait()?;
            child.kill()?;
            let ran = binary::wait(child);
            match ended {
                None => kills += 1,
                Some(_) => bail!("a run ended with {} after {kills} kills:\n{}{}", ran.code, ran.stdout, ran.stderr),
            }
        }
        while !loaded.load(Ordering::Relaxed) {
            sleep(Duration::from_millis(50));
        }
        let ran = binary::tisync(&[&args[..], &["--until", "caught-up"]].concat());
        if ran.code != 0 {
            bail!("the last run ended with {} after {kills} kills:\n{}{}", ran.code, ran.stdout, ran.stderr);
        }
        Ok(kills)
    }

    fn compare(&self, target: &str) -> Result<usize> {
        let mut differences = Vec::new();
        let mut rows = 0;
        for database in DATABASES {
            let mut left = Side::new(connect(&self.upstream)?, database)?;
            let mut right = Side::new(connect(target)?, database)?;
            let found = compare::databases(&mut left, &mut right, Definitions::Names, &[])?;
            differences.extend(found.differences);
            rows += found.rows;
        }
        if !differences.is_empty() {
            bail!("the target is not equal:\n{}", differences.join("\n"));
        }
        Ok(rows)
    }

    /// Records the stream of a round that failed, where somebody wants it.
    fn keep(&self, seed: u64, start: &str) -> Result<()> {
        let Some(folder) = std::env::var_os("TISYNC_RANDOM_KEEP") else { return Ok(()) };
        let place = std::path::Path::new(&folder).join(format!("round-{seed}-{start}")).display().to_string();
        let args =
            ["record", "--from", &self.pd, "--dir", &place, "--start-ts", start, "--until", "caught-up", "--quiet"];
        let ran = binary::tisync(&args);
        println!("the stream is in {place} ({})", ran.code);
        Ok(())
    }
}

/// Types the story in for a while; says what was done.
fn type_in(upstream: &str, seed: u64, length: Duration) -> Result<String> {
    let turns = usize::try_from(length.as_secs() * TURNS)?;
    let steps = Story::new(seed, turns, DDL_EVERY).steps;
    let counted = Box::leak(Box::<[Counted; 2]>::default());
    let [rows, ddl] = &*counted;
    let begun = Instant::now();
    let mut queues: Vec<SyncSender<Work>> = Vec::new();
    let mut sessions = Vec::new();
    for number in 0..=WRITERS {
        let (sender, receiver) = sync_channel(if number == WRITERS { 1 } else { AHEAD });
        // Every second session is somewhere else; whether that of the DDL is one of them is the seed's affair.
        let east = seed.is_multiple_of(2) != number.is_multiple_of(2);
        let address = upstream.to_owned();
        let open = move || open(&address, if east { "+08:00" } else { "+00:00" });
        let session = Session { conn: open()?, counted: if number == WRITERS { ddl } else { rows } };
        sessions.push(thread::spawn(move || session.work(&receiver, open)));
        queues.push(sender);
    }
    let mut random = Random::new(!seed);
    let without = std::env::var("TISYNC_RANDOM_WITHOUT").unwrap_or_default();
    let left_out = |action: u8| without.split(',').any(|number| number.trim() == action.to_string());
    for step in steps {
        if matches!(&step, Step::Ddl(job) if left_out(job.action)) {
            continue;
        }
        if begun.elapsed() >= length {
            break;
        }
        let (done, made) = sync_channel(1);
        let (queue, work, awaited) = match step {
            Step::Ddl(job) => {
                // What is new has to be there before anybody writes to it.
                let new = matches!(job.action, 1 | 3);
                // Every second one is over before the story goes on: else hardly a row would know its columns.
                let awaited = new || random.one_in(2);
                (WRITERS, Work { statements: vec![job.query], done: awaited.then_some(done) }, awaited)
            }
            Step::Txn { sql, .. } => {
                (usize::try_from(random.below(WRITERS as u64))?, Work { statements: sql, done: None }, false)
            }
        };
        let queue = queues.get(queue).context("a session")?;
        queue.send(work).ok().context("a session ended")?;
        if awaited {
            made.recv().context("a session ended")?;
        }
    }
    drop(queues);
    for session in sessions {
        session.join().map_err(|_| anyhow::anyhow!("a session panicked"))??;
    }
    Ok(format!("transactions: {}, DDL: {}", rows.shown(), ddl.shown()))
}

impl Counted {
    fn shown(&self) -> String {
        let refused: Vec<String> =
            lock(&self.refused).iter().map(|(code, count)| format!("{count} of {code}")).collect();
        format!("{} (and errors: {})", self.done.load(Ordering::Relaxed), refused.join(", "))
    }

    fn refuse(&self, error: &mysql::Error) {
        let code = if let mysql::Error::MySqlError(said) = error { said.code } else { 0 };
        *lock(&self.refused).entry(code).or_default() += 1;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A transaction or a DDL, and who waits for it.
struct Work {
    statements: Vec<String>,
    done: Option<SyncSender<()>>,
}

struct Session {
    conn: Conn,
    counted: &'static Counted,
}

impl Session {
    /// Each list is a transaction. What the server refuses is left out: beside others nobody can say what is possible.
    ///
    /// A TiDB that panics ends the session and lives on, so a session that broke is opened anew.
    fn work(mut self, queue: &Receiver<Work>, open: impl Fn() -> Result<Conn>) -> Result<()> {
        for Work { statements, done: waiting } in queue {
            match self.transaction(&statements) {
                Ok(()) => _ = self.counted.done.fetch_add(1, Ordering::Relaxed),
                Err(error) => {
                    self.counted.refuse(&error);
                    if self.conn.query_drop("ROLLBACK").is_err() {
                        self.conn = open()?;
                    }
                }
            }
            if let Some(waiting) = waiting {
                let _ = waiting.send(());
            }
        }
        Ok(())
    }

    fn transaction(&mut self, statements: &[String]) -> mysql::Result<()> {
        if let [alone] = statements {
            return self.conn.query_drop(alone);
        }
        self.conn.query_drop("BEGIN")?;
        statements.iter().try_for_each(|statement| self.conn.query_drop(statement))?;
        self.conn.query_drop("COMMIT")
    }
}

fn open(address: &str, zone: &str) -> Result<Conn> {
    let mut conn = connect(address)?;
    conn.query_drop(format!("SET SESSION time_zone = '{zone}'"))?;
    conn.query_drop("SET NAMES utf8mb4")?;
    Ok(conn)
}

fn connect(address: &str) -> Result<Conn> {
    Ok(Conn::new(Opts::from_url(address)?)?)
}
