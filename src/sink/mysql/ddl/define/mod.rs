//! Statements made from definitions: what TiDB decided, not what somebody typed.
//!
//! A text depends on its session: on the zone in which it names a time, on sql_mode, on the clock, on the letter case of names. The definitions before and
//! after the job do not. So CREATE TABLE is written from the one after, and ALTER TABLE from the difference. What comes out are TiDB's words in UTC, with
//! every character set and collation named; [`dialect`](super::dialect) says them to the target.
//!
//! ```text
//! column, index, partition   parts of a definition       create   a whole one
//! database   CREATE and ALTER DATABASE    alter   the difference of two    order   which columns have moved    expression   what of TiDB's SQL may stand in a statement
//! ```
//! Jobs whose effect no definition shows, or of whose tables none is known, keep their text: `None`.

mod alter;
mod column;
mod create;
mod database;
mod expression;
mod index;
mod order;
mod partition;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use self::column::visible;
use super::dialect::Unspeakable;
use crate::model::{ActionType, Ddl, Table};
use crate::sink::mysql::session::{Flavour, Server};

/// Whether such a job is the difference of two definitions.
const fn is_difference(action: ActionType) -> bool {
    use ActionType as Type;
    matches!(
        action,
        Type::AddColumn
            | Type::DropColumn
            | Type::AddIndex
            | Type::DropIndex
            | Type::AddForeignKey
            | Type::DropForeignKey
            | Type::ModifyColumn
            | Type::SetDefaultValue
            | Type::ModifyTableComment
            | Type::RenameIndex
            | Type::AddPartition
            | Type::DropPartition
            | Type::ModifyTableCharset
            | Type::AddPrimaryKey
            | Type::DropPrimaryKey
            | Type::AddColumns
            | Type::DropColumns
            | Type::AlterIndexVisibility
            | Type::AddCheck
            | Type::DropCheck
            | Type::AlterCheck
            | Type::DropIndexes
            | Type::MultiSchemaChange
            | Type::ReorganizePartition
            | Type::PartitionBy
            | Type::RemovePartitioning
            | Type::AddColumnarIndex
            | Type::ModifyEngineAttribute
    )
}

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

/// What of what `ddl` brings is in no statement to `server`.
fn left_out(server: &Server, ddl: &Ddl) -> Vec<String> {
    let indexes = |tables: &'_ [Arc<Table>]| -> Vec<(i64, String)> {
        let details = tables.iter().flat_map(|t| &t.details).flat_map(|d| &d.indexes);
        details.filter(|i| i.foreign_kind).map(|i| (i.id, i.name.clone())).collect()
    };
    let before = indexes(&ddl.before);
    let new = indexes(&ddl.after).into_iter().filter(|index| !before.contains(index));
    let indexes = new.map(|(_, name)| format!("index `{name}` is of a kind that TiDB alone has"));
    let silent = |tables: &[Arc<Table>]| -> Vec<String> {
        tables.iter().flat_map(|t| visible(t, server)).filter(|c| c.silent).map(|c| c.name()).collect()
    };
    let was = silent(&ddl.before);
    let defaults = silent(&ddl.after).into_iter().filter(|name| !was.contains(name)).map(|name| {
        format!("column {name} is without its DEFAULT, an expression: a generated column before it is made of it, which MySQL does not take")
    });
    indexes.chain(defaults).collect()
}

/// The statements that do what `ddl` did, one after the other. `None` where its text has to do.
///
/// # Errors
/// Why no statement can be made, where a text could do harm.
pub(super) fn statements(server: &Server, ddl: &Ddl) -> Result<Option<Made>, Unspeakable> {
    // A TiDB does not take the columns and the table's own character set in one statement.
    let converts = ddl.action == ActionType::ModifyTableCharset && server.flavour == Flavour::TiDb;
    if ddl.temporary || converts || !ddl.after.iter().all(|table| table.details.is_some()) {
        return Ok(None);
    }
    let made = match (ddl.action, ddl.before.as_slice(), ddl.after.as_slice()) {
        (ActionType::CreateTable | ActionType::CreateTables, [], [_, ..]) => {
            let (condition, inline) = (is_conditional(ddl), server.flavour == Flavour::TiDb);
            let mut made = Made::default();
            for table in &ddl.after {
                made.statements.push(create::table(server, table, condition)?);
                let keys = if inline { Vec::new() } else { index::foreign_keys(table) };
                made.optional.extend(keys.into_iter().map(|key| format!("ALTER TABLE {} ADD {key}", name(table))));
            }
            Some(made)
        }
        (action, [before], [after]) if is_difference(action) && same_place(before, after) => {
            alter::statements(server, ddl, before, after)?
        }
        _ => database::statement(ddl, is_conditional(ddl))
            .map(|statement| Made { statements: vec![statement], ..Made::default() }),
    };
    Ok(made.map(|made| Made { without: left_out(server, ddl), ..made }))
}

fn same_place(before: &Table, after: &Table) -> bool {
    before.details.is_some() && (&before.schema, &before.name) == (&after.schema, &after.name)
}

/// Whether the text says IF EXISTS or IF NOT EXISTS: then a target that has it already, or has it no more, is no error.
fn is_conditional(ddl: &Ddl) -> bool {
    crate::sql::Statement::of(&ddl.query).conditional
}

/// CREATE TABLE of `table`, without its foreign keys.
///
/// # Errors
/// If an expression is none.
pub(super) fn create(server: &Server, table: &Table) -> Result<String, Unspeakable> {
    create::table(server, table, false)
}

pub(super) use index::foreign_keys;
pub(super) use partition::said as partitions_said;

/// `` `db`.`table` ``.
fn name(table: &Table) -> String {
    crate::sink::mysql::batch::full_name(table)
}
