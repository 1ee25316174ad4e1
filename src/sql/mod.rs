//! Text of SQL as a server reads it.
//!
//! ```text
//! token      the one tokenizer: where words, names, strings and comments begin and end
//! upstream   a DDL text of a source in a form that every server reads in the same way
//! query      whether a DDL takes rows from somewhere
//! value      what an operator wrote as the value of a variable, as SQL
//! ```

mod place;
mod query;
mod token;
mod upstream;
mod value;

pub use query::has_query;
pub use token::{Token, is_closed, tokens};
pub use upstream::{Source, Unclear, canonical};
pub use value::{is_variable, literal};
