//! Hashes column values so that values which any target may hold to be equal hash alike.
//!
//! Text is folded so that texts which any collation of any target holds to be equal come out equal.
//! The target's collation need not be the upstream's, so the folding is coarser than each of them.
//! Only printable ASCII and the CJK unified ideographs of the Basic Multilingual Plane are *plain*:
//! their equalities are few and known. Any other character (accents, ligatures, full-width forms,
//! ignorable characters, emoji, bytes that are not UTF-8) may make a text equal to many others, and
//! is left to the caller as *exotic*.
//!
//! Equalities among plain texts, beyond letter case, trailing spaces and control characters (which
//! the Unicode collations ignore):
//! - Czech: a tab or a space between words (`latin2_czech_cs`). So no space counts.
//! - Lithuanian and Latvian: `y` = `i`; classical Latin: `j` = `i` and `v` = `u`; old Swedish and
//!   Finnish: `w` = `v`.
//! - Lithuanian before Unicode 9: `ch` = `c`.
//! - Hungarian: a doubled digraph is written short, `ccs` = `cscs`, and so for dz, dzs, gy, ly, ny,
//!   sz, ty, zs.
//! - `gbk_chinese_ci` of MariaDB: `~` = `y`.
//!
//! Three ASCII characters are exotic: NUL, at which `tis620_thai_ci` stops reading; the grave
//! accent, which `koi8u_general_ci` and `cp1251_ukrainian_ci` ignore; DEL, a letter in
//! `cp1257_lithuanian_ci`.

use std::hash::{BuildHasher, Hasher};

use foldhash::quality::{FixedState, FoldHasher};

use crate::model::{Kind, Row, Table, Value};

/// One column of a key, and how its values are compared.
#[derive(Clone, Debug)]
pub(super) struct Part {
    column: usize,
    read: Read,
}

#[derive(Clone, Copy, Debug)]
enum Read {
    /// Numbers and times: equal on every target or on none.
    Exact,
    /// Text in folded form.
    Text(Extent),
    /// At most so many bytes, without padding.
    Binary(usize),
}

impl Part {
    /// `prefix` is the number of characters or bytes that the key holds. `None` if the target
    /// computes the column, because no row has a value.
    pub(super) fn new(table: &Table, column: usize, prefix: Option<u32>) -> Option<Self> {
        let definition = table.columns.get(column).filter(|c| c.writable())?;
        let prefix = prefix.and_then(|n| usize::try_from(n).ok());
        let read = match (&definition.kind, prefix) {
            (Kind::Text { .. }, None) => Read::Text(Extent::Whole),
            (Kind::Text { charset, .. }, Some(n)) if charset.starts_with("utf8") => Read::Text(Extent::Characters(n)),
            (Kind::Text { .. }, Some(n)) => Read::Text(Extent::Either(n)),
            (Kind::Binary { .. }, n) => Read::Binary(n.unwrap_or(usize::MAX)),
            _ => Read::Exact,
        };
        Some(Self { column, read })
    }

    pub(super) fn text(&self) -> bool {
        matches!(self.read, Read::Text(_))
    }

    /// Whether both rows have exactly equal values in the column.
    pub(super) fn same(&self, a: &Row, b: &Row) -> bool {
        a.get(self.column) == b.get(self.column)
    }
}

/// Hashes of some columns of one row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Digest {
    /// A hash that equal values share. Unless exotic, all values that a target may consider equal
    /// share it.
    pub(super) own: u64,
    /// A hash of all values except texts; 0 unless asked for.
    pub(super) wide: u64,
    /// Whether a text among the values may equal texts with another `own`.
    pub(super) exotic: bool,
    /// Whether one of the values is NULL.
    pub(super) null: bool,
}

/// Hashes the values of `parts`. Different seeds keep keys apart. `wide` requests [`Digest::wide`].
#[inline]
pub(super) fn digest(seed: u64, parts: &[Part], row: &Row, wide: bool, scratch: &mut Vec<u8>) -> Digest {
    let digest = hash::<false>(seed, parts, row, scratch);
    Digest { wide: if wide { hash::<true>(!seed, parts, row, scratch).own } else { 0 }, ..digest }
}

/// With `WIDE`, texts are left out.
fn hash<const WIDE: bool>(seed: u64, parts: &[Part], row: &Row, scratch: &mut Vec<u8>) -> Digest {
    let mut own = FixedState::with_seed(0).build_hasher();
    own.write_u64(seed);
    let (mut exotic, mut null) = (false, false);
    for part in parts {
        match (row.get(part.column).unwrap_or(&Value::Absent), part.read) {
            (Value::Null, _) => {
                null = true;
                own.write_u8(1);
            }
            (Value::Bytes(_), Read::Text(_)) if WIDE => {}
            (Value::Bytes(text), Read::Text(extent)) => {
                let plain = fold(text, extent, scratch);
                exotic |= !plain;
                bytes(&mut own, if plain { scratch } else { text });
            }
            (Value::Bytes(b) | Value::Json(b), Read::Binary(most)) => {
                let b = unpadded(b.get(..most).unwrap_or(b));
                bytes(&mut own, b);
            }
            (Value::Bytes(b) | Value::Json(b), Read::Exact) => {
                bytes(&mut own, b);
            }
            (Value::Decimal(d), _) => {
                decimal(&mut own, &d.text);
            }
            (value, _) => {
                let n = number(value);
                own.write_u64(n);
            }
        }
    }
    Digest { own: own.finish(), wide: 0, exotic, null }
}

/// A number for a value of fixed size, equal for equal INT and BIGINT UNSIGNED, and for 0.0 and
/// -0.0.
fn number(value: &Value) -> u64 {
    match value {
        Value::Int(n) | Value::Duration(n) => n.cast_unsigned(),
        Value::UInt(n) | Value::Time(n) | Value::Enum(n) | Value::Set(n) | Value::Bit(n) => *n,
        Value::Float(x) => (f64::from(*x) + 0.0).to_bits(),
        Value::Double(x) => (*x + 0.0).to_bits(),
        Value::Absent | Value::Null | Value::Decimal(_) | Value::Bytes(_) | Value::Json(_) => 0,
    }
}

fn bytes(hasher: &mut FoldHasher<'_>, b: &[u8]) {
    hasher.write_usize(b.len());
    hasher.write(b);
}

/// The bytes without the padding of BINARY(n), and without what comparisons with PAD SPACE ignore.
fn unpadded(b: &[u8]) -> &[u8] {
    let end = b.iter().rposition(|b| !matches!(b, 0 | b' ')).map_or(0, |last| last + 1);
    b.get(..end).unwrap_or(b)
}

/// Hashes by value: without leading or trailing zeros, and without the sign of zero.
fn decimal(hasher: &mut FoldHasher<'_>, text: &[u8]) {
    let (minus, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let point = digits.iter().position(|b| *b == b'.').unwrap_or(digits.len());
    let (whole, fraction) = digits.split_at(point);
    let fraction = fraction.get(1..).unwrap_or_default();
    let start = whole.iter().position(|b| *b != b'0').unwrap_or(whole.len());
    let end = fraction.iter().rposition(|b| *b != b'0').map_or(0, |last| last + 1);
    let (whole, fraction) = (whole.get(start..).unwrap_or_default(), fraction.get(..end).unwrap_or_default());
    hasher.write_u8(u8::from(minus && !(whole.is_empty() && fraction.is_empty())));
    bytes(hasher, whole);
    bytes(hasher, fraction);
}

/// A seed from names, in any letter case.
pub(super) fn seed<'a>(names: impl IntoIterator<Item = &'a str>) -> u64 {
    let mut hasher = FixedState::with_seed(0).build_hasher();
    names.into_iter().for_each(|name| bytes(&mut hasher, name.to_lowercase().as_bytes()));
    hasher.finish()
}

/// In [`LETTERS`]: the character is dropped.
const IGNORED: u8 = 0;
/// In [`LETTERS`]: the character makes a text exotic.
const EXOTIC: u8 = 1;
/// What each ASCII character is folded to, or one of the two above.
const LETTERS: [u8; 128] = letters();
/// A bit for each letter of a Hungarian digraph, in two classes: no digraph has letters of both.
const DIGRAPH: [u16; 128] = digraph();
/// The class of c, d, s, z.
const FIRST: u16 = 0x00f;
/// The class of g, l, n, t and y, which is folded to i.
const SECOND: u16 = 0x1f0;

const fn letters() -> [u8; 128] {
    let mut table = [0; 128];
    let mut b = 0_u8;
    while b < 128 {
        table[b as usize] = match b.to_ascii_lowercase() {
            b'j' | b'y' | b'~' => b'i',
            b'v' | b'w' => b'u',
            0 | b'`' | 0x7f => EXOTIC,
            0x01..=0x20 => IGNORED,
            lower => lower,
        };
        b += 1;
    }
    table
}

const fn digraph() -> [u16; 128] {
    let mut table = [0; 128];
    let members = *b"cdszigltn";
    let mut i = 0;
    while i < members.len() {
        table[members[i] as usize] = 1 << i;
        i += 1;
    }
    table
}

/// A sequence of letters of one class.
#[derive(Clone, Copy, Default)]
struct Run {
    start: usize,
    seen: u16,
}

impl Run {
    /// Ends the run. If it may hold a doubled digraph, only the set of its letters is kept, which
    /// both spellings share.
    fn close(&mut self, out: &mut Vec<u8>) {
        const MARK: u8 = 1;
        let has = |letters: u16| self.seen & letters == letters;
        let double = has(0b101) || has(0b1010) || has(0b1100) || (has(0x10) && self.seen != 0x10);
        if double && out.len() - self.start >= 3 {
            out.truncate(self.start);
            let [high, low] = self.seen.to_be_bytes();
            out.extend_from_slice(&[MARK, low, high]);
        }
        self.seen = 0;
    }

    fn letter(&mut self, out: &mut Vec<u8>, bit: u16) {
        let class = if bit & FIRST != 0 { FIRST } else { SECOND };
        if self.seen & class == 0 {
            if self.seen != 0 {
                self.close(out);
            }
            self.start = out.len();
        }
        self.seen |= bit;
    }
}

/// How much of a text a key holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Extent {
    /// All of it.
    Whole,
    /// A number of characters.
    Characters(usize),
    /// A number of characters or bytes: servers differ in what a prefix counts in this character
    /// set.
    Either(usize),
}

/// Writes the folded form of `text` to `out`, which is emptied first. `false` if the text is
/// exotic; then `out` is not usable.
pub(super) fn fold(mut text: &[u8], extent: Extent, out: &mut Vec<u8>) -> bool {
    let (mut left, ascii) = match extent {
        Extent::Whole => (usize::MAX, false),
        Extent::Characters(n) => (n, false),
        Extent::Either(n) => (n, true),
    };
    let mut run = Run::default();
    out.clear();
    out.reserve(text.len().min(left));
    while left > 0 {
        left -= 1;
        match text {
            [] => break,
            [b @ ..=0x7f, rest @ ..] => {
                text = rest;
                let letter = LETTERS[usize::from(*b)];
                if letter <= EXOTIC {
                    if letter == EXOTIC {
                        return false;
                    }
                    continue;
                }
                if letter == b'h' && out.last() == Some(&b'c') {
                    continue;
                }
                let bit = DIGRAPH[usize::from(letter)];
                if bit != 0 {
                    run.letter(out, bit);
                } else if run.seen != 0 {
                    run.close(out);
                }
                out.push(letter);
            }
            [a @ 0xe3..=0xe9, b @ 0x80..=0xbf, c @ 0x80..=0xbf, rest @ ..] if !ascii && ideograph(*a, *b) => {
                text = rest;
                run.close(out);
                out.extend_from_slice(&[*a, *b, *c]);
            }
            _ => return false,
        }
    }
    run.close(out);
    true
}

/// Whether all characters whose UTF-8 begins with these bytes are in U+3400 to U+4DBF or U+4E00 to
/// U+9FFF.
fn ideograph(a: u8, b: u8) -> bool {
    match a {
        0xe3 => b >= 0x90,
        0xe4 => b <= 0xb6 || b >= 0xb8,
        _ => true,
    }
}

#[cfg(test)]
#[path = "digest_tests.rs"]
mod tests;
