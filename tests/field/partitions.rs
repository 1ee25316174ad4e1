//! Bounds of partitions that were typed as an expression in a session at +08:00: the definition has the number or the value that they came to.

use serde_json::{Value as Json, json};
use tisync::model::{Handle, KeyPart, Kind, Row, RowKind};
use tisync::playground::tableinfo::name;

use crate::column::{Defined, Field, field, id, part, partitions, time};
use crate::common::made::INT;
use crate::story::{Story, T};
use crate::world::i;
use crate::{Case, case};

pub fn cases() -> Vec<Case> {
    vec![
        case("a bound by UNIX_TIMESTAMP is the source's number, and what is dropped is its partition", by_seconds),
        case("a partition by UNIX_TIMESTAMP is added, and another one emptied", added),
        case("a bound that is a sum, and one by TO_DAYS", computed),
        case("a table by LINEAR HASH has the source's own parts", linear),
        case("a table in subpartitions is none to TiDB", subpartitions),
        case("partitions say where they are stored", stored),
        case("a bound of RANGE COLUMNS on a datetime is no moment", by_columns),
    ]
}

/// 2024-01-01 and 2024-02-01 at +08:00, in seconds.
const JANUARY: i64 = 1_704_038_400;
const FEBRUARY: i64 = 1_706_716_800;

/// Partitions by range: the id, the name and what each is below.
fn ranges(expression: &str, all: &[(i64, &str, &str)]) -> Json {
    partitions(1, expression, all.iter().map(|(id, name, below)| part(*id, name, &json!(below))).collect())
}

/// The table `t` with a clustered key of `id` and the second column.
fn keyed(story: &Story<'_>, second: Field) -> Defined {
    let mut t = Defined::new(&story.db, T, "t", &[id(), second]);
    let parts: Vec<KeyPart> = [0, 1].map(|column| KeyPart { column, prefix: None }).to_vec();
    t.table.keys[0].parts.clone_from(&parts);
    t.table.handle = Handle::Common(parts);
    t
}

fn stamps(story: &Story<'_>, all: &[(i64, &str, &str)]) -> Defined {
    keyed(story, field("ts", Kind::Timestamp { fsp: 0 }).not_null())
        .also("/partition", ranges("UNIX_TIMESTAMP(`ts`)", all))
}

fn inserted(story: &mut Story<'_>, t: &Defined, rows: Vec<Row>) {
    story.made.rows(&t.table, rows.into_iter().map(RowKind::Insert).collect());
}

/// On both sides of the first bound: the last second before midnight at +08:00, midnight, and midnight in UTC.
fn around(id: i64) -> Vec<Row> {
    let moments = [[2023, 12, 31, 15, 59, 59], [2023, 12, 31, 16, 0, 0], [2024, 1, 1, 0, 0, 0]];
    (id..).zip(moments).map(|(id, at)| vec![i(id), time(at)]).collect()
}

const SECONDS: &str = "CREATE TABLE `t` (`id` INT NOT NULL,`ts` TIMESTAMP NOT NULL,PRIMARY KEY(`id`, `ts`) /*T![clustered_index] CLUSTERED */) PARTITION BY RANGE (UNIX_TIMESTAMP(`ts`)) \
    (PARTITION `p0` VALUES LESS THAN (UNIX_TIMESTAMP(_UTF8MB4'2024-01-01 00:00:00')),PARTITION `p1` VALUES LESS THAN (UNIX_TIMESTAMP(_UTF8MB4'2024-02-01 00:00:00')));";

fn bounds(story: &mut Story<'_>) -> String {
    story.world.one("SELECT partition_name, partition_description FROM information_schema.partitions WHERE table_schema = DATABASE() AND table_name = 't' ORDER BY partition_ordinal_position")
}

fn by_seconds(story: &mut Story<'_>) {
    let (january, february) = (JANUARY.to_string(), FEBRUARY.to_string());
    let two = stamps(story, &[(211, "p0", &january), (212, "p1", &february)]);
    story.ddl(3, SECONDS, &two);
    inserted(story, &two, around(1));
    let one = stamps(story, &[(212, "p1", &february)]);
    story.ddl(20, "ALTER TABLE `t` DROP PARTITION `p0`;", &one);
    story.play();
    story.shows("SELECT * FROM t ORDER BY id", "2|2023-12-31 16:00:00;3|2024-01-01 00:00:00");
    assert_eq!(bounds(story), format!("p1|{FEBRUARY}"));
}

fn added(story: &mut Story<'_>) {
    let (january, february) = (JANUARY.to_string(), FEBRUARY.to_string());
    let one = stamps(story, &[(211, "p0", &january)]);
    let sql = SECONDS.replace(",PARTITION `p1` VALUES LESS THAN (UNIX_TIMESTAMP(_UTF8MB4'2024-02-01 00:00:00'))", "");
    story.ddl(3, &sql, &one);
    inserted(story, &one, around(1)[..1].to_vec());
    let two = stamps(story, &[(211, "p0", &january), (212, "p1", &february)]);
    story.ddl(
        19,
        "ALTER TABLE `t` ADD PARTITION (PARTITION `p1` VALUES LESS THAN (UNIX_TIMESTAMP(_UTF8MB4'2024-02-01 00:00:00')));",
        &two,
    );
    inserted(story, &two, around(11));
    // The last second that is in it.
    inserted(story, &two, vec![vec![i(20), time([2024, 1, 31, 15, 59, 59])]]);
    let emptied = stamps(story, &[(211, "p0", &january), (213, "p1", &february)]);
    story.ddl(23, "ALTER TABLE `t` TRUNCATE PARTITION `p1`;", &emptied);
    inserted(story, &emptied, around(31)[1..].to_vec());
    story.play();
    assert_eq!(bounds(story), format!("p0|{JANUARY};p1|{FEBRUARY}"));
    story.shows("SELECT id FROM t ORDER BY id", "1;11;32;33");
}

/// What TiDB computes when the table is made stands in the definition as its number.
fn computed(story: &mut Story<'_>) {
    let parts = ranges("`n`", &[(211, "p0", "10"), (212, "p1", "MAXVALUE")]);
    let t = keyed(story, field("n", INT).not_null()).also("/partition", parts);
    let sql = "CREATE TABLE `t` (`id` INT NOT NULL,`n` INT NOT NULL,PRIMARY KEY(`id`, `n`) /*T![clustered_index] CLUSTERED */) PARTITION BY RANGE (`n`) \
        (PARTITION `p0` VALUES LESS THAN (2*5),PARTITION `p1` VALUES LESS THAN (MAXVALUE));";
    story.ddl(3, sql, &t);
    inserted(story, &t, vec![vec![i(1), i(9)], vec![i(2), i(10)]]);
    // 2024-01-01 is day 739251.
    let parts = ranges("TO_DAYS(`d`)", &[(221, "p0", "739251"), (222, "p1", "MAXVALUE")]);
    let mut days = keyed(story, field("d", Kind::Date).not_null()).also("/partition", parts).renamed("days");
    days = days.with_id(202);
    let sql = "CREATE TABLE `days` (`id` INT NOT NULL,`d` DATE NOT NULL,PRIMARY KEY(`id`, `d`) /*T![clustered_index] CLUSTERED */) PARTITION BY RANGE (TO_DAYS(`d`)) \
        (PARTITION `p0` VALUES LESS THAN (TO_DAYS(_UTF8MB4'2024-01-01')),PARTITION `p1` VALUES LESS THAN (MAXVALUE));";
    story.ddl(3, sql, &days);
    inserted(story, &days, vec![vec![i(1), time([2023, 12, 31, 0, 0, 0])], vec![i(2), time([2024, 1, 1, 0, 0, 0])]]);
    story.play();
    assert_eq!(bounds(story), "p0|10;p1|MAXVALUE");
    story.shows("SELECT * FROM t PARTITION (p0)", "1|9");
    story.shows("SELECT * FROM days PARTITION (p0)", "1|2023-12-31");
    story.shows("SELECT * FROM days PARTITION (p1)", "2|2024-01-01");
}

/// TiDB takes LINEAR HASH for HASH, and the two put rows into different parts: 6 of 6 is in the first one, or in the third.
fn linear(story: &mut Story<'_>) {
    let parts = |first: i64| {
        let part = |n: i64| part(if n == 0 { first } else { 210 + n }, &format!("p{n}"), &Json::Null);
        partitions(2, "`id`", (0..6).map(part).collect())
    };
    let t = story.t(&[]).also("/partition", parts(210));
    story.ddl(3, "CREATE TABLE `t` (`id` INT PRIMARY KEY) PARTITION BY LINEAR HASH (`id`) PARTITIONS 6;", &t);
    inserted(story, &t, [1, 2, 6, 8, 12].map(|n| vec![i(n)]).to_vec());
    let emptied = story.t(&[]).also("/partition", parts(220));
    story.ddl(23, "ALTER TABLE `t` TRUNCATE PARTITION `p0`;", &emptied);
    story.play();
    story.shows("SELECT * FROM t ORDER BY id", "1;2;8");
    let methods = "SELECT DISTINCT partition_method FROM information_schema.partitions WHERE table_schema = DATABASE()";
    story.shows(methods, "HASH");
}

/// It warns, and makes a table without partitions.
fn subpartitions(story: &mut Story<'_>) {
    let t = story.t(&[]);
    let sql = "CREATE TABLE `t` (`id` INT PRIMARY KEY) PARTITION BY RANGE (`id`) SUBPARTITION BY HASH (`id`) SUBPARTITIONS 2 (PARTITION `p0` VALUES LESS THAN (10));";
    story.ddl(3, sql, &t);
    // More than its one partition would take.
    inserted(story, &t, [1, 10].map(|n| vec![i(n)]).to_vec());
    story.play();
    story.shows("SELECT * FROM t ORDER BY id", "1;10");
    story.shows("SELECT COUNT(*) FROM information_schema.partitions WHERE table_schema = DATABASE() AND partition_name IS NOT NULL", "0");
}

fn stored(story: &mut Story<'_>) {
    let t = story.t(&[]).also("/partition", ranges("`id`", &[(211, "p0", "10"), (212, "p1", "20")]));
    let sql = "CREATE TABLE `t` (`id` INT PRIMARY KEY) PARTITION BY RANGE (`id`) (PARTITION `p0` VALUES LESS THAN (10) ENGINE = InnoDB DATA DIRECTORY = '/dev/null/nowhere' MAX_ROWS = 1,\
        PARTITION `p1` VALUES LESS THAN (20) TABLESPACE = `ts1` NODEGROUP = 2 STORAGE ENGINE = TokuDB);";
    story.ddl(3, sql, &t);
    inserted(story, &t, [1, 10].map(|n| vec![i(n)]).to_vec());
    story.play();
    story.shows("SELECT * FROM t PARTITION (p0)", "1");
    story.shows("SELECT * FROM t PARTITION (p1)", "10");
}

fn by_columns(story: &mut Story<'_>) {
    let mut parts = ranges("", &[(211, "p0", "'2024-01-01 00:00:00'"), (212, "p1", "MAXVALUE")]);
    parts["columns"] = json!([name("d")]);
    let t = keyed(story, field("d", Kind::Datetime { fsp: 0 }).not_null()).also("/partition", parts);
    let sql = "CREATE TABLE `t` (`id` INT NOT NULL,`d` DATETIME NOT NULL,PRIMARY KEY(`id`, `d`) /*T![clustered_index] CLUSTERED */) PARTITION BY RANGE COLUMNS (`d`) \
        (PARTITION `p0` VALUES LESS THAN (_UTF8MB4'2024-01-01 00:00:00'),PARTITION `p1` VALUES LESS THAN (MAXVALUE));";
    story.ddl(3, sql, &t);
    inserted(story, &t, around(1));
    story.play();
    story.shows("SELECT id FROM t PARTITION (p0) ORDER BY id", "1;2");
    story.shows("SELECT id FROM t PARTITION (p1)", "3");
}
