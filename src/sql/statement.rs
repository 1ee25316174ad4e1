//! Parses a DDL statement: its kind, its names and where they stand, its ALTER TABLE clauses.

mod reader;

use std::ops::Range;

use super::token::Words;

/// What a statement does, by its first words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
    /// CREATE SEQUENCE.
    CreateSequence,
    /// ALTER SEQUENCE.
    AlterSequence,
    /// DROP SEQUENCE.
    DropSequence,
    /// RECOVER TABLE, FLASHBACK TABLE.
    Recover,
    /// FLASHBACK DATABASE.
    RecoverDatabase,
    /// FLASHBACK CLUSTER.
    FlashbackCluster,
    /// LOCK and UNLOCK TABLES.
    Lock,
    /// CREATE PLACEMENT POLICY.
    CreatePolicy,
    /// ALTER PLACEMENT POLICY.
    AlterPolicy,
    /// DROP PLACEMENT POLICY.
    DropPolicy,
    /// CREATE RESOURCE GROUP.
    CreateGroup,
    /// ALTER RESOURCE GROUP.
    AlterGroup,
    /// DROP RESOURCE GROUP.
    DropGroup,
    /// Anything else.
    #[default]
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

/// A parsed statement. Names in parts that the parser does not know are missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statement {
    /// What it does.
    pub verb: Verb,
    /// Its names, in their order.
    pub places: Vec<Place>,
    /// Whether `places` has all names for sure: not so behind a query, a qualified column or a
    /// sequence in an expression.
    pub complete: bool,
    /// Whether it says IF EXISTS or IF NOT EXISTS anywhere.
    pub conditional: bool,
    /// Whether it says OR REPLACE.
    pub replaces: bool,
    /// Of ALTER TABLE, and of ALTER SEQUENCE as far as it matters: what it does, in order.
    pub clauses: Vec<Clause>,
    /// Whether a RENAME TABLE or ALTER TABLE does nothing but give tables other names.
    pub only_renames: bool,
}

impl Statement {
    /// Reads `sql`.
    #[must_use]
    pub fn of(sql: &str) -> Self {
        reader::read(sql)
    }

    /// The first name that stands for this.
    #[must_use]
    pub fn place(&self, role: Role) -> Option<&Place> {
        self.places.iter().find(|place| place.role == role)
    }

    /// What it makes, changes, drops or renames.
    pub fn subjects(&self) -> impl Iterator<Item = &Place> {
        self.places.iter().filter(|place| place.role == Role::Subject)
    }

    /// Old and new name of each table that a RENAME TABLE or ALTER TABLE renames.
    #[must_use]
    pub fn moves(&self) -> Vec<(&Place, &Place)> {
        if !matches!(self.verb, Verb::RenameTable | Verb::AlterTable) {
            return Vec::new();
        }
        let mut moves = Vec::new();
        let mut old = None;
        for place in &self.places {
            match (place.role, old.take()) {
                (Role::New, Some(from)) => moves.push((from, place)),
                (Role::Subject, _) => old = Some(place),
                // Names may stand between those of an ALTER TABLE.
                (_, last) => old = last,
            }
        }
        moves
    }

    /// The columns that an ALTER TABLE gives a type.
    pub fn retyped(&self) -> impl Iterator<Item = &Retyped> {
        self.clauses.iter().filter_map(|clause| if let Clause::Retype(column) = clause { Some(column) } else { None })
    }

    /// The columns that an ALTER TABLE gives a name: from, to. `None` if it is none, or one of
    /// these was not understood.
    #[must_use]
    pub fn renamed_columns(&self) -> Option<Vec<(String, String)>> {
        let pair = |clause: &Clause| match clause {
            Clause::Retype(column) => Some((column.column.clone(), column.renamed.clone())),
            Clause::RenameColumn(from, to) => Some((from.clone(), to.clone())),
            _ => None,
        };
        let understood = self.verb == Verb::AlterTable && !self.clauses.contains(&Clause::UnknownColumn);
        understood.then(|| self.clauses.iter().filter_map(pair).filter(|(from, to)| from != to).collect())
    }
}

/// A clause, as far as a caller needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Clause {
    /// RENAME: the new name is the place with [`Role::New`](Role::New).
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
    /// Its name after the statement.
    pub renamed: String,
    /// The word of its new type, in upper case.
    pub word: String,
    /// The number behind that word; 0 where there is none.
    pub size: u32,
    /// Whether UNSIGNED stands there.
    pub unsigned: bool,
}

/// The clause at `range` if it is MODIFY, CHANGE or RENAME COLUMN.
fn column(words: &Words<'_>, range: Range<usize>) -> Option<Clause> {
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

#[cfg(test)]
mod tests;
