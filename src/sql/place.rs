//! Where a string of a restored text stands, which says how TiDB has written it: it restores values (defaults, comments of columns, literals of expressions)
//! with each backslash doubled, and what is no value (elements of ENUM and SET, comments of tables, partitions and indexes) as it is.

use super::token::Token;

/// What begins an index.
const INDEXES: [&str; 7] = ["INDEX", "KEY", "UNIQUE", "PRIMARY", "FULLTEXT", "SPATIAL", "CONSTRAINT"];

/// Follows the tokens of a text.
#[derive(Default)]
pub(super) struct StringPlace {
    /// For each bracket that is open: what of it is behind the last comma.
    clauses: Vec<Clause>,
    /// The same of the text around them.
    outside: Clause,
    /// The last two tokens.
    before: [Before; 2],
    /// How far the words `ENUM (` or `SET (` have come: 2 is in the list.
    list: u8,
}

#[derive(Clone, Copy, Default)]
struct Clause {
    begun: bool,
    index: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Before {
    #[default]
    Other,
    Word,
    /// ADD or CREATE, behind which an index may begin.
    Makes,
    Comment,
    Equals,
}

impl StringPlace {
    /// Takes the next token; comments and white space are none.
    pub(super) fn take(&mut self, token: Token<'_>) {
        self.list = match (token, self.list) {
            (Token::Word(w), _) if ["ENUM", "SET"].iter().any(|l| w.eq_ignore_ascii_case(l)) => 1,
            (Token::Sign('('), 1) | (Token::Text(_) | Token::Sign(','), 2) => 2,
            (Token::Word(w), 2) if w.starts_with('_') => 2,
            _ => 0,
        };
        let before = match token {
            Token::Word(_) if token.is("COMMENT") => Before::Comment,
            Token::Word(_) if token.is("ADD") || token.is("CREATE") => Before::Makes,
            Token::Word(_) => Before::Word,
            Token::Sign('=') => Before::Equals,
            _ => Before::Other,
        };
        let makes = self.before[1] == Before::Makes;
        let is_index = matches!(token, Token::Word(w) if INDEXES.iter().any(|i| w.eq_ignore_ascii_case(i)));
        let clause = self.clause();
        clause.index |= is_index && (makes || !clause.begun);
        clause.begun = true;
        match token {
            Token::Sign('(') => self.clauses.push(Clause::default()),
            Token::Sign(')') => drop(self.clauses.pop()),
            Token::Sign(',') => *self.clause() = Clause::default(),
            _ => {}
        }
        self.before = [self.before[1], before];
    }

    fn clause(&mut self) -> &mut Clause {
        self.clauses.last_mut().unwrap_or(&mut self.outside)
    }

    /// Whether the string that was taken last is an element of an ENUM or a SET.
    pub(super) fn is_element(&self) -> bool {
        self.list == 2
    }

    /// Whether a string that comes next is no value: it stands behind `COMMENT =` or another option's name and `=`, or is an index's comment.
    pub(super) fn is_option(&self) -> bool {
        let [last, newest] = self.before;
        let index = self.clauses.last().unwrap_or(&self.outside).index;
        newest == Before::Equals && matches!(last, Before::Word | Before::Comment) || newest == Before::Comment && index
    }
}
