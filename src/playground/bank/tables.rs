//! The bank's tables: two that move money, and four that show off types and keys.

use std::collections::BTreeMap;

use crate::model::{Column, Generated, Handle, Key, KeyPart, Kind, Table, Value};
use crate::playground::tableinfo::{ColumnDetails, Details};

/// The database of them all.
pub(super) const DATABASE: &str = "bank";

/// A definition with its details, ids still to be given.
pub(super) type Draft = (Table, Details);

/// All tables, in the order of [`Which`].
pub(super) fn all() -> [Draft; 6] {
    [accounts(), transfers(), kinds(), log(), badges(), stock()]
}

const BIGINT: Kind = Kind::Int { bytes: 8, unsigned: false };
const INT: Kind = Kind::Int { bytes: 4, unsigned: false };
const MONEY: Kind = Kind::Decimal { precision: 14, scale: 2 };

/// Text in the only character set that the bank uses.
pub(super) fn text() -> Kind {
    Kind::Text { charset: "utf8mb4".to_owned(), collation: "utf8mb4_bin".to_owned() }
}

fn accounts() -> Draft {
    let columns = vec![("id", BIGINT, false), ("owner", text(), false), ("balance", MONEY, false)];
    with_lengths(int_key(table("accounts", columns)), &[("owner", 40)])
}

fn transfers() -> Draft {
    let columns = vec![
        ("id", BIGINT, false),
        ("src", BIGINT, false),
        ("dst", BIGINT, false),
        ("amount", MONEY, false),
        ("at", Kind::Datetime { fsp: 6 }, true),
    ];
    let (table, mut details) = with_lengths(int_key(table("transfers", columns)), &[]);
    details.columns.insert("id".to_owned(), ColumnDetails { auto_increment: true, ..ColumnDetails::default() });
    (table, details)
}

/// Every column type.
fn kinds() -> Draft {
    let int = |bytes, unsigned| Kind::Int { bytes, unsigned };
    let list = |items: &[&str]| items.iter().map(|s| (*s).to_owned()).collect();
    let columns = vec![
        ("id", INT, false),
        ("tiny", int(1, false), true),
        ("tiny_u", int(1, true), true),
        ("small", int(2, false), true),
        ("medium_u", int(3, true), true),
        ("int_u", int(4, true), true),
        ("big", BIGINT, true),
        ("big_u", int(8, true), true),
        ("y", Kind::Year, true),
        ("f", Kind::Float, true),
        ("d", Kind::Double, true),
        ("dec_wide", Kind::Decimal { precision: 30, scale: 10 }, true),
        ("day", Kind::Date, true),
        ("dt", Kind::Datetime { fsp: 0 }, true),
        ("ts", Kind::Timestamp { fsp: 3 }, true),
        ("t", Kind::Duration { fsp: 6 }, true),
        ("vc", text(), true),
        ("txt", text(), true),
        ("bin", Kind::Binary { fixed: Some(8) }, true),
        ("vb", Kind::Binary { fixed: None }, true),
        ("blb", Kind::Binary { fixed: None }, true),
        ("e", Kind::Enum { elements: list(&["small", "it's", "größer"]) }, true),
        ("s", Kind::Set { elements: list(&["a", "b", "c", "d"]) }, true),
        ("b", Kind::Bit { width: 12 }, true),
        ("j", Kind::Json, true),
    ];
    with_lengths(int_key(table("kinds", columns)), &[("vc", 60), ("vb", 60)])
}

/// No key at all: equal rows are allowed.
fn log() -> Draft {
    let columns = vec![("level", INT, false), ("message", text(), true), ("at", Kind::Timestamp { fsp: 3 }, true)];
    with_lengths(table("log", columns), &[])
}

/// No primary key, and a unique key that allows NULLs.
fn badges() -> Draft {
    let columns = vec![("code", text(), true), ("account", BIGINT, true), ("worth", INT, false)];
    let mut table = table("badges", columns);
    table.keys.push(key("code", false, &[0]));
    with_lengths(table, &[("code", 20)])
}

/// A clustered primary key of two columns, one of them text.
fn stock() -> Draft {
    let columns = vec![("house", text(), false), ("item", INT, false), ("amount", INT, false), ("note", text(), true)];
    let mut table = table("stock", columns);
    let primary = key("PRIMARY", true, &[0, 1]);
    table.handle = Handle::Common(primary.parts.clone());
    table.keys.push(primary);
    with_lengths(table, &[("house", 20), ("note", 60)])
}

fn table(name: &str, columns: Vec<(&str, Kind, bool)>) -> Table {
    Table {
        id: 0,
        schema: DATABASE.to_owned(),
        name: name.to_owned(),
        columns: (1i64..).zip(columns).map(|(id, (name, kind, nullable))| column(id, name, kind, nullable)).collect(),
        keys: Vec::new(),
        handle: Handle::RowId,
        foreign_keys: Vec::new(),
        partitions: Vec::new(),
        charset: "utf8mb4".to_owned(),
        collation: "utf8mb4_bin".to_owned(),
        details: None,
    }
}

/// A column that every row carries; for one that does not allow NULL, `missing` is the type's zero.
pub(super) fn column(id: i64, name: &str, kind: Kind, nullable: bool) -> Column {
    let missing = match &kind {
        _ if nullable => Value::Null,
        Kind::Int { .. } => Value::Int(0),
        Kind::Decimal { .. } => super::state::money(0),
        _ => Value::Bytes(bytes::Bytes::new()),
    };
    Column { id, name: name.to_owned(), kind, nullable, generated: Generated::No, hidden: false, missing }
}

/// The first column is the integer primary key.
fn int_key(mut table: Table) -> Table {
    table.keys.push(key("PRIMARY", true, &[0]));
    table.handle = Handle::Int(0);
    table
}

fn key(name: &str, primary: bool, columns: &[usize]) -> Key {
    let parts = columns.iter().map(|column| KeyPart { column: *column, prefix: None }).collect();
    Key { name: name.to_owned(), primary, parts }
}

fn with_lengths(table: Table, lengths: &[(&str, u32)]) -> Draft {
    let details = |n: &u32| ColumnDetails { length: Some(*n), ..ColumnDetails::default() };
    let columns: BTreeMap<_, _> = lengths.iter().map(|(name, n)| ((*name).to_owned(), details(n))).collect();
    (table, Details { columns, ..Details::default() })
}
