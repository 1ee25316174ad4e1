//! Columns that are not the same on both sides: an error in mode 1 (mode 2 is in `partial`).

use tisync::model::{Kind, Row};
use tisync::playground::mariadb::PrivateServer;
use tisync::sink::Sink;

use super::Case;
use super::world::*;

pub const CASES: &[(&str, Case)] = &[
    ("t14_a_column_that_the_target_lacks_is_an_error_and_never_dropped", lacking),
    ("t14_a_column_that_only_the_target_has_is_an_error", extra),
    ("t14_columns_that_differ_at_the_first_row_or_after_a_ddl_are_named", later),
    ("t14_a_column_dropped_by_hand_during_a_run_is_named", dropped_by_hand),
];

pub fn row(id: i64, v: i64) -> Row {
    vec![i(id), i(v)]
}

pub const ID_V: [(&str, Kind); 2] = [("id", INT), ("v?", INT)];

fn lacking(server: &PrivateServer) {
    let mut w = World::new(server, "lacking");
    // More columns upstream than there: Drainer would drop the extra one without a word.
    let t = w.table("t", "id BIGINT PRIMARY KEY", &ID_V, &[&[0]], true);
    let error = said(&w.sink().prepare([&t].into_iter()).unwrap_err());
    assert!(error.contains("`lacking`.`t` has no column `v` (--sync-mode 2 would leave it out)"), "{error}");
    assert!(error.contains("--sync-mode 2 with other columns"), "{error}");
    // Without a look before, the first row shows it.
    let mut sink = w.sink();
    let error = said(&sink.apply(txn(1, vec![ins(&t, row(1, 1))])).unwrap_err());
    assert!(
        error.contains("`lacking`.`t` has no column `v`") && error.contains("nothing was dropped silently"),
        "{error}"
    );
    assert_eq!((w.one("SELECT COUNT(*) FROM t"), w.checkpoint()), ("0".to_owned(), 0));
}

fn extra(server: &PrivateServer) {
    let mut w = World::new(server, "extra");
    let t = w.table("t", "id BIGINT PRIMARY KEY, v BIGINT, own INT NULL, need INT NOT NULL", &ID_V, &[&[0]], true);
    let error = said(&w.sink().prepare([&t].into_iter()).unwrap_err());
    insta::assert_snapshot!(error, @r"
    2 problems on the target prevent the start:
      `extra`.`t` has a column `need` that the upstream does not have (--sync-mode 2 would keep its values, and give new rows the zero value of its type)
      `extra`.`t` has a column `own` that the upstream does not have (--sync-mode 2 would keep its values, and give new rows its default)
    => load the backup that belongs to the start ts, or make the target match the upstream; --allow-missing continues without tables that the stream will not touch, --sync-mode 2 with other columns
    ");
    // Another order of the columns is no difference.
    let u = w.table("u", "v BIGINT, id BIGINT PRIMARY KEY", &ID_V, &[&[0]], true);
    let mut sink = w.sink();
    sink.prepare([&u].into_iter()).unwrap();
    apply(&mut sink, vec![txn(1, vec![ins(&u, row(1, 2))])]);
    assert_eq!(w.one("SELECT id, v FROM u"), "1|2");
    // Elements that only come behind are none either; others are.
    let e =
        |list: &[&str]| [("id", INT), ("e?", Kind::Enum { elements: list.iter().map(|e| (*e).to_owned()).collect() })];
    let more = w.table("more", "id BIGINT PRIMARY KEY, e ENUM('a','b','c')", &e(&["a", "b"]), &[&[0]], true);
    let other = w.table("other", "id BIGINT PRIMARY KEY, e ENUM('b','a')", &e(&["a", "b"]), &[&[0]], true);
    sink.prepare([&more].into_iter()).unwrap();
    let error = said(&sink.prepare([&other].into_iter()).unwrap_err());
    assert!(
        error.contains("column `e` of `extra`.`other` has different elements on the target, (b, a) instead of (a, b)"),
        "{error}"
    );
}

fn later(server: &PrivateServer) {
    let mut w = World::new(server, "later");
    let t = w.table("t", "id BIGINT PRIMARY KEY, v BIGINT", &ID_V, &[&[0]], true);
    let mut sink = w.sink();
    sink.prepare([&t].into_iter()).unwrap();
    apply(&mut sink, vec![txn(1, vec![ins(&t, row(1, 1))])]);
    // Somebody added a column there, which nothing shows until the next DDL on the table.
    w.run("ALTER TABLE t ADD own INT");
    let wider = define("later", "t", &[("id", INT), ("v?", INT), ("w?", INT)], &[&[0]], true);
    let error = said(&sink.apply(ddl(2, 5, "later", "ALTER TABLE t ADD w BIGINT", &[&t], &[&wider])).unwrap_err());
    assert!(error.contains("`later`.`t` has a column `own` that the upstream does not have"), "{error}");
    drop(sink);
    // The DDL is done, and no row was written under a doubt.
    assert_eq!((w.one("SELECT id, v, w FROM t"), w.checkpoint()), ("1|1|~".to_owned(), START + 2));
}

fn dropped_by_hand(server: &PrivateServer) {
    let mut w = World::new(server, "dropped_by_hand");
    let t = w.table("t", "id BIGINT PRIMARY KEY, v BIGINT", &ID_V, &[&[0]], true);
    let mut sink = w.sink();
    apply(&mut sink, vec![txn(1, vec![ins(&t, row(1, 1))])]);
    w.run("ALTER TABLE t DROP v");
    sink.apply(txn(2, vec![ins(&t, row(2, 2))])).unwrap();
    let error = said(&sink.drain().unwrap_err());
    assert!(error.contains("error 1054") && error.contains("has no column `v` (--sync-mode 2"), "{error}");
    assert_eq!((w.one("SELECT * FROM t"), w.checkpoint()), ("1".to_owned(), START + 1));
    drop(sink);
    let mut sink = w.sink();
    w.run("ALTER TABLE t ADD v BIGINT, ADD must INT NOT NULL");
    let error = said(&sink.apply(txn(2, vec![ins(&t, row(2, 2))])).unwrap_err());
    assert!(error.contains("has a column `must` that the upstream does not have"), "{error}");
}
