//! Pieces of a text, replaced; names, quoted.

use std::ops::Range;

/// `name` in back quotes.
#[must_use]
pub fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// What takes the place of some bytes of a text; of none, it is put in there.
pub type Edit = (Range<usize>, String);

/// `sql` with `edits`, which are in order. One that begins within the one before it is not made.
#[must_use]
pub fn edited(sql: &str, edits: &[Edit]) -> String {
    let mut out = String::with_capacity(sql.len() + 32);
    let mut from = 0;
    for (at, text) in edits {
        let Some(before) = sql.get(from..at.start) else { continue };
        out.push_str(before);
        out.push_str(text);
        from = at.end;
    }
    out.push_str(sql.get(from..).unwrap_or_default());
    out
}
