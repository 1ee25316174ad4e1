//! The tokens of a statement by their places, comments left out.

use std::borrow::Cow;
use std::ops::Range;

use super::token::{Token, tokens};

/// A statement as tokens. A place is the number of one; ranges are of places where nothing else is said.
#[derive(Clone, Debug)]
pub struct Words<'a> {
    tokens: Vec<(Token<'a>, usize, usize)>,
}

impl<'a> Words<'a> {
    /// Those of `sql`.
    #[must_use]
    pub fn of(sql: &'a str) -> Self {
        Self { tokens: tokens(sql).into_iter().filter(|(token, ..)| !matches!(token, Token::Comment(_))).collect() }
    }

    /// The same without those that lie within one of these pieces of the text, in bytes.
    #[must_use]
    pub fn without(mut self, pieces: &[Range<usize>]) -> Self {
        self.tokens.retain(|(_, from, to)| !pieces.iter().any(|piece| piece.start <= *from && *to <= piece.end));
        self
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The token at `at`.
    #[must_use]
    pub fn token(&self, at: usize) -> Option<Token<'a>> {
        self.tokens.get(at).map(|(token, ..)| *token)
    }

    /// The bytes that the tokens of `range` cover; `None` where there are none.
    #[must_use]
    pub fn bytes(&self, range: Range<usize>) -> Option<Range<usize>> {
        let ((_, from, _), (.., to)) = self.tokens.get(range.start).zip(self.tokens.get(range.end.checked_sub(1)?))?;
        (!range.is_empty()).then_some(*from..*to)
    }

    /// Whether this keyword stands at `at`, in whatever case.
    #[must_use]
    pub fn is(&self, at: usize, word: &str) -> bool {
        self.token(at).is_some_and(|t| t.is(word))
    }

    /// Whether one of these does.
    #[must_use]
    pub fn is_any(&self, at: usize, words: &[&str]) -> bool {
        words.iter().any(|w| self.is(at, w))
    }

    /// Whether this sign stands at `at`.
    #[must_use]
    pub fn sign(&self, at: usize, sign: char) -> bool {
        self.token(at) == Some(Token::Sign(sign))
    }

    /// The words of `phrase` from `at` on; gives the place behind them.
    #[must_use]
    pub fn phrase(&self, at: usize, phrase: &[&str]) -> Option<usize> {
        phrase.iter().enumerate().all(|(i, word)| self.is(at + i, word)).then_some(at + phrase.len())
    }

    /// Behind IF EXISTS or IF NOT EXISTS at `at`, or `at` itself.
    #[must_use]
    pub fn behind_condition(&self, at: usize) -> usize {
        self.phrase(at, &["IF", "EXISTS"]).or_else(|| self.phrase(at, &["IF", "NOT", "EXISTS"])).unwrap_or(at)
    }

    /// The name at `at`, without its quotes.
    #[must_use]
    pub fn name(&self, at: usize) -> Option<Cow<'a, str>> {
        self.token(at)?.name()
    }

    /// Behind the name at `at`, which may have a database before it.
    #[must_use]
    pub fn behind_name(&self, at: usize) -> usize {
        if self.sign(at + 1, '.') { at + 3 } else { at + 1 }
    }

    /// Whether nothing follows from `at` on but semicolons.
    #[must_use]
    pub fn ends(&self, at: usize) -> bool {
        self.tokens.iter().skip(at).all(|(token, ..)| *token == Token::Sign(';'))
    }

    /// The place of the bracket that closes the one at `open`, or the end.
    #[must_use]
    pub fn close(&self, open: usize) -> usize {
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
    #[must_use]
    pub fn surface(&self, range: Range<usize>) -> Vec<usize> {
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
    #[must_use]
    pub fn items(&self, range: Range<usize>) -> Vec<Range<usize>> {
        let commas = self.surface(range.clone()).into_iter().filter(|at| self.sign(*at, ','));
        let (mut from, mut out) = (range.start, Vec::new());
        for comma in commas.chain([range.end]) {
            out.push(from..comma);
            from = comma + 1;
        }
        out
    }
}
