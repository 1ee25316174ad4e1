//! One case for each type of job: the statement as TiDB writes it, what becomes of it on MariaDB (see `other` for MySQL), and what shows that.

use crate::common::server::{self, Dialect};
use mysql::prelude::Queryable;
use tisync::model::Mark;
use tisync::model::{Change, Ddl};
use tisync::playground::mariadb::PrivateServer;
use tisync::sink::Sink;
use tisync::sink::mysql::MysqlOptions;

use super::{other, own};
use crate::world::{START, World, ddl, said};

/// What becomes of a statement.
#[derive(Clone, Copy)]
pub enum Becomes {
    Ran,
    /// With this in the note.
    LeftOut(&'static str),
    /// With this in the error; nothing was sent.
    Refused(&'static str),
}

/// A job.
pub struct Type {
    /// The test's name; its database is called the same.
    pub test: &'static str,
    pub action: u8,
    /// Makes what it needs.
    pub setup: &'static [&'static str],
    pub sql: &'static str,
    pub becomes: Becomes,
    /// A query, and its answer afterwards.
    pub probe: (&'static str, &'static str),
    /// What else the job says.
    pub more: fn(&mut Ddl),
}

pub const fn of(
    test: &'static str,
    action: u8,
    setup: &'static [&'static str],
    sql: &'static str,
    becomes: Becomes,
    probe: (&'static str, &'static str),
) -> Type {
    Type { test, action, setup, sql, becomes, probe, more: |_| {} }
}

/// Runs one, and looks at what is left behind: totals, notes, position, tables.
pub fn run(server: &PrivateServer, kind: &Type) {
    run_with(server, kind, None);
}

/// Every kind that runs, with a comment in front of its statements that says where they come from.
pub fn with_marks() {
    let server = server::start(&["--log-bin=log", "--server-id=1", "--innodb-flush-method=nosync"]).unwrap();
    let mark = Mark::drainers(5);
    let mut conn = server.connect().unwrap();
    conn.query_drop(mark.create_database()).unwrap();
    conn.query_drop(mark.create_table()).unwrap();
    let dialect = Dialect::of(&server);
    let ran = |kind: &Type| matches!(other::on(dialect, kind).becomes, Becomes::Ran);
    let kinds: Vec<Type> = types().into_iter().filter(ran).collect();
    kinds.iter().for_each(|kind| run_with(&server, kind, Some(mark.clone())));
    let log: Vec<mysql::Row> = conn.query("SHOW BINLOG EVENTS IN 'log.000001'").unwrap();
    let comment = format!("/* tisync channel=5 cluster=77 ts={} */ ", START + 1);
    let marked = log.iter().filter_map(|row| row.get::<String, _>(5)).filter(|sql| sql.contains(&comment)).count();
    // MariaDB writes its own text of those that drop something.
    assert!(kinds.len() > 30 && marked + 8 > kinds.len(), "{marked} of {}", kinds.len());
}

fn run_with(server: &PrivateServer, kind: &Type, mark: Option<Mark>) {
    let dialect = Dialect::of(server);
    let kind = &other::on(dialect, kind);
    let mut w = World::new(server, kind.test);
    kind.setup.iter().for_each(|sql| w.run(sql));
    let mut sink = w.open(MysqlOptions { mark, ..w.options() }).unwrap();
    let mut job = ddl(1, kind.action, kind.test, kind.sql, &[], &[]);
    if let Change::Ddl(ddl) = &mut job.change {
        (kind.more)(ddl);
    }
    let applied = sink.apply(job).and_then(|()| sink.drain());
    let totals = sink.totals();
    let counted = (totals.ddl, totals.skipped_ddl);
    match kind.becomes {
        Becomes::Ran => {
            applied.unwrap();
            assert_eq!(counted, (1, 0), "{}", kind.sql);
        }
        Becomes::LeftOut(why) => {
            applied.unwrap();
            assert_eq!(counted, (0, 1), "{}", kind.sql);
            assert!(w.noted(&format!("not run on the target, {why}")), "{:?}", w.notes.lock().unwrap());
        }
        Becomes::Refused(why) => {
            let text = said(&applied.unwrap_err());
            assert!(text.contains(why) && text.contains(&(START + 1).to_string()), "{text}");
            assert!(text.contains(&format!("--skip-ddl {}", START + 1)) || text.contains("replace:"), "{text}");
            assert_eq!(counted, (0, 0), "{}", kind.sql);
        }
    }
    let moved = if matches!(kind.becomes, Becomes::Refused(_)) { 0 } else { START + 1 };
    assert_eq!(w.checkpoint(), moved, "{}", kind.sql);
    let found = w.one(&other::catalog(dialect, kind.probe.0));
    assert_eq!(other::without_width(&found), other::without_width(kind.probe.1), "{}", kind.sql);
}

pub const T: &[&str] =
    &["CREATE TABLE t (id INT PRIMARY KEY, a INT, v VARCHAR(9))", "INSERT INTO t VALUES (1, 1, 'x')"];
pub const INDEXED: &[&str] = &["CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT, KEY i (a), KEY j (b))"];
pub const P: &[&str] = &[
    "CREATE TABLE p (id INT PRIMARY KEY) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN (20))",
    "INSERT INTO p VALUES (1), (11)",
    "CREATE TABLE q (id INT PRIMARY KEY)",
    "INSERT INTO q VALUES (2)",
];
const VIEW: &[&str] =
    &["CREATE TABLE t (id INT PRIMARY KEY, a INT, v VARCHAR(9))", "CREATE VIEW w AS SELECT id FROM t"];
const SEQUENCE: &[&str] = &["CREATE SEQUENCE s"];
const CHECKED: &[&str] = &["CREATE TABLE t (id INT PRIMARY KEY, a INT, CONSTRAINT c CHECK (a > 0))"];

const TABLES: &str = "SELECT GROUP_CONCAT(table_name ORDER BY table_name) FROM information_schema.tables WHERE table_schema = DATABASE()";
pub const COLUMNS: &str = "SELECT GROUP_CONCAT(column_name, ' ', column_type ORDER BY ordinal_position) FROM \
                           information_schema.columns WHERE table_schema = DATABASE() AND table_name = 't'";
pub const INDEXES: &str = "SELECT GROUP_CONCAT(index_name, ' ', ignored ORDER BY index_name) FROM \
                           information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 't'";
const PARTITIONS: &str = "SELECT GROUP_CONCAT(partition_name ORDER BY partition_ordinal_position) FROM \
                          information_schema.partitions WHERE table_schema = DATABASE() AND table_name = 'p'";
const CONSTRAINTS: &str = "SELECT GROUP_CONCAT(constraint_name ORDER BY constraint_name) FROM \
                           information_schema.table_constraints WHERE table_schema = DATABASE()";
pub const T_ROWS: (&str, &str) = ("SELECT * FROM t", "1|1|x");
pub const T_SAME: (&str, &str) = (COLUMNS, "id int(11),a int(11),v varchar(9)");
pub const P_SAME: (&str, &str) = (PARTITIONS, "p0,p1");
pub const NOTHING: (&str, &str) = (TABLES, "~");

const NO_WORD: Becomes = Becomes::LeftOut("it means nothing to this target");

pub fn types() -> Vec<Type> {
    [databases_and_tables(), columns_and_indexes(), own::the_upstreams_own(), own::newer()]
        .into_iter()
        .flatten()
        .collect()
}

fn databases_and_tables() -> Vec<Type> {
    use Becomes::{LeftOut, Ran, Refused};
    vec![
        of(
            "ddl_01_create_schema",
            1,
            &[],
            "CREATE DATABASE IF NOT EXISTS `made_01` /*T![placement] PLACEMENT POLICY = `p1` */",
            Ran,
            (
                "SELECT default_collation_name FROM information_schema.schemata WHERE schema_name = 'made_01'",
                "utf8mb4_bin",
            ),
        ),
        of(
            "ddl_02_drop_schema",
            2,
            &["CREATE DATABASE made_02", "CREATE TABLE made_02.x (a INT)"],
            "DROP DATABASE IF EXISTS `made_02`",
            Ran,
            ("SHOW DATABASES LIKE 'made_02'", ""),
        ),
        of(
            "ddl_03_create_table",
            3,
            &[],
            "CREATE TABLE `t` (`id` BIGINT /*T![auto_rand] AUTO_RANDOM(5) */,`v` VARCHAR(9) CHARACTER SET UTF8MB4 DEFAULT _UTF8MB4'x',PRIMARY KEY(`id`) /*T![clustered_index] CLUSTERED */,INDEX `i`(`v`) INVISIBLE,INDEX `e`((LOWER(`v`)))) ENGINE = MyISAM DEFAULT CHARACTER SET = UTF8MB4 /*T! SHARD_ROW_ID_BITS = 4 PRE_SPLIT_REGIONS = 2 */ /*T![ttl] TTL = `d` + INTERVAL 1 DAY */ /*T![ttl] TTL_ENABLE = 'ON' */",
            Ran,
            (
                "SELECT (SELECT GROUP_CONCAT(index_name, ' ', ignored ORDER BY index_name) FROM information_schema.statistics WHERE table_schema = DATABASE()), engine, table_collation FROM information_schema.tables WHERE table_schema = DATABASE()",
                "i YES,PRIMARY NO|InnoDB|utf8mb4_bin",
            ),
        ),
        of("ddl_04_drop_table", 4, T, "DROP TABLE IF EXISTS `t`", Ran, NOTHING),
        of("ddl_11_truncate_table", 11, T, "TRUNCATE TABLE `t`", Ran, ("SELECT COUNT(*) FROM t", "0")),
        of("ddl_14_rename_table", 14, T, "ALTER TABLE `t` RENAME AS `u`", Ran, (TABLES, "u")),
        of(
            "ddl_17_modify_table_comment",
            17,
            T,
            "ALTER TABLE `t` COMMENT = 'it''s'",
            Ran,
            ("SELECT table_comment FROM information_schema.tables WHERE table_schema = DATABASE()", "it's"),
        ),
        of(
            "ddl_19_add_partition",
            19,
            P,
            "ALTER TABLE `p` ADD PARTITION (PARTITION `p2` VALUES LESS THAN (30) /*T![placement] PLACEMENT POLICY = `p1` */)",
            Ran,
            (PARTITIONS, "p0,p1,p2"),
        ),
        of("ddl_20_drop_partition", 20, P, "ALTER TABLE `p` DROP PARTITION `p0`", Ran, ("SELECT * FROM p", "11")),
        of(
            "ddl_21_create_view",
            21,
            T,
            "CREATE OR REPLACE ALGORITHM = UNDEFINED DEFINER = `owner`@`10.%` SQL SECURITY DEFINER VIEW `w` (`x`) AS SELECT `id` FROM `t` WITH CASCADED CHECK OPTION",
            Ran,
            (
                "SELECT x, (SELECT definer FROM information_schema.views WHERE table_schema = DATABASE()) <> 'owner@10.%' FROM w",
                "1|1",
            ),
        ),
        of(
            "ddl_22_modify_table_charset_and_collate",
            22,
            T,
            "ALTER TABLE `t` CONVERT TO CHARACTER SET LATIN1",
            Ran,
            ("SELECT table_collation FROM information_schema.tables WHERE table_schema = DATABASE()", "latin1_bin"),
        ),
        of(
            "ddl_23_truncate_partition",
            23,
            P,
            "ALTER TABLE `p` TRUNCATE PARTITION `p1`",
            Ran,
            ("SELECT * FROM p", "1"),
        ),
        of("ddl_24_drop_view", 24, VIEW, "DROP VIEW IF EXISTS `w`", Ran, (TABLES, "t")),
        of(
            "ddl_25_recover_table",
            25,
            T,
            "RECOVER TABLE `gone`",
            Refused("brings back rows that the binlog does not contain"),
            T_ROWS,
        ),
        of(
            "ddl_26_modify_schema_charset_and_collate",
            26,
            &["CREATE DATABASE made_26"],
            "ALTER DATABASE `made_26` CHARACTER SET = LATIN1",
            Ran,
            (
                "SELECT default_collation_name FROM information_schema.schemata WHERE schema_name = 'made_26'",
                "latin1_bin",
            ),
        ),
        of(
            "ddl_34_create_sequence",
            34,
            &[],
            "CREATE SEQUENCE IF NOT EXISTS `s` START WITH 5 INCREMENT BY 2 MINVALUE 1 MAXVALUE 9223372036854775807 NOCACHE CYCLE COMMENT = 'x'",
            Ran,
            ("SELECT NEXTVAL(s), increment FROM s", "5|2"),
        ),
        of(
            "ddl_35_alter_sequence",
            35,
            SEQUENCE,
            "ALTER SEQUENCE `s` INCREMENT BY 5 NOCYCLE CACHE 50 RESTART WITH 70",
            Ran,
            ("SELECT NEXTVAL(s), increment FROM s", "70|5"),
        ),
        of("ddl_36_drop_sequence", 36, SEQUENCE, "DROP SEQUENCE `s`", Ran, NOTHING),
        of(
            "ddl_42_exchange_partition",
            42,
            P,
            "ALTER TABLE `p` EXCHANGE PARTITION `p0` WITH TABLE `q` WITHOUT VALIDATION",
            Ran,
            ("SELECT id, (SELECT id FROM q) FROM p ORDER BY id", "2|1;11|1"),
        ),
        of(
            "ddl_47_rename_tables",
            47,
            P,
            "RENAME TABLE `p` TO `x`, `q` TO `p`, `x` TO `q`",
            Ran,
            ("SELECT * FROM p", "2"),
        ),
        Type {
            more: three_tables,
            ..of(
                "ddl_60_create_tables",
                60,
                &[],
                "CREATE TABLE `a` (`x` INT);CREATE TABLE `b` (`x` TEXT DEFAULT ';');CREATE TABLE `c` (`x` INT);",
                Ran,
                (TABLES, "a,b,c"),
            )
        },
        of(
            "ddl_62_flashback_cluster",
            62,
            T,
            "FLASHBACK CLUSTER TO TIMESTAMP '2026-11-21 13:05:00'",
            Refused("brings back rows"),
            T_ROWS,
        ),
        of(
            "ddl_63_flashback_schema",
            63,
            &[],
            "FLASHBACK DATABASE `gone` TO `back`",
            Refused("brings back rows"),
            NOTHING,
        ),
        of(
            "ddl_64_alter_table_reorganize_partition",
            64,
            P,
            "ALTER TABLE `p` REORGANIZE PARTITION `p0`,`p1` INTO (PARTITION `m` VALUES LESS THAN (5),PARTITION `n` VALUES LESS THAN (20))",
            Ran,
            (
                "SELECT (SELECT GROUP_CONCAT(partition_name ORDER BY partition_ordinal_position) FROM information_schema.partitions WHERE table_schema = DATABASE() AND table_name = 'p'), COUNT(*) FROM p",
                "m,n|2",
            ),
        ),
        of(
            "ddl_71_alter_table_partition_by",
            71,
            T,
            "ALTER TABLE `t` PARTITION BY HASH (`id`) PARTITIONS 3",
            Ran,
            (
                "SELECT COUNT(*), (SELECT COUNT(*) FROM t) FROM information_schema.partitions WHERE table_schema = DATABASE() AND table_name = 't'",
                "3|1",
            ),
        ),
        of(
            "ddl_72_alter_table_remove_partitioning",
            72,
            P,
            "ALTER TABLE `p` REMOVE PARTITIONING",
            Ran,
            ("SELECT id FROM p", "1;11"),
        ),
        of(
            "ddl_29_repair_table",
            29,
            T,
            "ADMIN REPAIR TABLE `t` CREATE TABLE `t` (`id` INT PRIMARY KEY,`a` INT,`v` VARCHAR(9))",
            LeftOut("it repairs the upstream's own metadata of the table"),
            T_ROWS,
        ),
    ]
}

fn columns_and_indexes() -> Vec<Type> {
    use Becomes::Ran;
    vec![
        of(
            "ddl_05_add_column",
            5,
            T,
            "ALTER TABLE `t` ADD COLUMN `b` VARCHAR(5) DEFAULT _UTF8MB4'dflt' AFTER `id`",
            Ran,
            ("SELECT * FROM t", "1|dflt|1|x"),
        ),
        of("ddl_06_drop_column", 6, T, "ALTER TABLE `t` DROP COLUMN `a`", Ran, ("SELECT * FROM t", "1|x")),
        of(
            "ddl_07_add_index",
            7,
            T,
            "CREATE UNIQUE INDEX `u` ON `t` (`a`, `v`(3)) COMMENT 'x' INVISIBLE LOCK = NONE ALGORITHM = INPLACE",
            Ran,
            (INDEXES, "PRIMARY NO,u YES,u YES"),
        ),
        of("ddl_08_drop_index", 8, INDEXED, "DROP INDEX `i` ON `t`", Ran, (INDEXES, "j NO,PRIMARY NO")),
        of(
            "ddl_09_add_foreign_key",
            9,
            T,
            "ALTER TABLE `t` ADD CONSTRAINT `f` FOREIGN KEY (`a`) REFERENCES `t`(`id`) ON DELETE CASCADE",
            Ran,
            (CONSTRAINTS, "f,PRIMARY"),
        ),
        of(
            "ddl_10_drop_foreign_key",
            10,
            &["CREATE TABLE t (id INT PRIMARY KEY, a INT, CONSTRAINT f FOREIGN KEY (a) REFERENCES t (id))"],
            "ALTER TABLE `t` DROP FOREIGN KEY `f`",
            Ran,
            (CONSTRAINTS, "PRIMARY"),
        ),
        of(
            "ddl_12_modify_column",
            12,
            T,
            "ALTER TABLE `t` CHANGE COLUMN `a` `aa` DECIMAL(20,2) FIRST",
            Ran,
            ("SELECT * FROM t", "1.00|1|x"),
        ),
        of(
            "ddl_13_rebase_auto_increment",
            13,
            &["CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT)", "INSERT INTO t VALUES (5)"],
            "ALTER TABLE `t` /*T![force_inc] FORCE */ AUTO_INCREMENT = 1000",
            Ran,
            ("SELECT auto_increment FROM information_schema.tables WHERE table_schema = DATABASE()", "1000"),
        ),
        of(
            "ddl_15_set_default_value",
            15,
            T,
            "ALTER TABLE `t` ALTER COLUMN `a` SET DEFAULT 7",
            Ran,
            (
                "SELECT column_default FROM information_schema.columns WHERE table_schema = DATABASE() AND column_name = 'a'",
                "7",
            ),
        ),
        of("ddl_16_shard_row_id", 16, T, "ALTER TABLE `t` /*T! SHARD_ROW_ID_BITS = 4 */", NO_WORD, T_SAME),
        of(
            "ddl_18_rename_index",
            18,
            INDEXED,
            "ALTER TABLE `t` RENAME INDEX `i` TO `k`",
            Ran,
            (INDEXES, "j NO,k NO,PRIMARY NO"),
        ),
        of(
            "ddl_32_add_primary_key",
            32,
            &["CREATE TABLE t (id INT NOT NULL)"],
            "ALTER TABLE `t` ADD PRIMARY KEY(`id`) /*T![clustered_index] NONCLUSTERED */",
            Ran,
            (INDEXES, "PRIMARY NO"),
        ),
        of("ddl_33_drop_primary_key", 33, T, "ALTER TABLE `t` DROP PRIMARY KEY", Ran, (INDEXES, "~")),
        of(
            "ddl_37_add_columns",
            37,
            T,
            "ALTER TABLE `t` ADD COLUMN (`b` INT,`c` INT)",
            Ran,
            (COLUMNS, "id int(11),a int(11),v varchar(9),b int(11),c int(11)"),
        ),
        of(
            "ddl_38_drop_columns",
            38,
            T,
            "ALTER TABLE `t` DROP COLUMN `a`, DROP COLUMN `v`",
            Ran,
            (COLUMNS, "id int(11)"),
        ),
        of(
            "ddl_39_modify_auto_id_cache",
            39,
            T,
            "ALTER TABLE `t` /*T![auto_id_cache] AUTO_ID_CACHE = 100 */",
            NO_WORD,
            T_SAME,
        ),
        of(
            "ddl_40_rebase_auto_random_id",
            40,
            T,
            "ALTER TABLE `t` /*T![auto_rand] AUTO_RANDOM_BASE = 7 */",
            NO_WORD,
            T_SAME,
        ),
        of(
            "ddl_41_alter_index_visibility",
            41,
            INDEXED,
            "ALTER TABLE `t` ALTER INDEX `i` INVISIBLE",
            Ran,
            (INDEXES, "i YES,j NO,PRIMARY NO"),
        ),
        Type {
            more: |d| d.checks = true,
            ..of(
                "ddl_43_add_check_constraint",
                43,
                T,
                "ALTER TABLE `t` ADD CONSTRAINT `c` CHECK(`a`>0) ENFORCED",
                Ran,
                (CONSTRAINTS, "c,PRIMARY"),
            )
        },
        of(
            "ddl_44_drop_check_constraint",
            44,
            CHECKED,
            "ALTER TABLE `t` DROP CHECK `c`",
            Ran,
            (CONSTRAINTS, "PRIMARY"),
        ),
        Type {
            more: |d| d.checks = true,
            ..of(
                "ddl_45_alter_check_constraint",
                45,
                CHECKED,
                "ALTER TABLE `t` ALTER CHECK `c` NOT ENFORCED",
                Ran,
                (CONSTRAINTS, "PRIMARY"),
            )
        },
        of(
            "ddl_48_drop_indexes",
            48,
            INDEXED,
            "ALTER TABLE `t` DROP INDEX `i`, DROP INDEX `j`",
            Ran,
            (INDEXES, "PRIMARY NO"),
        ),
        of(
            "ddl_61_alter_table_multi_schema_change",
            61,
            INDEXED,
            "ALTER TABLE `t` ADD COLUMN `c` INT DEFAULT 5, DROP COLUMN `a`, DROP INDEX `i`, ADD UNIQUE `u`(`c`), ALTER INDEX `j` INVISIBLE, ALGORITHM = INSTANT, RENAME COLUMN `b` TO `d`",
            Ran,
            (
                "SELECT (SELECT GROUP_CONCAT(column_name ORDER BY ordinal_position) FROM information_schema.columns WHERE table_schema = DATABASE()), GROUP_CONCAT(index_name, ignored ORDER BY index_name) FROM information_schema.statistics WHERE table_schema = DATABASE()",
                "id,d,c|jYES,PRIMARYNO,uNO",
            ),
        ),
    ]
}

fn three_tables(ddl: &mut Ddl) {
    use crate::world::{INT, define};
    ddl.after = ["a", "b", "c"].map(|name| define(&ddl.schema, name, &[("x", INT)], &[&[0]], true)).to_vec();
}
