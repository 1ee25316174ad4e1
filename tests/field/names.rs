//! Names of tables in another letter case than the object was made with: to TiDB (`lower_case_table_names = 2`) they are the same, to a server on Linux they are not. What
//! runs on the target runs on the object as it is called there, which the definition says.

use serde_json::json;
use tisync::model::{Handle, Key, KeyPart, RowKind};
use tisync::playground::tableinfo::db_info;

use crate::column::{Defined, field, id, index, unique};
use crate::common::made::INT;
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
        case("in another letter case: a table moves to another database", moved),
        case("in another letter case: a primary key goes and comes", primary_key),
    ]
}

/// The table `Worker` with an `id`, a column `a`, and its first row.
pub fn worker(story: &mut Story<'_>) -> Defined {
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
pub fn with(story: &Story<'_>, more: &[&'static str]) -> Defined {
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

/// The job of a RENAME has the new database.
fn moved(story: &mut Story<'_>) {
    let t = worker(story);
    let other = format!("{}_Other", story.db);
    let sql = format!("CREATE DATABASE `{other}`;");
    story.made.typed(
        1,
        0,
        [&sql, &sql],
        json!({"DBInfo": db_info(300, &other), "TableInfo": null, "MultipleTableInfos": null}),
    );
    story.made.last_job()["schema_id"] = json!(300);
    story.made.last_job()["schema_name"] = json!(other.to_lowercase());
    let t = t.renamed("Staff");
    let sql = format!("RENAME TABLE `{}`.`WORKER` TO `{}`.`Staff`;", story.db.to_lowercase(), other.to_uppercase());
    story.ddl(14, &sql, &t);
    story.made.last_job()["schema_id"] = json!(300);
    story.made.last_job()["schema_name"] = json!(other.to_lowercase());
    story.insert(&t, vec![i(2), i(20)]);
    story.play();
    assert_eq!(story.tables(), "");
    story.shows(&format!("SELECT * FROM {other}.Staff ORDER BY id"), "1|10;2|20");
}

/// One that is no handle.
fn primary_key(story: &mut Story<'_>) {
    let define = |story: &Story<'_>, keyed: bool| {
        let mut t = Defined::new(&story.db, T, "Worker", &[id(), field("a", INT).not_null()]).without_key();
        let mut primary = unique(1, "PRIMARY", &[("a", 1)]);
        primary["is_primary"] = json!(true);
        if keyed {
            let parts = vec![KeyPart { column: 1, prefix: None }];
            t.table.keys = vec![Key { name: "PRIMARY".to_owned(), primary: true, parts }];
            t.table.handle = Handle::RowId;
        }
        if keyed { t.indexes(&[primary]) } else { t }
    };
    let bare = define(story, false);
    let keyed = define(story, true);
    story.ddl(3, "CREATE TABLE `Worker` (`id` INT NOT NULL,`a` INT NOT NULL,PRIMARY KEY(`a`) /*T![clustered_index] NONCLUSTERED */);", &keyed);
    story.insert(&keyed, vec![i(1), i(10)]);
    story.ddl(33, "ALTER TABLE `worker` DROP PRIMARY KEY;", &bare);
    story.insert(&bare, vec![i(2), i(20)]);
    story.ddl(32, "ALTER TABLE `WORKER` ADD PRIMARY KEY(`A`) /*T![clustered_index] NONCLUSTERED */;", &keyed);
    story.insert(&keyed, vec![i(3), i(30)]);
    story.play();
    story.shows("SELECT * FROM Worker ORDER BY id", "1|10;2|20;3|30");
    story.shows("SELECT column_name FROM information_schema.statistics WHERE table_schema = DATABASE()", "a");
}
