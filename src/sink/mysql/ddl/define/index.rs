//! Indexes, foreign keys and checks in TiDB's words.

use super::super::dialect::Unspeakable;
use super::expression::expression;
use crate::model::{Check, ForeignKey, ForeignKeyDetails, Handle, Index, IndexPart, Table};
use crate::sink::mysql::session::{quote_name, quote_text};

/// An index as it stands in CREATE TABLE, and behind ADD.
///
/// # Errors
/// If an expression is none.
pub(super) fn index(index: &Index, table: &Table) -> Result<String, Unspeakable> {
    let parts = index.parts.iter().map(|p| part(p, table)).collect::<Result<Vec<_>, _>>()?.join(",");
    let mut sql = match (index.primary, index.unique) {
        (true, _) => format!("PRIMARY KEY ({parts})"),
        (false, true) => format!("UNIQUE KEY {} ({parts})", quote_name(&index.name)),
        (false, false) => format!("KEY {} ({parts})", quote_name(&index.name)),
    };
    if index.primary {
        let clustered = table.handle != Handle::RowId && index.clustered;
        sql.push_str(if clustered {
            " /*T![clustered_index] CLUSTERED */"
        } else {
            " /*T![clustered_index] NONCLUSTERED */"
        });
    }
    if !index.comment.is_empty() {
        sql.push_str(&format!(" COMMENT {}", quote_text(&index.comment)));
    }
    if index.invisible {
        sql.push_str(" INVISIBLE");
    }
    if index.global {
        sql.push_str(" /*T![global_index] GLOBAL */");
    }
    Ok(sql)
}

fn part(part: &IndexPart, table: &Table) -> Result<String, Unspeakable> {
    match part {
        IndexPart::Expression(sql) => Ok(format!("({})", expression(sql)?)),
        IndexPart::Column(id, prefix) => {
            let column = table.columns.iter().find(|c| c.id == *id);
            let name = quote_name(column.map_or("", |c| &c.name));
            Ok(prefix.map_or_else(|| name.clone(), |n| format!("{name}({n})")))
        }
    }
}

/// All foreign keys of `table`, as they stand in CREATE TABLE, and behind ADD.
pub(in super::super) fn foreign_keys(table: &Table) -> Vec<String> {
    let details = table.details.iter().flat_map(|d| &d.foreign_keys);
    table.foreign_keys.iter().zip(details).map(|(key, own)| foreign_key(key, own, table)).collect()
}

/// A foreign key as it stands in CREATE TABLE, and behind ADD.
pub(super) fn foreign_key(key: &ForeignKey, details: &ForeignKeyDetails, table: &Table) -> String {
    let list = |names: &[String]| names.iter().map(|n| quote_name(n)).collect::<Vec<_>>().join(",");
    let schema = if key.parent_schema.is_empty() { &table.schema } else { &key.parent_schema };
    let mut sql = format!(
        "CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {}.{} ({})",
        quote_name(&key.name),
        list(&key.columns),
        quote_name(schema),
        quote_name(&key.parent_table),
        list(&key.parent_columns)
    );
    for (word, option) in [("DELETE", details.on_delete), ("UPDATE", details.on_update)] {
        if let Some(what) = reaction(option) {
            sql.push_str(&format!(" ON {word} {what}"));
        }
    }
    sql
}

fn reaction(option: i64) -> Option<&'static str> {
    match option {
        1 => Some("RESTRICT"),
        2 => Some("CASCADE"),
        3 => Some("SET NULL"),
        4 => Some("NO ACTION"),
        5 => Some("SET DEFAULT"),
        _ => None,
    }
}

/// A CHECK as it stands in CREATE TABLE, and behind ADD.
///
/// # Errors
/// If its condition is no expression.
pub(super) fn check(check: &Check) -> Result<String, Unspeakable> {
    let enforced = if check.enforced { "" } else { " NOT ENFORCED" };
    let name = if check.name.is_empty() { String::new() } else { format!("CONSTRAINT {} ", quote_name(&check.name)) };
    Ok(format!("{name}CHECK ({}){enforced}", expression(&check.expression)?))
}
