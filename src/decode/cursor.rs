//! Reading forward through bytes from outside. Every step checks what is left, and nothing is allocated.

use anyhow::{Error, Result, anyhow, bail};

/// What is left to read of some bytes.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// At the first of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What is left.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether nothing is left.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next byte.
    ///
    /// # Errors
    /// If nothing is left.
    #[inline]
    pub fn byte(&mut self) -> Result<u8> {
        let Some((&byte, rest)) = self.rest.split_first() else { return Err(ended()) };
        self.rest = rest;
        Ok(byte)
    }

    /// The next `n` bytes.
    ///
    /// # Errors
    /// If fewer are left.
    #[inline]
    pub fn take(&mut self, n: usize) -> Result<&'a [u8]> {
        let Some((head, rest)) = self.rest.split_at_checked(n) else {
            return Err(short(n, self.rest.len()));
        };
        self.rest = rest;
        Ok(head)
    }

    /// The next `N` bytes.
    ///
    /// # Errors
    /// If fewer are left.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let Some((head, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(short(N, self.rest.len()));
        };
        self.rest = rest;
        Ok(*head)
    }

    /// An unsigned LEB128 number (spec/tidb-formats.md §1.2).
    ///
    /// # Errors
    /// If it does not fit 64 bits or the bytes end within it.
    #[inline]
    pub fn uvarint(&mut self) -> Result<u64> {
        if let Some((&byte, rest)) = self.rest.split_first()
            && byte < 0x80
        {
            self.rest = rest;
            return Ok(byte.into());
        }
        self.long_uvarint()
    }

    /// One of several bytes.
    fn long_uvarint(&mut self) -> Result<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            if shift == 63 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        bail!("a number of variable length does not fit 64 bits")
    }

    /// A zigzag LEB128 number (spec/tidb-formats.md §1.2).
    ///
    /// # Errors
    /// If it does not fit 64 bits or the bytes end within it.
    #[inline]
    pub fn varint(&mut self) -> Result<i64> {
        let n = self.uvarint()?;
        Ok((n >> 1).cast_signed() ^ -(n & 1).cast_signed())
    }

    /// A length as a zigzag number, then that many bytes (spec/tidb-formats.md §1.1, flag 02).
    ///
    /// # Errors
    /// If the length is negative or beyond what is left.
    #[inline]
    pub fn compact_bytes(&mut self) -> Result<&'a [u8]> {
        let n = self.varint()?;
        match usize::try_from(n) {
            Ok(n) => self.take(n),
            Err(_) => Err(no_length(n)),
        }
    }
}

// Errors are made out of line: the steps above are taken for every column of every row.

#[cold]
fn ended() -> Error {
    anyhow!("the bytes end too early")
}

#[cold]
fn short(wanted: usize, left: usize) -> Error {
    anyhow!("the bytes end too early: {wanted} wanted, {left} left")
}

#[cold]
fn no_length(n: i64) -> Error {
    anyhow!("a string has the length {n}")
}
