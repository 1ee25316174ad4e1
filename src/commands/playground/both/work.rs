//! What happens on the two sides while the links run.

use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::links::Links;
use super::sides::Sides;
use crate::cli::PlaygroundArgs;
use crate::commands::playground::TICK;
use crate::error::{Fault, Kind};
use crate::output;
use crate::playground::mirror::Mirror;
use crate::playground::mirror::load::{self, LoadOptions, RunningLoad};
use crate::stop::Stop;

/// How long the tables of the load may take to come to B.
const LIMIT: Duration = Duration::from_secs(60);

/// Works, or waits, until time or somebody ends it. Gives the transactions of each side, if there was any load.
pub(super) fn work(args: &PlaygroundArgs, sides: &Sides, stop: &Stop, links: &Links) -> Result<Option<[u64; 2]>> {
    let Some(rate) = args.load else {
        output::note("Ctrl-C ends it, and removes both");
        while !stop.requested() {
            watch(sides, links)?;
            sleep(TICK);
        }
        return Ok(None);
    };
    let [a, b] = sides.each();
    load::create(&mut a.connect()?)?;
    let begin = Instant::now();
    while !load::ready(&mut b.connect()?)? {
        watch(sides, links)?;
        if stop.requested() {
            return Ok(None);
        }
        if begin.elapsed() > LIMIT {
            return Err(Fault::new(Kind::TimedOut, "the tables of the load did not come to B").into());
        }
        sleep(TICK);
    }
    output::note(&format!("{rate} transactions a second on each side for {} s", args.duration));
    let start = |mirror: &Arc<Mirror>, side: u8| {
        let seed = args.seed.wrapping_mul(2).wrapping_add(side.into());
        RunningLoad::start(Arc::clone(mirror), LoadOptions { side, seed, rate: Some(rate.into()) })
    };
    let running = [start(a, 1), start(b, 2)];
    let end = Instant::now() + Duration::from_secs(args.duration);
    let mut seen = Ok(());
    while seen.is_ok() && !stop.requested() && Instant::now() < end {
        seen = watch(sides, links);
        sleep(TICK);
    }
    let [one, two] = running.map(RunningLoad::stop);
    seen?;
    Ok(Some([one?, two?]))
}

/// Whether all goes on.
fn watch(sides: &Sides, links: &Links) -> Result<()> {
    sides.check()?;
    if links.ended() {
        // Its own error follows when it is joined; without one this is all there is to say.
        return Err(Fault::refused("a link ended by itself").into());
    }
    Ok(())
}
