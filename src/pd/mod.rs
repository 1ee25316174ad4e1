//! PD and the etcd inside it: members, timestamps, and the keys under which Pumps and TiDB servers register.
//!
//! [`Pd`] is the blocking client that every command uses; the async half behind it stays in this folder.

mod address;
mod client;
pub mod message;
mod node;
mod security;

use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use tokio::runtime::{Builder, Runtime};

use crate::model::CommitTs;

pub use address::endpoints;
pub use client::{DIAL_LIMIT, REQUEST_LIMIT, members_request, range_request, safe_point_request, tso_request};
pub use message::KeyValue;
pub use node::{Node, State, TidbServer};
pub use security::Security;

use client::Client;
pub(crate) use client::words;

/// Where Pumps register (spec/tidb-binlog.md §1.4).
pub const PUMPS: &str = "/tidb-binlog/v1/pumps/";
/// Where Drainers register.
pub const DRAINERS: &str = "/tidb-binlog/v1/drainers/";
/// Where TiDB servers register.
pub const TIDB_SERVERS: &str = "/tidb/server/info/";

/// A client of one PD cluster. Its methods block, for 5 s per attempt at the most, and may be called from any thread
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

    /// Every Pump ever registered, offline ones included. An entry that cannot be read is left out: see
    /// [`take_warnings`](Self::take_warnings).
    ///
    /// # Errors
    /// If etcd does not answer.
    pub fn pumps(&self) -> Result<Vec<Node>> {
        let (nodes, warnings) = node::nodes(PUMPS, &self.range(PUMPS)?);
        self.warn(warnings);
        Ok(nodes)
    }

    /// Every Drainer ever registered, as [`pumps`](Self::pumps).
    ///
    /// # Errors
    /// If etcd does not answer.
    pub fn drainers(&self) -> Result<Vec<Node>> {
        let (nodes, warnings) = node::nodes(DRAINERS, &self.range(DRAINERS)?);
        self.warn(warnings);
        Ok(nodes)
    }

    /// The TiDB servers that run now.
    ///
    /// # Errors
    /// If etcd does not answer.
    pub fn tidb_servers(&self) -> Result<Vec<TidbServer>> {
        let (servers, warnings) = node::tidb_servers(TIDB_SERVERS, &self.range(TIDB_SERVERS)?);
        self.warn(warnings);
        Ok(servers)
    }

    /// What the listings since the last call had to leave out, one sentence each, for the operator.
    #[must_use]
    pub fn take_warnings(&self) -> Vec<String> {
        std::mem::take(&mut self.warnings.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn warn(&self, warnings: Vec<String>) {
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
