//! Makes DDL statements from TiDB's definitions instead of the text that the user typed.
//!
//! A text depends on its session: on the zone in which it names a time, on sql_mode, on the clock,
//! on the letter case of names. The definitions before and after the job do not. So CREATE TABLE is
//! written from the one after, and ALTER TABLE from the difference. The result is TiDB's SQL in
//! UTC, with every character set and collation named; [`dialect`](super::dialect) translates it for
//! the target.
//!
//! ```text
//! mod      CREATE TABLE, CREATE and ALTER DATABASE
//! alter    the difference of two definitions, and which columns have moved
//! column   a column, and which of TiDB's SQL may stand in a statement
//! index    indexes, foreign keys, checks, partitions
//! ```
//! Jobs whose effect no definition shows, or whose tables are all unknown, keep their text: `None`.
//!
//! CREATE DATABASE and ALTER DATABASE carry the character set and collation, which is all that a
//! target needs of a DBInfo. What TiDB reads and ignores beside them (ENCRYPTION), or keeps for its
//! own stores (placement, TiFlash), is not in it.

mod alter;
mod column;
mod index;

use std::sync::Arc;

use super::dialect::Unsupported;
use crate::model::{ActionType, Ddl, Table, TableDetails};
use crate::mysql::session::{Flavour, Server};
use crate::sql::{Role, Statement};
use crate::sql::{quote_name, quote_text};
use column::{Given, expression, refused, visible};
use index::{check, index, partition_by};
pub(super) use index::{foreign_keys, said as partitions_said};

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

/// Statements with the effect of a DDL.
#[derive(Debug, Default)]
pub(super) struct Made {
    /// The statements in order; empty if nothing is left to do.
    pub statements: Vec<String>,
    /// Further statements: foreign keys, which a target may refuse and a replica does not need.
    pub optional: Vec<String>,
    /// What is in no statement, for reports.
    pub without: Vec<String>,
}

/// The parts of `ddl` that are in no statement to `server`.
fn left_out(server: &Server, ddl: &Ddl) -> Vec<String> {
    let indexes = |tables: &'_ [Arc<Table>]| -> Vec<(i64, String)> {
        let details = tables.iter().flat_map(|t| &t.details).flat_map(|d| &d.indexes);
        details.filter(|i| i.foreign_kind).map(|i| (i.id, i.name.clone())).collect()
    };
    let before = indexes(&ddl.before);
    let new = indexes(&ddl.after).into_iter().filter(|index| !before.contains(index));
    let indexes = new.map(|(_, name)| format!("index `{name}` is of a kind that only TiDB has"));
    let silent = |tables: &[Arc<Table>]| -> Vec<String> {
        tables.iter().flat_map(|t| visible(t, server)).filter(|c| c.silent).map(|c| c.name()).collect()
    };
    let was = silent(&ddl.before);
    let defaults = silent(&ddl.after).into_iter().filter(|name| !was.contains(name)).map(|name| {
        format!(
            "column {name} gets no DEFAULT: it is an expression, and a generated column before it uses it, which \
                 MySQL does not allow"
        )
    });
    indexes.chain(defaults).collect()
}

/// The statements with the effect of `ddl`, in order. `None` if its text has to be used.
///
/// # Errors
/// Why no statement can be made, if the text could do harm.
pub(super) fn statements(server: &Server, ddl: &Ddl) -> Result<Option<Made>, Unsupported> {
    // TiDB does not accept the columns and the table's own character set in one statement.
    let converts = ddl.action == ActionType::ModifyTableCharset && server.flavour == Flavour::TiDb;
    if ddl.temporary || converts || !ddl.after.iter().all(|table| table.details.is_some()) {
        return Ok(None);
    }
    let made = match (ddl.action, ddl.before.as_slice(), ddl.after.as_slice()) {
        (ActionType::CreateTable | ActionType::CreateTables, [], [_, ..]) => {
            let (condition, inline) = (is_conditional(ddl), server.flavour == Flavour::TiDb);
            let mut made = Made::default();
            for table in &ddl.after {
                made.statements.push(create_table(server, table, condition)?);
                let keys = if inline { Vec::new() } else { index::foreign_keys(table) };
                made.optional.extend(keys.into_iter().map(|key| format!("ALTER TABLE {} ADD {key}", name(table))));
            }
            Some(made)
        }
        (action, [before], [after]) if is_difference(action) && same_place(before, after) => {
            alter::statements(server, ddl, before, after)?
        }
        _ => create_or_alter_database(ddl, is_conditional(ddl))
            .map(|statement| Made { statements: vec![statement], ..Made::default() }),
    };
    Ok(made.map(|made| Made { without: left_out(server, ddl), ..made }))
}

fn same_place(before: &Table, after: &Table) -> bool {
    before.details.is_some() && (&before.schema, &before.name) == (&after.schema, &after.name)
}

/// Whether the text says IF EXISTS or IF NOT EXISTS: then it is no error if the target has the
/// object already, or not any more.
fn is_conditional(ddl: &Ddl) -> bool {
    crate::sql::Statement::of(&ddl.query).conditional
}

/// CREATE TABLE of `table`, without its foreign keys.
///
/// # Errors
/// If an expression is unsafe.
pub(super) fn create(server: &Server, table: &Table) -> Result<String, Unsupported> {
    create_table(server, table, false)
}

/// `` `db`.`table` ``.
fn name(table: &Table) -> String {
    crate::sink::mysql::batch::full_name(table)
}

/// The statement that creates `table`, on TiDB with its foreign keys; `condition` adds IF NOT
/// EXISTS.
///
/// # Errors
/// If an expression is unsafe.
fn create_table(server: &Server, table: &Table, condition: bool) -> Result<String, Unsupported> {
    let nothing = TableDetails::default();
    let details = table.details.as_deref().unwrap_or(&nothing);
    let mut lines = Vec::new();
    for column in visible(table, server) {
        lines.push(format!("{} {}", column.name(), column.definition(Some(table), Given::Own)?));
    }
    for key in details.indexes.iter().filter(|i| !i.foreign_kind) {
        lines.push(index(key, table)?);
    }
    if server.flavour == Flavour::TiDb {
        lines.extend(foreign_keys(table));
    }
    for constraint in &details.checks {
        lines.push(check(constraint)?);
    }
    let condition = if condition { "IF NOT EXISTS " } else { "" };
    let mut sql = format!("CREATE TABLE {condition}{} ({})", name(table), lines.join(","));
    sql.push_str(&options(table, details)?);
    if let Some(by) = &details.partitioning {
        sql.push_str(&format!(" {}", partition_by(by, table)?));
    }
    Ok(sql)
}

/// A number or a text, as an expression, for a comment that TiDB executes.
fn interval(text: &str) -> Result<&str, Unsupported> {
    if text.contains("*/") { Err(refused(text)) } else { expression(text) }
}

fn options(table: &Table, details: &TableDetails) -> Result<String, Unsupported> {
    let mut sql = format!(" DEFAULT CHARSET={} COLLATE={}", table.charset, table.collation);
    if details.auto_increment > 0 {
        sql.push_str(&format!(" AUTO_INCREMENT={}", details.auto_increment));
    }
    if !details.comment.is_empty() {
        sql.push_str(&format!(" COMMENT={}", quote_text(&details.comment)));
    }
    let own = &details.own;
    if own.auto_id_cache > 0 {
        sql.push_str(&format!(" /*T![auto_id_cache] AUTO_ID_CACHE={} */", own.auto_id_cache));
    }
    if own.shard_row_id_bits > 0 {
        sql.push_str(&format!(" /*T! SHARD_ROW_ID_BITS={} */", own.shard_row_id_bits));
    }
    if own.pre_split_regions > 0 {
        sql.push_str(&format!(" /*T! PRE_SPLIT_REGIONS={} */", own.pre_split_regions));
    }
    if let Some(ttl) = &own.ttl {
        sql.push_str(&format!(
            " /*T![ttl] TTL={} + INTERVAL {} {} */",
            quote_name(&ttl.column),
            interval(&ttl.interval)?,
            ttl.unit
        ));
        if !ttl.job_interval.is_empty() {
            sql.push_str(&format!(" /*T![ttl] TTL_JOB_INTERVAL={} */", quote_text(&ttl.job_interval)));
        }
    }
    Ok(sql)
}

/// The statement with the effect of `ddl` on its database; `None` if its DBInfo is not known.
fn create_or_alter_database(ddl: &Ddl, condition: bool) -> Option<String> {
    let verb = match ddl.action {
        ActionType::CreateSchema if condition => "CREATE DATABASE IF NOT EXISTS",
        ActionType::CreateSchema => "CREATE DATABASE",
        ActionType::ModifySchemaCharset => "ALTER DATABASE",
        _ => return None,
    };
    let (charset, collation) = ddl.charset.as_deref().zip(ddl.collation.as_deref())?;
    let is_word = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !is_word(charset) || !is_word(collation) {
        return None;
    }
    // The name in the statement is the catalog's, after routing.
    let statement = Statement::of(&ddl.query);
    let name = statement.place(Role::Database).map_or(ddl.schema.as_str(), |place| place.name.as_str());
    Some(format!("{verb} {} CHARACTER SET {charset} COLLATE {collation}", quote_name(name)))
}

#[cfg(test)]
mod tests;
