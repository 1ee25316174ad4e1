//! A table of the story: its definition, and the rows that it holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value as Json, json};
use tisync::model::{Generated, Handle, Key, KeyPart, Row, Table, Value};
use tisync::playground::sql_name;
use tisync::playground::tableinfo::{self, Details};

use crate::column::Field;
use crate::partition::Partitions;

/// A key or an index.
#[derive(Clone, Debug)]
pub struct Index {
    pub name: String,
    pub primary: bool,
    pub unique: bool,
    /// Columns by name, each with the characters that it holds if not all.
    pub parts: Vec<(String, Option<u32>)>,
}

/// What tells a row from the others in TiKV.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A hidden number.
    RowId,
    /// The primary key.
    Clustered,
}

/// A table and its rows, by a number that only the story knows.
#[derive(Clone, Debug)]
pub struct State {
    pub id: i64,
    pub database: String,
    pub name: String,
    pub fields: Vec<Field>,
    pub indexes: Vec<Index>,
    pub place: Place,
    pub partitions: Option<Partitions>,
    pub collation: String,
    pub comment: String,
    pub last_column: i64,
    pub rows: BTreeMap<i64, Row>,
    pub next: i64,
}

impl Index {
    pub fn sql(&self) -> String {
        let parts: Vec<String> = self
            .parts
            .iter()
            .map(|(name, prefix)| prefix.map_or_else(|| sql_name(name), |n| format!("{}({n})", sql_name(name))))
            .collect();
        let parts = parts.join(", ");
        match (self.primary, self.unique) {
            (true, _) => format!("PRIMARY KEY ({parts})"),
            (false, true) => format!("UNIQUE KEY {} ({parts})", sql_name(&self.name)),
            (false, false) => format!("KEY {} ({parts})", sql_name(&self.name)),
        }
    }

    pub fn has(&self, column: &str) -> bool {
        self.parts.iter().any(|(name, _)| name == column)
    }
}

impl State {
    pub fn full_name(&self) -> String {
        format!("{}.{}", sql_name(&self.database), sql_name(&self.name))
    }

    /// A row's number in the hidden column, which no other row of the table has had.
    pub fn handle(&mut self) -> i64 {
        self.next += 1;
        self.next - 1
    }

    pub fn at(&self, column: &str) -> Option<usize> {
        self.fields.iter().position(|f| f.name() == column)
    }

    /// Whether a key, a partition or a generated column is made of it.
    pub fn needs(&self, column: &str) -> bool {
        let quoted = sql_name(column);
        self.indexes.iter().any(|i| i.has(column))
            || self.partitions.as_ref().is_some_and(|p| p.column == column)
            || self.fields.iter().any(|f| f.details.generated.as_ref().is_some_and(|e| e.contains(&quoted)))
    }

    /// The definition that rows are written with.
    pub fn table(&self) -> Arc<Table> {
        let parts = |index: &Index| -> Vec<KeyPart> {
            let part = |(name, prefix): &(String, Option<u32>)| {
                self.at(name).map(|column| KeyPart { column, prefix: *prefix })
            };
            index.parts.iter().filter_map(part).collect()
        };
        let unique = self.indexes.iter().filter(|i| i.unique);
        let mut keys: Vec<Key> =
            unique.map(|i| Key { name: i.name.clone(), primary: i.primary, parts: parts(i) }).collect();
        keys.sort_by_key(|k| !k.primary);
        let primary = self.indexes.iter().find(|i| i.primary).filter(|_| self.place == Place::Clustered).map(parts);
        let handle = match primary {
            None => Handle::RowId,
            Some(parts) => match parts[..] {
                [KeyPart { column, .. }] if self.whole(column) => Handle::Int(column),
                _ => Handle::Common(parts),
            },
        };
        Arc::new(Table {
            id: self.id,
            schema: self.database.clone(),
            name: self.name.clone(),
            columns: self.fields.iter().map(|f| f.column.clone()).collect(),
            keys,
            handle,
            foreign_keys: Vec::new(),
            partitions: self.partitions.as_ref().map(Partitions::ids).unwrap_or_default(),
            charset: "utf8mb4".to_owned(),
            collation: self.collation.clone(),
            details: None,
        })
    }

    fn whole(&self, column: usize) -> bool {
        self.fields.get(column).is_some_and(|f| matches!(f.column.kind, tisync::model::Kind::Int { .. }))
    }

    /// TableInfo as the history shows it.
    pub fn info(&self, ts: u64) -> Json {
        let details = self.fields.iter().map(|f| (f.name().to_owned(), f.details.clone())).collect();
        let table = self.table();
        let mut info = tableinfo::table_info(&table, &Details { columns: details, ..Details::default() }, ts);
        info["comment"] = json!(self.comment);
        info["max_col_id"] = json!(self.last_column);
        let mut indexes = info["index_info"].as_array().cloned().unwrap_or_default();
        for index in self.indexes.iter().filter(|i| !i.unique) {
            let part = |(name, prefix): &(String, Option<u32>)| {
                json!({
                    "name": tableinfo::name(name), "offset": self.at(name),
                    "length": prefix.map_or(-1, i64::from),
                })
            };
            indexes.push(json!({
                "id": indexes.len() + 1, "idx_name": tableinfo::name(&index.name), "tbl_name": tableinfo::name(""),
                "idx_cols": index.parts.iter().map(part).collect::<Vec<_>>(), "state": 5, "backfill_state": 0,
                "comment": "", "index_type": 1, "is_unique": false, "is_primary": false, "is_invisible": false,
                "is_global": false, "mv_index": false,
            }));
        }
        if !indexes.is_empty() {
            info["max_idx_id"] = json!(indexes.len());
            info["index_info"] = indexes.into();
        }
        if let Some(partitions) = &self.partitions {
            info["partition"] = partitions.info();
        }
        info
    }

    pub fn create_sql(&self) -> String {
        let mut lines: Vec<String> = self.fields.iter().map(Field::sql).collect();
        for index in &self.indexes {
            let mut sql = index.sql();
            if index.primary {
                let how = if self.place == Place::Clustered { "CLUSTERED" } else { "NONCLUSTERED" };
                sql.push_str(&format!(" /*T![clustered_index] {how} */"));
            }
            lines.push(sql);
        }
        let partitions = self.partitions.as_ref().map(|p| format!(" {}", p.sql())).unwrap_or_default();
        format!(
            "CREATE TABLE {} ({}) DEFAULT CHARACTER SET = utf8mb4 COLLATE = {}{partitions}",
            self.full_name(),
            lines.join(", "),
            self.collation
        )
    }

    /// What a unique index holds of a row: nothing where a part is NULL.
    fn entry(&self, index: &Index, row: &Row) -> Option<Vec<Value>> {
        index
            .parts
            .iter()
            .map(|(name, prefix)| {
                let value = row.get(self.at(name)?)?;
                match (value, prefix) {
                    (Value::Null | Value::Absent, _) => None,
                    (Value::Bytes(bytes), Some(n)) => {
                        let text = String::from_utf8_lossy(bytes);
                        Some(Value::Bytes(text.chars().take(*n as usize).collect::<String>().into()))
                    }
                    (value, _) => Some(value.clone()),
                }
            })
            .collect()
    }

    /// Whether the row may stand beside the others (but the one with the number `except`), and in a partition.
    pub fn fits(&self, row: &Row, except: Option<i64>) -> bool {
        let partition = self.partitions.as_ref().is_none_or(|p| self.partition_of(p, row).is_some());
        partition
            && self.indexes.iter().filter(|i| i.unique).all(|index| {
                let Some(entry) = self.entry(index, row) else { return true };
                let taken = |(at, other): (&i64, &Row)| {
                    Some(*at) != except && self.entry(index, other).as_ref() == Some(&entry)
                };
                !self.rows.iter().any(taken)
            })
    }

    /// Whether each of the unique indexes, one of which is new, would hold.
    pub fn all_fit(&self, index: &Index) -> bool {
        let mut entries: Vec<Vec<Value>> = self.rows.values().filter_map(|row| self.entry(index, row)).collect();
        let all = entries.len();
        entries.sort_by_key(|e| format!("{e:?}"));
        entries.dedup();
        entries.len() == all
    }

    pub fn partition_of(&self, partitions: &Partitions, row: &Row) -> Option<usize> {
        match row.get(self.at(&partitions.column)?)? {
            Value::Int(n) => partitions.place(*n),
            _ => None,
        }
    }

    /// Takes the rows of a partition away, and gives them.
    pub fn take_partition(&mut self, at: usize) -> BTreeMap<i64, Row> {
        let Some(partitions) = self.partitions.clone() else { return BTreeMap::new() };
        let all = std::mem::take(&mut self.rows);
        let (gone, kept) = all.into_iter().partition(|(_, row)| self.partition_of(&partitions, row) == Some(at));
        self.rows = kept;
        gone
    }

    /// Whether a change of the row is a new row for TiKV: its key or its partition is another one.
    pub fn moves(&self, old: &Row, new: &Row) -> bool {
        let clustered = self.place == Place::Clustered;
        let key = self.indexes.iter().find(|i| i.primary && clustered);
        let other = |column: &str| self.at(column).is_some_and(|at| old.get(at) != new.get(at));
        key.is_some_and(|key| key.parts.iter().any(|(name, _)| other(name)))
            || self
                .partitions
                .as_ref()
                .is_some_and(|p| other(&p.column) && self.partition_of(p, old) != self.partition_of(p, new))
    }

    pub fn insert_column(&mut self, field: Field, at: usize) {
        self.rows.values_mut().for_each(|row| row.insert(at, field.column.missing.clone()));
        self.fields.insert(at, field);
    }

    pub fn remove_column(&mut self, at: usize) {
        self.rows.values_mut().for_each(|row| drop(row.remove(at)));
        self.fields.remove(at);
    }

    /// Places of the columns that a statement may write.
    pub fn written(&self) -> impl Iterator<Item = (usize, &Field)> {
        self.fields.iter().enumerate().filter(|(_, f)| f.column.generated == Generated::No)
    }
}
