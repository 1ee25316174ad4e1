//! Writes the link's entry in etcd: at the start, every second, and at the end.
//!
//! It reads before it writes, and writes only over what it read. Also here:
//!
//! - removing the entry of a link that is given up for good;
//! - which nodes are alive, and which entries are left of those that are not.

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

/// Number of failed heartbeats in a row after which a warning is due; a Drainer would give up.
const FAILURES: u32 = 20;
/// How often a write is tried again if another process wrote in between.
pub(super) const RACES: u32 = 10;
/// How long an entry that says online is watched for a new heartbeat, and how often.
const WATCH: Duration = Duration::from_millis(2_500);
const LOOK: Duration = Duration::from_millis(250);

/// The thread that writes heartbeats. Stops when it is dropped.
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
            // A thread that panicked has nothing more to write.
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
        if shared.standing.lock().is_lost()
            || !matches!(stopped.recv_timeout(shared.every), Err(RecvTimeoutError::Timeout))
        {
            return;
        }
    }
}

/// Reports failed heartbeats. Replication does not need them, so the run goes on.
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

/// Writes one heartbeat.
fn write(shared: &Shared) -> Result<()> {
    for _ in 0..RACES {
        let found = read(shared)?;
        let step = found.as_ref().map_or(Step::Write, |(status, _)| shared.standing.lock().meet(status, &shared.host));
        match step {
            Step::Write => {}
            Step::Obey(wish, state) => {
                shared.ask(wish, format!("a write of `{state}` to the entry of {} in etcd", shared.id));
                shared.standing.lock().keep(&state);
            }
            Step::Leave(host) => {
                shared.standing.lock().lose();
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

/// The entry with its revision. One that cannot be read belongs to no process, and is replaced.
fn read(shared: &Shared) -> Result<Option<(Status, i64)>> {
    match shared.pd.entry(DRAINERS, &shared.id) {
        Err(error) if crate::error::fault(&error).is_none() => {
            let pair = shared.pd.get(&format!("{DRAINERS}{}", shared.id))?;
            let state = shared.standing.lock().state().clone();
            Ok(pair.map(|pair| (Status::new(&shared.id, &shared.host, &state), pair.mod_revision)))
        }
        other => other,
    }
}

/// Writes our state in place of `found`; false if the entry has changed meanwhile.
fn put(shared: &Shared, found: Option<(Status, i64)>) -> Result<bool> {
    let (state, revision) =
        (shared.standing.lock().state().clone(), found.as_ref().map_or(0, |(_, revision)| *revision));
    let mut status = found.map_or_else(|| Status::new(&shared.id, &shared.host, &state), |(status, _)| status);
    status.node_id.clone_from(&shared.id);
    status.host.clone_from(&shared.host);
    let json = status.in_state(&state).at(shared.durable(), shared.clock.now()).write()?;
    let done = shared.pd.swap(&format!("{DRAINERS}{}", shared.id), &json, revision)?;
    if done {
        shared.standing.lock().wrote(&state);
    }
    Ok(done)
}

/// The first write, over the entry that an earlier run left, which it returns.
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

/// Checks that no other process keeps the entry alive. It also says online after a kill, so it is
/// watched for a while.
pub(super) fn alone(shared: &Shared) -> Result<()> {
    let Some((status, _)) = read(shared).map_err(|e| unregistered(shared, &e))? else { return Ok(()) };
    // No other process can listen on our address now.
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

/// Undoes the first write: the entry gets the content of `before`, or is removed. Not if another
/// process has it by now.
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

/// The last write: the state between runs.
pub(super) fn last(shared: &Shared) -> Result<()> {
    if shared.standing.lock().is_lost() {
        return Ok(());
    }
    write(shared)
}

/// The result of [`unregister`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unregistered {
    /// There was none.
    Nothing,
    /// It is removed.
    Removed,
    /// It stays: the process that keeps it wrote it a moment ago, at this address.
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

/// Milliseconds after which a node counts as dead; one that is alive writes its entry every second
/// or two.
const FRESH_MS: u64 = 30_000;

/// Limit of names in a sentence about many drainers.
const SHOWN: usize = 5;

/// Whether a node is alive, by its entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It says that it runs, and has written that recently.
    Alive,
    /// It says that it runs, and has not written recently.
    Dead,
    /// It says that it does not run.
    Stopped,
}

impl Life {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Dead => "dead",
            Self::Stopped => "stopped",
        }
    }
}

/// Whether an entry that was written at `update_ts` is recent, by PD's clock `now`.
#[must_use]
pub fn is_fresh(update_ts: CommitTs, now: CommitTs) -> bool {
    now.physical_ms().saturating_sub(update_ts.physical_ms()) < FRESH_MS
}

/// Whether `node` is alive, by PD's clock `now`.
#[must_use]
pub fn life(node: &Node, now: CommitTs) -> Life {
    match node.state {
        State::Paused | State::Offline => Life::Stopped,
        _ if is_fresh(node.update_ts, now) => Life::Alive,
        _ => Life::Dead,
    }
}

/// A sentence for each drainer that keeps Pumps from going offline although it does not run: all
/// except `own` that are not offline and have not written recently. `flags` lead a command to their
/// PD.
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

/// As [`ghosts`], for a start, which has more to report: two or more become one sentence.
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
        // A clock that runs ahead does not make a node dead.
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
