//! Partitions by KEY, whose rows only TiDB's own hash tells: other servers have one of their own. TiDB takes the CRC-32 of the columns' sort keys one
//! behind the other, a zero byte for NULL, modulo the number of partitions.

use super::session::quote_name;
use crate::error::Fault;
use crate::model::{Hashed, Kind, Table};

/// The condition on rows of `table` that TiDB keeps in this partition.
///
/// # Errors
/// Refused, if a column's sort key cannot be had in SQL.
pub(super) fn condition(table: &Table, hashed: &Hashed) -> Result<String, Fault> {
    let mut parts = Vec::new();
    for name in &hashed.columns {
        let column = table.columns.iter().find(|c| c.name.eq_ignore_ascii_case(name));
        let key = column.and_then(|c| sort_key(&quote_name(&c.name), &c.kind));
        let key = key.ok_or_else(|| {
            Fault::refused(format!(
                "`{}`.`{}` is partitioned by KEY, and which rows TiDB keeps in a partition cannot be told there for the column `{name}`",
                table.schema, table.name
            ))
        })?;
        parts.push(format!("IFNULL({key}, X'00')"));
    }
    Ok(format!("CRC32(CONCAT({})) % {} = {}", parts.join(", "), hashed.of, hashed.number))
}

/// What TiDB hashes of a column; `None` where SQL does not have it: the weights of collations that are not binary.
fn sort_key(name: &str, kind: &Kind) -> Option<String> {
    match kind {
        Kind::Int { .. } => Some(format!("CAST(CAST({name} AS CHAR) AS BINARY)")),
        Kind::Text { collation, .. } if collation.ends_with("_bin") => {
            Some(format!("CAST(TRIM(TRAILING ' ' FROM CONVERT({name} USING utf8mb4)) AS BINARY)"))
        }
        Kind::Binary { .. } => Some(format!("CAST({name} AS BINARY)")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Column, Generated, Value};

    #[test]
    fn only_what_sql_can_tell() {
        let column = |name: &str, kind| Column {
            id: 1,
            name: name.to_owned(),
            kind,
            nullable: true,
            generated: Generated::No,
            hidden: false,
            missing: Value::Null,
        };
        let text = |collation: &str| Kind::Text { charset: "utf8mb4".into(), collation: collation.into() };
        let columns = vec![
            column("a", Kind::Int { bytes: 4, unsigned: false }),
            column("b", text("utf8mb4_bin")),
            column("c", text("utf8mb4_general_ci")),
        ];
        let table = Table { columns, ..Table::named("d", "t") };
        let of = |names: &[&str]| {
            let columns = names.iter().map(|n| (*n).to_owned()).collect();
            condition(&table, &Hashed { columns, number: 1, of: 3 })
        };
        assert_eq!(of(&["A"]).unwrap(), "CRC32(CONCAT(IFNULL(CAST(CAST(`a` AS CHAR) AS BINARY), X'00'))) % 3 = 1");
        assert!(of(&["a", "b"]).unwrap().contains("TRIM(TRAILING ' ' FROM"));
        assert!(of(&["c"]).unwrap_err().message.contains("`c`") && of(&["gone"]).is_err());
    }
}
