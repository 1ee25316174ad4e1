//! A recording as a source: what Pumps sent, kept in a folder. The layout is the project's own.
//!
//! - `binlogs.bin`, or `binlogs.bin.zst` compressed with zstd: for each message, in the order in
//!   which the Pump sent it, a big-endian u32 length and the payload, a serialized `binlog.Binlog`
//!   (docs/protocol/tidb-binlog.md §3.1), fakes included;
//! - or the same in parts, `binlogs-000001.bin` (`.zst`) and so on, as `tisync record` writes them:
//!   each part continues the one before. What lies after `end_ts` there may be incomplete and is
//!   not read;
//! - several Pumps: one folder for each, `pump-1/binlogs.bin` and so on;
//! - `meta.json`: cluster id, `start_ts` (exclusive), `end_ts` (inclusive; null or absent: the last
//!   one in the files);
//! - `ddl_history.json`: the answer of TiDB's `/ddl/history`.
//!
//! The last two lie in the folder itself, or in the one above it.

pub mod frames;
pub mod recorder;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Forward, QUEUE_BYTES, Queue, Source, Stream};
use crate::error::Fault;
use crate::model::{CommitTs, Pulled};
use crate::schema::History;
pub(in crate::source) use frames::too_large;
pub use frames::{Frames, Writer};

/// The file with the messages of one Pump.
pub const BINLOGS: &str = "binlogs.bin";
/// The compressed form of [`BINLOGS`].
pub const BINLOGS_ZST: &str = "binlogs.bin.zst";
/// The file with the DDL jobs.
pub const DDL_HISTORY: &str = "ddl_history.json";

/// A folder as a source.
pub struct Recording {
    files: Vec<PathBuf>,
    meta: Meta,
    history: Arc<dyn History>,
    /// The last ts in the files, cached once it was asked for and `meta` does not have it.
    last: OnceLock<CommitTs>,
    queue_bytes: usize,
    message_bytes: usize,
}

impl Recording {
    /// Finds the files of the recording in `dir`; reads none of the messages yet.
    ///
    /// # Errors
    /// If there is no recording, or its `meta.json` is missing or cannot be read.
    pub fn open(dir: &Path, history: Arc<dyn History>) -> Result<Self> {
        let files = files(dir)?;
        Ok(Self {
            files,
            meta: Meta::read(dir)?,
            history,
            last: OnceLock::new(),
            queue_bytes: QUEUE_BYTES,
            message_bytes: usize::MAX,
        })
    }

    /// Sets the bytes of messages that may wait in all its streams together.
    #[must_use]
    pub fn with_queue(self, bytes: usize) -> Self {
        Self { queue_bytes: bytes, ..self }
    }

    /// Refuses messages of a compressed file above `bytes`.
    #[must_use]
    pub fn with_largest(self, bytes: usize) -> Self {
        Self { message_bytes: bytes, ..self }
    }

    /// The files with messages, one for each stream.
    #[must_use]
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// The content of `meta.json`.
    #[must_use]
    pub fn meta(&self) -> &Meta {
        &self.meta
    }
}

impl Source for Recording {
    fn cluster_id(&self) -> u64 {
        self.meta.cluster_id
    }

    fn history(&self) -> Arc<dyn History> {
        Arc::clone(&self.history)
    }

    fn now(&self) -> Result<CommitTs> {
        if let Some(end) = self.meta.end_ts {
            return Ok(end);
        }
        if let Some(last) = self.last.get() {
            return Ok(*last);
        }
        let mut last = self.meta.start_ts;
        for file in &self.files {
            for frame in Frames::open(file)?.within(self.message_bytes) {
                last = last.max(frame?.read()?.ts());
            }
        }
        Ok(*self.last.get_or_init(|| last))
    }

    fn first(&self) -> Option<CommitTs> {
        Some(self.meta.start_ts)
    }

    fn streams(&mut self, from: CommitTs) -> Result<Vec<Stream>> {
        if from < self.meta.start_ts {
            let begin = self.meta.start_ts.explain();
            let text =
                format!("the recording begins after {begin}; the changes after {} are not in it", from.explain());
            return Err(Fault::refused(text)
                .hint(format!("start at {} or later, or use a longer recording", self.meta.start_ts))
                .into());
        }
        if let Some(end) = self.meta.end_ts.filter(|end| from > *end) {
            let text = format!("the position {} is after the end of the recording, {}", from.explain(), end.explain());
            return Err(Fault::refused(text)
                .hint("it has nothing new for the target; if the position is wrong, `tisync checkpoint set` changes it")
                .into());
        }
        let mut streams = Vec::new();
        for file in &self.files {
            let frames = Frames::open(file)?.within(self.message_bytes);
            let (queue, receiver) = Queue::new(self.queue_bytes, self.files.len());
            let end = self.meta.end_ts;
            thread::Builder::new()
                .name("recording".to_owned())
                .spawn(move || {
                    if let Err(error) = feed(frames, from, end, &queue) {
                        // If the receiver is gone, the error is not needed either.
                        queue.send(Err(error));
                    }
                })
                .context("cannot start a thread to read the recording")?;
            streams.push(Stream { name: file.display().to_string(), receiver });
        }
        Ok(streams)
    }
}

/// Sends what lies above `from`, then that everything up to `end` has been sent.
fn feed(mut frames: Frames, from: CommitTs, end: Option<CommitTs>, queue: &Queue) -> Result<()> {
    let mut forward = Forward::new(CommitTs(0));
    // After the end there may be what a killed recorder did not finish.
    while end.is_none_or(|end| forward.position().max(from) < end) {
        // Before a large message is read, everything queued in front of it has to be taken.
        if frames.next_size()? > queue.most() && !queue.drain(forward.position()) {
            return Ok(());
        }
        let Some(frame) = frames.next() else { break };
        let frame = frame?;
        let pulled = frame.read()?;
        if end.is_some_and(|end| pulled.ts() > end) {
            break;
        }
        let new = forward.pass(&pulled).with_context(|| frame.place())?;
        drop(frame);
        if !new || pulled.ts() <= from {
            continue;
        }
        if !queue.send(Ok(pulled)) {
            return Ok(());
        }
    }
    if let Some(end) = end.filter(|end| *end > forward.position().max(from)) {
        // Fails only if the receiver is gone.
        queue.send(Ok(Pulled::Resolved(end)));
    }
    Ok(())
}

/// The file of DDL jobs that belongs to the recording in `dir`, if there is one.
#[must_use]
pub fn history_file(dir: &Path) -> Option<PathBuf> {
    beside(dir, DDL_HISTORY)
}

/// `name` in `dir`, or else in the folder above.
fn beside(dir: &Path, name: &str) -> Option<PathBuf> {
    let above = fs::canonicalize(dir).ok().and_then(|d| d.parent().map(|p| p.join(name)));
    [Some(dir.join(name)), above].into_iter().flatten().find(|p| p.is_file())
}

/// The files with messages in `dir`: its own, or one for each folder in it that has one, ordered by
/// name. For a recording in parts it is the first one: [`Frames`] continues with the others.
///
/// # Errors
/// If there are none, one is there both plain and compressed, or a part is missing.
pub fn files(dir: &Path) -> Result<Vec<PathBuf>> {
    let of = |dir: &Path| -> Result<Vec<PathBuf>> {
        let whole = [BINLOGS, BINLOGS_ZST].map(|n| dir.join(n)).into_iter().filter(|p| p.is_file());
        Ok(whole.chain(frames::first(dir)?).collect())
    };
    let unreadable = |e: std::io::Error| {
        Fault::connect(format!("cannot read the folder {}: {e}", dir.display()))
            .hint("check the path and its permissions")
    };
    let mut groups = vec![of(dir)?];
    for entry in fs::read_dir(dir).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_dir() {
            groups.push(of(&path)?);
        }
    }
    let ambiguous = groups.iter().find(|g| g.len() > 1).and_then(|g| g.first());
    if let Some(file) = ambiguous {
        let text = format!("{} exists both plain and compressed, or whole and in parts", file.display());
        return Err(Fault::usage(text).hint("remove the unwanted one").into());
    }
    if groups.first().is_some_and(|g| !g.is_empty()) {
        groups.truncate(1);
    }
    let mut files: Vec<PathBuf> = groups.into_iter().flatten().collect();
    files.sort();
    if files.is_empty() {
        let text = format!(
            "{} has no recording: no {BINLOGS} or {BINLOGS_ZST} or part of one, neither in it nor in a subfolder",
            dir.display()
        );
        return Err(Fault::usage(text).hint("give the folder of a recorded stream").into());
    }
    Ok(files)
}

/// Name of the file with a recording's [`Meta`].
const META: &str = "meta.json";

/// The content of `meta.json`: which part of the stream a recording holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Meta {
    /// The id that PD gave the cluster.
    pub cluster_id: u64,
    /// The recording holds what follows this (exclusive).
    pub start_ts: CommitTs,
    /// The recording holds everything up to this (inclusive); `None`: up to the last ts in its
    /// files.
    pub end_ts: Option<CommitTs>,
    /// Other keys of the file; kept, not used.
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
    /// Reads the `meta.json` in `dir` or above it.
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
                .hint("it must have cluster_id, start_ts and end_ts (or null) as integers")
        })?;
        let (start_ts, end_ts) = (CommitTs(json.start_ts), json.end_ts.map(CommitTs));
        if end_ts.is_some_and(|end| end < start_ts) {
            let text =
                format!("{} ends before it starts: {} to {}", path.display(), json.start_ts, json.end_ts.unwrap_or(0));
            return Err(Fault::usage(text).hint("start_ts must not be greater than end_ts").into());
        }
        Ok(Self { cluster_id: json.cluster_id, start_ts, end_ts, more: json.more })
    }

    /// Writes it into `dir` and syncs it to the disk: to another name first, then renamed, so that
    /// a reader never finds half of it.
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
