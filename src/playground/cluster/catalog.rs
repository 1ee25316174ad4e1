//! Schema and DDL history of the simulated cluster, and when each job becomes visible there.
//!
//! The current schema is what the visible DDL jobs add up to (docs/protocol/tidb-formats.md §6.2).
//! That is good enough for `/schema`, with one known gap: a table that a RENAME of several tables
//! moved to another database stays listed under the old one, because the history does not say where
//! each of them went.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::Value;

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
    /// Applies all visible jobs that took effect, in the order of their schema versions.
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

/// When a job appears in the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Now,
    /// This long after a Pump has sent its message for the first time.
    AfterMessage(Duration),
    From(Instant),
}

impl Seen {
    fn is_visible(self, now: Instant) -> bool {
        match self {
            Self::Now => true,
            Self::AfterMessage(_) => false,
            Self::From(when) => now >= when,
        }
    }
}

/// A job of the history.
struct Known {
    json: Arc<str>,
    seen: Seen,
    /// Whether its effect is visible already, although it is not over.
    shown: bool,
    version: i64,
    /// Tables that it made or changed, and one that it ended.
    tables: Vec<i64>,
    ended: Option<i64>,
}

/// All jobs by id.
#[derive(Default)]
pub(super) struct Jobs {
    all: Mutex<BTreeMap<i64, Known>>,
    /// The highest schema version of a job or of rows.
    version: AtomicI64,
}

/// The parts of a job that are read.
#[derive(Deserialize)]
struct Outline {
    id: i64,
    #[serde(rename = "type", default)]
    action: ActionType,
    #[serde(default)]
    table_id: i64,
    #[serde(default)]
    binlog: Option<JobOutcome>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct JobOutcome {
    #[serde(default)]
    schema_version: i64,
    table_info: Option<Id>,
    multiple_table_infos: Option<Vec<Id>>,
}

#[derive(Deserialize)]
struct Id {
    id: i64,
}

/// Whether there is no table of its id behind such a job.
const fn ends_its_table(action: ActionType) -> bool {
    use ActionType as Type;
    matches!(
        action,
        Type::DropTable
            | Type::TruncateTable
            | Type::DropView
            | Type::DropSequence
            | Type::PartitionBy
            | Type::RemovePartitioning
    )
}

impl Jobs {
    /// Adds a job, visible at once, or `delay` after its message was sent.
    pub(super) fn add(&self, json: &str, delay: Option<Duration>) -> Result<i64> {
        let job: Outline = serde_json::from_str(json).context("a job for the simulated DDL history is not a Job")?;
        let seen = delay.map_or(Seen::Now, Seen::AfterMessage);
        let (version, tables) = job.binlog.map_or((0, Vec::new()), |b| {
            let infos = b.table_info.into_iter().chain(b.multiple_table_infos.unwrap_or_default());
            (b.schema_version, infos.map(|info| info.id).collect())
        });
        let ended = ends_its_table(job.action).then_some(job.table_id);
        if delay.is_none() {
            self.came_to(version);
        }
        self.all.lock().insert(job.id, Known { json: json.into(), seen, shown: false, version, tables, ended });
        Ok(job.id)
    }

    /// Makes the effect of job `id` visible from now on, although the job is not over.
    pub(super) fn show(&self, id: i64) {
        if let Some(known) = self.all.lock().get_mut(&id) {
            known.shown = true;
            self.came_to(known.version);
        }
    }

    /// Records that rows of this schema version were written.
    pub(super) fn came_to(&self, version: i64) {
        self.version.fetch_max(version, Ordering::SeqCst);
    }

    /// The highest schema version so far.
    pub(super) fn version(&self) -> i64 {
        self.version.load(Ordering::SeqCst)
    }

    /// The last job that made or changed the table `id`, as JSON; `None` if there is none, or a
    /// later one has ended it.
    pub(super) fn last_of(&self, id: i64) -> Option<Arc<str>> {
        let now = Instant::now();
        let all = self.all.lock();
        let about = all.values().filter(|k| k.shown || k.seen.is_visible(now));
        let last = about.filter(|k| k.tables.contains(&id) || k.ended == Some(id)).max_by_key(|k| k.version)?;
        last.tables.contains(&id).then(|| last.json.clone())
    }

    /// Records that a Pump has sent the message of this job.
    pub(super) fn message_sent(&self, id: i64) {
        if let Some(known) = self.all.lock().get_mut(&id)
            && let Seen::AfterMessage(delay) = known.seen
        {
            self.came_to(known.version);
            known.seen = Seen::From(Instant::now() + delay);
        }
    }

    /// Up to `limit` visible jobs with ids up to `from`, newest first.
    pub(super) fn newest(&self, from: i64, limit: usize) -> Vec<Arc<str>> {
        let now = Instant::now();
        let all = self.all.lock();
        all.range(..=from)
            .rev()
            .filter(|(_, k)| k.seen.is_visible(now))
            .take(limit)
            .map(|(_, k)| k.json.clone())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_job_appears_after_its_message() {
        let jobs = Jobs::default();
        jobs.add(r#"{"id":1}"#, None).unwrap();
        jobs.add(r#"{"id":2}"#, Some(Duration::ZERO)).unwrap();
        assert_eq!(jobs.newest(i64::MAX, 9).len(), 1);
        jobs.message_sent(2);
        jobs.message_sent(77);
        let ids: Vec<_> = jobs.newest(i64::MAX, 9).iter().map(ToString::to_string).collect();
        assert_eq!(ids, [r#"{"id":2}"#, r#"{"id":1}"#]);
        assert_eq!(jobs.newest(1, 9).len(), 1);
        assert!(jobs.add("{}", None).is_err());
    }
}
