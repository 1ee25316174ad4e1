//! Inserts of many rows.

use std::cell::Cell;

use anyhow::Result;

use super::chunk::Chunk;
use super::group::{Group, groups};
use super::{Emit, Step, Work};
use crate::model::{Row, Value};
use crate::sink::mysql::batch::{Counted, full_name};
use crate::sink::mysql::literal;
use crate::sink::mysql::session::quote_name;

/// From this size on it matters how the text of a row grows.
pub(super) const LARGE: usize = 64 << 10;

impl Work<'_> {
    pub(super) fn insert(&self, rows: &[Counted], emit: Emit<'_>) -> Result<()> {
        groups(self.table, rows).iter().try_for_each(|group| self.insert_group(group, emit))
    }

    pub(super) fn insert_group(&self, group: &Group, emit: Emit<'_>) -> Result<()> {
        let verb = if self.style.replace { "REPLACE" } else { "INSERT" };
        let mut chunk = Chunk::new(self.head(verb, group), b",", Vec::new(), self.style.chunk);
        let zeros = Cell::new(0);
        let mut full = |sql: &str, rows| emit(Step::Insert { sql, rows, relaxed: zeros.take() });
        for Counted { row, count } in &group.rows {
            let own = if group.relaxed { row.iter().filter(|v| **v == Value::Enum(0)).count() as u64 } else { 0 };
            let size = literal::row_size(self.table, row);
            for _ in 0..*count {
                if size > LARGE {
                    chunk.make_room(size, &mut full)?;
                }
                if let Some(alone) = chunk.push(|out| self.values(out, row, &group.columns), &mut full)? {
                    self.check_size(alone)?;
                }
                zeros.set(zeros.get() + own);
            }
        }
        chunk.finish(&mut full)
    }

    pub(super) fn head(&self, verb: &str, group: &Group) -> Vec<u8> {
        let mut names: Vec<String> = group.columns.iter().map(|c| self.name(*c)).collect();
        names.extend(self.extras.iter().map(|e| quote_name(&e.name)));
        format!("{verb} INTO {} ({}) VALUES ", full_name(self.table), names.join(",")).into_bytes()
    }

    pub(super) fn values(&self, out: &mut Vec<u8>, row: &Row, columns: &[usize]) -> Result<()> {
        out.push(b'(');
        for (i, column) in columns.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            self.literal(out, row, *column)?;
        }
        for extra in self.extras {
            out.push(b',');
            out.extend_from_slice(extra.literal.as_bytes());
        }
        out.push(b')');
        Ok(())
    }
}
