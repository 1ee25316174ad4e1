//! DDLs that were skipped by the operator's word, and the tables that are missing on the target since.
//!
//! Kept in `tidb_binlog.tisync_skipped`, so that later rows of those tables are left out, and counted, through restarts.

use std::collections::HashMap;

use super::session::{Session, quote_text, shorten};
use crate::checkpoint::{Failed, Link};
use crate::model::{CommitTs, Ddl};
use crate::sink::LeftOut;

/// What is left out on this link.
#[derive(Clone, Debug, Default)]
pub struct Skipped {
    entries: Vec<LeftOut>,
    tables: HashMap<i64, usize>,
}

impl Skipped {
    /// Reads what earlier runs skipped.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn load(session: &mut Session, checkpoint: &Link) -> Result<Self, Failed> {
        type Found = (u64, i64, String, String, bool, u64, u64);
        let rows: Vec<Found> = session.fetch(&format!(
            "SELECT `commit_ts`, `table_id`, `schema_name`, `table_name`, `whole_schema`, `rows_left_out`, `ended_ts` \
             FROM `tidb_binlog`.`tisync_skipped` WHERE {} ORDER BY `commit_ts`, `table_id`",
            checkpoint.link_condition()
        ))?;
        let mut skipped = Self::default();
        for (ts, table_id, schema, table, whole, rows, ended) in rows {
            // A statement that brought nothing leaves a row for the record only.
            if table_id != 0 || whole {
                let ended = ended != 0;
                skipped.push(LeftOut { commit_ts: CommitTs(ts), table_id, schema, table, rows, ended });
            }
        }
        Ok(skipped)
    }

    fn push(&mut self, entry: LeftOut) {
        if entry.table_id != 0 && !entry.ended {
            self.tables.insert(entry.table_id, self.entries.len());
        }
        self.entries.push(entry);
    }

    /// Whether rows of this table are left out.
    #[must_use]
    pub fn has_table(&self, id: i64) -> bool {
        self.tables.contains_key(&id)
    }

    /// Whether nothing is left out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.iter().all(|e| e.ended)
    }

    /// Whether this whole database is missing.
    #[must_use]
    pub fn has_schema(&self, name: &str) -> bool {
        self.entries.iter().any(|e| e.table_id == 0 && !e.ended && e.schema.eq_ignore_ascii_case(name))
    }

    /// All entries, ended ones too.
    #[must_use]
    pub fn entries(&self) -> &[LeftOut] {
        &self.entries
    }

    /// Records `ddl` at `ts` as not run, within the open transaction, with the tables that it would have brought; with
    /// `whole_schema` its database is missing too.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn record(
        &mut self,
        session: &mut Session,
        checkpoint: &Link,
        (ts, ddl, whole_schema): (CommitTs, &Ddl, bool),
    ) -> Result<Vec<String>, Failed> {
        let brought: Vec<_> = ddl.after.iter().filter(|t| ddl.before.iter().all(|b| b.id != t.id)).collect();
        let mut rows: Vec<(i64, &str, &str)> =
            brought.iter().map(|t| (t.id, t.schema.as_str(), t.name.as_str())).collect();
        if whole_schema || rows.is_empty() {
            rows.push((0, &ddl.schema, if whole_schema { "" } else { &ddl.table }));
        }
        for (id, schema, table) in &rows {
            session.write(&format!(
                "REPLACE INTO `tidb_binlog`.`tisync_skipped` (`cluster_id`, `link`, `commit_ts`, `table_id`, `job_id`, \
                 `schema_name`, `table_name`, `query`, `whole_schema`) VALUES ({}, {}, {id}, {}, {}, {}, {}, {})",
                checkpoint.link_values(),
                ts.0,
                ddl.job_id,
                quote_text(schema),
                quote_text(table),
                quote_text(&shorten(&ddl.query)),
                u8::from(whole_schema && *id == 0)
            ))?;
        }
        let mut names = Vec::new();
        for (id, schema, table) in rows {
            if id != 0 || whole_schema {
                let (schema, table) = (schema.to_owned(), table.to_owned());
                names.push(format!("{schema}.{}", if table.is_empty() { "*" } else { &table }));
                self.push(LeftOut { commit_ts: ts, table_id: id, schema, table, rows: 0, ended: false });
            }
        }
        Ok(names)
    }

    /// Marks tables that the upstream dropped at `ts`, and with `schema` a whole database.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn end(
        &mut self,
        session: &mut Session,
        checkpoint: &Link,
        (ts, ids, schema): (CommitTs, &[i64], Option<&str>),
    ) -> Result<(), Failed> {
        for entry in &mut self.entries {
            let hit = match schema {
                Some(name) => entry.schema.eq_ignore_ascii_case(name),
                None => entry.table_id != 0 && ids.contains(&entry.table_id),
            };
            if !hit || entry.ended {
                continue;
            }
            session.write(&format!(
                "UPDATE `tidb_binlog`.`tisync_skipped` SET `ended_ts` = {} WHERE {} AND `commit_ts` = {} AND `table_id` = {}",
                ts.0,
                checkpoint.link_condition(),
                entry.commit_ts.0,
                entry.table_id
            ))?;
            entry.ended = true;
            self.tables.remove(&entry.table_id);
        }
        Ok(())
    }

    /// Adds to the counts of rows left out, within the open transaction.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_counts(
        &self,
        session: &mut Session,
        checkpoint: &Link,
        counts: &HashMap<i64, u64>,
    ) -> Result<(), Failed> {
        for (id, rows) in counts {
            let Some(entry) = self.tables.get(id).and_then(|i| self.entries.get(*i)) else { continue };
            session.write(&format!(
                "UPDATE `tidb_binlog`.`tisync_skipped` SET `rows_left_out` = `rows_left_out` + {rows} \
                 WHERE {} AND `commit_ts` = {} AND `table_id` = {id}",
                checkpoint.link_condition(),
                entry.commit_ts.0
            ))?;
        }
        Ok(())
    }

    /// Takes the same counts over once they are durable.
    pub fn add_counts(&mut self, counts: &HashMap<i64, u64>) {
        for (id, rows) in counts {
            if let Some(entry) = self.tables.get(id).and_then(|i| self.entries.get_mut(*i)) {
                entry.rows += rows;
            }
        }
    }
}
