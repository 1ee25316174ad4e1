//! Tests with statements as TiDB writes them, for targets that support less.

use std::sync::Arc;

use super::translate;
use crate::model::{Column, Ddl, Generated, Handle, Kind, Table, Value};
use crate::mysql::session::{Flavour, Server};

const MARIADB: (Flavour, (u32, u32, u32)) = (Flavour::MariaDb, (10, 11, 0));
const MYSQL_9: (Flavour, (u32, u32, u32)) = (Flavour::MySql, (9, 7, 0));
const MYSQL_8: (Flavour, (u32, u32, u32)) = (Flavour::MySql, (8, 0, 36));
const MYSQL_5: (Flavour, (u32, u32, u32)) = (Flavour::MySql, (5, 7, 44));

fn table() -> Arc<Table> {
    let column = |name: &str, hidden: bool| Column {
        id: 1,
        name: name.to_owned(),
        kind: Kind::Int { bytes: 4, unsigned: false },
        nullable: true,
        generated: Generated::No,
        hidden,
        missing: Value::Null,
    };
    Arc::new(Table {
        id: 1,
        schema: "d".to_owned(),
        name: "t".to_owned(),
        columns: vec![column("a", false), column("_V$_on_expr_0", true)],
        keys: vec![],
        handle: Handle::RowId,
        foreign_keys: vec![],
        partitions: vec![],
        charset: String::new(),
        collation: String::new(),
        details: None,
    })
}

/// The text for the target, followed by what was left out; `nothing`; or why the target cannot have
/// it.
fn said(target: (Flavour, (u32, u32, u32)), sql: &str) -> String {
    said_of(table(), target, sql)
}

fn said_of(before: Arc<Table>, target: (Flavour, (u32, u32, u32)), sql: &str) -> String {
    let server = Server { flavour: target.0, version: target.1, text: String::new(), max_allowed_packet: 1 << 20 };
    let ddl = Ddl { before: vec![before], checks: true, ..Ddl::default() };
    match translate(sql, &server, &ddl) {
        Ok(spoken) => [vec![spoken.sql.unwrap_or_else(|| "nothing".to_owned())], spoken.without].concat().join(" -- "),
        Err(why) => format!("never: {}", why.0),
    }
}

fn check(target: (Flavour, (u32, u32, u32)), cases: &[(&str, &str)]) {
    for (sql, expected) in cases {
        assert_eq!(said(target, sql), *if expected.is_empty() { sql } else { expected }, "{sql}");
    }
}

#[test]
fn what_every_target_knows_stays() {
    let same = [
        "CREATE TABLE `t` (`id` INT PRIMARY KEY /*T![clustered_index] CLUSTERED */,`v` VARCHAR(9) DEFAULT _UTF8MB4'a, CHECK (b)',KEY `k`(`v`(3), `id`)) ENGINE = InnoDB DEFAULT CHARACTER SET = UTF8MB4",
        "CREATE TABLE `t` LIKE `s`",
        "ALTER TABLE `t` ADD COLUMN `b` INT DEFAULT 5 AFTER `a`, DROP COLUMN `a`",
        "ALTER TABLE `t` DROP PARTITION `p0`,`p1`",
        "ALTER TABLE `t` ADD COLUMN (`b` TIMESTAMP DEFAULT CURRENT_TIMESTAMP() ON UPDATE CURRENT_TIMESTAMP(), `c` INT)",
        "ALTER TABLE `t` COMMENT = 'ENGINE = MyISAM, SHARD_ROW_ID_BITS = 4'",
        "ALTER TABLE `t` PARTITION BY RANGE (`id`) (PARTITION `p0` VALUES LESS THAN (10),PARTITION `p1` VALUES LESS THAN (MAXVALUE))",
        "RENAME TABLE `t` TO `s`",
        "DROP INDEX `i` ON `t`",
    ];
    for target in [MARIADB, MYSQL_8, MYSQL_5] {
        check(target, &same.map(|s| (s, "")));
    }
}

/// Drainer's files have no definitions: whether a column exists, the target itself will tell.
#[test]
fn of_a_table_nothing_but_the_name_is_known() {
    let named = || Arc::new(Table::named("d", "t"));
    let sql = "ALTER TABLE `t` DROP COLUMN IF EXISTS `a`, ADD COLUMN IF NOT EXISTS `b` INT";
    assert_eq!(said_of(named(), MYSQL_8, sql), "ALTER TABLE `t` DROP COLUMN `a`, ADD COLUMN `b` INT");
    assert_eq!(said_of(named(), MARIADB, sql), sql);
}

#[test]
fn for_mariadb() {
    check(
        MARIADB,
        &[
            (
                "CREATE TABLE `t` (`a` INT,INDEX `i`(`a`) INVISIBLE)",
                "CREATE TABLE `t` (`a` INT,INDEX `i`(`a`) IGNORED)",
            ),
            (
                "CREATE TABLE `t` (`a` INT NOT NULL,`b` INT GENERATED ALWAYS AS (`a` + 1) STORED NOT NULL COMMENT 'x')",
                "CREATE TABLE `t` (`a` INT NOT NULL,`b` INT GENERATED ALWAYS AS (`a` + 1) STORED COMMENT 'x')",
            ),
            ("ALTER TABLE `t` ALTER INDEX `i` VISIBLE", "ALTER TABLE `t` ALTER INDEX `i` NOT IGNORED"),
            ("CREATE INDEX `i` ON `t` (`a`) INVISIBLE", "CREATE INDEX `i` ON `t` (`a`) IGNORED"),
            (
                "CREATE TABLE `t` (`a` INT,UNIQUE INDEX `e`((LOWER(`v`))) /*T!x y */, INDEX `i`(`a`))",
                "CREATE TABLE `t` (`a` INT,INDEX `i`(`a`)) -- index `e` is on an expression, and MariaDB has no such indexes",
            ),
            (
                "CREATE INDEX `e` ON `t` ((LOWER(`v`)))",
                "nothing -- index `e` is on an expression, and MariaDB has no such indexes",
            ),
            (
                "ALTER TABLE `t` DROP INDEX `On_Expr`, ADD COLUMN `c` INT",
                "ALTER TABLE `t` ADD COLUMN `c` INT -- index `On_Expr` is on an expression, and MariaDB has no such indexes",
            ),
            ("ALTER TABLE `t` DROP INDEX IF EXISTS `i`", ""),
            (
                "ALTER TABLE `t` ADD INDEX `i`(`a`), ALGORITHM = INSTANT, LOCK = NONE",
                "ALTER TABLE `t` ADD INDEX `i`(`a`)",
            ),
            ("CREATE INDEX `i` ON `t` (`a`) ALGORITHM = INPLACE LOCK = NONE", "CREATE INDEX `i` ON `t` (`a`)"),
            (
                "ALTER TABLE `t` ADD CONSTRAINT `c` CHECK(`a`>0) ENFORCED",
                "ALTER TABLE `t` ADD CONSTRAINT `c` CHECK(`a`>0)",
            ),
            (
                "ALTER TABLE `t` ADD CHECK(`a`>0) NOT ENFORCED",
                "nothing -- without its CHECK: MariaDB has no unenforced CHECKs",
            ),
            ("ALTER TABLE `t` DROP CHECK `c`", "ALTER TABLE `t` DROP CONSTRAINT IF EXISTS `c`"),
            ("ALTER TABLE `t` ALTER CHECK `c` NOT ENFORCED", "ALTER TABLE `t` DROP CONSTRAINT IF EXISTS `c`"),
            (
                "CREATE TABLE `t` (`a` INT CHECK(`a`>0) ENFORCED,`b` INT CONSTRAINT `c` CHECK (`b`>1) NOT ENFORCED NOT NULL)",
                "CREATE TABLE `t` (`a` INT CHECK(`a`>0),`b` INT NOT NULL) -- without its CHECK: MariaDB has no \
                 unenforced CHECKs",
            ),
            (
                "ALTER TABLE `p` EXCHANGE PARTITION `p0` WITH TABLE `t` WITHOUT VALIDATION",
                "ALTER TABLE `p` EXCHANGE PARTITION `p0` WITH TABLE `t`",
            ),
            (
                "CREATE TABLE `t` (`a` INT REFERENCES `s`(`b`) ON DELETE SET NULL COMMENT 'x') ENGINE = MyISAM COMMENT = 'x'",
                "CREATE TABLE `t` (`a` INT COMMENT 'x') COMMENT = 'x'",
            ),
            (
                "CREATE SEQUENCE `s` START WITH 1 MINVALUE -9223372036854775808 MAXVALUE 9223372036854775807 NO CACHE NO CYCLE COMMENT = 'x'",
                "CREATE SEQUENCE `s` START WITH 1 MINVALUE -9223372036854775807 MAXVALUE 9223372036854775806 NOCACHE NOCYCLE COMMENT = 'x'",
            ),
            ("CREATE TABLE `t` (`a` BIGINT DEFAULT NEXTVAL(`s`),`u` CHAR(36) DEFAULT (UUID()))", ""),
            ("ALTER TABLE `t` SET TIFLASH REPLICA 1", "nothing -- TiFlash concerns only the upstream"),
            (
                "CREATE TABLE `t` (`a` INT) PARTITION BY LIST (`a`) (PARTITION `p0` VALUES IN (1,2),PARTITION `d` VALUES IN (DEFAULT))",
                "CREATE TABLE `t` (`a` INT) PARTITION BY LIST (`a`) (PARTITION `p0` VALUES IN (1,2),PARTITION `d` DEFAULT)",
            ),
            (
                "CREATE TABLE `t` (`a` INT) PARTITION BY LIST (`a`) (PARTITION `p0` VALUES IN (1,DEFAULT))",
                "never: the target does not know a LIST's DEFAULT partition in this form",
            ),
            (
                "CREATE TABLE `t` (`a` INT) PARTITION BY RANGE (`a`) INTERVAL (10) FIRST PARTITION LESS THAN (10) LAST PARTITION LESS THAN (90)",
                "never: partitions by INTERVAL exist only in TiDB",
            ),
            ("ALTER TABLE `t` LAST PARTITION LESS THAN (200)", "never: partitions by INTERVAL exist only in TiDB"),
        ],
    );
}

#[test]
fn for_mysql() {
    check(
        MYSQL_8,
        &[
            ("ALTER TABLE `t` ALTER INDEX `i` INVISIBLE", ""),
            ("CREATE INDEX `e` ON `t` ((LOWER(`v`)))", ""),
            ("ALTER TABLE `t` DROP INDEX `on_expr`", ""),
            ("ALTER TABLE `t` ADD CHECK(`a`>0) NOT ENFORCED", ""),
            ("ALTER TABLE `t` ALTER CHECK `c` ENFORCED, DROP CHECK `d`", ""),
            ("ALTER TABLE `p` EXCHANGE PARTITION `p0` WITH TABLE `t` WITHOUT VALIDATION", ""),
            (
                "ALTER TABLE `t` ADD COLUMN IF NOT EXISTS `a` INT, ADD COLUMN IF NOT EXISTS `b` INT",
                "ALTER TABLE `t` ADD COLUMN `b` INT",
            ),
            ("ALTER TABLE `t` DROP COLUMN IF EXISTS `A`, DROP COLUMN IF EXISTS `z`", "ALTER TABLE `t` DROP COLUMN `A`"),
            ("CREATE INDEX IF NOT EXISTS `i` ON `t` (`a`)", "CREATE INDEX `i` ON `t` (`a`)"),
            ("DROP INDEX IF EXISTS `i` ON `t`", "DROP INDEX `i` ON `t`"),
            ("ALTER TABLE `t` ADD UNIQUE KEY IF NOT EXISTS `i`(`a`)", "ALTER TABLE `t` ADD UNIQUE KEY `i`(`a`)"),
            ("ALTER TABLE `t` DROP PARTITION IF EXISTS `p`", "ALTER TABLE `t` DROP PARTITION `p`"),
            ("ALTER TABLE `t` RENAME COLUMN `a` TO `b`", ""),
            ("CREATE TABLE `t` (`y` YEAR(2) NOT NULL,`year` INT)", "CREATE TABLE `t` (`y` YEAR NOT NULL,`year` INT)"),
            ("CREATE TABLE `t` (`a` TEXT DEFAULT (UPPER('x')))", ""),
            (
                "CREATE TABLE `t` (`a` BIGINT NOT NULL DEFAULT NEXTVAL(`s`),`u` CHAR(36) DEFAULT UUID(),`d` DATETIME DEFAULT NOW())",
                "CREATE TABLE `t` (`a` BIGINT NOT NULL,`u` CHAR(36) DEFAULT (UUID()),`d` DATETIME DEFAULT NOW()) -- without a DEFAULT: this MySQL has no sequences",
            ),
            (
                "CREATE TABLE `t` (`a` INT) PARTITION BY LIST (`a`) (PARTITION `d` DEFAULT)",
                "never: the target does not know a LIST's DEFAULT partition in this form",
            ),
        ],
    );
    check(
        MYSQL_9,
        &[
            (
                "CREATE TABLE `t` (`a` float NOT NULL AUTO_INCREMENT COMMENT 'x',`double` int AUTO_INCREMENT,PRIMARY KEY (`a`))",
                "CREATE TABLE `t` (`a` float NOT NULL COMMENT 'x',`double` int AUTO_INCREMENT,PRIMARY KEY (`a`)) -- \
                 without AUTO_INCREMENT: this MySQL does not support it for FLOAT and DOUBLE",
            ),
            (
                "ALTER TABLE `t` CHANGE COLUMN `a` `b` double unsigned NOT NULL AUTO_INCREMENT",
                "ALTER TABLE `t` CHANGE COLUMN `a` `b` double unsigned NOT NULL -- without AUTO_INCREMENT: this MySQL \
                 does not support it for FLOAT and DOUBLE",
            ),
        ],
    );
    check(MYSQL_8, &[("CREATE TABLE `t` (`a` float NOT NULL AUTO_INCREMENT,PRIMARY KEY (`a`))", "")]);
    let char = (
        "CREATE TABLE `t` (`a` varchar(9) GENERATED ALWAYS AS (char_func(65, `char_func`, null)) VIRTUAL,`b` int GENERATED ALWAYS AS (locate(char_func(char_func(65, 'utf8mb4'), NULL), 'char_func(1, null)')) VIRTUAL)",
        "CREATE TABLE `t` (`a` varchar(9) GENERATED ALWAYS AS (CHAR(65, `char_func`)) VIRTUAL,`b` int GENERATED ALWAYS AS (locate(CHAR(CHAR(65 USING utf8mb4)), 'char_func(1, null)')) VIRTUAL)",
    );
    let view = (
        "CREATE SQL SECURITY DEFINER VIEW `v` AS SELECT CHAR_FUNC(65, 66, NULL) AS `x`",
        "CREATE SQL SECURITY DEFINER VIEW `v` AS SELECT CHAR(65, 66) AS `x`",
    );
    check(MYSQL_8, &[char, view]);
    check(MARIADB, &[char, view]);
    check(
        MYSQL_5,
        &[
            ("ALTER TABLE `t` ALTER INDEX `i` INVISIBLE", "nothing -- this MySQL cannot hide an index"),
            (
                "CREATE TABLE `t` (`a` INT,INDEX `i`(`a`) INVISIBLE COMMENT 'x')",
                "CREATE TABLE `t` (`a` INT,INDEX `i`(`a`) COMMENT 'x')",
            ),
            (
                "CREATE INDEX `e` ON `t` ((LOWER(`v`)))",
                "nothing -- index `e` is on an expression, and this MySQL has no such indexes",
            ),
            ("ALTER TABLE `t` DROP CHECK `c`", "nothing -- this MySQL has no CHECK constraints"),
            (
                "ALTER TABLE `t` ADD COLUMN `c` INT, RENAME COLUMN `a` TO `b`",
                "never: this MySQL has no RENAME COLUMN; use CHANGE COLUMN with the column's whole definition",
            ),
            (
                "CREATE TABLE `t` (`u` CHAR(36) DEFAULT (UUID()) COMMENT 'x')",
                "CREATE TABLE `t` (`u` CHAR(36) COMMENT 'x') -- without a DEFAULT: this MySQL has no defaults that are expressions",
            ),
            (
                "CREATE TABLE `t` (`a` INT DEFAULT RAND())",
                "CREATE TABLE `t` (`a` INT) -- without a DEFAULT: this MySQL has no defaults that are expressions",
            ),
        ],
    );
}

#[test]
fn a_reference_of_a_column_is_no_foreign_key() {
    let sql = "CREATE TABLE `u` (`id` INT REFERENCES `t`(`id`) ON DELETE CASCADE)";
    check(MYSQL_8, &[(sql, "")]);
    check((Flavour::MySql, (9, 7, 0)), &[(sql, "CREATE TABLE `u` (`id` INT)")]);
}

#[test]
fn words_that_tidb_left_uncommented() {
    for target in [MARIADB, MYSQL_8] {
        check(
            target,
            &[
                (
                    "create table t (a text default '', b varchar(3) default '', c json default _utf8mb4'', `text` int default '1', d text default null)",
                    "create table t (a text, b varchar(3) default '', c json, `text` int default '1', d text default null)",
                ),
                (
                    "alter table t change a b mediumblob not null default '' comment 'x'",
                    "alter table t change a b mediumblob not null comment 'x'",
                ),
                (
                    "create table t (id bigint auto_random(5) primary key clustered, clustered int) shard_row_id_bits=4, auto_id_cache 1, comment='x' ttl = ts + interval 1 day ttl_enable='on'",
                    "create table t (id bigint primary key, clustered int) comment='x'",
                ),
                ("alter table t auto_random_base = 5", "nothing"),
                ("alter table t shard_row_id_bits 4, comment 'x'", "alter table t comment 'x'"),
                ("alter table t engine = tokudb", "nothing"),
                (
                    "create global temporary table t (a int) on commit delete rows",
                    "nothing -- the rows of temporary tables never leave their session",
                ),
                ("alter table t remove ttl", "nothing -- TTL concerns only the upstream"),
                ("alter table t partition p placement policy = x", "nothing -- placement concerns only the upstream"),
            ],
        );
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_survived(sql in "(CREATE|DROP|ALTER) (TABLE|INDEX|SEQUENCE) [`a-c(,). ]{0,8}( (ADD|DROP|CHECK|INDEX|DEFAULT|PARTITION|VALUES|IN|ENGINE|NOT|REFERENCES|ON|[`(),=]|[a-c]+)){0,12}") {
        for target in [MARIADB, MYSQL_8, MYSQL_5] {
            let _ = said(target, &sql);
        }
    }
}
