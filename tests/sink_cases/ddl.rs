//! DDL: alone, with its intent; skipped ones and the tables that are missing since.

use std::collections::BTreeSet;

use tisync::model::{CommitTs, Table};
use tisync::playground::mariadb::PrivateServer;
use tisync::sink::Sink;
use tisync::sink::mysql::{DdlPolicy, MysqlOptions, PendingDdl};

use super::Case;
use super::world::*;

pub const CASES: &[(&str, Case)] = &[
    ("DDL between rows", between_rows),
    ("an intent that was left behind", intent),
    ("a DDL that the target refuses", refused),
    ("FLASHBACK is refused, and can be skipped", flashback),
    ("a database that was skipped", skipped_database),
];

fn between_rows(server: &PrivateServer) {
    let mut w = World::new(server, "between_rows");
    let v1 = define("made", "t", &[("id", INT)], &[&[0]], true);
    let v2 = define("made", "t", &[("id", INT), ("v?", text())], &[&[0]], true);
    let mut sink = w.sink();
    let txns = vec![
        ddl(1, 1, "made", "CREATE DATABASE IF NOT EXISTS `made`;", &[], &[]),
        ddl(2, 3, "made", "CREATE TABLE `t` (`id` BIGINT PRIMARY KEY /*T![clustered_index] CLUSTERED */)", &[], &[&v1]),
        txn(3, vec![ins(&v1, vec![i(1)])]),
        ddl(4, 5, "made", "ALTER TABLE `t` ADD COLUMN `v` VARCHAR(9) DEFAULT _UTF8MB4'd'", &[&v1], &[&v2]),
        txn(5, vec![ins(&v2, vec![i(2), s("A")]), upd(&v2, vec![i(1), s("d")], vec![i(1), s("a")])]),
        ddl(6, 57, "made", "ALTER TABLE `t` CACHE", &[&v2], &[&v2]),
        ddl(7, 40, "made", "ALTER TABLE `t` /*T![auto_rand] AUTO_RANDOM_BASE = 7 */", &[&v2], &[&v2]),
    ];
    for txn in txns {
        sink.apply(txn).unwrap();
    }
    sink.drain().unwrap();
    assert_eq!(w.one("SELECT id, v FROM made.t ORDER BY id"), "1|a;2|A");
    assert_eq!(w.one("SELECT COUNT(*) FROM made.t WHERE v = 'A'"), "1", "text compares as it does in TiDB");
    let totals = sink.totals();
    assert_eq!((totals.ddl, totals.skipped_ddl, totals.txns), (3, 2, 2));
    assert_eq!(w.checkpoint(), START + 7);
    assert!(w.noted("not run on the target, table caches concern only the upstream: `ALTER TABLE `t` CACHE`"));
    // A database with another default is pointed out.
    w.run("CREATE DATABASE odd CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci");
    let o = define("odd", "o", &[("id", INT)], &[&[0]], true);
    sink.apply(ddl(8, 3, "odd", "CREATE TABLE `o` (`id` BIGINT PRIMARY KEY)", &[], &[&o])).unwrap();
    assert!(w.noted("table `odd`.`o` gets collation utf8mb4_general_ci from its database"));
}

fn intent(server: &PrivateServer) {
    let mut w = World::new(server, "intent");
    let t = w.table("t", "id BIGINT PRIMARY KEY", &[("id", INT)], &[&[0]], true);
    let mut sink = w.sink();
    apply(&mut sink, vec![txn(1, vec![ins(&t, vec![i(1)])])]);
    drop(sink);
    let left = format!(
        "UPDATE tidb_binlog.tisync_checkpoint SET ddl_ts = {}, ddl_job = 55, ddl_schema = 'intent', \
         ddl_query = 'ALTER TABLE `t` ADD COLUMN `x` INT' WHERE link = 'intent'",
        START + 2
    );
    w.run(&left);
    let error = w.open(w.options()).err().unwrap();
    assert_eq!(tisync::error::exit_code(&error), 4);
    let text = said(&error);
    assert!(
        text.contains(
            "`ALTER TABLE `t` ADD COLUMN `x` INT` in database `intent` (job 55, commit ts 420747102018863126"
        ),
        "{text}"
    );
    assert!(text.contains("--pending-ddl done") && text.contains("--pending-ddl again"), "{text}");
    let with = |word| MysqlOptions { pending_ddl: Some(word), ..w.options() };
    assert_eq!(w.open(with(PendingDdl::Again)).unwrap().position(), Some(CommitTs(START + 1)));
    assert_eq!(w.open(w.options()).unwrap().position(), Some(CommitTs(START + 1)));
    let (again, done) = (w.options(), with(PendingDdl::Done));
    w.run(&left);
    assert!(w.open(again).is_err());
    assert_eq!(w.open(done).unwrap().position(), Some(CommitTs(START + 2)));
    assert_eq!(w.checkpoint(), START + 2);
}

fn refused(server: &PrivateServer) {
    let mut w = World::new(server, "refused");
    let mut sink = w.sink();
    let error =
        said(&sink.apply(ddl(1, 5, "refused", "ALTER TABLE `t` ADD COLUMN `x` VECTORS", &[], &[])).unwrap_err());
    assert!(error.contains("cannot run the DDL of commit ts 420747102018863125"), "{error}");
    // MariaDB knows no such type, MySQL no such statement.
    assert!(error.contains("error 4161") || error.contains("error 1064"), "{error}");
    assert!(sink.apply(txn(2, vec![])).is_err());
    drop(sink);
    // The server said no: nothing is in doubt, the next run simply tries again.
    let mut sink = w.sink();
    assert_eq!((sink.position(), w.checkpoint()), (Some(CommitTs(START)), 0));
    let error =
        said(&sink.apply(ddl(1, 12, "nowhere", "ALTER TABLE `t` MODIFY COLUMN `x` INT", &[], &[])).unwrap_err());
    assert!(error.contains("error 1049"), "{error}");
    drop(sink);
    w.sink();
}

fn skipping(n: u64) -> DdlPolicy {
    DdlPolicy { skip: BTreeSet::from([CommitTs(START + n)]), ..DdlPolicy::default() }
}

fn with_id(table: &std::sync::Arc<Table>, id: i64) -> std::sync::Arc<Table> {
    std::sync::Arc::new(Table { id, ..Table::clone(table) })
}

fn flashback(server: &PrivateServer) {
    let mut w = World::new(server, "flashback");
    let t = w.table("t", "id BIGINT PRIMARY KEY", &[("id", INT)], &[&[0]], true);
    let back = with_id(&define("flashback", "back", &[("id", INT)], &[&[0]], true), 501);
    let mut sink = w.sink();
    let statement = || ddl(2, 25, "flashback", "FLASHBACK TABLE `gone` TO `back`", &[], &[&back]);
    apply(&mut sink, vec![txn(1, vec![ins(&t, vec![i(1)])])]);
    let error = sink.apply(statement()).unwrap_err();
    insta::assert_snapshot!(said(&error).split(" (2020").next().unwrap(), @r##"`FLASHBACK TABLE `gone` TO `back`` in database `flashback` (commit ts 420747102018863126"##);
    assert!(said(&error).contains("`--skip-ddl 420747102018863126` continues without"));
    drop(sink);

    let options = || MysqlOptions { ddl: skipping(2), ..MysqlOptions::new(77, "flashback") };
    let mut sink = w.open(options()).unwrap();
    sink.prepare([&t, &back].into_iter()).unwrap_err();
    apply(
        &mut sink,
        vec![statement(), txn(3, vec![ins(&back, vec![i(1)]), ins(&t, vec![i(2)]), del(&back, vec![i(5)])])],
    );
    assert_eq!(sink.totals().skipped_rows, 2);
    drop(sink);
    assert_eq!(w.one("SELECT * FROM t"), "1;2");
    assert_eq!(
        w.one("SELECT table_name, table_id, rows_left_out FROM tidb_binlog.tisync_skipped WHERE link = 'flashback'"),
        "back|501|2"
    );
    // Through a restart, a truncate that changes the id, and a rename, until it is dropped; the option is not needed again.
    let mut sink = w.open(MysqlOptions::new(77, "flashback")).unwrap();
    sink.prepare([&t, &back].into_iter()).unwrap();
    let (cut, named) =
        (with_id(&back, 502), with_id(&define("flashback", "named", &[("id", INT)], &[&[0]], true), 502));
    let txns = vec![
        txn(4, vec![ins(&back, vec![i(7)])]),
        ddl(5, 11, "flashback", "TRUNCATE TABLE `back`", &[&back], &[&cut]),
        txn(6, vec![ins(&cut, vec![i(8)])]),
        ddl(7, 14, "flashback", "RENAME TABLE `back` TO `named`", &[&cut], &[&named]),
        txn(8, vec![ins(&named, vec![i(9)]), ins(&t, vec![i(3)])]),
        ddl(9, 4, "flashback", "DROP TABLE `named`", &[&named], &[]),
        ddl(10, 3, "flashback", "CREATE TABLE `named` (id BIGINT PRIMARY KEY)", &[], &[&with_id(&named, 503)]),
        txn(11, vec![ins(&with_id(&named, 503), vec![i(1)])]),
    ];
    apply(&mut sink, txns);
    assert_eq!((w.one("SELECT * FROM t"), w.one("SELECT * FROM named")), ("1;2;3".to_owned(), "1".to_owned()));
    let totals = sink.totals();
    assert_eq!((totals.skipped_rows, totals.skipped_ddl, totals.ddl), (3, 3, 1));
    let left: Vec<_> = totals.left_out.iter().map(|l| (l.table_id, l.rows, l.ended)).collect();
    assert_eq!(left, [(501, 3, true), (502, 2, true)]);
}

fn skipped_database(server: &PrivateServer) {
    let mut w = World::new(server, "skipped_database");
    let a = with_id(&define("lost", "a", &[("id", INT)], &[&[0]], true), 601);
    let b = with_id(&define("lost", "b", &[("id", INT)], &[&[0]], true), 602);
    let options = MysqlOptions { ddl: skipping(1), ..w.options() };
    let mut sink = w.open(options).unwrap();
    let txns = vec![
        ddl(1, 63, "lost", "FLASHBACK DATABASE `lost`", &[], &[&a]),
        txn(2, vec![ins(&a, vec![i(1)])]),
        ddl(3, 3, "lost", "CREATE TABLE `b` (id BIGINT PRIMARY KEY)", &[], &[&b]),
        txn(4, vec![ins(&b, vec![i(1)])]),
        ddl(5, 2, "lost", "DROP DATABASE `lost`", &[&a, &b], &[]),
        ddl(6, 1, "lost", "CREATE DATABASE `lost`", &[], &[]),
    ];
    apply(&mut sink, txns);
    assert_eq!(w.one("SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = 'lost'"), "1");
    assert_eq!((sink.totals().skipped_rows, sink.totals().ddl), (2, 1));
    assert!(sink.totals().left_out.iter().all(|l| l.ended));
}
