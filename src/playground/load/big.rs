//! One transaction of any size.

use anyhow::Result;

use super::draft::{BIGINT, Draft, text};
use super::{Stream, Workload};
use crate::model::{Row, Value};
use crate::playground::random::Random;

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
