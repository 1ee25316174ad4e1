//! Every type with its edge values, inserted and deleted again by key and by whole row.

use bytes::Bytes;
use tisync::decode::value::Civil;
use tisync::model::{Kind, Row, Value};
use tisync::playground::mariadb::PrivateServer;
use tisync::sink::Sink;

use super::Case;
use super::world::*;

pub const CASES: &[(&str, Case)] = &[
    ("t17_every_type_is_found_again_with_a_key_and_without", every_type),
    ("enum 0 goes through strict mode", enum_zero),
    ("generated columns are left to the server", generated),
    ("an auto-increment 0 stays 0", auto_zero),
    ("t17_json_written_differently_is_found", json_forms),
    ("rows near max_allowed_packet", big_rows),
];

fn datetime(year: u32, month: u32, day: u32, micros: u32) -> Value {
    Value::Time(Civil { year, month, day, hour: 23, minute: 59, second: 58, micros }.pack())
}

fn columns() -> Vec<(&'static str, Kind)> {
    vec![
        ("tiny?", Kind::Int { bytes: 1, unsigned: false }),
        ("ubig?", Kind::Int { bytes: 8, unsigned: true }),
        ("y?", Kind::Year),
        ("f?", Kind::Float),
        ("d?", Kind::Double),
        ("dc?", Kind::Decimal { precision: 65, scale: 30 }),
        ("dt?", Kind::Date),
        ("at?", Kind::Datetime { fsp: 6 }),
        ("ts?", Kind::Timestamp { fsp: 3 }),
        ("tm?", Kind::Duration { fsp: 6 }),
        ("c?", text()),
        ("ci?", Kind::Text { charset: "utf8mb4".into(), collation: "utf8mb4_general_ci".into() }),
        ("l?", Kind::Text { charset: "latin1".into(), collation: "latin1_bin".into() }),
        ("b?", Kind::Binary { fixed: Some(4) }),
        ("bl?", Kind::Binary { fixed: None }),
        ("e?", Kind::Enum { elements: vec!["x".into(), "y,z".into()] }),
        ("st?", Kind::Set { elements: vec!["p".into(), "q".into()] }),
        ("bi?", Kind::Bit { width: 64 }),
        ("j?", Kind::Json),
        ("id", INT),
    ]
}

const SQL: &str = "tiny TINYINT, ubig BIGINT UNSIGNED, y YEAR, f FLOAT, d DOUBLE, dc DECIMAL(65,30), dt DATE, at DATETIME(6), \
    ts TIMESTAMP(3) NULL, tm TIME(6), c VARCHAR(100), ci VARCHAR(100) COLLATE utf8mb4_general_ci, \
    l VARCHAR(50) CHARACTER SET latin1 COLLATE latin1_bin, b BINARY(4), bl BLOB, e ENUM('x','y,z'), st SET('p','q'), bi BIT(64), j JSON, \
    id BIGINT NOT NULL";

fn images() -> Vec<Row> {
    let low = vec![
        i(-128),
        Value::UInt(0),
        i(0),
        Value::Float(-f32::MAX),
        Value::Double(f64::MIN),
        dec("-99999999999999999999999999999999999.999999999999999999999999999999"),
        Value::Time(0),
        Value::Time(0),
        Value::Time(0),
        Value::Duration(-3_020_399_000_000_000),
        s(""),
        s(""),
        s(""),
        s([0, 0, 0, 0]),
        s(""),
        Value::Enum(1),
        Value::Set(0),
        Value::Bit(0),
        json("null"),
        i(1),
    ];
    let high = vec![
        i(127),
        Value::UInt(u64::MAX),
        i(2155),
        Value::Float(0.1),
        Value::Double(1.797_693_134_862_315_7e308),
        dec("99999999999999999999999999999999999.999999999999999999999999999999"),
        Value::Time(Civil { year: 2023, month: 2, day: 31, ..Civil::default() }.pack()),
        datetime(9999, 12, 31, 999_999),
        datetime(2038, 1, 18, 999_000),
        Value::Duration(3_020_398_999_999_000),
        s("O'Neil\\ \"x\" \n\r\0\u{1a} % _ 😀 "),
        s("Straße"),
        s(b"\xe9\xff"),
        s([0xff, 0, 0x27, 0x5c]),
        s((0..=255).collect::<Vec<u8>>()),
        Value::Enum(2),
        Value::Set(3),
        Value::Bit(u64::MAX),
        json(r#"{"a": [1, 1.0, -0.5, "it's \"\\\n", "é😀"], "b": null}"#),
        i(2),
    ];
    let odd = vec![
        i(0),
        Value::UInt(1 << 63),
        i(1901),
        Value::Float(1e-38),
        Value::Double(5e-324),
        dec("0.000000000000000000000000000001"),
        Value::Time(Civil { year: 2023, ..Civil::default() }.pack()),
        datetime(2023, 0, 0, 1),
        datetime(1970, 1, 1, 1000),
        Value::Duration(-1000),
        s("a "),
        s("A"),
        s("é"),
        s(b"ab\0\0"),
        s(b"'"),
        Value::Enum(1),
        Value::Set(2),
        Value::Bit(5),
        json("1.0"),
        i(3),
    ];
    let mut nulls = vec![Value::Null; 19];
    nulls.push(i(4));
    vec![low, high, odd, nulls]
}

fn every_type(server: &PrivateServer) {
    let mut w = World::new(server, "every_type");
    w.run("SET SESSION sql_mode = ''");
    let keyed = w.table("keyed", &format!("{SQL}, PRIMARY KEY (id)"), &columns(), &[&[19]], true);
    let plain = w.table("plain", SQL, &columns(), &[], false);
    let mut sink = w.sink();
    sink.prepare([&keyed, &plain].into_iter()).unwrap();
    let all =
        |f: fn(&_, _) -> _| images().into_iter().flat_map(|r| [f(&keyed, r.clone()), f(&plain, r)]).collect::<Vec<_>>();
    apply(&mut sink, vec![txn(1, all(ins))]);
    let select = "SELECT tiny, ubig, y, f, d, dc, dt, at, ts, tm, HEX(c), HEX(ci), HEX(l), HEX(b), HEX(LEFT(bl, 40)), e, st, HEX(bi), j, id FROM";
    let shown = w.rows(&format!("{select} keyed ORDER BY id"));
    assert_eq!(shown, w.rows(&format!("{select} plain ORDER BY id")));
    // MySQL 5.7 shows a DOUBLE of JSON without its `.0`.
    let shown = shown.join("\n").replace("[1, 1, -0.5", "[1, 1.0, -0.5").replace("|q|5|1|3", "|q|5|1.0|3");
    insta::assert_snapshot!(shown, @r##"
    -128|0|0000|-3.40282e38|-1.7976931348623157e308|-99999999999999999999999999999999999.999999999999999999999999999999|0000-00-00|0000-00-00 00:00:00.000000|0000-00-00 00:00:00.000|-838:59:59.000000||||00000000||x||0|null|1
    127|18446744073709551615|2155|0.1|1.7976931348623157e308|99999999999999999999999999999999999.999999999999999999999999999999|2023-02-31|9999-12-31 23:59:58.999999|2038-01-18 23:59:58.999|838:59:58.999999|4F274E65696C5C20227822200A0D001A2025205F20F09F988020|53747261C39F65|E9FF|FF00275C|000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F2021222324252627|y,z|p,q|FFFFFFFFFFFFFFFF|{"a": [1, 1.0, -0.5, "it's \"\\\n", "é😀"], "b": null}|2
    0|9223372036854775808|1901|1e-38|5e-324|0.000000000000000000000000000001|2023-00-00|2023-00-00 23:59:58.000001|1970-01-01 23:59:58.001|-00:00:00.000001|6120|41|E9|61620000|27|x|q|5|1.0|3
    ~|~|~|~|~|~|~|~|~|~|~|~|~|~|~|~|~|~|~|4
    "##);
    assert_eq!(w.one("SELECT f = 0.1e0, f + 0e0 = 1.0000000149011612e-1 FROM keyed WHERE id = 2"), "0|1");
    assert_eq!(w.one("SELECT HEX(bl) = HEX(UNHEX(HEX(bl))), LENGTH(bl) FROM keyed WHERE id = 2"), "1|256");
    // Each row of the table without a key is found by all of its values, and by nothing less.
    for (n, row) in images().into_iter().enumerate() {
        apply(&mut sink, vec![txn(2 + n as u64, vec![del(&plain, row.clone()), del(&keyed, row)])]);
        assert_eq!(w.one("SELECT COUNT(*) FROM plain"), (3 - n).to_string());
        assert_eq!(w.one("SELECT COUNT(*) FROM keyed"), (3 - n).to_string());
    }
}

fn enum_zero(server: &PrivateServer) {
    let mut w = World::new(server, "enum_zero");
    let kind = Kind::Enum { elements: vec!["x".into()] };
    let columns = [("id", INT), ("e?", kind), ("v?", text())];
    let t = w.table("t", "id BIGINT PRIMARY KEY, e ENUM('x'), v VARCHAR(3)", &columns, &[&[0]], true);
    let n = w.table("n", "id BIGINT NOT NULL, e ENUM('x'), v VARCHAR(3)", &columns, &[], false);
    let mut sink = w.sink();
    let row = |id, e, v: &str| vec![i(id), Value::Enum(e), s(v)];
    let rows = vec![ins(&t, row(1, 0, "a")), ins(&t, row(2, 1, "b")), ins(&n, row(3, 0, "c")), ins(&n, row(4, 0, "d"))];
    apply(&mut sink, vec![txn(1, rows)]);
    assert_eq!(w.one("SELECT id, e + 0, v FROM t ORDER BY id"), "1|0|a;2|1|b");
    apply(&mut sink, vec![txn(2, vec![del(&n, row(3, 0, "c"))])]);
    assert_eq!(w.one("SELECT id, e + 0 FROM n"), "4|0");
    // Nothing else may bend while strict mode is off.
    sink.apply(txn(3, vec![ins(&t, row(5, 1, "too long"))])).unwrap();
    let error = said(&sink.drain().unwrap_err());
    assert!(error.contains("Data too long for column 'v'"), "{error}");
    drop(sink);
    let mut sink = w.sink();
    sink.apply(txn(3, vec![ins(&t, row(5, 0, "too long"))])).unwrap();
    let error = said(&sink.drain().unwrap_err());
    assert!(
        error.contains("values do not fit the columns of `enum_zero`.`t`: 1265 Data truncated for column 'e'"),
        "{error}"
    );
    assert!(error.contains("1265 Data truncated for column 'v'"), "{error}");
    assert_eq!(w.one("SELECT COUNT(*) FROM t"), "2");
    assert_eq!(w.checkpoint(), START + 2);
}

fn generated(server: &PrivateServer) {
    let mut w = World::new(server, "generated_columns");
    let columns = [("id", INT), ("a?", INT), ("g=", INT)];
    let t = w.table(
        "t",
        "id BIGINT PRIMARY KEY, a BIGINT, g BIGINT AS (a * 2) STORED, UNIQUE (g)",
        &columns,
        &[&[0], &[2]],
        true,
    );
    let n = w.table("n", "a BIGINT, g BIGINT AS (a * 2) VIRTUAL", &[("a?", INT), ("g=", INT)], &[], false);
    let mut sink = w.sink();
    sink.prepare([&t, &n].into_iter()).unwrap();
    let row = |id, a| vec![i(id), i(a), Value::Absent];
    apply(
        &mut sink,
        vec![txn(1, vec![ins(&t, row(1, 5)), ins(&n, vec![i(7), Value::Absent]), ins(&n, vec![i(8), Value::Absent])])],
    );
    // Rows of some sources carry what was computed.
    apply(
        &mut sink,
        vec![txn(2, vec![upd(&t, vec![i(1), i(5), i(10)], vec![i(1), i(6), i(12)]), del(&n, vec![i(7), i(14)])])],
    );
    assert_eq!(w.one("SELECT * FROM t"), "1|6|12");
    assert_eq!(w.one("SELECT * FROM n"), "8|16");
}

fn auto_zero(server: &PrivateServer) {
    let mut w = World::new(server, "auto_zero");
    let t = w.table("t", "id BIGINT PRIMARY KEY AUTO_INCREMENT, v INT", &[("id", INT), ("v?", INT)], &[&[0]], true);
    let mut sink = w.sink();
    apply(&mut sink, vec![txn(1, vec![ins(&t, vec![i(0), i(1)]), ins(&t, vec![i(9), i(2)])])]);
    assert_eq!(w.one("SELECT * FROM t ORDER BY id"), "0|1;9|2");
}

fn json_forms(server: &PrivateServer) {
    let mut w = World::new(server, "json_forms");
    let t = w.table("t", "j JSON, f FLOAT", &[("j?", Kind::Json), ("f?", Kind::Float)], &[], false);
    let mut sink = w.sink();
    let row = |j, f| vec![json(j), Value::Float(f)];
    apply(
        &mut sink,
        vec![txn(1, vec![ins(&t, row("1", 0.1)), ins(&t, row("1.0", 0.1)), ins(&t, row("{\"a\": [1, 2]}", 3.3))])],
    );
    w.run("INSERT INTO t VALUES ('{\"b\":2,   \"a\":  \"A\"}', 1)");
    // As text they differ, as numbers they do not: the exact one goes.
    apply(&mut sink, vec![txn(2, vec![del(&t, row("1.0", 0.1))])]);
    assert_eq!(w.one("SELECT j FROM t WHERE f < 1"), "1");
    apply(
        &mut sink,
        vec![txn(3, vec![del(&t, row("{\"a\":[1,2]}", 3.3)), del(&t, row("{\"a\": \"A\", \"b\": 2}", 1.0))])],
    );
    assert_eq!(w.one("SELECT j FROM t"), "1");
}

fn big_rows(server: &PrivateServer) {
    let mut w = World::new(server, "big_rows");
    let t = w.table("t", "id BIGINT PRIMARY KEY, v LONGTEXT", &[("id", INT), ("v?", text())], &[&[0]], true);
    let mut sink = w.sink();
    let row = |id, size| vec![i(id), Value::Bytes(Bytes::from(vec![b'x'; size]))];
    apply(&mut sink, vec![txn(1, vec![ins(&t, row(1, 2_000_000)), ins(&t, row(2, 10)), ins(&t, row(3, 2_090_000))])]);
    assert_eq!(w.one("SELECT id, LENGTH(v) FROM t ORDER BY id"), "1|2000000;2|10;3|2090000");
    sink.apply(txn(2, vec![ins(&t, row(4, 3_000_000))])).unwrap();
    let error = said(&sink.drain().unwrap_err());
    assert!(
        error.contains(
            "a row of `big_rows`.`t` needs a statement of 3000051 bytes, but the target's max_allowed_packet is 2097152"
        ),
        "{error}"
    );
    assert!(error.ends_with("SET GLOBAL max_allowed_packet = 4194304 on the target, and start again"), "{error}");
}
