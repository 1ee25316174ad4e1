//! The pattern of one name in TiDB's syntax: plain, quoted, wildcards, or a regular expression.

use regex::{Regex, RegexBuilder};

/// What a name is compared with.
#[derive(Clone, Debug)]
pub(super) enum Matcher {
    /// `*`: every name.
    All,
    /// This one name; in lower case where case does not count.
    Name { name: String, folded: bool },
    /// Every name in which the expression finds a match.
    Regex(Regex),
}

impl Matcher {
    /// Exactly `name`.
    pub fn name(name: &str, case_sensitive: bool) -> Self {
        let folded = !case_sensitive;
        Self::Name { name: if folded { name.to_lowercase() } else { name.to_owned() }, folded }
    }

    /// Whether `name` is one of them.
    pub fn matches(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Name { name: own, folded: true } => *own == name.to_lowercase(),
            Self::Name { name: own, folded: false } => own == name,
            Self::Regex(regex) => regex.is_match(name),
        }
    }

    /// Whether it takes every name there is.
    pub const fn is_all(&self) -> bool {
        matches!(self, Self::All)
    }
}

/// Regular expressions that find something in every name.
const EVERYTHING: [&str; 4] = [".*", "^.*", ".*$", "^.*$"];

/// What one expression may take when it is ready to search, in bytes; there may be many.
const LARGEST: usize = 2 << 20;

/// A regular expression in the dialect that Go and Rust share.
///
/// # Errors
/// What is wrong with it.
pub(super) fn regex(text: &str, case_sensitive: bool) -> Result<Regex, String> {
    let mut builder = RegexBuilder::new(text);
    builder.case_insensitive(!case_sensitive).size_limit(LARGEST).dfa_size_limit(LARGEST);
    builder.build().map_err(|error| match error {
        regex::Error::CompiledTooBig(limit) => format!("the regular expression /{text}/ takes more than {limit} bytes"),
        other => format!("/{text}/ is not a valid regular expression: {}", last_line(&other.to_string())),
    })
}

fn last_line(text: &str) -> &str {
    text.lines().last().unwrap_or_default().trim_start_matches("error: ")
}

/// Reads the pattern at the beginning of `text`; gives it with what stands behind it.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read(text: &str, case_sensitive: bool) -> Result<(Matcher, &str), String> {
    match text.chars().next() {
        None => Err("a pattern is missing".to_owned()),
        Some('/') => {
            let end = regex_end(text).ok_or_else(|| format!("the regular expression {text} has no `/` at its end"))?;
            let inner = text.get(1..end).unwrap_or_default();
            if inner.is_empty() {
                return Err("the regular expression is empty".to_owned());
            }
            let rest = text.get(end + 1..).unwrap_or_default();
            if EVERYTHING.contains(&inner) {
                return Ok((Matcher::All, rest));
            }
            Ok((Matcher::Regex(regex(&inner.replace("\\/", "/"), case_sensitive)?), rest))
        }
        Some(quote @ ('"' | '`')) => {
            let (name, rest) = quoted(text, quote)?;
            Ok((Matcher::name(&name, case_sensitive), rest))
        }
        Some(_) => wildcards(text, case_sensitive),
    }
}

/// Where the closing slash stands.
pub(super) fn regex_end(text: &str) -> Option<usize> {
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            '/' => return Some(at),
            _ => {}
        }
    }
    None
}

/// The name in quotes at the beginning of `text`; a quote within it is doubled.
pub(crate) fn quoted(text: &str, quote: char) -> Result<(String, &str), String> {
    let mut name = String::new();
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c != quote {
            name.push(c);
        } else if chars.next_if(|(_, next)| *next == quote).is_some() {
            name.push(quote);
        } else if name.is_empty() {
            return Err("a quoted name is empty".to_owned());
        } else {
            return Ok((name, text.get(at + 1..).unwrap_or_default()));
        }
    }
    Err(format!("the quoted name {text} has no `{quote}` at its end"))
}

fn wildcards(text: &str, case_sensitive: bool) -> Result<(Matcher, &str), String> {
    let mut literal = String::new();
    let mut expression = String::from("(?s)^");
    let (mut plain, mut stars) = (true, true);
    let mut chars = text.char_indices().peekable();
    let mut end = text.len();
    while let Some((at, c)) = chars.next() {
        stars &= c == '*' || c == '.';
        match c {
            '.' => {
                end = at;
                break;
            }
            '\\' => match chars.next() {
                None => return Err("nothing follows the `\\` at the end".to_owned()),
                Some((_, c)) if c.is_ascii_alphanumeric() => {
                    return Err(format!("`\\{c}` has no meaning: a letter or a number needs no `\\`"));
                }
                Some((_, c)) => {
                    literal.push(c);
                    expression.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
                }
            },
            '*' => {
                plain = false;
                expression.push_str(".*");
            }
            '?' => {
                plain = false;
                expression.push('.');
            }
            '[' => {
                plain = false;
                let rest = text.get(at..).unwrap_or_default();
                let length = class(rest, &mut expression)?;
                while chars.peek().is_some_and(|(next, _)| *next < at + length) {
                    chars.next();
                }
            }
            c if c == '$' || c == '_' || c.is_ascii_alphanumeric() || !c.is_ascii() => {
                literal.push(c);
                expression.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
            }
            c => {
                return Err(format!("`{c}` has no meaning here: quote the name, as in `my-db`.*, or write \\{c}"));
            }
        }
    }
    let rest = text.get(end..).unwrap_or_default();
    if end == 0 {
        return Err("a pattern is missing before the `.`".to_owned());
    }
    if plain {
        return Ok((Matcher::name(&literal, case_sensitive), rest));
    }
    if stars {
        return Ok((Matcher::All, rest));
    }
    expression.push('$');
    Ok((Matcher::Regex(regex(&expression, case_sensitive)?), rest))
}

/// The class of characters at the beginning of `text`, `[a-z]` or `[!a-z]`, as one of a regular
/// expression; gives its length.
fn class(text: &str, expression: &mut String) -> Result<usize, String> {
    let unclosed = || format!("`{text}` has no `]` that closes its `[`");
    let mut chars = text.char_indices().skip(1).peekable();
    expression.push('[');
    if chars.next_if(|(_, c)| *c == '!').is_some() {
        expression.push('^');
    }
    // Each character, and whether a `\` stood before it.
    let mut items: Vec<(char, bool)> = Vec::new();
    let mut length = None;
    while let Some((at, c)) = chars.next() {
        match c {
            ']' if !items.is_empty() => {
                length = Some(at + 1);
                break;
            }
            ']' => return Err("`[]` has no characters".to_owned()),
            '\\' => match chars.next() {
                Some((_, c)) if !c.is_ascii_alphanumeric() => items.push((c, true)),
                Some((_, c)) => return Err(format!("`\\{c}` has no meaning: a letter or a number needs no `\\`")),
                None => return Err(unclosed()),
            },
            c => items.push((c, false)),
        }
    }
    let length = length.ok_or_else(unclosed)?;
    let mut rest = items.as_slice();
    while let [(first, _), more @ ..] = rest {
        rest = more;
        push_escaped(*first, expression);
        if let [('-', false), (last, _), more @ ..] = rest {
            if last < first {
                return Err(format!("the range {first}-{last} is reversed"));
            }
            expression.push('-');
            push_escaped(*last, expression);
            rest = more;
        }
    }
    expression.push(']');
    Ok(length)
}

/// Within `[…]` a regular expression knows more signs than elsewhere.
fn push_escaped(c: char, expression: &mut String) {
    if c.is_ascii_punctuation() {
        expression.push('\\');
    }
    expression.push(c);
}

/// `name` as a pattern that takes nothing else.
pub(super) fn quote(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        let (matcher, rest) = read(pattern, false).unwrap_or_else(|e| panic!("{pattern}: {e}"));
        assert_eq!(rest, "", "{pattern}");
        matcher.matches(name)
    }

    #[test]
    fn patterns_and_names() {
        for (pattern, yes, no) in [
            ("a", &["a", "A"][..], &["b", "aa", ""][..]),
            ("*", &["a", "", "x.y"], &[]),
            ("a*b", &["ab", "aXb", "A\nB"], &["abc", "xab"]),
            ("a?", &["ab", "a名"], &["a", "abc"]),
            ("[a-c]x", &["ax", "Bx"], &["dx", "x", "-x"]),
            ("[!a-c]x", &["dx", "-x"], &["ax", "Ax"]),
            ("[a-]", &["a", "-"], &["b"]),
            ("[^a]", &["^", "a"], &["b"]),
            ("[[&&~\\]]", &["[", "&", "~", "]"], &["b"]),
            ("[0-9]?*", &["1a", "12x"], &["1", "a1"]),
            ("\\*\\.\\名", &["*.名"], &["a.名", "*x名"]),
            ("\"a\"\"b.*\"", &["a\"b.*"], &["a\"b.c"]),
            ("`a``b-c`", &["a`b-c", "A`B-C"], &["a`b"]),
            ("/b|^c$/", &["abc", "B", "c"], &["cc", ""]),
            ("/^a\\/b\\\\$/", &["a/b\\"], &["ab"]),
            ("$_名Ä", &["$_名ä"], &["$_名a"]),
        ] {
            for name in yes {
                assert!(matches(pattern, name), "{pattern} takes {name}");
            }
            for name in no {
                assert!(!matches(pattern, name), "{pattern} does not take {name}");
            }
        }
        let exact = |pattern: &str, name: &str| read(pattern, true).unwrap().0.matches(name);
        assert!(exact("A*", "Ab") && !exact("A*", "ab") && !exact("a", "A") && !exact("/a/", "A"));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (pattern, says) in [
            ("", "a pattern is missing"),
            (".a", "a pattern is missing before"),
            ("a\\", "nothing follows the `\\`"),
            ("\\a", "`\\a` has no meaning"),
            ("a-b", "`-` has no meaning here: quote the name"),
            ("[a", "has no `]`"),
            ("[]", "has no characters"),
            ("[z-a]", "the range z-a is reversed"),
            ("/a", "has no `/` at its end"),
            ("//", "the regular expression is empty"),
            ("/(/", "/(/ is not a valid regular expression: unclosed group"),
            ("`a", "has no ``` at its end"),
            ("\"\"", "a quoted name is empty"),
        ] {
            let error = read(pattern, false).map(|(m, _)| m).unwrap_err();
            assert!(error.contains(says), "{pattern}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,16}", name in ".{0,6}") {
            if let Ok((matcher, rest)) = read(&text, false) {
                matcher.matches(&name);
                prop_assert!(text.ends_with(rest));
            }
        }

        #[test]
        fn a_quoted_name_takes_itself_alone(name in ".{1,8}", other in ".{1,8}") {
            let quoted = quote(&name);
            prop_assert!(matches(&quoted, &name));
            prop_assert_eq!(matches(&quoted, &other), name.to_lowercase() == other.to_lowercase());
        }
    }
}
