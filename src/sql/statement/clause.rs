//! The clauses of ALTER TABLE.

use std::ops::Range;

use super::super::words::Words;

/// One of them, as far as it matters somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Clause {
    /// RENAME: the new name is the place with [`Role::New`](super::Role::New).
    Rename,
    /// MODIFY and CHANGE.
    Retype(Retyped),
    /// RENAME COLUMN: from, to.
    RenameColumn(String, String),
    /// A CHANGE or RENAME COLUMN that was not understood.
    UnknownColumn,
    /// ALTER INDEX.
    AlterIndex,
    /// TRUNCATE PARTITION of these; of all where there are none.
    TruncatePartition(Vec<String>),
    /// DROP PARTITION.
    DropPartition,
    /// REORGANIZE PARTITION.
    ReorganizePartition,
    /// EXCHANGE PARTITION: which, and the bytes of the text that its name covers.
    ExchangePartition(String, Range<usize>),
    /// SET TIFLASH REPLICA.
    Tiflash,
    /// CACHE.
    Cache,
    /// NOCACHE.
    NoCache,
    /// ATTRIBUTES.
    Attributes,
    /// RESTART of a sequence.
    Restart,
    /// Any other one.
    Other,
}

/// A column and the type that it gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retyped {
    /// Its name before.
    pub column: String,
    /// Its name behind the statement.
    pub renamed: String,
    /// The word of its new type, in upper case.
    pub word: String,
    /// The number behind that word; 0 where there is none.
    pub size: u32,
    /// Whether UNSIGNED stands there.
    pub unsigned: bool,
}

/// The clause at `range` if it is MODIFY, CHANGE or RENAME COLUMN.
pub(super) fn column(words: &Words<'_>, range: Range<usize>) -> Option<Clause> {
    let verb = range.start;
    let (modifies, changes) = (words.is(verb, "MODIFY"), words.is(verb, "CHANGE"));
    let renames = words.phrase(verb, &["RENAME", "COLUMN"]).is_some();
    if !(modifies || changes || renames) {
        return None;
    }
    let unknown = if modifies { Clause::Other } else { Clause::UnknownColumn };
    let name = words.behind_condition(if words.is(verb + 1, "COLUMN") { verb + 2 } else { verb + 1 });
    let new = match (modifies, renames && words.is(name + 1, "TO")) {
        (true, _) => name,
        (_, true) => name + 2,
        _ => name + 1,
    };
    let pair = words.name(name).zip(words.name(new)).filter(|_| new < range.end);
    let Some((column, renamed)) = pair.map(|(a, b)| (a.into_owned(), b.into_owned())) else { return Some(unknown) };
    if renames {
        return Some(Clause::RenameColumn(column, renamed));
    }
    let kind = new + 1;
    let Some(word) = words.name(kind).map(|word| word.to_uppercase()) else { return Some(unknown) };
    let number = if words.sign(kind + 1, '(') { words.name(kind + 2) } else { None };
    let size = number.and_then(|n| n.parse().ok()).unwrap_or(0);
    let unsigned = (kind..range.end).any(|at| words.is(at, "UNSIGNED"));
    Some(Clause::Retype(Retyped { column, renamed, word, size, unsigned }))
}
