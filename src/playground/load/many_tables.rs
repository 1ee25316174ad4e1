//! Thousands of tables.

use anyhow::Result;

use super::draft::{Draft, INT, text};
use super::{Stream, Workload};
use crate::model::{Row, Value};
use crate::playground::random::Random;

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

fn row(table: usize, id: u32, version: u32) -> Row {
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
                out.insert(*place, id.into(), row(n, id, 0))?;
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
                out.update(*place, id.into(), row(n, id, *version - 1), row(n, id, *version))?;
            }
            out.commit()?;
        }
        Ok(())
    }
}
