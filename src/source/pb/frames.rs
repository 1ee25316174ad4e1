//! Reads Drainer's files: the files of a folder in order, their frames, and the messages in them.
//!
//! A frame is magic u32, length u64, payload, CRC-32C of the payload u32, all little-endian
//! (docs/protocol/tidb-binlog.md §9.6); only one is held at a time. The payload is a message of the
//! package `pb_binlog` (docs/protocol/tidb-binlog.md §9.6), whose `bytes` fields share the memory
//! of the frame.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;
use jiff::tz::TimeZone;
use prost::Message;

use crate::error::Fault;
use crate::model::{Body, CommitTs, RawTxn};
use crate::source::recording::too_large;

/// The first four bytes of every frame.
pub const MAGIC: u32 = 471_532_804;
/// Bytes of magic and length.
const HEAD: usize = 12;
/// The largest payload: no protobuf message can be larger.
const MAX_PAYLOAD: u64 = i32::MAX as u64;
/// Bytes that are allocated before the payload is seen, so a damaged length costs no more than
/// this.
const FIRST_ALLOCATION: u64 = 1 << 20;

/// What follows in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// A whole message.
    Payload(Bytes),
    /// The file ends between two messages.
    End,
    /// The file ends within a message, which begins at this byte: its writer was stopped there, or
    /// is still writing.
    Torn(u64),
}

/// The frames of one file.
pub struct Frames {
    path: PathBuf,
    input: Box<dyn Read + Send>,
    /// Where the next frame begins, in the uncompressed file.
    offset: u64,
    /// Length of the next payload, if it has been read already.
    head: Option<u64>,
    ended: Option<Next>,
    /// Whether the file is compressed: then a few of its bytes may expand to gigabytes.
    packed: bool,
    /// The largest message of a compressed file, in bytes.
    most: u64,
}

/// `payload` as a frame.
#[must_use]
pub fn frame(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + HEAD + 4);
    out.extend_from_slice(&MAGIC.to_le_bytes());
    out.extend_from_slice(&(payload.len() as u64).to_le_bytes());
    out.extend_from_slice(payload);
    out.extend_from_slice(&crc32c::crc32c(payload).to_le_bytes());
    out
}

impl Frames {
    /// Opens `path`, plain or compressed with gzip or zstd; the content decides, not the name.
    ///
    /// # Errors
    /// If the file cannot be opened.
    pub fn open(path: &Path) -> Result<Self> {
        let failed = |e: std::io::Error| {
            let hint = "check the path and its permissions";
            Fault::connect(format!("cannot read {}: {e}", path.display())).hint(hint)
        };
        let mut file = BufReader::with_capacity(1 << 18, File::open(path).map_err(failed)?);
        let begin = file.fill_buf().map_err(failed)?;
        let packed = matches!(begin, [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..]);
        let input: Box<dyn Read + Send> = match begin {
            [0x1f, 0x8b, ..] => Box::new(MultiGzDecoder::new(file)),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => {
                let decoder = zstd::Decoder::with_buffer(file);
                Box::new(decoder.with_context(|| format!("cannot read {}", path.display()))?)
            }
            _ => Box::new(file),
        };
        Ok(Self { path: path.to_owned(), input, offset: 0, head: None, ended: None, packed, most: MAX_PAYLOAD })
    }

    /// Refuses messages of a compressed file above `bytes`.
    #[must_use]
    pub fn within(self, bytes: usize) -> Self {
        Self { most: bytes as u64, ..self }
    }

    /// Bytes of the next payload, of which nothing is read yet; 0 if none follows.
    ///
    /// # Errors
    /// If what follows is not a frame. The error is final.
    pub fn next_size(&mut self) -> Result<usize> {
        if self.ended.is_some() {
            return Ok(0);
        }
        match self.length()? {
            Some(length) => Ok(usize::try_from(length)?),
            None => Ok(0),
        }
    }

    /// Reads the next message.
    ///
    /// # Errors
    /// If what follows is not a frame, or its checksum is wrong. The error is final.
    pub fn read(&mut self) -> Result<Next> {
        if let Some(ended) = &self.ended {
            return Ok(ended.clone());
        }
        let Some(length) = self.length()? else { return Ok(self.ended.clone().unwrap_or(Next::End)) };
        self.head = None;
        let first = length.min(FIRST_ALLOCATION);
        let mut payload = Vec::with_capacity(usize::try_from(first)?);
        self.take(first, &mut payload)?;
        if payload.len() as u64 == first && length > first {
            let rest = length - first;
            if payload.try_reserve_exact(usize::try_from(rest)?).is_err() {
                return Err(self.broken(&format!("not enough memory for a message of {length} bytes")));
            }
            self.take(rest, &mut payload)?;
        }
        let mut sum = Vec::with_capacity(4);
        self.take(4, &mut sum)?;
        let Ok(sum) = <[u8; 4]>::try_from(sum.as_slice()) else { return Ok(self.end(Next::Torn(self.offset))) };
        if crc32c::crc32c(&payload) != u32::from_le_bytes(sum) {
            return Err(self.broken("the checksum of the message is wrong"));
        }
        self.offset += length + (HEAD + 4) as u64;
        Ok(Next::Payload(payload.into()))
    }

    /// File and byte where the next message begins, for errors about the last one.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{} at byte {}", self.path.display(), self.offset)
    }

    fn end(&mut self, how: Next) -> Next {
        self.ended.insert(how).clone()
    }

    /// Length of the next payload; `None` if none follows.
    fn length(&mut self) -> Result<Option<u64>> {
        if self.head.is_some() {
            return Ok(self.head);
        }
        let mut head = Vec::with_capacity(HEAD);
        self.take(HEAD as u64, &mut head)?;
        let Some((magic, length)) = head.split_first_chunk::<4>() else {
            let how = if head.is_empty() { Next::End } else { self.torn(&head)? };
            self.end(how);
            return Ok(None);
        };
        if u32::from_le_bytes(*magic) != MAGIC {
            return Err(self.broken("no message where one should begin"));
        }
        let Ok(length) = <[u8; 8]>::try_from(length) else {
            self.end(Next::Torn(self.offset));
            return Ok(None);
        };
        let length = u64::from_le_bytes(length);
        if length > MAX_PAYLOAD {
            return Err(self.broken(&format!("a message claims {length} bytes, more than the maximum")));
        }
        if self.packed && length > self.most {
            self.ended = Some(Next::End);
            return Err(too_large(&self.place(), length, self.most));
        }
        self.head = Some(length);
        Ok(self.head)
    }

    /// A file that ends within the magic of a frame, if these bytes can be the beginning of one.
    fn torn(&mut self, begin: &[u8]) -> Result<Next> {
        if MAGIC.to_le_bytes().starts_with(begin) {
            return Ok(Next::Torn(self.offset));
        }
        Err(self.broken("no message where one should begin"))
    }

    /// Reads `length` bytes, or fewer if the file ends.
    fn take(&mut self, length: u64, into: &mut Vec<u8>) -> Result<()> {
        match (&mut self.input).take(length).read_to_end(into) {
            // A compressed file that was cut off gives this error at its end.
            Err(e) if e.kind() != std::io::ErrorKind::UnexpectedEof => {
                Err(self.broken(&format!("it cannot be read: {e}")))
            }
            _ => Ok(()),
        }
    }

    fn broken(&mut self, what: &str) -> anyhow::Error {
        self.ended = Some(Next::End);
        Fault::refused(format!("{}: {what}", self.place()))
            .hint("the file is damaged: copy it again from its origin. Nothing after this point was applied")
            .into()
    }
}

/// `pb_binlog.Binlog`: one transaction or DDL.
#[derive(Clone, PartialEq, Message)]
pub struct Binlog {
    /// 0 rows, 1 DDL.
    #[prost(int32, optional, tag = "1")]
    pub tp: Option<i32>,
    /// When it took effect.
    #[prost(int64, optional, tag = "2")]
    pub commit_ts: Option<i64>,
    /// A serialized `pb_binlog.DMLData`, for rows.
    #[prost(bytes = "bytes", optional, tag = "3")]
    pub dml_data: Option<Bytes>,
    /// The statement, for DDL.
    #[prost(bytes = "bytes", optional, tag = "4")]
    pub ddl_query: Option<Bytes>,
}

/// Reads a message, whose TIMESTAMPs are in the time zone `zone`.
///
/// # Errors
/// For bytes that are not such a message, and for a commit ts that cannot be one.
pub fn read_message(payload: Bytes, zone: &TimeZone) -> Result<RawTxn> {
    let length = payload.len();
    let binlog = Binlog::decode(payload)
        .map_err(|e| wrong(&format!("a message of {length} bytes is not a Drainer message ({e}; pb_binlog.Binlog)")))?;
    let ts = binlog.commit_ts.unwrap_or_default();
    let Some(commit_ts) = CommitTs::from_wire(ts).filter(|ts| ts.0 > 0) else {
        return Err(wrong(&format!("a message has the impossible commit ts {ts}")));
    };
    let body = match (binlog.tp, binlog.dml_data, binlog.ddl_query) {
        (Some(0) | None, Some(events), None) => Body::Named { events, zone: zone.clone() },
        (Some(1), None, Some(query)) => Body::Statement(query),
        (Some(0) | None, None, None) => Body::Nothing,
        (tp, rows, ddl) => {
            let (rows, ddl) = (rows.is_some(), ddl.is_some());
            return Err(wrong(&format!(
                "the message of commit ts {} contradicts itself: type {}, rows {rows}, DDL {ddl}",
                commit_ts.explain(),
                tp.unwrap_or_default()
            )));
        }
    };
    // The file does not say when the transaction began; any lower ts will do.
    Ok(RawTxn { commit_ts, start_ts: CommitTs(commit_ts.0 - 1), body })
}

fn wrong(message: &str) -> anyhow::Error {
    Fault::refused(message)
        .hint(
            "its checksum is right, so it was written that way: was it written by Drainer with db-type `file`? \
               Nothing of it was applied",
        )
        .into()
}

/// What the names of Drainer's files begin with.
const PREFIX: &str = "binlog-";

/// One of Drainer's files, with its number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PbFile {
    /// Rises by one from file to file.
    pub index: u64,
    /// Path of the file.
    pub path: PathBuf,
}

/// The index in a file's name, `binlog-0000000000000007-20261121113036`: two to four parts between
/// dashes, and perhaps an extension. `None` for any other name.
#[must_use]
pub fn index(name: &str) -> Option<u64> {
    let parts: Vec<&str> = name.strip_prefix(PREFIX)?.split('-').collect();
    if parts.len() > 3 {
        return None;
    }
    // Only the last part may have an extension.
    let digits = parts.first()?.split('.').next()?;
    let plausible = (1..=20).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|_| plausible)
}

/// Whether `dir` holds such a file; false also if it cannot be read.
#[must_use]
pub fn holds_files(dir: &Path) -> bool {
    let names = fs::read_dir(dir).into_iter().flatten().flatten().map(|e| e.file_name());
    names.into_iter().any(|name| name.to_str().and_then(index).is_some())
}

/// The files of `dir`, by index.
///
/// # Errors
/// If there are none, one is missing between others, or an index occurs twice.
pub fn list(dir: &Path) -> Result<Vec<PbFile>> {
    let unreadable = |e: std::io::Error| {
        Fault::connect(format!("cannot read the folder {}: {e}", dir.display()))
            .hint("check the path and its permissions")
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if let Some(index) = path.file_name().and_then(|n| n.to_str()).and_then(index)
            && path.is_file()
        {
            files.push(PbFile { index, path });
        }
    }
    files.sort();
    if files.is_empty() {
        let text = format!("{} has no Drainer files (binlog-0000000000000000-…)", dir.display());
        return Err(Fault::usage(text).hint("give the folder set as Drainer's `dir`").into());
    }
    for (a, b) in files.iter().zip(files.iter().skip(1)) {
        if a.index == b.index {
            let text = format!("file {} exists twice: {} and {}", a.index, a.path.display(), b.path.display());
            return Err(Fault::usage(text).hint("keep the complete one, and move the other away").into());
        }
        if b.index != a.index + 1 {
            let text = format!(
                "the files of {} are incomplete: number {} is followed by number {}",
                dir.display(),
                a.index,
                b.index
            );
            return Err(Fault::refused(text)
                .hint(
                    "restore the missing files; their changes would be lost. To begin after the gap, move away the \
                       files before it",
                )
                .into());
        }
    }
    Ok(files)
}

#[cfg(test)]
#[path = "frames_tests.rs"]
mod tests;
