//! One link: its parts, and its run.

use std::sync::Arc;

use anyhow::Result;

use crate::commands::place;
use crate::config::Settings;
use crate::event::{Event, Events};
use crate::loopback::Loopback;
use crate::model::{CommitTs, Table};
use crate::output;
use crate::pipeline::{End, Pipeline};
use crate::place::Durable;
use crate::route::Router;
use crate::schema::Catalog;
use crate::selection::Selection;
use crate::sink::Sink;
use crate::sink::mysql::{Asker, MysqlOptions};
use crate::source;
use crate::source::pump::Muster;
use crate::stop::Stop;

use super::opposite::Seat;
use super::parts::{Secretly, open, sink_options, source_options};
use super::report::{report, report_loopback};
use super::start::{Clock, start, until};

/// A transaction whose raw bytes are above this part of the memory limit is not decoded as a whole.
const LARGE_PART: usize = 16;

/// What a link has from the process that it runs in.
pub(super) struct Around {
    /// Whom to ask about a DDL that the target refuses.
    pub asker: Option<Asker>,
    /// Whom to ask for a password that nobody gave.
    pub secret: Box<Secretly>,
    /// Its place among the links that run with it.
    pub seat: Option<Seat>,
}

/// Builds the parts and runs them, with nobody to ask about a DDL. Gives how it ended and where.
pub fn link(settings: &Settings, stop: &Stop, events: &Events) -> Result<(End, CommitTs)> {
    run(settings, stop, events, Around { asker: None, secret: Box::new(output::ask_secret), seat: None })
}

pub(super) fn run(settings: &Settings, stop: &Stop, events: &Events, around: Around) -> Result<(End, CommitTs)> {
    let Around { asker, secret, seat } = around;
    settings.filter.warnings().for_each(|warning| events(Event::Warning(warning)));
    let (durable, muster) = (Durable::default(), Arc::<Muster>::default());
    let events = &durable.listening(events);
    let mut source = source::open(&settings.source.address, &source_options(settings, &muster), events)?;
    let clock = Clock::of(source.as_ref());
    let until = until(settings, &clock)?;
    let opposite = seat.as_ref().and_then(|seat| seat.exchange(source.cluster_id(), stop));
    let options = MysqlOptions { asker, ..sink_options(settings, &clock, stop, events)? };
    // Whoever runs the link says so; what looks after its place comes before the target's slots are taken from whoever has them now.
    let opening = open(&settings.target, options, &secret, events)?;
    let mut place = place::look(settings, source.cluster_id(), durable, &muster, stop, events)?;
    let mut sink = opening.finish()?;
    let from = start(settings, sink.position())?;
    events(Event::Applied { txns: 0, rows: 0, position: from });
    let mut catalog = Catalog::at(source.history(), from)?;
    if let Some(job) = sink.last_job() {
        catalog.passed(job)?;
    }
    let source_id = source.cluster_id();
    let loopback = settings.loopback.clone();
    let loopback = loopback
        .map(|l| Loopback::new(l.mark, l.other_channels).opposite(l.opposite.or(opposite)).source(source_id))
        .map(|l| l.selecting(Arc::clone(&settings.filter)));
    if let Some(text) = loopback.as_ref().and_then(|l| l.warning(catalog.tables())) {
        events(Event::Warning(text));
    }
    let is_mark = |t: &Table| settings.mark.as_ref().is_some_and(|m| m.is(&t.schema, &t.name));
    let wanted = || catalog.tables().filter(|t| settings.filter.table(&t.schema, &t.name) && !is_mark(t));
    let router = Router::start(Arc::clone(&settings.routes), wanted(), catalog.databases().map(|(name, ..)| name))?;
    let needed = wanted().filter(|t| settings.filter.brings_rows(&t.schema, &t.name));
    let routed: Vec<_> = needed.map(|t| router.table(t)).collect();
    let numbering = sink.prepare(routed.iter())?;
    if let Some(text) = seat.as_ref().zip(numbering).and_then(|(seat, own)| seat.numbers(own)) {
        events(Event::Warning(text));
    }
    // Nothing is left to refuse the start but the stream itself; if that does, the entry goes again.
    if let Some(place) = &mut place {
        place::register(place, events)?;
    }
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
