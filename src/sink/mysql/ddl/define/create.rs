//! CREATE TABLE from a definition.

use super::super::dialect::Unspeakable;
use super::column::{Given, visible};
use super::expression::{expression, refused};
use super::index::{check, foreign_keys, index};
use super::name;
use super::partition::partition_by;
use crate::model::{Table, TableDetails};
use crate::sink::mysql::session::{Flavour, Server, quote_name, quote_text};

/// The statement that makes `table`, on a TiDB with its foreign keys; `condition` is for IF NOT EXISTS.
///
/// # Errors
/// If an expression is none.
pub(super) fn table(server: &Server, table: &Table, condition: bool) -> Result<String, Unspeakable> {
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

/// A number or a text, as an expression: it stands in a comment that a TiDB reads.
fn interval(text: &str) -> Result<&str, Unspeakable> {
    if text.contains("*/") { Err(refused(text)) } else { expression(text) }
}

fn options(table: &Table, details: &TableDetails) -> Result<String, Unspeakable> {
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
