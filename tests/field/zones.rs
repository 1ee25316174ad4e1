//! TIMESTAMP, and a session upstream that is not in UTC: the definition says UTC, the text what that session meant.

use serde_json::{Value as Json, json};
use tisync::model::{Kind, Value};

use crate::column::{Defined, Field, field, time};
use crate::story::Story;
use crate::world::i;
use crate::{Case, case};

const STAMP: Kind = Kind::Timestamp { fsp: 0 };
const CLOCK: Kind = Kind::Datetime { fsp: 0 };

pub fn cases() -> Vec<Case> {
    vec![
        case("a timestamp's default typed at +08:00 is the definition's", default_in_utc),
        case("a timestamp's default is set anew at +08:00", default_set),
        case("a timestamp's default is changed with its column at +08:00", default_modified),
        case("a datetime that becomes a timestamp is read in the job's zone", |story| {
            to_stamp(story, named("Asia/Shanghai"))
        }),
        case("a datetime that becomes a timestamp is read at the job's offset", |story| {
            to_stamp(story, offset(28_800))
        }),
        case("a timestamp that becomes a datetime is written in the job's zone", |story| {
            to_clock(story, named("Asia/Shanghai"))
        }),
        case("a timestamp that becomes a datetime is written at the job's offset", |story| {
            to_clock(story, offset(28_800))
        }),
        case("a datetime becomes a timestamp in a zone with summer time, or the run stops", summer),
        case("a datetime becomes a timestamp in UTC", in_utc),
    ]
}

/// A zone as a job's `reorg_meta` has it.
fn named(zone: &str) -> Json {
    json!({"name": zone, "offset": 0})
}

fn offset(seconds: i32) -> Json {
    json!({"name": "", "offset": seconds})
}

fn default_in_utc(story: &mut Story<'_>) {
    story.plain();
    let t = story.t(&[field("ts", STAMP).not_null().added("2019-12-31 16:00:00")]);
    story.typed(
        5,
        "alter table t add column ts timestamp not null default '2020-01-01 00:00:00'",
        "ALTER TABLE `t` ADD COLUMN `ts` TIMESTAMP NOT NULL DEFAULT '2020-01-01 00:00:00';",
        &t,
    );
    story.insert(&t, vec![i(2), time([2019, 12, 31, 16, 0, 0])]);
    story.play();
    story.world.run("INSERT INTO t (id) VALUES (3)");
    let all = "1|2019-12-31 16:00:00;2|2019-12-31 16:00:00;3|2019-12-31 16:00:00";
    story.shows("SELECT * FROM t ORDER BY id", all);
    assert_eq!(story.of_column("TRIM(BOTH '''' FROM column_default)", "ts"), "2019-12-31 16:00:00");
}

/// Rows keep what they have; new ones get the new default.
fn default_set(story: &mut Story<'_>) {
    let t = story.t(&[field("ts", STAMP)]);
    story.ddl(3, "CREATE TABLE `t` (`id` INT PRIMARY KEY,`ts` TIMESTAMP NULL);", &t);
    story.insert(&t, vec![i(1), time([2001, 2, 3, 4, 5, 6])]);
    let set = story.t(&[field("ts", STAMP).default("2019-12-31 16:00:00")]);
    story.ddl(15, "ALTER TABLE `t` ALTER COLUMN `ts` SET DEFAULT _UTF8MB4'2020-01-01 00:00:00';", &set);
    story.play();
    story.world.run("INSERT INTO t (id) VALUES (2)");
    story.shows("SELECT * FROM t ORDER BY id", "1|2001-02-03 04:05:06;2|2019-12-31 16:00:00");
}

fn default_modified(story: &mut Story<'_>) {
    let t = story.t(&[field("ts", STAMP)]);
    story.ddl(3, "CREATE TABLE `t` (`id` INT PRIMARY KEY,`ts` TIMESTAMP NULL);", &t);
    story.insert(&t, vec![i(1), time([2001, 2, 3, 4, 5, 6])]);
    let wider = field("ts", Kind::Timestamp { fsp: 3 }).not_null().default("2019-12-31 16:00:00.500");
    let sql = "ALTER TABLE `t` MODIFY COLUMN `ts` TIMESTAMP(3) NOT NULL DEFAULT _UTF8MB4'2020-01-01 00:00:00.5';";
    let t = new_column(story, wider);
    story.ddl(12, sql, &t);
    story.made.last_job()["reorg_meta"] = reorg(&offset(28_800));
    story.play();
    story.world.run("INSERT INTO t (id) VALUES (2)");
    story.shows("SELECT * FROM t ORDER BY id", "1|2001-02-03 04:05:06.000;2|2019-12-31 16:00:00.500");
}

/// What TiDB says of the session that typed a job whose values are rewritten.
fn reorg(location: &Json) -> Json {
    json!({"sql_mode": 1_436_549_152, "warnings": null, "warnings_count": null, "location": location, "reorg_tp": 2})
}

/// The table with its column rewritten: it has a new id.
fn new_column(story: &Story<'_>, field: Field) -> Defined {
    let mut t = story.t(&[field]);
    t.table.columns[1].id = 3;
    t
}

/// CREATE TABLE with a column of one type and some values, then MODIFY COLUMN to another in a zone.
fn modified(story: &mut Story<'_>, [from, to]: [Kind; 2], values: &[Value], location: &Json) -> Defined {
    let name = |kind: &Kind| if *kind == CLOCK { "DATETIME" } else { "TIMESTAMP" };
    let (old, new) = (story.t(&[field("c", from.clone())]), new_column(story, field("c", to.clone())));
    story.ddl(3, &format!("CREATE TABLE `t` (`id` INT PRIMARY KEY,`c` {} NULL);", name(&from)), &old);
    for (id, value) in (1..).zip(values) {
        story.insert(&old, vec![i(id), value.clone()]);
    }
    story.ddl(12, &format!("ALTER TABLE `t` MODIFY COLUMN `c` {} NULL;", name(&to)), &new);
    story.made.last_job()["reorg_meta"] = reorg(location);
    new
}

fn to_stamp(story: &mut Story<'_>, location: Json) {
    let values = [time([2020, 1, 1, 8, 0, 0]), Value::Null, Value::Time(0)];
    let t = modified(story, [CLOCK, STAMP], &values, &location);
    story.insert(&t, vec![i(4), time([2020, 1, 1, 0, 0, 0])]);
    story.play();
    // The zero date is the same in every zone.
    let all = "1|2020-01-01 00:00:00;2|~;3|0000-00-00 00:00:00;4|2020-01-01 00:00:00";
    story.shows("SELECT * FROM t ORDER BY id", all);
    assert_eq!(story.of_column("column_type", "c"), "timestamp");
}

fn to_clock(story: &mut Story<'_>, location: Json) {
    let values = [time([2020, 1, 1, 0, 0, 0]), Value::Null, Value::Time(0)];
    let t = modified(story, [STAMP, CLOCK], &values, &location);
    story.insert(&t, vec![i(4), time([2020, 1, 1, 8, 0, 0])]);
    story.play();
    let all = "1|2020-01-01 08:00:00;2|~;3|0000-00-00 00:00:00;4|2020-01-01 08:00:00";
    story.shows("SELECT * FROM t ORDER BY id", all);
    assert_eq!(story.of_column("column_type", "c"), "datetime");
}

/// A target knows no named zones by itself, and no one offset is right for both rows: to stop is as right as to have it done, to shift them alike is not.
fn summer(story: &mut Story<'_>) {
    let values = [time([2020, 1, 1, 8, 0, 0]), time([2020, 7, 1, 8, 0, 0])];
    modified(story, [CLOCK, STAMP], &values, &named("America/New_York"));
    if story.arrives_or_stops() {
        story.shows("SELECT * FROM t ORDER BY id", "1|2020-01-01 13:00:00;2|2020-07-01 12:00:00");
        assert_eq!(story.of_column("column_type", "c"), "timestamp");
    } else {
        story.shows("SELECT * FROM t ORDER BY id", "1|2020-01-01 08:00:00;2|2020-07-01 08:00:00");
        assert_eq!(story.of_column("column_type", "c"), "datetime");
    }
}

fn in_utc(story: &mut Story<'_>) {
    let values = [time([2020, 1, 1, 8, 0, 0])];
    modified(story, [CLOCK, STAMP], &values, &named("Etc/UTC"));
    story.play();
    story.shows("SELECT * FROM t", "1|2020-01-01 08:00:00");
}
