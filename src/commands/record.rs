//! `tisync record`: saves a live stream to a folder.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use parking_lot::Mutex;

use crate::cli::RecordArgs;
use crate::config;
use crate::error::{Fault, Kind};
use crate::event::{Event, Events};
use crate::merge::{Merge, Merged};
use crate::model::{Body, CommitTs, Pulled};
use crate::moment::Until;
use crate::output::Progress;
use crate::pd::Security;
use crate::pipeline::End;
use crate::schema::{HttpHistory, sets_value};
use crate::source::recording::DDL_HISTORY;
use crate::source::recording::recorder::{Layout, Recorder};
use crate::source::{self, Origin, Source};
use crate::stop::Stop;

/// How long the loop waits for the next message before it checks for signals again.
const PATIENCE: Duration = Duration::from_millis(100);
/// Pause before the history is asked again for a job that it does not have yet.
const JOB_PAUSE: Duration = Duration::from_millis(200);
/// How long a wait for a job may last before it is reported.
const PATIENT_UNTIL: Duration = Duration::from_secs(10);
/// Interval between two reports of the progress.
const TELL_EVERY: Duration = Duration::from_secs(60);
/// By then the history has any job that committed just before the start, and sends no message.
const LATE_JOBS: Duration = Duration::from_secs(60);

/// Records until the end of the range, or until a signal.
pub fn run(args: &RecordArgs) -> Result<()> {
    let stop = Stop::on_signals()?;
    let progress = Progress::start(&[], args.quiet);
    let (end, position) = record(args, &stop, &progress.events(Some(0)))?;
    match end {
        End::Finished => Ok(()),
        End::Stopped => {
            let text = format!("stopped cleanly; everything up to {} is recorded", position.explain());
            Err(Fault::new(Kind::Interrupted, text).hint("run the same command to resume").into())
        }
    }
}

fn record(args: &RecordArgs, stop: &Stop, events: &Events) -> Result<(End, CommitTs)> {
    if !source::is_cluster(&args.from) {
        let fault = Fault::usage("only a live cluster can be recorded");
        return Err(fault.hint("give its PD: --from pd://10.0.0.1:2379").into());
    }
    let (mut source, history) = open(args, events)?;
    let given = args.start_ts;
    let start = match given {
        Some(ts) => ts,
        None => source.now()?,
    };
    let layout = Layout { compress: args.compress, part_bytes: args.part_size.0 as u64 };
    let mut recorder = Recorder::open(&args.dir, source.cluster_id(), start, layout)?;
    let from = recorder.position();
    continues(given, from, &args.dir, events)?;
    let until = match args.until {
        Some(Until::CaughtUp) => Some(source.now()?),
        Some(Until::Ts(ts)) => Some(ts),
        None => None,
    };
    // Before the stream: then it has the definitions as of the start.
    let mut jobs =
        Jobs { history, path: args.dir.join(DDL_HISTORY), wanted: BTreeSet::new(), late: true, opened: Instant::now() };
    jobs.save()?;
    if until.is_some_and(|until| from >= until) {
        return Ok((End::Finished, from));
    }
    let mut merge = Merge::new(source.streams(from)?, from);
    let ended = follow(&mut merge, &mut recorder, &mut jobs, (until, stop, events));
    // Recorded data is kept, however the run ended.
    let kept = jobs.complete(stop, events).and_then(|()| jobs.save()).and_then(|()| recorder.sync());
    let end = ended?;
    kept?;
    events(Event::Note(format!("recorded up to {}", recorder.position().explain())));
    Ok((end, recorder.position()))
}

fn open(args: &RecordArgs, events: &Events) -> Result<(Box<dyn Source>, Arc<HttpHistory>)> {
    let security = config::security(&args.security);
    let (schema_from, tls) = (args.schema_from.clone(), security.clone());
    let made: Arc<Mutex<Option<Arc<HttpHistory>>>> = Arc::default();
    let keep = Arc::clone(&made);
    let history = move |origin: &Origin<'_>| -> Result<Arc<dyn crate::schema::History>> {
        let history = Arc::new(HttpHistory::secured(addresses(origin, schema_from.as_deref(), &tls)?, tls.clone()));
        *keep.lock() = Some(Arc::clone(&history));
        Ok(history)
    };
    let options = source::Options { security, ..source::Options::new(Arc::new(history)) };
    let source = source::open(&args.from, &options, events)?;
    let history = made.lock().take();
    Ok((source, history.context("the source has no history")?))
}

fn addresses(origin: &Origin<'_>, schema_from: Option<&str>, security: &Security) -> Result<Vec<String>> {
    match (schema_from, origin) {
        (Some(address), _) => Ok(vec![address.to_owned()]),
        (None, Origin::Cluster(pd)) => {
            Ok(pd.tidb_servers()?.iter().map(|server| server.status_url(security)).collect())
        }
        (None, Origin::Recording(_)) => Ok(vec![]),
    }
}

/// Prints where the recording continues, and makes sure that there is no gap.
fn continues(given: Option<CommitTs>, from: CommitTs, dir: &Path, events: &Events) -> Result<()> {
    match given {
        Some(given) if given > from => Err(Fault::refused(format!(
            "--start-ts {} is after the end of the recording in {}, {}: the changes between would be missing",
            given.explain(),
            dir.display(),
            from.explain()
        ))
        .hint("leave out --start-ts to continue, or give an empty folder")
        .into()),
        _ => {
            events(Event::Note(format!("recording into {}, starting after {}", dir.display(), from.explain())));
            Ok(())
        }
    }
}

fn follow(
    merge: &mut Merge,
    recorder: &mut Recorder,
    jobs: &mut Jobs,
    (until, stop, events): (Option<CommitTs>, &Stop, &Events),
) -> Result<End> {
    let mut told = Instant::now();
    while !stop.requested() {
        match merge.next(PATIENCE)? {
            Merged::Txn(txn) if until.is_some_and(|until| txn.commit_ts > until) => {}
            Merged::Txn(txn) => {
                jobs.note(&txn.body);
                recorder.take(&Pulled::Txn(txn))?;
            }
            Merged::Resolved(ts) => recorder.take(&Pulled::Resolved(until.map_or(ts, |until| until.min(ts))))?,
            Merged::Idle => {}
            Merged::End => return Ok(End::Finished),
        }
        if until.is_some_and(|until| merge.position() >= until) {
            // Nothing lies between the last message and `until`.
            recorder.take(&Pulled::Resolved(until.unwrap_or_default()))?;
            return Ok(End::Finished);
        }
        if recorder.is_due() {
            jobs.complete(stop, events)?;
            recorder.sync()?;
            if told.elapsed() > TELL_EVERY {
                told = Instant::now();
                events(Event::Note(format!("recorded up to {}", recorder.position().explain())));
            }
        }
    }
    Ok(End::Stopped)
}

/// The DDL jobs beside the messages.
struct Jobs {
    history: Arc<HttpHistory>,
    path: std::path::PathBuf,
    /// Jobs whose messages were recorded since the history was last saved.
    wanted: BTreeSet<i64>,
    /// Whether a job from before the start may still be missing.
    late: bool,
    opened: Instant,
}

impl Jobs {
    fn note(&mut self, body: &Body) {
        // The first notice of a DROP COLUMN comes long before its job ends; setval has no job.
        if let Body::Ddl { job_id, query, schema_state } = body
            && *schema_state != 1
            && !sets_value(query)
        {
            self.wanted.insert(*job_id);
        }
    }

    /// Makes sure that the file has every job whose message was recorded. A job enters the history
    /// a little after its message.
    fn complete(&mut self, stop: &Stop, events: &Events) -> Result<()> {
        let begin = Instant::now();
        let mut told = false;
        while !self.wanted.is_empty() || (self.late && self.opened.elapsed() > LATE_JOBS) {
            let failed = self.save().err();
            let Some(job) = self.wanted.first() else { return failed.map_or(Ok(()), Err) };
            let why = failed.map_or_else(|| "it is not there yet".to_owned(), |e| format!("{e:#}"));
            let text = format!("DDL job {job} is needed from TiDB's history: {why}");
            if begin.elapsed() > LATE_JOBS && stop.requested() {
                return Err(Fault::new(Kind::Interrupted, text).hint("run the same command again").into());
            }
            if begin.elapsed() > PATIENT_UNTIL && !told {
                told = true;
                events(Event::Warning(format!("{text}; asking again until it is")));
            }
            std::thread::sleep(JOB_PAUSE);
        }
        Ok(())
    }

    /// Writes the current history, and syncs it to disk.
    fn save(&mut self) -> Result<()> {
        let jobs = self.history.raw()?;
        self.wanted.retain(|id| !jobs.contains_key(id));
        self.late &= self.opened.elapsed() <= LATE_JOBS;
        let newest_first: Vec<_> = jobs.values().rev().collect();
        let text = serde_json::to_vec(&newest_first)?;
        let part = self.path.with_extension("json.part");
        let written = || {
            let mut file = File::create(&part)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&part, &self.path)
        };
        written().map_err(|e| {
            Fault::connect(format!("cannot write {}: {e}", self.path.display()))
                .hint("free up space, check the folder and its permissions; then run the same command to resume")
                .into()
        })
    }
}
