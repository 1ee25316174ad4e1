//! What SHOW CREATE TABLE says, in parts.

use super::column::ShownColumn;
use super::foreign::ForeignKey;
use super::tail::{Options, Partitioning};
use crate::sql::{Token, tokens};

/// A table as its server shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// In order.
    pub(super) columns: Vec<ShownColumn>,
    /// Primary key and indexes.
    pub(super) keys: Vec<Named>,
    pub(super) foreign_keys: Vec<ForeignKey>,
    /// CHECK constraints.
    pub(super) checks: Vec<Named>,
    pub(super) options: Options,
    pub(super) partitioning: Option<Partitioning>,
}

/// A part that has a name: an index, whose primary key is called PRIMARY, or a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub name: String,
    /// As it stands in CREATE TABLE; of a check, what comes behind its name.
    pub text: String,
}

/// A token with the text that it covers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece<'a> {
    pub token: Token<'a>,
    pub text: &'a str,
    pub from: usize,
    pub to: usize,
}

impl Piece<'_> {
    pub fn is(&self, word: &str) -> bool {
        self.token.is(word)
    }

    /// How it changes the depth of brackets.
    pub fn depth(&self) -> i32 {
        match self.token {
            Token::Sign('(') => 1,
            Token::Sign(')') => -1,
            _ => 0,
        }
    }

    /// The name that it is, without its quotes.
    pub fn name(&self) -> String {
        unquoted(self.text)
    }
}

/// `name` without back quotes.
pub(super) fn unquoted(name: &str) -> String {
    match name.strip_prefix('`').and_then(|n| n.strip_suffix('`')) {
        Some(inner) => inner.replace("``", "`"),
        None => name.to_owned(),
    }
}

pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let piece = |(token, from, to)| Piece { token, text: text.get(from..to).unwrap_or_default(), from, to };
    tokens(text).into_iter().map(piece).collect()
}

/// The pieces between commas that stand in no brackets.
pub(super) fn between_commas<'a, 'b>(all: &'b [Piece<'a>]) -> Vec<&'b [Piece<'a>]> {
    let mut depth = 0;
    let parts = all.split(|piece| {
        depth += piece.depth();
        depth == 0 && piece.token == Token::Sign(',')
    });
    parts.filter(|part| !part.is_empty()).collect()
}

/// What stands between the first bracket of `all` and the one that closes it, and what comes behind.
pub(super) fn in_brackets<'a, 'b>(all: &'b [Piece<'a>]) -> Option<(&'b [Piece<'a>], &'b [Piece<'a>])> {
    let open = all.iter().position(|piece| piece.depth() == 1)?;
    let mut depth = 0;
    let close = all.iter().enumerate().skip(open).find_map(|(at, piece)| {
        depth += piece.depth();
        (depth == 0).then_some(at)
    })?;
    Some((all.get(open + 1..close)?, all.get(close + 1..)?))
}

/// The text that `part` covers.
pub(super) fn text_of<'a>(text: &'a str, part: &[Piece<'_>]) -> &'a str {
    match (part.first(), part.last()) {
        (Some(first), Some(last)) => text.get(first.from..last.to).unwrap_or_default(),
        _ => "",
    }
}

/// `sql`, a CREATE TABLE, without its foreign keys, and these as they stand in a statement. `parent` gives the names of a parent on the target.
#[must_use]
pub fn without_foreign_keys(sql: &str, parent: &dyn Fn(&str, &str) -> (String, String)) -> (String, Vec<String>) {
    let all = pieces(sql);
    let Some((inner, _)) = in_brackets(&all) else { return (sql.to_owned(), Vec::new()) };
    let (mut kept, mut keys) = (Vec::new(), Vec::new());
    for part in between_commas(inner) {
        let own = text_of(sql, part);
        match ForeignKey::of(own).filter(|_| part.first().is_some_and(|p| p.is("CONSTRAINT") || p.is("FOREIGN"))) {
            Some(key) => {
                let (parent_schema, name) = parent(&key.parent_schema, &key.parent);
                keys.push(ForeignKey { parent_schema, parent: name, ..key }.text());
            }
            None => kept.push(own),
        }
    }
    let (from, to) = match (inner.first(), inner.last()) {
        (Some(first), Some(last)) => (first.from, last.to),
        _ => return (sql.to_owned(), Vec::new()),
    };
    let (before, behind) = (sql.get(..from).unwrap_or_default(), sql.get(to..).unwrap_or_default());
    (format!("{before}{}{behind}", kept.join(",\n  ")), keys)
}

impl Shown {
    /// The parts of `text`, which a server gave for SHOW CREATE TABLE; `None` if it is no table.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let all = pieces(text);
        let table = all.iter().take(4).any(|piece| piece.is("TABLE"));
        let (inner, behind) = in_brackets(&all).filter(|_| table)?;
        let mut shown = Self::default();
        for part in between_commas(inner) {
            shown.take(text, part);
        }
        let tail = behind.first().map_or("", |first| text.get(first.from..).unwrap_or_default());
        (shown.options, shown.partitioning) = super::tail::read(tail);
        Some(shown)
    }

    fn take(&mut self, text: &str, part: &[Piece<'_>]) {
        let Some(first) = part.first() else { return };
        if matches!(first.token, Token::Name(_)) {
            self.columns.push(ShownColumn::read(text, part));
        } else if first.is("CONSTRAINT") {
            self.constraint(text, part);
        } else if first.is("FOREIGN") {
            self.foreign_keys.extend(ForeignKey::read(String::new(), part));
        } else if first.is("CHECK") {
            self.checks.push(Named { name: String::new(), text: text_of(text, part).to_owned() });
        } else {
            self.keys.push(key(text, part));
        }
    }

    fn constraint(&mut self, text: &str, part: &[Piece<'_>]) {
        let name = part.get(1).map(Piece::name).unwrap_or_default();
        let Some(rest) = part.get(2..) else { return };
        match rest.first() {
            Some(piece) if piece.is("FOREIGN") => self.foreign_keys.extend(ForeignKey::read(name, rest)),
            _ => self.checks.push(Named { name, text: text_of(text, rest).to_owned() }),
        }
    }
}

/// `PRIMARY KEY (…)`, `UNIQUE KEY `name` (…) …`. That an index is a B-tree, as nearly all are, some versions say where it was said, and some in any case.
fn key(text: &str, part: &[Piece<'_>]) -> Named {
    let bracket = part.iter().position(|piece| piece.depth() == 1).unwrap_or(part.len());
    let name = part.iter().take(bracket).rev().find(|piece| matches!(piece.token, Token::Name(_)));
    let name = name.map_or_else(|| "PRIMARY".to_owned(), Piece::name);
    Named { name, text: text_of(text, part).replace(" USING BTREE", "") }
}
