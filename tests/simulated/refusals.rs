//! What must not be started, or not gone on with: each case with its exit code and its words, and a target on which
//! nothing has changed.

use std::sync::{Arc, OnceLock};

use libtest_mimic::{Failed, Trial};
use mysql::prelude::Queryable;
use tisync::playground::bank::{Bank, BankOptions};
use tisync::playground::cluster::{Cluster, ClusterSpec};
use tisync::playground::mariadb::{PrivateServer, free_port};

use crate::common::run::Running;
use crate::sync;

/// One thing that is wrong with a cluster.
struct Case {
    name: &'static str,
    /// Spoils the first cluster; the second is another one, in order.
    spoil: fn(&Cluster, &Cluster) -> anyhow::Result<()>,
    code: i32,
    /// All of them are in what it says.
    words: &'static [&'static str],
}

const CASES: [Case; 10] = [
    Case {
        name: "no_pump_is_registered",
        spoil: |c, _| {
            c.register_pump(0, None)?;
            c.register_pump(1, None)
        },
        code: 4,
        words: &["no Pump is registered", "TiDB 8.4 and later"],
    },
    Case {
        name: "every_pump_is_offline",
        spoil: |c, _| {
            c.set_pump_state(0, "offline")?;
            c.set_pump_state(1, "offline")
        },
        code: 4,
        words: &["every Pump of this cluster is offline"],
    },
    Case {
        name: "binlog_is_off",
        spoil: |c, _| {
            c.set_binlog_status("Off");
            Ok(())
        },
        code: 4,
        words: &["binlog_status Off", "never reach a Pump", "binlog.enable"],
    },
    Case {
        name: "binlog_is_skipping",
        spoil: |c, _| {
            c.set_binlog_status("Skipping");
            Ok(())
        },
        code: 4,
        words: &["binlog_status Skipping", "data is being lost", "new backup"],
    },
    Case {
        name: "a_pump_has_deleted_the_start",
        spoil: |c, _| c.set_gc_ts(1, c.tso()),
        code: 4,
        words: &["Pump pump-2", "has deleted everything older than", "newer backup"],
    },
    Case {
        name: "a_pump_belongs_to_another_cluster",
        spoil: |c, other| c.register_pump(1, Some(&other.pump_address(0)?)),
        code: 4,
        words: &["Pump pump-2 belongs to another cluster", "check its address"],
    },
    Case {
        name: "a_pump_cannot_be_reached",
        spoil: |c, _| c.register_pump(1, Some(&format!("127.0.0.1:{}", free_port()?))),
        code: 3,
        words: &["Pump pump-2", "refused", "check the address"],
    },
    Case {
        name: "pd_cannot_be_reached",
        spoil: |c, _| c.set_pd_running(false),
        code: 3,
        words: &["PD", "127.0.0.1", "refused"],
    },
    Case {
        name: "the_status_port_is_down",
        spoil: |c, _| c.set_tidb_running(false),
        code: 3,
        words: &["TiDB's status port", "127.0.0.1", "--schema-from"],
    },
    Case {
        name: "no_tidb_is_registered",
        spoil: |c, _| {
            c.set_tidb_listed(false);
            Ok(())
        },
        code: 3,
        words: &["TiDB's status port", "no address is known", "--schema-from"],
    },
];

/// One server for all, as none of them may change it; it ends with the last trial.
type Shared = Arc<OnceLock<PrivateServer>>;

pub fn trials() -> Vec<Trial> {
    let shared = Shared::default();
    let mut trials = Vec::new();
    for (case, id) in CASES.into_iter().zip(7_100_000_000_000_000_000_u64..) {
        let shared = Arc::clone(&shared);
        trials.push(Trial::test(format!("refused_when_{}", case.name), move || refused(&case, server(&shared)?, id)));
    }
    trials.push(Trial::test("a_paused_pump_that_is_away_is_named", move || paused(server(&shared)?)));
    trials
}

fn server(shared: &Shared) -> Result<&PrivateServer, Failed> {
    if let Some(server) = shared.get() {
        return Ok(server);
    }
    let started = PrivateServer::start()?;
    Ok(shared.get_or_init(|| started))
}

/// A cluster with something to replicate on each of two Pumps.
fn cluster(id: u64) -> Result<Arc<Cluster>, Failed> {
    let cluster = Arc::new(Cluster::start(ClusterSpec::new(id, 2))?);
    Bank::start(Arc::clone(&cluster), BankOptions::default())?;
    Ok(cluster)
}

fn refused(case: &Case, server: &PrivateServer, id: u64) -> Result<(), Failed> {
    let (cluster, other) = (cluster(id)?, cluster(id + 1_000)?);
    (case.spoil)(&cluster, &other)?;
    let ran = Running::start(&sync(&cluster, server, &["--until", "caught-up"])).expect(case.code);
    for word in case.words {
        assert!(ran.stderr.contains(word), "`{word}` is missing in:\n{}", ran.stderr);
    }
    assert!(ran.stderr.starts_with("error: ") && ran.stderr.contains("hint: "), "{}", ran.stderr);
    assert!(ran.stderr.lines().count() < 20, "more than a screen:\n{}", ran.stderr);
    assert_eq!(ran.stdout, "");
    untouched(server, id)
}

/// No database of the stream is there, and no link of the cluster has a position.
fn untouched(server: &PrivateServer, id: u64) -> Result<(), Failed> {
    let mut conn = server.connect()?;
    let databases: Vec<String> = conn.query("SHOW DATABASES")?;
    assert!(!databases.iter().any(|d| d == "bank"), "{databases:?}");
    if databases.iter().any(|d| d == "tidb_binlog") {
        let links = "SELECT COALESCE(MAX(commit_ts), 0) FROM tidb_binlog.tisync_checkpoint WHERE cluster_id = ?";
        assert_eq!(conn.exec_first::<u64, _, _>(links, (id,))?, Some(0), "a start that was refused is no start");
    }
    Ok(())
}

/// A Pump that is paused may be down, and may hold what no other has: everything waits for it, and says so.
fn paused(server: &PrivateServer) -> Result<(), Failed> {
    let id = 7_100_000_000_000_000_500;
    let cluster = cluster(id)?;
    cluster.stop_pump(1)?;
    cluster.set_pump_state(1, "paused")?;
    let run = Running::start(&sync(&cluster, server, &["--until", "caught-up"]));
    std::thread::sleep(std::time::Duration::from_secs(2));
    run.interrupt();
    let ran = run.expect(5);
    for word in ["Pump pump-2 is paused and does not answer", "everything waits for it"] {
        assert!(ran.stderr.contains(word), "`{word}` is missing in:\n{}", ran.stderr);
    }
    let mut conn = server.connect()?;
    assert!(!conn.query::<String, _>("SHOW DATABASES")?.iter().any(|d| d == "bank"), "it went on without the Pump");
    Ok(())
}
