//! Reads the commit ts of a backup: BR's backupmeta or Dumpling's metadata.
//!
//! Source: docs/protocol/tidb-binlog.md §11.
//!
//! A backup or dump at B holds every transaction with commit ts <= B. Replication begins after its
//! start ts, so it starts at exactly B. Everything here is local and instant.
//!
//! Two helpers are here as well:
//!
//! - a check whether a number can be a ts that a TiDB cluster has issued. It catches binlog
//!   offsets, Unix times and lost digits before replication starts from them;
//! - a streaming reader of one protobuf message, field by field, that does not hold the message:
//!   backupmeta files can be gigabytes, of which a few numbers are wanted.

pub mod br;
pub mod dumpling;
pub mod storage;

use std::io::{self, Read};

use anyhow::{Context, Result, bail, ensure};
use jiff::Timestamp;

use crate::error::Fault;
use crate::model::CommitTs;

/// 2015-01-01: TiDB was published later that year, so no real ts is older. Milliseconds.
pub const EARLIEST_MS: u64 = 1_420_070_400_000;

/// How far the clock of PD may be ahead of this machine's before a ts counts as one of the future.
/// Milliseconds.
pub const AHEAD_MS: u64 = 5 * 60 * 1000;

/// The ts that `text`, decimal digits, stands for.
///
/// # Errors
/// A usage fault that names the likely slip when `text` is anything else.
pub fn number(text: &str) -> Result<CommitTs, Fault> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match text.parse::<u64>() {
        Ok(ts) if digits => Ok(CommitTs(ts)),
        _ if digits => Err(Fault::usage(format!("`{text}` has {} digits and is too large for a TS", text.len()))
            .hint("a current TS has 18 digits: check for a digit typed twice")),
        _ => Err(Fault::usage(format!("`{text}` is not a TS"))
            .hint("a TS is a number of 18 digits, as in 470616376687198209; `tisync ts encode` makes one from a time")),
    }
}

/// Why `ts` cannot be a ts that a cluster has issued by `now`; `None` when it can.
#[must_use]
pub fn doubt(ts: CommitTs, now: Timestamp) -> Option<String> {
    let now_ms = u64::try_from(now.as_millisecond()).unwrap_or(0);
    if (EARLIEST_MS..=now_ms.saturating_add(AHEAD_MS)).contains(&ts.physical_ms()) {
        return None;
    }
    if let Some(likely) = mistaken(ts, now_ms) {
        return Some(likely);
    }
    let when = if ts.physical_ms() < EARLIEST_MS { "before the first TiDB release" } else { "in the future" };
    Some(format!("its time is {when}"))
}

/// What a number outside the range of a ts probably is.
fn mistaken(ts: CommitTs, now_ms: u64) -> Option<String> {
    let n = ts.0;
    let digits = n.to_string().len();
    let years = EARLIEST_MS..=now_ms.saturating_add(366 * 86_400_000);
    Some(match digits {
        1..=9 => "far too small, more like an offset in a MySQL binlog".to_owned(),
        10 if years.contains(&(n * 1000)) => "it looks like a Unix time in seconds".to_owned(),
        13 if years.contains(&n) => "it looks like a Unix time in milliseconds".to_owned(),
        14 if (20_150_101_000_000..=21_000_101_000_000).contains(&n) => {
            "it looks like a date written in digits".to_owned()
        }
        10..=16 => format!("it has {digits} digits, a current TS has 18"),
        17 => "it has 17 digits, a current TS has 18: one seems to be missing".to_owned(),
        19 | 20 => format!("it has {digits} digits, a current TS has 18: one or more seem to be typed twice"),
        _ => return None,
    })
}

/// How a field's value is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A number of 1 to 10 bytes.
    Varint,
    /// Eight bytes.
    Fixed64,
    /// A length and as many bytes.
    Bytes,
    /// Four bytes.
    Fixed32,
}

/// A message being read. Every field that [`Fields::tag`] gives has to be taken by one of the other
/// calls.
pub struct Fields<R> {
    reader: R,
    len: u64,
    left: u64,
}

impl<R: Read> Fields<R> {
    /// The message that is the next `len` bytes of `reader`.
    pub fn new(reader: R, len: u64) -> Self {
        Self { reader, len, left: len }
    }

    /// How many bytes were read.
    pub fn offset(&self) -> u64 {
        self.len - self.left
    }

    /// The next field's number and shape; `None` at the end of the message.
    ///
    /// # Errors
    /// When the bytes are no protobuf.
    pub fn tag(&mut self) -> Result<Option<(u64, Shape)>> {
        if self.left == 0 {
            return Ok(None);
        }
        let at = self.offset();
        let tag = self.varint()?;
        let shape = match tag & 7 {
            0 => Shape::Varint,
            1 => Shape::Fixed64,
            2 => Shape::Bytes,
            5 => Shape::Fixed32,
            other => bail!("wire type {other} at byte {at}"),
        };
        let number = tag >> 3;
        ensure!((1..1 << 29).contains(&number), "field number {number} at byte {at}");
        Ok(Some((number, shape)))
    }

    /// A number.
    ///
    /// # Errors
    /// When it has more than 64 bits, or the message ends in it.
    pub fn varint(&mut self) -> Result<u64> {
        let at = self.offset();
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            ensure!(shift < 63 || bits <= 1, "a number of more than 64 bits at byte {at}");
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        bail!("a number of more than 10 bytes at byte {at}")
    }

    /// The bytes of a field of [`Shape::Bytes`], at most `limit` of them.
    ///
    /// # Errors
    /// When there are more than `limit`, or fewer left than the length says.
    pub fn bytes(&mut self, limit: u64) -> Result<Vec<u8>> {
        let len = self.length()?;
        let at = self.offset();
        ensure!(len <= limit, "{len} bytes where at most {limit} are allowed, at byte {at}");
        let mut bytes = vec![0; usize::try_from(len)?];
        self.reader.read_exact(&mut bytes).with_context(|| format!("the file ended at byte {at}"))?;
        self.left -= len;
        Ok(bytes)
    }

    /// Text, at most `limit` bytes.
    ///
    /// # Errors
    /// As [`Fields::bytes`], and when it is not UTF-8.
    pub fn text(&mut self, limit: u64) -> Result<String> {
        let at = self.offset();
        String::from_utf8(self.bytes(limit)?).map_err(|_| anyhow::anyhow!("text that is not UTF-8 at byte {at}"))
    }

    /// Passes over a field's value.
    ///
    /// # Errors
    /// When the message ends in it.
    pub fn skip(&mut self, shape: Shape) -> Result<()> {
        let len = match shape {
            Shape::Varint => return self.varint().map(drop),
            Shape::Fixed64 => 8,
            Shape::Fixed32 => 4,
            Shape::Bytes => self.length()?,
        };
        let at = self.offset();
        ensure!(len <= self.left, "a field of {len} bytes at byte {at}, where only {} are left", self.left);
        let read = io::copy(&mut self.reader.by_ref().take(len), &mut io::sink())?;
        ensure!(read == len, "the file ended at byte {}", at + read);
        self.left -= len;
        Ok(())
    }

    /// The length in front of bytes, not more than what is left.
    fn length(&mut self) -> Result<u64> {
        let at = self.offset();
        let len = self.varint()?;
        ensure!(len <= self.left, "a field of {len} bytes at byte {at}, where only {} are left", self.left);
        Ok(len)
    }

    fn byte(&mut self) -> Result<u8> {
        ensure!(self.left > 0, "the message ends within a field, at byte {}", self.offset());
        let mut byte = [0];
        let at = self.offset();
        self.reader.read_exact(&mut byte).with_context(|| format!("the file ended at byte {at}"))?;
        self.left -= 1;
        let [byte] = byte;
        Ok(byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(n: u64) -> Option<String> {
        doubt(CommitTs(n), "2026-11-21T12:00:00Z".parse().unwrap())
    }

    #[test]
    fn real_ones_pass() {
        assert_eq!(at(470_616_376_687_198_209), None);
        assert_eq!(at(420_747_102_018_863_124), None);
        assert_eq!(at(CommitTs::from_millis(EARLIEST_MS).0), None);
    }

    #[test]
    fn slips_are_named() {
        for (n, part) in [
            (0, "offset"),
            (154, "offset"),
            (1_795_263_916, "in seconds"),
            (1_795_263_916_829, "in milliseconds"),
            (20_261_121_130_500, "date"),
            (47_061_637_668_719_820, "17 digits"),
            (4_706_163_766_871_982_090, "19 digits"),
            (u64::MAX, "20 digits"),
            (CommitTs::from_millis(EARLIEST_MS).0 - 1, "before"),
            (CommitTs::from_millis(1_795_262_400_000 + AHEAD_MS + 1).0, "future"),
        ] {
            let doubt = at(n).unwrap();
            assert!(doubt.contains(part), "{n}: {doubt}");
        }
    }

    #[test]
    fn only_digits_are_a_number() {
        assert_eq!(number("470616376687198209").unwrap().0, 470_616_376_687_198_209);
        for bad in ["", "+5", "-5", "4 7", "4e17", "tidb-binlog", "99999999999999999999"] {
            assert!(!number(bad).unwrap_err().hint.is_empty(), "{bad}");
        }
    }

    fn walk(bytes: &[u8]) -> Result<Vec<(u64, Shape)>> {
        let mut fields = Fields::new(bytes, u64::try_from(bytes.len())?);
        let mut found = Vec::new();
        while let Some((number, shape)) = fields.tag()? {
            fields.skip(shape)?;
            found.push((number, shape));
        }
        Ok(found)
    }

    #[test]
    fn every_shape() {
        let message = [0x08, 0x96, 0x01, 0x11, 1, 2, 3, 4, 5, 6, 7, 8, 0x1a, 2, b'h', b'i', 0x25, 1, 2, 3, 4];
        let found = walk(&message).unwrap();
        assert_eq!(found, [(1, Shape::Varint), (2, Shape::Fixed64), (3, Shape::Bytes), (4, Shape::Fixed32)]);
        assert_eq!(Fields::new(&message[1..], 20).varint().unwrap(), 150);
        for end in 1..message.len() {
            assert_eq!(walk(&message[..end]).is_err(), ![3, 12, 16].contains(&end), "cut at {end}");
        }
    }

    #[test]
    fn a_length_is_never_believed() {
        for message in [
            &[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01][..],
            &[0x0a, 0x7f, 1],
            &[0x0b],
            &[0x00, 0x00],
        ] {
            assert!(walk(message).is_err(), "{message:?}");
        }
        let long = [0xff; 11];
        assert!(Fields::new(&long[..], 11).varint().is_err());
        assert!(Fields::new(&[5u8, 1, 2, 3, 4, 5][..], 6).bytes(4).is_err());
        // The reader holds less than was promised.
        assert!(Fields::new(&[5u8, 1, 2][..], 6).bytes(9).is_err());
        assert!(Fields::new(&[5u8, 1, 2][..], 6).skip(Shape::Bytes).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = walk(&bytes);
        }
    }
}
