//! The tisync.toml of the answers.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::answers::Link;
use super::{Answers, Kept, Side};
use crate::config::{Start, toml_list as list, toml_text as text};
use crate::mark::DEFAULT_TABLE;
use crate::sink::mysql::secret::Secret;

/// What is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The text of the file.
    pub text: String,
    /// The same without passwords, to be shown.
    pub shown: String,
    /// Whether a password stands in it.
    pub has_secret: bool,
    /// Files with passwords that it names.
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

/// Where the password of the cluster `name` goes beside a tisync.toml at `path`, which should be absolute: tisync may be started
/// in another folder.
#[must_use]
pub fn password_file(path: &Path, name: &str) -> PathBuf {
    let mut file = path.as_os_str().to_owned();
    file.push(format!(".{name}.password"));
    PathBuf::from(file)
}

fn write(answers: &Answers, path: &Path, reveal: impl Fn(&Secret) -> String) -> String {
    let mut out = "# Written by `tisync init`. `tisync config check` says what is wrong with it, and `man tisync.toml` what else can\n\
                   # stand here. Flags of `tisync sync`, and then variables of the environment, win over it.\n"
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
    // A comment ends with its line.
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
    if marks.table != DEFAULT_TABLE {
        let _ = writeln!(out, "mark-table = {}", text(&marks.table));
    }
    if !link.ddl {
        let _ = writeln!(out, "# DDL carries no mark: it goes the other way only.\nddl = false");
    }
}

#[cfg(test)]
#[path = "document_tests.rs"]
mod tests;
