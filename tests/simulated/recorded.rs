//! A recording served by a simulated cluster with one Pump.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use tisync::playground::cluster::{Behaviour, Cluster};
use tisync::playground::mariadb::PrivateServer;
use tisync::playground::{self, Recording, ReplayOptions};

use crate::common::recordings;
use crate::common::run::Running;
use crate::common::target::{checkpoint, equal, position};
use crate::{everything, wire};

pub const DATABASES: [&str; 3] = ["kinds", "evolve", "bank"];

/// A Pump that waits this long before each message; its fakes come often, so that the end is reached soon.
pub fn pump(delay_ms: u64) -> Behaviour {
    let fakes = Some(Duration::from_millis(200));
    Behaviour { fakes, delay: Duration::from_millis(delay_ms), ..Behaviour::default() }
}

/// Each DDL job appears in the history one to three seconds after its message.
pub fn with_late_jobs(folder: &Path) -> Result<(), Failed> {
    let folder = folder.join("everything");
    let recording = Recording::read(&folder)?;
    let late = Duration::from_millis(1000);
    let options = ReplayOptions { behaviour: pump(0), job_delay: Some(late), ..ReplayOptions::default() };
    let cluster = playground::start(&recording, &options)?;
    let announced: BTreeSet<i64> =
        recordings::messages(&folder).iter().filter_map(|b| b.ddl_job_id).filter(|id| *id > 0).collect();
    for job in &recording.jobs {
        let id = serde_json::from_str::<serde_json::Value>(job)?["id"].as_i64().ok_or("a job without an id")?;
        if announced.contains(&id) {
            cluster.publish_job_after_message(job, late + Duration::from_millis(id.unsigned_abs() % 8 * 285))?;
        }
    }
    let visible = |c: &Cluster| visible(c).intersection(&announced).count();
    assert_eq!(visible(&cluster), 0, "no job is in the history before its message");
    let server = PrivateServer::start()?;
    let begin = Instant::now();
    let ran = Running::start(&everything(&cluster, &server, &folder)).expect(0);
    assert!(ran.stderr.contains("left out"), "rows of the tables that were skipped are listed: {}", ran.stderr);
    println!("{} jobs came late; caught up after {:.1?}", visible(&cluster), begin.elapsed());
    assert!(visible(&cluster) > 100);
    equal(&server, &folder.join("dump"), &DATABASES)
}

/// The ids of the jobs that TiDB's status port shows now.
pub fn visible(cluster: &Cluster) -> BTreeSet<i64> {
    let jobs = wire::json(&cluster.status_address(), "/ddl/history?limit=2048");
    jobs.as_array().into_iter().flatten().filter_map(|j| j["id"].as_i64()).collect()
}

/// Ctrl-C ten times on the way, each time with rows still to come.
pub fn stopped_ten_times(folder: &Path) -> Result<(), Failed> {
    let folder = folder.join("everything");
    let late = Some(Duration::from_millis(50));
    // Slow, and with a long rest behind the last stop: a busy machine sees a position late.
    let options = ReplayOptions { behaviour: pump(5), job_delay: late, ..ReplayOptions::default() };
    let cluster = playground::start(&Recording::read(&folder)?, &options)?;
    let server = PrivateServer::start()?;
    let rows = recordings::commit_tss(&folder, true);
    let args = everything(&cluster, &server, &folder);
    let mut stops: Vec<u64> = Vec::new();
    for n in 1..=10 {
        let before = stops.last().copied().unwrap_or(0);
        let aim = rows[rows.len() * n / 16].max(before + 1);
        let mut run = Running::start(&args);
        run.until("the next stop", || position(&server).is_some_and(|ts| ts >= aim));
        run.interrupt();
        let ran = run.expect(5);
        let at = checkpoint(&server);
        assert!(ran.stderr.contains(&at.to_string()), "the position is said: {}", ran.stderr);
        assert!(at > before, "stop {n} is at {at}, the one before it was at {before}");
        let to_come = rows.iter().filter(|ts| **ts > at).count();
        assert!(to_come > 0, "stop {n} at {at} came too late");
        println!("stop {n:>2} at {at}, {to_come} transactions with rows to come");
        stops.push(at);
    }
    Running::start(&everything(&cluster, &server, &folder)).expect(0);
    equal(&server, &folder.join("dump"), &DATABASES)
}
