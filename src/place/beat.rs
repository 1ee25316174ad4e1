//! Writes the entry: at the start, every second, and at the end. Reads before it writes, and writes only over what it read.

use std::sync::Arc;
use std::thread::{self, JoinHandle, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::Shared;
use super::entry::Step;
use super::judge;
use crate::error::{Fault, Kind};
use crate::event::Event;
use crate::pd::{DRAINERS, State, Status};

/// So many failed heartbeats in a row are worth a word; a Drainer gives up then.
const FAILURES: u32 = 20;
/// How often a write is tried again when somebody else wrote in between.
const RACES: u32 = 10;
/// How long an entry that says online is watched for a sign of life, and how often.
const WATCH: Duration = Duration::from_millis(2_500);
const LOOK: Duration = Duration::from_millis(250);

/// The heart. Stops when it is dropped.
pub(super) struct Beat {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Beat {
    pub(super) fn start(shared: Arc<Shared>) -> Result<Self> {
        let (stop, stopped) = bounded(1);
        let thread = thread::Builder::new().name("heartbeat".to_owned()).spawn(move || beat(&shared, &stopped));
        let thread = thread.context("cannot start the thread that keeps the drainer's entry")?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Beat {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            // A heart that panicked has nothing more to write.
            let _ = thread.join();
        }
    }
}

fn beat(shared: &Shared, stopped: &Receiver<()>) {
    let (mut failed, mut since) = (0, Instant::now());
    loop {
        match write(shared) {
            Ok(()) => {
                if failed >= FAILURES {
                    let text = format!("PD takes the heartbeats of drainer {} again", shared.id);
                    (shared.events)(Event::Note(text));
                }
                (failed, since) = (0, Instant::now());
            }
            Err(error) => {
                failed += 1;
                missed(shared, failed, since, &error);
            }
        }
        if shared.standing().is_lost() || !matches!(stopped.recv_timeout(shared.every), Err(RecvTimeoutError::Timeout))
        {
            return;
        }
    }
}

/// A heartbeat could not be written. Replication does not need it, so the run goes on.
fn missed(shared: &Shared, failed: u32, since: Instant, error: &anyhow::Error) {
    if failed < FAILURES {
        return;
    }
    let what = format!("PD to take the heartbeat of drainer {} ({error:#})", shared.id);
    if failed == FAILURES {
        (shared.events)(Event::Warning(format!(
            "{FAILURES} heartbeats in a row could not be written, so others may take drainer {} for dead: waiting for {what}",
            shared.id
        )));
    }
    (shared.events)(Event::Waiting { what, since: since.elapsed() });
}

/// One heartbeat.
fn write(shared: &Shared) -> Result<()> {
    for _ in 0..RACES {
        let found = read(shared)?;
        let step = found.as_ref().map_or(Step::Write, |(status, _)| shared.standing().meet(status, &shared.host));
        match step {
            Step::Write => {}
            Step::Obey(wish, state) => {
                shared.ask(wish, format!("somebody who wrote `{state}` into the entry of {} in etcd", shared.id));
                shared.standing().keep(&state);
            }
            Step::Leave(host) => {
                shared.standing().lose();
                (shared.events)(Event::Warning(format!(
                    "the entry of drainer {} is kept by another process now, at {host}; this one leaves it alone",
                    shared.id
                )));
                return Ok(());
            }
        }
        if put(shared, found)? {
            return Ok(());
        }
    }
    anyhow::bail!("somebody else keeps writing the entry of drainer {}", shared.id)
}

/// The entry with its revision. One that cannot be read is nobody's, and is written anew.
fn read(shared: &Shared) -> Result<Option<(Status, i64)>> {
    match shared.pd.entry(DRAINERS, &shared.id) {
        Err(error) if crate::error::fault(&error).is_none() => {
            let pair = shared.pd.get(&format!("{DRAINERS}{}", shared.id))?;
            let state = shared.standing().state().clone();
            Ok(pair.map(|pair| (Status::new(&shared.id, &shared.host, &state), pair.mod_revision)))
        }
        other => other,
    }
}

/// Writes our state in place of `found`; false if that has changed meanwhile.
fn put(shared: &Shared, found: Option<(Status, i64)>) -> Result<bool> {
    let (state, revision) = (shared.standing().state().clone(), found.as_ref().map_or(0, |(_, revision)| *revision));
    let mut status = found.map_or_else(|| Status::new(&shared.id, &shared.host, &state), |(status, _)| status);
    status.node_id.clone_from(&shared.id);
    status.host.clone_from(&shared.host);
    let json = status.in_state(&state).at(shared.durable.get(), shared.clock.now()).write()?;
    let done = shared.pd.swap(&format!("{DRAINERS}{}", shared.id), &json, revision)?;
    if done {
        shared.standing().wrote(&state);
    }
    Ok(done)
}

/// The first write, over whatever an earlier run has left, which it gives.
pub(super) fn first(shared: &Shared) -> Result<Option<Status>> {
    for _ in 0..RACES {
        let found = read(shared).map_err(|e| unregistered(shared, &e))?;
        let before = found.as_ref().map(|(status, _)| status.clone());
        if put(shared, found).map_err(|e| unregistered(shared, &e))? {
            return Ok(before);
        }
    }
    Err(unregistered(shared, &anyhow::anyhow!("somebody else keeps writing it")).into())
}

fn unregistered(shared: &Shared, error: &anyhow::Error) -> Fault {
    let kind = crate::error::fault(error).map_or(Kind::Connect, |f| f.kind);
    Fault::new(kind, format!("cannot register as drainer {} in the cluster's etcd: {error:#}", shared.id)).hint(
        "Pumps look there whether somebody still needs what they hold; --no-register goes on without an entry, and then a \
         Pump's going offline does not wait for this link",
    )
}

/// Makes sure that no other process keeps the entry alive. After a kill it says online, too; so it is watched for a while.
pub(super) fn alone(shared: &Shared) -> Result<()> {
    let Some((status, _)) = read(shared).map_err(|e| unregistered(shared, &e))? else { return Ok(()) };
    // Where we listen now, nobody else can.
    let ours = status.host == shared.host;
    let stopped = matches!(status.state(), State::Paused | State::Offline);
    if ours || stopped || !judge::is_fresh(status.update_ts(), shared.clock.now()) {
        return Ok(());
    }
    let begin = Instant::now();
    while begin.elapsed() < WATCH && !shared.stop.requested() {
        sleep(LOOK);
        let now = read(shared)?;
        if now.is_some_and(|(now, _)| now.host == status.host && now.update_ts() > status.update_ts()) {
            let text = format!("a drainer with the node id {} is alive at {}", shared.id, status.host);
            return Err(Fault::refused(text)
                .hint("stop that one first, or give this link a --node-id (and a --link) of its own")
                .into());
        }
    }
    Ok(())
}

/// Takes the first write back: the entry says again what it said `before`, or is gone. Not if somebody else has it by now.
pub(super) fn undo(shared: &Shared, before: Option<Status>) -> Result<()> {
    let key = format!("{DRAINERS}{}", shared.id);
    for _ in 0..RACES {
        let Some((found, revision)) = read(shared)? else { return Ok(()) };
        if found.host != shared.host {
            return Ok(());
        }
        let done = match &before {
            None => shared.pd.remove(&key, revision)?,
            Some(before) => shared.pd.swap(&key, &before.write()?, revision)?,
        };
        if done {
            return Ok(());
        }
    }
    anyhow::bail!("somebody else keeps writing the entry of drainer {}", shared.id)
}

/// The last write: what the entry says between runs.
pub(super) fn last(shared: &Shared) -> Result<()> {
    if shared.standing().is_lost() {
        return Ok(());
    }
    write(shared)
}
