//! From a table's net effect to SQL: deletes by key, deletes by whole row, changes in place, multi-row inserts.
//!
//! Statements are given away one by one as they are made, so that one of them at a time is in memory.

mod change;
mod chunk;
mod delete;
mod group;
mod in_order;
mod insert;
mod whole;

use anyhow::{Context, Result};

pub use self::in_order::in_order;

use super::batch::{TableChanges, full_name};
use super::literal::{self, JsonStyle};
use super::session::{Flavour, Server, quote_name};
use super::shape::fit::Extra;
use crate::error::Fault;
use crate::model::{Row, Table};

/// Bytes of one statement, unless a single row needs more.
const BYTES: usize = 1 << 20;
/// What the server counts of its own into a packet, rounded up.
const PACKET_EXTRA: usize = 64;

/// A statement with what it must do. It has to be run at once: the next one takes its memory.
#[derive(Debug)]
pub enum Step<'a> {
    /// Deletes exactly `rows` rows.
    Delete {
        /// The statement.
        sql: &'a str,
        /// Rows that have to be there.
        rows: u64,
    },
    /// A query of two columns; all rows of its result have to be put into `found`. What follows depends on them.
    Count {
        /// The query.
        sql: &'a str,
        /// Which of the asked images (NULL: none of them), and how many rows are equal to it.
        found: &'a mut Vec<(Option<u64>, u64)>,
    },
    /// Deletes exactly `rows` rows that are equal to one image, with LIMIT.
    DeleteEqual {
        /// The statement up to its limit.
        sql: &'a str,
        /// The same with a comparison that also finds JSON written differently; for what `sql` did not find.
        loose: Option<&'a str>,
        /// Rows that have to be there.
        rows: u64,
    },
    /// Changes exactly `rows` rows, known by their key, where they are; at least two of them.
    Change {
        /// The statement.
        sql: &'a str,
        /// Rows that have to be there.
        rows: u64,
    },
    /// Gives one row that is known by its key or by all its values a new image, in place.
    Update {
        /// The statement.
        sql: &'a str,
        /// See [`Insert`](Self::Insert).
        relaxed: u64,
        /// How many rows there were is put here.
        found: &'a mut u64,
        /// Whether it has to be there.
        expect: Expect,
    },
    /// Deletes rows that stand in the way of those that may be there already; only where that is forgiven.
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
        /// ENUM values of index 0 in it: they pass only without strict mode, with one warning each.
        relaxed: u64,
    },
}

/// Whether a row has to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// It has to.
    There,
    /// A row that is to be inserted: in safe mode it may be there.
    New,
    /// Another statement looks for it, too.
    Perhaps,
}

/// What runs the steps.
pub type Emit<'e> = &'e mut dyn FnMut(Step<'_>) -> Result<()>;

/// What rendering has to know of the target.
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
    /// For `server`; `replace` makes INSERT a REPLACE.
    #[must_use]
    pub fn of(server: &Server, replace: bool) -> Self {
        let json = match server.flavour {
            Flavour::MariaDb => JsonStyle::Text { equals: server.version >= (10, 7, 0) },
            _ => JsonStyle::Typed,
        };
        let max_packet = server.max_allowed_packet;
        // MariaDB and MySQL tell, for each statement, how many of the rows were there.
        let in_place = server.flavour != Flavour::TiDb && !replace;
        Self { json, max_packet, chunk: (max_packet / 2).min(BYTES), replace, clear: false, in_place }
    }

    /// Rows that stand in the way of a REPLACE are deleted first: no server counts one that it replaces by its like.
    #[must_use]
    pub fn clearing(mut self, clear: bool) -> Self {
        self.clear = self.replace && clear;
        self
    }
}

/// Gives `emit` the statements for `changes`, deletes first.
///
/// # Errors
/// If a value has no literal, a row is larger than the target takes (with table, size and limit), or `emit` fails.
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
    /// Columns by which no row is told apart.
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
