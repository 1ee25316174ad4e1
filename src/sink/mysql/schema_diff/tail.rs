//! What SHOW CREATE TABLE says behind the columns: the table's options and its partitions.

use std::collections::BTreeMap;

use super::shown::{Named, Piece, between_commas, in_brackets, pieces, text_of};
use crate::sql::Token;

/// The options that a definition of TiDB's has: `COLLATE`, `DEFAULT CHARSET`, `COMMENT`, and comments with TiDB's own. The storage engine and its
/// options are the target's own affair.
pub(super) type Options = BTreeMap<String, String>;

/// How a table is partitioned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Partitioning {
    /// `PARTITION BY RANGE (…)`, without their number.
    pub by: String,
    /// Their number where nothing else is said of them.
    pub count: Option<String>,
    /// Each with what is said of it.
    pub partitions: Vec<Named>,
    /// As it stands in a statement.
    pub text: String,
}

/// The options and the partitions in `text`.
pub(super) fn read(text: &str) -> (Options, Option<Partitioning>) {
    let all = pieces(text);
    let by = |words: &[Piece<'_>]| matches!(words, [a, b] if a.is("PARTITION") && b.is("BY"));
    let plain = all.windows(2).position(by);
    // MySQL shows the clause in a comment that older servers leave out.
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
    // The last brackets on the outside hold the partitions, if they begin with the word.
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
    // Servers remember for ever that the usual names were said.
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
