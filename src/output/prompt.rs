//! Questions to whoever sits at the terminal.

use std::io::{self, IsTerminal};

use anyhow::{Context as _, Result};
use console::Term;

/// Asks for something that is not shown while it is typed. `None` where nobody could answer.
///
/// # Errors
/// If the terminal cannot be read.
pub fn ask_secret(question: &str) -> Result<Option<String>> {
    let term = Term::stderr();
    if !term.is_term() || !io::stdin().is_terminal() {
        return Ok(None);
    }
    let answer = term.write_str(question).and_then(|()| term.read_secure_line());
    answer.map(Some).context("cannot read the password from the terminal")
}
