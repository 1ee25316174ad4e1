//! A table's definition, put together column by column.

use crate::model::{Column, ForeignKey, Generated, Handle, Key, KeyPart, Kind, Table, Value};
use crate::playground::tableinfo::{ColumnDetails, Details};

/// A definition without ids. Columns are told by their place in the order of their making.
pub struct Draft {
    pub(super) table: Table,
    pub(super) details: Details,
}

/// BIGINT.
pub(super) const BIGINT: Kind = Kind::Int { bytes: 8, unsigned: false };
/// INT.
pub(super) const INT: Kind = Kind::Int { bytes: 4, unsigned: false };
/// DECIMAL(14,2).
pub(super) const MONEY: Kind = Kind::Decimal { precision: 14, scale: 2 };

impl Draft {
    /// A table without columns, in `utf8mb4_bin`.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let table = Table {
            id: 0,
            schema: String::new(),
            name: name.to_owned(),
            columns: Vec::new(),
            keys: Vec::new(),
            handle: Handle::RowId,
            foreign_keys: Vec::new(),
            partitions: Vec::new(),
            charset: "utf8mb4".to_owned(),
            collation: "utf8mb4_bin".to_owned(),
            details: None,
        };
        Self { table, details: Details::default() }
    }

    /// The collation of the text columns that follow.
    #[must_use]
    pub fn collation(mut self, collation: &str) -> Self {
        collation.clone_into(&mut self.table.collation);
        self
    }

    /// A column that allows no NULL.
    #[must_use]
    pub fn column(self, name: &str, kind: Kind) -> Self {
        self.push(name, kind, false)
    }

    /// A column that allows NULL.
    #[must_use]
    pub fn nullable(self, name: &str, kind: Kind) -> Self {
        self.push(name, kind, true)
    }

    /// A VARCHAR(`length`) that allows no NULL.
    #[must_use]
    pub fn varchar(self, name: &str, length: u32) -> Self {
        let kind = self.text();
        self.push(name, kind, false).length(name, length)
    }

    /// A VARCHAR(`length`) that allows NULL.
    #[must_use]
    pub fn nullable_varchar(self, name: &str, length: u32) -> Self {
        let kind = self.text();
        self.push(name, kind, true).length(name, length)
    }

    /// The n of the VARCHAR(n) or VARBINARY(n) column `name`.
    #[must_use]
    pub fn length(mut self, name: &str, length: u32) -> Self {
        let details = ColumnDetails { length: Some(length), ..ColumnDetails::default() };
        self.details.columns.insert(name.to_owned(), details);
        self
    }

    /// The primary key, clustered: the handle itself where it is one whole number.
    #[must_use]
    pub fn primary(mut self, columns: &[usize]) -> Self {
        let key = key("PRIMARY", true, columns);
        let is_int = |at: &usize| self.table.columns.get(*at).is_some_and(|c| matches!(c.kind, Kind::Int { .. }));
        self.table.handle = match columns {
            [only] if is_int(only) => Handle::Int(*only),
            _ => Handle::Common(key.parts.clone()),
        };
        self.table.keys.insert(0, key);
        self
    }

    /// A unique key.
    #[must_use]
    pub fn unique(mut self, name: &str, columns: &[usize]) -> Self {
        self.table.keys.push(key(name, false, columns));
        self
    }

    /// A foreign key that cascades, to a column of another table of the same database.
    #[must_use]
    pub fn child_of(mut self, column: &str, parent: &str, parent_column: &str) -> Self {
        self.table.foreign_keys.push(ForeignKey {
            name: format!("{column}_of_{parent}"),
            parent_schema: String::new(),
            parent_table: parent.to_owned(),
            columns: vec![column.to_owned()],
            parent_columns: vec![parent_column.to_owned()],
        });
        self
    }

    fn text(&self) -> Kind {
        Kind::Text { charset: self.table.charset.clone(), collation: self.table.collation.clone() }
    }

    fn push(mut self, name: &str, kind: Kind, nullable: bool) -> Self {
        let id = self.table.columns.iter().map(|c| c.id).max().unwrap_or(0) + 1;
        // Nothing is older than the table, so nobody asks what older rows hold.
        let missing = if nullable { Value::Null } else { Value::Absent };
        let name = name.to_owned();
        self.table.columns.push(Column { id, name, kind, nullable, generated: Generated::No, hidden: false, missing });
        self
    }
}

fn key(name: &str, primary: bool, columns: &[usize]) -> Key {
    let parts = columns.iter().map(|column| KeyPart { column: *column, prefix: None }).collect();
    Key { name: name.to_owned(), primary, parts }
}

/// Text as a value.
pub(super) fn text(text: impl Into<String>) -> Value {
    Value::Bytes(text.into().into())
}

/// Hundredths as the value of a DECIMAL with two digits behind the point.
pub(super) fn money(cents: i64) -> Value {
    scaled(cents, 2)
}

/// `n` / 10^`scale` as a decimal with all its digits.
pub(super) fn scaled(n: i64, scale: usize) -> Value {
    let sign = if n < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", n.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    Value::Decimal(crate::model::Decimal { text: format!("{sign}{whole}.{fraction}").into() })
}
