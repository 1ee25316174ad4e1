//! Functions that TiDB writes under a name of its own.

use super::edit::Edit;
use crate::sql::Token;

/// TiDB writes `CHAR(65)` as `char_func(65, null)`, and `CHAR(65 USING utf8mb4)` as `char_func(65, 'utf8mb4')`.
pub(super) fn translate(edit: &mut Edit<'_>) {
    for at in 0..edit.len() {
        if !edit.is(at, "CHAR_FUNC") || !matches!(edit.token(at), Some(Token::Word(_))) || !edit.sign(at + 1, '(') {
            continue;
        }
        let close = edit.close(at + 1);
        let arguments = edit.items(at + 2..close);
        let [_, .., last] = arguments.as_slice() else { continue };
        let charset = edit.written(last.start).trim_matches('\'');
        if last.len() != 1 || !charset.bytes().all(|b| b.is_ascii_alphanumeric()) {
            continue;
        }
        match edit.token(last.start) {
            Some(Token::Text(_)) => edit.put(last.start - 1..last.end, &format!(" USING {charset}")),
            Some(Token::Word(_)) if edit.is(last.start, "NULL") => edit.cut(last.start - 1..last.end),
            _ => continue,
        }
        edit.put(at..at + 1, "CHAR");
    }
}
