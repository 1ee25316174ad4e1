//! MariaDB's sequences take the same options as TiDB's, with a range that is one smaller on either side.

use super::edit::Edit;
use crate::sql::Token;

/// The largest number that a sequence of MariaDB may come to; its opposite is the smallest.
const LARGEST: &str = "9223372036854775806";
const SMALLEST: &str = "9223372036854775807";

/// Gives whether anything is left to do.
pub(super) fn translate(edit: &mut Edit<'_>) -> bool {
    let (mut options, alters) =
        (edit.len().saturating_sub(edit.behind_name(edit.behind_condition(2))), edit.is(0, "ALTER"));
    for at in 0..edit.len() {
        let value = if edit.sign(at + 1, '=') { at + 2 } else { at + 1 };
        if edit.is(at, "MAXVALUE") && edit.is(value, "9223372036854775807") {
            edit.put(value..value + 1, LARGEST);
        } else if edit.is(at, "MINVALUE") && edit.sign(value, '-') && edit.is(value + 1, "9223372036854775808") {
            edit.put(value + 1..value + 2, SMALLEST);
        } else if alters && edit.is(at, "NO") && edit.is_any(at + 1, &["MINVALUE", "MAXVALUE"]) {
            // TiDB reads it and leaves the bound as it is; MariaDB would take the default.
            edit.cut(at..at + 2);
            options = options.saturating_sub(2);
        } else if alters && edit.is_any(at, &["NOMINVALUE", "NOMAXVALUE"]) {
            edit.cut(at..at + 1);
            options = options.saturating_sub(1);
        } else if edit.is(at, "NO") && edit.is_any(at + 1, &["CACHE", "CYCLE"]) {
            let word = if edit.is(at + 1, "CACHE") { "NOCACHE" } else { "NOCYCLE" };
            edit.put(at..at + 2, word);
        } else if edit.is(at, "ENGINE") && matches!(edit.token(value), Some(Token::Word(_) | Token::Name(_))) && at > 2
        {
            edit.cut(at..value + 1);
        }
    }
    options > 0 || !alters
}
