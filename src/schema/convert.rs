//! Converts TiDB's `TableInfo` to the definition that reads and writes rows.
//!
//! Sources: docs/protocol/tidb-formats.md §5.2, §6.6, §6.7. Also what only statements need of a
//! `TableInfo` (§6.6, §6.7).

use std::sync::Arc;

use anyhow::{Result, anyhow, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::default::{DAMAGED, for_new_rows, is_too_long, missing};
use super::index_info::{CheckInfo, FkInfo, IndexColumn, IndexInfo, PartitionDefinition, PartitionInfo};
use super::info::{
    AUTO_INCREMENT, ColumnInfo, NO_DEFAULT, NOT_NULL, ON_UPDATE_NOW, PRIMARY, PUBLIC, TableInfo, TtlInfo, UNSIGNED,
    ZEROFILL,
};
use crate::model::{
    Check, Column, ColumnDefault, ColumnDetails, ForeignKey, ForeignKeyDetails, Generated, Handle, Index, IndexPart,
    Key, KeyPart, Kind, Method, PartitionDetails, Partitioning, Table, TableDetails, TidbOptions, Ttl,
};

/// The kinds of object that a `TableInfo` describes.
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

/// The primary key column that is the handle. It has no `IndexInfo`.
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
        other => bail!("its type number {other} is unknown to this version"),
    })
}

fn string(info: &ColumnInfo, table: &TableInfo) -> Kind {
    let field = &info.field;
    if field.charset.eq_ignore_ascii_case("binary") {
        let fixed = if field.tp == 0xfe { u32::try_from(field.flen).ok() } else { None };
        return Kind::Binary { fixed };
    }
    // Very old columns leave both empty, and then their table's count.
    let or = |own: &str, of_table: &str| if own.is_empty() { of_table } else { own }.to_lowercase();
    Kind::Text { charset: or(&field.charset, &table.charset), collation: or(&field.collate, &table.collate) }
}

fn fsp(info: &ColumnInfo) -> Result<u8> {
    small(info.field.decimal, 0, 0..=6, "number of fraction digits")
}

/// `n` within `range`; `unset` where TiDB has -1.
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

/// The details of a base table whose public columns, in order, are `columns`. `None` where the JSON
/// does not have them: bytes that are not UTF-8 are lost in it, and so are attributes that a newer
/// TiDB may have added.
pub(super) fn details(info: &TableInfo, columns: &[(&ColumnInfo, &Kind)]) -> Option<TableDetails> {
    let partition = info.partition.as_ref().filter(|p| p.enable);
    let mut indexes = Vec::new();
    if info.pk_is_handle {
        let key = columns.iter().find(|(c, _)| c.has(PRIMARY))?;
        indexes.push(Index {
            name: "PRIMARY".to_owned(),
            primary: true,
            unique: true,
            clustered: true,
            parts: vec![IndexPart::Column(key.0.id, None)],
            ..Index::default()
        });
    }
    for index in info.index_info.iter().filter(|i| i.state == PUBLIC) {
        indexes.push(self::index(index, info, columns)?);
    }
    Some(TableDetails {
        columns: columns.iter().map(|(c, kind)| column_details(c, kind, info)).collect::<Option<_>>()?,
        indexes,
        foreign_keys: info.fk_info.iter().filter(|f| f.state == PUBLIC).map(foreign_key_details).collect(),
        checks: info.checks.iter().flatten().filter(|c| c.state == PUBLIC).map(check).collect(),
        partitioning: match partition {
            Some(partition) => Some(partitioning(partition)?),
            None => None,
        },
        comment: info.comment.clone(),
        auto_increment: info.auto_inc_id.cast_unsigned(),
        own: TidbOptions {
            shard_row_id_bits: info.shard_row_id_bits,
            pre_split_regions: info.pre_split_regions,
            auto_random: (info.auto_random_bits, info.auto_random_range_bits),
            auto_id_cache: info.auto_id_cache,
            ttl: info.ttl_info.as_ref().and_then(|info| ttl(info)),
        },
    })
}

fn ttl(info: &TtlInfo) -> Option<Ttl> {
    const UNITS: [&str; 20] = [
        "MICROSECOND",
        "SECOND",
        "MINUTE",
        "HOUR",
        "DAY",
        "WEEK",
        "MONTH",
        "QUARTER",
        "YEAR",
        "SECOND_MICROSECOND",
        "MINUTE_MICROSECOND",
        "MINUTE_SECOND",
        "HOUR_MICROSECOND",
        "HOUR_SECOND",
        "HOUR_MINUTE",
        "DAY_MICROSECOND",
        "DAY_SECOND",
        "DAY_MINUTE",
        "DAY_HOUR",
        "YEAR_MONTH",
    ];
    Some(Ttl {
        column: info.column.0.clone(),
        interval: info.interval_expr.clone(),
        unit: UNITS.get(usize::try_from(info.interval_time_unit.checked_sub(1)?).ok()?)?,
        job_interval: info.job_interval.clone(),
    })
}

fn column_details(info: &ColumnInfo, kind: &Kind, table: &TableInfo) -> Option<ColumnDetails> {
    Some(ColumnDetails {
        sql: type_sql(info)?,
        charset: charset(info, table),
        default: default(info)?,
        new: for_new_rows(info, kind),
        on_update: info.has(ON_UPDATE_NOW),
        auto_increment: info.has(AUTO_INCREMENT),
        generated: info.generated_expr_string.clone(),
        comment: info.comment.clone(),
    })
}

fn charset(info: &ColumnInfo, table: &TableInfo) -> Option<(String, String)> {
    let field = &info.field;
    let text = matches!(field.tp, 0xf7 | 0xf8) || matches!(field.tp, 15 | 0xf9..=0xfe) && !is_binary(info);
    // Very old columns leave both empty, and then their table's count.
    let or = |own: &str, of_table: &str| if own.is_empty() { of_table } else { own }.to_lowercase();
    text.then(|| (or(&field.charset, &table.charset), or(&field.collate, &table.collate)))
}

fn is_binary(info: &ColumnInfo) -> bool {
    info.field.charset.eq_ignore_ascii_case("binary")
}

fn type_sql(info: &ColumnInfo) -> Option<String> {
    let field = &info.field;
    if field.array {
        // A helper of a multi-valued index, which no statement names.
        return Some("json".to_owned());
    }
    let binary = is_binary(info);
    let sized = |name: &str| if field.flen >= 0 { format!("{name}({})", field.flen) } else { name.to_owned() };
    let fraction = |name: &str| if field.decimal > 0 { format!("{name}({})", field.decimal) } else { name.to_owned() };
    let scaled = |name: &str| match (field.flen, field.decimal) {
        (flen @ 0.., decimal @ 0..) => format!("{name}({flen},{decimal})"),
        _ => name.to_owned(),
    };
    let or = |bytes: &str, text: &str| if binary { bytes } else { text }.to_owned();
    let mut sql = match field.tp {
        1 => sized("tinyint"),
        2 => sized("smallint"),
        9 => sized("mediumint"),
        3 => sized("int"),
        8 => sized("bigint"),
        4 => scaled("float"),
        5 => scaled("double"),
        0xf6 => scaled("decimal"),
        7 => fraction("timestamp"),
        10 => "date".to_owned(),
        11 => fraction("time"),
        12 => fraction("datetime"),
        13 => return Some("year".to_owned()),
        16 => sized("bit"),
        0xf5 => "json".to_owned(),
        // No server accepts two elements that are equal after JSON's damage.
        0xf7 | 0xf8 if field.elems.iter().filter(|e| e.contains(DAMAGED)).count() > 1 => return None,
        0xf7 => "enum".to_owned(),
        0xf8 => "set".to_owned(),
        15 | 0xfd => sized(&or("varbinary", "varchar")),
        0xfe => sized(&or("binary", "char")),
        0xf9 => or("tinyblob", "tinytext"),
        0xfa => or("mediumblob", "mediumtext"),
        0xfb => or("longblob", "longtext"),
        0xfc => or("blob", "text"),
        _ => return None,
    };
    if matches!(field.tp, 1..=5 | 8 | 9 | 0xf6) {
        sql.push_str(if info.has(UNSIGNED) { " unsigned" } else { "" });
        sql.push_str(if info.has(ZEROFILL) { " zerofill" } else { "" });
    }
    Some(sql)
}

fn default(info: &ColumnInfo) -> Option<ColumnDefault> {
    if !info.generated_expr_string.is_empty() {
        return Some(ColumnDefault::None);
    }
    let bits = info.default_bit.as_deref().filter(|b| !b.is_empty());
    if let (16, Some(bits)) = (info.field.tp, bits) {
        return STANDARD.decode(bits).ok().map(ColumnDefault::Bits);
    }
    Some(match info.default.as_ref().filter(|text| !is_too_long(info, text)) {
        None if info.has(NOT_NULL) || info.has(NO_DEFAULT) => ColumnDefault::None,
        None => ColumnDefault::Null,
        Some(text) if info.default_is_expr => ColumnDefault::Expression(text.clone()),
        Some(text) if matches!(info.field.tp, 7 | 10 | 12) && is_now(text) => ColumnDefault::Now,
        Some(text) if info.field.tp == 16 && text.contains(DAMAGED) => return None,
        Some(text) if info.field.tp == 16 => ColumnDefault::Bits(text.as_bytes().to_vec()),
        Some(text) => ColumnDefault::Text(text.clone()),
    })
}

/// `CURRENT_TIMESTAMP`, with or without digits behind it, or `CURRENT_DATE`.
fn is_now(text: &str) -> bool {
    let is = |word: &str| text.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word));
    is("CURRENT_TIMESTAMP") || is("CURRENT_DATE")
}

fn index(info: &IndexInfo, table: &TableInfo, columns: &[(&ColumnInfo, &Kind)]) -> Option<Index> {
    let part = |c: &IndexColumn| {
        let (column, _) = columns.iter().find(|(d, _)| c.name.is(&d.name.0))?;
        if column.hidden {
            return Some(IndexPart::Expression(column.generated_expr_string.clone()));
        }
        Some(IndexPart::Column(column.id, u32::try_from(c.length).ok().filter(|n| *n > 0)))
    };
    let only_tidb = info.vector_index || info.inverted_index || info.full_text_index;
    let partial = !info.condition_expr_string.is_empty() || !info.partial_condition_expr_string.is_empty();
    Some(Index {
        id: info.id,
        name: if info.is_primary { "PRIMARY".to_owned() } else { info.name.0.clone() },
        primary: info.is_primary,
        unique: info.is_unique,
        parts: info.columns.iter().map(part).collect::<Option<_>>()?,
        comment: info.comment.clone(),
        invisible: info.is_invisible,
        global: info.is_global,
        clustered: info.is_primary && table.is_common_handle,
        foreign_kind: only_tidb || partial,
    })
}

fn foreign_key_details(info: &FkInfo) -> ForeignKeyDetails {
    ForeignKeyDetails { id: info.id, on_delete: info.on_delete, on_update: info.on_update }
}

fn check(info: &CheckInfo) -> Check {
    Check { id: info.id, name: info.name.0.clone(), expression: info.expr_string.clone(), enforced: info.enforced }
}

fn partitioning(info: &PartitionInfo) -> Option<Partitioning> {
    let method = match info.kind {
        1 => Method::Range,
        2 => Method::Hash,
        3 => Method::List,
        4 => Method::Key,
        _ => return None,
    };
    let partition = |d: &PartitionDefinition| PartitionDetails {
        id: d.id,
        name: d.name.0.clone(),
        less_than: d.less_than.clone(),
        in_values: d.in_values.clone(),
        comment: d.comment.clone(),
    };
    Some(Partitioning {
        method,
        expression: info.expr.clone(),
        columns: info.columns.iter().map(|c| c.0.clone()).collect(),
        partitions: info.definitions.iter().map(partition).collect(),
    })
}
