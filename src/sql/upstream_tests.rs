use super::*;

fn of(text: &str) -> String {
    canonical(text, Source::default()).unwrap_or_else(|why| format!("unclear: {}", why.0))
}

#[test]
fn a_restored_text_gets_its_backslashes_doubled() {
    for (text, expected) in [
        ("ALTER TABLE `t` COMMENT = 'a\\';", "ALTER TABLE `t` COMMENT = 'a\\\\';"),
        ("ALTER TABLE `t` ADD COLUMN `e` ENUM('\\',') x ')", "ALTER TABLE `t` ADD COLUMN `e` ENUM('\\\\',') x ')"),
        ("CREATE VIEW `v` AS SELECT 'it''s\\' FROM `t`", "CREATE VIEW `v` AS SELECT 'it''s\\\\' FROM `t`"),
        ("use `d`; ALTER TABLE `t` COMMENT = '\\'", "use `d`; ALTER TABLE `t` COMMENT = '\\\\'"),
        // A value has them doubled already, and so has a column's comment; an index's has not.
        (
            "ALTER TABLE `t` ADD COLUMN `c` VARCHAR(9) DEFAULT _UTF8MB4'x\\\\' COMMENT 'y\\\\', ADD INDEX `i`(`c`) COMMENT 'z\\'",
            "ALTER TABLE `t` ADD COLUMN `c` VARCHAR(9) DEFAULT _UTF8MB4'x\\\\' COMMENT 'y\\\\', ADD INDEX `i`(`c`) COMMENT 'z\\\\'",
        ),
        (
            "CREATE TABLE `t` (`a` INT COMMENT '\\\\',UNIQUE `u`(`a`) COMMENT '\\',`b` INT DEFAULT '\\\\1') COMMENT = '\\\\'",
            "CREATE TABLE `t` (`a` INT COMMENT '\\\\',UNIQUE `u`(`a`) COMMENT '\\\\',`b` INT DEFAULT '\\\\1') COMMENT = '\\\\\\\\'",
        ),
        (
            "CREATE TABLE `t` (`a` INT) PARTITION BY LIST (`a`) (PARTITION `p` VALUES IN (_UTF8MB4'\\\\') COMMENT = '\\')",
            "CREATE TABLE `t` (`a` INT) PARTITION BY LIST (`a`) (PARTITION `p` VALUES IN (_UTF8MB4'\\\\') COMMENT = '\\\\')",
        ),
        ("CREATE INDEX `i` ON `t` (`a`) COMMENT '\\'", "CREATE INDEX `i` ON `t` (`a`) COMMENT '\\\\'"),
        // An older TiDB leaves all as they are.
        (
            "ALTER TABLE `t` ADD COLUMN `c` CHAR(1) DEFAULT '\\'",
            "ALTER TABLE `t` ADD COLUMN `c` CHAR(1) DEFAULT '\\\\'",
        ),
        // As a user typed them.
        ("alter table `t` comment 'it\\'s'", "alter table `t` comment 'it\\'s'"),
        ("ALTER TABLE t COMMENT 'a\\\\'", "ALTER TABLE t COMMENT 'a\\\\'"),
        ("ALTER TABLE `a\\b` COMMENT 'x'", "ALTER TABLE `a\\b` COMMENT 'x'"),
    ] {
        assert_eq!(of(text), expected, "{text}");
    }
    let typed = "ALTER TABLE `t` COMMENT 'it\\'s'";
    let source = Source { typed, elements: None };
    assert_eq!(canonical(&format!("{typed};"), source).unwrap(), format!("{typed};"));
}

#[test]
fn elements_tell_how_a_text_is_written() {
    let text = "ALTER TABLE `t` ADD COLUMN `e` ENUM('a\\\\b','c')";
    let with = |element: &'static str| {
        let has = move |e: &str| e == element;
        canonical(text, Source { typed: "", elements: Some(&has) }).map_err(|why| why.0)
    };
    assert_eq!(with("a\\\\b").unwrap(), "ALTER TABLE `t` ADD COLUMN `e` ENUM('a\\\\\\\\b','c')");
    assert_eq!(with("a\\b").unwrap(), text);
    assert_eq!(with("ab").unwrap_err(), "tisync cannot tell what a backslash in it means");
}

#[test]
fn comments_go_but_for_tidbs_features() {
    for (text, expected) in [
        ("DROP/* a */TABLE `t` -- b", "DROP TABLE `t`"),
        ("DROP TABLE --\t'\n `t`", "DROP TABLE   `t`"),
        (
            "CREATE TABLE `t` (`a` INT /*T![clustered_index] CLUSTERED */)",
            "CREATE TABLE `t` (`a` INT /*T![clustered_index] CLUSTERED */)",
        ),
        ("ALTER TABLE `t` /*T! SHARD_ROW_ID_BITS = 4 */", "ALTER TABLE `t` /*T! SHARD_ROW_ID_BITS = 4 */"),
        (
            "ALTER TABLE `t` /*T![ttl] TTL = `a` + INTERVAL 1 DAY */",
            "ALTER TABLE `t` /*T![ttl] TTL = `a` + INTERVAL 1 DAY */",
        ),
        (
            "CREATE TABLE `t` (`a` BIGINT /*T![auto_rand] AUTO_RANDOM(5, 54) */)",
            "CREATE TABLE `t` (`a` BIGINT /*T![auto_rand] AUTO_RANDOM(5, 54) */)",
        ),
        ("ALTER TABLE `t` COMMENT = '/*! x */'", "ALTER TABLE `t` COMMENT = '/*! x */'"),
    ] {
        assert_eq!(of(text), expected, "{text}");
    }
    for text in [
        "DROP TABLE t /*! , u */",
        "DROP TABLE t /*M!100100 , u */",
        "DROP TABLE t /*!99999 */",
        "DROP TABLE t /*T! , u */",
        "DROP TABLE t /*T![x] RENAME TO b */",
        "DROP TABLE t /*T![ttl] TTL = a, RENAME TO b */",
        "DROP TABLE t /*T![ttl] TTL = `a*/ , u -- ` */",
        "DROP TABLE t /*T![ttl] FORCE ; DROP DATABASE x */",
        "DROP TABLE t /*T![ttl] TTL = '",
        "DROP TABLE t /* '",
        "DROP TABLE `t",
        "DROP TABLE t \u{1}",
        "DROP TABLE t \0",
        "DROP TABLE t $$ a $$",
        "ALTER TABLE t COMMENT \"a\\\"\"",
        "ALTER TABLE `t` COMMENT 'a",
    ] {
        assert!(of(text).starts_with("unclear: "), "{text}: {}", of(text));
    }
}

proptest::proptest! {
    /// For any text, the result has the same tokens for us and, by `tests/tokens.rs`, for servers;
    /// a second pass changes nothing.
    #[test]
    fn any_text_is_survived(text in "(ALTER TABLE `t` )?([-#/*`'\";\\\\ \n\ta名!TM(),$]|ENUM|.){0,24}") {
        if let Ok(once) = canonical(&text, Source::default()) {
            for (token, from, to) in crate::sql::tokens(&once) {
                let piece = &once[from..to];
                match token {
                    Token::Comment(comment) => proptest::prop_assert!(comment.starts_with("/*T!") && comment.ends_with("*/")),
                    Token::Text(_) => proptest::prop_assert!(piece.len() > 1),
                    _ => {}
                }
            }
            let source = Source { typed: &once, elements: None };
            proptest::prop_assert_eq!(canonical(&once, source), Ok(once));
        }
    }

    /// A string that TiDB restored says on a server what it said there.
    #[test]
    fn restored_strings_keep_their_values(value in "[\\\\'\"a%_n0 ;-]{0,12}") {
        let text = format!("ALTER TABLE `t` COMMENT = '{}'", value.replace('\'', "''"));
        let sent = of(&text);
        let at = sent.find('\'').unwrap();
        // `\%` and `\_` are two characters in either way.
        let read = unescaped(&sent[at..]);
        proptest::prop_assert_eq!(read, value);
    }
}
