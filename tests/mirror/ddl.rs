//! Every DDL that is followed, with rows before and behind each.

use mysql::prelude::Queryable;

use crate::common::binary::tisync;
use crate::world::World;

const STATEMENTS: &[&str] = &[
    "CREATE DATABASE one",
    "CREATE DATABASE IF NOT EXISTS one",
    "CREATE DATABASE two CHARACTER SET latin1",
    "ALTER DATABASE two CHARACTER SET utf8mb4",
    "USE one",
    "CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(20), b INT)",
    "CREATE TABLE IF NOT EXISTS t (id INT PRIMARY KEY)",
    "INSERT INTO t VALUES (1, 'one', 1), (2, 'two', 2)",
    "ALTER TABLE t ADD COLUMN c INT NOT NULL DEFAULT 5, ADD COLUMN d TEXT FIRST",
    "INSERT INTO t (id, d) VALUES (3, 'three')",
    "UPDATE t SET c = c + 1",
    "ALTER TABLE t CHANGE a renamed VARCHAR(40) AFTER c",
    "UPDATE t SET renamed = CONCAT(renamed, '!')",
    "ALTER TABLE t RENAME COLUMN b TO bb",
    "ALTER TABLE t CHANGE bb renamed2 INT, CHANGE renamed bb VARCHAR(40)",
    "UPDATE t SET bb = 'swapped', renamed2 = 9 WHERE id = 1",
    "ALTER TABLE t MODIFY renamed2 BIGINT UNSIGNED",
    "UPDATE t SET renamed2 = 18446744073709551615 WHERE id = 2",
    "ALTER TABLE t DROP COLUMN d",
    "DELETE FROM t WHERE id = 1",
    "ALTER TABLE t ADD COLUMN d DATETIME(3)",
    "UPDATE t SET d = '2024-01-02 03:04:05.678'",
    "ALTER TABLE t ADD INDEX i (bb), ADD UNIQUE KEY u (renamed2)",
    "ALTER TABLE t RENAME INDEX i TO j",
    "CREATE INDEX k ON t (c)",
    "CREATE UNIQUE INDEX IF NOT EXISTS l ON one.t (id, c)",
    "DROP INDEX k ON t",
    "ALTER TABLE t DROP KEY u",
    "ALTER TABLE t ALTER COLUMN c SET DEFAULT 8",
    "INSERT INTO t (id) VALUES (4)",
    "ALTER TABLE t COMMENT 'a CHARACTER SET latin1 of its own'",
    "ALTER TABLE t ADD COLUMN l1 VARCHAR(20) CHARACTER SET latin1",
    "UPDATE t SET l1 = 'café'",
    "ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4",
    "UPDATE t SET l1 = '東京' WHERE id = 4",
    "ALTER TABLE t ADD COLUMN j JSON, ADD COLUMN g INT AS (id + 1) STORED",
    "UPDATE t SET j = '{\"a\": 1}'",
    "ALTER TABLE t DROP KEY l, DROP PRIMARY KEY",
    "INSERT INTO t (id) VALUES (4)",
    "DELETE FROM t WHERE id = 4 LIMIT 1",
    "ALTER TABLE t ADD PRIMARY KEY (id)",
    "INSERT INTO t (id) VALUES (5)",
    "CREATE TABLE s LIKE t",
    "INSERT INTO s (id) VALUES (10)",
    "RENAME TABLE t TO tmp, s TO t, tmp TO s",
    "INSERT INTO s (id) VALUES (11)",
    "INSERT INTO t (id) VALUES (12)",
    "ALTER TABLE t RENAME TO two.moved",
    "INSERT INTO two.moved (id) VALUES (13)",
    "CREATE TABLE copied AS SELECT id, bb, 1.5 AS x FROM s",
    "INSERT INTO copied VALUES (99, 'x', 2)",
    "CREATE TABLE emptied (id INT PRIMARY KEY)",
    "INSERT INTO emptied VALUES (1), (2)",
    "TRUNCATE TABLE emptied",
    "INSERT INTO emptied VALUES (3)",
    "TRUNCATE emptied",
    "INSERT INTO emptied VALUES (4)",
    "CREATE OR REPLACE TABLE emptied (name VARCHAR(9) PRIMARY KEY) CHARSET latin1",
    "INSERT INTO emptied VALUES ('ä')",
    "CREATE TABLE gone1 (a INT)",
    "CREATE TABLE gone2 (a INT)",
    "INSERT INTO gone1 VALUES (1)",
    "DROP TABLE gone1, gone2",
    "DROP TABLE IF EXISTS gone1, nowhere",
    "CREATE TABLE gone1 (b VARCHAR(9))",
    "INSERT INTO gone1 VALUES ('again')",
    "CREATE DATABASE three",
    "CREATE TABLE three.t (a INT)",
    "INSERT INTO three.t VALUES (1)",
    "DROP DATABASE three",
    "CREATE DATABASE three",
    "CREATE TABLE three.t (b INT)",
    "INSERT INTO three.t VALUES (2)",
    // What leaves no trace.
    "CREATE TEMPORARY TABLE passing (a INT)",
    "INSERT INTO passing VALUES (1)",
    "DROP TEMPORARY TABLE passing",
    "CREATE USER somebody IDENTIFIED BY 'x'",
    "GRANT SELECT ON one.* TO somebody",
    "ANALYZE TABLE s",
    "OPTIMIZE TABLE s",
    "FLUSH TABLES",
    "DROP USER somebody",
    "CREATE TABLE mysql.own (a INT)",
    "INSERT INTO mysql.own VALUES (1)",
];

#[test]
fn every_followed_statement() {
    let world = World::start(7_600_000_000_000_000_011);
    // At once: the mirror is far behind while the definitions change.
    world.run(STATEMENTS);
    world.catch_up();
    println!("{:?} {:?} {:?}", world.same("one"), world.same("two"), world.same("three"));
    assert_eq!(world.on_b("SELECT bb FROM one.s WHERE id = 2"), ["two!"]);
    // The same by the cluster's TableInfos, and a change by hand.
    let (from, to) = (world.a.cluster().pd_url(), world.b.url());
    let args = ["schema", "diff", "--from", &from, "--to", &to];
    let ran = tisync(&args).expect(0);
    assert!(ran.stdout.contains(" equal"), "{}", ran.stdout);
    world.b.connect().unwrap().query_drop("ALTER TABLE one.s ALTER c SET DEFAULT 9").unwrap();
    let ran = tisync(&args).expect(1);
    assert!(ran.stdout.contains("default of column `c`: upstream `DEFAULT 8`, target `DEFAULT 9`"), "{}", ran.stdout);
    assert_eq!(
        world
            .on_b("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'mysql' AND table_name = 'own'"),
        ["0"]
    );
}

#[test]
fn statements_while_the_sync_runs() {
    let world = World::start(7_600_000_000_000_000_012);
    let mut run = world.sync(&[]);
    world.run(["CREATE DATABASE live", "CREATE TABLE live.t (id INT PRIMARY KEY, v INT)"]);
    for n in 0..20 {
        world.run([
            format!("INSERT INTO live.t (id) VALUES ({n})"),
            format!("ALTER TABLE live.t ADD COLUMN c{n} VARCHAR(20) DEFAULT 'd{n}'"),
            format!("INSERT INTO live.t (id, c{n}) VALUES ({}, 'x')", 100 + n),
        ]);
    }
    run.until("all rows", || {
        world.on_b("SELECT CAST(COUNT(*) AS CHAR) FROM information_schema.columns WHERE table_schema = 'live'")
            == ["22"]
            && world.on_b("SELECT CAST(COUNT(*) AS CHAR) FROM live.t") == ["40"]
    });
    run.interrupt();
    run.expect(5);
    assert_eq!(world.same("live"), (1, 40));
}
