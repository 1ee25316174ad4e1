//! From Drainer to tisync, and what Drainer finds when it comes back: the real binary, Drainer's row as Drainer writes it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use libtest_mimic::Failed;
use mysql::prelude::Queryable;
use tisync::playground::bank::{Bank, BankOptions, Limit};
use tisync::playground::cluster::Cluster;
use tisync::playground::mariadb::PrivateServer;
use tisync::playground::{self, Recording, ReplayOptions};

use crate::bank::{equal as equal_to_bank, two_pumps};
use crate::common::binary::Ran;
use crate::common::recordings;
use crate::common::run::Running;
use crate::common::target::{checkpoint, equal};
use crate::recorded::{DATABASES, pump};
use crate::{everything, sync};

/// What Drainer knows, and nothing of tisync.
fn left_by_drainer(server: &PrivateServer, cluster: &Cluster, ts: u64, consistent: bool) -> Result<(), Failed> {
    let mut conn = server.connect()?;
    for table in ["tisync_checkpoint", "tisync_slot", "tisync_skipped", "checkpoint"] {
        conn.query_drop(format!("drop table if exists tidb_binlog.{table}"))?;
    }
    conn.query_drop(
        "create table tidb_binlog.checkpoint(clusterID bigint unsigned primary key, checkPoint MEDIUMTEXT)",
    )?;
    let json = format!(r#"{{"consistent":{consistent},"commitTS":{ts},"ts-map":{{}},"schema-version":47}}"#);
    let id = cluster.cluster_id();
    conn.query_drop(format!("replace into tidb_binlog.checkpoint values({id}, '{json}')"))?;
    Ok(())
}

/// `sync` that knows no start ts.
fn take_over(args: Vec<String>, more: &[&str]) -> Running {
    let start = args.iter().position(|a| a == "--start-ts").expect("it has one");
    let rest = args[..start].iter().chain(&args[start + 2..]).filter(|a| *a != "--quiet");
    Running::start(&rest.cloned().chain(more.iter().map(|m| (*m).to_owned())).collect::<Vec<_>>())
}

/// Drainer's row, byte for byte: what a Drainer of today writes at the end of a clean stop
/// (docs/protocol/tidb-binlog.md §8.1).
fn left_for_drainer(server: &PrivateServer, cluster: &Cluster) -> Result<(), Failed> {
    let mut conn = server.connect()?;
    let text: Option<String> = conn.query_first(format!(
        "select checkPoint from tidb_binlog.checkpoint where clusterID = {}",
        cluster.cluster_id()
    ))?;
    let text = text.ok_or("no row")?;
    let version: i64 =
        conn.query_first("select json_value(checkPoint, '$.\"schema-version\"') from tidb_binlog.checkpoint")?.unwrap();
    let ts = checkpoint(server);
    assert_eq!(text, format!(r#"{{"consistent":true,"commitTS":{ts},"ts-map":{{}},"schema-version":{version}}}"#));
    assert!(version > 0);
    Ok(())
}

fn caught_up(cluster: &Cluster, server: &PrivateServer, more: &[&str]) -> Ran {
    take_over(sync(cluster, server, &["--until", "caught-up"]), more).expect(0)
}

/// A clean checkpoint of Drainer's, then one that lags what it applied; between them the row that tisync left.
pub fn drainers_checkpoint_is_taken_over_and_left() -> Result<(), Failed> {
    let cluster = two_pumps(7_300_000_000_000_000_003)?;
    let options = BankOptions { rate: None, ddl_every: None, show_every: None, seed: 3, ..BankOptions::default() };
    let mut bank = Bank::start(Arc::clone(&cluster), options)?;
    let mut work = |txns| -> Result<u64, Failed> {
        bank.run(Limit { txns: Some(txns), time: None }, &AtomicBool::new(false))?;
        Ok(cluster.tso().0)
    };
    let cuts = [work(400)?, work(400)?, work(400)?, work(400)?];
    let server = PrivateServer::start()?;
    let until = |ts: u64| Running::start(&sync(&cluster, &server, &["--until-ts", &ts.to_string()])).expect(0);
    until(cuts[0]);
    left_by_drainer(&server, &cluster, cuts[0], true)?;
    // Nothing is repeated and nothing missed: either would be an error, or show in the comparison.
    let ran = take_over(sync(&cluster, &server, &["--until-ts", &cuts[1].to_string()]), &[]).expect(0);
    assert!(
        ran.stderr.contains("taking over from Drainer") && ran.stderr.contains("the start is exact"),
        "{}",
        ran.stderr
    );
    left_for_drainer(&server, &cluster)?;
    // A Drainer that was killed: its checkpoint lags by 400 transactions.
    until(cuts[2]);
    left_by_drainer(&server, &cluster, cuts[1], false)?;
    let ran = take_over(sync(&cluster, &server, &["--until", "caught-up"]), &[]).expect(4);
    assert!(ran.stderr.contains("`bank`.`log`") && ran.stderr.contains("--allow-repeats"), "{}", ran.stderr);
    let ran = caught_up(&cluster, &server, &["--allow-repeats"]);
    assert!(ran.stderr.contains("it was not stopped cleanly"), "{}", ran.stderr);
    left_for_drainer(&server, &cluster)?;
    assert!(equal_to_bank(&server, &bank)? > 1_000);
    Ok(())
}

/// A recorded stream, cut in its middle.
pub fn in_a_recording(folder: &Path) -> Result<(), Failed> {
    let folder = folder.join("everything");
    let cluster = playground::start(
        &Recording::read(&folder)?,
        &ReplayOptions { behaviour: pump(0), ..ReplayOptions::default() },
    )?;
    let server = PrivateServer::start()?;
    let all = recordings::commit_tss(&folder, true);
    let cut = all[all.len() / 2];
    let args = everything(&cluster, &server, &folder);
    let first: Vec<String> = args.iter().map(|a| if a == "caught-up" { cut.to_string() } else { a.clone() }).collect();
    Running::start(&first).expect(0);
    let mut conn = server.connect()?;
    // What was skipped by then would be Drainer's to skip; the books about it are ours.
    for table in ["tisync_checkpoint", "tisync_slot"] {
        conn.query_drop(format!("drop table tidb_binlog.{table}"))?;
    }
    let ran = take_over(args, &[]).expect(0);
    assert!(
        ran.stderr.contains("taking over from Drainer") && ran.stderr.contains("the start is exact"),
        "{}",
        ran.stderr
    );
    left_for_drainer(&server, &cluster)?;
    equal(&server, &folder.join("dump"), &DATABASES)
}
