//! Partitions whose rows changed at once (TRUNCATE, EXCHANGE), and those being reorganised.
//!
//! A session that did not yet see a TRUNCATE or EXCHANGE PARTITION, and committed later, wrote into
//! the old physical partition: its rows are gone with it, or in the other table.
//!
//! While the partitions of a table are reorganised, TiDB writes each change of their rows twice
//! (see `decode/once.rs`).

use std::collections::HashMap;
use std::sync::Arc;

use super::apply::Effect;
use super::catalog::{Catalog, TableLookup};
use super::info::{PRIMARY, TableInfo};
use super::job::{Job, PackedJob};
use super::store::Store;
use crate::decode::Writes;
use crate::model::{ActionType, CommitTs, Hashed, Partition, Table};

/// `PartitionType` of KEY.
const KEY: i64 = 4;

/// Rows of a partition that a job moved or removed at once.
#[derive(Clone, Debug, PartialEq)]
pub struct Moved {
    /// The schema version that the job ended with: a session on an older one wrote to the old
    /// partition.
    pub version: i64,
    /// The partition.
    pub partition: Partition,
    /// The id of the table that has the rows since; `None` if they are gone.
    pub to: Option<i64>,
}

/// A job's changes of partitions.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Moves {
    /// The partitioned table's id.
    table: i64,
    moved: Vec<Moved>,
    /// The plain table of an EXCHANGE as it was before: its rows are in `table` since.
    plain: Option<Arc<Table>>,
    version: i64,
}

impl Moves {
    pub(super) fn partitions(&self) -> Vec<Partition> {
        self.moved.iter().map(|m| m.partition.clone()).collect()
    }
}

/// Rows that jobs moved with partitions, by table id.
#[derive(Default)]
pub(super) struct MovedRows {
    moved: HashMap<i64, Vec<Moved>>,
    /// Plain tables that became a partition: when, of which table, and their definition.
    became: HashMap<i64, (i64, i64, Arc<Table>)>,
}

impl Store {
    /// What `job` is about to change in partitions.
    pub(super) fn moves(&self, job: &Job) -> Option<Moves> {
        if !matches!(job.action, ActionType::TruncatePartition | ActionType::ExchangePartition) {
            return None;
        }
        let (info, version) = (job.info.table.as_deref()?, job.info.schema_version);
        let before = &self.live(info.id)?.partitions;
        let definitions = &info.partition.as_ref()?.definitions;
        if before.len() != definitions.len() {
            return None;
        }
        let changed = before.iter().zip(definitions).enumerate().filter(|(_, (id, now))| **id != now.id);
        let exchanged = job.action == ActionType::ExchangePartition;
        let moved = changed.map(|(at, (id, now))| Moved {
            version,
            partition: Partition { name: now.name.0.clone(), hashed: hashed(info, at) },
            to: exchanged.then_some(*id),
        });
        let plain = self.live(job.table_id).filter(|_| exchanged).cloned();
        Some(Moves { table: info.id, moved: moved.collect(), plain, version })
    }
}

fn hashed(info: &TableInfo, number: usize) -> Option<Hashed> {
    let partition = info.partition.as_ref().filter(|p| p.kind == KEY)?;
    let primary =
        || info.index_info.iter().find(|i| i.is_primary).map(|i| i.columns.iter().map(|c| c.name.0.clone()).collect());
    let handle =
        || info.cols.iter().filter(|c| info.pk_is_handle && c.has(PRIMARY)).map(|c| c.name.0.clone()).collect();
    let columns = match partition.columns.is_empty() {
        false => partition.columns.iter().map(|name| name.0.clone()).collect(),
        true => primary().unwrap_or_else(handle),
    };
    Some(Hashed { columns, number, of: partition.definitions.len() })
}

impl MovedRows {
    /// From here on, rows of schema versions before the job of `effect` are late.
    pub(super) fn note(&mut self, effect: &Effect) {
        let Some(moves) = effect.moves_of_partitions.as_deref().cloned() else { return };
        if let Some(plain) = moves.plain {
            self.became.insert(plain.id, (moves.version, moves.table, plain));
        }
        self.moved.entry(moves.table).or_default().extend(moves.moved);
    }
}

/// A table whose rows in a transaction were written under an older layout of partitions.
#[derive(Clone, Debug, PartialEq)]
pub struct LateTable {
    /// The current table of the rows.
    pub now: Arc<Table>,
    /// The definition with which they are read.
    pub reads: Arc<Table>,
    /// Partitions whose rows are elsewhere since, the oldest first.
    pub moved: Vec<Moved>,
}

impl Catalog {
    /// The current place of rows that a session on `schema_version` wrote to table `id`; `None` if
    /// the table itself still has them.
    #[must_use]
    pub fn late(&self, id: i64, schema_version: i64) -> Option<LateTable> {
        let live = |id: i64| match self.find(id) {
            Ok(Some(TableLookup::Table(table))) => Some(table),
            _ => None,
        };
        let behind = |table: i64, version: i64| -> Vec<Moved> {
            let moved = self.moved.moved.get(&table).into_iter().flatten();
            moved.filter(|m| m.version > version).cloned().collect()
        };
        if let Some((version, table, plain)) =
            self.moved.became.get(&id).filter(|(version, ..)| *version > schema_version)
        {
            let now = live(*table)?;
            let reads = Table { columns: plain.columns.clone(), handle: plain.handle.clone(), ..Table::clone(&now) };
            return Some(LateTable { now, reads: Arc::new(reads), moved: behind(*table, *version) });
        }
        let moved = behind(id, schema_version);
        if moved.is_empty() {
            return None;
        }
        let now = live(id)?;
        Some(LateTable { reads: Arc::clone(&now), now, moved })
    }

    /// The table of this id, if there is one.
    #[must_use]
    pub fn live(&self, id: i64) -> Option<Arc<Table>> {
        self.store.live(id).cloned()
    }
}

/// The reorganisation of a table's partitions by one job.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reorganisation {
    began: CommitTs,
    /// The snapshot from which rows were copied into the new partitions.
    copied: CommitTs,
    /// The schema version that it ended with.
    version: i64,
    /// Whether its warning was given.
    said: bool,
}

/// Reorganisations, by table id.
pub(super) type Reorganised = HashMap<i64, Vec<Reorganisation>>;

impl Catalog {
    /// Records `job`, if it reorganised partitions.
    pub(super) fn note_reorganised(&mut self, job: &PackedJob) {
        if matches!(
            job.action,
            ActionType::ReorganizePartition | ActionType::PartitionBy | ActionType::RemovePartitioning
        ) {
            let (began, copied) = (CommitTs(job.started_ts), CommitTs(job.copied_ts));
            let reorganisation = Reorganisation { began, copied, version: job.version, said: false };
            self.reorganised.entry(job.table_id).or_default().push(reorganisation);
        }
    }

    /// Whether a transaction committed at `ts`, by a session on `schema_version`, holds each change
    /// of this table once or twice.
    #[must_use]
    pub fn writes(&self, table: i64, schema_version: i64, ts: CommitTs) -> Writes {
        let jobs = self.reorganised.get(&table).into_iter().flatten();
        let mut while_it_ran = jobs.filter(|job| job.began < ts && schema_version < job.version);
        match while_it_ran.next() {
            None => Writes::Once,
            Some(job) if ts <= job.copied => Writes::TwiceAndCopied,
            Some(_) => Writes::Twice,
        }
    }

    /// The warning, once for each reorganisation, about changes of a table that
    /// [`writes`](Self::writes) calls twofold: without a key it is not certain which of them TiDB
    /// keeps twice.
    pub fn doubt(&mut self, table: &Table) -> Option<String> {
        let jobs = self.reorganised.get_mut(&table.id).filter(|_| !table.tells_rows_apart())?;
        let first = jobs.iter().any(|job| !job.said);
        jobs.iter_mut().for_each(|job| job.said = true);
        first.then(|| {
            format!(
                "`{}`.`{}` has no key, and rows were written while its partitions were reorganised. TiDB stores some \
                 new rows of that time twice, and its stream does not fully show which ones. Compare this table on \
                 both sides when it is idle (docs/traps.md)",
                table.schema, table.name
            )
        })
    }
}
