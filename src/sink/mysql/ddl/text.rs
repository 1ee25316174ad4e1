//! Rewrites the text of a TiDB DDL for the target.
//!
//! Charsets without a collation get TiDB's default one, because the targets' own defaults ignore case. Everything else
//! stays as TiDB wrote it: `/*T![feature] … */` is a comment to all but TiDB.

use crate::sink::mysql::session::Flavour;
use crate::sql::{Edit, Token, edited, names_charset, tokens, with_collations};

/// TiDB's default collation of `charset`, if it has to be named.
fn default_collation(charset: &str) -> Option<&'static str> {
    Some(match charset.to_ascii_lowercase().as_str() {
        "utf8mb4" => "utf8mb4_bin",
        "utf8" | "utf8mb3" => "utf8_bin",
        "latin1" => "latin1_bin",
        "ascii" => "ascii_bin",
        "gbk" => "gbk_chinese_ci",
        _ => return None,
    })
}

/// `sql` for a target of `flavour`; `None` where nothing is left that would mean something to it. `default` is the charset and
/// the collation that the upstream gave to a new database whose statement names neither.
#[must_use]
pub fn rewrite(sql: &str, flavour: Flavour, default: Option<(&str, &str)>) -> Option<String> {
    let stripped;
    let mut sql = sql.trim().trim_end_matches(';').trim_end();
    if flavour == Flavour::TiDb {
        stripped = without_ttl_jobs(sql);
        sql = &stripped;
    }
    let all = tokens(sql);
    let words: Vec<&Token> = all.iter().map(|(t, ..)| t).filter(|t| !matches!(t, Token::Comment(_))).collect();
    let first = |word: &str| words.first().is_some_and(|t| t.is(word));
    let second = |names: &[&str]| words.get(1).is_some_and(|t| names.iter().any(|n| t.is(n)));
    if words.is_empty() || (first("ALTER") && second(&["TABLE"]) && is_bare_alter(&words, flavour, &all)) {
        return None;
    }
    let database = second(&["DATABASE", "SCHEMA"]);
    if !(first("CREATE") && (database || second(&["TABLE"]) || second(&["TEMPORARY"])) || first("ALTER")) {
        return Some(sql.to_owned());
    }
    let mut out = with_collations(sql, &|name| default_collation(name).map(str::to_owned));
    if first("CREATE") && database && !names_charset(sql) {
        let (charset, collation) = default.unwrap_or(("utf8mb4", "utf8mb4_bin"));
        out.push_str(&format!(" CHARACTER SET {charset} COLLATE {collation}"));
    }
    Some(out)
}

/// Whether an ALTER TABLE has nothing behind the name but comments that the target does not read.
fn is_bare_alter(words: &[&Token], flavour: Flavour, all: &[(Token, usize, usize)]) -> bool {
    let rest = words.get(2..).unwrap_or_default();
    let bare = matches!(rest, [_] | [_, Token::Sign('.'), _]);
    let speaks = |t: &Token| matches!(t, Token::Comment(c) if c.starts_with("/*T!") || c.starts_with("/*!"));
    bare && !(flavour == Flavour::TiDb && all.iter().any(|(t, ..)| speaks(t)))
}

/// For a TiDB: the upstream's rows already carry what its TTL deletes, so the target's must rest; placement names belong to the upstream's
/// own stores.
fn without_ttl_jobs(sql: &str) -> String {
    let edit = |(token, start, end)| {
        let Token::Comment(text) = token else { return None };
        let ttl = text.strip_prefix("/*T![ttl]").map(str::trim_start);
        if text.starts_with("/*T![placement]") || ttl.is_some_and(|t| t.starts_with("TTL_ENABLE")) {
            return Some((start..end, String::new()));
        }
        let begins = ttl.and_then(|t| t.strip_prefix("TTL")).is_some_and(|t| t.trim_start().starts_with('='));
        begins.then(|| (end..end, " /*T![ttl] TTL_ENABLE = 'OFF' */".to_owned()))
    };
    let edits: Vec<Edit> = tokens(sql).into_iter().filter_map(edit).collect();
    edited(sql, &edits).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mysql(sql: &str) -> String {
        rewrite(sql, Flavour::MySql, None).unwrap_or_else(|| "nothing".to_owned())
    }

    #[test]
    fn collations_are_named() {
        insta::assert_snapshot!(mysql("CREATE DATABASE IF NOT EXISTS `x`;"), @"CREATE DATABASE IF NOT EXISTS `x` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin");
        insta::assert_snapshot!(mysql("CREATE DATABASE `x` CHARACTER SET = utf8"), @"CREATE DATABASE `x` CHARACTER SET = utf8 COLLATE utf8_bin");
        insta::assert_snapshot!(mysql("CREATE DATABASE `x` COLLATE utf8_bin"), @"CREATE DATABASE `x` COLLATE utf8_bin");
        insta::assert_snapshot!(mysql("ALTER DATABASE `x` CHARACTER SET = LATIN1"), @"ALTER DATABASE `x` CHARACTER SET = LATIN1 COLLATE latin1_bin");
        insta::assert_snapshot!(
            mysql("CREATE TABLE `s` (`id` INT,`l` VARCHAR(50) CHARACTER SET LATIN1 DEFAULT _UTF8MB4'a, CHARSET utf8',`c` VARCHAR(5) CHARACTER SET UTF8 COLLATE utf8_general_ci, `u` ENUM('a','b') CHARACTER SET UTF8) DEFAULT CHARACTER SET = UTF8MB4, COMMENT = 'x'"),
            @"CREATE TABLE `s` (`id` INT,`l` VARCHAR(50) CHARACTER SET LATIN1 COLLATE latin1_bin DEFAULT _UTF8MB4'a, CHARSET utf8',`c` VARCHAR(5) CHARACTER SET UTF8 COLLATE utf8_general_ci, `u` ENUM('a','b') CHARACTER SET UTF8 COLLATE utf8_bin) DEFAULT CHARACTER SET = UTF8MB4 COLLATE utf8mb4_bin, COMMENT = 'x'"
        );
        insta::assert_snapshot!(mysql("CREATE TABLE t (a INT) DEFAULT CHARSET=utf8mb4, COLLATE=utf8mb4_general_ci"), @"CREATE TABLE t (a INT) DEFAULT CHARSET=utf8mb4, COLLATE=utf8mb4_general_ci");
        insta::assert_snapshot!(mysql("ALTER TABLE `t` CONVERT TO CHARACTER SET UTF8MB4"), @"ALTER TABLE `t` CONVERT TO CHARACTER SET UTF8MB4 COLLATE utf8mb4_bin");
        insta::assert_snapshot!(mysql("ALTER TABLE t ADD COLUMN (a CHAR(5) CHARSET gbk, b INT), MODIFY c TEXT COLLATE utf8_bin"), @"ALTER TABLE t ADD COLUMN (a CHAR(5) CHARSET gbk COLLATE gbk_chinese_ci, b INT), MODIFY c TEXT COLLATE utf8_bin");
    }

    #[test]
    fn the_rest_stays() {
        for sql in [
            "CREATE TABLE `a``b (` (`charset` INT PRIMARY KEY /*T![clustered_index] CLUSTERED */, b TEXT GENERATED ALWAYS AS(CAST(`charset` AS CHAR CHARACTER SET utf8)))",
            "CREATE DEFINER = CURRENT_USER VIEW `v` AS SELECT CONVERT(`a` USING utf8),CAST(b AS CHAR CHARSET utf8) FROM `t`",
            "ALTER TABLE `t` ADD COLUMN `a` INT COMMENT 'it\\'s CHARACTER SET utf8'",
            "RENAME TABLE `t` TO `s`",
        ] {
            assert_eq!(mysql(sql), sql);
        }
    }

    #[test]
    fn nothing_left_for_the_target() {
        assert_eq!(mysql("ALTER TABLE `t` /*T![auto_rand] AUTO_RANDOM_BASE = 5 */"), "nothing");
        assert_eq!(mysql("ALTER TABLE `d`.`t` /*T![ttl] TTL_ENABLE='ON' */"), "nothing");
        let tidb = |sql: &str| rewrite(sql, Flavour::TiDb, None);
        assert_eq!(tidb("ALTER TABLE `t` /*T![ttl] TTL_ENABLE='ON' */"), None);
        assert!(tidb("ALTER TABLE `t` /*T![auto_rand] AUTO_RANDOM_BASE = 5 */").is_some());
        assert_eq!(
            tidb("CREATE TABLE t (a INT) /*T![ttl] TTL = a + INTERVAL 1 DAY */ /*T![ttl] TTL_ENABLE = 'ON' */ /*T![placement] PLACEMENT POLICY = `p` */").unwrap(),
            "CREATE TABLE t (a INT) /*T![ttl] TTL = a + INTERVAL 1 DAY */ /*T![ttl] TTL_ENABLE = 'OFF' */"
        );
        assert_eq!(tidb("ALTER TABLE `t` /*T![ttl] REMOVE TTL */").unwrap(), "ALTER TABLE `t` /*T![ttl] REMOVE TTL */");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(sql in ".*") {
            let _ = rewrite(&sql, Flavour::MySql, None);
        }
    }
}
