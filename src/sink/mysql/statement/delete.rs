//! Deletes by key.

use anyhow::Result;

use super::chunk::{Chunk, Full};
use super::{Emit, Step, Work};
use crate::model::{Kind, Row};
use crate::sink::mysql::batch::{Counted, full_name};

/// Keys in one DELETE: few enough for the range optimizers of all targets.
const KEYS: u64 = 500;

impl Work<'_> {
    /// Deletes rows of which each has to be there.
    pub(super) fn delete_by_key(&self, key: &[usize], rows: &[Counted], emit: Emit<'_>) -> Result<()> {
        self.by_key(key, rows, &mut |sql, rows| emit(Step::Delete { sql, rows }))
    }

    /// Deletes what there is of rows that are to be inserted.
    pub(super) fn clear_by_key(&self, key: &[usize], rows: &[Counted], emit: Emit<'_>) -> Result<()> {
        self.by_key(key, rows, &mut |sql, _| emit(Step::Clear { sql }))
    }

    fn by_key(&self, key: &[usize], rows: &[Counted], full: Full<'_>) -> Result<()> {
        // A year is compared like a whole row's: the plain number 0 would be taken for the year 2000.
        let single = match key {
            [one] if !self.is_year(*one) => Some(*one),
            _ => None,
        };
        let table = full_name(self.table);
        let chunk = match single {
            Some(one) => {
                let head = format!("DELETE FROM {table} WHERE {} IN (", self.name(one));
                Chunk::new(head.into_bytes(), b",", b")".to_vec(), self.style.chunk)
            }
            None => {
                let head = format!("DELETE FROM {table} WHERE ");
                Chunk::new(head.into_bytes(), b" OR ", Vec::new(), self.style.chunk)
            }
        };
        let mut chunk = chunk.at_most(KEYS);
        let names = self.compared(key);
        for row in rows {
            let write = |out: &mut Vec<u8>| match single {
                Some(one) => self.literal(out, row.row, one),
                None => self.key_condition(out, key, &names, row.row),
            };
            if let Some(alone) = chunk.push(write, &mut *full)? {
                self.check_size(alone)?;
            }
        }
        chunk.finish(full)
    }

    /// The left sides of comparisons with a key's values.
    pub(super) fn compared(&self, key: &[usize]) -> Vec<String> {
        let side = |c: &usize| format!("{}{} = ", self.name(*c), if self.is_year(*c) { " + 0" } else { "" });
        key.iter().map(side).collect()
    }

    pub(super) fn key_condition(&self, out: &mut Vec<u8>, key: &[usize], names: &[String], row: &Row) -> Result<()> {
        for (i, (column, name)) in key.iter().zip(names).enumerate() {
            out.extend_from_slice(if i == 0 { b"(" } else { b" AND " });
            out.extend_from_slice(name.as_bytes());
            self.literal(out, row, *column)?;
        }
        out.push(b')');
        Ok(())
    }

    pub(super) fn is_year(&self, column: usize) -> bool {
        self.table.columns.get(column).is_some_and(|c| c.kind == Kind::Year)
    }
}
