//! Finds the tables, sequences and character sets that a statement mentions.
//!
//! - Tables and sequences that it reads: those of a view's query, the sequence of a default, and
//!   names in front of a column.
//! - Character sets that it names, and collations that it leaves unsaid.
//! - Whether a DDL text takes rows from a query.

use std::ops::Range;

use super::token::{Token, Words, tokens};
use super::{Edit, edited};

/// What a name in a query or an expression stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MentionKind {
    /// A table, view or sequence that is read.
    Read,
    /// What WITH calls a query, which hides a table of that name.
    Common,
    /// It stands in front of a column.
    Prefix,
}

/// A name in a query or an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    /// What it stands for.
    pub kind: MentionKind,
    /// The database, where one is written.
    pub schema: Option<String>,
    /// The name, without quotes.
    pub name: String,
    /// What the query calls it.
    pub alias: Option<String>,
    /// The bytes of the text that it covers, database included.
    pub at: Range<usize>,
}

/// The mentions in `sql`, in their order, without those in the byte ranges `apart`.
///
/// A function's FROM, as in EXTRACT(YEAR FROM a), counts as well: it gives a column.
#[must_use]
pub fn mentions(sql: &str, apart: &[Range<usize>]) -> Vec<Mention> {
    let mut reader = Reader { words: Words::of(sql).without(apart), at: 0, found: Vec::new() };
    while reader.at < reader.words.len() {
        reader.step();
    }
    reader.found
}

/// Whether what stands at `at` in a query begins one of its parts, or a query in brackets.
pub(crate) fn begins_query(words: &Words<'_>, at: usize) -> bool {
    let Some(before) = at.checked_sub(1) else { return false };
    let set = ["AS", "UNION", "ALL", "DISTINCT", "EXCEPT", "INTERSECT"];
    words.is_any(before, &set) || words.sign(before, '(') || words.sign(before, ')')
}

struct Reader<'a> {
    words: Words<'a>,
    at: usize,
    found: Vec<Mention>,
}

impl Reader<'_> {
    fn is(&self, ahead: usize, words: &[&str]) -> bool {
        self.words.is_any(self.at + ahead, words)
    }

    fn sign(&self, ahead: usize, sign: char) -> bool {
        self.words.sign(self.at + ahead, sign)
    }

    /// The name that stands there. A number is none.
    fn name(&self, ahead: usize) -> Option<String> {
        let token = self.words.token(self.at + ahead)?;
        let number = matches!(token, Token::Word(word) if word.starts_with(|c: char| c.is_ascii_digit()));
        token.name().filter(|_| !number).map(std::borrow::Cow::into_owned)
    }

    fn step(&mut self) {
        let of_sequence = self.is(0, &["NEXTVAL", "LASTVAL", "SETVAL"]) && self.sign(1, '(');
        if self.is(0, &["FROM", "JOIN", "STRAIGHT_JOIN"]) {
            self.at += 1;
            self.tables();
        } else if self.whole_table() {
            self.at += 1;
            self.read();
        } else if of_sequence || self.is(0, &["VALUE"]) && self.is(1, &["FOR"]) {
            self.at += 2;
            self.read();
        } else if !(self.common_table() || self.column()) {
            self.at += 1;
        }
    }

    /// `TABLE t`, which is `SELECT * FROM t`.
    fn whole_table(&self) -> bool {
        self.is(0, &["TABLE"]) && self.name(1).is_some() && begins_query(&self.words, self.at)
    }

    /// A list of tables behind FROM or JOIN; what is joined is another one.
    fn tables(&mut self) {
        loop {
            while self.sign(0, '(') {
                self.at += 1;
            }
            if self.is(0, &["SELECT", "WITH", "LATERAL", "VALUES"]) || !self.read() {
                return;
            }
            if self.is(0, &["AS"])
                && let Some(alias) = self.name(1)
            {
                self.at += 2;
                if let Some(last) = self.found.last_mut() {
                    last.alias = Some(alias);
                }
            }
            if !self.sign(0, ',') {
                return;
            }
            self.at += 1;
        }
    }

    /// One name, with its database.
    fn read(&mut self) -> bool {
        let Some(first) = self.name(0) else { return false };
        let second = if self.sign(1, '.') { self.name(2) } else { None };
        let count = if second.is_some() { 3 } else { 1 };
        let (schema, name) = match second {
            Some(second) => (Some(first), second),
            None => (None, first),
        };
        self.push(Mention { kind: MentionKind::Read, schema, name, alias: None, at: 0..0 }, count);
        true
    }

    /// A qualified column: what is in front of it.
    fn column(&mut self) -> bool {
        let column = |ahead: usize| self.name(ahead).is_some() || self.sign(ahead, '*');
        let (Some(first), true) = (self.name(0), self.sign(1, '.') && column(2)) else { return false };
        match self.name(2).filter(|_| self.sign(3, '.') && column(4)) {
            Some(second) => {
                self.push(
                    Mention { kind: MentionKind::Prefix, schema: Some(first), name: second, alias: None, at: 0..0 },
                    3,
                );
            }
            None => {
                self.push(Mention { kind: MentionKind::Prefix, schema: None, name: first, alias: None, at: 0..0 }, 1)
            }
        }
        // The column itself, which nothing stands in front of any more.
        self.at += 2;
        true
    }

    /// `name AS (`.
    fn common_table(&mut self) -> bool {
        let Some(name) = self.name(0).filter(|_| self.is(1, &["AS"]) && self.sign(2, '(')) else { return false };
        self.push(Mention { kind: MentionKind::Common, schema: None, name, alias: None, at: 0..0 }, 1);
        true
    }

    fn push(&mut self, mention: Mention, count: usize) {
        let at = self.words.bytes(self.at..self.at + count).unwrap_or_default();
        self.found.push(Mention { at, ..mention });
        self.at += count;
    }
}

/// What one column definition or list of options says.
#[derive(Default)]
struct Clause {
    /// The byte behind the name of its character set, and the collation that it gets there.
    charset: Option<(usize, String)>,
    collation: bool,
}

/// `sql` with a collation behind every character set that has none: `default` knows those that have
/// to be said.
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
            // Deeper than a list of columns stand expressions: CAST(a AS CHAR CHARACTER SET utf8)
            // has no collation.
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

/// Whether a statement on a database, or the options behind a table's columns, name a character set
/// or a collation.
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

/// Whether a statement that is no CREATE VIEW has a query in it: `CREATE TABLE … AS SELECT`, `…
/// TABLE other`, `… VALUES ROW(…)`. TiDB has none of these, so no job of its has; a target would
/// run it with our rights.
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
