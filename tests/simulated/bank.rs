//! The bank through the whole binary: at every moment the target holds whole transactions, and in the end every row.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use libtest_mimic::Failed;
use mysql::prelude::Queryable;
use mysql::{Conn, Value as Param};
use tisync::model::{Column, Kind, Value};
use tisync::playground::bank::{Bank, BankOptions, Expected, Limit};
use tisync::playground::cluster::{Cluster, ClusterSpec};
use tisync::playground::mariadb::PrivateServer;
use tisync::playground::sql_name;

use crate::common::run::Running;
use crate::common::target::{checkpoint, position, same};
use crate::sync;

const ACCOUNTS: u32 = 100;

pub fn adds_up_at_every_moment() -> Result<(), Failed> {
    let cluster = two_pumps(7_300_000_000_000_000_001)?;
    let options = BankOptions { accounts: ACCOUNTS, rate: Some(500.0), ddl_every: Some(300), ..BankOptions::default() };
    let bank =
        Bank::start(Arc::clone(&cluster), BankOptions { job_delay: Some(Duration::from_millis(40)), ..options })?;
    let sum = bank.sum();
    let server = PrivateServer::start()?;
    let working = bank.spawn(Limit { txns: Some(3_000), time: None });

    let done = Arc::new(AtomicBool::new(false));
    let reader = thread::spawn({
        let (conn, done) = (server.connect()?, Arc::clone(&done));
        move || watch(conn, sum, &done)
    });
    // Follows it live, is stopped on the way, and catches up in a second run.
    let mut run = Running::start(&sync(&cluster, &server, &[]));
    run.until("half of the work", || working.done() > 1_500 && position(&server).is_some());
    run.interrupt();
    run.expect(5);
    let stopped_at = checkpoint(&server);
    let bank = working.wait()?;
    Running::start(&sync(&cluster, &server, &["--until", "caught-up"])).expect(0);
    assert!(checkpoint(&server) > stopped_at);
    done.store(true, Ordering::Relaxed);
    let states = reader.join().map_err(|_| "the reader failed")?;
    println!("{states} different states seen, each with the sum {sum}");
    assert!(states > 8, "the reader saw only {states} states");

    assert!(equal(&server, &bank)? > 2_000);
    Ok(())
}

/// PD, TiDB and the Pumps go away and come back, one after the other, while a run goes on; streams break all the time.
pub fn restarts_lose_nothing() -> Result<(), Failed> {
    let cluster = two_pumps(7_300_000_000_000_000_002)?;
    cluster.behave(1, |b| b.break_every = Some(300))?;
    let options = BankOptions { rate: Some(300.0), ddl_every: Some(100), ..BankOptions::default() };
    let bank = Bank::start(Arc::clone(&cluster), BankOptions { seed: 2, ..options })?;
    let working = bank.spawn(Limit { txns: Some(2_500), time: None });
    let server = PrivateServer::start()?;
    let mut run = Running::start(&sync(&cluster, &server, &[]));
    run.until("the first rows", || position(&server).is_some());
    let away = || thread::sleep(Duration::from_millis(1_200));
    cluster.set_tidb_running(false)?;
    away();
    cluster.set_tidb_running(true)?;
    cluster.set_pd_running(false)?;
    away();
    cluster.set_pd_running(true)?;
    for pump in 0..2 {
        cluster.stop_pump(pump)?;
        away();
        cluster.restart_pump(pump)?;
    }
    let bank = working.wait()?;
    let end = cluster.tso().0;
    run.until("the end", || position(&server).is_some_and(|ts| ts >= end));
    run.interrupt();
    run.expect(5);
    assert!(equal(&server, &bank)? > 2_000);
    Ok(())
}

/// Recorded while the bank works, by recorders that are killed again and again; then replayed from the folder.
pub fn recorded_and_replayed() -> Result<(), Failed> {
    let cluster = two_pumps(7_300_000_000_000_000_003)?;
    let options = BankOptions { rate: Some(300.0), ddl_every: Some(150), seed: 3, ..BankOptions::default() };
    let bank =
        Bank::start(Arc::clone(&cluster), BankOptions { job_delay: Some(Duration::from_millis(40)), ..options })?;
    let working = bank.spawn(Limit { txns: Some(2_500), time: None });
    let dir = tempfile::tempdir()?;
    let place = dir.path().display().to_string();
    let pd = cluster.pd_url();
    let args = |more: &[&str]| -> Vec<String> {
        let args = ["record", "--from", &pd, "--dir", &place, "--start-ts", "1", "--quiet", "--part-size", "64KiB"];
        args.iter().chain(more).map(|a| (*a).to_owned()).collect()
    };
    let recorded = || {
        let meta = std::fs::read(dir.path().join("meta.json")).unwrap_or_default();
        serde_json::from_slice::<serde_json::Value>(&meta).ok().and_then(|m| m["end_ts"].as_u64()).unwrap_or_default()
    };
    let mut ends = Vec::new();
    while working.done() < 2_400 {
        let before = recorded();
        // The kind of part may change from run to run.
        let mut run = Running::start(&args(if ends.len() % 2 == 0 { &["--compress"] } else { &[] }));
        run.until("something is on the disk", || recorded() > before);
        thread::sleep(Duration::from_millis(300));
        // Killed.
        drop(run);
        ends.push(recorded());
    }
    let bank = working.wait()?;
    Running::start(&args(&["--until", "caught-up"])).expect(0);
    let parts =
        std::fs::read_dir(dir.path())?.flatten().filter(|e| e.file_name().to_string_lossy().starts_with("binlogs-"));
    println!("recorders killed at {ends:?}; {} parts", parts.count());
    assert!(ends.len() > 2, "killed {} times", ends.len());

    let server = PrivateServer::start()?;
    let sync = ["sync", "--from", &place, "--to", &server.url(), "--quiet"].map(str::to_owned);
    Running::start(&sync).expect(0);
    assert_eq!(checkpoint(&server), recorded());
    equal(&server, &bank).map(drop)
}

/// Keys that the target may take for the same are told of before any row is.
pub fn old_collations_are_told() -> Result<(), Failed> {
    let server = PrivateServer::start()?;
    for (id, old_collations) in [(7_300_000_000_000_000_011, true), (7_300_000_000_000_000_012, false)] {
        let cluster = Arc::new(Cluster::start(ClusterSpec { old_collations, ..ClusterSpec::new(id, 1) })?);
        Bank::start(Arc::clone(&cluster), BankOptions { accounts: 2, ..BankOptions::default() })?;
        let link = format!("link-{id}");
        let ran = Running::start(&sync(&cluster, &server, &["--until", "caught-up", "--link", &link])).expect(0);
        assert_eq!(ran.stderr.contains("uses old collations"), old_collations, "{}", ran.stderr);
        server.connect()?.query_drop("DROP DATABASE bank")?;
    }
    Ok(())
}

/// A cluster whose Pumps soon say where they are.
pub fn two_pumps(id: u64) -> Result<Arc<Cluster>, Failed> {
    let mut spec = ClusterSpec::new(id, 2);
    for pump in &mut spec.pumps {
        pump.behaviour.fakes = Some(Duration::from_millis(50));
    }
    Ok(Arc::new(Cluster::start(spec)?))
}

/// Every table holds what the bank says it does.
pub fn equal(server: &PrivateServer, bank: &Bank) -> Result<usize, Failed> {
    let expected = bank.expected();
    load(&mut server.connect()?, &expected)?;
    let rows = same(server, "bank", &[])?;
    assert_eq!(rows, expected.iter().map(|e| e.rows.len()).sum::<usize>());
    Ok(rows)
}

/// Looks again and again until `done`, with one statement, which sees one state. Gives the number of different ones.
///
/// The sum alone would also be right after half of two transfers; weighed by their numbers, the accounts also tell
/// whether exactly the transfers that are listed have been made.
fn watch(mut conn: Conn, sum: i64, done: &AtomicBool) -> usize {
    let query = "SELECT CAST(SUM(balance) * 100 AS SIGNED), CAST(SUM(balance * id) * 100 AS SIGNED), \
                 (SELECT CAST(COALESCE(SUM(amount * (CAST(dst AS SIGNED) - CAST(src AS SIGNED))), 0) * 100 AS SIGNED) \
                 FROM bank.transfers), (SELECT COUNT(*) FROM bank.transfers) FROM bank.accounts HAVING COUNT(*) > 0";
    let numbers: i64 = (1..=i64::from(ACCOUNTS)).sum();
    let weighed = sum / i64::from(ACCOUNTS) * numbers;
    let (mut states, mut last) = (0, None);
    while !done.load(Ordering::Relaxed) {
        match conn.query_first::<(i64, i64, i64, i64), _>(query) {
            Ok(Some((total, by_number, moved, transfers))) => {
                assert_eq!(total, sum, "after {transfers} transfers");
                assert_eq!(by_number - weighed, moved, "the accounts do not match the {transfers} transfers");
                if last.replace(transfers) != Some(transfers) {
                    states += 1;
                }
            }
            Ok(None) => {}
            // Not made yet (no database, no table), or just being altered.
            Err(mysql::Error::MySqlError(e)) if [1049, 1146, 1412].contains(&e.code) => {}
            Err(e) => panic!("{e}"),
        }
        thread::sleep(Duration::from_millis(3));
    }
    states
}

/// Writes what the bank says into `truth_bank`, by parameters: none of the sink's text is used.
fn load(conn: &mut Conn, expected: &[Expected]) -> Result<(), Failed> {
    conn.query_drop("SET SESSION time_zone = '+00:00', sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES'")?;
    conn.query_drop("CREATE DATABASE truth_bank")?;
    for Expected { table, rows } in expected {
        let name = sql_name(&table.name);
        conn.query_drop(format!("CREATE TABLE truth_bank.{name} LIKE bank.{name}"))?;
        let columns: Vec<String> = table.columns.iter().map(|c| sql_name(&c.name)).collect();
        let places = vec!["?"; columns.len()].join(", ");
        let insert = format!("INSERT INTO truth_bank.{name} ({}) VALUES ({places})", columns.join(", "));
        conn.query_drop("BEGIN")?;
        conn.exec_batch(insert, rows.iter().map(|row| table.columns.iter().zip(row).map(param).collect::<Vec<_>>()))?;
        conn.query_drop("COMMIT")?;
    }
    Ok(())
}

fn param((column, value): (&Column, &Value)) -> Param {
    match value {
        Value::Absent | Value::Null => Param::NULL,
        Value::Int(n) => Param::Int(*n),
        Value::UInt(n) | Value::Enum(n) | Value::Set(n) | Value::Bit(n) => Param::UInt(*n),
        Value::Float(x) => Param::Float(*x),
        Value::Double(x) => Param::Double(*x),
        Value::Decimal(d) => Param::Bytes(d.text.to_vec()),
        Value::Bytes(bytes) | Value::Json(bytes) => Param::Bytes(bytes.to_vec()),
        Value::Time(packed) => Param::Bytes(time(*packed, column.kind == Kind::Date).into_bytes()),
        Value::Duration(nanos) => Param::Bytes(duration(*nanos).into_bytes()),
    }
}

fn time(packed: u64, date: bool) -> String {
    let (ymd, hms, micros) = (packed >> 41, (packed >> 24) & 0x1_ffff, packed & 0xff_ffff);
    let day = format!("{:04}-{:02}-{:02}", (ymd >> 5) / 13, (ymd >> 5) % 13, ymd & 31);
    if date {
        return day;
    }
    format!("{day} {:02}:{:02}:{:02}.{micros:06}", hms >> 12, (hms >> 6) & 63, hms & 63)
}

fn duration(nanos: i64) -> String {
    let micros = nanos.unsigned_abs() / 1_000;
    let (seconds, sign) = (micros / 1_000_000, if nanos < 0 { "-" } else { "" });
    format!("{sign}{:02}:{:02}:{:02}.{:06}", seconds / 3600, seconds / 60 % 60, seconds % 60, micros % 1_000_000)
}
