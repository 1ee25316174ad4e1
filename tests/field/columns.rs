//! Every type of column with its options, as TiDB's grammar has them: the ColumnInfo that a real TiDB made of each, and the column as its SHOW CREATE TABLE says it. A table that
//! is made of the definitions, at once or by ALTER TABLE, is the one that the text makes on the same server.

use serde_json::{Value as Json, json};

use crate::column::{Field, field};
use crate::common::made::INT;
use crate::story::Story;
use crate::{Case, case};

/// The default of a column.
#[derive(Clone, Copy)]
enum Own {
    None,
    Text(&'static str),
    /// BIT, in base64.
    Bits(&'static str),
}

/// The column in SQL; its type, flags, length and digits behind the point; its collation, unless it is binary; elements; default.
type Column = (&'static str, [i64; 4], &'static str, &'static [&'static str], Own);

#[rustfmt::skip]
const COLUMNS: [Column; 86] = [
    ("int(11) NOT NULL", [3, 4097, 11, 0], "", &[], Own::None),
    ("int(11) DEFAULT NULL", [3, 0, 11, 0], "", &[], Own::None),
    ("int(10) unsigned zerofill DEFAULT NULL", [3, 96, 10, 0], "", &[], Own::None),
    ("int(5) unsigned zerofill DEFAULT NULL", [3, 96, 5, 0], "", &[], Own::None),
    ("tinyint(1) DEFAULT NULL", [1, 0, 1, 0], "", &[], Own::None),
    ("tinyint(1) DEFAULT '1'", [1, 0, 1, 0], "", &[], Own::Text("1")),
    ("smallint(5) unsigned DEFAULT NULL", [2, 32, 5, 0], "", &[], Own::None),
    ("mediumint(9) DEFAULT NULL", [9, 0, 9, 0], "", &[], Own::None),
    ("bigint(20) unsigned DEFAULT '18446744073709551615'", [8, 32, 20, 0], "", &[], Own::Text("18446744073709551615")),
    ("tinyint(4) DEFAULT NULL", [1, 0, 4, 0], "", &[], Own::None),
    ("smallint(6) DEFAULT NULL", [2, 0, 6, 0], "", &[], Own::None),
    ("bigint(20) DEFAULT NULL", [8, 0, 20, 0], "", &[], Own::None),
    ("int(3) DEFAULT NULL", [3, 0, 3, 0], "", &[], Own::None),
    ("float DEFAULT NULL", [4, 0, 12, -1], "", &[], Own::None),
    ("double DEFAULT NULL", [5, 0, 22, -1], "", &[], Own::None),
    ("float(7,3) DEFAULT NULL", [4, 0, 7, 3], "", &[], Own::None),
    ("double(10,4) unsigned DEFAULT NULL", [5, 32, 10, 4], "", &[], Own::None),
    ("decimal(10,0) DEFAULT NULL", [246, 0, 10, 0], "", &[], Own::None),
    ("decimal(5,0) DEFAULT NULL", [246, 0, 5, 0], "", &[], Own::None),
    ("decimal(10,3) unsigned zerofill DEFAULT NULL", [246, 96, 10, 3], "", &[], Own::None),
    ("decimal(4,1) DEFAULT NULL", [246, 0, 4, 1], "", &[], Own::None),
    ("decimal(65,30) DEFAULT NULL", [246, 0, 65, 30], "", &[], Own::None),
    ("bit(1) DEFAULT NULL", [16, 32, 1, 0], "", &[], Own::None),
    ("bit(8) DEFAULT b'101'", [16, 32, 8, 0], "", &[], Own::Bits("BQ==")),
    ("bit(64) DEFAULT b'101'", [16, 32, 64, 0], "", &[], Own::Bits("BQ==")),
    ("bit(9) DEFAULT b'11111111'", [16, 32, 9, 0], "", &[], Own::Bits("/w==")),
    ("bit(8) DEFAULT b'1100001'", [16, 32, 8, 0], "", &[], Own::Bits("YQ==")),
    ("char(1) DEFAULT NULL", [254, 0, 1, 0], "utf8mb4_bin", &[], Own::None),
    ("char(0) DEFAULT NULL", [254, 0, 0, 0], "utf8mb4_bin", &[], Own::None),
    ("char(255) DEFAULT NULL", [254, 0, 255, 0], "utf8mb4_bin", &[], Own::None),
    ("char(5) DEFAULT 'a  '", [254, 0, 5, 0], "utf8mb4_bin", &[], Own::Text("a  ")),
    ("char(5) DEFAULT NULL", [254, 0, 5, 0], "utf8mb4_bin", &[], Own::None),
    ("varchar(5) DEFAULT NULL", [15, 0, 5, 0], "utf8mb4_bin", &[], Own::None),
    ("char(5) CHARACTER SET latin1 COLLATE latin1_bin DEFAULT NULL", [254, 0, 5, 0], "latin1_bin", &[], Own::None),
    ("char(5) CHARACTER SET utf8 COLLATE utf8_bin DEFAULT NULL", [254, 0, 5, 0], "utf8_bin", &[], Own::None),
    ("char(5) CHARACTER SET gbk COLLATE gbk_chinese_ci DEFAULT NULL", [254, 0, 5, 0], "gbk_chinese_ci", &[], Own::None),
    ("binary(5) DEFAULT NULL", [254, 128, 5, 0], "", &[], Own::None),
    ("varchar(5) COLLATE utf8mb4_general_ci DEFAULT NULL", [15, 0, 5, 0], "utf8mb4_general_ci", &[], Own::None),
    ("varchar(5) COLLATE utf8mb4_unicode_ci DEFAULT NULL", [15, 0, 5, 0], "utf8mb4_unicode_ci", &[], Own::None),
    ("varchar(5) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL", [15, 0, 5, 0], "ascii_bin", &[], Own::None),
    ("varchar(5) CHARACTER SET latin1 COLLATE latin1_bin DEFAULT NULL", [15, 0, 5, 0], "latin1_bin", &[], Own::None),
    ("varchar(0) DEFAULT NULL", [15, 0, 0, 0], "utf8mb4_bin", &[], Own::None),
    ("binary(1) DEFAULT NULL", [254, 128, 1, 0], "", &[], Own::None),
    ("varbinary(3) DEFAULT 'ab'", [15, 128, 3, 0], "", &[], Own::Text("ab")),
    ("varbinary(9) DEFAULT 'é'", [15, 128, 9, 0], "", &[], Own::Text("é")),
    ("tinytext DEFAULT NULL", [249, 0, 255, 0], "utf8mb4_bin", &[], Own::None),
    ("text DEFAULT NULL", [252, 0, 65535, 0], "utf8mb4_bin", &[], Own::None),
    ("mediumtext DEFAULT NULL", [250, 0, 16777215, 0], "utf8mb4_bin", &[], Own::None),
    ("longtext DEFAULT NULL", [251, 0, 4294967295, 0], "utf8mb4_bin", &[], Own::None),
    ("mediumblob DEFAULT NULL", [250, 128, 16777215, 0], "", &[], Own::None),
    ("tinyblob DEFAULT NULL", [249, 128, 255, 0], "", &[], Own::None),
    ("blob DEFAULT NULL", [252, 128, 65535, 0], "", &[], Own::None),
    ("longblob DEFAULT NULL", [251, 128, 4294967295, 0], "", &[], Own::None),
    ("text CHARACTER SET latin1 COLLATE latin1_bin DEFAULT NULL", [252, 0, 65535, 0], "latin1_bin", &[], Own::None),
    ("text COLLATE utf8mb4_unicode_ci DEFAULT NULL", [252, 0, 65535, 0], "utf8mb4_unicode_ci", &[], Own::None),
    ("json DEFAULT NULL", [245, 128, 4294967295, 0], "", &[], Own::None),
    ("enum('a','b') DEFAULT 'b'", [247, 0, 1, 0], "utf8mb4_bin", &["a", "b"], Own::Text("b")),
    ("enum('a','B') CHARACTER SET latin1 COLLATE latin1_bin DEFAULT NULL", [247, 0, 1, 0], "latin1_bin", &["a", "B"], Own::None),
    ("enum('a','b') COLLATE utf8mb4_general_ci DEFAULT NULL", [247, 0, 1, 0], "utf8mb4_general_ci", &["a", "b"], Own::None),
    ("set('a','b','c') DEFAULT 'a,c'", [248, 0, 5, 0], "utf8mb4_bin", &["a", "b", "c"], Own::Text("a,c")),
    ("set('a','b') NOT NULL", [248, 4097, 3, 0], "utf8mb4_bin", &["a", "b"], Own::None),
    ("enum('a','b') NOT NULL", [247, 4097, 1, 0], "utf8mb4_bin", &["a", "b"], Own::None),
    ("enum('','x') DEFAULT ''", [247, 0, 1, 0], "utf8mb4_bin", &["", "x"], Own::Text("")),
    ("enum('😀','ü') DEFAULT NULL", [247, 0, 4, 0], "utf8mb4_bin", &["😀", "ü"], Own::None),
    ("date DEFAULT NULL", [10, 128, 10, 0], "", &[], Own::None),
    ("date DEFAULT '2020-01-02'", [10, 128, 10, 0], "", &[], Own::Text("2020-01-02")),
    ("time(3) DEFAULT '-10:11:12.500'", [11, 128, 14, 3], "", &[], Own::Text("-10:11:12.500")),
    ("time DEFAULT '838:59:59'", [11, 128, 10, 0], "", &[], Own::Text("838:59:59")),
    ("datetime DEFAULT NULL", [12, 128, 19, 0], "", &[], Own::None),
    ("datetime(6) DEFAULT '2020-01-01 08:00:00.123456'", [12, 128, 26, 6], "", &[], Own::Text("2020-01-01 08:00:00.123456")),
    ("datetime DEFAULT CURRENT_TIMESTAMP", [12, 128, 19, 0], "", &[], Own::Text("CURRENT_TIMESTAMP")),
    ("datetime(3) DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)", [12, 8320, 23, 3], "", &[], Own::Text("CURRENT_TIMESTAMP")),
    ("datetime DEFAULT NULL ON UPDATE CURRENT_TIMESTAMP", [12, 8320, 19, 0], "", &[], Own::None),
    ("timestamp NULL DEFAULT NULL", [7, 128, 19, 0], "", &[], Own::None),
    ("timestamp NOT NULL", [7, 4225, 19, 0], "", &[], Own::None),
    ("timestamp NOT NULL DEFAULT '2019-12-31 16:00:00'", [7, 129, 19, 0], "", &[], Own::Text("2019-12-31 16:00:00")),
    ("timestamp(6) NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6)", [7, 8320, 26, 6], "", &[], Own::Text("CURRENT_TIMESTAMP")),
    ("timestamp NULL DEFAULT '1970-01-01 00:00:01'", [7, 128, 19, 0], "", &[], Own::Text("1970-01-01 00:00:01")),
    ("timestamp NULL DEFAULT '2038-01-19 03:14:07'", [7, 128, 19, 0], "", &[], Own::Text("2038-01-19 03:14:07")),
    ("timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP", [7, 129, 19, 0], "", &[], Own::Text("CURRENT_TIMESTAMP")),
    ("timestamp NULL DEFAULT CURRENT_TIMESTAMP", [7, 128, 19, 0], "", &[], Own::Text("CURRENT_TIMESTAMP")),
    ("year(4) DEFAULT NULL", [13, 96, 4, 0], "", &[], Own::None),
    ("year(4) DEFAULT '2020'", [13, 96, 4, 0], "", &[], Own::Text("2020")),
    ("year(4) DEFAULT '0'", [13, 96, 4, 0], "", &[], Own::Text("0")),
    ("year(4) DEFAULT '70'", [13, 96, 4, 0], "", &[], Own::Text("70")),
    ("year(4) DEFAULT '1901'", [13, 96, 4, 0], "", &[], Own::Text("1901")),
];

const NO_DEFAULT: i64 = 4096;

pub fn cases() -> Vec<Case> {
    vec![
        case("a table has every type of column", created),
        case("a table gets every type of column by ALTER TABLE", added),
    ]
}

fn columns() -> impl Iterator<Item = (String, &'static Column)> {
    (0..).zip(&COLUMNS).map(|(at, column)| (format!("c{at}"), column))
}

/// The column with what its ColumnInfo says; `added` later, so older rows have its default, or the moment then.
fn defined(name: String, column: &Column, added: bool) -> Field {
    let (_, [tp, flag, flen, decimal], collation, elements, own) = column;
    let collation = if collation.is_empty() { "binary" } else { collation };
    let charset = collation.split('_').next();
    let elements = if elements.is_empty() { Json::Null } else { json!(elements) };
    let info = json!({
        "Tp": tp, "Flag": flag, "Flen": flen, "Decimal": decimal, "Charset": charset, "Collate": collation,
        "Elems": elements, "ElemsIsBinaryLit": null, "Array": false,
    });
    let (text, bits) = match own {
        Own::None => (Json::Null, Json::Null),
        Own::Text(text) => (json!(text), Json::Null),
        Own::Bits(bits) => (json!("\u{fffd}"), json!(bits)),
    };
    let origin = match own {
        Own::Text("CURRENT_TIMESTAMP") => json!("2024-05-06 07:08:09"),
        _ => text.clone(),
    };
    let field = field(Box::leak(name.into_boxed_str()), INT);
    let field = field.also("/type", info).also("/default", text).also("/default_bit", bits.clone());
    if added { field.also("/origin_default", origin).also("/origin_default_bit", bits) } else { field }
}

/// What the server says of the columns of a table.
fn shown(story: &mut Story<'_>, table: &str) -> Vec<String> {
    story.world.rows(&format!(
        "SELECT CONCAT_WS(' ', column_name, column_type, is_nullable, IFNULL(column_default, '~'), IFNULL(collation_name, 'binary'), extra) \
         FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = '{table}' ORDER BY ordinal_position"
    ))
}

/// That `t` is what these columns make of it on this server.
fn compare(story: &mut Story<'_>, columns: &[(String, &Column)]) {
    let list: Vec<String> = columns.iter().map(|(name, column)| format!("{name} {}", column.0)).collect();
    story.world.run(&format!(
        "CREATE TABLE u (id INT NOT NULL PRIMARY KEY, {}) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
        list.join(", ")
    ));
    let (made, typed) = (shown(story, "t"), shown(story, "u"));
    assert_eq!(made.len(), columns.len() + 1);
    for (made, typed) in made.iter().zip(&typed).skip(1) {
        assert_eq!(made, typed);
    }
}

fn created(story: &mut Story<'_>) {
    let all: Vec<_> = columns().collect();
    let fields: Vec<Field> = all.iter().map(|(name, column)| defined(name.clone(), column, false)).collect();
    let t = story.t(&fields);
    story.ddl(3, "CREATE TABLE `t` (`id` INT PRIMARY KEY);", &t);
    story.play();
    compare(story, &all);
}

fn added(story: &mut Story<'_>) {
    story.plain();
    let all: Vec<_> = columns().filter(|(_, (_, [_, flag, ..], ..))| flag & NO_DEFAULT == 0).collect();
    let fields: Vec<Field> = all.iter().map(|(name, column)| defined(name.clone(), column, true)).collect();
    let t = story.t(&fields);
    story.ddl(61, "ALTER TABLE `t` ADD COLUMN `c0` INT, ADD COLUMN `c1` INT;", &t);
    story.play();
    compare(story, &all);
}
