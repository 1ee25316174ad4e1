//! Backslashes. TiDB restores a statement with those of values doubled and the others as they are, in older versions all as they are, and loses some that were typed
//! under NO_BACKSLASH_ESCAPES. The definition has each as it is, but in expressions, where it writes literals that a session without that mode reads.

use serde_json::json;
use tisync::model::{Generated, Kind, Value};

use crate::column::{Field, field, index, part, partitions};
use crate::common::made::INT;
use crate::common::server::{Dialect, refuse};
use crate::story::Story;
use crate::world::{i, s, text};
use crate::{Case, case};

pub fn cases() -> Vec<Case> {
    vec![
        case("backslashes of an ENUM's elements are the definition's", enumeration),
        case("backslashes at the end of an ENUM's and a SET's elements are the definition's", awkward_elements),
        case("backslashes of an ENUM's elements that are changed are the definition's", enumeration_changed),
        case("backslashes of a SET's elements in a new table are the definition's", set),
        case("backslashes of a default are the definition's, doubled in the text or not", defaults),
        case("a backslash at the end of a table's comment is the definition's", table_comment),
        case("backslashes of a table's comment that is changed are the definition's", comment_changed),
        case("backslashes of comments of columns and indexes are the definition's", other_comments),
        case("backslashes of a partition's comment are the definition's", partition_comment),
        case("a generated column typed under NO_BACKSLASH_ESCAPES has the definition's expression", generated),
        case("a generated column is added under NO_BACKSLASH_ESCAPES", generated_added),
        case("a generated column with backslashes typed as ever", generated_as_ever),
        case("a generated column that is NOT NULL", generated_not_null),
    ]
}

fn listed(elements: &[&str]) -> Vec<String> {
    elements.iter().map(|e| (*e).to_owned()).collect()
}

fn enumeration(story: &mut Story<'_>) {
    story.plain();
    let t = story.t(&[field("e", Kind::Enum { elements: listed(&[r"a\b", "c"]) }).not_null().added("c")]);
    story.typed(
        5,
        r"alter table t add column e enum('a\\b','c') not null default 'c'",
        r"ALTER TABLE `t` ADD COLUMN `e` ENUM('a\b','c') NOT NULL DEFAULT _UTF8MB4'c';",
        &t,
    );
    story.insert(&t, vec![i(2), Value::Enum(1)]);
    story.play();
    story.shows("SELECT * FROM t ORDER BY id", r"1|c;2|a\b");
}

/// A backslash before the quote that ends the element, quotes, and two of them in a row.
fn awkward_elements(story: &mut Story<'_>) {
    let elements = listed(&[r"\", r"it's\", r"x\\y", r"\n", "%"]);
    let t = story.t(&[
        field("e", Kind::Enum { elements: elements.clone() }).default(r"it's\"),
        field("s", Kind::Set { elements }).default(r"\,\n"),
    ]);
    story.typed(
        3,
        r"create table t (id int primary key, e enum('\\','it''s\\','x\\\\y','\\n','%') default 'it''s\\', s set('\\','it''s\\','x\\\\y','\\n','%') default '\\,\\n')",
        r"CREATE TABLE `t` (`id` INT PRIMARY KEY,`e` ENUM('\','it''s\','x\\y','\n','%') DEFAULT _UTF8MB4'it''s\\',`s` SET('\','it''s\','x\\y','\n','%') DEFAULT _UTF8MB4'\\,\\n');",
        &t,
    );
    story.insert(&t, vec![i(1), Value::Enum(3), Value::Set(7)]);
    story.insert(&t, vec![i(2), Value::Enum(4), Value::Set(16)]);
    story.play();
    story.world.run("INSERT INTO t (id) VALUES (3)");
    story.shows("SELECT * FROM t ORDER BY id", r"1|x\\y|\,it's\,x\\y;2|\n|%;3|it's\|\,\n");
}

fn enumeration_changed(story: &mut Story<'_>) {
    let listing = |elements: &[&str]| field("e", Kind::Enum { elements: listed(elements) });
    let t = story.t(&[listing(&[r"a\b"])]);
    story.typed(
        3,
        r"create table t (id int primary key, e enum('a\\b'))",
        r"CREATE TABLE `t` (`id` INT PRIMARY KEY,`e` ENUM('a\b'));",
        &t,
    );
    story.insert(&t, vec![i(1), Value::Enum(1)]);
    let t = story.t(&[listing(&[r"a\b", r"\n", r"\"]).default(r"\")]);
    story.typed(
        12,
        r"alter table t modify column e enum('a\\b','\\n','\\') default '\\'",
        r"ALTER TABLE `t` MODIFY COLUMN `e` ENUM('a\b','\n','\') DEFAULT _UTF8MB4'\\';",
        &t,
    );
    story.insert(&t, vec![i(2), Value::Enum(2)]);
    story.play();
    story.world.run("INSERT INTO t (id) VALUES (3)");
    story.shows("SELECT * FROM t ORDER BY id", r"1|a\b;2|\n;3|\");
}

fn set(story: &mut Story<'_>) {
    let elements = listed(&[r"c:\dir", r"\d", "c"]);
    let t = story.t(&[field("s", Kind::Set { elements }).default(r"c:\dir,c")]);
    story.typed(
        3,
        r"create table t (id int primary key, s set('c:\\dir','\\d','c') default 'c,c:\\dir')",
        r"CREATE TABLE `t` (`id` INT PRIMARY KEY,`s` SET('c:\dir','\d','c') DEFAULT _UTF8MB4'c,c:\\dir');",
        &t,
    );
    story.insert(&t, vec![i(1), Value::Set(3)]);
    story.play();
    story.world.run("INSERT INTO t (id) VALUES (2)");
    story.shows("SELECT * FROM t ORDER BY id", r"1|c:\dir,\d;2|c:\dir,c");
}

fn defaults(story: &mut Story<'_>) {
    let columns =
        [("a", r"x\y"), ("b", r"x\y"), ("c", r"\"), ("d", r"\'\"), ("e", r"\n")].map(|(n, d)| varchar(n).default(d));
    let t = story.t(&columns);
    let sql = r"CREATE TABLE `t` (`id` INT PRIMARY KEY,`a` VARCHAR(20) DEFAULT _UTF8MB4'x\\y',`b` VARCHAR(20) DEFAULT 'x\\y',`c` VARCHAR(20) DEFAULT _UTF8MB4'\\',`d` VARCHAR(20) DEFAULT _UTF8MB4'\\''\\',`e` VARCHAR(20) DEFAULT _UTF8MB4'\\n');";
    story.ddl(3, sql, &t);
    // Typed under NO_BACKSLASH_ESCAPES, and restored by an older TiDB.
    let older = [&columns[..], &[varchar("f").added(r"c:\new")]].concat();
    let t = story.t(&older);
    story.ddl(5, r"ALTER TABLE `t` ADD COLUMN `f` VARCHAR(20) DEFAULT 'c:\new';", &t);
    story.play();
    story.world.run("INSERT INTO t (id) VALUES (1)");
    story.shows("SELECT * FROM t", r"1|x\y|x\y|\|\'\|\n|c:\new");
}

fn varchar(name: &'static str) -> Field {
    field(name, text()).length(20)
}

/// What the target says of comments.
const OF_TABLE: &str = "SELECT table_comment FROM information_schema.tables WHERE table_schema = DATABASE()";

fn table_comment(story: &mut Story<'_>) {
    let t = story.t(&[]).also("/comment", json!(r"dir c:\"));
    story.typed(
        3,
        r"create table t (id int primary key) comment 'dir c:\\'",
        r"CREATE TABLE `t` (`id` INT PRIMARY KEY) COMMENT = 'dir c:\';",
        &t,
    );
    story.insert(&t, vec![i(1)]);
    story.play();
    story.shows(OF_TABLE, r"dir c:\");
    story.shows("SELECT * FROM t", "1");
}

fn comment_changed(story: &mut Story<'_>) {
    let t = story.plain();
    for (typed, restored, comment) in [
        (r"'c:\\new'", r"'c:\new'", r"c:\new"),
        (r"'it''s \\'", r"'it''s \'", r"it's \"),
        // Under NO_BACKSLASH_ESCAPES.
        (r"'two \\ of them\'", r"'two \\ of them\'", r"two \\ of them\"),
    ] {
        let t = t.clone().also("/comment", json!(comment));
        let sql = |text: &str| format!("ALTER TABLE `t` COMMENT = {text}");
        story.typed(17, &sql(typed), &format!("{};", sql(restored)), &t);
        story.play();
        story.shows(OF_TABLE, comment);
    }
}

fn other_comments(story: &mut Story<'_>) {
    let mut by_a = index(1, "by_a", &[("a", 1)]);
    by_a["comment"] = json!(r"index \ and \n\");
    let t = story.t(&[field("a", INT).comment(r"column \ and \n\")]).indexes(&[by_a.clone()]);
    let sql = r"CREATE TABLE `t` (`id` INT PRIMARY KEY,`a` INT COMMENT 'column \\ and \\n\\',INDEX `by_a`(`a`) COMMENT 'index \ and \n\');";
    story.ddl(3, sql, &t);
    let more = [field("a", INT).comment(r"column \ and \n\"), field("b", INT).comment(r"\")];
    let wider = story.t(&more).indexes(&[by_a.clone()]);
    story.ddl(5, r"ALTER TABLE `t` ADD COLUMN `b` INT COMMENT '\\';", &wider);
    let mut by_b = index(2, "by_b", &[("b", 2)]);
    by_b["comment"] = json!(r"\");
    let indexed = story.t(&more).indexes(&[by_a, by_b]);
    story.ddl(7, r"ALTER TABLE `t` ADD INDEX `by_b`(`b`) COMMENT '\';", &indexed);
    story.insert(&indexed, vec![i(1), i(2), i(3)]);
    story.play();
    assert_eq!(story.of_column("column_comment", "a"), r"column \ and \n\");
    assert_eq!(story.of_column("column_comment", "b"), r"\");
    let of_indexes = "SELECT index_name, index_comment FROM information_schema.statistics WHERE table_schema = DATABASE() AND index_name <> 'PRIMARY' ORDER BY index_name";
    story.shows(of_indexes, r"by_a|index \ and \n\;by_b|\");
    story.shows("SELECT * FROM t", "1|2|3");
}

fn partition_comment(story: &mut Story<'_>) {
    let commented = |id, name, below, comment: &str| {
        let mut part = part(id, name, &json!(below));
        part["comment"] = json!(comment);
        part
    };
    let parts = vec![commented(211, "p0", "10", r"c:\"), commented(212, "p1", "20", r"c:\new")];
    let t = story.t(&[]).also("/partition", partitions(1, "`id`", parts));
    let sql = r"CREATE TABLE `t` (`id` INT PRIMARY KEY) PARTITION BY RANGE (`id`) (PARTITION `p0` VALUES LESS THAN (10) COMMENT = 'c:\',PARTITION `p1` VALUES LESS THAN (20) COMMENT = 'c:\new');";
    story.ddl(3, sql, &t);
    story.insert(&t, vec![i(1)]);
    story.play();
    story.shows("SELECT * FROM t", "1");
    let comments = "SELECT partition_name, partition_comment FROM information_schema.partitions WHERE table_schema = DATABASE() ORDER BY partition_ordinal_position";
    story.shows(comments, r"p0|c:\;p1|c:\new");
}

/// `\d` as the definition writes it.
const DIGITS: &str = r"regexp_replace(`a`, _utf8mb4'^[1-9]\\d{3}$', _utf8mb4'x')";

/// Ends a case on a server that knows no REGEXP_REPLACE.
fn needs_regexp_replace(story: &Story<'_>) {
    let server = Dialect::of(story.world.server);
    if server.mysql && server.version < (8, 0) {
        refuse("MySQL 5.7 has no REGEXP_REPLACE");
    }
}

fn generated(story: &mut Story<'_>) {
    needs_regexp_replace(story);
    let t = story.t(&[field("a", text()), varchar("b").generated(Generated::Stored, DIGITS)]);
    story.typed(
        3,
        r"create table t(id int primary key, a text, b varchar(20) as (regexp_replace(a, '^[1-9]\d{3}$', 'x')) stored)",
        r"CREATE TABLE `t` (`id` INT PRIMARY KEY,`a` TEXT,`b` VARCHAR(20) GENERATED ALWAYS AS(REGEXP_REPLACE(`a`, _UTF8MB4'^[1-9]d{3}$', _UTF8MB4'x')) STORED);",
        &t,
    );
    story.insert(&t, vec![i(1), s("1234"), s("x")]);
    story.insert(&t, vec![i(2), s("1d34"), s("1d34")]);
    story.insert(&t, vec![i(3), s("1ddd"), s("1ddd")]);
    story.play();
    story.shows("SELECT * FROM t ORDER BY id", "1|1234|x;2|1d34|1d34;3|1ddd|1ddd");
}

fn generated_added(story: &mut Story<'_>) {
    needs_regexp_replace(story);
    let old = story.t(&[field("a", text())]);
    story.ddl(3, "CREATE TABLE `t` (`id` INT PRIMARY KEY,`a` TEXT);", &old);
    story.insert(&old, vec![i(1), s("1234")]);
    let new = story.t(&[field("a", text()), varchar("b").generated(Generated::Virtual, DIGITS)]);
    story.typed(
        5,
        r"alter table t add column b varchar(20) as (regexp_replace(a, '^[1-9]\d{3}$', 'x'))",
        r"ALTER TABLE `t` ADD COLUMN `b` VARCHAR(20) GENERATED ALWAYS AS(REGEXP_REPLACE(`a`, _UTF8MB4'^[1-9]d{3}$', _UTF8MB4'x')) VIRTUAL;",
        &new,
    );
    story.insert(&new, vec![i(2), s("1ddd"), Value::Absent]);
    story.play();
    story.shows("SELECT * FROM t ORDER BY id", "1|1234|x;2|1ddd|1ddd");
}

/// MariaDB has no NOT NULL for it.
fn generated_not_null(story: &mut Story<'_>) {
    let how = |stored| if stored { Generated::Stored } else { Generated::Virtual };
    let b = |name, stored| field(name, INT).not_null().generated(how(stored), "`a` + 1");
    let t = story.t(&[field("a", INT), b("b", true)]);
    story.ddl(
        3,
        "CREATE TABLE `t` (`id` INT PRIMARY KEY,`a` INT,`b` BIGINT GENERATED ALWAYS AS(`a`+1) STORED NOT NULL);",
        &t,
    );
    story.insert(&t, vec![i(1), i(5), i(6)]);
    let with = story.t(&[field("a", INT), b("b", true), b("c", false)]);
    story.ddl(5, "ALTER TABLE `t` ADD COLUMN `c` BIGINT GENERATED ALWAYS AS(`a`+1) VIRTUAL NOT NULL;", &with);
    story.insert(&with, vec![i(2), i(7), i(8), Value::Absent]);
    story.play();
    story.shows("SELECT * FROM t ORDER BY id", "1|5|6|6;2|7|8|8");
}

fn generated_as_ever(story: &mut Story<'_>) {
    let expression = r"concat(`a`, _utf8mb4'\\', _utf8mb4'it''s\\n')";
    let t = story.t(&[varchar("a"), varchar("b").generated(Generated::Stored, expression)]);
    story.typed(
        3,
        r"create table t(id int primary key, a varchar(20), b varchar(20) as (concat(a, '\\', 'it''s\\n')) stored)",
        r"CREATE TABLE `t` (`id` INT PRIMARY KEY,`a` VARCHAR(20),`b` VARCHAR(20) GENERATED ALWAYS AS(CONCAT(`a`, _UTF8MB4'\\', _UTF8MB4'it''s\\n')) STORED);",
        &t,
    );
    story.insert(&t, vec![i(1), s("c:"), s(r"c:\it's\n")]);
    story.play();
    story.shows("SELECT * FROM t", r"1|c:|c:\it's\n");
}
