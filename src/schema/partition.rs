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
    /// `PartitionType`: 4 is KEY.
    #[serde(rename = "type", deserialize_with = "nullable")]
    pub kind: i64,
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
}
