//! The schema at a position of the stream: it begins at a ts; rows and DDL messages move it on.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;

use super::ahead::Ahead;
use super::apply::Effect;
use super::early::Confirmed;
use super::early::EarlyJobs;
use super::job::{PackedJob, Packer};
use super::partitions::MovedRows;
use super::partitions::Reorganised;
use super::store::{State, Store};
use super::{History, Job, RESERVED_ABOVE, store};
use crate::error::Fault;
use crate::model::{ActionType, CommitTs, Ddl, Table};

/// For how long after its beginning the catalog asks the history again about schema versions that
/// it has not seen. A job that committed just before the start reaches the history late, and sends
/// no message.
const UNSETTLED: Duration = Duration::from_secs(600);
/// For how long the history is asked again about one version, and how often.
const UNSURE: (Duration, Duration) = (Duration::from_secs(120), Duration::from_secs(1));
/// How long a history that cannot be read is asked again before its error is final.
pub(super) const UNREACHABLE: Duration = Duration::from_secs(60);

/// Databases and tables at the position that the stream has reached.
///
/// Rows are decoded by column ids, with the newest definition at or below their position in the
/// stream. A row whose writer was on an older version lacks columns or has more, which
/// [`Column::missing`](crate::model::Column) and the ids take care of. (A column's origin default
/// never changes after its creation, so it does not matter from which version it is taken.)
pub struct Catalog {
    pub(super) history: Arc<dyn History>,
    pub(super) start: CommitTs,
    pub(super) store: Store,
    /// Ids of all jobs seen, and whether they took effect.
    pub(super) known: HashMap<i64, bool>,
    /// The highest schema version of those jobs.
    pub(super) newest: i64,
    /// Jobs that took effect and are not applied yet, ordered by the first versions that show them.
    pub(super) pending: BTreeMap<(i64, i64), PackedJob>,
    /// Effects of jobs that were applied before their message came.
    pub(super) effects: HashMap<i64, Effect>,
    pub(super) early: EarlyJobs,
    pub(super) reorganised: Reorganised,
    pub(super) moved: MovedRows,
    pub(super) confirmed: Confirmed,
    pub(super) opened: Instant,
    /// Gets the jobs that the stream has passed.
    ahead: Option<Arc<Ahead>>,
    /// The highest schema version for which the history was asked again, and when.
    asked: (i64, Instant),
}

/// The object with a given table id.
#[derive(Clone, Debug, PartialEq)]
pub enum TableLookup {
    /// A table.
    Table(Arc<Table>),
    /// No longer a table, and why: `dropped by DDL job 181`. Its rows are skipped without an error.
    Gone(String),
    /// A table that this program cannot read (a column of type VECTOR): an error as soon as its
    /// rows are wanted.
    Unreadable {
        /// Its database.
        schema: String,
        /// Its name.
        table: String,
        /// Which column, and why.
        why: String,
    },
    /// A table whose definition at this point is not known: an error as soon as its rows are
    /// wanted.
    Unknown {
        /// Its database and its name, where at least these are certain.
        name: Option<(String, String)>,
        /// What is missing.
        why: String,
    },
}

impl Catalog {
    /// The definitions as of `start`: with everything at or below it.
    ///
    /// # Errors
    /// If the history cannot be read.
    pub fn at(history: Arc<dyn History>, start: CommitTs) -> Result<Self> {
        let reading = || format!("reading the schema as of {}", start.explain());
        // The current definitions are read before the history: so the history that follows has
        // every job that led to them.
        let current = store::current(&*history).with_context(reading)?;
        let now = Instant::now();
        let mut catalog = Self {
            history: Arc::clone(&history),
            start,
            store: Store::new(),
            known: HashMap::new(),
            newest: 0,
            pending: BTreeMap::new(),
            effects: HashMap::new(),
            early: EarlyJobs::default(),
            reorganised: Reorganised::new(),
            moved: MovedRows::default(),
            confirmed: Confirmed::default(),
            opened: now,
            ahead: None,
            asked: (0, now),
        };
        catalog.seed(&*history, current).with_context(reading)?;
        Ok(catalog)
    }

    /// From here on reports to `ahead` which jobs the stream has passed.
    pub fn tells(&mut self, ahead: Arc<Ahead>) {
        let pending: HashSet<i64> = self.pending.keys().map(|(_, id)| *id).collect();
        ahead.begin(self.known.keys().copied().filter(|id| !pending.contains(id)));
        self.ahead = Some(ahead);
    }

    /// The table with the logical table id `id`, for a row whose writer was on `schema_version`.
    ///
    /// # Errors
    /// If no job says what it is; the caller adds the row's commit ts.
    pub fn table(&mut self, id: i64, schema_version: i64) -> Result<TableLookup> {
        self.settle(schema_version)?;
        self.apply_to(schema_version)?;
        if let Some(found) = self.find(id)? {
            return Ok(found);
        }
        if id > RESERVED_ABOVE {
            return Ok(TableLookup::Gone("one of TiDB's own tables for DDL jobs".to_owned()));
        }
        if self.history.grows() {
            self.refresh()?;
            self.apply_to(schema_version)?;
            if let Some(found) = self.find(id)? {
                return Ok(found);
            }
            if let Some(found) = self.wait_for_maker(id, schema_version)? {
                return Ok(found);
            }
        }
        Err(self.unknown(id, schema_version))
    }

    /// Takes a DDL message: moves the schema on to its job, and returns what to do. `None` if it
    /// had no effect: rolled back, the first notice of a DROP COLUMN, a sequence's `setval`, an
    /// internal job of TiDB.
    ///
    /// A message may come before its job is in the history. A history that grows is then asked
    /// again and again; `wait` gets the time spent so far, and ends the wait with an error.
    ///
    /// # Errors
    /// If the job is not (or no longer) in the history, or `wait` gives up.
    pub fn ddl(
        &mut self,
        commit_ts: CommitTs,
        job_id: i64,
        query: &Bytes,
        schema_state: i32,
        wait: &mut dyn FnMut(Duration) -> Result<()>,
    ) -> Result<Option<Ddl>> {
        if schema_state == 1 || sets_value(query) {
            return Ok(None);
        }
        let text = || {
            String::from_utf8(query.to_vec()).map_err(|_| {
                Fault::refused(format!(
                    "the statement of DDL job {job_id} at {} is not valid UTF-8",
                    commit_ts.explain()
                ))
                .hint("run it on the target by hand, then skip it")
            })
        };
        if !self.known.contains_key(&job_id) {
            self.learn(commit_ts, job_id, wait)?;
        }
        if self.known.get(&job_id) == Some(&false) {
            return Ok(None);
        }
        if self.early.message(job_id) {
            return Ok(None);
        }
        if let Some((version, _)) = self.pending_key(job_id) {
            self.apply_to(version)?;
        }
        match self.effects.remove(&job_id) {
            Some(effect) => {
                self.moved.note(&effect);
                Ok(Some(effect.into_ddl(commit_ts, text()?)))
            }
            None => Err(Fault::refused(format!(
                "DDL job {job_id} comes at {}, but the schema was already past it before the start at {}",
                commit_ts.explain(),
                self.start.explain()
            ))
            .hint("the DDL history belongs to another cluster, or the stream repeats itself: check the source")
            .into()),
        }
    }

    /// Records that the DDL of `job_id` lies at or below the start, as a checkpoint says. Without
    /// that, the first row written under its version shows it.
    ///
    /// # Errors
    /// If the job cannot be read again.
    pub fn passed(&mut self, job_id: i64) -> Result<()> {
        self.early.message(job_id);
        if let Some((version, _)) = self.pending_key(job_id) {
            self.apply_to(version)?;
        }
        if let Some(effect) = self.effects.get(&job_id) {
            self.moved.note(effect);
        }
        Ok(())
    }

    /// The base tables that exist at this position.
    pub fn tables(&self) -> impl Iterator<Item = &Arc<Table>> {
        self.store.entries.values().filter_map(|e| match &e.state {
            State::Live(table) => Some(table),
            _ => None,
        })
    }

    /// The databases that exist at this position: name, default character set, default collation.
    pub fn databases(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.store.databases.values().map(|d| (d.name.as_str(), d.charset.as_str(), d.collation.as_str()))
    }

    /// The highest schema version applied.
    #[must_use]
    pub fn schema_version(&self) -> i64 {
        self.store.version
    }

    /// Applies every pending job up to `version`, and keeps its effect for its message.
    pub(super) fn apply_to(&mut self, version: i64) -> Result<()> {
        while let Some(entry) = self.pending.first_entry() {
            if entry.key().0 > version {
                break;
            }
            let job = entry.remove();
            self.apply(job)?;
        }
        Ok(())
    }

    /// The key of a job in `pending`.
    pub(super) fn pending_key(&self, job: i64) -> Option<(i64, i64)> {
        self.pending.keys().find(|key| key.1 == job).copied()
    }

    pub(super) fn apply(&mut self, job: PackedJob) -> Result<()> {
        let job = job.open()?;
        self.early.applied(job.id);
        let mut effect = self.store.apply(&job);
        self.store.spell(&mut effect);
        if let Some(ahead) = &self.ahead {
            ahead.pass(&job, &effect.after);
        }
        self.effects.insert(job.id, effect);
        Ok(())
    }

    /// Keeps a job until its version or its message comes.
    pub(super) fn put_off(&mut self, job: PackedJob) {
        self.confirmed.job(&job);
        self.early.await_message(&job);
        self.note_reorganised(&job);
        self.pending.insert((job.first_version, job.id), job);
    }

    pub(super) fn find(&self, id: i64) -> Result<Option<TableLookup>> {
        let Some(entry) = self.store.entries.get(&id) else { return Ok(None) };
        Ok(Some(match &entry.state {
            State::Coming { .. } => return Ok(None),
            State::Live(table) => TableLookup::Table(Arc::clone(table)),
            State::Gone { how, job, .. } => TableLookup::Gone(format!("{how} by DDL job {job}")),
            State::Unreadable { name, why } => TableLookup::Unreadable {
                schema: self.store.database(entry.schema_id, ""),
                table: name.clone(),
                why: why.clone(),
            },
            State::Unknown { name, why } => {
                // Its current name is also its name at this position, unless a pending job gives it
                // that name.
                let renamed = self.pending.values().any(|j| {
                    matches!(j.action, ActionType::RenameTable | ActionType::RenameTables) && j.tables.contains(&id)
                });
                let schema = self.store.databases.get(&entry.schema_id).filter(|_| !renamed);
                TableLookup::Unknown {
                    name: name.clone().and_then(|name| Some((schema?.name.clone(), name))),
                    why: format!("the definition of table id {id} at this point is unknown: {why}"),
                }
            }
        }))
    }

    /// Waits for the job that creates a table. A session may write to a new table while that job
    /// still waits for other sessions; this ends when they do.
    fn wait_for_maker(&mut self, id: i64, schema_version: i64) -> Result<Option<TableLookup>> {
        let (begun, mut pause) = (Instant::now(), Duration::from_millis(20));
        while let Some(name) = self.store.name_of_coming(id) {
            if begun.elapsed() > UNREACHABLE {
                return Err(Fault::refused(format!(
                    "a row belongs to table `{name}` (id {id}), and the DDL that creates this table has not finished \
                     upstream after {} s",
                    UNREACHABLE.as_secs()
                ))
                .hint(
                    "it is waiting for a transaction that is open upstream: end that transaction (ADMIN SHOW DDL JOBS \
                     and information_schema.cluster_tidb_trx show both), then run the same command again",
                )
                .into());
            }
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_secs(1));
            self.refresh()?;
            self.apply_to(schema_version)?;
        }
        self.find(id)
    }

    fn unknown(&self, id: i64, schema_version: i64) -> anyhow::Error {
        let (newest, jobs) = (self.newest, self.known.len());
        let message = format!(
            "no DDL job says what table id {id} is (a row of schema version {schema_version}; the history has {jobs} \
             jobs up to version {newest})"
        );
        let hint = if self.history.grows() {
            FRESH
        } else {
            "the ddl_history.json is older than the stream, is incomplete, or comes from another cluster: save TiDB's \
             /ddl/history again"
        };
        Fault::refused(message).hint(hint).into()
    }

    /// Shortly after the start: asks the history again when a row has a schema version that no
    /// known job explains.
    pub(super) fn settle(&mut self, schema_version: i64) -> Result<()> {
        if schema_version <= self.newest || !self.history.grows() {
            return Ok(());
        }
        let open = self.opened.elapsed();
        let again = open < UNSURE.0 && self.asked.1.elapsed() >= UNSURE.1;
        if open < UNSETTLED && (schema_version > self.asked.0 || again) {
            self.refresh()?;
            self.asked = (schema_version.max(self.asked.0), Instant::now());
        }
        Ok(())
    }

    /// Adds the jobs that are new in the history.
    pub(super) fn refresh(&mut self) -> Result<()> {
        let known = &self.known;
        let jobs = self.history.recent(&|id| known.contains_key(&id)).context("reading TiDB's DDL history again")?;
        let mut packer = Packer::new()?;
        jobs.into_iter().try_for_each(|job| self.take(job, &mut packer))
    }

    fn take(&mut self, job: Job, packer: &mut Packer) -> Result<()> {
        let effective = job.effective();
        self.newest = self.newest.max(job.info.schema_version);
        if self.known.insert(job.id, effective).is_none() && effective {
            self.put_off(PackedJob::new(job, packer)?);
        }
        Ok(())
    }

    /// Gets the job of a message from the history, which may not have it yet.
    fn learn(&mut self, commit_ts: CommitTs, job_id: i64, wait: &mut dyn FnMut(Duration) -> Result<()>) -> Result<()> {
        let begun = Instant::now();
        let asking = || format!("asking TiDB's history for DDL job {job_id} of {}", commit_ts.explain());
        let mut pause = Duration::from_millis(20);
        loop {
            match self.history.job(job_id) {
                Ok(Some(job)) => {
                    self.take(job, &mut Packer::new()?)?;
                    // Another job before the start that came late, too, sends no message: look for
                    // it while that is possible.
                    return if self.opened.elapsed() < UNSETTLED && self.history.grows() {
                        self.refresh()
                    } else {
                        Ok(())
                    };
                }
                Ok(None) if !self.history.grows() => {
                    return Err(Fault::refused(format!(
                        "DDL job {job_id} of {} is not in the DDL history beside the stream",
                        commit_ts.explain()
                    ))
                    .hint("the ddl_history.json is older than the stream, or is another cluster's: save it again")
                    .into());
                }
                Err(e) if !self.history.grows() || begun.elapsed() > UNREACHABLE => return Err(e).with_context(asking),
                Ok(None) | Err(_) => {}
            }
            wait(begun.elapsed()).with_context(asking)?;
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }
}

/// What to do when the schema at the start is not known.
pub const FRESH: &str = "TiDB's DDL history does not go back far enough, as after a restore: take a new backup and \
    start from its ts, so that every table is in its current state; or start after this table's next DDL";

/// `select setval(...)` of a sequence comes as a DDL with a job id that no history has.
pub(crate) fn sets_value(query: &[u8]) -> bool {
    let text = query.trim_ascii_start();
    let mut rest = text.iter().map(u8::to_ascii_lowercase).filter(|c| !c.is_ascii_whitespace());
    b"selectsetval(".iter().all(|want| rest.next() == Some(*want))
}
