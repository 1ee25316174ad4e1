//! Writes the link's entry in etcd: at the start, every second, and at the end.
//!
//! Reads before it writes, and writes only over what it read. Also here:
//!
//! - removes the entry of a link that is given up for good;
//! - which nodes live, and which entries are left of those that do not.

use std::sync::Arc;
use std::thread::{self, JoinHandle, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::Shared;
use super::entry::Step;
use crate::error::{Fault, Kind, quoted};
use crate::event::Event;
use crate::model::{CommitTs, span_text};
use crate::pd::{DRAINERS, Node, Pd, State, Status};

/// So many failed heartbeats in a row are worth a word; a Drainer gives up then.
const FAILURES: u32 = 20;
/// How often a write is tried again when another process wrote in between.
pub(super) const RACES: u32 = 10;
/// How long an entry that says online is watched for a sign of life, and how often.
const WATCH: Duration = Duration::from_millis(2_500);
const LOOK: Duration = Duration::from_millis(250);

/// The heart. Stops when it is dropped.
pub(super) struct Heartbeat {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Heartbeat {
    pub(super) fn start(shared: Arc<Shared>) -> Result<Self> {
        let (stop, stopped) = bounded(1);
        let thread = thread::Builder::new().name("heartbeat".to_owned()).spawn(move || beat(&shared, &stopped));
        let thread = thread.context("cannot start the thread that updates the drainer's entry")?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Heartbeat {
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
                    let text = format!("PD accepts the heartbeats of drainer {} again", shared.id);
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
    let what = format!("PD to accept the heartbeat of drainer {} ({error:#})", shared.id);
    if failed == FAILURES {
        (shared.events)(Event::Warning(format!(
            "{FAILURES} heartbeats in a row could not be written, so drainer {} may be considered dead: waiting for \
             {what}",
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
                shared.ask(wish, format!("a write of `{state}` to the entry of {} in etcd", shared.id));
                shared.standing().keep(&state);
            }
            Step::Leave(host) => {
                shared.standing().lose();
                (shared.events)(Event::Warning(format!(
                    "the entry of drainer {} now belongs to another process, at {host}; this one leaves it alone",
                    shared.id
                )));
                return Ok(());
            }
        }
        if put(shared, found)? {
            return Ok(());
        }
    }
    anyhow::bail!("another process keeps writing the entry of drainer {}", shared.id)
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

/// The first write, over what an earlier run has left, which it returns.
pub(super) fn first(shared: &Shared) -> Result<Option<Status>> {
    for _ in 0..RACES {
        let found = read(shared).map_err(|e| unregistered(shared, &e))?;
        let before = found.as_ref().map(|(status, _)| status.clone());
        if put(shared, found).map_err(|e| unregistered(shared, &e))? {
            return Ok(before);
        }
    }
    Err(unregistered(shared, &anyhow::anyhow!("another process keeps writing it")).into())
}

fn unregistered(shared: &Shared, error: &anyhow::Error) -> Fault {
    let kind = crate::error::fault(error).map_or(Kind::Connect, |f| f.kind);
    Fault::new(kind, format!("cannot register as drainer {} in the cluster's etcd: {error:#}", shared.id)).hint(
        "Pumps look there to see whether their data is still needed; --no-register continues without an entry, and \
         then Pumps that go offline do not wait for this link",
    )
}

/// Makes sure that no other process keeps the entry alive. After a kill it says online, too; so it is watched for a while.
pub(super) fn alone(shared: &Shared) -> Result<()> {
    let Some((status, _)) = read(shared).map_err(|e| unregistered(shared, &e))? else { return Ok(()) };
    // Where we listen now, nobody else can.
    let ours = status.host == shared.host;
    let stopped = matches!(status.state(), State::Paused | State::Offline);
    if ours || stopped || !is_fresh(status.update_ts(), shared.clock.now()) {
        return Ok(());
    }
    let begin = Instant::now();
    while begin.elapsed() < WATCH && !shared.stop.requested() {
        sleep(LOOK);
        let now = read(shared)?;
        if now.is_some_and(|(now, _)| now.host == status.host && now.update_ts() > status.update_ts()) {
            let text = format!("a drainer with the node id {} is already running at {}", shared.id, status.host);
            return Err(Fault::refused(text)
                .hint("stop that one first, or give this link its own --node-id (and --link)")
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
    anyhow::bail!("another process keeps writing the entry of drainer {}", shared.id)
}

/// The last write: what the entry says between runs.
pub(super) fn last(shared: &Shared) -> Result<()> {
    if shared.standing().is_lost() {
        return Ok(());
    }
    write(shared)
}

/// What became of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unregistered {
    /// There was none.
    Nothing,
    /// It is removed.
    Removed,
    /// It stays: whoever keeps it was heard of just now, at this address.
    Alive(String),
}

/// Removes the entry of drainer `id`, unless a process keeps it alive.
///
/// # Errors
/// If etcd does not answer, does not allow it, or another process keeps writing.
pub fn unregister(pd: &Pd, id: &str) -> Result<Unregistered> {
    for _ in 0..RACES {
        let Some((status, revision)) = pd.entry(DRAINERS, id)? else { return Ok(Unregistered::Nothing) };
        let stopped = matches!(status.state(), State::Paused | State::Offline);
        if !stopped && is_fresh(status.update_ts(), pd.tso()?) {
            return Ok(Unregistered::Alive(status.host));
        }
        if pd.remove(&format!("{DRAINERS}{id}"), revision)? {
            return Ok(Unregistered::Removed);
        }
    }
    anyhow::bail!("another process keeps writing the entry of drainer {id}")
}

/// A node that lives writes its entry every second or two; after this it is taken for dead.
const FRESH_MS: u64 = 30_000;

/// Names in a sentence about many.
const SHOWN: usize = 5;

/// What an entry's age says of its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It says that it runs, and was heard of lately.
    Alive,
    /// It says that it runs, and was not heard of lately.
    Dead,
    /// It says itself that it does not run.
    Stopped,
}

impl Life {
    /// In one word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Dead => "dead",
            Self::Stopped => "stopped",
        }
    }
}

/// Whether an entry that was written at `update_ts` is new, by PD's clock `now`.
#[must_use]
pub fn is_fresh(update_ts: CommitTs, now: CommitTs) -> bool {
    now.physical_ms().saturating_sub(update_ts.physical_ms()) < FRESH_MS
}

/// Whether `node` lives, by PD's clock `now`.
#[must_use]
pub fn life(node: &Node, now: CommitTs) -> Life {
    match node.state {
        State::Paused | State::Offline => Life::Stopped,
        _ if is_fresh(node.update_ts, now) => Life::Alive,
        _ => Life::Dead,
    }
}

/// A sentence for each drainer that holds Pumps back from going offline though it does not run: all that are not offline and not
/// heard of lately, but `own`. `flags` lead a command to their PD.
#[must_use]
pub fn ghosts(drainers: &[Node], own: &str, now: CommitTs, flags: &str) -> Vec<String> {
    let idle = |d: &&Node| d.id != own && d.state != State::Offline && !is_fresh(d.update_ts, now);
    let sentence = |d: &Node| {
        let age = span_text(now.physical_ms().saturating_sub(d.update_ts.physical_ms()));
        let (id, host, state, at) = (&d.id, &d.host, &d.state, d.max_commit_ts.explain());
        let word = quoted(id);
        let what = if life(d, now) == Life::Dead { "is probably dead" } else { "is not running" };
        format!(
            "drainer {id} ({host}) {what}: its state is {state}, it was last heard from {age} ago, and is at {at}. No \
             Pump can go offline until it advances; if it is no longer needed, or this link has taken over from it, \
             run `tisync nodes set-state {word} offline {flags}`"
        )
    };
    drainers.iter().filter(idle).map(sentence).collect()
}

/// The same for a start, which has more to say: from two on as one sentence.
#[must_use]
pub fn ghosts_at_start(drainers: &[Node], own: &str, now: CommitTs, flags: &str) -> Option<String> {
    let mut each = ghosts(drainers, own, now, flags);
    if each.len() < 2 {
        return each.pop();
    }
    let idle = drainers.iter().filter(|d| d.id != own && d.state != State::Offline && !is_fresh(d.update_ts, now));
    let mut names: Vec<&str> = idle.map(|d| d.id.as_str()).collect();
    let more = if names.len() > SHOWN { ", …" } else { "" };
    names.truncate(SHOWN);
    Some(format!(
        "{} drainers and links that are not running are still in the cluster's list: {}{more}. No Pump can go offline \
         until each of them advances, or is set offline: `tisync nodes list {flags}` shows how",
        each.len(),
        names.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drainer(id: &str, state: State, age_s: u64) -> Node {
        let update_ts = CommitTs::from_millis(1_000_000_000 - age_s * 1000);
        Node { id: id.into(), host: "h:8249".into(), state, max_commit_ts: CommitTs(1), update_ts }
    }

    const NOW: CommitTs = CommitTs::from_millis(1_000_000_000);

    #[test]
    fn who_lives() {
        for (state, age, wanted) in [
            (State::Online, 2, Life::Alive),
            (State::Online, 31, Life::Dead),
            (State::Pausing, 31, Life::Dead),
            (State::Closing, 1, Life::Alive),
            (State::Paused, 900_000, Life::Stopped),
            (State::Offline, 1, Life::Stopped),
        ] {
            assert_eq!(life(&drainer("d", state.clone(), age), NOW), wanted, "{state}");
        }
        // A clock that runs ahead is no reason to take it for dead.
        assert!(is_fresh(CommitTs::from_millis(1_000_009_000), NOW));
    }

    #[test]
    fn t01_ghosts_are_named() {
        let all = [
            drainer("own", State::Online, 900),
            drainer("new", State::Online, 1),
            drainer("dead", State::Online, 900),
            drainer("paused", State::Paused, 7_200),
            drainer("gone", State::Offline, 7_200),
        ];
        let ghosts = ghosts(&all, "own", NOW, "--pd h:2379");
        assert_eq!(ghosts.len(), 2, "{ghosts:?}");
        assert!(ghosts[0].contains("drainer dead (h:8249) is probably dead") && ghosts[0].contains("15m 0s ago"));
        assert!(
            ghosts[1].contains("drainer paused")
                && ghosts[1].ends_with("`tisync nodes set-state paused offline --pd h:2379`")
        );
    }

    #[test]
    fn t01_many_ghosts_are_one_line() {
        let all: Vec<Node> = (0..10).map(|n| drainer(&format!("d{n}"), State::Paused, 900)).collect();
        let said = |count: usize| ghosts_at_start(&all[..count], "d0", NOW, "--pd h:2379");
        assert_eq!(said(1), None);
        assert!(said(2).unwrap().contains("drainer d1"), "{:?}", said(2));
        let many = said(10).unwrap();
        assert!(many.starts_with("9 drainers") && many.contains("d1, d2, d3, d4, d5, …"), "{many}");
        assert!(many.contains("`tisync nodes list --pd h:2379`") && !many.contains('\n'), "{many}");
    }
}
