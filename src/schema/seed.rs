//! How the catalog begins: the history up to the start, and what only the current schema can tell.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::catalog::Catalog;
use super::packed::{PackedJob, PackedSnapshot, PackedTable, Packer};
use super::{History, RESERVED_ABOVE};
use crate::model::{ActionType, CommitTs};

/// Jobs that finished this shortly before the start keep what their DDL needs: should their message still come, it is
/// answered in full.
const NEAR: Duration = Duration::from_secs(600);
/// The part of ids that belongs to the server's views of itself.
const BUILT_IN: i64 = 1 << 62;

/// Databases and tables as they are now, where the history can tell.
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
    /// Takes in all jobs of `history`: applies those that lie before the start, keeps the later ones for their time.
    ///
    /// A job's FinishedTS lies above its commit ts, so those at or below the start are surely over; and schema versions
    /// are given out in commit order, so all jobs with a lower version than one of those are over, too. A job whose
    /// commit and finish enclose the start stays pending: the first row written under its version brings it in.
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

    /// Tables that no job made (a restored cluster, a trimmed history): the current definition was valid at the start
    /// if nothing has changed it since. Otherwise it is not known until the next job brings one.
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
                // With EXCHANGE PARTITION a table takes the id of a partition, which is all that jobs say of it.
                if !partitions.contains(&table.id) && self.is_coming(table.id, oldest) {
                    self.store.coming(table.id, db.id, &table.name);
                } else if !touched.contains(&table.id) && table.update_timestamp <= self.start.0 {
                    self.store.put(&table.open()?, db.id, &db.name.0, 0);
                } else if !self.made_later(table.id) {
                    let why = format!(
                        "`{}`.`{}` changed after the start, and the DDL history does not reach back to its creation",
                        db.name.0, table.name
                    );
                    self.store.name_only(table.id, db.id, &table.name, why);
                }
            }
        }
        Ok(())
    }

    /// Whether a table that no job of the history has made is one whose job is still under way: a TRUNCATE or CREATE shows its table before it has
    /// waited for the open transactions of others, and comes into the history and the stream behind that.
    ///
    /// Tables and jobs share one sequence of ids, so one with an id above the oldest job's was made within the history.
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
