//! `playground --both`: two mirrored servers and a link each way, so each gets the other's changes.
//!
//! - The links between the two sides: their tisync.toml, and the run that `tisync sync --config`
//!   would make of it.
//! - The two servers, A and B.
//! - The load on the two sides while the links run.
//! - The proof that both sides are equal and nothing came back: the rows, and the binlog of each
//!   server.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::{TICK, different, wait};
use crate::cli::{Cli, Command, Format, PlaygroundArgs};
use crate::commands::sync;
use crate::config::Settings;
use crate::error::{Fault, Kind, counted, fault};
use crate::event::{Event, Events};
use crate::filter;
use crate::model::DEFAULT_MARK_TABLE;
use crate::mysql::answer::Answers;
use crate::output::{self, Progress};
use crate::playground::compare::{self, Comparison, Definitions, Side};
use crate::playground::mariadb::Keeper;
use crate::playground::mirror::load::{self, LoadOptions, RunningLoad};
use crate::playground::mirror::{Census, FOLLOWED, Mirror, MirrorOptions, REFUSED};
use crate::stop::Stop;

/// Name of the configuration of both links, in a temporary folder.
const FILE: &str = "tisync.toml";

/// Runs both servers and both links until the load is over, or until a signal.
pub fn run(args: &PlaygroundArgs, stop: &Stop) -> Result<()> {
    let view = Arc::new(Progress::start(&NAMES, false));
    output::note("starting two private MariaDBs, each with a second one that repeats its DDL");
    let sides = match start(&view) {
        // Ctrl-C reaches MariaDB's installer as well, which then fails.
        _ if stop.requested() => return interrupted(args),
        started => started?,
    };
    let proof = Proof::begin(&sides)?;
    let dir = tempfile::Builder::new().prefix("tisync-playground-").tempdir()?;
    // Dropped before the folder: what a second signal leaves behind is removed all the same.
    let _keeper = Keeper::start(dir.path())?;
    let file = dir.path().join(FILE);
    fs::write(&file, configuration(&sides)).with_context(|| format!("cannot write {}", file.display()))?;
    let running = Links::start(&file, &view)?;
    introduce(&sides, &file);
    let worked = work(args, &sides, stop, &running);
    let ended = running.stop();
    view.finish();
    // The reason why a link ended says more than the fact.
    ended?;
    match worked? {
        Some(done) => {
            sides.wait_caught_up()?;
            catch_up(&file)?;
            output::answer(&proof.end(&sides, done)?)?;
        }
        None => return interrupted(args),
    }
    if args.keep && !stop.requested() {
        output::note("both stay up, without links between them; Ctrl-C stops them");
        wait(stop);
    }
    Ok(())
}

fn start(view: &Progress) -> Result<Sides> {
    let sides = Sides::start(&view.events(None))?;
    sides.set_up_marks()?;
    Ok(sides)
}

/// The result after a signal: it is the normal end, unless there was a comparison to make.
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
        "rows written to either appear in the other; DDL is replicated in one direction: run it on A only".to_owned(),
        format!("supported DDL: {FOLLOWED}"),
        format!("any other DDL is refused with an error and ends the playground: {REFUSED}"),
        "changes that MariaDB makes through cascading foreign keys are not in its row binlog and stay on one side"
            .to_owned(),
        format!("both links run in this process, as configured in {}", file.display()),
    ] {
        output::note(&line);
    }
}

/// The names of the links.
const NAMES: [&str; 2] = ["a-to-b", "b-to-a"];

/// The tisync.toml of both links, which begin now.
fn configuration(sides: &Sides) -> String {
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

/// Both running links.
struct Links {
    stop: Stop,
    thread: JoinHandle<Result<()>>,
}

impl Links {
    /// Starts the links of `file`.
    fn start(file: &Path, view: &Arc<Progress>) -> Result<Self> {
        let (links, view, stop) = (settings(file, &[])?, Arc::clone(view), Stop::default());
        let signal = stop.clone();
        let thread = std::thread::spawn(move || sync::together(&links, false, &view, &signal));
        Ok(Self { stop, thread })
    }

    /// Whether the links have ended without a request.
    fn ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// Drains and ends the links. Fails if one had failed before.
    fn stop(self) -> Result<()> {
        let early = self.ended();
        self.stop.request();
        match self.thread.join().map_err(|_| Fault::refused("the thread of the links panicked"))? {
            // They were asked to stop.
            Err(error) if !early && fault(&error).is_some_and(|f| f.kind == Kind::Interrupted) => Ok(()),
            ended => ended,
        }
    }
}

/// Replicates the rest of the changes in both directions.
fn catch_up(file: &Path) -> Result<()> {
    let links = settings(file, &["--until", "caught-up"])?;
    let view = Progress::start(&NAMES, false);
    // The operator's signal has ended the load; the rest takes a moment, and a second signal ends
    // that too.
    let ended = sync::together(&links, false, &view, &Stop::default());
    view.finish();
    ended
}

/// The settings of a command that an operator would type.
fn settings(file: &Path, more: &[&str]) -> Result<Vec<Settings>> {
    let file = file.display().to_string();
    let words = [&["tisync", "sync", "--config", &file], more].concat();
    output::note(&format!("$ {}", words.join(" ")));
    match <Cli as clap::Parser>::try_parse_from(words)?.command {
        Command::Sync(args) => Settings::all(&args),
        _ => Err(Fault::usage("the playground only runs `sync`").into()),
    }
}

/// Names of the two sides, and the ids of the clusters that they simulate.
const SIDES: [(&str, u64); 2] = [("A", 7_000_000_000_000_000_011), ("B", 7_000_000_000_000_000_012)];
/// The channel of their marks.
const CHANNEL: &str = "1";
/// How long an idle Pump waits before it writes a fake: the longest wait of a lone transaction.
const FAKES: Duration = Duration::from_millis(200);
/// How long a side may take to read its own binlog.
const START_LIMIT: Duration = Duration::from_secs(60);

/// Both sides.
struct Sides([Arc<Mirror>; 2]);

impl Sides {
    /// Starts both servers at the same time: each takes a few seconds.
    fn start(events: &Events) -> Result<Self> {
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

    /// A and B.
    fn each(&self) -> &[Arc<Mirror>; 2] {
        &self.0
    }

    /// Creates the mark table on both, as an operator would.
    fn set_up_marks(&self) -> Result<()> {
        let [a, b] = self.each();
        let words = ["tisync", "mark", "setup", "--to", &a.url(), "--to", &b.url(), "--channel-id", CHANNEL];
        output::note(&format!("$ {}", words.join(" ")));
        match <Cli as clap::Parser>::try_parse_from(words)?.command {
            Command::Mark(command) => crate::commands::mark::run(&command, Format::Text)?,
            _ => return Err(Fault::usage("`tisync mark` is not what it was").into()),
        }
        self.wait_caught_up()
    }

    /// Waits until the Pumps of both sides have everything that was committed before.
    fn wait_caught_up(&self) -> Result<()> {
        self.each().iter().try_for_each(|side| side.wait_caught_up(START_LIMIT))
    }

    /// Fails if a side's stream has stopped.
    fn check(&self) -> Result<()> {
        let failure = SIDES.iter().zip(self.each()).find_map(|((name, _), side)| Some((name, side.failure()?)));
        let Some((name, failure)) = failure else { return Ok(()) };
        let hint = "the clusters end with this command: start it again without that statement";
        Err(Fault::refused(format!("{name}: {failure}")).hint(hint).into())
    }
}

/// Events with the name of their side.
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

/// How long the tables of the load may take to reach B.
const WORK_LIMIT: Duration = Duration::from_secs(60);

/// Runs the load, or waits, until the time is over or a signal comes. Returns the transactions of
/// each side, if there was a load.
fn work(args: &PlaygroundArgs, sides: &Sides, stop: &Stop, links: &Links) -> Result<Option<[u64; 2]>> {
    let Some(rate) = args.load else {
        output::note("Ctrl-C stops and removes both");
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
        if begin.elapsed() > WORK_LIMIT {
            return Err(Fault::new(Kind::TimedOut, "the tables of the load did not reach B").into());
        }
        sleep(TICK);
    }
    output::note(&format!("{rate} transactions per second on each side for {} s", args.duration));
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

/// Fails if a side or a link has stopped.
fn watch(sides: &Sides, links: &Links) -> Result<()> {
    sides.check()?;
    if links.ended() {
        // The link's own error follows when it is joined; if it has none, this is the only message.
        return Err(Fault::refused("a link stopped by itself").into());
    }
    Ok(())
}

/// The state of both sides when the links began.
struct Proof([Count; 2]);

/// The state of one side.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    /// From its binlog.
    census: Census,
    /// The sum of its marks' `val`, from its mark table.
    val: i64,
}

impl Count {
    /// Counts; the side has to be caught up.
    fn of(side: &Mirror) -> Result<Self> {
        let query = format!("SELECT CAST(SUM(val) AS SIGNED) FROM {DEFAULT_MARK_TABLE}");
        let val = side.connect()?.one::<Option<i64>>(query)?.flatten().unwrap_or(0);
        Ok(Self { census: side.census(), val })
    }

    fn since(self, before: Self) -> Self {
        Self { census: self.census.since(before.census), val: self.val - before.val }
    }

    /// Describes the problems with all changes since the beginning.
    fn wrong(&self) -> Option<String> {
        let Census { marked, risen, unmarked, .. } = self.census;
        if unmarked > 0 {
            return Some(format!("{unmarked} transactions of a link have no mark: they would go back"));
        }
        (i64::try_from(marked) != Ok(self.val) || risen != self.val).then(|| {
            format!(
                "its binlog has {marked} marked transactions, with marks that rose by {risen}, and val grew by {}",
                self.val
            )
        })
    }
}

impl Proof {
    /// Records the state of both sides.
    fn begin(sides: &Sides) -> Result<Self> {
        let [a, b] = sides.each();
        Ok(Self([Count::of(a)?, Count::of(b)?]))
    }

    /// Compares both sides, at rest and caught up, after `done` transactions on each. Returns the
    /// proof in words; fails with every deviation.
    fn end(&self, sides: &Sides, done: [u64; 2]) -> Result<String> {
        // The links wrote until a moment ago.
        sides.wait_caught_up()?;
        let found = compared(sides)?;
        let mut differences = found.differences.clone();
        let mut lines =
            vec![format!("equal: {}, {} on each side", counted(found.tables, "table"), counted(found.rows, "row"))];
        let [a, b] = sides.each();
        let [before_a, before_b] = self.0;
        let mut echoes = 0;
        let [on_a, on_b] = done;
        for (name, side, before, done) in [("A", a, before_a, on_a), ("B", b, before_b, on_b)] {
            let count = Count::of(side)?.since(before);
            differences.extend(count.wrong().map(|why| format!("{name}: {why}")));
            echoes += count.census.unmarked;
            lines.push(format!(
                "{name}: {} of the load; by its binlog {} of its own and {} marked ones, and the marks' val \
                 grew by {}",
                counted(done, "transaction"),
                count.census.own,
                count.census.marked,
                count.val
            ));
        }
        lines.push(format!("echoes: {echoes}"));
        if differences.is_empty() { Ok(lines.join("\n")) } else { Err(different(&differences)) }
    }
}

fn compared(sides: &Sides) -> Result<Comparison> {
    let mut databases = BTreeSet::new();
    for side in sides.each() {
        let all: Vec<String> = side.connect()?.all("SELECT schema_name FROM information_schema.schemata")?;
        databases.extend(all.into_iter().filter(|name| filter::wanted(name)));
    }
    let [a, b] = sides.each();
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

#[cfg(test)]
#[path = "both_tests.rs"]
mod tests;
