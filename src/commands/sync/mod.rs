//! `tisync sync`: links, each from a source to a target. One is the plain case ([`link`]); several of a file run beside each other
//! ([`several`]), and those that go opposite ways know of each other ([`opposite`]).

mod link;
mod opposite;
mod parts;
mod report;
mod several;
mod start;

use anyhow::Result;

use super::whose::identify;
use crate::cli::SyncArgs;
use crate::config::{Remark, Settings, agree};
use crate::error::{Fault, Kind};
use crate::event::{Event, Events};
use crate::output::{self, Progress};
use crate::pipeline::End;
use crate::sink::mysql::Asker;
use crate::stop::Stop;

use self::link::Around;
pub use self::link::link;
pub(super) use self::several::together;
pub(super) use self::start::drainer;

/// What an operator does after an orderly stop.
const GOES_ON: &str = "the same command goes on from there";

/// Runs the link, or all of them, until the end.
pub fn run(args: &SyncArgs) -> Result<()> {
    let mut links = Settings::all(args)?;
    let stop = Stop::on_signals()?;
    if links.len() > 1 {
        // Who does not answer keeps its link from starting, which says why.
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
            format!("stopped by a signal after draining; everything up to {} is applied", position.explain()),
        )
        .hint(GOES_ON)
        .into()),
    }
}

/// Whoever sits at the terminal answers the questions of a link.
fn around(progress: &Progress, which: usize, seat: Option<opposite::Seat>) -> Around {
    let asker = output::can_ask().then(|| Asker::new(progress.asker(which)));
    Around { asker, secret: Box::new(progress.secret(which)), seat }
}

fn tell(remarks: &[Remark], events: &Events) {
    for remark in remarks {
        events(match remark.clone() {
            Remark::Warning(text) => Event::Warning(text),
            Remark::Note(text) => Event::Note(text),
        });
    }
}
