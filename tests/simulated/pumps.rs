//! Streams of several Pumps: one slow, one killed on the way and back later.

use std::path::Path;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use tisync::event::silent;
use tisync::merge::{Merge, Merged};
use tisync::model::{CommitTs, RawTxn};
use tisync::playground::cluster::Cluster;
use tisync::playground::mariadb::PrivateServer;
use tisync::playground::{self, Recording, ReplayOptions, Spread};
use tisync::schema::FileHistory;
use tisync::source::{self, Options, Source};

use crate::common::recordings;
use crate::common::run::Running;
use crate::common::target::{checkpoint, equal, position};
use crate::recorded::pump;
use crate::{everything, sync};

const SLOW: usize = 0;
const KILLED: usize = 1;

/// Three Pumps that share the stream, one of them slow, and one that is not done yet when it is killed.
fn three(recording: &Recording, spread: Spread) -> Result<Cluster, Failed> {
    let job_delay = Some(Duration::from_millis(100));
    let options = ReplayOptions { pumps: 3, spread, behaviour: pump(1), job_delay, ..ReplayOptions::default() };
    let cluster = playground::start(recording, &options)?;
    cluster.slow_pump(SLOW, Duration::from_millis(5))?;
    cluster.slow_pump(KILLED, Duration::from_millis(4))?;
    Ok(cluster)
}

pub fn three_pumps_equal_the_dump(folder: &Path) -> Result<(), Failed> {
    let folder = folder.join("everything");
    let cluster = three(&Recording::read(&folder)?, Spread::Hash)?;
    // Long enough to be stopped on its way, also on a busy machine.
    cluster.slow_pump(KILLED, Duration::from_millis(12))?;
    let server = PrivateServer::start()?;
    let all = recordings::commit_tss(&folder, true);
    let mut run = Running::start(&everything(&cluster, &server, &folder));
    run.until("a third of the way", || position(&server).is_some_and(|ts| ts >= all[all.len() / 3]));
    cluster.stop_pump(KILLED)?;
    let held = held_back(&mut run, &server);
    assert!(all.iter().any(|ts| *ts > held), "rows are still to come");
    println!("one Pump away: everything waits at {held}");
    cluster.restart_pump(KILLED)?;
    run.expect(0);
    assert!(checkpoint(&server) > held);
    equal(&server, &folder.join("dump"), &["kinds", "evolve", "bank"])
}

/// Where the target stands still.
fn held_back(run: &mut Running, server: &PrivateServer) -> u64 {
    let (mut at, mut since) = (checkpoint(server), Instant::now());
    run.until("the others wait for the Pump that is away", || {
        let now = checkpoint(server);
        if now != at {
            (at, since) = (now, Instant::now());
        }
        since.elapsed() > Duration::from_millis(800)
    });
    at
}

/// Without a target: what three Pumps give, merged, is transaction for transaction what the folder holds.
pub fn three_pumps_emit_the_same_list(folder: &Path) -> Result<(), Failed> {
    let folder = folder.join("everything");
    let recording = Recording::read(&folder)?;
    let from = CommitTs(1);
    let file = folder.join("ddl_history.json");
    let mut options = Options::new(Arc::new(move |_| Ok(Arc::new(FileHistory::open(&file)?))));
    options.pump.timing.retry = Duration::from_millis(50);
    let mut plain = source::open(&folder.display().to_string(), &options, &silent())?;
    let wanted = emitted(plain.as_mut(), from, recording.end_ts, |_| Ok(()))?;
    assert_eq!(wanted.len(), recordings::messages(&folder).iter().filter(|b| b.tp == Some(1)).count());
    for spread in [Spread::Turns, Spread::Hash] {
        let cluster = three(&recording, spread)?;
        let mut over_wire = source::open(&cluster.pd_url(), &options, &silent())?;
        let (kill, back) = (wanted.len() / 3, wanted.len() / 2);
        let got = emitted(over_wire.as_mut(), from, recording.end_ts, |n| {
            match n {
                n if n == kill => cluster.stop_pump(KILLED)?,
                // Its messages run out before that: what it had sent waits in the stream.
                n if n == kill + 1 => {
                    sleep(Duration::from_millis(300));
                    cluster.restart_pump(KILLED)?;
                }
                n if n == back => {
                    cluster.stop_pump(KILLED)?;
                    cluster.restart_pump(KILLED)?;
                }
                _ => {}
            }
            Ok(())
        })?;
        let list = |txns: &[RawTxn]| txns.iter().map(|t| t.commit_ts.0).collect::<Vec<_>>();
        assert_eq!(list(&got), list(&wanted), "{spread:?}");
        assert!(got == wanted, "the same list, but other transactions: {spread:?}");
        println!("{} transactions from three Pumps ({spread:?}), all as recorded", got.len());
    }
    Ok(())
}

/// Every transaction behind `from` up to `end`; `between` is told how many there are so far.
fn emitted(
    source: &mut dyn Source,
    from: CommitTs,
    end: CommitTs,
    between: impl Fn(usize) -> anyhow::Result<()>,
) -> Result<Vec<RawTxn>, Failed> {
    let mut merge = Merge::new(source.streams(from)?, from);
    let mut all: Vec<RawTxn> = Vec::new();
    while merge.position() < end {
        match merge.next(Duration::from_secs(20))? {
            Merged::Txn(txn) => {
                assert!(all.last().is_none_or(|last| last.commit_ts < txn.commit_ts), "commit ts only rise");
                all.push(txn);
                between(all.len())?;
            }
            Merged::Resolved(_) => {}
            Merged::Idle => return Err(format!("silence behind {}", merge.position().explain()).into()),
            Merged::End => break,
        }
    }
    Ok(all)
}

/// The streams of two real Pumps, each on a Pump of its own again.
pub fn a_recorded_pair(folder: &Path) -> Result<(), Failed> {
    let folder = folder.join("two-pumps");
    let recording = Recording::read(&folder)?;
    let options = ReplayOptions { behaviour: pump(0), ..ReplayOptions::default() };
    let cluster = playground::start(&recording, &options)?;
    assert_eq!(cluster.pump_count(), 2);
    let server = PrivateServer::start()?;
    let start = recording.start_ts.to_string();
    // The cluster had other databases before the recording began; the target has not.
    let mut args = sync(&cluster, &server, &["--until", "caught-up", "--allow-missing"]);
    let at = args.iter().position(|a| a == "1").ok_or("no start ts")?;
    args[at] = start;
    Running::start(&args).expect(0);
    equal(&server, &folder.join("dump"), &["bank"])
}
