//! Which columns an ALTER TABLE gives another type.

use super::edit::Edit;

/// A column and the type that it gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sink::mysql::ddl) struct Retyped {
    /// Its name before.
    pub column: String,
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

/// The columns that CHANGE and RENAME COLUMN in `sql` give another name: from, to.
pub(in crate::sink::mysql::ddl) fn changed_names(sql: &str) -> Vec<(String, String)> {
    let edit = Edit::new(sql);
    let Some(from) = clauses(&edit) else { return Vec::new() };
    let pair = |item: std::ops::Range<usize>| {
        let column = if edit.is(item.start + 1, "COLUMN") { item.start + 2 } else { item.start + 1 };
        if edit.is(item.start, "RENAME") && edit.is(column + 1, "TO") {
            return edit.name(column).zip(edit.name(column + 2));
        }
        let name = edit.behind_condition(column);
        edit.is(item.start, "CHANGE").then(|| edit.name(name).zip(edit.name(name + 1)))?
    };
    edit.items(from..edit.len()).into_iter().filter_map(pair).collect()
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
    let kind = if change { name + 2 } else { name + 1 };
    let word = edit.name(kind)?.to_uppercase();
    let number = edit.sign(kind + 1, '(').then(|| edit.name(kind + 2)).flatten();
    let size = number.and_then(|n| n.parse().ok()).unwrap_or(0);
    let unsigned = (kind..end).any(|at| edit.is(at, "UNSIGNED"));
    Some(Retyped { column, word, size, unsigned })
}

#[cfg(test)]
mod tests {
    use super::*;

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
