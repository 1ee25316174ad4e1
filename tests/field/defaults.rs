//! Literal defaults of every type, in a column that is added and in a table that is made: what the
//! definition says is what older rows have and new rows get, whatever the session that typed the
//! text was. Of the TIMESTAMPs it says UTC, while the text was typed at +08:00
//! (docs/protocol/tidb-formats.md §6.7).

use serde_json::json;
use tisync::model::{Kind, Value};

use crate::Case;
use crate::column::{Defined, Field, field, id, time};
use crate::common::made::INT;
use crate::common::server::{Dialect, refuse};
use crate::story::Story;
use crate::world::{dec, i, s, text};

/// One type with a default.
struct Sample {
    case: &'static str,
    /// The type as TiDB restores it, and its default.
    sql: [&'static str; 2],
    /// The column, with its default in the words of the definition.
    field: Field,
    /// What selects it, with `?` for its name, and what that gives for the default.
    shown: [&'static str; 2],
    /// Another value, and what the same gives for it.
    other: (Value, &'static str),
}

pub fn cases() -> Vec<Case> {
    let all = [numbers(), times(), stamps(), strings(), lists()].into_iter().flatten();
    let each = all.map(|sample| -> Case {
        (format!("a default of {}", sample.case), Box::new(move |story| check(story, &sample)))
    });
    each.chain([crate::case("a default that is a function", function)])
        .chain([crate::case("a default of bytes that JSON has damaged is what TiDB reads there", damaged)])
        .chain([crate::case("an element of bytes that JSON has damaged is what TiDB reads there", damaged_element)])
        .collect()
}

fn of(case: &'static str, sql: [&'static str; 2], kind: Kind, default: &str, shown: [&'static str; 2]) -> Sample {
    let field = field("n", kind).added(default);
    Sample { case, sql, field, shown, other: (Value::Null, "~") }
}

impl Sample {
    fn and(mut self, value: Value, shown: &'static str) -> Self {
        self.other = (value, shown);
        self
    }

    fn with(mut self, change: impl FnOnce(Field) -> Field) -> Self {
        self.field = change(self.field);
        self
    }
}

const INTEGER: fn(u8, bool) -> Kind = |bytes, unsigned| Kind::Int { bytes, unsigned };

fn numbers() -> Vec<Sample> {
    let decimal = Kind::Decimal { precision: 10, scale: 3 };
    vec![
        of("TINYINT", ["TINYINT(4)", "-128"], INTEGER(1, false), "-128", ["?", "-128"]).and(i(7), "7"),
        of("BOOLEAN", ["TINYINT(1)", "TRUE"], INTEGER(1, false), "1", ["?", "1"]).and(i(0), "0"),
        of("SMALLINT", ["SMALLINT", "0"], INTEGER(2, false), "0", ["?", "0"]).and(i(-1), "-1"),
        of("MEDIUMINT", ["MEDIUMINT UNSIGNED", "16777215"], INTEGER(3, true), "16777215", ["?", "16777215"])
            .and(Value::UInt(1), "1"),
        of("INT", ["INT", "_UTF8MB4'7'"], INT, "7", ["?", "7"]).and(i(8), "8"),
        of("INT in hexadecimal", ["INT", "x'10'"], INT, "16", ["?", "16"]).and(i(8), "8"),
        of(
            "BIGINT",
            ["BIGINT UNSIGNED", "18446744073709551615"],
            INTEGER(8, true),
            "18446744073709551615",
            ["?", "18446744073709551615"],
        )
        .and(Value::UInt(1), "1"),
        of("DECIMAL", ["DECIMAL(10,3)", "1.5"], decimal, "1.5", ["?", "1.500"]).and(dec("-0.001"), "-0.001"),
        of("FLOAT", ["FLOAT", "0.1"], Kind::Float, "0.1", ["?", "0.1"]).and(Value::Float(2.5), "2.5"),
        of("DOUBLE", ["DOUBLE", "-2.5"], Kind::Double, "-2.5", ["?", "-2.5"]).and(Value::Double(1.0), "1"),
        of("BIT", ["BIT(12)", "b'101010111100'"], Kind::Bit { width: 12 }, "\n\u{fffd}", ["? + 0", "2748"])
            .with(bits("Crw="))
            .and(Value::Bit(5), "5"),
        // A bit that is no letter, and one that JSON does not damage.
        of("BIT of one", ["BIT(1)", "b'1'"], Kind::Bit { width: 1 }, "\u{1}", ["? + 0", "1"])
            .with(bits("AQ=="))
            .and(Value::Bit(0), "0"),
        of("YEAR", ["YEAR(4)", "2023"], Kind::Year, "2023", ["?", "2023"]).and(i(1999), "1999"),
    ]
}

/// The bytes of a BIT, which the text of the same name has damaged.
fn bits(base64: &'static str) -> impl FnOnce(Field) -> Field {
    move |field| field.also("/default_bit", json!(base64)).also("/origin_default_bit", json!(base64))
}

fn times() -> Vec<Sample> {
    let datetime = |fsp| Kind::Datetime { fsp };
    let other = || time([2001, 2, 3, 4, 5, 6]);
    vec![
        of("DATE", ["DATE", "_UTF8MB4'2024-02-29'"], Kind::Date, "2024-02-29", ["?", "2024-02-29"])
            .and(time([2001, 2, 3, 0, 0, 0]), "2001-02-03"),
        of("DATE as a number", ["DATE", "20240229"], Kind::Date, "2024-02-29", ["?", "2024-02-29"])
            .and(time([2001, 2, 3, 0, 0, 0]), "2001-02-03"),
        of("TIME", ["TIME", "_UTF8MB4'-12:34:56'"], Kind::Duration { fsp: 0 }, "-12:34:56", ["?", "-12:34:56"])
            .and(Value::Duration(1_000_000_000), "00:00:01"),
        of(
            "TIME with fractions",
            ["TIME(3)", "_UTF8MB4'12:34:56.5'"],
            Kind::Duration { fsp: 3 },
            "12:34:56.500",
            ["?", "12:34:56.500"],
        )
        .and(Value::Duration(1_000_000_000), "00:00:01.000"),
        of(
            "DATETIME",
            ["DATETIME", "_UTF8MB4'2020-01-01 00:00:00'"],
            datetime(0),
            "2020-01-01 00:00:00",
            ["?", "2020-01-01 00:00:00"],
        )
        .and(other(), "2001-02-03 04:05:06"),
        of(
            "DATETIME with fractions",
            ["DATETIME(6)", "_UTF8MB4'2020-01-01 00:00:00.123456'"],
            datetime(6),
            "2020-01-01 00:00:00.123456",
            ["?", "2020-01-01 00:00:00.123456"],
        )
        .and(other(), "2001-02-03 04:05:06.000000"),
        // TiDB takes a literal with an offset into the zone of the session, here +08:00; MariaDB does not know offsets.
        of(
            "DATETIME with an offset",
            ["DATETIME", "_UTF8MB4'2020-01-01 00:00:00+00:00'"],
            datetime(0),
            "2020-01-01 08:00:00",
            ["?", "2020-01-01 08:00:00"],
        )
        .and(other(), "2001-02-03 04:05:06"),
    ]
}

fn stamps() -> Vec<Sample> {
    let stamp = |fsp| Kind::Timestamp { fsp };
    let other = || time([2001, 2, 3, 4, 5, 6]);
    vec![
        of(
            "TIMESTAMP",
            ["TIMESTAMP", "_UTF8MB4'2020-01-01 00:00:00'"],
            stamp(0),
            "2019-12-31 16:00:00",
            ["?", "2019-12-31 16:00:00"],
        )
        .and(other(), "2001-02-03 04:05:06"),
        of(
            "TIMESTAMP with fractions",
            ["TIMESTAMP(3)", "_UTF8MB4'2020-01-01 00:00:00.25'"],
            stamp(3),
            "2019-12-31 16:00:00.250",
            ["?", "2019-12-31 16:00:00.250"],
        )
        .and(other(), "2001-02-03 04:05:06.000"),
        // In no zone is it anything else.
        of(
            "TIMESTAMP zero",
            ["TIMESTAMP", "_UTF8MB4'0000-00-00 00:00:00'"],
            stamp(0),
            "0000-00-00 00:00:00",
            ["?", "0000-00-00 00:00:00"],
        )
        .and(other(), "2001-02-03 04:05:06"),
        // The first second that a TIMESTAMP has, which at +08:00 is later on the clock.
        of(
            "TIMESTAMP at its beginning",
            ["TIMESTAMP", "_UTF8MB4'1970-01-01 08:00:01'"],
            stamp(0),
            "1970-01-01 00:00:01",
            ["?", "1970-01-01 00:00:01"],
        )
        .and(other(), "2001-02-03 04:05:06"),
    ]
}

fn strings() -> Vec<Sample> {
    let varchar = |field: Field| field.length(40);
    let fixed = Kind::Binary { fixed: Some(4) };
    let bytes = Kind::Binary { fixed: None };
    vec![
        of("CHAR", ["CHAR(40)", "_UTF8MB4'ab'"], text(), "ab", ["?", "ab"])
            .with(|field| field.length(40).also("/type/Tp", json!(254)))
            .and(s("x"), "x"),
        of("VARCHAR", ["VARCHAR(40)", "_UTF8MB4'it''s 日本'"], text(), "it's 日本", ["?", "it's 日本"])
            .with(varchar)
            .and(s("x"), "x"),
        of("VARCHAR of nothing", ["VARCHAR(40)", "_UTF8MB4''"], text(), "", ["CONCAT('[', ?, ']')", "[]"])
            .with(varchar)
            .and(s("x"), "[x]"),
        of(
            "VARCHAR with what looks like a function",
            ["VARCHAR(40)", "_UTF8MB4'CURRENT_TIMESTAMP'"],
            text(),
            "CURRENT_TIMESTAMP",
            ["?", "CURRENT_TIMESTAMP"],
        )
        .with(varchar)
        .and(s("x"), "x"),
        // The definition has it padded.
        of("BINARY", ["BINARY(4)", "_UTF8MB4'ab'"], fixed, "ab\0\0", ["HEX(?)", "61620000"])
            .and(s([0xff, 0, 1, 2]), "FF000102"),
        of("VARBINARY", ["VARBINARY(9)", "x'6100'"], bytes, "a\0", ["HEX(?)", "6100"])
            .with(|field| field.length(9))
            .and(s([0xff]), "FF"),
    ]
}

fn lists() -> Vec<Sample> {
    let elements = || vec!["a".to_owned(), "it's".to_owned(), "c".to_owned()];
    vec![
        of(
            "ENUM",
            ["ENUM('a','it''s','c')", "_UTF8MB4'it''s'"],
            Kind::Enum { elements: elements() },
            "it's",
            ["?", "it's"],
        )
        .and(Value::Enum(3), "c"),
        of("SET", ["SET('a','it''s','c')", "_UTF8MB4'c,a'"], Kind::Set { elements: elements() }, "a,c", ["?", "a,c"])
            .and(Value::Set(3), "a,it's"),
        of(
            "SET of nothing",
            ["SET('a','it''s','c')", "_UTF8MB4''"],
            Kind::Set { elements: elements() },
            "",
            ["CONCAT('[', ?, ']')", "[]"],
        )
        .and(Value::Set(3), "[a,it's]"),
    ]
}

/// Adds such a column that may be NULL and one that may not to a table with a row, and makes a table with both.
fn check(story: &mut Story<'_>, sample: &Sample) {
    let Sample { sql: [kind, default], field, shown: [select, shown], other: (value, other), .. } = sample;
    let strict = field.clone().named("m").not_null();
    let of_null = format!("`n` {kind} NULL DEFAULT {default}");
    let of_strict = format!("`m` {kind} NOT NULL DEFAULT {default}");
    story.plain();
    let one = story.t(std::slice::from_ref(field));
    story.ddl(5, &format!("ALTER TABLE `t` ADD COLUMN {of_null};"), &one);
    let two = story.t(&[field.clone(), strict.clone()]);
    story.ddl(5, &format!("ALTER TABLE `t` ADD COLUMN {of_strict};"), &two);
    let made = Defined::new(&story.db, 202, "c", &[id(), field.clone().new_table(), strict.new_table()]);
    story.ddl(3, &format!("CREATE TABLE `c` (`id` INT PRIMARY KEY,{of_null},{of_strict});"), &made);
    for table in [&two, &made] {
        story.insert(table, vec![i(2), Value::Null, value.clone()]);
    }
    // One that is set later, and one that goes.
    let without = field.clone().without_default();
    let later = |n: &Field| Defined::new(&story.db, 203, "s", &[id(), n.clone(), field.clone().new_table().named("m")]);
    let [before, set] = [later(&without), later(&field.clone().new_table())];
    let gone = Defined::new(&story.db, 203, "s", &[id(), field.clone().new_table(), without.named("m")]);
    story.ddl(
        3,
        &format!("CREATE TABLE `s` (`id` INT PRIMARY KEY,`n` {kind} NULL,`m` {kind} NULL DEFAULT {default});"),
        &before,
    );
    story.ddl(15, &format!("ALTER TABLE `s` ALTER COLUMN `n` SET DEFAULT {default};"), &set);
    story.ddl(15, "ALTER TABLE `s` ALTER COLUMN `m` DROP DEFAULT;", &gone);
    story.play();
    story.world.run("INSERT INTO s (id) VALUES (1)");
    story.shows(&format!("SELECT {}, m FROM s", select.replace('?', "n")), &format!("{shown}|~"));
    for (table, before) in [("t", format!("1|{shown}|{shown};")), ("c", String::new())] {
        story.world.run(&format!("INSERT INTO {table} (id) VALUES (3)"));
        let sql =
            format!("SELECT id, {}, {} FROM {table} ORDER BY id", select.replace('?', "n"), select.replace('?', "m"));
        story.shows(&sql, &format!("{before}2|~|{other};3|{shown}|{shown}"));
    }
}

/// `default_is_expr` tells it from a text of the same letters.
fn function(story: &mut Story<'_>) {
    let server = Dialect::of(story.world.server);
    if server.mysql && server.version < (8, 0) {
        refuse("MySQL 5.7 has no defaults that are expressions");
    }
    let varchar = field("u", text()).length(40).default("uuid()");
    let t = story.t(&[varchar.clone().also("/default_is_expr", json!(true)), varchar.named("v")]);
    let sql = "CREATE TABLE `t` (`id` INT PRIMARY KEY,`u` VARCHAR(40) DEFAULT (UUID()),`v` VARCHAR(40) DEFAULT _UTF8MB4'uuid()');";
    story.ddl(3, sql, &t);
    story.play();
    story.world.run("INSERT INTO t (id) VALUES (1)");
    story.shows("SELECT LENGTH(u), v FROM t", "36|uuid()");
}

/// Bytes that are no UTF-8 have no second place in the definition (§6.7). TiDB reads them from there too: what they have become is what its rows have,
/// cut to the length of the column, and where it is too long no new row gets it.
fn damaged(story: &mut Story<'_>) {
    story.plain();
    let bytes = field("n", Kind::Binary { fixed: None }).length(9).added("\u{fffd}\0").not_null();
    let short = field("m", Kind::Binary { fixed: None }).length(2).added("\u{fffd}\0");
    let fixed = field("f", Kind::Binary { fixed: Some(2) }).added("\u{fffd}\0").not_null();
    let added = "ADD COLUMN `n` VARBINARY(9) NOT NULL DEFAULT x'ff00',ADD COLUMN `m` VARBINARY(2) DEFAULT x'ff00',ADD COLUMN `f` BINARY(2) NOT NULL DEFAULT x'ff'";
    story.ddl(37, &format!("ALTER TABLE `t` {added};"), &story.t(&[bytes.clone(), short, fixed]));
    let made = Defined::new(&story.db, 202, "c", &[id(), bytes.new_table()]);
    story.ddl(3, "CREATE TABLE `c` (`id` INT PRIMARY KEY,`n` VARBINARY(9) NOT NULL DEFAULT x'ff00');", &made);
    story.play();
    story.world.run("INSERT INTO t (id, f) VALUES (3, 'xy')");
    story.shows("SELECT id, HEX(n), HEX(m), HEX(f) FROM t ORDER BY id", "1|EFBFBD00|EFBF|EFBF;3|EFBFBD00|~|7879");
    story.world.run("INSERT INTO c (id) VALUES (3)");
    story.shows("SELECT HEX(n) FROM c", "EFBFBD00");
}

/// Elements of a binary ENUM likewise.
fn damaged_element(story: &mut Story<'_>) {
    story.plain();
    let list = field("n", Kind::Enum { elements: vec!["\u{fffd}".to_owned(), "b".to_owned()] });
    let t = story.t(&[list]);
    story.ddl(5, "ALTER TABLE `t` ADD COLUMN `n` ENUM('\u{fffd}','b');", &t);
    story.insert(&t, vec![i(2), Value::Enum(1)]);
    story.play();
    story.shows("SELECT id, HEX(n) FROM t ORDER BY id", "1|~;2|EFBFBD");
}
