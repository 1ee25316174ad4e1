//! One round: a workload, some faults, a run to the end, a comparison.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use mysql::prelude::Queryable;
use tisync::model::CommitTs;

use crate::kinds::{Fault, Moment, plan};
use crate::proxy::{Caught, Then, Trap};
use crate::random::Random;
use crate::reader::Reader;
use crate::steps::Step;
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
/// How often is looked whether a run has ended while something else is awaited.
const TICK: Duration = Duration::from_millis(3);
/// Flags whose value may change from run to run, if the binary has them.
const FLAGS: [(&str, &[&str]); 3] = [
    ("--workers", &["1", "2", "4", "8"]),
    ("--batch-rows", &["1", "20", "500"]),
    ("--batch-txns", &["1", "20", "500"]),
];

struct Round {
    world: World,
    truth: Truth,
    random: Random,
    runs: u32,
    run: Option<Run>,
}

/// Plays the round of `seed`, and prints its line.
pub fn play(seed: u64) -> Result<()> {
    let server = world::server()?;
    note(|all| all.rounds += 1);
    let mut told = String::new();
    let played = play_on(seed, server.clone(), &mut told);
    match &played {
        Ok(line) => {
            println!("TISYNC_FAULT_SEED={seed} equal: {line}");
            note(|all| all.equal += 1);
            world::give_back(server);
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
    let mut world = World::new(server, 7_400_000_000_000_000_000 + seed % 1_000_000, pumps)?;
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
    let labels: Vec<String> = faults.iter().map(Fault::label).collect();
    world.told = format!("{options:?}\n{faults:#?}\n");
    let reader = Reader::start(world.port, truth.accounts);
    let mut round = Round { world, truth, random, runs: 0, run: None };
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
    Ok(format!("{rows} rows, {} runs, {reads} snapshots; {}", round.runs, labels.join("; ")))
}

impl Round {
    fn all(&mut self, faults: Vec<Fault>) -> Result<()> {
        self.start(&[])?;
        for fault in faults {
            let label = fault.label();
            if fault.late() {
                self.idle()?;
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
    fn idle(&mut self) -> Result<()> {
        while !self.look()? {
            sleep(TICK);
        }
        self.truth.end = CommitTs::from_millis(self.world.cluster.tso().physical_ms() + IDLE_MS).0;
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
    fn look(&mut self) -> Result<bool> {
        let Some(ended) = self.run.as_ref().map_or(Ok(None), Run::ended)? else { return Ok(false) };
        if self.world.proxy.refuses() && ended != Ended::Code(0) {
            // Nobody would start it again before the target is back.
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

    /// Waits for `receiver`, and looks after the run meanwhile; `None` if the run came to its end first.
    fn until<T>(&mut self, receiver: &Receiver<T>) -> Result<Option<T>> {
        loop {
            match receiver.recv_timeout(TICK) {
                Ok(it) => return Ok(Some(it)),
                Err(RecvTimeoutError::Disconnected) => bail!("a trap was lost"),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if self.look()? {
                // What is in the trap's hands now still counts.
                return Ok(if self.world.proxy.unset() { None } else { receiver.recv_timeout(TICK * 100).ok() });
            }
        }
    }

    /// Lets `action` happen at a moment; gives how many transactions were open, unless the moment did not come.
    fn at(&mut self, at: Moment, action: impl FnOnce(&Self) -> Action) -> Result<Option<usize>> {
        if self.look()? {
            return Ok(None);
        }
        let (sender, receiver) = channel();
        let action = action(self);
        self.trap(at, sender, action);
        self.until(&receiver)
    }

    fn trap(&self, at: Moment, sender: Sender<usize>, action: Action) {
        let action = Box::new(move |caught: &Caught| {
            let then = action();
            // The round may have failed meanwhile.
            let _ = sender.send(caught.open);
            then
        });
        self.world.proxy.set(Trap { step: at.step, nth: at.nth, point: at.point, action, answer: Box::new(|_| {}) });
    }

    /// Lets a fault happen; gives the number of open transactions at its moment, or `None` if that did not come.
    fn inject(&mut self, fault: Fault) -> Result<Option<usize>> {
        match fault {
            Fault::Kill(at) => self.kill_at(at),
            Fault::Cut(at) => self.at(at, |_| Box::new(|| Then::Cut)),
            Fault::KillAnyTime(wait) => {
                if self.rest(wait)? || !self.open_soon()? {
                    return Ok(None);
                }
                sleep(Duration::from_micros(self.random.below(4000)));
                let open = self.world.proxy.open();
                self.killer().kill();
                Ok(Some(open))
            }
            Fault::Away(at, away) => {
                let open = self.at(at, |_| Box::new(|| Then::Cut))?;
                if open.is_some() {
                    self.world.proxy.refuse(true);
                    self.world.proxy.cut();
                    self.rest(away)?;
                    self.world.proxy.refuse(false);
                }
                Ok(open)
            }
            Fault::KillServer(at) => {
                let server = self.world.server.clone();
                let kill = move || {
                    server.lock().unwrap_or_else(|e| e.into_inner()).kill();
                    Then::Cut
                };
                let open = self.at(at, |_| Box::new(kill))?;
                if open.is_some() {
                    self.world.proxy.refuse(true);
                    self.world.server.lock().unwrap_or_else(|e| e.into_inner()).restart()?;
                    self.world.proxy.refuse(false);
                }
                Ok(open)
            }
            Fault::Slow { each, during } => {
                self.world.proxy.delay(each);
                let ended = self.rest(during)?;
                let open = self.world.proxy.open();
                self.world.proxy.delay(Duration::ZERO);
                Ok((!ended).then_some(open))
            }
            Fault::Pump(away) => {
                let pump = usize::try_from(self.random.below(self.world.cluster.pump_count() as u64))?;
                let open = self.world.proxy.open();
                self.world.cluster.stop_pump(pump)?;
                let ended = self.rest(away)?;
                self.world.cluster.restart_pump(pump)?;
                Ok((!ended).then_some(open))
            }
            Fault::Held { nth, release } => self.hold(nth, release),
            Fault::Interrupt(wait) => {
                if self.rest(wait)? {
                    return Ok(None);
                }
                let open = self.world.proxy.open();
                if let Some(run) = &self.run {
                    run.interrupt();
                    run.wait()?;
                }
                Ok(Some(open))
            }
        }
    }

    /// Waits, and looks after the run; whether that came to its end.
    fn rest(&mut self, wait: Duration) -> Result<bool> {
        let begun = std::time::Instant::now();
        while begun.elapsed() < wait {
            if self.look()? {
                return Ok(true);
            }
            sleep(TICK);
        }
        self.look()
    }

    /// Waits until a transaction is open; `false` if the run comes to its end first.
    fn open_soon(&mut self) -> Result<bool> {
        while self.world.proxy.open() == 0 {
            if self.look()? {
                return Ok(false);
            }
            std::thread::yield_now();
        }
        Ok(true)
    }

    fn killer(&self) -> world::Killer {
        self.run.as_ref().expect("a run is under way").killer()
    }

    /// The trap may wait for a later run than the one that goes on now, so it asks for the run when it goes off.
    fn kill_at(&mut self, at: Moment) -> Result<Option<usize>> {
        if matches!(at.step, Step::TakeOver | Step::Claim) {
            // It comes once in a run, at its beginning.
            self.killer().kill();
        }
        let killers = self.world.current.clone();
        self.at(at, |_| {
            Box::new(move || {
                killers.kill();
                Then::Cut
            })
        })
    }

    fn hold(&mut self, nth: u32, release: Duration) -> Result<Option<usize>> {
        let at = Moment { step: Step::Commit, point: crate::proxy::Point::Before, nth };
        let (let_go, wait) = channel::<()>();
        let (killed, is_killed) = channel();
        let killers = self.world.current.clone();
        if self.look()? {
            return Ok(None);
        }
        let action = move |caught: &Caught| {
            killers.kill();
            let _ = killed.send(caught.open);
            // Whoever holds the other end lets go, or is gone.
            let _ = wait.recv_timeout(Duration::from_secs(20));
            Then::GoOn
        };
        self.world.proxy.set(Trap {
            step: at.step,
            nth: at.nth,
            point: at.point,
            action: Box::new(action),
            answer: Box::new(|_| {}),
        });
        let open = self.until(&is_killed)?;
        if open.is_some() {
            self.rest(release)?;
            let _ = let_go.send(());
        }
        Ok(open)
    }
}

type Action = Box<dyn FnOnce() -> Then + Send>;
