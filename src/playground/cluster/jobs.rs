//! The DDL history of the simulated cluster, and when each job can be seen in it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::Deserialize;

use super::state::lock;

/// When a job appears in the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Now,
    /// This long after a Pump has sent its message for the first time.
    AfterMessage(Duration),
    From(Instant),
}

/// All jobs by id, as JSON text.
#[derive(Default)]
pub(super) struct Jobs {
    all: Mutex<BTreeMap<i64, (Arc<str>, Seen)>>,
}

impl Jobs {
    /// Takes in a job, visible at once, or `delay` after its message was sent.
    pub(super) fn add(&self, json: &str, delay: Option<Duration>) -> Result<i64> {
        #[derive(Deserialize)]
        struct Id {
            id: i64,
        }
        let Id { id } = serde_json::from_str(json).context("a job for the simulated DDL history is not a Job")?;
        let seen = delay.map_or(Seen::Now, Seen::AfterMessage);
        lock(&self.all).insert(id, (json.into(), seen));
        Ok(id)
    }

    /// A Pump has sent the message of this job.
    pub(super) fn message_sent(&self, id: i64) {
        if let Some((_, seen)) = lock(&self.all).get_mut(&id)
            && let Seen::AfterMessage(delay) = *seen
        {
            *seen = Seen::From(Instant::now() + delay);
        }
    }

    /// Up to `limit` visible jobs with ids up to `from`, newest first.
    pub(super) fn newest(&self, from: i64, limit: usize) -> Vec<Arc<str>> {
        let now = Instant::now();
        let visible = |seen: Seen| match seen {
            Seen::Now => true,
            Seen::AfterMessage(_) => false,
            Seen::From(when) => now >= when,
        };
        let all = lock(&self.all);
        all.range(..=from).rev().filter(|(_, (_, s))| visible(*s)).take(limit).map(|(_, (j, _))| j.clone()).collect()
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
