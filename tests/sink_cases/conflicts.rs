//! Rows that are not as the stream supposes: counted always, by table; an end or not by the operator's word.

use tisync::playground::mariadb::PrivateServer;
use tisync::sink::mysql::{MysqlOptions, OnConflict};
use tisync::sink::{Anomalies, Sink};

use super::Case;
use super::world::*;

pub const CASES: &[(&str, Case)] = &[
    ("rows that do not fit are counted, and end the run unless forgiven", conflicts),
    ("values that the target's collation holds for equal are called that", collations),
];

/// A cluster with old collations compares bytes: `a`, `A` and `a ` are three keys.
fn collations(server: &PrivateServer) {
    let mut w = World::new(server, "collations");
    let columns = [("id", INT), ("n", INT), ("k", text())];
    let keys: &[&[usize]] = &[&[0], &[1, 2]];
    let definition = |collation: &str| {
        format!(
            "id BIGINT PRIMARY KEY, n BIGINT NOT NULL, k VARCHAR(20) COLLATE {collation} NOT NULL, UNIQUE u1 (n, k)"
        )
    };
    let row = |id: i64, k: &str| vec![i(id), i(7), s(k)];
    let check = |error: &anyhow::Error, words: &[&str]| {
        let text = said(error);
        for word in words.iter().chain(&["cannot hold both", "continues from the checkpoint"]) {
            assert!(text.contains(word), "{word}: {text}");
        }
        assert!(!text.contains("backup") && !text.contains("--on-conflict count"), "{text}");
        assert_eq!(tisync::error::exit_code(error), 4);
    };

    // One after the other, and within one transaction.
    let t = w.table("t", &definition("utf8mb4_general_ci"), &columns, keys, true);
    let mut sink = w.sink();
    apply(&mut sink, vec![txn(1, vec![ins(&t, row(1, "a"))])]);
    let error = sink.apply(txn(2, vec![ins(&t, row(2, "A"))])).and_then(|()| sink.drain()).unwrap_err();
    check(&error, &["\"A\" and \"a\"", "utf8mb4_general_ci", "new_collation_enabled"]);
    assert_eq!(w.one("SELECT COUNT(*) FROM t"), "1");
    drop(sink);
    let u = w.table("u", &definition("utf8mb4_bin"), &columns, keys, true);
    let mut sink = w.sink();
    let both = txn(2, vec![ins(&u, row(1, "a")), ins(&u, row(2, "a "))]);
    let error = sink.apply(both).and_then(|()| sink.drain()).unwrap_err();
    check(&error, &["\"a \"", "utf8mb4_bin"]);
    drop(sink);

    // TiDB's utf8mb4_unicode_ci counts what the target's passes over, whatever the cluster's setting.
    let v = w.table("v", &definition("utf8mb4_unicode_ci"), &columns, keys, true);
    for texts in [["", " \0 "], [" \0 ", ""]] {
        let mut sink = w.sink();
        let both = texts.iter().zip(1..).map(|(k, id)| ins(&v, row(id, k))).collect();
        let error = sink.apply(txn(2, both)).and_then(|()| sink.drain()).unwrap_err();
        check(&error, &["\\0", "utf8mb4_unicode_ci", "counts characters such as NUL"]);
        assert!(!said(&error).contains("was not written by this link"));
    }
    w.run("INSERT INTO v VALUES (1, 7, '')");
    let mut sink = w.sink();
    let error = sink.apply(txn(2, vec![ins(&v, row(2, " \0 "))])).and_then(|()| sink.drain()).unwrap_err();
    check(&error, &["\" \\0 \" and \"\"", "utf8mb4_unicode_ci", "counts characters such as NUL"]);
    drop(sink);

    // What somebody else has written is called that as before.
    w.run("INSERT INTO u VALUES (9, 7, 'x')");
    let mut sink = w.sink();
    let error = said(&sink.apply(txn(2, vec![ins(&u, row(1, "x"))])).and_then(|()| sink.drain()).unwrap_err());
    assert!(error.contains("backup") && !error.contains("cannot hold both"), "{error}");
}

fn conflicts(server: &PrivateServer) {
    let mut w = World::new(server, "conflicts");
    let columns = [("id", INT), ("v?", INT)];
    let t = w.table("t", "id BIGINT PRIMARY KEY, v BIGINT", &columns, &[&[0]], true);
    let u = w.table("u", "id BIGINT PRIMARY KEY, v BIGINT", &columns, &[&[0]], true);
    w.run("INSERT INTO t VALUES (1, 1), (2, 2)");
    let missing =
        || txn(1, vec![upd(&t, vec![i(1), i(1)], vec![i(1), i(5)]), upd(&t, vec![i(7), i(1)], vec![i(7), i(8)])]);
    let taken = || txn(2, vec![ins(&u, vec![i(1), i(1)]), ins(&t, vec![i(2), i(9)])]);
    let found = |missing, duplicate| Anomalies { missing, duplicate };

    let mut sink = w.sink();
    let error = said(&sink.apply(missing()).and_then(|()| sink.drain()).unwrap_err());
    assert!(error.contains("--on-conflict count"), "{error}");
    assert_eq!(sink.totals().anomalies, [("`conflicts`.`t`".to_owned(), found(1, 0))].into());
    assert_eq!(w.one("SELECT * FROM t ORDER BY id"), "1|1;2|2", "nothing of it is there");
    drop(sink);
    let mut sink = w.sink();
    let error = said(&sink.apply(taken()).and_then(|()| sink.drain()).unwrap_err());
    assert!(error.contains("Duplicate"), "{error}");
    assert_eq!(sink.totals().anomalies, [("`conflicts`.`t`".to_owned(), found(0, 1))].into());
    assert_eq!(w.one("SELECT COUNT(*) FROM u"), "0");
    drop(sink);

    let mut sink = w.open(MysqlOptions { on_conflict: OnConflict::Count, ..w.options() }).unwrap();
    apply(&mut sink, vec![missing(), taken()]);
    assert_eq!(sink.totals().anomalies, [("`conflicts`.`t`".to_owned(), found(1, 1))].into());
    assert_eq!(w.one("SELECT * FROM t ORDER BY id"), "1|5;2|9;7|8", "the rows are what the upstream has");
    assert_eq!(w.one("SELECT * FROM u"), "1|1");
}
