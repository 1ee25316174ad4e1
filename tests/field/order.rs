//! What comes in another order than it seems: a Drainer's transactions once more, and rows of a definition before the message of its DDL.

use mysql::prelude::Queryable;
use tisync::model::{CommitTs, RowKind};

use crate::column::{field, index};
use crate::common::made::INT;
use crate::story::Story;
use crate::world::i;
use crate::{Case, case};

pub fn cases() -> Vec<Case> {
    vec![
        case("transactions that a killed Drainer has written come again in safe mode", again),
        case("rows of a new version come before its DDL", |story| early(story, "1")),
        case("rows of a new version come before its DDL, with sync-mode 2", |story| early(story, "2")),
    ]
}

/// What is there before is what the three first transactions wrote. Then 1 gets another key, 2 is deleted, 3 is replaced, 4 is new.
fn again(story: &mut Story<'_>) {
    let t = story.t(&[field("a", INT)]);
    story.ddl(3, "CREATE TABLE `t` (`id` INT PRIMARY KEY,`a` INT);", &t);
    let row = |id: i64, a: i64| vec![i(id), i(a)];
    let first = story.made.insert(&t.table, row(9, 9));
    for (id, a) in [(1, 1), (2, 1), (3, 3)] {
        story.insert(&t, row(id, a));
    }
    story.made.rows(&t.table, vec![RowKind::Delete(row(1, 1)), RowKind::Insert(row(103, 1))]);
    story.delete(&t, row(2, 1));
    story.insert(&t, row(4, 4));
    let db = story.db.clone();
    for sql in [
        "CREATE DATABASE ?",
        "CREATE TABLE ?.t (id INT PRIMARY KEY, a INT)",
        "INSERT INTO ?.t VALUES (1, 1), (2, 1), (3, 3)",
    ] {
        story.world.conn.query_drop(sql.replace('?', &db)).unwrap();
    }
    let before = CommitTs(first - 1).0.to_string();
    story.play_with(&["--safe-mode", "--start-ts", &before]).expect(0);
    story.shows("SELECT * FROM t ORDER BY id", "3|3;4|4;9|9;103|1");
}

/// TiDB has the parts of one ALTER public before its message: seen in 6 of 22 such under load.
fn early(story: &mut Story<'_>, mode: &str) {
    let old = story.t(&[field("a", INT)]);
    story.ddl(3, "CREATE TABLE `t` (`id` INT PRIMARY KEY,`a` INT);", &old);
    story.insert(&old, vec![i(1), i(10)]);
    let new = story.t(&[field("a", INT), field("b", INT).added("7")]).indexes(&[index(1, "a", &[("a", 1)])]);
    let rows = vec![
        RowKind::Insert(vec![i(2), i(20), i(42)]),
        RowKind::Update { old: vec![i(1), i(10), i(7)], new: vec![i(1), i(11), i(43)] },
    ];
    story.made.early_rows(&new.table, rows);
    story.typed(
        61,
        "alter table t add column b int default 7, add index a (a)",
        "ALTER TABLE `t` ADD COLUMN `b` INT DEFAULT 7, ADD INDEX `a`(`a`);",
        &new,
    );
    story.insert(&new, vec![i(3), i(30), i(44)]);
    story.play_with(&["--sync-mode", mode]).expect(0);
    story.shows("SELECT * FROM t ORDER BY id", "1|11|43;2|20|42;3|30|44");
    story.world.run("INSERT INTO t (id) VALUES (4)");
    story.shows("SELECT b FROM t WHERE id = 4", "7");
    let indexes =
        "SELECT column_name FROM information_schema.statistics WHERE table_schema = DATABASE() AND index_name = 'a'";
    story.shows(indexes, "a");
}
