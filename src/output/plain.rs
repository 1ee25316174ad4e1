//! Names, hosts and texts of DDL come from others: what a terminal would obey, or what would begin a line that looks like ours, is shown as it is
//! written in JSON, `\u001b`.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Behind a line feed these mark a line of the same message: our own messages have no other.
const CONTINUES: &str = "  ";

/// Whether a terminal obeys `c` instead of showing it: control characters, those that turn the direction of writing, and other line breaks.
fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(c, '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// `text` with everything escaped that is obeyed, but for the line feeds and tabs that `keeps` lets pass; it sees what follows.
fn escaped(text: &str, keeps: impl Fn(char, &str) -> bool) -> Cow<'_, str> {
    if !text.contains(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for (at, c) in text.char_indices() {
        let rest = text.get(at + c.len_utf8()..).unwrap_or_default();
        match c {
            c if !is_obeyed(c) || keeps(c, rest) => out.push(c),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| {
                // Writing into a String cannot fail.
                let _ = write!(out, "\\u{unit:04x}");
            }),
        }
    }
    Cow::Owned(out)
}

/// Of an answer: its lines stay, and JSON stays JSON.
pub(super) fn answer(text: &str) -> Cow<'_, str> {
    escaped(text, |c, _| matches!(c, '\n' | '\t'))
}

/// Of a message: a line break stays where an indented line follows.
pub(super) fn message(text: &str) -> Cow<'_, str> {
    escaped(text, |c, rest| c == '\t' || (c == '\n' && rest.starts_with(CONTINUES)))
}

/// Of what is to be one line, as a cell of a table.
#[must_use]
pub fn one_line(text: &str) -> Cow<'_, str> {
    escaped(text, |_, _| false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_obeyed() {
        let shown = |text| (answer(text).into_owned(), message(text).into_owned(), one_line(text).into_owned());
        let same = |text: &str| (text.to_owned(), text.to_owned(), text.to_owned());
        assert_eq!(shown("naïve 名 👩\u{200d}👧 `a b`"), same("naïve 名 👩\u{200d}👧 `a b`"));
        for (hostile, harmless) in [
            ("\u{1b}]0;x\u{7}", r"\u001b]0;x\u0007"),
            ("a\u{202e}b\u{2066}\u{200f}", r"a\u202eb\u2066\u200f"),
            ("\u{9b}31m\u{7f}\r", r"\u009b31m\u007f\r"),
            ("\u{2028}\u{e0041}", r"\u2028\udb40\udc41"),
        ] {
            assert_eq!(shown(hostile), same(harmless));
        }
        let (answer, message, line) = shown("a\nerror: b\n  c\td");
        assert_eq!(answer, "a\nerror: b\n  c\td");
        assert_eq!(message, "a\\nerror: b\n  c\td");
        assert_eq!(line, r"a\nerror: b\n  c\td");
        // What is escaped in JSON reads as what it was.
        let name = "t\u{202e}\u{7f}\u{e0041}";
        let json = serde_json::to_string(name).unwrap();
        assert_eq!(serde_json::from_str::<String>(&super::answer(&json)).unwrap(), name);
    }
}
