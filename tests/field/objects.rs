//! Other objects whose names are typed in another letter case: views, partitions, parents of foreign keys, databases.

use serde_json::{Value as Json, json};
use tisync::model::{ForeignKey, RowKind};
use tisync::playground::tableinfo::{db_info, name};

use crate::column::{Defined, field, id, index, part, partitions};
use crate::common::made::{INT, SCHEMA};
use crate::common::server;
use crate::names::{with, worker};
use crate::story::Story;
use crate::world::i;
use crate::{Case, case};

pub fn cases() -> Vec<Case> {
    vec![
        case("in another letter case: a view is dropped", view),
        case("in another letter case: a view is dropped if it exists", view_if_exists),
        case("in another letter case: a view is replaced", view_replaced),
        case("in another letter case: a view is made of a table", view_of),
        case("a view is made of a whole table", view_of_a_whole),
        case("a view is made of whole tables, in parts and in brackets", view_of_wholes),
        case("a view is made of VALUES ROW", view_of_values),
        case("in another letter case: a table is made like another", like),
        case("in another letter case: a foreign key names its parent", foreign_key),
        case("in another letter case: a partition is truncated and dropped", some_partitions),
        case("in another letter case: a database is altered", database_altered),
        case("a database with options that TiDB ignores", database_options),
        case("in another letter case: a database is dropped", |story| database_dropped(story, "")),
        case("in another letter case: a database is dropped if it exists", |story| {
            database_dropped(story, "IF EXISTS ")
        }),
        case("in another letter case: a partition is exchanged", exchanged),
    ]
}

/// A view's TableInfo, of the two columns of `Worker`.
fn view_info(story: &Story<'_>, select: &str) -> Json {
    let mut info = Defined::new(&story.db, 203, "Everybody", &[id(), field("a", INT)]).info();
    let user = json!({"Username": "root", "Hostname": "127.0.0.1", "CurrentUser": false, "AuthUsername": "root", "AuthHostname": "%", "AuthPlugin": ""});
    info["pk_is_handle"] = json!(false);
    info["view"] = json!({
        "view_algorithm": 0, "view_definer": user, "view_security": 0, "view_select": select, "view_checkoption": 1,
        "view_cols": null,
    });
    info
}

fn made_view(story: &mut Story<'_>, from: &str) {
    let db = story.db.clone();
    let restored = format!(
        "CREATE ALGORITHM = UNDEFINED DEFINER = CURRENT_USER SQL SECURITY DEFINER VIEW `Everybody` AS SELECT `id`,`a` FROM `{from}`;"
    );
    let select = format!("SELECT `id` AS `id`,`a` AS `a` FROM `{db}`.`{from}`");
    let info = view_info(story, &select);
    story.job(21, 203, &format!("create view Everybody as select id, a from {from}"), &restored, info);
}

fn view(story: &mut Story<'_>) {
    worker(story);
    made_view(story, "Worker");
    let info = view_info(story, "");
    story.job(24, 203, "drop view EVERYBODY", "DROP VIEW `EVERYBODY`;", info);
    story.play();
    assert_eq!(story.tables(), "Worker");
}

fn view_if_exists(story: &mut Story<'_>) {
    worker(story);
    made_view(story, "Worker");
    let info = view_info(story, "");
    story.job(24, 203, "drop view if exists EVERYBODY", "DROP VIEW IF EXISTS `EVERYBODY`;", info);
    story.play();
    assert_eq!(story.tables(), "Worker");
}

/// The new view has the name as it was typed, and there is one.
fn view_replaced(story: &mut Story<'_>) {
    worker(story);
    made_view(story, "Worker");
    let mut info = view_info(story, &format!("SELECT `id` AS `id`,2 AS `a` FROM `{}`.`Worker`", story.db));
    info["id"] = json!(204);
    info["name"] = name("EVERYBODY");
    let restored = "CREATE OR REPLACE ALGORITHM = UNDEFINED DEFINER = CURRENT_USER SQL SECURITY DEFINER VIEW `EVERYBODY` AS SELECT `id`,2 AS `a` FROM `Worker`;";
    story.job(21, 204, "create or replace view EVERYBODY as select id, 2 as a from Worker", restored, info);
    story.play();
    assert_eq!(story.tables(), "EVERYBODY,Worker");
    story.shows("SELECT * FROM EVERYBODY", "1|2");
}

/// The select of a view keeps the case in which its tables were typed, so here the catalog has to know.
fn view_of(story: &mut Story<'_>) {
    worker(story);
    made_view(story, "WORKER");
    story.play();
    assert_eq!(story.tables(), "Everybody,Worker");
    story.shows("SELECT * FROM Everybody", "1|10");
}

fn view_as(story: &mut Story<'_>, select: &str) {
    worker(story);
    let t = with(story, &[]);
    story.insert(&t, vec![i(2), i(20)]);
    story.insert(&t, vec![i(3), i(5)]);
    let restored = format!(
        "CREATE ALGORITHM = UNDEFINED DEFINER = CURRENT_USER SQL SECURITY DEFINER VIEW `Everybody` AS {select};"
    );
    let info = view_info(story, select);
    story.job(21, 203, &format!("create view Everybody as {select}"), &restored, info);
}

/// MariaDB has no TABLE statement. The name of the table follows the catalog here too.
fn view_of_a_whole(story: &mut Story<'_>) {
    view_as(story, "TABLE `WORKER` ORDER BY `a` DESC LIMIT 2");
    story.play();
    story.shows("SELECT * FROM Everybody", "2|20;1|10");
}

fn view_of_wholes(story: &mut Story<'_>) {
    view_as(
        story,
        "SELECT * FROM `Worker` WHERE (`id`,`a`) IN (TABLE `worker`) UNION ALL TABLE `WORKER` UNION ALL (TABLE `Worker` ORDER BY `a` LIMIT 1)",
    );
    story.play();
    story.shows("SELECT * FROM Everybody ORDER BY id", "1|10;1|10;2|20;2|20;3|5;3|5;3|5");
}

/// Its columns have other names on MariaDB.
fn view_of_values(story: &mut Story<'_>) {
    view_as(story, "VALUES ROW(1,2), ROW(3,4)");
    if server::is_mysql() && !server::has_no_atomic_ddl() {
        story.play();
        story.shows("SELECT column_0, column_1 FROM Everybody ORDER BY column_0", "1|2;3|4");
        return;
    }
    let ran = story.play_with(&[]).expect(4);
    assert!(ran.stderr.contains("has no VALUES ROW"), "{}", ran.stderr);
    assert_eq!(story.tables(), "Worker");
}

fn like(story: &mut Story<'_>) {
    worker(story);
    let copy = Defined::new(&story.db, 202, "Copy", &[id(), field("a", INT)]);
    story.ddl(3, "CREATE TABLE `Copy` LIKE `WORKER`;", &copy);
    story.insert(&copy, vec![i(3), i(30)]);
    story.play();
    assert_eq!(story.tables(), "Copy,Worker");
    story.shows("SELECT * FROM Copy", "3|30");
}

fn foreign_key(story: &mut Story<'_>) {
    worker(story);
    let mut child =
        Defined::new(&story.db, 202, "Child", &[id(), field("w", INT)]).indexes(&[index(1, "fk", &[("w", 1)])]);
    child.table.foreign_keys = vec![ForeignKey {
        name: "fk".to_owned(),
        parent_schema: String::new(),
        parent_table: "worker".to_owned(),
        columns: vec!["w".to_owned()],
        parent_columns: vec!["ID".to_owned()],
    }];
    let sql = "CREATE TABLE `Child` (`id` INT PRIMARY KEY,`w` INT,CONSTRAINT `fk` FOREIGN KEY (`w`) REFERENCES `worker`(`ID`) ON DELETE CASCADE ON UPDATE CASCADE);";
    story.ddl(3, sql, &child);
    story.insert(&child, vec![i(1), i(1)]);
    story.play();
    story.shows("SELECT * FROM Child", "1|1");
    let keys = "SELECT referenced_table_name, delete_rule, update_rule FROM information_schema.referential_constraints WHERE constraint_schema = DATABASE()";
    story.shows(keys, "Worker|CASCADE|CASCADE");
}

fn some_partitions(story: &mut Story<'_>) {
    let ranges = |all: &[(i64, &str, i64)]| {
        partitions(1, "`id`", all.iter().map(|(id, name, below)| part(*id, name, &json!(below.to_string()))).collect())
    };
    let of = |story: &Story<'_>, all: &[(i64, &str, i64)]| with(story, &[]).also("/partition", ranges(all));
    let three = of(story, &[(211, "P0", 10), (212, "P1", 20), (213, "P2", 30)]);
    let sql = "CREATE TABLE `Worker` (`id` INT PRIMARY KEY,`a` INT) PARTITION BY RANGE (`id`) (PARTITION `P0` VALUES LESS THAN (10),PARTITION `P1` VALUES LESS THAN (20),PARTITION `P2` VALUES LESS THAN (30));";
    story.ddl(3, sql, &three);
    story.made.rows(&three.table, [1, 11, 21].map(|n| RowKind::Insert(vec![i(n), i(0)])).to_vec());
    let emptied = of(story, &[(214, "P0", 10), (212, "P1", 20), (213, "P2", 30)]);
    story.ddl(23, "ALTER TABLE `worker` TRUNCATE PARTITION `p0`;", &emptied);
    let two = of(story, &[(214, "P0", 10), (213, "P2", 30)]);
    story.ddl(20, "ALTER TABLE `WORKER` DROP PARTITION `p1`;", &two);
    let more = of(story, &[(214, "P0", 10), (213, "P2", 30), (215, "P3", 40)]);
    story.ddl(19, "ALTER TABLE `worker` ADD PARTITION (PARTITION `P3` VALUES LESS THAN (40));", &more);
    story.made.rows(&more.table, [2, 31].map(|n| RowKind::Insert(vec![i(n), i(1)])).to_vec());
    story.play();
    story.shows("SELECT * FROM Worker ORDER BY id", "2|1;21|0;31|1");
    let names = "SELECT partition_name FROM information_schema.partitions WHERE table_schema = DATABASE() ORDER BY partition_ordinal_position";
    story.shows(names, "P0;P2;P3");
}

/// A job on the database itself.
fn database(story: &mut Story<'_>, action: u8, sql: &str, change: impl FnOnce(&mut Json)) {
    let mut info = db_info(SCHEMA, &story.db);
    change(&mut info);
    story.made.typed(action, 0, [sql, sql], json!({"DBInfo": info, "TableInfo": null, "MultipleTableInfos": null}));
}

fn database_altered(story: &mut Story<'_>) {
    worker(story);
    let sql = format!("ALTER DATABASE `{}` COLLATE = utf8mb4_general_ci;", story.db.to_uppercase());
    database(story, 26, &sql, |info| info["collate"] = json!("utf8mb4_general_ci"));
    story.play();
    let db = story.db.clone();
    let sql = format!("SELECT default_collation_name FROM information_schema.schemata WHERE schema_name = '{db}'");
    story.shows(&sql, "utf8mb4_general_ci");
}

/// IF EXISTS would let a drop of nothing pass.
fn database_dropped(story: &mut Story<'_>, condition: &str) {
    worker(story);
    let sql = format!("DROP DATABASE {condition}`{}`;", story.db.to_lowercase());
    database(story, 2, &sql, |info| info["state"] = json!(0));
    story.play();
    story.shows(&format!("SHOW DATABASES LIKE '{}'", story.db), "");
}

/// Each takes the other's id.
fn exchanged(story: &mut Story<'_>) {
    let of = |story: &Story<'_>, first: i64| {
        let parts = vec![part(first, "P0", &json!("10")), part(212, "P1", &json!("20"))];
        with(story, &[]).also("/partition", partitions(1, "`id`", parts))
    };
    let other = Defined::new(&story.db, 202, "Other", &[id(), field("a", INT)]);
    let before = of(story, 211);
    let sql = "CREATE TABLE `Worker` (`id` INT PRIMARY KEY,`a` INT) PARTITION BY RANGE (`id`) (PARTITION `P0` VALUES LESS THAN (10),PARTITION `P1` VALUES LESS THAN (20));";
    story.ddl(3, sql, &before);
    story.ddl(3, "CREATE TABLE `Other` (`id` INT PRIMARY KEY,`a` INT);", &other);
    story.insert(&before, vec![i(1), i(10)]);
    story.insert(&other, vec![i(2), i(20)]);
    let after = of(story, 202);
    let sql = "ALTER TABLE `WORKER` EXCHANGE PARTITION `p0` WITH TABLE `OTHER`;";
    story.job(42, 202, sql.trim_end_matches(';'), sql, after.info());
    story.insert(&after, vec![i(3), i(30)]);
    story.insert(&other.with_id(211), vec![i(4), i(40)]);
    story.play();
    story.shows("SELECT * FROM Worker ORDER BY id", "2|20;3|30");
    story.shows("SELECT * FROM Other ORDER BY id", "1|10;4|40");
}

/// What TiDB reads and ignores, or keeps for itself, in CREATE DATABASE: it stopped the run, or made every table after it one that the server refuses.
fn database_options(story: &mut Story<'_>) {
    let options = ["ENCRYPTION = 'Y'", "ENCRYPTION = 'N'", "SET TIFLASH REPLICA 1", "PLACEMENT POLICY = `pp`"];
    for (option, collation) in
        options.into_iter().zip(["utf8mb4_general_ci", "utf8mb4_bin", "latin1_bin", "utf8mb4_bin"])
    {
        let db = story.db.clone();
        database(story, 2, &format!("DROP DATABASE `{db}`;"), |info| info["state"] = json!(0));
        let sql = format!("CREATE DATABASE `{db}` {option} COLLATE = {collation};");
        database(story, 1, &sql, |info| {
            info["charset"] = json!(collation.split('_').next());
            info["collate"] = json!(collation);
        });
        story.play();
        let sql = format!("SELECT default_collation_name FROM information_schema.schemata WHERE schema_name = '{db}'");
        story.shows(&sql, collation);
    }
    worker(story);
    story.play();
    story.shows("SELECT COUNT(*) FROM Worker", "1");
}
