//! The only module that prints: answers go to standard output, everything else to standard error.
//!
//! Everything else is notes, warnings, errors and progress. Two filters are applied to the text:
//!
//! - Secrets: where a message repeats an address, its password and its keys are not shown.
//!   Addresses with passwords are warned of where they are read; this filter is for messages about
//!   something else that repeat what was typed.
//! - Control characters: names, hosts and DDL texts come from other systems. What a terminal would
//!   obey, or what would begin a line that looks like one of ours, is shown as JSON writes it,
//!   `\u001b`.
//!
//! Also here: questions to the operator at the terminal, such as what to do about a DDL that the
//! target refuses.

pub(crate) mod progress;

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, BufRead, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

use anyhow::{Context, Result};
use regex::{Captures, Regex};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::error;
use crate::event::{Event, Events};
use crate::sink::mysql::{Answer, DdlTrouble};
pub use progress::Progress;

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
    match writeln!(out, "{}", plain_answer(text)).and_then(|()| out.flush()) {
        // A closed pipe (`| head -1`) means that the reader has what it wanted.
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("cannot write the answer to standard output"),
    }
}

/// Prints a line worth knowing.
pub fn note(text: &str) {
    say("note: ", "36", &plain_message(&hidden(text)));
}

/// Prints a line that stands out.
pub fn warn(text: &str) {
    say("warning: ", "33", &plain_message(&hidden(text)));
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
/// A usage fault where there is no terminal to ask at: standard input or standard error is none.
pub fn confirm(question: &str) -> Result<bool> {
    if !can_ask() {
        let fault = error::Fault::usage(format!("confirmation needed: {question}"));
        return Err(fault.hint("add --yes to confirm without a terminal").into());
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
    let mut text = plain_message(&hidden(&text)).into_owned();
    if let Some(fault) = error::fault(error)
        && !fault.hint.is_empty()
    {
        text.push_str("\nhint: ");
        text.push_str(&plain_message(&hidden(&fault.hint)));
    }
    say("error: ", "31", &text);
}

/// Prints a message. `text` holds nothing any more that a terminal would obey.
pub(crate) fn say(label: &str, color: &str, text: &str) {
    let label = if label.is_empty() || !COLOR.load(Ordering::Relaxed) {
        label.to_owned()
    } else {
        format!("\u{1b}[{color}m{label}\u{1b}[0m")
    };
    // If standard error itself is gone, there is nowhere to report it.
    let _ = writeln!(io::stderr().lock(), "{label}{text}");
}

/// A password in front of a host, up to the last `@` of the word: one that is badly written may
/// hold anything.
const ACCOUNT: &str = r"(?P<before>://[^\s:@/?#]*:)[^\s]*@";
/// Parameters of an address, and options of object storage, whose values are secret. A hint says
/// `…` where one goes.
const PARAMETER: &str = r#"(?i)(?P<before>\b(?:secret[-_]access|access|account|encryption)[-_]key=|\b(?:session|sas)[-_]token=|\b(?:aws_)?secret[-_]key=|\bpassword=|\bsig(?:nature)?=)[^\s&'"`…][^\s&'"`]*"#;

static SECRETS: LazyLock<Vec<Regex>> =
    LazyLock::new(|| [ACCOUNT, PARAMETER].into_iter().filter_map(|text| Regex::new(text).ok()).collect());

/// `text` without the passwords and keys of the addresses in it.
#[must_use]
pub fn hidden(text: &str) -> Cow<'_, str> {
    let mut out = Cow::Borrowed(text);
    for (at, secret) in SECRETS.iter().enumerate() {
        if secret.is_match(&out) {
            let end = if at == 0 { "@" } else { "" };
            let shown = secret.replace_all(&out, |found: &Captures<'_>| format!("{}***{end}", &found["before"]));
            out = Cow::Owned(shown.into_owned());
        }
    }
    out
}

/// Behind a line feed these mark a line of the same message: our own messages have no other.
const CONTINUES: &str = "  ";

/// Whether a terminal obeys `c` instead of showing it: control characters, those that turn the
/// direction of writing, and other line breaks.
fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(c, '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// `text` with every character escaped that a terminal obeys, but for the line feeds and tabs that
/// `keeps` lets pass; `keeps` sees what follows each.
fn escaped(text: &str, keeps: impl Fn(char, &str) -> bool) -> Cow<'_, str> {
    if !text.contains(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for (at, c) in text.char_indices() {
        let rest = text.get(at + c.len_utf8()..).unwrap_or_default();
        match c {
            c if !is_obeyed(c) || keeps(c, rest) => out.push(c),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| {
                // Writing into a String cannot fail.
                let _ = write!(out, "\\u{unit:04x}");
            }),
        }
    }
    Cow::Owned(out)
}

/// Escapes an answer: its lines stay, and JSON stays JSON.
pub(crate) fn plain_answer(text: &str) -> Cow<'_, str> {
    escaped(text, |c, _| matches!(c, '\n' | '\t'))
}

/// Escapes a message: a line break stays where an indented line follows.
fn plain_message(text: &str) -> Cow<'_, str> {
    escaped(text, |c, rest| c == '\t' || (c == '\n' && rest.starts_with(CONTINUES)))
}

/// Escapes text that is to be one line, as a cell of a table.
#[must_use]
pub fn one_line(text: &str) -> Cow<'_, str> {
    escaped(text, |_, _| false)
}

/// Whether an operator can be asked: there is a terminal to read from and to show the question on.
#[must_use]
pub fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// The operator's answer at the terminal; `before` says which link asks.
fn at_terminal(before: &str, trouble: &DdlTrouble) -> Answer {
    // Standard error is not locked: other links go on, and may have something to say.
    ask(before, trouble, &mut io::stdin().lock(), &mut io::stderr())
}

/// Shows the trouble and asks until there is an answer; the end of the input means to stop.
fn ask(before: &str, trouble: &DdlTrouble, input: &mut dyn BufRead, out: &mut dyn Write) -> Answer {
    // Where the question cannot be shown, it is not asked.
    let shown = writeln!(
        out,
        "\n{before}This DDL did not run on the target (commit ts {}, database `{}`):\n  {}\n{}",
        trouble.commit_ts.explain(),
        one_line(&trouble.schema),
        plain_message(&trouble.statement.trim_end().replace('\n', "\n  ")),
        plain_message(&hidden(&trouble.error))
    );
    if shown.is_err() {
        return Answer::Stop;
    }
    loop {
        let Some(word) = read(input, out, "[a]gain, [s]kip it, [r]eplace it with other SQL, or stop [q]? ") else {
            return Answer::Stop;
        };
        match word.to_ascii_lowercase().as_str() {
            "a" | "again" => return Answer::Again,
            "s" | "skip" => return Answer::Skip,
            "q" | "stop" | "quit" => return Answer::Stop,
            "r" | "replace" => match read(input, out, "SQL to run instead, on one line (empty: back): ") {
                Some(sql) if !sql.is_empty() => return Answer::Replace(sql),
                Some(_) => {}
                None => return Answer::Stop,
            },
            _ => {}
        }
    }
}

/// One line without the space around it; `None` at the end.
fn read(input: &mut dyn BufRead, out: &mut dyn Write, prompt: &str) -> Option<String> {
    write!(out, "{prompt}").and_then(|()| out.flush()).ok()?;
    let mut line = String::new();
    match input.read_line(&mut line) {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(line.trim().to_owned()),
    }
}

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
        // If the terminal is gone, there is nowhere to report it.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
        let _ = writeln!(io::stderr());
    }
}

/// Asks for a secret that is not shown while it is typed. The echo is switched off before the
/// question appears, so text that is typed ahead is not shown either. `None` where there is no
/// terminal to ask at.
///
/// # Errors
/// If the terminal cannot be read.
pub fn ask_secret(question: &str) -> Result<Option<String>> {
    if !can_ask() {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::CommitTs;

    #[test]
    fn no_secret_of_an_address_is_shown() {
        assert_eq!(SECRETS.len(), 2);
        for (text, shown) in [
            ("mysql://u:geheim@h:1/?a=b", "mysql://u:***@h:1/?a=b"),
            ("mysql://u:ge:he/i?m@x@h", "mysql://u:***@h"),
            ("no folder http://:geheim@h/x: gone", "no folder http://:***@h/x: gone"),
            (
                "s3:/b?access-key=geheim&secret_access_key=gehe%2Fim&region=x y",
                "s3:/b?access-key=***&secret_access_key=***&region=x y",
            ),
            ("azure://c?sas-token=geheim'", "azure://c?sas-token=***'"),
            ("azure://c?Account-Key=geheim", "azure://c?Account-Key=***"),
            ("mysql://u@h:3306/?password=geheim", "mysql://u@h:3306/?password=***"),
        ] {
            assert_eq!(hidden(text), shown);
        }
        for same in [
            "mysql://u@h:3306/?ssl-key=k.pem&password-file=/p, TISYNC_TARGET_PASSWORD, password-file= or ~/.my.cnf",
            "pd://10.0.0.1:2379,10.0.0.2:2379 and u@h",
            "Access denied for user 'u'@'h' (using password: NO)",
            "PRIMARY KEY=`a`",
            "give a key: ?account-name=…&account-key=… or &sas-token=…",
        ] {
            assert_eq!(hidden(same), same);
        }
    }

    #[test]
    fn nothing_is_obeyed() {
        let shown =
            |text| (plain_answer(text).into_owned(), plain_message(text).into_owned(), one_line(text).into_owned());
        let same = |text: &str| (text.to_owned(), text.to_owned(), text.to_owned());
        assert_eq!(shown("naïve 名 👩\u{200d}👧 `a b`"), same("naïve 名 👩\u{200d}👧 `a b`"));
        for (hostile, harmless) in [
            ("\u{1b}]0;x\u{7}", r"\u001b]0;x\u0007"),
            ("a\u{202e}b\u{2066}\u{200f}", r"a\u202eb\u2066\u200f"),
            ("\u{9b}31m\u{7f}\r", r"\u009b31m\u007f\r"),
            ("\u{2028}\u{e0041}", r"\u2028\udb40\udc41"),
        ] {
            assert_eq!(shown(hostile), same(harmless));
        }
        let (answer, message, line) = shown("a\nerror: b\n  c\td");
        assert_eq!(answer, "a\nerror: b\n  c\td");
        assert_eq!(message, "a\\nerror: b\n  c\td");
        assert_eq!(line, r"a\nerror: b\n  c\td");
        // Text that is escaped as JSON parses back to the original.
        let name = "t\u{202e}\u{7f}\u{e0041}";
        let json = serde_json::to_string(name).unwrap();
        assert_eq!(serde_json::from_str::<String>(&super::plain_answer(&json)).unwrap(), name);
    }

    fn answer(typed: &str) -> (Answer, String) {
        let trouble = DdlTrouble {
            commit_ts: CommitTs(420_747_102_018_863_124),
            schema: "shop".to_owned(),
            statement: "ALTER TABLE `t` ADD COLUMN `v` VECTOR".to_owned(),
            error: "the target refused: error 4161".to_owned(),
        };
        let mut out = Vec::new();
        let answer = ask("A→B: ", &trouble, &mut typed.as_bytes(), &mut out);
        (answer, String::from_utf8(out).unwrap())
    }

    #[test]
    fn each_answer() {
        assert_eq!(answer("a\n").0, Answer::Again);
        assert_eq!(answer("what?\n\nSKIP\n").0, Answer::Skip);
        assert_eq!(answer("q").0, Answer::Stop);
        assert_eq!(answer("").0, Answer::Stop, "the end of the input");
        assert_eq!(answer("r\n").0, Answer::Stop);
        assert_eq!(
            answer("r\n  \nr\n ALTER TABLE t ADD v BLOB \n").0,
            Answer::Replace("ALTER TABLE t ADD v BLOB".to_owned())
        );
        let (_, shown) = answer("q\n");
        for part in
            ["\nA→B: This DDL", "420747102018863124", "`shop`", "ADD COLUMN `v` VECTOR", "error 4161", "[r]eplace"]
        {
            assert!(shown.contains(part), "{shown}");
        }
    }
}
