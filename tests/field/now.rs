//! DEFAULT CURRENT_TIMESTAMP and ON UPDATE: older rows have the moment at which TiDB added the
//! column, an hour ago and in its zone, which the definition keeps as `origin_default`
//! (docs/protocol/tidb-formats.md §6.7).

use tisync::model::{Kind, RowKind};

use crate::column::{Defined, Field, field, id, time};
use crate::common::made::INT;
use crate::story::{Story, T};
use crate::world::i;
use crate::{Case, case};

/// When the column was added.
const THEN: [u32; 6] = [2024, 5, 6, 7, 8, 9];
const NOW: &str = "CURRENT_TIMESTAMP";

pub fn cases() -> Vec<Case> {
    vec![
        case("a column whose default is now has the source's moment in older rows", added),
        case("a row without a key whose added column is now is found and deleted", deleted_without_a_key),
        case("a row without a key whose added timestamp is now is found and changed", changed_without_a_key),
        case("a column whose default is now, with fractions of a second and on update", with_fractions),
        case("a table with columns whose default is now", made),
        case("a default that becomes now leaves older rows alone", set),
        case("a DATE whose default is the current date", current_date),
        case("a NULL that becomes a TIMESTAMP NOT NULL stops the run before it changes", null_becomes_now),
        case("a column without NULLs becomes a TIMESTAMP NOT NULL", no_null_becomes_now),
    ]
}

fn clock(name: &'static str, fsp: u8) -> Field {
    field(name, Kind::Datetime { fsp })
}

fn stamp(name: &'static str, fsp: u8) -> Field {
    field(name, Kind::Timestamp { fsp })
}

/// What a server says of a default of now, without what each says in its own way.
fn default_of(story: &mut Story<'_>, column: &str) -> String {
    story.of_column("REPLACE(UPPER(column_default), '()', '')", column)
}

fn updates(story: &mut Story<'_>, column: &str) -> String {
    story.of_column("TRIM(REPLACE(REPLACE(UPPER(extra), '()', ''), 'DEFAULT_GENERATED', ''))", column)
}

fn added(story: &mut Story<'_>) {
    let a = field("a", INT);
    let old = story.t(std::slice::from_ref(&a));
    story.ddl(3, "CREATE TABLE `t` (`id` INT PRIMARY KEY,`a` INT);", &old);
    let rows = [1, 2].map(|n| RowKind::Insert(vec![i(n), i(10 * n)]));
    story.made.rows(&old.table, rows.to_vec());
    let then = "2024-05-06 07:08:09";
    let new = [a, clock("ts", 0), stamp("ts2", 0).not_null()].map(|f| match f.name {
        "a" => f,
        _ => f.default(NOW).origin(then),
    });
    let t = story.t(&new);
    story.typed(
        61,
        "alter table t add column ts datetime default now(), add column ts2 timestamp not null default now()",
        "ALTER TABLE `t` ADD COLUMN `ts` DATETIME DEFAULT CURRENT_TIMESTAMP(), ADD COLUMN `ts2` TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP();",
        &t,
    );
    let later = time([2025, 1, 1, 0, 0, 0]);
    story.insert(&t, vec![i(3), i(30), later.clone(), later]);
    let [old, new] = [10, 11].map(|a| vec![i(1), i(a), time(THEN), time(THEN)]);
    story.made.rows(&t.table, vec![RowKind::Update { old, new }]);
    story.play();
    let all = format!("1|11|{then}|{then};2|20|{then}|{then};3|30|2025-01-01 00:00:00|2025-01-01 00:00:00");
    story.shows("SELECT * FROM t ORDER BY id", &all);
    assert_eq!([default_of(story, "ts"), default_of(story, "ts2")], [NOW; 2]);
}

fn deleted_without_a_key(story: &mut Story<'_>) {
    let own = |story: &Story<'_>, fields: &[Field]| Defined::new(&story.db, T, "t", fields).without_key();
    let old = own(story, &[field("a", INT)]);
    story.ddl(3, "CREATE TABLE `t` (`a` INT);", &old);
    story.made.rows(&old.table, [1, 2].map(|n| RowKind::Insert(vec![i(n)])).to_vec());
    let new = own(story, &[field("a", INT), clock("ts", 0).default(NOW).origin("2024-05-06 07:08:09")]);
    story.ddl(5, "ALTER TABLE `t` ADD COLUMN `ts` DATETIME DEFAULT CURRENT_TIMESTAMP();", &new);
    story.delete(&new, vec![i(1), time(THEN)]);
    story.play();
    story.shows("SELECT * FROM t", "2|2024-05-06 07:08:09");
}

fn changed_without_a_key(story: &mut Story<'_>) {
    let own = |story: &Story<'_>, fields: &[Field]| Defined::new(&story.db, T, "t", fields).without_key();
    let old = own(story, &[field("a", INT)]);
    story.ddl(3, "CREATE TABLE `t` (`a` INT);", &old);
    story.made.rows(&old.table, [1, 2].map(|n| RowKind::Insert(vec![i(n)])).to_vec());
    let ts = stamp("ts", 0).not_null().default(NOW).origin("2024-05-06 07:08:09").on_update();
    let new = own(story, &[field("a", INT), ts]);
    story.ddl(
        5,
        "ALTER TABLE `t` ADD COLUMN `ts` TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP() ON UPDATE CURRENT_TIMESTAMP();",
        &new,
    );
    let [old, new_row] = [(1, THEN), (10, [2025, 1, 1, 0, 0, 0])].map(|(a, at)| vec![i(a), time(at)]);
    story.made.rows(&new.table, vec![RowKind::Update { old, new: new_row }]);
    story.play();
    story.shows("SELECT * FROM t ORDER BY a", "2|2024-05-06 07:08:09;10|2025-01-01 00:00:00");
}

fn with_fractions(story: &mut Story<'_>) {
    story.plain();
    let d = clock("d", 3).default(NOW).origin("2024-05-06 07:08:09.123");
    let one = story.t(std::slice::from_ref(&d));
    story.ddl(5, "ALTER TABLE `t` ADD COLUMN `d` DATETIME(3) DEFAULT CURRENT_TIMESTAMP(3);", &one);
    let u = stamp("u", 6).not_null().default(NOW).origin("2024-05-06 07:08:09.000001").on_update();
    let sql = "ALTER TABLE `t` ADD COLUMN `u` TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6) FIRST;";
    let first = Defined::new(&story.db, T, "t", &[u, id(), d]);
    // The key is the second column now, and columns keep their ids.
    let first = first_but_id(first);
    story.ddl(5, sql, &first);
    story.play();
    story.shows("SELECT * FROM t", "2024-05-06 07:08:09.000001|1|2024-05-06 07:08:09.123");
    assert_eq!([default_of(story, "d"), default_of(story, "u")], ["CURRENT_TIMESTAMP(3)", "CURRENT_TIMESTAMP(6)"]);
    assert_eq!([updates(story, "d"), updates(story, "u")], ["", "ON UPDATE CURRENT_TIMESTAMP(6)"]);
    story.world.run("INSERT INTO t (id) VALUES (2)");
    story.shows("SELECT d > '2025-01-01' AND u > '2025-01-01' FROM t WHERE id = 2", "1");
}

/// The table with its third column in front.
fn first_but_id(mut t: Defined) -> Defined {
    for (column, id) in t.table.columns.iter_mut().zip([3, 1, 2]) {
        column.id = id;
    }
    t.table.keys[0].parts[0].column = 1;
    t.table.handle = tisync::model::Handle::Int(1);
    t
}

fn made(story: &mut Story<'_>) {
    let columns =
        [clock("d", 0).default(NOW), clock("u", 3).default(NOW).on_update(), stamp("v", 6).not_null().default(NOW)];
    let t = story.t(&columns);
    let sql = "CREATE TABLE `t` (`id` INT PRIMARY KEY,`d` DATETIME DEFAULT CURRENT_TIMESTAMP(),\
        `u` DATETIME(3) DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3),`v` TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6));";
    story.ddl(3, sql, &t);
    story.insert(&t, vec![i(1), time(THEN), time(THEN), time(THEN)]);
    let [old, new] = [1, 2].map(|id| vec![i(id), time(THEN), time(THEN), time(THEN)]);
    story.made.rows(&t.table, vec![RowKind::Delete(old), RowKind::Insert(new)]);
    story.play();
    story.shows("SELECT * FROM t", "2|2024-05-06 07:08:09|2024-05-06 07:08:09.000|2024-05-06 07:08:09.000000");
    let defaults = ["d", "u", "v"].map(|column| default_of(story, column));
    assert_eq!(defaults, [NOW, "CURRENT_TIMESTAMP(3)", "CURRENT_TIMESTAMP(6)"]);
    // A plain TIMESTAMP column of MariaDB or an old MySQL would update itself.
    let updates = ["d", "u", "v"].map(|column| updates(story, column));
    assert_eq!(updates, ["", "ON UPDATE CURRENT_TIMESTAMP(3)", ""]);
}

fn set(story: &mut Story<'_>) {
    let t = story.t(&[clock("d", 0)]);
    story.ddl(3, "CREATE TABLE `t` (`id` INT PRIMARY KEY,`d` DATETIME);", &t);
    story.insert(&t, vec![i(1), time(THEN)]);
    let now = story.t(&[clock("d", 0).default(NOW).on_update()]);
    story.ddl(
        12,
        "ALTER TABLE `t` MODIFY COLUMN `d` DATETIME DEFAULT CURRENT_TIMESTAMP() ON UPDATE CURRENT_TIMESTAMP();",
        &now,
    );
    let [old, new] = [THEN, [2025, 1, 1, 0, 0, 0]].map(|at| vec![i(1), time(at)]);
    story.insert(&now, vec![i(2), time(THEN)]);
    story.made.rows(&now.table, vec![RowKind::Update { old, new }]);
    story.play();
    story.shows("SELECT * FROM t ORDER BY id", "1|2025-01-01 00:00:00;2|2024-05-06 07:08:09");
    assert_eq!([default_of(story, "d"), updates(story, "d")], ["CURRENT_TIMESTAMP", "ON UPDATE CURRENT_TIMESTAMP"]);
}

/// TiDB keeps the function's name as if it were a text.
fn current_date(story: &mut Story<'_>) {
    let date = |name| field(name, Kind::Date).default("CURRENT_DATE");
    let t = story.t(&[date("d")]);
    story.ddl(3, "CREATE TABLE `t` (`id` INT PRIMARY KEY,`d` DATE DEFAULT (CURRENT_DATE()));", &t);
    story.insert(&t, vec![i(1), time([2024, 5, 6, 0, 0, 0])]);
    let more = story.t(&[date("d"), date("e").not_null()]);
    story.ddl(5, "ALTER TABLE `t` ADD COLUMN `e` DATE NOT NULL DEFAULT (CURRENT_DATE());", &more);
    story.delete(&more, vec![i(1), time([2024, 5, 6, 0, 0, 0]), time([2024, 5, 7, 0, 0, 0])]);
    story.play();
    story.world.run("INSERT INTO t (id) VALUES (2)");
    // The server's own session may be in another zone.
    story.shows("SELECT ABS(DATEDIFF(d, UTC_TIMESTAMP())) <= 1 AND ABS(DATEDIFF(e, UTC_TIMESTAMP())) <= 1 FROM t", "1");
}

fn becomes_timestamp(story: &mut Story<'_>, value: tisync::model::Value) {
    let c = field("c", crate::world::text()).length(20);
    let t = story.t(&[c]);
    story.ddl(3, "CREATE TABLE `t` (`id` INT PRIMARY KEY,`c` VARCHAR(20));", &t);
    story.insert(&t, vec![i(1), value]);
    let mut new = story.t(&[stamp("c", 0).not_null()]);
    new.table.columns[1].id = 3;
    story.ddl(12, "ALTER TABLE `t` MODIFY COLUMN `c` TIMESTAMP NOT NULL;", &new);
}

/// TiDB gives it the moment at which it rewrites the column, and keeps that nowhere.
fn null_becomes_now(story: &mut Story<'_>) {
    becomes_timestamp(story, tisync::model::Value::Null);
    let ran = story.play_with(&[]).expect(4);
    assert!(ran.stderr.contains("it holds NULL, for example, and it gets the time"), "{}", ran.stderr);
    story.shows("SELECT * FROM t", "1|~");
    assert_eq!(story.of_column("data_type", "c"), "varchar");
}

fn no_null_becomes_now(story: &mut Story<'_>) {
    becomes_timestamp(story, crate::world::s("2024-05-06 07:08:09"));
    story.play();
    story.shows("SELECT * FROM t", "1|2024-05-06 07:08:09");
}
