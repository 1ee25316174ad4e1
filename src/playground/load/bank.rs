//! Money moves between accounts, some of which everybody uses.

use std::collections::VecDeque;

use anyhow::{Context, Result};

use super::draft::{BIGINT, Draft, MONEY, money, text};
use super::{Stream, Workload};
use crate::decode::time::Civil;
use crate::model::{Kind, Row, Value};
use crate::playground::random::Random;

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
