//! Deletes by key.

use anyhow::Result;

use super::chunk::{Chunk, Full};
use super::{Emit, Step, Work};
use crate::model::{Key, Kind, Row, Value};
use crate::sink::mysql::batch::{Counted, full_name, sole};

/// Keys in one DELETE: few enough for the range optimizers of all targets.
const KEYS: u64 = 500;

impl Work<'_> {
    /// Deletes rows of which each has to be there.
    pub(super) fn delete_by_key(&self, key: &[usize], rows: &[Counted], emit: Emit<'_>) -> Result<()> {
        self.by_key(key, rows, &mut |sql, rows| emit(Step::Delete { sql, rows }))
    }

    /// Deletes what there is of rows that are to be inserted, or must not be there.
    pub(super) fn clear_by_key(&self, key: &[usize], rows: &[Counted], emit: Emit<'_>) -> Result<()> {
        self.by_key(key, rows, &mut |sql, _| emit(Step::Clear { sql }))
    }

    /// The same in a table of which only some rows have a unique key's value.
    pub(super) fn clear_by_value(&self, rows: &[Counted], emit: Emit<'_>) -> Result<()> {
        for row in rows {
            let Some(condition) = sole(self.table, row.row).map(|key| self.taken(key, row.row)).transpose()?.flatten()
            else {
                continue;
            };
            let sql = format!("DELETE FROM {} WHERE {condition}", full_name(self.table));
            self.check_size(sql.len())?;
            emit(Step::Clear { sql: &sql })?;
        }
        Ok(())
    }

    /// A condition for rows with the value of `row` in `key`; `None` if no other row can have it.
    pub(super) fn taken(&self, key: &Key, row: &Row) -> Result<Option<String>> {
        let mut out: Vec<u8> = Vec::new();
        for part in &key.parts {
            let column = self.table.columns.get(part.column);
            if !column.is_some_and(|c| c.writable()) || matches!(row.get(part.column), None | Some(Value::Null)) {
                return Ok(None);
            }
            let name = self.name(part.column);
            out.extend_from_slice(if out.is_empty() { b"(" } else { b" AND " });
            match part.prefix {
                Some(n) => out.extend_from_slice(format!("LEFT({name},{n}) = LEFT(").as_bytes()),
                None if self.is_year(part.column) => out.extend_from_slice(format!("{name} + 0 = ").as_bytes()),
                None => out.extend_from_slice(format!("{name} = ").as_bytes()),
            }
            self.literal(&mut out, row, part.column)?;
            if let Some(n) = part.prefix {
                out.extend_from_slice(format!(",{n})").as_bytes());
            }
        }
        if out.is_empty() {
            return Ok(None);
        }
        out.push(b')');
        Ok(Some(String::from_utf8(out)?))
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
