//! Whether a DDL text takes rows from somewhere.

use super::{Token, tokens};

/// Whether a statement that is no CREATE VIEW has a query in it: `CREATE TABLE … AS SELECT`, `… TABLE other`, `… VALUES ROW(…)`. TiDB has none of
/// these, so no job of its has; a target would run it with our rights.
#[must_use]
pub fn has_query(sql: &str) -> bool {
    let words: Vec<&str> = tokens(sql)
        .into_iter()
        .filter_map(|(token, ..)| if let Token::Word(word) = token { Some(word) } else { None })
        .collect();
    let is = |at: usize, word: &str| words.get(at).is_some_and(|w| w.eq_ignore_ascii_case(word));
    if !is(0, "CREATE") {
        return words.iter().any(|w| w.eq_ignore_ascii_case("SELECT"));
    }
    let kinds = ["TABLE", "VIEW", "INDEX", "SEQUENCE", "DATABASE", "SCHEMA"];
    let kind = words.iter().position(|w| kinds.iter().any(|k| w.eq_ignore_ascii_case(k)));
    let Some(kind) = kind.filter(|at| !is(*at, "VIEW")) else { return false };
    (kind + 1..words.len()).any(|at| is(at, "SELECT") || is(at, "TABLE") || (is(at, "VALUES") && is(at + 1, "ROW")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_found() {
        for sql in [
            "CREATE TABLE `t` AS SELECT * FROM `s`",
            "create table t (a int) select 1",
            "CREATE TABLE `t` (SELECT 1)",
            "CREATE TABLE `t` TABLE `s`",
            "CREATE TABLE `t` VALUES ROW(1)",
            "ALTER TABLE `t` ADD COLUMN `a` INT DEFAULT (SELECT 1)",
        ] {
            assert!(has_query(sql), "{sql}");
        }
        for sql in [
            "CREATE TABLE `select` (`table` INT COMMENT 'SELECT') PARTITION BY LIST (`a`) (PARTITION `p` VALUES IN (1))",
            "CREATE TABLE `t` LIKE `s`",
            "CREATE OR REPLACE ALGORITHM = MERGE DEFINER = `a`@`%` VIEW `v` AS SELECT * FROM `t`",
            "ALTER TABLE `p` EXCHANGE PARTITION `p0` WITH TABLE `t`",
            "CREATE UNIQUE INDEX `i` ON `t` (`a`)",
        ] {
            assert!(!has_query(sql), "{sql}");
        }
    }
}
