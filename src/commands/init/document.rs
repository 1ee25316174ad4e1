//! Writes the answers of `tisync init` as command lines and as a tisync.toml.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, utf8_percent_encode};

use super::interview::{Answers, Kept, Link, Side};
use crate::config::{PARTS, append, toml_list as list, toml_text as text};
use crate::error::quoted;
use crate::model::DEFAULT_MARK_TABLE;
use crate::moment::Start;
use crate::mysql::login::Secret;

/// The `tisync sync` command line with the file.
#[must_use]
pub fn sync(path: &Path) -> String {
    line(&["tisync", "sync", "--config", &path.display().to_string()])
}

/// The `tisync sync` command lines that replace the file, one for each link.
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
        if marks.table != DEFAULT_MARK_TABLE {
            words.extend(["--mark-table".to_owned(), marks.table.clone()]);
        }
        if !link.ddl {
            words.push("--no-ddl".to_owned());
        }
    }
    line(&words)
}

/// The `tisync init` command line that writes the file again without a question.
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

/// The address, and the password's file if there is one.
fn target(side: &Side) -> String {
    // A path is easier to read with its slashes, which end nothing in a parameter.
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

/// A document to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The text of the file.
    pub text: String,
    /// The text without passwords, for display.
    pub shown: String,
    /// Whether it holds a password.
    pub has_secret: bool,
    /// Files with passwords that it refers to.
    pub passwords: Vec<(PathBuf, Secret)>,
}

/// The tisync.toml of `answers`, to be written to `path`.
#[must_use]
pub fn document(answers: &Answers, path: &Path) -> Written {
    let secrets = |side: &Side| match &side.password {
        Kept::Beside(secret) => Some((password_file(path, &side.name), secret.clone())),
        _ => None,
    };
    Written {
        text: write(answers, path, |secret| secret.reveal().to_owned()),
        shown: write(answers, path, ToString::to_string),
        has_secret: answers.sides.iter().any(|s| matches!(s.password, Kept::Inside(_))),
        passwords: answers.sides.iter().filter_map(secrets).collect(),
    }
}

/// The file for the password of the cluster `name`, beside a tisync.toml at `path`, which should be
/// absolute: tisync may be started in another folder.
#[must_use]
pub fn password_file(path: &Path, name: &str) -> PathBuf {
    let mut file = path.as_os_str().to_owned();
    file.push(format!(".{name}.password"));
    PathBuf::from(file)
}

fn write(answers: &Answers, path: &Path, reveal: impl Fn(&Secret) -> String) -> String {
    let mut out =
        "# Written by `tisync init`. `tisync config check` checks it; `man tisync.toml` lists all settings.\n\
                   # Flags of `tisync sync`, then environment variables, override it.\n"
            .to_owned();
    // Writing into a String cannot fail.
    for side in &answers.sides {
        out.push('\n');
        if let Some(id) = side.cluster_id {
            let _ = writeln!(out, "# Cluster {id}.");
        }
        let _ = writeln!(out, "[cluster.{}]", side.name);
        cluster(&mut out, side, path, &reveal);
    }
    for link in answers.links() {
        out.push('\n');
        one_link(&mut out, answers, &link);
    }
    out
}

fn cluster(out: &mut String, side: &Side, path: &Path, reveal: impl Fn(&Secret) -> String) {
    if !side.pd.is_empty() {
        let _ = writeln!(out, "pd = {}", list(&side.pd));
    }
    let tls = [("ca", &side.security.ca), ("cert", &side.security.cert), ("key", &side.security.key)];
    let tls: Vec<String> = tls
        .into_iter()
        .filter_map(|(key, file)| Some(format!("{key} = {}", text(&file.as_ref()?.display().to_string()))))
        .collect();
    if !tls.is_empty() {
        let _ = writeln!(out, "tls = {{ {} }}", tls.join(", "));
    }
    let Some(sql) = &side.sql else { return };
    let _ = writeln!(out, "sql = {}", text(sql));
    let _ = match &side.password {
        Kept::Nowhere => Ok(()),
        Kept::Variable(name) => writeln!(out, "# Its password is in the environment: {name}."),
        Kept::File(file) => writeln!(out, "password-file = {}", text(&file.display().to_string())),
        Kept::Beside(_) => {
            writeln!(out, "password-file = {}", text(&password_file(path, &side.name).display().to_string()))
        }
        Kept::Inside(secret) => writeln!(out, "password = {}", text(&reveal(secret))),
    };
}

fn one_link(out: &mut String, answers: &Answers, link: &Link<'_>) {
    out.push_str("[[link]]\n");
    if let Some(name) = &link.name {
        let _ = writeln!(out, "name = {}", text(name));
    }
    let _ = writeln!(out, "from = {}\nto = {}", text(&link.from.name), text(&link.to.name));
    // A comment ends with its line, so the text must not have several.
    let said = link.begin.said.replace(char::is_control, " ");
    let _ = writeln!(out, "# Where the first start begins, exclusive: {said}. Later the checkpoint decides.");
    let _ = match link.begin.start {
        Start::Ts(ts) => writeln!(out, "start-ts = {}", ts.0),
        Start::Now => writeln!(out, "start-ts = \"now\""),
    };
    if !answers.tables.is_empty() {
        let _ = writeln!(out, "tables = {}", list(&answers.tables));
    }
    if answers.sync_mode != 1 {
        let _ = writeln!(out, "# Columns that only one side has are left out.\nsync-mode = {}", answers.sync_mode);
    }
    let Some(marks) = &answers.marks else { return };
    let _ = writeln!(
        out,
        "# What came from the other side is recognised by its mark and dropped; `tisync mark setup` makes the table.\n\
         loopback = true\nchannel-id = {}",
        marks.channel
    );
    if marks.table != DEFAULT_MARK_TABLE {
        let _ = writeln!(out, "mark-table = {}", text(&marks.table));
    }
    if !link.ddl {
        let _ = writeln!(out, "# DDL carries no mark: it goes the other way only.\nddl = false");
    }
}

#[cfg(test)]
#[path = "document_tests.rs"]
mod tests;
