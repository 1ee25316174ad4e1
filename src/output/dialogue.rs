//! Asks the questions of `tisync init` at the terminal: on standard error, never on standard output.

use std::io::{self, ErrorKind};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use console::Term;
use dialoguer::theme::SimpleTheme;
use dialoguer::{Confirm, Input, Select};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::{can_ask, plain, prompt, say};
use crate::sink::mysql::secret::Secret;
use crate::wizard::Asker;

/// The exit code behind Ctrl-C.
const INTERRUPTED: i32 = 130;

/// Held while something is done that must be done to its end.
static UNDISTURBED: Mutex<()> = Mutex::new(());

/// The terminal, or nobody. A signal ends the process at once with exit code 130, and leaves the terminal as it was.
pub struct Dialogue {
    attended: bool,
}

impl Dialogue {
    /// Begins to listen to signals.
    ///
    /// # Errors
    /// If the system refuses that.
    pub fn open() -> Result<Self> {
        let attended = can_ask();
        let before = tcgetattr(io::stdin()).ok().filter(|_| attended);
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).context("cannot listen to signals")?;
        let end = move || {
            if signals.forever().next().is_none() {
                return;
            }
            let _done = UNDISTURBED.lock().unwrap_or_else(PoisonError::into_inner);
            // Nobody is left to tell where the terminal is gone.
            if let Some(before) = &before {
                let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
                let _ = Term::stderr().show_cursor();
                say("", "", "");
            }
            std::process::exit(INTERRUPTED);
        };
        thread::Builder::new().name("signals".to_owned()).spawn(end).context("cannot start a thread")?;
        Ok(Self { attended })
    }
}

/// Does `work` before a signal ends the process.
pub fn undisturbed<T>(work: impl FnOnce() -> T) -> T {
    let _done = UNDISTURBED.lock().unwrap_or_else(PoisonError::into_inner);
    work()
}

/// The theme ends a question with a colon.
fn open_ended(question: &str) -> &str {
    question.trim_end_matches('?')
}

/// What dialoguer says. Behind Ctrl-C the signal ends the process, and nothing of this is to be seen.
fn answered<T>(result: dialoguer::Result<T>) -> Result<T> {
    result.map_err(|dialoguer::Error::IO(error)| {
        if error.kind() == ErrorKind::Interrupted {
            thread::sleep(Duration::from_secs(5));
        }
        anyhow!(error).context("cannot ask at the terminal")
    })
}

impl Asker for Dialogue {
    fn attended(&self) -> bool {
        self.attended
    }

    fn text(&mut self, question: &str, default: Option<&str>) -> Result<String> {
        let theme = SimpleTheme;
        let mut input =
            Input::<String>::with_theme(&theme).with_prompt(open_ended(question)).allow_empty(default == Some(""));
        if let Some(default) = default.filter(|d| !d.is_empty()) {
            input = input.default(default.to_owned());
        }
        answered(input.interact_text())
    }

    fn choose(&mut self, question: &str, choices: &[&str], default: usize) -> Result<usize> {
        answered(
            Select::with_theme(&SimpleTheme)
                .with_prompt(open_ended(question))
                .items(choices)
                .default(default)
                .interact(),
        )
    }

    fn agree(&mut self, question: &str, default: bool) -> Result<bool> {
        answered(Confirm::with_theme(&SimpleTheme).with_prompt(question).default(default).interact())
    }

    fn secret(&mut self, question: &str) -> Result<Secret> {
        let typed = prompt::ask_secret(&format!("{question}: "))?;
        typed.map(Secret::new).context("nobody can be asked for a password")
    }

    fn found(&mut self, text: &str) {
        let text = plain::answer(text);
        let lines: Vec<String> = text.lines().map(|line| format!("  {line}").trim_end().to_owned()).collect();
        say("", "", &lines.join("\n"));
    }

    fn warn(&mut self, text: &str) {
        super::warn(text);
    }

    fn wrong(&mut self, error: &anyhow::Error) {
        super::error(error);
    }
}
