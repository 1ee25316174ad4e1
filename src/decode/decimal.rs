//! MySQL's binary decimal to text, exactly (spec/tidb-formats.md §2).

use anyhow::{Result, bail, ensure};

use super::cursor::Cursor;

/// Digits in a full group of 4 bytes.
const GROUP_DIGITS: u8 = 9;
/// Bytes that the first or last group takes by its number of digits.
const GROUP_BYTES: [usize; 10] = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4];
/// TiDB's writer never goes above this, columns not above 65.
const MAX_PRECISION: u8 = 81;
/// Digits behind the point.
const MAX_SCALE: u8 = 30;

/// Bytes of a decimal of `precision` digits, `scale` of them behind the point; `None` if there is no such decimal.
#[must_use]
pub fn size(precision: u8, scale: u8) -> Option<usize> {
    let whole = precision.checked_sub(scale)?;
    if precision == 0 || precision > MAX_PRECISION || scale > MAX_SCALE {
        return None;
    }
    let part = |digits: u8| {
        let partial = GROUP_BYTES.get(usize::from(digits % GROUP_DIGITS)).copied()?;
        Some(usize::from(digits / GROUP_DIGITS) * 4 + partial)
    };
    Some(part(whole)? + part(scale)?).filter(|size| *size <= 40)
}

/// A binary decimal with the digits that its own header gives it, whatever the column's definition says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binary<'a> {
    /// Digits in all.
    pub precision: u8,
    /// Digits behind the point.
    pub scale: u8,
    /// The groups, their number right for the two above.
    bytes: &'a [u8],
}

impl<'a> Binary<'a> {
    /// Reads header and groups.
    ///
    /// # Errors
    /// If the header makes no sense or the bytes end too early.
    pub fn read(from: &mut Cursor<'a>) -> Result<Self> {
        let [precision, scale] = from.array()?;
        let Some(size) = size(precision, scale) else {
            bail!("there is no decimal of {precision} digits with {scale} behind the point");
        };
        Ok(Self { precision, scale, bytes: from.take(size)? })
    }

    /// The digits: `-12.340`; all digits of the scale, no leading zeros but one before the point, no negative zero.
    ///
    /// # Errors
    /// If a group holds more than its digits.
    pub fn text(&self) -> Result<Vec<u8>> {
        let mut groups = Groups {
            from: Cursor::new(self.bytes),
            negative: self.bytes.first().is_some_and(|b| b & 0x80 == 0),
            flip: 0x80,
        };
        let whole = self.precision - self.scale;
        // The sign is put in front first and taken away again if all digits are zero.
        let mut out = Vec::with_capacity(usize::from(self.precision) + 4);
        out.push(b'-');
        let leading = whole % GROUP_DIGITS;
        if leading > 0 {
            // As loose as TiDB, which lets the first group hold one digit more.
            push_digits(&mut out, groups.next(leading, 10u32.pow(u32::from(leading) + 1))?, 0);
        }
        for _ in 0..whole / GROUP_DIGITS {
            let width = if out.len() > 1 { GROUP_DIGITS } else { 0 };
            push_digits(&mut out, groups.next(GROUP_DIGITS, 1_000_000_000)?, width);
        }
        if out.len() == 1 {
            out.push(b'0');
        }
        if self.scale > 0 {
            out.push(b'.');
            for _ in 0..self.scale / GROUP_DIGITS {
                push_digits(&mut out, groups.next(GROUP_DIGITS, 1_000_000_000)?, GROUP_DIGITS);
            }
            let trailing = self.scale % GROUP_DIGITS;
            if trailing > 0 {
                push_digits(&mut out, groups.next(trailing, 10u32.pow(u32::from(trailing)))?, trailing);
            }
        }
        if !groups.negative || out.iter().all(|b| matches!(b, b'-' | b'0' | b'.')) {
            out.remove(0);
        }
        Ok(out)
    }
}

/// The groups of a decimal from left to right.
struct Groups<'a> {
    from: Cursor<'a>,
    /// Every byte is complemented.
    negative: bool,
    /// The inverted bits of the next byte: the top one of the very first byte.
    flip: u8,
}

impl Groups<'_> {
    /// The next group, of `digits` digits; it must be below `limit`.
    fn next(&mut self, digits: u8, limit: u32) -> Result<u32> {
        let bytes = self.from.take(GROUP_BYTES.get(usize::from(digits)).copied().unwrap_or(0))?;
        let mask = if self.negative { 0xff } else { 0 };
        let mut group = 0;
        for byte in bytes {
            group = group << 8 | u32::from(byte ^ mask ^ self.flip);
            self.flip = 0;
        }
        ensure!(group < limit, "a decimal holds {group} where {digits} digits belong");
        Ok(group)
    }
}

/// Appends `group` with at least `width` digits; nothing at all for zero without a width.
fn push_digits(out: &mut Vec<u8>, mut group: u32, width: u8) {
    let start = out.len();
    let mut left = width;
    while group > 0 || left > 0 {
        out.push(b"0123456789".get(usize::try_from(group % 10).unwrap_or(0)).copied().unwrap_or(b'0'));
        group /= 10;
        left = left.saturating_sub(1);
    }
    if let Some(digits) = out.get_mut(start..) {
        digits.reverse();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(hex: &str) -> Result<String> {
        let bytes = hex::decode(hex).unwrap();
        let mut from = Cursor::new(&bytes);
        let text = Binary::read(&mut from)?.text()?;
        assert!(from.is_empty());
        Ok(String::from_utf8(text).unwrap())
    }

    #[test]
    fn worked_examples() {
        for (hex, expected) in [
            ("010080", "0"),
            ("0a028000000000", "0.00"),
            ("01007e", "-1"),
            ("0a007ffffffffe", "-1"),
            ("0503 73feab", "-12.340"),
            ("0a03 7ffffff3feab", "-12.340"),
            ("140a 8000000000075bcd1501", "0.1234567891"),
            ("0303 812c", "0.300"),
            ("0303 7ed3", "-0.300"),
            // All bytes of a negative number, but zero: printed without a sign.
            ("0502 7fffff", "0.00"),
        ] {
            assert_eq!(text(&hex.replace(' ', "")).unwrap(), expected);
        }
    }

    #[test]
    fn impossible_ones_are_refused() {
        for hex in ["0000", "0102", "1f1f00", "5200", "0a00", "0a0080000000", "0900ffffffff", "0202e4", "ffff80"] {
            assert!(text(hex).is_err(), "{hex}");
        }
    }
}
