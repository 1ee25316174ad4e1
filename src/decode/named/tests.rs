//! Tests of rows by name: events that are encoded here are read again.

use proptest::prelude::*;

use super::*;
use crate::model::{Column as Defined, Decimal, Generated, Handle, Key, KeyPart, Kind, Table};

const TS: CommitTs = CommitTs(470_616_376_687_198_209);

fn defined(name: &str, kind: Kind, generated: Generated) -> Defined {
    Defined { id: 1, name: name.into(), kind, nullable: true, generated, hidden: false, missing: Value::Absent }
}

fn text() -> Kind {
    Kind::Text { charset: "utf8mb4".into(), collation: "utf8mb4_bin".into() }
}

fn table() -> Definition {
    Definition::Table(Arc::new(Table {
        columns: vec![
            defined("id", Kind::Int { bytes: 8, unsigned: false }, Generated::No),
            defined("Name", text(), Generated::No),
            defined("sum", Kind::Int { bytes: 8, unsigned: false }, Generated::Virtual),
            defined("extra", text(), Generated::No),
        ],
        keys: vec![
            Key { name: "PRIMARY".into(), primary: true, parts: vec![KeyPart { column: 0, prefix: None }] },
            Key {
                name: "u".into(),
                primary: false,
                parts: [1, 2].map(|column| KeyPart { column, prefix: None }).into(),
            },
            Key { name: "e".into(), primary: false, parts: vec![KeyPart { column: 3, prefix: None }] },
        ],
        handle: Handle::RowId,
        ..Table::named("db", "t")
    }))
}

/// A datum as rows have it.
fn datum(value: &Value) -> Vec<u8> {
    let varint = |mut n: u64| {
        let mut out = Vec::new();
        while n >= 0x80 {
            out.push(u8::try_from(n & 0x7f | 0x80).unwrap());
            n >>= 7;
        }
        out.push(u8::try_from(n).unwrap());
        out
    };
    let zigzag = |n: i64| varint(((n << 1) ^ (n >> 63)).cast_unsigned());
    let bytes = |b: &[u8]| [vec![2], zigzag(b.len() as i64), b.to_vec()].concat();
    let float = |x: f64| {
        let bits = x.to_bits();
        let ordered = if bits >> 63 == 0 { bits ^ 1 << 63 } else { !bits };
        [vec![5], ordered.to_be_bytes().to_vec()].concat()
    };
    match value {
        Value::Null => vec![0],
        Value::Int(n) => [vec![8], zigzag(*n)].concat(),
        Value::UInt(n) | Value::Enum(n) | Value::Set(n) | Value::Bit(n) => [vec![9], varint(*n)].concat(),
        Value::Float(x) => float((*x).into()),
        Value::Double(x) => float(*x),
        Value::Decimal(d) => bytes(&d.text),
        Value::Bytes(b) | Value::Json(b) => bytes(b),
        Value::Time(t) => {
            let mut out = Vec::new();
            crate::decode::value::write_datetime(&mut out, *t, 6);
            bytes(&out)
        }
        Value::Duration(n) => {
            let mut out = Vec::new();
            crate::decode::value::write_duration(&mut out, *n, 6);
            bytes(&out)
        }
        Value::Absent => vec![],
    }
}

fn column(name: &str, code: u8, mysql_type: &str, value: &Value, changed: Option<&Value>) -> Bytes {
    Column {
        name: Some(name.into()),
        tp: Some(vec![code].into()),
        mysql_type: Some(mysql_type.into()),
        value: Some(datum(value).into()),
        changed_value: changed.map(|v| datum(v).into()),
    }
    .encode_to_vec()
    .into()
}

fn event(tp: i32, row: Vec<Bytes>) -> Bytes {
    let event = Event { schema_name: Some("db".into()), table_name: Some("t".into()), tp: Some(tp), row };
    DmlData { events: vec![event.encode_to_vec().into()] }.encode_to_vec().into()
}

fn read(events: &Bytes, definition: &Definition) -> Result<Vec<RowChange>> {
    let mut find = |_: &str, _: &str| Ok(definition.clone());
    Ok(Names::default().rows((events, &TimeZone::UTC, TS), &|_, _| Kinds::ALL, &mut find)?.0)
}

fn refused(events: &Bytes, definition: &Definition) -> String {
    let error = read(events, definition).unwrap_err();
    let fault = crate::error::fault(&error).expect("a fault that an operator can read");
    assert!(fault.kind == crate::error::Kind::Refused && !fault.hint.is_empty(), "{fault:?}");
    format!("{error:#}")
}

#[test]
fn a_definition_is_cut_down_to_what_the_row_has() {
    let bytes = |b: &'static str| Value::Bytes(Bytes::from_static(b.as_bytes()));
    let row = |changed: Option<[&Value; 2]>| {
        vec![
            column("NAME", 15, "varchar", &bytes("a"), changed.map(|c| c[0])),
            column("sum", 8, "bigint", &Value::Null, changed.map(|_| &Value::Null)),
            column("id", 3, "int", &Value::Int(7), changed.map(|c| c[1])),
        ]
    };
    let found = read(&event(0, row(None)), &table()).unwrap();
    let names: Vec<_> = found[0].table.columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["Name", "id", "sum"], "what the row has, and what the target computes");
    assert_eq!(found[0].kind, RowKind::Insert(vec![bytes("a"), Value::Int(7), Value::Absent]));
    let keys: Vec<_> = found[0].table.keys.iter().map(|k| (k.name.as_str(), k.parts[0].column)).collect();
    assert_eq!(keys, [("PRIMARY", 1), ("u", 0)], "a key over what the row lacks says nothing about it");

    // A column that the target lacks is kept: the sink decides whether that is allowed.
    let nowhere = column("nowhere", 12, "datetime", &Value::Null, None);
    let found = read(&event(0, [row(None), vec![nowhere]].concat()), &table()).unwrap();
    let column = &found[0].table.columns[2];
    assert_eq!((column.name.as_str(), &column.kind), ("nowhere", &Kind::Datetime { fsp: 6 }));

    let update = read(&event(1, row(Some([&bytes("b"), &Value::Int(8)]))), &table()).unwrap();
    let image = |name, id| vec![bytes(name), Value::Int(id), Value::Absent];
    assert_eq!(update[0].kind, RowKind::Update { old: image("a", 7), new: image("b", 8) });
    assert_eq!(read(&event(2, row(None)), &table()).unwrap()[0].kind, RowKind::Delete(image("a", 7)));
}

#[test]
fn what_cannot_be_read_is_refused_by_name() {
    let id = || column("id", 3, "int", &Value::Int(7), None);
    assert!(
        refused(&event(0, vec![id()]), &Definition::Missing).contains("`db`.`t`, which does not exist on the target")
    );
    assert!(refused(&event(7, vec![id()]), &table()).contains("the unknown kind 7"));
    assert!(refused(&event(1, vec![id()]), &table()).contains("column `id`: it has no value"));
    assert!(refused(&event(0, vec![id(), id()]), &table()).contains("`id` twice"));
    assert!(refused(&event(0, vec![]), &table()).contains("no columns"));
    let many = (0..20_000).map(|n| column(&format!("c{n}"), 3, "int", &Value::Int(7), None)).collect();
    assert!(refused(&event(0, many), &table()).contains("20000 columns, more than any table can have"));
    let strange = column("id", 0xff, "geometry", &Value::Int(7), None);
    assert!(refused(&event(0, vec![strange]), &table()).contains("`geometry`, the code 0xff"));
    let wrong = column("id", 12, "datetime", &Value::Int(7), None);
    assert!(refused(&event(0, vec![wrong]), &table()).contains("column `id`: "));
    for text in ["x", "", "+7", "7.5", "18446744073709551616"] {
        let text = Value::Bytes(Bytes::from_static(text.as_bytes()));
        let wrong = column("id", 3, "int", &text, None);
        assert!(refused(&event(0, vec![wrong]), &table()).contains("is not an integer"));
    }
    let wrong = column("id", 5, "double", &Value::Bytes(Bytes::from_static(b"inf")), None);
    assert!(refused(&event(0, vec![wrong]), &table()).contains("`inf` is not a number"));
    assert!(refused(&Bytes::from_static(b"\x0a\x05x"), &table()).contains("committed at 470616376687198209"));
}

#[test]
fn rows_of_a_table_that_is_left_out_are_counted_under_its_name() {
    let events = event(0, vec![column("id", 3, "int", &Value::Int(7), None)]);
    let found = read(&events, &Definition::LeftOut(Arc::new(Table::named("db", "t")))).unwrap();
    assert_eq!(found[0].table.id, Table::id_of_names("DB", "T"));
    let mut find = |_: &str, _: &str| bail!("nobody should ask");
    let unwanted = Names::default().rows((&events, &TimeZone::UTC, TS), &|_, _| Kinds::NONE, &mut find);
    let (rows, left_out) = unwanted.unwrap();
    assert!(rows.is_empty() && left_out.tables > 0 && left_out.kinds == 0);
}

#[test]
fn the_id_of_a_name_never_changes() {
    // The id is stored in `tidb_binlog.tisync_skipped` of existing targets.
    assert_eq!(Table::id_of_names("db", "t"), Table::id_of_names("Db", "T"));
    assert_ne!(Table::id_of_names("db", "t"), Table::id_of_names("d", "bt"));
    assert_eq!(Table::id_of_names("db", "t"), 4_533_947_633_461_876_245);
}

fn typed() -> impl Strategy<Value = (u8, &'static str, Value)> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..300).prop_map(Bytes::from);
    let civil = (0..9999_u32, 0..=12_u32, 0..=31_u32, 0..24_u32, 0..60_u32, 0..60_u32, 0..1_000_000_u32);
    let time = civil.prop_map(|(year, month, day, hour, minute, second, micros)| {
        Value::Time(crate::decode::value::Civil { year, month, day, hour, minute, second, micros }.pack())
    });
    let decimal = ("[1-9][0-9]{0,20}", "[0-9]{1,9}", any::<bool>()).prop_map(|(a, b, minus)| {
        Value::Decimal(Decimal { text: format!("{}{a}.{b}", if minus { "-" } else { "" }).into() })
    });
    prop_oneof![
        any::<i64>().prop_map(|n| (8, "bigint", Value::Int(n))),
        any::<u64>().prop_map(|n| (8, "bigint", Value::UInt(n))),
        any::<i32>().prop_map(|n| (3, "int", Value::Int(n.into()))),
        (1901..=2155_i64).prop_map(|n| (13, "year", Value::Int(n))),
        proptest::num::f32::NORMAL.prop_map(|x| (4, "float", Value::Float(x))),
        proptest::num::f64::NORMAL.prop_map(|x| (5, "double", Value::Double(x))),
        decimal.prop_map(|d| (0xf6, "decimal", d)),
        time.clone().prop_map(|t| (12, "datetime", t)),
        time.prop_map(|t| (7, "timestamp", t)),
        (-3_020_399_999_999_i64..=3_020_399_999_999).prop_map(|us| (11, "time", Value::Duration(us * 1000))),
        bytes().prop_map(|b| (15, "varchar", Value::Bytes(b))),
        bytes().prop_map(|b| (0xfc, "blob", Value::Bytes(b))),
        bytes().prop_map(|b| (0xf5, "json", Value::Json(b))),
        any::<u64>().prop_map(|n| (0xf7, "enum", Value::Enum(n))),
        any::<u64>().prop_map(|n| (0xf8, "set", Value::Set(n))),
        any::<u64>().prop_map(|n| (16, "bit", Value::Bit(n))),
        Just((15, "varchar", Value::Null)),
    ]
}

proptest! {
    #[test]
    fn written_and_read_again((code, mysql_type, old) in typed(), tp in 0..3_i32) {
        // The row's type counts, whatever type the target has.
        let there = Definition::Table(Arc::new(Table {
            columns: vec![defined("c", text(), Generated::No)],
            ..Table::named("db", "t")
        }));
        let changed = (tp == 1).then_some(&Value::Null);
        let events = event(tp, vec![column("c", code, mysql_type, &old, changed)]);
        let found = read(&events, &there).unwrap();
        let expected = match tp {
            0 => RowKind::Insert(vec![old]),
            1 => RowKind::Update { old: vec![old], new: vec![Value::Null] },
            _ => RowKind::Delete(vec![old]),
        };
        prop_assert_eq!(&found[0].kind, &expected);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let _ = read(&bytes.into(), &table());
        let mut damaged = event(1, vec![column("id", 3, "int", &Value::Int(7), Some(&Value::Int(9)))]).to_vec();
        let at = at.index(damaged.len());
        damaged[at] = byte;
        if let Err(error) = read(&damaged.into(), &table()) {
            prop_assert!(crate::error::fault(&error).is_some());
        }
    }
}
