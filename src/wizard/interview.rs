//! Gets each answer from its flag, from a default, or from whoever is asked.

use std::fmt;

use anyhow::{Context as _, Result};

use super::Asker;
use crate::error::Fault;
use crate::sink::mysql::secret::Secret;

/// Nobody can be asked any more. It stands in the chain of an error, and ends the interview.
#[derive(Debug)]
pub struct Ended;

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nobody answers at the terminal")
    }
}

impl std::error::Error for Ended {}

/// A question whose answer is a line of text.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The flag that answers it.
    pub flag: &'static str,
    /// What is asked.
    pub text: &'a str,
    /// The answer if there is none.
    pub default: Option<&'a str>,
}

/// A question with a few answers.
#[derive(Clone, Copy, Debug)]
pub struct Choice<'a> {
    /// The flag that answers it.
    pub flag: &'static str,
    /// What is asked.
    pub text: &'a str,
    /// What can be answered.
    pub choices: &'a [&'a str],
    /// The answer if there is none.
    pub default: Option<usize>,
}

/// An interview. Flags and defaults answer each question once; where that was wrong and somebody is there, they are asked.
pub struct Interview<'a> {
    asker: &'a mut dyn Asker,
    /// Defaults are taken without asking.
    brief: bool,
    /// The last answer was wrong: flags and defaults do not count.
    again: bool,
}

impl<'a> Interview<'a> {
    /// Begins one with `asker`; a `brief` one does not ask where there is a default.
    pub fn new(asker: &'a mut dyn Asker, brief: bool) -> Self {
        let brief = brief || !asker.attended();
        Self { asker, brief, again: false }
    }

    /// Whether somebody is there.
    #[must_use]
    pub fn attended(&self) -> bool {
        self.asker.attended()
    }

    /// Runs `step`, its questions included, until it succeeds; why it did not is shown.
    ///
    /// # Errors
    /// What `step` failed with, where nobody can give another answer.
    pub fn until_good<T>(&mut self, mut step: impl FnMut(&mut Self) -> Result<T>) -> Result<T> {
        let before = std::mem::replace(&mut self.again, false);
        let done = loop {
            match step(self) {
                Err(error) if self.attended() && !error.chain().any(|e| e.is::<Ended>()) && !error.is::<Ended>() => {
                    self.asker.wrong(&error);
                }
                done => break done,
            }
            self.again = true;
        };
        self.again = before;
        done
    }

    /// A line of text.
    ///
    /// # Errors
    /// A usage fault that names the flag, where nobody is there.
    pub fn text(&mut self, question: Question<'_>, given: Option<&str>) -> Result<String> {
        let Question { flag, text, default } = question;
        if let Some(answer) = given.or(default.filter(|_| self.brief)).filter(|_| !self.again) {
            return Ok(answer.to_owned());
        }
        self.somebody(flag)?;
        let answer = self.asker.text(text, default).context(Ended)?;
        Ok(answer.trim().to_owned())
    }

    /// One of several answers, by its number.
    ///
    /// # Errors
    /// A usage fault that names the flag, where nobody is there.
    pub fn choose(&mut self, question: Choice<'_>, given: Option<usize>) -> Result<usize> {
        let Choice { flag, text, choices, default } = question;
        if let Some(answer) = given.or(default.filter(|_| self.brief)).filter(|_| !self.again) {
            return Ok(answer);
        }
        self.somebody(flag)?;
        self.asker.choose(text, choices, default.unwrap_or(0)).context(Ended)
    }

    /// Yes or no; `default` is only what is offered: without a flag this is always asked.
    ///
    /// # Errors
    /// A usage fault that names the flag, where nobody is there.
    pub fn agree(&mut self, flag: &'static str, text: &str, default: bool, given: Option<bool>) -> Result<bool> {
        if let Some(answer) = given.filter(|_| !self.again) {
            return Ok(answer);
        }
        self.somebody(flag)?;
        self.asker.agree(text, default).context(Ended)
    }

    /// Something that is not shown while it is typed.
    ///
    /// # Errors
    /// A usage fault that names the flag, where nobody is there.
    pub fn secret(&mut self, flag: &'static str, text: &str) -> Result<Secret> {
        self.somebody(flag)?;
        self.asker.secret(text).context(Ended)
    }

    /// Shows what was found.
    pub fn found(&mut self, text: &str) {
        self.asker.found(text);
    }

    /// Shows what somebody should look at.
    pub fn warn(&mut self, text: &str) {
        self.asker.warn(text);
    }

    fn somebody(&self, flag: &'static str) -> Result<()> {
        if self.attended() {
            return Ok(());
        }
        Err(Fault::usage(format!("there is no terminal to ask at, and {flag} is missing"))
            .hint("`tisync init --help` shows every question's flag")
            .into())
    }
}

#[cfg(test)]
#[path = "interview_tests.rs"]
mod tests;
