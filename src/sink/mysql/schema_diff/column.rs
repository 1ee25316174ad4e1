//! A column as SHOW CREATE TABLE shows it, taken apart into its attributes.

use std::collections::BTreeMap;

use super::shown::{Piece, text_of};
use crate::sql::Token;

/// One attribute of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Attribute {
    /// Type, with what belongs to it: width, elements, UNSIGNED.
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
    /// A CHECK of its own: MariaDB's JSON has one.
    Check,
    /// INVISIBLE.
    Visibility,
    /// Comment.
    Comment,
    /// What only this kind of server has: AUTO_RANDOM, a storage engine's words.
    Own,
}

impl Attribute {
    /// What people call it.
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
    /// All behind the name.
    pub text: String,
    pub attributes: BTreeMap<Attribute, String>,
}

impl ShownColumn {
    /// Reads `part` of `text`: the name in quotes, and what is behind.
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

    /// The name of its collation; that of its character set's default one if only this is shown, `None` if the table's holds.
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

/// The attribute that begins with `piece`, where `now` has `before` already.
fn begins(piece: &Piece<'_>, now: Attribute, before: &[Piece<'_>]) -> Option<Attribute> {
    // The word behind DEFAULT and NOT belongs to them, whatever it is.
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

/// Without what says no more than nothing.
fn usual(mut attributes: BTreeMap<Attribute, String>) -> BTreeMap<Attribute, String> {
    attributes.retain(|attribute, text| match attribute {
        Attribute::Null => !text.eq_ignore_ascii_case("NULL"),
        Attribute::Default => !text.eq_ignore_ascii_case("DEFAULT NULL"),
        _ => true,
    });
    attributes
}
