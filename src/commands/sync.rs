//! `tisync sync`: one link, from a source to a target.

use std::sync::Arc;

use anyhow::Result;

use crate::cli::SyncArgs;
use crate::config::{Settings, SourceSettings, Until};
use crate::error::{Fault, Kind};
use crate::event::{Event, Events};
use crate::loopback::{Counts, Loopback};
use crate::model::{CommitTs, Table};
use crate::output::Progress;
use crate::pd::{Security, TidbServer};
use crate::pipeline::{End, Pipeline};
use crate::schema::{Catalog, FileHistory, History, HttpHistory};
use crate::sink::mysql::{MysqlOptions, MysqlSink};
use crate::sink::{Sink, Totals};
use crate::source::{self, Origin, Source};
use crate::stop::Stop;

/// A transaction whose raw bytes are above this part of the memory limit is not decoded as a whole.
const LARGE_PART: usize = 16;
/// Messages of the stream that wait to be taken have this part of it.
const QUEUE_PART: usize = 16;

/// Runs the link until its end.
pub fn run(args: &SyncArgs) -> Result<()> {
    let settings = Settings::of(args)?;
    let stop = Stop::on_signals()?;
    let progress = Progress::start(CommitTs::default(), settings.quiet);
    let result = link(&settings, &stop, &progress.events());
    progress.finish();
    let (end, position) = result?;
    match end {
        End::Finished => Ok(()),
        End::Stopped => Err(Fault::new(
            Kind::Interrupted,
            format!("stopped by a signal after draining; everything up to {} is applied", position.explain()),
        )
        .hint("the same command goes on from there")
        .into()),
    }
}

/// Builds the parts and runs them. Gives how it ended and where.
pub fn link(settings: &Settings, stop: &Stop, events: &Events) -> Result<(End, CommitTs)> {
    let mut source = source::open(&settings.source.address, &source_options(settings), events)?;
    let until = until(settings, source.as_ref())?;
    let mut sink = MysqlSink::open(&settings.target, sink_options(settings, source.as_ref(), stop), events.clone())?;
    let from = start(settings, sink.position())?;
    events(Event::Applied { txns: 0, rows: 0, position: from });
    let mut catalog = Catalog::at(source.history(), from)?;
    if let Some(job) = sink.last_job() {
        catalog.passed(job)?;
    }
    let is_mark = |t: &Table| settings.mark.as_ref().is_some_and(|m| m.is(&t.schema, &t.name));
    sink.prepare(catalog.tables().filter(|t| settings.filter.table(&t.schema, &t.name) && !is_mark(t)))?;
    let streams = source.streams(from)?;
    let mut pipeline = Pipeline {
        catalog,
        sink: &mut sink,
        filter: Arc::clone(&settings.filter),
        loopback: settings.loopback.clone().map(|l| Loopback::new(l.mark, l.other_channels).opposite(l.opposite)),
        large: Some(settings.memory_limit / LARGE_PART),
        until,
        events: events.clone(),
        stop: stop.clone(),
        taken: 0,
        late_rows: 0,
    };
    let ended = pipeline.run(streams, from);
    let late = pipeline.late_rows;
    let came_back = pipeline.loopback.take();
    let position = sink.position().unwrap_or(from);
    report(&sink.totals(), late, events);
    if let Some(loopback) = came_back {
        report_loopback(loopback.counts(), events);
    }
    Ok((ended?, position))
}

fn source_options(settings: &Settings) -> source::Options {
    let SourceSettings { security, gzip, schema_from, .. } = settings.source.clone();
    let tls = security.clone();
    let history = move |origin: &Origin<'_>| history(origin, schema_from.as_deref(), &tls);
    let queue_bytes = settings.memory_limit / QUEUE_PART;
    source::Options { security, gzip, queue_bytes, ..source::Options::new(Arc::new(history)) }
}

fn history(origin: &Origin<'_>, schema_from: Option<&str>, security: &Security) -> Result<Arc<dyn History>> {
    let over_http =
        |addresses| -> Result<Arc<dyn History>> { Ok(Arc::new(HttpHistory::secured(addresses, security.clone()))) };
    match (origin, schema_from) {
        (_, Some(address)) => over_http(vec![address.to_owned()]),
        (Origin::Cluster(pd), None) => {
            let servers = pd.tidb_servers()?;
            let address = |s: &TidbServer| format!("{}://{}", security.scheme(), s.status_address());
            over_http(servers.iter().map(address).collect())
        }
        (Origin::Recording(Some(file)), None) => Ok(Arc::new(FileHistory::open(file)?)),
        (Origin::Recording(None), None) => Err(Fault::usage("the recording has no ddl_history.json")
            .hint("save the answer of http://TIDB:10080/ddl/history there, or name a TiDB server with --schema-from")
            .into()),
    }
}

fn sink_options(settings: &Settings, source: &dyn Source, stop: &Stop) -> MysqlOptions {
    MysqlOptions {
        start: settings.start.or_else(|| source.first()),
        safe_mode: settings.safe_mode,
        allow_missing: settings.allow_missing,
        skip_ddl: settings.skip_ddl.clone(),
        pending_ddl: settings.pending_ddl,
        memory_limit: settings.memory_limit,
        workers: settings.workers,
        batch_rows: settings.batch_rows,
        max_txn_rows: settings.max_txn_rows,
        on_conflict: settings.on_conflict,
        mark: settings.mark.clone(),
        stop: stop.clone(),
        ..MysqlOptions::new(source.cluster_id(), settings.link.clone())
    }
}

fn until(settings: &Settings, source: &dyn Source) -> Result<Option<CommitTs>> {
    Ok(match settings.until {
        Some(Until::CaughtUp) => Some(source.now()?),
        Some(Until::Ts(ts)) => Some(ts),
        None => None,
    })
}

/// Where the run starts: `position` is the target's checkpoint, or else the start ts given, or where a folder begins.
fn start(settings: &Settings, position: Option<CommitTs>) -> Result<CommitTs> {
    match (position, settings.start) {
        (Some(checkpoint), Some(given)) if given > checkpoint => Err(Fault::refused(format!(
            "--start-ts {} is later than the target's checkpoint {}: what lies between them would be lost",
            given.explain(),
            checkpoint.explain()
        ))
        .hint("leave out --start-ts to go on from the checkpoint; after loading a newer backup, name a new --link")
        .into()),
        (Some(position), _) => Ok(position),
        (None, _) => Err(Fault::usage(
            "this is the first start of this link: the target has no checkpoint, and no --start-ts says where to begin",
        )
        .hint(
            "--start-ts $(tisync ts from-br BACKUP), or $(tisync ts from-dumpling DUMP), of the backup that the target \
             was loaded from",
        )
        .into()),
    }
}

/// What was not replicated because it came from the other side.
fn report_loopback(counts: &Counts, events: &Events) {
    let mut text = format!(
        "{} transactions came from the other side and were dropped, {} of them bookkeeping alone",
        counts.dropped, counts.bookkeeping
    );
    for (channel, txns) in &counts.others {
        text.push_str(&format!("; {txns} carried a mark of channel {channel}"));
    }
    text.push_str(&format!("; echoes: {}", counts.echoes));
    events(Event::Note(text));
}

/// What an operator must not miss at the end of a run.
fn report(totals: &Totals, late: u64, events: &Events) {
    for table in totals.left_out.iter().filter(|t| t.table_id != 0 || t.rows > 0) {
        let ended = if table.ended { "; the upstream has dropped it since" } else { "" };
        events(Event::Warning(format!(
            "`{}`.`{}` is not on the target, because the DDL of commit ts {} was skipped: {} row changes left out{ended}",
            table.schema, table.table, table.commit_ts.0, table.rows
        )));
    }
    for (table, odd) in &totals.anomalies {
        events(Event::Warning(format!(
            "{table} was not as expected: {} rows to change or delete were missing, {} rows to insert were there already",
            odd.missing, odd.duplicate
        )));
    }
    if late > 0 {
        events(Event::Note(format!(
            "changes of tables that had just been dropped or truncated were left out {late} times"
        )));
    }
}
