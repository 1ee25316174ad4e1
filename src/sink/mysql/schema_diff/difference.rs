//! Finds what differs between two definitions that the same server shows.
//!
//! The second part takes a column, as SHOW CREATE TABLE shows it, apart into its attributes.

use std::collections::BTreeMap;
use std::fmt;

use super::Collations;
use super::shown::{
    ForeignKey, Named, Options, Partitioning, Piece, Shown, between_commas, in_brackets, pieces, same_names, text_of,
};
use crate::sink::mysql::ddl::picture::same_name;
use crate::sql::Token;

/// A part of a definition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// A whole column.
    Column(String),
    /// One attribute of a column that both sides have.
    Attribute(String, Attribute),
    /// The order of the columns that both sides have.
    Order,
    /// An index by its name; the primary key is `PRIMARY`.
    Key(String),
    /// A foreign key, by its definition.
    ForeignKey(String),
    /// A CHECK, by its condition.
    Check(String),
    /// The table's default collation.
    Collation,
    /// The table's comment, and options of this kind of server.
    Option(String),
    /// How the table is partitioned.
    Partitioning,
    /// One partition.
    Partition(String),
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Column(name) => write!(f, "column `{name}`"),
            Self::Attribute(name, attribute) => write!(f, "{} of column `{name}`", attribute.word()),
            Self::Order => f.write_str("order of the columns"),
            Self::Key(name) if name == "PRIMARY" => f.write_str("primary key"),
            Self::Key(name) => write!(f, "index `{name}`"),
            Self::ForeignKey(name) => write!(f, "foreign key {name}"),
            Self::Check(text) => write!(f, "constraint {text}"),
            Self::Collation => f.write_str("default collation of the table"),
            Self::Option(name) => write!(f, "{} of the table", name.to_lowercase()),
            Self::Partitioning => f.write_str("partitioning"),
            Self::Partition(name) => write!(f, "partition `{name}`"),
        }
    }
}

/// A part that differs between both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The part of the definition.
    pub part: Part,
    /// The upstream's form, in the target's SQL; `None` if it has no such part.
    pub upstream: Option<String>,
    /// The target's form.
    pub target: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (part, say) =
            (&self.part, |side: &Option<String>| side.as_ref().map_or("nothing".to_owned(), |t| format!("`{t}`")));
        match (&self.upstream, &self.target) {
            (Some(text), None) if !matches!(part, Part::Attribute(..) | Part::Option(_)) => {
                write!(f, "{part} is missing on the target: `{text}`")
            }
            (None, Some(text)) if !matches!(part, Part::Attribute(..) | Part::Option(_)) => {
                write!(f, "{part} exists only on the target: `{text}`")
            }
            (upstream, target) => write!(f, "{part}: upstream {}, target {}", say(upstream), say(target)),
        }
    }
}

/// The differences of `target` from `upstream`, both as one server shows them; `home` is the
/// table's database.
#[must_use]
pub fn differences(upstream: &Shown, target: &Shown, home: &str, collations: &Collations) -> Vec<Difference> {
    let mut found = DifferenceList { list: Vec::new(), collations };
    found.columns(upstream, target);
    found.keys(upstream, target);
    found.foreign_keys(upstream, target, home);
    found.checks(&upstream.checks, &target.checks);
    found.options(&upstream.options, &target.options);
    found.partitioning(upstream.partitioning.as_ref(), target.partitioning.as_ref());
    found.list
}

struct DifferenceList<'a> {
    list: Vec<Difference>,
    collations: &'a Collations,
}

impl DifferenceList<'_> {
    fn add(&mut self, part: Part, upstream: Option<String>, target: Option<String>) {
        if !matches!((&upstream, &target), (Some(a), Some(b)) if same_text(a, b)) && upstream != target {
            self.list.push(Difference { part, upstream, target });
        }
    }

    fn columns(&mut self, upstream: &Shown, target: &Shown) {
        let position = |all: &[ShownColumn], name: &str| all.iter().position(|c| same_name(&c.name, name));
        let mut places = Vec::new();
        for column in &upstream.columns {
            match position(&target.columns, &column.name).and_then(|at| Some((at, target.columns.get(at)?))) {
                None => self.add(Part::Column(column.name.clone()), Some(column.text.clone()), None),
                Some((at, other)) => {
                    places.push(at);
                    self.attributes((column, &upstream.options), (other, &target.options));
                }
            }
        }
        for column in target.columns.iter().filter(|c| position(&upstream.columns, &c.name).is_none()) {
            self.add(Part::Column(column.name.clone()), None, Some(column.text.clone()));
        }
        if !places.is_sorted() {
            let names = |all: &[ShownColumn], other: &[ShownColumn]| {
                let both = all.iter().filter(|c| position(other, &c.name).is_some());
                Some(both.map(|c| c.name.as_str()).collect::<Vec<_>>().join(", "))
            };
            let (own, other) = (names(&upstream.columns, &target.columns), names(&target.columns, &upstream.columns));
            self.add(Part::Order, own, other);
        }
    }

    fn attributes(&mut self, (own, defaults): (&ShownColumn, &Options), (other, others): (&ShownColumn, &Options)) {
        if own.text == other.text && (defaults == others || !own.is_text()) {
            return;
        }
        if own.is_text() && other.is_text() {
            let of = |column: &ShownColumn, options: &Options| self.collations.of(column, options);
            let (upstream, target) = (of(own, defaults), of(other, others));
            self.add(Part::Attribute(own.name.clone(), Attribute::Collation), upstream, target);
        }
        let mut all: Vec<Attribute> = own.attributes.keys().chain(other.attributes.keys()).copied().collect();
        all.sort_unstable();
        all.dedup();
        for attribute in all.into_iter().filter(|a| !matches!(a, Attribute::Charset | Attribute::Collation)) {
            let of = |column: &ShownColumn| column.attributes.get(&attribute).cloned();
            self.add(Part::Attribute(own.name.clone(), attribute), of(own), of(other));
        }
    }

    fn keys(&mut self, upstream: &Shown, target: &Shown) {
        let find = |all: &[Named], name: &str| all.iter().find(|k| same_name(&k.name, name)).map(|k| k.text.clone());
        for key in &upstream.keys {
            self.add(Part::Key(key.name.clone()), Some(key.text.clone()), find(&target.keys, &key.name));
        }
        for key in target.keys.iter().filter(|k| find(&upstream.keys, &k.name).is_none()) {
            if !serves_foreign_key(key, &target.foreign_keys) {
                self.add(Part::Key(key.name.clone()), None, Some(key.text.clone()));
            }
        }
    }

    fn foreign_keys(&mut self, upstream: &Shown, target: &Shown, home: &str) {
        let has = |all: &[ForeignKey], key: &ForeignKey| all.iter().any(|other| other.same(key, home));
        let what = |key: &ForeignKey| Part::ForeignKey(format!("`{}`", key.name));
        for key in upstream.foreign_keys.iter().filter(|key| !has(&target.foreign_keys, key)) {
            self.add(what(key), Some(key.text()), None);
        }
        for key in target.foreign_keys.iter().filter(|key| !has(&upstream.foreign_keys, key)) {
            self.add(what(key), None, Some(key.text()));
        }
    }

    fn checks(&mut self, upstream: &[Named], target: &[Named]) {
        let has = |all: &[Named], check: &Named| all.iter().any(|other| same_text(&other.text, &check.text));
        for check in upstream.iter().filter(|check| !has(target, check)) {
            self.add(Part::Check(check.text.clone()), Some(check.text.clone()), None);
        }
        for check in target.iter().filter(|check| !has(upstream, check)) {
            self.add(Part::Check(check.text.clone()), None, Some(check.text.clone()));
        }
    }

    fn options(&mut self, upstream: &Options, target: &Options) {
        self.add(Part::Collation, self.collations.of_table(upstream), self.collations.of_table(target));
        let mut names: Vec<&String> = upstream.keys().chain(target.keys()).collect();
        names.sort_unstable();
        names.dedup();
        for name in names.into_iter().filter(|name| !matches!(name.as_str(), "CHARSET" | "COLLATE")) {
            self.add(Part::Option(name.clone()), upstream.get(name).cloned(), target.get(name).cloned());
        }
    }

    fn partitioning(&mut self, upstream: Option<&Partitioning>, target: Option<&Partitioning>) {
        let (Some(own), Some(other)) = (upstream, target) else {
            let text = |by: Option<&Partitioning>| by.map(|by| by.text.clone());
            return self.add(Part::Partitioning, text(upstream), text(target));
        };
        let by = |by: &Partitioning| by.by.split_whitespace().collect::<Vec<_>>().join(" ");
        self.add(Part::Partitioning, Some(by(own)), Some(by(other)));
        self.add(Part::Option("number of partitions".to_owned()), own.count.clone(), other.count.clone());
        let find = |all: &[Named], name: &str| all.iter().find(|p| same_name(&p.name, name)).map(|p| p.text.clone());
        for partition in &own.partitions {
            let there = find(&other.partitions, &partition.name);
            self.add(Part::Partition(partition.name.clone()), Some(partition.text.clone()), there);
        }
        for partition in other.partitions.iter().filter(|p| find(&own.partitions, &p.name).is_none()) {
            self.add(Part::Partition(partition.name.clone()), None, Some(partition.text.clone()));
        }
    }
}

/// Whether the server made `key` by itself, because a foreign key needs it.
fn serves_foreign_key(key: &Named, foreign_keys: &[ForeignKey]) -> bool {
    let all = pieces(&key.text);
    let Some((columns, _)) = in_brackets(&all).filter(|_| key.text.starts_with("KEY")) else { return false };
    let columns: Vec<String> = between_commas(columns).iter().filter_map(|p| p.first()).map(Piece::name).collect();
    foreign_keys.iter().any(|foreign| same_names(&foreign.columns, &columns))
}

fn same_text(a: &str, b: &str) -> bool {
    a == b || names_in_lower_case(a) == names_in_lower_case(b)
}

/// `text` with quoted names in lower case: if a column's name changed its letter case, some
/// versions show its indexes with the old one.
fn names_in_lower_case(text: &str) -> String {
    let one = |piece: Piece<'_>| match piece.token {
        Token::Name(_) => piece.text.to_lowercase(),
        _ => piece.text.to_owned(),
    };
    pieces(text).into_iter().map(one).collect::<Vec<_>>().join(" ")
}

/// One attribute of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Attribute {
    /// The type with width, elements, UNSIGNED.
    Type,
    /// CHARACTER SET as it was shown; compared as part of the collation.
    Charset,
    /// Collation.
    Collation,
    /// NOT NULL.
    Null,
    /// DEFAULT.
    Default,
    /// ON UPDATE.
    OnUpdate,
    /// AUTO_INCREMENT.
    AutoIncrement,
    /// The expression of a generated column, VIRTUAL or STORED.
    Generated,
    /// A CHECK of the column itself: MariaDB's JSON has one.
    Check,
    /// INVISIBLE.
    Visibility,
    /// Comment.
    Comment,
    /// Attributes of one kind of server only: AUTO_RANDOM, a storage engine's own.
    Own,
}

impl Attribute {
    /// Its name for people.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::Charset => "character set",
            Self::Collation => "collation",
            Self::Null => "NOT NULL",
            Self::Default => "default",
            Self::OnUpdate => "ON UPDATE",
            Self::AutoIncrement => "AUTO_INCREMENT",
            Self::Generated => "generated expression",
            Self::Check => "CHECK",
            Self::Visibility => "visibility",
            Self::Comment => "comment",
            Self::Own => "attribute of this kind of server",
        }
    }
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ShownColumn {
    pub name: String,
    /// Everything after the name.
    pub text: String,
    pub attributes: BTreeMap<Attribute, String>,
}

impl ShownColumn {
    /// Reads `part` of `text`: the quoted name, and what follows.
    pub fn read(text: &str, part: &[Piece<'_>]) -> Self {
        let name = part.first().map(Piece::name).unwrap_or_default();
        let rest = part.get(1..).unwrap_or_default();
        let mut attributes = BTreeMap::new();
        let mut start = 0;
        let (mut depth, mut now) = (0, Attribute::Type);
        for (at, piece) in rest.iter().enumerate() {
            let before = rest.get(start..at).unwrap_or_default();
            if depth == 0
                && at > 0
                && let Some(next) = begins(piece, now, before)
            {
                attributes.insert(now, text_of(text, before).to_owned());
                (start, now) = (at, next);
            }
            depth += piece.depth();
        }
        attributes.insert(now, text_of(text, rest.get(start..).unwrap_or_default()).to_owned());
        Self { name, text: text_of(text, rest).to_owned(), attributes: usual(attributes) }
    }

    /// The name of its collation: if only a character set is shown, that set's default; `None` if
    /// the table's default applies.
    pub fn collation(&self, default_of: impl Fn(&str) -> String) -> Option<String> {
        let last = |attribute| {
            let text: Option<&String> = self.attributes.get(&attribute);
            text.and_then(|t| t.split_whitespace().next_back()).map(str::to_lowercase)
        };
        last(Attribute::Collation).or_else(|| last(Attribute::Charset).map(|charset| default_of(&charset)))
    }

    /// Whether it holds text in a character set.
    pub fn is_text(&self) -> bool {
        let sql = self.attributes.get(&Attribute::Type).map_or("", String::as_str);
        let word = sql.split(['(', ' ']).next().unwrap_or_default();
        matches!(word, "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "enum" | "set")
    }
}

/// The attribute that begins with `piece`; `now` is the current attribute, with the pieces
/// `before`.
fn begins(piece: &Piece<'_>, now: Attribute, before: &[Piece<'_>]) -> Option<Attribute> {
    // The word after DEFAULT and NOT belongs to them, whatever it is.
    let takes_next = before.last().is_some_and(|last| last.is("DEFAULT") || last.is("NOT"));
    if takes_next {
        return None;
    }
    let Token::Word(word) = piece.token else {
        return matches!(piece.token, Token::Comment(_)).then_some(Attribute::Own);
    };
    Some(match word.to_ascii_uppercase().as_str() {
        "CHARACTER" => Attribute::Charset,
        "COLLATE" => Attribute::Collation,
        "NOT" | "NULL" => Attribute::Null,
        "DEFAULT" => Attribute::Default,
        "ON" => Attribute::OnUpdate,
        "AUTO_INCREMENT" => Attribute::AutoIncrement,
        "GENERATED" => Attribute::Generated,
        "AS" if now != Attribute::Generated => Attribute::Generated,
        "CHECK" => Attribute::Check,
        "INVISIBLE" => Attribute::Visibility,
        "COMMENT" => Attribute::Comment,
        _ => return None,
    })
}

/// Removes attributes that equal the default.
fn usual(mut attributes: BTreeMap<Attribute, String>) -> BTreeMap<Attribute, String> {
    attributes.retain(|attribute, text| match attribute {
        Attribute::Null => !text.eq_ignore_ascii_case("NULL"),
        Attribute::Default => !text.eq_ignore_ascii_case("DEFAULT NULL"),
        _ => true,
    });
    attributes
}
