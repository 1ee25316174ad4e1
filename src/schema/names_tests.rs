use super::*;

/// Verb, names with their roles, `…` where they are not all.
fn shown(sql: &str) -> String {
    let names = Names::of(sql);
    let place = |p: &Place| {
        let text = sql.get(p.at.clone()).expect("a place in the text");
        assert!(text.contains(&p.name.replace('`', "``")), "{text}");
        format!(" {:?} {}{}", p.role, p.schema.as_ref().map_or(String::new(), |s| format!("{s}.")), p.name)
    };
    let places: String = names.places.iter().map(place).collect();
    format!("{:?}{places}{}", names.verb, if names.complete { "" } else { " …" })
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
        ("CREATE SEQUENCE IF NOT EXISTS s START 5", "Sequence Subject s"),
        ("ALTER SEQUENCE e.s RESTART", "Sequence Subject e.s"),
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
        ("CREATE PLACEMENT POLICY p", "Other …"),
        ("FLASHBACK TABLE t TO u", "Other …"),
        ("", "Other …"),
    ] {
        assert_eq!(shown(sql), expected, "{sql}");
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_survived(sql in "(CREATE|DROP|ALTER|RENAME|TRUNCATE) (TABLE|VIEW|INDEX|DATABASE)? ?[-`a.,;()='\"/* ]{0,20}( REFERENCES| RENAME| ON| LIKE)?.{0,8}") {
        let names = Names::of(&sql);
        let mut at = 0;
        for place in names.places {
            proptest::prop_assert!(place.at.start >= at && sql.get(place.at.clone()).is_some());
            at = place.at.end;
        }
    }
}
