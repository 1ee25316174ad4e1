//! Two mirrored servers and a link each way: what is typed into either appears in the other.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use mysql::prelude::Queryable;

use super::{TICK, different, parse, sync, wait};
use crate::cli::{Cli, Command, Format, PlaygroundArgs};
use crate::error::{Fault, Kind};
use crate::event::Events;
use crate::filter;
use crate::output::{self, Progress};
use crate::pipeline::End;
use crate::playground::compare::{self, Comparison, Definitions, Side};
use crate::playground::mirror::load::{self, LoadOptions, RunningLoad};
use crate::playground::mirror::{Mirror, MirrorOptions};
use crate::stop::Stop;

/// Ids of the two simulated clusters.
const CLUSTERS: [u64; 2] = [7_000_000_000_000_000_011, 7_000_000_000_000_000_012];
/// The channel of their marks.
const CHANNEL: &str = "1";
/// How long an idle Pump waits before it writes a fake: what a lone transaction waits for at most.
const FAKES: Duration = Duration::from_millis(200);
/// How long one side may take to have what the other has.
const LIMIT: Duration = Duration::from_secs(60);
/// Names of the two links.
const LINKS: [&str; 2] = ["A→B", "B→A"];

type Linked = JoinHandle<Result<End>>;

/// Runs it all until the load is over, or until a signal.
pub fn run(args: &PlaygroundArgs, stop: &Stop) -> Result<()> {
    let view = Progress::start(&LINKS, false);
    output::note("starting two private MariaDBs, each with a server that repeats its DDL");
    let sides = mirrors(&view.events(None))?;
    let [a, b] = &sides;
    let starts = [a.cluster().tso(), b.cluster().tso()].map(|ts| ts.to_string());
    set_up_marks(&sides)?;
    let stops = [Stop::default(), Stop::default()];
    let mut words = [link_words(a, b), link_words(b, a)];
    let [_, back] = &mut words;
    // DDL carries no mark: it goes one way only.
    back.push("--no-ddl".to_owned());
    let mut links = Vec::new();
    for (which, (words, start)) in words.iter().zip(&starts).enumerate() {
        let first: Vec<String> = words.iter().cloned().chain(["--start-ts".to_owned(), start.clone()]).collect();
        output::note(&format!("$ {}", first.join(" ")));
        let (settings, events) = (parse(&first)?, view.events(Some(which)));
        let stop = stops.get(which).cloned().unwrap_or_default();
        links.push(std::thread::spawn(move || Ok(crate::commands::sync::link(&settings, &stop, &events)?.0)));
    }
    introduce(&sides);
    let worked = work(args, &sides, stop, &links);
    stops.iter().for_each(Stop::request);
    let ended: Vec<Result<End>> =
        links.into_iter().map(|l| l.join().map_err(|_| Fault::refused("a link's thread panicked"))?).collect();
    view.finish();
    for (name, end) in LINKS.iter().zip(ended) {
        end.with_context(|| format!("the link {name}"))?;
    }
    let done = worked?;
    if args.load.is_some() {
        finish(&sides, &words, done)?;
    }
    if args.keep {
        output::note("both stay up, without links between them; Ctrl-C ends it");
        wait(stop);
    }
    Ok(())
}

/// Both at once: each takes a few seconds.
fn mirrors(events: &Events) -> Result<[Arc<Mirror>; 2]> {
    let start = |n: u8, cluster_id| {
        let options =
            MirrorOptions { cluster_id, auto_increment_offset: Some(n), fakes: FAKES, events: Arc::clone(events) };
        std::thread::spawn(move || Mirror::start(options))
    };
    let [first, second] = CLUSTERS;
    let (a, b) = (start(1, first), start(2, second));
    let up = |thread: JoinHandle<Result<Mirror>>| -> Result<Arc<Mirror>> {
        Ok(Arc::new(thread.join().map_err(|_| Fault::refused("a server's thread panicked"))??))
    };
    Ok([up(a)?, up(b)?])
}

fn set_up_marks([a, b]: &[Arc<Mirror>; 2]) -> Result<()> {
    let words = ["tisync", "mark", "setup", "--to", &a.url(), "--to", &b.url(), "--channel-id", CHANNEL];
    output::note(&format!("$ {}", words.join(" ")));
    match <Cli as clap::Parser>::try_parse_from(words)?.command {
        Command::Mark(command) => crate::commands::mark::run(&command, Format::Text),
        _ => Err(Fault::usage("`tisync mark` is not what it was").into()),
    }
}

/// What an operator would type for the link, but for where it starts.
fn link_words(from: &Mirror, to: &Mirror) -> Vec<String> {
    let (from, to) = (from.cluster().pd_url(), to.url());
    let words = ["tisync", "sync", "--from", &from, "--to", &to, "--loopback", "--channel-id", CHANNEL];
    words.map(str::to_owned).to_vec()
}

fn introduce([a, b]: &[Arc<Mirror>; 2]) {
    output::note(&format!("A: mariadb -u root -S {}", a.socket().display()));
    output::note(&format!("B: mariadb -u root -S {}", b.socket().display()));
    output::note("rows typed into either appear in the other; make and change tables on A alone");
    output::note(
        "what MariaDB changes through a foreign key that cascades is not in its row binlog and stays on its side",
    );
}

/// Works, or waits, until time or somebody ends it. Gives the transactions of each side.
fn work(args: &PlaygroundArgs, sides: &[Arc<Mirror>; 2], stop: &Stop, links: &[Linked]) -> Result<[u64; 2]> {
    let Some(rate) = args.load else {
        output::note("Ctrl-C ends it");
        while !stop.requested() {
            watch(sides, links)?;
            sleep(TICK);
        }
        return Ok([0; 2]);
    };
    let [a, b] = sides;
    load::create(&mut a.connect()?)?;
    let begin = Instant::now();
    while !load::ready(&mut b.connect()?)? {
        watch(sides, links)?;
        if stop.requested() || begin.elapsed() > LIMIT {
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
    seen.and(Ok([one?, two?]))
}

/// Whether all goes on.
fn watch(sides: &[Arc<Mirror>; 2], links: &[Linked]) -> Result<()> {
    if let Some(failure) = sides.iter().find_map(|side| side.failure()) {
        let hint = "the clusters are gone with this command: start it again without that statement";
        return Err(Fault::refused(failure).hint(hint).into());
    }
    if links.iter().any(JoinHandle::is_finished) {
        // Its own error follows when it is joined; without one this is all there is to say.
        return Err(Fault::refused("a link ended by itself").into());
    }
    Ok(())
}

/// Takes the rest to both sides, and compares them.
fn finish(sides: &[Arc<Mirror>; 2], words: &[Vec<String>; 2], [one, two]: [u64; 2]) -> Result<()> {
    for (side, words) in sides.iter().zip(words) {
        side.wait_caught_up(LIMIT)?;
        let [_, _, _, from, _, to, more @ ..] = words.as_slice() else { continue };
        let more: Vec<String> = more.iter().cloned().chain(["--until", "caught-up"].map(str::to_owned)).collect();
        // The operator's signal has ended the load; what is left takes a moment, and a second signal ends that too.
        if sync(from, to, &more, &Stop::default())? == End::Stopped {
            return Err(Fault::new(Kind::Interrupted, "stopped by a signal; nothing was compared").into());
        }
    }
    let found = compared(sides)?;
    if !found.equal() {
        return Err(different(&found.differences));
    }
    output::answer(&format!("equal: {one} transactions on A, {two} on B, {} tables, {} rows", found.tables, found.rows))
}

fn compared(sides: &[Arc<Mirror>; 2]) -> Result<Comparison> {
    let mut databases = BTreeSet::new();
    for side in sides {
        let all: Vec<String> = side.connect()?.query("SELECT schema_name FROM information_schema.schemata")?;
        databases.extend(all.into_iter().filter(|name| filter::wanted(name)));
    }
    let [a, b] = sides;
    let mut all = Comparison::default();
    for name in databases {
        let (mut left, mut right) = (Side::new(a.connect()?, &name)?, Side::new(b.connect()?, &name)?);
        let found = compare::databases(&mut left, &mut right, Definitions::Exact, &[])?;
        all.tables += found.tables;
        all.rows += found.rows;
        all.differences.extend(found.differences);
    }
    Ok(all)
}
