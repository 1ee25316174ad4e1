//! Builds the parts of one link, runs it, and reports how it ended.

use std::collections::HashSet;
use std::sync::Arc;

use anyhow::{Context as _, Result};

use super::several::LinkHandle;
use super::{Clock, Secretly, open, sink_options, source_options, start, until};
use crate::checkpoint::Forgotten;
use crate::commands::clusters;
use crate::config::Settings;
use crate::error::counted;
use crate::event::{Event, Events};
use crate::loopback::{Counts, Loopback, OF_A_TARGET};
use crate::model::{CommitTs, DurablePosition, Stream, Table};
use crate::output;
use crate::pipeline::{End, Pipeline};
use crate::registration::Registration;
use crate::route::Router;
use crate::schema::{Ahead, Catalog, History};
use crate::selection::Selection;
use crate::sink::mysql::{Asker, MysqlOptions, MysqlSink, Reopening};
use crate::sink::{Sink, Totals};
use crate::source::pump::PumpStatus;
use crate::source::{self, Source};
use crate::stop::Stop;

/// A transaction whose raw bytes are more than this fraction (1/16) of the memory limit is not
/// decoded as a whole.
const LARGE_PART: usize = 16;

/// The warning about keys that the target compares in another way.
const OLD_COLLATIONS: &str = "the upstream's TiDB uses old collations (new_collations_enabled_on_first_bootstrap = \
    false): it compares keys by their bytes, whatever collation their columns have. The target compares by the \
    collation: to it `a` and `A`, or `a` and `a ` with a space, are the same key, and this link would stop there. To \
    check what the cluster uses: SELECT variable_value FROM mysql.tidb WHERE variable_name = 'new_collation_enabled'";

/// What the process provides to a link.
pub(super) struct Around {
    /// Asks the operator about a DDL that the target refuses.
    pub asker: Option<Asker>,
    /// Asks the operator for a password that was not given.
    pub secret: Box<Secretly>,
    /// Its handle among the links that run together.
    pub handle: Option<LinkHandle>,
}

/// Runs a link without questions about DDL. Returns how the link ended and its position.
pub fn link(settings: &Settings, stop: &Stop, events: &Events) -> Result<(End, CommitTs)> {
    run(settings, stop, events, Around { asker: None, secret: Box::new(output::ask_secret), handle: None })
}

/// Runs the link until it ends; starts again if the target lost data that it had reported as
/// durable.
pub(super) fn run(settings: &Settings, stop: &Stop, events: &Events, around: Around) -> Result<(End, CommitTs)> {
    settings.filter.warnings().for_each(|warning| events(Event::Warning(warning)));
    let shown = Shown::default();
    let source = source::open(&settings.source.address, &source_options(settings, &shown.pumps), events)?;
    let (plan, options) = Plan::of(settings, source.as_ref(), around.handle.as_ref(), (stop, events))?;
    let options = MysqlOptions { asker: around.asker, durable: shown.durable.clone(), ..options };
    let (sink, registration) = open_ends(settings, source.as_ref(), (options, &around.secret), &shown, (stop, events))?;
    let mut run =
        LinkRun { settings, source, plan, handle: around.handle, registration, registered: false, stop, events };
    let ended = run.replicate(sink);
    run.conclude(ended, &shown)
}

/// State of the running link that others read.
#[derive(Default)]
struct Shown {
    /// Written by the sink.
    durable: DurablePosition,
    /// Written by a source that reads Pumps.
    pumps: Arc<PumpStatus>,
}

/// Decided before the target is opened.
struct Plan {
    /// The last commit ts of the run.
    until: Option<CommitTs>,
    /// The cluster that the opposite link comes from.
    opposite: Option<u64>,
    /// What the source's tables become, if the target has each DDL first.
    ahead: Option<Arc<Ahead>>,
}

impl Plan {
    /// The plan, and how the target is written to.
    fn of(
        settings: &Settings,
        source: &dyn Source,
        handle: Option<&LinkHandle>,
        (stop, events): (&Stop, &Events),
    ) -> Result<(Self, MysqlOptions)> {
        let clock = Clock::of(source);
        let until = until(settings, &clock)?;
        let opposite = handle.and_then(|handle| handle.exchange(source.cluster_id(), stop));
        let mut options = sink_options(settings, &clock, stop, events)?;
        options.ahead = options.target_leads().then(|| Arc::new(Ahead::new(source.history())));
        Ok((Self { until, opposite, ahead: options.ahead.clone() }, options))
    }
}

/// Opens the target, and prepares the link's registration in the upstream cluster.
fn open_ends(
    settings: &Settings,
    source: &dyn Source,
    (options, secret): (MysqlOptions, &Secretly),
    shown: &Shown,
    (stop, events): (&Stop, &Events),
) -> Result<(MysqlSink, Option<Registration>)> {
    // The caller says that the link runs. The registration is prepared before the target's slots
    // are taken from the run that has them now.
    let opening = open(&settings.target, options, secret, events)?;
    let registration = clusters::look(settings, source, (&shown.durable, &shown.pumps), stop, events)?;
    Ok((opening.finish()?, registration))
}

/// The state that stays when a link starts again.
struct LinkRun<'a> {
    settings: &'a Settings,
    source: Box<dyn Source>,
    plan: Plan,
    handle: Option<LinkHandle>,
    registration: Option<Registration>,
    /// Whether the link is registered in the cluster.
    registered: bool,
    stop: &'a Stop,
    events: &'a Events,
}

impl LinkRun<'_> {
    /// Runs until the link ends, from the start or from the position of a target that lost commits.
    /// Returns how it ended, and its position.
    fn replicate(&mut self, mut sink: MysqlSink) -> Result<(End, CommitTs)> {
        loop {
            let (ended, position) = self.once(&mut sink);
            let Some(forgotten) = ended.as_ref().err().and_then(Forgotten::of).cloned() else {
                return ended.map(|end| (end, position));
            };
            sink = self.again(sink, &forgotten)?;
        }
    }

    /// Reports what the operator should know about the whole run.
    fn conclude(&self, ended: Result<(End, CommitTs)>, shown: &Shown) -> Result<(End, CommitTs)> {
        shown.pumps.lapses().iter().for_each(|lapse| (self.events)(Event::Warning(lapse.explain())));
        let (ended, position) = ended?;
        match self.registration.as_ref().and_then(Registration::asked).filter(|_| ended == End::Stopped) {
            Some(asked) => Err(clusters::stopped(&asked, position).into()),
            None => Ok((ended, position)),
        }
    }

    /// Runs from the position of `sink`, and reports. Returns how that ended, and the position.
    fn once(&mut self, sink: &mut MysqlSink) -> (Result<End>, CommitTs) {
        let from = match start(self.settings, sink.position()) {
            Ok(from) => from,
            Err(error) => return (Err(error), CommitTs::default()),
        };
        (self.events)(Event::Durable { position: from });
        let ended = self.from(from, sink);
        let position = sink.position().unwrap_or(from);
        (self.events)(Event::Durable { position });
        (ended, position)
    }

    fn from(&mut self, from: CommitTs, sink: &mut MysqlSink) -> Result<End> {
        let (settings, events) = (self.settings, self.events);
        let (catalog, router, loopback) = self.schema(from, sink)?;
        let streams = self.streams(from)?;
        let mut pipeline = Pipeline {
            loopback: Some(loopback),
            large: Some(settings.memory_limit / LARGE_PART),
            until: self.plan.until,
            stop: self.stop.clone(),
            ..Pipeline::new(catalog, sink, Selection::new(Arc::clone(&settings.filter), router), events.clone())
        };
        let ended = pipeline.run(streams, from);
        let (late, left_out) = (pipeline.late_rows, pipeline.selection.left_out);
        let came_back = pipeline.loopback.take();
        report(&pipeline.sink.totals(), late, events);
        if let Some(loopback) = came_back.filter(|l| l.is_marked() || l.counts().echoes > 0) {
            report_loopback(loopback.counts(), events);
        }
        if left_out.any() {
            events(Event::Note(left_out.to_string()));
        }
        ended
    }

    /// Registers the link, at its first start, and opens the source's streams.
    fn streams(&mut self, from: CommitTs) -> Result<Vec<Stream>> {
        // Only the stream itself can still refuse the start; if it does, the entry is removed
        // again.
        if let Some(registration) =
            self.registration.as_mut().filter(|_| !std::mem::replace(&mut self.registered, true))
        {
            clusters::register(registration, self.events)?;
        }
        let streams = self.source.streams(from)?;
        if let Some(registration) = &mut self.registration {
            registration.online(&self.settings.source.security)?;
        }
        Ok(streams)
    }

    /// The schema as of `from`, after a comparison with the target's, with the parts that depend on
    /// it.
    fn schema(&self, from: CommitTs, sink: &mut MysqlSink) -> Result<(Catalog, Router, Loopback)> {
        let (settings, events) = (self.settings, self.events);
        let mut catalog = Catalog::at(self.source.history(), from)?;
        self.plan.ahead.iter().for_each(|ahead| catalog.tells(Arc::clone(ahead)));
        if let Some(job) = sink.last_job() {
            catalog.passed(job)?;
        }
        for job in sink.early_jobs() {
            catalog.ran_early(job)?;
        }
        if self.source.history().old_collations() == Some(true) {
            events(Event::Warning(OLD_COLLATIONS.to_owned()));
        }
        let loopback = self.loopback(&catalog, sink);
        let is_mark = |t: &Table| settings.mark.as_ref().is_some_and(|m| m.is(&t.schema, &t.name));
        let wanted = || catalog.tables().filter(|t| settings.filter.table(&t.schema, &t.name) && !is_mark(t));
        let router = Router::start(Arc::clone(&settings.routes), wanted(), catalog.databases().map(|(name, ..)| name))?;
        let needed = wanted().filter(|t| settings.filter.brings_rows(&t.schema, &t.name));
        let routed: Vec<_> = needed.map(|t| router.table(t)).collect();
        for table in left_as_they_are(settings, &*self.source.history(), wanted())? {
            let routed = router.table(table);
            sink.may_differ(&routed.schema, &routed.name);
        }
        let numbering = sink.prepare(routed.iter())?;
        if let Some(text) = self.handle.as_ref().zip(numbering).and_then(|(handle, own)| handle.numbers(own)) {
            events(Event::Warning(text));
        }
        Ok((catalog, router, loopback))
    }

    /// The filter that keeps changes from going round in a circle.
    fn loopback(&self, catalog: &Catalog, sink: &MysqlSink) -> Loopback {
        let (settings, events) = (self.settings, self.events);
        let marks = settings.loopback.as_ref();
        let mut loopback = marks.map_or_else(Loopback::unmarked, |l| Loopback::new(l.mark.clone(), l.other_channels));
        let warning = loopback.warning(catalog.tables());
        let watches = loopback.watches(catalog.tables());
        let opposite = marks.and_then(|l| l.opposite).or(self.plan.opposite);
        warning.or(watches.then(|| OF_A_TARGET.to_owned())).into_iter().for_each(|text| events(Event::Warning(text)));
        loopback = loopback.opposite(opposite).source(self.source.cluster_id());
        loopback.selecting(Arc::clone(&settings.filter)).identifying(sink.identify(&settings.source.security))
    }

    /// Takes the link over again, under its lease, and reports what is replicated again.
    fn again(&self, sink: MysqlSink, forgotten: &Forgotten) -> Result<MysqlSink> {
        let ended = Reopening::of(sink);
        let sink = ended.open().with_context(|| forgotten.to_string())?;
        let reached = ended.reached().map(|ts| ts.explain().to_string()).unwrap_or_default();
        let from = sink.position().map_or_else(|| "its start".to_owned(), |ts| ts.explain().to_string());
        (self.events)(Event::Warning(format!(
            "{forgotten}. It was restarted without its last commits, restored, or replaced by a replica that lacks \
             them. Everything up to {reached} was there; what came after {from} is applied again"
        )));
        if let Some(position) = sink.position() {
            (self.events)(Event::SetBack { position });
        }
        Ok(sink)
    }
}

/// Those of `tables` that do not follow the upstream's definition, because of rules on events.
/// Rules on texts are tried on the DDLs that the history has of each table.
fn left_as_they_are<'a>(
    settings: &Settings,
    history: &dyn History,
    tables: impl Iterator<Item = &'a Arc<Table>>,
) -> Result<Vec<&'a Arc<Table>>> {
    let filter = &settings.filter;
    let (mut ids, mut names) = (HashSet::new(), HashSet::new());
    if filter.judges_texts() {
        history.each(&mut |job| {
            let Some(table) = job.info.table.as_deref().filter(|_| job.effective()) else { return };
            if filter.leaves_definition(&job.schema_name, &table.name.0, Some(&job.query)) {
                ids.insert(table.id);
                names.insert((job.schema_name.to_lowercase(), table.name.0.to_lowercase()));
            }
        })?;
    }
    let left = |t: &&Arc<Table>| {
        ids.contains(&t.id)
            || names.contains(&(t.schema.to_lowercase(), t.name.to_lowercase()))
            || filter.leaves_definition(&t.schema, &t.name, None)
    };
    Ok(tables.filter(left).collect())
}

/// Reports changes that were not replicated because they came from the other side.
pub(super) fn report_loopback(counts: &Counts, events: &Events) {
    let mut text = format!(
        "dropped {} that came from the other side, {} of them bookkeeping only",
        counted(counts.dropped, "transaction"),
        counts.bookkeeping
    );
    for (channel, txns) in &counts.others {
        text.push_str(&format!("; {txns} carried a mark of channel {channel}"));
    }
    text.push_str(&format!("; echoes: {}", counts.echoes));
    events(Event::Note(text));
}

/// The warnings at the end of a run.
pub(super) fn report(totals: &Totals, late: u64, events: &Events) {
    report_ddl(totals, events);
    for table in totals.left_out.iter().filter(|t| t.table_id != 0 || t.rows > 0) {
        let ended = if table.ended { "; the upstream has dropped it since" } else { "" };
        events(Event::Warning(format!(
            "`{}`.`{}` is not on the target, because the DDL of commit ts {} was skipped: {} left out{ended}",
            table.schema,
            table.table,
            table.commit_ts.0,
            counted(table.rows, "row change")
        )));
    }
    for (table, odd) in &totals.anomalies {
        events(Event::Warning(format!(
            "{table} was not as expected: rows to change or delete that were missing: {}, rows to insert that already \
             existed: {}",
            odd.missing, odd.duplicate
        )));
    }
    for (table, rows) in &totals.narrowed {
        events(Event::Warning(format!(
            "{table}: {} written without the columns that the target lacks, as --sync-mode 2, or a rule that leaves \
             out its DDL, allows",
            counted(rows, "row change")
        )));
    }
    if late > 0 {
        events(Event::Note(format!(
            "changes to tables that had just been dropped or truncated were left out {}",
            counted(late, "time")
        )));
    }
}

/// Reports DDLs that did not run unchanged, because the operator decided so, or because the target
/// had them first.
fn report_ddl(totals: &Totals, events: &Events) {
    let skipped = totals.decided.iter().filter(|d| d.instead.is_none()).count();
    if !totals.decided.is_empty() {
        events(Event::Warning(format!(
            "as you asked, this run skipped {} and replaced {}:",
            counted(skipped, "DDL"),
            totals.decided.len() - skipped
        )));
    }
    for ddl in &totals.decided {
        let how = ddl.instead.as_ref().map_or_else(|| "skipped".to_owned(), |sql| format!("replaced by `{sql}`"));
        events(Event::Warning(format!("commit ts {}, in `{}`: `{}` {how}", ddl.commit_ts.0, ddl.schema, ddl.query)));
    }
    if totals.returned_ddl > 0 {
        events(Event::Note(format!("followed {} that came from the other side", counted(totals.returned_ddl, "DDL"))));
    }
    if totals.wrong_side_ddl > 0 {
        events(Event::Warning(format!("ignored {} on the wrong side", counted(totals.wrong_side_ddl, "DDL"))));
    }
    if totals.unrun_ddl > 0 {
        events(Event::Note(format!(
            "{} of the upstream did not run on the target, because this link runs no DDL",
            counted(totals.unrun_ddl, "DDL")
        )));
    }
}
