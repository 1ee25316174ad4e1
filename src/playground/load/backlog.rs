//! Very many small transactions.

use anyhow::Result;

use super::draft::{BIGINT, Draft, INT, text};
use super::{Stream, Workload};
use crate::model::{Row, Value};
use crate::playground::random::Random;

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

fn row(id: usize, version: u32) -> Row {
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
                out.insert(place, 0, row(versions.len(), 0))?;
                versions.push(0);
            }
            if !grow || n % 10 == 0 {
                let id = usize::try_from(random.below(u64::try_from(versions.len())?))?;
                if let Some(version) = versions.get_mut(id) {
                    *version += 1;
                    out.update(place, 0, row(id, *version - 1), row(id, *version))?;
                }
            }
            out.commit()?;
        }
        Ok(())
    }
}
