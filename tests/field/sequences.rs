//! Sequences, which a MySQL does not have.

use serde_json::{Value as Json, json};
use tisync::playground::tableinfo::db_info;

use crate::column::{Defined, id};
use crate::common::server;
use crate::story::{Story, T};
use crate::world::i;
use crate::{Case, case};

pub fn cases() -> Vec<Case> {
    vec![
        case("a sequence is renamed", renamed),
        case("a sequence is renamed by ALTER TABLE", renamed_by_alter),
        case("a sequence is renamed, and a table that takes its name", renamed_with_a_table),
        case("a sequence whose next number lies before its new range", before_its_range),
        case("a sequence restarts before its range", restarts_before_its_range),
        case("a sequence is altered with NO MINVALUE", without_a_bound),
        case("a sequence is renamed to another database, and a table with it", moved_with_a_table),
    ]
}

fn sequence(name: &str) -> Json {
    let mut info = Defined::new("", 203, name, &[id()]).info();
    info["cols"] = Json::Null;
    info["pk_is_handle"] = json!(false);
    info["sequence"] = json!({
        "sequence_start": 1, "sequence_cache": true, "sequence_cycle": false, "sequence_min_value": 1,
        "sequence_max_value": 100, "sequence_increment": 1, "sequence_cache_value": 10, "sequence_comment": "",
    });
    info
}

/// `t` with a row, and the sequence `s`.
fn begun(story: &mut Story<'_>) -> Defined {
    let t = story.plain();
    let sql = "CREATE SEQUENCE `s` START WITH 1 MINVALUE 1 MAXVALUE 100 CACHE 10;";
    story.job(34, 203, sql, sql, sequence("s"));
    t
}

/// Tables and sequences after the run; those of a MySQL without the sequence, which is said.
#[track_caller]
fn ends(story: &mut Story<'_>, all: &str, without: &str) {
    let ran = story.play();
    let is_mysql = server::is_mysql();
    assert_eq!(story.tables(), if is_mysql { without } else { all });
    let said = ran.stderr.matches("MySQL has no sequences").count();
    assert_eq!(said, if is_mysql { 2 } else { 0 }, "{}", ran.stderr);
}

fn renamed(story: &mut Story<'_>) {
    begun(story);
    let sql = "RENAME TABLE `s` TO `S2`;";
    story.job(14, 203, sql, sql, sequence("S2"));
    ends(story, "S2,t", "t");
}

fn renamed_by_alter(story: &mut Story<'_>) {
    begun(story);
    story.job(14, 203, "alter table S rename x", "ALTER TABLE `S` RENAME AS `x`;", sequence("x"));
    ends(story, "t,x", "t");
}

fn renamed_with_a_table(story: &mut Story<'_>) {
    let t = begun(story).renamed("s");
    let sql = "RENAME TABLE `S` TO `x`, `t` TO `s`;";
    let all = [sequence("x"), t.info()];
    story.made.typed(47, T, [sql, sql], json!({"DBInfo": null, "TableInfo": all[1], "MultipleTableInfos": all}));
    story.insert(&t, vec![i(2)]);
    ends(story, "s,x", "s");
    story.shows("SELECT * FROM s ORDER BY id", "1;2");
}

fn moved_with_a_table(story: &mut Story<'_>) {
    let t = begun(story).renamed("u");
    let other = format!("{}_Other", story.db);
    let sql = format!("CREATE DATABASE `{other}`;");
    let left = json!({"DBInfo": db_info(300, &other), "TableInfo": null, "MultipleTableInfos": null});
    story.made.typed(1, 0, [&sql, &sql], left);
    story.made.last_job()["schema_id"] = json!(300);
    story.made.last_job()["schema_name"] = json!(other.to_lowercase());
    let sql = format!("RENAME TABLE `s` TO `{0}`.`x`, `t` TO `{0}`.`u`;", other.to_lowercase());
    let all = [sequence("x"), t.info()];
    story.made.typed(47, T, [&sql, &sql], json!({"DBInfo": null, "TableInfo": all[1], "MultipleTableInfos": all}));
    story.made.last_job()["schema_id"] = json!(300);
    story.insert(&t, vec![i(2)]);
    ends(story, "", "");
    story.shows(&format!("SELECT * FROM {other}.u ORDER BY id"), "1;2");
    let sql = format!("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = '{other}'");
    story.shows(&sql, if server::is_mysql() { "1" } else { "2" });
}

fn altered(story: &mut Story<'_>, sql: &str) {
    story.job(35, 203, sql, sql, sequence("s"));
}

/// Next number, range, start and increment of `s`.
#[track_caller]
fn counts(story: &mut Story<'_>, all: &str) {
    server::only_mariadb(story.world.server, "sequences");
    let sql = "SELECT next_not_cached_value, minimum_value, maximum_value, start_value, increment FROM s";
    story.shows(sql, all);
}

/// TiDB takes it, and MariaDB says 4085.
fn before_its_range(story: &mut Story<'_>) {
    begun(story);
    altered(story, "ALTER SEQUENCE `s` START WITH 53 MINVALUE 50 INCREMENT BY 5;");
    let ran = story.play();
    counts(story, "53|50|100|53|5");
    assert!(ran.stderr.contains("continues with 53"), "{}", ran.stderr);
    altered(story, "ALTER SEQUENCE `s` MINVALUE -100 MAXVALUE -1 START WITH -1 INCREMENT BY -1;");
    story.play();
    counts(story, "-1|-100|-1|-1|-1");
}

fn restarts_before_its_range(story: &mut Story<'_>) {
    begun(story);
    altered(story, "ALTER SEQUENCE `s` RESTART WITH 0 CACHE 5;");
    story.play();
    counts(story, "1|1|100|1|1");
    altered(story, "ALTER SEQUENCE `s` RESTART WITH 7;");
    story.play();
    counts(story, "7|1|100|1|1");
    // Like there, it has run out.
    altered(story, "ALTER SEQUENCE `s` RESTART WITH 500;");
    story.play();
    counts(story, "500|1|100|1|1");
}

/// TiDB leaves the bounds as they are.
fn without_a_bound(story: &mut Story<'_>) {
    begun(story);
    altered(story, "ALTER SEQUENCE `s` MINVALUE -7 NO MAXVALUE;");
    altered(story, "ALTER SEQUENCE `s` NO MINVALUE;");
    story.play();
    counts(story, "1|-7|100|1|1");
}
