//! What a DDL is about when nothing but its text is known, as in Drainer's files (spec/tidb-binlog.md §9.6).
//!
//! Drainer writes ``use `db`; <statement>;``, for CREATE DATABASE without the first part. Neither the job's id nor its type nor any
//! definition stands beside it, so the type is read from the text, and tables are known by their names alone.

use std::sync::Arc;

use super::lex::{Token, statements, tokens};
use super::names::Names;
use crate::model::{ActionType, Ddl, Side, Table};

/// A DDL by its text.
#[derive(Clone, Debug)]
pub struct TextDdl {
    /// What is to be done.
    pub ddl: Ddl,
    /// The objects of a DROP that names several: TiDB drops each by a job of its own, and Drainer writes the same text for each.
    pub one_of: Vec<Arc<Table>>,
}

/// Why a text cannot be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unclear {
    /// It holds several statements that are not all CREATE TABLE.
    Several,
    /// It is no statement that is known to change a schema.
    Unknown,
}

/// Reads `text`; `None` if it says nothing.
///
/// # Errors
/// If it cannot be told what it does.
pub fn from_text(text: &str) -> Result<Option<TextDdl>, Unclear> {
    let mut parts = statements(text);
    let mut current = String::new();
    if let Some(database) = parts.first().and_then(|s| used(s)) {
        current = database;
        parts.remove(0);
    }
    let Some(first) = parts.first() else { return Ok(None) };
    let read = |statement: &str| Reader::new(statement, &current).read();
    let mut found = read(first).ok_or(Unclear::Unknown)?;
    if parts.len() > 1 {
        // A batch of CREATE TABLE is one job.
        found.action = ActionType::CreateTables;
        found.tables.clear();
        for part in &parts {
            let one = read(part).filter(|f| f.action == ActionType::CreateTable).ok_or(Unclear::Several)?;
            found.tables.extend(one.tables);
        }
    }
    let query = parts.join("; ");
    let written = query.clone();
    let Found { action, mut schema, tables, new, several } = found;
    // Where the table's own database is written, the current one has no say.
    if let ([table], true) = (tables.as_slice(), new.is_empty() && parts.len() == 1)
        && all_written(&query)
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

/// Whether every name in a statement stands with its database.
fn all_written(query: &str) -> bool {
    let names = Names::of(query);
    names.complete && names.places.iter().all(|p| p.schema.is_some())
}

/// The database that a USE makes the current one.
fn used(statement: &str) -> Option<String> {
    match tokens(statement).as_slice() {
        [first, name] if first.is("USE") => name.name().map(str::to_owned),
        _ => None,
    }
}

struct Found {
    action: ActionType,
    schema: String,
    tables: Vec<Arc<Table>>,
    /// The new names of a RENAME.
    new: Vec<Arc<Table>>,
    several: bool,
}

struct Reader<'a> {
    tokens: Vec<Token>,
    at: usize,
    current: &'a str,
}

impl<'a> Reader<'a> {
    fn new(statement: &str, current: &'a str) -> Self {
        Self { tokens: tokens(statement), at: 0, current }
    }

    fn is(&self, word: &str) -> bool {
        self.tokens.get(self.at).is_some_and(|t| t.is(word))
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.is(word);
        self.at += usize::from(found);
        found
    }

    fn any(&mut self, words: &[&str]) -> bool {
        words.iter().any(|w| self.take(w))
    }

    fn mark(&mut self, mark: char) -> bool {
        let found = self.tokens.get(self.at) == Some(&Token::Mark(mark));
        self.at += usize::from(found);
        found
    }

    /// Whether one of `words` stands anywhere from here on, outside of parentheses.
    fn has(&self, words: &[&str]) -> bool {
        let mut depth = 0_usize;
        self.tokens.iter().skip(self.at).any(|t| {
            match t {
                Token::Mark('(') => depth += 1,
                Token::Mark(')') => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0 && words.iter().any(|w| t.is(w))
        })
    }

    /// Steps over IF EXISTS and IF NOT EXISTS.
    fn condition(&mut self) {
        if self.take("IF") {
            self.take("NOT");
            self.take("EXISTS");
        }
    }

    fn word(&mut self) -> Option<String> {
        let name = self.tokens.get(self.at)?.name()?.to_owned();
        self.at += 1;
        Some(name)
    }

    fn table(&mut self) -> Option<Arc<Table>> {
        let first = self.word()?;
        let (schema, name) = if self.mark('.') { (first, self.word()?) } else { (self.current.to_owned(), first) };
        Some(Arc::new(Table::named(&schema, &name)))
    }

    fn read(mut self) -> Option<Found> {
        if self.take("CREATE") {
            self.create()
        } else if self.take("DROP") {
            self.drop()
        } else if self.take("ALTER") {
            self.alter()
        } else if self.take("TRUNCATE") {
            self.take("TABLE");
            let table = self.table()?;
            self.found(ActionType::TruncateTable, vec![table])
        } else if self.take("RENAME") {
            self.any(&["TABLE", "TABLES"]).then_some(())?;
            self.rename()
        } else if self.any(&["RECOVER", "FLASHBACK"]) {
            self.back()
        } else if self.any(&["LOCK", "UNLOCK"]) {
            self.found(ActionType::LockTable, vec![])
        } else {
            None
        }
    }

    fn found(&self, action: ActionType, tables: Vec<Arc<Table>>) -> Option<Found> {
        Some(Found { action, schema: self.current.to_owned(), tables, new: vec![], several: false })
    }

    fn database(&mut self, action: ActionType) -> Option<Found> {
        self.condition();
        let schema = self.word()?;
        Some(Found { schema, ..self.found(action, vec![])? })
    }

    fn create(&mut self) -> Option<Found> {
        if self.any(&["DATABASE", "SCHEMA"]) {
            return self.database(ActionType::CreateSchema);
        }
        if self.take("PLACEMENT") {
            return self.found(ActionType::CreatePlacementPolicy, vec![]);
        }
        if self.take("RESOURCE") {
            return self.found(ActionType::CreateResourceGroup, vec![]);
        }
        // OR REPLACE, ALGORITHM, DEFINER, TEMPORARY, UNIQUE and the like stand before the kind.
        while self.at < self.tokens.len() {
            let action = [
                ("TABLE", ActionType::CreateTable),
                ("VIEW", ActionType::CreateView),
                ("SEQUENCE", ActionType::CreateSequence),
            ]
            .into_iter()
            .find(|(w, _)| self.is(w));
            if let Some((_, action)) = action {
                self.at += 1;
                self.condition();
                let table = self.table()?;
                return self.found(action, vec![table]);
            }
            if self.take("INDEX") {
                return self.index(ActionType::AddIndex);
            }
            self.at += 1;
        }
        None
    }

    /// CREATE INDEX and DROP INDEX from the name on.
    fn index(&mut self, action: ActionType) -> Option<Found> {
        while self.at < self.tokens.len() && !self.take("ON") {
            self.at += 1;
        }
        let table = self.table()?;
        self.found(action, vec![table])
    }

    fn drop(&mut self) -> Option<Found> {
        if self.any(&["DATABASE", "SCHEMA"]) {
            return self.database(ActionType::DropSchema);
        }
        if self.take("INDEX") {
            return self.index(ActionType::DropIndex);
        }
        if self.take("PLACEMENT") {
            return self.found(ActionType::DropPlacementPolicy, vec![]);
        }
        if self.take("RESOURCE") {
            return self.found(ActionType::DropResourceGroup, vec![]);
        }
        self.take("GLOBAL");
        self.take("TEMPORARY");
        let action = if self.any(&["TABLE", "TABLES"]) {
            ActionType::DropTable
        } else if self.take("VIEW") {
            ActionType::DropView
        } else {
            self.take("SEQUENCE").then_some(ActionType::DropSequence)?
        };
        self.condition();
        let mut tables = vec![self.table()?];
        while self.mark(',') {
            tables.push(self.table()?);
        }
        let several = tables.len() > 1;
        Some(Found { several, ..self.found(action, tables)? })
    }

    fn rename(&mut self) -> Option<Found> {
        let (mut old, mut new) = (vec![], vec![]);
        loop {
            old.push(self.table()?);
            self.take("TO").then_some(())?;
            new.push(self.table()?);
            if !self.mark(',') {
                break;
            }
        }
        let action = if old.len() > 1 { ActionType::RenameTables } else { ActionType::RenameTable };
        Some(Found { new, ..self.found(action, old)? })
    }

    /// RECOVER TABLE, FLASHBACK TABLE, DATABASE and CLUSTER.
    fn back(&mut self) -> Option<Found> {
        if self.take("CLUSTER") {
            return self.found(ActionType::FlashbackCluster, vec![]);
        }
        if self.any(&["DATABASE", "SCHEMA"]) {
            return self.database(ActionType::RecoverSchema);
        }
        self.take("TABLE").then_some(())?;
        let mut tables = vec![];
        if !self.take("BY") {
            tables.push(self.table()?);
            if self.take("TO") {
                tables = vec![self.table()?];
            }
        }
        let found = self.found(ActionType::RecoverTable, vec![])?;
        Some(Found { tables, ..found })
    }

    fn alter(&mut self) -> Option<Found> {
        if self.any(&["DATABASE", "SCHEMA"]) {
            let options = ["CHARSET", "CHARACTER", "COLLATE", "DEFAULT", "PLACEMENT"];
            let named = !options.iter().any(|o| self.is(o));
            let schema = if named { self.word()? } else { self.current.to_owned() };
            return Some(Found { schema, ..self.found(ActionType::ModifySchemaCharset, vec![])? });
        }
        if self.take("PLACEMENT") {
            return self.found(ActionType::AlterPlacementPolicy, vec![]);
        }
        if self.take("RESOURCE") {
            return self.found(ActionType::AlterResourceGroup, vec![]);
        }
        if self.take("SEQUENCE") {
            self.condition();
            let table = self.table()?;
            return self.found(ActionType::AlterSequence, vec![table]);
        }
        self.take("IGNORE");
        self.take("TABLE").then_some(())?;
        self.condition();
        let table = self.table()?;
        self.specification(table)
    }

    /// What stands behind the name in ALTER TABLE, as far as it matters who it concerns.
    fn specification(&mut self, table: Arc<Table>) -> Option<Found> {
        let begin = self.at;
        if self.take("RENAME") && !["COLUMN", "INDEX", "KEY"].iter().any(|w| self.is(w)) {
            let _ = self.any(&["TO", "AS"]) || self.mark('=');
            let new = self.table()?;
            if self.at == self.tokens.len() {
                return Some(Found { new: vec![new], ..self.found(ActionType::RenameTable, vec![table])? });
            }
        }
        self.at = begin;
        if self.take("SET") && self.take("TIFLASH") {
            return self.found(ActionType::SetTiFlashReplica, vec![table]);
        }
        self.at = begin;
        if self.take("EXCHANGE") {
            while self.at < self.tokens.len() && !self.take("WITH") {
                self.at += 1;
            }
            self.take("TABLE").then_some(())?;
            let with = self.table()?;
            return self.found(ActionType::ExchangePartition, vec![table, with]);
        }
        let action = match () {
            () if self.is("CACHE") => ActionType::CacheTable,
            () if self.is("NOCACHE") => ActionType::NoCacheTable,
            () if self.is("ATTRIBUTES") => ActionType::AlterTableAttributes,
            () if self.is("TRUNCATE") => ActionType::TruncatePartition,
            () if self.is("DROP") && self.has(&["PARTITION"]) => ActionType::DropPartition,
            () if self.is("REORGANIZE") => ActionType::ReorganizePartition,
            () if self.is("ALTER") && self.has(&["VISIBLE", "INVISIBLE"]) => ActionType::AlterIndexVisibility,
            // Whatever else it is, its text says it all.
            () => ActionType::MultiSchemaChange,
        };
        self.found(action, vec![table])
    }
}

#[cfg(test)]
mod tests;
