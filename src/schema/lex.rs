//! Just enough of SQL's tokens to read names out of a DDL statement.

use std::ops::Range;

use crate::sql;

/// One token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A bare word: a keyword, a name or a number.
    Word(String),
    /// A name in back-quotes, or in double quotes (ANSI_QUOTES), without them.
    Quoted(String),
    /// Text in single quotes; what it says does not matter.
    Text,
    /// Any other character.
    Mark(char),
}

impl Token {
    /// Whether it is the keyword (given in upper case).
    pub(super) fn is(&self, keyword: &str) -> bool {
        matches!(self, Self::Word(w) if w.eq_ignore_ascii_case(keyword))
    }

    /// The name it may be.
    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Self::Word(name) | Self::Quoted(name) => Some(name),
            _ => None,
        }
    }
}

/// The tokens of `sql`; comments, TiDB's feature comments included, are left out.
pub(super) fn tokens(sql: &str) -> Vec<Token> {
    spans(sql).into_iter().map(|(token, _)| token).collect()
}

/// Every word and every quoted name of `sql`, whatever it stands for.
#[must_use]
pub fn words(sql: &str) -> Vec<String> {
    tokens(sql).iter().filter_map(|t| t.name().map(str::to_owned)).collect()
}

/// The statements of `sql`, which are separated by semicolons (a batched CREATE TABLE has several), without empty ones.
#[must_use]
pub fn statements(sql: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut begin = 0;
    let ends = spans(sql).into_iter().filter(|(t, _)| *t == Token::Mark(';')).map(|(_, at)| at.start);
    for end in ends.chain([sql.len()]) {
        let statement = sql.get(begin..end).unwrap_or_default().trim();
        if !statement.is_empty() {
            out.push(statement);
        }
        begin = end + 1;
    }
    out
}

/// Tokens with the bytes that each of them covers.
pub(super) fn spans(sql: &str) -> Vec<(Token, Range<usize>)> {
    let own = |(token, from, to): (sql::Token<'_>, usize, usize)| {
        let quoted = |quote: char| {
            let piece = sql.get(from..to).unwrap_or_default();
            let inner = piece.strip_prefix(quote).unwrap_or(piece);
            inner
                .strip_suffix(quote)
                .unwrap_or(inner)
                .replace(&[quote, quote].iter().collect::<String>(), &quote.to_string())
        };
        let token = match token {
            sql::Token::Comment(_) => return None,
            sql::Token::Word(word) => Token::Word(word.to_owned()),
            sql::Token::Name(_) => Token::Quoted(quoted('`')),
            sql::Token::Text if sql.get(from..).is_some_and(|s| s.starts_with('"')) => Token::Quoted(quoted('"')),
            sql::Token::Text => Token::Text,
            sql::Token::Sign(c) => Token::Mark(c),
        };
        Some((token, from..to))
    };
    sql::tokens(sql).into_iter().filter_map(own).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_text_panics(text in "[-#/*`'\";\\\\ \na名]{0,16}") {
            tokens(&text);
            let kept: usize = statements(&text).iter().map(|s| s.len()).sum();
            prop_assert!(kept <= text.len());
        }
    }

    #[test]
    fn statements_split_outside_of_quotes() {
        let sql =
            "CREATE TABLE `a;b` (x INT DEFAULT ';' /* ; */); -- ;\n create table c (名 int comment 'it''s;\\';');;";
        let parts = statements(sql);
        assert_eq!(parts.len(), 2, "{parts:?}");
        assert!(parts[0].ends_with(')') && parts[1].contains("create table c"));
        assert!(statements(" ; ").is_empty());
        assert_eq!(statements("drop table `unclosed").len(), 1);
    }

    #[test]
    fn names_lose_their_quotes() {
        let want = vec![Token::Quoted("we`ird".into()), Token::Mark('.'), Token::Word("名前".into()), Token::Text];
        assert_eq!(tokens("`we``ird`.名前/*T![x] y */'z'"), want);
    }
}
