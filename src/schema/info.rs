//! Databases and tables in TiDB's JSON: the fields that are used.
//!
//! See docs/protocol/tidb-formats.md §6.6, §6.7. Every field may be missing or null, unknown fields
//! are skipped, and 64-bit numbers stay exact.

use std::borrow::Cow;
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::index_info::PartitionInfo;
use super::index_info::{CheckInfo, FkInfo, IndexInfo};

/// `SchemaState` of objects that clients see; objects in any other state are being added or
/// removed.
pub const PUBLIC: i64 = 5;

/// A name that compares without case; written as `{"O": original, "L": lower}`, by very old
/// versions as plain text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CiStr(pub String);

impl CiStr {
    /// Whether `other` is this name, ignoring case.
    #[must_use]
    pub fn is(&self, other: &str) -> bool {
        self.0 == other || self.0.to_lowercase() == other.to_lowercase()
    }
}

impl Serialize for CiStr {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_map(Some(2))?;
        map.serialize_entry("O", &self.0)?;
        map.serialize_entry("L", &self.0.to_lowercase())?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for CiStr {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(NameVisitor)
    }
}

struct NameVisitor;

impl<'de> Visitor<'de> for NameVisitor {
    type Value = CiStr;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name: {\"O\": ..., \"L\": ...} or a string")
    }

    fn visit_str<E>(self, text: &str) -> Result<CiStr, E> {
        Ok(CiStr(text.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<CiStr, E> {
        Ok(CiStr::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<CiStr, A::Error> {
        let mut name = CiStr::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "O" => name.0 = map.next_value::<Option<String>>()?.unwrap_or_default(),
                "L" if name.0.is_empty() => name.0 = map.next_value::<Option<String>>()?.unwrap_or_default(),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(name)
    }
}

/// Reads null as the default.
pub(super) fn nullable<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(d: D) -> Result<T, D::Error> {
    Option::<T>::deserialize(d).map(Option::unwrap_or_default)
}

/// A list; null is an empty one. Without spare capacity, because a long history has many lists.
pub(super) fn tight<'de, D: Deserializer<'de>, T: Deserialize<'de>>(d: D) -> Result<Vec<T>, D::Error> {
    let mut list: Vec<T> = nullable(d)?;
    list.shrink_to_fit();
    Ok(list)
}

/// Character sets and collations of nearly every column: they need no memory of their own.
const USUAL: [&str; 9] = [
    "binary",
    "utf8mb4",
    "utf8mb4_bin",
    "utf8mb4_general_ci",
    "utf8mb4_unicode_ci",
    "utf8",
    "utf8_bin",
    "latin1",
    "latin1_bin",
];

/// Text that is probably one of [`USUAL`].
fn usual<'de, D: Deserializer<'de>>(d: D) -> Result<Cow<'static, str>, D::Error> {
    let text: String = nullable(d)?;
    let known = USUAL.iter().find(|u| **u == text);
    Ok(known.map_or(Cow::Owned(text), |u| Cow::Borrowed(*u)))
}

/// Whether the value is not null.
pub(super) fn present<'de, D: Deserializer<'de>>(d: D) -> Result<bool, D::Error> {
    Option::<IgnoredAny>::deserialize(d).map(|v| v.is_some())
}

/// The reverse of [`present`]: an empty object, or null.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(super) fn mark<S: Serializer>(there: &bool, s: S) -> Result<S::Ok, S::Error> {
    if *there { s.serialize_map(Some(0))?.end() } else { s.serialize_none() }
}

/// Text; a bare number or boolean, which TiDB should not write, is read as its text.
fn scalar<'de, D: Deserializer<'de>>(d: D) -> Result<Option<String>, D::Error> {
    use serde_json::Value;
    match Option::<Value>::deserialize(d)? {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(Value::Bool(b)) => Ok(Some(u8::from(b).to_string())),
        Some(other) => Ok(Some(other.to_string())),
    }
}

/// `DBInfo`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DbInfo {
    /// Its id.
    #[serde(deserialize_with = "nullable")]
    pub id: i64,
    /// Its name.
    #[serde(rename = "db_name", deserialize_with = "nullable")]
    pub name: CiStr,
    /// Default character set.
    #[serde(deserialize_with = "nullable")]
    pub charset: String,
    /// Default collation.
    #[serde(deserialize_with = "nullable")]
    pub collate: String,
    /// 5 is public; 0 also for the server's built-in views of itself.
    #[serde(deserialize_with = "nullable")]
    pub state: i64,
}

/// `TableInfo`: of a table, a view or a sequence.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TableInfo {
    /// The logical table id.
    #[serde(deserialize_with = "nullable")]
    pub id: i64,
    /// Its name.
    #[serde(deserialize_with = "nullable")]
    pub name: CiStr,
    /// Default character set.
    #[serde(deserialize_with = "nullable")]
    pub charset: String,
    /// Default collation.
    #[serde(deserialize_with = "nullable")]
    pub collate: String,
    /// Columns, non-public ones behind the others.
    #[serde(deserialize_with = "tight")]
    pub cols: Vec<ColumnInfo>,
    /// Indexes; with `pk_is_handle` the primary key is not among them.
    #[serde(deserialize_with = "tight")]
    pub index_info: Vec<IndexInfo>,
    /// Foreign keys.
    #[serde(deserialize_with = "nullable")]
    pub fk_info: Vec<FkInfo>,
    /// The one integer column of the primary key is the handle.
    #[serde(deserialize_with = "nullable")]
    pub pk_is_handle: bool,
    /// The primary key's columns are the handle.
    #[serde(deserialize_with = "nullable")]
    pub is_common_handle: bool,
    /// Start ts of the transaction that changed the table last; some jobs (EXCHANGE PARTITION) do
    /// not update it.
    #[serde(deserialize_with = "nullable")]
    pub update_timestamp: u64,
    /// Partitions.
    pub partition: Option<PartitionInfo>,
    /// Whether it is a view.
    #[serde(deserialize_with = "present", serialize_with = "mark")]
    pub view: bool,
    /// Whether it is a sequence.
    #[serde(deserialize_with = "present", serialize_with = "mark")]
    pub sequence: bool,
    /// CHECK constraints; `None` if TiDB does not keep them, which it does only on request.
    #[serde(rename = "constraint_info")]
    pub checks: Option<Vec<CheckInfo>>,
    /// 0 for permanent tables.
    #[serde(deserialize_with = "nullable")]
    pub temp_table_type: i64,
    /// Its comment.
    #[serde(deserialize_with = "nullable")]
    pub comment: String,
    /// `AUTO_INCREMENT = n`; 0 if it was never set, negative from 2⁶³ on.
    #[serde(deserialize_with = "nullable")]
    pub auto_inc_id: i64,
    /// `AUTO_ID_CACHE`.
    #[serde(deserialize_with = "nullable")]
    pub auto_id_cache: i64,
    /// Shard bits of `AUTO_RANDOM`; 0 if there is none.
    #[serde(deserialize_with = "nullable")]
    pub auto_random_bits: u64,
    /// Its range bits; 0 for the usual 64.
    #[serde(deserialize_with = "nullable")]
    pub auto_random_range_bits: u64,
    /// `SHARD_ROW_ID_BITS`.
    #[serde(rename = "ShardRowIDBits", deserialize_with = "nullable")]
    pub shard_row_id_bits: u64,
    /// `PRE_SPLIT_REGIONS`.
    #[serde(deserialize_with = "nullable")]
    pub pre_split_regions: u64,
    /// `TTL`.
    pub ttl_info: Option<Box<TtlInfo>>,
}

/// `TTLInfo`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TtlInfo {
    /// The column with a row's time.
    #[serde(deserialize_with = "nullable")]
    pub column: CiStr,
    /// After how many units a row expires.
    #[serde(deserialize_with = "nullable")]
    pub interval_expr: String,
    /// `TimeUnitType`: 1 microseconds, 2 seconds, 3 minutes, 4 hours, 5 days …, 20 years and
    /// months.
    #[serde(deserialize_with = "nullable")]
    pub interval_time_unit: i64,
    /// Interval of the search for expired rows: `1h`.
    #[serde(deserialize_with = "nullable")]
    pub job_interval: String,
}

/// `ColumnInfo`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ColumnInfo {
    /// Its id; never reused within a table.
    #[serde(deserialize_with = "nullable")]
    pub id: i64,
    /// Its name.
    #[serde(deserialize_with = "nullable")]
    pub name: CiStr,
    /// Its index in the definition, from 0.
    #[serde(deserialize_with = "nullable")]
    pub offset: i64,
    /// The value of rows that are older than the column, as text.
    #[serde(deserialize_with = "scalar")]
    pub origin_default: Option<String>,
    /// `origin_default` of a BIT column: base64 of big-endian bytes. Its text form is damaged.
    pub origin_default_bit: Option<String>,
    /// The default of new rows, as text.
    #[serde(deserialize_with = "scalar")]
    pub default: Option<String>,
    /// `default` of a BIT column, in base64 like `origin_default_bit`.
    pub default_bit: Option<String>,
    /// Whether it is an expression.
    #[serde(deserialize_with = "nullable")]
    pub default_is_expr: bool,
    /// Its comment.
    #[serde(deserialize_with = "nullable")]
    pub comment: String,
    /// The expression of a generated column; empty for any other.
    #[serde(deserialize_with = "nullable")]
    pub generated_expr_string: String,
    /// Whether the generated column is STORED, not VIRTUAL.
    #[serde(deserialize_with = "nullable")]
    pub generated_stored: bool,
    /// Its type.
    #[serde(rename = "type", deserialize_with = "nullable")]
    pub field: FieldType,
    /// See [`PUBLIC`].
    #[serde(deserialize_with = "nullable")]
    pub state: i64,
    /// Whether it is the hidden column of an expression index.
    #[serde(deserialize_with = "nullable")]
    pub hidden: bool,
    /// From 1 on, TIMESTAMP defaults are in UTC.
    #[serde(deserialize_with = "nullable")]
    pub version: i64,
}

/// `FieldType`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct FieldType {
    /// MySQL's type number.
    #[serde(deserialize_with = "nullable")]
    pub tp: i64,
    /// Bits, see [`ColumnInfo::has`].
    #[serde(deserialize_with = "nullable")]
    pub flag: u64,
    /// Length, width or precision; -1 if not given.
    pub flen: i64,
    /// Scale or fraction digits; -1 if not given.
    pub decimal: i64,
    /// Character set; `binary` makes a byte string.
    #[serde(deserialize_with = "usual")]
    pub charset: Cow<'static, str>,
    /// Collation.
    #[serde(deserialize_with = "usual")]
    pub collate: Cow<'static, str>,
    /// Elements of ENUM and SET.
    #[serde(deserialize_with = "nullable")]
    pub elems: Vec<String>,
    /// Whether it is the hidden column of a multi-valued index.
    #[serde(deserialize_with = "nullable")]
    pub array: bool,
}

impl Default for FieldType {
    fn default() -> Self {
        Self {
            tp: 0,
            flag: 0,
            flen: -1,
            decimal: -1,
            charset: Cow::Borrowed(""),
            collate: Cow::Borrowed(""),
            elems: Vec::new(),
            array: false,
        }
    }
}

/// Flag bit: NOT NULL.
pub const NOT_NULL: u64 = 1;
/// Flag bit: part of the primary key.
pub const PRIMARY: u64 = 2;
/// Flag bit: UNSIGNED.
pub const UNSIGNED: u64 = 32;
/// Flag bit: ZEROFILL (and YEAR).
pub const ZEROFILL: u64 = 64;
/// Flag bit: AUTO_INCREMENT.
pub const AUTO_INCREMENT: u64 = 512;
/// Flag bit: no default was given.
pub const NO_DEFAULT: u64 = 4096;
/// Flag bit: ON UPDATE CURRENT_TIMESTAMP.
pub const ON_UPDATE_NOW: u64 = 8192;

impl ColumnInfo {
    /// Whether the type has the flag bit.
    #[must_use]
    pub const fn has(&self, flag: u64) -> bool {
        self.field.flag & flag != 0
    }
}
