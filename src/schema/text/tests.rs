//! Tests with DDL texts as Drainer writes them.

use proptest::prelude::*;

use super::*;

fn read(text: &str) -> (u8, String, String, String, String) {
    let found = from_text(text).unwrap().unwrap().ddl;
    let names =
        |tables: &[Arc<Table>]| tables.iter().map(|t| format!("{}.{}", t.schema, t.name)).collect::<Vec<_>>().join(" ");
    (found.action.number(), found.schema.clone(), names(&found.before), names(&found.after), found.query)
}

#[test]
fn every_kind() {
    for (text, action, schema, before, after) in [
        ("CREATE DATABASE `bidi`;", 1, "bidi", "", ""),
        ("use `bidi`; DROP DATABASE IF EXISTS `bidi`;", 2, "bidi", "", ""),
        ("use `a;b`; CREATE TABLE `t` (`a` INT);;", 3, "a;b", "", "a;b.t"),
        ("use `d`; CREATE TABLE e.`t` LIKE x;", 3, "d", "", "e.t"),
        ("use `d`; DROP TABLE `t`;", 4, "d", "d.t", ""),
        ("use `d`; DROP TABLE IF EXISTS `t`, e.u;", 4, "d", "d.t e.u", ""),
        ("use `d`; ALTER TABLE `d`.`t` ADD COLUMN `x` INT;", 61, "d", "d.t", "d.t"),
        ("use `d`; ALTER TABLE t ADD INDEX i(x), RENAME TO u;", 61, "d", "d.t", "d.t"),
        ("use `d`; ALTER TABLE t RENAME TO e.u;", 14, "d", "d.t", "e.u"),
        ("use `d`; ALTER TABLE t RENAME INDEX a TO b;", 61, "d", "d.t", "d.t"),
        ("use `d`; RENAME TABLE `t` TO `u`;", 14, "d", "d.t", "d.u"),
        ("use `d`; RENAME TABLE a TO b, e.b TO a;", 47, "d", "d.a e.b", "d.b d.a"),
        ("use `d`; TRUNCATE TABLE `t`;", 11, "d", "d.t", "d.t"),
        ("use `d`; CREATE UNIQUE INDEX i ON t (a);", 7, "d", "d.t", "d.t"),
        ("use `d`; DROP INDEX i ON t;", 8, "d", "d.t", "d.t"),
        ("use `d`; CREATE DEFINER = CURRENT_USER VIEW `v` AS SELECT 1;", 21, "d", "", "d.v"),
        ("use `d`; DROP VIEW v;", 24, "d", "d.v", ""),
        ("use `d`; ALTER TABLE p EXCHANGE PARTITION p0 WITH TABLE t;", 42, "d", "d.p d.t", "d.p d.t"),
        ("use `d`; FLASHBACK TABLE t TO u;", 25, "d", "", "d.u"),
        ("use `d`; RECOVER TABLE t;", 25, "d", "", "d.t"),
        ("use `d`; ALTER DATABASE CHARACTER SET utf8;", 26, "d", "", ""),
        ("use `d`; ALTER TABLE t SET TIFLASH REPLICA 1;", 30, "d", "d.t", "d.t"),
        ("use `d`; CREATE TABLE a (x INT);CREATE TABLE b (y INT);", 60, "d", "", "d.a d.b"),
    ] {
        let (a, s, b, c, _) = read(text);
        assert_eq!((a, s.as_str(), b.as_str(), c.as_str()), (action, schema, before, after), "{text}");
    }
    assert_eq!(read("use `d`; DROP TABLE a,b;").4, "DROP TABLE a,b");
    assert_eq!(from_text("use `d`; DROP TABLE a,b;").unwrap().unwrap().one_of.len(), 2);
    assert!(from_text("use `d`;").unwrap().is_none());
    assert_eq!(from_text("use `d`; SELECT 1;").unwrap_err(), Unclear::Unknown);
    assert_eq!(from_text("use `d`; CREATE TABLE a (b INT); DROP TABLE c;").unwrap_err(), Unclear::Several);
}

proptest! {
    #[test]
    fn no_text_panics(text in "(use `d`;)?(CREATE|DROP|ALTER|RENAME|FLASHBACK|TRUNCATE) (TABLE|VIEW|INDEX|DATABASE)? ?[-`a.,;()='\"/* ]{0,20}( PARTITION| RENAME| ON| WITH TABLE)?.{0,8}") {
        let _ = from_text(&text);
    }
}
