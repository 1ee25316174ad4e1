//! The only module that prints. Standard output holds the answer alone, everything else goes to standard error.

#![allow(clippy::print_stderr, reason = "this is the module that prints")]

use std::io::{self, Write};

use anyhow::{Context, Result};

use crate::error::fault;

/// Prints the answer and a line feed on standard output.
///
/// # Errors
/// When standard output cannot take it: a script must not go on with half an answer.
pub fn answer(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).context("cannot write the answer to standard output")
}

/// Worth a line.
pub fn note(text: &str) {
    eprintln!("note: {text}");
}

/// Worth a line that stands out.
pub fn warn(text: &str) {
    eprintln!("warning: {text}");
}

/// What failed and what to do next.
pub fn error(error: &anyhow::Error) {
    eprintln!("error: {error:#}");
    if let Some(hint) = fault(error).map(|f| &f.hint).filter(|h| !h.is_empty()) {
        eprintln!("hint: {hint}");
    }
}
