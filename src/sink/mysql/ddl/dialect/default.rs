//! Defaults that a server does not have, or writes otherwise.

use std::ops::Range;

use super::Dialect;
use super::edit::Edit;
use crate::sql::Token;

/// Functions that may stand behind DEFAULT without brackets of their own.
pub(super) const NOW: [&str; 6] =
    ["CURRENT_TIMESTAMP", "NOW", "LOCALTIME", "LOCALTIMESTAMP", "CURRENT_DATE", "CURDATE"];
/// The first MySQL whose defaults may be expressions.
const EXPRESSIONS: (u32, u32, u32) = (8, 0, 13);
/// Types that have no default which is a literal.
const LONG: [&str; 9] =
    ["TEXT", "TINYTEXT", "MEDIUMTEXT", "LONGTEXT", "BLOB", "TINYBLOB", "MEDIUMBLOB", "LONGBLOB", "JSON"];

impl Dialect<'_> {
    /// Defaults that are expressions.
    pub(super) fn defaults(&self, edit: &mut Edit<'_>, range: Range<usize>, without: &mut Vec<String>) {
        for at in edit.surface(range) {
            if !edit.is(at, "DEFAULT") {
                continue;
            }
            let called = edit.sign(at + 2, '(') && matches!(edit.token(at + 1), Some(Token::Word(_)));
            let open = if called { at + 2 } else { at + 1 };
            let what = if edit.sign(open, '(') { self.lacking(edit, at + 1..edit.close(open)) } else { None };
            if let Some(what) = what {
                no_default(edit, at..edit.close(open) + 1);
                without.push(format!("without a DEFAULT: it needs {what}, which {} does not have", self.target()));
                continue;
            }
            if self.mariadb {
                continue;
            }
            let end = match edit.phrase(at + 1, &["NEXT", "VALUE", "FOR"]) {
                Some(name) => edit.behind_name(name),
                None if called && !edit.is_any(at + 1, &NOW) => edit.close(at + 2) + 1,
                None if edit.sign(at + 1, '(') && self.version < EXPRESSIONS => edit.close(at + 1) + 1,
                None => continue,
            };
            let sequence = edit.is_any(at + 1, &["NEXT", "NEXTVAL"]);
            if sequence || self.version < EXPRESSIONS {
                no_default(edit, at..end);
                let what = if sequence { "sequences" } else { "defaults that are expressions" };
                without.push(format!("without a DEFAULT: {} has no {what}", self.target()));
            } else {
                edit.put(at + 1..at + 1 + 1, &format!("({}", edit.name(at + 1).unwrap_or_default()));
                edit.put(end - 1..end, "))");
            }
        }
    }
}

/// Takes a default away; behind SET it is dropped.
fn no_default(edit: &mut Edit<'_>, range: Range<usize>) {
    match range.start.checked_sub(1).filter(|before| edit.is(*before, "SET")) {
        Some(set) => edit.put(set..range.end, "DROP DEFAULT"),
        None => edit.cut(range),
    }
}

/// A session that is not strict may give a TEXT, BLOB or JSON the default `''`: TiDB takes the statement and drops the default.
pub(super) fn text_default(edit: &mut Edit<'_>, range: Range<usize>) {
    // Behind one name, or in CHANGE behind two.
    if !(1..=2).any(|n| edit.is_any(range.start + n, &LONG)) {
        return;
    }
    for at in edit.surface(range.clone()) {
        if !edit.is(at, "DEFAULT") {
            continue;
        }
        let charset = matches!(edit.token(at + 1), Some(Token::Word(word)) if word.starts_with('_'));
        let value = if charset { at + 2 } else { at + 1 };
        if value < range.end && matches!(edit.token(value), Some(Token::Text(_))) {
            edit.cut(at..value + 1);
        }
    }
}
