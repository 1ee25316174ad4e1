//! Text of SQL as a server reads it.
//!
//! ```text
//! token      the one tokenizer: where words, names, strings and comments begin and end
//! words      the tokens of a statement by their places; edit: pieces of its text, replaced
//! statement  what a DDL is, what it names and where, what an ALTER TABLE does
//! charset    its character sets, and the collations that it leaves unsaid
//! mention    the tables and sequences that a query or an expression names
//! upstream   a DDL text of a source in a form that every server reads in the same way
//! query      whether a DDL takes rows from somewhere
//! value      what an operator wrote as the value of a variable, as SQL
//! ```

mod charset;
mod edit;
mod mention;
mod place;
mod query;
mod statement;
mod token;
mod upstream;
mod value;
mod words;

pub use charset::{names_charset, with_collations};
pub use edit::{Edit, edited, quoted};
pub(crate) use mention::begins_query;
pub use mention::{Kind, Mention, mentions};
pub use query::has_query;
pub use statement::{Clause, Place, Retyped, Role, Statement, Verb};
pub use token::{Token, is_closed, statements, tokens};
pub use upstream::{Source, Unclear, canonical};
pub use value::{is_variable, literal};
pub use words::Words;
