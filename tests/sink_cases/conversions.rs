//! Columns that get another type: the values afterwards are those that TiDB 6.6 makes of the same ones, or the statement does not run.

use tisync::playground::mariadb::PrivateServer;
use tisync::sink::Sink;
use tisync::sink::mysql::MysqlSink;

use super::Case;
use super::world::*;
use crate::common::server::Dialect;

pub const CASES: &[(&str, Case)] = &[
    ("a column of another type gets the values that TiDB gives it", exact),
    ("a column whose values the target would make otherwise keeps its type", refused),
];

/// Type and values, the other type, what TiDB has then.
type Conversion = (&'static str, &'static str, &'static str, &'static str);

const EXACT: &[Conversion] = &[
    (
        "DATETIME(6)",
        "'2020-02-29 23:59:59.999999', '2020-02-29 12:00:00.5', '2020-02-29 12:00:00.000499'",
        "DATETIME",
        "2020-03-01 00:00:00;2020-02-29 12:00:01;2020-02-29 12:00:00",
    ),
    ("TIMESTAMP(6)", "'2020-02-29 12:00:00.0005'", "TIMESTAMP(3)", "2020-02-29 12:00:00.001"),
    ("TIME(6)", "'00:00:00.5', '12:34:56.499999', '-12:34:56.7'", "TIME", "00:00:01;12:34:56;-12:34:57"),
    ("TIME(6)", "'23:59:59.999999', '100:00:00.0005'", "TIME(3)", "24:00:00.000;100:00:00.001"),
    ("VARCHAR(100)", "'12:34:56.7', '2.5'", "TIME", "12:34:57;00:00:03"),
    ("VARCHAR(100)", "'2020-02-29 12:34:56.7'", "DATETIME", "2020-02-29 12:34:57"),
    ("DOUBLE", "1.5, 2.5, -2.5", "TIME", "00:00:02;00:00:03;-00:00:03"),
    ("DATETIME(6)", "'2020-02-29 12:00:00.5', '2020-02-29 12:00:00.499999'", "BIGINT", "20200229120001;20200229120000"),
    ("TIME(6)", "'00:00:00.5', '12:34:56.7', '-12:34:56.000499'", "INT", "1;123457;-123456"),
    ("TIME", "'12:34:56', '-00:00:01'", "INT", "123456;-1"),
    ("FLOAT", "1.5, 2.5, 2.675", "YEAR", "2002;2002;2003"),
    ("DOUBLE", "1.5, 2.675, 0.1", "YEAR NOT NULL DEFAULT 1999", "2002;2003;0000"),
    (
        "FLOAT",
        "0.1, 1.5, 3.14159274, 16777216, 1e5",
        "JSON",
        "0.10000000149011612;1.5;3.1415927410125732;16777216;100000",
    ),
    ("DECIMAL(20,6)", "0, 70, 1.5, 0.455, 12345678901234.5", "JSON", "0;70;1.5;0.455;12345678901234.5"),
    (
        "DOUBLE",
        "0.1, 1e14, 0.30000000000000004, 1e-5",
        "VARCHAR(100)",
        "0.1;100000000000000;0.30000000000000004;0.00001",
    ),
    ("FLOAT", "0, 0.1, 1.5, 1e10, 1e6, 0.00001, -0.25", "TEXT", "0;0.1;1.5;10000000000;1000000;0.00001;-0.25"),
    ("YEAR", "0, 1999, 2155", "VARCHAR(4)", "0;1999;2155"),
    ("BIT(10)", "b'0', b'1000001', b'1111111111'", "TEXT", "0;65;1023"),
];

/// What stands first in a refusal is the value.
const REFUSED: &[Conversion] = &[
    ("FLOAT", "0.5, 3.14159274", "VARCHAR(20)", "3.14159"),
    ("FLOAT", "1234567", "TEXT", "1234570"),
    ("DOUBLE", "1.5, -1e15", "VARBINARY(100)", "-1e15"),
    ("DOUBLE", "1e21", "JSON", "1e21"),
    ("TIME(6)", "'12:00:00.5', '23:59:59.999999'", "BIGINT UNSIGNED", "23:59:59.999999"),
    ("TIME(3)", "'-00:00:00.5'", "TIME", "-00:00:00.500"),
    ("TIME", "'12:00:00'", "DATETIME", "12:00:00"),
];

fn change(w: &mut World<'_>, sink: &mut MysqlSink, n: usize, (from, values, to, _): &Conversion) -> anyhow::Result<()> {
    w.run(&format!("CREATE TABLE t{n} (id INT PRIMARY KEY AUTO_INCREMENT, v {from} NULL, w INT)"));
    let rows: Vec<String> = values.split(", ").map(|v| format!("({v})")).collect();
    w.run(&format!("INSERT INTO t{n} (v) VALUES {}", rows.join(",")));
    let sql = format!("ALTER TABLE `t{n}` MODIFY COLUMN `v` {to}");
    sink.apply(ddl(n as u64 + 1, 12, &w.db.clone(), &sql, &[], &[]))
}

fn shown(w: &mut World<'_>, n: usize, to: &str) -> String {
    let v = if to == "JSON" || to.starts_with("TEXT") { "v" } else { "CAST(v AS CHAR)" };
    w.one(&format!("SELECT {v} FROM t{n} ORDER BY id"))
}

fn exact(server: &PrivateServer) {
    let mut w = World::new(server, "conversions");
    let mut sink = w.sink();
    for (n, conversion) in EXACT.iter().enumerate() {
        let (from, values, to, upstream) = conversion;
        match change(&mut w, &mut sink, n, conversion) {
            Ok(()) => {}
            // MySQL has no text for a number that TiDB would write in the same way: the statement stops, and nothing is changed.
            Err(e) if Dialect::of(server).mysql && *to == "JSON" && said(&e).contains("would not give column") => {
                drop(sink);
                sink = w.sink();
                continue;
            }
            Err(e) => panic!("{from} to {to}: {}", said(&e)),
        }
        assert_eq!(shown(&mut w, n, to), *upstream, "{values}: {from} to {to}");
        let columns = format!(
            "SELECT GROUP_CONCAT(column_name ORDER BY ordinal_position) FROM information_schema.columns WHERE table_schema = 'conversions' AND table_name = 't{n}'"
        );
        assert_eq!(w.one(&columns), "id,v,w");
    }
    if Dialect::of(server).mysql {
        return;
    }
    // As a text on both sides, so it is left as it is.
    let n = EXACT.len();
    change(&mut w, &mut sink, n, &("TEXT", "'[1.0]'", "JSON", "")).unwrap();
    assert_eq!(shown(&mut w, n, "JSON"), "[1.0]");
    assert!(w.noted("each JSON value keeps the spelling of its text"));
}

fn refused(server: &PrivateServer) {
    let mut w = World::new(server, "conversions_refused");
    for (n, conversion) in REFUSED.iter().enumerate() {
        let (from, _, to, value) = conversion;
        let mut sink = w.sink();
        let before = |w: &mut World<'_>| w.one(&format!("SELECT HEX(v), v FROM t{n} ORDER BY id"));
        let error = change(&mut w, &mut sink, n, conversion).expect_err(&format!("{from} to {to}"));
        let text = said(&error);
        assert_eq!(tisync::error::exit_code(&error), 4, "{text}");
        assert!(text.contains(&format!("it holds {value}, for example, and ")), "{from} to {to}: {text}");
        assert!(text.contains(&format!("--on-ddl-error 'replace:{}=", START + n as u64 + 1)), "{text}");
        let kept = before(&mut w);
        assert!(w.one(&format!("SHOW CREATE TABLE t{n}")).contains(&from.to_lowercase()), "{from} to {to}");
        // Without such values it runs.
        drop(sink);
        w.run(&format!("UPDATE t{n} SET v = NULL"));
        let mut sink = w.sink();
        let sql = format!("ALTER TABLE `t{n}` MODIFY COLUMN `v` {to}");
        sink.apply(ddl(n as u64 + 1, 12, &w.db.clone(), &sql, &[], &[]))
            .unwrap_or_else(|e| panic!("{kept}: {}", said(&e)));
    }
}
