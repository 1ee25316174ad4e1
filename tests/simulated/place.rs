//! The link's place in the cluster: what Pumps, people and other tools see of it, and what it makes of what they do.

use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use serde_json::Value;
use tisync::pd::DRAINERS;
use tisync::playground::bank::{Bank, BankOptions, Limit, RunningBank};
use tisync::playground::cluster::{Cluster, ClusterSpec};
use tisync::playground::mariadb::{PrivateServer, free_port};

use crate::bank::equal;
use crate::common::heard::Heard;
use crate::common::run::Running;
use crate::common::target::position;
use crate::sync;

/// The most that a test waits for anything.
const LIMIT: Duration = Duration::from_secs(60);

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("t03_pumps_that_join_leave_and_come_back_lose_nothing", join_leave_come_back),
        Trial::test("t04_a_pump_goes_offline_when_the_link_has_all_it_holds", offline_waits),
        Trial::test("t02_whoever_pauses_or_closes_from_outside_is_obeyed", outside),
        Trial::test("t01_a_killed_run_leaves_one_entry_that_the_next_takes_over", killed),
        Trial::test("t29_synced_is_false_while_a_pump_is_stuck", stuck),
        Trial::test("a_cluster_that_lets_nobody_register", not_allowed),
        Trial::test("a_start_that_is_refused_leaves_no_entry", refused),
    ]
}

/// A cluster with Pumps that soon say where they are, of which the first `registered` are there from the start.
pub fn cluster(id: u64, pumps: usize, registered: usize) -> Result<Arc<Cluster>, Failed> {
    let mut spec = ClusterSpec::new(id, pumps);
    for (index, pump) in spec.pumps.iter_mut().enumerate() {
        pump.behaviour.fakes = Some(Duration::from_millis(50));
        pump.registered = index < registered;
    }
    Ok(Arc::new(Cluster::start(spec)?))
}

fn bank(cluster: &Arc<Cluster>, rate: f64) -> Result<RunningBank, Failed> {
    let options = BankOptions { rate: Some(rate), ..BankOptions::default() };
    Ok(Bank::start(Arc::clone(cluster), options)?.spawn(Limit { txns: None, time: None }))
}

/// The one drainer's entry.
pub fn entry(cluster: &Cluster) -> Option<(String, Value)> {
    let keys: Vec<String> = cluster.keys().into_iter().filter(|k| k.starts_with(DRAINERS)).collect();
    assert!(keys.len() < 2, "more than one entry: {keys:?}");
    let key = keys.first()?;
    let value = serde_json::from_str(&cluster.key(key).expect("its value")).expect("JSON");
    Some((key.clone(), value))
}

fn state(cluster: &Cluster) -> String {
    entry(cluster).map_or_else(String::new, |(_, value)| value["state"].as_str().expect("a state").to_owned())
}

#[track_caller]
pub fn until(what: &str, mut reached: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !reached() {
        assert!(begin.elapsed() < LIMIT, "not within {LIMIT:?}: {what}");
        sleep(Duration::from_millis(10));
    }
}

/// A PUT; gives `code` and `message` of the answer.
pub fn put(url: &str) -> (i64, String) {
    let mut answer = ureq::put(url).send_empty().expect("an answer");
    let text = answer.body_mut().read_to_string().expect("text");
    let value: Value = serde_json::from_str(&text).expect("JSON");
    (value["code"].as_i64().expect("a code"), value["message"].as_str().expect("a message").to_owned())
}

/// Two Pumps come while a run goes on, one goes offline in order and comes back; TiDB writes all the time, to whichever is online.
fn join_leave_come_back() -> Result<(), Failed> {
    let cluster = cluster(7_400_000_000_000_000_001, 3, 1)?;
    let server = PrivateServer::start()?;
    let working = bank(&cluster, 300.0)?;
    let mut run = Running::start(&loud(&cluster, &server));
    run.until("it is online", || state(&cluster) == "online");
    run.until("the first rows", || position(&server).is_some());
    for pump in [1, 2] {
        cluster.join_pump(pump)?;
    }
    let pause = || sleep(Duration::from_millis(500));
    pause();
    assert_eq!(put(&action(&cluster, 1, "close")?).0, 200);
    run.until("it is offline", || cluster.pump_state(1).is_ok_and(|s| s == "offline"));
    pause();
    cluster.join_pump(1)?;
    pause();
    let bank = working.stop()?;
    let end = cluster.tso().0;
    run.until("the end", || position(&server).is_some_and(|ts| ts >= end));
    run.interrupt();
    let ran = run.expect(5);
    for word in ["Pump pump-2", "has joined and is read from", "Pump pump-3", "has gone offline"] {
        assert!(ran.stderr.contains(word), "`{word}` is missing in:\n{}", ran.stderr);
    }
    assert_eq!(state(&cluster), "paused");
    assert!(equal(&server, &bank)? > 500);
    // What answers nobody must not say that it is online: then no Pump would start.
    let dead = format!(r#"{{"nodeId":"dead","host":"127.0.0.1:{}","state":"online"}}"#, free_port()?);
    cluster.set_key(&format!("{DRAINERS}dead"), Some(&dead));
    cluster.set_pump_state(2, "offline")?;
    assert!(cluster.join_pump(2).is_err() && cluster.pump_state(2)? == "offline");
    cluster.set_key(&format!("{DRAINERS}dead"), None);
    cluster.join_pump(2)?;
    Ok(())
}

fn action(cluster: &Cluster, pump: usize, action: &str) -> Result<String, Failed> {
    Ok(format!("http://{}/state/pump-{}/{action}", cluster.pump_address(pump)?, pump + 1))
}

/// As `sync`, with its notes.
fn loud(cluster: &Cluster, server: &PrivateServer) -> Vec<String> {
    sync(cluster, server, &[]).into_iter().filter(|a| a != "--quiet").collect()
}

/// A Pump that is to go offline waits for a link that does not run, and goes when that has caught up.
fn offline_waits() -> Result<(), Failed> {
    let cluster = cluster(7_400_000_000_000_000_002, 2, 2)?;
    let server = PrivateServer::start()?;
    let working = bank(&cluster, 300.0)?;
    let mut run = Running::start(&loud(&cluster, &server));
    run.until("the first rows", || position(&server).is_some() && state(&cluster) == "online");
    run.interrupt();
    run.expect(5);
    let (_, left) = entry(&cluster).expect("an entry");
    assert_eq!(left["state"], "paused");
    assert!(left["maxCommitTS"].as_u64() >= position(&server), "{left}");
    let bank = working.stop()?;
    assert_eq!(put(&action(&cluster, 1, "close")?).0, 200);
    sleep(Duration::from_millis(1_500));
    assert_eq!(cluster.pump_state(1)?, "closing", "the link may still need what it holds");
    let mut run = Running::start(&loud(&cluster, &server));
    run.until("it is offline", || cluster.pump_state(1).is_ok_and(|s| s == "offline"));
    let end = cluster.tso().0;
    run.until("the end", || position(&server).is_some_and(|ts| ts >= end));
    run.interrupt();
    run.expect(5);
    assert!(equal(&server, &bank)? >= 100);
    Ok(())
}

/// Four ways to ask for an end from outside.
fn outside() -> Result<(), Failed> {
    let cluster = cluster(7_400_000_000_000_000_003, 1, 1)?;
    let server = PrivateServer::start()?;
    Bank::start(Arc::clone(&cluster), BankOptions::default())?;
    let id = "side-by-side";
    let key = format!("{DRAINERS}{id}");
    let start = || {
        let mut run = Running::start(&sync(&cluster, &server, &["--node-id", id, "--addr", "127.0.0.1:0"]));
        run.until("it is online", || state(&cluster) == "online");
        run
    };
    for (written, words, left) in [
        ("pausing", "paused by a write of `pausing`", "paused"),
        ("paused", "paused by a write of `paused`", "paused"),
        ("closing", "taken offline by a write of `closing`", "offline"),
        ("offline", "taken offline by a write of `offline`", "offline"),
    ] {
        let run = start();
        let now = cluster.key(&key).expect("its entry");
        cluster.set_key(&key, Some(&now.replace("\"online\"", &format!("\"{written}\""))));
        let ran = run.expect(5);
        assert!(ran.stderr.contains(words) && ran.stderr.contains("stopped cleanly"), "{}", ran.stderr);
        assert_eq!(state(&cluster), left);
    }
    for (action, words, left) in [("pause", "paused by `PUT", "paused"), ("close", "taken offline by `PUT", "offline")]
    {
        let run = start();
        let (_, value) = entry(&cluster).expect("an entry");
        let host = value["host"].as_str().expect("a host");
        let (code, message) = put(&format!("http://{host}/state/somebody-else/{action}"));
        assert!(code == 3 && message.contains("invalid nodeID"), "{message}");
        assert_eq!(put(&format!("http://{host}/state/{id}/destroy")).0, 3);
        assert_eq!(put(&format!("http://{host}/state/{id}/{action}")).0, 200);
        let ran = run.expect(5);
        assert!(ran.stderr.contains(words) && ran.stderr.contains("127.0.0.1"), "{}", ran.stderr);
        assert_eq!(state(&cluster), left);
    }
    Ok(())
}

fn killed() -> Result<(), Failed> {
    let cluster = cluster(7_400_000_000_000_000_004, 1, 1)?;
    let server = PrivateServer::start()?;
    Bank::start(Arc::clone(&cluster), BankOptions::default())?;
    let old = r#"{"nodeId":"old:8249","host":"10.9.9.9:8249","state":"paused","maxCommitTS":7,"updateTS":262144}"#;
    let start = || {
        let mut run = Running::start(&loud(&cluster, &server));
        run.until("it is online", || state(&cluster) == "online");
        run
    };
    drop(start()); // As `kill -9`.
    let (key, before) = entry(&cluster).expect("an entry");
    assert_eq!(before["state"], "online");
    let run = start();
    // The entry of the one that was killed says online as well; by its heartbeat this one has the link.
    until("a heartbeat", || {
        entry(&cluster).is_some_and(|(_, now)| now["updateTS"].as_u64() > before["updateTS"].as_u64())
    });
    let (_, entry_now) = entry(&cluster).expect("an entry");
    let id = entry_now["nodeId"].as_str().expect("a name").to_owned();
    let second = Running::start(&sync(&cluster, &server, &[])).expect(4);
    assert!(
        second.stderr.contains("is already run by pid") && second.stderr.contains("--take-over"),
        "{}",
        second.stderr
    );
    // Another link under the same name in the cluster.
    let second = Running::start(&sync(&cluster, &server, &["--link", "other", "--node-id", &id])).expect(4);
    assert!(
        second.stderr.contains("is already running at") && second.stderr.contains("--node-id"),
        "{}",
        second.stderr
    );
    run.interrupt();
    let ran = run.expect(5);
    assert!(!ran.stderr.contains("old:8249"), "{}", ran.stderr);
    let (same, after) = entry(&cluster).expect("an entry");
    assert_eq!((same.as_str(), after["state"].as_str()), (key.as_str(), Some("paused")));
    assert!(key.starts_with("/tidb-binlog/v1/drainers/tisync-default-"), "{key}");
    // An entry that another drainer has left is named, as it keeps Pumps from going offline.
    cluster.set_key(&key, None);
    cluster.set_key(&format!("{DRAINERS}old:8249"), Some(old));
    let ran = Running::start(&sync(&cluster, &server, &["--until", "caught-up"])).expect(0);
    for word in ["drainer old:8249", "is not running", "set-state old:8249 offline --pd 127.0.0.1:"] {
        assert!(ran.stderr.contains(word), "`{word}` is missing in:\n{}", ran.stderr);
    }
    Ok(())
}

/// By the target, and by the Pumps.
fn refused() -> Result<(), Failed> {
    let cluster = cluster(7_400_000_000_000_000_007, 1, 1)?;
    let server = PrivateServer::start()?;
    Bank::start(Arc::clone(&cluster), BankOptions::default())?;
    let now = cluster.tso().0.to_string();
    let late = |more: &[&str]| {
        let mut args = sync(&cluster, &server, more);
        args.retain(|a| a != "--start-ts" && a != "1");
        args.extend(["--start-ts".to_owned(), now.clone()]);
        args
    };
    let ran = Running::start(&late(&["--link", "lacks"])).expect(4);
    assert!(ran.stderr.contains("bank"), "the target lacks its tables: {}", ran.stderr);
    assert_eq!(entry(&cluster).map(|(key, _)| key), None);
    cluster.set_gc_ts(0, cluster.tso())?;
    let ran = Running::start(&sync(&cluster, &server, &["--link", "old"])).expect(4);
    assert_eq!(entry(&cluster).map(|(key, _)| key), None, "{}", ran.stderr);
    // What an earlier run has left stays as it was.
    let key = format!("{DRAINERS}own");
    let before = r#"{"nodeId":"own","host":"10.9.9.9:8249","state":"paused","maxCommitTS":7}"#;
    cluster.set_key(&key, Some(before));
    Running::start(&sync(&cluster, &server, &["--link", "old", "--node-id", "own"])).expect(4);
    let (_, left) = entry(&cluster).expect("an entry");
    assert_eq!((left["state"].as_str(), left["host"].as_str()), (Some("paused"), Some("10.9.9.9:8249")));
    Ok(())
}

fn page(cluster: &Cluster, path: &str) -> String {
    let (_, value) = entry(cluster).expect("an entry");
    let url = format!("http://{}{path}", value["host"].as_str().expect("a host"));
    ureq::get(url).call().expect("an answer").body_mut().read_to_string().expect("text")
}

/// All pages, and what they say while one Pump says nothing.
fn stuck() -> Result<(), Failed> {
    let cluster = cluster(7_400_000_000_000_000_005, 2, 2)?;
    let server = PrivateServer::start()?;
    Bank::start(Arc::clone(&cluster), BankOptions::default())?;
    let args = loud(&cluster, &server);
    let mut run = Heard::start(&args.iter().map(String::as_str).collect::<Vec<_>>());
    until("it is online", || state(&cluster) == "online");
    let status = || serde_json::from_str::<Value>(&page(&cluster, "/status")).expect("JSON");
    until("it is synced", || status()["Synced"] == true);
    let now = status();
    assert!(
        now["PumpPos"]["pump-1"].as_u64() > Some(1) && now["LastTS"].as_u64() > Some(1) && now["TsMap"] == "",
        "{now}"
    );
    let commit_ts: Value = serde_json::from_str(&page(&cluster, "/commit_ts"))?;
    assert!(commit_ts["code"] == 200 && commit_ts["data"]["ts"].as_u64() >= now["LastTS"].as_u64(), "{commit_ts}");
    let metrics = page(&cluster, "/metrics");
    for line in [
        "binlog_drainer_checkpoint_tso 1",
        // How long it is depends on the machine.
        "binlog_drainer_checkpoint_delay_seconds ",
        "binlog_drainer_pump_position{nodeID=\"pump-2\"} 1",
    ] {
        assert!(metrics.contains(&format!("\n{line}")), "`{line}` is missing in:\n{metrics}");
    }
    cluster.behave(1, |b| b.silent = true)?;
    until("it is no longer synced", || status()["Synced"] == false);
    // Named with what it holds back: when it has lasted for 5 s, then again and again.
    let words = ["waiting ", "Pump pump-2, which has sent everything up to", "and nothing since; others are at"];
    let (_, n) = run.line(0, &words);
    run.line(n, &words);
    assert_eq!(run.end(), Some(5));
    Ok(())
}

fn not_allowed() -> Result<(), Failed> {
    let cluster = cluster(7_400_000_000_000_000_006, 1, 1)?;
    let server = PrivateServer::start()?;
    let bank = Bank::start(Arc::clone(&cluster), BankOptions::default())?;
    cluster.set_etcd_writable(false);
    let ran = Running::start(&sync(&cluster, &server, &["--until", "caught-up"])).expect(3);
    for word in ["cannot register as drainer tisync-default-", "permission denied", "--no-register"] {
        assert!(ran.stderr.contains(word), "`{word}` is missing in:\n{}", ran.stderr);
    }
    let more = ["--until", "caught-up", "--no-register"];
    let args: Vec<String> = sync(&cluster, &server, &more).into_iter().filter(|a| a != "--quiet").collect();
    let ran = Running::start(&args).expect(0);
    assert!(ran.stderr.contains("do not wait for this link"), "{}", ran.stderr);
    assert!(cluster.keys().is_empty(), "{:?}", cluster.keys());
    assert!(equal(&server, &bank)? >= 100);
    Ok(())
}
