//! Tables with columns of all types, and rows of them.

use std::sync::Arc;

use bytes::Bytes;
use tisync::decode::json;
use tisync::decode::value::Civil;
use tisync::model::{Column, Decimal, Generated, Handle, Key, KeyPart, Kind, Row, RowChange, RowKind, Table, Value};
use tisync::playground::encode;

/// The tables, with the ids 1, 2 and 3: a key of one integer, one of several columns, and none.
pub fn tables() -> [Arc<Table>; 3] {
    let part = |column| KeyPart { column, prefix: None };
    [
        table(1, Handle::Int(0)),
        table(2, Handle::Common(vec![part(0), KeyPart { column: 10, prefix: Some(3) }])),
        table(3, Handle::RowId),
    ]
}

fn table(id: i64, handle: Handle) -> Arc<Table> {
    let part = |column| KeyPart { column, prefix: None };
    let columns = (1i64..)
        .zip(kinds())
        .map(|(id, kind)| Column {
            id,
            name: format!("c{id}"),
            nullable: id > 1 && id != 11,
            generated: if id == 20 { Generated::Virtual } else { Generated::No },
            hidden: false,
            missing: if id == 1 || id == 11 { Value::Absent } else { Value::Null },
            kind,
        })
        .collect();
    let key = |name: &str, primary, parts| Key { name: name.to_owned(), primary, parts };
    Arc::new(Table {
        id,
        schema: "db".to_owned(),
        name: format!("t{id}"),
        columns,
        keys: vec![key("PRIMARY", true, vec![part(0)]), key("u", false, vec![part(1), part(2)])],
        handle,
        foreign_keys: Vec::new(),
        partitions: Vec::new(),
        charset: "utf8mb4".to_owned(),
        collation: "utf8mb4_bin".to_owned(),
        details: None,
    })
}

fn kinds() -> Vec<Kind> {
    let int = |bytes, unsigned| Kind::Int { bytes, unsigned };
    let list = || ["a", "b", "c"].map(str::to_owned).to_vec();
    let text = |collation: &str| Kind::Text { charset: "utf8mb4".to_owned(), collation: collation.to_owned() };
    vec![
        int(8, false),
        int(8, true),
        int(1, false),
        Kind::Year,
        Kind::Float,
        Kind::Double,
        Kind::Decimal { precision: 30, scale: 10 },
        Kind::Date,
        Kind::Datetime { fsp: 6 },
        Kind::Timestamp { fsp: 3 },
        text("utf8mb4_general_ci"),
        text("utf8mb4_bin"),
        Kind::Duration { fsp: 6 },
        Kind::Binary { fixed: Some(4) },
        Kind::Binary { fixed: None },
        Kind::Enum { elements: list() },
        Kind::Set { elements: list() },
        Kind::Bit { width: 40 },
        Kind::Json,
        int(4, false),
    ]
}

fn row(n: i64) -> Row {
    let text = |text: String| Value::Bytes(Bytes::from(text));
    let time = Civil { year: 2024, month: 2, day: 29, hour: 23, minute: 59, second: 58, micros: 123_456 }.pack();
    let document = format!(r#"{{"a": [1, -2.5, "x", null, true], "n": {n}, "deep": {{"er": [[[{n}]]]}}}}"#);
    let binary = encode::document(document.as_bytes()).expect("a document");
    vec![
        Value::Int(n),
        Value::UInt(n.unsigned_abs() << 40),
        Value::Int(n % 100),
        Value::Int(1990 + n % 50),
        Value::Float(1.5),
        Value::Double(-2.25e100),
        Value::Decimal(Decimal { text: Bytes::from(format!("-{}.0123456789", n.unsigned_abs() + 1)) }),
        Value::Time(Civil { hour: 0, minute: 0, second: 0, micros: 0, ..Civil::unpack(time) }.pack()),
        Value::Time(time),
        if n % 3 == 0 { Value::Null } else { Value::Time(time) },
        text(format!("key-{n}")),
        text("long ".repeat(usize::try_from(n % 40).unwrap_or(0))),
        Value::Duration(-3_723_000_001_000),
        Value::Bytes(Bytes::from_static(b"ab\0\0")),
        Value::Bytes(Bytes::from(vec![0xff; 20])),
        Value::Enum(2),
        Value::Set(5),
        Value::Bit(0x00ab_cdef_0123 & 0xff_ffff_ffff),
        Value::Json(json::text(&binary).expect("a document").into()),
        Value::Absent,
    ]
}

/// Row data of transactions, as a Pump has it: `PrewriteValue`s.
pub fn prewrites() -> Vec<Vec<u8>> {
    let change = |table: &Arc<Table>, kind| RowChange { table: Arc::clone(table), kind };
    let [one, two, three] = tables();
    let all: Vec<Vec<RowChange>> = vec![
        vec![change(&one, RowKind::Insert(row(1)))],
        vec![change(&three, RowKind::Delete(row(4)))],
        vec![change(&two, RowKind::Update { old: row(2), new: row(3) })],
        (0..12)
            .flat_map(|n| {
                let table = [&one, &two, &three][usize::try_from(n % 3).unwrap_or(0)];
                [
                    change(table, RowKind::Insert(row(n))),
                    change(table, RowKind::Update { old: row(n), new: row(n + 1) }),
                    change(table, RowKind::Delete(row(n + 1))),
                ]
            })
            .collect(),
    ];
    all.iter().map(|changes| encode::prewrite(7, changes, &mut |_| 99).expect("rows fit").to_vec()).collect()
}
