//! The DDL history of the simulated cluster, and when each job can be seen in it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::Deserialize;

use super::state::lock;
use crate::model::ActionType;

/// When a job appears in the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Now,
    /// This long after a Pump has sent its message for the first time.
    AfterMessage(Duration),
    From(Instant),
}

impl Seen {
    fn is_visible(self, now: Instant) -> bool {
        match self {
            Self::Now => true,
            Self::AfterMessage(_) => false,
            Self::From(when) => now >= when,
        }
    }
}

/// A job of the history.
struct Known {
    json: Arc<str>,
    seen: Seen,
    /// Whether what it did can be seen already, although it is not over.
    shown: bool,
    version: i64,
    /// Tables that it made or changed, and one that it ended.
    tables: Vec<i64>,
    ended: Option<i64>,
}

/// All jobs by id.
#[derive(Default)]
pub(super) struct Jobs {
    all: Mutex<BTreeMap<i64, Known>>,
    /// The highest schema version of a job or of rows.
    version: AtomicI64,
}

/// What is read of a job.
#[derive(Deserialize)]
struct Outline {
    id: i64,
    #[serde(rename = "type", default)]
    action: ActionType,
    #[serde(default)]
    table_id: i64,
    #[serde(default)]
    binlog: Option<Outcome>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Outcome {
    #[serde(default)]
    schema_version: i64,
    table_info: Option<Id>,
    multiple_table_infos: Option<Vec<Id>>,
}

#[derive(Deserialize)]
struct Id {
    id: i64,
}

/// Whether there is no table of its id behind such a job.
const fn ends_its_table(action: ActionType) -> bool {
    use ActionType as Type;
    matches!(
        action,
        Type::DropTable
            | Type::TruncateTable
            | Type::DropView
            | Type::DropSequence
            | Type::PartitionBy
            | Type::RemovePartitioning
    )
}

impl Jobs {
    /// Takes in a job, visible at once, or `delay` after its message was sent.
    pub(super) fn add(&self, json: &str, delay: Option<Duration>) -> Result<i64> {
        let job: Outline = serde_json::from_str(json).context("a job for the simulated DDL history is not a Job")?;
        let seen = delay.map_or(Seen::Now, Seen::AfterMessage);
        let (version, tables) = job.binlog.map_or((0, Vec::new()), |b| {
            let infos = b.table_info.into_iter().chain(b.multiple_table_infos.unwrap_or_default());
            (b.schema_version, infos.map(|info| info.id).collect())
        });
        let ended = ends_its_table(job.action).then_some(job.table_id);
        if delay.is_none() {
            self.came_to(version);
        }
        lock(&self.all).insert(job.id, Known { json: json.into(), seen, shown: false, version, tables, ended });
        Ok(job.id)
    }

    /// What job `id` does can be seen from now on, although it is not over.
    pub(super) fn show(&self, id: i64) {
        if let Some(known) = lock(&self.all).get_mut(&id) {
            known.shown = true;
            self.came_to(known.version);
        }
    }

    /// Rows of this schema version were written.
    pub(super) fn came_to(&self, version: i64) {
        self.version.fetch_max(version, Ordering::SeqCst);
    }

    /// The highest schema version so far.
    pub(super) fn version(&self) -> i64 {
        self.version.load(Ordering::SeqCst)
    }

    /// The last job that made or changed the table `id`, as JSON; `None` if there is none, or a later one has ended it.
    pub(super) fn last_of(&self, id: i64) -> Option<Arc<str>> {
        let now = Instant::now();
        let all = lock(&self.all);
        let about = all.values().filter(|k| k.shown || k.seen.is_visible(now));
        let last = about.filter(|k| k.tables.contains(&id) || k.ended == Some(id)).max_by_key(|k| k.version)?;
        last.tables.contains(&id).then(|| last.json.clone())
    }

    /// A Pump has sent the message of this job.
    pub(super) fn message_sent(&self, id: i64) {
        if let Some(known) = lock(&self.all).get_mut(&id)
            && let Seen::AfterMessage(delay) = known.seen
        {
            self.came_to(known.version);
            known.seen = Seen::From(Instant::now() + delay);
        }
    }

    /// Up to `limit` visible jobs with ids up to `from`, newest first.
    pub(super) fn newest(&self, from: i64, limit: usize) -> Vec<Arc<str>> {
        let now = Instant::now();
        let all = lock(&self.all);
        all.range(..=from)
            .rev()
            .filter(|(_, k)| k.seen.is_visible(now))
            .take(limit)
            .map(|(_, k)| k.json.clone())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_job_appears_after_its_message() {
        let jobs = Jobs::default();
        jobs.add(r#"{"id":1}"#, None).unwrap();
        jobs.add(r#"{"id":2}"#, Some(Duration::ZERO)).unwrap();
        assert_eq!(jobs.newest(i64::MAX, 9).len(), 1);
        jobs.message_sent(2);
        jobs.message_sent(77);
        let ids: Vec<_> = jobs.newest(i64::MAX, 9).iter().map(ToString::to_string).collect();
        assert_eq!(ids, [r#"{"id":2}"#, r#"{"id":1}"#]);
        assert_eq!(jobs.newest(1, 9).len(), 1);
        assert!(jobs.add("{}", None).is_err());
    }
}
