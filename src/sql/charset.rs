//! The character sets that a statement names, and the collations that it leaves unsaid.

use super::edit::{Edit, edited};
use super::token::{Token, tokens};

/// What one column definition or list of options says.
#[derive(Default)]
struct Clause {
    /// The byte behind the name of its character set, and the collation that it gets there.
    charset: Option<(usize, String)>,
    collation: bool,
}

/// `sql` with a collation behind every character set that has none: `default` knows those that have to be said.
#[must_use]
pub fn with_collations(sql: &str, default: &dyn Fn(&str) -> Option<String>) -> String {
    let all = tokens(sql);
    let first = all.iter().map(|(token, ..)| token).find(|token| !matches!(token, Token::Comment(_)));
    let creates = first.is_some_and(|token| token.is("CREATE"));
    let is = |at: usize, word: &str| all.get(at).is_some_and(|(token, ..)| token.is(word));
    let mut unsaid: Vec<(usize, String)> = Vec::new();
    let mut stack = vec![Clause::default()];
    let mut close = |clause: &mut Clause| {
        let Clause { charset, collation } = std::mem::take(clause);
        unsaid.extend(charset.filter(|_| !collation));
    };
    for (at, (token, ..)) in all.iter().enumerate() {
        let depth = stack.len();
        let Some(top) = stack.last_mut() else { break };
        match token {
            Token::Sign('(') => stack.push(Clause::default()),
            Token::Sign(')') if depth > 1 => {
                close(top);
                stack.pop();
            }
            // The options of a table may have commas between them.
            Token::Sign(',') if depth == 1 && (creates || is(at + 1, "COLLATE")) => {}
            Token::Sign(',') => close(top),
            t if t.is("COLLATE") => top.collation = true,
            // Deeper than a list of columns stand expressions: CAST(a AS CHAR CHARACTER SET utf8) has no collation.
            _ if depth <= 2 => {
                if let Some((name, end)) = named(&all, at) {
                    top.charset = default(name).map(|collation| (end, collation));
                }
            }
            _ => {}
        }
    }
    stack.iter_mut().for_each(&mut close);
    unsaid.sort_unstable();
    let edits: Vec<Edit> =
        unsaid.into_iter().map(|(at, collation)| (at..at, format!(" COLLATE {collation}"))).collect();
    edited(sql, &edits)
}

/// The character set that is named at `at`, and the byte behind its name.
fn named<'a>(all: &[(Token<'a>, usize, usize)], at: usize) -> Option<(&'a str, usize)> {
    let is = |at: usize, word: &str| all.get(at).is_some_and(|(token, ..)| token.is(word));
    let mut name = match () {
        () if is(at, "CHARSET") => at + 1,
        () if is(at, "CHARACTER") && is(at + 1, "SET") => at + 2,
        () => return None,
    };
    name += usize::from(all.get(name).is_some_and(|(token, ..)| *token == Token::Sign('=')));
    match all.get(name) {
        Some((Token::Word(name), _, end)) => Some((name, *end)),
        _ => None,
    }
}

/// Whether a statement on a database, or the options behind a table's columns, name a character set or a collation.
#[must_use]
pub fn names_charset(sql: &str) -> bool {
    let mut depth = 0_usize;
    tokens(sql).into_iter().any(|(token, ..)| {
        match token {
            Token::Sign('(') => depth += 1,
            Token::Sign(')') => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && ["CHARSET", "CHARACTER", "COLLATE"].iter().any(|word| token.is(word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bare_character_sets_get_a_collation() {
        let default = |name: &str| name.eq_ignore_ascii_case("latin1").then(|| "latin1_swedish_ci".to_owned());
        for (sql, want) in [
            (
                "ALTER TABLE t ADD a CHAR(5) CHARACTER SET latin1 NOT NULL",
                "ALTER TABLE t ADD a CHAR(5) CHARACTER SET latin1 COLLATE latin1_swedish_ci NOT NULL",
            ),
            ("ALTER TABLE t ADD a TEXT CHARSET latin1 COLLATE latin1_bin", ""),
            ("ALTER TABLE t ADD a TEXT COLLATE latin1_bin CHARSET latin1", ""),
            (
                "ALTER TABLE t ADD a TEXT CHARSET latin1, ADD b TEXT COLLATE latin1_bin",
                "ALTER TABLE t ADD a TEXT CHARSET latin1 COLLATE latin1_swedish_ci, ADD b TEXT COLLATE latin1_bin",
            ),
            (
                "ALTER TABLE t CONVERT TO CHARACTER SET LATIN1;",
                "ALTER TABLE t CONVERT TO CHARACTER SET LATIN1 COLLATE latin1_swedish_ci;",
            ),
            ("ALTER TABLE t DEFAULT CHARSET=latin1, COLLATE=latin1_bin", ""),
            ("ALTER TABLE t COMMENT 'CHARSET latin1'", ""),
            (
                "ALTER TABLE t ADD a TEXT AS (CONVERT(b USING latin1)), ADD c INT CHECK (CAST(d AS CHAR CHARSET latin1) = 'x')",
                "",
            ),
            ("ALTER TABLE t ADD a CHAR(5) CHARACTER SET binary", ""),
            ("/* x */ CREATE TABLE t (a INT) CHARSET latin1, COMMENT 'x', COLLATE latin1_bin", ""),
            (
                "CREATE TABLE t (a CHAR(5) CHARSET latin1, b INT) CHARACTER SET = latin1, COMMENT = 'x', COLLATE latin1_bin",
                "CREATE TABLE t (a CHAR(5) CHARSET latin1 COLLATE latin1_swedish_ci, b INT) CHARACTER SET = latin1, COMMENT = 'x', COLLATE latin1_bin",
            ),
        ] {
            assert_eq!(with_collations(sql, &default), if want.is_empty() { sql } else { want });
        }
    }

    #[test]
    fn options_name_one_or_none() {
        for (sql, names) in [
            ("CREATE DATABASE `charset`", false),
            ("CREATE DATABASE x CHARACTER SET = utf8", true),
            ("CREATE DATABASE x COLLATE utf8_bin", true),
            ("CREATE TABLE a (b CHAR(5) CHARACTER SET utf8)", false),
            ("CREATE TABLE a (b INT) CHARSET utf8", true),
        ] {
            assert_eq!(names_charset(sql), names, "{sql}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(sql in "(CREATE TABLE |ALTER TABLE )?((CHARSET|CHARACTER SET|COLLATE|[(),=a'])[ ]?){0,12}.{0,8}") {
            let default = |name: &str| Some(name.to_owned());
            let with = with_collations(&sql, &default);
            proptest::prop_assert!(with.len() >= sql.len());
            let _ = names_charset(&sql);
        }
    }
}
