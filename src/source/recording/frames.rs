//! The files of a recording: their frames, a writer of them, and the parts of a long recording.
//!
//! `binlogs.bin` has a frame for each message; only one is held at a time. A long recording is
//! split into parts, `binlogs-000001.bin` or `.bin.zst` and so on, each of which continues the one
//! before.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use prost::Message;

use super::{BINLOGS, BINLOGS_ZST};
use crate::error::Fault;
use crate::model::{Body, Pulled, RawTxn};
use crate::source::binlog::write;

/// The largest message: no protobuf message can be larger.
const MAX_FRAME: u64 = i32::MAX as u64;
/// Bytes that are allocated before the payload is seen, so a damaged length costs no more than
/// this.
const FIRST_ALLOCATION: u64 = 1 << 20;

/// The frames of one file, and of the parts that follow it.
pub struct Frames {
    path: Arc<PathBuf>,
    input: Box<dyn Read + Send>,
    /// Where the next frame begins, in the uncompressed file.
    offset: u64,
    /// Length of the next frame, if it has been read already.
    head: Option<u64>,
    ended: bool,
    /// The largest message of a compressed file, in bytes: a few bytes there may expand to
    /// gigabytes.
    most: u64,
}

/// One message of a file.
pub struct Frame {
    /// The payload: a serialized `binlog.Binlog`.
    pub payload: Bytes,
    path: Arc<PathBuf>,
    offset: u64,
}

impl Frame {
    /// Decodes the payload.
    ///
    /// # Errors
    /// As [`read`](crate::source::read), with file and offset.
    pub fn read(&self) -> Result<Pulled> {
        crate::source::read(self.payload.clone()).with_context(|| self.place())
    }

    /// File and offset of the message, for errors.
    #[must_use]
    pub fn place(&self) -> String {
        place(&self.path, self.offset)
    }
}

impl Frames {
    /// Opens `path`, uncompressed on the way if its name ends in `.zst`. After a part come the
    /// parts that follow it.
    ///
    /// # Errors
    /// If the file cannot be opened.
    pub fn open(path: &Path) -> Result<Self> {
        Ok(Self {
            path: Arc::new(path.to_owned()),
            input: input(path)?,
            offset: 0,
            head: None,
            ended: false,
            most: MAX_FRAME,
        })
    }

    /// Refuses messages of a compressed file above `bytes`.
    #[must_use]
    pub fn within(self, bytes: usize) -> Self {
        Self { most: bytes as u64, ..self }
    }

    /// Bytes of the next message, of which nothing is read yet; 0 at the end.
    ///
    /// # Errors
    /// If the file ends within the length, or no message can be so long. The error is final.
    pub fn next_size(&mut self) -> Result<usize> {
        if self.ended {
            return Ok(0);
        }
        let len = self.length().inspect_err(|_| self.ended = true)?;
        Ok(usize::try_from(len.unwrap_or(0))?)
    }

    fn length(&mut self) -> Result<Option<u64>> {
        if self.head.is_some() {
            return Ok(self.head);
        }
        let mut head = Vec::with_capacity(4);
        self.take(4, &mut head)?;
        while head.is_empty() {
            let Some(next) = next(&self.path) else { return Ok(None) };
            self.input = input(&next)?;
            (self.path, self.offset) = (Arc::new(next), 0);
            self.take(4, &mut head)?;
        }
        let Ok(head) = <[u8; 4]>::try_from(head.as_slice()) else {
            return Err(self.broken("the file ends within the length of a message"));
        };
        let len = u64::from(u32::from_be_bytes(head));
        if len > MAX_FRAME {
            return Err(self.broken(&format!("a message claims {len} bytes, more than the maximum")));
        }
        if len > self.most && is_packed(&self.path) {
            return Err(too_large(&place(&self.path, self.offset), len, self.most));
        }
        self.head = Some(len);
        Ok(self.head)
    }

    fn frame(&mut self) -> Result<Option<Frame>> {
        let Some(len) = self.length()? else { return Ok(None) };
        self.head = None;
        let first = len.min(FIRST_ALLOCATION);
        let mut payload = Vec::with_capacity(usize::try_from(first)?);
        self.take(first, &mut payload)?;
        if payload.len() as u64 == first && len > first {
            // Exactly the rest: a vector that grows by itself takes up to twice as much.
            let rest = len - first;
            if payload.try_reserve_exact(usize::try_from(rest)?).is_err() {
                return Err(self.broken(&format!("not enough memory for a message of {len} bytes")));
            }
            self.take(rest, &mut payload)?;
        }
        if payload.len() as u64 != len {
            let text = format!("a message of {len} bytes is cut off after {} bytes", payload.len());
            return Err(self.broken(&text));
        }
        let frame = Frame { payload: payload.into(), path: Arc::clone(&self.path), offset: self.offset };
        self.offset += 4 + len;
        Ok(Some(frame))
    }

    /// Reads `len` bytes, or fewer if the file ends.
    fn take(&mut self, len: u64, into: &mut Vec<u8>) -> Result<()> {
        let read = (&mut self.input).take(len).read_to_end(into);
        read.map(drop).map_err(|e| self.broken(&format!("it cannot be read: {e}")))
    }

    fn broken(&self, what: &str) -> anyhow::Error {
        Fault::refused(format!("{}: {what}", place(&self.path, self.offset)))
            .hint("the file is damaged or incomplete; make the recording again, or restore the file")
            .into()
    }
}

impl Iterator for Frames {
    type Item = Result<Frame>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let frame = self.frame().transpose();
        self.ended = !matches!(frame, Some(Ok(_)));
        frame
    }
}

fn input(path: &Path) -> Result<Box<dyn Read + Send>> {
    let file = File::open(path).map_err(|e| {
        let hint = "check the path and its permissions";
        Fault::connect(format!("cannot open {}: {e}", path.display())).hint(hint)
    })?;
    Ok(if is_packed(path) {
        let decoder = zstd::Decoder::new(file).with_context(|| format!("cannot read {}", path.display()))?;
        Box::new(BufReader::new(decoder))
    } else {
        Box::new(BufReader::with_capacity(1 << 18, file))
    })
}

fn is_packed(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "zst")
}

/// The error for a message of a compressed file that is above the memory limit.
pub(in crate::source) fn too_large(place: &str, length: u64, most: u64) -> anyhow::Error {
    Fault::refused(format!(
        "{place}: a message of a compressed file has {length} bytes, more than --memory-limit ({most} bytes)"
    ))
    .hint("raise --memory-limit if the file comes from a trusted place: a transaction can be that large")
    .into()
}

fn place(path: &Path, offset: u64) -> String {
    format!("{} at byte {offset}", path.display())
}

/// zstd's level: payloads are mostly text, and a recording is written once.
const LEVEL: i32 = 3;

/// Writes the messages of one Pump into a folder; [`Meta::write`](super::Meta::write) makes a
/// recording of it.
pub struct Writer {
    output: Output,
}

/// Counts the bytes that pass through.
struct Counted<'a> {
    output: &'a mut dyn Write,
    written: u64,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.output.write(bytes)?;
        self.written = self.written.saturating_add(u64::try_from(written).unwrap_or(u64::MAX));
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.output.flush()
    }
}

enum Output {
    Plain(BufWriter<File>),
    Zstd(zstd::Encoder<'static, BufWriter<File>>),
}

impl Writer {
    /// Creates the folder `dir` if needed, and a new file in it, compressed or plain.
    ///
    /// # Errors
    /// If there is such a file already, or it cannot be created.
    pub fn create(dir: &Path, compressed: bool) -> Result<Self> {
        fs::create_dir_all(dir).with_context(|| format!("cannot create the folder {}", dir.display()))?;
        let path = dir.join(if compressed { BINLOGS_ZST } else { BINLOGS });
        let file = File::create_new(&path).with_context(|| format!("cannot create {}", path.display()))?;
        let file = BufWriter::new(file);
        let output = if compressed { Output::Zstd(zstd::Encoder::new(file, LEVEL)?) } else { Output::Plain(file) };
        Ok(Self { output })
    }

    /// Appends a payload as a Pump sent it.
    ///
    /// # Errors
    /// If it cannot be written, or is larger than a message can be.
    pub fn payload(&mut self, payload: &[u8]) -> Result<()> {
        self.streamed(u64::try_from(payload.len())?, |output| output.write_all(payload))
    }

    /// Appends a payload of `len` bytes that `write` gives piece by piece, so that it need not be
    /// in memory as a whole.
    ///
    /// # Errors
    /// If it cannot be written, is larger than a message can be, or turns out to have another
    /// length: then the file is spoilt.
    pub fn streamed(&mut self, len: u64, write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Result<()> {
        let head = u32::try_from(len).context("a message is larger than a recording can hold")?;
        let output: &mut dyn Write = match &mut self.output {
            Output::Plain(file) => file,
            Output::Zstd(file) => file,
        };
        let mut counted = Counted { output, written: 0 };
        counted.output.write_all(&head.to_be_bytes()).context("cannot write the recording")?;
        write(&mut counted).context("cannot write the recording")?;
        ensure!(counted.written == len, "a message of {len} bytes turned out to have {}", counted.written);
        Ok(())
    }

    /// Appends what a stream said.
    ///
    /// # Errors
    /// As [`payload`](Self::payload); and for a body that does not come from a Pump.
    pub fn pulled(&mut self, pulled: &Pulled) -> Result<()> {
        let foreign = |txn: &RawTxn| matches!(txn.body, Body::Named { .. } | Body::Statement(_));
        ensure!(
            !matches!(pulled, Pulled::Txn(txn) if foreign(txn)),
            "a recording holds what Pumps send, and no Pump sends this"
        );
        self.payload(&write(pulled).encode_to_vec())
    }

    /// Writes what is buffered, and syncs it to the disk.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn finish(self) -> Result<()> {
        let file = match self.output {
            Output::Plain(file) => file,
            Output::Zstd(file) => file.finish().context("cannot write the recording")?,
        };
        let file = file.into_inner().map_err(|e| e.into_error()).context("cannot write the recording")?;
        file.sync_all().context("cannot write the recording to the disk")
    }
}

/// The name of part `number`, from 1.
#[must_use]
pub fn name(number: u32, compressed: bool) -> String {
    format!("binlogs-{number:06}.bin{}", if compressed { ".zst" } else { "" })
}

/// The number in a part's name, and whether it is compressed; `None` for any other name.
#[must_use]
pub fn number(name: &str) -> Option<(u32, bool)> {
    let rest = name.strip_prefix("binlogs-")?;
    let (digits, compressed) = match rest.strip_suffix(".bin.zst") {
        Some(digits) => (digits, true),
        None => (rest.strip_suffix(".bin")?, false),
    };
    let plain = digits.len() >= 6 && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|n| plain && *n > 0).map(|n| (n, compressed))
}

/// The parts in `dir`, ordered by number; empty if it cannot be read.
#[must_use]
pub fn list(dir: &Path) -> Vec<(u32, PathBuf)> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut parts: Vec<(u32, PathBuf)> =
        entries.filter_map(|e| Some((number(e.file_name().to_str()?)?.0, e.path()))).collect();
    parts.sort();
    parts
}

/// The first part in `dir`; `None` if there are none.
///
/// # Errors
/// If one is missing or occurs twice.
pub fn first(dir: &Path) -> Result<Option<PathBuf>> {
    let parts = list(dir);
    for ((found, path), wanted) in parts.iter().zip(1_u32..) {
        if *found > wanted {
            let text = format!("{} lacks part {wanted} of the recording: {} exists", dir.display(), path.display());
            return Err(Fault::usage(text).hint("restore the missing part").into());
        }
        if *found < wanted {
            let text = format!("{} exists both plain and compressed", path.display());
            return Err(Fault::usage(text).hint("remove the unwanted one").into());
        }
    }
    Ok(parts.into_iter().next().map(|(_, path)| path))
}

/// The part after `path`, if `path` is a part and there is one.
#[must_use]
pub fn next(path: &Path) -> Option<PathBuf> {
    let (number, _) = number(path.file_name()?.to_str()?)?;
    let dir = path.parent()?;
    [false, true].map(|compressed| dir.join(name(number + 1, compressed))).into_iter().find(|p| p.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        for (part, compressed) in [(1, false), (999_999, true), (1_000_000, false)] {
            assert_eq!(number(&name(part, compressed)), Some((part, compressed)));
        }
        for other in ["binlogs.bin", "binlogs-1.bin", "binlogs-000000.bin", "binlogs-000001.txt", "binlogs-00000x.bin"]
        {
            assert_eq!(number(other), None, "{other}");
        }
    }

    #[test]
    fn gaps_and_doubles_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(first(dir.path()).unwrap(), None);
        let put = |number, compressed| fs::write(dir.path().join(name(number, compressed)), "").unwrap();
        put(2, true);
        assert!(format!("{:#}", first(dir.path()).unwrap_err()).contains("lacks part 1"));
        put(1, false);
        let part = first(dir.path()).unwrap().unwrap();
        assert_eq!(next(&part).unwrap(), dir.path().join(name(2, true)));
        assert_eq!(next(&next(&part).unwrap()), None);
        put(2, false);
        assert!(format!("{:#}", first(dir.path()).unwrap_err()).contains("both plain and compressed"));
    }
}
