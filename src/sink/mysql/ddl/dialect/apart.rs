//! An ALTER TABLE as two statements.

use super::edit::Edit;
use crate::sink::mysql::session::quote_name;

/// `sql`, an ALTER TABLE, as two: what gives columns that are `held` another name, by RENAME COLUMN where the target has it (`plain`), and the rest. `None` if
/// there is no such column, or nothing but other names.
pub(in crate::sink::mysql::ddl) fn renames_apart(
    sql: &str,
    plain: bool,
    held: impl Fn(&str) -> bool,
) -> Option<(String, String)> {
    let mut edit = Edit::new(sql);
    let from = clauses(&edit)?;
    let items = edit.items(from..edit.len());
    let (mut renames, mut kept) = (Vec::new(), Vec::new());
    for (index, item) in items.iter().enumerate() {
        let at = item.start;
        let (rename, change) = (edit.phrase(at, &["RENAME", "COLUMN"]).is_some(), edit.is(at, "CHANGE"));
        let column = edit.behind_condition(if edit.is(at + 1, "COLUMN") { at + 2 } else { at + 1 });
        let new = if rename { column + 2 } else { column + 1 };
        let names = edit.name(column).zip(edit.name(new)).filter(|(name, new)| name != new && held(name));
        let Some((name, new_name)) = names.filter(|_| rename || change) else {
            kept.push(index);
            continue;
        };
        let end = if edit.is(item.end - 1, "FIRST") { item.end - 1 } else { item.end };
        let end = if edit.is(item.end - 2, "AFTER") { item.end - 2 } else { end };
        renames.push(match plain {
            true => format!("RENAME COLUMN {} TO {}", quote_name(&name), quote_name(&new_name)),
            false => sql.get(edit.bytes(at..end)?)?.to_owned(),
        });
        if change {
            kept.push(index);
            edit.put(at..new, "MODIFY COLUMN");
        }
    }
    let more = kept.iter().filter_map(|index| items.get(*index)).any(|item| !edit.is(item.start, "RENAME"));
    let head = sql.get(..edit.bytes(from..from + 1).filter(|_| more && !renames.is_empty())?.start)?.to_owned();
    edit.keep(&items, &kept);
    Some((format!("{head}{}", renames.join(", ")), edit.finish()))
}

/// Where the clauses of an ALTER TABLE begin.
pub(super) fn clauses(edit: &Edit<'_>) -> Option<usize> {
    let table = edit.phrase(0, &["ALTER", "TABLE"]).or_else(|| edit.phrase(0, &["ALTER", "IGNORE", "TABLE"]))?;
    Some(edit.behind_name(edit.behind_condition(table)))
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
