//! What the source and the target of a link are opened with.

use std::sync::Arc;

use anyhow::Result;

use crate::checkpoint::lease::Terms;
use crate::config::{Settings, SourceSettings, Start};
use crate::error::Fault;
use crate::event::Events;
use crate::identity::Upstream;
use crate::pd::Security;
use crate::schema::{FileHistory, History, HttpHistory};
use crate::sink::mysql::failure::wants_password;
use crate::sink::mysql::secret::Secret;
use crate::sink::mysql::{DdlPolicy, MysqlOptions, Opening};
use crate::source::pump::Muster;
use crate::source::{self, Origin};
use crate::stop::Stop;

use super::start::{Clock, drainer, first, named};

/// Messages of the stream that wait to be taken have this part of it.
const QUEUE_PART: usize = 16;

pub(super) fn source_options(settings: &Settings, muster: &Arc<Muster>) -> source::Options {
    let SourceSettings { security, gzip, schema_from, files, .. } = settings.source.clone();
    let tls = security.clone();
    let history = move |origin: &Origin<'_>| history(origin, schema_from.as_deref(), &tls);
    let queue_bytes = settings.memory_limit / QUEUE_PART;
    let muster = Arc::clone(muster);
    source::Options {
        security,
        gzip,
        queue_bytes,
        message_bytes: settings.memory_limit,
        muster,
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
            .hint("save the answer of http://TIDB:10080/ddl/history there, or name a TiDB server with --schema-from")
            .into()),
    }
}

pub(super) fn sink_options(
    settings: &Settings,
    clock: &Clock<'_>,
    stop: &Stop,
    events: &Events,
) -> Result<MysqlOptions> {
    let source = clock.source;
    let SourceSettings { address, security, .. } = &settings.source;
    let upstream = source::is_cluster(address).then(|| Upstream::connect(address, security)).transpose()?;
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

/// Asks for something that nobody else shall see; `None` where nobody can answer.
pub(super) type Secretly = dyn Fn(&str) -> Result<Option<String>> + Send + Sync;

/// Opens the target; asks for a password if it wants one, none was given, and somebody sits at a terminal.
pub(super) fn open(target: &str, mut options: MysqlOptions, ask: &Secretly, events: &Events) -> Result<Opening> {
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

/// What a DDL brings that is left out by its ts is missing on the target, as with any other that is skipped.
fn ddl(settings: &Settings) -> DdlPolicy {
    let mut policy = settings.ddl.clone();
    policy.skip.extend(settings.filter.ignored());
    policy
}
