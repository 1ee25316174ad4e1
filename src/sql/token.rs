//! The tokenizer for SQL as MySQL, MariaDB and TiDB read it in their default SQL mode.
//!
//! In that mode a backslash in a string escapes what follows. Where a string, a quoted name or a
//! comment begins and ends decides whether a text is what it looks like; `tests/tokens.rs` compares
//! this with the reader of a server.
//!
//! Also the tokens of a statement by position, without comments.

use std::borrow::Cow;
use std::ops::Range;

/// A piece of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    /// A keyword, a bare name, a number (also `x'41'`).
    Word(&'a str),
    /// A name in back quotes, quotes included.
    Name(&'a str),
    /// A string in single or double quotes, quotes included.
    Text(&'a str),
    /// A comment of any kind.
    Comment(&'a str),
    /// Any other single character.
    Sign(char),
}

impl<'a> Token<'a> {
    /// Whether it is this keyword, in any case.
    #[must_use]
    pub fn is(&self, word: &str) -> bool {
        matches!(self, Self::Word(w) if w.eq_ignore_ascii_case(word))
    }

    /// The name that it may be, without its quotes: a session with ANSI_QUOTES puts names in double
    /// quotes. A name that is not closed is returned as well; its text is refused elsewhere.
    #[must_use]
    pub fn name(&self) -> Option<Cow<'a, str>> {
        match *self {
            Self::Word(name) => Some(Cow::Borrowed(name)),
            Self::Name(quoted) => Some(bare(quoted, "`", "``")),
            Self::Text(quoted) if quoted.starts_with('"') => Some(bare(quoted, "\"", "\"\"")),
            _ => None,
        }
    }
}

/// What stands between two quotes, which are doubled within it.
fn bare<'a>(quoted: &'a str, quote: &str, doubled: &str) -> Cow<'a, str> {
    let inner = quoted.strip_prefix(quote).unwrap_or(quoted);
    let inner = inner.strip_suffix(quote).unwrap_or(inner);
    if inner.contains(quote) { Cow::Owned(inner.replace(doubled, quote)) } else { Cow::Borrowed(inner) }
}

/// The tokens of `sql`, each with the byte range that it covers. White space is left out; what is
/// not closed goes to the end.
#[must_use]
pub fn tokens(sql: &str) -> Vec<(Token<'_>, usize, usize)> {
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(rest) = sql.get(at..).filter(|r| !r.is_empty()) {
        let (token, length) = next(rest, true);
        let end = at + length.max(1);
        out.extend(token.map(|token| (token, at, end)));
        at = end;
    }
    out
}

/// The statements of `sql`, which are separated by semicolons (a batched CREATE TABLE has several),
/// without empty ones.
#[must_use]
pub fn statements(sql: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut begin = 0;
    let ends = tokens(sql).into_iter().filter(|(token, ..)| *token == Token::Sign(';')).map(|(_, at, _)| at);
    for end in ends.chain([sql.len()]) {
        let statement = sql.get(begin..end).unwrap_or_default().trim();
        if !statement.is_empty() {
            out.push(statement);
        }
        begin = end + 1;
    }
    out
}

/// Whether every string, name and comment of `sql` has its end.
#[must_use]
pub fn is_closed(sql: &str) -> bool {
    // Then what follows is a token of its own.
    tokens(&format!("{sql}\nx")).last().is_some_and(|(token, ..)| token.is("x"))
}

/// The token at the start of `rest`, `None` for a piece of white space, and its length in bytes.
/// `escapes`: whether a backslash in a string escapes.
pub(super) fn next(rest: &str, escapes: bool) -> (Option<Token<'_>>, usize) {
    let Some(first) = rest.chars().next() else { return (None, 0) };
    let piece = |length: usize| rest.get(..length).unwrap_or(rest);
    match first {
        c if is_space(c) => (None, 1),
        '`' => {
            let length = quoted_end(rest, '`', false).unwrap_or(rest.len());
            (Some(Token::Name(piece(length))), length)
        }
        '\'' | '"' => {
            let length = quoted_end(rest, first, escapes).unwrap_or(rest.len());
            (Some(Token::Text(piece(length))), length)
        }
        c if is_word(c) => {
            let length = digits_end(rest).or_else(|| rest.find(|c| !is_word(c))).unwrap_or(rest.len());
            (Some(Token::Word(piece(length))), length)
        }
        c => match comment_end(rest) {
            Some(length) => (Some(Token::Comment(piece(length))), length),
            None => (Some(Token::Sign(c)), c.len_utf8()),
        },
    }
}

/// What separates words. Other white space of Unicode is part of a bare name.
pub(super) const fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t'..='\r')
}

const fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '$' || !c.is_ascii()
}

/// The length of a number that is written as `x'41'` or `b'01'`: a quote behind it begins a string,
/// and is not doubled.
fn digits_end(rest: &str) -> Option<usize> {
    let base = match rest.as_bytes() {
        [b'x' | b'X', b'\'', ..] => 16,
        [b'b' | b'B', b'\'', ..] => 2,
        _ => return None,
    };
    let (digits, _) = rest.get(2..)?.split_once('\'')?;
    digits.chars().all(|c| c.is_digit(base)).then_some(digits.len() + 3)
}

/// The length of the comment at the start of `rest`, if one begins there. A line ends at a line
/// feed, and at nothing else.
fn comment_end(rest: &str) -> Option<usize> {
    if let Some(inner) = rest.strip_prefix("/*") {
        // `/*/` has not ended yet.
        return Some(inner.find("*/").map_or(rest.len(), |end| end + 4));
    }
    let dashes = rest.strip_prefix("--").is_some_and(|behind| {
        // Behind two dashes: white space, another control character, or the end.
        behind.chars().next().is_none_or(|c| is_space(c) || c.is_ascii_control())
    });
    (dashes || rest.starts_with('#')).then(|| rest.find('\n').map_or(rest.len(), |end| end + 1))
}

/// The length of the quoted piece at the start of `text`, both quotes included; `None` if it is not
/// closed.
pub(super) fn quoted_end(text: &str, quote: char, escapes: bool) -> Option<usize> {
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((i, c)) = chars.next() {
        if escapes && c == '\\' {
            chars.next();
        } else if c == quote && chars.next_if(|(_, next)| *next == quote).is_none() {
            return Some(i + c.len_utf8());
        }
    }
    None
}

/// A statement as tokens. A place is the index of a token; ranges are of places where nothing else
/// is said.
#[derive(Clone, Debug)]
pub struct Words<'a> {
    tokens: Vec<(Token<'a>, usize, usize)>,
}

impl<'a> Words<'a> {
    /// The tokens of `sql`.
    #[must_use]
    pub fn of(sql: &'a str) -> Self {
        Self { tokens: tokens(sql).into_iter().filter(|(token, ..)| !matches!(token, Token::Comment(_))).collect() }
    }

    /// Leaves out the tokens that lie within one of these pieces of the text, in bytes.
    #[must_use]
    pub fn without(mut self, pieces: &[Range<usize>]) -> Self {
        self.tokens.retain(|(_, from, to)| !pieces.iter().any(|piece| piece.start <= *from && *to <= piece.end));
        self
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The token at `at`.
    #[must_use]
    pub fn token(&self, at: usize) -> Option<Token<'a>> {
        self.tokens.get(at).map(|(token, ..)| *token)
    }

    /// The bytes that the tokens of `range` cover; `None` where there are none.
    #[must_use]
    pub fn bytes(&self, range: Range<usize>) -> Option<Range<usize>> {
        let ((_, from, _), (.., to)) = self.tokens.get(range.start).zip(self.tokens.get(range.end.checked_sub(1)?))?;
        (!range.is_empty()).then_some(*from..*to)
    }

    /// Whether this keyword stands at `at`, in any case.
    #[must_use]
    pub fn is(&self, at: usize, word: &str) -> bool {
        self.token(at).is_some_and(|t| t.is(word))
    }

    /// Whether one of these keywords stands at `at`, in any case.
    #[must_use]
    pub fn is_any(&self, at: usize, words: &[&str]) -> bool {
        words.iter().any(|w| self.is(at, w))
    }

    /// Whether this sign stands at `at`.
    #[must_use]
    pub fn sign(&self, at: usize, sign: char) -> bool {
        self.token(at) == Some(Token::Sign(sign))
    }

    /// The words of `phrase` from `at` on; gives the place behind them.
    #[must_use]
    pub fn phrase(&self, at: usize, phrase: &[&str]) -> Option<usize> {
        phrase.iter().enumerate().all(|(i, word)| self.is(at + i, word)).then_some(at + phrase.len())
    }

    /// Behind IF EXISTS or IF NOT EXISTS at `at`, or `at` itself.
    #[must_use]
    pub fn behind_condition(&self, at: usize) -> usize {
        self.phrase(at, &["IF", "EXISTS"]).or_else(|| self.phrase(at, &["IF", "NOT", "EXISTS"])).unwrap_or(at)
    }

    /// The name at `at`, without its quotes.
    #[must_use]
    pub fn name(&self, at: usize) -> Option<Cow<'a, str>> {
        self.token(at)?.name()
    }

    /// Behind the name at `at`, which may have a database before it.
    #[must_use]
    pub fn behind_name(&self, at: usize) -> usize {
        if self.sign(at + 1, '.') { at + 3 } else { at + 1 }
    }

    /// Whether nothing follows from `at` on but semicolons.
    #[must_use]
    pub fn ends(&self, at: usize) -> bool {
        self.tokens.iter().skip(at).all(|(token, ..)| *token == Token::Sign(';'))
    }

    /// The place of the bracket that closes the one at `open`, or the end.
    #[must_use]
    pub fn close(&self, open: usize) -> usize {
        let mut depth = 0_usize;
        for at in open..self.len() {
            if self.sign(at, '(') {
                depth += 1;
            } else if self.sign(at, ')') {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at;
                }
            }
        }
        self.len()
    }

    /// The places in `range` that lie in no bracket; the brackets themselves count.
    #[must_use]
    pub fn surface(&self, range: Range<usize>) -> Vec<usize> {
        let (mut out, mut depth) = (Vec::new(), 0_usize);
        for at in range {
            if self.sign(at, ')') {
                depth = depth.saturating_sub(1);
            }
            if depth == 0 {
                out.push(at);
            }
            if self.sign(at, '(') {
                depth += 1;
            }
        }
        out
    }

    /// What stands between the commas of `range`.
    #[must_use]
    pub fn items(&self, range: Range<usize>) -> Vec<Range<usize>> {
        let commas = self.surface(range.clone()).into_iter().filter(|at| self.sign(*at, ','));
        let (mut from, mut out) = (range.start, Vec::new());
        for comma in commas.chain([range.end]) {
            out.push(from..comma);
            from = comma + 1;
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(sql: &str) -> String {
        let kind = |(token, from, to): (Token<'_>, usize, usize)| {
            let letter = match token {
                Token::Word(_) => 'w',
                Token::Name(_) => 'n',
                Token::Text(_) => 't',
                Token::Comment(_) => 'c',
                Token::Sign(_) => 's',
            };
            format!("{letter}{}", &sql[from..to])
        };
        tokens(sql).into_iter().map(kind).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn as_servers_read_it() {
        for (sql, expected) in [
            ("a `b``c`.d", "wa|n`b``c`|s.|wd"),
            ("'it''s' \"a\"\"b\"", "t'it''s'|t\"a\"\"b\""),
            ("'a\\'b' x", "t'a\\'b'|wx"),
            ("`a\\`b", "n`a\\`|wb"),
            ("/*/ ' */ x", "c/*/ ' */|wx"),
            ("/**/x", "c/**/|wx"),
            ("--\t' \nx", "c--\t' \n|wx"),
            ("--\u{1}' \nx", "c--\u{1}' \n|wx"),
            ("1--1 --", "w1|s-|s-|w1|c--"),
            ("# ' \r x\ny", "c# ' \r x\n|wy"),
            ("a\u{a0}b\u{3000}", "wa\u{a0}b\u{3000}"),
            ("x'41''a' B'01' ax'4''1'", "wx'41'|t'a'|wB'01'|wax|t'4''1'"),
            ("x'4g''a'", "wx|t'4g''a'"),
            ("'open", "t'open"),
            ("/* open", "c/* open"),
        ] {
            assert_eq!(shown(sql), expected, "{sql:?}");
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
        assert_eq!(
            statements("CREATE TABLE a (b INT); ; CREATE TABLE `;` (c TEXT DEFAULT ';') "),
            ["CREATE TABLE a (b INT)", "CREATE TABLE `;` (c TEXT DEFAULT ';')"]
        );
    }

    #[test]
    fn names_lose_their_quotes() {
        let names: Vec<_> =
            tokens("`we``ird`.名前/*T![x] y */'z' \"a\"\"`b\" 5 `open").iter().map(|(t, ..)| t.name()).collect();
        let name = |text: &'static str| Some(Cow::Borrowed(text));
        assert_eq!(names, [name("we`ird"), None, name("名前"), None, None, name("a\"`b"), name("5"), name("open")]);
        assert_eq!(tokens("`")[0].0.name(), name(""));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(sql in "([-#/*`'\";\\\\ \n\ta名]|.){0,24}") {
            let mut at = 0;
            for (token, start, end) in tokens(&sql) {
                proptest::prop_assert!(start >= at && end > start && sql.get(start..end).is_some());
                proptest::prop_assert!(token.name().is_none_or(|name| name.len() <= end - start));
                at = end;
            }
            let kept: usize = statements(&sql).iter().map(|s| s.len()).sum();
            proptest::prop_assert!(kept <= sql.len());
        }
    }
}
