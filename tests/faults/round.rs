//! One round: a workload, some faults, a run to the end, a comparison.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use mysql::prelude::Queryable;
use tisync::model::CommitTs;

use crate::kinds::{Fault, plan};
use crate::marks;
use crate::random::Random;
use crate::reader::Reader;
use crate::summary::note;
use crate::truth;
use crate::workload::{self, Options, Truth};
use crate::world::{self, Ended, Run, World};

/// The flag of an engine that goes on by itself after a lost connection. One without is started again by hand.
const GOES_ON_BY_ITSELF: &str = "--workers";
/// The most runs of a round.
const MOST_RUNS: u32 = 30;
/// How long a run idles whose positions are of interest; they are saved every three seconds.
const IDLE_MS: u64 = 4_500;
/// The same where one of them is held until the next comes.
const LONG_IDLE_MS: u64 = 9_000;
/// How often is looked whether a run has ended while something else is awaited.
pub const TICK: Duration = Duration::from_millis(3);
/// Flags whose value may change from run to run, if the binary has them.
const FLAGS: [(&str, &[&str]); 3] = [
    ("--workers", &["1", "2", "4", "8"]),
    ("--batch-rows", &["1", "20", "500"]),
    ("--batch-txns", &["1", "20", "500"]),
];

pub struct Round {
    pub world: World,
    truth: Truth,
    pub random: Random,
    runs: u32,
    pub run: Option<Run>,
    pub pump_away: bool,
}

/// Plays the round of `seed`, and prints its line.
pub fn play(seed: u64) -> Result<()> {
    let marked = marks::wanted(seed);
    let server = if marked { world::logging_server()? } else { world::server()? };
    note(|all| all.rounds += 1);
    let mut told = String::new();
    let played = play_on(seed, server.clone(), &mut told);
    match &played {
        Ok(line) => {
            println!("TISYNC_FAULT_SEED={seed} equal: {line}");
            note(|all| all.equal += 1);
            if !marked {
                world::give_back(server);
            }
        }
        Err(error) => {
            println!("TISYNC_FAULT_SEED={seed} FAILED: {error:#}\n{told}");
            note(|all| all.failed.push((seed, format!("{error:#}"))));
        }
    }
    played.map(drop)
}

fn play_on(seed: u64, server: world::Server, told: &mut String) -> Result<String> {
    let mut random = Random::new(seed.wrapping_mul(0x5851_f42d_4c95_7f2d));
    let pumps = 1 + usize::try_from(random.below(3))?;
    let mut world = World::new(server, 7_400_000_000_000_000_000 + seed % 1_000_000, pumps, marks::wanted(seed))?;
    let options = Options {
        seed,
        txns: 200 + random.below(300),
        accounts: 10 + i64::try_from(random.below(30))?,
        ddl_every: 8 + random.below(40),
        large_every: 10 + random.below(60),
        job_delay: random.one_in(3).then(|| Duration::from_millis(random.below(40))),
        only_inserts: None,
    };
    let truth = workload::write(&world.cluster, &options)?;
    let faults = plan(seed, &mut random);
    let forgets = faults.iter().any(|f| matches!(f, Fault::Forget(_)));
    let labels: Vec<String> = faults.iter().map(Fault::label).collect();
    world.told = format!("{options:?}\n{faults:#?}\n");
    let reader = Reader::start(world.port, truth.accounts);
    let mut round = Round { world, truth, random, runs: 0, run: None, pump_away: false };
    let ended = round.all(faults);
    let seen = reader.end();
    told.clone_from(&round.world.told);
    note(|all| {
        all.seen.reads += seen.reads;
        all.seen.states += seen.states;
        all.seen.wrong.extend(seen.wrong.iter().cloned());
        for (step, count) in round.world.proxy.seen() {
            *all.steps.entry(step).or_default() += count;
        }
    });
    let rows = ended.and_then(|()| truth::compare(|| round.world.connect(), &round.truth))?;
    if let Some(wrong) = seen.wrong.first() {
        bail!("{} of {} snapshots were wrong: {wrong}", seen.wrong.len(), seen.reads);
    }
    note(|all| {
        all.rows += rows;
        all.txns += round.truth.txns;
    });
    let reads = seen.reads;
    let marks = if marks::wanted(seed) {
        format!("{} marks, ", marks::check(&mut round.world.connect()?, forgets)?)
    } else {
        String::new()
    };
    Ok(format!("{rows} rows, {marks}{} runs, {reads} snapshots; {}", round.runs, labels.join("; ")))
}

impl Round {
    fn all(&mut self, faults: Vec<Fault>) -> Result<()> {
        self.start(&[])?;
        for fault in faults {
            let label = fault.label();
            if fault.late() {
                self.idle(if matches!(fault, Fault::HeldSave(_)) { LONG_IDLE_MS } else { IDLE_MS })?;
            }
            let caught = self.inject(fault).with_context(|| format!("at the fault `{label}`"))?;
            match caught {
                Some(open) => note(|all| all.fault(&label, open)),
                None => note(|all| all.faults.entry(label).or_default().missed += 1),
            }
        }
        while !self.look()? {
            sleep(TICK);
        }
        // Whoever comes again finds nothing to do.
        self.start(&[])?;
        while !self.look()? {
            sleep(TICK);
        }
        Ok(())
    }

    /// Runs to the end, and then starts one that has nothing to do for a while but to save where it is.
    fn idle(&mut self, ms: u64) -> Result<()> {
        while !self.look()? {
            sleep(TICK);
        }
        self.truth.end = CommitTs::from_millis(self.world.cluster.tso().physical_ms() + ms).0;
        self.start(&[])
    }

    fn start(&mut self, more: &[String]) -> Result<()> {
        self.runs += 1;
        if self.runs > MOST_RUNS {
            bail!("still not at the end after {MOST_RUNS} runs");
        }
        let mut args = more.to_vec();
        for (flag, values) in FLAGS {
            if world::help().contains(flag) && self.random.one_in(2) {
                args.extend([flag.to_owned(), (*self.random.pick(values)).to_owned()]);
            }
        }
        for pump in 0..self.world.cluster.pump_count() {
            // Now and then a backlog, whose transactions are large; else about as fast as somebody works.
            let ms = *self.random.pick(&[0, 1, 1, 2, 3]) * self.world.cluster.pump_count() as u64;
            self.world.cluster.slow_pump(pump, Duration::from_millis(ms))?;
        }
        note(|all| all.runs += 1);
        self.run = Some(self.world.start(self.truth.end, &args)?);
        Ok(())
    }

    /// Looks after the run, and starts it again where it has to be; whether everything is applied.
    pub fn look(&mut self) -> Result<bool> {
        let Some(ended) = self.run.as_ref().map_or(Ok(None), Run::ended)? else { return Ok(false) };
        if (self.pump_away || self.world.proxy.refuses()) && ended != Ended::Code(0) {
            // Nobody would start it again before what is away is back.
            return Ok(false);
        }
        let Some(run) = self.run.take() else { return Ok(false) };
        let said = self.world.ended(&run);
        if said.contains("panicked") {
            bail!("tisync panicked:\n{said}");
        }
        match ended {
            Ended::Code(0) => {
                self.run = Some(run);
                return Ok(true);
            }
            Ended::Killed | Ended::Code(5) => self.start(&[])?,
            Ended::Code(3) if !world::help().contains(GOES_ON_BY_ITSELF) && said.contains("hint: ") => {
                note(|all| all.by_hand += 1);
                self.start(&[])?;
            }
            // Where the target goes away while a run still takes the link over, it may leave the next try to whoever started it.
            Ended::Code(3) if !said.contains("note: reading Pump") && said.contains("hint: ") => {
                note(|all| all.at_start += 1);
                self.start(&[])?;
            }
            // A Pump that is away when a run begins cannot say what it has deleted.
            Ended::Code(4) if said.contains("/metrics: ") => {
                note(|all| all.without_pump += 1);
                self.start(&[])?;
            }
            Ended::Code(4) if said.contains("--pending-ddl") => {
                let word = self.settle()?;
                self.start(&["--pending-ddl".to_owned(), word.to_owned()])?;
            }
            Ended::Code(code) => bail!("a run ended with {code}:\n{said}"),
        }
        Ok(false)
    }

    /// Looks at the target whether the DDL that nobody saw end took effect.
    fn settle(&mut self) -> Result<&'static str> {
        let mut conn = self.world.connect()?;
        let ts: Option<u64> = conn.query_first("SELECT ddl_ts FROM tidb_binlog.tisync_checkpoint WHERE ddl_ts > 0")?;
        let ts = ts.context("a run asks about a DDL, but there is no intent")?;
        let ddl = self.truth.ddl.iter().find(|d| d.commit_ts == ts).context("an intent of an unknown DDL")?;
        // What the look needs may itself be gone, or not there yet.
        let done: u8 = conn.query_first(&ddl.probe).ok().flatten().unwrap_or(0);
        let word = if done == 1 { "done" } else { "again" };
        let kind = format!("{} ({word})", ddl.kind);
        note(|all| *all.unknown.entry(kind).or_default() += 1);
        Ok(word)
    }
}
