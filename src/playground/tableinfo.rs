//! Builds TiDB's TableInfo JSON of a table, and the CREATE TABLE statement for it.
//!
//! The JSON is that of the DDL history and the status port.
//!
//! Format: docs/protocol/tidb-formats.md §6.6, §6.7.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::model::{Column, ForeignKey, Generated, Handle, Key, Kind, Table};
use crate::sql::quote_name;

/// What a definition has beyond the [`Table`] that is needed for reading rows. Columns without
/// details have the usual widest form of their type: TEXT and BLOB for strings, no default.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Details {
    /// By column name.
    pub columns: BTreeMap<String, ColumnDetails>,
    /// Indexes that are no keys.
    pub indexes: Vec<Key>,
    /// The table's comment.
    pub comment: String,
    /// Actions of foreign keys on DELETE and on UPDATE, by name, as TiDB's numbers; CASCADE where
    /// there is none.
    pub reactions: BTreeMap<String, (u8, u8)>,
}

/// The details of a column, see [`Details`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ColumnDetails {
    /// n of VARCHAR(n) or VARBINARY(n).
    pub length: Option<u32>,
    /// TiDB's type number of a text or byte string that is not of the usual type: CHAR, TINYTEXT,
    /// LONGBLOB.
    pub tp: Option<u8>,
    /// A number's width and decimals, where they are not the usual ones: tinyint(1), float(7,3).
    pub width: Option<(i64, i64)>,
    /// More flags of a number: UNSIGNED of a DECIMAL, ZEROFILL.
    pub flags: u32,
    /// Its comment.
    pub comment: String,
    /// ON UPDATE CURRENT_TIMESTAMP.
    pub on_update: bool,
    /// AUTO_INCREMENT.
    pub auto_increment: bool,
    /// Text of the default for new rows.
    pub default: Option<String>,
    /// Whether the column was added later, so that older rows have the default too.
    pub added: bool,
    /// The value of older rows as text, where it is known apart from the default: it stays when the
    /// default changes.
    pub origin: Option<String>,
    /// The expression of a generated column.
    pub generated: Option<String>,
}

impl Details {
    fn of(&self, column: &Column) -> ColumnDetails {
        self.columns.get(&column.name).cloned().unwrap_or_default()
    }
}

/// A name as TiDB writes it.
#[must_use]
pub fn name(text: &str) -> Json {
    json!({ "O": text, "L": text.to_lowercase() })
}

/// DBInfo of a database.
#[must_use]
pub fn db_info(id: i64, database: &str) -> Json {
    json!({
        "id": id, "db_name": name(database), "charset": "utf8mb4", "collate": "utf8mb4_bin", "state": 5,
        "policy_ref_info": null,
    })
}

/// TableInfo of a table without partitions; `updated` is the ts of
/// its last DDL.
#[must_use]
pub fn table_info(table: &Table, details: &Details, updated: u64) -> Json {
    let columns: Vec<_> = (0i64..).zip(&table.columns).map(|(at, c)| column_info(table, c, details, at)).collect();
    let listed = table.keys.iter().filter(|k| !is_handle(table, k));
    let unique = listed.map(|key| (key, true)).chain(details.indexes.iter().map(|key| (key, false)));
    let indexes: Vec<_> = (1i64..).zip(unique).map(|(id, (key, unique))| index_info(table, key, unique, id)).collect();
    let index_count = indexes.len();
    let foreign: Vec<_> =
        (1i64..).zip(&table.foreign_keys).map(|(id, key)| foreign_info(table, key, details, id)).collect();
    let foreign_count = foreign.len();
    json!({
        "id": table.id, "name": name(&table.name), "charset": table.charset, "collate": table.collation,
        "cols": columns,
        "index_info": if indexes.is_empty() { Json::Null } else { indexes.into() },
        "constraint_info": null, "fk_info": if foreign.is_empty() { Json::Null } else { foreign.into() }, "state": 5,
        "pk_is_handle": matches!(table.handle, Handle::Int(_)),
        "is_common_handle": matches!(table.handle, Handle::Common(_)),
        "common_handle_version": u8::from(matches!(table.handle, Handle::Common(_))),
        "comment": details.comment, "auto_inc_id": 0, "auto_id_cache": 0, "auto_rand_id": 0,
        "max_col_id": table.columns.iter().map(|c| c.id).max().unwrap_or(0),
        "max_idx_id": index_count, "max_fk_id": foreign_count, "max_cst_id": 0, "update_timestamp": updated,
        "ShardRowIDBits": 0, "max_shard_row_id_bits": 0, "auto_random_bits": 0, "auto_random_range_bits": 0,
        "pre_split_regions": 0, "partition": null, "compression": "", "view": null, "sequence": null, "Lock": null,
        "version": 5, "tiflash_replica": null, "is_columnar": false, "temp_table_type": 0, "cache_table_status": 0,
        "policy_ref_info": null, "stats_options": null, "exchange_partition_info": null, "ttl_info": null,
    })
}

/// An integer primary key is the handle itself and no index.
fn is_handle(table: &Table, key: &Key) -> bool {
    key.primary && matches!(table.handle, Handle::Int(_))
}

fn column_info(table: &Table, column: &Column, details: &Details, offset: i64) -> Json {
    let own = details.of(column);
    let mut field = Field::of(&column.kind, own.length);
    if let (Some(tp), Kind::Text { .. } | Kind::Binary { fixed: None }) = (own.tp, &column.kind) {
        field.tp = tp;
    }
    if let Some(width) = own.width {
        (field.flen, field.decimal) = width;
    }
    field.flag |= own.flags;
    // A column that came later and allows no NULL fills older rows with its default.
    let origin = own.origin.as_ref().or(own.default.as_ref().filter(|_| own.added));
    json!({
        "id": column.id, "name": name(&column.name), "offset": offset,
        "origin_default": origin, "origin_default_bit": null, "default": own.default, "default_bit": null,
        "default_is_expr": false, "generated_expr_string": own.generated.clone().unwrap_or_default(),
        "generated_stored": column.generated == Generated::Stored, "dependences": null,
        "type": {
            "Tp": field.tp, "Flag": field.flag | key_flags(table, column, &own), "Flen": field.flen,
            "Decimal": field.decimal, "Charset": field.charset, "Collate": field.collate,
            "Elems": field.elements, "ElemsIsBinaryLit": null, "Array": false,
        },
        "state": 5, "comment": own.comment, "hidden": column.hidden, "change_state_info": null, "version": 2,
    })
}

fn key_flags(table: &Table, column: &Column, own: &ColumnDetails) -> u32 {
    let holds = |key: &&Key| key.parts.iter().any(|p| table.columns.get(p.column) == Some(column));
    let primary = table.keys.iter().filter(|k| k.primary).any(|k| holds(&k));
    let mut unique = table.keys.iter().filter(|k| !k.primary).filter(holds);
    let unique = unique.next().map_or(0, |key| if key.parts.len() == 1 { 4 } else { 8 });
    let mut flags = unique;
    flags |= u32::from(primary) << 1;
    flags |= u32::from(own.auto_increment) << 9;
    flags |= u32::from(own.on_update) << 13;
    if !column.nullable {
        flags |= 1;
        // "No default value".
        flags |= u32::from(own.default.is_none() && !own.auto_increment) << 12;
    }
    flags
}

/// FieldType without the flags of keys.
struct Field {
    tp: u8,
    flag: u32,
    flen: i64,
    decimal: i64,
    charset: String,
    collate: String,
    elements: Option<Vec<String>>,
}

const UNSIGNED: u32 = 32;
const BINARY: u32 = 128;

impl Field {
    fn of(kind: &Kind, length: Option<u32>) -> Self {
        let with_fsp = |base: i64, fsp: u8| if fsp == 0 { base } else { base + 1 + i64::from(fsp) };
        let blob = 65_535;
        match kind {
            Kind::Int { bytes, unsigned } => Self::int(*bytes, *unsigned),
            Kind::Year => Self::new(13, UNSIGNED | 64, 4, 0),
            Kind::Float => Self::new(4, 0, 12, -1),
            Kind::Double => Self::new(5, 0, 22, -1),
            Kind::Decimal { precision, scale } => Self::new(246, 0, i64::from(*precision), i64::from(*scale)),
            Kind::Date => Self::new(10, BINARY, 10, 0),
            Kind::Datetime { fsp } => Self::new(12, BINARY, with_fsp(19, *fsp), i64::from(*fsp)),
            Kind::Timestamp { fsp } => Self::new(7, BINARY, with_fsp(19, *fsp), i64::from(*fsp)),
            Kind::Duration { fsp } => Self::new(11, BINARY, with_fsp(10, *fsp), i64::from(*fsp)),
            Kind::Text { charset, collation } => {
                let (tp, flag, flen) = length.map_or((252, 16, blob), |n| (15, 0, i64::from(n)));
                Self { charset: charset.clone(), collate: collation.clone(), ..Self::new(tp, flag, flen, 0) }
            }
            Kind::Binary { fixed: Some(n) } => Self::new(254, BINARY, i64::from(*n), 0),
            Kind::Binary { fixed: None } => {
                let (tp, flag, flen) = length.map_or((252, 16, blob), |n| (15, 0, i64::from(n)));
                Self::new(tp, flag | BINARY, flen, 0)
            }
            Kind::Enum { elements } => Self::listed(247, 256, elements),
            Kind::Set { elements } => Self::listed(248, 2048, elements),
            Kind::Bit { width } => Self::new(16, UNSIGNED, i64::from(*width), 0),
            Kind::Json => Self::new(245, BINARY, i64::from(u32::MAX), 0),
        }
    }

    fn new(tp: u8, flag: u32, flen: i64, decimal: i64) -> Self {
        let binary = || "binary".to_owned();
        Self { tp, flag, flen, decimal, charset: binary(), collate: binary(), elements: None }
    }

    fn int(bytes: u8, unsigned: bool) -> Self {
        let (tp, signed, width) = match bytes {
            1 => (1, 4, 3),
            2 => (2, 6, 5),
            3 => (9, 9, 8),
            4 => (3, 11, 10),
            _ => (8, 20, 20),
        };
        Self::new(tp, if unsigned { UNSIGNED } else { 0 }, if unsigned { width } else { signed }, 0)
    }

    fn listed(tp: u8, flag: u32, elements: &[String]) -> Self {
        let lengths = elements.iter().map(|e| i64::try_from(e.chars().count()).unwrap_or(0));
        // The longest ENUM element; all SET elements with commas.
        let flen = if tp == 247 { lengths.max().unwrap_or(0) } else { lengths.map(|n| n + 1).sum::<i64>() - 1 };
        Self {
            charset: "utf8mb4".to_owned(),
            collate: "utf8mb4_bin".to_owned(),
            elements: Some(elements.to_vec()),
            ..Self::new(tp, flag, flen, 0)
        }
    }
}

fn index_info(table: &Table, key: &Key, unique: bool, id: i64) -> Json {
    let part = |p: &crate::model::KeyPart| {
        let column = table.columns.get(p.column).map_or("", |c| c.name.as_str());
        json!({ "name": name(column), "offset": p.column, "length": p.prefix.map_or(-1, i64::from) })
    };
    json!({
        "id": id, "idx_name": name(&key.name), "tbl_name": name(""),
        "idx_cols": key.parts.iter().map(part).collect::<Vec<_>>(),
        "state": 5, "backfill_state": 0, "comment": "", "index_type": 1, "is_unique": unique,
        "is_primary": key.primary, "is_invisible": false, "is_global": false, "mv_index": false,
    })
}

fn foreign_info(table: &Table, key: &ForeignKey, details: &Details, id: i64) -> Json {
    let names = |list: &[String]| list.iter().map(|n| name(n)).collect::<Vec<_>>();
    let reaction = details.reactions.get(&key.name).copied().unwrap_or((2, 2));
    json!({
        "id": id, "fk_name": name(&key.name), "ref_schema": name(parent_schema(table, key)),
        "ref_table": name(&key.parent_table), "ref_cols": names(&key.parent_columns), "cols": names(&key.columns),
        "on_delete": reaction.0, "on_update": reaction.1, "state": 5, "version": 1,
    })
}

fn parent_schema<'a>(table: &'a Table, key: &'a ForeignKey) -> &'a str {
    if key.parent_schema.is_empty() { &table.schema } else { &key.parent_schema }
}

/// The CREATE TABLE statement, in the style in which TiDB restores one: names quoted and qualified.
#[must_use]
pub fn create_table(table: &Table, details: &Details) -> String {
    let mut lines: Vec<_> = table.columns.iter().map(|c| column_sql(c, details)).collect();
    for key in &table.keys {
        let parts: Vec<_> = key.parts.iter().filter_map(|p| Some((table.columns.get(p.column)?, p.prefix))).collect();
        let parts: Vec<_> = parts
            .into_iter()
            .map(|(c, prefix)| prefix.map_or_else(|| quote_name(&c.name), |n| format!("{}({n})", quote_name(&c.name))))
            .collect();
        let parts = parts.join(", ");
        let clustered = matches!(table.handle, Handle::Common(_));
        lines.push(match (key.primary, clustered) {
            (true, true) => format!("PRIMARY KEY({parts}) /*T![clustered_index] CLUSTERED */"),
            (true, false) => format!("PRIMARY KEY({parts})"),
            (false, _) => format!("UNIQUE {}({parts})", quote_name(&key.name)),
        });
    }
    for key in &table.foreign_keys {
        let list = |names: &[String]| names.iter().map(|n| quote_name(n)).collect::<Vec<_>>().join(", ");
        lines.push(format!(
            "CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {}.{}({}) ON DELETE CASCADE ON UPDATE CASCADE",
            quote_name(&key.name),
            list(&key.columns),
            quote_name(parent_schema(table, key)),
            quote_name(&key.parent_table),
            list(&key.parent_columns)
        ));
    }
    format!(
        "CREATE TABLE {}.{} ({}) DEFAULT CHARACTER SET = {} DEFAULT COLLATE = {}",
        quote_name(&table.schema),
        quote_name(&table.name),
        lines.join(","),
        table.charset.to_uppercase(),
        table.collation.to_uppercase()
    )
}

/// The ALTER TABLE statement that adds `column` at the end.
#[must_use]
pub fn add_column(table: &Table, column: &Column, details: &Details) -> String {
    let (schema, name) = (quote_name(&table.schema), quote_name(&table.name));
    format!("ALTER TABLE {schema}.{name} ADD COLUMN {}", column_sql(column, details))
}

fn column_sql(column: &Column, details: &Details) -> String {
    let own = details.of(column);
    let mut sql = format!("{} {}", quote_name(&column.name), type_sql(&column.kind, own.length));
    sql.push_str(if column.nullable { " NULL" } else { " NOT NULL" });
    if own.auto_increment {
        sql.push_str(" AUTO_INCREMENT");
    }
    if let Some(default) = &own.default {
        sql.push_str(&format!(" DEFAULT {}", literal(default)));
    }
    sql
}

fn type_sql(kind: &Kind, length: Option<u32>) -> String {
    let fraction = |name: &str, fsp: u8| if fsp == 0 { name.to_owned() } else { format!("{name}({fsp})") };
    let list = |name: &str, items: &[String]| {
        format!("{name}({})", items.iter().map(|e| literal(e)).collect::<Vec<_>>().join(","))
    };
    match kind {
        Kind::Int { bytes, unsigned } => {
            let name = match bytes {
                1 => "TINYINT",
                2 => "SMALLINT",
                3 => "MEDIUMINT",
                4 => "INT",
                _ => "BIGINT",
            };
            if *unsigned { format!("{name} UNSIGNED") } else { name.to_owned() }
        }
        Kind::Year => "YEAR".to_owned(),
        Kind::Float => "FLOAT".to_owned(),
        Kind::Double => "DOUBLE".to_owned(),
        Kind::Decimal { precision, scale } => format!("DECIMAL({precision},{scale})"),
        Kind::Date => "DATE".to_owned(),
        Kind::Datetime { fsp } => fraction("DATETIME", *fsp),
        Kind::Timestamp { fsp } => fraction("TIMESTAMP", *fsp),
        Kind::Duration { fsp } => fraction("TIME", *fsp),
        Kind::Text { .. } => length.map_or_else(|| "TEXT".to_owned(), |n| format!("VARCHAR({n})")),
        Kind::Binary { fixed: Some(n) } => format!("BINARY({n})"),
        Kind::Binary { fixed: None } => length.map_or_else(|| "BLOB".to_owned(), |n| format!("VARBINARY({n})")),
        Kind::Enum { elements } => list("ENUM", elements),
        Kind::Set { elements } => list("SET", elements),
        Kind::Bit { width } => format!("BIT({width})"),
        Kind::Json => "JSON".to_owned(),
    }
}

/// A string literal, without escapes: our own definitions have no backslashes.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
