//! Tests of edits to the text of a statement.

use super::*;

#[test]
fn items_go_with_their_commas() {
    let sql = "a (b, c) /* x */, d e /* y */, f";
    let kept = |kept: &[usize]| {
        let mut edit = Edit::new(sql);
        let items = edit.items(0..edit.len());
        assert_eq!(items.len(), 3);
        edit.keep(&items, kept);
        edit.finish()
    };
    assert_eq!(kept(&[0, 1, 2]), sql);
    assert_eq!(kept(&[1, 2]), "d e /* y */, f");
    assert_eq!(kept(&[0, 2]), "a (b, c) /* x */, f");
    assert_eq!(kept(&[0, 1]), "a (b, c) /* x */, d e /* y */");
    assert_eq!(kept(&[0]), "a (b, c) /* x */");
    assert_eq!(kept(&[1]), "d e /* y */");
    assert_eq!(kept(&[2]), "f");
    assert_eq!(kept(&[]), "");
}

#[test]
fn pieces_are_cut_and_put() {
    let mut edit = Edit::new("x INT DEFAULT 5 NOT NULL)");
    edit.cut(2..4);
    edit.put(1..2, "BIGINT");
    assert_eq!(edit.finish(), "x BIGINT NOT NULL)");
}

proptest::proptest! {
    #[test]
    fn any_text_is_survived(sql in "[-a,()`'\"/*;. ]{0,24}", kept in proptest::collection::btree_set(0_usize..6, 0..4)) {
        let mut edit = Edit::new(&sql);
        let items = edit.items(0..edit.len());
        let kept: Vec<usize> = kept.into_iter().filter(|i| *i < items.len()).collect();
        edit.keep(&items, &kept);
        proptest::prop_assert!(edit.finish().len() <= sql.len());
    }
}

#[test]
fn names_come_first() {
    let of = |sql: &str| renames_apart(sql, true, |name| name.starts_with('f'));
    let pair = |a: &str, b: &str| Some((a.to_owned(), b.to_owned()));
    assert_eq!(
        of(
            "ALTER TABLE `d`.`t` DROP INDEX i, RENAME COLUMN `f` TO `g`, CHANGE COLUMN `f``1` `h` INT FIRST, RENAME COLUMN a TO b"
        ),
        pair(
            "ALTER TABLE `d`.`t` RENAME COLUMN `f` TO `g`, RENAME COLUMN `f``1` TO `h`",
            "ALTER TABLE `d`.`t` DROP INDEX i, MODIFY COLUMN `h` INT FIRST, RENAME COLUMN a TO b"
        )
    );
    assert_eq!(
        renames_apart("ALTER TABLE t CHANGE f g INT AFTER x, DROP COLUMN y", false, |_| true),
        pair("ALTER TABLE t CHANGE f g INT", "ALTER TABLE t MODIFY COLUMN g INT AFTER x, DROP COLUMN y")
    );
    for alone in [
        "ALTER TABLE t RENAME COLUMN f TO g",
        "ALTER TABLE t RENAME COLUMN f TO g, RENAME COLUMN a TO b, RENAME INDEX i TO j",
        "ALTER TABLE t RENAME COLUMN a TO b, DROP COLUMN f",
        "ALTER TABLE t CHANGE f f INT, ADD COLUMN g INT",
        "CREATE TABLE t (f INT)",
    ] {
        assert_eq!(of(alone), None, "{alone}");
    }
}

#[test]
fn constraints_are_found_and_get_other_names() {
    let of = |sql: &str| {
        let shown = |m: &Mention| format!("{:?} {} {}", m.kind, if m.new { "new" } else { "old" }, m.name);
        let found = mentions(sql);
        let names: Vec<_> = found.iter().map(|m| (m.clone(), format!("x{}", m.name))).collect();
        (found.iter().map(shown).collect::<Vec<_>>().join(", "), renamed(sql, &names))
    };
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(
        of(
            "CREATE TABLE `t` (`constraint` INT, a INT CONSTRAINT c CHECK (a > 0), CONSTRAINT `f``1` FOREIGN KEY (a) REFERENCES t (a), CONSTRAINT u UNIQUE (a), CHECK (1))"
        ),
        pair(
            "Check new c, Foreign new f`1",
            "CREATE TABLE `t` (`constraint` INT, a INT CONSTRAINT `xc` CHECK (a > 0), CONSTRAINT `xf``1` FOREIGN KEY (a) REFERENCES t (a), CONSTRAINT u UNIQUE (a), CHECK (1))"
        )
    );
    assert_eq!(
        of(
            "ALTER TABLE t DROP FOREIGN KEY f, DROP CHECK c, DROP CONSTRAINT IF EXISTS d, ALTER CHECK e NOT ENFORCED, ADD CONSTRAINT g CHECK (1)"
        ),
        pair(
            "Foreign old f, Check old c, Check old d, Check old e, Check new g",
            "ALTER TABLE t DROP FOREIGN KEY `xf`, DROP CHECK `xc`, DROP CONSTRAINT IF EXISTS `xd`, ALTER CHECK `xe` NOT ENFORCED, ADD CONSTRAINT `xg` CHECK (1)"
        )
    );
    for other in ["ALTER TABLE t COMMENT 'DROP CHECK c'", "DROP TABLE `check`", "ALTER TABLE t ADD CONSTRAINT", ""] {
        assert_eq!(of(other), pair("", other));
    }
}
