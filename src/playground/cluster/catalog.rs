//! The current schema of the simulated cluster: what its visible DDL jobs add up to (spec/tidb-formats.md §6.2).
//!
//! Good enough for `/schema`; one gap is known: a table that a RENAME of several tables moved to another database stays
//! listed under the old one, because the history does not say where each of them went.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

use super::jobs::Jobs;
use crate::model::ActionType;

/// Tables by id, each with its database's id.
type Tables = BTreeMap<i64, (i64, Value)>;

/// Databases and tables after all visible jobs.
#[derive(Default)]
pub(super) struct Catalog {
    databases: BTreeMap<i64, Value>,
    tables: Tables,
    /// Tables of dropped databases, for a flashback.
    dropped: Tables,
}

#[derive(Deserialize)]
struct Job {
    #[serde(rename = "type")]
    action: ActionType,
    schema_id: i64,
    table_id: i64,
    state: u8,
    binlog: Option<Outcome>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Outcome {
    schema_version: i64,
    #[serde(rename = "DBInfo")]
    db_info: Option<Value>,
    table_info: Option<Value>,
    multiple_table_infos: Option<Vec<Value>>,
}

impl Catalog {
    /// Adds up all visible jobs that took effect, in the order of their schema versions.
    pub(super) fn read(jobs: &Jobs) -> Result<Self> {
        let mut done = Vec::new();
        for text in jobs.newest(i64::MAX, usize::MAX) {
            let job: Job = serde_json::from_str(&text).context("a job of the simulated DDL history")?;
            if let (4 | 6, Some(outcome)) = (job.state, &job.binlog)
                && outcome.schema_version > 0
            {
                done.push((outcome.schema_version, job));
            }
        }
        done.sort_by_key(|(version, _)| *version);
        let mut catalog = Self::default();
        for (_, job) in done {
            catalog.apply(job);
        }
        Ok(catalog)
    }

    pub(super) fn databases(&self) -> Vec<String> {
        self.databases.values().map(|db| format!("{db:#}")).collect()
    }

    pub(super) fn tables(&self, db: &str) -> Option<Vec<String>> {
        let id = self.database_id(db)?;
        Some(self.tables.values().filter(|(s, _)| *s == id).map(|(_, t)| format!("{t:#}")).collect())
    }

    pub(super) fn table(&self, db: &str, name: &str) -> Option<String> {
        let (id, name) = (self.database_id(db)?, name.to_lowercase());
        let found = self.tables.values().find(|(s, t)| *s == id && t["name"]["L"] == name.as_str());
        found.map(|(_, t)| format!("{t:#}"))
    }

    fn database_id(&self, name: &str) -> Option<i64> {
        let name = name.to_lowercase();
        self.databases.iter().find(|(_, db)| db["db_name"]["L"] == name.as_str()).map(|(id, _)| *id)
    }

    fn apply(&mut self, job: Job) {
        let Some(outcome) = job.binlog else { return };
        if let Some(db) = outcome.db_info {
            self.apply_database(job.action, job.schema_id, db);
            return;
        }
        match job.action {
            ActionType::DropTable | ActionType::DropView | ActionType::DropSequence => {
                self.tables.remove(&job.table_id);
            }
            ActionType::ExchangePartition => {
                if let Some(info) = outcome.table_info {
                    self.exchange(job.table_id, info);
                }
            }
            action => {
                if matches!(
                    action,
                    ActionType::TruncateTable | ActionType::PartitionBy | ActionType::RemovePartitioning
                ) {
                    self.tables.remove(&job.table_id);
                }
                let placed = puts_its_table(action);
                for info in outcome.table_info.into_iter().chain(outcome.multiple_table_infos.unwrap_or_default()) {
                    self.put(job.schema_id, placed, info);
                }
            }
        }
    }

    fn apply_database(&mut self, action: ActionType, id: i64, db: Value) {
        match action {
            ActionType::DropSchema => {
                self.databases.remove(&id);
                move_all(&mut self.tables, &mut self.dropped, id);
            }
            ActionType::RecoverSchema => {
                self.databases.insert(id, db);
                move_all(&mut self.dropped, &mut self.tables, id);
            }
            _ => {
                self.databases.insert(id, db);
            }
        }
    }

    fn put(&mut self, schema: i64, placed: bool, info: Value) {
        let Some(id) = info["id"].as_i64() else { return };
        let known = self.tables.get(&id).map(|(schema, _)| *schema).filter(|_| !placed);
        self.tables.insert(id, (known.unwrap_or(schema), info));
    }

    /// The plain table takes the id of the partition, and the partition the table's.
    fn exchange(&mut self, plain: i64, partitioned: Value) {
        let Some(id) = partitioned["id"].as_i64() else { return };
        let position = partitions(&partitioned).position(|p| p == plain);
        let before = self.tables.get(&id);
        let new_id = before.zip(position).and_then(|((_, old), at)| partitions(old).nth(at));
        if let (Some(new_id), Some((schema, mut table))) = (new_id, self.tables.remove(&plain)) {
            table["id"] = new_id.into();
            self.tables.insert(new_id, (schema, table));
        }
        let schema = self.tables.get(&id).map_or(0, |(schema, _)| *schema);
        self.put(schema, false, partitioned);
    }
}

/// Whether such a job puts its table into the job's database; others may name another one.
const fn puts_its_table(action: ActionType) -> bool {
    use ActionType as Type;
    matches!(
        action,
        Type::CreateTable
            | Type::TruncateTable
            | Type::RenameTable
            | Type::CreateView
            | Type::RecoverTable
            | Type::CreateSequence
            | Type::CreateTables
    )
}

/// Moves the tables of database `id`.
fn move_all(from: &mut Tables, to: &mut Tables, id: i64) {
    let (moved, kept) = std::mem::take(from).into_iter().partition(|(_, (schema, _))| *schema == id);
    *from = kept;
    let mut moved: Tables = moved;
    to.append(&mut moved);
}

fn partitions(table: &Value) -> impl Iterator<Item = i64> + '_ {
    let definitions = table["partition"]["definitions"].as_array();
    definitions.into_iter().flatten().filter_map(|d| d["id"].as_i64())
}
