//! The statement that runs on the target for a job, and the database that must be current for it.

use super::apply::{Effect, Move};
use crate::error::Fault;
use crate::mark::Origin;
use crate::model::{ActionType, CommitTs, Ddl, Kind, Side, Table};
use crate::sql::{Role, Source, Statement, Unclear, canonical, quoted};

impl Effect {
    /// The DDL of this job with `query`, the statement of its message of `commit_ts`: TiDB's restored text, which holds a database
    /// name only where the user wrote one.
    pub fn into_ddl(self, commit_ts: CommitTs, query: String) -> Ddl {
        let (query, unclear) = self.as_every_server_reads_it(commit_ts, query);
        let (schema, query) = match self.action {
            ActionType::RenameTable | ActionType::RenameTables => self.rename(query),
            ActionType::ExchangePartition => (self.exchange_database(&query), query),
            ActionType::DropTable => self.drop("TABLE", query),
            ActionType::DropView => self.drop("VIEW", query),
            ActionType::DropSequence => self.drop("SEQUENCE", query),
            _ => (self.schema.clone(), query),
        };
        let query = self.in_the_catalogs_spelling(query, &schema);
        let partitions = self.moves_of_partitions.as_ref().map(|m| m.partitions()).unwrap_or_default();
        Ddl {
            job_id: self.job_id,
            action: self.action,
            schema,
            table: self.table,
            query,
            written: self.query,
            refused: None,
            unclear: unclear.map(Box::new),
            side: Side::Unknown,
            after: self.after,
            before: self.before,
            charset: self.charset,
            collation: self.collation,
            checks: self.checks,
            sequences: self.sequences,
            temporary: self.temporary,
            early: None,
            zone: self.zone,
            partitions,
        }
    }

    /// The statement in its canonical form; as it is, with the reason, where it has none.
    fn as_every_server_reads_it(&self, commit_ts: CommitTs, query: String) -> (String, Option<Fault>) {
        let (origin, statement) = match Origin::split(&query) {
            Some((origin, statement)) => (Some(origin), statement),
            None => (None, query.as_str()),
        };
        let typed = Origin::split(&self.query).map_or(self.query.as_str(), |(_, typed)| typed);
        let known = self.after.iter().any(|table| !table.columns.is_empty());
        let has = |element: &str| self.after.iter().any(|table| has_element(table, element));
        match canonical(statement, Source { typed, elements: known.then_some(&has) }) {
            Ok(text) => (origin.map_or(text.clone(), |origin| format!("{origin} {text}")), None),
            Err(why) => {
                let fault = unclear(statement, commit_ts, why);
                (query, Some(fault))
            }
        }
    }

    /// Within one database the statement stands as it is; across databases nobody knows which one was current, so all
    /// names are written out.
    fn rename(&self, query: String) -> (String, String) {
        let Some(first) = self.moves.first() else { return (self.schema.clone(), query) };
        let home = &first.from.0;
        if self.moves.iter().all(|m| m.from.0 == *home && m.to.0 == *home) {
            return (home.clone(), query);
        }
        let one = |m: &Move| format!("{} TO {}", qualified(&m.from.0, &m.from.1), qualified(&m.to.0, &m.to.1));
        let moves: Vec<String> = self.moves.iter().map(one).collect();
        (home.clone(), format!("RENAME TABLE {};", moves.join(", ")))
    }

    /// The session's database is that of whichever table has no database written before it.
    fn exchange_database(&self, query: &str) -> String {
        let partitioned = self.before.iter().chain(&self.after).find(|t| t.name == self.table).map(|t| &t.schema);
        let statement = Statement::of(query);
        let subject = statement.place(Role::Subject).filter(|_| statement.place(Role::With).is_some());
        match (subject, partitioned) {
            (Some(table), Some(schema)) if table.schema.is_none() => schema.clone(),
            _ => self.schema.clone(),
        }
    }

    /// One of several objects of a DROP; each has a job and a message of its own, all with the same text.
    fn drop(&self, what: &str, query: String) -> (String, String) {
        let query = if Statement::of(&query).subjects().count() > 1 {
            format!("DROP {what} {};", qualified(&self.schema, &self.table))
        } else {
            query
        };
        (self.schema.clone(), query)
    }
}

fn qualified(schema: &str, table: &str) -> String {
    format!("{}.{}", quoted(schema), quoted(table))
}

/// Whether an ENUM or a SET of `table` has this element; the source keeps no spaces at its end.
fn has_element(table: &Table, element: &str) -> bool {
    let element = element.trim_end_matches(' ');
    table.columns.iter().any(|column| match &column.kind {
        Kind::Enum { elements } | Kind::Set { elements } => elements.iter().any(|e| e.trim_end_matches(' ') == element),
        _ => false,
    })
}

/// Refuses a statement that has no canonical form.
pub(crate) fn unclear(statement: &str, commit_ts: CommitTs, Unclear(why): Unclear) -> Fault {
    let shown: String = statement.trim_end_matches(';').chars().take(160).collect();
    Fault::refused(format!("`{shown}` (commit ts {}) is not sent to the target: {why}", commit_ts.explain())).hint(format!(
        "`--on-ddl-error 'replace:{0}=SQL'` runs SQL of yours instead, `--on-ddl-error skip:{0}` (or `--skip-ddl {0}`) goes on without",
        commit_ts.0
    ))
}
