//! Every type, at its edges and with generated values.

use mysql::prelude::Queryable;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::world::World;

/// Definitions of a column, each with literals to put into it.
const TYPES: &[(&str, &[&str])] = &[
    ("TINYINT", &["-128", "127", "0"]),
    ("TINYINT UNSIGNED", &["0", "255", "128"]),
    ("SMALLINT", &["-32768", "32767"]),
    ("SMALLINT UNSIGNED", &["65535", "32768"]),
    ("MEDIUMINT", &["-8388608", "8388607", "-1"]),
    ("MEDIUMINT UNSIGNED", &["16777215", "8388608"]),
    ("INT", &["-2147483648", "2147483647"]),
    ("INT UNSIGNED ZEROFILL", &["4294967295", "2147483648", "7"]),
    ("BIGINT", &["-9223372036854775808", "9223372036854775807"]),
    ("BIGINT UNSIGNED", &["18446744073709551615", "9223372036854775808"]),
    ("BOOLEAN", &["TRUE", "FALSE"]),
    ("DECIMAL(10,0)", &["-9999999999", "0", "1"]),
    (
        "DECIMAL(65,30)",
        &["12345678901234567890123456789012345.012345678901234567890123456789", "-0.000000000000000000000000000001"],
    ),
    ("DECIMAL(20,5) UNSIGNED", &["123456789012345.67890", "0.5"]),
    ("DECIMAL(5,5)", &["-0.00001", "0.99999"]),
    ("FLOAT", &["1.5", "-3.4028234e38", "1e-38", "0.1"]),
    ("FLOAT(7,3)", &["1234.567"]),
    ("DOUBLE", &["1.7976931348623157e308", "-2.2250738585072014e-308", "0.1", "1e100"]),
    ("DATE", &["'0000-00-00'", "'1000-01-01'", "'9999-12-31'", "'2024-02-00'"]),
    ("DATETIME", &["'0000-00-00 00:00:00'", "'9999-12-31 23:59:59'", "'2024-02-29 12:34:56'"]),
    ("DATETIME(3)", &["'2024-02-29 12:34:56.789'", "'1000-01-01 00:00:00.001'"]),
    ("DATETIME(6)", &["'9999-12-31 23:59:59.999999'", "'2000-00-01 00:00:00.000001'"]),
    ("TIMESTAMP NULL", &["'1970-01-01 00:00:01'", "'2038-01-19 03:14:07'", "'0000-00-00 00:00:00'"]),
    ("TIMESTAMP(1) NULL", &["'2001-09-09 01:46:40.9'"]),
    ("TIMESTAMP(6) NULL", &["'2038-01-19 03:14:07.999999'", "'1970-01-01 00:00:01.000001'"]),
    ("TIME", &["'838:59:59'", "'-838:59:59'", "'00:00:00'", "'-00:00:01'"]),
    ("TIME(2)", &["'-01:02:03.45'", "'00:00:00.01'", "'-00:00:00.01'"]),
    ("TIME(6)", &["'838:59:59.999999'", "'-838:59:59.999999'", "'-00:00:00.000001'"]),
    ("YEAR", &["1901", "2155", "0", "2024"]),
    ("CHAR(5)", &["''", "'a '", "'äöü€😀'", "'it''s'"]),
    ("CHAR(255)", &["REPEAT('😀', 255)"]),
    ("VARCHAR(20)", &["''", "'a  '", "' \\\\ \\' \" % _'", "'東京'"]),
    ("VARCHAR(2000)", &["REPEAT('x', 2000)", "REPEAT('é', 300)"]),
    ("VARCHAR(20) CHARACTER SET latin1", &["'caf\u{e9} \u{20ac}'", "'plain'", "x'8090'"]),
    ("VARCHAR(20) CHARACTER SET ascii", &["'plain'"]),
    ("VARCHAR(20) CHARACTER SET utf8mb3", &["'東京'"]),
    ("VARCHAR(20) COLLATE utf8mb4_general_ci", &["'Straße'"]),
    ("TINYTEXT", &["REPEAT('a', 255)"]),
    ("TEXT", &["REPEAT('ä', 30000)", "''"]),
    ("MEDIUMTEXT", &["REPEAT('b', 70000)"]),
    ("LONGTEXT", &["'line\\nfeed\\r\\0\\Z'"]),
    ("BINARY(4)", &["'a'", "x'00000000'", "x'ff00'", "x'ffffffff'"]),
    ("VARBINARY(300)", &["''", "x'00ff00'", "REPEAT(x'fe', 300)"]),
    ("TINYBLOB", &["x'00'"]),
    ("BLOB", &["REPEAT(x'0001', 1000)", "''"]),
    ("LONGBLOB", &["x'c3'"]),
    ("ENUM('x','it''s','','ä,b')", &["'x'", "'it''s'", "''", "4"]),
    ("SET('p','q','r','it''s')", &["''", "'p,r'", "'p,q,r,it''s'"]),
    ("BIT(1)", &["b'1'", "b'0'"]),
    ("BIT(12)", &["b'101010101010'"]),
    ("BIT(64)", &["18446744073709551615", "1"]),
    (
        "JSON",
        &[
            "'{}'",
            "'[]'",
            "'null'",
            "'1.0'",
            "'{\"b\": [1, -2.5e10, true, null, \"\\\\u00e9\"], \"a\": {\"x\": 18446744073709551615}}'",
        ],
    ),
];

/// Columns of one table.
const TOGETHER: usize = 9;

#[test]
fn every_type_goes_through() {
    let world = World::start(7_600_000_000_000_000_001);
    let mut conn = world.conn();
    conn.query_drop("CREATE DATABASE types").unwrap();
    // Zero dates and index 0 of an ENUM are values like any other.
    conn.query_drop("SET sql_mode = '', time_zone = '+05:30'").unwrap();
    for (n, types) in TYPES.chunks(TOGETHER).enumerate() {
        let columns: String = types.iter().enumerate().map(|(i, (kind, _))| format!(", v{i} {kind}")).collect();
        let mut statements = vec![
            format!("CREATE TABLE types.keyed{n} (id INT PRIMARY KEY{columns})"),
            format!("CREATE TABLE types.bare{n} (id INT{columns})"),
        ];
        let most = types.iter().map(|(_, literals)| literals.len()).max().unwrap();
        // Row 0 is all NULL; literals of a type with fewer of them come again.
        for id in 0..=most {
            let value = |literals: &[&str]| {
                if id == 0 { "NULL".to_owned() } else { literals[(id - 1) % literals.len()].to_owned() }
            };
            let values: Vec<String> = types.iter().map(|(_, literals)| value(literals)).collect();
            let values = values.join(", ");
            statements.push(format!("INSERT INTO types.keyed{n} VALUES ({id}, {values})"));
            statements.push(format!("INSERT INTO types.bare{n} VALUES ({id}, {values}), (100, {values})"));
        }
        // Each value is also the old and the new one of an update, and one row each is gone in the end.
        let firsts = types.iter().enumerate().map(|(i, (_, literals))| format!("v{i} = {}", literals[0]));
        statements.push(format!("UPDATE types.keyed{n} SET id = id + 1000"));
        statements.push(format!("UPDATE types.bare{n} SET id = id + 1 WHERE id >= 100"));
        statements.push(format!("UPDATE types.keyed{n} SET {} WHERE id = 1000", firsts.collect::<Vec<_>>().join(", ")));
        statements.push(format!("DELETE FROM types.keyed{n} WHERE id = 1001"));
        statements.push(format!("DELETE FROM types.bare{n} WHERE id = 1"));
        for sql in statements {
            conn.query_drop(&sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
        }
    }
    world.catch_up();
    let (tables, rows) = world.same("types");
    println!("{tables} tables, {rows} rows");
    assert_eq!(tables, TYPES.chunks(TOGETHER).count() * 2);
    // Not by chance of what both sides would make of nothing.
    let place = TYPES.iter().position(|(kind, _)| *kind == "BIGINT UNSIGNED").unwrap();
    let (n, i) = (place / TOGETHER, place % TOGETHER);
    let query = format!("SELECT v{i} FROM types.keyed{n} WHERE id = 1002");
    assert_eq!(world.on_b(&query), ["9223372036854775808"]);
}

#[test]
fn keys_of_all_kinds_and_generated_columns() {
    let world = World::start(7_600_000_000_000_000_002);
    world.run([
        "CREATE DATABASE k",
        "CREATE TABLE k.unsigned_key (id BIGINT UNSIGNED PRIMARY KEY, v INT)",
        "INSERT INTO k.unsigned_key VALUES (18446744073709551615, 1), (0, 2)",
        "UPDATE k.unsigned_key SET id = 9223372036854775808 WHERE id = 0",
        "CREATE TABLE k.text_key (name VARCHAR(20) COLLATE utf8mb4_general_ci, n INT, v TEXT, PRIMARY KEY (name, n))",
        "INSERT INTO k.text_key VALUES ('Aa', 1, 'x'), ('東京 ', 2, 'y')",
        "UPDATE k.text_key SET name = 'aA', v = 'z' WHERE name = 'Aa'",
        "CREATE TABLE k.prefix_key (name VARCHAR(200), v INT, PRIMARY KEY (name(3)))",
        "INSERT INTO k.prefix_key VALUES ('abcdef', 1), ('äöüx', 2)",
        "DELETE FROM k.prefix_key WHERE v = 1",
        "CREATE TABLE k.time_key (at TIMESTAMP(3), d DECIMAL(10,2), t TIME(2), PRIMARY KEY (at, d, t), u VARCHAR(9) UNIQUE)",
        "INSERT INTO k.time_key VALUES ('2024-01-02 03:04:05.678', 1.5, '-01:02:03.04', NULL), ('2024-01-02', -1, 0, 'u')",
        "UPDATE k.time_key SET u = 'v' WHERE u IS NULL",
        "CREATE TABLE k.beside (id INT PRIMARY KEY /*T![clustered_index] NONCLUSTERED */, v INT)",
        "INSERT INTO k.beside VALUES (1, 1), (2, 2)",
        "UPDATE k.beside SET id = 3 WHERE id = 1",
        "DELETE FROM k.beside WHERE id = 2",
        "CREATE TABLE k.made (a INT PRIMARY KEY, v INT AS (a * 2) VIRTUAL, b INT, s VARCHAR(20) AS (CONCAT('s', a)) STORED, c INT)",
        "INSERT INTO k.made (a, b, c) VALUES (1, 2, 3), (4, NULL, 6)",
        "UPDATE k.made SET a = 7, c = NULL WHERE a = 1",
        "UPDATE k.made SET b = 9 WHERE a = 4",
        "CREATE TABLE k.counted (id INT AUTO_INCREMENT PRIMARY KEY, v INT DEFAULT 7 COMMENT 'it''s')",
        "INSERT INTO k.counted () VALUES (), ()",
        "CREATE TABLE k.parent (id INT PRIMARY KEY)",
        "CREATE TABLE k.child (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES k.parent (id))",
        "BEGIN",
        "INSERT INTO k.parent VALUES (1)",
        "SAVEPOINT s",
        "INSERT INTO k.child VALUES (1, 1)",
        "ROLLBACK TO s",
        "INSERT INTO k.child VALUES (2, 1)",
        "COMMIT",
    ]);
    world.catch_up();
    let (tables, rows) = world.same("k");
    assert_eq!((tables, rows), (9, 14));
}

/// One row of a table with most types, as SQL literals.
fn row() -> impl Strategy<Value = Vec<String>> {
    let maybe = |s: BoxedStrategy<String>| prop_oneof![1 => Just("NULL".to_owned()), 6 => s];
    let hex = |bytes: Vec<u8>| format!("x'{}'", bytes.iter().map(|b| format!("{b:02x}")).collect::<String>());
    let text = move |s: String| format!("CONVERT({} USING utf8mb4)", hex(s.into_bytes()));
    let day = (0..=9999_u32, 1..=12_u32, 1..=28_u32).prop_map(|(y, m, d)| format!("{y:04}-{m:02}-{d:02}"));
    let clock = (0..24_u32, 0..60_u32, 0..60_u32, 0..1_000_000_u32)
        .prop_map(|(h, m, s, us)| format!("{h:02}:{m:02}:{s:02}.{us:06}"));
    (
        maybe(any::<i64>().prop_map(|n| n.to_string()).boxed()),
        maybe(any::<u64>().prop_map(|n| n.to_string()).boxed()),
        maybe((any::<i64>(), 0..=999_999_u32).prop_map(|(n, f)| format!("{n}.{f:06}")).boxed()),
        maybe(any::<f32>().prop_filter("SQL has no others", |x| x.is_normal()).prop_map(|x| format!("{x:e}")).boxed()),
        maybe(any::<f64>().prop_filter("SQL has no others", |x| x.is_normal()).prop_map(|x| format!("{x:e}")).boxed()),
        maybe((day, clock).prop_map(|(d, c)| format!("'{d} {c}'")).boxed()),
        maybe(
            (1..=2_147_483_647_i64, 0..1_000_000_u32).prop_map(|(s, us)| format!("FROM_UNIXTIME({s}.{us:06})")).boxed(),
        ),
        maybe(
            (any::<bool>(), 0..839_u32, 0..60_u32, 0..60_u32, 0..1_000_000_u32)
                .prop_map(|(n, h, m, s, us)| format!("'{}{h}:{m:02}:{s:02}.{us:06}'", if n { "-" } else { "" }))
                .boxed(),
        ),
        maybe("\\PC{0,20}".prop_map(text).boxed()),
        maybe(vec(any::<u8>(), 0..40).prop_map(hex).boxed()),
    )
        .prop_map(|(a, b, c, d, e, f, g, h, i, j)| vec![a, b, c, d, e, f, g, h, i, j])
}

#[test]
fn generated_values_go_through() {
    const ROWS: usize = 400;
    let world = World::start(7_600_000_000_000_000_003);
    world.run([
        "CREATE DATABASE g",
        "CREATE TABLE g.t (id INT PRIMARY KEY, a BIGINT, b BIGINT UNSIGNED, c DECIMAL(40,6), d FLOAT, e DOUBLE, f DATETIME(6),
            g TIMESTAMP(6) NULL, h TIME(6), i VARCHAR(100), j VARBINARY(100))",
        "CREATE TABLE g.bare LIKE g.t",
        "ALTER TABLE g.bare DROP PRIMARY KEY",
    ]);
    let mut conn = world.conn();
    let mut runner = TestRunner::deterministic();
    for id in 0..ROWS {
        let (old, new) = (row(), row());
        let old = old.new_tree(&mut runner).unwrap().current().join(", ");
        let new = new.new_tree(&mut runner).unwrap().current();
        let new: Vec<String> = ('a'..='j').zip(new).map(|(column, value)| format!("{column} = {value}")).collect();
        for sql in [
            format!("INSERT INTO g.t VALUES ({id}, {old})"),
            format!("INSERT INTO g.bare SELECT * FROM g.t WHERE id = {id}"),
            format!("UPDATE g.t SET {} WHERE id = {id}", new.join(", ")),
            format!("UPDATE g.bare SET {} WHERE id = {id}", new.join(", ")),
            if id % 3 == 0 { format!("DELETE FROM g.bare WHERE id = {id}") } else { "DO 0".to_owned() },
        ] {
            conn.query_drop(&sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
        }
    }
    world.catch_up();
    let (tables, rows) = world.same("g");
    assert_eq!((tables, rows), (2, ROWS + ROWS - ROWS.div_ceil(3)));
}
