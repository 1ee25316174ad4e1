//! Real streams into a real server, by the real binary, compared with what the upstream's own SQL said afterwards.
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
use common::run::Running;
use common::server;
use common::target::{checkpoint, equal, position, same};
use libtest_mimic::{Arguments, Failed};
use mysql::prelude::Queryable;
use tisync::playground::compare::{self, Definitions, Side};
use tisync::playground::mariadb::PrivateServer;

/// What a crash of the machine would leave is not asked here.
const QUICK: [&str; 2] = ["--innodb-flush-method=nosync", "--innodb-flush-log-at-trx-commit=2"];

fn main() -> ExitCode {
    let folder = recordings::folder();
    let missing = folder.is_none();
    let folder = folder.unwrap_or_default();
    let trial = |name: &str, test: fn(&Path) -> Result<(), Failed>| {
        let folder = folder.clone();
        server::trial(name, move || test(&folder)).with_ignored_flag(missing)
    };
    let trials = vec![
        trial("everything_stops_at_the_first_flashback", everything_stops_at_the_first_flashback),
        trial("everything_equals_its_dump", everything_equals_its_dump),
        trial("everything_equals_its_dump_on_a_server_of_other_habits", everything_on_a_server_of_other_habits),
        trial("everything_in_eleven_runs_equals_its_dump", everything_in_eleven_runs),
        trial("everything_stopped_at_ten_ddls_equals_its_dump", everything_stopped_at_ten_ddls),
        trial("everything_killed_among_its_ddls_equals_its_dump", everything_killed_among_its_ddls),
        trial("everything_with_its_flashbacks_replaced_equals_its_dump", everything_with_its_flashbacks_replaced),
        trial("the_comparison_sees_one_byte_and_one_table", the_comparison_sees_one_byte_and_one_table),
        trial("sbtest_equals_what_the_upstream_counted", sbtest_equals_what_the_upstream_counted),
        trial("two_pumps_equal_their_dump", two_pumps_equal_their_dump),
        trial("both_sides_of_a_bidirectional_run_equal_their_dumps", bidirectional_sides_equal_their_dumps),
        trial("tidb_8_equals_its_dump", tidb_8_equals_its_dump),
        trial("alters_of_several_parts_equal_their_dump", |folder| {
            equals_its_dump(folder, "multi-schema-v81", &["ms"])
        }),
        trial("rows_beside_changing_partitions_equal_their_dump", |folder| {
            partitions_equal_their_dump(folder, "partitions")
        }),
        trial("rows_beside_changing_partitions_of_tidb_8_equal_their_dump", |folder| {
            partitions_equal_their_dump(folder, "partitions-v81")
        }),
        trial("random_load_equals_its_dump", |folder| equals_its_dump(folder, "random-a", &["r7_a", "r7_b"])),
        trial("more_random_load_equals_its_dump", more_random_load_equals_its_dump),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn everything_stops_at_the_first_flashback(folder: &Path) -> Result<(), Failed> {
    let server = server::start(&[])?;
    let from = path(folder, "everything");
    let first = recordings::ddl_of_type(&folder.join("everything"), 25)[0];
    let ran = tisync(&["sync", "--from", &from, "--to", &server.url(), "--quiet"]).expect(4);
    assert!(ran.stderr.contains("FLASHBACK TABLE"), "{}", ran.stderr);
    assert!(ran.stderr.contains(&format!("--skip-ddl {first}")), "the way on is named: {}", ran.stderr);
    assert_eq!(ran.stdout, "");
    Ok(())
}

fn everything_equals_its_dump(folder: &Path) -> Result<(), Failed> {
    let server = server::start(&[])?;
    let mut args = everything_args(folder, "everything", &server);
    args.push("--quiet".to_owned());
    let ran = run(&args, 0);
    assert!(ran.contains("left out"), "rows of the tables that were skipped are listed: {ran}");
    equal(&server, &folder.join("everything/dump"), &["kinds", "evolve", "bank"])?;
    same_definitions(&server, &folder.join("everything/dump"), &["kinds.*", "evolve.*", "bank.*", "!evolve.dropme*"]);
    Ok(())
}

/// What a server's configuration may say otherwise than tisync's sessions rely on.
const HABITS: [&str; 11] = [
    "--character-set-server=latin1",
    "--collation-server=latin1_swedish_ci",
    "--sql-mode=ANSI,TRADITIONAL",
    "--autocommit=0",
    "--transaction-isolation=READ-COMMITTED",
    "--default-time-zone=+08:00",
    "--log-bin=log",
    "--server-id=1",
    "--binlog-format=ROW",
    "--loose-gtid-mode=ON",
    "--loose-enforce-gtid-consistency=ON",
];

fn everything_on_a_server_of_other_habits(folder: &Path) -> Result<(), Failed> {
    // MySQL from 8.0 on fixes it when the data directory is made.
    let lower: &[&str] = if server::folds_names() { &["--lower-case-table-names=1"] } else { &[] };
    let server = server::start(&[&HABITS[..], &QUICK[..], lower].concat())?;
    let mut args = everything_args(folder, "everything", &server);
    args.push("--quiet".to_owned());
    run(&args, 0);
    server.connect()?.query_drop("SET GLOBAL autocommit = 1, GLOBAL sql_mode = ''")?;
    equal(&server, &folder.join("everything/dump"), &["kinds", "evolve", "bank"])
}

fn everything_in_eleven_runs(folder: &Path) -> Result<(), Failed> {
    let server = server::start(&[])?;
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

/// Types of DDL that are worth a stop of their own: those that only ids can judge, that move tables, that come in two messages or in one
/// with several parts, and those that are skipped.
const CUTS: [(i64, i64); 10] =
    [(61, 0), (6, -1), (14, 1), (47, 0), (11, 0), (11, 1), (25, 0), (42, -1), (42, 1), (12, 0)];

/// Ten cut points among the DDLs, each one the commit ts of a DDL or next to one; in rising order.
fn cut_points(dir: &Path) -> Vec<u64> {
    let cut = |(kind, aside): (i64, i64)| {
        let all = recordings::ddl_of_type(dir, kind);
        // Where a type comes more than once, one in the middle.
        all[all.len() / 2].checked_add_signed(aside).expect("a ts")
    };
    let mut cuts: Vec<u64> = CUTS.into_iter().map(cut).collect();
    cuts.sort_unstable();
    cuts.dedup();
    assert_eq!(cuts.len(), 10, "ten different ones");
    cuts
}

/// Stopped by `--until` at each cut point, and started again.
fn everything_stopped_at_ten_ddls(folder: &Path) -> Result<(), Failed> {
    let dir = folder.join("everything");
    let server = server::start(&QUICK)?;
    let args = [everything_args(folder, "everything", &server), vec!["--quiet".to_owned()]].concat();
    for cut in cut_points(&dir) {
        run(&[args.clone(), vec!["--until".to_owned(), cut.to_string()]].concat(), 0);
        assert_eq!(checkpoint(&server), cut, "the checkpoint stands where the run stopped");
    }
    run(&args, 0);
    equal(&server, &dir.join("dump"), &["kinds", "evolve", "bank"])
}

/// One target, ten runs that are killed as soon as they are past a cut point, wherever they are then, and one that goes on to the end.
fn everything_killed_among_its_ddls(folder: &Path) -> Result<(), Failed> {
    let dir = folder.join("everything");
    let server = server::start(&QUICK)?;
    let args = [everything_args(folder, "everything", &server), vec!["--quiet".to_owned()]].concat();
    let last = *recordings::commit_tss(&dir, true).last().expect("rows");
    for cut in cut_points(&dir) {
        if position(&server).is_some_and(|there| there > cut) {
            // The kill before came late; a run more or less from there on is as good.
            continue;
        }
        let mut running = Running::start(&args);
        running.until("its cut point", || position(&server).is_some_and(|there| there >= cut));
        // Dropped, it is killed without a chance to say anything.
        drop(running);
        let there = position(&server).expect("it has begun");
        println!("killed at {there}, behind {cut}");
        assert!(there < last, "rows are still to come");
    }
    run(&args, 0);
    equal(&server, &dir.join("dump"), &["kinds", "evolve", "bank"])
}

/// What FLASHBACK and RECOVER bring back is made by hand instead: then nothing is left out of the comparison.
fn everything_with_its_flashbacks_replaced(folder: &Path) -> Result<(), Failed> {
    let dir = folder.join("everything");
    let server = server::start(&QUICK)?;
    let back = recordings::ddl_of_type(&dir, 25);
    let by_hand = [
        "CREATE TABLE dropme2 (id INT PRIMARY KEY); INSERT INTO dropme2 VALUES (1)",
        "CREATE TABLE dropme (id INT PRIMARY KEY, x INT); INSERT INTO dropme VALUES (2, 2)",
    ];
    let mut args: Vec<String> = ["sync", "--quiet", "--from"].map(str::to_owned).to_vec();
    args.extend([path(folder, "everything"), "--to".to_owned(), server.url()]);
    for (ts, sql) in back.iter().zip(by_hand) {
        args.extend(["--on-ddl-error".to_owned(), format!("replace:{ts}={sql}")]);
    }
    // The bank comes behind.
    let bank = recordings::ddl_of_type(&dir, 1).pop().expect("its database");
    assert!(back.iter().all(|ts| *ts < bank));
    args.extend(["--until".to_owned(), bank.to_string()]);
    let said = run(&args, 0);
    assert!(said.contains("as you asked, this run skipped 0 DDLs and replaced 2"), "{said}");
    assert!(said.contains(&format!("commit ts {}, in `evolve`: `FLASHBACK TABLE", back[0])), "{said}");
    assert!(said.contains("replaced by `CREATE TABLE dropme2"), "{said}");
    compare::load_dump(&mut server.connect()?, &dir.join("dump"), &["evolve"], "truth_")?;
    same(&server, "evolve", &[])?;
    Ok(())
}

fn the_comparison_sees_one_byte_and_one_table(folder: &Path) -> Result<(), Failed> {
    let server = server::start(&[])?;
    let mut conn = server.connect()?;
    compare::load_dump(&mut conn, &folder.join("everything/dump"), &["kinds"], "a_")?;
    compare::load_dump(&mut conn, &folder.join("everything/dump"), &["kinds"], "b_")?;
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
    let server = server::start(&[])?;
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
    let server = server::start(&[])?;
    let from = path(folder, "two-pumps");
    // The cluster had other databases before the recording began; the target has not.
    tisync(&["sync", "--from", &from, "--to", &server.url(), "--quiet"]).expect(4);
    tisync(&["sync", "--from", &from, "--to", &server.url(), "--quiet", "--allow-missing"]).expect(0);
    equal(&server, &folder.join("two-pumps/dump"), &["bank"])
}

fn bidirectional_sides_equal_their_dumps(folder: &Path) -> Result<(), Failed> {
    for side in ["bidi-a", "bidi-b"] {
        let server = server::start(&[])?;
        let from = path(folder, side);
        tisync(&["sync", "--from", &from, "--to", &server.url(), "--quiet", "--allow-missing"]).expect(0);
        equal(&server, &folder.join(side).join("dump"), &["bidi"])?;
    }
    Ok(())
}

fn tidb_8_equals_its_dump(folder: &Path) -> Result<(), Failed> {
    let server = server::start(&[])?;
    run(&everything_args(folder, "feed-v81/pump", &server), 0);
    equal(&server, &folder.join("feed-v81/dump"), &["kinds", "evolve", "bank"])?;
    same_definitions(&server, &folder.join("feed-v81/dump"), &["kinds.*", "evolve.*", "bank.*", "!evolve.dropme*"]);
    Ok(())
}

/// Random DML beside DDL, as a cluster under load has it.
fn equals_its_dump(folder: &Path, name: &str, databases: &[&str]) -> Result<(), Failed> {
    replayed(folder, name, databases, &[])
}

/// Tables without a key in which TiDB itself has new rows twice: those that it wrote to the old partition and to the new one before it copied the old
/// one. When exactly it copied the stream does not tell.
const TWICE: [&str; 2] = ["reorg_nokey_ins", "reorg_nokey_mov"];

fn partitions_equal_their_dump(folder: &Path, name: &str) -> Result<(), Failed> {
    let server = server::start(&QUICK)?;
    let (from, to) = (path(folder, name), server.url());
    let said = tisync(&["sync", "--from", &from, "--to", &to, "--quiet", "--allow-missing"]).expect(0).stderr;
    for table in TWICE {
        let words = format!("`part`.`{table}` has no key, and rows were written while its partitions were reorganised");
        assert_eq!(said.matches(&words).count(), 1, "{said}");
    }
    assert!(!said.contains("`part`.`reorg_ck_upd` has no key"), "{said}");
    let mut conn = server.connect()?;
    compare::load_dump(&mut conn, &folder.join(name).join("dump"), &["part"], "truth_")?;
    same_definitions(&server, &folder.join(name).join("dump"), &["part.*"]);
    same(&server, "part", &TWICE)?;
    for table in TWICE {
        let counts = |database: &str| format!("SELECT id, n, COUNT(*) AS times FROM {database}.{table} GROUP BY id, n");
        let (ours, truth) = (counts("part"), counts("truth_part"));
        // Every row is there, and only what was committed within the tick of the clock at which TiDB copied may be there once too often or too rarely.
        let off = format!(
            "SELECT COUNT(*), IFNULL(SUM(a.times IS NULL OR b.times IS NULL OR ABS(a.times - b.times) > 1), 0)
             FROM ({ours}) a RIGHT JOIN ({truth}) b ON a.id = b.id AND a.n <=> b.n WHERE NOT (a.times <=> b.times)"
        );
        let (differ, wrong): (u64, u64) = conn.query_first(off)?.ok_or("a row")?;
        assert!(differ <= 2 && wrong == 0, "{table}: {differ} rows differ, {wrong} of them are wrong");
        let distinct = |sql: &str| format!("SELECT COUNT(*) FROM ({sql}) counted");
        let (mine, upstream): (Option<u64>, Option<u64>) =
            (conn.query_first(distinct(&ours))?, conn.query_first(distinct(&truth))?);
        assert_eq!(mine, upstream, "{table}");
    }
    Ok(())
}

/// In this stream TiDB is wrong once: an UPDATE of a parent's key that met a taken one had no effect, and is in the stream with its cascades.
fn more_random_load_equals_its_dump(folder: &Path) -> Result<(), Failed> {
    replayed(folder, "random-b", &["r8_a", "r8_b"], &["--on-conflict", "count"])
}

fn replayed(folder: &Path, name: &str, databases: &[&str], options: &[&str]) -> Result<(), Failed> {
    let server = server::start(&QUICK)?;
    let (from, to) = (path(folder, name), server.url());
    let args = [&["sync", "--from", &from, "--to", &to, "--quiet", "--allow-missing"], options].concat();
    let ran = tisync(&args);
    if ran.code == 4 && ran.stderr.contains("this MySQL has no RENAME COLUMN") {
        server::refuse("MySQL before 8.0 has no RENAME COLUMN: the run stops, and says so");
    }
    println!("{}", ran.expect(0).stderr);
    equal(&server, &folder.join(name).join("dump"), databases)?;
    let patterns: Vec<String> = databases.iter().map(|database| format!("{database}.*")).collect();
    same_definitions(
        &server,
        &folder.join(name).join("dump"),
        &patterns.iter().map(String::as_str).collect::<Vec<_>>(),
    );
    Ok(())
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

/// Every table is what the dump says, as `schema diff` sees it; the tables of skipped DDL are not there.
fn same_definitions(server: &PrivateServer, dump: &Path, patterns: &[&str]) {
    let (dump, url) = (dump.display().to_string(), server.url());
    let mut args = vec!["schema", "diff", "--from", &dump, "--to", &url];
    patterns.iter().for_each(|pattern| args.extend(["--tables", pattern]));
    let ran = tisync(&args);
    println!("{}", ran.stdout);
    ran.expect(0);
}

fn path(folder: &Path, name: &str) -> String {
    PathBuf::from(folder).join(name).display().to_string()
}
