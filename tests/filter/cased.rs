//! DDL that writes names in another letter case than their tables have: one to TiDB, another one to a server that tells cases apart.

use mysql::prelude::Queryable;
use serde_json::{Value as Json, json};
use tisync::model::{ForeignKey, Table, Value};
use tisync::playground::tableinfo::{Details, db_info, table_info};

use crate::Outcome;
use crate::common::made::{INT, Made, SCHEMA, table};
use crate::world::{World, says};

fn info(table: &Table) -> Json {
    table_info(table, &Details::default(), 0)
}

/// What TiDB keeps of a view.
fn view(id: i64, name: &str) -> Json {
    let mut info = info(&table(id, name, &[("id", INT)]));
    info["view"] =
        json!({"view_algorithm": 0, "view_security": 0, "view_select": "", "view_checkoption": 0, "view_cols": null});
    info
}

/// `Team` with two partitions that have these ids.
fn team(partitions: [i64; 2]) -> Json {
    let mut info = info(&table(202, "Team", &[("id", INT), ("a?", INT)]));
    let definitions: Vec<Json> = (0..).zip(partitions).map(|(n, id): (i64, _)| {
        json!({"id": id, "name": {"O": format!("p{n}"), "L": format!("p{n}")}, "less_than": [if n == 0 { "100" } else { "MAXVALUE" }]})
    }).collect();
    info["partition"] = json!({"type": 1, "expr": "`id`", "enable": true, "num": 2, "definitions": definitions});
    info
}

fn made() -> Made {
    let mut made = Made::default();
    let plain = Details::default();
    let int = |n| Value::Int(n);
    let worker = table(201, "Worker", &[("id", INT), ("a?", INT)]);
    made.create(&worker);
    made.insert(&worker, vec![int(1), int(10)]);
    let wide = table(201, "Worker", &[("id", INT), ("a?", INT), ("b?", INT)]);
    made.alter(5, "ALTER TABLE `D`.`worker` ADD COLUMN `b` INT", &wide, &plain);
    made.insert(&wide, vec![int(2), int(20), int(5)]);
    made.alter(7, "CREATE INDEX `I` ON `WORKER`(`a`)", &wide, &plain);
    made.alter(8, "DROP INDEX `i` ON `worker`", &wide, &plain);
    // A parent in another letter case, which is how the child's definition has it.
    let mut child = table(203, "Child", &[("id", INT), ("w?", INT)]);
    child.foreign_keys.push(ForeignKey {
        name: "f".to_owned(),
        parent_schema: String::new(),
        parent_table: "WORKER".to_owned(),
        columns: vec!["w".to_owned()],
        parent_columns: vec!["id".to_owned()],
    });
    let create = "CREATE TABLE `D`.`Child` (`id` INT PRIMARY KEY,`w` INT,CONSTRAINT `f` FOREIGN KEY (`w`) REFERENCES `WORKER`(`id`))";
    made.job(3, 203, create, &Json::Null, &info(&child));
    made.insert(&child, vec![int(1), int(2)]);
    // A partition goes into `worker`, and its rows come back.
    let create = "CREATE TABLE `Team` (`id` INT PRIMARY KEY,`a` INT) PARTITION BY RANGE (`id`) (PARTITION `p0` VALUES LESS THAN (100),PARTITION `p1` VALUES LESS THAN (MAXVALUE))";
    made.job(3, 202, create, &Json::Null, &team([301, 302]));
    let spare = table(204, "Spare", &[("id", INT), ("a?", INT)]);
    made.create(&spare);
    made.insert(&spare, vec![int(7), int(70)]);
    made.job(42, 204, "ALTER TABLE `TEAM` EXCHANGE PARTITION `P0` WITH TABLE `spare`", &Json::Null, &team([204, 302]));
    made
}

/// A DBInfo whose collation was changed.
fn in_general_ci(mut info: Json) -> Json {
    info["collate"] = json!("utf8mb4_general_ci");
    info
}

/// Views, a RENAME, TRUNCATE and DROP behind that.
fn rest(made: &mut Made) {
    let int = |n| Value::Int(n);
    made.job(4, 203, "DROP TABLE `CHILD`", &Json::Null, &info(&table(203, "Child", &[("id", INT)])));
    let boss = table(201, "Boss", &[("id", INT), ("a?", INT), ("b?", INT)]);
    made.alter(14, "RENAME TABLE `worker` TO `Boss`", &boss, &Details::default());
    let again = Table { id: 205, ..boss.clone() };
    made.job(11, 201, "TRUNCATE TABLE `BOSS`", &Json::Null, &info(&again));
    made.insert(&again, vec![int(3), int(30), int(6)]);
    let drop = "DROP TABLE `spare`, `TEAM`";
    made.job(4, 301, drop, &Json::Null, &info(&table(301, "Spare", &[("id", INT)])));
    made.job(4, 202, drop, &Json::Null, &team([204, 302]));
    made.job(
        26,
        0,
        "ALTER DATABASE `D` CHARACTER SET = UTF8MB4 COLLATE = UTF8MB4_GENERAL_CI",
        &in_general_ci(db_info(SCHEMA, "d")),
        &Json::Null,
    );
}

const BOSSES: &str = "SELECT GROUP_CONCAT(CONCAT_WS(' ', id, a, b)) FROM";

pub fn names_in_another_letter_case() -> Outcome {
    let world = World::new();
    let mut made = made();
    made.save(world.dir.path());
    world.sync(&[]).expect(0);
    assert_eq!(world.tables("d"), "Child,Spare,Team,Worker");
    let exchanged = "SELECT CONCAT((SELECT GROUP_CONCAT(id) FROM d.Team), ' ', (SELECT COUNT(*) FROM d.Spare))";
    assert_eq!(world.one(exchanged), "7 0");
    assert_eq!(
        world.one("SELECT GROUP_CONCAT(index_name) FROM information_schema.statistics WHERE table_name = 'Worker'"),
        "PRIMARY"
    );
    let parent =
        "SELECT referenced_table_name FROM information_schema.referential_constraints WHERE constraint_schema = 'd'";
    assert_eq!(world.one(parent), "Worker");
    let select = "CREATE ALGORITHM = UNDEFINED DEFINER = CURRENT_USER SQL SECURITY DEFINER VIEW `V1` AS SELECT `W`.`id`,`d`.`TEAM`.`a` FROM (`worker` AS `w` JOIN `D`.`team`)";
    made.job(21, 210, select, &Json::Null, &view(210, "V1"));
    made.job(
        21,
        211,
        "CREATE OR REPLACE SQL SECURITY DEFINER VIEW `Other` AS SELECT `id` FROM `v1`",
        &Json::Null,
        &view(211, "Other"),
    );
    made.save(world.dir.path());
    world.sync(&[]).expect(0);
    assert_eq!(world.one("SELECT GROUP_CONCAT(id ORDER BY id) FROM d.Other"), "1,2");
    made.job(24, 211, "DROP VIEW `OTHER`", &Json::Null, &view(211, "Other"));
    made.job(24, 210, "DROP VIEW IF EXISTS `v1`", &Json::Null, &view(210, "V1"));
    rest(&mut made);
    made.save(world.dir.path());
    world.sync(&[]).expect(0);
    assert_eq!(world.tables("d"), "Boss");
    assert_eq!(world.one(&format!("{BOSSES} d.Boss")), "3 30 6");
    assert_eq!(
        world.one("SELECT default_collation_name FROM information_schema.schemata WHERE schema_name = 'd'"),
        "utf8mb4_general_ci"
    );
    made.job(2, 0, "DROP DATABASE `D`", &db_info(SCHEMA, "d"), &Json::Null);
    made.save(world.dir.path());
    world.sync(&[]).expect(0);
    assert_eq!(world.tables("d"), "NULL");
    Ok(())
}

/// Routes know names in any letter case; what they do not rename has the catalog's.
pub fn routes_in_another_letter_case() -> Outcome {
    for (routes, boss) in [(&["D.*=e.*"][..], "e.Boss"), (&["d.BOSS=e.People", "d.Worker=e.Hands"], "e.People")] {
        let world = World::new();
        let mut made = made();
        rest(&mut made);
        made.save(world.dir.path());
        let args: Vec<&str> = routes.iter().flat_map(|route| ["--route", route]).collect();
        if !boss.ends_with("Boss") {
            world.server.connect()?.query_drop("CREATE DATABASE e")?;
        }
        says(&world.sync(&args).expect(0).stderr, "EXCHANGE PARTITION");
        assert_eq!(world.one(&format!("{BOSSES} {boss}")), "3 30 6");
    }
    Ok(())
}
