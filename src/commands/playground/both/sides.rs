//! The two servers, A and B.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::cli::{Cli, Command, Format};
use crate::error::Fault;
use crate::event::{Event, Events};
use crate::output;
use crate::playground::mirror::{Mirror, MirrorOptions};

/// Names of the two sides, and ids of the clusters that they pass for.
const SIDES: [(&str, u64); 2] = [("A", 7_000_000_000_000_000_011), ("B", 7_000_000_000_000_000_012)];
/// The channel of their marks.
pub(super) const CHANNEL: &str = "1";
/// How long an idle Pump waits before it writes a fake: what a lone transaction waits for at most.
const FAKES: Duration = Duration::from_millis(200);
/// How long a side may take to read its own binlog.
const LIMIT: Duration = Duration::from_secs(60);

/// Both of them.
pub(super) struct Sides([Arc<Mirror>; 2]);

impl Sides {
    /// Starts them beside each other: each takes a few seconds.
    pub(super) fn start(events: &Events) -> Result<Self> {
        let start = |(name, cluster_id): (&'static str, u64), offset| {
            let events = named(name, events);
            let options = MirrorOptions { cluster_id, auto_increment_offset: Some(offset), fakes: FAKES, events };
            std::thread::spawn(move || Mirror::start_alone(options).with_context(|| format!("cannot start {name}")))
        };
        let [first, second] = SIDES;
        let (a, b) = (start(first, 1), start(second, 2));
        let up = |thread: JoinHandle<Result<Mirror>>| -> Result<Arc<Mirror>> {
            Ok(Arc::new(thread.join().map_err(|_| Fault::refused("a server's thread panicked"))??))
        };
        Ok(Self([up(a)?, up(b)?]))
    }

    /// A, and B.
    pub(super) fn each(&self) -> &[Arc<Mirror>; 2] {
        &self.0
    }

    /// Makes the mark table on both, as an operator would.
    pub(super) fn set_up_marks(&self) -> Result<()> {
        let [a, b] = self.each();
        let words = ["tisync", "mark", "setup", "--to", &a.url(), "--to", &b.url(), "--channel-id", CHANNEL];
        output::note(&format!("$ {}", words.join(" ")));
        match <Cli as clap::Parser>::try_parse_from(words)?.command {
            Command::Mark(command) => crate::commands::mark::run(&command, Format::Text)?,
            _ => return Err(Fault::usage("`tisync mark` is not what it was").into()),
        }
        self.wait_caught_up()
    }

    /// Waits until what both have committed by now is in their Pumps.
    pub(super) fn wait_caught_up(&self) -> Result<()> {
        self.each().iter().try_for_each(|side| side.wait_caught_up(LIMIT))
    }

    /// Fails if a side's stream has stopped.
    pub(super) fn check(&self) -> Result<()> {
        let failure = SIDES.iter().zip(self.each()).find_map(|((name, _), side)| Some((name, side.failure()?)));
        let Some((name, failure)) = failure else { return Ok(()) };
        let hint = "the clusters are gone with this command: start it again without that statement";
        Err(Fault::refused(format!("{name}: {failure}")).hint(hint).into())
    }
}

/// The events of the side of this name.
fn named(name: &'static str, events: &Events) -> Events {
    let events = Arc::clone(events);
    Arc::new(move |event| {
        events(match event {
            Event::Note(text) => Event::Note(format!("{name}: {text}")),
            Event::Warning(text) => Event::Warning(format!("{name}: {text}")),
            Event::Retrying { why, next, since } => Event::Retrying { why: format!("{name}: {why}"), next, since },
            other => other,
        });
    })
}
