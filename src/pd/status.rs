//! The JSON that a Pump or Drainer writes about itself, with the key order of the original (spec/tidb-binlog.md §1.4).

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::State;
use crate::model::CommitTs;

/// An entry as it is written. What we have no use for is kept as it was read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Equals the last part of its key.
    #[serde(default)]
    pub node_id: String,
    /// The address to reach it at: `host:port`.
    #[serde(default)]
    pub host: String,
    /// See [`Status::state`].
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
    /// An entry of a node that had none.
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

    /// Reads an entry.
    ///
    /// # Errors
    /// If it is no JSON of this form.
    pub fn read(json: &[u8]) -> Result<Self> {
        serde_json::from_slice(json).context("the entry cannot be read")
    }

    /// The bytes to write.
    ///
    /// # Errors
    /// Never, as far as anybody knows.
    pub fn write(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).context("the entry cannot be written as JSON")
    }

    /// What it says of its state.
    #[must_use]
    pub fn state(&self) -> State {
        State::read(&self.state)
    }

    /// Pump: the largest commit ts stored and sorted. Drainer: its checkpoint.
    #[must_use]
    pub fn max_commit_ts(&self) -> CommitTs {
        CommitTs::from_wire(self.max_commit_ts).unwrap_or_default()
    }

    /// About when it was written.
    #[must_use]
    pub fn update_ts(&self) -> CommitTs {
        CommitTs::from_wire(self.update_ts).unwrap_or_default()
    }

    /// The same in another state.
    #[must_use]
    pub fn in_state(mut self, state: &State) -> Self {
        self.state = state.to_string();
        self
    }

    /// The same with its position, written at `now`.
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
