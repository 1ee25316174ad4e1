//! MariaDB's sequences take the same options as TiDB's, with a range that is one smaller on either side.

use super::edit::Edit;
use crate::sql::Token;

/// The largest number that a sequence of MariaDB may come to; its opposite is the smallest.
const LARGEST: &str = "9223372036854775806";
const SMALLEST: &str = "9223372036854775807";

pub(super) fn translate(edit: &mut Edit<'_>) {
    for at in 0..edit.len() {
        let value = if edit.sign(at + 1, '=') { at + 2 } else { at + 1 };
        if edit.is(at, "MAXVALUE") && edit.is(value, "9223372036854775807") {
            edit.put(value..value + 1, LARGEST);
        } else if edit.is(at, "MINVALUE") && edit.sign(value, '-') && edit.is(value + 1, "9223372036854775808") {
            edit.put(value + 1..value + 2, SMALLEST);
        } else if edit.is(at, "NO") && edit.is_any(at + 1, &["CACHE", "CYCLE"]) {
            let word = if edit.is(at + 1, "CACHE") { "NOCACHE" } else { "NOCYCLE" };
            edit.put(at..at + 2, word);
        } else if edit.is(at, "ENGINE") && matches!(edit.token(value), Some(Token::Word(_) | Token::Name(_))) && at > 2
        {
            edit.cut(at..value + 1);
        }
    }
}
