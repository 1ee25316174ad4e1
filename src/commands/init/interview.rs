//! Asks the questions of `tisync init`, and keeps the answers.
//!
//! - The terminal: it asks on standard error, never on standard output.
//! - The interview: it gets each answer from its flag, from a default, or from the operator.
//! - The questions that are still open where there is no terminal.
//! - The answers.

use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::time::Duration;
use std::{fmt, thread};

use anyhow::{Context as _, Result, anyhow};
use console::Term;
use dialoguer::theme::SimpleTheme;
use dialoguer::{Confirm, Input, Select};
use parking_lot::Mutex;
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::Asker;
use crate::cli::config::InitArgs;
use crate::error::Fault;
use crate::moment::Start;
use crate::mysql::login::Secret;
use crate::output::{self, can_ask, say};
use crate::pd::Security;

/// The exit code after Ctrl-C.
const INTERRUPTED: i32 = 130;

/// Held during work that a signal must not interrupt.
static UNDISTURBED: Mutex<()> = Mutex::new(());

/// The terminal, if there is one. A signal ends the process at once with exit code 130, and leaves
/// the terminal as it was.
pub struct Dialogue {
    attended: bool,
}

impl Dialogue {
    /// Begins to listen for signals.
    ///
    /// # Errors
    /// If the system refuses that.
    pub fn open() -> Result<Self> {
        let attended = can_ask();
        let before = tcgetattr(io::stdin()).ok().filter(|_| attended);
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).context("cannot handle signals")?;
        let end = move || {
            if signals.forever().next().is_none() {
                return;
            }
            let _done = UNDISTURBED.lock();
            // If the terminal is gone, there is nothing to restore.
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

/// Does `work` before a signal can end the process.
pub fn undisturbed<T>(work: impl FnOnce() -> T) -> T {
    let _done = UNDISTURBED.lock();
    work()
}

/// The theme ends a question with a colon.
fn open_ended(question: &str) -> &str {
    question.trim_end_matches('?')
}

/// Dialoguer's result. After Ctrl-C the signal handler ends the process, so dialoguer's message is
/// not seen.
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
        let typed = output::ask_secret(&format!("{question}: "))?;
        typed.map(Secret::new).context("no terminal to ask for a password on")
    }

    fn found(&mut self, text: &str) {
        let text = output::plain_answer(text);
        let lines: Vec<String> = text.lines().map(|line| format!("  {line}").trim_end().to_owned()).collect();
        say("", "", &lines.join("\n"));
    }

    fn warn(&mut self, text: &str) {
        crate::output::warn(text);
    }

    fn wrong(&mut self, error: &anyhow::Error) {
        crate::output::error(error);
    }
}

/// No more input: the terminal is gone, or its input has ended. It is in the chain of an error, and
/// ends the interview.
#[derive(Debug)]
pub struct Ended;

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the terminal gave no answer")
    }
}

impl std::error::Error for Ended {}

/// A question whose answer is a line of text.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The flag that answers it.
    pub flag: &'static str,
    /// The question.
    pub text: &'a str,
    /// The answer to empty input.
    pub default: Option<&'a str>,
}

/// A question with a few answers.
#[derive(Clone, Copy, Debug)]
pub struct Choice<'a> {
    /// The flag that answers it.
    pub flag: &'static str,
    /// The question.
    pub text: &'a str,
    /// The possible answers.
    pub choices: &'a [&'a str],
    /// The choice for empty input.
    pub default: Option<usize>,
}

/// An interview. A flag or a default answers a question once; if that answer was wrong and there is
/// a terminal, the operator is asked.
pub struct Interview<'a> {
    asker: &'a mut dyn Asker,
    /// Whether defaults are taken without asking.
    brief: bool,
    /// Whether the last answer was wrong: then flags and defaults are not used any more.
    again: bool,
}

impl<'a> Interview<'a> {
    /// Begins an interview with `asker`; a `brief` one does not ask where there is a default.
    pub fn new(asker: &'a mut dyn Asker, brief: bool) -> Self {
        let brief = brief || !asker.attended();
        Self { asker, brief, again: false }
    }

    /// Whether there is an operator to ask.
    #[must_use]
    pub fn attended(&self) -> bool {
        self.asker.attended()
    }

    /// Runs `step`, its questions included, until it succeeds, and shows why it failed.
    ///
    /// # Errors
    /// The error of `step`, if there is no operator to give another answer.
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

    /// Asks for a line of text.
    ///
    /// # Errors
    /// A usage fault that names the flag, if there is no operator to ask.
    pub fn text(&mut self, question: Question<'_>, given: Option<&str>) -> Result<String> {
        let Question { flag, text, default } = question;
        if let Some(answer) = given.or(default.filter(|_| self.brief)).filter(|_| !self.again) {
            return Ok(answer.to_owned());
        }
        self.somebody(flag)?;
        let answer = self.asker.text(text, default).context(Ended)?;
        Ok(answer.trim().to_owned())
    }

    /// Asks for one of several choices; returns its index.
    ///
    /// # Errors
    /// A usage fault that names the flag, if there is no operator to ask.
    pub fn choose(&mut self, question: Choice<'_>, given: Option<usize>) -> Result<usize> {
        let Choice { flag, text, choices, default } = question;
        if let Some(answer) = given.or(default.filter(|_| self.brief)).filter(|_| !self.again) {
            return Ok(answer);
        }
        self.somebody(flag)?;
        self.asker.choose(text, choices, default.unwrap_or(0)).context(Ended)
    }

    /// Asks a yes-or-no question. `default` is only offered: without a flag the question is always
    /// asked.
    ///
    /// # Errors
    /// A usage fault that names the flag, if there is no operator to ask.
    pub fn agree(&mut self, flag: &'static str, text: &str, default: bool, given: Option<bool>) -> Result<bool> {
        if let Some(answer) = given.filter(|_| !self.again) {
            return Ok(answer);
        }
        self.somebody(flag)?;
        self.asker.agree(text, default).context(Ended)
    }

    /// Asks for a secret, which is not shown while it is typed.
    ///
    /// # Errors
    /// A usage fault that names the flag, if there is no operator to ask.
    pub fn secret(&mut self, flag: &'static str, text: &str) -> Result<Secret> {
        self.somebody(flag)?;
        self.asker.secret(text).context(Ended)
    }

    /// Shows a finding.
    pub fn found(&mut self, text: &str) {
        self.asker.found(text);
    }

    /// Shows a warning.
    pub fn warn(&mut self, text: &str) {
        self.asker.warn(text);
    }

    fn somebody(&self, flag: &'static str) -> Result<()> {
        if self.attended() {
            return Ok(());
        }
        Err(Fault::usage(format!("there is no terminal to ask on, and {flag} is missing"))
            .hint("`tisync init --help` shows the flag for each question")
            .into())
    }
}

/// The flags of all questions that have no default and no answer yet, in the order of the
/// questions.
#[must_use]
pub fn missing(args: &InitArgs) -> Vec<&'static str> {
    let start = &args.start;
    let started = start.start_from_br.is_some() || start.start_from_dumpling.is_some() || start.start_ts.is_some();
    let wanted = [
        ("--from-pd", true, args.from_pd.is_some()),
        ("--to-pd", args.both, args.to_pd.is_some()),
        ("--to", true, args.to.is_some()),
        ("--from-sql", args.both, args.from_sql.is_some()),
        ("--start-ts (or --start-from-br, --start-from-dumpling)", true, started),
        ("--ddl-from", args.both, args.ddl_from.is_some()),
        ("--mark-setup", args.both && !args.dry_run, args.mark_setup.is_some()),
    ];
    wanted.into_iter().filter(|(_, asked, answered)| *asked && !answered).map(|(flag, ..)| flag).collect()
}

/// All answers, from which the file is made.
#[derive(Clone, Debug)]
pub struct Answers {
    /// The clusters; the first is the source, and for both directions the second is one too.
    pub sides: [Side; 2],
    /// Where the link from the first to the second begins.
    pub start: Begin,
    /// Where the link back begins; `None` for one direction.
    pub back: Option<Begin>,
    /// Patterns of the tables; empty for all.
    pub tables: Vec<String>,
    /// 1: both sides must have equal columns. 2: the columns that both have are replicated.
    pub sync_mode: u8,
    /// How links leave out what came from the other side; `None` for one direction.
    pub marks: Option<Marks>,
}

impl Answers {
    /// The links: source, target and beginning. They have names if there are two.
    #[must_use]
    pub fn links(&self) -> Vec<Link<'_>> {
        let [a, b] = &self.sides;
        let name = |from: &Side, to: &Side| self.back.is_some().then(|| format!("{}-to-{}", from.name, to.name));
        let there = Link { name: name(a, b), from: a, to: b, begin: &self.start, ddl: self.ddl_from(0) };
        let back =
            self.back.as_ref().map(|begin| Link { name: name(b, a), from: b, to: a, begin, ddl: self.ddl_from(1) });
        std::iter::once(there).chain(back).collect()
    }

    fn ddl_from(&self, side: usize) -> bool {
        self.marks.as_ref().is_none_or(|m| m.ddl_from == side)
    }
}

/// A link of the answers.
#[derive(Clone, Debug)]
pub struct Link<'a> {
    /// Its name, unless it is the only one.
    pub name: Option<String>,
    /// The source.
    pub from: &'a Side,
    /// The target.
    pub to: &'a Side,
    /// Where it begins.
    pub begin: &'a Begin,
    /// Whether DDL is replicated.
    pub ddl: bool,
}

/// A cluster.
#[derive(Clone, Debug, Default)]
pub struct Side {
    /// Its name in the file.
    pub name: String,
    /// PD's addresses, `host:port` or `https://host:port`; none for a mere target.
    pub pd: Vec<String>,
    /// TLS to PD, Pumps and status ports.
    pub security: Security,
    /// PD's cluster id; `None` if PD was not asked.
    pub cluster_id: Option<u64>,
    /// SQL address without a password; `None` for a mere source.
    pub sql: Option<String>,
    /// Where the account's password is kept.
    pub password: Kept,
}

/// Where a password is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Kept {
    /// There is none, or the address or MySQL's option file leads to it.
    #[default]
    Nowhere,
    /// In a variable of the environment.
    Variable(String),
    /// In a file that exists.
    File(PathBuf),
    /// In a file to be written beside the tisync.toml.
    Beside(Secret),
    /// In the tisync.toml.
    Inside(Secret),
}

/// Where a link begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begin {
    /// The file's value.
    pub start: Start,
    /// Its origin, for a comment.
    pub said: String,
    /// The flags of `tisync init` for it.
    pub flags: Vec<String>,
}

/// How links leave out what came from the other side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marks {
    /// The channel.
    pub channel: i64,
    /// The mark table.
    pub table: String,
    /// The side whose DDL goes to the other: 0 or 1.
    pub ddl_from: usize,
}

#[cfg(test)]
#[path = "interview_tests.rs"]
mod tests;

#[cfg(test)]
mod missing_tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn of(words: &str) -> Vec<&'static str> {
        let cli = Cli::try_parse_from(words.split(' ')).unwrap();
        let Command::Init(args) = cli.command else { panic!("{words}") };
        missing(&args)
    }

    #[test]
    fn in_the_order_of_the_questions() {
        const START: &str = "--start-ts (or --start-from-br, --start-from-dumpling)";
        assert_eq!(of("tisync init"), ["--from-pd", "--to", START]);
        assert_eq!(of("tisync init --from-pd a:1 --start-from-br /b"), ["--to"]);
        assert_eq!(of("tisync init --from-pd a:1 --to mysql://b --start-ts now"), [""; 0]);
        assert_eq!(
            of("tisync init --both --to mysql://b"),
            ["--from-pd", "--to-pd", "--from-sql", START, "--ddl-from", "--mark-setup"]
        );
        assert!(!of("tisync init --both --dry-run").contains(&"--mark-setup"));
    }
}
