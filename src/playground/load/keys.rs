//! Rows that stand in each other's way: through unique keys, keys that allow NULL, letter case and foreign keys.

mod family;
mod names;
mod swap;

use anyhow::Result;

use self::family::Family;
use self::names::Names;
use self::swap::Swap;
use super::{Stream, Workload};
use crate::playground::random::Random;

/// Five tables. `swap`: rows that exchange the values of a unique key and of one that allows NULL, within a transaction
/// and over several, change their primary key, and make room for each other. `names`: a clustered text key in
/// `utf8mb4_general_ci`, and `tags`, whose only key is such a text or NULL: texts that differ in letter case alone
/// follow each other. `parents` and `children`: a foreign key, with the cascades in the stream as TiDB writes them.
#[derive(Clone, Copy, Debug)]
pub struct Keys {
    /// The same seed gives the same stream.
    pub seed: u64,
    /// Rows at first in each table; about as many stay.
    pub rows: u32,
    /// Steps behind them; each is one to three transactions.
    pub steps: u64,
}

impl Default for Keys {
    fn default() -> Self {
        Self { seed: 1, rows: 60, steps: 4_000 }
    }
}

impl Workload for Keys {
    fn name(&self) -> &'static str {
        "keys"
    }

    fn fill(&self, out: &mut Stream) -> Result<()> {
        let rows = i64::from(self.rows.max(4));
        let mut swap = Swap::new(out, rows)?;
        let mut names = Names::new(out, rows)?;
        let mut family = Family::new(out, rows)?;
        let mut random = Random::new(self.seed);
        for _ in 0..self.steps {
            match random.below(6) {
                0..3 => swap.step(out, &mut random)?,
                3 | 4 => names.step(out, &mut random)?,
                _ => family.step(out, &mut random)?,
            }
        }
        Ok(())
    }
}

/// Commits one time in two: what follows is then in a transaction of its own.
fn maybe_commit(out: &mut Stream, random: &mut Random) -> Result<()> {
    if random.one_in(2) { out.commit() } else { Ok(()) }
}
