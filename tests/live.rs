//! The case folders against real clusters: SQL on a real TiDB with Pumps, a sync until caught up, both sides compared.
//!
//! Never part of `make test`. It drops and creates the databases of the cases on both sides.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test fails by panicking"
)]

mod common;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use common::binary::tisync;
use libtest_mimic::{Arguments, Failed, Trial};
use mysql::prelude::Queryable;
use mysql::{Conn, Opts};
use tisync::playground::compare::{self, Definitions, Side};
use tisync::playground::sql_name;

const NEEDED: [&str; 3] = ["TISYNC_LIVE_UPSTREAM", "TISYNC_LIVE_PD", "TISYNC_LIVE_TARGET"];

fn main() -> ExitCode {
    let missing: Vec<&str> = NEEDED.into_iter().filter(|name| std::env::var_os(name).is_none()).collect();
    if !missing.is_empty() {
        eprintln!("SKIPPED: no live clusters; {} not set (see tests/README.md)", missing.join(", "));
    }
    let mut arguments = Arguments::from_args();
    // The cases share one upstream position; side by side they would stop each other's sync.
    arguments.test_threads = Some(1);
    let trials = cases().into_iter().map(|case| {
        let name = case.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Trial::test(format!("live_{name}"), move || run(&case)).with_ignored_flag(!missing.is_empty())
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let entries = std::fs::read_dir(folder).expect("the case folders");
    let mut cases: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    cases.sort();
    cases
}

fn run(case: &Path) -> Result<(), Failed> {
    let sql = std::fs::read_to_string(case.join("upstream.sql"))?;
    let first = sql.lines().next().and_then(|l| l.strip_prefix("-- databases: ")).ok_or("no list of databases")?;
    let databases: Vec<&str> = first.split_whitespace().collect();
    let (upstream, target) = (address("TISYNC_LIVE_UPSTREAM"), address("TISYNC_LIVE_TARGET"));
    let pd = address("TISYNC_LIVE_PD");

    for database in &databases {
        connect(&target)?.query_drop(format!("DROP DATABASE IF EXISTS {}", sql_name(database)))?;
        connect(&upstream)?.query_drop(format!("DROP DATABASE IF EXISTS {}", sql_name(database)))?;
    }
    let start = tisync(&["ts", "now", "--pd", &pd]).expect(0).stdout;
    let link = format!("live-{}", start.trim());
    let mut conn = connect(&upstream)?;
    for statement in sql.split(";\n").filter(|s| !s.trim().is_empty()) {
        conn.query_drop(statement)?;
    }
    let args =
        ["sync", "--from", &pd, "--to", &target, "--start-ts", start.trim(), "--until", "caught-up", "--link", &link];
    tisync(&[&args[..], &["--allow-missing"]].concat()).expect(0);
    // A later start looks at everything that is there by now.
    tisync(&[&args[..], &["--allow-missing"]].concat()).expect(0);

    for database in databases {
        let mut left = Side::new(connect(&upstream)?, database)?;
        let mut right = Side::new(connect(&target)?, database)?;
        let found = compare::databases(&mut left, &mut right, Definitions::Names, &[])?;
        if !found.equal() {
            return Err(found.differences.join("\n").into());
        }
    }
    Ok(())
}

fn address(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

fn connect(url: &str) -> Result<Conn, Failed> {
    Ok(Conn::new(Opts::from_url(url)?)?)
}
