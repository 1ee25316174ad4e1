//! The bank, a load for the simulated cluster: money moves between accounts, the sum never changes.
//!
//! Other tables show off every type and kind of key. The bank keeps the final state for a
//! comparison.
//!
//! It writes what a TiDB would write into its Pumps: DDL jobs with their definitions, and rows in
//! binlog form. Two things that a real TiDB shows are missing: rows written while a column is half
//! added, and transactions that overlap.

mod tables;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value as Json;

use self::tables::DATABASE;
use super::Random;
use super::Upstream;
use super::cluster::Cluster;
use super::encode::row::Job;
use super::tableinfo;
use crate::decode::value::Civil;
use crate::error::Fault;
use crate::model::{ActionType, CommitTs, Row, Value};
use tables::{State, Work, money};

pub use tables::Expected;

/// The most rows that the first transactions insert at once.
const SEED_ROWS: i64 = 500;
/// The most columns that a table gets added.
const MOST_ADDED: usize = 4;
/// Indices of the tables, in the order of their definitions.
const ACCOUNTS: usize = 0;
const TRANSFERS: usize = 1;
const FIRST_SHOW: usize = 2;

/// Options of the bank.
#[derive(Clone, Debug)]
pub struct BankOptions {
    /// One seed always gives the same work; with a manual clock and without fakes also the same
    /// bytes.
    pub seed: u64,
    /// How many accounts there are, at least 2.
    pub accounts: u32,
    /// What each holds at first, in hundredths.
    pub balance: i64,
    /// Transactions a second; `None`: as many as possible.
    pub rate: Option<f64>,
    /// A column is added to some table after this many transactions.
    pub ddl_every: Option<u64>,
    /// One of this many transactions works on the other tables instead; `None`: only transfers.
    pub show_every: Option<u64>,
    /// DDL jobs appear in the history this long after their message was sent; `None`: together with
    /// it.
    pub job_delay: Option<Duration>,
}

impl Default for BankOptions {
    fn default() -> Self {
        Self {
            seed: 1,
            accounts: 100,
            balance: 100_000,
            rate: Some(100.0),
            ddl_every: Some(500),
            show_every: Some(4),
            job_delay: None,
        }
    }
}

/// A bank on a simulated cluster.
pub struct Bank {
    upstream: Upstream,
    options: BankOptions,
    random: Random,
    tables: Vec<State>,
    done: Arc<AtomicU64>,
}

/// When a run ends, unless its flag ends it before.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limit {
    /// After this many transactions.
    pub txns: Option<u64>,
    /// After this long.
    pub time: Option<Duration>,
}

impl Bank {
    /// Makes the database, its tables and the accounts.
    ///
    /// # Errors
    /// If the cluster has no Pump, or another writer wrote to its Pumps with timestamps of the
    /// future.
    pub fn start(cluster: Arc<Cluster>, options: BankOptions) -> Result<Self> {
        if cluster.pump_count() == 0 || options.accounts < 2 {
            return Err(Fault::usage("the bank needs a Pump and at least two accounts").into());
        }
        let mut upstream = Upstream::new(cluster, options.job_delay, options.seed);
        let random = Random::new(options.seed);
        let schema_id = upstream.new_id();
        let job = |action, table_id, table_name: &str, query| Job {
            action,
            schema_id,
            schema_name: DATABASE.to_owned(),
            table_id,
            table_name: table_name.to_owned(),
            query,
            comment: None,
        };
        let create = job(ActionType::CreateSchema, 0, "", format!("CREATE DATABASE `{DATABASE}`"));
        upstream.ddl(&create, |_| (tableinfo::db_info(schema_id, DATABASE), Json::Null))?;
        let mut tables = Vec::new();
        for (mut table, details) in tables::all() {
            table.id = upstream.new_id();
            let create = job(ActionType::CreateTable, table.id, &table.name, tableinfo::create_table(&table, &details));
            upstream.ddl(&create, |ts| (Json::Null, tableinfo::table_info(&table, &details, ts)))?;
            tables.push(State::new(schema_id, table, details));
        }
        let mut bank = Self { upstream, options, random, tables, done: Arc::default() };
        bank.open_accounts()?;
        Ok(bank)
    }

    fn open_accounts(&mut self) -> Result<()> {
        let accounts = self.tables.get_mut(ACCOUNTS).context("the bank has no accounts")?;
        let mut work = Work::default();
        for n in 1..=i64::from(self.options.accounts) {
            let handle = accounts.new_handle();
            let owner = Value::Bytes(format!("owner {n}").into());
            work.insert(accounts, handle, vec![Value::Int(handle), owner, money(self.options.balance)]);
            if n % SEED_ROWS == 0 {
                let full = std::mem::take(&mut work);
                self.upstream.rows(&full.changes, &full.handles)?;
            }
        }
        self.upstream.rows(&work.changes, &work.handles).map(|_| ())
    }

    /// The sum of the balances, which never changes, in hundredths.
    #[must_use]
    pub fn sum(&self) -> i64 {
        i64::from(self.options.accounts) * self.options.balance
    }

    /// Works until the limit is reached or `stop` is set; gives the number of transactions, DDL not
    /// counted.
    ///
    /// # Errors
    /// If a message cannot be stored.
    pub fn run(&mut self, limit: Limit, stop: &AtomicBool) -> Result<u64> {
        let begin = Instant::now();
        let mut count = 0;
        while !stop.load(Ordering::Relaxed)
            && limit.txns.is_none_or(|most| count < most)
            && limit.time.is_none_or(|most| begin.elapsed() < most)
        {
            if let Some(rate) = self.options.rate.filter(|r| *r > 0.0) {
                let due = Duration::try_from_secs_f64(f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / rate);
                let early = due.unwrap_or(Duration::MAX).saturating_sub(begin.elapsed());
                if !early.is_zero() {
                    // In short steps, so that the flag and the time limit hold at low rates too.
                    sleep(early.min(Duration::from_millis(50)));
                    continue;
                }
            }
            self.step()?;
            count += 1;
        }
        Ok(count)
    }

    /// Runs the bank on a thread of its own.
    #[must_use]
    pub fn spawn(mut self, limit: Limit) -> RunningBank {
        let stop = Arc::new(AtomicBool::new(false));
        let (flag, done) = (stop.clone(), self.done.clone());
        let thread = std::thread::spawn(move || {
            self.run(limit, &flag)?;
            Ok(self)
        });
        RunningBank { stop, done, thread }
    }

    /// Transactions so far, DDL and the opening of the accounts not counted.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// What each table holds now.
    #[must_use]
    pub fn expected(&self) -> Vec<Expected> {
        let of = |s: &State| Expected { table: s.table.clone(), rows: s.rows.values().cloned().collect() };
        self.tables.iter().map(of).collect()
    }

    /// One transaction, after a DDL if one is due.
    ///
    /// # Errors
    /// If a message cannot be stored.
    pub fn step(&mut self) -> Result<()> {
        let count = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if self.options.ddl_every.is_some_and(|every| every > 0 && count.is_multiple_of(every)) {
            self.add_column()?;
        }
        let mut work = Work::default();
        if self.options.show_every.is_some_and(|every| self.random.one_in(every)) {
            for _ in 0..=self.random.below(4) {
                let shows = self.tables.get_mut(FIRST_SHOW..).unwrap_or_default();
                let at = usize::try_from(self.random.below(u64::try_from(shows.len())?))?;
                if let Some(state) = shows.get_mut(at) {
                    tables::change(&mut self.random, state, &mut work);
                }
            }
        } else {
            self.transfer(&mut work);
        }
        self.upstream.rows(&work.changes, &work.handles).map(|_| ())
    }

    /// Takes money from one account, gives it to another, and records the transfer.
    fn transfer(&mut self, work: &mut Work) {
        let [accounts, transfers, ..] = self.tables.as_mut_slice() else { return };
        let count = i64::from(self.options.accounts);
        let mut src = self.random.between(1, count);
        let mut dst = self.random.between(1, count - 1);
        dst += i64::from(dst >= src);
        let balance = |state: &State, id| state.rows.get(&id).map_or(0, cents);
        if balance(accounts, src) == 0 {
            (src, dst) = (dst, src);
        }
        let amount = self.random.between(1, 10_000).min(balance(accounts, src));
        for (account, change) in [(src, -amount), (dst, amount)] {
            work.update(accounts, account, |row| {
                let after = money(cents(row) + change);
                if let Some(value) = row.get_mut(2) {
                    *value = after;
                }
            });
        }
        let id = transfers.new_handle();
        let at = written_at(self.upstream.cluster.tso());
        let mut row = vec![Value::Int(id), Value::Int(src), Value::Int(dst), money(amount), at];
        for column in transfers.table.columns.iter().skip(row.len()) {
            row.push(if id % 2 == 0 { column.missing.clone() } else { added_value(id, &column.missing) });
        }
        work.insert(transfers, id, row);
    }

    /// Adds a column to one of the tables: nullable without a default, or with one that older rows
    /// have too.
    fn add_column(&mut self) -> Result<()> {
        let choices = self.tables.get_mut(TRANSFERS..).unwrap_or_default();
        let at = usize::try_from(self.random.below(u64::try_from(choices.len())?))?;
        let Some(state) = choices.get_mut(at) else { return Ok(()) };
        let added = state.details.columns.values().filter(|d| d.added).count();
        if added >= MOST_ADDED {
            return Ok(());
        }
        let id = state.table.columns.iter().map(|c| c.id).max().unwrap_or(0) + 1;
        let name = format!("added_{}", added + 1);
        let mut column = tables::column(id, &name, tables::text(), true);
        let mut details = tableinfo::ColumnDetails { length: Some(40), added: true, ..Default::default() };
        if added % 2 == 1 {
            column.missing = Value::Bytes("before".into());
            details.default = Some("before".to_owned());
        }
        state.details.columns.insert(name, details);
        let job = Job {
            action: ActionType::AddColumn,
            schema_id: state.schema_id,
            schema_name: DATABASE.to_owned(),
            table_id: state.table.id,
            table_name: state.table.name.clone(),
            query: tableinfo::add_column(&state.table, &column, &state.details),
            comment: None,
        };
        state.add_column(column);
        let (table, details) = (state.table.clone(), &state.details);
        self.upstream.ddl(&job, |ts| (Json::Null, tableinfo::table_info(&table, details, ts)))?;
        Ok(())
    }
}

/// A bank at work on its own thread.
pub struct RunningBank {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    thread: JoinHandle<Result<Bank>>,
}

impl RunningBank {
    /// Transactions so far.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Whether it has ended, by its limit or an error.
    #[must_use]
    pub fn finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits for its limit.
    ///
    /// # Errors
    /// The error that stopped it, if there was one.
    pub fn wait(self) -> Result<Bank> {
        self.thread.join().map_err(|_| Fault::refused("the bank's thread panicked"))?
    }

    /// Stops it after the current transaction.
    ///
    /// # Errors
    /// See [`wait`](Self::wait).
    pub fn stop(self) -> Result<Bank> {
        self.stop.store(true, Ordering::Relaxed);
        self.wait()
    }
}

/// The balance in a row of accounts, in hundredths.
fn cents(row: &Row) -> i64 {
    match row.get(2) {
        Some(Value::Decimal(d)) => {
            let digits: Vec<u8> = d.text.iter().copied().filter(|b| *b != b'.').collect();
            std::str::from_utf8(&digits).ok().and_then(|t| t.parse().ok()).unwrap_or(0)
        }
        _ => 0,
    }
}

fn added_value(id: i64, missing: &Value) -> Value {
    if id % 5 == 0 && *missing == Value::Null { Value::Null } else { Value::Bytes(format!("note {id}").into()) }
}

/// The physical time of a ts as a DATETIME(6), the counter as microseconds.
fn written_at(ts: CommitTs) -> Value {
    let Some(time) = ts.time() else { return Value::Null };
    let at = time.to_zoned(jiff::tz::TimeZone::UTC).datetime();
    let part = |n: i8| u32::try_from(n).unwrap_or(0);
    let micros = u32::try_from(at.subsec_nanosecond() / 1000).unwrap_or(0);
    Value::Time(
        Civil {
            year: u32::try_from(at.year()).unwrap_or(0),
            month: part(at.month()),
            day: part(at.day()),
            hour: part(at.hour()),
            minute: part(at.minute()),
            second: part(at.second()),
            micros: micros + u32::try_from(ts.logical() % 1000).unwrap_or(0),
        }
        .pack(),
    )
}
