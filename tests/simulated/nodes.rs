//! `tisync nodes` against a simulated cluster whose nodes obey, refuse, or are gone.

use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use serde_json::Value;
use tisync::pd::DRAINERS;
use tisync::playground::bank::{Bank, BankOptions};
use tisync::playground::cluster::Cluster;
use tisync::playground::mariadb::{PrivateServer, free_port};

use crate::common::binary::{Ran, tisync};
use crate::common::run::Running;
use crate::place::{cluster, entry, until};
use crate::sync;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("nodes_are_listed_and_judged", listed),
        Trial::test("t30_a_node_that_refuses_is_a_failure", refused),
        Trial::test("t04_a_ghost_that_is_set_offline_lets_a_pump_go", ghost),
        Trial::test("nodes_pause_and_offline_end_a_run", ours),
    ]
}

fn nodes(cluster: &Cluster, args: &[&str]) -> Ran {
    let pd = cluster.pd_url();
    let all: Vec<&str> = ["nodes"].iter().chain(args).copied().chain(["--pd", &pd]).collect();
    tisync(&all)
}

fn ghost_entry(cluster: &Cluster) -> Result<(), Failed> {
    let value = format!(
        r#"{{"nodeId":"ghost:8249","host":"127.0.0.1:{}","state":"paused","isAlive":false,"score":3,"label":{{"labels":{{"a":"b"}}}},"maxCommitTS":5,"updateTS":262144000}}"#,
        free_port()?
    );
    cluster.set_key(&format!("{DRAINERS}ghost:8249"), Some(&value));
    Ok(())
}

fn listed() -> Result<(), Failed> {
    let cluster = cluster(7_500_000_000_000_000_001, 3, 3)?;
    cluster.set_pump_state(2, "offline")?;
    cluster.stop_pump(1)?;
    ghost_entry(&cluster)?;
    cluster.set_key(&format!("{DRAINERS}broken"), Some(""));
    let text = nodes(&cluster, &["list"]).expect(0);
    let lines: Vec<&str> = text.stdout.lines().collect();
    assert_eq!(lines.len(), 4, "{}", text.stdout);
    assert!(lines[1].starts_with("pump     pump-1      online  alive"), "{}", text.stdout);
    assert!(lines[3].starts_with("drainer  ghost:8249  paused  stopped"), "{}", text.stdout);
    for word in ["drainers/broken in etcd is empty", "drainer ghost:8249", "set-state ghost:8249 offline"] {
        assert!(text.stderr.contains(word), "`{word}` is missing in:\n{}", text.stderr);
    }
    let json: Value = serde_json::from_str(&nodes(&cluster, &["list", "--all", "--output", "json"]).expect(0).stdout)?;
    assert_eq!((&json["version"], json["nodes"].as_array().map(Vec::len)), (&1.into(), Some(4)));
    let third = &json["nodes"][2];
    assert_eq!(
        (&third["id"], &third["state"], &third["life"]),
        (&"pump-3".into(), &"offline".into(), &"stopped".into())
    );
    assert!(third["max_commit_ts"].as_str().is_some_and(|ts| ts.parse::<u64>().is_ok()), "{third}");
    assert_eq!(json["notes"].as_array().map(Vec::len), Some(1), "{json}");
    let csv = nodes(&cluster, &["list", "--output", "csv"]).expect(0).stdout;
    assert!(csv.starts_with("kind,id,state,life,address,max_commit_ts,") && csv.lines().count() == 4, "{csv}");
    // The same by a file's name for the cluster.
    let dir = tempfile::tempdir()?;
    let (ours, theirs) = (dir.path().join("tisync.toml"), dir.path().join("drainer.toml"));
    let pd = cluster.pd_url().replace("pd://", "");
    std::fs::write(&ours, format!("[cluster.a]\npd = [\"{pd}\"]\n[cluster.b]\npd = [\"127.0.0.1:1\"]\n"))?;
    std::fs::write(&theirs, format!("pd-urls = \"http://{pd}\"\n"))?;
    let (ours, theirs) = (ours.display().to_string(), theirs.display().to_string());
    for file in [&["--config", &ours, "--cluster", "a"][..], &["--config", &theirs]] {
        let ran = tisync(&[&["nodes", "list"], file].concat()).expect(0);
        assert_eq!(ran.stdout.lines().count(), 4, "{}", ran.stdout);
    }
    assert!(tisync(&["nodes", "list", "--config", &ours]).expect(2).stderr.contains("--cluster"));
    assert!(tisync(&["nodes", "list"]).expect(2).stderr.contains("--pd"));
    Ok(())
}

/// The HTTP status is 200 whatever the node says: binlogctl takes that for done.
fn refused() -> Result<(), Failed> {
    let cluster = cluster(7_500_000_000_000_000_002, 2, 2)?;
    cluster.set_pump_state(0, "paused")?;
    let ran = nodes(&cluster, &["pause", "pump-1"]).expect(1);
    for word in ["pump pump-1 refuses to pause", "(code 3)", "its entry says paused"] {
        assert!(ran.stderr.contains(word), "`{word}` is missing in:\n{}", ran.stderr);
    }
    assert_eq!(ran.stdout, "");
    let ran = nodes(&cluster, &["pause", "pump-2", "--wait", "20s"]).expect(0);
    assert_eq!(ran.stdout, "pump pump-2: apply action pause success!; it is paused\n");
    assert_eq!(cluster.pump_state(1)?, "paused");
    ghost_entry(&cluster)?;
    let ran = nodes(&cluster, &["offline", "ghost:8249"]).expect(3);
    assert!(ran.stderr.contains("cannot ask drainer ghost:8249") && ran.stderr.contains("set-state"), "{}", ran.stderr);
    // Something answers that is no node.
    cluster.register_pump(0, Some(&cluster.status_address()))?;
    assert!(nodes(&cluster, &["pause", "pump-1"]).expect(1).stderr.contains("HTTP status 404"));
    let ran = nodes(&cluster, &["pause", "pump-9"]).expect(2);
    assert!(ran.stderr.contains("unknown node id pump-9") && ran.stderr.contains("pump-1"), "{}", ran.stderr);
    cluster.set_key(&format!("{DRAINERS}pump-1"), Some(r#"{"host":"127.0.0.1:1","state":"paused"}"#));
    assert!(nodes(&cluster, &["pause", "pump-1"]).expect(2).stderr.contains("--kind"));
    Ok(())
}

fn ghost() -> Result<(), Failed> {
    let cluster = cluster(7_500_000_000_000_000_003, 2, 2)?;
    ghost_entry(&cluster)?;
    let ran = nodes(&cluster, &["offline", "pump-2", "--wait", "1500ms"]).expect(124);
    assert!(
        ran.stderr.contains("closing")
            && ran.stderr.contains("these drainers to receive everything it holds: ghost:8249"),
        "{}",
        ran.stderr
    );
    let listed = nodes(&cluster, &["list"]).expect(0);
    assert!(listed.stderr.contains("pump pump-2 cannot go offline until drainer ghost:8249"), "{}", listed.stderr);
    // Nobody is there to answer, so nothing is written.
    let ran = nodes(&cluster, &["set-state", "ghost:8249", "offline"]).expect(2);
    assert!(ran.stderr.contains("--yes"), "{}", ran.stderr);
    let ran = nodes(&cluster, &["set-state", "ghost:8249", "offline", "--yes"]).expect(0);
    assert_eq!(ran.stdout, "drainer ghost:8249: paused -> offline\n");
    let (_, after) = entry(&cluster).ok_or("no entry")?;
    // The rest of the entry is as it was.
    assert!(after["state"] == "offline" && after["score"] == 3 && after["label"]["labels"]["a"] == "b", "{after}");
    until("the Pump is offline", || cluster.pump_state(1).is_ok_and(|s| s == "offline"));
    // A Pump's entry can be written as well.
    nodes(&cluster, &["set-state", "pump-2", "paused", "--yes"]).expect(0);
    assert_eq!(cluster.pump_state(1)?, "paused");
    Ok(())
}

/// A tisync is a drainer like any other.
fn ours() -> Result<(), Failed> {
    let cluster = cluster(7_500_000_000_000_000_004, 1, 1)?;
    let server = PrivateServer::start()?;
    Bank::start(Arc::clone(&cluster), BankOptions::default())?;
    for (action, state) in [("pause", "paused"), ("offline", "offline")] {
        let mut run = Running::start(&sync(&cluster, &server, &["--node-id", "blue"]));
        run.until("it is online", || entry(&cluster).is_some_and(|(_, e)| e["state"] == "online"));
        let asked = nodes(&cluster, &[action, "blue", "--wait", "30s"]).expect(0);
        assert!(asked.stdout.contains(&format!("it is {state}")), "{}", asked.stdout);
        let ran = run.expect(5);
        assert!(ran.stderr.contains("by `PUT /state/blue/"), "{}", ran.stderr);
        std::thread::sleep(Duration::from_millis(20));
        assert!(entry(&cluster).is_some_and(|(_, e)| e["state"] == state));
    }
    Ok(())
}
