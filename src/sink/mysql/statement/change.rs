//! New images for rows that stay where they are.

use std::cell::Cell;

use anyhow::Result;

use super::chunk::Chunk;
use super::group::{Group, groups};
use super::insert::LARGE;
use super::{Emit, Step, Work};
use crate::sink::mysql::batch::Counted;
use crate::sink::mysql::literal;

impl Work<'_> {
    /// An INSERT that finds every key taken. An UPDATE cannot bring other values for each row without changing their
    /// types on the way.
    pub(super) fn change(&self, key: &[usize], rows: &[Counted], emit: Emit<'_>) -> Result<()> {
        groups(self.table, rows).iter().try_for_each(|group| self.change_group(key, group, emit))
    }

    fn change_group(&self, key: &[usize], group: &Group, emit: Emit<'_>) -> Result<()> {
        let set: Vec<String> = group.columns.iter().filter(|c| !key.contains(c)).map(|c| self.name(*c)).collect();
        if group.relaxed || set.is_empty() {
            return group.rows.iter().try_for_each(|row| self.change_one(key, group, *row, emit));
        }
        let set: Vec<String> = set.iter().map(|n| format!("{n}=VALUES({n})")).collect();
        let tail = format!(" ON DUPLICATE KEY UPDATE {}", set.join(","));
        let mut chunk = Chunk::new(self.head("INSERT", group), b",", tail.into_bytes(), self.style.chunk);
        // The last row of the statement that becomes full.
        let last = Cell::new(None);
        let mut full = |sql: &str, rows| match (rows, last.get()) {
            (1, Some(row)) => self.change_one(key, group, row, emit),
            _ => emit(Step::Change { sql, rows }),
        };
        for row in &group.rows {
            let size = literal::row_size(self.table, row.row);
            if size > LARGE {
                chunk.make_room(size, &mut full)?;
            }
            if let Some(alone) = chunk.push(|out| self.values(out, row.row, &group.columns), &mut full)? {
                self.check_size(alone)?;
            }
            last.set(Some(*row));
        }
        chunk.finish(&mut full)
    }

    /// A row alone is deleted and inserted: for one row, no server says whether it was there.
    fn change_one(&self, key: &[usize], group: &Group, row: Counted, emit: Emit<'_>) -> Result<()> {
        self.delete_by_key(key, std::slice::from_ref(&row), emit)?;
        self.insert_group(&Group { columns: group.columns.clone(), relaxed: group.relaxed, rows: vec![row] }, emit)
    }
}
