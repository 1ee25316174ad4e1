//! Applies one DDL job to the store, without Drainer's bugs.
//!
//! Sources: docs/protocol/tidb-binlog.md §5.3, docs/protocol/tidb-formats.md §6.2.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::job::Reorg;
use super::partitions::Moves;
use super::store::{State, Store};
use super::{Job, TableInfo};
use crate::model::{ActionType, CommitTs, Table};
use crate::sql::Statement;

/// One table's move by RENAME: databases and names before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Move {
    pub from: (String, String),
    pub to: (String, String),
}

/// What a job did: all that its DDL needs, at whatever time its message comes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Effect {
    pub job_id: i64,
    pub action: ActionType,
    /// The job's database and table, in their original case; no table for a job on a database.
    pub schema: String,
    pub table: String,
    pub before: Vec<Arc<Table>>,
    pub after: Vec<Arc<Table>>,
    /// Every move of a RENAME, in order; empty if one is not known.
    pub moves: Vec<Move>,
    pub charset: Option<String>,
    pub collation: Option<String>,
    pub checks: bool,
    /// The sequences among its objects, by database and name before the job.
    pub sequences: Vec<(String, String)>,
    pub temporary: bool,
    /// Time zone of the job's session.
    pub zone: Option<TimeZone>,
    /// The statement as the user wrote it.
    pub query: String,
    /// Start ts of the transaction that put the job into the history, see
    /// [`HistoryInfo`](super::HistoryInfo).
    pub finished: CommitTs,
    /// Other objects that its statement names, in the catalog's spelling.
    pub others: Vec<(String, String)>,
    /// Its changes of partitions.
    pub moves_of_partitions: Option<Box<Moves>>,
}

impl Store {
    /// Applies an effective job. Where a job does not say enough, its tables become `Unknown`:
    /// nothing is guessed.
    pub fn apply(&mut self, job: &Job) -> Effect {
        let mut effect = self.describe(job);
        let info = job.info.table.as_deref();
        match job.action {
            ActionType::CreateSchema | ActionType::ModifySchemaCharset => {}
            ActionType::DropSchema => self.drop_schema(job, &mut effect),
            ActionType::RecoverSchema => self.recover_schema(job, &mut effect),
            ActionType::CreateTable
            | ActionType::CreateView
            | ActionType::CreateSequence
            | ActionType::RecoverTable => {
                self.put_one(job, info, &mut effect);
            }
            ActionType::DropTable | ActionType::DropView | ActionType::DropSequence => {
                effect.before.extend(self.remove(job.table_id, "dropped", job.id, job.info.schema_version));
            }
            ActionType::TruncateTable => self.replace_id(job, "truncated", &mut effect),
            ActionType::PartitionBy | ActionType::RemovePartitioning => {
                self.replace_id(job, "repartitioned", &mut effect)
            }
            ActionType::RenameTable => self.rename(job, &mut effect),
            ActionType::RenameTables => self.rename_all(job, &mut effect),
            ActionType::ExchangePartition => self.exchange(job, &mut effect),
            ActionType::CreateTables => {
                for info in &job.info.tables {
                    self.put_one(job, Some(info), &mut effect);
                }
            }
            _ => self.alter(job, &mut effect),
        }
        self.version = self.version.max(job.info.schema_version);
        effect
    }

    /// Names and database options of the job. Stores its database, too.
    fn describe(&mut self, job: &Job) -> Effect {
        let db = job.info.db.as_deref();
        if let Some(db) = db.filter(|d| d.id != 0 && job.action != ActionType::DropSchema) {
            self.put_database(db);
        }
        let schema = db.map_or_else(|| self.database(job.schema_id, &job.schema_name), |d| d.name.0.clone());
        let names = job.info.table.as_deref().or(job.info.tables.last());
        let on_table = db.is_none() || names.is_some();
        let infos = || job.info.table.as_deref().into_iter().chain(&job.info.tables);
        let known = || self.name_of(job.table_id).unwrap_or(&job.table_name).to_owned();
        let table = names.map(|t| t.name.0.clone()).filter(|_| on_table);
        let sequences = self.sequences(job, &schema);
        Effect {
            job_id: job.id,
            action: job.action,
            schema,
            table: table.unwrap_or_else(|| if on_table { known() } else { String::new() }),
            before: Vec::new(),
            after: Vec::new(),
            moves: Vec::new(),
            charset: db.map(|d| d.charset.clone()).filter(|c| !c.is_empty()),
            collation: db.map(|d| d.collate.clone()).filter(|c| !c.is_empty()),
            checks: infos().any(|t| t.checks.is_some()),
            sequences,
            temporary: infos().any(|t| t.temp_table_type != 0),
            zone: job.reorg.as_ref().and_then(Reorg::zone),
            query: job.query.clone(),
            finished: CommitTs(job.info.finished_ts),
            others: self.rowless_name(job.table_id).into_iter().collect(),
            moves_of_partitions: self.moves(job).map(Box::new),
        }
    }

    /// The job's sequences under their names before it: those in the store, or in its text.
    fn sequences(&self, job: &Job, schema: &str) -> Vec<(String, String)> {
        let infos = job.info.tables.iter().chain(job.info.table.as_deref().filter(|_| job.info.tables.is_empty()));
        let statement = Statement::of(&job.query);
        let moves = statement.moves();
        let one = |(at, info): (usize, &TableInfo)| {
            let written = || {
                let (old, _) = moves.get(at)?;
                Some((old.schema.clone().unwrap_or_else(|| schema.to_owned()), old.name.clone()))
            };
            self.rowless_name(info.id).or_else(written)
        };
        let mut found: Vec<_> = infos.enumerate().filter(|(_, info)| info.sequence).filter_map(one).collect();
        found.dedup();
        found
    }

    /// Database and name of the table, view or sequence with this id.
    fn place(&self, id: i64) -> Option<(String, String)> {
        self.live(id).map(|t| (t.schema.clone(), t.name.clone())).or_else(|| self.rowless_name(id))
    }

    /// Adds or replaces a table in the job's database.
    fn put_one(&mut self, job: &Job, info: Option<&TableInfo>, effect: &mut Effect) {
        let Some(info) = info else { return };
        effect.before.extend(self.live(info.id).cloned());
        let schema = effect.schema.clone();
        effect.after.extend(self.put(info, job.schema_id, &schema, job.info.schema_version));
    }

    /// Any other job: the table stays where it is and has a new definition.
    fn alter(&mut self, job: &Job, effect: &mut Effect) {
        let infos = job.info.table.as_deref().into_iter().chain(&job.info.tables);
        for info in infos {
            let schema_id = self.entries.get(&info.id).map_or(job.schema_id, |e| e.schema_id);
            let schema = self.database(schema_id, &job.schema_name);
            effect.before.extend(self.live(info.id).cloned());
            effect.after.extend(self.put(info, schema_id, &schema, job.info.schema_version));
        }
    }

    fn replace_id(&mut self, job: &Job, how: &'static str, effect: &mut Effect) {
        let version = job.info.schema_version;
        if job.info.table.as_deref().is_some_and(|t| t.id != job.table_id) {
            effect.before.extend(self.remove(job.table_id, how, job.id, version));
        }
        self.put_one(job, job.info.table.as_deref(), effect);
    }

    fn drop_schema(&mut self, job: &Job, effect: &mut Effect) {
        let version = job.info.schema_version;
        self.databases.remove(&job.schema_id);
        self.rowless.retain(|_, (schema, _)| *schema != job.schema_id);
        for entry in self.entries.values_mut() {
            if entry.schema_id != job.schema_id || matches!(entry.state, State::Gone { .. }) {
                continue;
            }
            let last = match &entry.state {
                State::Live(table) => Some(Arc::clone(table)),
                _ => None,
            };
            effect.before.extend(last.clone());
            entry.state = State::Gone { how: "dropped with its database", job: job.id, last };
            entry.version = version;
        }
    }

    /// FLASHBACK DATABASE: the same ids come back, perhaps under another database name. The job
    /// names no tables.
    fn recover_schema(&mut self, job: &Job, effect: &mut Effect) {
        let schema = effect.schema.clone();
        for entry in self.entries.values_mut().filter(|e| e.schema_id == job.schema_id) {
            if let State::Gone { last: Some(last), .. } = &entry.state {
                let table = Arc::new(Table { schema: schema.clone(), ..Table::clone(last) });
                effect.after.push(Arc::clone(&table));
                entry.state = State::Live(table);
                entry.version = job.info.schema_version;
            }
        }
    }

    /// One table, which moves to the job's database.
    fn rename(&mut self, job: &Job, effect: &mut Effect) {
        let from = self.place(job.table_id);
        effect.before.extend(self.live(job.table_id).cloned());
        let Some(info) = job.info.table.as_deref() else { return };
        effect.moves.extend(from.map(|from| Move { from, to: (effect.schema.clone(), info.name.0.clone()) }));
        let schema = effect.schema.clone();
        effect.after.extend(self.put(info, job.schema_id, &schema, job.info.schema_version));
    }

    /// Several tables in the order of the statement; a table may occur twice. The job has only one
    /// of the databases and not the session's, so the targets come from the statement and from
    /// where the tables were.
    fn rename_all(&mut self, job: &Job, effect: &mut Effect) {
        let version = job.info.schema_version;
        let infos = &job.info.tables;
        let targets = self.targets(job).unwrap_or_default();
        let mut complete = targets.len() == infos.len();
        let mut first_seen: Vec<i64> = Vec::new();
        // A table that moves twice: some versions of TiDB show its last name for both moves, so the
        // name in between is taken from the statement.
        let statement = Statement::of(&job.query);
        let written = if statement.only_renames { statement.moves() } else { Vec::new() };
        let mut between: BTreeMap<i64, (String, String)> = BTreeMap::new();
        for (i, info) in infos.iter().enumerate() {
            let (old, place) = (self.live(info.id).cloned(), self.place(info.id));
            if !first_seen.contains(&info.id) {
                first_seen.push(info.id);
                effect.before.extend(old);
            }
            let Some(schema_id) = targets.get(i).copied().filter(|_| targets.len() == infos.len()) else {
                self.forget(info.id, job.schema_id, version, lost(job));
                continue;
            };
            let schema = self.database(schema_id, &job.schema_name);
            self.put(info, schema_id, &schema, version);
            let from = between.remove(&info.id).or(place);
            let new = written.get(i).map(|(_, new)| new.name.as_str()).filter(|new| !info.name.is(new));
            let to = (schema, new.unwrap_or(&info.name.0).to_owned());
            between.insert(info.id, to.clone());
            match from {
                Some(from) => effect.moves.push(Move { from, to }),
                None => complete = false,
            }
        }
        if !complete {
            effect.moves.clear();
        }
        effect.after.extend(first_seen.iter().filter_map(|id| self.live(*id).cloned()));
    }

    /// The id of the database that holds the object with this id.
    fn home(&self, id: i64) -> Option<i64> {
        let rowless = self.rowless.get(&id).map(|(schema, _)| *schema);
        rowless.or_else(|| self.entries.get(&id).map(|e| e.schema_id))
    }

    /// The database of each new name in a RENAME of several tables; `None` if it is not known.
    fn targets(&self, job: &Job) -> Option<Vec<i64>> {
        let infos = &job.info.tables;
        let statement = Statement::of(&job.query);
        let pairs = Some(statement.moves()).filter(|p| statement.only_renames && p.len() == infos.len())?;
        let paired = || pairs.iter().zip(infos);
        // An unqualified name is in the session's database. The first old name of a table shows
        // where it was.
        let of_old = paired().find_map(|((old, _), info)| match old.schema {
            None => self.home(info.id),
            Some(_) => None,
        });
        // The job's database is the target of the last pair.
        let of_last = pairs.last().filter(|(_, new)| new.schema.is_none()).map(|_| job.schema_id);
        let session = of_old.or(of_last);
        let target = |name: &Option<String>| match name {
            Some(name) => self.database_id(name),
            None => session,
        };
        pairs.iter().map(|(_, new)| target(&new.schema)).collect()
    }

    /// The normal table and the partition swap their ids; rows stay with their ids.
    fn exchange(&mut self, job: &Job, effect: &mut Effect) {
        let version = job.info.schema_version;
        let Some(info) = job.info.table.as_deref() else { return };
        let normal = self.entries.get(&job.table_id).cloned();
        let partitioned = self.entries.get(&info.id).cloned();
        // The id that the partitioned table no longer has: exactly one, or the store did not know
        // the table well enough.
        let now: Vec<i64> =
            info.partition.iter().flat_map(|p| &p.definitions).map(|definition| definition.id).collect();
        let mut left = self.live(info.id).map(|t| t.partitions.clone()).unwrap_or_default();
        left.retain(|id| !now.contains(id));
        let schema_id = partitioned.map_or(job.schema_id, |e| e.schema_id);
        let schema = self.database(schema_id, &job.schema_name);
        effect.before.extend(self.live(job.table_id).cloned());
        effect.before.extend(self.live(info.id).cloned());
        if normal.as_ref().is_some_and(|e| e.version > version) {
            return;
        }
        self.remove(job.table_id, "exchanged with a partition", job.id, version);
        if let (Some(normal), [id]) = (normal, left.as_slice()) {
            let state = match normal.state {
                State::Live(table) => State::Live(Arc::new(Table { id: *id, ..Table::clone(&table) })),
                other => other,
            };
            self.entries.insert(*id, super::store::Entry { schema_id: normal.schema_id, version, state });
            effect.after.extend(self.live(*id).cloned());
        }
        effect.after.extend(self.put(info, schema_id, &schema, version));
    }
}

fn lost(job: &Job) -> String {
    format!("DDL job {} renamed it, and the statement does not say into which database: {}", job.id, job.query)
}
