//! Questions to whoever sits at the terminal.

use std::io::{self, BufRead as _, Write as _};

use anyhow::{Context as _, Result};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use super::{hidden, one_line};

/// A terminal that does not show what is typed, until this is dropped.
struct Unshown(Termios);

impl Unshown {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        // What was typed before the question is no answer to it.
        tcsetattr(io::stdin(), OptionalActions::Flush, &quiet)?;
        Ok(Self(before))
    }
}

impl Drop for Unshown {
    fn drop(&mut self) {
        // Nobody is left to tell where the terminal is gone.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
        let _ = writeln!(io::stderr());
    }
}

/// Asks for something that is not shown while it is typed: not even by who types ahead, as nothing is shown any more before the question is. `None`
/// where nobody could answer.
///
/// # Errors
/// If the terminal cannot be read.
pub fn ask_secret(question: &str) -> Result<Option<String>> {
    if !super::can_ask() {
        return Ok(None);
    }
    let ask = || -> io::Result<String> {
        let _unshown = Unshown::begin()?;
        write!(io::stderr(), "{}", one_line(&hidden(question)))?;
        io::stderr().flush()?;
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line)?;
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    };
    ask().map(Some).context("cannot read the password from the terminal")
}
