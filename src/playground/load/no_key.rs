//! A table without any key, in which many rows are equal.

use anyhow::{Context, Result};

use super::draft::{Draft, INT, money, text};
use super::{Stream, Workload};
use crate::model::{Kind, Row, Value};
use crate::playground::random::Random;

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

fn row(sort: u64) -> Row {
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
            out.insert(place, last, row(sort))?;
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
                        out.delete(place, handle, row(sort))?;
                    }
                    1 | 2 if !alive.is_empty() => {
                        let (handle, sort) = alive.get_mut(at).context("a row")?;
                        let new = random.below(SORTS);
                        out.update(place, *handle, row(*sort), row(new))?;
                        *sort = new;
                    }
                    _ => {
                        last += 1;
                        let sort = random.below(SORTS);
                        out.insert(place, last, row(sort))?;
                        alive.push((last, sort));
                    }
                }
            }
            out.commit()?;
        }
        Ok(())
    }
}
