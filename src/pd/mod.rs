//! PD and its etcd: members, timestamps, and the keys under which Pumps and TiDB servers register.
//!
//! [`Pd`] is the blocking client that every command uses; the async half behind it stays in this
//! folder. PD addresses are accepted as operators write them: `pd://h:p,h2:p2`, `http(s)://h:p`,
//! bare `h:p`, comma lists of any of these.

mod client;
pub mod message;
mod node;
mod security;

use parking_lot::Mutex;

use anyhow::{Context, Result};
use tokio::runtime::{Builder, Runtime};

use crate::error::Fault;
use crate::model::CommitTs;
use client::Client;
pub(crate) use client::words;
pub use client::{
    DIAL_LIMIT, REQUEST_LIMIT, get_request, members_request, range_request, safe_point_request, tso_request,
};
pub use message::KeyValue;
pub use node::{Node, State, Status, TidbServer, Unread};
pub use security::Security;
pub(crate) use security::reason;

/// Where Pumps register (docs/protocol/tidb-binlog.md §1.4).
pub const PUMPS: &str = "/tidb-binlog/v1/pumps/";
/// Where Drainers register.
pub const DRAINERS: &str = "/tidb-binlog/v1/drainers/";
/// Where TiDB servers register.
pub const TIDB_SERVERS: &str = "/tidb/server/info/";

/// A client of one PD cluster, with the etcd inside it. Its methods block, for at most 5 s per
/// attempt, and may be called from any thread outside of an async task.
pub struct Pd {
    /// `Some` until `drop` takes it.
    runtime: Option<Runtime>,
    client: Client,
    warnings: Mutex<Vec<String>>,
}

impl Pd {
    /// Connects to the first of `endpoints` that answers, and finds the leader from there. An
    /// endpoint is `pd://h:p,h2:p2`, `http(s)://h:p` or `h:p`.
    ///
    /// # Errors
    /// A usage fault for an address that is malformed; a connect fault with every address tried and
    /// why it failed.
    pub fn connect(endpoints: &[String], security: &Security) -> Result<Self> {
        let endpoints = parse_endpoints(endpoints)?;
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

    /// A fresh timestamp, above every commit ts so far.
    ///
    /// # Errors
    /// If no leader gives one, even after looking for the leader again.
    pub fn tso(&self) -> Result<CommitTs> {
        self.block(self.client.tso())
    }

    /// The ts below which TiKV keeps no old versions; 0 before its first garbage collection.
    ///
    /// # Errors
    /// If PD does not answer.
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

    /// Writes `value` under `key` if the key has not changed since `revision` (its `mod_revision`;
    /// 0: if there is none); false if it has. Drainer only compares that the key exists, so with
    /// Drainer the last writer wins.
    ///
    /// # Errors
    /// If etcd does not answer, or does not allow it.
    pub fn swap(&self, key: &str, value: &[u8], revision: i64) -> Result<bool> {
        self.block(self.client.swap(key, value, revision))
    }

    /// Deletes `key` if it has not changed since `revision`; false if it has.
    ///
    /// # Errors
    /// If etcd does not answer, or does not allow it.
    pub fn remove(&self, key: &str, revision: i64) -> Result<bool> {
        self.block(self.client.remove(key, revision))
    }

    /// The flags with which a command reaches this PD: `--pd 10.0.0.1:2379`, and the TLS files.
    #[must_use]
    pub fn flags(&self) -> String {
        self.client.flags()
    }

    /// The entry of a Pump ([`PUMPS`]) or Drainer ([`DRAINERS`]) with its revision, if there is
    /// one.
    ///
    /// # Errors
    /// If etcd does not answer, or the entry cannot be read.
    pub fn entry(&self, prefix: &str, id: &str) -> Result<Option<(Status, i64)>> {
        let key = format!("{prefix}{id}");
        let Some(pair) = self.get(&key)? else { return Ok(None) };
        let status = Status::read(&pair.value).with_context(|| format!("the entry {key} in etcd is invalid"))?;
        Ok(Some((status, pair.mod_revision)))
    }

    /// Every Pump ever registered, offline ones included. An entry that cannot be read is left out:
    /// see [`take_warnings`](Self::take_warnings).
    ///
    /// # Errors
    /// If etcd does not answer.
    pub fn pumps(&self) -> Result<Vec<Node>> {
        let (nodes, unread) = self.pump_entries()?;
        self.warn(PUMPS, unread);
        Ok(nodes)
    }

    /// As [`pumps`](Self::pumps), with the entries that cannot be read: for callers that must not
    /// miss a Pump.
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

    /// The entries that listings since the last call had to leave out, one sentence each, for the
    /// operator.
    #[must_use]
    pub fn take_warnings(&self) -> Vec<String> {
        std::mem::take(&mut self.warnings.lock())
    }

    fn warn(&self, prefix: &str, unread: Vec<Unread>) {
        let warnings =
            unread.into_iter().map(|u| format!("the entry {prefix}{} in etcd {} and was left out", u.id, u.why));
        self.warnings.lock().extend(warnings);
    }
}

impl Drop for Pd {
    fn drop(&mut self) {
        // A runtime that is dropped inside an async task panics; this way of ending it never
        // blocks.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The address of one PD server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `host:port`; an IPv6 host keeps its brackets.
    pub address: String,
    /// Whether it was written as `https://`.
    pub tls: bool,
}

/// Parses every address of `texts`, in order, without duplicates.
///
/// # Errors
/// A usage fault that names the address that is malformed.
pub fn parse_endpoints(texts: &[String]) -> Result<Vec<Endpoint>> {
    let mut found = Vec::new();
    for item in texts.iter().flat_map(|t| t.split(',')).map(str::trim).filter(|t| !t.is_empty()) {
        let endpoint = endpoint(item)?;
        if !found.contains(&endpoint) {
            found.push(endpoint);
        }
    }
    if found.is_empty() {
        return Err(wrong("no PD address given"));
    }
    Ok(found)
}

fn endpoint(text: &str) -> Result<Endpoint> {
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    let tls = match scheme {
        "" | "pd" | "http" => false,
        "https" => true,
        _ => return Err(wrong(&format!("`{scheme}://` is not a valid scheme for a PD address"))),
    };
    if rest.contains('@') {
        // Not shown: the part before the @ may be a password.
        return Err(wrong("a PD address cannot have a user or password"));
    }
    let address = rest.trim_end_matches('/');
    let Some((host, port)) = address.rsplit_once(':') else {
        return Err(wrong(&format!("the PD address `{text}` has no port")));
    };
    let bare_v6 = host.contains(':') && !(host.starts_with('[') && host.ends_with(']'));
    if host.is_empty() || bare_v6 || host.contains(['/', '?', '#', ' ']) || !matches!(port.parse::<u16>(), Ok(1..)) {
        return Err(wrong(&format!("`{text}` is not a PD address")));
    }
    Ok(Endpoint { address: address.to_owned(), tls })
}

fn wrong(message: &str) -> anyhow::Error {
    Fault::usage(message)
        .hint("write it as `pd://10.0.0.1:2379`, or with several servers as `pd://10.0.0.1:2379,10.0.0.2:2379`")
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Vec<String> {
        parse_endpoints(&[text.to_owned()]).unwrap().into_iter().map(|e| e.address).collect()
    }

    #[test]
    fn every_way_to_write_it() {
        assert_eq!(parsed("pd://a:2379,b:2380"), ["a:2379", "b:2380"]);
        assert_eq!(parsed("http://a:1, http://b:2/ ,a:1,"), ["a:1", "b:2"]);
        assert_eq!(parsed("10.0.0.1:2379"), ["10.0.0.1:2379"]);
        assert_eq!(parsed("https://[::1]:2379"), ["[::1]:2379"]);
        assert!(parse_endpoints(&["https://a:1".into()]).unwrap()[0].tls);
    }

    #[test]
    fn what_is_none() {
        for text in
            ["", ",", "host", "host:0", "host:x", "host:99999", "mysql://h:1", "::1:2379", "h:1/v3", ":1", "a b:1"]
        {
            let error = parse_endpoints(&[text.to_owned()]).unwrap_err();
            let fault = crate::error::fault(&error).unwrap();
            assert_eq!(fault.kind, crate::error::Kind::Usage, "{text}");
            assert!(fault.hint.contains("pd://"));
        }
        let error = parse_endpoints(&["http://root:secret@h:1".into()]).unwrap_err();
        assert!(!format!("{error:?}").contains("secret"));
    }
}
