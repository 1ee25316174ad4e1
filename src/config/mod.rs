//! What the operator wants, wherever it was written: [`Settings`] is all that one link needs. Past here nobody sees the command line
//! or a file's format.
//!
//! Each place gives a [`Draft`], key by key with its [`Origin`]: the command line and its environment (`flags`), a tisync.toml
//! (`tisync`), a drainer.toml (`drainer`). They are laid over each other, and the defaults make [`Settings`] of the rest.

mod address;
mod check;
mod checkpoint;
mod document;
mod draft;
pub mod drainer;
mod duration;
mod ends;
mod flags;
mod load;
mod opposite;
mod origin;
mod password;
mod reader;
mod rounds;
mod rules;
mod session;
mod settings;
mod several;
mod start;
pub mod tisync;
mod write;

pub use check::{Checked, check};
pub use checkpoint::DrainerCheckpoint;
pub use document::{Document, Problem};
pub use draft::Draft;
pub use ends::{Ends, Places};
pub use load::{FileKind, Idle, Loaded, link, load, open, upstream};
pub use opposite::{Discord, discords, opposites, repeated, repetition};
pub use origin::{Given, Origin};
pub use rounds::{Round, rounds};
pub use rules::{Replacement, Route};
pub use settings::{LoopbackSettings, Settings, SourceSettings, Until, security};
pub use several::agree;
pub use start::Start;
pub use write::{Converted, Passwords, convert};

pub(crate) use address::{PARTS, append, encode};
pub(crate) use password::{of_file as password_of_file, variable as password_variable};
pub(crate) use write::{list as toml_list, text as toml_text};

/// The name of a link that was given none.
pub const DEFAULT_LINK: &str = "default";

/// Reads a variable of the environment.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The environment of the process.
#[must_use]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// What an operator should know about where settings came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remark {
    /// Somebody should look.
    Warning(String),
    /// Good to know.
    Note(String),
}
