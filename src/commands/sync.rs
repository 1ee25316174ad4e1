//! `tisync sync`: one link, from a source to a target.

use std::sync::Arc;

use anyhow::Result;

use crate::checkpoint::{DrainerPlace, DrainerTable};
use crate::cli::SyncArgs;
use crate::config::{DrainerCheckpoint, Remark, Settings, SourceSettings, Start, Until};
use crate::error::{Fault, Kind};
use crate::event::{Event, Events};
use crate::loopback::{Counts, Loopback};
use crate::model::{CommitTs, Table};
use crate::output::{self, Progress};
use crate::pd::{Security, TidbServer};
use crate::pipeline::{End, Pipeline};
use crate::place::Durable;
use crate::route::Router;
use crate::schema::{Catalog, FileHistory, History, HttpHistory};
use crate::selection::Selection;
use crate::sink::mysql::connect::Target;
use crate::sink::mysql::failure::wants_password;
use crate::sink::mysql::secret::Secret;
use crate::sink::mysql::{Asker, DdlPolicy, MysqlOptions, MysqlSink};
use crate::sink::{Sink, Totals};
use crate::source::pump::Muster;
use crate::source::{self, Origin, Source};
use crate::stop::Stop;

use super::place;

/// A transaction whose raw bytes are above this part of the memory limit is not decoded as a whole.
const LARGE_PART: usize = 16;
/// Messages of the stream that wait to be taken have this part of it.
const QUEUE_PART: usize = 16;

/// Runs the link until its end.
pub fn run(args: &SyncArgs) -> Result<()> {
    let settings = Settings::of(args)?;
    let stop = Stop::on_signals()?;
    let progress = Progress::start(CommitTs::default(), settings.quiet);
    let asker = output::can_ask().then(|| Asker::new(progress.asker()));
    let events = progress.events();
    for remark in &settings.remarks {
        events(match remark.clone() {
            Remark::Warning(text) => Event::Warning(text),
            Remark::Note(text) => Event::Note(text),
        });
    }
    let result = link_asking(&settings, &stop, &events, asker);
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

/// Builds the parts and runs them, with nobody to ask. Gives how it ended and where.
pub fn link(settings: &Settings, stop: &Stop, events: &Events) -> Result<(End, CommitTs)> {
    link_asking(settings, stop, events, None)
}

fn link_asking(settings: &Settings, stop: &Stop, events: &Events, asker: Option<Asker>) -> Result<(End, CommitTs)> {
    settings.filter.warnings().for_each(|warning| events(Event::Warning(warning)));
    let (durable, muster) = (Durable::default(), Arc::<Muster>::default());
    let events = &durable.listening(events);
    let mut source = source::open(&settings.source.address, &source_options(settings, &muster), events)?;
    let until = until(settings, source.as_ref())?;
    // Before the target's slots are taken from whoever has them now.
    let mut place = place::look(settings, source.cluster_id(), durable, &muster, stop, events)?;
    let options = MysqlOptions { asker, ..sink_options(settings, source.as_ref(), stop, events)? };
    let mut sink = open(&settings.target, options, events)?;
    let from = start(settings, sink.position())?;
    events(Event::Applied { txns: 0, rows: 0, position: from });
    if let Some(place) = &mut place {
        place::register(place, events)?;
    }
    let mut catalog = Catalog::at(source.history(), from)?;
    if let Some(job) = sink.last_job() {
        catalog.passed(job)?;
    }
    let loopback = settings
        .loopback
        .clone()
        .map(|l| Loopback::new(l.mark, l.other_channels).opposite(l.opposite).source(source.cluster_id()));
    if let Some(text) = loopback.as_ref().and_then(|l| l.warning(catalog.tables())) {
        events(Event::Warning(text));
    }
    let is_mark = |t: &Table| settings.mark.as_ref().is_some_and(|m| m.is(&t.schema, &t.name));
    let wanted = || catalog.tables().filter(|t| settings.filter.table(&t.schema, &t.name) && !is_mark(t));
    let router = Router::start(Arc::clone(&settings.routes), wanted(), catalog.databases().map(|(name, ..)| name))?;
    let needed = wanted().filter(|t| settings.filter.brings_rows(&t.schema, &t.name));
    let routed: Vec<_> = needed.map(|t| router.table(t)).collect();
    sink.prepare(routed.iter())?;
    let streams = source.streams(from)?;
    if let Some(place) = &mut place {
        place.online(&settings.source.security)?;
    }
    let mut pipeline = Pipeline {
        catalog,
        sink: &mut sink,
        selection: Selection::new(Arc::clone(&settings.filter), router),
        loopback,
        large: Some(settings.memory_limit / LARGE_PART),
        until,
        events: events.clone(),
        stop: stop.clone(),
        taken: 0,
        late_rows: 0,
        names: Default::default(),
    };
    let ended = pipeline.run(streams, from);
    let (late, left_out) = (pipeline.late_rows, pipeline.selection.left_out);
    let came_back = pipeline.loopback.take();
    let position = sink.position().unwrap_or(from);
    events(Event::Applied { txns: 0, rows: 0, position });
    report(&sink.totals(), late, events);
    if let Some(loopback) = came_back {
        report_loopback(loopback.counts(), events);
    }
    if left_out.any() {
        events(Event::Note(left_out.to_string()));
    }
    muster.lapses().iter().for_each(|lapse| events(Event::Warning(lapse.explain())));
    let ended = ended?;
    match place.as_ref().and_then(place::Place::asked).filter(|_| ended == End::Stopped) {
        Some(asked) => Err(place::stopped(&asked, position).into()),
        None => Ok((ended, position)),
    }
}

fn source_options(settings: &Settings, muster: &Arc<Muster>) -> source::Options {
    let SourceSettings { security, gzip, schema_from, files, .. } = settings.source.clone();
    let tls = security.clone();
    let history = move |origin: &Origin<'_>| history(origin, schema_from.as_deref(), &tls);
    let queue_bytes = settings.memory_limit / QUEUE_PART;
    let muster = Arc::clone(muster);
    source::Options { security, gzip, queue_bytes, muster, files, ..source::Options::new(Arc::new(history)) }
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

fn sink_options(settings: &Settings, source: &dyn Source, stop: &Stop, events: &Events) -> Result<MysqlOptions> {
    Ok(MysqlOptions {
        connection: settings.connection.clone(),
        start: named(settings.start),
        start_yields: settings.start_yields,
        first: first(settings, source)?,
        first_is_now: settings.start == Some(Start::Now) && source.first().is_none(),
        now: source.now().ok(),
        drainer: drainer(settings, events)?,
        ignore_drainer: settings.ignore_drainer,
        allow_repeats: settings.allow_repeats,
        safe_mode: settings.safe_mode,
        safe_until: settings.safe_until,
        mode: settings.mode,
        allow_missing: settings.allow_missing,
        ddl: ddl(settings),
        pending_ddl: settings.pending_ddl,
        memory_limit: settings.memory_limit,
        workers: settings.workers,
        batch_rows: settings.batch_rows,
        max_txn_rows: settings.max_txn_rows,
        on_conflict: settings.on_conflict,
        mark: settings.mark.clone(),
        stop: stop.clone(),
        ..MysqlOptions::new(source.cluster_id(), settings.link.clone())
    })
}

fn until(settings: &Settings, source: &dyn Source) -> Result<Option<CommitTs>> {
    Ok(match settings.until {
        Some(Until::CaughtUp) => Some(source.now()?),
        Some(Until::Ts(ts)) => Some(ts),
        None => None,
    })
}

/// Opens the target; asks for a password if it wants one, none was given, and somebody sits at a terminal.
fn open(target: &str, mut options: MysqlOptions, events: &Events) -> Result<MysqlSink> {
    let error = match MysqlSink::open(target, options.clone(), events.clone()) {
        Ok(sink) => return Ok(sink),
        Err(error) => error,
    };
    if !wants_password(&error) {
        return Err(error);
    }
    let Some(password) = output::ask_secret("password of the target: ")? else { return Err(error) };
    options.connection.password = Some(Secret::new(password));
    MysqlSink::open(target, options, events.clone())
}

/// Where a first start begins if neither a start ts nor Drainer's checkpoint says so. Files know where they begin; a cluster's clock is
/// asked at every start, because only the target knows which one is the first.
fn first(settings: &Settings, source: &dyn Source) -> Result<Option<CommitTs>> {
    match (settings.start, source.first()) {
        (Some(Start::Now), None) => source.now().map(Some),
        (_, first) => Ok(first),
    }
}

/// Where the Drainer that this link takes over from kept its checkpoint.
pub(super) fn drainer(settings: &Settings, events: &Events) -> Result<DrainerPlace> {
    let table = |schema, table| DrainerTable { schema, table };
    Ok(match settings.drainer_checkpoint.clone() {
        None => DrainerPlace::default(),
        Some(DrainerCheckpoint::Target { schema, table: name }) => DrainerPlace::Target(table(schema, name)),
        Some(DrainerCheckpoint::Server { address, connection, schema, table: name }) => DrainerPlace::Server {
            server: Box::new(Target::parse_with(&address, &connection, events)?),
            table: table(schema, name),
        },
        Some(DrainerCheckpoint::File(path)) => DrainerPlace::File(path),
    })
}

/// What a DDL brings that is left out by its ts is missing on the target, as with any other that is skipped.
fn ddl(settings: &Settings) -> DdlPolicy {
    let mut policy = settings.ddl.clone();
    policy.skip.extend(settings.filter.ignored());
    policy
}

/// The start ts that somebody named.
fn named(start: Option<Start>) -> Option<CommitTs> {
    match start {
        Some(Start::Ts(ts)) => Some(ts),
        Some(Start::Now) | None => None,
    }
}

/// Where the run starts: `position` is the target's checkpoint, or else where a first start begins.
fn start(settings: &Settings, position: Option<CommitTs>) -> Result<CommitTs> {
    match (position, named(settings.start)) {
        (Some(checkpoint), Some(given)) if given > checkpoint => Err(Fault::refused(format!(
            "the start ts {} is later than the target's checkpoint {}: what lies between them would be lost",
            given.explain(),
            checkpoint.explain()
        ))
        .hint("leave the start ts out to go on from the checkpoint; after loading a newer backup, name a new --link")
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
    report_ddl(totals, events);
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
    for (table, rows) in &totals.narrowed {
        events(Event::Warning(format!(
            "{table}: {rows} row changes were written without the columns that the target lacks, as --sync-mode 2 allows"
        )));
    }
    if late > 0 {
        events(Event::Note(format!(
            "changes of tables that had just been dropped or truncated were left out {late} times"
        )));
    }
}

/// DDLs that did not run as they are because somebody wanted it so.
fn report_ddl(totals: &Totals, events: &Events) {
    let skipped = totals.decided.iter().filter(|d| d.instead.is_none()).count();
    if !totals.decided.is_empty() {
        events(Event::Warning(format!(
            "by your word, {skipped} DDLs were skipped and {} replaced in this run:",
            totals.decided.len() - skipped
        )));
    }
    for ddl in &totals.decided {
        let how = ddl.instead.as_ref().map_or_else(|| "skipped".to_owned(), |sql| format!("replaced by `{sql}`"));
        events(Event::Warning(format!("commit ts {}, in `{}`: `{}` {how}", ddl.commit_ts.0, ddl.schema, ddl.query)));
    }
    if totals.unrun_ddl > 0 {
        events(Event::Note(format!(
            "{} DDLs of the upstream were followed and not run on the target, because no DDL is run on this link",
            totals.unrun_ddl
        )));
    }
}
