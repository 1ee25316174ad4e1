//! Reads the frames of one of Drainer's files; never holds more than one of them (spec/tidb-binlog.md §9.6):
//! magic u32, length u64, payload, CRC-32C of the payload u32, all little-endian.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;

use crate::error::Fault;
use crate::source::recording::too_large;

/// What every frame begins with.
pub const MAGIC: u32 = 471_532_804;
/// Bytes of magic and length.
const HEAD: usize = 12;
/// Above this no protobuf message can be.
const MAX_PAYLOAD: u64 = i32::MAX as u64;
/// So much is allocated before the bytes are seen; a length from a damaged file costs no more than that.
const FIRST_ALLOCATION: u64 = 1 << 20;

/// What comes next in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// A whole message.
    Payload(Bytes),
    /// The file ends between two messages.
    End,
    /// The file ends within a message, which begins at this byte: its writer was stopped there, or is at it.
    Torn(u64),
}

/// The frames of one file.
pub struct Frames {
    path: PathBuf,
    input: Box<dyn Read + Send>,
    /// Where the next frame begins, in the file as it is when uncompressed.
    offset: u64,
    /// Length of the next payload, where it has been read already.
    head: Option<u64>,
    ended: Option<Next>,
    /// Whether the file is compressed: of a few bytes there it may make gigabytes.
    packed: bool,
    /// The largest message of such a file.
    most: u64,
}

/// The frame of `payload`.
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
    /// Opens `path`, plain or compressed with gzip or zstd: the content tells, not the name.
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

    /// The same, with no message of a compressed file above `bytes`.
    #[must_use]
    pub fn within(self, bytes: usize) -> Self {
        Self { most: bytes as u64, ..self }
    }

    /// Bytes of the next payload, of which nothing is read yet; 0 where none follows.
    ///
    /// # Errors
    /// If what follows is no frame. It is final.
    pub fn next_size(&mut self) -> Result<usize> {
        if self.ended.is_some() {
            return Ok(0);
        }
        match self.length()? {
            Some(length) => Ok(usize::try_from(length)?),
            None => Ok(0),
        }
    }

    /// The next message.
    ///
    /// # Errors
    /// If what follows is no frame, or its checksum is wrong. It is final.
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
                return Err(self.broken(&format!("there is no memory for a message of {length} bytes")));
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

    /// Where the next message begins, for errors about the last one.
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
            return Err(self.broken("there is no message where one should begin"));
        }
        let Ok(length) = <[u8; 8]>::try_from(length) else {
            self.end(Next::Torn(self.offset));
            return Ok(None);
        };
        let length = u64::from_le_bytes(length);
        if length > MAX_PAYLOAD {
            return Err(self.broken(&format!("a message claims {length} bytes, more than any can have")));
        }
        if self.packed && length > self.most {
            self.ended = Some(Next::End);
            return Err(too_large(&self.place(), length, self.most));
        }
        self.head = Some(length);
        Ok(self.head)
    }

    /// The end within the first bytes of a frame, if they may be such.
    fn torn(&mut self, begin: &[u8]) -> Result<Next> {
        if MAGIC.to_le_bytes().starts_with(begin) {
            return Ok(Next::Torn(self.offset));
        }
        Err(self.broken("there is no message where one should begin"))
    }

    /// Reads `length` bytes, or fewer if the file ends.
    fn take(&mut self, length: u64, into: &mut Vec<u8>) -> Result<()> {
        match (&mut self.input).take(length).read_to_end(into) {
            // A compressed file that was cut off says it so.
            Err(e) if e.kind() != std::io::ErrorKind::UnexpectedEof => {
                Err(self.broken(&format!("it cannot be read: {e}")))
            }
            _ => Ok(()),
        }
    }

    fn broken(&mut self, what: &str) -> anyhow::Error {
        self.ended = Some(Next::End);
        Fault::refused(format!("{}: {what}", self.place()))
            .hint(
                "the file is damaged: restore it from where it was copied from. Nothing behind this place was applied",
            )
            .into()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8]) -> Result<(Vec<Bytes>, Next)> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), bytes).unwrap();
        let mut frames = Frames::open(file.path())?;
        let mut got = Vec::new();
        loop {
            let size = frames.next_size()?;
            match frames.read()? {
                Next::Payload(payload) => {
                    assert_eq!(payload.len(), size);
                    got.push(payload);
                }
                end => {
                    assert_eq!(frames.read()?, end, "it stays at its end");
                    return Ok((got, end));
                }
            }
        }
    }

    #[test]
    fn the_frame_of_the_specification() {
        let payload = hex::decode("080110052202613b").unwrap();
        assert_eq!(hex::encode(frame(&payload)), "04051b1c0800000000000000080110052202613b464131a3");
        assert_eq!(read(&frame(&payload)).unwrap(), (vec![payload.into()], Next::End));
    }

    fn payloads() -> impl Strategy<Value = Vec<Vec<u8>>> {
        proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..6)
    }

    fn whole(payloads: &[Vec<u8>]) -> Vec<u8> {
        payloads.iter().flat_map(|p| frame(p)).collect()
    }

    proptest! {
        #[test]
        fn written_and_read_again(payloads in payloads()) {
            let bytes = whole(&payloads);
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            gzip.write_all(&bytes).unwrap();
            for form in [bytes.clone(), gzip.finish().unwrap(), zstd::encode_all(&bytes[..], 1).unwrap()] {
                let (got, end) = read(&form).unwrap();
                prop_assert_eq!(end, Next::End);
                prop_assert_eq!(&got, &payloads.iter().map(|p| Bytes::from(p.clone())).collect::<Vec<_>>());
            }
        }

        #[test]
        fn cut_off_anywhere(payloads in payloads(), cut in 0..300_usize) {
            let bytes = whole(&payloads);
            let cut = cut.min(bytes.len());
            let (got, end) = read(&bytes[..cut]).unwrap();
            prop_assert!(payloads.iter().zip(&got).all(|(a, b)| a[..] == b[..]));
            let at: usize = got.iter().map(|p| p.len() + HEAD + 4).sum();
            prop_assert_eq!(end, if at == cut { Next::End } else { Next::Torn(at as u64) });
        }

        #[test]
        fn any_flipped_bit_shows(payloads in payloads().prop_filter("some", |p| !p.is_empty()), bit in any::<prop::sample::Index>()) {
            let mut bytes = whole(&payloads);
            let bit = bit.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            // A length that became too large looks like a file that is cut off.
            match read(&bytes) {
                Err(error) => prop_assert!(crate::error::fault(&error).is_some_and(|f| !f.hint.is_empty())),
                Ok((_, end)) => prop_assert!(matches!(end, Next::Torn(_))),
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = read(&bytes);
        }
    }
}
