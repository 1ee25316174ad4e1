//! The parts of a table's definition that statements need, and rows do not.

use super::Value;

/// The rest of a table's definition besides [`Table`](super::Table). Texts are as TiDB keeps them:
/// values are plain, expressions are SQL.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TableDetails {
    /// One for each of [`Table::columns`](super::Table::columns).
    pub columns: Vec<ColumnDetails>,
    /// All public indexes in the order of the definition, including the primary key, whatever it is
    /// in TiKV.
    pub indexes: Vec<Index>,
    /// One for each of [`Table::foreign_keys`](super::Table::foreign_keys).
    pub foreign_keys: Vec<ForeignKeyDetails>,
    /// CHECK constraints that TiDB keeps.
    pub checks: Vec<Check>,
    /// How it is partitioned.
    pub partitioning: Option<Partitioning>,
    /// Its comment.
    pub comment: String,
    /// `AUTO_INCREMENT = n`; 0 if it was not set.
    pub auto_increment: u64,
    /// Options that only TiDB has.
    pub own: TidbOptions,
}

/// Options of a table that only TiDB has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TidbOptions {
    /// `SHARD_ROW_ID_BITS`; 0 if there is none.
    pub shard_row_id_bits: u64,
    /// `PRE_SPLIT_REGIONS`; 0 if there is none.
    pub pre_split_regions: u64,
    /// Shard bits and range bits of `AUTO_RANDOM`; 0 shard bits if there is none, 0 range bits for
    /// the default of 64.
    pub auto_random: (u64, u64),
    /// `AUTO_ID_CACHE`; 0 if it was not set.
    pub auto_id_cache: i64,
    /// `TTL`.
    pub ttl: Option<Ttl>,
}

/// When rows expire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ttl {
    /// The column with the time.
    pub column: String,
    /// The number of units after which a row expires, as SQL.
    pub interval: String,
    /// `DAY`, `MINUTE_SECOND` …
    pub unit: &'static str,
    /// How often TiDB looks for expired rows: `1h`; empty in TiDB before 7.0, which has no such
    /// option.
    pub job_interval: String,
}

/// The rest of a column's definition besides [`Column`](super::Column).
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnDetails {
    /// The type in SQL, without its character set and its elements: `varchar(20)`, `int(11)
    /// unsigned`, `enum`.
    pub sql: String,
    /// Character set and collation of a text, an ENUM or a SET.
    pub charset: Option<(String, String)>,
    /// The default for new rows.
    pub default: ColumnDefault,
    /// That default as a value; `Absent` if it is not a constant.
    pub new: Value,
    /// ON UPDATE CURRENT_TIMESTAMP.
    pub on_update: bool,
    /// AUTO_INCREMENT.
    pub auto_increment: bool,
    /// The expression of a generated column.
    pub generated: String,
    /// Its comment.
    pub comment: String,
}

/// The value that new rows have in a column that they do not name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ColumnDefault {
    /// No DEFAULT clause: NULL, or the row is refused.
    #[default]
    None,
    /// DEFAULT NULL.
    Null,
    /// A value as text: a number, a string, a time (a TIMESTAMP in UTC).
    Text(String),
    /// BIT: the bytes, big-endian.
    Bits(Vec<u8>),
    /// The current time.
    Now,
    /// An expression in SQL.
    Expression(String),
}

/// An index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    /// TiDB's id; 0 for a primary key that is the handle itself.
    pub id: i64,
    /// Its name; `PRIMARY` for the primary key.
    pub name: String,
    /// PRIMARY KEY.
    pub primary: bool,
    /// UNIQUE.
    pub unique: bool,
    /// What it holds, in order.
    pub parts: Vec<IndexPart>,
    /// Its comment.
    pub comment: String,
    /// INVISIBLE.
    pub invisible: bool,
    /// A GLOBAL index of a partitioned table.
    pub global: bool,
    /// Whether rows are stored in its order; only for a primary key.
    pub clustered: bool,
    /// Whether only TiDB has its kind: a vector, inverted, full-text or partial index.
    pub foreign_kind: bool,
}

/// A part of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IndexPart {
    /// A column by its id, and the length of a prefix; all of it if `None`.
    Column(i64, Option<u32>),
    /// An expression in SQL.
    Expression(String),
}

/// The rest of a foreign key's definition besides [`ForeignKey`](super::ForeignKey).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForeignKeyDetails {
    /// TiDB's id.
    pub id: i64,
    /// `ReferOptionType`: 0 none, 1 RESTRICT, 2 CASCADE, 3 SET NULL, 4 NO ACTION, 5 SET DEFAULT.
    pub on_delete: i64,
    /// As for [`on_delete`](Self::on_delete).
    pub on_update: i64,
}

/// A CHECK constraint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Check {
    /// TiDB's id.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// The condition in SQL.
    pub expression: String,
    /// Whether the server enforces it.
    pub enforced: bool,
}

/// How a table is partitioned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partitioning {
    /// How rows are assigned to partitions.
    pub method: Method,
    /// The expression in SQL; empty for partitioning by columns.
    pub expression: String,
    /// Names of the columns of RANGE COLUMNS, LIST COLUMNS and KEY; empty for an expression, or for
    /// KEY of the primary key.
    pub columns: Vec<String>,
    /// The partitions.
    pub partitions: Vec<PartitionDetails>,
}

/// How rows are assigned to partitions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// RANGE.
    #[default]
    Range,
    /// LIST.
    List,
    /// HASH.
    Hash,
    /// KEY.
    Key,
}

/// A partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionDetails {
    /// Its physical id.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Bounds of RANGE, in SQL: evaluated, one for each column.
    pub less_than: Vec<String>,
    /// Values of LIST, in SQL: evaluated, each a list with one value for each column.
    pub in_values: Vec<Vec<String>>,
    /// Its comment.
    pub comment: String,
}
