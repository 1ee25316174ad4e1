//! Reading one protobuf message field by field, from a stream, without holding it: backupmeta files can be gigabytes,
//! of which a few numbers are wanted.

use std::io::{self, Read};

use anyhow::{Context, Result, bail, ensure};

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

/// A message being read. Every field that [`Fields::tag`] gives has to be taken by one of the other calls.
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
        ensure!(len <= limit, "{len} bytes where at most {limit} belong, at byte {at}");
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
    use proptest::prelude::*;

    use super::*;

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
