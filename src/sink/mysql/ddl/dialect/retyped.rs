//! Which columns an ALTER TABLE gives another type.

use super::edit::Edit;

/// A column and the type that it gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sink::mysql::ddl) struct Retyped {
    /// Its name before.
    pub column: String,
    /// Its name behind the statement.
    pub renamed: String,
    /// The word of its new type, in upper case.
    pub word: String,
    /// The number behind that word; 0 where there is none.
    pub size: u32,
    /// Whether UNSIGNED stands there.
    pub unsigned: bool,
}

/// The columns that MODIFY and CHANGE in `sql` are about.
pub(in crate::sink::mysql::ddl) fn retyped(sql: &str) -> Vec<Retyped> {
    let edit = Edit::new(sql);
    let Some(from) = clauses(&edit) else { return Vec::new() };
    edit.items(from..edit.len()).into_iter().filter_map(|item| one(&edit, item.start, item.end)).collect()
}

/// The columns that CHANGE and RENAME COLUMN in `sql`, an ALTER TABLE, give another name: from, to. `None` if it is none, or one of these is not
/// understood.
pub(in crate::sink::mysql::ddl) fn changed_names(sql: &str) -> Option<Vec<(String, String)>> {
    let edit = Edit::new(sql);
    let from = clauses(&edit)?;
    let mut pairs = Vec::new();
    for item in edit.items(from..edit.len()) {
        let renames = edit.is(item.start, "RENAME") && edit.is(item.start + 1, "COLUMN");
        if !renames && !edit.is(item.start, "CHANGE") {
            continue;
        }
        let column = if edit.is(item.start + 1, "COLUMN") { item.start + 2 } else { item.start + 1 };
        let name = edit.behind_condition(column);
        let new = if renames && edit.is(name + 1, "TO") { name + 2 } else { name + 1 };
        pairs.push(edit.name(name).zip(edit.name(new)).filter(|_| new < item.end)?);
    }
    Some(pairs)
}

/// Where the clauses of an ALTER TABLE begin.
fn clauses(edit: &Edit<'_>) -> Option<usize> {
    let table = edit.phrase(0, &["ALTER", "TABLE"]).or_else(|| edit.phrase(0, &["ALTER", "IGNORE", "TABLE"]))?;
    Some(edit.behind_name(edit.behind_condition(table)))
}

fn one(edit: &Edit<'_>, at: usize, end: usize) -> Option<Retyped> {
    let change = edit.is(at, "CHANGE");
    (change || edit.is(at, "MODIFY")).then_some(())?;
    let name = edit.behind_condition(if edit.is(at + 1, "COLUMN") { at + 2 } else { at + 1 });
    let column = edit.name(name)?;
    let new = name + usize::from(change);
    let (renamed, kind) = (edit.name(new)?, new + 1);
    let word = edit.name(kind)?.to_uppercase();
    let number = edit.sign(kind + 1, '(').then(|| edit.name(kind + 2)).flatten();
    let size = number.and_then(|n| n.parse().ok()).unwrap_or(0);
    let unsigned = (kind..end).any(|at| edit.is(at, "UNSIGNED"));
    Some(Retyped { column, renamed, word, size, unsigned })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_before_and_after() {
        let of = |sql: &str| {
            let shown = |pairs: Vec<(String, String)>| {
                pairs.into_iter().map(|(a, b)| format!("{a} {b}")).collect::<Vec<_>>().join("; ")
            };
            changed_names(sql).map(shown)
        };
        let pairs = |text: &str| Some(text.to_owned());
        assert_eq!(
            of(
                "ALTER TABLE `d`.`t` CHANGE COLUMN `a` `b` INT, CHANGE IF EXISTS c d INT, RENAME COLUMN e TO `f`, RENAME INDEX g TO h, ADD i INT"
            ),
            pairs("a b; c d; e f")
        );
        assert_eq!(of("ALTER TABLE t ADD COLUMN a INT, DROP COLUMN b"), pairs(""));
        assert_eq!(of("ALTER TABLE t CHANGE a"), None);
        assert_eq!(of("CREATE TABLE t (a INT)"), None);
    }

    #[test]
    fn columns_and_their_new_types() {
        let of = |sql: &str| {
            let shown =
                |r: Retyped| format!("{} {} {}{}", r.column, r.word, r.size, if r.unsigned { " U" } else { "" });
            retyped(sql).into_iter().map(shown).collect::<Vec<_>>().join("; ")
        };
        assert_eq!(
            of("ALTER TABLE `d`.`t` MODIFY COLUMN `a``b` VARCHAR(20) CHARACTER SET UTF8 DEFAULT 'x, MODIFY y INT'"),
            "a`b VARCHAR 20"
        );
        assert_eq!(
            of(
                "ALTER TABLE t ADD COLUMN (c INT, d INT), CHANGE COLUMN IF EXISTS `v` `w` decimal(10,2) unsigned NOT NULL FIRST, MODIFY x TIME(3)"
            ),
            "v DECIMAL 10 U; x TIME 3"
        );
        assert_eq!(of("ALTER TABLE t RENAME COLUMN a TO b, ALTER COLUMN c SET DEFAULT 5"), "");
        assert_eq!(of("CREATE TABLE t (modify INT)"), "");
    }
}
