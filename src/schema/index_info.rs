//! Indexes, foreign keys, CHECK constraints and partitions in TiDB's JSON.
//!
//! Source: docs/protocol/tidb-formats.md §6.6.

use serde::{Deserialize, Serialize};

use super::info::{CiStr, mark, nullable, present, tight};

/// `IndexInfo`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct IndexInfo {
    /// Its name.
    #[serde(rename = "idx_name", deserialize_with = "nullable")]
    pub name: CiStr,
    /// Its columns in order.
    #[serde(rename = "idx_cols", deserialize_with = "tight")]
    pub columns: Vec<IndexColumn>,
    /// Its id.
    #[serde(deserialize_with = "nullable")]
    pub id: i64,
    /// See [`PUBLIC`](super::info::PUBLIC).
    #[serde(deserialize_with = "nullable")]
    pub state: i64,
    /// Its comment.
    #[serde(deserialize_with = "nullable")]
    pub comment: String,
    /// INVISIBLE.
    #[serde(deserialize_with = "nullable")]
    pub is_invisible: bool,
    /// A GLOBAL index of a partitioned table.
    #[serde(deserialize_with = "nullable")]
    pub is_global: bool,
    /// UNIQUE.
    #[serde(deserialize_with = "nullable")]
    pub is_unique: bool,
    /// The primary key.
    #[serde(deserialize_with = "nullable")]
    pub is_primary: bool,
    /// Multi-valued: one row has many entries.
    #[serde(deserialize_with = "nullable")]
    pub mv_index: bool,
    /// A vector index (newer versions).
    #[serde(deserialize_with = "present", serialize_with = "mark")]
    pub vector_index: bool,
    /// An inverted index (newer versions).
    #[serde(deserialize_with = "present", serialize_with = "mark")]
    pub inverted_index: bool,
    /// A full-text index (newer versions).
    #[serde(deserialize_with = "present", serialize_with = "mark")]
    pub full_text_index: bool,
    /// Condition of a partial index (newer versions).
    #[serde(deserialize_with = "nullable")]
    pub condition_expr_string: String,
    /// `condition_expr_string` under the name that some builds use.
    #[serde(deserialize_with = "nullable")]
    pub partial_condition_expr_string: String,
}

impl IndexInfo {
    /// Whether every row has exactly one entry in it.
    #[must_use]
    pub fn whole(&self) -> bool {
        !self.mv_index
            && !self.vector_index
            && !self.inverted_index
            && !self.full_text_index
            && self.condition_expr_string.is_empty()
            && self.partial_condition_expr_string.is_empty()
    }
}

/// `IndexColumn`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct IndexColumn {
    /// The column's name.
    #[serde(deserialize_with = "nullable")]
    pub name: CiStr,
    /// Prefix length, or -1 for the whole column.
    #[serde(deserialize_with = "nullable")]
    pub length: i64,
}

/// `FKInfo`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FkInfo {
    /// Its name.
    #[serde(rename = "fk_name", deserialize_with = "nullable")]
    pub name: CiStr,
    /// The parent's database, empty in old versions.
    #[serde(deserialize_with = "nullable")]
    pub ref_schema: CiStr,
    /// The parent.
    #[serde(deserialize_with = "nullable")]
    pub ref_table: CiStr,
    /// Columns of the parent.
    #[serde(deserialize_with = "nullable")]
    pub ref_cols: Vec<CiStr>,
    /// Columns of this table.
    #[serde(deserialize_with = "nullable")]
    pub cols: Vec<CiStr>,
    /// Its id.
    #[serde(deserialize_with = "nullable")]
    pub id: i64,
    /// `ReferOptionType`: 0 none, 1 RESTRICT, 2 CASCADE, 3 SET NULL, 4 NO ACTION, 5 SET DEFAULT.
    #[serde(deserialize_with = "nullable")]
    pub on_delete: i64,
    /// With the codes of `on_delete`.
    #[serde(deserialize_with = "nullable")]
    pub on_update: i64,
    /// See [`PUBLIC`](super::info::PUBLIC).
    #[serde(deserialize_with = "nullable")]
    pub state: i64,
}

/// `ConstraintInfo`: a CHECK.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CheckInfo {
    /// Its id.
    #[serde(deserialize_with = "nullable")]
    pub id: i64,
    /// Its name.
    #[serde(rename = "constraint_name", deserialize_with = "nullable")]
    pub name: CiStr,
    /// The condition in SQL.
    #[serde(deserialize_with = "nullable")]
    pub expr_string: String,
    /// Whether it holds.
    #[serde(deserialize_with = "nullable")]
    pub enforced: bool,
    /// See [`PUBLIC`](super::info::PUBLIC).
    #[serde(deserialize_with = "nullable")]
    pub state: i64,
}

/// `PartitionInfo`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PartitionInfo {
    /// Whether the table is partitioned at all.
    #[serde(deserialize_with = "nullable")]
    pub enable: bool,
    /// `PartitionType`: 1 RANGE, 2 HASH, 3 LIST, 4 KEY.
    #[serde(rename = "type", deserialize_with = "nullable")]
    pub kind: i64,
    /// The expression in SQL; empty where the table is partitioned by columns.
    #[serde(deserialize_with = "nullable")]
    pub expr: String,
    /// Its columns; empty where it is partitioned by an expression, and for KEY by the primary key.
    #[serde(deserialize_with = "nullable")]
    pub columns: Vec<CiStr>,
    /// The partitions.
    #[serde(deserialize_with = "nullable")]
    pub definitions: Vec<PartitionDefinition>,
}

/// `PartitionDefinition`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PartitionDefinition {
    /// Its physical table id.
    #[serde(deserialize_with = "nullable")]
    pub id: i64,
    /// Its name.
    #[serde(deserialize_with = "nullable")]
    pub name: CiStr,
    /// Bounds of RANGE, in SQL, evaluated.
    #[serde(deserialize_with = "nullable")]
    pub less_than: Vec<String>,
    /// Values of LIST, in SQL, evaluated.
    #[serde(deserialize_with = "nullable")]
    pub in_values: Vec<Vec<String>>,
    /// Its comment.
    #[serde(deserialize_with = "nullable")]
    pub comment: String,
}
