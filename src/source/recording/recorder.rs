//! Records a stream into a folder, in parts; a restart after a crash misses and repeats nothing.
//!
//! `meta.json` says how far the recording is (`end_ts`) and where that is on the disk (`tail`). It
//! is written when everything up to there is synced, so what a crash leaves behind it is cut off
//! and pulled again. A compressed part is a sequence of zstd frames, one for each sync.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use prost::Message;
use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::{Meta, frames};
use crate::error::Fault;
use crate::model::{CommitTs, Pulled};
use crate::source::write;

/// How often written messages are synced, and how often the position of a quiet stream is.
const SYNC_EVERY: Duration = Duration::from_secs(1);
const QUIET_EVERY: Duration = Duration::from_secs(10);
/// Bytes after which a sync is due.
const SYNC_BYTES: usize = 16 << 20;
/// zstd's level: the recorder must keep up with the cluster.
const LEVEL: i32 = 3;
/// Locked while a recorder runs.
const LOCK: &str = ".lock";
/// The key in `meta.json` for [`Tail`].
const TAIL: &str = "tail";

/// How to record.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Parts are compressed with zstd.
    pub compress: bool,
    /// Size in bytes at which a part ends and the next one begins.
    pub part_bytes: u64,
}

/// Where the recording ends on the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Tail {
    /// Number of the part; 0: none yet.
    part: u32,
    /// Bytes of that part up to the end.
    bytes: u64,
}

/// A folder that is being recorded into.
pub struct Recorder {
    dir: PathBuf,
    layout: Layout,
    meta: Meta,
    tail: Tail,
    file: Option<File>,
    output: Option<Output>,
    /// Bytes written since the last sync.
    unsafe_bytes: usize,
    /// The last ts written, and the last one that the stream has passed.
    written: CommitTs,
    passed: CommitTs,
    synced: Instant,
    _lock: File,
}

enum Output {
    Plain(BufWriter<File>),
    Zstd(Box<zstd::Encoder<'static, BufWriter<File>>>),
}

impl Recorder {
    /// Continues the recording in `dir`; or begins one behind `start`.
    ///
    /// # Errors
    /// If the folder holds something else, another recorder is running there, the recording is of
    /// another cluster, or it lacks bytes that `meta.json` says it has.
    pub fn open(dir: &Path, cluster_id: u64, start: CommitTs, layout: Layout) -> Result<Self> {
        fs::create_dir_all(dir).map_err(|e| trouble(dir, &e))?;
        let lock = lock(dir)?;
        let meta = match standing(dir)? {
            Some(meta) if meta.cluster_id != cluster_id => {
                let text = format!(
                    "{} is a recording of cluster {}, and this is cluster {cluster_id}",
                    dir.display(),
                    meta.cluster_id
                );
                return Err(Fault::refused(text).hint("use another folder for another cluster").into());
            }
            Some(meta) => meta,
            None => {
                if super::files(dir).is_ok() || !frames::list(dir).is_empty() {
                    let text = format!("{} already has messages, but no meta.json that describes them", dir.display());
                    return Err(Fault::usage(text).hint("use an empty folder").into());
                }
                let meta = Meta { cluster_id, start_ts: start, end_ts: Some(start), more: Map::new() };
                with_tail(meta, Tail::default())?.write(dir)?;
                Meta::read(dir)?
            }
        };
        let tail = tail(&meta).unwrap_or_default();
        let position = meta.end_ts.unwrap_or(meta.start_ts);
        cut_back(dir, tail)?;
        let (written, passed, synced) = (position, position, Instant::now());
        Ok(Self {
            dir: dir.to_owned(),
            layout,
            meta,
            tail,
            file: None,
            output: None,
            unsafe_bytes: 0,
            written,
            passed,
            synced,
            _lock: lock,
        })
    }

    /// Everything at or below this is synced to the disk.
    #[must_use]
    pub fn position(&self) -> CommitTs {
        self.meta.end_ts.unwrap_or(self.meta.start_ts)
    }

    /// Takes what the stream says next. A resolved ts is written with the next
    /// [`sync`](Self::sync).
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn take(&mut self, pulled: &Pulled) -> Result<()> {
        self.passed = self.passed.max(pulled.ts());
        if matches!(pulled, Pulled::Resolved(_)) {
            return Ok(());
        }
        self.message(pulled)
    }

    fn message(&mut self, pulled: &Pulled) -> Result<()> {
        let payload = write(pulled).encode_to_vec();
        let head = u32::try_from(payload.len()).context("a message is larger than a recording can hold")?;
        let dir = self.dir.clone();
        let output = self.output()?;
        let mut put = || {
            let output: &mut dyn Write = match output {
                Output::Plain(file) => file,
                Output::Zstd(file) => file,
            };
            output.write_all(&head.to_be_bytes())?;
            output.write_all(&payload)
        };
        put().map_err(|e| trouble(&dir, &e))?;
        self.unsafe_bytes += payload.len() + 4;
        self.written = pulled.ts();
        Ok(())
    }

    /// Whether it is time for a [`sync`](Self::sync).
    #[must_use]
    pub fn is_due(&self) -> bool {
        let since = self.synced.elapsed();
        self.unsafe_bytes >= SYNC_BYTES
            || (self.unsafe_bytes > 0 && since >= SYNC_EVERY)
            || (self.passed > self.position() && since >= QUIET_EVERY)
    }

    /// Syncs everything taken to the disk, then says so in `meta.json`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn sync(&mut self) -> Result<()> {
        if self.passed > self.written {
            self.message(&Pulled::Resolved(self.passed))?;
        }
        self.synced = Instant::now();
        if self.unsafe_bytes == 0 {
            return Ok(());
        }
        let dir = self.dir.clone();
        self.finish().map_err(|e| trouble(&dir, &e))?;
        self.meta = with_tail(Meta { end_ts: Some(self.passed), ..self.meta.clone() }, self.tail)?;
        self.meta.write(&self.dir).map_err(|e| match e.downcast_ref::<io::Error>() {
            Some(io) => trouble(&self.dir, io).into(),
            None => e,
        })?;
        self.unsafe_bytes = 0;
        if self.tail.bytes >= self.layout.part_bytes {
            self.file = None;
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        let buffer = match self.output.take() {
            Some(Output::Plain(buffer)) => Some(buffer),
            Some(Output::Zstd(encoder)) => Some(encoder.finish()?),
            None => None,
        };
        if let Some(mut buffer) = buffer {
            buffer.flush()?;
        }
        if let Some(file) = &self.file {
            file.sync_all()?;
            self.tail.bytes = file.metadata()?.len();
        }
        Ok(())
    }

    /// Where the next message goes.
    fn output(&mut self) -> Result<&mut Output> {
        if self.output.is_none() {
            let dir = self.dir.clone();
            let output = self.open_output().map_err(|e| trouble(&dir, &e))?;
            self.output = Some(output);
        }
        self.output.as_mut().context("an output that was just opened is gone")
    }

    fn open_output(&mut self) -> io::Result<Output> {
        if self.file.is_none() {
            self.file = Some(self.part()?);
        }
        let Some(file) = &self.file else { return Err(io::Error::other("there is no part")) };
        let buffer = BufWriter::with_capacity(1 << 18, file.try_clone()?);
        Ok(if self.layout.compress {
            Output::Zstd(Box::new(zstd::Encoder::new(buffer, LEVEL)?))
        } else {
            Output::Plain(buffer)
        })
    }

    /// The last part, if it has room and is of the right kind, or else a new one.
    fn part(&mut self) -> io::Result<File> {
        let last = self.dir.join(frames::name(self.tail.part, self.layout.compress));
        if self.tail.part > 0 && self.tail.bytes < self.layout.part_bytes && last.is_file() {
            return OpenOptions::new().append(true).open(last);
        }
        self.tail = Tail { part: self.tail.part + 1, bytes: 0 };
        let path = self.dir.join(frames::name(self.tail.part, self.layout.compress));
        let file = OpenOptions::new().append(true).create_new(true).open(path)?;
        File::open(&self.dir)?.sync_all()?;
        Ok(file)
    }
}

fn lock(dir: &Path) -> Result<File> {
    let file = File::create(dir.join(LOCK)).map_err(|e| trouble(dir, &e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let text = format!("another tisync is recording into {}", dir.display());
            Err(Fault::refused(text).hint("stop it first, or use another folder").into())
        }
        Err(TryLockError::Error(e)) => Err(trouble(dir, &e).into()),
    }
}

/// The recording in `dir` that a recorder made; `None` if there is nothing.
fn standing(dir: &Path) -> Result<Option<Meta>> {
    if !dir.join("meta.json").is_file() {
        return Ok(None);
    }
    let meta = Meta::read(dir)?;
    if tail(&meta).is_none() {
        let text = format!("the recording in {} was not made by `tisync record`", dir.display());
        return Err(Fault::usage(text).hint("use an empty folder: such a recording cannot be extended").into());
    }
    Ok(Some(meta))
}

fn tail(meta: &Meta) -> Option<Tail> {
    serde_json::from_value(meta.more.get(TAIL)?.clone()).ok()
}

fn with_tail(mut meta: Meta, tail: Tail) -> Result<Meta> {
    meta.more.insert(TAIL.to_owned(), serde_json::to_value(tail)?);
    Ok(meta)
}

/// Removes what lies after `tail`.
fn cut_back(dir: &Path, tail: Tail) -> Result<()> {
    let mut found = tail.part == 0;
    for (number, path) in frames::list(dir) {
        if number > tail.part {
            fs::remove_file(&path).map_err(|e| trouble(dir, &e))?;
        } else if number == tail.part {
            let file = OpenOptions::new().write(true).open(&path).map_err(|e| trouble(dir, &e))?;
            let bytes = file.metadata().map_err(|e| trouble(dir, &e))?.len();
            found = bytes >= tail.bytes;
            if bytes > tail.bytes {
                file.set_len(tail.bytes).and_then(|()| file.sync_all()).map_err(|e| trouble(dir, &e))?;
            }
        }
    }
    if found {
        return Ok(());
    }
    let text = format!(
        "the recording in {} is incomplete: part {} should have {} bytes, and does not",
        dir.display(),
        tail.part,
        tail.bytes
    );
    Err(Fault::refused(text).hint("restore the part, or record into an empty folder").into())
}

/// The fault for an I/O error: a full disk is named as such.
fn trouble(dir: &Path, error: &io::Error) -> Fault {
    let full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    let (text, hint) = if full {
        (
            format!("no space left for the recording in {}: {error}", dir.display()),
            "free up space and run the same command again: it continues where the recording is complete, as long as \
             the Pumps still have the changes after that",
        )
    } else {
        (format!("cannot write the recording in {}: {error}", dir.display()), "check the folder and its permissions")
    };
    Fault::connect(text).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_named() {
        // Linux's device on which every write fails for lack of space.
        let error = File::options().write(true).open("/dev/full").and_then(|mut f| f.write_all(b"x")).unwrap_err();
        let fault = trouble(Path::new("/r"), &error);
        assert!(fault.message.starts_with("no space left for the recording in /r: "), "{fault:?}");
        assert!(fault.hint.contains("same command again"), "{fault:?}");
    }
}
