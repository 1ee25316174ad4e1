//! Whether a row's table is what the history knows of it. A job comes into the history when it is over; an ALTER of several parts shows some of them
//! before (see [`super::EarlyJob`]). So a row of a schema version that no finished job explains makes the catalog ask a TiDB server what the table is
//! now: the same as known, so the row can be read; or another, then its job is about to end, and is waited for.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::catalog::{Catalog, UNREACHABLE};
use super::early::keeps_keys;
use super::packed::PackedJob;
use super::{Converted, TableInfo, convert};
use crate::model::{CommitTs, Table};

/// Jobs that ended this long before the newest one have nothing beside them that shows a part and has not ended. A job shows its parts at its very end;
/// when its owner dies just then, another takes it over within a minute.
const OVER: u64 = 180_000;
/// How often it asks again, at first and later.
const FIRST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_millis(500);

/// What a TiDB server says of a table now.
#[derive(Clone, Debug, PartialEq)]
pub struct TableNow {
    /// The table; `None` if there is none of that id any more.
    pub info: Option<Box<TableInfo>>,
    /// The schema version that the server has come to.
    pub schema_version: i64,
}

/// Up to which schema version tables are known.
#[derive(Debug, Default)]
pub(super) struct Confirmed {
    /// All of them.
    all: i64,
    /// By table.
    tables: HashMap<i64, i64>,
    /// When each table was changed last by a known job.
    updated: HashMap<i64, u64>,
    /// The highest version of a known job, and when the last of them ended.
    newest: (i64, u64),
}

impl Confirmed {
    /// Takes note of a job of the history.
    pub(super) fn job(&mut self, job: &PackedJob) {
        for (table, updated) in &job.updated {
            let last = self.updated.entry(*table).or_default();
            *last = (*last).max(*updated);
        }
        self.newest = (self.newest.0.max(job.version), self.newest.1.max(job.finished_ts >> 18));
    }

    /// Whether everything is known that a transaction of `version` committed at `ts` may have known of any table: all of it had ended long before.
    pub(super) fn all_over(&self, version: i64, ts: CommitTs) -> bool {
        version <= self.all || version <= self.newest.0 && self.newest.1 + OVER < ts.physical_ms()
    }

    /// The history is read for the first time: `jobs` gives for each the version and when it ended.
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
    /// Sees to it that all is known that a session on `version` may have known of `tables`. `wait` is told for how long already, and ends it with
    /// an error.
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
                // A server that is behind knows nothing of it yet.
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

    /// Whether the jobs of the history make the table what it is `now`, as far as rows go.
    fn same_as_known(&mut self, table: i64, now: &TableNow) -> Result<bool> {
        let Some(info) = &now.info else {
            // Dropped since: what came before that is in the history.
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
        // Every job that ended before the answer is known now. One more may run, and shows nothing yet if the table is as the last of those left it.
        // Where nothing is known of it, there is nothing to compare.
        Ok(self.last_known(table)?.is_none_or(|known| same_rows(&known, info)))
    }

    /// The table as the last job left it that is known, whether the stream has come to that or not.
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

/// Whether rows of both are written alike.
fn same_rows(known: &Table, info: &TableInfo) -> bool {
    match convert(info, &known.schema) {
        // A unique key that is no longer public is no longer looked at, or soon.
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
