//! Which tables' partitions are being reorganised: TiDB writes each change of their rows twice meanwhile (see `decode::once`).

use std::collections::HashMap;

use super::catalog::Catalog;
use super::packed::PackedJob;
use crate::decode::Writes;
use crate::model::{ActionType, CommitTs, Table};

/// While partitions were reorganised.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reorganisation {
    began: CommitTs,
    /// As of when rows were copied into the new partitions.
    copied: CommitTs,
    /// The schema version that it ended with.
    version: i64,
    /// Whether it was said what may come of it.
    said: bool,
}

/// By table.
pub(super) type Reorganised = HashMap<i64, Vec<Reorganisation>>;

impl Catalog {
    /// Takes note of `job`, if it is one of those.
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

    /// How a transaction committed at `ts`, by a session that was on `schema_version`, holds the changes of this table.
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

    /// What to say, once for each reorganisation, of changes of a table that [`writes`](Self::writes) calls twofold: without a key it is not known for sure
    /// which of them TiDB keeps twice.
    pub fn doubt(&mut self, table: &Table) -> Option<String> {
        let jobs = self.reorganised.get_mut(&table.id).filter(|_| !table.tells_rows_apart())?;
        let first = jobs.iter().any(|job| !job.said);
        jobs.iter_mut().for_each(|job| job.said = true);
        first.then(|| {
            format!(
                "`{}`.`{}` has no key, and rows were written while its partitions were reorganised. TiDB keeps some new rows of that time twice; \
                 which ones, its stream does not tell to the last one. Compare this table on both sides when it is quiet (docs/traps.md)",
                table.schema, table.name
            )
        })
    }
}
