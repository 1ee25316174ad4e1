//! A statement as tokens, and changes to its text.

use std::ops::{Deref, Range};

use crate::sql::Words;

/// A statement under change. Comments stay unless what they stand in goes.
pub(super) struct Edit<'a> {
    sql: &'a str,
    words: Words<'a>,
    changes: Vec<(usize, usize, String)>,
}

impl<'a> Deref for Edit<'a> {
    type Target = Words<'a>;

    fn deref(&self) -> &Words<'a> {
        &self.words
    }
}

impl<'a> Edit<'a> {
    pub(super) fn new(sql: &'a str) -> Self {
        Self { sql, words: Words::of(sql), changes: Vec::new() }
    }

    /// The token at `at` as it is written.
    pub(super) fn written(&self, at: usize) -> &'a str {
        self.words.bytes(at..at + 1).and_then(|span| self.sql.get(span)).unwrap_or_default()
    }

    /// Takes `range` away.
    pub(super) fn cut(&mut self, range: Range<usize>) {
        self.put(range, "");
    }

    /// Puts `text` in the place of `range`.
    pub(super) fn put(&mut self, range: Range<usize>, text: &str) {
        if let Some(span) = self.words.bytes(range) {
            self.changes.push((span.start, span.end, text.to_owned()));
        }
    }

    /// Takes some of the items of a list away, with their commas and comments. All that are not in `kept` go.
    pub(super) fn keep(&mut self, items: &[Range<usize>], kept: &[usize]) {
        let start = |at: usize| self.words.bytes(at..at + 1).map_or(self.sql.len(), |span| span.start);
        let mut cuts = Vec::new();
        let mut next = 0;
        for (number, index) in kept.iter().copied().chain([items.len()]).enumerate() {
            if index > next {
                let first = items.get(next).map_or(0, |i| i.start);
                cuts.push(match items.get(index) {
                    Some(item) => (start(first), start(item.start)),
                    // The comma before the last ones goes with them.
                    None => {
                        let end = items.last().map_or(self.len(), |i| i.end);
                        (start(if number == 0 { first } else { first - 1 }), start(end))
                    }
                });
            }
            next = index + 1;
        }
        self.changes.extend(cuts.into_iter().map(|(from, to)| (from, to, String::new())));
    }

    /// The changed text.
    pub(super) fn finish(mut self) -> String {
        // Of two that begin at one place the longer one holds.
        self.changes.sort_by_key(|(from, to, _)| (*from, usize::MAX - *to));
        let (mut out, mut at) = (String::with_capacity(self.sql.len()), 0);
        for (from, to, text) in &self.changes {
            if *from < at {
                continue;
            }
            out.push_str(self.sql.get(at..*from).unwrap_or_default());
            // What was taken away leaves no double space.
            if text.is_empty()
                && out.ends_with(' ')
                && self.sql.get(*to..).is_some_and(|r| r.starts_with([' ', ',', ')']))
            {
                out.pop();
            }
            out.push_str(text);
            at = *to;
        }
        out.push_str(self.sql.get(at..).unwrap_or_default());
        out.truncate(out.trim_end().len());
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_go_with_their_commas() {
        let sql = "a (b, c) /* x */, d e /* y */, f";
        let kept = |kept: &[usize]| {
            let mut edit = Edit::new(sql);
            let items = edit.items(0..edit.len());
            assert_eq!(items.len(), 3);
            edit.keep(&items, kept);
            edit.finish()
        };
        assert_eq!(kept(&[0, 1, 2]), sql);
        assert_eq!(kept(&[1, 2]), "d e /* y */, f");
        assert_eq!(kept(&[0, 2]), "a (b, c) /* x */, f");
        assert_eq!(kept(&[0, 1]), "a (b, c) /* x */, d e /* y */");
        assert_eq!(kept(&[0]), "a (b, c) /* x */");
        assert_eq!(kept(&[1]), "d e /* y */");
        assert_eq!(kept(&[2]), "f");
        assert_eq!(kept(&[]), "");
    }

    #[test]
    fn pieces_are_cut_and_put() {
        let mut edit = Edit::new("x INT DEFAULT 5 NOT NULL)");
        edit.cut(2..4);
        edit.put(1..2, "BIGINT");
        assert_eq!(edit.finish(), "x BIGINT NOT NULL)");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(sql in "[-a,()`'\"/*;. ]{0,24}", kept in proptest::collection::btree_set(0_usize..6, 0..4)) {
            let mut edit = Edit::new(&sql);
            let items = edit.items(0..edit.len());
            let kept: Vec<usize> = kept.into_iter().filter(|i| *i < items.len()).collect();
            edit.keep(&items, &kept);
            proptest::prop_assert!(edit.finish().len() <= sql.len());
        }
    }
}
