//! Column values as the decoder hands them on: typed, exact, not yet text of any SQL dialect.

use bytes::Bytes;

/// One value of a row. The column's [`Kind`](super::Kind) says how to read it.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// The row does not carry the column: a generated one, which the target computes itself, or one that is being dropped.
    Absent,
    /// SQL NULL.
    Null,
    /// TINYINT to BIGINT, signed; YEAR.
    Int(i64),
    /// TINYINT to BIGINT UNSIGNED.
    UInt(u64),
    /// FLOAT.
    Float(f32),
    /// DOUBLE.
    Double(f64),
    /// DECIMAL, with its own scale.
    Decimal(Decimal),
    /// DATE, DATETIME or TIMESTAMP (then in UTC): TiDB's packed form (0 is the zero date).
    Time(u64),
    /// TIME: signed nanoseconds, within ±838:59:59.999999.
    Duration(i64),
    /// CHAR, VARCHAR, TEXT, BINARY, VARBINARY, BLOB: the bytes as stored.
    Bytes(Bytes),
    /// ENUM: 1-based index into the elements; 0 is the empty error value.
    Enum(u64),
    /// SET: bit mask over the elements.
    Set(u64),
    /// BIT: the number.
    Bit(u64),
    /// JSON as text; doubles keep a point or an exponent.
    Json(Bytes),
}

/// A decimal in MySQL's binary form, checked when it was decoded, shown without going through a float.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Decimal {
    /// The digits as text, as the server prints it: `-12.340`, all digits of the scale, no negative zero.
    pub text: Bytes,
}
