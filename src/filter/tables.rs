//! A list of patterns in TiDB's table-filter syntax: the last pattern that matches a table decides.
//!
//! ```text
//! app.*          every table of app            `my-db`."t.1"  quoted names, literally
//! !app.tmp_?     but not these                 /^a/.[!x-z]*   a regex, classes, wildcards
//! # a comment    @rules.txt                    the lines of a file; it names no other
//! ```

use std::fmt;
use std::fs;

use super::pattern::{self, Matcher};
use crate::error::Fault;

/// One line of a list.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// Whether it takes tables in or out.
    pub positive: bool,
    schema: Matcher,
    table: Matcher,
    /// As it was written.
    text: String,
    /// Where: `1` for the first of a list, or file and line.
    place: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` ({})", self.text, self.place)
    }
}

/// The most patterns of a list that are no plain names: each takes 20 KB when it is ready to
/// search.
const MOST_EXPRESSIONS: usize = 2000;

/// Lines as they are read, and how many more of them may be patterns that are no plain names.
struct Lines {
    all: Vec<Line>,
    left: usize,
}

impl Lines {
    fn add(&mut self, line: Option<Line>) -> Result<(), Fault> {
        let Some(line) = line else { return Ok(()) };
        if matches!(line.schema, Matcher::Regex(_)) || matches!(line.table, Matcher::Regex(_)) {
            self.left = self.left.checked_sub(1).ok_or_else(|| {
                let text = format!("{}: this is one of more than {MOST_EXPRESSIONS} patterns with wildcards or regular expressions", line.place);
                Fault::usage(text).hint("write plain names where they do; one regular expression can stand for many patterns: /^(a|b|c)$/.*")
            })?;
        }
        self.all.push(line);
        Ok(())
    }
}

/// How much of a database a list takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every table that it has or may get.
    All,
    /// Some of them, or perhaps some.
    Some,
    /// None.
    None,
}

/// A list of patterns.
#[derive(Clone, Debug, Default)]
pub(super) struct Patterns {
    lines: Vec<Line>,
}

impl Patterns {
    /// Reads `list`; `what` names it in errors, as in `tables`.
    ///
    /// # Errors
    /// A usage fault that names the pattern, with file and line where it comes from one.
    pub fn read(list: &[String], what: &str, case_sensitive: bool) -> Result<Self, Fault> {
        let mut lines = Lines { all: Vec::new(), left: MOST_EXPRESSIONS };
        for (i, text) in list.iter().enumerate() {
            let place = format!("{what}, pattern {}", i + 1);
            match text.trim().strip_prefix('@') {
                Some(path) => file(path, &place, case_sensitive, &mut lines)?,
                None => lines.add(line(text, &place, case_sensitive).map_err(|wrong| wrong.fault(&place, text))?)?,
            }
        }
        let lines = lines.all;
        if lines.is_empty() && !list.is_empty() {
            let text = format!("{what} has no patterns, only comments or empty lines");
            return Err(Fault::usage(text).hint("`*.*` includes every table"));
        }
        if !lines.is_empty() && lines.iter().all(|l| !l.positive) {
            let text = format!("every pattern of {what} begins with `!`, so no table is left");
            return Err(Fault::usage(text).hint("put `*.*` first, which includes every table"));
        }
        Ok(Self { lines })
    }

    /// Whether there is no pattern.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The pattern that decides about a table.
    pub fn deciding(&self, schema: &str, table: &str) -> Option<&Line> {
        self.lines.iter().rev().find(|l| l.schema.matches(schema) && l.table.matches(table))
    }

    /// Whether the list takes the table in.
    pub fn takes(&self, schema: &str, table: &str) -> bool {
        self.deciding(schema, table).is_some_and(|l| l.positive)
    }

    /// Whether the list takes in what concerns the database itself: a pattern that takes all its
    /// tables has the last word.
    pub fn takes_database(&self, schema: &str) -> bool {
        let whole = |l: &&Line| l.table.is_all() && l.schema.matches(schema);
        self.lines.iter().rev().find(whole).is_some_and(|l| l.positive)
    }

    /// How much of a database the list takes in.
    pub fn scope(&self, schema: &str) -> Scope {
        let (mut some_in, mut some_out) = (false, false);
        for line in self.lines.iter().rev().filter(|l| l.schema.matches(schema)) {
            match (line.table.is_all(), line.positive) {
                (false, true) => some_in = true,
                (false, false) => some_out = true,
                (true, true) if some_out => return Scope::Some,
                (true, true) => return Scope::All,
                (true, false) => break,
            }
        }
        if some_in { Scope::Some } else { Scope::None }
    }
}

/// Reads the lines of a file. An error names the file and the line, not its content: it may be any
/// file, and hold a secret.
fn file(path: &str, place: &str, case_sensitive: bool, lines: &mut Lines) -> Result<(), Fault> {
    let path = path.trim();
    let text = fs::read_to_string(path)
        .map_err(|e| Fault::usage(format!("{place}: cannot read the pattern file {path}: {e}")))?;
    for (i, text) in text.lines().enumerate() {
        let place = format!("{path}:{}", i + 1);
        if text.trim().starts_with('@') {
            return Err(Fault::usage(format!("{place}: a pattern file cannot refer to another one")));
        }
        let unshown = |_| Fault::usage(format!("{place}: this line is not a table pattern")).hint(PATTERN);
        lines.add(line(text, &place, case_sensitive).map_err(unshown)?)?;
    }
    Ok(())
}

/// The forms of a pattern, for error messages.
const PATTERN: &str =
    "a pattern is `database.table`; each part a name, a quoted name, wildcards (* ? [a-z] [!a]) or /regex/";

/// Why a text is no pattern, with parts of it.
struct Wrong(String);

impl Wrong {
    fn fault(&self, place: &str, text: &str) -> Fault {
        let text = text.trim_matches(SPACE);
        Fault::usage(format!("{place}: `{text}` is not a table pattern: {}", self.0)).hint(PATTERN)
    }
}

/// What may stand around a pattern.
const SPACE: [char; 3] = [' ', '\t', '\r'];

/// One line; `None` for an empty one and a comment.
fn line(text: &str, place: &str, case_sensitive: bool) -> Result<Option<Line>, Wrong> {
    let text = text.trim_matches(SPACE);
    if text.is_empty() || text.starts_with('#') {
        return Ok(None);
    }
    let (positive, rest) = text.strip_prefix('!').map_or((true, text), |rest| (false, rest));
    let (schema, rest) = pattern::read(rest, case_sensitive).map_err(Wrong)?;
    let Some(rest) = rest.strip_prefix('.') else {
        let why = if rest.is_empty() {
            "a `.` and a table pattern must follow the database's pattern".to_owned()
        } else {
            format!("expected a `.` before `{rest}`")
        };
        return Err(Wrong(why));
    };
    let (table, rest) = pattern::read(rest, case_sensitive).map_err(Wrong)?;
    if !rest.is_empty() {
        return Err(Wrong(format!("unexpected `{rest}` after the table's pattern")));
    }
    Ok(Some(Line { positive, schema, table, text: text.to_owned(), place: place.to_owned() }))
}

/// The patterns of a list with commas between them, as on a command line. Commas in quotes, classes
/// and regular expressions stay.
#[must_use]
pub fn split(list: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut chars = list.chars();
    // Another part of a pattern has to come first, before a comma can end the pattern.
    let mut until = None;
    let mut starts = true;
    while let Some(c) = chars.next() {
        let begins = std::mem::replace(&mut starts, matches!(c, ',' | '.' | '!'));
        match (until, c) {
            (None, ',') => {
                out.push(String::new());
                continue;
            }
            (Some(end), c) if c == end => until = None,
            (None, '[') => until = Some(']'),
            (None, '/' | '"' | '`') if begins => until = Some(c),
            _ => {}
        }
        out.iter_mut().last().into_iter().for_each(|l| l.push(c));
        if c == '\\' && !matches!(until, Some('"' | '`')) {
            out.iter_mut().last().into_iter().for_each(|l| l.extend(chars.next()));
        }
    }
    out.retain(|p| !p.trim().is_empty());
    out
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn list(patterns: &[&str]) -> Patterns {
        let patterns: Vec<String> = patterns.iter().map(|p| (*p).to_owned()).collect();
        Patterns::read(&patterns, "tables", false).unwrap()
    }

    #[test]
    fn patterns_that_are_no_names_have_a_bound() {
        let many = |pattern: &str, n: usize| vec![pattern.to_owned(); n];
        let read = |list: Vec<String>| Patterns::read(&list, "tables", false).map_err(|fault| fault.message);
        assert!(read(many("app.t1", MOST_EXPRESSIONS + 1)).is_ok());
        assert!(read(many("app.t*", MOST_EXPRESSIONS)).is_ok());
        let told = read(many("app.t*", MOST_EXPRESSIONS + 1)).unwrap_err();
        assert!(told.starts_with("tables, pattern 2001: this is one of more than 2000 patterns"), "{told}");
    }

    fn problem(patterns: &[&str]) -> String {
        let patterns: Vec<String> = patterns.iter().map(|p| (*p).to_owned()).collect();
        Patterns::read(&patterns, "tables", false).unwrap_err().message
    }

    #[test]
    fn the_last_that_takes_a_table_decides() {
        let rules = list(&["*.*", "!app.*", "app.keep*", "!/^tmp/.*", "# a comment", "  "]);
        assert!(rules.takes("x", "y") && rules.takes("App", "Keep1"));
        assert!(!rules.takes("app", "other") && !rules.takes("tmp1", "t"));
        assert_eq!(rules.deciding("app", "keep1").unwrap().to_string(), "`app.keep*` (tables, pattern 3)");
        assert!(list(&["app.*"]).deciding("x", "y").is_none());
    }

    #[test]
    fn scopes_of_databases() {
        let rules = list(&["*.*", "!app.tmp", "!out.*", "one.t", "!back.*", "back.*", "!re.*", "re./x/"]);
        assert_eq!(rules.scope("any"), Scope::All);
        assert_eq!(rules.scope("app"), Scope::Some);
        assert_eq!(rules.scope("out"), Scope::None);
        assert_eq!(rules.scope("one"), Scope::All);
        assert_eq!(rules.scope("back"), Scope::All);
        assert_eq!(rules.scope("re"), Scope::Some);
        let rules = list(&["one.t", "!one.u"]);
        assert_eq!((rules.scope("one"), rules.scope("two")), (Scope::Some, Scope::None));
        assert!(!rules.takes_database("one") && list(&["one.*", "!one.t"]).takes_database("one"));
    }

    #[test]
    fn errors_name_the_pattern() {
        assert!(problem(&["a.b", "ab"]).starts_with("tables, pattern 2: `ab` is not a table pattern: a `.`"));
        assert!(problem(&["a.b.c"]).contains("unexpected `.c`"));
        assert!(problem(&["`a`b.c"]).contains("expected a `.` before `b.c`"));
        assert!(problem(&["a."]).contains("a pattern is missing"));
        assert!(problem(&["!a.b", "!c.d"]).contains("begins with `!`"));
        assert!(problem(&["# a.b", " "]).contains("has no patterns"), "not every table instead of none");
    }

    #[test]
    fn files_are_read_one_level_deep() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "# tables\n\napp.*\r\n!app.t").unwrap();
        let path = file.path().display().to_string();
        let rules = list(&[&format!("@{path}")]);
        assert!(rules.takes("app", "u") && !rules.takes("app", "t"));
        assert_eq!(rules.deciding("app", "t").unwrap().to_string(), format!("`!app.t` ({path}:4)"));
        writeln!(file, "a").unwrap();
        assert!(problem(&[&format!("@{path}")]).starts_with(&format!("{path}:5: this line is not a table pattern")));
        writeln!(file, "geheim.geheim.geheim").unwrap();
        let error = Patterns::read(&[format!("@{path}")], "tables", false).unwrap_err();
        assert!(!format!("{error:?}").contains("geheim"));
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "@geheim").unwrap();
        let path = file.path().display().to_string();
        assert!(problem(&[&format!("@{path}")]).starts_with(&format!("{path}:1: a pattern file cannot refer")));
        assert!(!problem(&[&format!("@{path}")]).contains("geheim"));
        assert!(problem(&["@/no/such/file"]).contains("pattern 1: cannot read the pattern file /no/such/file"));
    }

    #[test]
    fn lists_split_at_commas_between_patterns() {
        assert_eq!(split("a.*,!a.b, c.d ,"), ["a.*", "!a.b", " c.d "]);
        assert_eq!(
            split("/a{1,2}/./b\\/,/,`x,y`.\"z,\"\"\",a[,].b\\,c"),
            ["/a{1,2}/./b\\/,/", "`x,y`.\"z,\"\"\"", "a[,].b\\,c"]
        );
    }
}
