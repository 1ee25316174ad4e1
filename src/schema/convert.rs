//! From TiDB's `TableInfo` to the definition that reads and writes rows (spec/tidb-formats.md §5.2, §6.6, §6.7).

use std::sync::Arc;

use anyhow::{Result, anyhow, bail};

use super::default::missing;
use super::details::details;
use super::info::{ColumnInfo, NOT_NULL, PRIMARY, PUBLIC, TableInfo, UNSIGNED};
use super::keys::{FkInfo, IndexColumn, IndexInfo};
use crate::model::{Column, ForeignKey, Generated, Handle, Key, KeyPart, Kind, Table};

/// What a `TableInfo` turned out to be.
#[derive(Clone, Debug, PartialEq)]
pub enum Converted {
    /// A base table.
    Table(Box<Table>),
    /// A base table that this program cannot read, and why.
    Unreadable(String),
    /// A view, a sequence or a temporary table: it never has rows in a stream.
    Rowless,
}

/// The definition of `info` in the database `schema`.
#[must_use]
pub fn convert(info: &TableInfo, schema: &str) -> Converted {
    if info.view || info.sequence || info.temp_table_type != 0 {
        return Converted::Rowless;
    }
    match base_table(info, schema) {
        Ok(table) => Converted::Table(Box::new(table)),
        Err(e) => Converted::Unreadable(format!("{e:#}")),
    }
}

fn base_table(info: &TableInfo, schema: &str) -> Result<Table> {
    let mut public: Vec<&ColumnInfo> = info.cols.iter().filter(|c| c.state == PUBLIC).collect();
    public.sort_by_key(|c| c.offset);
    let columns = public.iter().map(|c| column(c, info)).collect::<Result<Vec<_>>>()?;
    let indexes = info.index_info.iter().filter(|i| i.state == PUBLIC && i.whole());
    let mut keys = Vec::new();
    if info.pk_is_handle {
        keys.push(Key { name: "PRIMARY".to_owned(), primary: true, parts: vec![handle_part(&public)?] });
    }
    for index in indexes.filter(|i| i.is_primary || i.is_unique) {
        keys.push(key(index, &columns)?);
    }
    // Stable: unique keys stay in the order of the definition.
    keys.sort_by_key(|k| !k.primary);
    let handle = match (info.pk_is_handle, info.is_common_handle, keys.first()) {
        (true, _, _) => Handle::Int(handle_part(&public)?.column),
        (_, true, Some(key)) if key.primary => Handle::Common(key.parts.clone()),
        (_, true, _) => bail!("it says that its primary key is clustered, but has none"),
        _ => Handle::RowId,
    };
    let partitions = info.partition.as_ref().filter(|p| p.enable);
    let kinds: Vec<_> = public.iter().copied().zip(columns.iter().map(|c| &c.kind)).collect();
    let details = details(info, &kinds).map(Arc::new);
    Ok(Table {
        id: info.id,
        schema: schema.to_owned(),
        name: info.name.0.clone(),
        columns,
        keys,
        handle,
        foreign_keys: info.fk_info.iter().filter(|f| f.state == PUBLIC).map(foreign_key).collect(),
        partitions: partitions.map(|p| p.definitions.iter().map(|d| d.id).collect()).unwrap_or_default(),
        charset: info.charset.to_lowercase(),
        collation: info.collate.to_lowercase(),
        details,
    })
}

/// The primary key column that is the handle; no `IndexInfo` tells of it.
fn handle_part(public: &[&ColumnInfo]) -> Result<KeyPart> {
    let column = public.iter().position(|c| c.has(PRIMARY));
    let column = column.ok_or_else(|| anyhow!("it says that its primary key is the handle, but has none"))?;
    Ok(KeyPart { column, prefix: None })
}

fn column(info: &ColumnInfo, table: &TableInfo) -> Result<Column> {
    let generated = match (info.generated_expr_string.is_empty(), info.generated_stored) {
        (true, _) => Generated::No,
        (false, true) => Generated::Stored,
        (false, false) => Generated::Virtual,
    };
    let name = info.name.0.clone();
    let kind = kind(info, table).map_err(|e| e.context(format!("column `{name}`")))?;
    let missing = missing(info, &kind);
    Ok(Column { id: info.id, name, kind, nullable: !info.has(NOT_NULL), generated, hidden: info.hidden, missing })
}

fn kind(info: &ColumnInfo, table: &TableInfo) -> Result<Kind> {
    let field = &info.field;
    let int = |bytes| Kind::Int { bytes, unsigned: info.has(UNSIGNED) };
    if field.array {
        return Ok(Kind::Json);
    }
    Ok(match field.tp {
        1 => int(1),
        2 => int(2),
        9 => int(3),
        3 => int(4),
        8 => int(8),
        4 => Kind::Float,
        5 => Kind::Double,
        7 => Kind::Timestamp { fsp: fsp(info)? },
        10 => Kind::Date,
        11 => Kind::Duration { fsp: fsp(info)? },
        12 => Kind::Datetime { fsp: fsp(info)? },
        13 => Kind::Year,
        16 => Kind::Bit { width: small(field.flen, 1, 1..=64, "width")? },
        0xf5 => Kind::Json,
        0xf6 => Kind::Decimal {
            precision: small(field.flen, 10, 1..=65, "precision")?,
            scale: small(field.decimal, 0, 0..=30, "scale")?,
        },
        0xf7 => Kind::Enum { elements: field.elems.clone() },
        0xf8 => Kind::Set { elements: field.elems.clone() },
        15 | 0xf9..=0xfe => string(info, table),
        0xe1 => bail!("its type is VECTOR, which this version cannot read"),
        0xff => bail!("its type is GEOMETRY, which this version cannot read"),
        other => bail!("its type has the number {other}, which this version does not know"),
    })
}

fn string(info: &ColumnInfo, table: &TableInfo) -> Kind {
    let field = &info.field;
    if field.charset.eq_ignore_ascii_case("binary") {
        let fixed = if field.tp == 0xfe { u32::try_from(field.flen).ok() } else { None };
        return Kind::Binary { fixed };
    }
    // Very old columns leave both empty, and mean their table's.
    let or = |own: &str, of_table: &str| if own.is_empty() { of_table } else { own }.to_lowercase();
    Kind::Text { charset: or(&field.charset, &table.charset), collation: or(&field.collate, &table.collate) }
}

fn fsp(info: &ColumnInfo) -> Result<u8> {
    small(info.field.decimal, 0, 0..=6, "number of fraction digits")
}

/// `n` within `range`; `unset` where TiDB left it open (-1).
fn small(n: i64, unset: u8, range: std::ops::RangeInclusive<u8>, what: &str) -> Result<u8> {
    let n = if n < 0 { Ok(unset) } else { u8::try_from(n) };
    match n {
        Ok(n) if range.contains(&n) => Ok(n),
        _ => bail!("its {what} is not within {} to {}", range.start(), range.end()),
    }
}

fn key(index: &IndexInfo, columns: &[Column]) -> Result<Key> {
    let part = |c: &IndexColumn| {
        let column = columns
            .iter()
            .position(|d| c.name.is(&d.name))
            .ok_or_else(|| anyhow!("its key `{}` has the column `{}`, which is not public", index.name.0, c.name.0))?;
        Ok(KeyPart { column, prefix: u32::try_from(c.length).ok().filter(|n| *n > 0) })
    };
    let parts = index.columns.iter().map(part).collect::<Result<Vec<_>>>()?;
    let name = if index.is_primary { "PRIMARY".to_owned() } else { index.name.0.clone() };
    Ok(Key { name, primary: index.is_primary, parts })
}

fn foreign_key(info: &FkInfo) -> ForeignKey {
    ForeignKey {
        name: info.name.0.clone(),
        parent_schema: info.ref_schema.0.clone(),
        parent_table: info.ref_table.0.clone(),
        columns: info.cols.iter().map(|c| c.0.clone()).collect(),
        parent_columns: info.ref_cols.iter().map(|c| c.0.clone()).collect(),
    }
}
