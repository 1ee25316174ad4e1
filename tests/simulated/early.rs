//! ALTERs of several parts, whose parts show before the job is over: the stream comes live, and the history has the job only behind its message.

use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use libtest_mimic::Failed;
use mysql::prelude::Queryable;
use prost::Message;
use tisync::decode;
use tisync::playground::mariadb::PrivateServer;
use tisync::playground::{self, Recording, ReplayOptions};
use tisync::schema::Job;
use tisync::source::binlog::{Binlog, PrewriteValue};

use crate::common::run::Running;
use crate::common::target::{equal, position};
use crate::recorded::{pump, visible};

/// A job is in the history this long after its message.
const LATE: Duration = Duration::from_millis(200);

/// Killed once, somewhere between the first early row and its DDL's message.
pub fn parts_show_before_the_job_is_over(folder: &Path) -> Result<(), Failed> {
    let folder = folder.join("multi-schema-v81");
    let mut recording = Recording::read(&folder)?;
    let stream = recording.streams.pop().ok_or("a stream")?;
    let jobs: Vec<(Job, String)> = recording
        .jobs
        .drain(..)
        .map(|text| Ok((serde_json::from_str(&text)?, text)))
        .collect::<Result<_, serde_json::Error>>()?;
    recording.streams = vec![Vec::new()];
    let mut behaviour = pump(0);
    behaviour.fakes = None;
    let cluster = playground::start(&recording, &ReplayOptions { behaviour, ..ReplayOptions::default() })?;
    for (job, text) in &jobs {
        let announced = stream.iter().any(|m| Binlog::decode(m.clone()).is_ok_and(|b| b.ddl_job_id == Some(job.id)));
        match announced {
            true => cluster.publish_job_after_message(text, LATE)?,
            false => cluster.publish_job(text)?,
        }
    }
    let server = PrivateServer::start()?;
    let start = recording.start_ts.0.to_string();
    let until = recording.end_ts.0.to_string();
    let args = [
        "sync",
        "--from",
        &cluster.pd_url(),
        "--to",
        &server.url(),
        "--start-ts",
        &start,
        "--until-ts",
        &until,
        "--quiet",
    ]
    .map(str::to_owned);
    let mut running = Some(Running::start(&args));
    let (mut shown, mut early, mut kills) = (Vec::new(), 0, 0);
    // Rows inserted so far, and before the first that came early.
    let (mut rows, mut before) = (0, 0);
    for payload in &stream {
        let binlog = Binlog::decode(payload.clone())?;
        let version = binlog.prewrite_value.as_ref().map_or(0, |v| decode::schema_version(v).unwrap_or(0));
        // What a session of this version sees, every server shows.
        for (job, _) in jobs.iter().filter(|(job, _)| job.effective() && job.first_version() <= version) {
            if !shown.contains(&job.id) {
                cluster.show_job(job.id);
                shown.push(job.id);
                before = rows;
            }
        }
        let waits = jobs
            .iter()
            .any(|(job, _)| job.action.number() == 61 && shown.contains(&job.id) && Some(job.id) == binlog.ddl_job_id);
        if waits {
            // Meanwhile its rows arrive, and nothing in the history tells of it: none of them may be applied.
            let table = || server.connect().and_then(|mut c| Ok(c.query_drop("SELECT 1 FROM ms.t")?)).is_ok();
            running.as_mut().ok_or("a run")?.until("the table", table);
            // Time enough to apply them, if it would.
            sleep(if early < 3 { LATE * 5 } else { LATE });
            let there: Option<u64> = server.connect()?.query_first("SELECT COUNT(*) FROM ms.t")?;
            assert!(
                there.is_some_and(|there| there <= before),
                "{there:?} rows, {before} before those of job {:?}",
                binlog.ddl_job_id
            );
        }
        cluster.append(0, payload.clone())?;
        if let (Some(job), Some(run)) = (binlog.ddl_job_id.filter(|id| shown.contains(id)), &mut running) {
            // The next job on the table begins when this one is in the history.
            run.until("its job", || visible(&cluster).contains(&job));
        }
        rows += inserted(&binlog)?;
        early += u64::from(waits);
        if waits && early == 4 {
            // The DDL that rows of its version asked for may have run, and its message may not have been passed.
            let at = u64::try_from(binlog.commit_ts.unwrap_or(0))?;
            if let Some(run) = &mut running {
                run.until("rows before it", || position(&server).is_some_and(|there| there + (1 << 26) > at));
            }
            drop(running.take());
            kills += 1;
            running = Some(Running::start(&args));
        }
    }
    cluster.append_fake(0, cluster.tso())?;
    assert!(early >= 10 && kills == 1, "{early} jobs whose parts were shown before their message");
    running.ok_or("a run")?.expect(0);
    equal(&server, &folder.join("dump"), &["ms"])
}

fn inserted(binlog: &Binlog) -> Result<u64, Failed> {
    let Some(value) = &binlog.prewrite_value else { return Ok(0) };
    Ok(PrewriteValue::decode(value.clone())?.mutations.iter().map(|m| m.inserted_rows.len() as u64).sum())
}
