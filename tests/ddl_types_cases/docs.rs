//! docs/ddl.md has a row for every type of job, and names tests that are there.

use std::collections::BTreeSet;

use tisync::model::ActionType;
use tisync::playground::mariadb::PrivateServer;

use super::{more, types};

type Plain = fn(&PrivateServer);

pub const CASES: &[(&str, Plain)] = &[("docs_name_every_type_and_a_test_of_it", every_type)];

fn every_type(_: &PrivateServer) {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/ddl.md");
    let page = std::fs::read_to_string(page).unwrap();
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter_map(|l| l.strip_prefix("| ")?.strip_suffix(" |"))
        .map(|l| l.split(" | ").map(str::trim).collect::<Vec<_>>())
        .filter(|cells| cells[0].parse::<u8>().is_ok())
        .collect();
    let listed: Vec<(u8, &str)> = rows.iter().map(|cells| (cells[0].parse().unwrap(), cells[1])).collect();
    let known: Vec<(u8, &str)> = ActionType::ALL.iter().map(|a| (a.number(), a.name())).collect();
    assert_eq!(listed, known);
    let all: Vec<(&str, u8)> = types::types().iter().chain(&more::more()).map(|t| (t.test, t.action)).collect();
    let mut tried = BTreeSet::new();
    for cells in &rows {
        let own: Vec<&str> = cells[5].split('`').filter_map(|name| name.strip_prefix("ddl_types::")).collect();
        assert!(!own.is_empty(), "{} has no test", cells[1]);
        for name in own.iter().filter(|n| n.starts_with("ddl_")) {
            let test = all.iter().find(|(test, _)| test == name).unwrap_or_else(|| panic!("there is no test {name}"));
            assert_eq!(test.1, listed[tried.len()].0, "{name} is in another type's row");
        }
        tried.insert(cells[0]);
    }
}
