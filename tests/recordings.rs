//! Real streams into a real MariaDB, by the real binary, compared with what the upstream's own SQL said afterwards.
//!
//! These tests need the recordings (see tests/README.md) and count as ignored without them.

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
use common::recordings;
use common::target::{checkpoint, equal};
use libtest_mimic::{Arguments, Failed, Trial};
use mysql::prelude::Queryable;
use tisync::playground::compare::{self, Definitions, Side};
use tisync::playground::dump;
use tisync::playground::mariadb::PrivateServer;

fn main() -> ExitCode {
    let folder = recordings::folder();
    let missing = folder.is_none();
    let folder = folder.unwrap_or_default();
    let trial = |name: &str, test: fn(&Path) -> Result<(), Failed>| {
        let folder = folder.clone();
        Trial::test(name, move || test(&folder)).with_ignored_flag(missing)
    };
    let trials = vec![
        trial("everything_stops_at_the_first_flashback", everything_stops_at_the_first_flashback),
        trial("everything_equals_its_dump", everything_equals_its_dump),
        trial("everything_in_eleven_runs_equals_its_dump", everything_in_eleven_runs),
        trial("the_comparison_sees_one_byte_and_one_table", the_comparison_sees_one_byte_and_one_table),
        trial("sbtest_equals_what_the_upstream_counted", sbtest_equals_what_the_upstream_counted),
        trial("two_pumps_equal_their_dump", two_pumps_equal_their_dump),
        trial("both_sides_of_a_bidirectional_run_equal_their_dumps", bidirectional_sides_equal_their_dumps),
        trial("tidb_8_equals_its_dump", tidb_8_equals_its_dump),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn everything_stops_at_the_first_flashback(folder: &Path) -> Result<(), Failed> {
    let server = PrivateServer::start()?;
    let from = path(folder, "everything");
    let first = recordings::ddl_of_type(&folder.join("everything"), 25)[0];
    let ran = tisync(&["sync", "--from", &from, "--to", &server.url(), "--quiet"]).expect(4);
    assert!(ran.stderr.contains("FLASHBACK TABLE"), "{}", ran.stderr);
    assert!(ran.stderr.contains(&format!("--skip-ddl {first}")), "the way on is named: {}", ran.stderr);
    assert_eq!(ran.stdout, "");
    Ok(())
}

fn everything_equals_its_dump(folder: &Path) -> Result<(), Failed> {
    let server = PrivateServer::start()?;
    let mut args = everything_args(folder, "everything", &server);
    args.push("--quiet".to_owned());
    let ran = run(&args, 0);
    assert!(ran.contains("left out"), "rows of the tables that were skipped are listed: {ran}");
    equal(&server, &folder.join("everything/dump"), &["kinds", "evolve", "bank"])
}

fn everything_in_eleven_runs(folder: &Path) -> Result<(), Failed> {
    let server = PrivateServer::start()?;
    let all = recordings::commit_tss(&folder.join("everything"), true);
    // Every other one lies between two transactions.
    let cuts: Vec<u64> = (1..=10_usize).map(|n| all[all.len() * n / 11] + n as u64 % 2).collect();
    println!("stops at {cuts:?}");
    for cut in &cuts {
        let mut args = everything_args(folder, "everything", &server);
        args.extend(["--quiet".to_owned(), "--until-ts".to_owned(), cut.to_string()]);
        run(&args, 0);
        let position = checkpoint(&server);
        assert_eq!(position, *cut, "the checkpoint stands where the run stopped");
        assert!(all.iter().any(|ts| *ts > position), "rows are still to come");
    }
    run(&everything_args(folder, "everything", &server), 0);
    equal(&server, &folder.join("everything/dump"), &["kinds", "evolve", "bank"])
}

fn the_comparison_sees_one_byte_and_one_table(folder: &Path) -> Result<(), Failed> {
    let server = PrivateServer::start()?;
    let mut conn = server.connect()?;
    dump::load(&mut conn, &folder.join("everything/dump"), &["kinds"], "a_")?;
    dump::load(&mut conn, &folder.join("everything/dump"), &["kinds"], "b_")?;
    let compared = || {
        let (mut a, mut b) = (Side::new(server.connect()?, "a_kinds")?, Side::new(server.connect()?, "b_kinds")?);
        compare::databases(&mut a, &mut b, Definitions::Exact, &[])
    };
    let same = compared()?;
    assert!(same.equal(), "{same:?}");
    assert!(same.tables > 25 && same.rows > 24_000, "{same:?}");

    conn.query_drop("UPDATE b_kinds.bins SET b = x'ff00fe02' WHERE id = 1")?;
    let byte = compared()?;
    assert_eq!(byte.differences.len(), 1, "{byte:?}");
    assert!(byte.differences[0].starts_with("bins: "), "{byte:?}");

    conn.query_drop("DROP TABLE b_kinds.bins")?;
    let table = compared()?;
    assert_eq!(table.differences, ["table a_kinds.bins has no match in b_kinds"]);
    Ok(())
}

fn sbtest_equals_what_the_upstream_counted(folder: &Path) -> Result<(), Failed> {
    let server = PrivateServer::start()?;
    let from = path(folder, "sbtest");
    tisync(&["sync", "--from", &from, "--to", &server.url(), "--quiet"]).expect(0);
    let mut conn = server.connect()?;
    let expected = std::fs::read_to_string(folder.join("sbtest/expected.tsv"))?;
    assert_eq!(expected.lines().count(), 4);
    for line in expected.lines() {
        let table = line.split('\t').next().unwrap_or_default();
        let query = format!(
            "SELECT CONCAT_WS('\t', '{table}', COUNT(*), SUM(k), SUM(CRC32(CONCAT_WS('#', id, k, c, pad)))) FROM sbtest.{table}"
        );
        assert_eq!(conn.query_first::<String, _>(query)?.as_deref(), Some(line));
    }
    Ok(())
}

fn two_pumps_equal_their_dump(folder: &Path) -> Result<(), Failed> {
    let server = PrivateServer::start()?;
    let from = path(folder, "two-pumps");
    // The cluster had other databases before the recording began; the target has not.
    tisync(&["sync", "--from", &from, "--to", &server.url(), "--quiet"]).expect(4);
    tisync(&["sync", "--from", &from, "--to", &server.url(), "--quiet", "--allow-missing"]).expect(0);
    equal(&server, &folder.join("two-pumps/dump"), &["bank"])
}

fn bidirectional_sides_equal_their_dumps(folder: &Path) -> Result<(), Failed> {
    for side in ["bidi-a", "bidi-b"] {
        let server = PrivateServer::start()?;
        let from = path(folder, side);
        tisync(&["sync", "--from", &from, "--to", &server.url(), "--quiet", "--allow-missing"]).expect(0);
        equal(&server, &folder.join(side).join("dump"), &["bidi"])?;
    }
    Ok(())
}

fn tidb_8_equals_its_dump(folder: &Path) -> Result<(), Failed> {
    let server = PrivateServer::start()?;
    run(&everything_args(folder, "feed-v81/pump", &server), 0);
    equal(&server, &folder.join("feed-v81/dump"), &["kinds", "evolve", "bank"])
}

/// A sync of a recording that goes on without the statements that bring rows back.
fn everything_args(folder: &Path, name: &str, server: &PrivateServer) -> Vec<String> {
    let dir = folder.join(name);
    let mut args: Vec<String> = ["sync", "--from"].map(str::to_owned).to_vec();
    args.extend([dir.display().to_string(), "--to".to_owned(), server.url()]);
    for ts in recordings::ddl_of_type(&dir, 25) {
        args.extend(["--skip-ddl".to_owned(), ts.to_string()]);
    }
    args
}

fn run(args: &[String], code: i32) -> String {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    tisync(&args).expect(code).stderr
}

fn path(folder: &Path, name: &str) -> String {
    PathBuf::from(folder).join(name).display().to_string()
}
