//! Keys that the target cannot have, or reads in another way.

use serde_json::{Value as Json, json};
use tisync::model::{Handle, Key, KeyPart, RowKind};
use tisync::playground::tableinfo::name;

use crate::column::{Defined, field, id, index, unique};
use crate::common::made::INT;
use crate::story::Story;
use crate::world::{i, s, text};
use crate::{Case, case};

pub fn cases() -> Vec<Case> {
    vec![
        case("a foreign key to a column without an index is left out and said", without_index),
        case("a foreign key to a column of another type is left out and said", other_type),
        case("a foreign key to a column without an index is added", added),
        case("old collations: letters in two cases in a unique key", |story| {
            old_collation(story, "utf8mb4_general_ci", "A", false)
        }),
        case("old collations: a space at the end in a unique key", |story| {
            old_collation(story, "utf8mb4_general_ci", "a ", false)
        }),
        case("old collations: letters in two cases in a primary key", |story| {
            old_collation(story, "utf8mb4_unicode_ci", "A", true)
        }),
        case("old collations: letters in two cases in one transaction", old_collation_at_once),
    ]
}

/// The FKInfo of a key `fk` of the column `p` to `par`.
fn foreign(column: &str) -> Json {
    json!({
        "id": 1, "fk_name": name("fk"), "ref_schema": name(""), "ref_table": name("par"), "ref_cols": [name(column)], "cols": [name("p")],
        "on_delete": 0, "on_update": 0, "state": 5, "version": 0,
    })
}

const BIG: tisync::model::Kind = tisync::model::Kind::Int { bytes: 8, unsigned: false };

fn parent(story: &mut Story<'_>) {
    let parent = Defined::new(&story.db, 202, "par", &[id(), field("a", INT)]);
    story.ddl(3, "CREATE TABLE `par` (`id` INT PRIMARY KEY,`a` INT);", &parent);
}

fn child(story: &Story<'_>) -> Defined {
    Defined::new(&story.db, 203, "kid", &[id(), field("p", BIG)])
}

/// That the child is there with its row and without the key, and that the key was named.
fn left_out(story: &mut Story<'_>) {
    let ran = story.play();
    story.shows("SELECT * FROM kid", "1|1");
    let keys = "SELECT COUNT(*) FROM information_schema.referential_constraints WHERE constraint_schema = DATABASE()";
    story.shows(keys, "0");
    story.shows(
        "SELECT column_name FROM information_schema.statistics WHERE table_schema = DATABASE() AND index_name = 'fk'",
        "p",
    );
    let said = ran.stderr;
    assert!(said.contains("fk") && said.contains("left out"), "the key is named: {said}");
}

fn without_index(story: &mut Story<'_>) {
    parent(story);
    let child = child(story).indexes(&[index(1, "fk", &[("p", 1)])]).also("/fk_info", json!([foreign("a")]));
    let sql =
        "CREATE TABLE `kid` (`id` INT PRIMARY KEY,`p` BIGINT,CONSTRAINT `fk` FOREIGN KEY (`p`) REFERENCES `par`(`a`));";
    story.ddl(3, sql, &child);
    story.insert(&child, vec![i(1), i(1)]);
    left_out(story);
}

/// TiDB before 6.6 compares no types.
fn other_type(story: &mut Story<'_>) {
    parent(story);
    let child = child(story).indexes(&[index(1, "fk", &[("p", 1)])]).also("/fk_info", json!([foreign("id")]));
    let sql = "CREATE TABLE `kid` (`id` INT PRIMARY KEY,`p` BIGINT,CONSTRAINT `fk` FOREIGN KEY (`p`) REFERENCES `par`(`id`));";
    story.ddl(3, sql, &child);
    story.insert(&child, vec![i(1), i(1)]);
    left_out(story);
}

fn added(story: &mut Story<'_>) {
    parent(story);
    let child = child(story).indexes(&[index(1, "fk", &[("p", 1)])]);
    story.ddl(3, "CREATE TABLE `kid` (`id` INT PRIMARY KEY,`p` BIGINT,INDEX `fk`(`p`));", &child);
    let child = child.also("/fk_info", json!([foreign("a")]));
    story.ddl(9, "ALTER TABLE `kid` ADD CONSTRAINT `fk` FOREIGN KEY (`p`) REFERENCES `par`(`a`);", &child);
    story.insert(&child, vec![i(1), i(1)]);
    left_out(story);
}

/// A table whose column `k` is a key in a collation that folds.
fn folded(story: &Story<'_>, collation: &'static str, primary: bool) -> Defined {
    let k = field("k", text()).length(20).also("/type/Collate", json!(collation));
    if primary {
        let mut t = Defined::new(&story.db, 201, "t", &[id(), k.not_null()]);
        t.table.keys =
            vec![Key { name: "PRIMARY".to_owned(), primary: true, parts: vec![KeyPart { column: 1, prefix: None }] }];
        t.table.handle = Handle::RowId;
        return t.also("/collate", json!(collation));
    }
    story.t(&[k]).indexes(&[unique(1, "k", &[("k", 1)])]).also("/collate", json!(collation))
}

fn made_folded(story: &mut Story<'_>, collation: &'static str, primary: bool) -> Defined {
    let t = folded(story, collation, primary);
    let columns = match primary {
        true => "`id` INT NOT NULL,`k` VARCHAR(20) NOT NULL,PRIMARY KEY(`k`) /*T![clustered_index] NONCLUSTERED */",
        false => "`id` INT PRIMARY KEY,`k` VARCHAR(20),UNIQUE `k`(`k`)",
    };
    story.ddl(3, &format!("CREATE TABLE `t` ({columns}) DEFAULT COLLATE = {};", collation.to_uppercase()), &t);
    t
}

/// Two rows whose keys a cluster without new collations tells apart by their bytes, and the target does not: it stops, keeps the first, and says that it is the
/// collation.
fn old_collation(story: &mut Story<'_>, collation: &'static str, other: &str, primary: bool) {
    let t = made_folded(story, collation, primary);
    story.insert(&t, vec![i(1), s("a")]);
    story.insert(&t, vec![i(2), s(other)]);
    story.insert(&t, vec![i(3), s("b")]);
    stopped(story);
}

fn old_collation_at_once(story: &mut Story<'_>) {
    let t = made_folded(story, "utf8mb4_general_ci", false);
    story.insert(&t, vec![i(1), s("a")]);
    story.made.rows(&t.table, [(2, "A"), (3, "b")].map(|(id, k)| RowKind::Insert(vec![i(id), s(k)])).to_vec());
    stopped(story);
}

fn stopped(story: &mut Story<'_>) {
    let ran = story.play_with(&[]).expect(4);
    assert!(ran.stderr.contains("collation"), "it says why: {}", ran.stderr);
    story.shows("SELECT id, k FROM t", "1|a");
}
