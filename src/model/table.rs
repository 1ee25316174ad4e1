//! A table's definition at one schema version, as far as rows need it; and the values of rows.
//!
//! Values are as the decoder hands them on: typed, exact, not yet text of any SQL dialect.

use std::sync::Arc;

use bytes::Bytes;

use super::details::TableDetails;
use super::txn::Row;

/// A table as of one schema version. Rows hold an `Arc` of the one that reads them.
#[derive(Clone, Debug)]
pub struct Table {
    /// TiDB's logical table id; it changes on TRUNCATE and EXCHANGE PARTITION.
    pub id: i64,
    /// Database name in its original case.
    pub schema: String,
    /// Table name in its original case.
    pub name: String,
    /// Public columns in the order of the definition, generated and hidden ones included.
    pub columns: Vec<Column>,
    /// Public primary and unique keys, the primary one first.
    pub keys: Vec<Key>,
    /// What identifies a row in TiKV.
    pub handle: Handle,
    /// Foreign keys of this table.
    pub foreign_keys: Vec<ForeignKey>,
    /// Physical ids of its partitions; empty for a plain table.
    pub partitions: Vec<i64>,
    /// Default character set, like `utf8mb4`.
    pub charset: String,
    /// Default collation, like `utf8mb4_bin`.
    pub collation: String,
    /// The rest of the definition, if it was made from a TableInfo.
    pub details: Option<Arc<TableDetails>>,
}

/// Equal if rows are read and written alike: [`Table::details`] are not compared.
impl PartialEq for Table {
    fn eq(&self, other: &Self) -> bool {
        let Self { id, schema, name, columns, keys, handle, foreign_keys, partitions, charset, collation, details: _ } =
            self;
        (*id, schema, name, columns) == (other.id, &other.schema, &other.name, &other.columns)
            && (keys, handle, foreign_keys) == (&other.keys, &other.handle, &other.foreign_keys)
            && (partitions, charset, collation) == (&other.partitions, &other.charset, &other.collation)
    }
}

impl Table {
    /// An id for a table of which only the names are known: equal for equal names in any letter
    /// case, and above the ids that TiDB gives. It is stored on targets, so it must never change
    /// (FNV-1a).
    #[must_use]
    pub fn id_of_names(schema: &str, name: &str) -> i64 {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in schema.to_lowercase().bytes().chain([0]).chain(name.to_lowercase().bytes()) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        (hash >> 2 | 1 << 61).cast_signed()
    }

    /// The value that `row` has in the column of this name, in any letter case; `None` if there is
    /// none.
    #[must_use]
    pub fn value<'a>(&self, row: &'a Row, column: &str) -> Option<&'a Value> {
        row.get(self.columns.iter().position(|c| c.name.eq_ignore_ascii_case(column))?)
    }

    /// Whether two of its rows can never be equal: it has a key whose columns are NOT NULL.
    #[must_use]
    pub fn tells_rows_apart(&self) -> bool {
        let never_null = |key: &Key| {
            key.parts.iter().all(|part| self.columns.get(part.column).is_some_and(|column| !column.nullable))
        };
        self.handle != Handle::RowId || self.keys.iter().any(never_null)
    }

    /// A table of which only the names are known.
    #[must_use]
    pub fn named(schema: &str, name: &str) -> Self {
        Self {
            id: Self::id_of_names(schema, name),
            schema: schema.to_owned(),
            name: name.to_owned(),
            columns: Vec::new(),
            keys: Vec::new(),
            handle: Handle::RowId,
            foreign_keys: Vec::new(),
            partitions: Vec::new(),
            charset: String::new(),
            collation: String::new(),
            details: None,
        }
    }
}

/// A partition, with what is needed to find its rows on a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Its name.
    pub name: String,
    /// Set for a partition by TiDB's own hash: on another server, the partition of this name has
    /// other rows.
    pub hashed: Option<Hashed>,
}

/// One partition of a table that is partitioned by KEY.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hashed {
    /// Names of the columns that are hashed, in order.
    pub columns: Vec<String>,
    /// Its number, from 0.
    pub number: usize,
    /// The number of partitions.
    pub of: usize,
}

/// The target's answer about a table that rows name.
#[derive(Clone, Debug, PartialEq)]
pub enum Definition {
    /// The table exists, with this definition.
    Table(Arc<Table>),
    /// It is missing because a DDL was skipped: its rows are left out, and counted for this table.
    LeftOut(Arc<Table>),
    /// It does not exist.
    Missing,
}

/// A public column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// TiDB's column id; never reused within a table.
    pub id: i64,
    /// Name in its original case.
    pub name: String,
    /// Type.
    pub kind: Kind,
    /// Whether NULL is allowed.
    pub nullable: bool,
    /// Whether and how the server computes its value.
    pub generated: Generated,
    /// A helper column of an expression index, which clients never see.
    pub hidden: bool,
    /// The value in rows that were written before the column existed: the origin default, NULL or
    /// the zero value. `Absent` for a generated column, and if TiDB's history cannot tell: such a
    /// row is an error.
    pub missing: Value,
}

impl Column {
    /// Whether a statement may name this column in its list of values.
    #[must_use]
    pub fn writable(&self) -> bool {
        self.generated == Generated::No && !self.hidden
    }
}

/// Whether and how the server computes a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generated {
    /// An ordinary column.
    No,
    /// Computed when read.
    Virtual,
    /// Computed when written.
    Stored,
}

/// Column types, with what decoding and writing need to know.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// TINYINT to BIGINT; `bytes` is 1, 2, 3, 4 or 8.
    Int {
        /// Storage width in bytes.
        bytes: u8,
        /// UNSIGNED.
        unsigned: bool,
    },
    /// YEAR: 0 or 1901 to 2155.
    Year,
    /// FLOAT.
    Float,
    /// DOUBLE.
    Double,
    /// DECIMAL(precision, scale).
    Decimal {
        /// Digits in all, 1 to 65.
        precision: u8,
        /// Digits after the point, 0 to 30.
        scale: u8,
    },
    /// DATE.
    Date,
    /// DATETIME with 0 to 6 fraction digits.
    Datetime {
        /// Fraction digits.
        fsp: u8,
    },
    /// TIMESTAMP with 0 to 6 fraction digits; values are in UTC.
    Timestamp {
        /// Fraction digits.
        fsp: u8,
    },
    /// TIME with 0 to 6 fraction digits.
    Duration {
        /// Fraction digits.
        fsp: u8,
    },
    /// CHAR, VARCHAR, TEXT in any character set except `binary`.
    Text {
        /// Character set, lower case.
        charset: String,
        /// Collation, lower case.
        collation: String,
    },
    /// BINARY(n) (`fixed`), VARBINARY, BLOB.
    Binary {
        /// The length of BINARY(n).
        fixed: Option<u32>,
    },
    /// ENUM.
    Enum {
        /// Element texts; index 1 is the first.
        elements: Vec<String>,
    },
    /// SET.
    Set {
        /// Element texts; bit 0 is the first.
        elements: Vec<String>,
    },
    /// BIT(width), 1 to 64.
    Bit {
        /// Width in bits.
        width: u8,
    },
    /// JSON.
    Json,
}

/// A primary or unique key.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// `PRIMARY` or the index's name.
    pub name: String,
    /// Whether it is the primary key.
    pub primary: bool,
    /// Its columns in order.
    pub parts: Vec<KeyPart>,
}

impl Key {
    /// Whether its values identify one row: all its columns are NOT NULL and written by clients.
    #[must_use]
    pub fn identifies(&self, columns: &[Column]) -> bool {
        self.parts.iter().all(|p| columns.get(p.column).is_some_and(|c| c.writable() && !c.nullable))
    }
}

/// One column of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyPart {
    /// Index into [`Table::columns`].
    pub column: usize,
    /// Characters (or bytes) of the column that the key holds; all of them if `None`.
    pub prefix: Option<u32>,
}

/// What identifies a row in TiKV; an inserted row in the binlog begins with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handle {
    /// A hidden `_tidb_rowid`.
    RowId,
    /// One integer column: its index into [`Table::columns`].
    Int(usize),
    /// A clustered primary key of any columns.
    Common(Vec<KeyPart>),
}

/// A foreign key of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignKey {
    /// Its name.
    pub name: String,
    /// Database of the parent; empty for the child's own.
    pub parent_schema: String,
    /// The parent table.
    pub parent_table: String,
    /// Columns of the child, by name.
    pub columns: Vec<String>,
    /// Columns of the parent, by name.
    pub parent_columns: Vec<String>,
}

/// One value of a row. The column's [`Kind`](super::Kind) says how to read it.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// The row does not have the column: a generated one, which the target computes itself, or one
    /// that is being dropped.
    Absent,
    /// SQL NULL.
    Null,
    /// TINYINT to BIGINT, signed; YEAR.
    Int(i64),
    /// TINYINT to BIGINT UNSIGNED.
    UInt(u64),
    /// FLOAT.
    Float(f32),
    /// DOUBLE.
    Double(f64),
    /// DECIMAL, with its own scale.
    Decimal(Decimal),
    /// DATE, DATETIME or TIMESTAMP (then in UTC): TiDB's packed form (0 is the zero date).
    Time(u64),
    /// TIME: signed nanoseconds, within ±838:59:59.999999.
    Duration(i64),
    /// CHAR, VARCHAR, TEXT, BINARY, VARBINARY, BLOB: the bytes as stored.
    Bytes(Bytes),
    /// ENUM: 1-based index into the elements; 0 is the empty error value.
    Enum(u64),
    /// SET: bit mask over the elements.
    Set(u64),
    /// BIT: the number.
    Bit(u64),
    /// JSON as text; doubles keep a point or an exponent.
    Json(Bytes),
}

/// A decimal as exact text, checked when it was decoded.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Decimal {
    /// The digits as the server prints them, like `-12.340`: all digits of the scale, no negative
    /// zero.
    pub text: Bytes,
}
