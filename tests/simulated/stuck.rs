//! What somebody sees of a run in which nothing moves: who holds it up, since when, and a lag that grows.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::sleep;
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use mysql::Conn;
use mysql::prelude::Queryable;
use tisync::playground::bank::{Bank, BankOptions, Limit};
use tisync::playground::cluster::Cluster;
use tisync::playground::mariadb::PrivateServer;

use crate::bank::{equal, two_pumps};
use crate::common::heard::{Heard, signal};
use crate::common::run::Running;
use crate::sync;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("a_cluster_that_is_stopped_is_named_and_the_lag_grows", silent_cluster),
        Trial::test("an_idle_cluster_shows_no_lag_and_nobody_waits", idle_cluster),
        Trial::test("whoever_locks_a_row_of_the_target_is_named", row_lock),
        Trial::test("a_target_that_is_locked_as_a_whole_is_named", global_lock),
        Trial::test("a_target_that_is_stopped_is_named", stopped_target),
    ]
}

/// The number behind `lag_ms=`.
#[track_caller]
fn lag(line: &str) -> u64 {
    let (_, rest) = line.split_once("lag_ms=").unwrap_or_else(|| panic!("no lag in {line}"));
    rest.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("no number in {line}"))
}

fn silent_cluster() -> Result<(), Failed> {
    let server = PrivateServer::start()?;
    let mut served = Heard::start(&["playground", "--serve", "--duration", "600", "--rate", "50"]);
    let (start, _) = served.line(0, &["start after it with --start-ts "]);
    let start = start.rsplit(' ').next().expect("a ts").to_owned();
    let (address, _) = served.line(0, &["pd://"]);
    let address = address.split_whitespace().find(|word| word.starts_with("pd://")).expect("an address").to_owned();
    let mut run = Heard::start(&["sync", "--from", &address, "--to", &server.url(), "--start-ts", &start]);
    let transfers = || transfers(&server);
    wait_until("the first rows", || transfers() > 20);
    served.signal("STOP");
    let (line, n) = run.line(run.lines(), &["lag_ms=", "waiting ", "which has sent everything up to"]);
    assert!(line.contains("for Pump pump-") || line.contains("for PD's list of Pumps"), "{line}");
    assert!(lag(&line) >= 4_000, "{line}");
    let (later, n) = run.line(n, &["lag_ms=", "waiting "]);
    assert!(lag(&later) > lag(&line) + 3_000, "{line}\n{later}");
    served.signal("CONT");
    let before = transfers();
    wait_until("more rows", || transfers() > before + 20);
    let mut n = n;
    // The backlog of a stopped server is soon made up for.
    loop {
        let (line, next) = run.line(n, &["lag_ms="]);
        if lag(&line) < 6_000 && !line.contains("waiting") {
            break;
        }
        n = next;
    }
    assert_eq!(run.end(), Some(5));
    Ok(())
}

/// Fakes come every 3 s, as from a real Pump: an idle cluster is behind by no more.
fn idle_cluster() -> Result<(), Failed> {
    let cluster =
        Arc::new(Cluster::start(tisync::playground::cluster::ClusterSpec::new(7_500_000_000_000_000_005, 2))?);
    let server = PrivateServer::start()?;
    let mut bank = Bank::start(Arc::clone(&cluster), BankOptions { accounts: 20, ..BankOptions::default() })?;
    work(&mut bank, 20);
    let mut run = Heard::start(&["sync", "--from", &cluster.pd_url(), "--to", &server.url(), "--start-ts", "1"]);
    let (_, n) = run.line(0, &["lag_ms=", "backlog=0"]);
    let (_, n) = run.line(n, &["lag_ms="]);
    let (line, _) = run.line(n, &["lag_ms="]);
    assert!(lag(&line) < 12_000 && !line.contains("waiting"), "{}", run.said());
    assert_eq!(run.end(), Some(5));
    Ok(())
}

fn row_lock() -> Result<(), Failed> {
    held(
        7_500_000_000_000_000_001,
        &["`bank`.`accounts`", "is locked by session", "root@localhost", "open and idle"],
        |server| {
            let mut conn = server.connect().expect("connects");
            conn.query_drop("START TRANSACTION").expect("begun");
            conn.query_drop("SELECT * FROM bank.accounts FOR UPDATE").expect("locked");
            Some(conn)
        },
        |_, conn| drop(conn),
    )
}

fn global_lock() -> Result<(), Failed> {
    held(
        7_500_000_000_000_000_002,
        &["its state there is `Waiting for", "FLUSH TABLES WITH READ LOCK"],
        |server| {
            let mut conn = server.connect().expect("connects");
            conn.query_drop("FLUSH TABLES WITH READ LOCK").expect("locked");
            Some(conn)
        },
        |_, conn| drop(conn),
    )
}

fn stopped_target() -> Result<(), Failed> {
    held(
        7_500_000_000_000_000_003,
        &["it does not answer on another connection either"],
        |server| {
            signal(server.process().expect("it runs"), "STOP");
            None
        },
        |server, _| signal(server.process().expect("it runs"), "CONT"),
    )
}

/// A run goes on while `hold` holds the target; the line says so with `words`, and the lag grows. After `release` everything comes.
fn held(
    id: u64,
    words: &[&str],
    hold: impl FnOnce(&PrivateServer) -> Option<Conn>,
    release: impl FnOnce(&PrivateServer, Option<Conn>),
) -> Result<(), Failed> {
    let cluster = two_pumps(id)?;
    let server = PrivateServer::start()?;
    let mut bank = Bank::start(Arc::clone(&cluster), BankOptions { accounts: 20, ..BankOptions::default() })?;
    work(&mut bank, 50);
    let mut run = Heard::start(&["sync", "--from", &cluster.pd_url(), "--to", &server.url(), "--start-ts", "1"]);
    wait_until("the first rows", || transfers(&server) > 0);
    run.line(0, &["lag_ms=", "backlog=0"]);
    let held = hold(&server);
    let (from, begin) = (run.lines(), Instant::now());
    work(&mut bank, 50);
    let words = [&["lag_ms=", "waiting ", "for the target to answer `", "worker "], words].concat();
    let (line, n) = run.line(from, &words);
    println!("named after {:.1} s: {line}", begin.elapsed().as_secs_f32());
    assert!(lag(&line) >= 4_000, "{line}");
    let (later, _) = run.line(n, &["lag_ms=", "waiting "]);
    assert!(lag(&later) > lag(&line), "{line}\n{later}");
    release(&server, held);
    work(&mut bank, 50);
    let end = cluster.tso().0;
    wait_until("all of it", || crate::common::target::position(&server).is_some_and(|ts| ts >= end));
    assert_eq!(run.end(), Some(5));
    Running::start(&sync(&cluster, &server, &["--until", "caught-up"])).expect(0);
    assert!(equal(&server, &bank)? > 100);
    Ok(())
}

fn work(bank: &mut Bank, txns: u64) {
    bank.run(Limit { txns: Some(txns), time: None }, &AtomicBool::new(false)).expect("works");
}

fn transfers(server: &PrivateServer) -> u64 {
    // There is no such table at first.
    let found = server.connect().and_then(|mut conn| Ok(conn.query_first("SELECT COUNT(*) FROM bank.transfers")?));
    found.ok().flatten().unwrap_or_default()
}

#[track_caller]
fn wait_until(what: &str, mut reached: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !reached() {
        assert!(begin.elapsed() < Duration::from_secs(120), "not in time: {what}");
        sleep(Duration::from_millis(50));
    }
}
