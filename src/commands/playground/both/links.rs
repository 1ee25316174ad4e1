//! The links between the two sides: their tisync.toml, and the run that `tisync sync --config` would make of it.

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::Result;

use super::sides::{CHANNEL, Sides};
use crate::cli::{Cli, Command};
use crate::commands::sync;
use crate::config::Settings;
use crate::error::{Fault, Kind, fault};
use crate::output::{self, Progress};
use crate::stop::Stop;

/// Their names.
pub(super) const NAMES: [&str; 2] = ["a-to-b", "b-to-a"];

/// The tisync.toml of both, which begin now.
pub(super) fn configuration(sides: &Sides) -> String {
    let mut text = "# Two clusters that tisync playground --both simulates, and a link each way.\n".to_owned();
    for (name, side) in ["a", "b"].iter().zip(sides.each()) {
        let pd = side.cluster().pd_url();
        let pd = pd.trim_start_matches("pd://");
        text.push_str(&format!("\n[cluster.{name}]\npd = [\"{pd}\"]\nsql = \"{}\"\n", side.url()));
    }
    let [there, back] = NAMES;
    let [a, b] = sides.each().each_ref().map(|side| side.cluster().tso());
    for (name, from, to, start, ddl) in [(there, "a", "b", a, ""), (back, "b", "a", b, "ddl = false\n")] {
        text.push_str(&format!(
            "\n[[link]]\nname = \"{name}\"\nfrom = \"{from}\"\nto = \"{to}\"\nstart-ts = {start}\n{ddl}loopback = true\n\
             channel-id = {CHANNEL}\n"
        ));
    }
    text
}

/// Both links, running.
pub(super) struct Links {
    stop: Stop,
    thread: JoinHandle<Result<()>>,
}

impl Links {
    /// Starts those of `file`.
    pub(super) fn start(file: &Path, view: &Arc<Progress>) -> Result<Self> {
        let (links, view, stop) = (settings(file, &[])?, Arc::clone(view), Stop::default());
        let signal = stop.clone();
        let thread = std::thread::spawn(move || sync::together(&links, false, &view, &signal));
        Ok(Self { stop, thread })
    }

    /// Whether they have ended by themselves.
    pub(super) fn ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// Drains and ends them. Fails if one had failed before.
    pub(super) fn stop(self) -> Result<()> {
        let early = self.ended();
        self.stop.request();
        match self.thread.join().map_err(|_| Fault::refused("the thread of the links panicked"))? {
            // That is what they were told.
            Err(error) if !early && fault(&error).is_some_and(|f| f.kind == Kind::Interrupted) => Ok(()),
            ended => ended,
        }
    }
}

/// Takes what is left to both sides.
pub(super) fn catch_up(file: &Path) -> Result<()> {
    let links = settings(file, &["--until", "caught-up"])?;
    let view = Progress::start(&NAMES, false);
    // The operator's signal has ended the load; what is left takes a moment, and a second signal ends that too.
    let ended = sync::together(&links, false, &view, &Stop::default());
    view.finish();
    ended
}

/// What an operator would type, and what it stands for.
fn settings(file: &Path, more: &[&str]) -> Result<Vec<Settings>> {
    let file = file.display().to_string();
    let words = [&["tisync", "sync", "--config", &file], more].concat();
    output::note(&format!("$ {}", words.join(" ")));
    match <Cli as clap::Parser>::try_parse_from(words)?.command {
        Command::Sync(args) => Settings::all(&args),
        _ => Err(Fault::usage("the playground runs nothing but `sync`").into()),
    }
}
