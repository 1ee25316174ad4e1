//! Shows the tisync.toml, writes it, reads it back, and names the next steps.

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Serialize;
use tempfile::NamedTempFile;

use super::interview::undisturbed;
use super::{
    Answers, Interview, Kept, Question, Written, document, one_liners, password_file, quoted, sync, unattended,
};
use crate::cli::Format;
use crate::cli::config::InitArgs;
use crate::config::{Remark, check, environment};
use crate::error::Fault;
use crate::output;

/// The default path of the file.
const FILE: &str = "tisync.toml";
/// Version of the JSON answer.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Answer {
    version: u32,
    /// The written file; none with --dry-run.
    file: Option<String>,
    /// Its text, without passwords.
    text: String,
    /// The command that runs all links.
    next: String,
    /// Environment variables that this command needs.
    environment: Vec<String>,
    /// Commands that replace the file, one for each link.
    without_file: Vec<String>,
    /// The command that writes an equal file without a question.
    again: String,
}

pub(super) fn finish(
    interview: &mut Interview<'_>,
    args: &InitArgs,
    answers: &Answers,
    mark_setup: Option<bool>,
    format: Format,
) -> Result<()> {
    let given = args.config.as_ref().map(|p| p.display().to_string());
    let planned = given.clone().unwrap_or_else(|| FILE.to_owned());
    interview.found(&format!("\n{}", document(answers, &std::path::absolute(&planned)?).shown));
    let path = if args.dry_run { PathBuf::from(planned) } else { place(interview, args, given.as_deref(), answers)? };
    let text = document(answers, &std::path::absolute(&path)?).shown;
    let answers = &settled(answers, &path)?;
    let answer = Answer {
        version: VERSION,
        file: (!args.dry_run).then(|| path.display().to_string()),
        text,
        next: sync(&path),
        environment: variables(answers),
        without_file: one_liners(answers),
        again: unattended(answers, &path, mark_setup),
    };
    tell(interview, answers, &answer, mark_setup);
    match (format, args.dry_run) {
        (Format::Json, _) => output::answer(&serde_json::to_string_pretty(&answer)?),
        (_, true) => output::answer(answer.text.trim_end()),
        _ => output::answer(&answer.next),
    }
}

/// The answers; passwords that are now in files are replaced by references to these files.
fn settled(answers: &Answers, path: &Path) -> Result<Answers> {
    let mut answers = answers.clone();
    for side in &mut answers.sides {
        if matches!(side.password, Kept::Beside(_)) {
            side.password = Kept::File(password_file(&std::path::absolute(path)?, &side.name));
        }
    }
    Ok(answers)
}

/// Asks for the path of the file, and writes it.
fn place(interview: &mut Interview<'_>, args: &InitArgs, given: Option<&str>, answers: &Answers) -> Result<PathBuf> {
    interview.until_good(|interview| {
        let question = Question { flag: "--config", text: "Where should the file be written?", default: Some(FILE) };
        let path = PathBuf::from(interview.text(question, given)?);
        let written = document(answers, &std::path::absolute(&path)?);
        let there: Vec<String> = std::iter::once(&path)
            .chain(written.passwords.iter().map(|(file, _)| file))
            .filter(|file| file.symlink_metadata().is_ok())
            .map(|file| file.display().to_string())
            .collect();
        if !there.is_empty() && !args.force {
            let exist = if there.len() == 1 { "exists" } else { "exist" };
            let there = there.join(" and ");
            let refused = || {
                Fault::usage(format!("{there} already {exist}"))
                    .hint("use another --config, or --force to overwrite it")
            };
            if !interview.attended()
                || !interview.agree("--force", &format!("{there} {exist}. Overwrite?"), false, None)?
            {
                return Err(refused().into());
            }
        }
        undisturbed(|| write(&path, &written))?.iter().for_each(|text| interview.warn(text));
        Ok(path)
    })
}

/// Writes the file whole or not at all, and only if `config check` finds no problem in it. Returns
/// the remarks about it.
fn write(path: &Path, written: &Written) -> Result<Vec<String>> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // The process's umask decides which permissions others get.
    let mode = if written.has_secret { 0o600 } else { 0o666 };
    let failed = |what: &Path| {
        Fault::usage(format!("cannot write {}", what.display()))
            .hint("give a file in an existing folder: --config FILE")
    };
    let new = |mode: u32, text: &str, what: &Path| -> Result<NamedTempFile> {
        let mut file = tempfile::Builder::new()
            .prefix(".tisync-init-")
            .permissions(Permissions::from_mode(mode))
            .tempfile_in(folder)
            .with_context(|| failed(what))?;
        file.write_all(text.as_bytes()).and_then(|()| file.as_file().sync_all()).with_context(|| failed(what))?;
        Ok(file)
    };
    let file = new(mode, &written.text, path)?;
    let mut made = Vec::new();
    for (place, secret) in &written.passwords {
        let file = new(0o600, &format!("{}\n", secret.reveal()), place)?;
        made.push(Made { path: place.clone(), was_there: place.exists(), done: false });
        file.persist(place).map_err(|e| e.error).with_context(|| failed(place))?;
    }
    // The remarks are made before the file has its final name.
    let remarks = read_back(file.path())?;
    file.persist(path).map_err(|e| e.error).with_context(|| failed(path))?;
    made.iter_mut().for_each(|m| m.done = true);
    Ok(remarks)
}

/// A new file with a password; removed again unless all steps succeed.
struct Made {
    path: PathBuf,
    was_there: bool,
    done: bool,
}

impl Drop for Made {
    fn drop(&mut self) {
        if !self.done && !self.was_there {
            // It may not have been created yet.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn read_back(path: &Path) -> Result<Vec<String>> {
    let mut checked = check(path, &environment)?;
    checked.together();
    if !checked.problems.is_empty() {
        let list: Vec<String> = checked.problems.iter().map(|p| p.at(Path::new(FILE))).collect();
        return Err(Fault::usage(format!("the file would not be valid: {}", list.join("; ")))
            .hint("nothing was written; this is a bug in tisync: please report it")
            .into());
    }
    let text = |remark| match remark {
        Remark::Warning(text) | Remark::Note(text) => text,
    };
    Ok(checked.remarks.into_iter().map(text).collect())
}

/// Environment variables that the file refers to and that are not set here.
fn variables(answers: &Answers) -> Vec<String> {
    let wanted = answers.sides.iter().filter_map(|side| match &side.password {
        Kept::Variable(name) => Some(name.clone()),
        _ => None,
    });
    wanted.filter(|name| environment(name).is_none_or(|v| v.is_empty())).collect()
}

fn tell(interview: &mut Interview<'_>, answers: &Answers, answer: &Answer, mark_setup: Option<bool>) {
    let mut text = String::new();
    if let Some(file) = &answer.file {
        text.push_str(&format!("wrote {file}\n"));
    }
    if let (Some(marks), Some(false) | None) = (&answers.marks, mark_setup) {
        let to: Vec<String> =
            answers.sides.iter().filter_map(|s| s.sql.as_ref()).map(|sql| format!(" --to {}", quoted(sql))).collect();
        text.push_str(&format!(
            "\nfirst create the mark table:\n  tisync mark setup{} --channel-id {} --table {}\n",
            to.concat(),
            marks.channel,
            marks.table
        ));
    }
    if !answer.environment.is_empty() {
        text.push_str(&format!("\nset before starting: {}\n", answer.environment.join(", ")));
    }
    text.push_str(&format!("\nnext:\n  {}\n", answer.next));
    text.push_str(&format!("\nthe same link without a file:\n  {}\n", answer.without_file.join("\n  ")));
    text.push_str(&format!("\nthe same file without questions:\n  {}\n", answer.again));
    interview.found(&text);
}
