//! PD and the etcd inside it: members, timestamps, and the keys under which Pumps and TiDB servers register.
//!
//! [`Pd`] is the blocking client that every command uses; the async half behind it stays in this folder.

mod address;
mod client;
pub mod etcd;
pub mod message;
mod node;
mod security;
mod status;

use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use tokio::runtime::{Builder, Runtime};

use crate::model::CommitTs;

pub use address::endpoints;
pub use client::{
    DIAL_LIMIT, REQUEST_LIMIT, get_request, members_request, range_request, safe_point_request, tso_request,
};
pub use message::KeyValue;
pub use node::{Node, State, TidbServer, Unread};
pub use security::Security;
pub(crate) use security::reason;
pub use status::Status;

use client::Client;
pub(crate) use client::words;

/// Where Pumps register (spec/tidb-binlog.md §1.4).
pub const PUMPS: &str = "/tidb-binlog/v1/pumps/";
/// Where Drainers register.
pub const DRAINERS: &str = "/tidb-binlog/v1/drainers/";
/// Where TiDB servers register.
pub const TIDB_SERVERS: &str = "/tidb/server/info/";

/// A client of one PD cluster, with the etcd inside it. Its methods block, for 5 s per attempt at the most, and may be called from any thread
/// that is not inside an async task.
pub struct Pd {
    /// Taken out only by `drop`.
    runtime: Option<Runtime>,
    client: Client,
    warnings: Mutex<Vec<String>>,
}

impl Pd {
    /// Connects to the first of `endpoints` that answers and finds the leader from there.
    /// An endpoint is `pd://h:p,h2:p2`, `http(s)://h:p` or `h:p`.
    ///
    /// # Errors
    /// A usage fault for an address that is none; a connect fault with every address tried and why it failed.
    pub fn connect(endpoints: &[String], security: &Security) -> Result<Self> {
        let endpoints = address::endpoints(endpoints)?;
        security.check(endpoints.iter().any(|e| e.tls))?;
        let addresses: Vec<String> = endpoints.into_iter().map(|e| e.address).collect();
        let runtime = Builder::new_current_thread().enable_all().build().context("cannot start the client of PD")?;
        let client = runtime.block_on(Client::connect(addresses, security.clone()))?;
        Ok(Self { runtime: Some(runtime), client, warnings: Mutex::default() })
    }

    fn block<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        self.runtime.as_ref().context("the client of PD has been closed")?.block_on(work)
    }

    /// The TiDB cluster's id (not etcd's).
    #[must_use]
    pub fn cluster_id(&self) -> u64 {
        self.client.cluster_id()
    }

    /// `host:port` of the leader as it was last seen.
    #[must_use]
    pub fn leader(&self) -> String {
        self.client.leader()
    }

    /// A fresh timestamp: above every commit ts so far.
    ///
    /// # Errors
    /// If no leader gives one, also after looking for the leader anew.
    pub fn tso(&self) -> Result<CommitTs> {
        self.block(self.client.tso())
    }

    /// TiKV keeps no versions older than this ts; 0 before its first garbage collection.
    ///
    /// # Errors
    /// If PD does not tell.
    pub fn gc_safe_point(&self) -> Result<CommitTs> {
        self.block(self.client.gc_safe_point())
    }

    /// All etcd pairs whose key begins with `prefix`, by key.
    ///
    /// # Errors
    /// If etcd does not answer, or not completely.
    pub fn range(&self, prefix: &str) -> Result<Vec<KeyValue>> {
        self.block(self.client.range(prefix))
    }

    /// The etcd pair of exactly this key, if there is one.
    ///
    /// # Errors
    /// If etcd does not answer.
    pub fn get(&self, key: &str) -> Result<Option<KeyValue>> {
        self.block(self.client.get(key))
    }

    /// Writes `value` under `key`, if nobody has changed the key since `revision` (its `mod_revision`; 0: if there is none);
    /// false if somebody has. The original compares less (that the key is there), so the last writer wins with it.
    ///
    /// # Errors
    /// If etcd does not answer, or does not allow it.
    pub fn swap(&self, key: &str, value: &[u8], revision: i64) -> Result<bool> {
        self.block(self.client.swap(key, value, revision))
    }

    /// Removes `key`, if nobody has changed it since `revision`; false if somebody has.
    ///
    /// # Errors
    /// If etcd does not answer, or does not allow it.
    pub fn remove(&self, key: &str, revision: i64) -> Result<bool> {
        self.block(self.client.remove(key, revision))
    }

    /// The flags with which a command reaches this PD: `--pd 10.0.0.1:2379`, and the files for TLS.
    #[must_use]
    pub fn flags(&self) -> String {
        self.client.flags()
    }

    /// The entry of a Pump ([`PUMPS`]) or Drainer ([`DRAINERS`]) with its revision, if there is one. One that cannot be read
    /// is an error.
    ///
    /// # Errors
    /// If etcd does not answer, or the entry is not of the known form.
    pub fn entry(&self, prefix: &str, id: &str) -> Result<Option<(Status, i64)>> {
        let key = format!("{prefix}{id}");
        let Some(pair) = self.get(&key)? else { return Ok(None) };
        let status = Status::read(&pair.value).with_context(|| format!("the entry {key} in etcd is broken"))?;
        Ok(Some((status, pair.mod_revision)))
    }

    /// Every Pump ever registered, offline ones included. An entry that cannot be read is left out: see
    /// [`take_warnings`](Self::take_warnings).
    ///
    /// # Errors
    /// If etcd does not answer.
    pub fn pumps(&self) -> Result<Vec<Node>> {
        let (nodes, unread) = self.pump_entries()?;
        self.warn(PUMPS, unread);
        Ok(nodes)
    }

    /// The same, with the entries that cannot be read: for whoever must not miss a Pump.
    ///
    /// # Errors
    /// If etcd does not answer.
    pub fn pump_entries(&self) -> Result<(Vec<Node>, Vec<Unread>)> {
        Ok(node::nodes(PUMPS, &self.range(PUMPS)?))
    }

    /// Every Drainer ever registered, as [`pumps`](Self::pumps).
    ///
    /// # Errors
    /// If etcd does not answer.
    pub fn drainers(&self) -> Result<Vec<Node>> {
        let (nodes, unread) = node::nodes(DRAINERS, &self.range(DRAINERS)?);
        self.warn(DRAINERS, unread);
        Ok(nodes)
    }

    /// The TiDB servers that run now.
    ///
    /// # Errors
    /// If etcd does not answer.
    pub fn tidb_servers(&self) -> Result<Vec<TidbServer>> {
        let (servers, unread) = node::tidb_servers(TIDB_SERVERS, &self.range(TIDB_SERVERS)?);
        self.warn(TIDB_SERVERS, unread);
        Ok(servers)
    }

    /// What the listings since the last call had to leave out, one sentence each, for the operator.
    #[must_use]
    pub fn take_warnings(&self) -> Vec<String> {
        std::mem::take(&mut self.warnings.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn warn(&self, prefix: &str, unread: Vec<Unread>) {
        let warnings =
            unread.into_iter().map(|u| format!("the entry {prefix}{} in etcd {} and was left out", u.id, u.why));
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).extend(warnings);
    }
}

impl Drop for Pd {
    fn drop(&mut self) {
        // A runtime that is dropped inside an async task panics; this way of ending it never blocks.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
