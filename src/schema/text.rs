//! Parses a DDL of which only the text is known, as in Drainer's files.
//!
//! See docs/protocol/tidb-binlog.md §9.6. Drainer writes ``use `db`; <statement>;``, and for CREATE
//! DATABASE the statement alone. The file has no job id, no type and no definition, so the type is
//! read from the text, and tables are known by their names alone.

use std::sync::Arc;

use crate::model::{ActionType, Ddl, Side, Table};
use crate::sql::{Clause, Place, Role, Statement, Verb, Words, statements};

/// A DDL of which only the text is known.
#[derive(Clone, Debug)]
pub struct TextDdl {
    /// The change to make.
    pub ddl: Ddl,
    /// The objects of a DROP that names several: TiDB drops each by a job of its own, and Drainer
    /// writes the same text for each.
    pub one_of: Vec<Arc<Table>>,
}

/// Why a text's effect is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unclear {
    /// It holds several statements that are not all CREATE TABLE.
    Several,
    /// It is not a statement that is known to change a schema.
    Unknown,
}

/// Parses `text`; `None` if it holds no statement.
///
/// # Errors
/// If it is not known what it does.
pub fn from_text(text: &str) -> Result<Option<TextDdl>, Unclear> {
    let mut parts = statements(text);
    let mut current = String::new();
    if let Some(database) = parts.first().and_then(|s| used(s)) {
        current = database;
        parts.remove(0);
    }
    let Some(first) = parts.first() else { return Ok(None) };
    let statement = Statement::of(first);
    let mut found = NamedObjects::of(&statement, &current).ok_or(Unclear::Unknown)?;
    if parts.len() > 1 {
        // A batch of CREATE TABLE is one job.
        found.action = ActionType::CreateTables;
        found.tables.clear();
        for part in &parts {
            let one = NamedObjects::of(&Statement::of(part), &current)
                .filter(|f| f.action == ActionType::CreateTable)
                .ok_or(Unclear::Several)?;
            found.tables.extend(one.tables);
        }
    }
    let query = parts.join("; ");
    let written = query.clone();
    let NamedObjects { action, mut schema, tables, new, several } = found;
    // If every name is written with its database, the current one does not matter.
    if let ([table], true) = (tables.as_slice(), new.is_empty() && parts.len() == 1)
        && all_written(&statement)
    {
        schema.clone_from(&table.schema);
    }
    let (before, after) = match action {
        ActionType::CreateSchema | ActionType::DropSchema | ActionType::ModifySchemaCharset => (vec![], vec![]),
        ActionType::CreateTable
        | ActionType::CreateView
        | ActionType::RecoverTable
        | ActionType::CreateSequence
        | ActionType::CreateTables => (vec![], tables),
        ActionType::DropTable | ActionType::DropView | ActionType::DropSequence => (tables, vec![]),
        ActionType::RenameTable | ActionType::RenameTables => (tables, new),
        _ => (tables.clone(), tables),
    };
    let one_of = if several { before.clone() } else { vec![] };
    let table = before.first().or(after.first()).map(|t| t.name.clone()).unwrap_or_default();
    let ddl = Ddl {
        job_id: 0,
        action,
        schema,
        table,
        query,
        after,
        before,
        charset: None,
        collation: None,
        checks: true,
        sequences: Vec::new(),
        temporary: false,
        written,
        refused: None,
        unclear: None,
        side: Side::Unknown,
        early: None,
        zone: None,
        partitions: Vec::new(),
    };
    Ok(Some(TextDdl { ddl, one_of }))
}

/// Whether every name in a statement has its database in front.
fn all_written(statement: &Statement) -> bool {
    statement.complete && statement.places.iter().all(|p| p.schema.is_some())
}

/// The database that a USE sets.
fn used(statement: &str) -> Option<String> {
    let words = Words::of(statement);
    words.name(1).filter(|_| words.is(0, "USE") && words.len() == 2).map(std::borrow::Cow::into_owned)
}

struct NamedObjects {
    action: ActionType,
    schema: String,
    tables: Vec<Arc<Table>>,
    /// The new names of a RENAME.
    new: Vec<Arc<Table>>,
    several: bool,
}

impl NamedObjects {
    /// The objects of `statement`, run with `current` as the current database; `None` if it does
    /// not change a schema.
    fn of(statement: &Statement, current: &str) -> Option<Self> {
        let action = action(statement)?;
        let table = |place: &Place| Arc::new(Table::named(place.schema.as_deref().unwrap_or(current), &place.name));
        let moves = statement.moves();
        let renames = matches!(action, ActionType::RenameTable | ActionType::RenameTables);
        let of = |role| statement.places.iter().filter(move |place| place.role == role).map(table);
        let tables: Vec<_> = match action {
            // If the table is recovered under another name, it is that one.
            ActionType::RecoverTable => of(Role::New).chain(of(Role::Subject)).take(1).collect(),
            _ => of(Role::Subject).chain(of(Role::With)).collect(),
        };
        let drops = matches!(statement.verb, Verb::DropTable | Verb::DropView | Verb::DropSequence);
        Some(Self {
            action,
            schema: statement.place(Role::Database).map_or(current, |place| &place.name).to_owned(),
            new: moves.into_iter().filter(|_| renames).map(|(_, new)| table(new)).collect(),
            several: drops && tables.len() > 1,
            tables,
        })
    }
}

/// The job type of such a statement.
fn action(statement: &Statement) -> Option<ActionType> {
    use ActionType as Type;
    Some(match statement.verb {
        Verb::CreateDatabase => Type::CreateSchema,
        Verb::AlterDatabase => Type::ModifySchemaCharset,
        Verb::DropDatabase => Type::DropSchema,
        Verb::CreateTable => Type::CreateTable,
        Verb::DropTable => Type::DropTable,
        Verb::TruncateTable => Type::TruncateTable,
        Verb::RenameTable if statement.moves().len() > 1 => Type::RenameTables,
        Verb::RenameTable => Type::RenameTable,
        Verb::AlterTable if statement.only_renames => Type::RenameTable,
        Verb::AlterTable => altered(statement.clauses.first()),
        Verb::CreateIndex => Type::AddIndex,
        Verb::DropIndex => Type::DropIndex,
        Verb::CreateView => Type::CreateView,
        Verb::DropView => Type::DropView,
        Verb::CreateSequence => Type::CreateSequence,
        Verb::AlterSequence => Type::AlterSequence,
        Verb::DropSequence => Type::DropSequence,
        Verb::Recover => Type::RecoverTable,
        Verb::RecoverDatabase => Type::RecoverSchema,
        Verb::FlashbackCluster => Type::FlashbackCluster,
        Verb::Lock => Type::LockTable,
        Verb::CreatePolicy => Type::CreatePlacementPolicy,
        Verb::AlterPolicy => Type::AlterPlacementPolicy,
        Verb::DropPolicy => Type::DropPlacementPolicy,
        Verb::CreateGroup => Type::CreateResourceGroup,
        Verb::AlterGroup => Type::AlterResourceGroup,
        Verb::DropGroup => Type::DropResourceGroup,
        Verb::Other => return None,
    })
}

/// The job type of an ALTER TABLE that begins with this clause, as far as it decides which objects
/// it concerns.
const fn altered(first: Option<&Clause>) -> ActionType {
    use ActionType as Type;
    match first {
        Some(Clause::Tiflash) => Type::SetTiFlashReplica,
        Some(Clause::ExchangePartition(..)) => Type::ExchangePartition,
        Some(Clause::Cache) => Type::CacheTable,
        Some(Clause::NoCache) => Type::NoCacheTable,
        Some(Clause::Attributes) => Type::AlterTableAttributes,
        Some(Clause::TruncatePartition(_)) => Type::TruncatePartition,
        Some(Clause::DropPartition) => Type::DropPartition,
        Some(Clause::ReorganizePartition) => Type::ReorganizePartition,
        Some(Clause::AlterIndex) => Type::AlterIndexVisibility,
        // For any other clause the text is enough.
        _ => Type::MultiSchemaChange,
    }
}

#[cfg(test)]
mod tests;
