//! Very many small transactions.
//!
//! Money moves between accounts, some of which everybody uses.
//!
//! One transaction of any size.
//!
//! Thousands of tables.
//!
//! A table without any key, in which many rows are equal.

use std::collections::VecDeque;

use anyhow::{Context, Result};

use super::stream::Stream;
use super::{BIGINT, Draft, INT, MONEY, Workload, money, text};
use tisync::decode::value::Civil;
use tisync::model::{Kind, Row, Value};
use tisync::playground::Random;

/// `events`: each transaction adds a row or updates one, every tenth both.
#[derive(Clone, Copy, Debug)]
pub struct Backlog {
    /// The same seed gives the same stream.
    pub seed: u64,
    /// Transactions.
    pub txns: u64,
    /// The table grows to this many rows; from then on there are updates only.
    pub rows: u64,
}

impl Default for Backlog {
    fn default() -> Self {
        Self { seed: 1, txns: 1_000_000, rows: 200_000 }
    }
}

fn backlog_row(id: usize, version: u32) -> Row {
    let number = i64::try_from(id).unwrap_or(0);
    vec![Value::Int(number), Value::Int(version.into()), text(format!("event {}", number * 7919 % 10_007))]
}

impl Workload for Backlog {
    fn name(&self) -> &'static str {
        "backlog"
    }

    fn fill(&self, out: &mut Stream) -> Result<()> {
        let draft = Draft::new("events").column("id", BIGINT).column("version", INT).varchar("what", 40);
        let place = out.table(draft.primary(&[0]))?;
        let mut random = Random::new(self.seed);
        let most = usize::try_from(self.rows.max(1))?;
        let mut versions: Vec<u32> = Vec::new();
        for n in 0..self.txns {
            let grow = versions.is_empty() || versions.len() < most && random.one_in(2);
            if grow {
                out.insert(place, 0, backlog_row(versions.len(), 0))?;
                versions.push(0);
            }
            if !grow || n % 10 == 0 {
                let id = usize::try_from(random.below(u64::try_from(versions.len())?))?;
                if let Some(version) = versions.get_mut(id) {
                    *version += 1;
                    out.update(place, 0, backlog_row(id, *version - 1), backlog_row(id, *version))?;
                }
            }
            out.commit()?;
        }
        Ok(())
    }
}

/// One of this many accounts is hot; the hot ones together take half of the writes.
const HOT_ONE_IN: i64 = 100;

/// `accounts` and `transfers`. A transfer updates two accounts and adds a row to `transfers`; once there are
/// [`kept`](Self::kept) of them it removes the oldest too. All accounts appear in one transaction, so every snapshot of
/// `SUM(balance)` is either NULL (no accounts yet) or [`sum`](Self::sum).
#[derive(Clone, Copy, Debug)]
pub struct Bank {
    /// The same seed gives the same stream.
    pub seed: u64,
    /// How many accounts, at least 2.
    pub accounts: u32,
    /// What each holds at first, in hundredths.
    pub balance: i64,
    /// How many transfers, a transaction each.
    pub transfers: u64,
    /// Rows that stay in `transfers`; `None`: all of them.
    pub kept: Option<usize>,
}

impl Default for Bank {
    fn default() -> Self {
        Self { seed: 1, accounts: 10_000, balance: 100_000, transfers: 50_000, kept: Some(5_000) }
    }
}

impl Bank {
    /// What the balances add up to at every commit, in hundredths.
    #[must_use]
    pub fn sum(&self) -> i64 {
        i64::from(self.accounts) * self.balance
    }

    /// The statement that a concurrent reader asks: NULL, or [`sum`](Self::sum).
    #[must_use]
    pub fn sum_query(&self) -> String {
        format!("SELECT CAST(SUM(balance) * 100 AS SIGNED) FROM `{}`.accounts", self.database())
    }

    /// An account: half of the time one of the hot ones, which lie scattered among the others.
    fn pick(&self, random: &mut Random) -> i64 {
        let count = i64::from(self.accounts);
        let hot = (count / HOT_ONE_IN).max(1);
        if random.one_in(2) { (random.between(0, hot - 1) * HOT_ONE_IN) % count } else { random.between(0, count - 1) }
    }
}

fn account(id: i64, cents: i64) -> Row {
    vec![Value::Int(id), text(format!("owner {id}")), money(cents)]
}

impl Workload for Bank {
    fn name(&self) -> &'static str {
        "bank"
    }

    fn fill(&self, out: &mut Stream) -> Result<()> {
        let accounts = Draft::new("accounts").column("id", BIGINT).varchar("owner", 40).column("balance", MONEY);
        let accounts = out.table(accounts.primary(&[0]))?;
        let transfers = Draft::new("transfers")
            .column("id", BIGINT)
            .column("src", BIGINT)
            .column("dst", BIGINT)
            .column("amount", MONEY)
            .column("at", Kind::Datetime { fsp: 3 });
        let transfers = out.table(transfers.primary(&[0]))?;
        let mut balances = vec![self.balance; usize::try_from(self.accounts)?];
        for (id, cents) in (0..).zip(&balances) {
            out.insert(accounts, id, account(id, *cents))?;
        }
        out.commit()?;
        let mut random = Random::new(self.seed);
        let mut kept = VecDeque::new();
        for id in 1..=i64::try_from(self.transfers)? {
            let mut src = self.pick(&mut random);
            let mut dst = self.pick(&mut random);
            if src == dst {
                dst = (dst + 1) % i64::from(self.accounts);
            }
            let balance = |balances: &[i64], id: i64| -> Result<i64> {
                balances.get(usize::try_from(id)?).copied().context("an account")
            };
            if balance(&balances, src)? == 0 {
                (src, dst) = (dst, src);
            }
            let amount = random.between(1, 1000).min(balance(&balances, src)?);
            for (id, change) in [(src, -amount), (dst, amount)] {
                let cents = balances.get_mut(usize::try_from(id)?).context("an account")?;
                let old = account(id, *cents);
                *cents += change;
                out.update(accounts, id, old, account(id, *cents))?;
            }
            let row = vec![Value::Int(id), Value::Int(src), Value::Int(dst), money(amount), at(id)];
            out.insert(transfers, id, row.clone())?;
            if let Some(most) = self.kept {
                kept.push_back((id, row));
                if kept.len() > most
                    && let Some((id, row)) = kept.pop_front()
                {
                    out.delete(transfers, id, row)?;
                }
            }
            out.commit()?;
        }
        Ok(())
    }
}

/// A millisecond for each transfer, in a day that starts again.
fn at(id: i64) -> Value {
    let ms = u32::try_from(id % 86_400_000).unwrap_or(0);
    let (second, minute, hour) = (ms / 1000 % 60, ms / 60_000 % 60, ms / 3_600_000);
    Value::Time(Civil { year: 2025, month: 1, day: 1, hour, minute, second, micros: ms % 1000 * 1000 }.pack())
}

/// Letters that the rows' texts are cut from.
const POOL: u64 = 4096;

/// `big`: one row, then one transaction of about [`bytes`](Self::bytes) bytes of new rows, then one row more.
#[derive(Clone, Copy, Debug)]
pub struct Big {
    /// The same seed gives the same stream.
    pub seed: u64,
    /// Size of the transaction.
    pub bytes: u64,
    /// Length of a row's text, up to 4,000.
    pub row_bytes: u32,
}

impl Default for Big {
    /// 512 MiB in rows of 1 KiB.
    fn default() -> Self {
        Self { seed: 1, bytes: 512 << 20, row_bytes: 1000 }
    }
}

impl Big {
    /// Rows of the large transaction.
    #[must_use]
    pub fn rows(&self) -> u64 {
        // Beside the text: handle, column ids, lengths, and the field's head.
        self.bytes / (u64::from(self.row_bytes) + 20)
    }
}

impl Workload for Big {
    fn name(&self) -> &'static str {
        "big"
    }

    fn fill(&self, out: &mut Stream) -> Result<()> {
        let draft = Draft::new("big").column("id", BIGINT).varchar("content", self.row_bytes.max(1));
        let place = out.table(draft.primary(&[0]))?;
        let mut random = Random::new(self.seed);
        let length = usize::try_from(self.row_bytes)?;
        let mut pool: String = (0..POOL)
            .map(|_| char::from(u8::try_from(random.between(b'a'.into(), b'z'.into())).unwrap_or(b'a')))
            .collect();
        pool = pool.repeat(2);
        let row = |id: u64| -> Row {
            let from = usize::try_from(id.wrapping_mul(37) % POOL).unwrap_or(0);
            let content = pool.get(from..from + length).unwrap_or_default();
            vec![Value::Int(i64::try_from(id).unwrap_or(0)), text(content)]
        };
        out.insert(place, 0, row(0))?;
        out.commit()?;
        out.insert_many(place, self.rows(), &|n| row(n + 1))?;
        out.insert(place, 0, row(self.rows() + 1))?;
        out.commit()
    }
}

/// Tables that one transaction touches.
const AT_ONCE: usize = 4;

/// `t1`, `t2` …: each gets its rows, spread over the whole stream; each transaction touches four tables in a row. Behind
/// them, as many updates as there are tables, of any of them.
#[derive(Clone, Copy, Debug)]
pub struct ManyTables {
    /// The same seed gives the same stream.
    pub seed: u64,
    /// Tables.
    pub tables: u32,
    /// Rows of each.
    pub rows: u32,
}

impl Default for ManyTables {
    fn default() -> Self {
        Self { seed: 1, tables: 5_000, rows: 4 }
    }
}

fn many_tables_row(table: usize, id: u32, version: u32) -> Row {
    vec![Value::Int(id.into()), Value::Int(version.into()), text(format!("row {id} of table {table}"))]
}

impl Workload for ManyTables {
    fn name(&self) -> &'static str {
        "many_tables"
    }

    fn fill(&self, out: &mut Stream) -> Result<()> {
        let mut places = Vec::new();
        for n in 1..=self.tables {
            let draft = Draft::new(&format!("t{n}")).column("id", INT).column("version", INT).varchar("note", 40);
            places.push(out.table(draft.primary(&[0]))?);
        }
        for id in 1..=self.rows {
            for (n, place) in places.iter().enumerate() {
                out.insert(*place, id.into(), many_tables_row(n, id, 0))?;
                if n % AT_ONCE == AT_ONCE - 1 {
                    out.commit()?;
                }
            }
            out.commit()?;
        }
        let mut random = Random::new(self.seed);
        let mut versions = vec![0_u32; places.len()];
        for _ in 0..self.tables {
            let n = usize::try_from(random.below(self.tables.into()))?;
            if let (Some(place), Some(version)) = (places.get(n), versions.get_mut(n)) {
                *version += 1;
                let id = self.rows;
                out.update(*place, id.into(), many_tables_row(n, id, *version - 1), many_tables_row(n, id, *version))?;
            }
            out.commit()?;
        }
        Ok(())
    }
}

/// How many different rows there are.
const SORTS: u64 = 1000;

/// `log`: no key, equal rows on purpose. After the first rows, transactions of one to three changes; as many rows are
/// removed as added, so it stays about as large. Each update and each removal is a scan on a target.
#[derive(Clone, Copy, Debug)]
pub struct NoKey {
    /// The same seed gives the same stream.
    pub seed: u64,
    /// Rows at first.
    pub rows: u64,
    /// Transactions behind them.
    pub txns: u64,
}

impl Default for NoKey {
    fn default() -> Self {
        Self { seed: 1, rows: 2_000, txns: 4_000 }
    }
}

fn no_key_row(sort: u64) -> Row {
    let n = i64::try_from(sort).unwrap_or(0);
    let note = if sort.is_multiple_of(7) { Value::Null } else { text(format!("what happened, part {}", sort / 3)) };
    vec![Value::Int(n % 5), note, money(n * 25 - 1000)]
}

impl Workload for NoKey {
    fn name(&self) -> &'static str {
        "no_key"
    }

    fn fill(&self, out: &mut Stream) -> Result<()> {
        let amount = Kind::Decimal { precision: 14, scale: 2 };
        let draft = Draft::new("log").column("level", INT).nullable_varchar("note", 60).column("amount", amount);
        let place = out.table(draft)?;
        let mut random = Random::new(self.seed);
        // The hidden row id and the sort of each row.
        let mut alive: Vec<(i64, u64)> = Vec::new();
        let mut last = 0;
        for n in 0..self.rows {
            last += 1;
            let sort = random.below(SORTS);
            out.insert(place, last, no_key_row(sort))?;
            alive.push((last, sort));
            if n % 100 == 99 {
                out.commit()?;
            }
        }
        out.commit()?;
        for _ in 0..self.txns {
            for _ in 0..=random.below(3) {
                let at = usize::try_from(random.below(u64::try_from(alive.len())?))?;
                match random.below(4) {
                    0 if !alive.is_empty() => {
                        let (handle, sort) = alive.swap_remove(at);
                        out.delete(place, handle, no_key_row(sort))?;
                    }
                    1 | 2 if !alive.is_empty() => {
                        let (handle, sort) = alive.get_mut(at).context("a row")?;
                        let new = random.below(SORTS);
                        out.update(place, *handle, no_key_row(*sort), no_key_row(new))?;
                        *sort = new;
                    }
                    _ => {
                        last += 1;
                        let sort = random.below(SORTS);
                        out.insert(place, last, no_key_row(sort))?;
                        alive.push((last, sort));
                    }
                }
            }
            out.commit()?;
        }
        Ok(())
    }
}
