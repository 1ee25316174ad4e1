//! Parses a TOML file, keeps the line of everything in it, and collects its problems.
//!
//! Also parses durations as Go programs write them: `1m`, `1h30m`, `250ms`.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::{Fault, counted};
use crate::mysql::login::open_to_others;

/// A value with its line, from 1.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) line: usize,
    pub(super) value: Value,
}

/// The types of value in a TOML file.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(String),
    /// `None` if it does not fit 64 bits.
    Whole(Option<i64>),
    Flag(bool),
    List(Vec<Item>),
    Table(Table),
    /// A fraction or a time, which no key of tisync takes.
    Other(&'static str),
}

impl Value {
    /// The name of its type in a message.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Whole(_) => "a number",
            Self::Flag(_) => "true or false",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(kind) => kind,
        }
    }
}

/// Keys and values in the order of the file.
#[derive(Clone, Debug, Default)]
pub(super) struct Table(pub(super) Vec<(String, Item)>);

impl Table {
    pub(super) fn get(&self, key: &str) -> Option<&Item> {
        self.0.iter().find(|(k, _)| k == key).map(|(_, item)| item)
    }
}

/// A problem with a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The line, from 1; 0 if the problem has no line.
    pub line: usize,
    /// The full key, as in `syncer.to.host`; empty if the problem is about the file.
    pub key: String,
    /// The problem, and how to solve it.
    pub message: String,
}

/// A parsed file.
pub struct Document {
    /// Its path.
    pub path: PathBuf,
    /// Whether others than its owner may read it.
    pub open_to_others: bool,
    pub(super) root: Table,
    problems: RefCell<Vec<Problem>>,
}

impl Document {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// A usage fault if it cannot be read or is not TOML, with every place.
    pub fn open(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| {
            Fault::usage(format!("cannot read the configuration {}: {e}", path.display()))
                .hint("give --config a tisync.toml or a drainer.toml")
        })?;
        let open_to_others = open_to_others(path);
        Self::parse(path, &text, open_to_others)
    }

    /// Parses a text as the content of `path`.
    ///
    /// # Errors
    /// A usage fault if it is not TOML, with every place.
    pub fn parse(path: &Path, text: &str, open_to_others: bool) -> Result<Self> {
        let lines = Lines::of(text);
        let (root, errors) = DeTable::parse_recoverable(text);
        let document = Self {
            path: path.to_owned(),
            open_to_others,
            root: table(root.get_ref(), &lines),
            problems: RefCell::default(),
        };
        for error in errors {
            let line = error.span().map_or(0, |s| lines.at(s.start));
            // Only the parser's words, never the text of the line, which may hold a password.
            document.problem(line, "", format!("not valid TOML: {}", error.message()));
        }
        document.done()?;
        Ok(document)
    }

    /// Adds a problem.
    pub(super) fn problem(&self, line: usize, key: impl Into<String>, message: impl Into<String>) {
        let problem = Problem { line, key: key.into(), message: message.into() };
        let mut problems = self.problems.borrow_mut();
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }

    /// The problems found so far, in the order of the file.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = self.problems.borrow().clone();
        problems.sort();
        problems
    }

    /// Ends the parsing.
    ///
    /// # Errors
    /// A usage fault with all problems.
    pub fn done(&self) -> Result<()> {
        let problems = self.problems();
        if problems.is_empty() {
            return Ok(());
        }
        let list: Vec<String> = problems.iter().map(|p| p.at(&self.path)).collect();
        let count = counted(list.len(), "error");
        Err(Fault::usage(format!("the configuration has {count}:\n  {}", list.join("\n  ")))
            .hint(format!("`tisync config check {}` checks it again", self.path.display()))
            .into())
    }
}

impl Problem {
    /// The beginning of a message with place and problem, as in `drainer.toml:12: syncer.to.port:
    /// …`.
    #[must_use]
    pub fn at(&self, path: &Path) -> String {
        let mut text = path.display().to_string();
        if self.line > 0 {
            text.push_str(&format!(":{}", self.line));
        }
        if !self.key.is_empty() {
            text.push_str(&format!(": {}", self.key));
        }
        format!("{text}: {}", self.message)
    }
}

/// The offset of each line's first byte.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at + 1).collect())
    }

    fn at(&self, offset: usize) -> usize {
        1 + self.0.partition_point(|begin| *begin <= offset)
    }
}

fn table(of: &DeTable<'_>, lines: &Lines) -> Table {
    let mut entries: Vec<_> = of.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let entry = |(key, value): (&Spanned<_>, _)| {
        (AsRef::<str>::as_ref(key.get_ref()).to_owned(), item(value, lines, lines.at(key.span().start)))
    };
    Table(entries.into_iter().map(entry).collect())
}

fn item(of: &Spanned<DeValue<'_>>, lines: &Lines, line: usize) -> Item {
    let value = match of.get_ref() {
        DeValue::String(text) => Value::Text(text.clone().into_owned()),
        DeValue::Integer(n) => Value::Whole(i64::from_str_radix(n.as_str(), n.radix()).ok()),
        DeValue::Boolean(b) => Value::Flag(*b),
        DeValue::Array(list) => Value::List(list.iter().map(|i| item(i, lines, lines.at(i.span().start))).collect()),
        DeValue::Table(t) => Value::Table(table(t, lines)),
        DeValue::Float(_) => Value::Other("a fraction"),
        DeValue::Datetime(_) => Value::Other("a time"),
    };
    Item { line, value }
}

/// Units in nanoseconds, the largest first.
const UNITS: [(&str, u128); 8] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ns", 1),
];

/// The expected format, for messages.
pub(super) const EXPECTED: &str = "a duration such as \"30s\", \"5m\" or \"1h30m\"";

/// Parses `text` as a length of time; `None` if it is not one, or is negative.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    if rest.is_empty() {
        return None;
    }
    let mut nanos: u128 = 0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at_checked(end)?;
        let end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(end)?;
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
        nanos = nanos.checked_add(scaled(number, *factor)?)?;
        rest = tail;
    }
    u64::try_from(nanos).ok().map(Duration::from_nanos)
}

/// `number`, which may have a fraction, times `factor`.
fn scaled(number: &str, factor: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let whole = if whole.is_empty() { 0 } else { whole.parse::<u128>().ok()? };
    let mut nanos = whole.checked_mul(factor)?;
    let mut part = factor;
    for digit in fraction.chars() {
        let digit = u128::from(digit.to_digit(10)?);
        nanos = nanos.checked_add(digit * part / 10)?;
        part /= 10;
    }
    Some(nanos)
}

/// Parses `read-timeout` as Drainer does: a number without a unit means days.
pub(super) fn parse_or_days(text: &str) -> Option<Duration> {
    if let Ok(days) = text.parse::<u64>() {
        return days.checked_mul(86_400).map(Duration::from_secs);
    }
    parse(text)
}

/// The shortest text that [`parse`] reads as `duration`.
pub(super) fn show(duration: Duration) -> String {
    let mut rest = duration.as_nanos();
    if rest == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (name, factor) in UNITS.iter().filter(|(name, _)| !name.starts_with(['µ', 'μ'])) {
        let count = rest / factor;
        if count > 0 {
            text.push_str(&format!("{count}{name}"));
            rest %= factor;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::fault;
    use proptest::prelude::*;

    #[test]
    fn lines() {
        let text = "a = 1\n\n[b]\nc = [\n 1,\n 2]\n[[d]]\ne=\"x\"\n[[d]]\n";
        let doc = Document::parse(Path::new("f"), text, false).unwrap();
        let line = |key: &str| doc.root.get(key).unwrap().line;
        assert_eq!((line("a"), line("b"), line("d")), (1, 3, 7));
        let Value::Table(b) = &doc.root.get("b").unwrap().value else { panic!() };
        let Value::List(c) = &b.get("c").unwrap().value else { panic!() };
        assert_eq!(c.iter().map(|i| i.line).collect::<Vec<_>>(), [5, 6]);
        let Value::List(d) = &doc.root.get("d").unwrap().value else { panic!() };
        assert_eq!(d.iter().map(|i| i.line).collect::<Vec<_>>(), [7, 9]);
    }

    #[test]
    fn bad_toml_names_every_line_and_no_text() {
        let error =
            Document::parse(Path::new("f"), "a = 1\npassword = \"hunter2\nb = 2\nc = = 3\n", false).err().unwrap();
        let message = &fault(&error).unwrap().message;
        assert!(message.contains("f:2: not valid TOML") && message.contains("f:4: not valid TOML"), "{message}");
        assert!(!format!("{error:?}").contains("hunter2"));
    }

    #[test]
    fn as_go_reads_them() {
        for (text, nanos) in [
            ("1m", 60_000_000_000),
            ("1h30m", 5_400_000_000_000),
            ("1.5h", 5_400_000_000_000),
            (".5s", 500_000_000),
            ("1.s", 1_000_000_000),
            ("+3s250ms", 3_250_000_000),
            ("10us", 10_000),
            ("10µs", 10_000),
            ("7ns", 7),
            ("0", 0),
            ("0s", 0),
        ] {
            assert_eq!(parse(text), Some(Duration::from_nanos(nanos)), "{text}");
        }
        for text in ["", "+", "m", "1", "1d", "-1s", "1m ", " 1m", ".s", "1..5s", "1x", "99999999999999999999h", "ａs"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_number_without_a_unit_means_days_to_drainer() {
        assert_eq!(parse_or_days("2"), Some(Duration::from_secs(172_800)));
        assert_eq!(parse_or_days("1m"), Some(Duration::from_secs(60)));
        assert_eq!(parse_or_days("-1"), None);
    }

    proptest! {
        #[test]
        fn shown_and_read_again(nanos in any::<u64>()) {
            let duration = Duration::from_nanos(nanos);
            prop_assert_eq!(parse(&show(duration)), Some(duration));
        }

        #[test]
        fn never_panics(text in "\\PC{0,12}") {
            parse_or_days(&text);
        }
    }
}
