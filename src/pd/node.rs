//! Entries of Pumps, Drainers and TiDB servers in etcd: the JSON that they write there.
//!
//! Written with the key order of the original (docs/protocol/tidb-binlog.md §1.4).

use std::fmt;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::message::KeyValue;
use super::security::Security;
use crate::model::CommitTs;

/// State of a Pump or Drainer. Entries are never removed, and a crash leaves `Online` behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Running, as far as its entry says.
    Online,
    /// About to be paused.
    Pausing,
    /// Stopped, and may come back with data that no other node has.
    Paused,
    /// About to go offline; still has to be read.
    Closing,
    /// Gone offline in order.
    Offline,
    /// A state that this program does not know.
    Other(String),
}

impl State {
    /// The state of this name.
    #[must_use]
    pub fn read(text: &str) -> Self {
        match text {
            "online" => Self::Online,
            "pausing" => Self::Pausing,
            "paused" => Self::Paused,
            "closing" => Self::Closing,
            "offline" => Self::Offline,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Online => "online",
            Self::Pausing => "pausing",
            Self::Paused => "paused",
            Self::Closing => "closing",
            Self::Offline => "offline",
            Self::Other(text) => text,
        })
    }
}

/// A Pump or a Drainer as etcd knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The id of the node: the last part of its key.
    pub id: String,
    /// `host:port`, for both gRPC and HTTP.
    pub host: String,
    /// The state in its entry.
    pub state: State,
    /// Pump: the largest commit ts stored and sorted. Drainer: its checkpoint.
    pub max_commit_ts: CommitTs,
    /// Approximately when it last wrote its entry.
    pub update_ts: CommitTs,
}

/// A TiDB server that is running.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TidbServer {
    /// Its id, a new one at each start (`ddl_id`).
    pub id: String,
    /// The address within the cluster, without a port.
    pub ip: String,
    /// Port for SQL.
    pub port: u16,
    /// Port for HTTP.
    pub status_port: u16,
    /// `On`, `Off`, `Skipping` or `Unknown`; empty from TiDB 8.4 on, which has no Binlog.
    pub binlog_status: String,
    /// Version, like `8.0.11-TiDB-v8.1.0`.
    pub version: String,
}

impl TidbServer {
    /// `host:port` of its status port.
    #[must_use]
    pub fn status_address(&self) -> String {
        join(&self.ip, self.status_port)
    }

    /// URL of its status port.
    #[must_use]
    pub fn status_url(&self, security: &Security) -> String {
        format!("{}://{}", security.scheme(), self.status_address())
    }

    /// `host:port` of its SQL port.
    #[must_use]
    pub fn sql_address(&self) -> String {
        join(&self.ip, self.port)
    }
}

fn join(host: &str, port: u16) -> String {
    if host.contains(':') && !host.starts_with('[') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

#[derive(Deserialize)]
struct StatusJson {
    host: String,
    state: String,
    #[serde(rename = "maxCommitTS", default)]
    max_commit_ts: i64,
    #[serde(rename = "updateTS", default)]
    update_ts: i64,
}

#[derive(Deserialize)]
struct ServerJson {
    ip: String,
    #[serde(default)]
    listening_port: u16,
    status_port: u16,
    #[serde(default)]
    binlog_status: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    ddl_id: String,
}

/// An entry in etcd that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// The id of the node: the last part of its key.
    pub id: String,
    /// What is wrong with it, like `is empty`.
    pub why: String,
}

/// The nodes under `prefix`, and the entries that could not be read.
pub(super) fn nodes(prefix: &str, pairs: &[KeyValue]) -> (Vec<Node>, Vec<Unread>) {
    children(prefix, pairs, |id, status: StatusJson| Node {
        id: id.trim().to_owned(),
        host: status.host.trim().to_owned(),
        state: State::read(&status.state),
        max_commit_ts: CommitTs::from_wire(status.max_commit_ts).unwrap_or_default(),
        update_ts: CommitTs::from_wire(status.update_ts).unwrap_or_default(),
    })
}

/// The TiDB servers under `prefix`, as [`nodes`].
pub(super) fn tidb_servers(prefix: &str, pairs: &[KeyValue]) -> (Vec<TidbServer>, Vec<Unread>) {
    children(prefix, pairs, |id, server: ServerJson| TidbServer {
        id: if server.ddl_id.is_empty() { id.to_owned() } else { server.ddl_id },
        ip: server.ip,
        port: server.listening_port,
        status_port: server.status_port,
        binlog_status: server.binlog_status,
        version: server.version,
    })
}

fn children<J: for<'a> Deserialize<'a>, T>(
    prefix: &str,
    pairs: &[KeyValue],
    make: impl Fn(&str, J) -> T,
) -> (Vec<T>, Vec<Unread>) {
    let (mut found, mut unread) = (Vec::new(), Vec::new());
    for pair in pairs {
        let key = String::from_utf8_lossy(&pair.key);
        // Deeper keys are not nodes.
        let Some(id) = key.strip_prefix(prefix).filter(|id| !id.is_empty() && !id.contains('/')) else { continue };
        let why = match serde_json::from_slice::<J>(&pair.value) {
            Ok(value) => {
                found.push(make(id, value));
                continue;
            }
            Err(_) if pair.value.is_empty() => "is empty".to_owned(),
            Err(e) => format!("cannot be read ({e})"),
        };
        unread.push(Unread { id: id.trim().to_owned(), why });
    }
    (found, unread)
}

/// An entry as it is written. Fields that are not needed are kept as they were read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The node id, equal to the last part of the key.
    #[serde(default)]
    pub node_id: String,
    /// The address to reach the node at, `host:port`.
    #[serde(default)]
    pub host: String,
    /// The state; [`Status::state`] parses it.
    #[serde(default)]
    state: String,
    #[serde(default)]
    is_alive: bool,
    #[serde(default)]
    score: i64,
    #[serde(default)]
    label: Value,
    #[serde(default, rename = "maxCommitTS")]
    max_commit_ts: i64,
    #[serde(default, rename = "updateTS")]
    update_ts: i64,
}

impl Status {
    /// An entry for a node that had none.
    #[must_use]
    pub fn new(id: &str, host: &str, state: &State) -> Self {
        Self {
            node_id: id.to_owned(),
            host: host.to_owned(),
            state: state.to_string(),
            is_alive: false,
            score: 0,
            label: Value::Null,
            max_commit_ts: 0,
            update_ts: 0,
        }
    }

    /// Parses an entry.
    ///
    /// # Errors
    /// If it is not JSON of this form.
    pub fn read(json: &[u8]) -> Result<Self> {
        serde_json::from_slice(json).context("the entry cannot be read")
    }

    /// The entry as JSON.
    ///
    /// # Errors
    /// If it cannot be serialized; no such case is known.
    pub fn write(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).context("the entry cannot be written as JSON")
    }

    /// The state of the node.
    #[must_use]
    pub fn state(&self) -> State {
        State::read(&self.state)
    }

    /// Pump: the largest commit ts stored and sorted. Drainer: its checkpoint.
    #[must_use]
    pub fn max_commit_ts(&self) -> CommitTs {
        CommitTs::from_wire(self.max_commit_ts).unwrap_or_default()
    }

    /// Approximately when it was written.
    #[must_use]
    pub fn update_ts(&self) -> CommitTs {
        CommitTs::from_wire(self.update_ts).unwrap_or_default()
    }

    /// The entry in another state.
    #[must_use]
    pub fn in_state(mut self, state: &State) -> Self {
        self.state = state.to_string();
        self
    }

    /// The entry with this position, written at `now`.
    #[must_use]
    pub fn at(mut self, position: CommitTs, now: CommitTs) -> Self {
        self.max_commit_ts = position.to_wire();
        self.update_ts = now.to_wire();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(key: &str, value: &str) -> KeyValue {
        KeyValue { key: key.to_owned().into(), value: value.to_owned().into(), ..KeyValue::default() }
    }

    #[test]
    fn broken_entries_are_told_not_fatal() {
        let good = r#"{"nodeId":"a:1","host":"10.0.0.1:8250","state":"paused","isAlive":false,"score":0,"label":null,"maxCommitTS":412518831548007863,"updateTS":-1}"#;
        let pairs =
            [pair("/p/a:1", good), pair("/p/b", ""), pair("/p/c", "{"), pair("/p/d/e", good), pair("/p/", good)];
        let (nodes, unread) = nodes("/p/", &pairs);
        assert_eq!(nodes.len(), 1);
        assert_eq!((nodes[0].id.as_str(), &nodes[0].state), ("a:1", &State::Paused));
        // Above 2^53: a float would have changed it.
        assert_eq!(nodes[0].max_commit_ts, CommitTs(412_518_831_548_007_863));
        let unread: Vec<(&str, &str)> = unread.iter().map(|u| (u.id.as_str(), &u.why[..8])).collect();
        assert_eq!(unread, [("b", "is empty"), ("c", "cannot b")]);
    }

    #[test]
    fn addresses_of_servers() {
        let value = r#"{"ip":"::1","status_port":10080,"listening_port":4000,"ddl_id":"x"}"#;
        let (servers, _) = tidb_servers("/s/", &[pair("/s/x", value)]);
        assert_eq!(
            (servers[0].status_address().as_str(), servers[0].sql_address().as_str()),
            ("[::1]:10080", "[::1]:4000")
        );
        assert_eq!(servers[0].binlog_status, "");
    }

    /// The specification's example.
    const REAL: &str = r#"{"nodeId":"ip-172-16-5-71:8250","host":"172.16.5.71:8250","state":"online","isAlive":false,"score":0,"label":null,"maxCommitTS":412518831548007863,"updateTS":412518831338292471}"#;

    #[test]
    fn a_real_entry_comes_back_as_it_was() {
        let read = Status::read(REAL.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(read.write().unwrap()).unwrap(), REAL);
        let made = Status::new("ip-172-16-5-71:8250", "172.16.5.71:8250", &State::Online)
            .at(CommitTs(412_518_831_548_007_863), CommitTs(412_518_831_338_292_471));
        assert_eq!(made, read);
        assert_eq!((read.state(), read.max_commit_ts()), (State::Online, CommitTs(412_518_831_548_007_863)));
        let labelled = REAL.replace("null", r#"{"labels":{"zone":"a"}}"#).replace("\"score\":0", "\"score\":-7");
        let read = Status::read(labelled.as_bytes()).unwrap().in_state(&State::Paused);
        assert_eq!(String::from_utf8(read.write().unwrap()).unwrap(), labelled.replace("\"online\"", "\"paused\""));
        assert!(Status::read(b"").is_err() && Status::read(b"{\"maxCommitTS\":1.5}").is_err());
    }
}
