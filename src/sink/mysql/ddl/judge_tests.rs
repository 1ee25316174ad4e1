//! Tests of judgements on hand-made pictures: cases that no server produces on demand.

use super::form::Form;
use super::judge::{Expected, Shape, Verdict, judge};
use super::picture::{Database, DatabaseState, Ids, Object, ObjectState, Picture};

fn table(definition: &str, columns: &[&str], id: Option<u64>) -> ObjectState {
    ObjectState {
        definition: definition.to_owned(),
        columns: columns.iter().map(ToString::to_string).collect(),
        ids: id.map(|id| Ids { table: Some(id), ..Ids::default() }),
        ..ObjectState::default()
    }
}

fn split(partitions: &[(&str, u64)]) -> ObjectState {
    let partitions = partitions.iter().map(|(n, id)| ((*n).to_owned(), vec![*id])).collect();
    ObjectState { definition: "p".to_owned(), ids: Some(Ids { table: None, partitions }), ..ObjectState::default() }
}

fn picture(objects: &[(&str, Option<ObjectState>)]) -> Picture {
    let object = |(name, there): &(&str, Option<ObjectState>)| Object {
        schema: "d".to_owned(),
        name: (*name).to_owned(),
        there: there.clone(),
    };
    Picture { database: None, objects: objects.iter().map(object).collect() }
}

fn verdict(sql: &str, before: &Picture, now: &Picture) -> Verdict {
    judge(Expected { form: &Form::of(sql, "d"), before: &[], after: &[] }, before, now)
}

/// `Unknown` without its texts.
fn short(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Unknown { why, .. } => format!("unknown: {}", why.split(',').next().unwrap_or_default()),
        Verdict::Partly(rest) => rest.clone(),
        other => format!("{other:?}"),
    }
}

const NO_IDS: &str = "unknown: only the storage engine's ids could tell";
const OTHERWISE: &str = "unknown: the target differs from before";

#[test]
fn renames_by_ids() {
    let t = |id| Some(table("CREATE TABLE `x` (\n  `a` int\n)", &["a"], id));
    let sql = "RENAME TABLE a TO x, b TO a, x TO b";
    let scene = |a, b, x| picture(&[("a", a), ("b", b), ("x", x)]);
    let before = scene(t(Some(1)), t(Some(2)), None);
    let judged = |now| short(&verdict(sql, &before, &now));
    assert_eq!(judged(scene(t(Some(1)), t(Some(2)), None)), "NotDone");
    assert_eq!(judged(scene(t(Some(2)), t(Some(1)), None)), "Done");
    assert_eq!(judged(scene(None, t(Some(2)), t(Some(1)))), "RENAME TABLE `d`.`b` TO `d`.`a`, `d`.`x` TO `d`.`b`");
    assert_eq!(judged(scene(t(Some(2)), None, t(Some(1)))), "RENAME TABLE `d`.`x` TO `d`.`b`");
    assert_eq!(judged(scene(t(Some(1)), t(Some(3)), None)), OTHERWISE);
    assert_eq!(judged(scene(t(Some(1)), None, None)), OTHERWISE);
    // A table that comes back to its name.
    let there = picture(&[("a", t(Some(1))), ("x", None)]);
    assert_eq!(verdict("RENAME TABLE a TO x, x TO a", &there, &there), Verdict::Done);
    // Moves that the server would refuse.
    let blocked = picture(&[("a", t(Some(1))), ("x", t(Some(2)))]);
    assert_eq!(verdict("RENAME TABLE a TO x", &blocked, &blocked), Verdict::NotDone);
}

#[test]
fn renames_without_ids() {
    let t = |name: &str, rest: &str| {
        let definition = format!("CREATE TABLE `{name}` (\n  `a` int,\n  CONSTRAINT `{name}_ibfk_1` FOREIGN KEY{rest}");
        Some(table(&definition, &["a"], None))
    };
    let pair = |a, b| picture(&[("a", a), ("b", b)]);
    let before = pair(t("a", "1"), None);
    assert_eq!(verdict("RENAME TABLE a TO b", &before, &before), Verdict::NotDone);
    assert_eq!(verdict("RENAME TABLE a TO b", &before, &pair(None, t("b", "1"))), Verdict::Done);
    let scene = |a, b| picture(&[("a", a), ("b", b), ("x", None)]);
    let before = scene(t("a", "1"), t("b", "1"));
    assert_eq!(short(&verdict("RENAME TABLE a TO x, b TO a, x TO b", &before, &before)), NO_IDS);
}

#[test]
fn what_only_ids_tell() {
    let (old, new) = (split(&[("p0", 1), ("P1", 2)]), |a, b| split(&[("p0", a), ("P1", b)]));
    let one = |state: ObjectState| picture(&[("t", Some(state))]);
    let judged = |sql: &str, now: ObjectState| short(&verdict(sql, &one(old.clone()), &one(now)));
    assert_eq!(judged("TRUNCATE t", new(1, 2)), "NotDone");
    assert_eq!(judged("TRUNCATE t", new(3, 2)), "NotDone", "half of it: to begin again is the same");
    assert_eq!(judged("TRUNCATE t", new(3, 4)), "Done");
    let sql = "ALTER TABLE t TRUNCATE PARTITION p1";
    assert_eq!(judged(sql, new(1, 2)), "NotDone");
    assert_eq!(judged(sql, new(1, 3)), "Done");
    assert_eq!(judged(sql, new(3, 3)), OTHERWISE);
    assert_eq!(judged("ALTER TABLE t TRUNCATE PARTITION nowhere", new(1, 2)), NO_IDS);
    assert_eq!(judged("ALTER TABLE t TRUNCATE PARTITION ALL", new(3, 4)), "Done");
    assert_eq!(judged("ALTER TABLE t TRUNCATE PARTITION ALL", new(3, 2)), "NotDone");
    let both = |p: ObjectState, id| picture(&[("t", Some(p)), ("u", Some(table("p", &[], id)))]);
    let judged = |p, id| {
        short(&verdict("ALTER TABLE t EXCHANGE PARTITION p0 WITH TABLE u", &both(old.clone(), Some(9)), &both(p, id)))
    };
    assert_eq!(judged(new(1, 2), Some(9)), "NotDone");
    assert_eq!(judged(new(9, 2), Some(1)), "Done");
    assert_eq!(judged(new(9, 2), Some(7)), OTHERWISE);
    assert_eq!(judged(new(1, 2), None), NO_IDS);
    let blind = one(table("x", &["a"], None));
    assert_eq!(short(&verdict("TRUNCATE t", &blind, &blind)), NO_IDS);
}

#[test]
fn columns_decide_on_alter() {
    let shape = |columns: &[&str]| {
        let columns = columns.iter().map(ToString::to_string).collect();
        [Shape { schema: "D".to_owned(), name: "T".to_owned(), columns }]
    };
    let one = |text: &str, columns: &[&str]| picture(&[("t", Some(table(text, columns, Some(1))))]);
    // `own` is a column that only the target has.
    let before = one("1", &["a", "b", "own"]);
    let judged = |after: &[&str], now: &Picture| {
        let (old, new) = (shape(&["a", "b"]), shape(after));
        let form = Form::of("ALTER TABLE t whatever", "d");
        short(&judge(Expected { form: &form, before: &old, after: &new }, &before, now))
    };
    assert_eq!(judged(&["a", "B", "c"], &before), "NotDone");
    assert_eq!(judged(&["a", "B", "c"], &one("2", &["A", "b", "C", "own"])), "Done");
    assert_eq!(judged(&["a"], &one("2", &["a", "own"])), "Done");
    assert_eq!(judged(&["a", "b"], &one("2", &["a", "b", "own"])), "Done", "an index");
    assert_eq!(judged(&["a", "b", "c"], &one("2", &["a", "b", "own"])), OTHERWISE);
    assert_eq!(judged(&["a"], &one("2", &["a", "b", "own"])), OTHERWISE);
    assert_eq!(judged(&["a"], &picture(&[("t", None)])), OTHERWISE);
    let forced = "ALTER TABLE t /*T![force_inc] FORCE */ AUTO_INCREMENT = 1";
    assert!(short(&verdict(forced, &before, &before)).starts_with("unknown: it may lower the AUTO_INCREMENT counter"));
}

#[test]
fn objects_that_come_and_go() {
    let t = |id| Some(table("x", &["a"], Some(id)));
    let two = |a, b| picture(&[("a", a), ("b", b)]);
    let before = two(t(1), t(2));
    let judged = |now| short(&verdict("DROP TABLE IF EXISTS a, b", &before, &now));
    assert_eq!(judged(two(None, t(2))), "DROP TABLE `d`.`b`");
    assert_eq!(judged(two(None, None)), "Done");
    assert_eq!(judged(two(t(1), t(2))), "NotDone");
    assert_eq!(judged(two(t(3), None)), OTHERWISE, "made anew by somebody");
    let one = |a| picture(&[("a", a)]);
    let create = "CREATE TABLE IF NOT EXISTS a (a INT)";
    assert_eq!(verdict(create, &one(None), &one(None)), Verdict::NotDone);
    assert_eq!(verdict(create, &one(None), &one(t(1))), Verdict::Done);
    assert_eq!(verdict(create, &one(t(1)), &one(None)), Verdict::NotDone, "what was in the way is gone");
    let other = [Shape { schema: "d".to_owned(), name: "a".to_owned(), columns: vec!["b".to_owned()] }];
    let form = Form::of(create, "d");
    let judged = judge(Expected { form: &form, before: &[], after: &other }, &one(None), &one(t(1)));
    assert_eq!(short(&judged), OTHERWISE, "somebody else's table");
}

#[test]
fn databases() {
    let there = |tables: &[&str]| {
        let tables = tables.iter().map(ToString::to_string).collect();
        Some(DatabaseState { definition: "x".to_owned(), tables })
    };
    let of = |there| Picture { database: Some(Database { name: "d".to_owned(), there }), objects: vec![] };
    let judged = |sql: &str, before, now| short(&verdict(sql, &of(before), &of(now)));
    assert_eq!(judged("DROP DATABASE d", there(&["a", "b"]), there(&["b"])), "NotDone");
    assert_eq!(judged("DROP DATABASE d", there(&["a", "b"]), there(&["b", "new"])), OTHERWISE);
    assert_eq!(judged("DROP DATABASE d", there(&["a", "b"]), None), "Done");
    assert_eq!(judged("DROP DATABASE IF EXISTS d", None, there(&[])), OTHERWISE);
    assert_eq!(judged("CREATE DATABASE d", None, there(&[])), "Done");
    assert_eq!(judged("CREATE DATABASE IF NOT EXISTS d", there(&[]), there(&[])), "NotDone");
}

#[test]
fn an_operator_sees_both_sides() {
    let long = |extra: &str| {
        let lines: Vec<String> = (0..30).map(|i| format!("  `c{i}` int{}", if i > 3 { extra } else { "" })).collect();
        picture(&[("t", Some(table(&format!("CREATE TABLE `t` (\n{}\n)", lines.join("\n")), &["a"], Some(7))))])
    };
    let Verdict::Unknown { before, now, .. } = verdict("TRUNCATE t", &long(""), &long(" NOT NULL")) else { panic!() };
    insta::assert_snapshot!(format!("{before}\n--\n{now}"), @r"
      `d`.`t`: id 7
      `c4` int
      `c5` int
      `c6` int
      `c7` int
      …
    --
      `d`.`t`: id 7
      `c4` int NOT NULL
      `c5` int NOT NULL
      `c6` int NOT NULL
      `c7` int NOT NULL
      …
    ");
}
