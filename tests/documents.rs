//! The tables in `docs/` are complete, each test that they name is there, and so is each section that a comment cites.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn document(name: &str) -> String {
    fs::read_to_string(root().join("docs").join(name)).expect("a document")
}

/// The cells of each row of each table, without the lines that only draw it.
fn rows(text: &str) -> Vec<Vec<String>> {
    let lines = text.lines().filter(|l| l.starts_with('|') && !l.starts_with("|-") && !l.starts_with("| -"));
    lines.map(|l| l.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// Every Rust file of a test binary: `lib` stands for the unit tests.
fn sources(binary: &str) -> Vec<PathBuf> {
    let tests = root().join("tests");
    let mut found = Vec::new();
    match binary {
        "lib" => collect(&root().join("src"), &mut found),
        _ => {
            found.extend(Some(tests.join(format!("{binary}.rs"))).filter(|f| f.is_file()));
            for folder in [binary.to_owned(), format!("{binary}_cases"), binary.replace("ddl_judge", "ddl_cases")] {
                collect(&tests.join(folder), &mut found);
            }
        }
    }
    found
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// The tests named in a row: `binary::test` in back quotes.
fn named(row: &[String]) -> Vec<(String, String)> {
    let last = row.last().map_or("", String::as_str);
    let quoted = last.split('`').skip(1).step_by(2);
    let pair = |text: &str| {
        let (binary, rest) = text.split_once("::").expect("binary::test");
        (binary.to_owned(), rest.rsplit("::").next().unwrap().to_owned())
    };
    quoted.map(pair).collect()
}

/// Every row that `is_row` takes names at least one test, and each of them exists.
fn check(name: &str, is_row: impl Fn(&[String]) -> bool) -> usize {
    let mut checked = 0;
    for row in rows(&document(name)).iter().filter(|r| is_row(r)) {
        let tests = named(row);
        assert!(!tests.is_empty(), "{name}: no test in {row:?}");
        for (binary, test) in tests {
            let files = sources(&binary);
            assert!(!files.is_empty(), "{name}: there is no test binary `{binary}` ({row:?})");
            let (function, text) = (format!("fn {test}("), format!("\"{test}\""));
            let there = files.iter().any(|f| {
                let source = fs::read_to_string(f).unwrap();
                source.contains(&function) || source.contains(&text)
            });
            assert!(there, "{name}: `{binary}` has no test `{test}`");
        }
        checked += 1;
    }
    checked
}

fn numbers(name: &str, prefix: &str) -> BTreeSet<u32> {
    let first = |row: &Vec<String>| row.first().and_then(|c| c.strip_prefix(prefix)).and_then(|n| n.parse().ok());
    rows(&document(name)).iter().filter_map(first).collect()
}

#[test]
fn each_of_drainers_traps_has_its_test() {
    assert_eq!(numbers("traps.md", "T"), (1..=33).collect());
    assert!(check("traps.md", |row| row.len() == 4 && row[0] != "No") >= 33);
}

#[test]
fn each_boundary_of_security_has_its_test() {
    let filled = |row: &[String]| row.len() == 4 && row.last().is_some_and(|cell| cell.contains("::"));
    assert!(check("security.md", filled) >= 8);
}

#[test]
fn each_ddl_action_has_its_test() {
    assert!(numbers("ddl.md", "").is_superset(&(1..=70).collect()), "{:?}", numbers("ddl.md", ""));
    assert!(check("ddl.md", |row| row[0].parse::<u32>().is_ok()) >= 70);
}

#[test]
fn each_key_of_drainers_configuration_has_its_test() {
    assert!(check("drainer.md", |row| row[0].starts_with('`')) > 60);
}

/// The numbers of the headings of a document.
fn sections(name: &str) -> BTreeSet<String> {
    let text = document(&format!("protocol/{name}"));
    let headings = text.lines().filter(|l| l.starts_with('#'));
    headings.filter_map(|l| Some(l.split(' ').nth(1)?.trim_end_matches('.').to_owned())).collect()
}

/// A comment names the document, then sections of it; those without a name are of the last one that was named.
#[test]
fn each_section_that_a_comment_cites_is_in_docs_protocol() {
    let mut files = Vec::new();
    ["src", "tests", "benches"].iter().for_each(|folder| collect(&root().join(folder), &mut files));
    let mut checked = 0;
    for file in files.iter().filter(|f| !f.ends_with("documents.rs")) {
        let text = fs::read_to_string(file).unwrap();
        for cited in text.split("docs/protocol/tidb-").skip(1) {
            let name = format!("tidb-{}.md", cited.split('.').next().unwrap());
            let there = sections(&name);
            for number in cited.split('§').skip(1) {
                let number =
                    number.split(|c: char| !c.is_ascii_digit() && c != '.').next().unwrap().trim_end_matches('.');
                assert!(there.contains(number), "{}: {name} has no section {number}", file.display());
                checked += 1;
            }
        }
    }
    assert!(checked > 90, "only {checked} citations were found");
}
