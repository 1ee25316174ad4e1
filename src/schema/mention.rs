//! The tables and sequences that a statement reads: those of a view's query, the sequence of a default, and what stands in front of a column.

use std::ops::Range;

use super::lex::{Token, spans};

/// What a name in a query or an expression stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A table, view or sequence that is read.
    Read,
    /// What WITH calls a query, which hides a table of that name.
    Common,
    /// It stands in front of a column.
    Prefix,
}

/// A name in a query or an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mention {
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

/// All of `sql`, in their order, but for what is in one of the places `apart`.
///
/// A function's FROM, as in EXTRACT(YEAR FROM a), counts as well: it gives a column.
pub(super) fn mentions(sql: &str, apart: &[Range<usize>]) -> Vec<Mention> {
    let inside = |at: &Range<usize>| apart.iter().any(|place| place.start <= at.start && at.end <= place.end);
    let tokens = spans(sql).into_iter().filter(|(_, at)| !inside(at)).collect();
    let mut reader = Reader { tokens, at: 0, found: Vec::new() };
    while reader.at < reader.tokens.len() {
        reader.step();
    }
    reader.found
}

struct Reader {
    tokens: Vec<(Token, Range<usize>)>,
    at: usize,
    found: Vec<Mention>,
}

impl Reader {
    fn token(&self, ahead: usize) -> Option<&Token> {
        self.tokens.get(self.at + ahead).map(|(token, _)| token)
    }

    fn is(&self, ahead: usize, words: &[&str]) -> bool {
        self.token(ahead).is_some_and(|token| words.iter().any(|word| token.is(word)))
    }

    fn mark(&self, ahead: usize, mark: char) -> bool {
        self.token(ahead) == Some(&Token::Mark(mark))
    }

    /// The name that stands there. A number is none.
    fn name(&self, ahead: usize) -> Option<String> {
        let token = self.token(ahead)?;
        let number = matches!(token, Token::Word(word) if word.starts_with(|c: char| c.is_ascii_digit()));
        token.name().filter(|_| !number).map(str::to_owned)
    }

    fn step(&mut self) {
        let of_sequence = self.is(0, &["NEXTVAL", "LASTVAL", "SETVAL"]) && self.mark(1, '(');
        if self.is(0, &["FROM", "JOIN", "STRAIGHT_JOIN"]) {
            self.at += 1;
            self.tables();
        } else if of_sequence || self.is(0, &["VALUE"]) && self.is(1, &["FOR"]) {
            self.at += 2;
            self.read();
        } else if !(self.common_table() || self.column()) {
            self.at += 1;
        }
    }

    /// A list of tables behind FROM or JOIN; what is joined is another one.
    fn tables(&mut self) {
        loop {
            while self.mark(0, '(') {
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
            if !self.mark(0, ',') {
                return;
            }
            self.at += 1;
        }
    }

    /// One name, with its database.
    fn read(&mut self) -> bool {
        let Some(first) = self.name(0) else { return false };
        let second = if self.mark(1, '.') { self.name(2) } else { None };
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
        let column = |ahead: usize| self.name(ahead).is_some() || self.mark(ahead, '*');
        let (Some(first), true) = (self.name(0), self.mark(1, '.') && column(2)) else { return false };
        match self.name(2).filter(|_| self.mark(3, '.') && column(4)) {
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
        let Some(name) = self.name(0).filter(|_| self.is(1, &["AS"]) && self.mark(2, '(')) else { return false };
        self.push(Mention { kind: Kind::Common, schema: None, name, alias: None, at: 0..0 }, 1);
        true
    }

    fn push(&mut self, mention: Mention, count: usize) {
        let at = |i: usize| self.tokens.get(i).map(|(_, at)| at.clone()).unwrap_or_default();
        let at = at(self.at).start..at(self.at + count - 1).end;
        self.found.push(Mention { at, ..mention });
        self.at += count;
    }
}
