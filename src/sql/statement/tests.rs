use super::*;

/// Verb, names with their roles, `…` where they are not all.
fn shown(sql: &str) -> String {
    let found = Statement::of(sql);
    let place = |p: &Place| {
        let text = sql.get(p.at.clone()).expect("a place in the text");
        assert!(text.contains(&p.name.replace('`', "``")), "{text}");
        format!(" {:?} {}{}", p.role, p.schema.as_ref().map_or(String::new(), |s| format!("{s}.")), p.name)
    };
    let places: String = found.places.iter().map(place).collect();
    format!("{:?}{places}{}", found.verb, if found.complete { "" } else { " …" })
}

#[test]
fn every_statement_and_its_names() {
    for (sql, expected) in [
        ("CREATE DATABASE IF NOT EXISTS `x y` CHARSET utf8", "CreateDatabase Database x y"),
        ("ALTER DATABASE x COLLATE utf8_bin", "AlterDatabase Database x"),
        ("ALTER SCHEMA CHARACTER SET utf8", "AlterDatabase"),
        ("DROP DATABASE IF EXISTS `x`;", "DropDatabase Database x"),
        ("CREATE TABLE IF NOT EXISTS `a``b` (`table` INT)", "CreateTable Subject a`b"),
        ("CREATE TABLE e.t LIKE `f`.u", "CreateTable Subject e.t Like f.u"),
        ("create table t (like u)", "CreateTable Subject t Like u"),
        (
            "CREATE TABLE t (`like` INT, a INT REFERENCES p(x), CONSTRAINT f FOREIGN KEY (a) REFERENCES `d`.`p`(`id`) ON DELETE CASCADE, d DECIMAL(3,1) DEFAULT 1.5)",
            "CreateTable Subject t Parent p Parent d.p",
        ),
        ("CREATE TABLE t (a INT, b INT AS (`t`.`a` + 1))", "CreateTable Subject t …"),
        ("CREATE TABLE t (a INT DEFAULT NEXTVAL(`s`))", "CreateTable Subject t …"),
        (
            "CREATE OR REPLACE ALGORITHM = MERGE DEFINER = `view`@`%` SQL SECURITY INVOKER VIEW e.v AS SELECT 1",
            "CreateView Subject e.v …",
        ),
        ("CREATE UNIQUE INDEX IF NOT EXISTS `on` USING BTREE ON e.t (a)", "CreateIndex Subject e.t"),
        ("DROP INDEX `i` ON `t`", "DropIndex Subject t"),
        ("DROP TABLE IF EXISTS `a`, e.b", "DropTable Subject a Subject e.b"),
        ("DROP VIEW `v`", "DropView Subject v"),
        ("CREATE SEQUENCE IF NOT EXISTS s START 5", "CreateSequence Subject s"),
        ("ALTER SEQUENCE e.s RESTART", "AlterSequence Subject e.s"),
        ("RENAME TABLE a TO e.b, `c` TO a;", "RenameTable Subject a New e.b Subject c New a"),
        ("ALTER TABLE e.t RENAME AS u", "AlterTable Subject e.t New u"),
        ("ALTER TABLE t RENAME = u", "AlterTable Subject t New u"),
        ("ALTER TABLE t RENAME COLUMN a TO b, RENAME INDEX i TO j", "AlterTable Subject t"),
        ("ALTER TABLE t ADD COLUMN (a INT, `rename` INT), RENAME TO e.u", "AlterTable Subject t New e.u"),
        ("ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES p(id)", "AlterTable Subject t Parent p"),
        (
            "ALTER TABLE `t` EXCHANGE PARTITION `p0` WITH TABLE `e`.`x` WITHOUT VALIDATION",
            "AlterTable Subject t With e.x",
        ),
        ("ALTER TABLE t ADD PARTITION (PARTITION p VALUES LESS THAN (1.5))", "AlterTable Subject t"),
        ("TRUNCATE t", "TruncateTable Subject t"),
        ("CREATE PLACEMENT POLICY p", "CreatePolicy …"),
        ("FLASHBACK TABLE t TO u", "Recover Subject t New u …"),
        ("", "Other …"),
    ] {
        assert_eq!(shown(sql), expected, "{sql}");
    }
}

/// What an ALTER TABLE does.
fn done(sql: &str) -> String {
    let of = |clause: &Clause| match clause {
        Clause::Retype(r) => {
            format!("{}>{} {} {}{}", r.column, r.renamed, r.word, r.size, if r.unsigned { " U" } else { "" })
        }
        Clause::RenameColumn(from, to) => format!("{from}>{to}"),
        Clause::ExchangePartition(name, at) => format!("exchange {name} {}", &sql[at.clone()]),
        other => format!("{other:?}"),
    };
    let found = Statement::of(sql);
    let clauses: Vec<String> = found.clauses.iter().map(of).collect();
    format!("{}{}", clauses.join("; "), if found.only_renames { " alone" } else { "" })
}

#[test]
fn clauses_of_alter_table() {
    for (sql, expected) in [
        (
            "ALTER TABLE `d`.`t` MODIFY COLUMN `a``b` VARCHAR(20) CHARACTER SET UTF8 DEFAULT 'x, MODIFY y INT'",
            "a`b>a`b VARCHAR 20",
        ),
        (
            "ALTER TABLE t ADD COLUMN (c INT, d INT), CHANGE COLUMN IF EXISTS `v` `w` decimal(10,2) unsigned NOT NULL FIRST, MODIFY x TIME(3)",
            "Other; v>w DECIMAL 10 U; x>x TIME 3",
        ),
        ("ALTER TABLE t RENAME COLUMN a TO b, ALTER COLUMN c SET DEFAULT 5", "a>b; Other"),
        (
            "ALTER TABLE t MODIFY COLUMN `a``b` INT COMMENT 'CHANGE x y', CHANGE `c` `d` INT, ADD KEY (e), MODIFY IF EXISTS f INT",
            "a`b>a`b INT 0; c>d INT 0; Other; f>f INT 0",
        ),
        ("ALTER TABLE `modify` ADD COLUMN `change` INT", "Other"),
        ("ALTER TABLE t CHANGE a", "UnknownColumn"),
        ("ALTER TABLE t RENAME TO u;", "Rename alone"),
        ("alter table `to` rename `to`", "Rename alone"),
        ("ALTER TABLE t RENAME AS u, COMMENT 'x'", "Rename; Other"),
        ("ALTER TABLE t ADD COLUMN (a INT, `rename` INT), RENAME = u", "Other; Rename"),
        ("ALTER TABLE t RENAME INDEX a TO b", "Other"),
        ("RENAME TABLE `t` TO `u`, `d`.`u` TO e.`v`;", " alone"),
        ("RENAME TABLE t TO u WAIT 5", ""),
        ("ALTER TABLE t TRUNCATE PARTITION p0, `p 1`", "TruncatePartition([\"p0\", \"p 1\"])"),
        ("ALTER TABLE t TRUNCATE PARTITION ALL;", "TruncatePartition([])"),
        ("ALTER TABLE t EXCHANGE PARTITION `p0` WITH TABLE x WITHOUT VALIDATION", "exchange p0 `p0`"),
        ("ALTER TABLE t DROP PARTITION p0, p1", "DropPartition; Other"),
        ("ALTER TABLE t ALTER INDEX i INVISIBLE", "AlterIndex"),
        ("ALTER TABLE t SET TIFLASH REPLICA 1", "Tiflash"),
        ("ALTER TABLE t", ""),
        ("ALTER SEQUENCE s RESTART WITH 5", "Restart"),
        ("CREATE TABLE t (modify INT)", ""),
    ] {
        assert_eq!(done(sql), expected, "{sql}");
    }
}

#[test]
fn columns_with_another_name() {
    let of = |sql: &str| {
        let shown = |pairs: Vec<(String, String)>| {
            pairs.into_iter().map(|(a, b)| format!("{a} {b}")).collect::<Vec<_>>().join("; ")
        };
        Statement::of(sql).renamed_columns().map(shown)
    };
    let pairs = |text: &str| Some(text.to_owned());
    assert_eq!(
        of(
            "ALTER TABLE `d`.`t` CHANGE COLUMN `a` `b` INT, CHANGE IF EXISTS c d INT, RENAME COLUMN e TO `f`, RENAME INDEX g TO h, ADD i INT, MODIFY j INT"
        ),
        pairs("a b; c d; e f")
    );
    assert_eq!(of("ALTER TABLE t ADD COLUMN a INT, DROP COLUMN b"), pairs(""));
    assert_eq!(of("ALTER TABLE t CHANGE a"), None);
    assert_eq!(of("CREATE TABLE t (a INT)"), None);
}

#[test]
fn tables_with_another_name() {
    let of = |sql: &str| {
        let name = |place: &Place| place.schema.iter().chain([&place.name]).cloned().collect::<Vec<_>>().join(".");
        let found = Statement::of(sql);
        let moves = found.moves();
        moves.into_iter().map(|(a, b)| format!("{} {}", name(a), name(b))).collect::<Vec<_>>().join("; ")
    };
    assert_eq!(of("RENAME TABLE `t` TO `u`, `d`.`u` TO e.`v`;"), "t u; d.u e.v");
    assert_eq!(of("ALTER TABLE `d`.`t` ADD FOREIGN KEY (a) REFERENCES p (id), RENAME AS `u`"), "d.t u");
    assert_eq!(of("alter table t rename u"), "t u");
    assert_eq!(of("ALTER TABLE t EXCHANGE PARTITION p WITH TABLE x"), "");
}

#[test]
fn conditions_and_replacement() {
    for (sql, conditional, replaces) in [
        ("CREATE TABLE IF NOT EXISTS t (a INT)", true, false),
        ("ALTER TABLE t ADD COLUMN IF NOT EXISTS a INT", true, false),
        ("DROP VIEW IF EXISTS v", true, false),
        ("CREATE OR REPLACE VIEW v AS SELECT IF(a, b, c) FROM t", false, true),
        ("CREATE TABLE t (a INT COMMENT 'IF EXISTS')", false, false),
    ] {
        let found = Statement::of(sql);
        assert_eq!((found.conditional, found.replaces), (conditional, replaces), "{sql}");
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_survived(sql in "(CREATE|DROP|ALTER|RENAME|TRUNCATE) (TABLE|VIEW|INDEX|DATABASE)? ?[-`a.,;()='\"/* ]{0,20}( REFERENCES| RENAME| ON| LIKE| PARTITION| CHANGE| MODIFY)?.{0,8}") {
        let found = Statement::of(&sql);
        let mut at = 0;
        for place in found.places {
            proptest::prop_assert!(place.at.start >= at && sql.get(place.at.clone()).is_some());
            at = place.at.end;
        }
    }
}
