//! Renders a table's net effect as SQL.
//!
//! The statements are deletes by key, deletes by whole row, changes in place, and multi-row
//! inserts. They are handed out one by one as they are made, so that only one at a time is in
//! memory.
//!
//! - Rows that go into the same statements.
//! - New images for rows that stay where they are.
//! - Inserts of many rows.

mod delete;
mod in_order;

use std::cell::Cell;

use anyhow::{Context, Result};

use super::batch::{Counted, TableChanges, full_name};
use super::shape::fit::Extra;
use crate::error::Fault;
use crate::model::{Kind, Row, Table, Value};
use crate::mysql::literal::{self, JsonStyle};
use crate::mysql::session::{Flavour, Server};
use crate::sql::quote_name;
use in_order::Chunk;
pub use in_order::in_order;

/// Limit in bytes of a statement, unless a single row needs more.
const BYTES: usize = 1 << 20;
/// What the server adds to a packet, rounded up.
const PACKET_EXTRA: usize = 64;

/// A statement with its expected effect. It has to be run at once, because the next one reuses its
/// memory.
#[derive(Debug)]
pub enum Step<'a> {
    /// Deletes exactly `rows` rows.
    Delete {
        /// The statement.
        sql: &'a str,
        /// Rows that must exist.
        rows: u64,
    },
    /// A query of two columns; all rows of its result have to be put into `found`. The following
    /// statements depend on them.
    Count {
        /// The query.
        sql: &'a str,
        /// The number of the image (NULL: none of them), and the count of rows equal to it.
        found: &'a mut Vec<(Option<u64>, u64)>,
    },
    /// Deletes exactly `rows` rows that are equal to one image, with LIMIT.
    DeleteEqual {
        /// The statement without its limit.
        sql: &'a str,
        /// A statement with a comparison that also finds JSON written differently, for rows that
        /// `sql` did not find.
        loose: Option<&'a str>,
        /// Rows that must exist.
        rows: u64,
    },
    /// Changes exactly `rows` rows, identified by their key, in place; at least two of them.
    Change {
        /// The statement.
        sql: &'a str,
        /// Rows that must exist.
        rows: u64,
    },
    /// Sets one row, identified by its key or all its values, to a new image, in place.
    Update {
        /// The statement.
        sql: &'a str,
        /// As in [`Insert`](Self::Insert).
        relaxed: u64,
        /// Receives the number of rows found.
        found: &'a mut u64,
        /// Whether the row must exist.
        expect: Expect,
    },
    /// Deletes rows in the way of those that may exist already; only where deviations are allowed.
    Clear {
        /// The statement.
        sql: &'a str,
    },
    /// Inserts exactly `rows` rows.
    Insert {
        /// The statement.
        sql: &'a str,
        /// Rows in it.
        rows: u64,
        /// Number of ENUM values of index 0: they are accepted only without strict mode, with a
        /// warning for each.
        relaxed: u64,
    },
}

/// Whether a row must exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// It must.
    There,
    /// It is a row to insert: in safe mode it may exist.
    New,
    /// Another statement looks for it as well.
    Perhaps,
}

/// Runs the steps.
pub type Emit<'e> = &'e mut dyn FnMut(Step<'_>) -> Result<()>;

/// The target's properties that rendering depends on.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    json: JsonStyle,
    max_packet: usize,
    chunk: usize,
    replace: bool,
    clear: bool,
    in_place: bool,
}

impl Style {
    /// For `server`; `replace` turns INSERT into REPLACE.
    #[must_use]
    pub fn of(server: &Server, replace: bool) -> Self {
        let json = match server.flavour {
            Flavour::MariaDb => JsonStyle::Text { equals: server.version >= (10, 7, 0) },
            _ => JsonStyle::Typed,
        };
        let max_packet = server.max_allowed_packet;
        // For each statement, MariaDB and MySQL tell how many of the rows existed.
        let in_place = server.flavour != Flavour::TiDb && !replace;
        Self { json, max_packet, chunk: (max_packet / 2).min(BYTES), replace, clear: false, in_place }
    }

    /// Rows in the way of a REPLACE are deleted first: no server counts a row that it replaces by
    /// an equal one.
    #[must_use]
    pub fn clearing(mut self, clear: bool) -> Self {
        self.clear = self.replace && clear;
        self
    }
}

/// Gives `emit` the statements for `changes`, deletes first.
///
/// # Errors
/// If a value has no literal, a row is larger than the target accepts (with table, size and limit),
/// or `emit` fails.
pub fn render(changes: &TableChanges, style: Style, emit: Emit<'_>) -> Result<()> {
    let net = changes.net(style.in_place, style.replace);
    let work = Work { table: changes.table, gaps: changes.gaps(), style, extras: &[] };
    let Some(key) = changes.key() else {
        work.delete_whole(&net.removed, emit)?;
        work.clear_by_value(&net.cleared, emit)?;
        return work.insert(&net.inserted, emit);
    };
    work.delete_by_key(key, &net.removed, emit)?;
    work.clear_by_key(key, &net.cleared, emit)?;
    work.change(key, &net.changed, emit)?;
    if style.clear {
        work.clear_by_key(key, &net.inserted, emit)?;
    }
    work.insert(&net.inserted, emit)
}

struct Work<'a> {
    table: &'a Table,
    /// Columns that are not used to identify a row.
    gaps: &'a [usize],
    style: Style,
    /// Columns that only the target has, with their values in new rows.
    extras: &'a [Extra],
}

impl Work<'_> {
    fn literal(&self, out: &mut Vec<u8>, row: &Row, column: usize) -> Result<()> {
        let (Some(c), Some(value)) = (self.table.columns.get(column), row.get(column)) else {
            return Err(Fault::refused(format!("{} has no column {column}", full_name(self.table))).into());
        };
        literal::write(out, &c.kind, value).with_context(|| self.naming(column))
    }

    fn naming(&self, column: usize) -> String {
        format!("column {} of {}", self.name(column), full_name(self.table))
    }

    fn name(&self, column: usize) -> String {
        self.table.columns.get(column).map(|c| quote_name(&c.name)).unwrap_or_default()
    }

    fn check_size(&self, bytes: usize) -> Result<()> {
        if bytes + PACKET_EXTRA <= self.style.max_packet {
            return Ok(());
        }
        Err(Fault::refused(format!(
            "a row of {} needs a statement of {bytes} bytes, but the target's max_allowed_packet is {}",
            full_name(self.table),
            self.style.max_packet
        ))
        .hint(format!(
            "SET GLOBAL max_allowed_packet = {} on the target, and start again",
            (bytes + PACKET_EXTRA).next_power_of_two()
        ))
        .into())
    }
}

/// Rows with values for the same columns, all of which strict mode accepts, or does not.
struct Group<'a> {
    columns: Vec<usize>,
    relaxed: bool,
    rows: Vec<Counted<'a>>,
}

/// Groups rows by the columns that they have and by whether strict mode accepts them.
fn groups<'a>(table: &Table, rows: &[Counted<'a>]) -> Vec<Group<'a>> {
    let enums = table.columns.iter().any(|c| matches!(c.kind, Kind::Enum { .. }));
    let mut groups: Vec<Group> = Vec::new();
    for row in rows {
        let relaxed = enums && row.row.contains(&Value::Enum(0));
        let fits = |g: &Group| g.relaxed == relaxed && present(table, row.row).eq(g.columns.iter().copied());
        match groups.iter_mut().find(|g| fits(g)) {
            Some(group) => group.rows.push(*row),
            None => groups.push(Group { columns: present(table, row.row).collect(), relaxed, rows: vec![*row] }),
        }
    }
    groups
}

/// The columns that a statement names for `row`.
fn present(table: &Table, row: &Row) -> impl Iterator<Item = usize> {
    let columns = table.columns.iter().zip(row).enumerate();
    columns.filter(|(_, (c, v))| c.writable() && !matches!(v, Value::Absent)).map(|(i, _)| i)
}

impl Work<'_> {
    /// Changes rows by an INSERT that finds every key taken. An UPDATE cannot set different values
    /// for each row without changing their types on the way.
    fn change(&self, key: &[usize], rows: &[Counted], emit: Emit<'_>) -> Result<()> {
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

    /// A single row is deleted and inserted: for one row, no server tells whether it existed.
    fn change_one(&self, key: &[usize], group: &Group, row: Counted, emit: Emit<'_>) -> Result<()> {
        self.delete_by_key(key, std::slice::from_ref(&row), emit)?;
        self.insert_group(&Group { columns: group.columns.clone(), relaxed: group.relaxed, rows: vec![row] }, emit)
    }
}

/// From this size on it matters how the text of a row grows.
const LARGE: usize = 64 << 10;

impl Work<'_> {
    fn insert(&self, rows: &[Counted], emit: Emit<'_>) -> Result<()> {
        groups(self.table, rows).iter().try_for_each(|group| self.insert_group(group, emit))
    }

    fn insert_group(&self, group: &Group, emit: Emit<'_>) -> Result<()> {
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

    fn head(&self, verb: &str, group: &Group) -> Vec<u8> {
        let mut names: Vec<String> = group.columns.iter().map(|c| self.name(*c)).collect();
        names.extend(self.extras.iter().map(|e| quote_name(&e.name)));
        format!("{verb} INTO {} ({}) VALUES ", full_name(self.table), names.join(",")).into_bytes()
    }

    fn values(&self, out: &mut Vec<u8>, row: &Row, columns: &[usize]) -> Result<()> {
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
