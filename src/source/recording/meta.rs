//! `meta.json` of a recording.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::beside;
use crate::error::Fault;
use crate::model::CommitTs;

/// Its name.
const META: &str = "meta.json";

/// What a recording holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Meta {
    /// The id that PD gave the cluster.
    pub cluster_id: u64,
    /// It holds what follows this (exclusive).
    pub start_ts: CommitTs,
    /// It holds everything up to this (inclusive); `None`: up to the last ts in its files.
    pub end_ts: Option<CommitTs>,
    /// What else stands there; kept, not used.
    pub more: Map<String, Value>,
}

#[derive(Serialize, Deserialize)]
struct Json {
    cluster_id: u64,
    start_ts: u64,
    #[serde(default)]
    end_ts: Option<u64>,
    #[serde(flatten)]
    more: Map<String, Value>,
}

impl Meta {
    /// Reads the `meta.json` in `dir` or beside it.
    ///
    /// # Errors
    /// If there is none, or it lacks the cluster id or the start ts.
    pub fn read(dir: &Path) -> Result<Self> {
        let Some(path) = beside(dir, META) else {
            let text = format!("there is no {META} in {} or above it", dir.display());
            return Err(Fault::usage(text).hint("a recording needs one with cluster_id, start_ts and end_ts").into());
        };
        let text = fs::read(&path).map_err(|e| Fault::connect(format!("cannot read {}: {e}", path.display())))?;
        let json: Json = serde_json::from_slice(&text).map_err(|e| {
            Fault::usage(format!("cannot read {}: {e}", path.display()))
                .hint("it must hold cluster_id, start_ts and end_ts (or null) as whole numbers")
        })?;
        let (start_ts, end_ts) = (CommitTs(json.start_ts), json.end_ts.map(CommitTs));
        if end_ts.is_some_and(|end| end < start_ts) {
            let text =
                format!("{} ends before it starts: {} to {}", path.display(), json.start_ts, json.end_ts.unwrap_or(0));
            return Err(Fault::usage(text).hint("start_ts must not be above end_ts").into());
        }
        Ok(Self { cluster_id: json.cluster_id, start_ts, end_ts, more: json.more })
    }

    /// Writes it into `dir`, down to the disk: first beside its place, then into it, so that a reader never meets half of one.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, dir: &Path) -> Result<()> {
        let json = Json {
            cluster_id: self.cluster_id,
            start_ts: self.start_ts.0,
            end_ts: self.end_ts.map(|ts| ts.0),
            more: self.more.clone(),
        };
        let (path, part) = (dir.join(META), dir.join(format!("{META}.part")));
        let text = serde_json::to_vec_pretty(&json)?;
        let written = || {
            let mut file = File::create(&part)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&part, &path)?;
            File::open(dir)?.sync_all()
        };
        written().with_context(|| format!("cannot write {}", path.display()))
    }
}
