//! Writes `binlogs.bin`.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};
use prost::Message;

use super::{BINLOGS, BINLOGS_ZST};
use crate::model::Pulled;
use crate::source::write;

/// zstd's level: payloads are text for the most part, and a recording is written once.
const LEVEL: i32 = 3;

/// Writes the messages of one Pump into a folder; [`Meta::write`](super::Meta::write) makes a recording of it.
pub struct Writer {
    output: Output,
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
        let len = u32::try_from(payload.len()).context("a message is larger than a recording can hold")?;
        let output: &mut dyn Write = match &mut self.output {
            Output::Plain(file) => file,
            Output::Zstd(file) => file,
        };
        output
            .write_all(&len.to_be_bytes())
            .and_then(|()| output.write_all(payload))
            .context("cannot write the recording")
    }

    /// Appends what a stream said.
    ///
    /// # Errors
    /// As [`payload`](Self::payload).
    pub fn pulled(&mut self, pulled: &Pulled) -> Result<()> {
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
