//! The `Source` interface: an upstream's transactions, as streams in rising commit ts.
//!
//! [`open`] makes a source from what the operator typed. What all implementations share is here
//! too: the check that a stream only moves forward ([`Forward`]).

pub mod binlog;
pub mod pb;
pub mod pump;
pub mod recording;

use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;

use crate::error::Fault;
use crate::event::Events;
pub use crate::model::Stream;
use crate::model::{Body, CommitTs, Pulled, Queue, RawTxn};
use crate::pd::{Pd, Security};
use crate::schema::History;
pub use binlog::{read, write};

/// An upstream: its identity, its streams and its schema.
///
/// One thread owns a source and makes all calls, so no method has to expect a concurrent one. The
/// streams are read elsewhere, and at the same time, by threads of the source's own.
/// `tests/source_contract.rs` runs this contract on every implementation:
/// - What a stream holds above the position, and nothing else, arrives in rising commit ts. A
///   transaction at the position itself is not sent again.
/// - A stream that opens while the source is read is announced as `Joins` in a stream that is open
///   already, at a ts up to which that stream vouches that the new one holds nothing. So the list
///   of streams stays complete: what lies above that ts waits for the new stream too.
/// - A source that cannot keep this, because it no longer holds what follows the position, fails
///   instead.
/// - The source reconnects by itself; an `Err` in a stream is final.
/// - A stream with nothing to send says `Resolved` every few seconds. When it has ended, its
///   channel closes.
/// - Dropping the streams ends the threads behind them, at the latest when a stream would have been
///   reconnected. The source must outlive its streams: one that is dropped first gives them an
///   error, not an end.
pub trait Source: Send {
    /// The id that PD gave the cluster; 0 if it is not known. Constant: called at any time, before
    /// and after `streams`.
    fn cluster_id(&self) -> u64;

    /// The DDL jobs from which the definitions of tables are made. Called before `streams`,
    /// whenever a run builds its schema; what it gives stays valid while the source lives.
    fn history(&self) -> Arc<dyn History>;

    /// The newest ts: what `--until caught-up` waits for. For files, the end of what they hold.
    /// Called at any time, from the start of a run on; it may block for a request or for reading a
    /// file.
    ///
    /// # Errors
    /// If the source cannot be asked. Nothing else is lost: the caller may ask again.
    fn now(&self) -> Result<CommitTs>;

    /// Where a first run starts if the operator names no ts: files know, a live cluster does not.
    /// Called before `streams`, only for a target without a checkpoint.
    fn first(&self) -> Option<CommitTs>;

    /// Whether the source is a running cluster, not files. The run then asks that cluster whether
    /// the target is part of it. Constant.
    fn is_live(&self) -> bool {
        false
    }

    /// Whether the source's servers wait for, and report to, a drainer that is registered in PD.
    /// The run then registers before it calls `streams`. Constant.
    fn registers(&self) -> bool {
        false
    }

    /// Opens every stream behind `from` (exclusive). The list is *complete*: no transaction above
    /// `from` comes any other way, except through a stream that joins later.
    ///
    /// Called once per run of the pipeline: at the start, and again with a lower position if the
    /// target lost commits. The streams of the call before are dropped by then.
    ///
    /// # Errors
    /// If the list of streams is not complete, or one of them no longer holds all that follows
    /// `from`.
    fn streams(&mut self, from: CommitTs) -> Result<Vec<Stream>>;
}

/// How long a stream may be silent before its source looks for the cause. A healthy Pump sends a
/// position marker every 3 s.
pub const SILENCE: Duration = Duration::from_secs(30);

/// The kind of source, from which its [`History`] is made.
pub enum Origin<'a> {
    /// A live cluster.
    Cluster(&'a Pd),
    /// A recording, with its file of DDL jobs if it has one.
    Recording(Option<&'a Path>),
}

/// Makes the history of DDL jobs for a source.
pub type Histories = dyn Fn(&Origin<'_>) -> Result<Arc<dyn History>> + Send + Sync;

/// How to open a source.
#[derive(Clone)]
pub struct Options {
    /// TLS towards the cluster.
    pub security: Security,
    /// Opens the source's history, from which the schema is made: TiDB's status port, or a file.
    pub history: Arc<Histories>,
    /// Capacity of the queues of all streams together, in bytes. A larger message waits alone.
    pub queue_bytes: usize,
    /// The largest message of a compressed file, in bytes.
    pub message_bytes: usize,
    /// Options for Pumps.
    pub pump: pump::Options,
    /// Facts that Drainer's files do not hold.
    pub files: pb::Known,
}

/// Default of [`Options::queue_bytes`].
pub const QUEUE_BYTES: usize = 16 << 20;

impl Options {
    /// No TLS, no compression, the default timing.
    #[must_use]
    pub fn new(history: Arc<Histories>) -> Self {
        Self {
            security: Security::default(),
            history,
            queue_bytes: QUEUE_BYTES,
            message_bytes: usize::MAX,
            pump: pump::Options::default(),
            files: pb::Known::default(),
        }
    }
}

/// Whether `from` names a live cluster.
#[must_use]
pub fn is_cluster(from: &str) -> bool {
    matches!(from.split_once("://"), Some(("pd" | "http" | "https", _)))
}

/// Opens what `from` names: a cluster through its PD (`pd://h:p,h2:p2`, `http(s)://h:p`), or a
/// folder (a path, `file://`) with a recording or with Drainer's files.
///
/// # Errors
/// A usage fault if `from` is none of these; otherwise why the source could not be opened.
pub fn open(from: &str, options: &Options, events: &Events) -> Result<Box<dyn Source>> {
    if is_cluster(from) {
        let pd = Pd::connect(&[from.to_owned()], &options.security)?;
        let history = (options.history)(&Origin::Cluster(&pd))?;
        return Ok(Box::new(pump::PumpSource::new(pd, history, events.clone(), options)));
    }
    let folder = match from.split_once("://") {
        Some(("file", path)) => PathBuf::from(path),
        Some(_) => return Err(no_source(from, "is of an unknown kind")),
        None => PathBuf::from(from),
    };
    if !folder.is_dir() {
        return Err(no_source(from, "is not a folder"));
    }
    if pb::frames::holds_files(&folder) {
        return drainer_files(&folder, options, events);
    }
    let jobs = recording::history_file(&folder);
    let history = (options.history)(&Origin::Recording(jobs.as_deref()))?;
    Ok(Box::new(
        recording::Recording::open(&folder, history)?
            .with_queue(options.queue_bytes)
            .with_largest(options.message_bytes),
    ))
}

fn drainer_files(folder: &Path, options: &Options, events: &Events) -> Result<Box<dyn Source>> {
    if recording::files(folder).is_ok() {
        let text = format!("{} has both a recording and Drainer's files", folder.display());
        return Err(Fault::usage(text).hint("move the unwanted one to another folder").into());
    }
    let files = pb::PbFiles::open_within(folder, options.files.clone(), options.message_bytes, events.clone())?;
    Ok(Box::new(files.with_queue(options.queue_bytes)))
}

fn no_source(from: &str, why: &str) -> anyhow::Error {
    // The part before an @ may hold a password.
    let shown = from.rsplit_once('@').map_or(from.to_owned(), |(_, rest)| format!("…@{rest}"));
    Fault::usage(format!("the source `{shown}` {why}"))
        .hint(
            "give PD as `pd://10.0.0.1:2379,10.0.0.2:2379`, or the folder of a recording as `./recording` or \
               `file:///srv/recording`",
        )
        .into()
}

/// How far a stream has come, and the check that it only moves forward.
#[derive(Clone, Debug)]
pub struct Forward {
    position: CommitTs,
    /// Fingerprint of the transaction at `position`; `None` after a resolved ts or at the start.
    /// Not the transaction itself: it may have hundreds of MB.
    print: Option<u64>,
}

impl Forward {
    /// A stream from which nothing at or below `from` is wanted.
    #[must_use]
    pub fn new(from: CommitTs) -> Self {
        Self { position: from, print: None }
    }

    /// The last ts that passed.
    #[must_use]
    pub fn position(&self) -> CommitTs {
        self.position
    }

    /// Records what the stream says: true if it is new, false if it repeats the last message.
    ///
    /// # Errors
    /// If its ts is lower than the last one, or equal to that of a different transaction.
    pub fn pass(&mut self, pulled: &Pulled) -> Result<bool> {
        let ts = pulled.ts();
        if ts < self.position {
            let text = format!("commit ts {} comes after {}", ts.explain(), self.position.explain());
            return Err(backwards(&text));
        }
        match pulled {
            // A stream that joins is never a repetition, and is valid at any ts that the stream has
            // not passed.
            Pulled::Joins { .. } => {
                if ts > self.position {
                    *self = Self { position: ts, print: None };
                }
                Ok(true)
            }
            Pulled::Resolved(_) if ts == self.position => Ok(false),
            Pulled::Resolved(_) => {
                *self = Self { position: ts, print: None };
                Ok(true)
            }
            Pulled::Txn(txn) => {
                let print = print(txn);
                if ts > self.position {
                    *self = Self { position: ts, print: Some(print) };
                    return Ok(true);
                }
                if self.print == Some(print) {
                    return Ok(false);
                }
                let other = if self.print.is_some() {
                    "another transaction of the same commit ts"
                } else {
                    "its own promise that nothing more follows up to it"
                };
                Err(backwards(&format!("a transaction of commit ts {} comes after {other}", ts.explain())))
            }
        }
    }
}

fn backwards(text: &str) -> anyhow::Error {
    Fault::refused(format!("the stream goes backwards: {text}"))
        .hint(
            "an ordered stream cannot do this, so its data cannot be trusted; check the Pump's log, or make the \
               recording again",
        )
        .into()
}

/// A fingerprint: equal for equal transactions, different for others except for one chance in 2^64.
fn print(txn: &RawTxn) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write_u64(txn.start_ts.0);
    match &txn.body {
        Body::Rows(rows) => {
            hasher.write_u8(1);
            hasher.write(rows);
        }
        Body::Ddl { job_id, query, schema_state } => {
            hasher.write_u8(2);
            hasher.write_i64(*job_id);
            hasher.write_i32(*schema_state);
            hasher.write(query);
        }
        Body::Nothing => hasher.write_u8(3),
        Body::Named { events, .. } => {
            hasher.write_u8(4);
            hasher.write(events);
        }
        Body::Statement(query) => {
            hasher.write_u8(5);
            hasher.write(query);
        }
    }
    hasher.finish()
}

#[cfg(test)]
mod tests;
