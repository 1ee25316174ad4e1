//! What a type may hold beside its plain form: things that MariaDB does not have, and things that TiDB says and does not do.

use crate::common::server::{Dialect, refuse};
use tisync::model::{Change, CommitTs, Ddl, Table, Txn};
use tisync::playground::mariadb::PrivateServer;
use tisync::schema::{Catalog, FileHistory};
use tisync::sink::Sink;

use super::types::{Becomes, COLUMNS, INDEXED, INDEXES, P, T, Type, of};
use crate::world::*;

type Plain = fn(&PrivateServer);

pub const CASES: &[(&str, Plain)] = &[
    ("t23_what_the_target_cannot_run_stops_before_it_is_sent", t23),
    ("t22_a_table_moves_to_another_database_with_its_rows", t22),
    ("a_definer_that_the_target_has_stays", known_definer),
    ("the_counter_of_auto_increment_follows_rows_and_statements", counter),
    ("rows_go_on_with_a_check_that_they_break", broken_check),
];

/// The hidden column that an index on an expression has upstream.
fn with_expression(ddl: &mut Ddl) {
    let table = define(&ddl.schema, "t", &[("id", INT), ("_V$_e_0?", INT)], &[&[0]], true);
    let mut table = Table::clone(&table);
    table.columns[1].hidden = true;
    ddl.before = vec![table.into()];
}

fn temporary(ddl: &mut Ddl) {
    ddl.temporary = true;
}

pub fn more() -> Vec<Type> {
    use Becomes::{LeftOut, Ran, Refused};
    let never = LeftOut("index `e` is on an expression, and MariaDB has no such indexes");
    let same = (COLUMNS, "id int(11),a int(11),v varchar(9)");
    let unknown = "needs the collation utf8mb4_0900_ai_ci, which the target (MariaDB";
    let session = LeftOut("the rows of temporary tables never leave their session");
    let interval = Refused("partitions by INTERVAL exist only in TiDB");
    vec![
        of(
            "ddl_07_add_index_on_an_expression",
            7,
            T,
            "CREATE INDEX `e` ON `t` ((LOWER(`v`)))",
            never,
            (INDEXES, "PRIMARY NO"),
        ),
        Type {
            more: with_expression,
            ..of("ddl_08_drop_index_on_an_expression", 8, T, "DROP INDEX `e` ON `t`", never, (INDEXES, "PRIMARY NO"))
        },
        Type {
            more: with_expression,
            ..of(
                "ddl_61_drop_one_of_each_kind_of_index",
                61,
                INDEXED,
                "ALTER TABLE `t` DROP INDEX `e`, DROP INDEX `i`",
                Ran,
                (INDEXES, "j NO,PRIMARY NO"),
            )
        },
        Type {
            more: with_expression,
            ..of("ddl_18_rename_index_on_an_expression", 18, T, "ALTER TABLE `t` RENAME INDEX `e` TO `f`", never, same)
        },
        of(
            "ddl_05_add_column_with_a_check_that_tidb_drops",
            5,
            T,
            "ALTER TABLE `t` ADD COLUMN `b` INT DEFAULT -1 CONSTRAINT `c` CHECK (`b`>0) ENFORCED",
            Ran,
            ("SELECT b FROM t", "-1"),
        ),
        Type {
            more: |d| d.checks = true,
            ..of(
                "ddl_43_add_check_that_is_not_enforced",
                43,
                T,
                "ALTER TABLE `t` ADD CONSTRAINT `c` CHECK(`a`>5) NOT ENFORCED",
                LeftOut("without its CHECK: MariaDB has no unenforced CHECKs"),
                same,
            )
        },
        Type {
            more: temporary,
            ..of(
                "ddl_03_create_temporary_table",
                3,
                &[],
                "CREATE GLOBAL TEMPORARY TABLE `t` (`id` INT) ON COMMIT DELETE ROWS",
                session,
                (COLUMNS, "~"),
            )
        },
        Type {
            more: temporary,
            ..of("ddl_05_alter_temporary_table", 5, &[], "ALTER TABLE `t` ADD COLUMN `b` INT", session, (COLUMNS, "~"))
        },
        Type {
            more: temporary,
            ..of("ddl_04_drop_temporary_table", 4, &[], "DROP TABLE `t`", session, (COLUMNS, "~"))
        },
        of(
            "ddl_03_create_table_with_an_unknown_collation",
            3,
            &[],
            "CREATE TABLE `t` (`a` VARCHAR(9) COLLATE utf8mb4_0900_ai_ci)",
            Refused(unknown),
            (COLUMNS, "~"),
        ),
        of(
            "ddl_03_create_table_by_interval",
            3,
            &[],
            "CREATE TABLE `t` (`id` INT) PARTITION BY RANGE (`id`) INTERVAL (10) FIRST PARTITION LESS THAN (10) LAST PARTITION LESS THAN (90)",
            interval,
            (COLUMNS, "~"),
        ),
        of(
            "ddl_19_last_partition_by_interval",
            19,
            P,
            "ALTER TABLE `p` LAST PARTITION LESS THAN (200)",
            interval,
            ("SELECT id FROM p", "1;11"),
        ),
        of(
            "ddl_03_create_table_with_a_global_index",
            3,
            &[],
            "CREATE TABLE `t` (`id` INT,`a` INT,UNIQUE INDEX `u`(`a`) /*T![global_index] GLOBAL */) PARTITION BY HASH (`id`) PARTITIONS 2",
            Refused("a GLOBAL index"),
            (COLUMNS, "~"),
        ),
        of("ddl_03_create_table_like", 3, T, "CREATE TABLE `l` LIKE `t`", Ran, ("SELECT COUNT(*) FROM l", "0")),
        of(
            "ddl_200_of_a_form_that_is_known",
            200,
            T,
            "ALTER TABLE `t` ADD COLUMN `b` INT",
            Ran,
            (COLUMNS, "id int(11),a int(11),v varchar(9),b int(11)"),
        ),
        of(
            "ddl_03_two_statements_for_one_job",
            3,
            &[],
            "CREATE TABLE `t` (`id` INT);DROP DATABASE `mysql`;",
            Refused("a DDL job has one statement, but its text has 2"),
            (COLUMNS, "~"),
        ),
        of(
            "ddl_03_create_table_with_a_default_from_a_sequence",
            3,
            &["CREATE SEQUENCE s"],
            "CREATE TABLE `t` (`id` BIGINT DEFAULT NEXTVAL(`s`),`u` CHAR(36) DEFAULT (UUID()))",
            Ran,
            (COLUMNS, "id bigint(20),u char(36)"),
        ),
        of(
            "ddl_03_create_table_with_a_reference_that_tidb_drops",
            3,
            T,
            "CREATE TABLE `u` (`id` INT REFERENCES `t`(`id`) ON DELETE CASCADE)",
            Ran,
            (
                "SELECT COUNT(*) FROM information_schema.referential_constraints WHERE constraint_schema = DATABASE()",
                "0",
            ),
        ),
        of(
            "ddl_09_foreign_key_without_a_name",
            9,
            T,
            "ALTER TABLE `t` ADD CONSTRAINT FOREIGN KEY (`a`) REFERENCES `t`(`id`)",
            Ran,
            (
                "SELECT COUNT(*) FROM information_schema.referential_constraints WHERE constraint_schema = DATABASE()",
                "1",
            ),
        ),
    ]
}

/// Nothing of what MariaDB cannot run reaches it: each stops with what to do, and the run goes on behind it when told to.
fn t23(server: &PrivateServer) {
    let w = World::new(server, "t23");
    let mut position = None;
    let cases = [
        (25, "t23", "RECOVER TABLE `t`", "brings back rows"),
        (25, "t23", "FLASHBACK TABLE `t` TO `u`", "brings back rows"),
        (63, "gone", "FLASHBACK DATABASE `gone`", "brings back rows"),
        (
            3,
            "t23",
            "CREATE TABLE `t` (`a` INT) PARTITION BY LIST (`a`) (PARTITION `p` VALUES IN (1,DEFAULT))",
            "DEFAULT partition",
        ),
    ];
    for (n, (action, db, sql, why)) in (1..).zip(cases) {
        let mut sink = w.sink();
        let error = said(&sink.apply(ddl(n, action, db, sql, &[], &[])).unwrap_err());
        assert!(error.contains(why) && error.contains("--skip-ddl"), "{error}");
        assert!(!error.contains("error 1064"), "the server did not see it: {error}");
        drop(sink);
        let mut options = w.options();
        options.ddl.skip.insert(CommitTs(START + n));
        let mut sink = w.open(options).unwrap();
        sink.apply(ddl(n, action, db, sql, &[], &[])).unwrap();
        sink.drain().unwrap();
        assert!(sink.position() > position);
        position = sink.position();
    }
}

/// The whole way: the job and its message through the catalog, what it gives through the sink, from a database to another and back under
/// a new name, as one ALTER TABLE and as one RENAME of several tables.
fn t22(server: &PrivateServer) {
    use serde_json::json;
    let mut w = World::new(server, "t22");
    w.run("CREATE DATABASE t22_other CHARACTER SET utf8mb4 COLLATE utf8mb4_bin");
    w.run("CREATE TABLE t (id INT PRIMARY KEY)");
    w.run("INSERT INTO t VALUES (1)");
    // In the way of a statement that runs in the wrong database.
    w.run("CREATE TABLE t22_other.t (id INT PRIMARY KEY)");
    let info = |id: i64, name: &str| {
        json!({"id": id, "name": {"O": name, "L": name}, "charset": "utf8mb4", "state": 5, "pk_is_handle": true, "cols": [
            {"id": 1, "name": {"O": "id", "L": "id"}, "offset": 0, "state": 5, "type": {"Tp": 3, "Flag": 3, "Flen": 11}}]})
    };
    let job = |version: u64, action: i64, schema: i64, table: i64, query: &str, more: serde_json::Value| {
        let mut binlog = json!({"SchemaVersion": version, "FinishedTS": version});
        binlog.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"id": version, "type": action, "state": 6, "schema_id": schema, "table_id": table, "query": query, "binlog": binlog})
    };
    let db = |id: i64, name: &str| json!({"DBInfo": {"id": id, "db_name": {"O": name, "L": name}}});
    let (there, back) =
        ("ALTER TABLE `t` RENAME AS `t22_other`.`moved`;", "RENAME TABLE `moved` TO `t22`.`u`, `t` TO `t22`.`v`;");
    let jobs = json!([
        job(1, 1, 11, 0, "", db(11, "t22")),
        job(2, 1, 12, 0, "", db(12, "t22_other")),
        job(3, 3, 11, 21, "", json!({"TableInfo": info(21, "t")})),
        job(4, 3, 12, 22, "", json!({"TableInfo": info(22, "t")})),
        job(START + 5, 14, 12, 21, there, json!({"TableInfo": info(21, "moved")})),
        job(
            START + 6,
            47,
            11,
            22,
            back,
            json!({"MultipleTableInfos": [info(21, "u"), info(22, "v")], "TableInfo": info(22, "v")})
        ),
    ]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ddl_history.json");
    std::fs::write(&file, jobs.to_string()).unwrap();
    let history = std::sync::Arc::new(FileHistory::open(&file).unwrap());
    let mut catalog = Catalog::at(history, CommitTs(START)).unwrap();
    let mut sink = w.sink();
    for (n, query) in [(5_u64, there), (6, back)] {
        let job = i64::try_from(START + n).unwrap();
        let mut never = |_| anyhow::bail!("it is there");
        let ddl = catalog.ddl(CommitTs(START + n), job, &query.into(), 0, &mut never).unwrap().unwrap();
        sink.apply(Txn { commit_ts: CommitTs(START + n), change: Change::Ddl(Box::new(ddl)) }).unwrap();
    }
    sink.drain().unwrap();
    assert_eq!(w.one("SELECT id, (SELECT COUNT(*) FROM v) FROM u"), "1|0");
    assert_eq!(w.one("SHOW TABLES FROM t22_other"), "");
}

fn known_definer(server: &PrivateServer) {
    let mut w = World::new(server, "known_definer");
    w.run("CREATE TABLE t (id INT)");
    w.run("CREATE USER IF NOT EXISTS owner@'10.0.0.1'");
    let view = |definer: &str, name: &str| {
        format!(
            "CREATE ALGORITHM = UNDEFINED DEFINER = {definer} SQL SECURITY DEFINER VIEW `{name}` AS SELECT `id` FROM `t`"
        )
    };
    let mut sink = w.sink();
    for (n, (definer, name)) in (1..).zip([("`owner`@`10.0.0.1`", "a"), ("`nobody`@`%`", "b"), ("CURRENT_USER", "c")]) {
        sink.apply(ddl(n, 21, "known_definer", &view(definer, name), &[], &[])).unwrap();
    }
    let definers = "SELECT GROUP_CONCAT(definer ORDER BY table_name) FROM information_schema.views WHERE table_schema = DATABASE()";
    assert_eq!(w.one(definers), "owner@10.0.0.1,root@localhost,root@localhost");
    assert!(w.noted(
        "its definer 'nobody'@'%' does not exist on the target, so the view runs with the privileges of tisync's account"
    ));
}

fn counter(server: &PrivateServer) {
    let mut w = World::new(server, "counter");
    let t = w.table("t", "id BIGINT PRIMARY KEY AUTO_INCREMENT", &[("id", INT)], &[&[0]], true);
    let mut sink = w.sink();
    let next = "SELECT auto_increment FROM information_schema.tables WHERE table_schema = DATABASE()";
    apply(&mut sink, vec![txn(1, vec![ins(&t, vec![i(30_001)])])]);
    assert_eq!(w.one(next), "30002", "rows carry their ids, and the counter stays above them");
    apply(&mut sink, vec![ddl(2, 13, "counter", "ALTER TABLE `t` AUTO_INCREMENT = 60001", &[&t], &[&t])]);
    assert_eq!(w.one(next), "60001");
    w.run("INSERT INTO t VALUES ()");
    assert_eq!(w.one("SELECT MAX(id) FROM t"), "60001");
}

/// The upstream may have let a row in before its constraint was enforced, and computes some expressions otherwise.
fn broken_check(server: &PrivateServer) {
    if Dialect::of(server).version >= (8, 0) && Dialect::of(server).mysql {
        refuse("no session of a MySQL from 8.0.16 on is free of its checks");
    }
    let mut w = World::new(server, "broken_check");
    let t = w.table("t", "id BIGINT PRIMARY KEY, CONSTRAINT c CHECK (id > 5)", &[("id", INT)], &[&[0]], true);
    let mut sink = w.sink();
    apply(&mut sink, vec![txn(1, vec![ins(&t, vec![i(1)])])]);
    assert_eq!(w.one("SELECT * FROM t"), "1");
}
