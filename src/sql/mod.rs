//! SQL text as a server reads it.
//!
//! ```text
//! token      the one tokenizer: where words, names, strings and comments begin and end;
//!            the tokens of a statement by position
//! statement  what a DDL is, what it names and where, what an ALTER TABLE does
//! mention    the tables and sequences that a query or an expression names; character sets, and
//!            collations left unsaid; whether a DDL takes rows from a query
//! upstream   a DDL text of a source in a form that every server reads in the same way
//! ```
//!
//! In this file: pieces of a text, replaced; names and strings, quoted; and the value of a session
//! variable as the operator wrote it, as SQL that is never more than one value.

mod mention;
pub(crate) mod statement;
mod token;
mod upstream;

use std::ops::Range;

pub(crate) use mention::begins_query;
pub use mention::{Mention, MentionKind, has_query, mentions, names_charset, with_collations};
pub use statement::{Clause, Place, Retyped, Role, Statement, Verb};
pub use token::{Token, Words, is_closed, statements, tokens};
pub use upstream::{Source, Unclear, canonical};

/// `name` in back quotes.
#[must_use]
pub fn quote_name(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// `text` as a string literal, for a session without NO_BACKSLASH_ESCAPES.
#[must_use]
pub fn quote_text(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len() + 2);
    append_text(&mut out, text.as_bytes());
    String::from_utf8_lossy(&out).into_owned()
}

/// Appends `text` as a string literal. NO_BACKSLASH_ESCAPES must be off, which the session's
/// sql_mode sees to.
#[inline]
pub fn append_text(out: &mut Vec<u8>, text: &[u8]) {
    out.reserve(text.len() + 2);
    out.push(b'\'');
    let mut rest = text;
    while let Some(at) = special(rest) {
        let (plain, special) = rest.split_at(at);
        out.extend_from_slice(plain);
        out.push(b'\\');
        match special.first() {
            Some(0) => out.push(b'0'),
            Some(b'\n') => out.push(b'n'),
            Some(b'\r') => out.push(b'r'),
            Some(0x1a) => out.push(b'Z'),
            Some(b) => out.push(*b),
            None => {}
        }
        rest = special.get(1..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out.push(b'\'');
}

/// Position of the first byte that needs a backslash. Looks at many at a time: most texts have
/// none.
fn special(text: &[u8]) -> Option<usize> {
    let needs = |b: &u8| matches!(b, b'\'' | b'\\' | 0 | b'\n' | b'\r' | 0x1a);
    let (chunks, rest) = text.as_chunks::<32>();
    for (n, chunk) in chunks.iter().enumerate() {
        // No early end: so it becomes a few instructions on whole registers.
        let any = chunk.iter().fold(false, |any, b| any | (*b < 0x20) | (*b == b'\'') | (*b == b'\\'));
        if any && let Some(at) = chunk.iter().position(needs) {
            return Some(n * 32 + at);
        }
    }
    rest.iter().position(needs).map(|at| chunks.len() * 32 + at)
}

/// A byte range of a text, and what replaces it. An empty range is an insertion.
pub type Edit = (Range<usize>, String);

/// `sql` with `edits`, which are in order. One that begins within the one before it is not made.
#[must_use]
pub fn edited(sql: &str, edits: &[Edit]) -> String {
    let mut out = String::with_capacity(sql.len() + 32);
    let mut from = 0;
    for (at, text) in edits {
        let Some(before) = sql.get(from..at.start) else { continue };
        out.push_str(before);
        out.push_str(text);
        from = at.end;
    }
    out.push_str(sql.get(from..).unwrap_or_default());
    out
}

/// Whether `name` can be that of a variable.
#[must_use]
pub fn is_variable(name: &str) -> bool {
    let rest = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    name.len() <= 64
        && name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && name.bytes().all(rest)
}

/// `value` as it may stand behind `=`: a number and a bare word (`ON`, `DEFAULT`) as they are, a
/// text in quotes as that string, anything else as a string.
#[must_use]
pub fn literal(value: &str) -> String {
    let value = value.trim();
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let unsigned = value.strip_prefix('-').unwrap_or(value);
    let number =
        unsigned.split_once('.').map_or_else(|| digits(unsigned), |(whole, part)| digits(whole) && digits(part));
    if number || is_variable(value) {
        return value.to_owned();
    }
    let bare = ['\'', '"'].into_iter().find_map(|quote| {
        let inner = value.strip_prefix(quote)?.strip_suffix(quote)?;
        let doubled = [quote, quote].iter().collect::<String>();
        let plain = inner.replace(&doubled, &quote.to_string());
        (!inner.replace(&doubled, "").contains(quote) && !inner.contains('\\')).then_some(plain)
    });
    quote_text(bare.as_deref().unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value() {
        for (value, sql) in [
            ("20", "20"),
            ("-1.5", "-1.5"),
            ("ON", "ON"),
            ("DEFAULT", "DEFAULT"),
            ("'READ-COMMITTED'", "'READ-COMMITTED'"),
            ("READ-COMMITTED", "'READ-COMMITTED'"),
            ("\"it's\"", "'it\\'s'"),
            ("'it''s'", "'it\\'s'"),
            ("", "''"),
            ("''", "''"),
            ("20; DROP DATABASE x", "'20; DROP DATABASE x'"),
            ("'a'; DROP DATABASE x; SET @a = 'b'", "'\\'a\\'; DROP DATABASE x; SET @a = \\'b\\''"),
            ("'a', sql_mode = 'b'", "'\\'a\\', sql_mode = \\'b\\''"),
            ("'\\'", "'\\'\\\\\\''"),
            ("1,autocommit=0", "'1,autocommit=0'"),
            ("1 /*!, a = 2*/", "'1 /*!, a = 2*/'"),
            ("(SELECT 1)", "'(SELECT 1)'"),
        ] {
            assert_eq!(literal(value), sql, "{value}");
        }
        assert!(is_variable("lock_wait_timeout") && is_variable("_x"));
        for bad in ["", "a b", "a=1,b", "a`", "1a", "@a", "é", "a.b"] {
            assert!(!is_variable(bad), "{bad}");
        }
    }
}
