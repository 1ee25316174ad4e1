//! Mode 2: columns that the target lacks are left out, its own are left alone.

use std::sync::Arc;

use crate::common::server::Dialect;
use tisync::model::{Kind, RowChange, Table, Value};
use tisync::playground::mariadb::PrivateServer;
use tisync::sink::Sink;
use tisync::sink::mysql::{Mode, MysqlOptions, MysqlSink};

use super::Case;
use super::mode::{ID_V, row};
use super::world::*;

pub const CASES: &[(&str, Case)] = &[
    ("t14_mode_2_leaves_columns_out_and_counts_it", left_out),
    ("mode 2 keeps the target's own columns through every kind of update", kept),
    ("mode 2 keeps the target's own columns without a key and in safe mode", kept_otherwise),
    ("mode 2 gives new rows zero values under strict mode", zeros),
    ("mode 2 goes on when the target's definition changes by hand", changed_by_hand),
    ("mode 2 refuses a table whose rows it could not find", no_way_to_find),
    ("mode 2 orders by unique keys that only the target has", more_keys),
    ("mode 2 sends elements of ENUM and SET by name", by_name),
    ("mode 2 takes a definition with every change of the upstream's", after_ddl),
    ("mode 2 takes a large transaction apart as well", large),
    ("mode 2 is the model, whatever the target's own columns", model),
];

fn partial(w: &World) -> MysqlSink {
    w.open(MysqlOptions { mode: Mode::Partial, ..w.options() }).unwrap()
}

fn left_out(server: &PrivateServer) {
    let mut w = World::new(server, "left_out");
    let columns = [("id", INT), ("v?", INT), ("gone?", text()), ("g=", INT)];
    let t = w.table("t", "v BIGINT, id BIGINT PRIMARY KEY", &columns, &[&[0]], true);
    let u = w.table("u", "id BIGINT PRIMARY KEY, v BIGINT", &ID_V, &[&[0]], true);
    let full = |id, v, gone: &str| vec![i(id), i(v), s(gone), Value::Absent];
    let mut sink = partial(&w);
    sink.prepare([&t, &u].into_iter()).unwrap();
    apply(&mut sink, vec![txn(1, vec![ins(&t, full(1, 10, "x")), ins(&t, full(2, 20, "x")), ins(&u, row(1, 1))])]);
    apply(
        &mut sink,
        vec![
            txn(2, vec![upd(&t, full(1, 10, "x"), full(1, 11, "y")), upd(&t, full(2, 20, "x"), full(2, 20, "y"))]),
            txn(3, vec![del(&t, full(2, 20, "y"))]),
        ],
    );
    assert_eq!(w.one("SELECT id, v FROM t"), "1|11");
    let totals = sink.totals();
    assert_eq!(totals.narrowed, [("`left_out`.`t`".to_owned(), 5)].into());
    assert_eq!((totals.inserts, totals.updates, totals.deletes), (3, 2, 1));
    let says = "`left_out`.`t`, --sync-mode 2: left out because the target lacks them: `gone`";
    assert_eq!(w.notes.lock().unwrap().iter().filter(|n| n.contains("--sync-mode 2")).collect::<Vec<_>>(), [says]);
}

/// Rows with a column of the target's own, whose values tell which row is which.
fn kept(server: &PrivateServer) {
    let mut w = World::new(server, "kept");
    let sql = "id BIGINT PRIMARY KEY, v BIGINT UNIQUE, own VARCHAR(9) DEFAULT 'new'";
    let t = w.table("t", sql, &ID_V, &[&[0], &[1]], true);
    let mut sink = partial(&w);
    sink.prepare([&t].into_iter()).unwrap();
    apply(&mut sink, vec![txn(1, (1..=4).map(|n| ins(&t, row(n, n * 10))).collect())]);
    w.run("UPDATE t SET own = CONCAT('r', id)");
    // The primary keys of 1 and 2 are swapped, the unique ones of 3 and 4 through a NULL.
    let null = |id| vec![i(id), Value::Null];
    let changes = vec![
        upd(&t, row(1, 10), row(9, 10)),
        upd(&t, row(2, 20), row(1, 20)),
        upd(&t, row(9, 10), row(2, 10)),
        upd(&t, row(3, 30), null(3)),
        upd(&t, row(4, 40), row(4, 30)),
        upd(&t, null(3), row(3, 40)),
        ins(&t, row(5, 50)),
    ];
    apply(&mut sink, vec![txn(2, changes)]);
    assert_eq!(w.one("SELECT * FROM t ORDER BY id"), "1|20|r2;2|10|r1;3|40|r3;4|30|r4;5|50|new");
    // Moved up by one, from the last on; the last is gone in the same batch.
    for (n, changes) in [
        vec![del(&t, row(5, 50))],
        vec![upd(&t, row(4, 30), row(5, 30))],
        vec![upd(&t, row(3, 40), row(4, 40)), upd(&t, row(2, 10), row(3, 10)), upd(&t, row(1, 20), row(2, 21))],
        vec![del(&t, row(5, 30)), ins(&t, row(5, 30))],
    ]
    .into_iter()
    .enumerate()
    {
        sink.apply(txn(3 + n as u64, changes)).unwrap();
    }
    sink.drain().unwrap();
    assert_eq!(w.one("SELECT * FROM t ORDER BY id"), "2|21|r2;3|10|r1;4|40|r3;5|30|new");
    assert!(w.noted("`own` keeps its value, or gets its default in new rows"));
    // A row that is not there is noticed as ever, and one that has the new image already is not taken for it.
    w.run("UPDATE t SET v = 22 WHERE id = 2");
    apply(&mut sink, vec![txn(8, vec![upd(&t, row(2, 21), row(2, 22))])]);
    sink.apply(txn(9, vec![upd(&t, row(7, 0), row(7, 1))])).unwrap();
    let error = said(&sink.drain().unwrap_err());
    assert!(
        error.contains("rows that the upstream deleted or changed are missing from `kept`.`t` on the target: 1 of 1"),
        "{error}"
    );
}

fn kept_otherwise(server: &PrivateServer) {
    let mut w = World::new(server, "kept_otherwise");
    let columns = [("a?", INT), ("f?", Kind::Float), ("j?", Kind::Json)];
    let t = w.table("t", "a BIGINT, f FLOAT, j JSON, own INT AUTO_INCREMENT UNIQUE", &columns, &[], false);
    let image = |a, text| vec![i(a), Value::Float(0.1), json(text)];
    let mut sink = partial(&w);
    let same = || ins(&t, image(1, "{\"a\": 1}"));
    apply(&mut sink, vec![txn(1, vec![same(), same(), ins(&t, image(2, "null"))])]);
    w.run("UPDATE t SET j = '{\"a\":1}' WHERE own = 1");
    apply(
        &mut sink,
        vec![txn(2, vec![upd(&t, image(1, "{\"a\": 1}"), image(3, "[]")), upd(&t, image(2, "null"), image(4, "2"))])],
    );
    assert_eq!(w.one("SELECT own, a FROM t ORDER BY own"), "1|3;2|1;3|4");
    // In safe mode a row that is there is changed, not replaced; what stands in its way goes.
    let p = w.table("p", "id BIGINT PRIMARY KEY, v BIGINT UNIQUE, own INT DEFAULT 7", &ID_V, &[&[0], &[1]], true);
    w.run("INSERT INTO p VALUES (1, 10, 1), (2, 20, 2), (3, 30, 3)");
    drop(sink);
    let options = MysqlOptions { mode: Mode::Partial, safe_mode: true, ..w.options() };
    let mut sink = w.open(options).unwrap();
    let changes = vec![
        ins(&p, row(1, 11)),
        ins(&p, row(4, 20)),
        upd(&p, row(3, 30), row(5, 30)),
        upd(&p, row(8, 80), row(9, 90)),
        del(&p, row(6, 60)),
    ];
    apply(&mut sink, vec![txn(3, changes)]);
    assert_eq!(w.one("SELECT * FROM p ORDER BY id"), "1|11|1;4|20|7;5|30|3;9|90|7");
    let odd = sink.totals().anomalies["`kept_otherwise`.`p`"];
    assert_eq!((odd.missing, odd.duplicate), (2, 2));
}

fn zeros(server: &PrivateServer) {
    let mut w = World::new(server, "zeros");
    let mysql = Dialect::of(server).mysql;
    // MySQL has no type for these.
    let (uuid, no_uuid) =
        if mysql { ("BINARY(3)", "\0\0\0") } else { ("UUID", "00000000-0000-0000-0000-000000000000") };
    // By its own sql_mode, a MySQL takes no zero dates from others.
    let day = if mysql { "1000-01-01" } else { "0000-00-00" };
    let own = "n INT NOT NULL, d DECIMAL(5,2) NOT NULL, f DOUBLE NOT NULL, c VARCHAR(5) NOT NULL, b BLOB NOT NULL, dt DATE NOT NULL, \
         at DATETIME(3) NOT NULL, tm TIME NOT NULL, y YEAR NOT NULL, e ENUM('x','y') NOT NULL, st SET('p') NOT NULL, bi BIT(3) NOT NULL, \
         j JSON NOT NULL, u {uuid} NOT NULL, nul INT, def INT NOT NULL DEFAULT 5, num INT AUTO_INCREMENT NOT NULL UNIQUE"
        .replace("{uuid}", uuid);
    let t = w.table("t", &format!("id BIGINT PRIMARY KEY, v BIGINT, {own}"), &ID_V, &[&[0]], true);
    let mut sink = partial(&w);
    sink.prepare([&t].into_iter()).unwrap();
    apply(&mut sink, vec![txn(1, vec![ins(&t, row(1, 1)), ins(&t, row(2, 2))])]);
    let rows = w.one("SELECT n, d, f, c, b, dt, at, tm, y, e, st, bi + 0, j, u, nul, def, num FROM t");
    let zero = format!("0|0.00|0|||{day}|{day} 00:00:00.000|00:00:00|0000|x||0|null|{no_uuid}|~|5");
    assert_eq!(rows, format!("{zero}|1;{zero}|2"));
    assert!(w.noted("`e` keeps its value, or gets 'x' in new rows") && !w.noted("could not be tested"));
    // Strict mode stays on: what does not fit is an error, not a shorter value.
    let columns = [("id", INT), ("c?", text())];
    let u = w.table("u", "id BIGINT PRIMARY KEY, c VARCHAR(3), own INT NOT NULL", &columns, &[&[0]], true);
    sink.apply(txn(2, vec![ins(&u, vec![i(1), s("long")])])).unwrap();
    let error = said(&sink.drain().unwrap_err());
    assert!(error.contains("error 1406") && w.one("SELECT COUNT(*) FROM u") == "0", "{error}");
}

fn changed_by_hand(server: &PrivateServer) {
    let mut w = World::new(server, "changed_by_hand");
    let t = w.table("t", "id BIGINT PRIMARY KEY, v BIGINT", &ID_V, &[&[0]], true);
    let mut sink = partial(&w);
    apply(&mut sink, vec![txn(1, vec![ins(&t, row(1, 1))])]);
    w.run("ALTER TABLE t DROP v, ADD own INT NOT NULL");
    apply(&mut sink, vec![txn(2, vec![ins(&t, row(2, 2)), upd(&t, row(1, 1), row(1, 5))])]);
    assert_eq!(w.one("SELECT id, own FROM t ORDER BY id"), "1|0;2|0");
    w.run("ALTER TABLE t ADD must VARCHAR(3) NOT NULL");
    apply(&mut sink, vec![txn(3, vec![ins(&t, row(3, 3))])]);
    assert_eq!(w.one("SELECT id, own, must FROM t ORDER BY id"), "1|0|;2|0|;3|0|");
    assert!(w.noted("left out because the target lacks them: `v`"));
    // One error is final where nothing has changed: no endless tries.
    w.run("CREATE TRIGGER small BEFORE INSERT ON t FOR EACH ROW IF NEW.id > 3 THEN SIGNAL SQLSTATE '45000'; END IF");
    sink.apply(txn(4, vec![ins(&t, row(4, 4))])).unwrap();
    let error = said(&sink.drain().unwrap_err());
    assert!(error.contains("error 1644"), "{error}");
}

fn no_way_to_find(server: &PrivateServer) {
    let mut w = World::new(server, "no_way_to_find");
    let a = w.table("a", "v BIGINT", &ID_V, &[&[0]], true);
    let b = w.table("b", "id BIGINT, v BIGINT", &ID_V, &[&[0]], true);
    // Only the second of its keys is there, which is as good.
    let c = w.table(
        "c",
        "u BIGINT NOT NULL UNIQUE, v BIGINT",
        &[("id", INT), ("u", INT), ("v?", INT)],
        &[&[0], &[1]],
        true,
    );
    let one = w.table("one", "id BIGINT PRIMARY KEY, v BIGINT, own INT NOT NULL UNIQUE", &ID_V, &[&[0]], true);
    let mut sink = partial(&w);
    let error = said(&sink.prepare([&a, &b, &c, &one].into_iter()).unwrap_err());
    insta::assert_snapshot!(error, @r"
    3 problems on the target prevent the start:
      `no_way_to_find`.`a` has no unique key by which to find its rows: upstream it is (`id`), and the target lacks that key or one of its columns
      `no_way_to_find`.`b` has no unique key by which to find its rows: upstream it is (`id`), and the target lacks that key or one of its columns
      `no_way_to_find`.`one` has a unique key over (`own`) only, which the upstream does not have: all new rows would get the same value
    => load the backup that belongs to the start ts, or make the target match the upstream; --allow-missing continues without tables that the stream will not touch
    ");
    let image = |id, u, v| vec![i(id), i(u), i(v)];
    apply(&mut sink, vec![txn(1, vec![ins(&c, image(1, 5, 1)), ins(&c, image(2, 6, 1))])]);
    apply(&mut sink, vec![txn(2, vec![upd(&c, image(1, 5, 1), image(1, 5, 2)), del(&c, image(2, 6, 1))])]);
    assert_eq!(w.one("SELECT * FROM c"), "5|2");
}

fn more_keys(server: &PrivateServer) {
    let mut w = World::new(server, "more_keys");
    let t = w.table("t", "id BIGINT PRIMARY KEY, v BIGINT UNIQUE", &ID_V, &[&[0]], true);
    let options = MysqlOptions { mode: Mode::Partial, workers: Some(8), batch_rows: Some(1), ..w.options() };
    let mut sink = w.open(options).unwrap();
    // One value goes from row to row: without an order among them, two would meet.
    let mut txns = vec![txn(1, vec![ins(&t, row(0, 0))])];
    for n in 1..200_i64 {
        txns.push(txn(n as u64 * 2, vec![del(&t, row(n - 1, 0))]));
        txns.push(txn(n as u64 * 2 + 1, vec![ins(&t, row(n, 0))]));
    }
    for txn in txns {
        sink.apply(txn).unwrap();
    }
    sink.drain().unwrap();
    assert_eq!(w.one("SELECT * FROM t"), "199|0");
    assert!(w.noted("a unique key over (`v`) exists only on the target, and is used to keep rows in order"));
}

fn by_name(server: &PrivateServer) {
    let mut w = World::new(server, "by_name");
    let list = |l: &[&str]| l.iter().map(|e| (*e).to_owned()).collect::<Vec<_>>();
    let columns = [
        ("id", INT),
        ("e?", Kind::Enum { elements: list(&["a", "b", "c"]) }),
        ("st?", Kind::Set { elements: list(&["p", "q", "r"]) }),
    ];
    let t = w.table("t", "id BIGINT PRIMARY KEY, e ENUM('c','a'), st SET('r','x','p')", &columns, &[&[0]], true);
    let image = |id, e, st| vec![i(id), Value::Enum(e), Value::Set(st)];
    let mut sink = partial(&w);
    apply(&mut sink, vec![txn(1, vec![ins(&t, image(1, 1, 0b101)), ins(&t, image(2, 3, 0)), ins(&t, image(3, 0, 1))])]);
    assert_eq!(w.one("SELECT * FROM t ORDER BY id"), "1|a|r,p;2|c|;3||p");
    sink.apply(txn(2, vec![ins(&t, image(4, 2, 0))])).unwrap();
    let error = said(&sink.drain().unwrap_err());
    assert!(error.contains("an element in column `e` of `by_name`.`t` that the target's definition lacks"), "{error}");
    assert!(error.contains("cannot apply") && error.contains("commit ts"), "{error}");
}

fn after_ddl(server: &PrivateServer) {
    let mut w = World::new(server, "after_ddl");
    let t = w.table("t", "id BIGINT PRIMARY KEY, own INT DEFAULT 3", &ID_V, &[&[0]], true);
    let mut sink = partial(&w);
    apply(&mut sink, vec![txn(1, vec![ins(&t, row(1, 1))])]);
    let wide = define("after_ddl", "t", &[("id", INT), ("v?", INT), ("w?", INT)], &[&[0]], true);
    apply(
        &mut sink,
        vec![
            ddl(2, 5, "after_ddl", "ALTER TABLE t ADD w BIGINT", &[&t], &[&wide]),
            txn(
                3,
                vec![
                    ins(&wide, vec![i(2), i(2), i(22)]),
                    upd(&wide, vec![i(1), i(1), Value::Null], vec![i(1), i(1), i(11)]),
                ],
            ),
        ],
    );
    assert_eq!(w.one("SELECT id, own, w FROM t ORDER BY id"), "1|3|11;2|3|22");
    let own = define("after_ddl", "n", &ID_V, &[&[0]], true);
    apply(
        &mut sink,
        vec![
            ddl(4, 3, "after_ddl", "CREATE TABLE n (id BIGINT PRIMARY KEY, v BIGINT)", &[], &[&own]),
            txn(5, vec![ins(&own, row(1, 1))]),
        ],
    );
    assert_eq!(w.one("SELECT * FROM n"), "1|1");
}

fn large(server: &PrivateServer) {
    let mut w = World::new(server, "large_partial");
    let t = w.table("t", "id BIGINT PRIMARY KEY, own INT NOT NULL", &ID_V, &[&[0]], true);
    let options = MysqlOptions { mode: Mode::Partial, max_txn_rows: Some(10), ..w.options() };
    let mut sink = w.open(options).unwrap();
    apply(&mut sink, vec![txn(1, (0..25).map(|n| ins(&t, row(n, n))).collect())]);
    w.run("UPDATE t SET own = id");
    apply(&mut sink, vec![txn(2, (0..25).map(|n| upd(&t, row(n, n), row(n + 100, n))).collect())]);
    assert_eq!(w.one("SELECT COUNT(*), SUM(id = own + 100) FROM t"), "25|25");
    assert_eq!(sink.totals().narrowed.values().sum::<u64>(), 50);
}

/// Random transactions on keyed rows against a map that keeps what the target knows of each.
fn model(server: &PrivateServer) {
    let mut w = World::new(server, "partial_model");
    let sql = "id BIGINT PRIMARY KEY, v BIGINT, own BIGINT AUTO_INCREMENT NOT NULL UNIQUE";
    let t: Arc<Table> = w.table("t", sql, &ID_V, &[&[0]], true);
    let options = MysqlOptions { mode: Mode::Partial, workers: Some(4), batch_rows: Some(8), ..w.options() };
    let mut sink = w.open(options).unwrap();
    let mut seed = 20_u64;
    let mut below = |end: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % end
    };
    let mut truth: std::collections::BTreeMap<i64, i64> = (0..12).map(|n| (n, n)).collect();
    apply(&mut sink, vec![txn(1, (0..12).map(|n| ins(&t, row(n, n))).collect())]);
    // What only the target knows is the first value of each row.
    w.run("UPDATE t SET own = v + 1000");
    let mut first: std::collections::BTreeMap<i64, i64> = truth.clone();
    for n in 2..400_u64 {
        let mut changes: Vec<RowChange> = Vec::new();
        for _ in 0..=below(4) {
            let ids: Vec<i64> = truth.keys().copied().collect();
            let id = ids[usize::try_from(below(ids.len() as u64)).unwrap()];
            let (new_id, new_v) = (below(40).cast_signed(), below(90).cast_signed());
            let target = if truth.contains_key(&new_id) { id } else { new_id };
            let v = truth.remove(&id).unwrap();
            truth.insert(target, new_v);
            let own = first.remove(&id).unwrap();
            first.insert(target, own);
            changes.push(upd(&t, row(id, v), row(target, new_v)));
        }
        sink.apply(txn(n, changes)).unwrap();
    }
    sink.drain().unwrap();
    let expected: Vec<String> = truth.iter().map(|(id, v)| format!("{id}|{v}|{}", first[id] + 1000)).collect();
    assert_eq!(w.rows("SELECT * FROM t ORDER BY id"), expected);
}
