//! Tests of argument values that `tisync sync` parses itself.

use super::OnDdlErrorArg::{Ask, Replace, Skip, Stop};
use super::*;

#[test]
fn every_form_of_on_ddl_error() {
    let of = |text: &str| text.parse::<OnDdlErrorArg>();
    assert_eq!([of("stop"), of("ask"), of("skip:17")], [Ok(Stop), Ok(Ask), Ok(Skip(17))]);
    assert_eq!(
        of("replace:17=ALTER TABLE t ADD c INT DEFAULT 5 COMMENT 'a=b:c'"),
        Ok(Replace(17, "ALTER TABLE t ADD c INT DEFAULT 5 COMMENT 'a=b:c'".to_owned()))
    );
    for wrong in ["", "skip", "skip:", "skip:x", "replace:17", "replace:17=", "replace:x=DO 0", "go on", "stop:1"] {
        assert!(of(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn sizes() {
    for (text, bytes, shown) in [
        ("1", 1, "1"),
        ("67108864", 64 << 20, "64MiB"),
        ("256MiB", 256 << 20, "256MiB"),
        ("256 mib", 256 << 20, "256MiB"),
        ("3GiB", 3 << 30, "3GiB"),
        ("1536KiB", 1536 << 10, "1536KiB"),
        ("0", 0, "0"),
    ] {
        let size: Size = text.parse().unwrap();
        assert_eq!((size, size.to_string().as_str()), (Size(bytes), shown), "{text}");
    }
    for text in ["", "MiB", "-1", "1.5GiB", "256MB", "1 GiB 2", "99999999999999999999", "99999999999GiB", "１MiB"] {
        assert!(text.parse::<Size>().is_err(), "{text}");
    }
}

#[test]
fn memory_has_a_least() {
    assert!(Size::memory("63MiB").unwrap_err().contains("at least 64MiB"));
    assert_eq!(Size::memory("64MiB").unwrap(), Size::LEAST_MEMORY);
}
