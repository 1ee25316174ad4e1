//! The statement that runs on the target for a job, and the database that must be current for it.

use super::apply::{Effect, Move, action};
use super::rename::{drops_several, exchanged};
use crate::model::{Ddl, Side};

impl Effect {
    /// The DDL of this job with `query`, the statement of its message: TiDB's restored text, which holds a database
    /// name only where the user wrote one.
    pub fn into_ddl(self, query: String) -> Ddl {
        let (schema, query) = match self.action {
            action::RENAME_TABLE | action::RENAME_TABLES => self.rename(query),
            action::EXCHANGE_PARTITION => (self.exchange_database(&query), query),
            action::DROP_TABLE => self.drop("TABLE", query),
            action::DROP_VIEW => self.drop("VIEW", query),
            action::DROP_SEQUENCE => self.drop("SEQUENCE", query),
            _ => (self.schema.clone(), query),
        };
        let partitions = self.moves_of_partitions.as_ref().map(|m| m.partitions()).unwrap_or_default();
        Ddl {
            job_id: self.job_id,
            action: u8::try_from(self.action).unwrap_or(u8::MAX),
            schema,
            table: self.table,
            query,
            written: self.query,
            refused: None,
            side: Side::Unknown,
            after: self.after,
            before: self.before,
            charset: self.charset,
            collation: self.collation,
            checks: self.checks,
            temporary: self.temporary,
            early: None,
            partitions,
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
        match (exchanged(query), partitioned) {
            (Some((table, _)), Some(schema)) if table.schema.is_none() => schema.clone(),
            _ => self.schema.clone(),
        }
    }

    /// One of several objects of a DROP; each has a job and a message of its own, all with the same text.
    fn drop(&self, what: &str, query: String) -> (String, String) {
        let query = if drops_several(&query) {
            format!("DROP {what} {};", qualified(&self.schema, &self.table))
        } else {
            query
        };
        (self.schema.clone(), query)
    }
}

fn qualified(schema: &str, table: &str) -> String {
    format!("`{}`.`{}`", schema.replace('`', "``"), table.replace('`', "``"))
}
