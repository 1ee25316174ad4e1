//! The questions of `tisync init` and what becomes of the answers. Nothing here prints, and nothing is changed on a cluster.
//!
//! ```text
//! interview ──► answers ──► document   the tisync.toml
//! asks, or      (missing:   command    the same as command lines
//! takes flags   what nobody
//!               answered)
//! cluster, server, rights: what is found where an answer leads
//! ```
//!
//! `commands::init` holds the steps in their order; [`Asker`] is whoever is asked: the terminal, or a test.

mod answers;
mod cluster;
mod command;
mod document;
mod interview;
mod missing;
mod rights;
mod server;

use anyhow::Result;

use crate::sink::mysql::secret::Secret;

pub use crate::shell::quoted;
pub use answers::{Answers, Begin, Kept, Marks, Side};
pub use cluster::{Cluster, addresses};
pub use command::{one_liners, sync, unattended};
pub use document::{Written, document, password_file};
pub use interview::{Choice, Ended, Interview, Question};
pub use missing::missing;
pub use rights::{Lack, lacks};
pub use server::{Account, Server};

/// Who answers questions, and sees what was found.
pub trait Asker {
    /// Whether somebody is there. If not, nothing is asked.
    fn attended(&self) -> bool;

    /// A line of text; what is typed, or `default` for nothing.
    ///
    /// # Errors
    /// If nobody can be asked any more.
    fn text(&mut self, question: &str, default: Option<&str>) -> Result<String>;

    /// One of `choices`, by number; `default` is the one that is offered first.
    ///
    /// # Errors
    /// If nobody can be asked any more.
    fn choose(&mut self, question: &str, choices: &[&str], default: usize) -> Result<usize>;

    /// Yes or no.
    ///
    /// # Errors
    /// If nobody can be asked any more.
    fn agree(&mut self, question: &str, default: bool) -> Result<bool>;

    /// Something that is not shown while it is typed.
    ///
    /// # Errors
    /// If nobody can be asked any more.
    fn secret(&mut self, question: &str) -> Result<Secret>;

    /// Shows what was found.
    fn found(&mut self, text: &str);

    /// Shows what somebody should look at.
    fn warn(&mut self, text: &str);

    /// Shows why an answer is not taken.
    fn wrong(&mut self, error: &anyhow::Error);
}
