//! Which foreign keys and CHECK constraints a statement names.

use std::ops::Range;

use super::apart::clauses;
use super::edit::Edit;
use crate::sink::mysql::session::quote_name;

/// A kind of constraint. Each has names of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sink::mysql::ddl) enum Kind {
    Foreign,
    Check,
}

/// A constraint that a statement names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sink::mysql::ddl) struct Mention {
    pub kind: Kind,
    /// Whether it is made, not changed or dropped.
    pub new: bool,
    /// Its name.
    pub name: String,
    /// Where the name stands.
    span: Range<usize>,
}

/// The constraints that `sql`, a CREATE TABLE or an ALTER TABLE, names, in order.
pub(in crate::sink::mysql::ddl) fn mentions(sql: &str) -> Vec<Mention> {
    let edit = Edit::new(sql);
    if !(edit.is_any(0, &["CREATE", "ALTER"]) && (1..4).any(|at| edit.is(at, "TABLE"))) {
        return Vec::new();
    }
    (1..edit.len()).filter_map(|at| mention(&edit, at)).collect()
}

fn mention(edit: &Edit<'_>, at: usize) -> Option<Mention> {
    let found = |kind, new, name: usize| {
        let name = edit.behind_condition(name);
        Some(Mention { kind, new, name: edit.name(name)?.into_owned(), span: edit.bytes(name..name + 1)? })
    };
    let old = |kind, phrase: &[&str]| edit.phrase(at, phrase).and_then(|name| found(kind, false, name));
    if edit.is(at, "CONSTRAINT") {
        // Behind ADD, and in a definition; behind DROP and ALTER it is read there.
        let behind = edit.behind_condition(at + 1) + 1;
        return match () {
            () if edit.is_any(at - 1, &["DROP", "ALTER"]) => None,
            () if edit.phrase(behind, &["FOREIGN", "KEY"]).is_some() => found(Kind::Foreign, true, at + 1),
            () if edit.is(behind, "CHECK") => found(Kind::Check, true, at + 1),
            () => None,
        };
    }
    old(Kind::Foreign, &["DROP", "FOREIGN", "KEY"])
        .or_else(|| old(Kind::Check, &["DROP", "CHECK"]))
        .or_else(|| old(Kind::Check, &["DROP", "CONSTRAINT"]))
        .or_else(|| old(Kind::Check, &["ALTER", "CHECK"]))
        .or_else(|| old(Kind::Check, &["ALTER", "CONSTRAINT"]))
}

/// Whether `sql` is an ALTER TABLE that does one thing.
pub(in crate::sink::mysql::ddl) fn has_one_clause(sql: &str) -> bool {
    let edit = Edit::new(sql);
    clauses(&edit).is_some_and(|from| edit.items(from..edit.len()).len() == 1)
}

/// `sql` with other names for some of its constraints.
pub(in crate::sink::mysql::ddl) fn renamed(sql: &str, names: &[(Mention, String)]) -> String {
    let (mut out, mut at) = (String::with_capacity(sql.len()), 0);
    for (mention, name) in names {
        out.push_str(sql.get(at..mention.span.start).unwrap_or_default());
        out.push_str(&quote_name(name));
        at = mention.span.end;
    }
    out.push_str(sql.get(at..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

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
        for other in ["ALTER TABLE t COMMENT 'DROP CHECK c'", "DROP TABLE `check`", "ALTER TABLE t ADD CONSTRAINT", ""]
        {
            assert_eq!(of(other), pair("", other));
        }
    }
}
