//! Names in another letter case than the object was made with: to TiDB (`lower_case_table_names = 2`) they are the same, to a server on Linux they are not. What
//! runs on the target runs on the object as it is called there, which the definition says.

use serde_json::{Value as Json, json};
use tisync::model::{ForeignKey, RowKind};
use tisync::playground::tableinfo::{db_info, name};

use crate::column::{Defined, field, id, index};
use crate::common::made::{INT, SCHEMA};
use crate::story::{Story, T};
use crate::world::i;
use crate::{Case, case};

pub fn cases() -> Vec<Case> {
    vec![
        case("in another letter case: a column is added", added),
        case("in another letter case: a column is dropped, changed and moved", columns),
        case("in another letter case: a table is truncated", truncated),
        case("in another letter case: a table is dropped", dropped),
        case("in another letter case: a table is dropped if it exists", dropped_if_exists),
        case("in another letter case: several tables are dropped", several_dropped),
        case("in another letter case: a table is renamed", renamed),
        case("in another letter case: a table is renamed by ALTER TABLE", renamed_by_alter),
        case("in another letter case: a table gets a name that differs in case alone", recased),
        case("in another letter case: two tables change names", swapped),
        case("in another letter case: indexes come, change their names and go", indexes),
        case("in another letter case: a database is named before the table", qualified),
        case("in another letter case: a view is dropped", view),
        case("in another letter case: a view is dropped if it exists", view_if_exists),
        case("in another letter case: a view is replaced", view_replaced),
        case("in another letter case: a view is made of a table", view_of),
        case("in another letter case: a table is made like another", like),
        case("in another letter case: a foreign key names its parent", foreign_key),
        case("in another letter case: a partition is truncated and dropped", partitions),
        case("in another letter case: a database is altered", database_altered),
        case("in another letter case: a database is dropped", |story| database_dropped(story, "")),
        case("in another letter case: a database is dropped if it exists", |story| {
            database_dropped(story, "IF EXISTS ")
        }),
    ]
}

/// The table `Worker` with an `id`, a column `a`, and its first row.
fn worker(story: &mut Story<'_>) -> Defined {
    let t = with(story, &[]);
    story.typed(
        3,
        "create table Worker (id int primary key, a int)",
        "CREATE TABLE `Worker` (`id` INT PRIMARY KEY,`a` INT);",
        &t,
    );
    story.insert(&t, vec![i(1), i(10)]);
    t
}

/// It with more columns of whole numbers.
fn with(story: &Story<'_>, more: &[&'static str]) -> Defined {
    let more = more.iter().map(|name| field(name, INT));
    let fields: Vec<_> = [id(), field("a", INT)].into_iter().chain(more).collect();
    Defined::new(&story.db, T, "Worker", &fields)
}

fn added(story: &mut Story<'_>) {
    worker(story);
    let t = with(story, &["b"]);
    story.typed(5, "alter table worker add column b int", "ALTER TABLE `worker` ADD COLUMN `b` INT;", &t);
    story.insert(&t, vec![i(2), i(20), i(5)]);
    story.play();
    assert_eq!(story.tables(), "Worker");
    story.shows("SELECT * FROM Worker ORDER BY id", "1|10|~;2|20|5");
}

fn columns(story: &mut Story<'_>) {
    worker(story);
    let two = with(story, &["b", "c"]);
    story.ddl(61, "ALTER TABLE `WORKER` ADD COLUMN `b` INT, ADD COLUMN `c` INT;", &two);
    let mut one = with(story, &["c"]);
    one.table.columns[2].id = 4;
    story.ddl(6, "ALTER TABLE `wORKER` DROP COLUMN `B`;", &one);
    let mut renamed = one.clone();
    renamed.table.columns[2].name = "D".to_owned();
    story.ddl(12, "ALTER TABLE `worker` CHANGE COLUMN `C` `D` INT;", &renamed);
    story.insert(&renamed, vec![i(2), i(20), i(5)]);
    let commented = renamed.also("/comment", json!("who works"));
    story.ddl(17, "ALTER TABLE `worker` COMMENT = 'who works';", &commented);
    story.play();
    story.shows("SELECT id, a, D FROM Worker ORDER BY id", "1|10|~;2|20|5");
    let names =
        "SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE() ORDER BY ordinal_position";
    story.shows(names, "id;a;D");
    story.shows("SELECT table_comment FROM information_schema.tables WHERE table_schema = DATABASE()", "who works");
}

fn truncated(story: &mut Story<'_>) {
    let t = worker(story);
    let new = t.with_id(202);
    story.job(11, T, "truncate table WORKER", "TRUNCATE TABLE `WORKER`;", new.info());
    story.insert(&new, vec![i(2), i(20)]);
    story.play();
    assert_eq!(story.tables(), "Worker");
    story.shows("SELECT * FROM Worker", "2|20");
}

fn dropped(story: &mut Story<'_>) {
    let t = worker(story);
    story.typed(4, "drop table worker", "DROP TABLE `worker`;", &t);
    story.play();
    assert_eq!(story.tables(), "");
}

fn dropped_if_exists(story: &mut Story<'_>) {
    let t = worker(story);
    story.ddl(4, "DROP TABLE IF EXISTS `worker`;", &t);
    story.play();
    assert_eq!(story.tables(), "");
}

/// Each of two jobs drops its own, with the text of both; IF EXISTS would let a drop of nothing pass.
fn several_dropped(story: &mut Story<'_>) {
    let one = worker(story);
    let two = Defined::new(&story.db, 202, "Other", &[id()]);
    story.ddl(3, "CREATE TABLE `Other` (`id` INT PRIMARY KEY);", &two);
    for table in [&one, &two] {
        story.ddl(4, "DROP TABLE IF EXISTS `worker`, `OTHER`;", table);
    }
    story.play();
    assert_eq!(story.tables(), "");
}

fn renamed(story: &mut Story<'_>) {
    let t = worker(story).renamed("Staff");
    story.typed(14, "rename table WORKER to Staff", "RENAME TABLE `WORKER` TO `Staff`;", &t);
    story.insert(&t, vec![i(2), i(20)]);
    story.play();
    assert_eq!(story.tables(), "Staff");
    story.shows("SELECT * FROM Staff ORDER BY id", "1|10;2|20");
}

fn renamed_by_alter(story: &mut Story<'_>) {
    let t = worker(story).renamed("Staff");
    story.ddl(14, "ALTER TABLE `worker` RENAME AS `Staff`;", &t);
    story.insert(&t, vec![i(2), i(20)]);
    story.play();
    assert_eq!(story.tables(), "Staff");
    story.shows("SELECT * FROM Staff ORDER BY id", "1|10;2|20");
}

fn recased(story: &mut Story<'_>) {
    let t = worker(story).renamed("WORKER");
    story.ddl(14, "RENAME TABLE `worker` TO `WORKER`;", &t);
    story.insert(&t, vec![i(2), i(20)]);
    story.play();
    assert_eq!(story.tables(), "WORKER");
    story.shows("SELECT * FROM WORKER ORDER BY id", "1|10;2|20");
}

fn swapped(story: &mut Story<'_>) {
    let worker = worker(story);
    let other = Defined::new(&story.db, 202, "Other", &[id(), field("a", INT)]);
    story.ddl(3, "CREATE TABLE `Other` (`id` INT PRIMARY KEY,`a` INT);", &other);
    story.insert(&other, vec![i(5), i(50)]);
    let sql = "RENAME TABLE `WORKER` TO `Tmp`, `other` TO `Worker`, `TMP` TO `Other`;";
    let [other, worker] = [other.renamed("Worker"), worker.renamed("Other")];
    let all = [worker.clone().renamed("Tmp"), other.clone(), worker.clone()].map(|t| t.info());
    let left = json!({"DBInfo": null, "TableInfo": all[2], "MultipleTableInfos": all});
    story.made.typed(47, T, [sql, sql], left);
    story.made.rows(&worker.table, vec![RowKind::Insert(vec![i(2), i(20)])]);
    story.play();
    assert_eq!(story.tables(), "Other,Worker");
    story.shows("SELECT * FROM Worker", "5|50");
    story.shows("SELECT * FROM Other ORDER BY id", "1|10;2|20");
}

fn indexes(story: &mut Story<'_>) {
    let t = worker(story);
    let one = t.clone().indexes(&[index(1, "By_A", &[("a", 1)])]);
    story.ddl(7, "CREATE INDEX `By_A` ON `worker` (`A`);", &one);
    let two = t.clone().indexes(&[index(1, "By_A", &[("a", 1)]), index(2, "also", &[("a", 1), ("id", 0)])]);
    story.ddl(7, "ALTER TABLE `WORKER` ADD INDEX `also`(`a`, `ID`);", &two);
    let renamed = t.clone().indexes(&[index(1, "By_A", &[("a", 1)]), index(2, "More", &[("a", 1), ("id", 0)])]);
    story.ddl(18, "ALTER TABLE `worker` RENAME INDEX `ALSO` TO `More`;", &renamed);
    let last = t.indexes(&[index(2, "More", &[("a", 1), ("id", 0)])]);
    story.ddl(8, "DROP INDEX `by_a` ON `WORKER`;", &last);
    story.insert(&last, vec![i(2), i(20)]);
    story.play();
    let names = "SELECT index_name, column_name FROM information_schema.statistics WHERE table_schema = DATABASE() AND index_name <> 'PRIMARY' ORDER BY seq_in_index";
    story.shows(names, "More|a;More|id");
    story.shows("SELECT * FROM Worker ORDER BY id", "1|10;2|20");
}

fn qualified(story: &mut Story<'_>) {
    worker(story);
    let (lower, upper) = (story.db.to_lowercase(), story.db.to_uppercase());
    let t = with(story, &["b"]);
    story.ddl(5, &format!("ALTER TABLE `{lower}`.`worker` ADD COLUMN `b` INT;"), &t);
    let made = Defined::new(&story.db, 202, "New", &[id()]);
    story.ddl(3, &format!("CREATE TABLE `{upper}`.`New` (`id` INT PRIMARY KEY);"), &made);
    story.insert(&made, vec![i(7)]);
    let renamed = t.renamed("Staff");
    story.ddl(14, &format!("RENAME TABLE `{upper}`.`WORKER` TO `{lower}`.`Staff`;"), &renamed);
    story.insert(&renamed, vec![i(2), i(20), i(5)]);
    story.play();
    assert_eq!(story.tables(), "New,Staff");
    story.shows("SELECT * FROM Staff ORDER BY id", "1|10|~;2|20|5");
    story.shows("SELECT * FROM New", "7");
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

fn partitions(story: &mut Story<'_>) {
    let ranges = |all: &[(i64, &str, i64)]| {
        let part = |(id, part, below): &(i64, &str, i64)| json!({"id": id, "name": name(part), "less_than": [below.to_string()], "in_values": null});
        json!({
            "type": 1, "expr": "`id`", "columns": null, "enable": true, "definitions": all.iter().map(part).collect::<Vec<_>>(),
            "adding_definitions": null, "dropping_definitions": null, "states": null, "num": all.len(), "ddl_state": 0,
        })
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
