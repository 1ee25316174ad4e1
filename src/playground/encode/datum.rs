//! Datums in the form of rows (value form) and of keys (spec/tidb-formats.md §1), appended to `out`.

use crate::decode::datum as flag;

/// NULL, in both forms.
pub fn null(out: &mut Vec<u8>) {
    out.push(flag::NIL);
}

/// A signed number, value form.
pub fn int(out: &mut Vec<u8>, n: i64) {
    out.push(flag::VARINT);
    varint(out, n);
}

/// An unsigned number, value form; times, ENUM, SET and BIT of rows too.
pub fn uint(out: &mut Vec<u8>, n: u64) {
    out.push(flag::UVARINT);
    uvarint(out, n);
}

/// FLOAT (widened) and DOUBLE, in both forms.
pub fn float(out: &mut Vec<u8>, x: f64) {
    out.push(flag::FLOAT);
    // As TiDB compares: -0.0 becomes 0.0.
    let bits = if x >= 0.0 { x.to_bits() | 1 << 63 } else { !x.to_bits() };
    out.extend(bits.to_be_bytes());
}

/// A string, value form.
pub fn bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(flag::COMPACT_BYTES);
    compact_bytes(out, bytes);
}

/// JSON from type code and body, value form.
pub fn json(out: &mut Vec<u8>, document: &[u8]) {
    out.push(flag::JSON);
    out.extend_from_slice(document);
}

/// A signed number, key form.
pub fn key_int(out: &mut Vec<u8>, n: i64) {
    out.push(flag::INT);
    out.extend((n.cast_unsigned() ^ 1 << 63).to_be_bytes());
}

/// An unsigned number, key form.
pub fn key_uint(out: &mut Vec<u8>, n: u64) {
    out.push(flag::UINT);
    out.extend(n.to_be_bytes());
}

/// TIME in nanoseconds, key form; also in the handle of an inserted row.
pub fn duration(out: &mut Vec<u8>, nanos: i64) {
    out.push(flag::DURATION);
    out.extend((nanos.cast_unsigned() ^ 1 << 63).to_be_bytes());
}

/// A string, key form.
pub fn key_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(flag::BYTES);
    comparable_bytes(out, bytes);
}

/// Groups of 8 bytes with a marker behind each, without a flag.
pub fn comparable_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    let (groups, rest) = bytes.as_chunks::<8>();
    for group in groups {
        out.extend_from_slice(group);
        out.push(0xff);
    }
    out.extend_from_slice(rest);
    out.extend(std::iter::repeat_n(0, 8 - rest.len()));
    out.push(u8::try_from(0xff - (8 - rest.len())).unwrap_or(0xff));
}

/// A zigzag length and the bytes, without a flag.
pub fn compact_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    varint(out, i64::try_from(bytes.len()).unwrap_or(i64::MAX));
    out.extend_from_slice(bytes);
}

/// A zigzag LEB128 number, without a flag.
pub fn varint(out: &mut Vec<u8>, n: i64) {
    uvarint(out, ((n << 1) ^ (n >> 63)).cast_unsigned());
}

/// A LEB128 number, without a flag.
pub fn uvarint(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(n.to_le_bytes()[0] | 0x80);
        n >>= 7;
    }
    out.push(n.to_le_bytes()[0]);
}
