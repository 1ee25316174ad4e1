//! The files that Drainer writes with `db-type = "file"`, as a source.
//!
//! Their format: docs/protocol/tidb-binlog.md §9.6.
//!
//! They are what reparo replays: transactions with database, table and column names and formatted
//! values, and DDL as text. They hold no definitions, no job ids and no cluster id. The pipeline
//! decodes rows with the target's own definitions as they are at that moment.
//!
//! A Drainer that was killed starts again a little before where it was, and repeats what it wrote;
//! repeated transactions are skipped ([`Repeats`]). If the last file ends within a message, the
//! files end there.

pub mod frames;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result};
use jiff::tz::TimeZone;

use super::{QUEUE_BYTES, Queue, Source, Stream, print};
use crate::error::{Fault, counted};
use crate::event::{Event, Events};
use crate::model::{CommitTs, Pulled, RawTxn};
use crate::schema::{History, Job, Snapshot};
use frames::{Frames, Next, PbFile};

/// What the files do not say and the operator has to.
#[derive(Clone, Debug)]
pub struct Known {
    /// The time zone of the process that wrote them, which their TIMESTAMPs are in.
    pub zone: TimeZone,
    /// The id of the cluster that they come from; 0 if it is not known. The link's checkpoint on
    /// the target is kept under it.
    pub cluster_id: u64,
}

impl Default for Known {
    fn default() -> Self {
        Self { zone: TimeZone::UTC, cluster_id: 0 }
    }
}

/// A folder of Drainer's files as a source.
pub struct PbFiles {
    files: Vec<PbFile>,
    /// The first commit ts in them.
    first: CommitTs,
    known: Known,
    queue_bytes: usize,
    message_bytes: usize,
    events: Events,
}

impl PbFiles {
    /// Finds the files in `dir`, and reads the first message.
    ///
    /// # Errors
    /// If there are none, they are not complete, or they hold no message.
    pub fn open(dir: &Path, known: Known, events: Events) -> Result<Self> {
        Self::open_within(dir, known, usize::MAX, events)
    }

    /// Like [`open`](Self::open), but refuses messages of a compressed file above `largest` bytes.
    ///
    /// # Errors
    /// As [`open`](Self::open), and for such a message.
    pub fn open_within(dir: &Path, known: Known, largest: usize, events: Events) -> Result<Self> {
        let files = frames::list(dir)?;
        let mut first = None;
        for file in &files {
            first = first_ts(file, largest)?;
            if first.is_some() {
                break;
            }
        }
        let Some(first) = first else {
            let text = format!("there is no complete message in the files of {}", dir.display());
            return Err(Fault::usage(text).hint("Drainer has written nothing yet, or the files are cut off").into());
        };
        Ok(Self { files, first, known, queue_bytes: QUEUE_BYTES, message_bytes: largest, events })
    }

    /// Sets the bytes of messages that may wait in the stream.
    #[must_use]
    pub fn with_queue(self, bytes: usize) -> Self {
        Self { queue_bytes: bytes, ..self }
    }

    /// The files, in order.
    #[must_use]
    pub fn files(&self) -> &[PbFile] {
        &self.files
    }

    /// Checks that the files begin at or before what follows `from`.
    fn reaches_back_to(&self, from: CommitTs) -> Result<()> {
        if from.0 >= self.first.0 - 1 {
            return Ok(());
        }
        let Some(file) = self.files.first() else { return Ok(()) };
        if file.index == 0 {
            (self.events)(Event::Warning(format!(
                "Drainer's files begin with the transaction of {}: they do not show whether there was one between {} \
                 and that",
                self.first.explain(),
                from.explain()
            )));
            return Ok(());
        }
        Err(Fault::refused(format!(
            "the files begin with number {} and the transaction of {}; the changes after {} are not in them",
            file.index,
            self.first.explain(),
            from.explain()
        ))
        .hint("restore the older files, or start after a newer backup")
        .into())
    }

    /// The files that may hold what follows `from`.
    fn behind(&self, from: CommitTs) -> Result<Vec<PathBuf>> {
        let mut begin = 0;
        for (i, file) in self.files.iter().enumerate().skip(1) {
            match first_ts(file, self.message_bytes)? {
                Some(first) if first <= from => begin = i,
                Some(_) => break,
                None => {}
            }
        }
        Ok(self.files.iter().skip(begin).map(|f| f.path.clone()).collect())
    }
}

/// The commit ts of the first message; `None` if there is no complete one.
fn first_ts(file: &PbFile, largest: usize) -> Result<Option<CommitTs>> {
    let mut frames = Frames::open(&file.path)?.within(largest);
    let place = frames.place();
    match frames.read()? {
        Next::Payload(payload) => {
            Ok(Some(frames::read_message(payload, &TimeZone::UTC).with_context(|| place)?.commit_ts))
        }
        Next::End | Next::Torn(_) => Ok(None),
    }
}

impl Source for PbFiles {
    fn cluster_id(&self) -> u64 {
        self.known.cluster_id
    }

    fn history(&self) -> Arc<dyn History> {
        Arc::new(NoJobs)
    }

    fn now(&self) -> Result<CommitTs> {
        let mut last = self.first;
        // The last file may have no message yet.
        for file in self.files.iter().rev().take(2) {
            let mut frames = Frames::open(&file.path)?.within(self.message_bytes);
            while let Next::Payload(payload) = frames.read()? {
                last = last.max(frames::read_message(payload, &TimeZone::UTC)?.commit_ts);
            }
        }
        Ok(last)
    }

    fn first(&self) -> Option<CommitTs> {
        Some(CommitTs(self.first.0 - 1))
    }

    fn streams(&mut self, from: CommitTs) -> Result<Vec<Stream>> {
        self.reaches_back_to(from)?;
        let reader = Reader {
            files: self.behind(from)?,
            from,
            zone: self.known.zone.clone(),
            largest: self.message_bytes,
            events: self.events.clone(),
        };
        let (queue, receiver) = Queue::new(self.queue_bytes, 1);
        let name = reader.files.first().map(|f| f.display().to_string()).unwrap_or_default();
        thread::Builder::new()
            .name("drainer-files".to_owned())
            .spawn(move || {
                if let Err(error) = reader.feed(&queue) {
                    // If the receiver is gone, the error is not needed either.
                    queue.send(Err(error));
                }
            })
            .context("cannot start a thread to read Drainer's files")?;
        Ok(vec![Stream { name, receiver }])
    }
}

/// The state of the thread that reads the files.
struct Reader {
    files: Vec<PathBuf>,
    from: CommitTs,
    zone: TimeZone,
    largest: usize,
    events: Events,
}

impl Reader {
    fn feed(&self, queue: &Queue) -> Result<()> {
        let mut repeats = Repeats::new();
        for (i, path) in self.files.iter().enumerate() {
            let mut frames = Frames::open(path)?.within(self.largest);
            loop {
                // Before a large message is read, everything queued in front of it has to be taken.
                if frames.next_size()? > queue.most() && !queue.drain(repeats.last()) {
                    return Ok(());
                }
                let place = frames.place();
                let payload = match frames.read()? {
                    Next::Payload(payload) => payload,
                    Next::End => break,
                    Next::Torn(_) if i + 1 == self.files.len() => {
                        (self.events)(Event::Note(format!(
                            "{place} is an unfinished message: Drainer was stopped while it wrote, so the files end there"
                        )));
                        break;
                    }
                    Next::Torn(_) => return Err(torn(&place)),
                };
                let txn = frames::read_message(payload, &self.zone).with_context(|| place.clone())?;
                if !self.take(txn, &mut repeats, queue).with_context(|| place)? {
                    return Ok(());
                }
            }
        }
        if repeats.passed_over() > 0 {
            (self.events)(Event::Note(format!(
                "Drainer wrote {} again after a restart: each is applied once",
                counted(repeats.passed_over(), "transaction")
            )));
        }
        Ok(())
    }

    /// Queues `txn` unless it is a repetition or at or below the position; false if the receiver is
    /// gone.
    fn take(&self, txn: RawTxn, repeats: &mut Repeats, queue: &Queue) -> Result<bool> {
        if !repeats.is_new(&txn)? || txn.commit_ts <= self.from {
            return Ok(true);
        }
        Ok(queue.send(Ok(Pulled::Txn(txn))))
    }
}

fn torn(place: &str) -> anyhow::Error {
    Fault::refused(format!("{place}: the file ends within a message, and another file follows"))
        .hint("the file is incomplete: copy it again from where Drainer wrote it")
        .into()
}

/// A history without jobs: the files hold no definitions, which come from the target.
pub(crate) struct NoJobs;

impl History for NoJobs {
    fn all(&self) -> Result<Vec<Job>> {
        Ok(Vec::new())
    }

    fn job(&self, _: i64) -> Result<Option<Job>> {
        Ok(None)
    }

    fn grows(&self) -> bool {
        false
    }

    fn current(&self) -> Result<Option<Snapshot>> {
        Ok(None)
    }
}

/// How many transactions are remembered by fingerprint. Drainer's checkpoint lags by seconds;
/// repetitions from further back are skipped without a check.
const REMEMBERED: usize = 100_000;

/// Tells a transaction that Drainer wrote again from one that is out of order.
struct Repeats {
    last: CommitTs,
    /// Fingerprints of the last transactions, by commit ts.
    recent: BTreeMap<CommitTs, u64>,
    passed_over: u64,
}

impl Repeats {
    fn new() -> Self {
        Self { last: CommitTs(0), recent: BTreeMap::new(), passed_over: 0 }
    }

    /// The highest commit ts so far.
    fn last(&self) -> CommitTs {
        self.last
    }

    /// How many repeated transactions there were.
    fn passed_over(&self) -> u64 {
        self.passed_over
    }

    /// Whether `txn` is above all that came before; false if it repeats one of them.
    ///
    /// # Errors
    /// If its ts is not above all others and no equal transaction was there before.
    fn is_new(&mut self, txn: &RawTxn) -> Result<bool> {
        let ts = txn.commit_ts;
        let print = print(txn);
        if ts > self.last {
            self.last = ts;
            self.recent.insert(ts, print);
            if self.recent.len() > REMEMBERED {
                self.recent.pop_first();
            }
            return Ok(true);
        }
        self.passed_over += 1;
        let forgotten = self.recent.first_key_value().is_none_or(|(first, _)| ts < *first);
        match self.recent.get(&ts) {
            Some(known) if *known == print => Ok(false),
            None if forgotten => Ok(false),
            known => {
                let why =
                    if known.is_some() { "and differs from the one already read" } else { "and was not there before" };
                let text = format!("the transaction of {} comes after {}, {why}", ts.explain(), self.last.explain());
                Err(Fault::refused(text)
                    .hint(
                        "after a restart Drainer repeats transactions, it never changes them: do all files come from \
                           one Drainer?",
                    )
                    .into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Body;

    fn txn(ts: u64, text: &'static str) -> RawTxn {
        RawTxn { commit_ts: CommitTs(ts), start_ts: CommitTs(ts - 1), body: Body::Statement(text.into()) }
    }

    #[test]
    fn the_same_again_is_passed_over() {
        let mut repeats = Repeats::new();
        for ts in [5, 7, 9] {
            assert!(repeats.is_new(&txn(ts, "a")).unwrap());
        }
        assert!(!repeats.is_new(&txn(7, "a")).unwrap());
        assert!(!repeats.is_new(&txn(9, "a")).unwrap());
        assert!(!repeats.is_new(&txn(3, "from before the files")).unwrap());
        assert!(repeats.is_new(&txn(10, "a")).unwrap());
        assert_eq!((repeats.passed_over(), repeats.last()), (3, CommitTs(10)));
        for bad in [txn(8, "a"), txn(7, "b")] {
            assert!(repeats.is_new(&bad).is_err(), "{bad:?}");
        }
    }
}
