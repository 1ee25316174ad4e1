//! Partitions in TiDB's words.

use std::cmp::Ordering;

use super::super::dialect::Unspeakable;
use super::expression::expression;
use crate::model::{Method, PartitionDetails, Partitioning, Table};
use crate::sink::mysql::session::{quote_name, quote_text};

/// `PARTITION BY …`.
///
/// # Errors
/// If an expression or a bound is none.
pub(super) fn partition_by(by: &Partitioning, table: &Table) -> Result<String, Unspeakable> {
    let list = |names: &[&str]| names.iter().map(|c| quote_name(c)).collect::<Vec<_>>().join(",");
    let columns = || match by.columns.is_empty() {
        // A MySQL that is to find them itself stumbles over indexes on parts of columns.
        true => list(&primary_key(table)),
        false => list(&by.columns.iter().map(String::as_str).collect::<Vec<_>>()),
    };
    let of = |word: &str| -> Result<String, Unspeakable> {
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

/// Whether its partitions are told by their number.
pub(super) fn is_counted(by: &Partitioning) -> bool {
    matches!(by.method, Method::Hash | Method::Key)
}

/// The columns of the primary key.
fn primary_key(table: &Table) -> Vec<&str> {
    let parts = table.keys.iter().filter(|key| key.primary).flat_map(|key| &key.parts);
    parts.filter_map(|part| table.columns.get(part.column)).map(|c| c.name.as_str()).collect()
}

/// Whether all of `partitions`, of which the first has the number `first`, are called what they are where nobody names them.
fn are_usual(partitions: &[PartitionDetails], first: usize) -> bool {
    (first..).zip(partitions).all(|(at, p)| p.name == format!("p{at}") && p.comment.is_empty())
}

/// `PARTITION … , PARTITION …`.
///
/// # Errors
/// If a bound is no expression.
pub(super) fn definitions<'a>(
    by: &Partitioning,
    partitions: impl Iterator<Item = &'a PartitionDetails>,
) -> Result<String, Unspeakable> {
    partitions.map(|p| definition(by, p)).collect::<Result<Vec<_>, _>>().map(|all| all.join(","))
}

/// The names of `partitions`, each with what [`definitions`] says of it.
///
/// # Errors
/// If a bound is no expression.
pub(in super::super) fn said(
    by: &Partitioning,
    partitions: &[PartitionDetails],
) -> Result<Vec<(String, String)>, Unspeakable> {
    partitions.iter().map(|p| Ok((p.name.clone(), values(by, p)?.trim().to_owned()))).collect()
}

fn definition(by: &Partitioning, partition: &PartitionDetails) -> Result<String, Unspeakable> {
    Ok(format!("PARTITION {}{}", quote_name(&partition.name), values(by, partition)?))
}

fn values(by: &Partitioning, partition: &PartitionDetails) -> Result<String, Unspeakable> {
    let mut sql = String::new();
    match by.method {
        Method::Range => sql.push_str(&format!(" VALUES LESS THAN ({})", list(&partition.less_than)?)),
        // TiDB 6 takes a DEFAULT partition and keeps nothing of that.
        Method::List if partition.in_values.is_empty() => sql.push_str(" DEFAULT"),
        Method::List => {
            let row = |values: &Vec<String>| match values.as_slice() {
                [one] => expression(one).map(str::to_owned),
                many => Ok(format!("({})", list(many)?)),
            };
            let rows = partition.in_values.iter().map(row).collect::<Result<Vec<_>, Unspeakable>>()?;
            sql.push_str(&format!(" VALUES IN ({})", rows.join(",")));
        }
        Method::Hash | Method::Key => {}
    }
    if !partition.comment.is_empty() {
        sql.push_str(&format!(" COMMENT = {}", quote_text(&partition.comment)));
    }
    Ok(sql)
}

fn list(values: &[String]) -> Result<String, Unspeakable> {
    let all = values.iter().map(|v| expression(v)).collect::<Result<Vec<_>, _>>()?;
    Ok(all.join(","))
}

/// What turns the partitions `before` into those `after`, which `table` has, as a clause of ALTER TABLE.
///
/// # Errors
/// If an expression or a bound is none.
pub(super) fn change(
    before: Option<&Partitioning>,
    after: Option<&Partitioning>,
    table: &Table,
) -> Result<Option<String>, Unspeakable> {
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
    // A partition that took in others may keep its name and its bounds, but not its id.
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
