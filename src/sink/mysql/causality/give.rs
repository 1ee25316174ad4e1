//! Tokens of one change, each once.

use super::Token;

/// Where the tokens of one change go.
pub(super) struct Give<'a> {
    out: &'a mut Vec<Token>,
    from: usize,
}

impl<'a> Give<'a> {
    pub(super) fn new(out: &'a mut Vec<Token>) -> Self {
        let from = out.len();
        Self { out, from }
    }

    /// A change has few tokens: looking through them is quicker than a set.
    pub(super) fn token(&mut self, hash: u64, exclusive: bool) {
        let known = self.out.iter_mut().skip(self.from).find(|t| t.hash == hash);
        match known {
            Some(token) => token.exclusive |= exclusive,
            None => self.out.push(Token { hash, exclusive }),
        }
    }
}
