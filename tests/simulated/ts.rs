//! `tisync ts now` and `ts check` against a simulated cluster and a target that has a checkpoint.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use libtest_mimic::Failed;
use tisync::model::CommitTs;
use tisync::playground::bank::{Bank, BankOptions, Limit};
use tisync::playground::cluster::{Cluster, ClusterSpec};
use tisync::playground::mariadb::PrivateServer;

use crate::common::binary::{Ran, tisync};
use crate::common::run::Running;
use crate::common::target::checkpoint;
use crate::sync;

pub fn now_and_check() -> Result<(), Failed> {
    let cluster = Arc::new(Cluster::start(ClusterSpec::new(7_200_000_000_000_000_001, 2))?);
    let pd = cluster.pd_url();
    let before = cluster.tso();
    let now = tisync(&["ts", "now", "--pd", &pd]).expect(0);
    let digits = now.stdout.strip_suffix('\n').ok_or("no line feed")?;
    let now = CommitTs(digits.parse()?);
    assert!(before < now && now < cluster.tso(), "{before} {now}");

    let server = PrivateServer::start()?;
    let to = server.url();
    let check = |ts: u64| tisync(&["ts", "check", &ts.to_string(), "--pd", &pd, "--to", &to]);
    let first = check(now.0).expect(0);
    assert!(first.stdout.contains("no checkpoint: this would be its first start"), "{}", first.stdout);

    let mut bank = Bank::start(Arc::clone(&cluster), BankOptions { rate: None, ..BankOptions::default() })?;
    bank.run(Limit { txns: Some(50), time: None }, &AtomicBool::new(false))?;
    Running::start(&sync(&cluster, &server, &["--until", "caught-up"])).expect(0);
    let at = checkpoint(&server);
    assert!(at > now.0);

    let exact = check(at).expect(0);
    says(&exact, &["exact: the target, by its checkpoint", "behind the cluster's clock", "Pump pump-2"]);
    let overlap = check(now.0).expect(0);
    says(&overlap, &["warn", "an overlap of", &at.to_string(), "applied twice"]);
    let gap = check(at + 1).expect(1);
    says(&gap, &["BAD", "a gap of", &format!("start at {at}")]);
    let ahead = CommitTs::from_millis(cluster.tso().physical_ms() + 3_600_000);
    says(&check(ahead.0).expect(1), &["BAD", "ahead of the cluster's clock"]);
    cluster.set_gc_ts(1, cluster.tso())?;
    let deleted = check(at).expect(1);
    says(&deleted, &["BAD", "Pump pump-2 has deleted everything up to", "new backup"]);
    let json: serde_json::Value = serde_json::from_str(
        &tisync(&["ts", "check", &at.to_string(), "--pd", &pd, "--output", "json"]).expect(1).stdout,
    )?;
    assert_eq!((&json["version"], &json["ts"], &json["verdict"]), (&1.into(), &at.to_string().into(), &"bad".into()));

    cluster.set_pd_running(false)?;
    let away = tisync(&["ts", "now", "--pd", &pd]).expect(3);
    assert!(away.stdout.is_empty() && away.stderr.contains("hint: "), "{}", away.stderr);
    Ok(())
}

fn says(ran: &Ran, words: &[&str]) {
    for word in words {
        assert!(ran.stdout.contains(word), "`{word}` is missing in:\n{}", ran.stdout);
    }
}
