//! Statements made from definitions: what TiDB decided, not what somebody typed.
//!
//! A text depends on its session: on the zone in which it names a time, on sql_mode, on the clock, on the letter case of names. The definitions before and
//! after the job do not. So CREATE TABLE is written from the one after, and ALTER TABLE from the difference. What comes out are TiDB's words in UTC, with
//! every character set and collation named; [`dialect`](super::dialect) says them to the target.
//!
//! ```text
//! column, index, partition   parts of a definition       create   a whole one
//! alter   the difference of two    order   which columns have moved    expression   what of TiDB's SQL may stand in a statement
//! ```
//! Jobs whose effect no definition shows, or of whose tables none is known, keep their text: `None`.

mod alter;
mod column;
mod create;
mod expression;
mod index;
mod order;
mod partition;
#[cfg(test)]
mod tests;

pub(super) use alter::DROP_FOREIGN;

use std::sync::Arc;

use super::action;
use super::dialect::Unspeakable;
use crate::model::{Ddl, Table};
use crate::sink::mysql::session::{Flavour, Server};

/// Jobs that are the difference of two definitions.
const DIFFERENCES: [u8; 28] =
    [5, 6, 7, 8, 9, 10, 12, 15, 17, 18, 19, 20, 22, 32, 33, 37, 38, 41, 43, 44, 45, 48, 61, 64, 71, 72, 73, 74];

/// What does what a DDL did.
#[derive(Debug, Default)]
pub(super) struct Made {
    /// The statements, one after the other; none if nothing is left that a statement could say.
    pub statements: Vec<String>,
    /// More of them: foreign keys, which a target may refuse, and a replica can do without.
    pub optional: Vec<String>,
    /// What is in no statement.
    pub without: Vec<String>,
}

/// What of the indexes that `ddl` brings no statement makes.
fn left_out(ddl: &Ddl) -> Vec<String> {
    let indexes = |tables: &'_ [Arc<Table>]| -> Vec<(i64, String)> {
        let details = tables.iter().flat_map(|t| &t.details).flat_map(|d| &d.indexes);
        details.filter(|i| i.foreign_kind).map(|i| (i.id, i.name.clone())).collect()
    };
    let before = indexes(&ddl.before);
    let new = indexes(&ddl.after).into_iter().filter(|index| !before.contains(index));
    new.map(|(_, name)| format!("index `{name}` is of a kind that TiDB alone has")).collect()
}

/// ActionType of a table's character set.
const CHARSET: u8 = 22;

/// The statements that do what `ddl` did, one after the other. `None` where its text has to do.
///
/// # Errors
/// Why no statement can be made, where a text could do harm.
pub(super) fn statements(server: &Server, ddl: &Ddl) -> Result<Option<Made>, Unspeakable> {
    // A TiDB does not take the columns and the table's own character set in one statement.
    let converts = ddl.action == CHARSET && server.flavour == Flavour::TiDb;
    if ddl.temporary || converts || !ddl.after.iter().all(|table| table.details.is_some()) {
        return Ok(None);
    }
    let made = match (ddl.action, ddl.before.as_slice(), ddl.after.as_slice()) {
        (action::CREATE_TABLE | action::CREATE_TABLES, [], [_, ..]) => {
            let (condition, inline) = (is_conditional(ddl), server.flavour == Flavour::TiDb);
            let mut made = Made::default();
            for table in &ddl.after {
                made.statements.push(create::table(table, condition, inline)?);
                let keys = if inline { Vec::new() } else { index::foreign_keys(table) };
                made.optional.extend(keys.into_iter().map(|key| format!("ALTER TABLE {} ADD {key}", name(table))));
            }
            Some(made)
        }
        (number, [before], [after]) if DIFFERENCES.contains(&number) && same_place(before, after) => {
            alter::statements(server, ddl, before, after)?
        }
        _ => None,
    };
    Ok(made.map(|made| Made { without: left_out(ddl), ..made }))
}

fn same_place(before: &Table, after: &Table) -> bool {
    before.details.is_some() && (&before.schema, &before.name) == (&after.schema, &after.name)
}

/// Whether the text says IF EXISTS or IF NOT EXISTS: then a target that has it already, or has it no more, is no error.
fn is_conditional(ddl: &Ddl) -> bool {
    let tokens = crate::sql::tokens(&ddl.query);
    let words: Vec<_> = tokens.iter().map(|(token, ..)| token).collect();
    words.windows(3).any(|w| matches!(w, [a, b, c] if a.is("IF") && (b.is("EXISTS") || b.is("NOT") && c.is("EXISTS"))))
}

/// CREATE TABLE of `table`, without its foreign keys.
///
/// # Errors
/// If an expression is none.
pub(super) fn create(table: &Table) -> Result<String, Unspeakable> {
    create::table(table, false, false)
}

pub(super) use index::foreign_keys;
pub(super) use partition::said as partitions_said;

/// `` `db`.`table` ``.
fn name(table: &Table) -> String {
    crate::sink::mysql::batch::full_name(table)
}
