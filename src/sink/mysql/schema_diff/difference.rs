//! What differs between two definitions that the same server shows.

use std::fmt;

use super::column::{Attribute, ShownColumn};
use super::foreign::{ForeignKey, same_names};
use super::reference::Collations;
use super::shown::{Named, Piece, Shown, between_commas, in_brackets, pieces};
use super::tail::{Options, Partitioning};
use crate::sink::mysql::ddl::picture::same_name;
use crate::sql::Token;

/// A part of a definition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// A whole column.
    Column(String),
    /// One attribute of a column that both have.
    Attribute(String, Attribute),
    /// The order of the columns that both have.
    Order,
    /// An index by its name; the primary key is `PRIMARY`.
    Key(String),
    /// A foreign key, by what it does.
    ForeignKey(String),
    /// A CHECK, by its condition.
    Check(String),
    /// The table's default collation.
    Collation,
    /// The table's comment, and options of this kind of server.
    Option(String),
    /// By what the table is partitioned.
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

/// A part that is not the same on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Which.
    pub part: Part,
    /// What the upstream has, in the target's words; `None`: it has no such part.
    pub upstream: Option<String>,
    /// What the target has.
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
                write!(f, "{part} is on the target alone: `{text}`")
            }
            (upstream, target) => write!(f, "{part}: upstream {}, target {}", say(upstream), say(target)),
        }
    }
}

/// What `target` has otherwise than `upstream`, both as one server shows them; `home` is the database of the table.
#[must_use]
pub fn differences(upstream: &Shown, target: &Shown, home: &str, collations: &Collations) -> Vec<Difference> {
    let mut found = Found { list: Vec::new(), collations };
    found.columns(upstream, target);
    found.keys(upstream, target);
    found.foreign_keys(upstream, target, home);
    found.checks(&upstream.checks, &target.checks);
    found.options(&upstream.options, &target.options);
    found.partitioning(upstream.partitioning.as_ref(), target.partitioning.as_ref());
    found.list
}

struct Found<'a> {
    list: Vec<Difference>,
    collations: &'a Collations,
}

impl Found<'_> {
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

/// Whether `key` is one that the server made by itself, because a foreign key needs it.
fn serves_foreign_key(key: &Named, foreign_keys: &[ForeignKey]) -> bool {
    let all = pieces(&key.text);
    let Some((columns, _)) = in_brackets(&all).filter(|_| key.text.starts_with("KEY")) else { return false };
    let columns: Vec<String> = between_commas(columns).iter().filter_map(|p| p.first()).map(Piece::name).collect();
    foreign_keys.iter().any(|foreign| same_names(&foreign.columns, &columns))
}

fn same_text(a: &str, b: &str) -> bool {
    a == b || names_in_lower_case(a) == names_in_lower_case(b)
}

/// `text` with the names in quotes in lower case: where a column got its own name in other letters, some versions show its indexes with the old one.
fn names_in_lower_case(text: &str) -> String {
    let one = |piece: Piece<'_>| match piece.token {
        Token::Name(_) => piece.text.to_lowercase(),
        _ => piece.text.to_owned(),
    };
    pieces(text).into_iter().map(one).collect::<Vec<_>>().join(" ")
}
