//! Opens a sink: takes the lease, takes over from an earlier run, settles it, starts workers.
//!
//! "Settles" means that what the earlier run left unfinished is decided first. The second part
//! restarts where the target lost what it had reported as durable: under the same lease, from what
//! it really holds.

use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::{Context as _, Result};

use super::causality::Causality;
use super::ddl::skipped::{self, Skipped};
use super::ddl::{self, DdlContext};
use super::drainer::{self, Beginning};
use super::limits::{Numbering, TidbLimit};
use super::options::{self, MysqlOptions, Size};
use super::scheduler::{DependencyTracker, Scheduler};
use super::shape::Fits;
use super::shared::{Context, Shared};
use super::watch::{Backoff, LastNotice, Outlook, Watch};
use super::window::Window;
use super::worker::Worker;
use super::{MysqlSink, check};
use crate::checkpoint::drainer::Reached;
use crate::checkpoint::lease::Lease;
use crate::checkpoint::{self, Acknowledged, Applied, Link, TakenOver, is_known};
use crate::error::Fault;
use crate::event::{Event, Events};
use crate::mark::{self, Writer};
use crate::model::{CommitTs, DurablePosition, Table};
use crate::mysql::address::Target;
use crate::mysql::answer::{Caller, Waits};
use crate::mysql::error::class_of;
use crate::mysql::session::Session;

/// How often a start is tried again if the target goes away meanwhile: half a minute in all.
const TRIES: u32 = 8;

/// A sink that is connected and has the link's lease, but has not taken the link over yet: checks
/// that may still refuse the run come in between.
pub struct Opening {
    session: Session,
    parts: Parts,
}

/// What a sink is opened with, and the next one of the same run if the target lost commits
/// ([forgot](crate::checkpoint::Forgotten) them).
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) target: Target,
    pub(super) options: MysqlOptions,
    pub(super) events: Events,
    /// Released with the last of these.
    pub(super) lease: Arc<Lease>,
    pub(super) waits: Arc<Waits>,
    /// Reports what the workers wait for.
    #[expect(dead_code, reason = "its end is what counts")]
    pub(super) watch: Arc<Watch>,
}

impl Parts {
    /// A watched connection without a time limit for answers.
    pub(super) fn session(&self) -> Result<Session> {
        let mut session = Session::open(&self.target.patient())?;
        session.calls_for(Caller::new(&self.waits, u32::MAX, "the start"));
        Ok(session)
    }
}

impl Opening {
    /// Connects, and takes the lease, so that no other run of the link is alive.
    ///
    /// # Errors
    /// If the target cannot be reached or is not supported; refused, if it is the very cluster that
    /// the link comes from, or if another run is alive and [`MysqlOptions::lease`] does not end it.
    pub fn begin(target: &str, options: MysqlOptions, events: Events) -> Result<Self> {
        let target = Target::parse_with(target, &options.connection, &events)?;
        let waits = Arc::<Waits>::default();
        let watch = Watch::start(&target, &waits, &events)?;
        let caller = Caller::new(&waits, u32::MAX, "the start");
        let asked = caller.ask("a new connection", 0);
        let mut session = asked.answered(Session::open(&target.patient()))?;
        session.calls_for(caller);
        if let Some(upstream) = &options.upstream {
            upstream.refuse(&mut session, &target, &events)?;
        }
        if let Some(mark) = &options.mark {
            // Before the link is taken from the process that runs it now.
            mark::check(&mut session, mark)?;
        }
        let link = (options.cluster_id, options.link.as_str());
        let lease = Lease::take(&target, link, options.mark.as_ref(), options.lease, &options.stop, &events)?;
        let parts = Parts { target, options, events, lease: Arc::new(lease), waits, watch: Arc::new(watch) };
        Ok(Self { session, parts })
    }

    /// Creates the state tables where they are missing, and takes the link over from an earlier
    /// run.
    ///
    /// # Errors
    /// If an earlier run left a DDL with an unknown outcome, and [`MysqlOptions::pending_ddl`] does
    /// not decide.
    pub fn finish(self) -> Result<MysqlSink> {
        let Self { session, parts } = self;
        let mut session = Some(session);
        let mut sink = trying(&parts, TRIES, || {
            let session = session.take().map_or_else(|| parts.session(), Ok)?;
            finish(parts.clone(), session, 0)
        })?;
        sink.began = sink.fresh.then_some(sink.opened);
        Ok(sink)
    }
}

/// Takes the link over, as a run with a number above `above`.
pub(super) fn finish(parts: Parts, mut session: Session, above: u64) -> Result<MysqlSink> {
    let Parts { target, options, events, lease, waits, .. } = parts.clone();
    let server = session.server().clone();
    let room = options::room(&mut session)?;
    let size = Size::choose(&options, options::round_trip(&mut session)?).within(room, &events)?;
    let (link, who, stop) = ((options.cluster_id, options.link.as_str()), lease.who(), &options.stop);
    let marks = options.mark.clone().map(|m| Writer::new(m, options.cluster_id, &options.link, events.clone()));
    // No other session of this run uses the first row yet.
    let first = marks.as_ref().map(|marks| marks.carrier(0));
    session.set_prelude(first.clone());
    let taken = checkpoint::take_unless(&mut session, link, (size.workers, above), Some(who), stop, &events)?;
    lease.owns(&taken.link);
    if let Some(marks) = &marks {
        // What it writes are marks themselves.
        session.set_prelude(None);
        mark::ready(&mut session, marks, size.workers)?;
        session.set_prelude(first);
    }
    let TakenOver { link, mut position, mut applied, mut last_job, mut intent, mut safe_until } = taken;
    if let Some(at) = position {
        let last = applied.last().max(safe_until).unwrap_or_default().max(at);
        let reached = Reached { position: at, last };
        if let Some(behind) = drainer::again(&mut session, &link, reached, &options, &events)? {
            (applied, last_job, safe_until) = (Applied::default(), None, Some(behind.safe_until));
            position = Some(behind.ts);
            intent = intent.filter(|intent| intent.ts > behind.ts);
        }
    }
    if let Some(intent) = intent {
        let mut context = DdlContext {
            session: &mut session,
            link: &link,
            policy: &mut options.ddl.clone(),
            asker: None,
            word: options.pending_ddl,
            stop: &options.stop,
            events: &events,
        };
        ddl::settle(&mut context, &intent)?;
        let state = link.state(&mut session)?;
        (position, last_job) = (position.max(state.position), state.last_job);
    }
    let drainer = options.drainer.kept();
    let fresh = position.is_none();
    let begun = match position {
        Some(position) => Beginning { start: None, overlap: safe_until.filter(|until| *until > position) },
        None => drainer::begin(&mut session, &link, &options, &events)?,
    };
    say_start(&options, position, begun, &events);
    let skipped = skipped::Skipped::load(&mut session, &link)?;
    let limit = TidbLimit::read(&mut session).filter(|_| options.max_txn_rows.is_none());
    let opened = position.or(begun.start);
    let context = Arc::new(Context {
        acknowledged: Acknowledged::new(position),
        server: server.clone(),
        fits: Fits::default(),
        safe_until: options.safe_until.max(begun.overlap),
        overlap: begun.overlap,
        drainer,
        target,
        link,
        size,
        events,
        shared: Shared::new(opened, skipped, options.durable.clone()),
        scheduler: Scheduler::default(),
        opened,
        told: LastNotice::default(),
        waits,
        marks,
        options,
    });
    let workers = (0..size.workers).map(|number| start(u32::try_from(number)?, &context)).collect::<Result<_>>()?;
    Ok(MysqlSink {
        context,
        workers,
        server,
        window: Window::default(),
        causality: Causality::new(),
        dependencies: DependencyTracker::default(),
        conflict_keys: Vec::new(),
        applied,
        opened,
        taken: opened,
        saved: None,
        news: None,
        fresh,
        last_job,
        safe_ended: false,
        limit,
        began: None,
        losses: lease.losses(),
        parts,
    })
}

impl MysqlSink {
    /// Connects, creates the state tables where they are missing, and takes the link over from an
    /// earlier run that is not alive.
    ///
    /// # Errors
    /// As [`Opening::begin`] and [`Opening::finish`].
    pub fn open(target: &str, options: MysqlOptions, events: Events) -> Result<Self> {
        Opening::begin(target, options, events)?.finish()
    }

    /// Checks the target before the first write: settings, rights, and all of `tables` as they are
    /// upstream at [`position`](crate::sink::Sink::position). Returns how the target numbers rows,
    /// if it is a source too and does so.
    ///
    /// # Errors
    /// Refused, with all problems found.
    pub fn prepare<'a>(&mut self, tables: impl Iterator<Item = &'a Arc<Table>>) -> Result<Option<Numbering>> {
        let skipped = self.context.shared.skipped();
        let wanted: Vec<&Arc<Table>> =
            tables.filter(|t| !skipped.has_table(t.id) && !skipped.has_schema(&t.schema)).collect();
        let mut session = Session::open(&self.context.target.patient())?;
        session.calls_for(Caller::new(&self.context.waits, u32::MAX, "the start"));
        let MysqlOptions { mode, allow_missing, .. } = self.context.options;
        let (both_ways, leads) = (self.context.marks.is_some(), self.context.options.target_leads());
        let ask = check::Ask { tables: &wanted, fresh: self.fresh, allow_missing, mode, both_ways, leads };
        self.context.exactly_once(self.opened, wanted.iter().map(|t| &**t))?;
        let numbering = check::check(&mut session, &ask, &self.context.fits, &self.context.events)?;
        if let Some(risk) = check::risk(&mut session)? {
            (self.context.events)(Event::Warning(risk));
        }
        for table in wanted.iter().filter(|t| !leads || self.context.fits.knows(t)) {
            let fit = self.context.fits.get(table);
            self.causality.order_by(table, fit.map(|f| f.more_keys.clone()).unwrap_or_default());
            self.causality.learn(table);
        }
        let Context { options, link, .. } = &*self.context;
        if let Some(now) = options.first.filter(|now| options.first_is_now && self.fresh && self.opened == Some(*now)) {
            // The next start must not begin at a later time, even if this run takes nothing.
            link.save_position(&mut session, now)?;
        }
        Ok(numbering)
    }
}

/// Reports where the link starts.
fn say_start(options: &MysqlOptions, position: Option<CommitTs>, begun: Beginning, events: &Events) {
    if let (Some(until), Some(_)) = (begun.overlap, position) {
        events(Event::Note(format!(
            "changes up to {} may have been on the target before tisync took over: safe mode continues up to there",
            until.explain()
        )));
    }
    let start = if position.is_some() { options.start } else { begun.start };
    match (position, start) {
        (Some(there), Some(start)) if there != start => events(Event::Note(format!(
            "link `{}` continues from its checkpoint on the target, {}; the start ts {} is not used",
            options.link,
            there.explain(),
            start.0
        ))),
        (Some(there), _) => {
            events(Event::Note(format!("link `{}` continues from {}", options.link, there.explain())));
        }
        (None, Some(start)) if options.first_is_now && options.first == Some(start) => events(Event::Warning(format!(
            "this is the first start of link `{}`, and it begins now, at {}: earlier data of the upstream is not \
             replicated",
            options.link,
            start.explain()
        ))),
        (None, Some(start)) => {
            events(Event::Note(format!("link `{}` starts after {}", options.link, start.explain())));
        }
        (None, None) => {}
    }
}

fn start(number: u32, context: &Arc<Context>) -> Result<JoinHandle<()>> {
    let worker = Worker::new(number, context.clone());
    let name = format!("target-{number}");
    std::thread::Builder::new().name(name).spawn(move || worker.work()).context("cannot start a worker thread")
}

/// Opens a sink that was open before, or whose target answered a moment ago; tries again, up to
/// `most` times, if the target goes away meanwhile.
///
/// # Errors
/// The first permanent error, or the last one; or interrupted.
pub(super) fn trying(parts: &Parts, most: u32, mut open: impl FnMut() -> Result<MysqlSink>) -> Result<MysqlSink> {
    let (shared, told) = (Shared::new(None, Skipped::default(), DurablePosition::default()), LastNotice::default());
    let outlook = Outlook { stop: &parts.options.stop, shared: &shared, events: &parts.events, told: &told };
    let mut backoff = Backoff::new();
    loop {
        let error = match open() {
            Ok(sink) => return Ok(sink),
            Err(error) => error,
        };
        let Some(class) = class_of(&error).filter(|c| c.is_transient() && backoff.tries() < most) else {
            return Err(error);
        };
        backoff.pause(class, &error, &outlook)?;
    }
}

/// The parts of a sink that ended because its target lost commits
/// ([forgot](crate::checkpoint::Forgotten) them) that the next sink needs.
pub struct Reopening {
    parts: Parts,
    link: Link,
    /// Whether the link began in this process, and where: then that start applies if the target has
    /// no row of the link.
    began: Option<Option<CommitTs>>,
    /// The position up to which the target had acknowledged everything.
    reached: Option<CommitTs>,
}

impl Reopening {
    /// Ends `sink`, and keeps its lease.
    #[must_use]
    pub fn of(sink: MysqlSink) -> Self {
        let context = &sink.context;
        Self {
            parts: sink.parts.clone(),
            link: context.link.clone(),
            began: sink.began,
            reached: context.shared.position(),
        }
    }

    /// The position up to which the target had acknowledged everything.
    #[must_use]
    pub fn reached(&self) -> Option<CommitTs> {
        self.reached
    }

    /// Takes the link over as a new run does; retries while the target is away.
    ///
    /// # Errors
    /// Refused if the target has no row of the link any more; otherwise as
    /// [`Opening::finish`](super::Opening::finish), or interrupted.
    pub fn open(&self) -> Result<MysqlSink> {
        trying(&self.parts, u32::MAX, || self.try_open())
    }

    fn try_open(&self) -> Result<MysqlSink> {
        let mut session = self.parts.session()?;
        let mut parts = self.parts.clone();
        match self.began {
            Some(start) => parts.options.first = start.or(parts.options.first),
            None if !is_known(&mut session, &self.link)? => return Err(self.unknown().into()),
            None => {}
        }
        let mut sink = finish(parts, session, self.link.run())?;
        match self.began {
            Some(_) => sink.began = self.began,
            None if sink.fresh => return Err(self.unknown().into()),
            None => {}
        }
        Ok(sink)
    }

    fn unknown(&self) -> Fault {
        let reached = self.reached.map_or(String::new(), |ts| format!(", which had reached {}", ts.explain()));
        Fault::refused(format!(
            "the target no longer knows link `{}`{reached}: it was restored to a time before the link began, or is \
             another server",
            self.link.name()
        ))
        .hint(
            "nothing more was written. Load the target from a backup of the upstream and start after its ts, or \
               bring back the server that has the link's rows in tidb_binlog",
        )
    }
}
