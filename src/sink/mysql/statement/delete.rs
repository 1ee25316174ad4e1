//! Renders deletes: by key, or by whole row in a table without a key.
//!
//! Without a key, a row is known by all of its values, and each search reads the whole table. Many
//! images are therefore looked for at once: one query counts the rows that are equal to each of
//! them, and one DELETE takes the rows of all those images of which every row has to go. Its count
//! then says that it took exactly these. Any other image (more rows than have to go; fewer, or JSON
//! written differently) is deleted alone.

use anyhow::{Context, Result};

use super::in_order::{Chunk, Full};
use super::{Emit, PACKET_EXTRA, Step, Work, present};
use crate::model::{Key, Kind, Row, Value};
use crate::mysql::literal;
use crate::sink::mysql::batch::{Counted, full_name, sole};
use crate::sql::quote_name;

/// Keys in one DELETE: few enough for the range optimizers of all targets.
const KEYS: u64 = 500;

impl Work<'_> {
    /// Deletes rows, each of which must exist.
    pub(super) fn delete_by_key(&self, key: &[usize], rows: &[Counted], emit: Emit<'_>) -> Result<()> {
        self.by_key(key, rows, &mut |sql, rows| emit(Step::Delete { sql, rows }))
    }

    /// Deletes rows that may exist, and that are to be inserted or must not be there.
    pub(super) fn clear_by_key(&self, key: &[usize], rows: &[Counted], emit: Emit<'_>) -> Result<()> {
        self.by_key(key, rows, &mut |sql, _| emit(Step::Clear { sql }))
    }

    /// As `clear_by_key`, in a table where only some rows have a value of a unique key.
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
        // A year is compared as in a whole row: the plain number 0 would mean the year 2000.
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

/// Images that are looked for at once.
const IMAGES: usize = 500;
/// So few are looked for one by one: such a search ends when the row is found, on average in the
/// middle of the table.
const FEW: usize = 4;

/// A row image and a condition that only equal rows fulfil.
struct Image<'a> {
    row: Counted<'a>,
    condition: Vec<u8>,
}

impl Work<'_> {
    pub(super) fn delete_whole(&self, rows: &[Counted], emit: Emit<'_>) -> Result<()> {
        for window in rows.chunks(IMAGES) {
            let filter = if window.len() < FEW { None } else { self.filter_column(window) };
            let (mut images, mut bytes) = (Vec::new(), 0);
            for row in window {
                let mut condition = Vec::new();
                self.equal(&mut condition, row.row, false, filter)?;
                if bytes + condition.len() > self.style.chunk / 2 {
                    self.delete_images(&images, filter, emit)?;
                    images.clear();
                    bytes = 0;
                }
                bytes += condition.len();
                images.push(Image { row: *row, condition });
            }
            self.delete_images(&images, filter, emit)?;
        }
        Ok(())
    }

    fn delete_images(&self, images: &[Image], filter: Option<usize>, emit: Emit<'_>) -> Result<()> {
        let sql = if images.len() < FEW { String::new() } else { self.count_images(images, filter)? };
        if sql.is_empty() || sql.len() + PACKET_EXTRA > self.style.max_packet {
            return images.iter().try_for_each(|image| self.delete_alone(image, emit));
        }
        let mut found = Vec::new();
        emit(Step::Count { sql: &sql, found: &mut found })?;
        let mut there = vec![0; images.len()];
        for (image, rows) in found {
            let image = image.and_then(|n| usize::try_from(n).ok());
            if let Some(there) = image.and_then(|n| there.get_mut(n)) {
                *there += rows;
            }
        }
        let together = |(image, there): &(&Image, u64)| image.row.count == *there;
        let (all, others): (Vec<_>, Vec<_>) = images.iter().zip(there).partition(together);
        let all: Vec<&Image> = all.into_iter().map(|(image, _)| image).collect();
        if !all.is_empty() {
            let rows = all.iter().map(|image| image.row.count).sum();
            emit(Step::Delete { sql: &self.delete_together(&all, filter)?, rows })?;
        }
        others.into_iter().try_for_each(|(image, _)| self.delete_alone(image, emit))
    }

    fn delete_alone(&self, image: &Image, emit: Emit<'_>) -> Result<()> {
        let json = self.table.columns.iter().any(|c| c.kind == Kind::Json && c.writable());
        let sql = |condition: &[u8]| {
            Ok::<_, anyhow::Error>(format!(
                "DELETE FROM {} WHERE {} LIMIT ",
                full_name(self.table),
                std::str::from_utf8(condition)?
            ))
        };
        let exact = sql(&image.condition)?;
        self.check_size(exact.len())?;
        let loose = if json {
            let mut condition = Vec::new();
            self.equal(&mut condition, image.row.row, true, None)?;
            Some(sql(&condition)?)
        } else {
            None
        };
        emit(Step::DeleteEqual { sql: &exact, loose: loose.as_deref(), rows: image.row.count })
    }

    /// A condition for rows equal to `row`, with column `first` before the others.
    pub(super) fn equal(&self, out: &mut Vec<u8>, row: &Row, loose: bool, first: Option<usize>) -> Result<()> {
        let others = present(self.table, row).filter(|c| Some(*c) != first && !self.gaps.contains(c));
        for (i, column) in first.into_iter().chain(others).enumerate() {
            let (Some(c), Some(value)) = (self.table.columns.get(column), row.get(column)) else { continue };
            if i > 0 {
                out.extend_from_slice(b" AND ");
            }
            literal::condition(out, &quote_name(&c.name), &c.kind, value, self.style.json, loose)
                .with_context(|| self.naming(column))?;
        }
        Ok(())
    }

    fn count_images(&self, images: &[Image], filter: Option<usize>) -> Result<String> {
        let mut out = b"SELECT CASE".to_vec();
        for (n, image) in images.iter().enumerate() {
            out.extend_from_slice(b" WHEN ");
            out.extend_from_slice(&image.condition);
            out.extend_from_slice(format!(" THEN {n}").as_bytes());
        }
        out.extend_from_slice(format!(" END, COUNT(*) FROM {}", full_name(self.table)).as_bytes());
        if let Some(column) = filter {
            out.extend_from_slice(b" WHERE ");
            self.filter(&mut out, column, images.iter())?;
        }
        out.extend_from_slice(b" GROUP BY 1");
        Ok(String::from_utf8(out)?)
    }

    fn delete_together(&self, images: &[&Image], filter: Option<usize>) -> Result<String> {
        let mut out = format!("DELETE FROM {} WHERE ", full_name(self.table)).into_bytes();
        if let Some(column) = filter {
            self.filter(&mut out, column, images.iter().copied())?;
            out.extend_from_slice(b" AND ");
        }
        for (n, image) in images.iter().enumerate() {
            out.extend_from_slice(if n == 0 { b"((" } else { b") OR (" });
            out.extend_from_slice(&image.condition);
        }
        out.extend_from_slice(b"))");
        Ok(String::from_utf8(out)?)
    }

    /// A condition on one column that all the images fulfil: the server looks a value up in a
    /// sorted list, or in an index, before it compares whole rows.
    fn filter<'i>(&self, out: &mut Vec<u8>, column: usize, images: impl Iterator<Item = &'i Image<'i>>) -> Result<()> {
        let name = self.name(column);
        let (mut null, mut any) = (false, false);
        out.push(b'(');
        for image in images {
            if image.row.row.get(column) == Some(&Value::Null) {
                null = true;
                continue;
            }
            out.extend_from_slice(if any { b"," } else { name.as_bytes() });
            if !any {
                out.extend_from_slice(b" IN (");
            }
            any = true;
            self.literal(out, image.row.row, column)?;
        }
        let tail = match (any, null) {
            (true, false) => "))".to_owned(),
            (true, true) => format!(") OR {name} IS NULL)"),
            (false, _) => format!("{name} IS NULL)"),
        };
        out.extend_from_slice(tail.as_bytes());
        Ok(())
    }

    /// The column that distinguishes most of the images, among those that every image has and whose
    /// values compare in a list as they do alone.
    fn filter_column(&self, rows: &[Counted]) -> Option<usize> {
        let usable = |column: &usize| {
            let kind = self.table.columns.get(*column).map(|c| &c.kind);
            rows.iter().all(|r| match (kind, r.row.get(*column)) {
                (_, Some(Value::Null)) => true,
                (Some(Kind::Int { .. }), Some(Value::Int(_) | Value::UInt(_))) => true,
                (Some(Kind::Text { .. }), Some(Value::Bytes(b))) => std::str::from_utf8(b).is_ok(),
                _ => false,
            })
        };
        let different = |column: &usize| {
            let mut values: Vec<Vec<u8>> = Vec::with_capacity(rows.len());
            for value in rows.iter().filter_map(|r| r.row.get(*column)) {
                let mut bytes = Vec::new();
                literal::identity(&mut bytes, value);
                values.push(bytes);
            }
            values.sort_unstable();
            values.dedup();
            values.len()
        };
        let columns = self.table.columns.iter().enumerate().filter(|(_, c)| c.writable()).map(|(i, _)| i);
        let columns = columns.filter(|i| !self.gaps.contains(i));
        // The first of the best ones.
        columns.filter(usable).rev().max_by_key(different)
    }
}
