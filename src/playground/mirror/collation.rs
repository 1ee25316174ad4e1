//! Names the collation wherever a statement names a character set alone: MariaDB's default for it is not TiDB's.

use std::collections::BTreeMap;

use crate::sql::{Edit, Token, edited, tokens};

/// `sql` with a collation behind every character set that has none; `defaults` holds MariaDB's by character set.
pub(super) fn named(sql: &str, defaults: &BTreeMap<String, String>) -> String {
    let all = tokens(sql);
    let mut edits: Vec<Edit> = Vec::new();
    for (at, (token, ..)) in all.iter().enumerate() {
        let next = |n: usize| all.get(at + n).map(|(token, ..)| token);
        let mut behind = match token {
            t if t.is("CHARSET") => 1,
            t if t.is("CHARACTER") && next(1).is_some_and(|t| t.is("SET")) => 2,
            _ => continue,
        };
        behind += usize::from(next(behind) == Some(&Token::Sign('=')));
        let Some((Token::Word(name), _, end)) = all.get(at + behind) else { continue };
        let rest = all.get(at + behind + 1..).unwrap_or_default();
        let default = defaults.get(&name.to_lowercase());
        if let Some(collation) = default.filter(|_| !collated(rest)) {
            edits.push((*end..*end, format!(" COLLATE {collation}")));
        }
    }
    edited(sql, &edits)
}

/// Whether the clause that goes on with `rest` names a collation.
fn collated(rest: &[(Token, usize, usize)]) -> bool {
    let mut depth = 0_usize;
    for (at, (token, ..)) in rest.iter().enumerate() {
        match token {
            Token::Sign('(') => depth += 1,
            Token::Sign(')') if depth == 0 => return false,
            Token::Sign(')') => depth -= 1,
            // Options of a table may have a comma between them.
            Token::Sign(',') if depth == 0 => return at == 0 && rest.get(1).is_some_and(|(t, ..)| t.is("COLLATE")),
            t if depth == 0 && t.is("COLLATE") => return true,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bare_character_sets_get_a_collation() {
        let defaults = BTreeMap::from([("latin1".to_owned(), "latin1_swedish_ci".to_owned())]);
        for (sql, want) in [
            (
                "ALTER TABLE t ADD a CHAR(5) CHARACTER SET latin1 NOT NULL",
                "ALTER TABLE t ADD a CHAR(5) CHARACTER SET latin1 COLLATE latin1_swedish_ci NOT NULL",
            ),
            (
                "ALTER TABLE t ADD a TEXT CHARSET latin1 COLLATE latin1_bin",
                "ALTER TABLE t ADD a TEXT CHARSET latin1 COLLATE latin1_bin",
            ),
            (
                "ALTER TABLE t ADD a TEXT CHARSET latin1, ADD b TEXT COLLATE latin1_bin",
                "ALTER TABLE t ADD a TEXT CHARSET latin1 COLLATE latin1_swedish_ci, ADD b TEXT COLLATE latin1_bin",
            ),
            (
                "ALTER TABLE t CONVERT TO CHARACTER SET LATIN1;",
                "ALTER TABLE t CONVERT TO CHARACTER SET LATIN1 COLLATE latin1_swedish_ci;",
            ),
            (
                "ALTER TABLE t DEFAULT CHARSET=latin1, COLLATE=latin1_bin",
                "ALTER TABLE t DEFAULT CHARSET=latin1, COLLATE=latin1_bin",
            ),
            ("ALTER TABLE t COMMENT 'CHARSET latin1'", "ALTER TABLE t COMMENT 'CHARSET latin1'"),
        ] {
            assert_eq!(named(sql, &defaults), want);
        }
    }
}
