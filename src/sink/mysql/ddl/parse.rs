//! Reads a DDL statement as far as [`Form`] asks.

use super::form::{Form, Name, Unseen};
use super::text::{Token, tokens};

/// The form of `sql`, run while `current` is the database; `None` if it is none that is known.
pub(super) fn parse(sql: &str, current: &str) -> Option<Form> {
    let forced = sql.contains("/*T![force_inc]");
    let tokens = tokens(sql).into_iter().map(|(t, ..)| t).filter(|t| !matches!(t, Token::Comment(_))).collect();
    Reader { tokens, at: 0, current }.form(forced)
}

struct Reader<'a> {
    tokens: Vec<Token<'a>>,
    at: usize,
    current: &'a str,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<Token<'a>> {
        self.tokens.get(self.at).copied()
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.peek().is_some_and(|t| t.is(word));
        self.at += usize::from(found);
        found
    }

    fn take_any(&mut self, words: &[&str]) -> bool {
        words.iter().any(|w| self.take(w))
    }

    fn sign(&mut self, sign: char) -> bool {
        let found = self.peek() == Some(Token::Sign(sign));
        self.at += usize::from(found);
        found
    }

    fn at_end(&self) -> bool {
        self.tokens.get(self.at..).unwrap_or_default().iter().all(|t| *t == Token::Sign(';'))
    }

    /// Steps over IF EXISTS and IF NOT EXISTS.
    fn condition(&mut self) {
        if self.take("IF") {
            self.take("NOT");
            self.take("EXISTS");
        }
    }

    fn word(&mut self) -> Option<String> {
        let text = match self.peek()? {
            Token::Word(w) => w.to_owned(),
            Token::Name(n) => n.strip_prefix('`')?.strip_suffix('`')?.replace("``", "`"),
            _ => return None,
        };
        self.at += 1;
        Some(text)
    }

    fn name(&mut self) -> Option<Name> {
        let first = self.word()?;
        if !self.sign('.') {
            return Some(Name { schema: self.current.to_owned(), name: first });
        }
        Some(Name { schema: first, name: self.word()? })
    }

    fn names(&mut self) -> Option<Vec<Name>> {
        let mut names = vec![self.name()?];
        while self.sign(',') {
            names.push(self.name()?);
        }
        Some(names)
    }

    fn form(mut self, forced: bool) -> Option<Form> {
        if self.take("CREATE") {
            self.create()
        } else if self.take("DROP") {
            self.drop()
        } else if self.take("RENAME") {
            self.take_any(&["TABLE", "TABLES"]).then_some(())?;
            self.rename()
        } else if self.take("TRUNCATE") {
            self.take("TABLE");
            Some(Form::Truncate(self.name()?))
        } else if self.take("ALTER") {
            self.alter(forced)
        } else {
            None
        }
    }

    fn create(&mut self) -> Option<Form> {
        let replace = self.take("OR") && self.take("REPLACE");
        if self.take_any(&["DATABASE", "SCHEMA"]) {
            self.condition();
            return Some(Form::CreateDatabase(self.word()?));
        }
        // ALGORITHM, DEFINER and SQL SECURITY stand before VIEW, UNIQUE and other kinds before INDEX.
        while let Some(token) = self.peek() {
            self.at += 1;
            if ["TABLE", "VIEW", "SEQUENCE"].iter().any(|w| token.is(w)) {
                self.condition();
                return Some(Form::Create { name: self.name()?, replace });
            }
            if token.is("INDEX") {
                return self.index();
            }
        }
        None
    }

    /// CREATE INDEX and DROP INDEX from the name on.
    fn index(&mut self) -> Option<Form> {
        self.condition();
        self.word()?;
        while !self.take("ON") {
            self.peek()?;
            self.at += 1;
        }
        Some(Form::Alter { name: self.name()?, renamed: None, unseen: Unseen::Nothing })
    }

    fn drop(&mut self) -> Option<Form> {
        if self.take_any(&["DATABASE", "SCHEMA"]) {
            self.condition();
            return Some(Form::DropDatabase(self.word()?));
        }
        if self.take("INDEX") {
            return self.index();
        }
        if self.take("GLOBAL") || self.peek()?.is("TEMPORARY") {
            self.take("TEMPORARY");
        }
        let what = if self.take_any(&["TABLE", "TABLES"]) {
            "TABLE"
        } else if self.take("VIEW") {
            "VIEW"
        } else {
            self.take("SEQUENCE").then_some("SEQUENCE")?
        };
        self.condition();
        Some(Form::Drop { what, names: self.names()? })
    }

    fn rename(&mut self) -> Option<Form> {
        let mut pairs = Vec::new();
        loop {
            let old = self.name()?;
            self.take("TO").then_some(())?;
            pairs.push((old, self.name()?));
            if !self.sign(',') {
                return self.at_end().then_some(Form::Rename(pairs));
            }
        }
    }

    fn alter(&mut self, forced: bool) -> Option<Form> {
        if self.take_any(&["DATABASE", "SCHEMA"]) {
            let options = ["CHARSET", "CHARACTER", "COLLATE", "DEFAULT", "COMMENT"];
            let named = self.peek().is_some_and(|t| !options.iter().any(|o| t.is(o)));
            return Some(Form::AlterDatabase(if named { self.word()? } else { self.current.to_owned() }));
        }
        if self.take("SEQUENCE") {
            self.condition();
            let name = self.name()?;
            let restart = self.tokens.get(self.at..)?.iter().any(|t| t.is("RESTART"));
            return Some(Form::AlterSequence { name, restart });
        }
        self.take("IGNORE");
        self.take("TABLE").then_some(())?;
        self.condition();
        let name = self.name()?;
        self.specifications(name, forced)
    }

    /// What stands behind the name in ALTER TABLE.
    fn specifications(&mut self, name: Name, forced: bool) -> Option<Form> {
        let begin = self.at;
        let mut unseen = if forced { Unseen::ForcedCounter } else { Unseen::Nothing };
        if self.take("TRUNCATE") && self.take("PARTITION") {
            unseen = Unseen::Truncate(self.partitions()?);
        } else if self.take("EXCHANGE") && self.take("PARTITION") {
            let partition = self.word()?;
            (self.take("WITH") && self.take("TABLE")).then_some(())?;
            unseen = Unseen::Exchange(partition, self.name()?);
        }
        if !matches!(unseen, Unseen::Nothing | Unseen::ForcedCounter) {
            return Some(Form::Alter { name, renamed: None, unseen });
        }
        self.at = begin;
        let (mut renamed, mut depth, mut first) = (None, 0_usize, true);
        while let Some(token) = self.peek() {
            let starts = std::mem::take(&mut first) || (depth == 0 && self.at > 0 && self.before_is_comma());
            self.at += 1;
            match token {
                Token::Sign('(') => depth += 1,
                Token::Sign(')') => depth = depth.saturating_sub(1),
                t if starts && t.is("RENAME") && !self.next_is_any(&["COLUMN", "INDEX", "KEY"]) => {
                    let _ = self.take_any(&["TO", "AS"]) || self.sign('=');
                    let alone = self.at <= begin + 2;
                    let new = self.name()?;
                    if alone && self.at_end() {
                        return Some(Form::Rename(vec![(name, new)]));
                    }
                    renamed = Some(new);
                }
                _ => {}
            }
        }
        Some(Form::Alter { name, renamed, unseen })
    }

    fn before_is_comma(&self) -> bool {
        self.at.checked_sub(1).and_then(|i| self.tokens.get(i)) == Some(&Token::Sign(','))
    }

    /// A column may not be called by these words without quotes, so a table that is renamed to one has them.
    fn next_is_any(&self, words: &[&str]) -> bool {
        self.peek().is_some_and(|t| words.iter().any(|w| t.is(w)))
    }

    /// The names behind TRUNCATE PARTITION; none for ALL.
    fn partitions(&mut self) -> Option<Vec<String>> {
        if self.peek()?.is("ALL") && self.tokens.len() == self.at + 1 {
            return Some(vec![]);
        }
        let mut names = vec![self.word()?];
        while self.sign(',') {
            names.push(self.word()?);
        }
        Some(names)
    }
}
