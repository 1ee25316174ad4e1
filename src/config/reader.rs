//! Reads typed values from a table of a file, and reports those that do not fit.

use std::ops::RangeInclusive;
use std::sync::Arc;

use super::document::{Document, Item, Table, Value};
use super::draft::{Given, Origin};
use crate::error::nearest;

/// A table of a file, and the environment variables that override it.
pub(super) struct Reader<'d> {
    document: &'d Document,
    path: Arc<std::path::Path>,
    /// Names of the tables around it, each with a dot at its end: `syncer.to.`.
    prefix: String,
    table: &'d Table,
    line: usize,
    /// Values from the environment that override the file's: key, variable, text.
    over: Vec<(&'static str, String, String)>,
}

enum KeyValue<'a> {
    Item(&'a Item),
    Variable(&'a str, &'a str),
}

impl<'d> Reader<'d> {
    /// The reader of the whole document.
    pub(super) fn root(document: &'d Document) -> Self {
        let path = Arc::from(document.path.as_path());
        Self { document, path, prefix: String::new(), table: &document.root, line: 0, over: Vec::new() }
    }

    /// Adds values from the environment that override the file's: key, variable, text.
    pub(super) fn with_variables(mut self, over: Vec<(&'static str, String, String)>) -> Self {
        self.over = over;
        self
    }

    /// `value`, with the first line of the table as its origin.
    pub(super) fn here<T>(&self, value: T) -> Given<T> {
        Given { value, origin: Origin::File { path: Arc::clone(&self.path), line: self.line } }
    }

    /// Whether the value of `key` is a text.
    pub(super) fn is_text(&self, key: &str) -> bool {
        matches!(self.table.get(key), Some(Item { value: Value::Text(_), .. }))
    }

    /// Whether the value of `key` is a table.
    pub(super) fn is_table(&self, key: &str) -> bool {
        matches!(self.table.get(key), Some(Item { value: Value::Table(_), .. }))
    }

    /// The origin of the value of `key`.
    pub(super) fn origin(&self, key: &str) -> Option<Origin> {
        Some(match self.found(key)? {
            KeyValue::Item(item) => Origin::File { path: Arc::clone(&self.path), line: item.line },
            KeyValue::Variable(name, _) => Origin::Environment(name.to_owned()),
        })
    }

    /// The line on which the table begins.
    pub(super) fn line(&self) -> usize {
        self.line
    }

    /// The keys of the table in the order of the file.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'d str> {
        self.table.0.iter().map(|(key, _)| key.as_str())
    }

    /// Whether the file or the environment has a value for `key`.
    pub(super) fn has(&self, key: &str) -> bool {
        self.found(key).is_some()
    }

    /// Reports each key that is not in `known`. `elsewhere` has the full names of all keys of such
    /// a file.
    pub(super) fn only(&self, known: &[&str], elsewhere: &[&str]) {
        self.unknown(known, &[], &[], elsewhere);
    }

    /// As [`only`](Self::only), for tables in which some keys have an alias (first) beside their
    /// own name, and others have another name in other places.
    pub(super) fn named(&self, known: &[&str], aliases: &[(&str, &str)], otherwise: &[(&str, &str)]) {
        self.unknown(known, aliases, otherwise, &[]);
    }

    /// The name that the file uses for `key`: its own, or an alias.
    pub(super) fn name_of<'k>(&self, key: &'k str, aliases: &[(&'k str, &'k str)]) -> &'k str {
        let Some((alias, _)) = aliases.iter().find(|(alias, name)| *name == key && self.has(alias)) else { return key };
        if self.has(key) {
            let line = self.origin(alias).map_or(0, |o| o.line());
            self.wrong(line, alias, format!("is another name of `{key}`, which is also set: leave one of them out"));
            return key;
        }
        alias
    }

    fn unknown(&self, known: &[&str], aliases: &[(&str, &str)], otherwise: &[(&str, &str)], elsewhere: &[&str]) {
        let fits = |key: &str| known.contains(&key) || aliases.iter().any(|(alias, _)| *alias == key);
        for (key, item) in self.table.0.iter().filter(|(key, _)| !fits(key)) {
            if let Some((_, here)) = otherwise.iter().find(|(there, _)| there == key) {
                self.wrong(item.line, key, format!("unknown key; the name here is `{here}`"));
                continue;
            }
            let same = |full: &&&str| full.rsplit('.').next() == Some(key);
            let hint = match (elsewhere.iter().find(same), nearest(key, known.iter().copied())) {
                (Some(full), _) => format!("; did you mean `{full}`?"),
                (None, Some(near)) => format!("; did you mean `{}{near}`?", self.prefix),
                (None, None) if known.len() <= 12 => format!("; known keys: {}", known.join(", ")),
                (None, None) => String::new(),
            };
            self.wrong(item.line, key, format!("unknown key{hint}"));
        }
    }

    /// Reports that the value of `key` is wrong.
    pub(super) fn wrong(&self, line: usize, key: &str, message: impl Into<String>) {
        self.document.problem(line, format!("{}{key}", self.prefix), message);
    }

    /// Reports that a value of any origin is wrong.
    pub(super) fn refuse<T>(&self, key: &str, given: &Given<T>, message: impl Into<String>) {
        match &given.origin {
            Origin::Environment(name) => {
                self.document.problem(0, format!("{}{key} (from {name})", self.prefix), message);
            }
            _ => self.wrong(given.line(), key, message),
        }
    }

    fn found(&self, key: &str) -> Option<KeyValue<'_>> {
        let variable = self.over.iter().find(|(k, ..)| k.strip_prefix(self.prefix.as_str()) == Some(key));
        match variable {
            Some((_, name, text)) => Some(KeyValue::Variable(name, text)),
            None => self.table.get(key).map(KeyValue::Item),
        }
    }

    fn take<T>(
        &self,
        key: &str,
        expected: &str,
        of_item: impl Fn(&Value) -> Option<T>,
        of_text: impl Fn(&str) -> Option<T>,
    ) -> Option<Given<T>> {
        let (value, origin, kind) = match self.found(key)? {
            KeyValue::Item(item) => {
                let origin = Origin::File { path: Arc::clone(&self.path), line: item.line };
                (of_item(&item.value), origin, item.value.kind())
            }
            KeyValue::Variable(name, text) => (of_text(text), Origin::Environment(name.to_owned()), "something else"),
        };
        let missing = Given { value: (), origin };
        match value {
            Some(value) => Some(missing.with(value)),
            None => {
                // The value itself is not repeated: it may be a password in the wrong place.
                self.refuse(key, &missing, format!("expected {expected}, found {kind}"));
                None
            }
        }
    }

    pub(super) fn text(&self, key: &str) -> Option<Given<String>> {
        let of_item = |value: &Value| match value {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        };
        self.take(key, "quoted text", of_item, |text| Some(text.to_owned()))
    }

    /// Text that is not empty: Drainer treats an empty one as not given.
    pub(super) fn some_text(&self, key: &str) -> Option<Given<String>> {
        self.text(key).filter(|t| !t.value.is_empty())
    }

    /// Text or a number, as text.
    pub(super) fn text_or_number(&self, key: &str, expected: &str) -> Option<Given<String>> {
        let of_item = |value: &Value| match value {
            Value::Text(_) | Value::Whole(_) => plain(value),
            _ => None,
        };
        self.take(key, expected, of_item, |text| Some(text.to_owned()))
    }

    pub(super) fn flag(&self, key: &str) -> Option<Given<bool>> {
        let of_item = |value: &Value| match value {
            Value::Flag(flag) => Some(*flag),
            _ => None,
        };
        let of_text = |text: &str| match text {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
            _ => None,
        };
        self.take(key, "true or false", of_item, of_text)
    }

    pub(super) fn whole(&self, key: &str, range: RangeInclusive<i64>) -> Option<Given<i64>> {
        let of_item = |value: &Value| match value {
            Value::Whole(Some(n)) => Some(*n),
            Value::Whole(None) => Some(i64::MAX),
            _ => None,
        };
        let expected = match (*range.start(), *range.end()) {
            (i64::MIN, i64::MAX) => "an integer".to_owned(),
            (least, i64::MAX) => format!("an integer, at least {least}"),
            (least, most) => format!("an integer from {least} to {most}"),
        };
        let given = self.take(key, &expected, of_item, |text| text.trim().parse().ok())?;
        if range.contains(&given.value) {
            return Some(given);
        }
        self.refuse(key, &given, format!("expected {expected}, found {}", given.value));
        None
    }

    /// A list of texts; an environment variable has commas between them.
    pub(super) fn texts(&self, key: &str) -> Option<Given<Vec<String>>> {
        let of_item = |value: &Value| match value {
            Value::List(list) => list
                .iter()
                .map(|item| match &item.value {
                    Value::Text(text) => Some(text.clone()),
                    _ => None,
                })
                .collect(),
            _ => None,
        };
        self.take(key, "a list of strings such as [\"a\", \"b\"]", of_item, |text| Some(commas(text)))
    }

    /// A list of commit ts.
    pub(super) fn stamps(&self, key: &str) -> Option<Given<Vec<u64>>> {
        let of_item = |value: &Value| match value {
            Value::List(list) => list
                .iter()
                .map(|item| match &item.value {
                    Value::Whole(n) => n.and_then(|n| u64::try_from(n).ok()).filter(|n| *n > 0),
                    _ => None,
                })
                .collect(),
            _ => None,
        };
        let of_text = |text: &str| commas(text).iter().map(|t| t.parse().ok()).collect();
        self.take(key, "a list of commit ts such as [470616376687198209]", of_item, of_text)
    }

    /// Keys with texts, numbers or booleans, as text.
    pub(super) fn pairs(&self, key: &str) -> Option<Given<Vec<(String, String)>>> {
        let of_item = |value: &Value| match value {
            Value::Table(table) => table.0.iter().map(|(k, item)| Some((k.clone(), plain(&item.value)?))).collect(),
            _ => None,
        };
        self.take(key, "a table of strings such as { name = \"value\" }", of_item, |_| None)
    }

    /// The table `key` inside this one.
    pub(super) fn table(&self, key: &str) -> Option<Reader<'d>> {
        let item = self.table.get(key)?;
        match &item.value {
            Value::Table(table) => Some(self.inner(key, item.line, table)),
            other => {
                self.wrong(
                    item.line,
                    key,
                    format!("expected a table such as [{}{key}], found {}", self.prefix, other.kind()),
                );
                None
            }
        }
    }

    /// The table `key` inside this one; an empty table if there is none, so that the environment
    /// variables count.
    pub(super) fn table_or_none(&self, key: &str) -> Reader<'d> {
        static NONE: Table = Table(Vec::new());
        self.table(key).unwrap_or_else(|| self.inner(key, 0, &NONE))
    }

    /// The list of tables `key` inside this one.
    pub(super) fn tables(&self, key: &str) -> Vec<Reader<'d>> {
        let Some(item) = self.table.get(key) else { return Vec::new() };
        let wrong = |line, kind| {
            let expected = format!("expected tables such as [[{}{key}]], found {kind}", self.prefix);
            self.wrong(line, key, expected);
        };
        let Value::List(list) = &item.value else {
            wrong(item.line, item.value.kind());
            return Vec::new();
        };
        let mut found = Vec::new();
        for one in list {
            match &one.value {
                Value::Table(table) => found.push(self.inner(key, one.line, table)),
                other => wrong(one.line, other.kind()),
            }
        }
        found
    }

    fn inner(&self, key: &str, line: usize, table: &'d Table) -> Reader<'d> {
        let Self { document, path, over, .. } = self;
        Reader {
            document,
            path: Arc::clone(path),
            prefix: format!("{}{key}.", self.prefix),
            table,
            line,
            over: over.clone(),
        }
    }
}

/// The parts between commas, trimmed.
pub(super) fn commas(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|t| !t.is_empty()).map(ToOwned::to_owned).collect()
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        Value::Whole(n) => n.map(|n| n.to_string()),
        Value::Flag(flag) => Some(flag.to_string()),
        _ => None,
    }
}
