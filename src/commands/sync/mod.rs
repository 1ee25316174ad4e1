//! `tisync sync`: runs links, each from one source to one target.
//!
//! One link is the plain case (`link.rs`). Several links of a file run side by side (`several.rs`);
//! two of them that go opposite ways exchange what they know (also there). This file decides where
//! a run begins and ends, and with which options the source and the target are opened.

mod link;
mod several;

use std::cell::Cell;
use std::sync::Arc;

use anyhow::Result;

use super::clusters::identify;
use crate::checkpoint::lease::Terms;
use crate::checkpoint::{DrainerPlace, DrainerTable};
use crate::cli::SyncArgs;
use crate::config::{DrainerCheckpoint, Remark, Settings, SourceSettings, agree};
use crate::error::{Fault, Kind};
use crate::event::{Event, Events};
use crate::identity::Upstream;
use crate::model::CommitTs;
use crate::moment::{Start, Until};
use crate::mysql::address::Target;
use crate::mysql::error::wants_password;
use crate::mysql::login::Secret;
use crate::output::{self, Progress};
use crate::pd::Security;
use crate::pipeline::End;
use crate::schema::{FileHistory, History, HttpHistory};
use crate::sink::mysql::{Asker, DdlPolicy, MysqlOptions, Opening};
use crate::source::pump::{self, PumpStatus};
use crate::source::{self, Origin, Source};
use crate::stop::Stop;
use link::Around;
pub use link::link;
pub(super) use several::together;

/// What an operator can do after an orderly stop.
const GOES_ON: &str = "run the same command to resume";

/// Runs one link, or all of a file, until the end.
pub fn run(args: &SyncArgs) -> Result<()> {
    let mut links = Settings::all(args)?;
    let stop = Stop::on_signals()?;
    if links.len() > 1 {
        // A cluster that does not answer keeps its link from starting, and the link says why.
        identify(&mut links);
        agree(&links)?;
    }
    match links.as_slice() {
        [one] => alone(one, &stop),
        links => several::run(links, args.keep_going, &stop),
    }
}

fn alone(settings: &Settings, stop: &Stop) -> Result<()> {
    let progress = Progress::start(&[], settings.quiet);
    let events = progress.events(Some(0));
    tell(&settings.remarks, &events);
    let result = link::run(settings, stop, &events, around(&progress, 0, None));
    progress.finish();
    let (end, position) = result?;
    match end {
        End::Finished => Ok(()),
        End::Stopped => Err(Fault::new(
            Kind::Interrupted,
            format!("stopped cleanly; everything up to {} is applied", position.explain()),
        )
        .hint(GOES_ON)
        .into()),
    }
}

/// The link's questions go to the operator at the terminal.
fn around(progress: &Progress, which: usize, handle: Option<several::LinkHandle>) -> Around {
    let asker = output::can_ask().then(|| Asker::new(progress.asker(which)));
    Around { asker, secret: Box::new(progress.secret(which)), handle }
}

fn tell(remarks: &[Remark], events: &Events) {
    for remark in remarks {
        events(match remark.clone() {
            Remark::Warning(text) => Event::Warning(text),
            Remark::Note(text) => Event::Note(text),
        });
    }
}

/// The source's newest ts as of the start, read only once: this reads a folder to its end.
struct Clock<'a> {
    source: &'a dyn Source,
    asked: Cell<Option<CommitTs>>,
}

impl<'a> Clock<'a> {
    fn of(source: &'a dyn Source) -> Self {
        Self { source, asked: Cell::new(None) }
    }

    /// # Errors
    /// If the source cannot be asked.
    fn now(&self) -> Result<CommitTs> {
        if let Some(now) = self.asked.get() {
            return Ok(now);
        }
        let now = self.source.now()?;
        self.asked.set(Some(now));
        Ok(now)
    }
}

fn until(settings: &Settings, clock: &Clock<'_>) -> Result<Option<CommitTs>> {
    Ok(match settings.until {
        Some(Until::CaughtUp) => Some(clock.now()?),
        Some(Until::Ts(ts)) => Some(ts),
        None => None,
    })
}

/// Where a first start begins if neither a start ts nor Drainer's checkpoint says so. Files have a
/// beginning. A cluster's clock is read at every start, because only the target knows which start
/// is the first.
fn first(settings: &Settings, clock: &Clock<'_>) -> Result<Option<CommitTs>> {
    match (settings.start, clock.source.first()) {
        (Some(Start::Now), None) => clock.now().map(Some),
        (_, first) => Ok(first),
    }
}

/// The checkpoint of the Drainer that this link takes over from.
pub(in crate::commands) fn drainer(settings: &Settings, events: &Events) -> Result<DrainerPlace> {
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

/// The start ts, if it was given as a ts.
fn named(start: Option<Start>) -> Option<CommitTs> {
    match start {
        Some(Start::Ts(ts)) => Some(ts),
        Some(Start::Now) | None => None,
    }
}

/// Where the run starts: `position` is the target's checkpoint; without one, a first start begins.
fn start(settings: &Settings, position: Option<CommitTs>) -> Result<CommitTs> {
    match (position, named(settings.start)) {
        (Some(checkpoint), Some(given)) if given > checkpoint => Err(Fault::refused(format!(
            "the start ts {} is later than the target's checkpoint {}: the changes between them would be lost",
            given.explain(),
            checkpoint.explain()
        ))
        .hint(
            "leave out the start ts to continue from the checkpoint; after loading a newer backup, use a new --link \
               name",
        )
        .into()),
        (Some(position), _) => Ok(position),
        (None, _) => Err(Fault::usage(
            "this is the first start of this link: the target has no checkpoint, and no --start-ts was given",
        )
        .hint(
            "use --start-ts $(tisync ts from-br BACKUP), or $(tisync ts from-dumpling DUMP), of the backup that the \
             target was loaded from",
        )
        .into()),
    }
}

/// The queue of the stream's messages has this fraction (1/16) of the memory limit.
const QUEUE_PART: usize = 16;

fn source_options(settings: &Settings, pumps: &Arc<PumpStatus>) -> source::Options {
    let SourceSettings { security, gzip, schema_from, files, .. } = settings.source.clone();
    let tls = security.clone();
    let history = move |origin: &Origin<'_>| history(origin, schema_from.as_deref(), &tls);
    let queue_bytes = settings.memory_limit / QUEUE_PART;
    source::Options {
        security,
        queue_bytes,
        message_bytes: settings.memory_limit,
        pump: pump::Options { gzip, status: Arc::clone(pumps), ..pump::Options::default() },
        files,
        ..source::Options::new(Arc::new(history))
    }
}

fn history(origin: &Origin<'_>, schema_from: Option<&str>, security: &Security) -> Result<Arc<dyn History>> {
    let over_http =
        |addresses| -> Result<Arc<dyn History>> { Ok(Arc::new(HttpHistory::secured(addresses, security.clone()))) };
    match (origin, schema_from) {
        (_, Some(address)) => over_http(vec![address.to_owned()]),
        (Origin::Cluster(pd), None) => {
            over_http(pd.tidb_servers()?.iter().map(|server| server.status_url(security)).collect())
        }
        (Origin::Recording(Some(file)), None) => Ok(Arc::new(FileHistory::open(file)?)),
        (Origin::Recording(None), None) => Err(Fault::usage("the recording has no ddl_history.json")
            .hint("save the answer of http://TIDB:10080/ddl/history there, or give a TiDB server with --schema-from")
            .into()),
    }
}

fn sink_options(settings: &Settings, clock: &Clock<'_>, stop: &Stop, events: &Events) -> Result<MysqlOptions> {
    let source = clock.source;
    let SourceSettings { address, security, .. } = &settings.source;
    let upstream = source.is_live().then(|| Upstream::connect(address, security)).transpose()?;
    Ok(MysqlOptions {
        upstream,
        connection: settings.connection.clone(),
        start: named(settings.start),
        start_yields: settings.start_yields,
        first: first(settings, clock)?,
        first_is_now: settings.start == Some(Start::Now) && source.first().is_none(),
        now: clock.now().ok(),
        drainer: drainer(settings, events)?,
        ignore_drainer: settings.ignore_drainer,
        allow_repeats: settings.allow_repeats,
        lease: Terms { take_over: settings.take_over, ..Terms::default() },
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

/// Asks for a secret; `None` if there is no terminal.
type Secretly = dyn Fn(&str) -> Result<Option<String>> + Send + Sync;

/// Opens the target. Asks for a password if the target wants one, none was given, and there is a
/// terminal.
fn open(target: &str, mut options: MysqlOptions, ask: &Secretly, events: &Events) -> Result<Opening> {
    let error = match Opening::begin(target, options.clone(), events.clone()) {
        Ok(opening) => return Ok(opening),
        Err(error) => error,
    };
    if !wants_password(&error) {
        return Err(error);
    }
    let Some(password) = ask("password of the target: ")? else { return Err(error) };
    options.connection.password = Some(Secret::new(password));
    Opening::begin(target, options, events.clone())
}

/// The policy for DDLs. A DDL that is skipped by its ts leaves its tables or columns missing on the
/// target, like any other skipped DDL.
fn ddl(settings: &Settings) -> DdlPolicy {
    let mut policy = settings.ddl.clone();
    policy.skip.extend(settings.filter.ignored());
    policy
}
