//! The same as command lines.

use std::path::Path;

use percent_encoding::{AsciiSet, utf8_percent_encode};

use super::answers::Link;
use super::{Answers, Kept, Side};
use crate::config::{PARTS, append};
use crate::mark::DEFAULT_TABLE;
use crate::shell::quoted;

/// `tisync sync` with the file.
#[must_use]
pub fn sync(path: &Path) -> String {
    line(&["tisync", "sync", "--config", &path.display().to_string()])
}

/// What `tisync sync` has to be called with to do the same without the file, one line for each link.
#[must_use]
pub fn one_liners(answers: &Answers) -> Vec<String> {
    answers.links().iter().map(|link| one(answers, link)).collect()
}

fn one(answers: &Answers, link: &Link<'_>) -> String {
    let mut words: Vec<String> = ["tisync", "sync", "--from"].map(str::to_owned).to_vec();
    words.push(source(link.from));
    push_tls(&mut words, link.from, "");
    words.extend(["--to".to_owned(), target(link.to)]);
    words.extend(["--start-ts".to_owned(), link.begin.start.to_string()]);
    if let Some(name) = &link.name {
        words.extend(["--link".to_owned(), name.clone()]);
    }
    push_tables(&mut words, answers);
    if let Some(marks) = &answers.marks {
        words.extend(["--loopback".to_owned(), "--channel-id".to_owned(), marks.channel.to_string()]);
        if marks.table != DEFAULT_TABLE {
            words.extend(["--mark-table".to_owned(), marks.table.clone()]);
        }
        if !link.ddl {
            words.push("--no-ddl".to_owned());
        }
    }
    line(&words)
}

/// What `tisync init` has to be called with to write the same file without a question.
#[must_use]
pub fn unattended(answers: &Answers, path: &Path, mark_setup: Option<bool>) -> String {
    let [a, b] = &answers.sides;
    let both = answers.back.is_some();
    let mut words: Vec<String> =
        ["tisync", "init", if both { "--both" } else { "--one-way" }].map(str::to_owned).to_vec();
    let mut push = |flag: &str, value: String| words.extend([flag.to_owned(), value]);
    push("--from-name", a.name.clone());
    push("--to-name", b.name.clone());
    push("--from-pd", source(a));
    for (side, sql, file) in [(a, "--from-sql", "--from-password-file"), (b, "--to", "--to-password-file")] {
        if let Some(address) = &side.sql {
            push(sql, address.clone());
        }
        if let Kept::File(path) = &side.password {
            push(file, path.display().to_string());
        }
    }
    if both {
        push("--to-pd", source(b));
    }
    push_tls(&mut words, a, "");
    push_tls(&mut words, b, "to-");
    words.extend(answers.start.flags.iter().cloned());
    words.extend(answers.back.iter().flat_map(|b| b.flags.iter().cloned()));
    push_tables(&mut words, answers);
    if let Some(marks) = &answers.marks {
        words.extend(["--channel-id".to_owned(), marks.channel.to_string()]);
        words.extend(["--mark-table".to_owned(), marks.table.clone()]);
        let ddl_from = answers.sides.get(marks.ddl_from).map(|s| s.name.clone());
        words.extend(["--ddl-from".to_owned(), ddl_from.unwrap_or_default()]);
    }
    if let Some(done) = mark_setup {
        words.extend(["--mark-setup".to_owned(), if done { "yes" } else { "no" }.to_owned()]);
    }
    words.extend(["--config".to_owned(), path.display().to_string()]);
    line(&words)
}

/// `pd://…` or `https://…`.
fn source(side: &Side) -> String {
    let bare: Vec<&str> = side.pd.iter().map(|p| p.strip_prefix("https://").unwrap_or(p)).collect();
    let scheme = if bare.iter().zip(&side.pd).any(|(bare, full)| bare != full) { "https" } else { "pd" };
    format!("{scheme}://{}", bare.join(","))
}

/// The address, and where the password is if that is a file.
fn target(side: &Side) -> String {
    // A path is easier to read with its slashes, and in a parameter they end nothing.
    const PATH: &AsciiSet = &PARTS.remove(b'/');
    let mut address = side.sql.clone().unwrap_or_default();
    if let Kept::File(file) = &side.password {
        append(&mut address, "password-file", utf8_percent_encode(&file.display().to_string(), PATH));
    }
    address
}

fn push_tls(words: &mut Vec<String>, side: &Side, which: &str) {
    let files = [("ca", &side.security.ca), ("cert", &side.security.cert), ("key", &side.security.key)];
    for (name, file) in files {
        if let Some(file) = file {
            words.extend([format!("--{which}ssl-{name}"), file.display().to_string()]);
        }
    }
}

fn push_tables(words: &mut Vec<String>, answers: &Answers) {
    for pattern in &answers.tables {
        words.extend(["--tables".to_owned(), pattern.clone()]);
    }
    if answers.sync_mode != 1 {
        words.extend(["--sync-mode".to_owned(), answers.sync_mode.to_string()]);
    }
}

fn line<S: AsRef<str>>(words: &[S]) -> String {
    words.iter().map(|word| quoted(word.as_ref())).collect::<Vec<_>>().join(" ")
}
