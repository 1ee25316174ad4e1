//! Columns and tables as a case wants them, and the TableInfo of them that a job shows.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use tisync::decode::value::Civil;
use tisync::model::{Generated, Handle, Kind, Table, Value};
use tisync::playground::tableinfo::{self, ColumnDetails, Details};

use crate::common::made;

/// A column with what its definition has beyond the reading of rows. Nullable, without a default.
#[derive(Clone, Debug)]
pub struct Field {
    pub name: &'static str,
    pub kind: Kind,
    nullable: bool,
    generated: Generated,
    details: ColumnDetails,
    /// Places in its ColumnInfo, and what stands there.
    also: Vec<(&'static str, Json)>,
}

pub fn field(name: &'static str, kind: Kind) -> Field {
    let details = ColumnDetails::default();
    Field { name, kind, nullable: true, generated: Generated::No, details, also: Vec::new() }
}

/// The `id` that every table with a key begins with.
pub fn id() -> Field {
    field("id", made::INT).not_null()
}

impl Field {
    pub fn named(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    pub fn not_null(mut self) -> Self {
        self.nullable = false;
        self
    }

    /// VARCHAR(n) or VARBINARY(n); without it they are TEXT and BLOB.
    pub fn length(mut self, n: u32) -> Self {
        self.details.length = Some(n);
        self
    }

    /// What rows get that do not name it.
    pub fn default(mut self, text: &str) -> Self {
        self.details.default = Some(text.to_owned());
        self
    }

    /// What rows have that are older than it.
    pub fn origin(mut self, text: &str) -> Self {
        self.details.origin = Some(text.to_owned());
        self
    }

    /// Both: it was added later, with a default that is no time of day.
    pub fn added(self, text: &str) -> Self {
        self.default(text).origin(text)
    }

    /// It was there from the beginning: no row is older.
    pub fn new_table(mut self) -> Self {
        self.details.origin = None;
        self.also.retain(|(place, _)| *place != "/origin_default_bit");
        self
    }

    pub fn without_default(mut self) -> Self {
        self.details.default = None;
        self.also.retain(|(place, _)| *place != "/default_bit");
        self.new_table()
    }

    pub fn generated(mut self, how: Generated, expression: &str) -> Self {
        self.generated = how;
        self.details.generated = Some(expression.to_owned());
        self
    }

    pub fn also(mut self, place: &'static str, value: Json) -> Self {
        self.also.push((place, value));
        self
    }

    pub fn comment(self, text: &str) -> Self {
        self.also("/comment", json!(text))
    }

    /// ON UPDATE CURRENT_TIMESTAMP: flag 8192, beside those of a time.
    pub fn on_update(self) -> Self {
        let flags = 8192 | 128 | i32::from(!self.nullable);
        self.also("/type/Flag", json!(flags))
    }
}

/// A table with the rest of its definition.
#[derive(Clone, Debug)]
pub struct Defined {
    pub table: Table,
    details: Details,
    /// Places in its TableInfo, and what stands there.
    also: Vec<(String, Json)>,
}

impl Defined {
    /// Its first column is its primary key.
    pub fn new(db: &str, id: i64, name: &str, fields: &[Field]) -> Self {
        let kinds: Vec<(&str, Kind)> = fields.iter().map(|f| (f.name, f.kind.clone())).collect();
        let mut table = Table { schema: db.to_owned(), ..made::table(id, name, &kinds) };
        for (column, field) in table.columns.iter_mut().zip(fields) {
            column.nullable = field.nullable;
            column.generated = field.generated;
            // A NULL is written where older rows have something else.
            column.missing = if field.details.origin.is_some() { Value::Absent } else { Value::Null };
        }
        let columns: BTreeMap<_, _> = fields.iter().map(|f| (f.name.to_owned(), f.details.clone())).collect();
        let place = |at: usize, field: &Field| -> Vec<(String, Json)> {
            field.also.iter().map(|(place, value)| (format!("/cols/{at}{place}"), value.clone())).collect()
        };
        let also = (0..).zip(fields).flat_map(|(at, field)| place(at, field)).collect();
        Self { table, details: Details { columns, ..Details::default() }, also }
    }

    /// Its rows have hidden numbers.
    pub fn without_key(mut self) -> Self {
        self.table.keys.clear();
        self.table.handle = Handle::RowId;
        self
    }

    pub fn also(mut self, place: &str, value: Json) -> Self {
        self.also.push((place.to_owned(), value));
        self
    }

    /// The same table, truncated.
    pub fn with_id(mut self, id: i64) -> Self {
        self.table.id = id;
        self
    }

    pub fn renamed(mut self, name: &str) -> Self {
        name.clone_into(&mut self.table.name);
        self
    }

    /// With these indexes.
    pub fn indexes(self, indexes: &[Json]) -> Self {
        self.also("/index_info", json!(indexes))
    }

    pub fn info(&self) -> Json {
        let mut info = tableinfo::table_info(&self.table, &self.details, 0);
        for (place, value) in &self.also {
            let found = info.pointer_mut(place);
            *found.unwrap_or_else(|| panic!("a TableInfo has no {place}")) = value.clone();
        }
        info
    }
}

/// An IndexInfo of whole columns.
pub fn index(id: i64, name: &str, columns: &[(&str, i64)]) -> Json {
    let part = |(name, offset): &(&str, i64)| json!({"name": tableinfo::name(name), "offset": offset, "length": -1});
    json!({
        "id": id, "idx_name": tableinfo::name(name), "tbl_name": tableinfo::name(""),
        "idx_cols": columns.iter().map(part).collect::<Vec<_>>(), "state": 5, "backfill_state": 0, "comment": "",
        "index_type": 1, "is_unique": false, "is_primary": false, "is_invisible": false, "is_global": false, "mv_index": false,
    })
}

/// The same that is UNIQUE.
pub fn unique(id: i64, name: &str, columns: &[(&str, i64)]) -> Json {
    let mut index = index(id, name, columns);
    index["is_unique"] = json!(true);
    index
}

/// A DATE, DATETIME or TIMESTAMP (in UTC): year, month, day, hour, minute, second.
pub fn time([year, month, day, hour, minute, second]: [u32; 6]) -> Value {
    Value::Time(Civil { year, month, day, hour, minute, second, micros: 0 }.pack())
}

/// A PartitionInfo: its type (1 RANGE, 2 HASH), its expression and its parts.
pub fn partitions(kind: u8, expression: &str, parts: Vec<Json>) -> Json {
    json!({
        "type": kind, "expr": expression, "columns": null, "enable": true, "num": parts.len(), "definitions": parts,
        "adding_definitions": null, "dropping_definitions": null, "states": null, "ddl_state": 0,
    })
}

/// One of them; `below` is null where it is HASH.
pub fn part(id: i64, name: &str, below: &Json) -> Json {
    let less_than = if below.is_null() { Json::Null } else { json!([below]) };
    json!({
        "id": id, "name": tableinfo::name(name), "less_than": less_than, "in_values": null, "policy_ref_info": null, "comment": "",
    })
}
