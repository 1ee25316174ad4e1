//! The documents say what the code does: docs/drainer.md, the manual page and the examples.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use ::tisync::config::drainer::{Fate, KEYS};
use ::tisync::config::tisync::KEYS as TABLES;

use crate::File;
use crate::common::binary::tisync;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The rows of the table of docs/drainer.md: key, flag, what becomes of it.
fn rows() -> BTreeMap<(String, String), String> {
    let text = read("docs/drainer.md");
    let plain = |cell: &str| cell.trim().trim_matches('`').replace("\\|", "|");
    let rows = text.lines().filter(|l| l.starts_with("| `") || l.starts_with("| – |"));
    rows.map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").collect();
        let [key, flag, fate, ..] = cells.as_slice() else { panic!("{line}") };
        assert!(cells.last().unwrap().contains("::"), "no test is named: {line}");
        ((plain(key), plain(flag).trim_start_matches('-').to_owned()), fate.trim().to_owned())
    })
    .collect()
}

#[test]
fn every_key_and_flag_of_drainer_is_in_the_document_and_the_other_way_around() {
    let rows = rows();
    let dash = |text: &str| if text.is_empty() { "–".to_owned() } else { text.to_owned() };
    for key in KEYS {
        let name = (dash(key.path), dash(key.flag));
        let (word, why) = match key.fate {
            Fate::Honoured(why) => ("honoured", why),
            Fate::Idle(why) => ("no effect", why),
            Fate::Refused(why) => ("refused", why),
        };
        let told = rows.get(&name).unwrap_or_else(|| panic!("docs/drainer.md has no row for {name:?}"));
        assert_eq!(*told, format!("{word}: {why}"), "{name:?}");
    }
    assert_eq!(rows.len(), KEYS.len());
}

#[test]
fn the_manual_page_has_every_key_and_no_other() {
    let page = read("man/tisync.toml.5");
    let told: Vec<&str> =
        page.lines().filter_map(|l| l.strip_prefix(".B ")).map(|l| l.split_whitespace().next().unwrap()).collect();
    let known: Vec<&str> = TABLES.iter().flat_map(|(_, keys)| keys.iter().copied()).collect();
    let plain: Vec<String> = told.iter().map(|t| t.replace("\\-", "-")).collect();
    for key in &known {
        assert!(plain.iter().any(|t| t == key), "{key} is not in the manual page");
    }
    for key in &plain {
        assert!(known.contains(&key.as_str()), "{key} of the manual page is no key");
    }
}

#[test]
fn the_examples_are_good() {
    for (name, links) in [("tisync.toml", "orders, replay"), ("drainer.toml", "default")] {
        let file = File::new(name, &read(&format!("examples/{name}")));
        let ran = tisync(&["config", "check", "--offline", file.name()]).expect(0);
        assert!(ran.stdout.trim_end().ends_with(links), "{}", ran.stdout);
    }
}

/// Each key of each table stands in the example, so that it shows all there is.
#[test]
fn the_example_shows_every_key() {
    let text = read("examples/tisync.toml");
    for (table, keys) in TABLES {
        for key in keys {
            let there = |line: &str| {
                let line = line.trim_start_matches(['#', ' ', '[']);
                line.starts_with(&format!("{key} ="))
                    || line.starts_with(&format!("{key}."))
                    || line.starts_with(&format!("{key}]"))
                    || line.contains(&format!("link.{key}]"))
                    || line.contains(&format!("{key} = "))
            };
            assert!(
                text.lines().any(|l| there(l) || l.contains(&format!("`{key} ")) || l.contains(&format!("`{key}`"))),
                "{table}: {key}"
            );
        }
    }
}
