//! SQL that TiDB keeps as text: expressions of generated columns, checks, defaults and partitions, and bounds.

use super::super::dialect::Unspeakable;
use crate::sql::{Token, has_query, is_closed, tokens};

/// `text` if it can be nothing but one expression (or several with commas between them), wherever it stands.
///
/// # Errors
/// If it could end the brackets that it stands in, or be read as something else by the target: whoever may create a table upstream writes it.
pub(super) fn expression(text: &str) -> Result<&str, Unspeakable> {
    let mut depth = 0_usize;
    let mut end = 0;
    for (token, _, to) in tokens(text) {
        end = to;
        depth = match token {
            Token::Sign('(') => depth + 1,
            Token::Sign(')') if depth > 0 => depth - 1,
            Token::Sign(')' | ';') | Token::Comment(_) => return Err(refused(text)),
            _ => depth,
        };
    }
    let whole = text.get(end..).is_some_and(|rest| rest.trim().is_empty());
    let control = text.chars().any(char::is_control);
    if depth > 0 || !whole || control || text.trim().is_empty() || has_query(text) || !is_closed(text) {
        return Err(refused(text));
    }
    Ok(text)
}

pub(super) fn refused(text: &str) -> Unspeakable {
    let shown: String = text.chars().take(200).collect();
    Unspeakable(format!("its definition has `{shown}` where an expression belongs"))
}
