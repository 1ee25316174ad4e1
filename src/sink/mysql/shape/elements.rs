//! The texts of an ENUM or SET, as `information_schema` writes them: `enum('a','it''s')`.

use crate::sink::mysql::session::Flavour;

/// A `column_type` in the way of MySQL and MariaDB: TiDB doubles no backslashes in it.
pub(in crate::sink::mysql) fn column_type(flavour: Flavour, told: String) -> String {
    if flavour == Flavour::TiDb { told.replace('\\', r"\\") } else { told }
}

/// The elements of a column's definition; `None` if it is none of the two.
pub(in crate::sink::mysql) fn elements(definition: &str) -> Option<Vec<String>> {
    let open = definition.find('(')?;
    let (word, list) = definition.split_at_checked(open)?;
    if !word.eq_ignore_ascii_case("enum") && !word.eq_ignore_ascii_case("set") {
        return None;
    }
    let mut chars = list.strip_prefix('(')?.chars().peekable();
    let mut found = Vec::new();
    loop {
        match chars.next()? {
            '\'' => {}
            ',' => continue,
            ')' => return Some(found),
            _ => return None,
        }
        let mut text = String::new();
        loop {
            match chars.next()? {
                '\'' if chars.next_if_eq(&'\'').is_some() => text.push('\''),
                '\'' => break,
                '\\' => match chars.next()? {
                    '0' => text.push('\0'),
                    'n' => text.push('\n'),
                    'r' => text.push('\r'),
                    other => text.push(other),
                },
                c => text.push(c),
            }
        }
        found.push(text);
    }
}

/// Where each of `upstream` is among `target`, from 1; `None` for one that is not there.
pub(super) fn places(upstream: &[String], target: &[String]) -> Vec<Option<u64>> {
    let target: Vec<String> = target.iter().map(|t| shown(t)).collect();
    let place = |(at, element): (usize, &String)| {
        let text = shown(element);
        let here = target.get(at).filter(|t| **t == text).map(|_| at);
        here.or_else(|| target.iter().position(|t| *t == text)).and_then(|at| u64::try_from(at + 1).ok())
    };
    upstream.iter().enumerate().map(place).collect()
}

/// An element as servers show it: some drop trailing spaces earlier than others, and MariaDB's `information_schema` knows characters
/// of three bytes at the most.
fn shown(element: &str) -> String {
    element.trim_end_matches(' ').chars().map(|c| if c > '\u{ffff}' { '?' } else { c }).collect()
}

/// Whether each element has the number that it has upstream; the target may have more of them behind.
pub(super) fn same_numbers(places: &[Option<u64>]) -> bool {
    places.iter().zip(1_u64..).all(|(place, n)| *place == Some(n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_read_as_servers_write_them() {
        let read = |text: &str| elements(text).map(|e| e.join("|"));
        assert_eq!(read("enum('a','b c')").as_deref(), Some("a|b c"));
        assert_eq!(read("set('it''s','x,y',')','')").as_deref(), Some("it's|x,y|)|"));
        assert_eq!(read(r"enum('a\\b','\n')").as_deref(), Some("a\\b|\n"));
        assert_eq!(read("bigint(20) unsigned"), None);
        assert_eq!(read("enum('a"), None);
    }

    #[test]
    fn a_backslash_of_tidb_is_one() {
        let read = |flavour, told: &str| elements(&column_type(flavour, told.to_owned())).map(|e| e.join("|"));
        assert_eq!(read(Flavour::TiDb, r"enum('a\b','c\','it''s')").as_deref(), Some(r"a\b|c\|it's"));
        assert_eq!(read(Flavour::MariaDb, r"enum('a\\b','c\\')").as_deref(), Some(r"a\b|c\"));
    }

    #[test]
    fn elements_are_found_by_their_text() {
        let list = |text: &str| text.split('|').map(str::to_owned).collect::<Vec<_>>();
        let places = |a: &str, b: &str| places(&list(a), &list(b));
        assert_eq!(places("a|b", "b|a |c"), [Some(2), Some(1)]);
        assert!(same_numbers(&places("a|b", "a|b|c")));
        assert!(!same_numbers(&places("a|b|c", "a|b")));
        assert!(!same_numbers(&places("a|b", "A|b")));
        assert!(same_numbers(&places("😀|😁", "?|?")));
    }
}
