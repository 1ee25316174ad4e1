//! Changes rows one by one in stream order, in tables with extra columns on the target.
//!
//! Such a row must not be removed and inserted again, as the net effect would do it: the values
//! that only the target has would be lost. Upstream, each change in turn kept every key unique, so
//! it can be done here in the same order.
//!
//! The second part is a statement that grows by one item after the other.

use anyhow::Result;

use super::{Emit, Expect, Group, Step, Style, Work, groups, present};
use crate::model::{Key, Row, RowKind, Value};
use crate::sink::mysql::batch::{Counted, full_name};
use crate::sink::mysql::shape::Fit;

/// Gives `emit` the statements for `changes`, which `fit` has made.
///
/// # Errors
/// As [`render`](super::render).
pub fn in_order(fit: &Fit, changes: &[RowKind], style: Style, emit: Emit<'_>) -> Result<()> {
    let table = &*fit.table;
    let key = table.keys.iter().find(|k| !k.parts.is_empty() && k.identifies(&table.columns));
    let order = Order {
        key: key.map(|k| k.parts.iter().map(|p| p.column).collect()),
        others: table.keys.iter().filter(|k| key.is_none_or(|own| *k != own)).collect(),
        safe: style.replace,
        // A REPLACE would remove and insert the row.
        work: Work { table, gaps: &[], style: Style { replace: false, ..style }, extras: &fit.extras },
    };
    order.all(changes, emit)
}

struct Order<'a> {
    /// Columns of the key that identifies rows; `None` if the whole row does.
    key: Option<Vec<usize>>,
    others: Vec<&'a Key>,
    safe: bool,
    work: Work<'a>,
}

impl Order<'_> {
    fn all(&self, changes: &[RowKind], emit: Emit<'_>) -> Result<()> {
        let mut rest = changes;
        while let Some(first) = rest.first() {
            let alike = |c: &&RowKind| std::mem::discriminant(*c) == std::mem::discriminant(first);
            let (run, next) = rest.split_at(rest.iter().take_while(alike).count());
            self.run(run, emit)?;
            rest = next;
        }
        Ok(())
    }

    /// Renders changes of one kind.
    fn run(&self, changes: &[RowKind], emit: Emit<'_>) -> Result<()> {
        let once = |row| Counted { row, count: 1 };
        let (mut new, mut gone) = (Vec::new(), Vec::new());
        for change in changes {
            match change {
                RowKind::Insert(row) if self.safe && self.key.is_some() => self.put(row, Expect::New, emit)?,
                RowKind::Insert(row) => new.push(once(row)),
                RowKind::Update { old, new } => self.update(old, new, emit)?,
                RowKind::Delete(row) => gone.push(once(row)),
            }
        }
        match &self.key {
            Some(key) => self.work.delete_by_key(key, &gone, emit)?,
            None => self.work.delete_whole(&gone, emit)?,
        }
        self.work.insert(&new, emit)
    }

    fn update(&self, old: &Row, new: &Row, emit: Emit<'_>) -> Result<()> {
        let same = |(a, b)| crate::mysql::literal::same(a, b);
        if old.iter().zip(new).all(same) {
            return Ok(());
        }
        let mut found = 0;
        let Some(key) = &self.key else {
            return self.update_whole(old, new, emit);
        };
        if !self.safe {
            return self.set(new, &self.condition(key, old)?, Expect::There, &mut found, emit);
        }
        if key.iter().all(|c| old.get(*c) == new.get(*c)) {
            return self.put(new, Expect::There, emit);
        }
        // The row with the new key may be this row itself, from another time.
        let there = self.condition(key, old)?;
        let mut count = Vec::new();
        let sql = format!("SELECT 0, COUNT(*) FROM {} WHERE {there}", full_name(self.work.table));
        emit(Step::Count { sql: &sql, found: &mut count })?;
        if count.iter().any(|(_, rows)| *rows > 0) {
            self.clear(new, Some(key), &there, emit)?;
        }
        self.set(new, &there, Expect::There, &mut found, emit)?;
        if found > 0 { Ok(()) } else { self.put(new, Expect::Perhaps, emit) }
    }

    fn update_whole(&self, old: &Row, new: &Row, emit: Emit<'_>) -> Result<()> {
        let mut found = 0;
        let condition = |loose| {
            let mut out = Vec::new();
            self.work.equal(&mut out, old, loose, None)?;
            out.extend_from_slice(b" LIMIT 1");
            Ok::<_, anyhow::Error>(String::from_utf8(out)?)
        };
        self.set(new, &condition(false)?, Expect::Perhaps, &mut found, emit)?;
        if found == 0 {
            // JSON may be written differently.
            self.set(new, &condition(true)?, Expect::There, &mut found, emit)?;
        }
        if found > 0 { Ok(()) } else { self.work.insert(&[Counted { row: new, count: 1 }], emit) }
    }

    /// Writes a row that may exist already, in safe mode.
    fn put(&self, row: &Row, expect: Expect, emit: Emit<'_>) -> Result<()> {
        let Some(key) = &self.key else { return self.work.insert(&[Counted { row, count: 1 }], emit) };
        let own = self.condition(key, row)?;
        self.clear(row, None, &own, emit)?;
        let mut found = 0;
        self.set(row, &own, expect, &mut found, emit)?;
        if found > 0 { Ok(()) } else { self.work.insert(&[Counted { row, count: 1 }], emit) }
    }

    /// Deletes other rows that have a unique key's value of `row`; `own` selects the row that
    /// stays.
    fn clear(&self, row: &Row, key: Option<&[usize]>, own: &str, emit: Emit<'_>) -> Result<()> {
        let mut conditions: Vec<String> = key.map(|k| self.condition(k, row)).transpose()?.into_iter().collect();
        for other in &self.others {
            conditions.extend(self.work.taken(other, row)?);
        }
        if conditions.is_empty() {
            return Ok(());
        }
        let table = full_name(self.work.table);
        let sql = format!("DELETE FROM {table} WHERE ({}) AND NOT ({own})", conditions.join(" OR "));
        emit(Step::Clear { sql: &sql })
    }

    fn condition(&self, key: &[usize], row: &Row) -> Result<String> {
        let mut out = Vec::new();
        self.work.key_condition(&mut out, key, &self.work.compared(key), row)?;
        Ok(String::from_utf8(out)?)
    }

    /// Sets the row that `condition` selects to the values of `row`.
    fn set(&self, row: &Row, condition: &str, expect: Expect, found: &mut u64, emit: Emit<'_>) -> Result<()> {
        let mut sql = format!("UPDATE {} SET ", full_name(self.work.table)).into_bytes();
        for (i, column) in present(self.work.table, row).enumerate() {
            sql.extend_from_slice(if i == 0 { b"" } else { b"," });
            sql.extend_from_slice(self.work.name(column).as_bytes());
            sql.push(b'=');
            self.work.literal(&mut sql, row, column)?;
        }
        sql.extend_from_slice(format!(" WHERE {condition}").as_bytes());
        self.work.check_size(sql.len())?;
        let once = [Counted { row, count: 1 }];
        let relaxed = groups(self.work.table, &once).first().is_some_and(|g: &Group| g.relaxed);
        let zeros = row.iter().filter(|v| relaxed && **v == Value::Enum(0)).count() as u64;
        emit(Step::Update { sql: std::str::from_utf8(&sql)?, relaxed: zeros, found, expect })
    }
}

/// Receives each full statement: its text, and the number of items in it.
pub(super) type Full<'f> = &'f mut dyn FnMut(&str, u64) -> Result<()>;

/// Items between a head and a tail, cut into statements of a limited size. Only one of them is in
/// memory.
pub(super) struct Chunk<'a> {
    head: Vec<u8>,
    separator: &'a [u8],
    tail: Vec<u8>,
    /// Limit in bytes of a statement with more than one item.
    limit: usize,
    /// Limit of items in a statement.
    most: u64,
    text: Vec<u8>,
    /// An item that did not fit.
    over: Vec<u8>,
    items: u64,
}

impl<'a> Chunk<'a> {
    pub(super) fn new(head: Vec<u8>, separator: &'a [u8], tail: Vec<u8>, limit: usize) -> Self {
        Self { head, separator, tail, limit, most: u64::MAX, text: Vec::new(), over: Vec::new(), items: 0 }
    }

    pub(super) fn at_most(self, most: u64) -> Self {
        Self { most, ..self }
    }

    /// Adds the item that `write` appends; if it does not fit, gives `full` the statement before
    /// it. Tells the length of a statement of this item alone, if it begins one.
    pub(super) fn push(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>) -> Result<()>,
        full: Full<'_>,
    ) -> Result<Option<usize>> {
        if self.items >= self.most {
            self.finish(full)?;
        }
        let before = self.text.len();
        let lead = if self.items == 0 { self.head.as_slice() } else { self.separator };
        self.text.extend_from_slice(lead);
        let begin = self.text.len();
        write(&mut self.text)?;
        if self.items > 0 && self.text.len() + self.tail.len() > self.limit {
            self.over.clear();
            self.over.extend_from_slice(self.text.get(begin..).unwrap_or_default());
            self.text.truncate(before);
            self.finish(full)?;
            self.text.extend_from_slice(&self.head);
            self.text.append(&mut self.over);
        }
        self.items += 1;
        Ok((self.items == 1).then(|| self.text.len() + self.tail.len()))
    }

    /// Called before an item of about `size` bytes: gives `full` the statement that the item would
    /// not fit into, so that the item is not held twice.
    pub(super) fn make_room(&mut self, size: usize, full: Full<'_>) -> Result<()> {
        if self.items > 0 && self.text.len() + size > self.limit {
            self.finish(full)?;
        }
        // Exactly: a growing vector would take as much again.
        self.text.reserve_exact(self.head.len() + size + size / 64);
        Ok(())
    }

    /// Gives `full` the last statement, if there is one.
    pub(super) fn finish(&mut self, full: Full<'_>) -> Result<()> {
        if self.items > 0 {
            self.text.extend_from_slice(&self.tail);
            full(std::str::from_utf8(&self.text)?, self.items)?;
        }
        self.text.clear();
        self.items = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn statements_hold_each_item_once_and_keep_the_limits(
            items in prop::collection::vec("[a-z]{1,12}", 0..40), limit in 5..60_usize, most in 1..9_u64,
        ) {
            let mut chunk = Chunk::new(b"<".to_vec(), b",", b">".to_vec(), limit).at_most(most);
            let mut found: Vec<(String, u64)> = Vec::new();
            let mut full = |text: &str, items| {
                found.push((text.to_owned(), items));
                Ok(())
            };
            for item in &items {
                let alone = chunk.push(|out| { out.extend_from_slice(item.as_bytes()); Ok(()) }, &mut full).unwrap();
                prop_assert!(alone.is_none_or(|n| n == item.len() + 2));
            }
            chunk.finish(&mut full).unwrap();
            let mut all = Vec::new();
            for (i, (text, n)) in found.iter().enumerate() {
                let inner: Vec<&str> = text[1..text.len() - 1].split(',').collect();
                prop_assert_eq!((inner.len() as u64, text.starts_with('<'), text.ends_with('>')), (*n, true, true));
                prop_assert!(*n <= most && (*n == 1 || text.len() <= limit));
                // No statement is shorter than necessary.
                if let Some((next, _)) = found.get(i + 1) {
                    let first = next[1..next.len() - 1].split(',').next().unwrap();
                    prop_assert!(*n == most || text.len() + 1 + first.len() > limit);
                }
                all.extend(inner.into_iter().map(str::to_owned));
            }
            prop_assert_eq!(all, items);
        }
    }
}
