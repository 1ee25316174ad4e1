//! Every name of a database, table, view or sequence in a DDL statement, with its place in the text.

use std::ops::Range;

use super::lex::{Token, spans};

/// What a statement does, by its first words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// CREATE DATABASE.
    CreateDatabase,
    /// ALTER DATABASE.
    AlterDatabase,
    /// DROP DATABASE.
    DropDatabase,
    /// CREATE TABLE.
    CreateTable,
    /// ALTER TABLE.
    AlterTable,
    /// DROP TABLE.
    DropTable,
    /// TRUNCATE TABLE.
    TruncateTable,
    /// RENAME TABLE.
    RenameTable,
    /// CREATE INDEX.
    CreateIndex,
    /// DROP INDEX.
    DropIndex,
    /// CREATE VIEW.
    CreateView,
    /// DROP VIEW.
    DropView,
    /// CREATE, ALTER or DROP SEQUENCE.
    Sequence,
    /// Anything else.
    Other,
}

/// What a name stands for in its statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The database that is made, changed or dropped.
    Database,
    /// What is made, changed, dropped or renamed.
    Subject,
    /// The new name of the one before it.
    New,
    /// The other table of EXCHANGE PARTITION.
    With,
    /// The table that CREATE TABLE … LIKE copies.
    Like,
    /// The parent of a foreign key.
    Parent,
}

/// A name and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// What it stands for.
    pub role: Role,
    /// The database, where one is written.
    pub schema: Option<String>,
    /// The name, without quotes.
    pub name: String,
    /// The bytes of the text that it covers, database included.
    pub at: Range<usize>,
}

/// The names of one statement, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// What it does.
    pub verb: Verb,
    /// Its names.
    pub places: Vec<Place>,
    /// Whether these are all of them for sure: not so behind a query, a qualified column or a sequence in an expression.
    pub complete: bool,
}

impl Names {
    /// Reads `sql`. Of what is not known there are no names, and they are not complete.
    #[must_use]
    pub fn of(sql: &str) -> Self {
        let mut reader = Reader { tokens: spans(sql), at: 0, places: Vec::new(), complete: true };
        let verb = reader.statement();
        let complete = reader.complete && verb.is_some();
        Self { verb: verb.unwrap_or(Verb::Other), places: reader.places, complete }
    }
}

struct Reader {
    tokens: Vec<(Token, Range<usize>)>,
    at: usize,
    places: Vec<Place>,
    complete: bool,
}

impl Reader {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(token, _)| token)
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.peek().is_some_and(|t| t.is(word));
        self.at += usize::from(found);
        found
    }

    fn take_any(&mut self, words: &[&str]) -> bool {
        words.iter().any(|w| self.take(w))
    }

    fn mark(&mut self, mark: char) -> bool {
        let found = self.peek() == Some(&Token::Mark(mark));
        self.at += usize::from(found);
        found
    }

    /// Steps over IF EXISTS and IF NOT EXISTS.
    fn condition(&mut self) {
        if self.take("IF") {
            self.take("NOT");
            self.take("EXISTS");
        }
    }

    fn word(&mut self) -> Option<(String, Range<usize>)> {
        let (token, at) = self.tokens.get(self.at)?;
        let found = (token.name()?.to_owned(), at.clone());
        self.at += 1;
        Some(found)
    }

    fn name(&mut self, role: Role) -> Option<()> {
        let (first, begin) = self.word()?;
        let place = if self.mark('.') {
            let (name, end) = self.word()?;
            Place { role, schema: Some(first), name, at: begin.start..end.end }
        } else {
            Place { role, schema: None, name: first, at: begin }
        };
        self.places.push(place);
        Some(())
    }

    fn names(&mut self, role: Role) -> Option<()> {
        self.name(role)?;
        while self.mark(',') {
            self.name(role)?;
        }
        Some(())
    }

    fn database(&mut self) -> Option<()> {
        self.condition();
        let (name, at) = self.word()?;
        self.places.push(Place { role: Role::Database, schema: None, name, at });
        Some(())
    }

    fn statement(&mut self) -> Option<Verb> {
        if self.take("CREATE") {
            self.create()
        } else if self.take("DROP") {
            self.drop()
        } else if self.take("ALTER") {
            self.alter()
        } else if self.take("RENAME") {
            self.take_any(&["TABLE", "TABLES"]).then_some(())?;
            loop {
                self.name(Role::Subject)?;
                self.take("TO").then_some(())?;
                self.name(Role::New)?;
                if !self.mark(',') {
                    return Some(Verb::RenameTable);
                }
            }
        } else if self.take("TRUNCATE") {
            self.take("TABLE");
            self.name(Role::Subject)?;
            Some(Verb::TruncateTable)
        } else {
            None
        }
    }

    fn create(&mut self) -> Option<Verb> {
        if self.take_any(&["DATABASE", "SCHEMA"]) {
            self.database()?;
            return Some(Verb::CreateDatabase);
        }
        // ALGORITHM, DEFINER and SQL SECURITY stand before VIEW, UNIQUE and other kinds before INDEX.
        while let Some((token, _)) = self.tokens.get(self.at) {
            let is = |word: &str| token.is(word);
            let (table, view, sequence, index) = (is("TABLE"), is("VIEW"), is("SEQUENCE"), is("INDEX"));
            self.at += 1;
            if index {
                self.index()?;
                return Some(Verb::CreateIndex);
            }
            if table || view || sequence {
                self.condition();
                self.name(Role::Subject)?;
            }
            if table {
                self.body();
                return Some(Verb::CreateTable);
            }
            if view {
                self.complete = false;
                return Some(Verb::CreateView);
            }
            if sequence {
                return Some(Verb::Sequence);
            }
        }
        None
    }

    fn drop(&mut self) -> Option<Verb> {
        if self.take_any(&["DATABASE", "SCHEMA"]) {
            self.database()?;
            return Some(Verb::DropDatabase);
        }
        if self.take("INDEX") {
            self.index()?;
            return Some(Verb::DropIndex);
        }
        self.take("GLOBAL");
        self.take("TEMPORARY");
        let verb = if self.take_any(&["TABLE", "TABLES"]) {
            Verb::DropTable
        } else if self.take("VIEW") {
            Verb::DropView
        } else {
            self.take("SEQUENCE").then_some(Verb::Sequence)?
        };
        self.condition();
        self.names(Role::Subject)?;
        Some(verb)
    }

    /// CREATE INDEX and DROP INDEX from the index's name on.
    fn index(&mut self) -> Option<()> {
        self.condition();
        self.word()?;
        while !self.take("ON") {
            self.peek()?;
            self.at += 1;
        }
        self.name(Role::Subject)?;
        self.body();
        Some(())
    }

    fn alter(&mut self) -> Option<Verb> {
        if self.take_any(&["DATABASE", "SCHEMA"]) {
            let options = ["CHARSET", "CHARACTER", "COLLATE", "DEFAULT", "PLACEMENT", "SET"];
            if self.peek().is_some_and(|t| !options.iter().any(|o| t.is(o))) {
                self.database()?;
            }
            return Some(Verb::AlterDatabase);
        }
        if self.take("SEQUENCE") {
            self.condition();
            self.name(Role::Subject)?;
            return Some(Verb::Sequence);
        }
        self.take("IGNORE");
        self.take("TABLE").then_some(())?;
        self.condition();
        self.name(Role::Subject)?;
        self.clauses()?;
        Some(Verb::AlterTable)
    }

    /// What stands behind the name in CREATE TABLE and CREATE INDEX.
    fn body(&mut self) {
        let begin = self.at;
        let inner = usize::from(self.mark('('));
        if self.take("LIKE") {
            self.complete &= self.name(Role::Like).is_some();
        } else {
            self.at = begin + inner;
        }
        while self.peek().is_some() {
            self.element();
        }
    }

    /// What stands behind the name in ALTER TABLE.
    fn clauses(&mut self) -> Option<()> {
        let (mut depth, mut first) = (0_usize, true);
        while let Some(token) = self.peek() {
            let starts = std::mem::take(&mut first);
            match token {
                Token::Mark('(') => depth += 1,
                Token::Mark(')') => depth = depth.saturating_sub(1),
                Token::Mark(',') if depth == 0 => first = true,
                t if starts && t.is("RENAME") => {
                    self.at += 1;
                    if !["COLUMN", "INDEX", "KEY"].iter().any(|w| self.peek().is_some_and(|t| t.is(w))) {
                        let _ = self.take_any(&["TO", "AS"]) || self.mark('=');
                        self.name(Role::New)?;
                    }
                    continue;
                }
                t if starts && t.is("EXCHANGE") => {
                    self.at += 1;
                    self.take("PARTITION").then_some(())?;
                    self.word()?;
                    (self.take("WITH") && self.take("TABLE")).then_some(())?;
                    self.name(Role::With)?;
                    continue;
                }
                _ => {}
            }
            self.element();
        }
        Some(())
    }

    /// One token of definitions and options, or the name that it announces.
    fn element(&mut self) {
        if self.take("REFERENCES") {
            self.complete &= self.name(Role::Parent).is_some();
            return;
        }
        let queries = ["SELECT", "NEXTVAL", "LASTVAL", "SETVAL"];
        let number = |t: &Token| matches!(t, Token::Word(w) if w.starts_with(|c: char| c.is_ascii_digit()));
        let next = |n: usize| self.tokens.get(self.at + n).map(|(token, _)| token);
        if let Some(token) = next(0) {
            let qualified = token.name().is_some()
                && !number(token)
                && next(1) == Some(&Token::Mark('.'))
                && next(2).is_some_and(|t| t.name().is_some());
            let value_for = token.is("NEXT") && next(1).is_some_and(|t| t.is("VALUE"));
            if qualified || value_for || queries.iter().any(|w| token.is(w)) {
                self.complete = false;
            }
        }
        self.at += 1;
    }
}

#[cfg(test)]
#[path = "names_tests.rs"]
mod tests;
