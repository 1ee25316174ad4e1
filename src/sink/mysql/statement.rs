//! From a table's net effect to SQL: deletes by key, deletes by whole row, multi-row inserts.

use anyhow::{Context, Result};

use super::batch::{Counted, TableChanges, full_name};
use super::literal::{self, JsonStyle};
use super::session::{Flavour, Server, quote_name};
use crate::error::Fault;
use crate::model::{Kind, Row, Table, Value};

/// Keys in one DELETE: few enough for the range optimizers of all targets.
const KEYS: usize = 500;
/// Bytes of one statement, unless a single row needs more.
const BYTES: usize = 1 << 20;

/// A statement with what it must do.
#[derive(Debug)]
pub enum Step {
    /// Deletes exactly `rows` rows.
    Delete {
        /// The statement.
        sql: String,
        /// Rows that have to be there.
        rows: u64,
    },
    /// Deletes exactly `rows` rows that are equal to one image, with LIMIT.
    DeleteEqual {
        /// The statement up to its limit.
        sql: String,
        /// The same with a comparison that also finds JSON written differently; for what `sql` did not find.
        loose: Option<String>,
        /// Rows that have to be there.
        rows: u64,
    },
    /// Changes exactly `rows` rows, known by their key, where they are; at least two of them.
    Change {
        /// The statement.
        sql: String,
        /// Rows that have to be there.
        rows: u64,
    },
    /// Inserts exactly `rows` rows.
    Insert {
        /// The statement.
        sql: String,
        /// Rows in it.
        rows: u64,
        /// ENUM values of index 0 in it: they pass only without strict mode, with one warning each.
        relaxed: u64,
    },
}

/// What rendering has to know of the target.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    json: JsonStyle,
    max_packet: usize,
    chunk: usize,
    replace: bool,
    in_place: bool,
}

impl Style {
    /// For `server`; `replace` makes INSERT a REPLACE.
    #[must_use]
    pub fn of(server: &Server, replace: bool) -> Self {
        let json = match server.flavour {
            Flavour::MariaDb => JsonStyle::Text { equals: server.version >= (10, 7, 0) },
            _ => JsonStyle::Typed,
        };
        let max_packet = server.max_allowed_packet;
        // Only MariaDB is known to tell, for each statement, how many of the rows were there.
        let in_place = server.flavour == Flavour::MariaDb && !replace;
        Self { json, max_packet, chunk: (max_packet / 2).min(BYTES), replace, in_place }
    }
}

/// Gives `emit` the statements for `changes`, deletes first.
///
/// # Errors
/// If a value has no literal, a row is larger than the target takes, or `emit` fails.
pub fn render(changes: TableChanges, style: Style, emit: &mut dyn FnMut(Step) -> Result<()>) -> Result<()> {
    let (table, key) = (changes.table.clone(), changes.key.clone());
    let net = changes.finish(style.in_place);
    let work = Work { table: &table, style };
    let Some(key) = key else {
        work.delete_whole(&net.removed, emit)?;
        return work.insert(&net.inserted, emit);
    };
    work.delete_by_key(&key, &net.removed, emit)?;
    work.change(&key, &net.changed, emit)?;
    work.insert(&net.inserted, emit)
}

struct Work<'a> {
    table: &'a Table,
    style: Style,
}

/// Rows that go into the same statements.
struct Group<'a> {
    columns: Vec<usize>,
    relaxed: bool,
    rows: Vec<&'a Counted>,
}

impl Work<'_> {
    fn literal(&self, out: &mut Vec<u8>, row: &Row, column: usize) -> Result<()> {
        let (Some(c), Some(value)) = (self.table.columns.get(column), row.get(column)) else {
            return Err(Fault::refused(format!("{} has no column {column}", full_name(self.table))).into());
        };
        literal::write(out, &c.kind, value).with_context(|| self.naming(column))
    }

    fn naming(&self, column: usize) -> String {
        let name = self.table.columns.get(column).map(|c| quote_name(&c.name)).unwrap_or_default();
        format!("column {name} of {}", full_name(self.table))
    }

    fn name(&self, column: usize) -> String {
        self.table.columns.get(column).map(|c| quote_name(&c.name)).unwrap_or_default()
    }

    fn delete_by_key(&self, key: &[usize], rows: &[Counted], emit: &mut dyn FnMut(Step) -> Result<()>) -> Result<()> {
        let single = match key {
            // Compared like a whole row's: the plain number 0 would be taken for the year 2000.
            [one] => self.table.columns.get(*one).is_some_and(|c| c.kind != Kind::Year),
            _ => false,
        };
        let mut head = format!("DELETE FROM {} WHERE ", full_name(self.table)).into_bytes();
        if let ([one], true) = (key, single) {
            head.extend_from_slice(format!("{} IN (", self.name(*one)).as_bytes());
        }
        let tail: &[u8] = if single { b")" } else { b"" };
        let separator: &[u8] = if single { b"," } else { b" OR " };
        let mut chunk = Chunk::new(head, separator, tail, self.style.chunk);
        for row in rows {
            let mut one = Vec::new();
            if single {
                key.iter().try_for_each(|c| self.literal(&mut one, &row.row, *c))?;
            } else {
                one.push(b'(');
                for (i, c) in key.iter().enumerate() {
                    if i > 0 {
                        one.extend_from_slice(b" AND ");
                    }
                    let year = self.table.columns.get(*c).is_some_and(|c| c.kind == Kind::Year);
                    let plus = if year { " + 0" } else { "" };
                    one.extend_from_slice(format!("{}{plus} = ", self.name(*c)).as_bytes());
                    self.literal(&mut one, &row.row, *c)?;
                }
                one.push(b')');
            }
            self.check_size(chunk.head.len() + one.len())?;
            if let Some((sql, rows)) = chunk.push(&one, KEYS)? {
                emit(Step::Delete { sql, rows })?;
            }
        }
        match chunk.take()? {
            Some((sql, rows)) => emit(Step::Delete { sql, rows }),
            None => Ok(()),
        }
    }

    fn delete_whole(&self, rows: &[Counted], emit: &mut dyn FnMut(Step) -> Result<()>) -> Result<()> {
        let json = self.table.columns.iter().any(|c| c.kind == Kind::Json && c.writable());
        for row in rows {
            let sql = self.whole(&row.row, false)?;
            let loose = if json { Some(self.whole(&row.row, true)?) } else { None };
            self.check_size(sql.len())?;
            emit(Step::DeleteEqual { sql, loose, rows: row.count })?;
        }
        Ok(())
    }

    fn whole(&self, row: &Row, loose: bool) -> Result<String> {
        let mut out = format!("DELETE FROM {} WHERE ", full_name(self.table)).into_bytes();
        let mut first = true;
        for column in present(self.table, row) {
            let (Some(c), Some(value)) = (self.table.columns.get(column), row.get(column)) else { continue };
            if !std::mem::take(&mut first) {
                out.extend_from_slice(b" AND ");
            }
            literal::condition(&mut out, &quote_name(&c.name), &c.kind, value, self.style.json, loose)
                .with_context(|| self.naming(column))?;
        }
        out.extend_from_slice(b" LIMIT ");
        Ok(String::from_utf8(out)?)
    }

    /// New images for rows that are there: an INSERT that finds every key taken. An UPDATE cannot bring other values for
    /// each row without changing their types on the way.
    fn change(&self, key: &[usize], rows: &[Counted], emit: &mut dyn FnMut(Step) -> Result<()>) -> Result<()> {
        for group in groups(self.table, rows) {
            let set: Vec<String> = group.columns.iter().filter(|c| !key.contains(c)).map(|c| self.name(*c)).collect();
            if group.relaxed || set.is_empty() {
                group.rows.iter().try_for_each(|row| self.change_one(key, &group, row, emit))?;
                continue;
            }
            let set: Vec<String> = set.iter().map(|n| format!("{n}=VALUES({n})")).collect();
            let tail = format!(" ON DUPLICATE KEY UPDATE {}", set.join(","));
            let mut chunk = Chunk::new(self.head("INSERT", &group), b",", tail.as_bytes(), self.style.chunk);
            let mut last = None;
            for row in &group.rows {
                let one = self.values(row, &group.columns)?;
                self.check_size(chunk.head.len() + one.len() + tail.len())?;
                match (chunk.push(&one, usize::MAX)?, last) {
                    (Some((_, 1)), Some(last)) => self.change_one(key, &group, last, emit)?,
                    (Some((sql, rows)), _) => emit(Step::Change { sql, rows })?,
                    (None, _) => {}
                }
                last = Some(row);
            }
            match (chunk.take()?, last) {
                (Some((_, 1)), Some(last)) => self.change_one(key, &group, last, emit)?,
                (Some((sql, rows)), _) => emit(Step::Change { sql, rows })?,
                (None, _) => {}
            }
        }
        Ok(())
    }

    /// A row alone is deleted and inserted: for one row, no server says whether it was there.
    fn change_one(
        &self,
        key: &[usize],
        group: &Group,
        row: &Counted,
        emit: &mut dyn FnMut(Step) -> Result<()>,
    ) -> Result<()> {
        self.delete_by_key(key, std::slice::from_ref(row), emit)?;
        self.insert_group(&Group { columns: group.columns.clone(), relaxed: group.relaxed, rows: vec![row] }, emit)
    }

    fn head(&self, verb: &str, group: &Group) -> Vec<u8> {
        let names: Vec<String> = group.columns.iter().map(|c| self.name(*c)).collect();
        format!("{verb} INTO {} ({}) VALUES ", full_name(self.table), names.join(",")).into_bytes()
    }

    fn values(&self, row: &Counted, columns: &[usize]) -> Result<Vec<u8>> {
        let mut out = vec![b'('];
        for (i, c) in columns.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            self.literal(&mut out, &row.row, *c)?;
        }
        out.push(b')');
        Ok(out)
    }

    fn insert(&self, rows: &[Counted], emit: &mut dyn FnMut(Step) -> Result<()>) -> Result<()> {
        groups(self.table, rows).iter().try_for_each(|group| self.insert_group(group, emit))
    }

    fn insert_group(&self, group: &Group, emit: &mut dyn FnMut(Step) -> Result<()>) -> Result<()> {
        let verb = if self.style.replace { "REPLACE" } else { "INSERT" };
        let mut chunk = Chunk::new(self.head(verb, group), b",", b"", self.style.chunk);
        let mut zeros = 0;
        for row in &group.rows {
            let one = self.values(row, &group.columns)?;
            self.check_size(chunk.head.len() + one.len())?;
            let own = row.row.iter().filter(|v| **v == Value::Enum(0)).count() as u64;
            for _ in 0..row.count {
                if let Some((sql, rows)) = chunk.push(&one, usize::MAX)? {
                    emit(Step::Insert { sql, rows, relaxed: std::mem::take(&mut zeros) })?;
                }
                zeros += own;
            }
        }
        match chunk.take()? {
            Some((sql, rows)) => emit(Step::Insert { sql, rows, relaxed: zeros }),
            None => Ok(()),
        }
    }

    /// The server counts a few bytes of its own into a packet.
    fn check_size(&self, bytes: usize) -> Result<()> {
        if bytes + 64 <= self.style.max_packet {
            return Ok(());
        }
        Err(Fault::refused(format!(
            "a row of {} needs a statement of {bytes} bytes, but the target's max_allowed_packet is {}",
            full_name(self.table),
            self.style.max_packet
        ))
        .hint(format!(
            "SET GLOBAL max_allowed_packet = {} on the target, and start again",
            (bytes + 64).next_power_of_two()
        ))
        .into())
    }
}

/// Rows by the columns that they have and by whether strict mode takes them.
fn groups<'a>(table: &Table, rows: &'a [Counted]) -> Vec<Group<'a>> {
    let mut groups: Vec<Group> = Vec::new();
    for row in rows {
        let columns = present(table, &row.row);
        let relaxed = row.row.contains(&Value::Enum(0));
        match groups.iter_mut().find(|g| g.relaxed == relaxed && g.columns == columns) {
            Some(group) => group.rows.push(row),
            None => groups.push(Group { columns, relaxed, rows: vec![row] }),
        }
    }
    groups
}

/// The columns that a statement names for `row`.
fn present(table: &Table, row: &Row) -> Vec<usize> {
    let columns = table.columns.iter().zip(row).enumerate();
    columns.filter(|(_, (c, v))| c.writable() && **v != Value::Absent).map(|(i, _)| i).collect()
}

/// A statement that grows by one item after the other.
struct Chunk<'a> {
    head: Vec<u8>,
    separator: &'a [u8],
    tail: &'a [u8],
    limit: usize,
    text: Vec<u8>,
    items: u64,
}

impl<'a> Chunk<'a> {
    fn new(head: Vec<u8>, separator: &'a [u8], tail: &'a [u8], limit: usize) -> Self {
        Self { head, separator, tail, limit, text: Vec::new(), items: 0 }
    }

    /// Adds an item; gives the statement before it if that is full.
    fn push(&mut self, item: &[u8], most: usize) -> Result<Option<(String, u64)>> {
        let full = self.items > 0
            && (self.text.len() + item.len() > self.limit || usize::try_from(self.items).unwrap_or(usize::MAX) >= most);
        let done = if full { self.take()? } else { None };
        let lead = if self.items == 0 { self.head.as_slice() } else { self.separator };
        self.text.extend_from_slice(lead);
        self.text.extend_from_slice(item);
        self.items += 1;
        Ok(done)
    }

    fn take(&mut self) -> Result<Option<(String, u64)>> {
        let items = std::mem::take(&mut self.items);
        let mut text = std::mem::take(&mut self.text);
        text.extend_from_slice(self.tail);
        Ok(if items == 0 { None } else { Some((String::from_utf8(text)?, items)) })
    }
}
