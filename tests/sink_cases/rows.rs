//! Keys, their changes, and tables without one.

use tisync::model::{Kind, Row, Value};
use tisync::playground::mariadb::PrivateServer;
use tisync::sink::Sink;

use super::Case;
use super::world::*;

pub const CASES: &[(&str, Case)] = &[
    ("a multiset without a key", multiset),
    ("a nullable unique key does not identify, and may be swapped", nullable_unique),
    ("primary keys change and are swapped", primary_keys),
    ("t20_keys_that_a_collation_holds_for_equal_keep_their_order", collation_equal),
    ("t17_a_table_without_a_key_tells_letter_case_apart", exact_without_key),
    ("foreign keys neither fail nor cascade", foreign_keys),
    ("composite keys of dates, decimals, enums, years", composite),
    ("t16_a_row_that_is_missing_stops_the_run_and_safe_mode_goes_on", missing_row),
    ("a key that is taken stops the run, and safe mode goes on", taken_key),
    ("batches larger than one statement", many),
    ("a generated column that is out of its range bends as it did upstream", bent),
    ("t18_only_the_columns_of_the_event_are_written", columns_of_the_event),
];

fn multiset(server: &PrivateServer) {
    let mut w = World::new(server, "multiset");
    let t = w.table("t", "a BIGINT, b VARCHAR(9)", &[("a?", INT), ("b?", text())], &[], false);
    let mut sink = w.sink();
    let row = |b: &str| vec![i(1), s(b)];
    let null = || vec![Value::Null, Value::Null];
    apply(
        &mut sink,
        vec![txn(1, vec![ins(&t, row("x")), ins(&t, row("x")), ins(&t, row("x")), ins(&t, null()), ins(&t, null())])],
    );
    assert_eq!(w.one("SELECT COUNT(*), COUNT(a) FROM t"), "5|3");
    apply(&mut sink, vec![txn(2, vec![del(&t, row("x")), upd(&t, row("x"), row("y")), del(&t, null())])]);
    assert_eq!(w.one("SELECT a, b FROM t ORDER BY b"), "~|~;1|x;1|y");
    // Taken out and put back in one batch: nothing to do.
    apply(&mut sink, vec![txn(3, vec![del(&t, row("x")), ins(&t, row("x")), ins(&t, row("z")), del(&t, row("z"))])]);
    assert_eq!(w.one("SELECT a, b FROM t ORDER BY b"), "~|~;1|x;1|y");
    assert_eq!(sink.totals().rows(), 5 + 3 + 4);
}

fn nullable_unique(server: &PrivateServer) {
    let mut w = World::new(server, "nullable_unique");
    let columns = [("id", INT), ("u?", INT)];
    let t = w.table("t", "id BIGINT NOT NULL, u BIGINT, UNIQUE (u)", &columns, &[&[1]], false);
    let p = w.table("p", "id BIGINT PRIMARY KEY, u BIGINT, UNIQUE (u)", &columns, &[&[0], &[1]], true);
    let mut sink = w.sink();
    let row = |id, u: Option<i64>| vec![i(id), u.map_or(Value::Null, Value::Int)];
    let rows = |t| vec![ins(t, row(1, None)), ins(t, row(2, None)), ins(t, row(3, Some(30))), ins(t, row(4, Some(40)))];
    apply(&mut sink, vec![txn(1, [rows(&t), rows(&p)].concat())]);
    for n in 0..2 {
        // Within one transaction, through a NULL.
        let swap = |t| {
            vec![
                upd(t, row(3, Some(30)), row(3, None)),
                upd(t, row(4, Some(40)), row(4, Some(30))),
                upd(t, row(3, None), row(3, Some(40))),
            ]
        };
        let back = |t| {
            vec![
                upd(t, row(3, Some(40)), row(3, None)),
                upd(t, row(4, Some(30)), row(4, Some(40))),
                upd(t, row(3, None), row(3, Some(30))),
            ]
        };
        let both = if n == 0 { [swap(&t), swap(&p)] } else { [back(&t), back(&p)] };
        apply(&mut sink, vec![txn(2 + n, both.concat())]);
        let expected = if n == 0 { "1|~;2|~;3|40;4|30" } else { "1|~;2|~;3|30;4|40" };
        assert_eq!(w.one("SELECT * FROM t ORDER BY id"), expected);
        assert_eq!(w.one("SELECT * FROM p ORDER BY id"), expected);
    }
    apply(&mut sink, vec![txn(5, vec![del(&t, row(2, None))])]);
    assert_eq!(w.one("SELECT id FROM t ORDER BY id"), "1;3;4");
}

fn primary_keys(server: &PrivateServer) {
    let mut w = World::new(server, "primary_keys");
    let t = w.table("t", "id BIGINT PRIMARY KEY, v BIGINT", &[("id", INT), ("v?", INT)], &[&[0]], true);
    let mut sink = w.sink();
    let row = |id, v| vec![i(id), i(v)];
    apply(&mut sink, vec![txn(1, vec![ins(&t, row(1, 10)), ins(&t, row(2, 20)), ins(&t, row(3, 30))])]);
    let swap = vec![upd(&t, row(1, 10), row(9, 10)), upd(&t, row(2, 20), row(1, 20)), upd(&t, row(9, 10), row(2, 10))];
    apply(&mut sink, vec![txn(2, swap)]);
    assert_eq!(w.one("SELECT * FROM t ORDER BY id"), "1|20;2|10;3|30");
    // All ids move up by one, in one statement upstream.
    let shift = vec![upd(&t, row(3, 30), row(4, 30)), upd(&t, row(2, 10), row(3, 10)), upd(&t, row(1, 20), row(2, 20))];
    apply(&mut sink, vec![txn(3, shift)]);
    assert_eq!(w.one("SELECT * FROM t ORDER BY id"), "2|20;3|10;4|30");
    // Deleted and inserted again, several transactions in one batch.
    for (n, rows) in [vec![del(&t, row(2, 20))], vec![ins(&t, row(2, 21))], vec![upd(&t, row(2, 21), row(2, 22))]]
        .into_iter()
        .enumerate()
    {
        sink.apply(txn(4 + n as u64, rows)).unwrap();
    }
    sink.drain().unwrap();
    assert_eq!(w.one("SELECT * FROM t ORDER BY id"), "2|22;3|10;4|30");
}

fn collation_equal(server: &PrivateServer) {
    let mut w = World::new(server, "collation_equal");
    let ci = Kind::Text { charset: "utf8mb4".into(), collation: "utf8mb4_general_ci".into() };
    let sql = "k VARCHAR(20) COLLATE utf8mb4_general_ci PRIMARY KEY, v BIGINT";
    let t = w.table("t", sql, &[("k", ci), ("v?", INT)], &[&[0]], true);
    let mut sink = w.sink();
    let row = |k: &str, v| vec![s(k), i(v)];
    apply(&mut sink, vec![txn(1, vec![ins(&t, row("Aa", 1)), ins(&t, row("b", 2))])]);
    apply(
        &mut sink,
        vec![txn(2, vec![upd(&t, row("Aa", 1), row("aA", 1)), del(&t, row("b", 2)), ins(&t, row("B", 3))])],
    );
    assert_eq!(w.one("SELECT k, v FROM t ORDER BY v"), "aA|1;B|3");
    // There and back again in one batch.
    apply(
        &mut sink,
        vec![txn(
            3,
            vec![
                upd(&t, row("aA", 1), row("AA", 1)),
                upd(&t, row("AA", 1), row("aA", 1)),
                del(&t, row("B", 3)),
                ins(&t, row("b", 3)),
                del(&t, row("b", 3)),
            ],
        )],
    );
    assert_eq!(w.one("SELECT k, v FROM t ORDER BY v"), "aA|1");
}

fn exact_without_key(server: &PrivateServer) {
    let mut w = World::new(server, "exact_without_key");
    let ci = Kind::Text { charset: "utf8mb4".into(), collation: "utf8mb4_general_ci".into() };
    let t = w.table("t", "c VARCHAR(20) COLLATE utf8mb4_general_ci", &[("c?", ci)], &[], false);
    let mut sink = w.sink();
    let rows = |f: fn(&_, Row) -> _, list: &[&str]| list.iter().map(|c| f(&t, vec![s(c)])).collect::<Vec<_>>();
    apply(&mut sink, vec![txn(1, rows(ins, &["a", "A", "a ", "á"]))]);
    apply(&mut sink, vec![txn(2, rows(del, &["A", "a "]))]);
    assert_eq!(w.one("SELECT HEX(c) FROM t ORDER BY 1"), "61;C3A1");
    sink.apply(txn(3, rows(del, &["A"]))).unwrap();
    assert!(sink.drain().is_err());
}

fn foreign_keys(server: &PrivateServer) {
    let mut w = World::new(server, "foreign_keys");
    let p = w.table("p", "id BIGINT PRIMARY KEY", &[("id", INT)], &[&[0]], true);
    let sql =
        "id BIGINT PRIMARY KEY, pid BIGINT, FOREIGN KEY (pid) REFERENCES p(id) ON DELETE CASCADE ON UPDATE CASCADE";
    let c = w.table("c", sql, &[("id", INT), ("pid?", INT)], &[&[0]], true);
    let mut sink = w.sink();
    // The child comes first, and the parent only in a later transaction.
    apply(
        &mut sink,
        vec![txn(1, vec![ins(&c, vec![i(1), i(10)]), ins(&c, vec![i(2), i(10)])]), txn(2, vec![ins(&p, vec![i(10)])])],
    );
    // The stream carries the cascade of row 1; row 2 was moved away in the same transaction.
    apply(
        &mut sink,
        vec![txn(
            3,
            vec![del(&p, vec![i(10)]), del(&c, vec![i(1), i(10)]), upd(&c, vec![i(2), i(10)], vec![i(2), Value::Null])],
        )],
    );
    assert_eq!(w.one("SELECT * FROM c"), "2|~");
    apply(
        &mut sink,
        vec![
            txn(4, vec![ins(&p, vec![i(5)]), upd(&c, vec![i(2), Value::Null], vec![i(2), i(5)])]),
            txn(5, vec![del(&p, vec![i(5)])]),
        ],
    );
    assert_eq!(w.one("SELECT * FROM c"), "2|5");
}

fn composite(server: &PrivateServer) {
    let mut w = World::new(server, "composite");
    let kinds = [
        ("y", Kind::Year),
        ("d", Kind::Decimal { precision: 10, scale: 2 }),
        ("e", Kind::Enum { elements: vec!["m".into(), "n".into()] }),
        ("f", Kind::Float),
        ("v?", INT),
    ];
    let sql = "y YEAR, d DECIMAL(10,2), e ENUM('m','n'), f FLOAT, v BIGINT, PRIMARY KEY (y, d, e, f)";
    let t = w.table("t", sql, &kinds, &[&[0, 1, 2, 3]], true);
    let y = w.table("y", "y YEAR PRIMARY KEY", &[("y", Kind::Year)], &[&[0]], true);
    let mut sink = w.sink();
    let row = |y, d, e, v| vec![i(y), dec(d), Value::Enum(e), Value::Float(0.3), i(v)];
    let first = vec![
        ins(&t, row(0, "1.50", 1, 1)),
        ins(&t, row(2000, "1.50", 1, 2)),
        ins(&t, row(0, "-1.50", 2, 3)),
        ins(&y, vec![i(0)]),
        ins(&y, vec![i(2000)]),
    ];
    apply(&mut sink, vec![txn(1, first)]);
    apply(
        &mut sink,
        vec![txn(
            2,
            vec![
                upd(&t, row(0, "1.50", 1, 1), row(0, "1.50", 1, 11)),
                del(&t, row(0, "-1.50", 2, 3)),
                del(&y, vec![i(0)]),
            ],
        )],
    );
    assert_eq!(w.one("SELECT y, v FROM t ORDER BY y"), "0000|11;2000|2");
    assert_eq!(w.one("SELECT y FROM y"), "2000");
}

fn missing_row(server: &PrivateServer) {
    let mut w = World::new(server, "missing_row");
    let t = w.table("t", "id BIGINT PRIMARY KEY, v BIGINT", &[("id", INT), ("v?", INT)], &[&[0]], true);
    let row = |id, v| vec![i(id), i(v)];
    let mut sink = w.sink();
    apply(&mut sink, vec![txn(1, vec![ins(&t, row(1, 1)), ins(&t, row(2, 2))])]);
    w.run("DELETE FROM t WHERE id = 2");
    sink.apply(txn(2, vec![ins(&t, row(3, 3)), upd(&t, row(2, 2), row(2, 5)), del(&t, row(1, 1))])).unwrap();
    let error = sink.drain().unwrap_err();
    insta::assert_snapshot!(still(&said(&error)), @r##"
    cannot apply the transaction of commit ts # (#-#-# #:#:#.# UTC, #d #h ago): rows that the upstream deleted or changed are missing from `missing_row`.`t` on the target: # of #
    => the target differs from the upstream: was it written to by something else, or loaded from a backup that does not match the start ts? Or does TiDB hold something other than its stream says, as after UPDATE IGNORE on a taken key, or a failed statement inside a cascading foreign key? Nothing of the transaction was applied. Repair the table, or continue with --on-conflict count, which makes the target's rows match the upstream and counts them
    "##);
    assert!(sink.apply(txn(3, vec![])).is_err(), "the first error is final");
    assert_eq!(sink.position().unwrap().0, START + 1);
    drop(sink);
    assert_eq!((w.one("SELECT * FROM t"), w.checkpoint()), ("1|1".to_owned(), START + 1));
    let mut sink = w.open(tisync::sink::mysql::MysqlOptions { safe_mode: true, ..w.options() }).unwrap();
    apply(&mut sink, vec![txn(2, vec![ins(&t, row(3, 3)), upd(&t, row(2, 2), row(2, 5)), del(&t, row(1, 1))])]);
    assert_eq!(w.one("SELECT * FROM t ORDER BY id"), "2|5;3|3");
    assert_eq!(sink.totals().anomalies["`missing_row`.`t`"].missing, 1);
    assert!(w.noted("`missing_row`.`t`: rows to delete or change that were missing: 1"));
}

fn taken_key(server: &PrivateServer) {
    let mut w = World::new(server, "taken_key");
    let t = w.table("t", "id BIGINT PRIMARY KEY, v BIGINT", &[("id", INT), ("v?", INT)], &[&[0]], true);
    w.run("INSERT INTO t VALUES (7, 0)");
    let mut sink = w.sink();
    sink.apply(txn(1, vec![ins(&t, vec![i(7), i(1)])])).unwrap();
    let error = said(&sink.drain().unwrap_err());
    assert!(error.contains("inserting 1 row into `taken_key`.`t`: error 1062 (23000): Duplicate entry '7'"), "{error}");
    assert!(error.contains("--safe-mode"), "{error}");
    drop(sink);
    assert_eq!((w.one("SELECT * FROM t"), w.checkpoint()), ("7|0".to_owned(), 0));
    let mut sink = w.open(tisync::sink::mysql::MysqlOptions { safe_mode: true, ..w.options() }).unwrap();
    apply(&mut sink, vec![txn(1, vec![ins(&t, vec![i(7), i(1)])])]);
    assert_eq!(w.one("SELECT * FROM t"), "7|1");
}

fn many(server: &PrivateServer) {
    let mut w = World::new(server, "many");
    let columns = [("a", INT), ("b", text()), ("v?", text())];
    let t = w.table("t", "a BIGINT, b VARCHAR(20), v TEXT, PRIMARY KEY (a, b)", &columns, &[&[0, 1]], true);
    let p = w.table("p", "a BIGINT PRIMARY KEY, b VARCHAR(20), v TEXT", &columns, &[&[0]], true);
    let mut sink = w.sink();
    let row = |n: i64, v: &str| vec![i(n), s(format!("k'{n}")), s(v.repeat(300))];
    let each = |f: &dyn Fn(i64) -> Vec<tisync::model::RowChange>| (0..7001).flat_map(f).collect::<Vec<_>>();
    // One transaction of 14,002 rows is one batch: it becomes visible at once.
    apply(&mut sink, vec![txn(1, each(&|n| vec![ins(&t, row(n, "x")), ins(&p, row(n, "x"))]))]);
    assert_eq!(w.one("SELECT COUNT(*), SUM(LENGTH(v)) FROM t"), "7001|2100300");
    apply(&mut sink, vec![txn(2, each(&|n| vec![upd(&t, row(n, "x"), row(n, "y")), del(&p, row(n, "x"))]))]);
    assert_eq!(w.one("SELECT COUNT(*), MIN(LEFT(v, 1)), SUM(a) FROM t"), "7001|y|24503500");
    assert_eq!(w.one("SELECT COUNT(*) FROM p"), "0");
}

/// While a column is on its way out, rows lack it: what is there must neither become NULL nor go to the default.
fn columns_of_the_event(server: &PrivateServer) {
    let mut w = World::new(server, "columns_of_the_event");
    let columns = [("id", INT), ("v?", INT), ("w?", INT)];
    let t = w.table("t", "id BIGINT PRIMARY KEY, v BIGINT DEFAULT 5, w BIGINT", &columns, &[&[0]], true);
    let mut sink = w.sink();
    let without = |id, n| vec![i(id), Value::Absent, i(n)];
    let with = |id, v, n| vec![i(id), i(v), i(n)];
    apply(&mut sink, vec![txn(1, vec![ins(&t, with(1, 10, 1)), ins(&t, without(2, 2)), ins(&t, with(3, 30, 3))])]);
    assert_eq!(w.one("SELECT * FROM t ORDER BY id"), "1|10|1;2|5|2;3|30|3");
    let updates = vec![upd(&t, without(1, 1), without(1, 11)), upd(&t, without(3, 3), without(3, 33))];
    apply(&mut sink, vec![txn(2, updates), txn(3, vec![del(&t, without(2, 2))])]);
    assert_eq!(w.one("SELECT * FROM t ORDER BY id"), "1|10|11;3|30|33");
}

/// A session without strict mode has written them there. What the stream brings must still arrive as it is.
fn bent(server: &PrivateServer) {
    let mut w = World::new(server, "bent");
    let columns = [("id", INT), ("a?", INT), ("g?=", INT)];
    let sql = "id BIGINT PRIMARY KEY, a BIGINT, g TINYINT AS (a * 100) STORED";
    let t = w.table("t", sql, &columns, &[&[0]], true);
    let n = w.table("n", &sql.replace(" PRIMARY KEY", ""), &columns, &[], false);
    let mut sink = w.sink();
    let row = |id, a| vec![i(id), i(a), Value::Absent];
    for (ts, table) in [(1, &t), (11, &n)] {
        apply(&mut sink, vec![txn(ts, vec![ins(table, row(1, 1)), ins(table, row(2, 5)), ins(table, row(3, -9))])]);
        apply(
            &mut sink,
            vec![txn(
                ts + 1,
                vec![upd(table, row(1, 1), row(1, 6)), upd(table, row(2, 5), row(2, 7)), del(table, row(3, -9))],
            )],
        );
        apply(&mut sink, vec![txn(ts + 2, vec![upd(table, row(1, 6), row(4, 8))])]);
        assert_eq!(w.one(&format!("SELECT * FROM {} ORDER BY id", table.name)), "2|7|127;4|8|127");
        assert_eq!(w.one("SELECT @@GLOBAL.sql_mode LIKE '%STRICT_TRANS%'"), "1");
    }
    // A narrower column of the target: nothing of it is there.
    w.run("SET SESSION sql_mode = ''");
    w.run("ALTER TABLE t MODIFY a TINYINT");
    sink.apply(txn(31, vec![ins(&t, row(5, 500))])).unwrap();
    let refused = said(&sink.drain().unwrap_err());
    assert!(refused.contains("Out of range value for column 'a'"), "{refused}");
    assert_eq!(w.one("SELECT id FROM t ORDER BY id"), "2;4");
}
