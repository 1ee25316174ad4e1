//! Names of constraints: TiDB has them for each table, the targets for a whole database, and change them with a table's name.

use serde_json::{Value as Json, json};
use tisync::model::Kind;
use tisync::playground::tableinfo::name;

use crate::column::{Defined, Field, field, id, index, unique};
use crate::common::server::Dialect;
use crate::story::Story;
use crate::world::i;
use crate::{Case, case};

pub fn cases() -> Vec<Case> {
    vec![
        case("foreign keys of one name in two tables: each goes by itself", foreign_twice),
        case("foreign keys of one name with the longest names", foreign_long),
        case("a foreign key is dropped whatever name RENAME TABLE gave it", foreign_renamed),
        case("a foreign key goes with the index that the target made for it", foreign_index),
        case("both columns of a foreign key get other names, and one another place", foreign_pair),
        case("a foreign key that its columns no longer fit goes with the index made for it", foreign_misfit),
        case("a foreign key with back quotes in its names", foreign_back_quotes),
        case("columns of foreign keys get types, names and places in one ALTER", |story| foreign_columns(story, false)),
        case("columns of foreign keys get types, names and places in several statements", |story| {
            foreign_columns(story, true)
        }),
        case("CHECKs of one name in two tables: each goes by itself", check_twice),
        case("a CHECK is dropped whatever name RENAME TABLE gave it", check_renamed),
        case("a CHECK is enforced from later on", check_enforced),
        case("a foreign key and a CHECK of one name in one table", both),
    ]
}

const BIG: Kind = Kind::Int { bytes: 8, unsigned: false };

fn foreign(key: &str) -> Json {
    json!({
        "id": 1, "fk_name": name(key), "ref_schema": name(""), "ref_table": name("par"), "ref_cols": [name("id")], "cols": [name("p")],
        "on_delete": 0, "on_update": 0, "state": 5, "version": 0,
    })
}

fn check(number: i64, key: &str, expression: &str, enforced: bool) -> Json {
    json!({
        "id": number, "constraint_name": name(key), "table_name": name("kid"), "constraint_cols": [name("p")], "enforced": enforced,
        "in_column": false, "expr_string": expression, "state": 5,
    })
}

fn parent(story: &mut Story<'_>) {
    let parent = Defined::new(&story.db, 202, "par", &[field("id", BIG).not_null()]);
    story.ddl(3, "CREATE TABLE `par` (`id` BIGINT PRIMARY KEY);", &parent);
}

fn table(story: &Story<'_>, number: i64, name: &str) -> Defined {
    Defined::new(&story.db, number, name, &[id(), field("p", BIG)]).indexes(&[index(1, "i", &[("p", 1)])])
}

/// The foreign keys of the database, with their tables.
const KEYS: &str = "SELECT table_name, constraint_name FROM information_schema.referential_constraints WHERE constraint_schema = DATABASE() \
                    ORDER BY LOWER(table_name), constraint_name";

/// A table with a foreign key, or with CHECKs.
fn made(story: &mut Story<'_>, table: &Defined, place: &str, constraints: Json) -> Defined {
    let with = table.clone().also(place, constraints);
    story.ddl(
        3,
        &format!("CREATE TABLE `{}` (`id` INT PRIMARY KEY,`p` BIGINT,INDEX `i`(`p`));", table.table.name),
        &with,
    );
    with
}

fn foreign_twice(story: &mut Story<'_>) {
    parent(story);
    let (one, two) = (table(story, 203, "kid"), table(story, 204, "Mate"));
    made(story, &one, "/fk_info", json!([foreign("fk")]));
    made(story, &two, "/fk_info", json!([foreign("FK")]));
    let ran = story.play();
    assert!(!ran.stderr.contains("left out"), "{}", ran.stderr);
    story.shows(KEYS, "kid|fk;Mate|Mate_FK");
    // Another run.
    story.ddl(10, "ALTER TABLE `Mate` DROP FOREIGN KEY `fk`;", &two);
    story.play();
    story.shows(KEYS, "kid|fk");
    story.ddl(
        9,
        "ALTER TABLE `Mate` ADD CONSTRAINT `fk` FOREIGN KEY (`p`) REFERENCES `par`(`id`);",
        &two.also("/fk_info", json!([foreign("fk")])),
    );
    story.ddl(10, "ALTER TABLE `kid` DROP FOREIGN KEY `fk`;", &one);
    story.play();
    story.shows(KEYS, "Mate|Mate_fk");
}

fn foreign_long(story: &mut Story<'_>) {
    parent(story);
    let (long, key) = ("t".repeat(64), "k".repeat(64));
    let (one, two) = (table(story, 203, "kid"), table(story, 204, &long));
    made(story, &one, "/fk_info", json!([foreign(&key)]));
    made(story, &two, "/fk_info", json!([foreign(&key)]));
    story.play();
    story.shows(
        "SELECT COUNT(*) FROM information_schema.referential_constraints WHERE constraint_schema = DATABASE()",
        "2",
    );
    story.ddl(10, &format!("ALTER TABLE `{long}` DROP FOREIGN KEY `{key}`;"), &two);
    story.play();
    story.shows(KEYS, &format!("kid|{key}"));
}

fn foreign_renamed(story: &mut Story<'_>) {
    parent(story);
    let kid = table(story, 203, "kid");
    let with = made(story, &kid, "/fk_info", json!([foreign("kid_ibfk_1")]));
    story.ddl(14, "RENAME TABLE `kid` TO `kin`;", &with.renamed("kin"));
    story.play();
    story.shows(KEYS, "kin|kin_ibfk_1");
    story.ddl(10, "ALTER TABLE `kin` DROP FOREIGN KEY `kid_ibfk_1`;", &kid.renamed("kin"));
    let ran = story.play();
    assert!(!ran.stderr.contains("need not be dropped"), "{}", ran.stderr);
    story.shows(KEYS, "");
}

/// As a TiDB of before 6.6 leaves it, which makes no index.
fn foreign_index(story: &mut Story<'_>) {
    parent(story);
    let kid = Defined::new(&story.db, 203, "kid", &[id(), field("p", BIG)]);
    let with = kid.clone().also("/fk_info", json!([foreign("fk")]));
    story.ddl(3, "CREATE TABLE `kid` (`id` INT PRIMARY KEY,`p` BIGINT,CONSTRAINT `fk` FOREIGN KEY (`p`) REFERENCES `par`(`id`));", &with);
    story.play();
    let indexes = "SELECT index_name FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'kid' AND index_name <> 'PRIMARY'";
    story.shows(indexes, "fk");
    story.ddl(10, "ALTER TABLE `kid` DROP FOREIGN KEY `fk`;", &kid);
    story.play();
    story.shows(KEYS, "");
    story.shows(indexes, "");
}

/// Names and conditions of the CHECKs of a table, as far as SHOW CREATE TABLE tells.
fn checks(story: &mut Story<'_>, table: &str) -> Vec<String> {
    let shown = story.world.one(&format!("SHOW CREATE TABLE `{table}`"));
    shown
        .lines()
        .filter(|l| l.contains(" CHECK "))
        .map(|l| l.trim().trim_end_matches(',').replace(['(', ')'], ""))
        .collect()
}

fn has_checks(story: &Story<'_>) -> bool {
    Dialect::of(story.world.server).version >= (8, 0)
}

fn is_mysql(story: &Story<'_>) -> bool {
    Dialect::of(story.world.server).mysql
}

fn check_twice(story: &mut Story<'_>) {
    if !has_checks(story) {
        return;
    }
    let (one, two) = (table(story, 203, "kid"), table(story, 204, "kin"));
    for table in [&one, &two] {
        made(story, table, "/constraint_info", json!([check(1, "c", "`p` > 0", true), check(2, "d", "`p` > 1", true)]));
    }
    story.insert(&two, vec![i(1), i(5)]);
    story.play();
    assert_eq!(checks(story, "kid"), ["CONSTRAINT `c` CHECK `p` > 0", "CONSTRAINT `d` CHECK `p` > 1"]);
    let prefix = if is_mysql(story) { "kin_" } else { "" };
    let named =
        |number: i64| format!("CONSTRAINT `{prefix}{}` CHECK `p` > {number}", if number == 0 { "c" } else { "d" });
    assert_eq!(checks(story, "kin"), [named(0), named(1)]);
    story.ddl(
        44,
        "ALTER TABLE `kin` DROP CONSTRAINT `c`;",
        &two.clone().also("/constraint_info", json!([check(2, "d", "`p` > 1", true)])),
    );
    story.play();
    assert_eq!(checks(story, "kin"), [named(1)]);
    assert_eq!(checks(story, "kid").len(), 2);
    story.ddl(
        45,
        "ALTER TABLE `kin` ALTER CONSTRAINT `d` NOT ENFORCED;",
        &two.also("/constraint_info", json!([check(2, "d", "`p` > 1", false)])),
    );
    story.play();
    let left = if is_mysql(story) { vec![named(1) + " /*!80016 NOT ENFORCED */"] } else { Vec::new() };
    assert_eq!(checks(story, "kin"), left);
}

fn check_renamed(story: &mut Story<'_>) {
    if !has_checks(story) {
        return;
    }
    let kid = table(story, 203, "kid");
    let all = json!([check(1, "kid_chk_1", "`p` > 0", true), check(2, "kid_chk_2", "`p` <> 7 and `id` < 100", true)]);
    let with = made(story, &kid, "/constraint_info", all);
    story.ddl(14, "RENAME TABLE `kid` TO `kin`;", &with.renamed("kin"));
    story.play();
    let left = kid.renamed("kin").also("/constraint_info", json!([check(1, "kid_chk_1", "`p` > 0", true)]));
    story.ddl(44, "ALTER TABLE `kin` DROP CONSTRAINT `kid_chk_2`;", &left);
    story.play();
    let name = if is_mysql(story) { "kin_chk_1" } else { "kid_chk_1" };
    assert_eq!(checks(story, "kin"), [format!("CONSTRAINT `{name}` CHECK `p` > 0")]);
}

fn check_enforced(story: &mut Story<'_>) {
    if !has_checks(story) {
        return;
    }
    let kid = table(story, 203, "kid");
    made(story, &kid, "/constraint_info", json!([check(1, "c", "`p` > 0", false)]));
    let with = kid.also("/constraint_info", json!([check(1, "c", "`p` > 0", true)]));
    story.ddl(45, "ALTER TABLE `kid` ALTER CONSTRAINT `c` ENFORCED;", &with);
    story.play();
    assert_eq!(checks(story, "kid"), ["CONSTRAINT `c` CHECK `p` > 0"]);
}

fn both(story: &mut Story<'_>) {
    parent(story);
    let kid = table(story, 203, "kid");
    let with = kid.clone().also("/fk_info", json!([foreign("x")]));
    let with = made(story, &with, "/constraint_info", json!([check(1, "x", "`p` > 0", true)]));
    let ran = story.play();
    let left_out = !has_checks(story);
    assert_eq!(ran.stderr.contains("without its CHECK"), left_out, "{}", ran.stderr);
    assert!(!ran.stderr.contains("left out"), "{}", ran.stderr);
    story.shows(
        "SELECT COUNT(*) FROM information_schema.referential_constraints WHERE constraint_schema = DATABASE()",
        "1",
    );
    story.ddl(10, "ALTER TABLE `kid` DROP FOREIGN KEY `x`;", &with.also("/fk_info", json!([])));
    story.play();
    story.shows(KEYS, "");
    assert_eq!(checks(story, "kid").len(), usize::from(!left_out));
}

/// MariaDB 11 shows the names of a foreign key without doubling the back quotes in them.
fn foreign_back_quotes(story: &mut Story<'_>) {
    let odd = "e)`,";
    let parent = Defined::new(&story.db, 202, "p`a", &[field("i`d", BIG).not_null()]);
    story.ddl(3, "CREATE TABLE `p``a` (`i``d` BIGINT PRIMARY KEY);", &parent);
    let key = json!({
        "id": 1, "fk_name": name("f`k"), "ref_schema": name(""), "ref_table": name("p`a"), "ref_cols": [name("i`d")], "cols": [name(odd)],
        "on_delete": 2, "on_update": 0, "state": 5, "version": 0,
    });
    let db = story.db.clone();
    let with = |more: &[Field]| {
        let fields = [&[id(), field(odd, BIG)], more].concat();
        Defined::new(&db, 203, "k`id", &fields).indexes(&[index(1, "f`k", &[(odd, 1)])])
    };
    let plain = with(&[]);
    let keyed = plain.clone().also("/fk_info", json!([key]));
    let more = with(&[field("m`", BIG)]).also("/fk_info", json!([key]));
    story.ddl(3, "CREATE TABLE `k``id` (`id` INT PRIMARY KEY,`e)``,` BIGINT,KEY `f``k` (`e)``,`));", &plain);
    story.ddl(
        9,
        "ALTER TABLE `k``id` ADD CONSTRAINT `f``k` FOREIGN KEY (`e)``,`) REFERENCES `p``a`(`i``d`) ON DELETE CASCADE;",
        &keyed,
    );
    story.ddl(5, "ALTER TABLE `k``id` ADD COLUMN `m``` BIGINT;", &more);
    let ran = story.play();
    assert!(!ran.stderr.contains("does not match the upstream"), "{}", ran.stderr);
    story.ddl(10, "ALTER TABLE `k``id` DROP FOREIGN KEY `f``k`;", &with(&[field("m`", BIG)]));
    let ran = story.play();
    assert!(!ran.stderr.contains("does not match the upstream"), "{}", ran.stderr);
    story.shows(KEYS, "");
}

/// One ALTER gives a column of a foreign key another type, the other one another name and place; perhaps it adds a key.
fn foreign_columns(story: &mut Story<'_>, third: bool) {
    parent(story);
    let text = Kind::Text { charset: "utf8mb4".into(), collation: "utf8mb4_bin".into() };
    let word = |name, length| field(name, text.clone()).length(length);
    let words = [id(), field("n", BIG).not_null(), word("w", 20).not_null()];
    let words = Defined::new(&story.db, 204, "words", &words).indexes(&[unique(1, "nw", &[("n", 1), ("w", 2)])]);
    story.ddl(
        3,
        "CREATE TABLE `words` (`id` INT PRIMARY KEY,`n` BIGINT,`w` VARCHAR(20),UNIQUE KEY (`n`,`w`));",
        &words,
    );
    let names = |all: &[&str]| -> Vec<Json> { all.iter().map(|n| name(n)).collect() };
    let key = |number: i64, columns: &[&str], to: (&str, &[&str])| {
        json!({
            "id": number, "fk_name": name(&format!("fk{number}")), "ref_schema": name(""), "ref_table": name(to.0), "ref_cols": names(to.1),
            "cols": names(columns), "on_delete": 0, "on_update": 0, "state": 5, "version": 0,
        })
    };
    let is = |n: i64, field: Field| field.also("/id", json!(n));
    let db = story.db.clone();
    let kid = |fields: &[Field], columns: [&[&'static str]; 3], keys: Json| {
        let at = |name: &'static str| (name, (0..).zip(fields).find(|(_, f)| f.name == name).unwrap().0);
        let indexes = columns.iter().zip(1..).map(|(own, n)| {
            let parts: Vec<_> = own.iter().map(|c| at(c)).collect();
            index(n, &format!("i{n}"), &parts)
        });
        let indexes: Vec<Json> = indexes.collect();
        Defined::new(&db, 203, "kid", fields).indexes(&indexes).also("/fk_info", keys)
    };
    let (par, words): ((_, &[_]), (_, &[_])) = (("par", &["id"]), ("words", &["n", "w"]));
    let before = kid(
        &[id(), is(2, field("p", BIG)), is(3, word("q", 10)), is(4, field("r", BIG))],
        [&["p"], &["p", "q"], &["r"]],
        json!([key(1, &["p"], par), key(2, &["p", "q"], words)]),
    );
    let mut keys = vec![key(1, &["pr"], par), key(2, &["pr", "q"], words)];
    keys.extend(third.then(|| key(3, &["r"], par)));
    let after = kid(
        &[id(), is(4, field("r", BIG)), is(2, field("pr", BIG)), is(3, word("q", 30))],
        [&["pr"], &["pr", "q"], &["r"]],
        json!(keys),
    );
    story.ddl(3, "CREATE TABLE `kid` (`id` INT PRIMARY KEY,`p` BIGINT,`q` VARCHAR(10),`r` BIGINT);", &before);
    story.ddl(61, "ALTER TABLE `kid` CHANGE COLUMN `p` `pr` BIGINT AFTER `r`, MODIFY COLUMN `q` VARCHAR(30);", &after);
    let ran = story.play();
    assert!(!ran.stderr.contains("left out"), "{}", ran.stderr);
    story.shows(
        "SELECT constraint_name, column_name FROM information_schema.key_column_usage WHERE table_schema = DATABASE() AND table_name = 'kid' \
         AND referenced_table_name IS NOT NULL ORDER BY constraint_name, ordinal_position",
        if third { "fk1|pr;fk2|pr;fk2|q;fk3|r" } else { "fk1|pr;fk2|pr;fk2|q" },
    );
    story.shows(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'kid' ORDER BY ordinal_position",
        "id;r;pr;q",
    );
}

/// As a TiDB leaves it that checks no foreign keys: the two sides have other types.
fn foreign_misfit(story: &mut Story<'_>) {
    parent(story);
    let with = |kind| {
        let kid = Defined::new(&story.db, 203, "kid", &[id(), field("p", kind).also("/id", json!(2))]);
        kid.also("/fk_info", json!([foreign("fk")]))
    };
    let (before, after) = (with(BIG), with(Kind::Int { bytes: 2, unsigned: false }));
    story.ddl(3, "CREATE TABLE `kid` (`id` INT PRIMARY KEY,`p` BIGINT);", &before);
    story.ddl(12, "ALTER TABLE `kid` MODIFY COLUMN `p` SMALLINT;", &after);
    let ran = story.play();
    assert!(ran.stderr.contains("left out, the rest of the DDL is done"), "{}", ran.stderr);
    story.shows(KEYS, "");
    story.shows(
        "SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'kid' AND index_name <> 'PRIMARY'",
        "0",
    );
}

/// MariaDB leaves an old name in the key, if one ALTER does it.
fn foreign_pair(story: &mut Story<'_>) {
    let columns = [field("id", BIG).not_null(), field("n", BIG).not_null()];
    let parent = Defined::new(&story.db, 202, "par", &columns).indexes(&[unique(1, "both", &[("id", 0), ("n", 1)])]);
    story.ddl(3, "CREATE TABLE `par` (`id` BIGINT PRIMARY KEY,`n` BIGINT,UNIQUE KEY `both` (`id`,`n`));", &parent);
    let key = |columns: [&str; 2]| {
        json!([{
            "id": 1, "fk_name": name("fk"), "ref_schema": name(""), "ref_table": name("par"), "ref_cols": [name("id"), name("n")],
            "cols": columns.map(name), "on_delete": 0, "on_update": 0, "state": 5, "version": 0,
        }])
    };
    let (a, b) = (field("a", BIG).also("/id", json!(2)), field("b", BIG).also("/id", json!(3)));
    let before = Defined::new(&story.db, 203, "kid", &[id(), a.clone(), b.clone()]);
    let before = before.indexes(&[index(1, "i", &[("a", 1), ("b", 2)])]).also("/fk_info", key(["a", "b"]));
    let after = Defined::new(&story.db, 203, "kid", &[id(), b.named("br"), a.named("ar")]);
    let after = after.indexes(&[index(1, "i", &[("ar", 2), ("br", 1)])]).also("/fk_info", key(["ar", "br"]));
    story.ddl(3, "CREATE TABLE `kid` (`id` INT PRIMARY KEY,`a` BIGINT,`b` BIGINT,KEY `i` (`a`,`b`));", &before);
    story.ddl(61, "ALTER TABLE `kid` CHANGE COLUMN `a` `ar` BIGINT AFTER `b`, RENAME COLUMN `b` TO `br`;", &after);
    story.play();
    story.shows(
        "SELECT column_name, referenced_column_name FROM information_schema.key_column_usage WHERE table_schema = DATABASE() AND table_name = 'kid' \
         AND referenced_table_name IS NOT NULL ORDER BY ordinal_position",
        "ar|id;br|n",
    );
}
