//! DDL whose rows come before its message: it is taken out of its place in the stream, and its message says nothing any more.
//!
//! The parts of an ALTER of several become public one after the other, each under a schema version of its own, and the message is written some
//! transactions later: what sessions of those versions write needs the new definition. And while a unique key is being dropped, TiDB ceases to look at
//! it some versions before the last: rows may hold a value twice that the target would refuse.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use anyhow::Result;

use super::catalog::Catalog;
use super::packed::PackedJob;
use super::{Converted, Job, convert};
use crate::model::{ActionType, CommitTs, Table};

/// ALTERs of several parts that the stream has not brought yet.
#[derive(Debug, Default)]
pub(super) struct EarlyJobs {
    /// The first version that shows a part of it, and its id.
    awaited: BTreeSet<(i64, i64)>,
    /// Jobs that may drop a unique key, by when they began: TiDB ceases to look at the key some versions before the last.
    drops: BTreeSet<(CommitTs, i64)>,
    /// Those that are on the target although their message lies ahead.
    ran: HashSet<i64>,
}

/// A job whose rows come before its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EarlyJob {
    /// TiDB's job id.
    pub id: i64,
    /// Its message lies below this ts. Where it does not come by then, it lay before the start.
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

    /// The message of `job`, or word that it lies before the start. Gives whether the job ran before.
    pub(super) fn message(&mut self, job: i64) -> bool {
        self.awaited.retain(|(_, id)| *id != job);
        self.applied(job);
        self.ran.remove(&job)
    }

    /// The schema has `job`, so no row comes before it for a key that it drops.
    pub(super) fn applied(&mut self, job: i64) {
        self.drops.retain(|(_, id)| *id != job);
    }

    /// Those that a transaction of schema version `version` may have been written with.
    fn up_to(&self, version: i64) -> impl Iterator<Item = i64> {
        self.awaited.range(..=(version, i64::MAX)).map(|(_, id)| *id)
    }
}

impl Catalog {
    /// The first job that a transaction was written with, although its message lies ahead: one with rows of the tables `tables()`, written at
    /// `schema_version` and committed at `ts`.
    ///
    /// Where the history grows, a job may not be in it yet: `wait` is told for how long already, and ends it with an error.
    ///
    /// # Errors
    /// If the history cannot be read, or `tables` or `wait` gives one.
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

    /// The first job that had begun at `ts`, and drops a unique key of one of the tables: rows may hold its values twice from now on.
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

    /// What the history keeps of the statement of a job that is not over yet.
    #[must_use]
    pub fn written(&self, job: i64) -> Option<&str> {
        self.effects.get(&job).map(|effect| effect.query.as_str())
    }

    /// Says that the DDL of `job` is on the target, or lies before the start: its message says nothing more.
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

/// Whether every unique key of a table is one afterwards.
pub(super) fn keeps_keys(before: &Table, after: &Table) -> bool {
    before.keys.iter().all(|key| after.keys.iter().any(|k| k.name == key.name))
}

impl Job {
    /// The first schema version whose sessions may see a part of what the job does.
    #[must_use]
    pub fn first_version(&self) -> i64 {
        let parts = self.parts.sub_jobs.iter().map(|part| part.schema_version).filter(|version| *version > 0);
        parts.min().unwrap_or(i64::MAX).min(self.info.schema_version)
    }
}
