//! Writes indexes, foreign keys and checks, then partitions, in TiDB's SQL.

use std::cmp::Ordering;

use super::column::expression;
use crate::model::{
    Check, ForeignKey, ForeignKeyDetails, Handle, Index, IndexPart, Method, PartitionDetails, Partitioning, Table,
};
use crate::sink::mysql::ddl::dialect::Unsupported;
use crate::sql::{quote_name, quote_text};

/// An index as in CREATE TABLE, and after ADD.
///
/// # Errors
/// If an expression is unsafe.
pub(super) fn index(index: &Index, table: &Table) -> Result<String, Unsupported> {
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

fn part(part: &IndexPart, table: &Table) -> Result<String, Unsupported> {
    match part {
        IndexPart::Expression(sql) => Ok(format!("({})", expression(sql)?)),
        IndexPart::Column(id, prefix) => {
            let column = table.columns.iter().find(|c| c.id == *id);
            let name = quote_name(column.map_or("", |c| &c.name));
            Ok(prefix.map_or_else(|| name.clone(), |n| format!("{name}({n})")))
        }
    }
}

/// All foreign keys of `table`, as in CREATE TABLE, and after ADD.
pub(in super::super) fn foreign_keys(table: &Table) -> Vec<String> {
    let details = table.details.iter().flat_map(|d| &d.foreign_keys);
    table.foreign_keys.iter().zip(details).map(|(key, own)| foreign_key(key, own, table)).collect()
}

/// A foreign key as in CREATE TABLE, and after ADD.
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

/// A CHECK as in CREATE TABLE, and after ADD.
///
/// # Errors
/// If its condition is unsafe.
pub(super) fn check(check: &Check) -> Result<String, Unsupported> {
    let enforced = if check.enforced { "" } else { " NOT ENFORCED" };
    let name = if check.name.is_empty() { String::new() } else { format!("CONSTRAINT {} ", quote_name(&check.name)) };
    Ok(format!("{name}CHECK ({}){enforced}", expression(&check.expression)?))
}

/// `PARTITION BY …`.
///
/// # Errors
/// If an expression or a bound is unsafe.
pub(super) fn partition_by(by: &Partitioning, table: &Table) -> Result<String, Unsupported> {
    let list = |names: &[&str]| names.iter().map(|c| quote_name(c)).collect::<Vec<_>>().join(",");
    let columns = || match by.columns.is_empty() {
        // If MySQL has to find the columns itself, it fails with indexes on prefixes of columns.
        true => list(&primary_key(table)),
        false => list(&by.columns.iter().map(String::as_str).collect::<Vec<_>>()),
    };
    let of = |word: &str| -> Result<String, Unsupported> {
        Ok(match by.expression.is_empty() {
            true => format!("{word} COLUMNS({})", columns()),
            false => format!("{word} ({})", expression(&by.expression)?),
        })
    };
    let what = match by.method {
        Method::Range => of("RANGE")?,
        Method::List => of("LIST")?,
        Method::Hash => format!("HASH ({})", expression(&by.expression)?),
        Method::Key => format!("KEY ({})", columns()),
    };
    if is_counted(by) && are_usual(&by.partitions, 0) {
        return Ok(format!("PARTITION BY {what} PARTITIONS {}", by.partitions.len()));
    }
    Ok(format!("PARTITION BY {what} ({})", definitions(by, by.partitions.iter())?))
}

/// Whether partitions are identified by their number.
pub(super) fn is_counted(by: &Partitioning) -> bool {
    matches!(by.method, Method::Hash | Method::Key)
}

/// The columns of the primary key.
fn primary_key(table: &Table) -> Vec<&str> {
    let parts = table.keys.iter().filter(|key| key.primary).flat_map(|key| &key.parts);
    parts.filter_map(|part| table.columns.get(part.column)).map(|c| c.name.as_str()).collect()
}

/// Whether all of `partitions`, of which the first has the number `first`, have the names that they
/// get when the statement names none.
fn are_usual(partitions: &[PartitionDetails], first: usize) -> bool {
    (first..).zip(partitions).all(|(at, p)| p.name == format!("p{at}") && p.comment.is_empty())
}

/// `PARTITION … , PARTITION …`.
///
/// # Errors
/// If a bound is unsafe.
pub(super) fn definitions<'a>(
    by: &Partitioning,
    partitions: impl Iterator<Item = &'a PartitionDetails>,
) -> Result<String, Unsupported> {
    partitions.map(|p| definition(by, p)).collect::<Result<Vec<_>, _>>().map(|all| all.join(","))
}

/// The names of `partitions`, each with its definition as in [`definitions`].
///
/// # Errors
/// If a bound is unsafe.
pub(in crate::sink::mysql::ddl) fn said(
    by: &Partitioning,
    partitions: &[PartitionDetails],
) -> Result<Vec<(String, String)>, Unsupported> {
    partitions.iter().map(|p| Ok((p.name.clone(), values(by, p)?.trim().to_owned()))).collect()
}

fn definition(by: &Partitioning, partition: &PartitionDetails) -> Result<String, Unsupported> {
    Ok(format!("PARTITION {}{}", quote_name(&partition.name), values(by, partition)?))
}

fn values(by: &Partitioning, partition: &PartitionDetails) -> Result<String, Unsupported> {
    let mut sql = String::new();
    match by.method {
        Method::Range => sql.push_str(&format!(" VALUES LESS THAN ({})", list(&partition.less_than)?)),
        // TiDB 6 accepts a DEFAULT partition and keeps nothing of that.
        Method::List if partition.in_values.is_empty() => sql.push_str(" DEFAULT"),
        Method::List => {
            let row = |values: &Vec<String>| match values.as_slice() {
                [one] => expression(one).map(str::to_owned),
                many => Ok(format!("({})", list(many)?)),
            };
            let rows = partition.in_values.iter().map(row).collect::<Result<Vec<_>, Unsupported>>()?;
            sql.push_str(&format!(" VALUES IN ({})", rows.join(",")));
        }
        Method::Hash | Method::Key => {}
    }
    if !partition.comment.is_empty() {
        sql.push_str(&format!(" COMMENT = {}", quote_text(&partition.comment)));
    }
    Ok(sql)
}

fn list(values: &[String]) -> Result<String, Unsupported> {
    let all = values.iter().map(|v| expression(v)).collect::<Result<Vec<_>, _>>()?;
    Ok(all.join(","))
}

/// What turns the partitions `before` into those `after`, which `table` has, as a clause of ALTER
/// TABLE.
///
/// # Errors
/// If an expression or a bound is unsafe.
pub(super) fn change(
    before: Option<&Partitioning>,
    after: Option<&Partitioning>,
    table: &Table,
) -> Result<Option<String>, Unsupported> {
    let (before, after) = match (before, after) {
        (None, None) => return Ok(None),
        (Some(_), None) => return Ok(Some("REMOVE PARTITIONING".to_owned())),
        (None, Some(after)) => return partition_by(after, table).map(Some),
        (Some(before), Some(after)) => (before, after),
    };
    let method = |by: &Partitioning| (by.method, by.expression.clone(), by.columns.clone());
    if method(before) != method(after) {
        return partition_by(after, table).map(Some);
    }
    if is_counted(after) {
        let (had, has) = (before.partitions.len(), after.partitions.len());
        return Ok(match had.cmp(&has) {
            Ordering::Less => Some(match after.partitions.get(had..).unwrap_or_default() {
                new if are_usual(new, had) => format!("ADD PARTITION PARTITIONS {}", has - had),
                new => format!("ADD PARTITION ({})", definitions(after, new.iter())?),
            }),
            Ordering::Greater => Some(format!("COALESCE PARTITION {}", had - has)),
            Ordering::Equal => None,
        });
    }
    // A partition that absorbed others may keep its name and its bounds, but not its id.
    let same = |a: &PartitionDetails, b: &PartitionDetails| a.id == b.id;
    let gone: Vec<&PartitionDetails> =
        before.partitions.iter().filter(|b| !after.partitions.iter().any(|a| same(a, b))).collect();
    let new: Vec<&PartitionDetails> =
        after.partitions.iter().filter(|a| !before.partitions.iter().any(|b| same(a, b))).collect();
    let names = || gone.iter().map(|p| quote_name(&p.name)).collect::<Vec<_>>().join(",");
    Ok(match (gone.is_empty(), new.is_empty()) {
        (true, true) => None,
        (false, true) => Some(format!("DROP PARTITION {}", names())),
        (true, false) => Some(format!("ADD PARTITION ({})", definitions(after, new.into_iter())?)),
        (false, false) => {
            Some(format!("REORGANIZE PARTITION {} INTO ({})", names(), definitions(after, new.into_iter())?))
        }
    })
}
