//! Names with characters beyond U+FFFF: TiDB has them, MySQL and MariaDB have none.

use serde_json::{Value as Json, json};
use tisync::model::{Table, Value};
use tisync::playground::tableinfo::{Details, db_info, table_info};

use crate::Outcome;
use crate::common::made::{INT, Made, SCHEMA, table};
use crate::world::{World, says};

const SAYS: &str = "the target cannot have a name that contains 😀";

fn info(table: &Table) -> Json {
    table_info(table, &Details::default(), 0)
}

/// That a run stops before the DDL of `ts`, and says all that is needed.
#[track_caller]
fn stops(world: &World, args: &[&str], ts: u64, statement: &str) {
    let said = world.sync(args).expect(4).stderr;
    for word in
        [SAYS, statement, &format!("`--skip-ddl {ts}`"), &format!("--on-ddl-error 'replace:{ts}=SQL'"), "--route"]
    {
        says(&said, word);
    }
    assert!(!said.contains("information_schema"), "{said}");
}

/// A table that each server can have, and one of this id that none but TiDB can.
fn made(odd: &Table) -> (Made, Table, u64) {
    let mut made = Made::default();
    let plain = table(202, "t", &[("id", INT)]);
    made.create(&plain);
    let ts = made.create(odd);
    made.insert(odd, vec![Value::Int(1)]);
    made.insert(&plain, vec![Value::Int(1)]);
    (made, plain, ts)
}

pub fn a_table_that_no_other_server_can_have() -> Outcome {
    let odd = table(201, "t😀", &[("id", INT)]);
    let (mut made, plain, ts) = made(&odd);
    let world = World::new();
    made.save(world.dir.path());
    stops(&world, &[], ts, "CREATE TABLE `d`.`t😀`");
    let skip = ts.to_string();
    says(&world.sync(&["--skip-ddl", &skip]).expect(0).stderr, "left out from here on: d.t😀");
    // What comes of the table later needs no word, and neither does the next run.
    let again = Table { id: 203, ..odd.clone() };
    made.job(11, 201, "TRUNCATE TABLE `t😀`", &Json::Null, &info(&again));
    made.insert(&again, vec![Value::Int(2)]);
    made.job(7, 203, "CREATE INDEX `i` ON `t😀`(`id`)", &Json::Null, &info(&again));
    made.insert(&plain, vec![Value::Int(2)]);
    made.save(world.dir.path());
    world.sync(&[]).expect(0);
    made.job(4, 203, "DROP TABLE `t😀`", &Json::Null, &info(&again));
    made.insert(&plain, vec![Value::Int(3)]);
    made.save(world.dir.path());
    world.sync(&[]).expect(0);
    assert_eq!((world.tables("d").as_str(), world.one("SELECT GROUP_CONCAT(id) FROM d.t").as_str()), ("t", "1,2,3"));
    let left = "SELECT GROUP_CONCAT(CONCAT_WS(' ', table_name, rows_left_out, ended_ts > 0) ORDER BY table_id) FROM tidb_binlog.tisync_skipped";
    assert_eq!(world.one(left), "t😀 1 1,t😀 1 1");
    Ok(())
}

pub fn a_rule_or_a_route_for_a_name_beyond() -> Outcome {
    let odd = table(201, "t😀", &[("id", INT)]);
    let (mut made, _, ts) = made(&odd);
    for (args, tables) in [
        (["--tables", "*.*,!d.t😀"], "t"),
        (["--tables", "*.*,!d.*[😀]*"], "t"),
        (["--route", "d.t😀=d.smile"], "smile,t"),
    ] {
        let world = World::new();
        made.save(world.dir.path());
        world.sync(&args).expect(0);
        assert_eq!(world.tables("d"), tables);
        // At a next start the table is there from the beginning.
        world.sync(&args).expect(0);
    }
    // Rows of a table that was not made, although something ran instead.
    let world = World::new();
    let said = world.sync_of(&made, &["--on-ddl-error", &format!("replace:{ts}=DO 0")]).expect(4).stderr;
    for word in ["rows of `d`.`t😀` cannot be stored", "455000615550976001", SAYS, "`!` pattern", "--route"] {
        says(&said, word);
    }
    // A backup has no such table either.
    made.insert(&odd, vec![Value::Int(9)]);
    let start = made.insert(&odd, vec![Value::Int(10)]).to_string();
    let said = world.sync_of(&made, &["--link", "late", "--start-ts", &start]).expect(4).stderr;
    says(&said, &format!("table `d`.`t😀` is missing: {SAYS}"));
    Ok(())
}

/// An index on `id`, as TableInfo has it.
fn key(id: usize, name: &str) -> Json {
    let column = json!({ "name": { "O": "id", "L": "id" }, "offset": 0, "length": -1 });
    json!({ "id": id, "idx_name": { "O": name, "L": name }, "idx_cols": [column], "state": 5 })
}

fn with_keys(table: &Table, keys: &[Json]) -> Json {
    let mut info = info(table);
    info["index_info"] = json!(keys);
    info
}

/// The same with a comment.
fn said(mut info: Json) -> Json {
    info["comment"] = json!("😀");
    info
}

/// Columns, keys, views, and whole databases.
pub fn other_names_beyond() -> Outcome {
    let mut made = Made::default();
    let t = table(201, "t", &[("id", INT)]);
    made.create(&t);
    let world = World::new();
    let next = |made: &Made, skipped: &mut Vec<String>, ts: u64, statement: &str| {
        made.save(world.dir.path());
        let args: Vec<String> = skipped.iter().flat_map(|ts| ["--skip-ddl".to_owned(), ts.clone()]).collect();
        stops(&world, &args.iter().map(String::as_str).collect::<Vec<_>>(), ts, statement);
        skipped.push(ts.to_string());
    };
    let mut skipped = Vec::new();
    let mut keys = Vec::new();
    for (name, statement) in
        [("i😀", "ALTER TABLE `t` ADD INDEX `i😀`(`id`)"), ("k😀", "CREATE INDEX `k😀` ON `t`(`id`)")]
    {
        keys.push(key(keys.len() + 1, name));
        let ts = made.job(7, 201, statement, &Json::Null, &with_keys(&t, &keys));
        next(&made, &mut skipped, ts, &format!("ADD KEY `{name}` (`id`)"));
    }
    let mut view = info(&table(202, "v😀", &[("id", INT)]));
    view["view"] = json!({});
    let statement = "CREATE DEFINER = CURRENT_USER VIEW `v😀` AS SELECT 1 AS `id`";
    let ts = made.job(21, 202, statement, &Json::Null, &view);
    next(&made, &mut skipped, ts, statement);
    made.job(24, 202, "DROP VIEW `v😀`", &Json::Null, &view);
    made.job(61, 201, "ALTER TABLE `t` COMMENT = '😀' /* 😀 */", &Json::Null, &said(with_keys(&t, &keys)));
    let wide = table(201, "t", &[("id", INT), ("a😀?", INT)]);
    let ts = made.job(5, 201, "ALTER TABLE `t` ADD COLUMN `a😀` INT", &Json::Null, &said(with_keys(&wide, &keys)));
    next(&made, &mut skipped, ts, "ADD COLUMN `a😀` int");
    made.insert(&wide, vec![Value::Int(7), Value::Int(8)]);
    let database = |state: i64| {
        let mut info = db_info(SCHEMA + 1, "e😀");
        info["state"] = json!(state);
        info
    };
    let ts = made.job_in(SCHEMA + 1, (1, 0), "CREATE DATABASE `e😀`", &database(5), &Json::Null);
    let args: Vec<String> = skipped.iter().flat_map(|ts| ["--skip-ddl".to_owned(), ts.clone()]).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).chain(["--sync-mode", "2"]).collect();
    made.save(world.dir.path());
    stops(&world, &args, ts, "CREATE DATABASE `e😀`");
    let inside = Table { schema: "e😀".to_owned(), ..table(301, "x", &[("id", INT)]) };
    made.job_in(SCHEMA + 1, (3, 301), "CREATE TABLE `x` (`id` INT PRIMARY KEY)", &Json::Null, &info(&inside));
    made.insert(&inside, vec![Value::Int(1)]);
    made.job_in(SCHEMA + 1, (2, 0), "DROP DATABASE `e😀`", &database(0), &Json::Null);
    made.save(world.dir.path());
    let skip = ts.to_string();
    world.sync(&[&args[..], &["--skip-ddl", &skip]].concat()).expect(0);
    world.sync(&args).expect(0);
    assert_eq!(world.one("SELECT id FROM d.t"), "7");
    let comment = "SELECT LENGTH(table_comment) > 0 FROM information_schema.tables WHERE table_schema = 'd'";
    assert_eq!(world.one(comment), "1");
    Ok(())
}
