//! `tisync sync`: links, each from a source to a target.

mod link;
mod parts;
mod report;
mod start;

use anyhow::Result;

use crate::cli::SyncArgs;
use crate::config::{Remark, Settings};
use crate::error::{Fault, Kind};
use crate::event::Event;
use crate::model::CommitTs;
use crate::output::{self, Progress};
use crate::pipeline::End;
use crate::sink::mysql::Asker;
use crate::stop::Stop;

pub use self::link::link;
use self::link::link_asking;
pub(super) use self::start::drainer;

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
