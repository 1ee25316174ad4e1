//! The history as TiDB words it, for whoever keeps it.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{HttpHistory, NOTHING, PAGE};
use crate::error::Fault;

#[derive(Deserialize)]
struct Id {
    id: i64,
}

impl HttpHistory {
    /// All finished jobs in TiDB's own words, by their ids.
    ///
    /// # Errors
    /// If they cannot be read, or one has no id.
    pub fn raw(&self) -> Result<BTreeMap<i64, Box<RawValue>>> {
        let mut jobs = BTreeMap::new();
        let mut from = None;
        loop {
            let start = from.map(|id: i64| format!("start_job_id={id}&")).unwrap_or_default();
            let page: Vec<Box<RawValue>> = match self.json(&format!("/ddl/history?{start}limit={PAGE}"))? {
                Ok(page) => page,
                Err(why) if why == NOTHING => Vec::new(),
                Err(_) => return self.raw_whole(),
            };
            let (count, before) = (page.len(), jobs.len());
            let lowest = keep(page, &mut jobs)?;
            match lowest {
                // A server that does not page gives the same again, or more than it was asked for.
                _ if count > PAGE || (count > 0 && jobs.len() == before) => return self.raw_whole(),
                Some(lowest) if count == PAGE && lowest > 1 => from = Some(lowest - 1),
                _ => return Ok(jobs),
            }
        }
    }

    fn raw_whole(&self) -> Result<BTreeMap<i64, Box<RawValue>>> {
        let whole: Result<Vec<Box<RawValue>>, String> = self.json("/ddl/history")?;
        let whole = match whole {
            Err(why) if why == NOTHING => Vec::new(),
            other => other.map_err(|why| {
                Fault::connect(format!("TiDB does not show its DDL history: {why}"))
                    .hint("try the status port of another TiDB server")
            })?,
        };
        let mut jobs = BTreeMap::new();
        keep(whole, &mut jobs)?;
        Ok(jobs)
    }
}

/// Adds `page`; gives its lowest id.
fn keep(page: Vec<Box<RawValue>>, jobs: &mut BTreeMap<i64, Box<RawValue>>) -> Result<Option<i64>> {
    let mut lowest = None;
    for job in page {
        let Id { id } = serde_json::from_str(job.get()).map_err(|e| {
            Fault::connect(format!("TiDB's DDL history has a job without an id: {e}"))
                .hint("check that the address is the status port of a TiDB server")
        })?;
        lowest = Some(lowest.map_or(id, |l: i64| l.min(id)));
        jobs.insert(id, job);
    }
    Ok(lowest)
}
