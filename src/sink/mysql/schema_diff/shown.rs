//! Parses the output of SHOW CREATE TABLE into parts.
//!
//! - What comes after the columns: the table's options and its partitions.
//! - Foreign keys, compared by what they do: the name may have to be another one on the target.

use std::collections::BTreeMap;

use super::difference::ShownColumn;
use crate::sink::mysql::ddl::picture::same_name;
use crate::sql::quote_name;
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

/// A part that has a name: an index (the primary key is PRIMARY) or a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub name: String,
    /// As in CREATE TABLE; for a check, what follows its name.
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

    /// By how much it changes the depth of brackets.
    pub fn depth(&self) -> i32 {
        match self.token {
            Token::Sign('(') => 1,
            Token::Sign(')') => -1,
            _ => 0,
        }
    }

    /// The name, without its quotes.
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

/// The pieces between commas outside of brackets.
pub(super) fn between_commas<'a, 'b>(all: &'b [Piece<'a>]) -> Vec<&'b [Piece<'a>]> {
    let mut depth = 0;
    let parts = all.split(|piece| {
        depth += piece.depth();
        depth == 0 && piece.token == Token::Sign(',')
    });
    parts.filter(|part| !part.is_empty()).collect()
}

/// The pieces between the first bracket of `all` and the one that closes it, and the pieces after
/// that.
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

/// `sql`, a CREATE TABLE, without its foreign keys; and these as in a statement. `parent` gives the
/// name of a parent on the target.
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
    /// Parses `text`, the output of SHOW CREATE TABLE; `None` if it is not a table.
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
        (shown.options, shown.partitioning) = read(tail);
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

/// `PRIMARY KEY (…)`, `UNIQUE KEY `name` (…) …`. Whether an index is a B-tree is ignored: nearly
/// all are, and some versions show it only if it was given, others always.
fn key(text: &str, part: &[Piece<'_>]) -> Named {
    let bracket = part.iter().position(|piece| piece.depth() == 1).unwrap_or(part.len());
    let name = part.iter().take(bracket).rev().find(|piece| matches!(piece.token, Token::Name(_)));
    let name = name.map_or_else(|| "PRIMARY".to_owned(), Piece::name);
    Named { name, text: text_of(text, part).replace(" USING BTREE", "") }
}

/// Options in TiDB's definitions: `COLLATE`, `DEFAULT CHARSET`, `COMMENT`, and comments with TiDB's
/// own options. The storage engine and its options concern only the target.
pub(super) type Options = BTreeMap<String, String>;

/// How a table is partitioned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Partitioning {
    /// `PARTITION BY RANGE (…)`, without the number of partitions.
    pub by: String,
    /// The number of partitions if they have default names and nothing else.
    pub count: Option<String>,
    /// Each partition with its definition.
    pub partitions: Vec<Named>,
    /// As in a statement.
    pub text: String,
}

/// Parses the options and the partitions in `text`.
pub(super) fn read(text: &str) -> (Options, Option<Partitioning>) {
    let all = pieces(text);
    let by = |words: &[Piece<'_>]| matches!(words, [a, b] if a.is("PARTITION") && b.is("BY"));
    let plain = all.windows(2).position(by);
    // MySQL shows the clause in a comment that older servers ignore.
    let hidden = all.iter().position(|piece| clause_in_comment(piece).is_some());
    let end = plain.or(hidden).unwrap_or(all.len());
    let clause = match (plain, hidden) {
        (Some(at), _) => all.get(at).and_then(|piece| text.get(piece.from..)),
        (None, Some(at)) => all.get(at).and_then(clause_in_comment),
        (None, None) => None,
    };
    (options(all.get(..end).unwrap_or_default()), clause.map(partitioning))
}

fn clause_in_comment<'a>(piece: &Piece<'a>) -> Option<&'a str> {
    let Token::Comment(text) = piece.token else { return None };
    let inner = text.strip_prefix("/*!")?.strip_suffix("*/")?.trim_start_matches(|c: char| c.is_ascii_digit()).trim();
    inner.starts_with("PARTITION BY").then_some(inner)
}

fn options(all: &[Piece<'_>]) -> Options {
    let mut options = Options::new();
    for (at, piece) in all.iter().enumerate() {
        let value = match (all.get(at + 1).map(|p| p.token), all.get(at + 2)) {
            (Some(Token::Sign('=')), Some(value)) => Some(value.text.to_owned()),
            _ => None,
        };
        match (piece.token, value) {
            (Token::Word(word), Some(value)) if ["CHARSET", "COLLATE", "COMMENT"].contains(&word) => {
                options.insert(word.to_owned(), value);
            }
            (Token::Comment(text), _) if text.starts_with("/*T!") && !text.contains("auto_rand_base") => {
                let name = text.trim_start_matches("/*T!").split('=').next().unwrap_or_default().trim();
                options.insert(name.to_owned(), text.to_owned());
            }
            _ => {}
        }
    }
    options
}

fn partitioning(text: &str) -> Partitioning {
    let all = pieces(text);
    // The last outer brackets hold the partitions, if they begin with that word.
    let mut depth = 0;
    let list = all.iter().enumerate().find_map(|(at, piece)| {
        let outside = depth == 0;
        depth += piece.depth();
        (outside && piece.depth() == 1 && all.get(at + 1).is_some_and(|next| next.is("PARTITION"))).then_some(at)
    });
    let number = all.iter().position(|piece| piece.is("PARTITIONS"));
    let end = number.or(list).unwrap_or(all.len());
    let by = text_of(text, all.get(..end).unwrap_or_default()).to_owned();
    let count = number.and_then(|at| all.get(at + 1)).map(|piece| piece.text.to_owned());
    let inner = list.and_then(|at| in_brackets(all.get(at..)?)).map(|(inner, _)| inner).unwrap_or_default();
    let mut partitions: Vec<Named> = between_commas(inner).into_iter().map(|part| partition(text, part)).collect();
    // Servers keep showing default names for ever if they were given.
    let usual = |(at, p): (usize, &Named)| p.name == format!("p{at}") && p.text.is_empty();
    let told = !partitions.is_empty() && partitions.iter().enumerate().all(usual);
    let count = if told { Some(partitions.len().to_string()) } else { count };
    if told {
        partitions.clear();
    }
    Partitioning { by, count, partitions, text: text.trim().to_owned() }
}

/// `PARTITION name VALUES … ENGINE = …`, without the engine.
fn partition(text: &str, part: &[Piece<'_>]) -> Named {
    let name = part.get(1).map(Piece::name).unwrap_or_default();
    let rest = part.get(2..).unwrap_or_default();
    let engine = rest.iter().position(|piece| piece.is("ENGINE")).unwrap_or(rest.len());
    let said = text_of(text, rest.get(..engine).unwrap_or_default());
    let behind = text_of(text, rest.get(engine + 3..).unwrap_or_default());
    Named { name, text: format!("{said} {behind}").trim().to_owned() }
}

/// A foreign key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ForeignKey {
    pub name: String,
    pub columns: Vec<String>,
    /// Empty for the table's own database.
    pub parent_schema: String,
    pub parent: String,
    pub parent_columns: Vec<String>,
    pub on_delete: String,
    pub on_update: String,
}

impl ForeignKey {
    /// Parses `FOREIGN KEY (…) REFERENCES … (…) …`.
    pub fn read(name: String, part: &[Piece<'_>]) -> Option<Self> {
        let (columns, rest) = in_brackets(part)?;
        let rest = rest.split_first().filter(|(first, _)| first.is("REFERENCES"))?.1;
        let bracket = rest.iter().position(|piece| piece.depth() == 1)?;
        let path: Vec<String> =
            rest.iter().take(bracket).filter(|p| p.token != Token::Sign('.')).map(Piece::name).collect();
        let (parents, behind) = in_brackets(rest)?;
        let (parent_schema, parent) = match path.as_slice() {
            [schema, table] => (schema.clone(), table.clone()),
            [table] => (String::new(), table.clone()),
            _ => return None,
        };
        let names = |all: &[Piece<'_>]| between_commas(all).iter().filter_map(|p| p.first()).map(Piece::name).collect();
        let (on_delete, on_update) = (reaction(behind, "DELETE"), reaction(behind, "UPDATE"));
        Some(Self {
            name,
            columns: names(columns),
            parent_schema,
            parent,
            parent_columns: names(parents),
            on_delete,
            on_update,
        })
    }

    /// Parses `CONSTRAINT … FOREIGN KEY …`.
    pub fn of(text: &str) -> Option<Self> {
        let all = pieces(text);
        let at = all.iter().position(|piece| piece.is("FOREIGN"))?;
        let name = all.get(1).filter(|_| at > 1).map(Piece::name).unwrap_or_default();
        Self::read(name, all.get(at..)?)
    }

    /// Whether both have the same effect in a table of database `home`. Some servers store the
    /// names of tables in lower case.
    pub fn same(&self, other: &Self, home: &str) -> bool {
        let place = |key: &Self| {
            let schema = if key.parent_schema.is_empty() { home } else { &key.parent_schema };
            (schema.to_lowercase(), key.parent.to_lowercase())
        };
        place(self) == place(other)
            && same_names(&self.columns, &other.columns)
            && same_names(&self.parent_columns, &other.parent_columns)
            && (&self.on_delete, &self.on_update) == (&other.on_delete, &other.on_update)
    }

    /// As in a statement.
    pub fn text(&self) -> String {
        let list = |names: &[String]| names.iter().map(|n| quote_name(n)).collect::<Vec<_>>().join(",");
        let name = if self.name.is_empty() { String::new() } else { format!("CONSTRAINT {} ", quote_name(&self.name)) };
        let schema =
            if self.parent_schema.is_empty() { String::new() } else { format!("{}.", quote_name(&self.parent_schema)) };
        let mut sql = format!(
            "{name}FOREIGN KEY ({}) REFERENCES {schema}{} ({})",
            list(&self.columns),
            quote_name(&self.parent),
            list(&self.parent_columns)
        );
        for (event, what) in [("DELETE", &self.on_delete), ("UPDATE", &self.on_update)] {
            if !what.is_empty() {
                sql.push_str(&format!(" ON {event} {what}"));
            }
        }
        sql
    }
}

pub(super) fn same_names(a: &[String], b: &[String]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_name(a, b))
}

/// The reaction ON `event`; empty for RESTRICT and NO ACTION, which are the default, and equal on
/// servers that do not defer constraints.
fn reaction(behind: &[Piece<'_>], event: &str) -> String {
    let at = behind.windows(2).position(|w| matches!(w, [on, what] if on.is("ON") && what.is(event)));
    let words: Vec<String> = match at {
        Some(at) => behind.iter().skip(at + 2).take(2).map(|p| p.text.to_ascii_uppercase()).collect(),
        None => Vec::new(),
    };
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["CASCADE", ..] => "CASCADE".to_owned(),
        ["SET", what] => format!("SET {what}"),
        _ => String::new(),
    }
}
