//! DDL whose rows come before its message: it runs early, and its message then does nothing.
//!
//! - Early jobs. The parts of an ALTER with several changes become public one after the other, each
//!   under its own schema version, and the message is written some transactions later: rows that
//!   sessions wrote on those versions need the new definition. And while a unique key is being
//!   dropped, TiDB stops enforcing it some versions before the last: rows may hold a value twice
//!   that the target would refuse.
//! - Whether the history has the table of a row. A job enters the history when it is over, but an
//!   ALTER with several changes shows some of them before (see [`super::EarlyJob`]). So when no
//!   finished job explains the schema version of a row, the catalog asks a TiDB server for the
//!   table's current definition. If that is the known one, the row can be read; if it differs, its
//!   job is about to end, and the catalog waits for it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::catalog::{Catalog, UNREACHABLE};
use super::convert::{Converted, convert};
use super::info::TableInfo;
use super::job::{Job, PackedJob};
use crate::model::{ActionType, CommitTs, Table};

/// ALTERs with several changes whose message has not come yet.
#[derive(Debug, Default)]
pub(super) struct EarlyJobs {
    /// The first version that shows a part of the job, and the job's id.
    awaited: BTreeSet<(i64, i64)>,
    /// Jobs that may drop a unique key, by when they began: TiDB stops enforcing the key some
    /// versions before the last.
    drops: BTreeSet<(CommitTs, i64)>,
    /// Jobs that are on the target although their message is still to come.
    ran: HashSet<i64>,
}

/// A job whose rows come before its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EarlyJob {
    /// TiDB's job id.
    pub id: i64,
    /// Its message lies below this ts. If it has not come by then, it was before the start.
    pub finished: CommitTs,
}

impl EarlyJobs {
    pub(super) fn await_message(&mut self, job: &PackedJob) {
        if job.action == ActionType::MultiSchemaChange {
            self.awaited.insert((job.first_version, job.id));
        }
        if matches!(
            job.action,
            ActionType::MultiSchemaChange
                | ActionType::DropIndex
                | ActionType::DropPrimaryKey
                | ActionType::DropIndexes
        ) {
            self.drops.insert((CommitTs(job.started_ts), job.id));
        }
    }

    /// Records that the message of `job` has come, or lies before the start. Returns whether the
    /// job ran before.
    pub(super) fn message(&mut self, job: i64) -> bool {
        self.awaited.retain(|(_, id)| *id != job);
        self.applied(job);
        self.ran.remove(&job)
    }

    /// Records that the catalog has applied `job`: no row comes any more that is early for a key
    /// that the job drops.
    pub(super) fn applied(&mut self, job: i64) {
        self.drops.retain(|(_, id)| *id != job);
    }

    /// The jobs whose schema a transaction at `version` may have seen.
    fn up_to(&self, version: i64) -> impl Iterator<Item = i64> {
        self.awaited.range(..=(version, i64::MAX)).map(|(_, id)| *id)
    }
}

impl Catalog {
    /// The first job that a transaction already used, although the message of the job is still to
    /// come. The transaction has rows of the tables `tables()`, was written at `schema_version`,
    /// and committed at `ts`.
    ///
    /// Where the history grows, a job may not be in it yet. `wait` gets the time spent so far, and
    /// ends the wait with an error.
    ///
    /// # Errors
    /// If the history cannot be read, or `tables` or `wait` fails.
    pub fn early(
        &mut self,
        (schema_version, ts): (i64, CommitTs),
        tables: &dyn Fn() -> Result<Vec<i64>>,
        wait: &mut dyn FnMut(Duration) -> Result<()>,
    ) -> Result<Option<EarlyJob>> {
        self.settle(schema_version)?;
        if self.history.grows() && !self.confirmed.all_over(schema_version, ts) {
            self.confirm(schema_version, &tables()?, wait)?;
        }
        if let Some(job) = self.drops_a_key(ts, tables)? {
            return Ok(Some(job));
        }
        let jobs: Vec<i64> = self.early.up_to(schema_version).collect();
        if jobs.is_empty() {
            return Ok(None);
        }
        self.apply_to(schema_version)?;
        let tables = tables()?;
        let concerns =
            |job: &&i64| self.effects.get(job).is_some_and(|e| e.after.iter().any(|t| tables.contains(&t.id)));
        let Some(id) = jobs.iter().find(concerns).copied() else { return Ok(None) };
        Ok(Some(EarlyJob { id, finished: self.effects.get(&id).map(|e| e.finished).unwrap_or_default() }))
    }

    /// The first job that had begun at `ts` and drops a unique key of one of the tables: from then
    /// on rows may hold its values twice.
    fn drops_a_key(&mut self, ts: CommitTs, tables: &dyn Fn() -> Result<Vec<i64>>) -> Result<Option<EarlyJob>> {
        let begun: Vec<(CommitTs, i64)> = self.early.drops.range(..(ts, 0)).copied().collect();
        if begun.is_empty() {
            return Ok(None);
        }
        let tables = tables()?;
        for (began, id) in begun {
            let Some(key) =
                self.pending.iter().find(|(key, job)| key.1 == id && job.tables.iter().any(|t| tables.contains(t)))
            else {
                continue;
            };
            let (key, packed) = (*key.0, key.1.clone());
            if !self.loses_a_key(&packed)? {
                self.early.drops.remove(&(began, id));
                continue;
            }
            self.pending.remove(&key);
            let finished = CommitTs(packed.finished_ts);
            self.apply(packed)?;
            return Ok(Some(EarlyJob { id, finished }));
        }
        Ok(None)
    }

    fn loses_a_key(&self, packed: &PackedJob) -> Result<bool> {
        let job = packed.clone().open()?;
        let Some(info) = job.info.table.as_deref() else { return Ok(false) };
        let Some(before) = self.store.live(info.id) else { return Ok(false) };
        Ok(match convert(info, &before.schema) {
            Converted::Table(after) => !keeps_keys(before, &after),
            Converted::Unreadable(_) | Converted::Rowless => false,
        })
    }

    /// The statement of a job that ran before its message, as the history has it.
    #[must_use]
    pub fn written(&self, job: i64) -> Option<&str> {
        self.effects.get(&job).map(|effect| effect.query.as_str())
    }

    /// Records that the DDL of `job` is on the target, or lies before the start. Its message then
    /// does nothing.
    ///
    /// # Errors
    /// If the job cannot be read again.
    pub fn ran_early(&mut self, job: i64) -> Result<()> {
        if let Some(key) = self.pending_key(job)
            && let Some(packed) = self.pending.remove(&key)
        {
            self.apply(packed)?;
        }
        self.effects.remove(&job);
        self.early.message(job);
        self.early.ran.insert(job);
        Ok(())
    }
}

/// Whether every unique key of a table is still a unique key afterwards.
pub(super) fn keeps_keys(before: &Table, after: &Table) -> bool {
    before.keys.iter().all(|key| after.keys.iter().any(|k| k.name == key.name))
}

impl Job {
    /// The first schema version whose sessions may see a part of the job's changes.
    #[must_use]
    pub fn first_version(&self) -> i64 {
        let parts = self.parts.sub_jobs.iter().map(|part| part.schema_version).filter(|version| *version > 0);
        parts.min().unwrap_or(i64::MAX).min(self.info.schema_version)
    }
}

/// In milliseconds. When jobs ended this long before the newest one, no job of their time can still
/// show a part of itself without having ended: a job shows its parts at its very end, and if its
/// owner dies just then, another server takes it over within a minute.
const OVER: u64 = 180_000;
/// The first and the longest pause before the history is asked again.
const FIRST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_millis(500);

/// A table's definition on a TiDB server now.
#[derive(Clone, Debug, PartialEq)]
pub struct TableNow {
    /// The table; `None` if no table has that id any more.
    pub info: Option<Box<TableInfo>>,
    /// The schema version that the server has reached.
    pub schema_version: i64,
}

/// Up to which schema version the catalog knows all changes.
#[derive(Debug, Default)]
pub(super) struct Confirmed {
    /// Of all tables.
    all: i64,
    /// Of single tables.
    tables: HashMap<i64, i64>,
    /// When a known job last changed each table.
    updated: HashMap<i64, u64>,
    /// The highest version of a known job, and when the last of them ended.
    newest: (i64, u64),
}

impl Confirmed {
    /// Records a job of the history.
    pub(super) fn job(&mut self, job: &PackedJob) {
        for (table, updated) in &job.updated {
            let last = self.updated.entry(*table).or_default();
            *last = (*last).max(*updated);
        }
        self.newest = (self.newest.0.max(job.version), self.newest.1.max(job.finished_ts >> 18));
    }

    /// Whether the catalog knows all that a transaction of `version`, committed at `ts`, may have
    /// seen of any table, because all of it had ended long before.
    pub(super) fn all_over(&self, version: i64, ts: CommitTs) -> bool {
        version <= self.all || version <= self.newest.0 && self.newest.1 + OVER < ts.physical_ms()
    }

    /// Begins with the first reading of the history: `jobs` has the version of each job and when it
    /// ended.
    pub(super) fn begin(&mut self, jobs: &[(i64, u64)]) {
        let newest = jobs.iter().map(|(_, ended)| ended >> 18).max().unwrap_or_default();
        let over = jobs.iter().filter(|(_, ended)| (ended >> 18) + OVER < newest);
        self.all = over.map(|(version, _)| *version).max().unwrap_or_default();
    }

    fn knows(&self, table: i64, version: i64) -> bool {
        version <= self.all || self.tables.get(&table).is_some_and(|known| version <= *known)
    }

    fn explains(&self, table: i64, info: &TableInfo) -> bool {
        self.updated.get(&table).is_some_and(|updated| info.update_timestamp <= *updated)
    }
}

impl Catalog {
    /// Makes sure that the catalog knows all that a session on `version` may have seen of `tables`.
    /// `wait` gets the time spent so far, and ends the wait with an error.
    pub(super) fn confirm(
        &mut self,
        version: i64,
        tables: &[i64],
        wait: &mut dyn FnMut(Duration) -> Result<()>,
    ) -> Result<()> {
        let unknown: Vec<i64> = tables.iter().filter(|id| !self.confirmed.knows(**id, version)).copied().collect();
        unknown.into_iter().try_for_each(|table| self.confirm_one(version, table, wait))
    }

    fn confirm_one(&mut self, version: i64, table: i64, wait: &mut dyn FnMut(Duration) -> Result<()>) -> Result<()> {
        let asking = || format!("asking TiDB what table id {table} is at schema version {version}");
        let (begun, mut pause) = (Instant::now(), FIRST);
        loop {
            match self.history.table_now(table) {
                Ok(None) => return Ok(()),
                // A server that is behind does not know the table yet.
                Ok(Some(now)) if now.info.is_some() && now.schema_version < version => {}
                Ok(Some(now)) => {
                    if self.same_as_known(table, &now)? {
                        let known = self.confirmed.tables.entry(table).or_default();
                        *known = (*known).max(now.schema_version).max(version);
                        return Ok(());
                    }
                }
                Err(error) if begun.elapsed() > UNREACHABLE => return Err(error).with_context(asking),
                Err(_) => {}
            }
            wait(begun.elapsed()).with_context(asking)?;
            thread::sleep(pause);
            pause = (pause * 2).min(LONGEST);
        }
    }

    /// Whether the history's jobs make the table what it is `now`, as far as rows are concerned.
    fn same_as_known(&mut self, table: i64, now: &TableNow) -> Result<bool> {
        let Some(info) = &now.info else {
            // Dropped since: the history has all that came before.
            self.refresh()?;
            return Ok(true);
        };
        if self.confirmed.explains(table, info) {
            return Ok(true);
        }
        self.refresh()?;
        if self.confirmed.explains(table, info) {
            return Ok(true);
        }
        // Every job that ended before the answer is known now. One more may run; it shows nothing
        // yet if the table is as the last known job left it. If nothing is known of the table,
        // there is nothing to compare.
        Ok(self.last_known(table)?.is_none_or(|known| same_rows(&known, info)))
    }

    /// The table as the last known job left it, whether or not the stream has reached that job.
    fn last_known(&self, table: i64) -> Result<Option<Arc<Table>>> {
        let ahead = self.pending.values().filter(|job| job.tables.contains(&table)).max_by_key(|job| job.version);
        let Some(packed) = ahead else { return Ok(self.store.live(table).cloned()) };
        let job = packed.clone().open()?;
        let infos = job.info.table.as_deref().into_iter().chain(&job.info.tables);
        Ok(infos.filter(|info| info.id == table).find_map(|info| match convert(info, "") {
            Converted::Table(table) => Some(Arc::from(table)),
            Converted::Unreadable(_) | Converted::Rowless => None,
        }))
    }
}

/// Whether both definitions write rows in the same way.
fn same_rows(known: &Table, info: &TableInfo) -> bool {
    match convert(info, &known.schema) {
        // A unique key that is no longer public is not enforced any more, or soon will not be.
        Converted::Table(now) => {
            keeps_keys(known, &now) && now.columns == known.columns && now.partitions == known.partitions
        }
        Converted::Unreadable(_) => false,
        Converted::Rowless => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ended_long_before_the_newest_is_known() {
        let mut confirmed = Confirmed::default();
        let at = |ms: u64| ms << 18;
        confirmed.begin(&[(5, at(1000)), (7, at(2000)), (6, at(1_000_000)), (8, at(1_000_500))]);
        assert!(confirmed.knows(1, 7) && !confirmed.knows(1, 8));
        confirmed.tables.insert(1, 9);
        assert!(confirmed.knows(1, 9) && !confirmed.knows(1, 10) && !confirmed.knows(2, 8));
        confirmed.updated.insert(1, 50);
        let info = |at| TableInfo { update_timestamp: at, ..TableInfo::default() };
        assert!(
            confirmed.explains(1, &info(50)) && !confirmed.explains(1, &info(51)) && !confirmed.explains(2, &info(1))
        );
    }
}
