//! What the encoders of the simulated cluster write, the decoder reads back as it was; and whatever happens to those
//! bytes on the way, it answers with rows or an error, never a panic.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "a test: it fails loudly")]

use std::sync::Arc;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use tisync::decode::datum::Cursor;
use tisync::decode::datum::{self, Datum};
use tisync::decode::value::Civil;
use tisync::decode::{Lookup, json, row, rows, value};
use tisync::model::{
    Column, CommitTs, Decimal, Generated, Handle, KeyPart, Kind, Row, RowChange, RowKind, Table, Value,
};
use tisync::playground::encode;

fn finite() -> impl Strategy<Value = f64> {
    any::<f64>().prop_filter("SQL and JSON have no such number", |x| x.is_finite())
}

/// Any JSON document.
fn document() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        finite().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(6, 40, 6, |inner| {
        let object = vec((".{0,9}", inner.clone()), 0..6);
        prop_oneof![
            vec(inner, 0..6).prop_map(Into::into),
            object.prop_map(|pairs| pairs.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

/// A decimal of `precision` digits, `scale` of them behind the point, as the server prints it.
fn digits(precision: u8, scale: u8) -> impl Strategy<Value = String> {
    (vec(select(b"0000123456789".to_vec()), usize::from(precision)), any::<bool>()).prop_map(
        move |(digits, negative)| {
            let digits = String::from_utf8(digits).unwrap();
            let (whole, fraction) = digits.split_at(usize::from(precision - scale));
            let whole = whole.trim_start_matches('0');
            let sign = if negative && digits.bytes().any(|b| b != b'0') { "-" } else { "" };
            let point = if scale > 0 { "." } else { "" };
            format!("{sign}{}{point}{fraction}", if whole.is_empty() { "0" } else { whole })
        },
    )
}

fn precision_and_scale() -> impl Strategy<Value = (u8, u8)> {
    (1..=65u8).prop_flat_map(|precision| (Just(precision), 0..=precision.min(30)))
}

fn packed_time() -> impl Strategy<Value = u64> {
    let date = (0..=9999u32, 0..=12u32, 0..=31u32);
    (date, (0..24u32, 0..60u32, 0..60u32), 0..1_000_000u32).prop_map(
        |((year, month, day), (hour, minute, second), micros)| {
            Civil { year, month, day, hour, minute, second, micros }.pack()
        },
    )
}

fn kind() -> impl Strategy<Value = Kind> {
    let elements = || vec("[a-z]{1,3}", 1..64);
    let text = |collation: &str| Kind::Text { charset: "utf8mb4".into(), collation: collation.into() };
    prop_oneof![
        4 => (select(vec![1u8, 2, 3, 4, 8]), any::<bool>()).prop_map(|(bytes, unsigned)| Kind::Int { bytes, unsigned }),
        2 => select(vec![Kind::Year, Kind::Float, Kind::Double, Kind::Date, Kind::Json]),
        1 => (0..=6u8).prop_map(|fsp| Kind::Datetime { fsp }),
        1 => (0..=6u8).prop_map(|fsp| Kind::Timestamp { fsp }),
        1 => (0..=6u8).prop_map(|fsp| Kind::Duration { fsp }),
        2 => select(vec![text("utf8mb4_bin"), text("utf8mb4_general_ci")]),
        1 => select(vec![Kind::Binary { fixed: Some(4) }, Kind::Binary { fixed: None }]),
        1 => precision_and_scale().prop_map(|(precision, scale)| Kind::Decimal { precision, scale }),
        1 => elements().prop_map(|elements| Kind::Enum { elements }),
        1 => elements().prop_map(|elements| Kind::Set { elements }),
        1 => (1..=64u8).prop_map(|width| Kind::Bit { width }),
    ]
}

/// Any value of a column of `kind`.
fn value(kind: &Kind) -> BoxedStrategy<Value> {
    let unused = |bits: u32| 64 - bits;
    match kind {
        Kind::Int { bytes, unsigned } => {
            let (unused, unsigned) = (unused(u32::from(*bytes) * 8), *unsigned);
            any::<i64>()
                .prop_map(
                    move |n| {
                        if unsigned { Value::UInt(n.cast_unsigned() >> unused) } else { Value::Int(n >> unused) }
                    },
                )
                .boxed()
        }
        Kind::Year => prop_oneof![Just(0), 1901..=2155i64].prop_map(Value::Int).boxed(),
        Kind::Float => any::<f32>().prop_filter("finite", |x| x.is_finite()).prop_map(Value::Float).boxed(),
        Kind::Double => finite().prop_map(Value::Double).boxed(),
        Kind::Decimal { precision, scale } => {
            digits(*precision, *scale).prop_map(|text| Value::Decimal(Decimal { text: text.into() })).boxed()
        }
        Kind::Date | Kind::Datetime { .. } | Kind::Timestamp { .. } => packed_time().prop_map(Value::Time).boxed(),
        Kind::Duration { .. } => {
            let limit = 3_020_399_999_999_i64;
            (-limit..=limit).prop_map(|us| Value::Duration(us * 1000)).boxed()
        }
        Kind::Text { .. } => any::<String>().prop_map(|text| Value::Bytes(text.into())).boxed(),
        Kind::Binary { .. } => vec(any::<u8>(), 0..40).prop_map(|bytes| Value::Bytes(bytes.into())).boxed(),
        Kind::Enum { elements } => (0..=elements.len() as u64).prop_map(Value::Enum).boxed(),
        Kind::Set { elements } => {
            let unused = 64 - elements.len();
            any::<u64>().prop_map(move |mask| Value::Set(mask >> unused)).boxed()
        }
        Kind::Bit { width } => {
            let unused = unused(u32::from(*width));
            any::<u64>().prop_map(move |n| Value::Bit(n >> unused)).boxed()
        }
        Kind::Json => document()
            .prop_map(|document| {
                let binary = encode::document(document.to_string().as_bytes()).unwrap();
                Value::Json(json::text(&binary).unwrap().into())
            })
            .boxed(),
    }
}

fn column() -> impl Strategy<Value = Column> {
    let generated = select(vec![Generated::No, Generated::No, Generated::No, Generated::Virtual, Generated::Stored]);
    let hidden = proptest::bool::weighted(0.1);
    (kind(), any::<bool>(), generated, hidden).prop_flat_map(|(kind, nullable, generated, hidden)| {
        let filled = value(&kind);
        let missing = if nullable { prop_oneof![Just(Value::Null), filled].boxed() } else { filled };
        missing.prop_map(move |missing| {
            let (name, kind) = (String::new(), kind.clone());
            Column { id: 0, name, kind, nullable, generated, hidden, missing }
        })
    })
}

/// A handle of the `wanted` sort where the columns allow it; the columns it takes become NOT NULL.
fn handle(columns: &mut [Column], wanted: u8, prefix: Option<u32>) -> Handle {
    let integer = columns.iter().position(|c| c.writable() && matches!(c.kind, Kind::Int { .. }));
    let common: Vec<usize> = (0..columns.len())
        .rev()
        .filter(|at| columns[*at].writable() && columns[*at].kind != Kind::Json)
        .take(3)
        .collect();
    let take = |columns: &mut [Column], at: usize| {
        columns[at].nullable = false;
        let string = matches!(columns[at].kind, Kind::Text { .. } | Kind::Binary { .. });
        if columns[at].missing == Value::Null {
            columns[at].missing = Value::Int(0);
        }
        KeyPart { column: at, prefix: prefix.filter(|_| string) }
    };
    match (wanted, integer) {
        (1, Some(at)) => Handle::Int(take(columns, at).column),
        (2, _) if !common.is_empty() => Handle::Common(common.into_iter().map(|at| take(columns, at)).collect()),
        _ => Handle::RowId,
    }
}

/// Any table; its column ids may be in any order, as after MODIFY ... FIRST.
fn table() -> impl Strategy<Value = Arc<Table>> {
    (vec(column(), 1..9), 0..3u8, proptest::option::of(1..5u32), any::<bool>(), 1..400i64).prop_map(
        |(mut columns, wanted, prefix, backwards, id)| {
            let count = columns.len() as i64;
            for (at, column) in (0..).zip(columns.iter_mut()) {
                column.id = if backwards { count - at } else { at * 300 + 1 };
                column.name = format!("c{at}");
            }
            let handle = handle(&mut columns, wanted, prefix);
            Arc::new(Table {
                id,
                schema: "db".into(),
                name: "t".into(),
                columns,
                keys: Vec::new(),
                handle,
                foreign_keys: Vec::new(),
                partitions: Vec::new(),
                charset: "utf8mb4".into(),
                collation: "utf8mb4_bin".into(),
                details: None,
            })
        },
    )
}

fn a_row(table: &Table) -> BoxedStrategy<Row> {
    let values = table.columns.iter().map(|column| match (column.writable(), column.nullable) {
        (false, _) => Just(Value::Absent).boxed(),
        (true, true) => prop_oneof![1 => Just(Value::Null), 3 => value(&column.kind)].boxed(),
        (true, false) => value(&column.kind),
    });
    values.collect::<Vec<_>>().boxed()
}

fn changes() -> impl Strategy<Value = Vec<RowChange>> {
    table().prop_flat_map(|table| {
        let kind = prop_oneof![
            a_row(&table).prop_map(RowKind::Insert),
            (a_row(&table), a_row(&table)).prop_map(|(old, new)| RowKind::Update { old, new }),
            a_row(&table).prop_map(RowKind::Delete),
        ];
        vec(kind.prop_map(move |kind| RowChange { table: Arc::clone(&table), kind }), 1..5)
    })
}

const TS: CommitTs = CommitTs(470_616_376_687_198_209);

fn prewrite(changes: &[RowChange]) -> Bytes {
    encode::prewrite(42, changes, &mut |_| 17).unwrap()
}

fn read(value: &Bytes, table: &Arc<Table>) -> anyhow::Result<Vec<RowChange>> {
    rows(value, TS, &mut |id, version| {
        Ok(if (id, version) == (table.id, 42) { Lookup::Read(Arc::clone(table)) } else { Lookup::Skip })
    })
}

/// Reads `bytes` in every way there is.
fn read_anyhow(table: &Arc<Table>, bytes: &Bytes) {
    let _ = row::insert(table, bytes);
    let _ = row::update(table, bytes);
    let _ = row::delete(table, bytes);
    let (mut reading, mut skipping) = (Cursor::new(bytes), Cursor::new(bytes));
    while let Ok(datum) = Datum::read(&mut reading) {
        datum::skip(&mut skipping).unwrap();
        assert_eq!(reading.rest().len(), skipping.rest().len(), "skipping stops where reading does");
        match datum {
            Datum::Json(document) => {
                assert!(json::text(document).map_or(0, |text| text.len()) <= document.len() * 8 + 64);
            }
            Datum::Decimal(binary) => assert!(binary.text().map_or(0, |text| text.len()) <= 90),
            _ => {}
        }
    }
}

fn damage(bytes: &[u8], flips: &[(Index, u8)]) -> Bytes {
    let mut bytes = bytes.to_vec();
    for (at, bit) in flips {
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
    }
    bytes.into()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn integers(n in any::<i64>(), u in any::<u64>(), few in 0..64u32) {
        let (n, u) = (n >> few, u >> few);
        let mut out = Vec::new();
        encode::int(&mut out, n);
        encode::uint(&mut out, u);
        encode::key_int(&mut out, n);
        encode::key_uint(&mut out, u);
        encode::duration(&mut out, n);
        let mut from = Cursor::new(&out);
        for expected in [Datum::Int(n), Datum::UInt(u), Datum::Int(n), Datum::UInt(u), Datum::Duration(n)] {
            prop_assert_eq!(Datum::read(&mut from).unwrap(), expected);
        }
        prop_assert!(from.is_empty());
    }

    #[test]
    fn floats_keep_their_bits_and_their_order(a in finite(), b in finite()) {
        let (mut x, mut y) = (Vec::new(), Vec::new());
        encode::float(&mut x, a);
        encode::float(&mut y, b);
        prop_assert_eq!(Datum::read(&mut Cursor::new(&x)).unwrap(), Datum::Float(a));
        prop_assert_eq!(a.partial_cmp(&b), x.partial_cmp(&y));
    }

    #[test]
    fn strings_in_both_forms(bytes in vec(any::<u8>(), 0..40)) {
        let mut out = Vec::new();
        encode::bytes(&mut out, &bytes);
        encode::key_bytes(&mut out, &bytes);
        let mut from = Cursor::new(&out);
        prop_assert_eq!(Datum::read(&mut from).unwrap(), Datum::Bytes(bytes.as_slice().into()));
        prop_assert_eq!(Datum::read(&mut from).unwrap(), Datum::Bytes(bytes.as_slice().into()));
        prop_assert!(from.is_empty());
    }

    #[test]
    fn decimals(
        (precision, scale, text) in precision_and_scale().prop_flat_map(|(p, s)| (Just(p), Just(s), digits(p, s))),
    ) {
        let mut out = Vec::new();
        encode::decimal(&mut out, &text, precision, scale).unwrap();
        let mut from = Cursor::new(&out);
        let binary = value::Binary::read(&mut from).unwrap();
        prop_assert_eq!((binary.precision, binary.scale), (precision, scale));
        prop_assert_eq!(String::from_utf8(binary.text().unwrap()).unwrap(), text);
        prop_assert!(from.is_empty());
    }

    #[test]
    fn json_documents(value in document()) {
        let binary = encode::document(value.to_string().as_bytes()).unwrap();
        prop_assert_eq!(json::length(&binary).unwrap(), binary.len());
        let text = json::text(&binary).unwrap();
        prop_assert_eq!(serde_json::from_slice::<serde_json::Value>(&text).unwrap(), value);
    }

    #[test]
    fn transactions(changes in changes()) {
        let table = &changes[0].table;
        let found = read(&prewrite(&changes), table).unwrap();
        prop_assert_eq!(found.len(), changes.len());
        for (found, change) in found.iter().zip(&changes) {
            prop_assert_eq!(&found.kind, &change.kind);
            prop_assert!(Arc::ptr_eq(&found.table, table));
        }
    }

    #[test]
    fn skipped_tables_are_not_decoded(changes in changes()) {
        let mut asked = Vec::new();
        let found = rows(&prewrite(&changes), TS, &mut |id, version| {
            asked.push((id, version));
            Ok(Lookup::Skip)
        });
        prop_assert_eq!(found.unwrap().len(), 0);
        prop_assert_eq!(asked, vec![(changes[0].table.id, 42)]);
    }

    #[test]
    fn every_prefix_and_any_flipped_bit(
        changes in changes(),
        flips in vec(vec((any::<Index>(), 0..8u8), 1..4), 20),
        noise in vec(any::<u8>(), 0..60),
    ) {
        let table = &changes[0].table;
        let value = prewrite(&changes);
        // Cut just behind the version, the message is whole; cut anywhere else, something is missing.
        let whole = (0..value.len()).filter(|end| read(&value.slice(..*end), table).is_ok()).count();
        prop_assert!(whole <= 2, "{} prefixes are taken for the whole", whole);
        let items = changes.iter().map(|change| match &change.kind {
            RowKind::Insert(new) => encode::row::insert(table, new, 17).unwrap(),
            RowKind::Update { old, new } => encode::row::update(table, old, new, 17).unwrap(),
            RowKind::Delete(old) => encode::row::delete(table, old, 17).unwrap(),
        });
        for item in items.map(Bytes::from).chain([noise.into()]) {
            (0..=item.len()).for_each(|end| read_anyhow(table, &item.slice(..end)));
            flips.iter().for_each(|flips| read_anyhow(table, &damage(&item, flips)));
        }
        for flips in &flips {
            if let Err(error) = read(&damage(&value, flips), table) {
                prop_assert!(format!("{error:#}").contains("470616376687198209"), "{:#}", error);
            }
        }
    }
}
