//! Reads the frames of `binlogs.bin` one after the other; never holds more than one of them.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use bytes::Bytes;

use super::parts;
use crate::error::Fault;
use crate::model::Pulled;

/// Above this no protobuf message can be.
const MAX_FRAME: u64 = i32::MAX as u64;
/// So much is allocated before the bytes are seen; a length from a damaged file costs no more than that.
const FIRST_ALLOCATION: u64 = 1 << 20;

/// The frames of one file.
pub struct Frames {
    path: Arc<PathBuf>,
    input: Box<dyn Read + Send>,
    /// Where the next frame begins, in the file as it is when uncompressed.
    offset: u64,
    /// Length of the next frame, where it has been read already.
    head: Option<u64>,
    ended: bool,
    /// The largest message of a compressed file: of a few bytes there it may make gigabytes.
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
    /// Reads the payload.
    ///
    /// # Errors
    /// As [`read`](crate::source::read), with file and offset.
    pub fn read(&self) -> Result<Pulled> {
        crate::source::read(self.payload.clone()).with_context(|| self.place())
    }

    /// Where it stands, for messages.
    #[must_use]
    pub fn place(&self) -> String {
        place(&self.path, self.offset)
    }
}

impl Frames {
    /// Opens `path`; a name that ends in `.zst` is uncompressed on the way. Behind a part come the parts that follow it.
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

    /// The same, with no message of a compressed file above `bytes`.
    #[must_use]
    pub fn within(self, bytes: usize) -> Self {
        Self { most: bytes as u64, ..self }
    }

    /// Bytes of the next message, of which nothing is read yet; 0 at the end.
    ///
    /// # Errors
    /// If the file ends within the length, or no message can be so long. It is final.
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
            let Some(next) = parts::next(&self.path) else { return Ok(None) };
            self.input = input(&next)?;
            (self.path, self.offset) = (Arc::new(next), 0);
            self.take(4, &mut head)?;
        }
        let Ok(head) = <[u8; 4]>::try_from(head.as_slice()) else {
            return Err(self.broken("the file ends within the length of a message"));
        };
        let len = u64::from(u32::from_be_bytes(head));
        if len > MAX_FRAME {
            return Err(self.broken(&format!("a message claims {len} bytes, more than any can have")));
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
                return Err(self.broken(&format!("there is no memory for a message of {len} bytes")));
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
            .hint("the file is damaged or was not written to its end; take the recording anew, or restore the file")
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

/// Of a message in a compressed file that is above the memory limit.
pub(in crate::source) fn too_large(place: &str, length: u64, most: u64) -> anyhow::Error {
    Fault::refused(format!(
        "{place}: a message of a compressed file has {length} bytes, more than --memory-limit ({most} bytes)"
    ))
    .hint("raise --memory-limit if the file comes from where it should: a transaction may be that large")
    .into()
}

fn place(path: &Path, offset: u64) -> String {
    format!("{} at byte {offset}", path.display())
}
