//! Many deletes at once from tables without a key.

use tisync::model::{Kind, Row, Value};
use tisync::playground::mariadb::PrivateServer;
use tisync::sink::Sink;
use tisync::sink::mysql::MysqlOptions;

use super::Case;
use super::world::*;

pub const CASES: &[(&str, Case)] = &[
    ("many deletes without a key", many),
    ("deletes without a key that do not fit the target row for row", wrong_rows),
    ("a whole table without a key is changed quickly", quick),
    ("rows without a column that is being dropped", being_dropped),
];

/// From its delete-only state on, images lack the column, and inserts hold what tisync fills in; the target still has what it was.
fn being_dropped(server: &PrivateServer) {
    let mut w = World::new(server, "being_dropped");
    let columns = [("a", INT), ("x", text()), ("y?", INT)];
    let t = w.table("t", "a BIGINT NOT NULL, x VARCHAR(9) NOT NULL, y BIGINT", &columns, &[], false);
    let mut sink = w.sink();
    let known = |a: i64| vec![i(a), s(format!("x{a}")), i(a + 4)];
    let gone = |a: i64| vec![i(a), Value::Absent, Value::Absent];
    apply(&mut sink, vec![txn(1, (1..9).map(|a| ins(&t, known(a))).collect())]);
    let filled = |a: i64| vec![i(a), s(""), Value::Null];
    let changes = vec![
        upd(&t, gone(2), vec![i(20), s(""), Value::Absent]),
        ins(&t, filled(9)),
        del(&t, gone(9)),
        ins(&t, known(10)),
        upd(&t, gone(10), vec![i(30), s(""), Value::Absent]),
    ];
    apply(&mut sink, vec![txn(2, changes), txn(3, (4..9).map(|a| del(&t, gone(a))).collect())]);
    assert_eq!(w.one("SELECT * FROM t ORDER BY a"), "1|x1|5;3|x3|7;20||~;30||~");
    apply(&mut sink, vec![txn(4, vec![del(&t, gone(3)), del(&t, known(1)), ins(&t, filled(4))])]);
    assert_eq!(w.one("SELECT * FROM t ORDER BY a"), "4||~;20||~;30||~");
}

fn row(n: i64, text: Option<&str>, document: &'static str) -> Row {
    vec![if n < 0 { Value::Null } else { i(n) }, text.map_or(Value::Null, s), json(document)]
}

fn many(server: &PrivateServer) {
    let mut w = World::new(server, "many_without_key");
    let ci = Kind::Text { charset: "utf8mb4".into(), collation: "utf8mb4_general_ci".into() };
    let columns = [("n?", INT), ("c?", ci), ("j?", Kind::Json)];
    let sql = "n BIGINT, c VARCHAR(20) COLLATE utf8mb4_general_ci, j JSON, KEY (c)";
    let t = w.table("t", sql, &columns, &[], false);
    let mut sink = w.sink();
    let rows: Vec<Row> = [
        (1..1300).map(|n| row(n, Some(&format!("k'{}", n % 700)), "[1]")).collect(),
        // Alike for the collation, equal in part, equal, NULL.
        vec![row(7, Some("A"), "1"), row(7, Some("a"), "1"), row(7, Some("a "), "1"), row(7, Some("a"), "1.0")],
        vec![row(-1, None, "{}"), row(-1, None, "{}"), row(-1, Some("x"), "{}"), row(8, None, "{}")],
        vec![row(9, Some("twice"), "1"), row(9, Some("twice"), "1"), row(9, Some("thrice"), "1")],
        vec![row(9, Some("thrice"), "1"), row(9, Some("thrice"), "1")],
    ]
    .concat();
    apply(&mut sink, vec![txn(1, rows.iter().map(|r| ins(&t, r.clone())).collect())]);
    w.run("INSERT INTO t VALUES (10, 'loose', '{\"b\":  2, \"a\": 1}')");
    let mut gone: Vec<Row> = (1..1300).map(|n| row(n, Some(&format!("k'{}", n % 700)), "[1]")).collect();
    gone.extend([row(7, Some("a"), "1"), row(7, Some("a "), "1"), row(-1, None, "{}"), row(-1, Some("x"), "{}")]);
    gone.extend([row(9, Some("twice"), "1"), row(9, Some("twice"), "1"), row(9, Some("thrice"), "1")]);
    gone.push(row(10, Some("loose"), "{\"a\": 1, \"b\": 2}"));
    apply(&mut sink, vec![txn(2, gone.into_iter().map(|r| del(&t, r)).collect())]);
    let left = w.one("SELECT n, c, j FROM t ORDER BY n, c, j");
    // MySQL 5.7 shows a DOUBLE of JSON without its `.0`.
    assert_eq!(left.replace("7|a|1;", "7|a|1.0;"), "~|~|{};7|A|1;7|a|1.0;8|~|{};9|thrice|1;9|thrice|1");
}

/// The number of rows is right, the rows are not: one of them is missing, another is there once more.
fn wrong_rows(server: &PrivateServer) {
    let mut w = World::new(server, "wrong_rows");
    let t = w.table("t", "a BIGINT, b BIGINT", &[("a?", INT), ("b?", INT)], &[], false);
    let row = |n: i64| vec![i(n), i(n * 2)];
    let mut sink = w.sink();
    apply(&mut sink, vec![txn(1, (0..20).map(|n| ins(&t, row(n))).collect())]);
    w.run("DELETE FROM t WHERE a = 3");
    w.run("INSERT INTO t VALUES (4, 8)");
    let deletes = || txn(2, (0..10).map(|n| del(&t, row(n))).collect());
    sink.apply(deletes()).unwrap();
    let error = said(&sink.drain().unwrap_err());
    assert!(
        error.contains(
            "rows that the upstream deleted or changed are missing from `wrong_rows`.`t` on the target: 1 of 1"
        ),
        "{error}"
    );
    drop(sink);
    assert_eq!((w.one("SELECT COUNT(*) FROM t"), w.checkpoint()), ("20".to_owned(), START + 1));
    let mut sink = w.open(MysqlOptions { safe_mode: true, ..w.options() }).unwrap();
    apply(&mut sink, vec![deletes()]);
    assert_eq!(sink.totals().anomalies["`wrong_rows`.`t`"].missing, 1);
    assert_eq!(w.one("SELECT GROUP_CONCAT(a ORDER BY a) FROM t"), "4,10,11,12,13,14,15,16,17,18,19");
}

/// The last rows go first: row by row, each search reads what is left of the table.
fn quick(server: &PrivateServer) {
    let mut w = World::new(server, "quick_without_key");
    let t = w.table("t", "a BIGINT, b VARCHAR(40)", &[("a?", INT), ("b?", text())], &[], false);
    let row = |n: i64, b: &str| vec![i(n), s(b.repeat(30))];
    let mut sink = w.sink();
    apply(&mut sink, vec![txn(1, (0..4000).map(|n| ins(&t, row(n, "x"))).collect())]);
    let begin = std::time::Instant::now();
    apply(&mut sink, vec![txn(2, (0..4000).rev().map(|n| upd(&t, row(n, "x"), row(n, "y"))).collect())]);
    let taken = begin.elapsed();
    assert_eq!(w.one("SELECT COUNT(*), MIN(LEFT(b, 1)), COUNT(DISTINCT a) FROM t"), "4000|y|4000");
    assert!(taken < std::time::Duration::from_secs(20), "{taken:?}");
}
