//! Deletes from a table without a key, where a row is known by all of its values and each search reads the whole table.
//!
//! Many images are therefore looked for at once: one query counts the rows that are equal to each of them, and one DELETE
//! takes the rows of all those images of which every row has to go. Its count then says that it took exactly these. Any
//! other image (more rows than have to go; fewer, or JSON written differently) is deleted alone.

use anyhow::{Context, Result};

use super::group::present;
use super::{Emit, PACKET_EXTRA, Step, Work};
use crate::model::{Kind, Row, Value};
use crate::sink::mysql::batch::{Counted, full_name};
use crate::sink::mysql::literal;
use crate::sink::mysql::session::quote_name;

/// Images looked for at once.
const IMAGES: usize = 500;
/// So few are looked for one by one: such a search ends with what it looks for, on average in the table's middle.
const FEW: usize = 4;

/// A row image and the condition that only rows equal to it fulfil.
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

    /// A condition for rows equal to `row`, on column `first` before the others.
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

    /// A condition on one column that all the images fulfil: the server looks a value up in a sorted list, or in an
    /// index, before it compares whole rows.
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

    /// The column that tells most of the images apart, of those that every image has and whose values compare in a list
    /// as they do alone.
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
