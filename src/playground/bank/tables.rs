//! The bank's tables: two that move money, and four that show off types and keys.
//!
//! Also the random work on those four, and the expected rows of all tables: the truth to compare a
//! target with.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::decode::value::Civil;
use crate::model::{Column, Decimal, Generated, Handle, Key, KeyPart, Kind, Row, RowChange, RowKind, Table, Value};
use crate::playground::Random;
use crate::playground::tableinfo::{ColumnDetails, Details};

/// The database of all tables.
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
        Kind::Decimal { .. } => money(0),
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

/// The most rows that such a table keeps.
const MOST: usize = 500;

/// One insert, update or delete, sometimes several on the same row.
pub(super) fn change(random: &mut Random, state: &mut State, work: &mut Work) {
    let (full, empty) = (state.rows.len() >= MOST, state.rows.is_empty());
    let deletes = full || random.one_in(5);
    if empty || (!deletes && random.one_in(2)) {
        let handle = state.new_handle();
        let row = row(random, state, handle);
        work.insert(state, handle, row);
        if random.one_in(8) {
            rewrite(random, state, work, handle);
        }
        return;
    }
    let at = random.between(1, state.last_handle());
    let Some((handle, _)) = state.near(at) else { return };
    if deletes {
        work.delete(state, handle);
    } else {
        rewrite(random, state, work, handle);
    }
}

/// New values for some columns; the key of a clustered table stays, a nullable unique one may
/// change.
fn rewrite(random: &mut Random, state: &mut State, work: &mut Work, handle: i64) {
    let fresh = row(random, state, handle);
    let chosen: Vec<bool> = fresh.iter().map(|_| random.one_in(3)).collect();
    let any = chosen.iter().any(|c| *c);
    work.update(state, handle, |row| {
        for ((value, new), chosen) in row.iter_mut().zip(fresh).zip(chosen) {
            // If no column was chosen, all are changed.
            if chosen || !any {
                *value = new;
            }
        }
    });
}

/// A row for `handle`, whose keys no other row has.
fn row(random: &mut Random, state: &State, handle: i64) -> Row {
    let named = |column: &str| state.table.name == "stock" && column == "house";
    let columns = &state.table.columns;
    let mut row: Row = columns
        .iter()
        .enumerate()
        .map(|(at, c)| match c.name.as_str() {
            "id" | "item" => Value::Int(handle),
            "code" => code(random, state, at),
            name if named(name) => Value::Bytes(format!("house-{}", handle % 7).into()),
            _ if c.nullable && random.one_in(6) => Value::Null,
            _ => value(random, &c.kind),
        })
        .collect();
    if state.table.name == "log" && random.one_in(3) {
        // Tables without a key may hold equal rows, and should do so.
        row = columns.iter().map(|c| if c.nullable { Value::Null } else { Value::Int(7) }).collect();
    }
    row
}

/// A code that no row has; codes are few, so that one often goes from one row to another. NULL if
/// it is taken.
fn code(random: &mut Random, state: &State, column: usize) -> Value {
    let code = Value::Bytes(format!("code-{}", random.below(300)).into());
    if state.rows.values().any(|row| row.get(column) == Some(&code)) { Value::Null } else { code }
}

/// Any value of a type, its edges more often than chance would have it.
fn value(random: &mut Random, kind: &Kind) -> Value {
    match kind {
        Kind::Int { bytes, unsigned } => int(random, *bytes, *unsigned),
        Kind::Year => Value::Int(random.between(1901, 2155)),
        // Quarters are exact in both widths and in text.
        Kind::Float => Value::Float(f32::from(i16::try_from(random.between(-30_000, 30_000)).unwrap_or(0)) / 4.0),
        Kind::Double => Value::Double(f64::from(i32::try_from(random.between(-1 << 30, 1 << 30)).unwrap_or(0)) / 8.0),
        Kind::Decimal { precision, scale } => decimal(random, *precision, *scale),
        Kind::Date => Value::Time(Civil { year: year(random), month: 2, day: 28, ..Civil::default() }.pack()),
        Kind::Datetime { fsp } | Kind::Timestamp { fsp } => Value::Time(time(random, *fsp).pack()),
        Kind::Duration { fsp } => {
            let unit = 10i64.pow(9 - u32::from((*fsp).min(6)));
            let most = 838 * 3600 * 1_000_000_000;
            Value::Duration(random.between(-most, most) / unit * unit)
        }
        Kind::Text { .. } => {
            let length = random.below(15);
            Value::Bytes(random.text(length).into())
        }
        Kind::Binary { fixed } => {
            let length = fixed.map_or_else(|| random.below(20), u64::from);
            Value::Bytes(random.bytes(length).into())
        }
        Kind::Enum { elements } => Value::Enum(1 + random.below(u64::try_from(elements.len()).unwrap_or(1))),
        Kind::Set { elements } => Value::Set(random.below(1 << elements.len().min(63))),
        Kind::Bit { width } => Value::Bit(random.next() >> (64 - u32::from((*width).clamp(1, 64)))),
        Kind::Json => Value::Json(json(random)),
    }
}

fn int(random: &mut Random, bytes: u8, unsigned: bool) -> Value {
    let bits = u32::from(bytes.clamp(1, 8)) * 8;
    let edge = random.below(8);
    if unsigned {
        let most = u64::MAX >> (64 - bits);
        return Value::UInt(match edge {
            0 => 0,
            1 => most,
            _ => random.next() & most,
        });
    }
    let (least, most) = (i64::MIN >> (64 - bits), i64::MAX >> (64 - bits));
    Value::Int(match edge {
        0 => least,
        1 => most,
        2 => 0,
        _ => random.next().cast_signed() >> (64 - bits),
    })
}

fn decimal(random: &mut Random, precision: u8, scale: u8) -> Value {
    let whole = u32::from(precision.saturating_sub(scale)).min(17);
    let units = random.below(10u64.pow(whole));
    let fraction: String = (0..scale).map(|_| char::from(b'0' + u8::try_from(random.below(10)).unwrap_or(0))).collect();
    let point = if scale > 0 { "." } else { "" };
    let nothing = units == 0 && fraction.bytes().all(|b| b == b'0');
    let sign = if random.one_in(2) && !nothing { "-" } else { "" };
    Value::Decimal(Decimal { text: format!("{sign}{units}{point}{fraction}").into() })
}

fn year(random: &mut Random) -> u32 {
    u32::try_from(random.between(1971, 2037)).unwrap_or(2000)
}

fn time(random: &mut Random, fsp: u8) -> Civil {
    let mut part = |end: u64| u32::try_from(random.below(end)).unwrap_or(0);
    let unit = 10u32.pow(6 - u32::from(fsp.min(6)));
    let micros = part(1_000_000) / unit * unit;
    let (month, day) = (1 + part(12), 1 + part(28));
    let (hour, minute, second) = (part(24), part(60), part(60));
    Civil { year: year(random), month, day, hour, minute, second, micros }
}

/// A document in the text form that TiDB prints.
fn json(random: &mut Random) -> Bytes {
    let (n, half) = (random.between(-1000, 1000), random.below(100));
    match random.below(4) {
        0 => format!(r#"{{"a": {n}, "b": [true, null, {half}.5]}}"#).into(),
        1 => format!(r#"[{n}, "größer", {{}}]"#).into(),
        2 => format!("{n}").into(),
        _ => format!(r#"{{"k": "v{half}"}}"#).into(),
    }
}

/// One table and its rows by handle: the integer key, or a number that only the upstream knows.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) schema_id: i64,
    pub(super) table: Arc<Table>,
    pub(super) details: Details,
    pub(super) rows: BTreeMap<i64, Row>,
    next: i64,
}

impl State {
    pub(super) fn new(schema_id: i64, table: Table, details: Details) -> Self {
        Self { schema_id, table: Arc::new(table), details, rows: BTreeMap::new(), next: 1 }
    }

    /// A handle that no row has had before.
    pub(super) fn new_handle(&mut self) -> i64 {
        self.next += 1;
        self.next - 1
    }

    /// The row at `at` or the next one behind it, or else the first.
    pub(super) fn near(&self, at: i64) -> Option<(i64, &Row)> {
        self.rows.range(at..).next().or_else(|| self.rows.iter().next()).map(|(id, row)| (*id, row))
    }

    pub(super) fn last_handle(&self) -> i64 {
        self.next - 1
    }

    /// Adds a column at the end; rows that are there get its value for older rows.
    pub(super) fn add_column(&mut self, column: Column) {
        for row in self.rows.values_mut() {
            row.push(column.missing.clone());
        }
        Arc::make_mut(&mut self.table).columns.push(column);
    }
}

/// The row changes of one transaction, with the handle of each.
#[derive(Default)]
pub(super) struct Work {
    pub(super) changes: Vec<RowChange>,
    pub(super) handles: Vec<i64>,
}

impl Work {
    pub(super) fn insert(&mut self, state: &mut State, handle: i64, row: Row) {
        state.rows.insert(handle, row.clone());
        self.push(state, handle, RowKind::Insert(row));
    }

    pub(super) fn update(&mut self, state: &mut State, handle: i64, change: impl FnOnce(&mut Row)) {
        let Some(row) = state.rows.get_mut(&handle) else { return };
        let old = row.clone();
        change(row);
        let new = row.clone();
        // TiDB writes nothing for an update that changes nothing.
        if old != new {
            self.push(state, handle, RowKind::Update { old, new });
        }
    }

    pub(super) fn delete(&mut self, state: &mut State, handle: i64) {
        if let Some(row) = state.rows.remove(&handle) {
            self.push(state, handle, RowKind::Delete(row));
        }
    }

    fn push(&mut self, state: &State, handle: i64, kind: RowKind) {
        self.changes.push(RowChange { table: state.table.clone(), kind });
        self.handles.push(handle);
    }
}

/// What a table holds in the end.
#[derive(Clone, Debug)]
pub struct Expected {
    /// Its definition now.
    pub table: Arc<Table>,
    /// Its rows, values in the order of the definition. Tables without a key may hold equal ones.
    pub rows: Vec<Row>,
}

/// Hundredths as the value of a DECIMAL with two digits behind the point.
pub(super) fn money(cents: i64) -> Value {
    let sign = if cents < 0 { "-" } else { "" };
    let text = format!("{sign}{}.{:02}", cents.unsigned_abs() / 100, cents.unsigned_abs() % 100);
    Value::Decimal(crate::model::Decimal { text: text.into() })
}
