//! Reads the DDL history of a live cluster from the status port of its TiDB servers.
//!
//! Source: docs/protocol/tidb-formats.md §7. Also returns the history in TiDB's own text, for
//! callers that store it.

use std::collections::{BTreeMap, HashSet};
use std::io::{BufReader, Read};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Result;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Deserializer;
use serde_json::de::IoRead;
use serde_json::value::RawValue;

use super::early::TableNow;
use super::info::{DbInfo, TableInfo};
use super::job::{Job, Snapshot};
use super::{History, each};
use crate::error::Fault;
use crate::pd::Security;

/// Jobs requested per page; newer servers give 2,048 at most.
const PAGE: usize = 1024;
/// Jobs requested per page when only the newest matter.
const SHORT: usize = 16;
/// Largest answer that is accepted, in bytes.
const MAX_ANSWER: u64 = 4 << 30;
/// The first id of the server's built-in views, which the store does not need.
const BUILT_IN: i64 = 1 << 62;

/// An answer while it arrives.
type Json<'a> = Deserializer<IoRead<Box<dyn Read + 'a>>>;
/// The value read from an answer; `None` for null.
type Parsed<T> = serde_json::Result<Option<T>>;

/// Why there is no answer.
enum Failure {
    /// Another server may have one.
    Server(String),
    /// The answer is not what a TiDB server sends.
    Answer(serde_json::Error),
}

/// How Go writes an empty list.
const NOTHING: &str = "null";

/// TiDB's `/ddl/history` and `/schema`.
pub struct HttpHistory {
    addresses: Vec<String>,
    security: Security,
    /// Index of the address that answered last.
    good: AtomicUsize,
}

impl HttpHistory {
    /// Timeout for one answer; those of large clusters have many MB.
    pub const LIMIT: Duration = Duration::from_secs(60);

    /// The history of the cluster whose TiDB servers have these status addresses, each as
    /// `http://host:port`. Sends no request yet.
    #[must_use]
    pub fn new(addresses: Vec<String>) -> Self {
        Self::secured(addresses, Security::default())
    }

    /// The history behind addresses as `http(s)://host:port`, with the cluster's certificates.
    #[must_use]
    pub fn secured(addresses: Vec<String>, security: Security) -> Self {
        let addresses = addresses.into_iter().map(|a| a.trim_end_matches('/').to_owned()).collect();
        Self { addresses, security, good: AtomicUsize::new(0) }
    }

    /// Calls `read` with the answer of the first server that gives one, beginning with the server
    /// that answered last. Returns the reason if the server refuses: status 400, or null. If a
    /// connection breaks, `read` may be called again with a part that it had before.
    fn ask<T>(&self, path: &str, read: &mut dyn FnMut(&mut Json<'_>) -> Parsed<T>) -> Result<Result<T, String>> {
        let mut failures = Vec::new();
        // Created for each request: certificates are renewed while a run goes on.
        let agent = self.security.agent(Self::LIMIT)?;
        let first = self.good.load(Ordering::Relaxed);
        for turn in 0..self.addresses.len() {
            let place = (first + turn) % self.addresses.len();
            let Some(address) = self.addresses.get(place) else { continue };
            let why = match Self::ask_one(&agent, &format!("{address}{path}"), read) {
                Ok(answer) => {
                    self.good.store(place, Ordering::Relaxed);
                    return Ok(answer);
                }
                Err(Failure::Server(why)) => why,
                Err(Failure::Answer(e)) => {
                    let text = format!("unexpected answer of TiDB to {path}: {e}");
                    let hint = "check that the address is the status port of a TiDB server, not of another component";
                    return Err(Fault::connect(text).hint(hint).into());
                }
            };
            failures.push(format!("{address}: {why}"));
        }
        let whom = if failures.is_empty() { "no address is known".to_owned() } else { failures.join("; ") };
        Err(Fault::connect(format!("asking TiDB's status port for {path}: {whom}"))
            .hint(
                "check that the status port (10080 by default) of a TiDB server is reachable from here, and its \
                 scheme; --schema-from sets another address",
            )
            .into())
    }

    fn ask_one<T>(
        agent: &ureq::Agent,
        url: &str,
        read: &mut dyn FnMut(&mut Json<'_>) -> Parsed<T>,
    ) -> Result<Result<T, String>, Failure> {
        let mut response = agent.get(url).call().map_err(|e| Failure::Server(e.to_string()))?;
        let status = response.status().as_u16();
        let body = response.body_mut().as_reader().take(MAX_ANSWER);
        if status != 200 {
            let mut start = Vec::new();
            body.take(1200).read_to_end(&mut start).map_err(|e| Failure::Server(format!("reading the answer: {e}")))?;
            let text: String = String::from_utf8_lossy(&start).chars().take(300).collect::<String>().trim().to_owned();
            return if status == 400 {
                Ok(Err(text))
            } else {
                Err(Failure::Server(format!("status {status}: {text}")))
            };
        }
        let mut json = Deserializer::from_reader(Box::new(BufReader::with_capacity(1 << 16, body)) as Box<dyn Read>);
        match read(&mut json).and_then(|parsed| json.end().map(|()| parsed)) {
            Ok(parsed) => Ok(parsed.ok_or_else(|| NOTHING.to_owned())),
            Err(e) if e.is_io() || e.is_eof() => Err(Failure::Server(format!("reading the answer: {e}"))),
            Err(e) => Err(Failure::Answer(e)),
        }
    }

    fn json<T: DeserializeOwned>(&self, path: &str) -> Result<Result<T, String>> {
        self.ask(path, &mut |json| Option::<T>::deserialize(json))
    }

    /// Gives the jobs of a page to `take`: at most `limit` with ids up to `from`, or the newest.
    /// Returns how many, or the reason if the server refuses.
    fn page(&self, from: Option<i64>, limit: usize, take: &mut dyn FnMut(Job)) -> Result<Result<usize, String>> {
        let start = from.map(|id| format!("start_job_id={id}&")).unwrap_or_default();
        let page = self.ask(&format!("/ddl/history?{start}limit={limit}"), &mut |json| each(json, take))?;
        Ok(page.or_else(|why| if why == NOTHING { Ok(0) } else { Err(why) }))
    }

    /// Gives pages to `take` from the newest on, until no job of a page is `wanted`. False if this
    /// server has no pages; `take` may then have got some jobs already.
    fn pages(&self, limit: usize, wanted: &dyn Fn(&Job) -> bool, take: &mut dyn FnMut(Job)) -> Result<bool> {
        let mut ids: HashSet<i64> = HashSet::new();
        let mut from: Option<i64> = None;
        let mut limit = limit;
        loop {
            let (mut lowest, mut done, mut strange) = (None, true, false);
            let mut page_ids = HashSet::new();
            let read = self.page(from, limit, &mut |job| {
                lowest = Some(lowest.map_or(job.id, |id: i64| id.min(job.id)));
                done &= !wanted(&job);
                strange |= from.is_some_and(|bound| job.id > bound || ids.contains(&job.id));
                if page_ids.insert(job.id) && !strange {
                    take(job);
                }
            })?;
            let Ok(count) = read else { return Ok(false) };
            if strange {
                return Ok(false);
            }
            ids.extend(page_ids);
            match lowest {
                Some(id) if count >= limit && !done && id > 1 => from = Some(id - 1),
                _ => return Ok(true),
            }
            limit = PAGE;
        }
    }

    /// Reads all jobs at once, from servers that have no pages.
    fn whole(&self, take: &mut dyn FnMut(Job)) -> Result<()> {
        let answer = self.ask("/ddl/history", &mut |json| each(json, take))?;
        answer.map_err(|why| {
            Fault::connect(format!("TiDB does not show its DDL history: {why}"))
                .hint("try the status port of another TiDB server")
        })?;
        Ok(())
    }
}

impl History for HttpHistory {
    fn all(&self) -> Result<Vec<Job>> {
        let mut jobs = Vec::new();
        self.each(&mut |job| jobs.push(job))?;
        jobs.sort_by_key(|j| j.id);
        jobs.dedup_by_key(|j| j.id);
        Ok(jobs)
    }

    fn each(&self, take: &mut dyn FnMut(Job)) -> Result<()> {
        if self.pages(PAGE, &|_| true, take)? { Ok(()) } else { self.whole(take) }
    }

    fn job(&self, id: i64) -> Result<Option<Job>> {
        let (mut found, mut newer) = (None, false);
        let page = self.page(Some(id), 1, &mut |job| {
            newer |= job.id > id;
            if job.id == id {
                found = Some(job);
            }
        })?;
        // Nothing, or an older job: not there yet. A newer job: this server ignores the start, as
        // servers may.
        if found.is_some() || page.is_ok() && !newer {
            return Ok(found);
        }
        self.whole(&mut |job| {
            if job.id == id {
                found = Some(job);
            }
        })?;
        Ok(found)
    }

    fn old_collations(&self) -> Option<bool> {
        /// The used part of a server's settings.
        #[derive(serde::Deserialize)]
        struct Settings {
            new_collations_enabled_on_first_bootstrap: Option<bool>,
        }
        // A server that does not show its settings can still be read from.
        let settings: Settings = self.json("/settings").ok()?.ok()?;
        settings.new_collations_enabled_on_first_bootstrap.map(|new| !new)
    }

    fn grows(&self) -> bool {
        true
    }

    fn current(&self) -> Result<Option<Snapshot>> {
        let mut databases: Vec<(DbInfo, Vec<TableInfo>)> = Vec::new();
        self.each_current(&mut |db, table| match (table, databases.last_mut()) {
            (Some(table), Some((_, tables))) => tables.push(table),
            _ => databases.push((db.clone(), Vec::new())),
        })?;
        Ok(Some(Snapshot { databases }))
    }

    fn each_current(&self, take: &mut dyn FnMut(&DbInfo, Option<TableInfo>)) -> Result<bool> {
        let refused = |path: &str, why: String| {
            Fault::connect(format!("TiDB does not answer {path}: {why}"))
                .hint("try the status port of another TiDB server")
        };
        let schemas: Vec<DbInfo> = self.json("/schema")?.map_err(|why| refused("/schema", why))?;
        for db in schemas.into_iter().filter(|d| d.id < BUILT_IN) {
            let path = format!("/schema/{}", encoded(&db.name.0));
            let answer = self.ask(&path, &mut |json| {
                take(&db, None);
                each(json, &mut |table| take(&db, Some(table)))
            })?;
            match answer {
                Ok(_) => {}
                // The database has no table, or was dropped a moment ago.
                Err(why) if why == NOTHING => {}
                Err(why) if why.contains("1049") || why.to_lowercase().contains("unknown database") => {}
                Err(why) => return Err(refused(&path, why).into()),
            }
        }
        Ok(true)
    }

    fn table_now(&self, id: i64) -> Result<Option<TableNow>> {
        /// `dbTableInfo`.
        #[derive(serde::Deserialize)]
        struct Answer {
            table_info: Option<Box<TableInfo>>,
            schema_version: i64,
        }
        let answer: Result<Answer, String> = match self.json(&format!("/db-table/{id}")) {
            // Every TiDB has this page, but a proxy in front of it may not.
            Err(error) if format!("{error:#}").contains("status 404") => return Ok(None),
            answer => answer?,
        };
        Ok(Some(match answer {
            // A partition's id gives its table.
            Ok(now) => TableNow { info: now.table_info.filter(|t| t.id == id), schema_version: now.schema_version },
            Err(_) => TableNow { info: None, schema_version: 0 },
        }))
    }

    fn recent(&self, known: &dyn Fn(i64) -> bool) -> Result<Vec<Job>> {
        let mut jobs = Vec::new();
        let mut take = |job: Job| {
            if !known(job.id) {
                jobs.push(job);
            }
        };
        // A page without anything new is the end of what is new.
        if !self.pages(SHORT, &|job| !known(job.id), &mut take)? {
            self.whole(&mut take)?;
        }
        Ok(jobs)
    }
}

/// `text` as one segment of a path.
fn encoded(text: &str) -> PercentEncode<'_> {
    const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');
    utf8_percent_encode(text, SEGMENT)
}

#[derive(Deserialize)]
struct Id {
    id: i64,
}

impl HttpHistory {
    /// All finished jobs in TiDB's own text, by their ids.
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
                // A server without pages sends the whole list again, or more than requested.
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

/// Adds `page`; returns its lowest id.
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
