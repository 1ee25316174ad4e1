//! Databases and tables at one schema version, by id.
//!
//! Also how the catalog begins: from the history up to the start, and from the current schema where
//! the history says too little.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::History;
use super::catalog::Catalog;
use super::convert::{Converted, convert};
use super::info::{DbInfo, TableInfo};
use super::job::{PackedJob, PackedSnapshot, PackedTable, Packer, RESERVED_ABOVE};
use super::statement::same;
use crate::model::{ActionType, CommitTs, Table};

/// A database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Database {
    pub name: String,
    pub charset: String,
    pub collation: String,
}

/// The object with a table id.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum State {
    /// A table with rows.
    Live(Arc<Table>),
    /// A table that this program cannot read.
    Unreadable { name: String, why: String },
    /// A table that exists upstream already, while the job that creates it still waits for other
    /// sessions: no part of the stream has it yet.
    Coming { name: String },
    /// A table of which only a later definition is known, and its name if that is known.
    Unknown { name: Option<String>, why: String },
    /// Dropped by a job. `last` is kept where FLASHBACK DATABASE may bring the table back.
    Gone { how: &'static str, job: i64, last: Option<Arc<Table>> },
}

impl State {
    /// The object's name, if there is one and it is known.
    fn name(&self) -> Option<&str> {
        match self {
            Self::Live(table) => Some(&table.name),
            Self::Unreadable { name, .. } | Self::Coming { name } | Self::Unknown { name: Some(name), .. } => {
                Some(name)
            }
            Self::Unknown { name: None, .. } | Self::Gone { .. } => None,
        }
    }
}

/// The object with a table id: its database, its state, and the version that set it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub schema_id: i64,
    pub version: i64,
    pub state: State,
}

/// Databases and tables at one schema version.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Store {
    pub databases: BTreeMap<i64, Database>,
    pub entries: BTreeMap<i64, Entry>,
    /// Views, sequences and temporary tables, of which only databases and names are known.
    pub rowless: BTreeMap<i64, (i64, String)>,
    /// The highest version applied.
    pub version: i64,
}

impl Store {
    /// A new cluster: since TiDB 6.2, database 1 `mysql` is created without a job.
    pub fn new() -> Self {
        let utf8 = |name: &str| Database {
            name: name.to_owned(),
            charset: "utf8mb4".to_owned(),
            collation: "utf8mb4_bin".to_owned(),
        };
        Self {
            databases: BTreeMap::from([(1, utf8("mysql"))]),
            entries: BTreeMap::new(),
            rowless: BTreeMap::new(),
            version: 0,
        }
    }

    /// The table behind `id`, if it is there and readable.
    pub fn live(&self, id: i64) -> Option<&Arc<Table>> {
        match &self.entries.get(&id)?.state {
            State::Live(table) => Some(table),
            _ => None,
        }
    }

    /// The name of a database; `fallback` if no job ever created it.
    pub fn database(&self, id: i64, fallback: &str) -> String {
        self.databases.get(&id).map_or_else(|| fallback.to_owned(), |d| d.name.clone())
    }

    /// The id of a database by its name, ignoring case.
    pub fn database_id(&self, name: &str) -> Option<i64> {
        self.databases.iter().find(|(_, d)| same(&d.name, name)).map(|(id, _)| *id)
    }

    /// Adds or replaces a database.
    pub fn put_database(&mut self, info: &DbInfo) {
        let database =
            Database { name: info.name.0.clone(), charset: info.charset.clone(), collation: info.collate.clone() };
        self.databases.insert(info.id, database);
    }

    /// Adds or replaces a table; returns it if it has readable rows. A version below the one that
    /// the store has of it is late and changes nothing.
    pub fn put(&mut self, info: &TableInfo, schema_id: i64, schema: &str, version: i64) -> Option<Arc<Table>> {
        if self.entries.get(&info.id).is_some_and(|e| e.version > version) {
            return self.live(info.id).cloned();
        }
        let state = match convert(info, schema) {
            Converted::Table(mut table) => {
                self.spell_parents(&mut table);
                State::Live(Arc::new(*table))
            }
            Converted::Unreadable(why) => State::Unreadable { name: info.name.0.clone(), why },
            Converted::Rowless => {
                self.put_rowless(info, schema_id);
                return None;
            }
        };
        self.entries.insert(info.id, Entry { schema_id, version, state });
        self.live(info.id).cloned()
    }

    /// CREATE OR REPLACE VIEW creates a new id, and no job says that the old one is gone.
    fn put_rowless(&mut self, info: &TableInfo, schema_id: i64) {
        self.rowless.retain(|_, (schema, name)| *schema != schema_id || !same(name, &info.name.0));
        self.rowless.insert(info.id, (schema_id, info.name.0.clone()));
    }

    /// Database and name of a table, view or sequence in their own spelling, found ignoring case.
    pub fn spelled(&self, schema: &str, name: &str) -> Option<(String, String)> {
        let schema_id = self.database_id(schema)?;
        let fits = |id: i64, found: &str| id == schema_id && same(found, name);
        let table = self.entries.values().filter_map(|e| Some((e.schema_id, e.state.name()?)));
        let rowless = self.rowless.values().map(|(id, name)| (*id, name.as_str()));
        let (_, found) = table.chain(rowless).find(|(id, found)| fits(*id, found))?;
        Some((self.database(schema_id, schema), found.to_owned()))
    }

    /// The name of the object with this id, if it exists.
    pub fn name_of(&self, id: i64) -> Option<&str> {
        let rowless = self.rowless.get(&id).map(|(_, name)| name.as_str());
        rowless.or_else(|| self.entries.get(&id)?.state.name())
    }

    /// Database and name of a view, a sequence or a temporary table.
    pub fn rowless_name(&self, id: i64) -> Option<(String, String)> {
        let (schema_id, name) = self.rowless.get(&id)?;
        Some((self.database(*schema_id, ""), name.clone()))
    }

    /// Respells the parents of foreign keys: a `TableInfo` has them as the user wrote them.
    fn spell_parents(&self, table: &mut Table) {
        let own = (table.schema.clone(), table.name.clone());
        for key in &mut table.foreign_keys {
            let schema = if key.parent_schema.is_empty() { &own.0 } else { &key.parent_schema };
            let is_own = same(schema, &own.0) && same(&key.parent_table, &own.1);
            let spelled = if is_own { Some(own.clone()) } else { self.spelled(schema, &key.parent_table) };
            let Some((schema, name)) = spelled else { continue };
            key.parent_table = name;
            if !key.parent_schema.is_empty() {
                key.parent_schema = schema;
            }
        }
    }

    /// Marks `id` as gone; returns the table that it was.
    pub fn remove(&mut self, id: i64, how: &'static str, job: i64, version: i64) -> Option<Arc<Table>> {
        self.rowless.remove(&id);
        let entry = self.entries.get_mut(&id)?;
        if entry.version > version {
            return None;
        }
        let was = match &entry.state {
            State::Live(table) => Some(Arc::clone(table)),
            _ => None,
        };
        entry.state = State::Gone { how, job, last: None };
        entry.version = version;
        was
    }

    /// Records that the definition and the name behind `id` are not known.
    pub fn forget(&mut self, id: i64, schema_id: i64, version: i64, why: String) {
        self.entries.insert(id, Entry { schema_id, version, state: State::Unknown { name: None, why } });
    }

    /// Records that a job which is under way creates `id`.
    pub fn coming(&mut self, id: i64, schema_id: i64, name: &str) {
        let state = State::Coming { name: name.to_owned() };
        self.entries.insert(id, Entry { schema_id, version: 0, state });
    }

    /// The name of a table that a job which is under way creates.
    pub fn name_of_coming(&self, id: i64) -> Option<&str> {
        match &self.entries.get(&id)?.state {
            State::Coming { name } => Some(name),
            _ => None,
        }
    }

    /// Records that only the name behind `id` is known, not its definition.
    pub fn name_only(&mut self, id: i64, schema_id: i64, name: &str, why: String) {
        let state = State::Unknown { name: Some(name.to_owned()), why };
        self.entries.insert(id, Entry { schema_id, version: 0, state });
    }
}

/// Jobs that finished this shortly before the start keep what their DDL needs, for the case that
/// their message still comes.
const NEAR: Duration = Duration::from_secs(600);
/// The first id of the server's built-in views.
const BUILT_IN: i64 = 1 << 62;

/// The current databases and tables, where the history can know.
pub(super) fn current(history: &dyn History) -> Result<Option<PackedSnapshot>> {
    let mut databases = PackedSnapshot::new();
    let mut packer = Packer::new()?;
    let mut packed = Ok(());
    let told = history.each_current(&mut |db, table| match (table, databases.last_mut()) {
        (Some(table), Some((last, tables))) if last.id == db.id && packed.is_ok() => {
            packed = PackedTable::new(table, &mut packer).map(|table| tables.push(table));
        }
        (Some(_), _) => {}
        (None, _) => databases.push((db.clone(), Vec::new())),
    })?;
    packed?;
    Ok(told.then_some(databases))
}

impl Catalog {
    /// Takes in all jobs of `history`: applies those before the start, keeps the later ones
    /// pending.
    ///
    /// A job's FinishedTS lies above its commit ts, so jobs whose FinishedTS is at or below the
    /// start are over; and schema versions are given out in commit order, so all jobs with a lower
    /// version than one of those are over, too. A job whose commit and finish enclose the start
    /// stays pending: the first row written under its version brings it in.
    pub(super) fn seed(&mut self, history: &dyn History, current: Option<PackedSnapshot>) -> Result<()> {
        let mut jobs: Vec<PackedJob> = Vec::new();
        let mut packer = Packer::new()?;
        let mut packed = Ok(());
        let mut partitions = HashSet::new();
        history.each(&mut |job| {
            if packed.is_err() || self.known.insert(job.id, job.effective()).is_some() {
                return;
            }
            self.newest = self.newest.max(job.info.schema_version);
            let infos = job.info.table.as_deref().into_iter().chain(&job.info.tables);
            partitions.extend(infos.flat_map(|t| &t.partition).flat_map(|p| &p.definitions).map(|d| d.id));
            if job.effective() {
                packed = PackedJob::new(job, &mut packer).map(|job| jobs.push(job));
            }
        })?;
        packed?;
        self.confirmed.begin(&jobs.iter().map(|j| (j.version, j.finished_ts)).collect::<Vec<_>>());
        let cut = jobs.iter().filter(|j| j.finished_ts <= self.start.0).map(|j| j.version).max().unwrap_or(0);
        jobs.sort_by_key(|j| (j.version, j.id));
        let near = self.start.physical_ms().saturating_sub(u64::try_from(NEAR.as_millis()).unwrap_or(u64::MAX));
        for job in jobs {
            if job.version > cut {
                self.put_off(job);
                continue;
            }
            self.confirmed.job(&job);
            self.note_reorganised(&job);
            let (id, finished) = (job.id, CommitTs(job.finished_ts));
            let mut effect = self.store.apply(&job.open()?);
            self.moved.note(&effect);
            if finished.physical_ms() >= near {
                self.store.spell(&mut effect);
                self.effects.insert(id, effect);
            }
        }
        if let Some(current) = current {
            self.fill_from(current, &partitions)?;
        }
        self.opened = Instant::now();
        Ok(())
    }

    /// Adds tables that no job created (a restored cluster, a trimmed history): the current
    /// definition was valid at the start if nothing has changed it since. Otherwise it is not known
    /// until the next job has one.
    fn fill_from(&mut self, current: PackedSnapshot, partitions: &HashSet<i64>) -> Result<()> {
        let mut touched: HashSet<i64> = HashSet::new();
        let mut schemas: HashSet<i64> = HashSet::new();
        let oldest = self.known.keys().min().copied();
        for job in self.pending.values() {
            touched.insert(job.table_id);
            touched.extend(&job.tables);
            if job.has_database {
                schemas.insert(job.schema_id);
            }
        }
        for (db, tables) in current {
            if db.id >= BUILT_IN {
                continue;
            }
            if !self.store.databases.contains_key(&db.id) && !schemas.contains(&db.id) {
                self.store.put_database(&db);
            }
            for table in tables {
                if self.store.entries.contains_key(&table.id) {
                    continue;
                }
                // With EXCHANGE PARTITION a table takes the id of a partition; jobs say no more of
                // that id.
                if !partitions.contains(&table.id) && self.is_coming(table.id, oldest) {
                    self.store.coming(table.id, db.id, &table.name);
                } else if !touched.contains(&table.id) && table.update_timestamp <= self.start.0 {
                    self.store.put(&table.open()?, db.id, &db.name.0, 0);
                } else if !self.made_later(table.id) {
                    let why = format!(
                        "`{}`.`{}` changed after the start, and the DDL history does not go back to its creation",
                        db.name.0, table.name
                    );
                    self.store.name_only(table.id, db.id, &table.name, why);
                }
            }
        }
        Ok(())
    }

    /// Whether the job that creates a table is still under way, for a table that no job of the
    /// history created. A TRUNCATE or CREATE shows its table before it has waited for other
    /// sessions' open transactions, and reaches the history and the stream only then.
    ///
    /// Tables and jobs share one sequence of ids, so a table with an id above the oldest job's was
    /// created within the history.
    fn is_coming(&self, id: i64, oldest: Option<i64>) -> bool {
        self.history.grows()
            && id <= RESERVED_ABOVE
            && oldest.is_some_and(|oldest| id > oldest)
            && !self.pending.values().any(|job| job.table_id == id || job.tables.contains(&id))
    }

    /// Whether a pending job gives `id` its first definition, so that no row can come before that.
    fn made_later(&self, id: i64) -> bool {
        let first = self.pending.values().find(|j| j.tables.contains(&id));
        first.is_some_and(|j| match j.action {
            ActionType::CreateTable
            | ActionType::CreateTables
            | ActionType::CreateView
            | ActionType::CreateSequence
            | ActionType::RecoverTable => true,
            ActionType::TruncateTable | ActionType::PartitionBy | ActionType::RemovePartitioning => j.table_id != id,
            _ => false,
        })
    }
}
