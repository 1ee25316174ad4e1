//! Several links beside each other, each in a thread of its own with its own position, workers and stop.
//!
//! A signal drains them all. One that fails drains the others, unless they shall go on; the first failure is that of the command.

use std::collections::BTreeMap;
use std::io;
use std::thread::{Builder, ScopedJoinHandle, scope, sleep};
use std::time::Duration;

use anyhow::{Error, Result};

use super::opposite::seats;
use super::{GOES_ON, around, link, tell};
use crate::config::Settings;
use crate::error::{Fault, Kind, fault};
use crate::event::{Event, Events};
use crate::model::CommitTs;
use crate::output::Progress;
use crate::pipeline::End;
use crate::stop::Stop;

/// How often it looks whether a link has ended, or a signal has come.
const TICK: Duration = Duration::from_millis(20);

/// How a link ended.
enum Outcome {
    /// By itself, here.
    Finished(CommitTs),
    /// Because it was told to; how far it is, in words.
    Stopped(String),
    /// Anything else.
    Failed(Error),
}

type Thread<'s> = ScopedJoinHandle<'s, Result<(End, CommitTs)>>;

/// A link, and its thread until that has ended.
struct Running<'s> {
    name: &'s str,
    stop: Stop,
    /// Whether it was told to stop; somebody outside may have asked for it as well.
    told: bool,
    events: Events,
    thread: Option<io::Result<Thread<'s>>>,
}

/// Runs them until all have ended.
pub(super) fn run(links: &[Settings], keep_going: bool, signals: &Stop) -> Result<()> {
    let names: Vec<&str> = links.iter().map(|l| l.link.as_str()).collect();
    let progress = Progress::start(&names, links.iter().all(|l| l.quiet));
    let ended = together(links, keep_going, &progress, signals);
    progress.finish();
    ended
}

/// Runs them until all have ended, in a view that has them in this order.
pub(in crate::commands) fn together(
    links: &[Settings],
    keep_going: bool,
    progress: &Progress,
    signals: &Stop,
) -> Result<()> {
    let to_all = progress.events(None);
    links.iter().for_each(|link| tell(&link.remarks, &to_all));
    scope(|scope| {
        let start = |(which, (settings, seat)): (usize, (_, _))| {
            let settings: &Settings = settings;
            let (stop, events) = (Stop::default(), progress.events(Some(which)));
            let (stopped, told) = (stop.clone(), events.clone());
            let around = around(progress, which, Some(seat));
            let work = move || link::run(settings, &stopped, &told, around);
            let thread = Builder::new().name(settings.link.clone()).spawn_scoped(scope, work);
            Running { name: &settings.link, stop, told: false, events, thread: Some(thread) }
        };
        Watch::new(links.iter().zip(seats(links)).enumerate().map(start).collect(), keep_going).until_all_ended(signals)
    })
}

impl Running<'_> {
    fn tell_to_stop(&mut self) {
        self.told = true;
        self.stop.request();
    }

    /// How it ended, once, when it has.
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
    Fault::refused("its thread panicked, with what stands above")
        .hint("please report it; what is applied is recorded, and the same command goes on from there")
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

/// Sees to it that links which belong together end together.
struct Watch<'s> {
    links: Vec<Running<'s>>,
    keep_going: bool,
    /// The first failure, with the name of its link.
    first: Option<Error>,
    /// Those that stopped because they were told to, in the order of the file: whichever is done first, the words are the same.
    stopped: BTreeMap<usize, String>,
}

impl<'s> Watch<'s> {
    fn new(links: Vec<Running<'s>>, keep_going: bool) -> Self {
        Self { links, keep_going, first: None, stopped: BTreeMap::new() }
    }

    /// Gives the first failure; without one, an interruption if any was told to stop.
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
                let text = format!(
                    "stopped by a signal after draining; {}",
                    self.stopped.into_values().collect::<Vec<_>>().join("; ")
                );
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
                let then = if others { "; the others go on" } else { "" };
                events(Event::Note(format!("has come to its end at {}{then}", position.explain())));
            }
            Outcome::Stopped(how) => {
                events(Event::Note(format!("stopped after draining; {how}")));
                self.stopped.insert(which, format!("`{name}`: {how}"));
            }
            Outcome::Failed(error) => {
                match (&self.first, self.keep_going) {
                    (Some(_), _) => events(Event::Warning(format!("failed too: {error:#}"))),
                    (None, true) if others => {
                        events(Event::Warning(format!("failed: {error:#}; the others go on, as --keep-going says")));
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    type Work = Box<dyn FnOnce(&Stop) -> Result<(End, CommitTs)> + Send>;

    /// Until it is told to stop, and then a while.
    fn endless() -> Work {
        Box::new(|stop| {
            while !stop.requested() {
                sleep(TICK);
            }
            sleep(TICK * 3);
            Ok((End::Stopped, CommitTs(7)))
        })
    }

    fn ends(after: Duration, result: fn() -> Result<(End, CommitTs)>) -> Work {
        Box::new(move |_| {
            sleep(after);
            result()
        })
    }

    /// What came of it, and what was said.
    fn watched(work: Vec<(&'static str, Work)>, keep_going: bool, signals: &Stop) -> (Result<()>, String) {
        let said = Arc::new(Mutex::new(String::new()));
        let result = scope(|scope| {
            let start = |(name, work): (&'static str, Work)| {
                let (stop, said) = (Stop::default(), Arc::clone(&said));
                let events: Events = Arc::new(move |event| match event {
                    Event::Note(text) | Event::Warning(text) => *said.lock().unwrap() += &format!("{name}: {text}\n"),
                    other => panic!("{other:?}"),
                });
                let stopped = stop.clone();
                let thread = Some(Builder::new().spawn_scoped(scope, move || work(&stopped)));
                Running { name, stop, told: false, events, thread }
            };
            Watch::new(work.into_iter().map(start).collect(), keep_going).until_all_ended(signals)
        });
        let said = said.lock().unwrap().clone();
        (result, said)
    }

    fn refused() -> Result<(End, CommitTs)> {
        Err(Fault::refused("row missing").hint("look").into())
    }

    fn finished() -> Result<(End, CommitTs)> {
        Ok((End::Finished, CommitTs(5)))
    }

    fn code(result: &Result<()>) -> u8 {
        crate::error::exit_code(result.as_ref().unwrap_err())
    }

    #[test]
    fn one_that_fails_stops_the_others() {
        // However late the others begin: it fails when they are told to stop.
        let late: Work = Box::new(|stop| {
            while !stop.requested() {
                sleep(TICK);
            }
            Err(Fault::connect("gone").into())
        });
        let work = vec![("there", endless()), ("back", ends(Duration::ZERO, refused)), ("third", late)];
        let (result, said) = watched(work, false, &Stop::default());
        assert_eq!(code(&result), 4);
        let error = result.unwrap_err();
        assert_eq!(format!("{error:#}"), "link `back`: row missing");
        assert_eq!(fault(&error).unwrap().hint, "look");
        assert!(said.contains("back: failed; the others drain and stop"), "{said}");
        assert!(said.contains("there: stopped after draining; everything up to 7"), "{said}");
        assert!(said.contains("third: failed too: gone"), "{said}");
    }

    #[test]
    fn others_go_on_if_they_shall() {
        let work = vec![("there", ends(TICK * 10, finished)), ("back", ends(Duration::ZERO, refused))];
        let (result, said) = watched(work, true, &Stop::default());
        assert_eq!(code(&result), 4);
        assert!(said.contains("back: failed: row missing; the others go on"), "{said}");
        assert!(said.contains("there: has come to its end at 5"), "{said}");
    }

    #[test]
    fn a_panic_is_an_error() {
        let panics = ends(TICK, || panic!("as a link might"));
        let (result, _) = watched(vec![("there", endless()), ("back", panics)], false, &Stop::default());
        assert_eq!(code(&result), 4);
        assert!(format!("{:#}", result.unwrap_err()).starts_with("link `back`: its thread panicked"));
    }

    #[test]
    fn ends_by_themselves_and_by_a_signal() {
        let work = || vec![("there", ends(TICK * 4, finished)), ("back", ends(Duration::ZERO, finished))];
        let (result, said) = watched(work(), false, &Stop::default());
        assert!(result.is_ok() && said.contains("back: has come to its end at 5"), "{said}");
        assert!(said.contains("; the others go on\n") && said.trim_end().ends_with(')'), "{said}");

        let interrupted = Box::new(|stop: &Stop| {
            while !stop.requested() {
                sleep(TICK);
            }
            Err(Fault::new(Kind::Interrupted, "stopped while waiting for a DDL job").into())
        });
        let stop = Stop::default();
        stop.request();
        let (result, _) = watched(vec![("there", endless()), ("back", interrupted)], false, &stop);
        assert_eq!(code(&result), 5);
        let text = result.unwrap_err().to_string();
        // In the order of the file, although the second one was done first.
        let (there, back) = text.split_once("; `back`: ").unwrap_or_else(|| panic!("{text}"));
        assert!(there.contains("; `there`: everything up to 7") && back.starts_with("stopped while waiting"), "{text}");
    }

    /// Somebody has taken one link offline from outside: that is no word about the others, but they belong together.
    #[test]
    fn one_that_was_asked_from_outside_names_who() {
        let paused = ends(Duration::ZERO, || Err(Fault::new(Kind::Interrupted, "paused by binlogctl").into()));
        let (result, _) = watched(vec![("there", endless()), ("back", paused)], false, &Stop::default());
        assert_eq!(code(&result), 5);
        assert_eq!(format!("{:#}", result.unwrap_err()), "link `back`: paused by binlogctl");
    }
}
