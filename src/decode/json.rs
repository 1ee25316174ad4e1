//! TiDB's binary JSON to text (docs/protocol/tidb-formats.md §3.7).
//!
//! Doubles are printed as newer versions of TiDB do, with a point or an exponent, so that they stay
//! doubles when the target parses them. Offsets come from outside and may point anywhere, also at
//! the same bytes again and again. So the text may not grow beyond a multiple of the input, which
//! real documents never reach, and each step of the work adds to the text.

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::datum::Cursor;
use super::value::{self, Civil};

/// Type code of an object.
pub const OBJECT: u8 = 0x01;
/// Type code of an array.
pub const ARRAY: u8 = 0x03;
/// null, true, false.
pub const LITERAL: u8 = 0x04;
/// A signed number of 8 bytes.
pub const INT64: u8 = 0x09;
/// An unsigned number of 8 bytes.
pub const UINT64: u8 = 0x0a;
/// A double.
pub const DOUBLE: u8 = 0x0b;
/// Text after its length.
pub const STRING: u8 = 0x0c;
/// Bytes of some SQL type.
pub const OPAQUE: u8 = 0x0d;
/// A DATE in core time.
pub const DATE: u8 = 0x0e;
/// A DATETIME in core time.
pub const DATETIME: u8 = 0x0f;
/// A TIMESTAMP in core time.
pub const TIMESTAMP: u8 = 0x10;
/// A TIME: nanoseconds and fraction digits.
pub const TIME: u8 = 0x11;

/// Limit of nested objects and arrays, as in TiDB and MySQL.
const MAX_DEPTH: usize = 100;
/// Bytes of the element count and total size at the head of an object or array.
const HEAD: usize = 8;
/// Bytes of the offset and length of a key.
const KEY_ENTRY: usize = 6;
/// Bytes of the type code and offset of a value.
const VALUE_ENTRY: usize = 5;
/// Limit of text bytes for one byte of binary: a control character takes 6, a value in an array at
/// most 36 for 13.
const GROWTH: usize = 8;

/// Bytes of the value at the start of `bytes`, type code included. Reads only what that takes.
///
/// # Errors
/// If the type code is unknown or the value is longer than `bytes`.
pub fn length(bytes: &[u8]) -> Result<usize> {
    let mut from = Cursor::new(bytes);
    let code = from.byte()?;
    body(code, &mut from)?;
    Ok(bytes.len() - from.rest().len())
}

/// Takes the body of a value of type `code` from the front of `from`.
fn body<'a>(code: u8, from: &mut Cursor<'a>) -> Result<&'a [u8]> {
    let mut probe = *from;
    let size = match code {
        OBJECT | ARRAY => {
            probe.array::<4>()?;
            usize::try_from(u32::from_le_bytes(probe.array()?))?
        }
        LITERAL => 1,
        INT64 | UINT64 | DOUBLE | DATE | DATETIME | TIMESTAMP => 8,
        TIME => 12,
        STRING | OPAQUE => {
            if code == OPAQUE {
                probe.byte()?;
            }
            let length = usize::try_from(probe.uvarint()?)?;
            (from.rest().len() - probe.rest().len()).saturating_add(length)
        }
        _ => bail!("a JSON document has a value of the unknown type {code:#04x}"),
    };
    from.take(size).context("a JSON document is cut off")
}

/// The text of a whole value, type code and body: `{"k": [1, 2.0, "x"]}`, keys in their stored
/// order.
///
/// # Errors
/// If it is malformed, nested deeper than 100, or holds a number that JSON cannot show.
pub fn text(value: &[u8]) -> Result<Vec<u8>> {
    let mut writer = Writer {
        out: Vec::with_capacity(value.len().saturating_add(16)),
        limit: value.len().saturating_mul(GROWTH).saturating_add(64),
    };
    let mut from = Cursor::new(value);
    let code = from.byte()?;
    writer.value(code, from, 0)?;
    Ok(writer.out)
}

struct Writer {
    out: Vec<u8>,
    /// The longest text that a real document of this size can have.
    limit: usize,
}

impl Writer {
    /// Appends the value of type `code` whose body begins at `from`.
    fn value(&mut self, code: u8, mut from: Cursor<'_>, depth: usize) -> Result<()> {
        let body = body(code, &mut from)?;
        let mut from = Cursor::new(body);
        match code {
            OBJECT | ARRAY => self.container(code == OBJECT, body, depth)?,
            LITERAL => self.literal(from.byte()?)?,
            INT64 => self.plain(&i64::from_le_bytes(from.array()?).to_string()),
            UINT64 => self.plain(&u64::from_le_bytes(from.array()?).to_string()),
            DOUBLE => self.double(f64::from_le_bytes(from.array()?))?,
            STRING => {
                from.uvarint()?;
                self.string(from.rest());
            }
            OPAQUE => {
                let kind = from.byte()?;
                from.uvarint()?;
                self.plain(&format!("\"base64:type{kind}:{}\"", BASE64.encode(from.rest())));
            }
            TIME => {
                self.out.push(b'"');
                value::write_duration(&mut self.out, i64::from_le_bytes(from.array()?), 6);
                self.out.push(b'"');
            }
            _ => self.time(code, u64::from_le_bytes(from.array()?))?,
        }
        ensure!(self.out.len() <= self.limit, "a JSON document repeats parts of itself");
        Ok(())
    }

    fn container(&mut self, object: bool, body: &[u8], depth: usize) -> Result<()> {
        ensure!(depth < MAX_DEPTH, "a JSON document is nested deeper than {MAX_DEPTH}");
        let mut from = Cursor::new(body);
        let count = usize::try_from(u32::from_le_bytes(from.array()?))?;
        from.array::<4>()?;
        let mut keys = Cursor::new(if object { from.take(count.saturating_mul(KEY_ENTRY))? } else { &[] });
        let mut values = Cursor::new(from.take(count.saturating_mul(VALUE_ENTRY))?);
        let entries = HEAD + count * (VALUE_ENTRY + if object { KEY_ENTRY } else { 0 });
        self.out.push(if object { b'{' } else { b'[' });
        for n in 0..count {
            if n > 0 {
                self.plain(", ");
            }
            if object {
                let at = u32::from_le_bytes(keys.array()?);
                let length = usize::from(u16::from_le_bytes(keys.array()?));
                self.string(behind(body, at, entries)?.take(length).context("a key of a JSON object is cut off")?);
                self.plain(": ");
            }
            let code = values.byte()?;
            let place: [u8; 4] = values.array()?;
            match code {
                LITERAL => self.literal(place[0])?,
                _ => self.value(code, behind(body, u32::from_le_bytes(place), entries)?, depth + 1)?,
            }
            ensure!(self.out.len() <= self.limit, "a JSON document repeats parts of itself");
        }
        self.out.push(if object { b'}' } else { b']' });
        Ok(())
    }

    fn literal(&mut self, code: u8) -> Result<()> {
        self.plain(match code {
            0 => "null",
            1 => "true",
            2 => "false",
            _ => bail!("a JSON document has the unknown literal {code}"),
        });
        Ok(())
    }

    /// A double with a point or an exponent: plain from 1e-15 up to below 1e15.
    fn double(&mut self, x: f64) -> Result<()> {
        ensure!(x.is_finite(), "a JSON document has the number {x}");
        let plain = x == 0.0 || (1e-15..1e15).contains(&x.abs());
        let text = if plain { x.to_string() } else { format!("{x:e}") };
        self.plain(&text);
        if plain && !text.contains('.') {
            self.plain(".0");
        }
        Ok(())
    }

    /// A date or time in core time, which is laid out differently from packed time.
    fn time(&mut self, code: u8, core: u64) -> Result<()> {
        let field = |shift: u32, bits: u32| u32::try_from(core >> shift & ((1 << bits) - 1)).unwrap_or(u32::MAX);
        let civil = Civil {
            year: field(50, 14),
            month: field(46, 4),
            day: field(41, 5),
            hour: field(36, 5),
            minute: field(30, 6),
            second: field(24, 6),
            micros: field(4, 20),
        };
        ensure!(civil.month <= 12 && civil.micros < 1_000_000, "a JSON document has the impossible time {core:#x}");
        self.out.push(b'"');
        match code {
            DATE => value::write_date(&mut self.out, civil.pack()),
            _ => value::write_datetime(&mut self.out, civil.pack(), 6),
        }
        self.out.push(b'"');
        Ok(())
    }

    /// Text in quotes. Each byte that is not UTF-8 becomes U+FFFD, as TiDB shows them.
    fn string(&mut self, bytes: &[u8]) {
        self.out.push(b'"');
        for chunk in bytes.utf8_chunks() {
            self.escaped(chunk.valid());
            for _ in chunk.invalid() {
                self.plain("\\ufffd");
            }
        }
        self.out.push(b'"');
    }

    fn escaped(&mut self, text: &str) {
        let mut plain = 0;
        for (at, c) in text.char_indices() {
            let escape = match c {
                '"' => "\\\"",
                '\\' => "\\\\",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                '\u{8}' => "\\b",
                '\u{c}' => "\\f",
                '\u{2028}' => "\\u2028",
                '\u{2029}' => "\\u2029",
                c if c < ' ' => "",
                _ => continue,
            };
            self.plain(text.get(plain..at).unwrap_or_default());
            if escape.is_empty() {
                self.plain(&format!("\\u{:04x}", u32::from(c)));
            } else {
                self.plain(escape);
            }
            plain = at + c.len_utf8();
        }
        self.plain(text.get(plain..).unwrap_or_default());
    }

    fn plain(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }
}

/// The bytes from offset `at` of an object's or array's body, which must lie behind its `entries`.
fn behind(body: &[u8], at: u32, entries: usize) -> Result<Cursor<'_>> {
    let at = usize::try_from(at)?;
    ensure!(at >= entries, "a JSON document points into its own table of contents");
    Ok(Cursor::new(body.get(at..).context("a JSON document points past its end")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(bytes: &[u8]) -> Result<String> {
        assert_eq!(length(bytes)?, bytes.len());
        Ok(String::from_utf8(text(bytes)?).unwrap())
    }

    fn double(x: f64) -> String {
        show(&[&[DOUBLE][..], &x.to_le_bytes()].concat()).unwrap()
    }

    #[test]
    fn doubles_stay_doubles() {
        assert_eq!(double(1.0), "1.0");
        assert_eq!(double(-0.0), "-0.0");
        assert_eq!(double(1e-15), "0.000000000000001");
        assert_eq!(double(9.99e-16), "9.99e-16");
        assert_eq!(double(999_999_999_999_999.0), "999999999999999.0");
        assert_eq!(double(1e15), "1e15");
        assert_eq!(double(-1.25e20), "-1.25e20");
        assert!(text(&[&[DOUBLE][..], &f64::NAN.to_le_bytes()].concat()).is_err());
    }

    #[test]
    fn strings_are_escaped() {
        assert_eq!(show(b"\x0c\x05a\"\\\n\x01").unwrap(), r#""a\"\\\n\u0001""#);
        assert_eq!(show(b"\x0c\x04\x08\x0c\r\t").unwrap(), r#""\b\f\r\t""#);
        assert_eq!(show(b"\x0c\x06\xe2\x80\xa8\xe4\xb8\x7f").unwrap(), "\"\\u2028\\ufffd\\ufffd\u{7f}\"");
    }

    /// An array of `count` elements that all point at the same array one level deeper.
    fn bomb(levels: usize, count: u32) -> Vec<u8> {
        let entries = HEAD + usize::try_from(count).unwrap() * VALUE_ENTRY;
        let mut body = [&0u32.to_le_bytes()[..], &8u32.to_le_bytes()].concat();
        for _ in 0..levels {
            let size = u32::try_from(entries + body.len()).unwrap();
            let mut outer = [count.to_le_bytes(), size.to_le_bytes()].concat();
            for _ in 0..count {
                outer.push(ARRAY);
                outer.extend(u32::try_from(entries).unwrap().to_le_bytes());
            }
            outer.extend(body);
            body = outer;
        }
        [&[ARRAY][..], &body].concat()
    }

    #[test]
    fn a_bomb_is_refused_early() {
        let error = text(&bomb(90, 50)).unwrap_err();
        assert!(format!("{error:#}").contains("repeats"), "{error:#}");
        let error = text(&bomb(150, 1)).unwrap_err();
        assert!(format!("{error:#}").contains("deeper than 100"), "{error:#}");
        assert_eq!(show(&bomb(99, 1)).unwrap(), format!("{}{}", "[".repeat(100), "]".repeat(100)));
    }

    #[test]
    fn malformed_ones_are_refused() {
        let bad: [&[u8]; 9] = [
            &[],
            &[0x05, 0, 0],                                        // 16-bit numbers are never written
            &[LITERAL, 3],                                        // no such literal
            &[STRING, 5, b'a'],                                   // too short
            &[ARRAY, 0, 0, 0, 0, 9, 0, 0, 0],                     // size beyond the end
            &[ARRAY, 0, 0, 0, 0, 0, 0, 0, 0],                     // size below its own head
            &[ARRAY, 255, 255, 255, 255, 8, 0, 0, 0],             // four thousand million elements
            &[ARRAY, 1, 0, 0, 0, 13, 0, 0, 0, ARRAY, 0, 0, 0, 0], // an element that is the array itself
            &[ARRAY, 1, 0, 0, 0, 13, 0, 0, 0, INT64, 13, 0, 0, 0],
        ];
        for bytes in bad {
            assert!(text(bytes).is_err(), "{bytes:02x?}");
        }
    }
}
