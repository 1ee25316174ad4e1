//! The only module that prints. Answers go to standard output; notes, warnings, errors and progress to standard error.

mod ask;
mod dialogue;
mod hidden;
mod plain;
mod progress;
mod prompt;

pub use ask::can_ask;
pub use dialogue::{Dialogue, undisturbed};
pub use hidden::hidden;
pub use plain::one_line;
pub use progress::Progress;
pub use prompt::ask_secret;

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};

use crate::error;
use crate::event::{Event, Events};

/// Set once by `main` from the flags and the environment, before anything is printed.
static COLOR: AtomicBool = AtomicBool::new(false);

/// When to colour messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Decides about colours once for the whole run.
pub fn set_color(choice: ColorChoice) {
    let plain =
        std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty()) || std::env::var("TERM").is_ok_and(|t| t == "dumb");
    let on = match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => io::stderr().is_terminal() && !plain,
    };
    COLOR.store(on, Ordering::Relaxed);
}

/// Prints the answer and a line feed.
///
/// # Errors
/// If standard output cannot take it: a script must not go on with half an answer.
pub fn answer(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{}", plain::answer(text)).and_then(|()| out.flush()) {
        // A closed pipe (`| head -1`) means that the reader has what it wanted.
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("cannot write the answer to standard output"),
    }
}

/// Prints a line worth knowing.
pub fn note(text: &str) {
    say("note: ", "36", &plain::message(&hidden(text)));
}

/// Prints a line that stands out.
pub fn warn(text: &str) {
    say("warning: ", "33", &plain::message(&hidden(text)));
}

/// Where a command without progress sends its events: notes and warnings become lines.
#[must_use]
pub fn events() -> Events {
    Arc::new(|event| match event {
        Event::Note(text) => note(&text),
        Event::Warning(text) => warn(&text),
        _ => {}
    })
}

/// Asks a question to be answered with yes or no; anything but yes is no.
///
/// # Errors
/// A usage fault where nobody can answer: standard input or standard error is no terminal.
pub fn confirm(question: &str) -> Result<bool> {
    if !can_ask() {
        let fault = error::Fault::usage(format!("somebody has to answer: {question}"));
        return Err(fault.hint("--yes answers it where there is no terminal").into());
    }
    let mut err = io::stderr().lock();
    write!(err, "{} [y/N] ", one_line(&hidden(question))).and_then(|()| err.flush()).context("cannot ask")?;
    let mut line = String::new();
    io::stdin().read_line(&mut line).context("cannot read the answer")?;
    Ok(matches!(line.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// Prints an error with its causes and what to do next.
pub fn error(error: &anyhow::Error) {
    let mut text = error.to_string();
    let mut last = text.clone();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        // Libraries repeat their cause in their own text; once is enough.
        if !last.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
        last = cause;
    }
    let mut text = plain::message(&hidden(&text)).into_owned();
    if let Some(fault) = error::fault(error)
        && !fault.hint.is_empty()
    {
        text.push_str("\nhint: ");
        text.push_str(&plain::message(&hidden(&fault.hint)));
    }
    say("error: ", "31", &text);
}

/// `text` holds nothing any more that a terminal would obey.
fn say(label: &str, color: &str, text: &str) {
    let label = if label.is_empty() || !COLOR.load(Ordering::Relaxed) {
        label.to_owned()
    } else {
        format!("\u{1b}[{color}m{label}\u{1b}[0m")
    };
    // Nobody is left to tell when standard error itself is gone.
    let _ = writeln!(io::stderr().lock(), "{label}{text}");
}
