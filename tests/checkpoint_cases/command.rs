//! `tisync checkpoint`: the real binary against state that links left.

use serde_json::Value;
use tisync::checkpoint::{DrainerTable, Record, Slot, drainer};
use tisync::model::Ddl;
use tisync::playground::cluster::{Cluster, ClusterSpec};
use tisync::playground::mariadb::PrivateServer;
use tisync::sink::mysql::{MysqlOptions, MysqlSink};

use super::*;

pub const CASES: &[(&str, Case)] = &[
    ("checkpoint show says all that the target knows", show),
    ("checkpoint show goes on behind records that are damaged", damaged),
    ("checkpoint show names the process that has a link", holder),
    ("checkpoint set says what it loses or repeats", set),
    ("checkpoint clear makes the next start a first one", clear),
];

/// Exit code, standard output, standard error.
fn tisync(server: &PrivateServer, args: &[&str]) -> (i32, String, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tisync"));
    let command = command.arg("checkpoint").args(args).env("TISYNC_TO", server.url()).env("NO_COLOR", "1");
    let out = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (out.status.code().unwrap(), text(out.stdout), text(out.stderr))
}

fn shown(server: &PrivateServer, link: &str) -> Value {
    let (code, out, err) = tisync(server, &["show", "--output", "json"]);
    assert_eq!(code, 0, "{err}");
    let all: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(all["version"], 1);
    all["links"].as_array().unwrap().iter().find(|l| l["link"] == link).cloned().unwrap_or_default()
}

/// A link with a slot that is ahead of the position, and which nobody runs.
fn left_behind(server: &PrivateServer, cluster: u64, link: &str) {
    let (mut control, link) = started(server, cluster, link, 2);
    link.save_position(&mut control, ts(10)).unwrap();
    let mut worker = session(server);
    let mut slot = Slot::claim(&mut worker, &link, 1).unwrap();
    worker.begin().unwrap();
    slot.write(&mut worker, 1, &Record::List(vec![ts(13), ts(15)]), ts(11)).unwrap();
    worker.commit().unwrap();
    drainer::write(&mut control, &DrainerTable::default(), &link, (ts(11), 47), false).unwrap();
}

fn damaged(server: &PrivateServer) {
    left_behind(server, 77, "broken");
    let damage = "UPDATE tidb_binlog.tisync_slot SET applied = 'x' WHERE link = 'broken' AND slot = 1";
    server.connect().unwrap().query_drop(damage).unwrap();
    let link = shown(server, "broken");
    assert_eq!(link["commit_ts"], ts(11).to_string(), "what can be read is shown");
    assert!(link["damaged"].as_str().unwrap().contains("tisync_slot, slot 1"), "{link}");
    let (code, _, err) = tisync(server, &["clear", "--link", "broken", "--yes"]);
    assert_eq!(code, 4, "{err}");
    let row = "REPLACE INTO tidb_binlog.checkpoint VALUES (77, '{\"consistent\":maybe}')";
    server.connect().unwrap().query_drop(row).unwrap();
    let (code, out, err) = tisync(server, &["show"]);
    assert!(code == 0 && out.contains("checkpoint of cluster 77"), "{out}{err}");
    assert!(out.contains("link `broken`") && out.contains("cannot be read"), "{out}");
}

fn show(server: &PrivateServer) {
    left_behind(server, 61, "shown");
    let link = shown(server, "shown");
    assert_eq!(link["commit_ts"], ts(11).to_string());
    assert_eq!((&link["slots"], &link["transactions_above"], &link["ranges_above"]), (&2.into(), &2.into(), &0.into()));
    assert_eq!((&link["last_above"], &link["running"]), (&ts(15).to_string().into(), &false.into()));
    assert_eq!((&link["drainer_ts"], &link["cluster_id"]), (&ts(11).to_string().into(), &"61".into()));
    server
        .connect()
        .unwrap()
        .query_drop(format!("UPDATE tidb_binlog.tisync_checkpoint SET overtaken_ts = {} WHERE link = 'shown'", ts(20)))
        .unwrap();
    assert_eq!(shown(server, "shown")["overtaken_ts"], ts(20).to_string());
    assert!(tisync(server, &["show"]).1.contains("  overtaken by a Drainer that reached "));
    // A run with a DDL under way.
    let (mut control, link) = started(server, 62, "busy", 1);
    let ddl = Ddl {
        job_id: 61,
        action: tisync::model::ActionType::AddColumn,
        schema: "a".to_owned(),
        table: String::new(),
        query: String::new(),
        before: vec![],
        after: vec![],
        ..Ddl::default()
    };
    link.begin_ddl(&mut control, (ts(4), &ddl), "ALTER ONE", (0, "{}"), &link.ddl_lock()).unwrap();
    let busy = shown(server, "busy");
    assert_eq!((&busy["running"], &busy["pending_ddl"]["query"]), (&true.into(), &"ALTER ONE".into()));
    let (code, text, _) = tisync(server, &["show"]);
    assert_eq!(code, 0);
    for words in [
        "link `shown` of cluster 61: at ",
        "durable above that: 0 ranges and 2 single transactions",
        "link `busy` of cluster 62",
        "DDL started, outcome unknown: job 61",
        "Drainer's checkpoint of cluster 61: at ",
        "not after a clean stop, schema version 47, written by link `shown`",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    // The same from a file, and one link alone.
    let file = std::env::temp_dir().join(format!("tisync-checkpoint-{}.toml", std::process::id()));
    let toml =
        format!("[cluster.b]\nsql = \"{}\"\n[[link]]\nname = \"shown\"\nfrom = \".\"\nto = \"b\"\n", server.url());
    std::fs::write(&file, toml).unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tisync"));
    let out = command.args(["checkpoint", "show", "--link", "shown", "--config"]).arg(&file).output().unwrap();
    let (text, err) = (String::from_utf8(out.stdout).unwrap(), String::from_utf8(out.stderr).unwrap());
    assert!(text.contains("link `shown`") && !text.contains("link `busy` of"), "{text}{err}");
    std::fs::remove_file(file).unwrap();
    let (code, csv, _) = tisync(server, &["show", "--output", "csv"]);
    assert!(code == 0 && csv.starts_with("version,cluster_id,link,run,running,commit_ts,time\n"), "{csv}");
}

/// Who has a link, while a run lives, and after it.
fn holder(server: &PrivateServer) {
    let options = MysqlOptions { start: Some(ts(0)), ..MysqlOptions::new(65, "run") };
    let sink = MysqlSink::open(&server.url(), options, tisync::event::silent()).unwrap();
    let link = shown(server, "run");
    let (holder, pid) = (&link["holder"], std::process::id());
    assert_eq!((&holder["pid"], &holder["account"], &holder["lives"]), (&pid.into(), &"root".into(), &true.into()));
    assert_eq!((&link["running"], &holder["tisync"]), (&true.into(), &env!("CARGO_PKG_VERSION").into()));
    assert!(holder["silent_seconds"].as_u64().unwrap() <= 5, "{holder}");
    let connection: u64 = holder["connection"].as_str().unwrap().parse().unwrap();
    let there = format!("SELECT CAST(COUNT(*) AS CHAR) FROM information_schema.processlist WHERE id = {connection}");
    assert_eq!(one(&mut server.connect().unwrap(), &there), "1");
    let (_, text, _) = tisync(server, &["show"]);
    assert!(text.contains(&format!("\n  run by pid {pid} on ")) && text.contains("heard from "), "{text}");
    let (code, _, err) = tisync(server, &["clear", "--link", "run", "--yes"]);
    assert!(code == 4 && err.contains(&format!("run 1 (pid {pid} on ")), "{err}");
    drop(sink);
    let link = shown(server, "run");
    assert_eq!((&link["running"], &link["holder"]["lives"]), (&false.into(), &false.into()));
    assert_eq!(link["holder"]["pid"], pid);
    let (_, text, _) = tisync(server, &["show"]);
    assert!(text.contains(&format!("\n  last run by pid {pid} on ")) && text.contains("which has ended"), "{text}");
}

fn set(server: &PrivateServer) {
    left_behind(server, 63, "moved");
    let at = |n: u64| ts(n).to_string();
    let (code, out, err) = tisync(server, &["set", "--link", "moved", &at(5)]);
    assert!(code == 4 && out.is_empty(), "{err}");
    assert!(
        err.contains("will be applied again: rows in safe mode up to") && err.contains("hint: add --yes to go ahead"),
        "{err}"
    );
    let (code, _, err) = tisync(server, &["set", "--link", "moved", &at(20)]);
    assert!(code == 4 && err.contains("will never be applied, and are lost"), "{err}");
    assert_eq!(shown(server, "moved")["commit_ts"], at(11));
    // Forward, what is known to be durable above stays known; back, it comes again, in safe mode.
    assert_eq!(tisync(server, &["set", "--link", "moved", &at(13), "--yes"]).0, 0);
    let link = shown(server, "moved");
    assert_eq!((&link["commit_ts"], &link["transactions_above"]), (&at(13).into(), &1.into()));
    let (code, out, err) = tisync(server, &["set", "--link", "moved", &at(5), "--yes"]);
    assert!(code == 0 && out.starts_with("link `moved` of cluster 63 is at ") && err.starts_with("warning: "), "{err}");
    let link = shown(server, "moved");
    assert_eq!((&link["commit_ts"], &link["transactions_above"]), (&at(5).into(), &0.into()));
    assert_eq!(link["safe_until"], at(15));
    let (_s, taken) = taken(server, 63, "moved", 1);
    assert_eq!((taken.position, taken.safe_until), (Some(ts(5)), Some(ts(15))));
    // A run holds it now.
    let (code, _, err) = tisync(server, &["set", "--link", "moved", &at(20), "--yes"]);
    assert!(code == 4 && err.contains("is using link `moved`"), "{err}");
    let (code, _, err) = tisync(server, &["set", "--link", "never", &at(20)]);
    assert!(code == 2 && err.contains("no link `never`"), "{err}");
}

fn clear(server: &PrivateServer) {
    left_behind(server, 64, "cleared");
    let (code, _, err) = tisync(server, &["clear", "--link", "cleared"]);
    assert!(code == 4 && err.contains("there is no record of what the target holds"), "{err}");
    assert_eq!(tisync(server, &["clear", "--link", "cleared", "--yes"]).0, 0);
    assert!(shown(server, "cleared").is_null());
    assert_eq!(taken(server, 64, "cleared", 1).1.position, None);
    assert!(
        !tisync(server, &["show"]).1.contains("Drainer's checkpoint of cluster 64"),
        "it would pass for a Drainer's"
    );
    // Its entry in PD goes as well, where somebody says where PD is; not that of another cluster.
    left_behind(server, 68, "entered");
    let cluster = Cluster::start(ClusterSpec::new(68, 1)).unwrap();
    let key = format!("{}{}", tisync::pd::DRAINERS, tisync::registration::node_id("entered", &server.url(), 68));
    cluster.set_key(&key, Some(r#"{"nodeId":"x","host":"h:1","state":"paused"}"#));
    let other = Cluster::start(ClusterSpec::new(69, 1)).unwrap();
    let clear = |from: &str| tisync(server, &["clear", "--link", "entered", "--yes", "--from", from]);
    let (code, _, err) = clear(&other.pd_url());
    assert!(code == 4 && err.contains("is the PD of cluster 69") && cluster.key(&key).is_some(), "{err}");
    let (code, _, err) = clear(&cluster.pd_url());
    assert!(code == 0 && err.contains("from PD") && cluster.key(&key).is_none(), "{err}");
    left_behind(server, 68, "entered");
    let (code, _, err) = tisync(server, &["clear", "--link", "entered", "--cluster", "68", "--yes"]);
    assert!(code == 0 && err.contains("is still in PD's list of Drainers"), "{err}");
}
