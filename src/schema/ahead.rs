//! Future definitions of tables: DDL jobs in the history beyond the stream's position.
//!
//! For a link whose target gets each DDL first. A row of an older definition is written to the
//! newer table as the upstream itself will convert it, column by column, by TiDB's column ids.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::fmt;
use std::sync::Arc;

use anyhow::{Context, Result};
use parking_lot::Mutex;

use super::{Converted, History, Job, TableInfo, convert};
use crate::mark::Origin;
use crate::model::{ActionType, CommitTs, Table};

/// How many definitions that the stream has passed are kept: rows read before may still be in
/// flight.
const KEPT: usize = 256;

/// A later definition of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Later {
    /// The table after the job.
    pub table: Arc<Table>,
    /// Whether the job changed one column, which may have got another id and another name at once.
    pub modifies: bool,
    /// Whether a tisync link ran it: then the cluster that the link comes from had it before.
    pub brought: bool,
}

/// What the source's history says about a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Course {
    /// The definitions that follow this one, the next first.
    pub later: Vec<Later>,
    /// Commit ts of the newest known DDL of the table. If a tisync link ran the DDL: that of the
    /// cluster that the link comes from.
    pub newest: Option<CommitTs>,
}

/// The definitions that the source's history has beyond the stream's position. The
/// [`Catalog`](super::Catalog) reports here what the stream has passed.
pub struct Ahead {
    history: Arc<dyn History>,
    passed: Mutex<Passed>,
}

#[derive(Default)]
struct Passed {
    jobs: HashSet<i64>,
    /// What the history has beyond the position, in the order of versions. Each job is read once.
    beyond: BTreeMap<(i64, i64), Vec<Left>>,
    read: HashSet<i64>,
    /// The newest definitions from jobs that the stream has passed.
    last: VecDeque<Left>,
}

/// A job's change and the definition after it.
type Left = (Change, Arc<Table>);

/// A job's change of a table.
#[derive(Clone, Copy)]
struct Change {
    /// The table's id before the job.
    from: i64,
    action: ActionType,
    at: CommitTs,
    brought: bool,
}

impl Change {
    fn of(job: &Job) -> Self {
        let origin = Origin::split(&job.query).map(|(origin, _)| origin);
        let at = origin.map_or(CommitTs(job.info.finished_ts), |origin| origin.ts);
        Self { from: job.table_id, action: job.action, at, brought: origin.is_some() }
    }
}

impl fmt::Debug for Ahead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ahead")
    }
}

impl Ahead {
    /// Before the stream begins.
    #[must_use]
    pub fn new(history: Arc<dyn History>) -> Self {
        Self { history, passed: Mutex::default() }
    }

    /// Sets the jobs that lie before the stream's beginning. Called again if the target lost data
    /// and the stream was set back.
    pub(super) fn begin(&self, jobs: impl Iterator<Item = i64>) {
        *self.passed.lock() = Passed { jobs: jobs.collect(), ..Passed::default() };
    }

    /// Records that the stream has passed `job`, after which the definitions are `after`.
    pub(super) fn pass(&self, job: &Job, after: &[Arc<Table>]) {
        let mut passed = self.passed.lock();
        passed.jobs.insert(job.id);
        passed.beyond.remove(&(job.info.schema_version, job.id));
        passed.read.remove(&job.id);
        passed.last.extend(after.iter().map(|table| (Change::of(job), Arc::clone(table))));
        let more = passed.last.len().saturating_sub(KEPT);
        passed.last.drain(..more);
    }

    /// What `table` becomes, as far as the history goes.
    ///
    /// # Errors
    /// If the history cannot be read.
    pub fn after(&self, table: &Table) -> Result<Course> {
        let mut passed = self.passed.lock();
        passed.read_on(&*self.history).context("reading TiDB's DDL history")?;
        let mut chain = Chain { id: table.id, found: Course::default() };
        for (change, after) in passed.last.iter().chain(passed.beyond.values().flatten()) {
            chain.add(*change, after);
        }
        drop(passed);
        let mut found = chain.found;
        // If `table` is none of these definitions, all of them came after it.
        if let Some(own) = found.later.iter().position(|l| same_columns(&l.table, table)) {
            found.later.drain(..=own);
        }
        Ok(found)
    }
}

impl Passed {
    /// Reads what was added to the history since the last call.
    fn read_on(&mut self, history: &dyn History) -> Result<()> {
        let jobs = history.recent(&|id| self.jobs.contains(&id) || self.read.contains(&id))?;
        for job in jobs {
            self.read.insert(job.id);
            if !job.effective() {
                continue;
            }
            let infos = job.info.table.as_deref().into_iter().chain(&job.info.tables);
            let tables = infos.filter_map(read).map(|table| (Change::of(&job), table)).collect();
            self.beyond.insert((job.info.schema_version, job.id), tables);
        }
        Ok(())
    }
}

/// The definitions of one table, whose id may change.
struct Chain {
    id: i64,
    found: Course,
}

impl Chain {
    fn add(&mut self, change: Change, table: &Arc<Table>) {
        let Change { from, action: what, at, brought } = change;
        let replaced =
            matches!(what, ActionType::TruncateTable | ActionType::PartitionBy | ActionType::RemovePartitioning);
        if table.id != self.id && !(replaced && from == self.id) || what == ActionType::DropTable {
            return;
        }
        self.id = table.id;
        self.found.newest = self.found.newest.max(Some(at));
        self.found.later.push(Later { table: Arc::clone(table), modifies: what == ActionType::ModifyColumn, brought });
    }
}

/// Converts without a database name, which does not matter here.
fn read(info: &TableInfo) -> Option<Arc<Table>> {
    match convert(info, "") {
        Converted::Table(table) => Some(Arc::from(table)),
        Converted::Unreadable(_) | Converted::Rowless => None,
    }
}

fn same_columns(a: &Table, b: &Table) -> bool {
    let alike = |(a, b): (&crate::model::Column, &crate::model::Column)| {
        a.id == b.id && a.name == b.name && a.kind == b.kind && a.generated == b.generated
    };
    a.columns.len() == b.columns.len() && a.columns.iter().zip(&b.columns).all(alike)
}

/// The index of each column of `table` in the last of `later`; `None` for a column that is dropped
/// on the way.
#[must_use]
pub fn carried(table: &Table, later: &[Later]) -> Vec<Option<usize>> {
    let mut places: Vec<Option<usize>> = (0..table.columns.len()).map(Some).collect();
    let mut before = table;
    for Later { table: after, modifies, .. } in later {
        let next = step(before, after, *modifies);
        for place in &mut places {
            *place = place.and_then(|at| next.get(at).copied().flatten());
        }
        before = after;
    }
    places
}

/// Column indexes across one job, as in [`carried`]. A column that is rewritten for another type
/// gets another id; in one job no other column takes its name.
fn step(before: &Table, after: &Table, modifies: bool) -> Vec<Option<usize>> {
    let new = |at: usize| after.columns.get(at).is_some_and(|c| before.columns.iter().all(|b| b.id != c.id));
    let mut places: Vec<Option<usize>> = before
        .columns
        .iter()
        .map(|column| {
            let by_id = after.columns.iter().position(|c| c.id == column.id);
            let same_name = |c: &crate::model::Column| c.name.to_lowercase() == column.name.to_lowercase();
            by_id.or_else(|| after.columns.iter().position(same_name).filter(|at| new(*at)))
        })
        .collect();
    let mut left = (0..places.len()).filter(|at| places.get(*at) == Some(&None));
    let mut more = (0..after.columns.len()).filter(|at| new(*at) && !places.contains(&Some(*at)));
    let only = (left.next(), left.next(), more.next(), more.next());
    if let (true, (Some(from), None, Some(to), None)) = (modifies, only)
        && let Some(place) = places.get_mut(from)
    {
        *place = Some(to);
    }
    places
}

#[cfg(test)]
#[path = "ahead_tests.rs"]
mod tests;
