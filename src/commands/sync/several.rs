//! Runs several links in one process, each with its own thread, position, workers and stop.
//!
//! A signal drains them all. A link that fails drains the others too, unless the operator wants
//! them to continue; the command fails with the first failure.
//!
//! Links that go opposite ways tell each other which cluster they come from. A link's writes name
//! that cluster, so each link recognises the data of the other when it comes back.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::thread::{Builder, ScopedJoinHandle, scope, sleep};
use std::time::Duration;

use anyhow::{Error, Result};
use parking_lot::{Condvar, Mutex};

use super::{GOES_ON, around, link, tell};
use crate::config::{Settings, opposites};
use crate::error::{Fault, Kind, fault};
use crate::event::{Event, Events};
use crate::model::CommitTs;
use crate::output::Progress;
use crate::pipeline::End;
use crate::sink::mysql::limits::Numbering;
use crate::stop::Stop;

/// Interval at which ended links and signals are looked for.
const TICK: Duration = Duration::from_millis(20);

/// How a link ended.
enum Outcome {
    /// By itself, in this process.
    Finished(CommitTs),
    /// On request; its position, in words.
    Stopped(String),
    /// Anything else.
    Failed(Error),
}

type Thread<'s> = ScopedJoinHandle<'s, Result<(End, CommitTs)>>;

/// A link, and its thread until that has ended.
struct Running<'s> {
    name: &'s str,
    stop: Stop,
    /// Whether it was asked to stop from here. It may also have been asked through the cluster.
    told: bool,
    events: Events,
    thread: Option<io::Result<Thread<'s>>>,
}

/// Runs the links until all have ended.
pub(super) fn run(links: &[Settings], keep_going: bool, signals: &Stop) -> Result<()> {
    let names: Vec<&str> = links.iter().map(|l| l.link.as_str()).collect();
    let progress = Progress::start(&names, links.iter().all(|l| l.quiet));
    let ended = together(links, keep_going, &progress, signals);
    progress.finish();
    ended
}

/// Runs the links until all have ended, with a progress view that has them in this order.
pub(in crate::commands) fn together(
    links: &[Settings],
    keep_going: bool,
    progress: &Progress,
    signals: &Stop,
) -> Result<()> {
    let to_all = progress.events(None);
    links.iter().for_each(|link| tell(&link.remarks, &to_all));
    scope(|scope| {
        let start = |(which, (settings, handle)): (usize, (_, _))| {
            let settings: &Settings = settings;
            let (stop, events) = (Stop::default(), progress.events(Some(which)));
            let (stopped, told) = (stop.clone(), events.clone());
            let around = around(progress, which, Some(handle));
            let work = move || link::run(settings, &stopped, &told, around);
            let thread = Builder::new().name(settings.link.clone()).spawn_scoped(scope, work);
            Running { name: &settings.link, stop, told: false, events, thread: Some(thread) }
        };
        Watch::new(links.iter().zip(handles(links)).enumerate().map(start).collect(), keep_going)
            .until_all_ended(signals)
    })
}

impl Running<'_> {
    fn tell_to_stop(&mut self) {
        self.told = true;
        self.stop.request();
    }

    /// The outcome of an ended link, returned only once.
    fn ended(&mut self) -> Option<Outcome> {
        if let Some(Ok(thread)) = &self.thread
            && !thread.is_finished()
        {
            return None;
        }
        Some(match self.thread.take()?.map(ScopedJoinHandle::join) {
            Err(error) => Outcome::Failed(Error::new(error).context("cannot start a thread")),
            Ok(Err(_)) => Outcome::Failed(panicked().into()),
            Ok(Ok(result)) => Outcome::of(result, self.told),
        })
    }
}

fn panicked() -> Fault {
    Fault::refused("its thread panicked; the message above says why")
        .hint("please report it; progress is recorded: run the same command to resume")
}

impl Outcome {
    fn of(result: Result<(End, CommitTs)>, told: bool) -> Self {
        match result {
            Ok((End::Finished, position)) => Self::Finished(position),
            Ok((End::Stopped, position)) => {
                Self::Stopped(format!("everything up to {} is applied", position.explain()))
            }
            Err(error) if told && fault(&error).is_some_and(|f| f.kind == Kind::Interrupted) => {
                Self::Stopped(format!("{error:#}"))
            }
            Err(error) => Self::Failed(error),
        }
    }
}

/// Ends all links when one fails or a signal comes.
struct Watch<'s> {
    links: Vec<Running<'s>>,
    keep_going: bool,
    /// The first failure, with the name of its link.
    first: Option<Error>,
    /// Links that stopped on request, in the order of the file: so the message does not depend on
    /// which was first.
    stopped: BTreeMap<usize, String>,
}

impl<'s> Watch<'s> {
    fn new(links: Vec<Running<'s>>, keep_going: bool) -> Self {
        Self { links, keep_going, first: None, stopped: BTreeMap::new() }
    }

    /// Returns the first failure; without one, an interruption if any link was asked to stop.
    fn until_all_ended(mut self, signals: &Stop) -> Result<()> {
        while self.left() > 0 {
            if signals.requested() {
                self.links.iter_mut().for_each(Running::tell_to_stop);
            }
            for which in 0..self.links.len() {
                if let Some(outcome) = self.links.get_mut(which).and_then(Running::ended) {
                    self.take(outcome, which);
                }
            }
            sleep(TICK);
        }
        match self.first {
            Some(error) => Err(error),
            None if self.stopped.is_empty() => Ok(()),
            None => {
                let text = format!("stopped cleanly; {}", self.stopped.into_values().collect::<Vec<_>>().join("; "));
                Err(Fault::new(Kind::Interrupted, text).hint(GOES_ON).into())
            }
        }
    }

    fn left(&self) -> usize {
        self.links.iter().filter(|l| l.thread.is_some()).count()
    }

    fn take(&mut self, outcome: Outcome, which: usize) {
        let Some(Running { name, events, .. }) = self.links.get(which) else { return };
        let (name, events, others) = (*name, events.clone(), self.left() > 0);
        match outcome {
            Outcome::Finished(position) => {
                let then = if others { "; the others continue" } else { "" };
                events(Event::Note(format!("finished at {}{then}", position.explain())));
            }
            Outcome::Stopped(how) => {
                events(Event::Note(format!("stopped cleanly; {how}")));
                self.stopped.insert(which, format!("`{name}`: {how}"));
            }
            Outcome::Failed(error) => {
                match (&self.first, self.keep_going) {
                    (Some(_), _) => events(Event::Warning(format!("failed too: {error:#}"))),
                    (None, true) if others => {
                        events(Event::Warning(format!("failed: {error:#}; the others continue (--keep-going)")));
                    }
                    (None, false) if others => {
                        events(Event::Warning("failed; the others drain and stop".to_owned()));
                    }
                    (None, _) => {}
                }
                if self.first.is_none() {
                    self.first = Some(error.context(format!("link `{name}`")));
                }
                if !self.keep_going {
                    self.links.iter_mut().for_each(Running::tell_to_stop);
                }
            }
        }
    }
}

/// How long a waiting link sleeps before it checks its stop again.
const PATIENCE: Duration = Duration::from_millis(100);

/// What is known about a link's source.
#[derive(Clone, Copy)]
enum Known {
    NotYet,
    Cluster(u64),
    /// The link ended before this was known.
    Never,
}

/// What the links of a process know of each other.
struct LinkStates {
    known: Mutex<Vec<Known>>,
    news: Condvar,
    /// How each link's target numbers rows, if it does.
    numbers: Mutex<Vec<Option<Numbering>>>,
}

impl LinkStates {
    fn new(links: usize) -> Arc<Self> {
        let (known, numbers) = (Mutex::new(vec![Known::NotYet; links]), Mutex::new(vec![None; links]));
        Arc::new(Self { known, news: Condvar::new(), numbers })
    }

    fn tell(&self, which: usize, what: Known) {
        if let Some(entry) = self.known.lock().get_mut(which)
            && matches!(entry, Known::NotYet)
        {
            *entry = what;
        }
        self.news.notify_all();
    }
}

/// A link's access to the state of the others. Dropping it means that the link has no more to
/// report.
pub struct LinkHandle {
    states: Arc<LinkStates>,
    own: usize,
    opposite: Option<usize>,
}

/// A handle for each link.
#[must_use]
pub fn handles(links: &[Settings]) -> Vec<LinkHandle> {
    let pairs = opposites(links);
    let states = LinkStates::new(links.len());
    let handle = |own| {
        let opposite = pairs.iter().find_map(|(a, b)| match own {
            own if own == *a => Some(*b),
            own if own == *b => Some(*a),
            _ => None,
        });
        LinkHandle { states: Arc::clone(&states), own, opposite }
    };
    (0..links.len()).map(handle).collect()
}

impl LinkHandle {
    /// Records that the link comes from `cluster_id`, and returns the cluster of the opposite link:
    /// waits until that is known, or never will be. `None` also if there is no such link, or if
    /// `stop` ends the wait.
    #[must_use]
    pub fn exchange(&self, cluster_id: u64, stop: &Stop) -> Option<u64> {
        self.states.tell(self.own, Known::Cluster(cluster_id));
        let opposite = self.opposite?;
        let mut known = self.states.known.lock();
        while !stop.requested() {
            match known.get(opposite) {
                Some(Known::Cluster(id)) => return Some(*id),
                Some(Known::NotYet) => {}
                Some(Known::Never) | None => return None,
            }
            self.states.news.wait_for(&mut known, PATIENCE);
        }
        None
    }
}

impl LinkHandle {
    /// Records how the link's target numbers rows. Returns a warning if the opposite link's target,
    /// recorded before, may produce equal numbers, unless either side uses all numbers.
    #[must_use]
    pub fn numbers(&self, own: Numbering) -> Option<String> {
        let mut numbers = self.states.numbers.lock();
        if let Some(entry) = numbers.get_mut(self.own) {
            *entry = Some(own);
        }
        let other = numbers.get(self.opposite?).copied().flatten()?;
        own.clash(other)
    }
}

impl Drop for LinkHandle {
    fn drop(&mut self) {
        self.states.tell(self.own, Known::Never);
    }
}

#[cfg(test)]
#[path = "several_tests.rs"]
mod tests;
