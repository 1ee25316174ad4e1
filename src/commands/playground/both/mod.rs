//! Two mirrored servers and a link each way: what is typed into either appears in the other.

mod links;
mod proof;
mod sides;
mod work;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};

use self::links::{Links, NAMES};
use self::proof::Proof;
use self::sides::Sides;
use super::wait;
use crate::cli::PlaygroundArgs;
use crate::error::{Fault, Kind};
use crate::output::{self, Progress};
use crate::playground::keeper::Keeper;
use crate::playground::mirror::{FOLLOWED, REFUSED};
use crate::stop::Stop;

/// The configuration of both links, in a folder of its own.
const FILE: &str = "tisync.toml";

/// Runs it all until the load is over, or until a signal.
pub fn run(args: &PlaygroundArgs, stop: &Stop) -> Result<()> {
    let view = Arc::new(Progress::start(&NAMES, false));
    output::note("starting two private MariaDBs, each with a second one that repeats its DDL");
    let sides = match start(&view) {
        // Ctrl-C reaches MariaDB's installer as well, which fails then.
        _ if stop.requested() => return interrupted(args),
        started => started?,
    };
    let proof = Proof::begin(&sides)?;
    let dir = tempfile::Builder::new().prefix("tisync-playground-").tempdir()?;
    // Dropped before the folder: what a second signal leaves is removed all the same.
    let _keeper = Keeper::start(dir.path())?;
    let file = dir.path().join(FILE);
    fs::write(&file, links::configuration(&sides)).with_context(|| format!("cannot write {}", file.display()))?;
    let running = Links::start(&file, &view)?;
    introduce(&sides, &file);
    let worked = work::work(args, &sides, stop, &running);
    let ended = running.stop();
    view.finish();
    // Why a link ended says more than that it did.
    ended?;
    match worked? {
        Some(done) => {
            sides.wait_caught_up()?;
            links::catch_up(&file)?;
            output::answer(&proof.end(&sides, done)?)?;
        }
        None => return interrupted(args),
    }
    if args.keep && !stop.requested() {
        output::note("both stay up, without links between them; Ctrl-C ends it");
        wait(stop);
    }
    Ok(())
}

fn start(view: &Progress) -> Result<Sides> {
    let sides = Sides::start(&view.events(None))?;
    sides.set_up_marks()?;
    Ok(sides)
}

/// A signal is the end that everybody waits for, unless there was something to compare.
fn interrupted(args: &PlaygroundArgs) -> Result<()> {
    match args.load {
        Some(_) => Err(Fault::new(Kind::Interrupted, "stopped by a signal; nothing was compared").into()),
        None => Ok(()),
    }
}

fn introduce(sides: &Sides, file: &Path) {
    let [a, b] = sides.each();
    for line in [
        format!("A: mariadb -u root -S {}", a.socket().display()),
        format!("B: mariadb -u root -S {}", b.socket().display()),
        "rows typed into either appear in the other; of DDL there is one direction: type it into A alone".to_owned(),
        format!("DDL that is understood: {FOLLOWED}"),
        format!("any other is refused aloud and ends this: {REFUSED}"),
        "what MariaDB changes through a foreign key that cascades is not in its row binlog and stays on its side"
            .to_owned(),
        format!("both links run in this process, as {} says", file.display()),
    ] {
        output::note(&line);
    }
}
