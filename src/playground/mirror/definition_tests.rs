use super::*;

#[test]
fn elements_are_unquoted() {
    assert_eq!(elements(r"enum('a','it''s','back\\slash','x,y','')"), ["a", "it's", r"back\slash", "x,y", ""]);
    assert_eq!(elements("set('ä')"), ["ä"]);
}

#[test]
fn json_is_written_as_json() {
    let text = "CREATE TABLE `t` (\n  `j` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL CHECK (json_valid(`j`)),\n  `k` longtext\n)";
    let want = "CREATE TABLE `t` (\n  `j` json DEFAULT NULL,\n  `k` longtext\n)";
    assert_eq!(with_json(text, &["j".to_owned()]), want);
}

#[test]
fn defaults_that_are_literals() {
    assert_eq!(literal("'it''s'").as_deref(), Some("it's"));
    assert_eq!(literal("5").as_deref(), Some("5"));
    assert_eq!(literal("current_timestamp()").as_deref(), Some("CURRENT_TIMESTAMP"));
    assert_eq!(literal("uuid()"), None);
}

#[test]
fn latin1_is_cp1252() {
    assert_eq!(to_utf8("latin1", &[b'a', 0xe9, 0x80, 0x81]).unwrap(), "aé€\u{81}".as_bytes());
    assert!(to_utf8("koi8r", &[0xe9]).is_err());
}
