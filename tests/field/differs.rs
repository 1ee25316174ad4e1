//! A target that has something else than a DDL leaves upstream: the run stops before the next row, until both are alike or the operator says so.

use serde_json::json;
use tisync::model::Kind;

use crate::column::{self, Defined, field, index, part, partitions};
use crate::common::binary::Ran;
use crate::common::made::INT;
use crate::story::Story;
use crate::world::{i, s, text};
use crate::{Case, case};

pub fn cases() -> Vec<Case> {
    vec![
        case("what differs: a table that was there, until it is mended", until_mended),
        case("what differs: a table that was there, kept by word", kept_by_word),
        case("what differs: tables that were there, of several that one job makes", of_several),
        case("what differs: every part is named", every_part),
        case("what differs: one bound of many partitions", one_bound),
        case("what differs: what did before may go on to", as_before),
        case("what differs: nothing, in many partitions", many_partitions),
        case("what differs: an account that makes no reference", without_rights),
    ]
}

/// `t`, which the target has with an INT where the upstream has a text.
fn was_there(story: &mut Story<'_>) {
    story.play();
    let t = story.t(&[field("a", text()).length(20)]);
    story.ddl(3, "CREATE TABLE IF NOT EXISTS `t` (`id` BIGINT PRIMARY KEY,`a` VARCHAR(20));", &t);
    story.insert(&t, vec![i(1), s("7")]);
    let db = story.db.clone();
    story.world.run(&format!("CREATE TABLE {db}.t (id BIGINT PRIMARY KEY, a INT)"));
}

#[track_caller]
fn stops(story: &mut Story<'_>, more: &[&str], words: &[&str]) -> Ran {
    let ran = story.play_with(more).expect(4);
    for word in words {
        assert!(ran.stderr.contains(word), "{word} is not in\n{}", ran.stderr);
    }
    ran
}

/// Runs what the hint names.
fn mend(story: &mut Story<'_>, ran: &Ran) {
    let (_, behind) = ran.stderr.split_once("for example with `").unwrap();
    let (sql, _) = behind.split_once("`, and run").unwrap();
    for one in sql.split("; ") {
        story.world.run(one);
    }
}

fn until_mended(story: &mut Story<'_>) {
    was_there(story);
    let words = ["type of column `a`: upstream `varchar(20)`, target `int", "--pending-ddl done", "no row after it"];
    stops(story, &[], &words);
    // The next run compares again, and does not run it again.
    let ran = stops(story, &[], &words);
    story.shows("SELECT COUNT(*) FROM t", "0");
    mend(story, &ran);
    story.play();
    story.shows("SELECT * FROM t", "1|7");
    story.shows("SHOW TABLES IN tidb_binlog LIKE 'tisync\\_reference%'", "");
}

fn kept_by_word(story: &mut Story<'_>) {
    was_there(story);
    stops(story, &[], &["type of column `a`"]);
    let ran = story.play_with(&["--pending-ddl", "done"]).expect(0);
    assert!(ran.stderr.contains("stay as they are"), "{}", ran.stderr);
    story.shows("SELECT * FROM t", "1|7");
}

fn every_part(story: &mut Story<'_>) {
    story.play();
    let fields = [field("a", text()).length(20).comment("is"), field("b", INT).not_null().added("5"), field("c", INT)];
    let t = story.t(&fields).indexes(&[index(2, "k", &[("b", 2)]), index(3, "gone", &[("c", 3)])]);
    story.ddl(3, "CREATE TABLE IF NOT EXISTS `t` (`id` BIGINT PRIMARY KEY);", &t);
    let db = story.db.clone();
    story.world.run(&format!(
        "CREATE TABLE {db}.t (id BIGINT PRIMARY KEY, b BIGINT NULL DEFAULT 6, a VARCHAR(20) COLLATE utf8mb4_general_ci COMMENT 'was', \
         d INT, KEY k (b, d), KEY more (d)) COLLATE utf8mb4_general_ci COMMENT 'other'"
    ));
    let ran = stops(story, &[], &["NOT NULL of column `b`: upstream `NOT NULL`, target nothing"]);
    let named = ran.stderr.matches(" column `").count();
    assert!(named >= 4, "{}", ran.stderr);
    assert!(ran.stderr.contains("more\n"), "not all of them fit: {}", ran.stderr);
    mend(story, &ran);
    story.play();
    let columns = "SELECT column_name, is_nullable, column_default, column_comment FROM information_schema.columns \
                   WHERE table_schema = DATABASE() AND column_name <> 'id' AND table_name = 't' ORDER BY ordinal_position";
    let nothing = story.world.one("SELECT IF(VERSION() LIKE '%MariaDB%', 'NULL', NULL)");
    story.shows(columns, &format!("a|YES|{nothing}|is;b|NO|5|;c|YES|{nothing}|"));
}

fn ranged(story: &Story<'_>, numbers: impl Iterator<Item = i64>) -> Defined {
    let parts = numbers.map(|n| part(1000 + n, &format!("p{n}"), &json!((n * 10).to_string()))).collect();
    story.t(&[]).also("/partition", partitions(1, "`id`", parts))
}

fn range_sql(numbers: impl Iterator<Item = i64>, odd: i64) -> String {
    let parts: Vec<String> = numbers
        .map(|n| format!("PARTITION `p{n}` VALUES LESS THAN ({})", if n == odd { n * 10 + 1 } else { n * 10 }))
        .collect();
    format!("(`id` BIGINT PRIMARY KEY) PARTITION BY RANGE (`id`) ({})", parts.join(","))
}

fn one_bound(story: &mut Story<'_>) {
    story.play();
    let t = ranged(story, 1..=70);
    story.ddl(3, &format!("CREATE TABLE IF NOT EXISTS `t` {};", range_sql(1..=70, 0)), &t);
    let db = story.db.clone();
    story.world.run(&format!("CREATE TABLE {db}.t {}", range_sql(1..=70, 69)));
    stops(story, &[], &["partition `p69`: upstream `VALUES LESS THAN (690)`, target `VALUES LESS THAN (691)`"]);
}

fn many_partitions(story: &mut Story<'_>) {
    let t = ranged(story, 1..=70);
    story.ddl(3, &format!("CREATE TABLE `t` {};", range_sql(1..=70, 0)), &t);
    let t = ranged(story, 1..=71);
    story.ddl(19, "ALTER TABLE `t` ADD PARTITION (PARTITION `p71` VALUES LESS THAN (710));", &t);
    let ran = story.play();
    assert!(!ran.stderr.contains("not compared"), "{}", ran.stderr);
}

/// An index and a comment that only the target has, and a default that it has not, stay through DDL on other parts of the same table.
fn as_before(story: &mut Story<'_>) {
    let fields = [field("a", text()).length(20), field("b", INT).not_null().added("5")];
    let t = story.t(&fields);
    story.ddl(3, "CREATE TABLE `t` (`id` BIGINT PRIMARY KEY,`a` VARCHAR(20),`b` BIGINT NOT NULL DEFAULT '5');", &t);
    story.play();
    story.world.run(
        "ALTER TABLE t ADD KEY own (b), MODIFY a VARCHAR(20) COLLATE utf8mb4_bin COMMENT 'ours', ALTER b DROP DEFAULT",
    );
    let renamed = [fields[0].clone().named("z"), fields[1].clone(), field("c", Kind::Double)];
    let mut more = story.t(&renamed);
    more.table.columns[1].id = t.table.columns[1].id;
    story.ddl(61, "ALTER TABLE `t` RENAME COLUMN `a` TO `z`, ADD COLUMN `c` DOUBLE;", &more);
    story.insert(&more, vec![i(1), s("x"), i(2), tisync::model::Value::Float(1.5)]);
    let ran = story.play();
    assert!(ran.stderr.contains("and did not before this DDL"), "{}", ran.stderr);
    story.shows("SELECT z, b, c FROM t", "x|2|1.5");
    story.shows(
        "SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = DATABASE() AND index_name = 'own'",
        "1",
    );
}

/// Only DROP is missing: the tables are replicated as ever, and each that was not compared is named.
fn without_rights(story: &mut Story<'_>) {
    story.plain();
    // A first run makes the checkpoint's tables.
    story.play();
    let more = story.t(&[field("a", INT)]);
    story.ddl(5, "ALTER TABLE `t` ADD COLUMN `a` BIGINT;", &more);
    story.insert(&more, vec![i(2), i(3)]);
    let (db, user) = (story.db.clone(), format!("less_{}", story.db.to_lowercase()));
    story.world.run(&format!("CREATE USER {user}@'%' IDENTIFIED BY ''"));
    story.world.run(&format!("GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER ON tidb_binlog.* TO {user}@'%'"));
    story.world.run(&format!("GRANT ALL ON `{db}`.* TO {user}@'%'"));
    let ran = story.play_as(&user, &[]).expect(0);
    assert!(ran.stderr.contains("could not compare"), "{}", ran.stderr);
    story.shows("SELECT * FROM t ORDER BY id", "1|~;2|3");
}

/// Each is looked at before its own statement.
fn of_several(story: &mut Story<'_>) {
    story.play();
    let of = |story: &Story<'_>, id, name: &str| Defined::new(&story.db, id, name, &[column::id(), field("a", INT)]);
    let all = [of(story, 202, "u"), of(story, 203, "v"), of(story, 204, "w"), of(story, 205, "x")];
    let sql = ["u", "v", "w", "x"]
        .map(|name| format!("CREATE TABLE IF NOT EXISTS `{name}` (`id` INT PRIMARY KEY,`a` INT);"))
        .concat();
    let infos: Vec<_> = all.iter().map(Defined::info).collect();
    story.made.typed(60, 202, [&sql, &sql], json!({"DBInfo": null, "TableInfo": null, "MultipleTableInfos": infos}));
    story.insert(&all[3], vec![i(1), i(10)]);
    let db = story.db.clone();
    story.world.run(&format!("CREATE TABLE {db}.v (id INT PRIMARY KEY, a BIGINT)"));
    story.world.run(&format!("CREATE TABLE {db}.x (id INT PRIMARY KEY, a SMALLINT)"));
    let words = ["`v`:\n", "`x`:\n", "type of column `a`: upstream `int"];
    stops(story, &[], &words);
    // The next run knows it still.
    let ran = stops(story, &[], &words);
    assert!(!ran.stderr.contains("`w`:"), "{}", ran.stderr);
    mend(story, &ran);
    story.play();
    story.shows("SELECT * FROM x", "1|10");
}
