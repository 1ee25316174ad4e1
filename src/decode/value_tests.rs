//! Tests of the conversion of datums: limits of each type, decimals, times and durations.

use super::*;

fn of(datum: Datum<'_>, kind: &Kind) -> Result<Value> {
    value(datum, kind, &Bytes::new())
}

#[test]
fn integers_keep_to_their_width_and_sign() {
    let int = |bytes, unsigned| Kind::Int { bytes, unsigned };
    assert_eq!(of(Datum::Int(-128), &int(1, false)).unwrap(), Value::Int(-128));
    assert!(of(Datum::Int(-129), &int(1, false)).is_err());
    assert!(of(Datum::Int(1 << 23), &int(3, false)).is_err());
    assert_eq!(of(Datum::Int(i64::MIN), &int(8, false)).unwrap(), Value::Int(i64::MIN));
    assert_eq!(of(Datum::UInt(7), &int(4, false)).unwrap(), Value::Int(7));
    assert!(of(Datum::UInt(u64::MAX), &int(8, false)).is_err());
    assert_eq!(of(Datum::UInt(u64::MAX), &int(8, true)).unwrap(), Value::UInt(u64::MAX));
    assert_eq!(of(Datum::Int(255), &int(1, true)).unwrap(), Value::UInt(255));
    assert!(of(Datum::Int(256), &int(1, true)).is_err());
    assert!(of(Datum::Int(-1), &int(8, true)).is_err());
    assert_eq!(from_handle(-1, &int(8, true)).unwrap(), Value::UInt(u64::MAX));
    assert!(from_handle(-1, &int(4, true)).is_err());
}

#[test]
fn sets_enums_and_bits_keep_to_their_elements() {
    let two = || vec!["a".to_owned(), "b".to_owned()];
    assert_eq!(of(Datum::UInt(2), &Kind::Enum { elements: two() }).unwrap(), Value::Enum(2));
    assert_eq!(of(Datum::UInt(3), &Kind::Enum { elements: two() }).unwrap(), Value::Enum(0));
    assert_eq!(of(Datum::UInt(3), &Kind::Set { elements: two() }).unwrap(), Value::Set(3));
    assert!(of(Datum::UInt(4), &Kind::Set { elements: two() }).is_err());
    assert_eq!(of(Datum::UInt(u64::MAX), &Kind::Bit { width: 64 }).unwrap(), Value::Bit(u64::MAX));
    assert!(of(Datum::UInt(8), &Kind::Bit { width: 3 }).is_err());
}

#[test]
fn times_that_have_no_text_are_refused() {
    let datetime = Kind::Datetime { fsp: 6 };
    assert_eq!(of(Datum::UInt(0), &datetime).unwrap(), Value::Time(0));
    let latest = 9_147_936_188_962_652_735;
    assert_eq!(of(Datum::UInt(latest), &datetime).unwrap(), Value::Time(latest));
    for packed in [latest + 1, u64::MAX, 63 << 24, 1_000_000, 1 << 63] {
        assert!(of(Datum::UInt(packed), &datetime).is_err(), "{packed:#x}");
    }
    let time = Kind::Duration { fsp: 0 };
    assert_eq!(of(Datum::Duration(-3_020_399_999_999_000), &time).unwrap(), Value::Duration(-3_020_399_999_999_000));
    assert!(of(Datum::Int(3_020_400_000_000_000), &time).is_err());
    assert!(of(Datum::Int(i64::MIN), &time).is_err());
}

#[test]
fn a_flag_of_another_type_is_refused() {
    let error = of(Datum::Int(1), &Kind::Json).unwrap_err();
    assert_eq!(error.to_string(), "a JSON column cannot hold a signed number");
    assert!(of(Datum::Float(1.0), &Kind::Decimal { precision: 3, scale: 1 }).is_err());
    assert!(of(Datum::Float(1e300), &Kind::Float).is_err());
    assert!(of(Datum::Float(f64::NAN), &Kind::Double).is_err());
    assert!(of(Datum::Max, &Kind::Double).is_err());
    assert_eq!(of(Datum::Null, &Kind::Double).unwrap(), Value::Null);
}

#[test]
fn strings_are_not_copied() {
    let source = Bytes::from_static(b"..abc");
    let part = source.get(2..).unwrap();
    let kind = Kind::Binary { fixed: None };
    let Value::Bytes(bytes) = value(Datum::Bytes(part.into()), &kind, &source).unwrap() else { panic!("bytes") };
    assert_eq!((bytes.as_ptr(), &bytes[..]), (part.as_ptr(), b"abc".as_slice()));
}

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
        // All digits of a negative number are zero: printed without a sign.
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

fn datetime(packed: u64, fsp: u8) -> String {
    let mut out = Vec::new();
    write_datetime(&mut out, packed, fsp);
    String::from_utf8(out).unwrap()
}

fn duration(nanos: i64, fsp: u8) -> String {
    let mut out = Vec::new();
    write_duration(&mut out, nanos, fsp);
    String::from_utf8(out).unwrap()
}

#[test]
fn packed_times() {
    let packed = 1_850_845_719_989_183_040;
    assert_eq!(datetime(packed, 6), "2023-03-03 06:01:10.123456");
    assert_eq!(datetime(packed, 3), "2023-03-03 06:01:10.123");
    assert_eq!(Civil::unpack(packed).pack(), packed);
    assert_eq!(datetime(0, 0), "0000-00-00 00:00:00");
    assert_eq!(datetime(9_147_936_188_962_652_735, 6), "9999-12-31 23:59:59.999999");
    assert_eq!(datetime(1_850_627_603_128_385_536, 0), "2023-00-00 00:00:00");
}

#[test]
fn durations() {
    assert_eq!(duration(-1000, 6), "-00:00:00.000001");
    assert_eq!(duration(-10_000_000, 2), "-00:00:00.01");
    assert_eq!(duration(-3_020_399_000_000_000, 0), "-838:59:59");
}
