//! The history of a live cluster, from the status port of its TiDB servers (spec/tidb-formats.md §7).

use std::collections::HashSet;
use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Result;
use serde::de::DeserializeOwned;

use super::{DbInfo, History, Job, Snapshot, TableInfo};
use crate::error::Fault;

/// Jobs asked for at once; newer servers give 2,048 at most.
const PAGE: usize = 1024;
/// Jobs asked for when only the newest matter.
const SHORT: usize = 16;
/// No answer is longer than this.
const MAX_ANSWER: u64 = 4 << 30;
/// The first id of the server's views of itself, which no store has to know.
const BUILT_IN: i64 = 1 << 62;

/// How Go writes an empty list.
const NOTHING: &str = "null";

/// TiDB's `/ddl/history` and `/schema`.
pub struct HttpHistory {
    addresses: Vec<String>,
    agent: ureq::Agent,
    /// The address that answered last.
    good: AtomicUsize,
}

/// What a server says.
enum Answer {
    Json(Vec<u8>),
    /// Status 400 and why: the request is not one that this server can answer.
    No(String),
}

impl HttpHistory {
    /// How long an answer may take; those of large clusters have many MB.
    pub const LIMIT: Duration = Duration::from_secs(60);

    /// The cluster whose TiDB servers have these status addresses, each as `http://host:port`. Nothing is asked yet.
    #[must_use]
    pub fn new(addresses: Vec<String>) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_connect(Some(Duration::from_secs(5)))
            .timeout_global(Some(Self::LIMIT))
            .http_status_as_error(false)
            // Status ports are inside the cluster, where a proxy of the environment does not lead.
            .proxy(None)
            .build();
        Self::with_agent(addresses, config.into())
    }

    /// The same for `http(s)://host:port`, asked through `agent`, which has the cluster's certificates and gives answers
    /// of any status as they are.
    #[must_use]
    pub fn with_agent(addresses: Vec<String>, agent: ureq::Agent) -> Self {
        let addresses = addresses.into_iter().map(|a| a.trim_end_matches('/').to_owned()).collect();
        Self { addresses, agent, good: AtomicUsize::new(0) }
    }

    /// The answer of the first server that gives one, beginning with the one that did last.
    fn get(&self, path: &str) -> Result<Answer> {
        let mut failures = Vec::new();
        let first = self.good.load(Ordering::Relaxed);
        for turn in 0..self.addresses.len() {
            let place = (first + turn) % self.addresses.len();
            let Some(address) = self.addresses.get(place) else { continue };
            match self.get_from(&format!("{address}{path}")) {
                Ok(answer) => {
                    self.good.store(place, Ordering::Relaxed);
                    return Ok(answer);
                }
                Err(why) => failures.push(format!("{address}: {why}")),
            }
        }
        let whom = if failures.is_empty() { "no address is known".to_owned() } else { failures.join("; ") };
        Err(Fault::connect(format!("asking TiDB's status port for {path}: {whom}"))
            .hint(
                "check that the status port (10080 unless set) of a TiDB server is reachable from here, and its scheme; \
                 --schema-from names another address",
            )
            .into())
    }

    fn get_from(&self, url: &str) -> Result<Answer, String> {
        let mut response = self.agent.get(url).call().map_err(|e| e.to_string())?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        let reader = response.body_mut().as_reader();
        reader.take(MAX_ANSWER).read_to_end(&mut body).map_err(|e| format!("reading the answer: {e}"))?;
        let text = || String::from_utf8_lossy(&body).chars().take(300).collect::<String>().trim().to_owned();
        match status {
            200 => Ok(Answer::Json(body)),
            400 => Ok(Answer::No(text())),
            other => Err(format!("status {other}: {}", text())),
        }
    }

    fn json<T: DeserializeOwned>(&self, path: &str) -> Result<Result<T, String>> {
        match self.get(path)? {
            Answer::No(why) => Ok(Err(why)),
            Answer::Json(body) => match serde_json::from_slice::<Option<T>>(&body) {
                Ok(Some(value)) => Ok(Ok(value)),
                Ok(None) => Ok(Err(NOTHING.to_owned())),
                Err(e) => Err(Fault::connect(format!("TiDB's answer to {path} is not what was expected: {e}"))
                    .hint("check that the address is the status port of a TiDB server, not of another component")
                    .into()),
            },
        }
    }

    /// The page of at most `limit` jobs with ids up to `from`, or of the newest; the reason if the server refuses.
    fn page(&self, from: Option<i64>, limit: usize) -> Result<Result<Vec<Job>, String>> {
        let start = from.map(|id| format!("start_job_id={id}&")).unwrap_or_default();
        let page = self.json(&format!("/ddl/history?{start}limit={limit}"))?;
        Ok(page.or_else(|why| if why == NOTHING { Ok(Vec::new()) } else { Err(why) }))
    }

    /// Pages from the newest on, until `enough` says so of one. `None` if this server does not page.
    fn pages(&self, limit: usize, enough: &dyn Fn(&[Job]) -> bool) -> Result<Option<Vec<Job>>> {
        let mut all: Vec<Job> = Vec::new();
        let mut ids: HashSet<i64> = HashSet::new();
        let mut from = None;
        let mut limit = limit;
        loop {
            let Ok(page) = self.page(from, limit)? else { return Ok(None) };
            let (full, done) = (page.len() >= limit, enough(&page));
            let lowest = page.iter().map(|j| j.id).min();
            if let Some(bound) = from
                && page.iter().any(|j| j.id > bound || ids.contains(&j.id))
            {
                return Ok(None);
            }
            ids.extend(page.iter().map(|j| j.id));
            all.extend(page);
            match lowest {
                Some(id) if full && !done && id > 1 => from = Some(id - 1),
                _ => return Ok(Some(all)),
            }
            limit = PAGE;
        }
    }

    /// What servers that do not page give: everything.
    fn whole(&self) -> Result<Vec<Job>> {
        let answer = self.json("/ddl/history")?;
        Ok(answer.map_err(|why| {
            Fault::connect(format!("TiDB does not show its DDL history: {why}"))
                .hint("try the status port of another TiDB server")
        })?)
    }
}

impl History for HttpHistory {
    fn all(&self) -> Result<Vec<Job>> {
        let mut jobs = match self.pages(PAGE, &|_| false)? {
            Some(jobs) => jobs,
            None => self.whole()?,
        };
        jobs.sort_by_key(|j| j.id);
        jobs.dedup_by_key(|j| j.id);
        Ok(jobs)
    }

    fn job(&self, id: i64) -> Result<Option<Job>> {
        if let Ok(page) = self.page(Some(id), 1)? {
            if let Some(job) = page.iter().find(|j| j.id == id) {
                return Ok(Some(job.clone()));
            }
            // Nothing, or an older job: not there yet. A newer one: this server ignores the start, as it may refuse it.
            if page.iter().all(|j| j.id < id) {
                return Ok(None);
            }
        }
        Ok(self.whole()?.into_iter().find(|j| j.id == id))
    }

    fn grows(&self) -> bool {
        true
    }

    fn current(&self) -> Result<Option<Snapshot>> {
        let refused = |path: &str, why: String| {
            Fault::connect(format!("TiDB does not answer {path}: {why}"))
                .hint("try the status port of another TiDB server")
        };
        let schemas: Vec<DbInfo> = self.json("/schema")?.map_err(|why| refused("/schema", why))?;
        let mut databases = Vec::new();
        for db in schemas.into_iter().filter(|d| d.id < BUILT_IN) {
            let path = format!("/schema/{}", encoded(&db.name.0));
            match self.json::<Vec<TableInfo>>(&path)? {
                Ok(tables) => databases.push((db, tables)),
                // It has no table, or was dropped a moment ago.
                Err(why) if why == NOTHING => databases.push((db, Vec::new())),
                Err(why) if why.contains("1049") || why.to_lowercase().contains("unknown database") => {}
                Err(why) => return Err(refused(&path, why).into()),
            }
        }
        Ok(Some(Snapshot { databases }))
    }

    fn recent(&self, known: &dyn Fn(i64) -> bool) -> Result<Vec<Job>> {
        // A page without anything new is the end of what is new.
        let mut jobs = match self.pages(SHORT, &|page| page.iter().all(|j| known(j.id)))? {
            Some(jobs) => jobs,
            None => self.whole()?,
        };
        jobs.retain(|j| !known(j.id));
        Ok(jobs)
    }
}

/// `text` as one segment of a path.
fn encoded(text: &str) -> String {
    text.bytes()
        .map(|b| match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(b).to_string(),
            _ => format!("%{b:02X}"),
        })
        .collect()
}
