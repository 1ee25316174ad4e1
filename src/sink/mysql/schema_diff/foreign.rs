//! A foreign key as SHOW CREATE TABLE shows it, compared by what it does: its name may have to be another one on the target.

use super::shown::{Piece, between_commas, in_brackets, pieces};
use crate::sink::mysql::ddl::picture::same_name;
use crate::sink::mysql::session::quote_name;
use crate::sql::Token;

/// A foreign key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ForeignKey {
    pub name: String,
    pub columns: Vec<String>,
    /// Empty where it is the table's own database.
    pub parent_schema: String,
    pub parent: String,
    pub parent_columns: Vec<String>,
    pub on_delete: String,
    pub on_update: String,
}

impl ForeignKey {
    /// Reads `FOREIGN KEY (…) REFERENCES … (…) …`.
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

    /// Reads `CONSTRAINT … FOREIGN KEY …`.
    pub fn of(text: &str) -> Option<Self> {
        let all = pieces(text);
        let at = all.iter().position(|piece| piece.is("FOREIGN"))?;
        let name = all.get(1).filter(|_| at > 1).map(Piece::name).unwrap_or_default();
        Self::read(name, all.get(at..)?)
    }

    /// Whether both do the same in a table of database `home`. Some servers keep the names of tables in lower case.
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

    /// As it stands in a statement.
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

/// What happens ON `event`; empty for RESTRICT and NO ACTION, which are the same wherever no constraint is deferred, and are the default.
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
