//! Partitions as TiDB's JSON shows them (spec/tidb-formats.md §6.7).

use serde::{Deserialize, Serialize};

use super::info::{CiStr, nullable};

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
    /// The expression in SQL; empty where it is by columns.
    #[serde(deserialize_with = "nullable")]
    pub expr: String,
    /// Its columns; empty where it is by an expression, and for KEY by the primary key.
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
