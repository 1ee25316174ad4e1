//! Writes `binlogs.bin`.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use prost::Message;

use super::{BINLOGS, BINLOGS_ZST};
use crate::model::{Body, Pulled, RawTxn};
use crate::source::write;

/// zstd's level: payloads are text for the most part, and a recording is written once.
const LEVEL: i32 = 3;

/// Writes the messages of one Pump into a folder; [`Meta::write`](super::Meta::write) makes a recording of it.
pub struct Writer {
    output: Output,
}

/// Counts what goes through.
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
    /// Makes the folder `dir` if need be, and a new file in it, compressed or plain.
    ///
    /// # Errors
    /// If there is such a file already, or it cannot be made.
    pub fn create(dir: &Path, compressed: bool) -> Result<Self> {
        fs::create_dir_all(dir).with_context(|| format!("cannot make the folder {}", dir.display()))?;
        let path = dir.join(if compressed { BINLOGS_ZST } else { BINLOGS });
        let file = File::create_new(&path).with_context(|| format!("cannot make {}", path.display()))?;
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

    /// Appends a payload of `len` bytes that `write` gives piece by piece, so that it need not be in memory as a whole.
    ///
    /// # Errors
    /// If it cannot be written, is larger than a message can be, or has another length than it was to have: then the
    /// file is spoilt.
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
    /// As [`payload`](Self::payload); and if no Pump says such a thing.
    pub fn pulled(&mut self, pulled: &Pulled) -> Result<()> {
        let foreign = |txn: &RawTxn| matches!(txn.body, Body::Named { .. } | Body::Statement(_));
        ensure!(
            !matches!(pulled, Pulled::Txn(txn) if foreign(txn)),
            "a recording holds what Pumps say, and none says this"
        );
        self.payload(&write(pulled).encode_to_vec())
    }

    /// Writes what is left, down to the disk.
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
