//! What is made from the list of arguments: completions and manual pages in the repository, examples, exit codes.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use common::binary::tisync;
use tisync::cli::Cli;
use tisync::error::Kind;

const SHELLS: [&str; 5] = ["bash", "elvish", "fish", "powershell", "zsh"];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// File names and texts of `dir`, none if it is not there.
fn files(dir: &Path) -> BTreeMap<String, String> {
    let Ok(entries) = fs::read_dir(dir) else { return BTreeMap::new() };
    let file =
        |path: PathBuf| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(path).unwrap());
    entries.map(|e| file(e.unwrap().path())).collect()
}

/// Says which files differ, not how: they are long, and one command mends them all.
#[track_caller]
fn assert_same(dir: &str, made: &BTreeMap<String, String>) {
    let kept = files(&folder(dir));
    let names: BTreeSet<&String> = kept.keys().chain(made.keys()).collect();
    let differ: Vec<&String> = names.into_iter().filter(|n| kept.get(*n) != made.get(*n)).collect();
    assert!(differ.is_empty(), "not what the program generates now: {differ:?} in {dir}/. `make generated` mends it");
}

#[test]
fn completions_are_those_of_the_program() {
    let script = |shell: &str| (format!("tisync.{shell}"), tisync(&["completions", shell]).expect(0).stdout);
    assert_same("completions", &SHELLS.into_iter().map(script).collect());
}

#[test]
fn manual_pages_are_those_of_the_program() {
    let dir = tempfile::tempdir().unwrap();
    tisync(&["man", "--dir", dir.path().to_str().unwrap()]).expect(0);
    let made = files(dir.path());
    assert!(made.contains_key("tisync.1") && made.contains_key("tisync-sync.1"), "{:?}", made.keys());
    assert_same("man", &made);
}

fn without_example(command: &clap::Command, path: &str, found: &mut Vec<String>) {
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    if !help.lines().skip_while(|l| *l != "Examples:").any(|l| l.starts_with("  ") && l.contains(path)) {
        found.push(path.to_owned());
    }
    for sub in command.get_subcommands().filter(|c| !c.is_hide_set()) {
        without_example(sub, &format!("{path} {}", sub.get_name()), found);
    }
}

#[test]
fn every_command_shows_an_example_of_itself() {
    let mut found = Vec::new();
    without_example(&Cli::command(), "tisync", &mut found);
    assert!(found.is_empty(), "no example in the help of {found:?}");
}

/// The numbers and meanings behind "Exit codes:".
fn exit_codes(text: &str) -> BTreeMap<u8, String> {
    let (_, list) = text.split_once("Exit codes:").unwrap();
    let mut codes: BTreeMap<u8, String> = BTreeMap::new();
    let mut last = 0;
    for word in list.split_whitespace() {
        match word.parse() {
            Ok(code) => last = code,
            Err(_) => {
                let meaning = codes.entry(last).or_default();
                meaning.push_str(if meaning.is_empty() { "" } else { " " });
                meaning.push_str(word);
            }
        }
    }
    codes
}

#[test]
fn the_exit_codes_shown_are_those_of_the_errors() {
    let help = exit_codes(&tisync(&["--help"]).expect(0).stdout);
    for (kind, word) in [
        (Kind::Negative, "no"),
        (Kind::Usage, "usage"),
        (Kind::Connect, "connect"),
        (Kind::Refused, "refused"),
        (Kind::Interrupted, "stopped"),
        (Kind::TimedOut, "timed out"),
    ] {
        let meaning = help.get(&kind.exit_code()).unwrap_or_else(|| panic!("{kind:?} is not in {help:?}"));
        assert!(meaning.contains(word), "{kind:?}: {meaning}");
    }
    // 0 and the second signal's are no errors of ours.
    assert_eq!(help.keys().copied().collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, 124, 130]);

    let page = tisync(&["man"]).expect(0).stdout;
    let plain: String = page.lines().filter(|l| !l.starts_with('.')).map(|l| l.replace('\\', "") + "\n").collect();
    let listed = exit_codes(&plain);
    for (code, meaning) in &help {
        let there = listed.get(code).map(String::as_str).unwrap_or_default();
        assert!(there.starts_with(meaning), "{code}: the manual page says {there:?}, the help {meaning:?}");
    }
}
