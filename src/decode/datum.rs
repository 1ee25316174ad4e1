//! Reads datums: one flag byte and a value (docs/protocol/tidb-formats.md §1).
//!
//! The flag alone says how to read on; every flag is accepted everywhere, whether it belongs to
//! keys or to rows. [`Cursor`] reads forward through bytes from outside: each step checks what is
//! left, and nothing is allocated.

use std::borrow::Cow;

use anyhow::{Error, Result, anyhow, bail};

use super::{json, value};

/// NULL.
pub const NIL: u8 = 0x00;
/// Bytes in memcomparable form: in groups of 8, so that they sort like the strings.
pub const BYTES: u8 = 0x01;
/// Bytes after their length.
pub const COMPACT_BYTES: u8 = 0x02;
/// A signed number, memcomparable: 8 bytes.
pub const INT: u8 = 0x03;
/// An unsigned number, memcomparable: 8 bytes.
pub const UINT: u8 = 0x04;
/// FLOAT and DOUBLE.
pub const FLOAT: u8 = 0x05;
/// DECIMAL.
pub const DECIMAL: u8 = 0x06;
/// TIME, memcomparable.
pub const DURATION: u8 = 0x07;
/// A signed number of variable length.
pub const VARINT: u8 = 0x08;
/// An unsigned number of variable length.
pub const UVARINT: u8 = 0x09;
/// JSON.
pub const JSON: u8 = 0x0a;
/// A vector of 32-bit floats, from newer versions of TiDB.
pub const VECTOR: u8 = 0x14;
/// Above every value; in key ranges only.
pub const MAX: u8 = 0xfa;

const SIGN: u64 = 1 << 63;

/// A datum, not yet converted to a column's type. It borrows from the bytes that it was read from
/// where it can.
#[derive(Clone, Debug, PartialEq)]
pub enum Datum<'a> {
    /// NULL.
    Null,
    /// Flags 03 and 08.
    Int(i64),
    /// Flags 04 and 09; dates and times in their packed form, ENUM, SET and BIT too.
    UInt(u64),
    /// Flag 05; a FLOAT is widened.
    Float(f64),
    /// Flag 06.
    Decimal(value::Binary<'a>),
    /// Flag 07: nanoseconds.
    Duration(i64),
    /// Flags 01 (owned) and 02 (borrowed).
    Bytes(Cow<'a, [u8]>),
    /// Flag 0a: type code and body; only its length has been checked.
    Json(&'a [u8]),
    /// Flag 14: its little-endian floats.
    Vector(&'a [u8]),
    /// Flag fa.
    Max,
}

impl<'a> Datum<'a> {
    /// Reads the next datum.
    ///
    /// # Errors
    /// If it is malformed or its flag is unknown.
    #[inline]
    pub fn read(from: &mut Cursor<'a>) -> Result<Self> {
        Ok(match from.byte()? {
            NIL => Self::Null,
            COMPACT_BYTES => Self::Bytes(Cow::Borrowed(from.compact_bytes()?)),
            VARINT => Self::Int(from.varint()?),
            UVARINT => Self::UInt(from.uvarint()?),
            FLOAT => Self::Float(float(from)?),
            DECIMAL => Self::Decimal(value::Binary::read(from)?),
            BYTES => Self::Bytes(Cow::Owned(comparable_bytes(from)?)),
            INT => Self::Int(int(from)?),
            UINT => Self::UInt(uint(from)?),
            DURATION => Self::Duration(int(from)?),
            JSON => Self::Json(json_value(from)?),
            VECTOR => Self::Vector(vector(from)?),
            MAX => Self::Max,
            flag => bail!("no value begins with the flag {flag:#04x}"),
        })
    }

    /// Its kind, for messages.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Null => "NULL",
            Self::Int(_) => "a signed number",
            Self::UInt(_) => "an unsigned number",
            Self::Float(_) => "a floating-point number",
            Self::Decimal(_) => "a decimal",
            Self::Duration(_) => "a duration",
            Self::Bytes(_) => "a string",
            Self::Json(_) => "a JSON document",
            Self::Vector(_) => "a vector",
            Self::Max => "the bound above all values",
        }
    }
}

/// Skips the next datum, and reads only what its length takes.
///
/// # Errors
/// If it is malformed or its flag is unknown.
pub fn skip(from: &mut Cursor<'_>) -> Result<()> {
    match from.byte()? {
        NIL | MAX => {}
        COMPACT_BYTES => {
            from.compact_bytes()?;
        }
        VARINT | UVARINT => {
            from.uvarint()?;
        }
        INT | UINT | FLOAT | DURATION => {
            from.array::<8>()?;
        }
        DECIMAL => {
            value::Binary::read(from)?;
        }
        BYTES => while group(from)?.len() == GROUP {},
        JSON => {
            json_value(from)?;
        }
        VECTOR => {
            vector(from)?;
        }
        flag => bail!("no value begins with the flag {flag:#04x}"),
    }
    Ok(())
}

/// A memcomparable signed number of 8 bytes, without a flag.
///
/// # Errors
/// If the bytes end within it.
pub fn int(from: &mut Cursor<'_>) -> Result<i64> {
    Ok((uint(from)? ^ SIGN).cast_signed())
}

/// An unsigned memcomparable number of 8 bytes, without a flag.
///
/// # Errors
/// If the bytes end within it.
pub fn uint(from: &mut Cursor<'_>) -> Result<u64> {
    Ok(u64::from_be_bytes(from.array()?))
}

/// A floating-point number in its ordered form, without a flag
/// (docs/protocol/tidb-formats.md §1.4).
///
/// # Errors
/// If the bytes end within it.
pub fn float(from: &mut Cursor<'_>) -> Result<f64> {
    let bits = uint(from)?;
    Ok(f64::from_bits(if bits & SIGN == 0 { !bits } else { bits ^ SIGN }))
}

/// Bytes in each group of the memcomparable form, without the marker.
const GROUP: usize = 8;

/// Bytes in their comparable form, without a flag (docs/protocol/tidb-formats.md §1.3).
///
/// # Errors
/// If a marker or the padding is wrong, or the bytes end too early.
pub fn comparable_bytes(from: &mut Cursor<'_>) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        let data = group(from)?;
        bytes.extend_from_slice(data);
        if data.len() < GROUP {
            return Ok(bytes);
        }
    }
}

/// The data of the next group; fewer than 8 bytes in the last one.
fn group<'a>(from: &mut Cursor<'a>) -> Result<&'a [u8]> {
    let group = from.take(GROUP)?;
    let padding = usize::from(0xff - from.byte()?);
    match group.split_at_checked(GROUP.wrapping_sub(padding)) {
        Some((data, pad)) if pad.iter().all(|b| *b == 0) => Ok(data),
        _ => bail!("a comparable string is padded wrongly"),
    }
}

fn json_value<'a>(from: &mut Cursor<'a>) -> Result<&'a [u8]> {
    let length = json::length(from.rest())?;
    from.take(length)
}

fn vector<'a>(from: &mut Cursor<'a>) -> Result<&'a [u8]> {
    let count = u32::from_le_bytes(from.array()?);
    from.take(usize::try_from(count)?.saturating_mul(4))
}

/// The part of some bytes that is still to be read.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// A cursor at the first of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The bytes that are left.
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

    /// An unsigned LEB128 number (docs/protocol/tidb-formats.md §1.2).
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

    /// A number of more than one byte.
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
        bail!("a number of variable length does not fit in 64 bits")
    }

    /// A zigzag LEB128 number (docs/protocol/tidb-formats.md §1.2).
    ///
    /// # Errors
    /// If it does not fit 64 bits or the bytes end within it.
    #[inline]
    pub fn varint(&mut self) -> Result<i64> {
        let n = self.uvarint()?;
        Ok((n >> 1).cast_signed() ^ -(n & 1).cast_signed())
    }

    /// A length as a zigzag number, then that many bytes (docs/protocol/tidb-formats.md §1.1, flag
    /// 02).
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

// Errors are built out of line: the steps above run for every column of every row.

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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Datum<'_>> {
        let mut from = Cursor::new(bytes);
        let datum = Datum::read(&mut from)?;
        assert!(from.is_empty(), "{bytes:02x?} read to its end");
        let mut skipped = Cursor::new(bytes);
        skip(&mut skipped)?;
        assert!(skipped.is_empty(), "{bytes:02x?} skipped to its end");
        Ok(datum)
    }

    #[test]
    fn every_flag() {
        assert_eq!(read(&[0]).unwrap(), Datum::Null);
        assert_eq!(read(&[3, 0x7f, 255, 255, 255, 255, 255, 255, 255]).unwrap(), Datum::Int(-1));
        assert_eq!(read(&[4, 0, 0, 0, 0, 0, 0, 1, 0x2c]).unwrap(), Datum::UInt(300));
        assert_eq!(read(&[5, 0x40, 7, 255, 255, 255, 255, 255, 255]).unwrap(), Datum::Float(-1.5));
        assert_eq!(read(&[7, 0x80, 0, 0, 0, 0, 0, 0, 9]).unwrap(), Datum::Duration(9));
        assert_eq!(read(&[8, 0x81, 1]).unwrap(), Datum::Int(-65));
        assert_eq!(read(&[9, 0xac, 2]).unwrap(), Datum::UInt(300));
        assert_eq!(read(&[2, 6, 97, 98, 99]).unwrap(), Datum::Bytes(b"abc".into()));
        assert_eq!(read(&[1, 97, 98, 99, 0, 0, 0, 0, 0, 0xfa]).unwrap(), Datum::Bytes(b"abc".into()));
        assert_eq!(read(&[0x0a, 4, 1]).unwrap(), Datum::Json(&[4, 1]));
        assert_eq!(read(&[0x14, 1, 0, 0, 0, 1, 2, 3, 4]).unwrap(), Datum::Vector(&[1, 2, 3, 4]));
        assert_eq!(read(&[0xfa]).unwrap(), Datum::Max);
    }

    #[test]
    fn malformed_ones_are_refused() {
        let bad: [&[u8]; 11] = [
            &[],
            &[0x0b],
            &[0x80, 0],
            &[2, 1],                                                          // length -1
            &[2, 8, 97],                                                      // too short
            &[2, 0xfe, 255, 255, 255, 255, 255, 255, 255, 255, 1],            // length i64::MAX
            &[8, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 2],    // 65 bits
            &[9, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x81], // 11 bytes
            &[1, 97, 98, 99, 0, 0, 0, 0, 1, 0xfa],                            // padding not 0
            &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0xf6],                               // 9 bytes of padding
            &[0x14, 255, 255, 255, 255, 0],
        ];
        for bytes in bad {
            assert!(Datum::read(&mut Cursor::new(bytes)).is_err(), "{bytes:02x?}");
            assert!(skip(&mut Cursor::new(bytes)).is_err(), "{bytes:02x?}");
        }
    }
}
