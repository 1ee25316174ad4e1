//! A statement as tokens, and changes to its text.

use std::ops::Range;

use super::super::text::{Token, tokens};

/// A statement under change. Places are indexes of tokens; comments are none, and stay unless what they stand in goes.
pub(super) struct Edit<'a> {
    sql: &'a str,
    tokens: Vec<(Token<'a>, usize, usize)>,
    changes: Vec<(usize, usize, String)>,
}

impl<'a> Edit<'a> {
    pub(super) fn new(sql: &'a str) -> Self {
        let tokens = tokens(sql).into_iter().filter(|(t, ..)| !matches!(t, Token::Comment(_))).collect();
        Self { sql, tokens, changes: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.tokens.len()
    }

    pub(super) fn token(&self, at: usize) -> Option<Token<'a>> {
        self.tokens.get(at).map(|(t, ..)| *t)
    }

    pub(super) fn is(&self, at: usize, word: &str) -> bool {
        self.token(at).is_some_and(|t| t.is(word))
    }

    pub(super) fn is_any(&self, at: usize, words: &[&str]) -> bool {
        words.iter().any(|w| self.is(at, w))
    }

    pub(super) fn sign(&self, at: usize, sign: char) -> bool {
        self.token(at) == Some(Token::Sign(sign))
    }

    /// The words of `phrase` from `at` on; gives the place behind them.
    pub(super) fn phrase(&self, at: usize, phrase: &[&str]) -> Option<usize> {
        phrase.iter().enumerate().all(|(i, word)| self.is(at + i, word)).then_some(at + phrase.len())
    }

    /// Behind IF EXISTS or IF NOT EXISTS at `at`, or `at` itself.
    pub(super) fn behind_condition(&self, at: usize) -> usize {
        self.phrase(at, &["IF", "EXISTS"]).or_else(|| self.phrase(at, &["IF", "NOT", "EXISTS"])).unwrap_or(at)
    }

    /// The name at `at` without its quotes.
    pub(super) fn name(&self, at: usize) -> Option<String> {
        match self.token(at)? {
            Token::Word(word) => Some(word.to_owned()),
            Token::Name(name) => Some(name.trim_start_matches('`').trim_end_matches('`').replace("``", "`")),
            _ => None,
        }
    }

    /// Behind the name at `at`, which may have a database before it.
    pub(super) fn behind_name(&self, at: usize) -> usize {
        if self.sign(at + 1, '.') { at + 3 } else { at + 1 }
    }

    /// The place of the bracket that closes the one at `open`, or the end.
    pub(super) fn close(&self, open: usize) -> usize {
        let mut depth = 0_usize;
        for at in open..self.len() {
            if self.sign(at, '(') {
                depth += 1;
            } else if self.sign(at, ')') {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at;
                }
            }
        }
        self.len()
    }

    /// The places in `range` that lie in no bracket; the brackets themselves count.
    pub(super) fn surface(&self, range: Range<usize>) -> Vec<usize> {
        let (mut out, mut depth) = (Vec::new(), 0_usize);
        for at in range {
            if self.sign(at, ')') {
                depth = depth.saturating_sub(1);
            }
            if depth == 0 {
                out.push(at);
            }
            if self.sign(at, '(') {
                depth += 1;
            }
        }
        out
    }

    /// What stands between the commas of `range`.
    pub(super) fn items(&self, range: Range<usize>) -> Vec<Range<usize>> {
        let commas = self.surface(range.clone()).into_iter().filter(|at| self.sign(*at, ','));
        let (mut from, mut out) = (range.start, Vec::new());
        for comma in commas.chain([range.end]) {
            out.push(from..comma);
            from = comma + 1;
        }
        out
    }

    /// Takes `range` away.
    pub(super) fn cut(&mut self, range: Range<usize>) {
        self.put(range, "");
    }

    /// Puts `text` in the place of `range`.
    pub(super) fn put(&mut self, range: Range<usize>, text: &str) {
        let span = self.tokens.get(range.start).zip(range.end.checked_sub(1).and_then(|i| self.tokens.get(i)));
        if let Some(((_, start, _), (.., end))) = span.filter(|_| !range.is_empty()) {
            self.changes.push((*start, *end, text.to_owned()));
        }
    }

    /// Takes some of the items of a list away, with their commas and comments. All that are not in `kept` go.
    pub(super) fn keep(&mut self, items: &[Range<usize>], kept: &[usize]) {
        let start = |at: usize| self.tokens.get(at).map_or(self.sql.len(), |(_, start, _)| *start);
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
