//! The tables and sequences that a statement reads: those of a view's query, the sequence of a default, and what stands in front of a column.

use std::ops::Range;

use super::token::Token;
use super::words::Words;

/// What a name in a query or an expression stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
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
    pub kind: Kind,
    /// The database, where one is written.
    pub schema: Option<String>,
    /// The name, without quotes.
    pub name: String,
    /// What the query calls it.
    pub alias: Option<String>,
    /// The bytes of the text that it covers, database included.
    pub at: Range<usize>,
}

/// All of `sql`, in their order, but for what is in one of the places `apart`, in bytes.
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
        self.push(Mention { kind: Kind::Read, schema, name, alias: None, at: 0..0 }, count);
        true
    }

    /// A qualified column: what is in front of it.
    fn column(&mut self) -> bool {
        let column = |ahead: usize| self.name(ahead).is_some() || self.sign(ahead, '*');
        let (Some(first), true) = (self.name(0), self.sign(1, '.') && column(2)) else { return false };
        match self.name(2).filter(|_| self.sign(3, '.') && column(4)) {
            Some(second) => {
                self.push(Mention { kind: Kind::Prefix, schema: Some(first), name: second, alias: None, at: 0..0 }, 3);
            }
            None => self.push(Mention { kind: Kind::Prefix, schema: None, name: first, alias: None, at: 0..0 }, 1),
        }
        // The column itself, which nothing stands in front of any more.
        self.at += 2;
        true
    }

    /// `name AS (`.
    fn common_table(&mut self) -> bool {
        let Some(name) = self.name(0).filter(|_| self.is(1, &["AS"]) && self.sign(2, '(')) else { return false };
        self.push(Mention { kind: Kind::Common, schema: None, name, alias: None, at: 0..0 }, 1);
        true
    }

    fn push(&mut self, mention: Mention, count: usize) {
        let at = self.words.bytes(self.at..self.at + count).unwrap_or_default();
        self.found.push(Mention { at, ..mention });
        self.at += count;
    }
}
