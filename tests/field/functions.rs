//! Functions in definitions that TiDB has and the target has not, or under another name.

use serde_json::{Value as Json, json};
use tisync::model::{Generated, Kind, Value};
use tisync::playground::tableinfo::name;

use crate::Case;
use crate::case;
use crate::column::{Field, field, index};
use crate::common::made::INT;
use crate::common::server::Dialect;
use crate::story::Story;
use crate::world::{i, s, text};

/// An expression as TiDB keeps it, the types of servers that have it (MySQL 5.7, MySQL 8, MariaDB), and what the others are said to lack.
const LACKED: [(&str, [bool; 3], &str); 12] = [
    ("cast(`a` as json)", [true, true, false], "CAST to JSON"),
    ("convert(`a`, json)", [true, true, false], "CONVERT to JSON"),
    ("cast(`a` as double)", [false, true, true], "CAST to DOUBLE"),
    ("json_memberof(`a`, `j`)", [false, true, false], "JSON_MEMBEROF"),
    ("json_overlaps(`j`, `j`)", [false, true, true], "JSON_OVERLAPS"),
    ("json_storage_size(`j`)", [true, true, false], "JSON_STORAGE_SIZE"),
    ("regexp_like(`a`, _utf8mb4'x', _utf8mb4'i')", [false, true, false], "REGEXP_LIKE"),
    ("regexp_replace(`a`, _utf8mb4'x', _utf8mb4'y', 2)", [false, true, false], "REGEXP_REPLACE"),
    ("uuid_to_bin(`a`, 1)", [false, true, false], "UUID_TO_BIN"),
    ("vitess_hash(`id`)", [false, false, false], "VITESS_HASH"),
    ("tidb_shard(`id`)", [false, false, false], "TIDB_SHARD"),
    ("`a` ilike _utf8mb4'x'", [false, false, false], "ILIKE"),
];

pub fn cases() -> Vec<Case> {
    let mut cases = vec![
        case("functions: other words for the same", other_words),
        case("functions: a CHECK and defaults do without", left_out),
        case("a generated column that divides", divides),
        case("functions: an index does without, and is dropped", index_left_out),
    ];
    let one = |(expression, has, lacks): (&'static str, [bool; 3], &'static str)| -> Case {
        (format!("functions: {expression}"), Box::new(move |story| lacked(story, expression, has, lacks)))
    };
    cases.extend(LACKED.map(one));
    cases
}

fn varchar(name: &'static str) -> Field {
    field(name, text()).length(80)
}

fn computed(name: &'static str, expression: &str) -> Field {
    varchar(name).generated(Generated::Virtual, expression)
}

fn place(story: &Story<'_>) -> usize {
    match Dialect::of(story.world.server) {
        Dialect { mysql: false, .. } => 2,
        Dialect { version, .. } => usize::from(version >= (8, 0)),
    }
}

/// The statement is refused before anything is sent, or makes the column.
fn lacked(story: &mut Story<'_>, expression: &str, has: [bool; 3], lacks: &str) {
    let t = story.t(&[varchar("a"), field("j", Kind::Json), computed("g", expression)]);
    let sql = format!(
        "CREATE TABLE `t` (`id` INT PRIMARY KEY,`a` VARCHAR(80),`j` JSON,`g` VARCHAR(80) GENERATED ALWAYS AS({expression}) VIRTUAL);"
    );
    story.ddl(3, &sql, &t);
    if has[place(story)] {
        story.play();
        assert_eq!(story.tables(), "t");
        return;
    }
    let ran = story.play_with(&[]).expect(4);
    let said = format!("column `g` is computed with {lacks}");
    assert!(ran.stderr.contains(&said) && ran.stderr.contains("--on-ddl-error"), "{}", ran.stderr);
    assert_eq!(story.tables(), "");
}

fn other_words(story: &mut Story<'_>) {
    let mut fields = vec![
        varchar("a"),
        field("b", Kind::Binary { fixed: None }).length(16),
        computed("like_", "regexp_like(`a`, concat(_utf8mb4'^', _utf8mb4'x')) or `a` is null"),
        computed("insert_", "insert_func(`a`, 1, 1, any_value(_utf8mb4'Z'))"),
        computed("to_uuid", "bin_to_uuid(`b`)"),
        computed("of_uuid", "hex(uuid_to_bin(concat(_utf8mb4'{', bin_to_uuid(`b`), _utf8mb4'}'), 0))"),
    ];
    if place(story) > 0 {
        fields.push(computed("sub", "regexp_substr(`a`, _utf8mb4'[y-z]+', 1, 1)"));
    }
    let t = story.t(&fields);
    story.ddl(3, "CREATE TABLE `t` (`id` INT PRIMARY KEY);", &t);
    let bytes = Value::Bytes((0..16).map(|n| n * 16 + 15).collect());
    for (key, a, b) in [(1, s("xyz"), bytes), (2, Value::Null, Value::Null)] {
        let computed = fields.iter().skip(2).map(|_| Value::Absent);
        story.insert(&t, [i(key), a, b].into_iter().chain(computed).collect());
    }
    story.play();
    story.shows(
        "SELECT id, like_, insert_, to_uuid, of_uuid FROM t ORDER BY id",
        "1|1|Zyz|0f1f2f3f-4f5f-6f7f-8f9f-afbfcfdfefff|0F1F2F3F4F5F6F7F8F9FAFBFCFDFEFFF;2|1|~|~|~",
    );
    if place(story) > 0 {
        story.shows("SELECT sub FROM t ORDER BY id", "yz;~");
    }
}

/// MySQL 9 makes 0.33330 of it.
fn divides(story: &mut Story<'_>) {
    let third = |name| field(name, Kind::Decimal { precision: 20, scale: 5 });
    let half = |name| third(name).generated(Generated::Virtual, "`id` / 3");
    let t = story.t(&[half("g")]);
    story.ddl(3, "CREATE TABLE `t` (`id` INT PRIMARY KEY,`g` DECIMAL(20,5) GENERATED ALWAYS AS(`id`/3) VIRTUAL);", &t);
    story.insert(&t, vec![i(1), Value::Absent]);
    let commented = story.t(&[half("g"), computed("h", "concat(`id`, _utf8mb4' / ')")]);
    story.ddl(
        5,
        "ALTER TABLE `t` ADD COLUMN `h` VARCHAR(80) GENERATED ALWAYS AS(concat(`id`,' / ')) VIRTUAL;",
        &commented,
    );
    let more = story.t(&[half("g"), computed("h", "concat(`id`, _utf8mb4' / ')"), half("k")]);
    story.ddl(5, "ALTER TABLE `t` ADD COLUMN `k` DECIMAL(20,5) GENERATED ALWAYS AS(`id`/3) VIRTUAL;", &more);
    let ran = story.play();
    let warned = |column: &str| {
        ran.stderr.matches(&format!("column `{column}` of `{}`.`t` is computed with a division", story.db)).count()
    };
    let rounds = usize::from(place(story) == 1);
    assert_eq!([warned("g"), warned("h"), warned("k")], [rounds, 0, rounds], "{}", ran.stderr);
    if rounds == 0 {
        story.shows("SELECT g, k FROM t", "0.33333|0.33333");
    }
}

fn check(expression: &str) -> Json {
    json!([{
        "id": 1, "constraint_name": name("c"), "table_name": name("t"), "constraint_cols": [name("a")], "enforced": true,
        "in_column": false, "expr_string": expression, "state": 5,
    }])
}

/// Rows bring their values, which the upstream has seen to.
fn left_out(story: &mut Story<'_>) {
    let expression = |name, sql: &str| varchar(name).default(sql).also("/default_is_expr", json!(true));
    let t = story
        .t(&[varchar("a"), expression("u", "uuid_timestamp(uuid())")])
        .also("/constraint_info", check("vitess_hash(`id`) > 0"));
    story.ddl(3, "CREATE TABLE `t` (`id` INT PRIMARY KEY);", &t);
    story.insert(&t, vec![i(1), s("x"), s("y")]);
    let changed = story
        .t(&[expression("a", "uuid_timestamp(uuid())"), varchar("u")])
        .also("/constraint_info", check("vitess_hash(`id`) > 0"));
    story.ddl(13, "ALTER TABLE `t` ALTER COLUMN `a` SET DEFAULT (uuid_timestamp(uuid()));", &changed);
    let unchecked = story.t(&[expression("a", "uuid_timestamp(uuid())"), varchar("u")]);
    story.ddl(44, "ALTER TABLE `t` DROP CHECK `c`;", &unchecked);
    story.insert(&unchecked, vec![i(2), s("z"), Value::Null]);
    let ran = story.play();
    story.shows("SELECT * FROM t ORDER BY id", "1|x|y;2|z|~");
    let old = place(story) == 0;
    let said = if old { "has none" } else { "it needs VITESS_HASH" };
    assert!(ran.stderr.contains(&format!("without its CHECK: {said}")) || old, "{}", ran.stderr);
    assert_eq!(ran.stderr.matches("without a DEFAULT: it needs UUID_TIMESTAMP").count(), 2, "{}", ran.stderr);
    // MariaDB says it in words.
    assert_eq!(story.of_column("COALESCE(column_default, 'NULL')", "a"), "NULL");
}

fn index_left_out(story: &mut Story<'_>) {
    let hidden = field("_V$_k_0", INT).generated(Generated::Virtual, "tidb_shard(`id`)").also("/hidden", json!(true));
    let plain = story.t(&[varchar("a")]);
    let with = story.t(&[varchar("a"), hidden]).indexes(&[index(1, "k", &[("_V$_k_0", 2), ("a", 1)])]);
    story.ddl(3, "CREATE TABLE `t` (`id` INT PRIMARY KEY,`a` VARCHAR(80));", &plain);
    story.ddl(7, "ALTER TABLE `t` ADD INDEX `k`((tidb_shard(`id`)), `a`);", &with);
    story.insert(&with, vec![i(1), s("x"), Value::Absent]);
    story.ddl(8, "ALTER TABLE `t` DROP INDEX `k`;", &plain);
    story.insert(&plain, vec![i(2), s("y")]);
    let ran = story.play();
    story.shows("SELECT * FROM t ORDER BY id", "1|x;2|y");
    let why = if place(story) == 1 { "needs TIDB_SHARD" } else { "is on an expression" };
    assert!(ran.stderr.contains(&format!("index `k` {why}")), "{}", ran.stderr);
}
