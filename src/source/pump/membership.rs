//! Starts the tasks that read Pumps, each with its stream.
//!
//! Calls the roll: a stream that holds "up to this ts the list of Pumps is complete", and the streams of Pumps that join.
//!
//! A Pump that registers while a run goes on may take a transaction before anybody here knows of it. So the merge must
//! not pass a ts for which the list is not known: this stream says `Resolved(t)` only after a listing that began when the
//! cluster's clock was at `t`. What a Pump that is not in that listing holds was committed later. So a Pump that joins is
//! read from the last `t` whose listing did not have it, and its stream is handed on before the next `Resolved`.
//!
//! The list of Pumps as it was when the roll was called last, and which of them are read.
//!
//! Who is read changes only under one lock together with the list: so a Pump that left is not missed when it comes back,
//! and one that came back in time has not left.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::{PumpSource, PumpStatus, Timing, check, pull};
use crate::error::Kind;
use crate::event::{Event, Events};
use crate::model::{CommitTs, Pulled, Queue, Stream};
use crate::pd::{Node, Pd, Security, State, TidbServer, Unread};

/// All that a reader of a Pump needs.
#[derive(Clone)]
pub(super) struct PullContext {
    pub cluster_id: u64,
    pub security: Security,
    pub gzip: bool,
    pub timing: Timing,
    pub events: Events,
    /// For all Pumps together. One that joins gets the share that it would have had from the start; the others keep theirs.
    pub queue_bytes: usize,
    pub pump_status: Arc<PumpStatus>,
    pub roster: Arc<Roster>,
    pub alive: watch::Receiver<()>,
    pub runtime: Handle,
    /// To whoever waits for their ends.
    pub tasks: mpsc::UnboundedSender<JoinHandle<()>>,
}

impl PullContext {
    /// Reads `node` behind `from`.
    pub fn read(&self, node: &Node, from: CommitTs) -> Stream {
        let (sender, stream) = self.open(format!("Pump {}", node.id));
        // Without what would keep the list of tasks open.
        let puller = pull::Puller::new(self, node, from);
        self.spawn(sender.clone().while_alive(puller.run(sender)));
        stream
    }

    /// Calls the roll, which is known up to `known_to`.
    pub fn call_roll(self, source: &PumpSource, known_to: CommitTs) -> Stream {
        let (sender, stream) = self.open("PD's list of Pumps".to_owned());
        let (runtime, tasks) = (self.runtime.clone(), self.tasks.clone());
        let roll = PumpWatcher::new(source, known_to, self);
        // Fails only when nobody waits for the tasks any more.
        let _ = tasks.send(runtime.spawn(sender.clone().while_alive(roll.run(sender))));
        stream
    }

    fn open(&self, name: String) -> (StreamSender, Stream) {
        let (queue, receiver) = Queue::new(self.queue_bytes, self.roster.count());
        let sender = StreamSender { queue: Arc::new(queue), alive: self.alive.clone() };
        (sender, Stream { name, receiver })
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let _ = self.tasks.send(self.runtime.spawn(task));
    }
}

/// The writing end of a stream.
#[derive(Clone)]
pub(super) struct StreamSender {
    pub queue: Arc<Queue>,
    alive: watch::Receiver<()>,
}

impl StreamSender {
    /// Passes on what the stream says, waiting for room; false if nobody listens any more.
    pub fn say(&self, said: Result<Pulled>) -> bool {
        match self.queue.offer(said) {
            Ok(heard) => heard,
            Err(said) => tokio::task::block_in_place(|| self.queue.send(said)),
        }
    }

    /// Waits until all that the stream said up to `position` has been taken; false if nobody listens any more.
    pub fn drained(&self, position: CommitTs) -> bool {
        tokio::task::block_in_place(|| self.queue.drain(position))
    }

    /// Says again how far the stream is, which is always true; the answer tells whether anybody still listens.
    pub fn heard(&self, position: CommitTs) -> bool {
        self.queue.send_resolved(position)
    }

    /// Runs `work` until it ends or the source is dropped. A stream must not look as if it had ended for good when it
    /// was only left off, so both that and a panic give it an error to end with.
    async fn while_alive(mut self, work: impl Future<Output = ()> + Send + 'static) {
        let mut task = tokio::spawn(work);
        let why = tokio::select! {
            ended = &mut task => match ended {
                Ok(()) => return,
                Err(e) => format!("the reading of a stream broke off: {e}"),
            },
            // No value is ever sent: this is the end of the source.
            _ = self.alive.changed() => "the source was closed while its streams were still open".to_owned(),
        };
        task.abort();
        self.say(Err(anyhow::anyhow!(why)));
    }
}

/// Every so many calls the TiDB servers are asked as well whether they still write Binlog.
const SERVERS_EVERY: u64 = 100;

pub(super) struct PumpWatcher {
    pd: Arc<Pd>,
    events: Events,
    pull: PullContext,
    known_to: CommitTs,
    /// Ids of Pumps whose entries could not be read the last time, and which were offline before.
    passed_over: BTreeSet<String>,
}

/// What one call brings.
struct Listed {
    /// No Pump that is not in it holds anything at or below this.
    known_to: CommitTs,
    nodes: Vec<Node>,
    unread: Vec<Unread>,
    /// If they were asked for.
    servers: Vec<TidbServer>,
}

impl PumpWatcher {
    pub(super) fn new(source: &PumpSource, known_to: CommitTs, pull: PullContext) -> Self {
        Self {
            pd: Arc::clone(&source.pd),
            events: Arc::clone(&source.events),
            pull,
            known_to,
            passed_over: BTreeSet::new(),
        }
    }

    pub(super) async fn run(mut self, sender: StreamSender) {
        let mut answered = Instant::now();
        for call in 1_u64.. {
            // Nobody waits for room here: the next call brings newer news.
            if !sender.heard(self.known_to) {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(self.pull.timing.roll_call) => {}
                () = self.pull.pump_status.rung() => {}
            }
            let asked = self.pull.pump_status.asked();
            let pd = Arc::clone(&self.pd);
            let listing = tokio::task::spawn_blocking(move || list(&pd, call.is_multiple_of(SERVERS_EVERY)));
            match listing.await.context("the listing of the Pumps broke off").flatten() {
                Ok(list) => {
                    answered = Instant::now();
                    if let Err(error) = self.pass_over(&list.unread) {
                        sender.say(Err(error));
                        return;
                    }
                    if !self.take_in(list.nodes, &sender) {
                        return;
                    }
                    self.known_to = list.known_to;
                    self.pull.pump_status.answered(asked);
                    for change in self.pull.pump_status.look(&list.servers) {
                        (self.events)(Event::Warning(change));
                    }
                }
                Err(error) if crate::error::fault(&error).is_some_and(|f| f.kind == Kind::Refused) => {
                    sender.say(Err(error));
                    return;
                }
                Err(error) => {
                    let what = format!("PD to list the Pumps ({error:#})");
                    (self.events)(Event::Waiting { what, since: answered.elapsed() });
                    tokio::time::sleep(self.pull.timing.retry).await;
                }
            }
        }
    }

    /// Entries that cannot be read are no matter where the Pump was offline, with all read that it held.
    ///
    /// # Errors
    /// Refused where it was not: it may hold what no other Pump has.
    fn pass_over(&mut self, unread: &[Unread]) -> Result<()> {
        for entry in unread {
            if !self.passed_over.contains(&entry.id) {
                if !self.pull.roster.is_gone(&entry.id) {
                    return check::readable(Some(entry));
                }
                let text =
                    format!("Pump {} was offline, and its entry in etcd {}: it stays left out", entry.id, entry.why);
                (self.events)(Event::Warning(text));
            }
        }
        self.passed_over = unread.iter().map(|entry| entry.id.clone()).collect();
        Ok(())
    }

    /// Takes in a new list, and hands on the streams of those that joined; false if nobody listens any more.
    fn take_in(&self, nodes: Vec<Node>, sender: &StreamSender) -> bool {
        for node in self.pull.roster.take(nodes) {
            let from = self.known_to;
            let text = format!(
                "Pump {} ({}, {}) has joined and is read from {} on",
                node.id,
                node.host,
                node.state,
                from.explain()
            );
            (self.events)(match node.state {
                State::Online => Event::Note(text),
                _ => Event::Warning(format!("{text}: it may hold data that no other has, so everything waits for it")),
            });
            let stream = self.pull.read(&node, from);
            if !sender.say(Ok(Pulled::Joins { stream, from })) {
                return false;
            }
        }
        true
    }
}

/// The Pumps now, and the TiDB servers if they are asked for.
fn list(pd: &Pd, servers: bool) -> Result<Listed> {
    let known_to = pd.tso()?;
    let (nodes, unread) = pd.pump_entries()?;
    let servers = if servers { pd.tidb_servers()? } else { Vec::new() };
    // The start has shown them; once is enough.
    let _ = pd.take_warnings();
    Ok(Listed { known_to, nodes, unread, servers })
}

pub(super) struct Roster {
    list: Mutex<PumpList>,
    /// Rises when a Pump's address or state is another one.
    changes: watch::Sender<u64>,
}

struct PumpList {
    nodes: Vec<Node>,
    /// Ids of those that are read.
    read: BTreeSet<String>,
    /// Ids of those that were seen about to go offline, and have not been online since.
    closing: BTreeSet<String>,
}

impl Roster {
    /// `nodes`, of which those that are active are read.
    pub fn new(nodes: Vec<Node>) -> Self {
        let ids = |keep: &dyn Fn(&Node) -> bool| nodes.iter().filter(|n| keep(n)).map(|n| n.id.clone()).collect();
        let read = ids(&check::is_active);
        let closing = ids(&|n: &Node| n.state == State::Closing);
        Self { list: Mutex::new(PumpList { nodes, read, closing }), changes: watch::Sender::new(0) }
    }

    /// Takes in a new list, and gives those that have to be read from now on.
    pub fn take(&self, nodes: Vec<Node>) -> Vec<Node> {
        let mut list = self.list.lock();
        let mut joined = Vec::new();
        for node in &nodes {
            match node.state {
                State::Closing => drop(list.closing.insert(node.id.clone())),
                State::Offline => {}
                _ => drop(list.closing.remove(&node.id)),
            }
            if check::is_active(node) && list.read.insert(node.id.clone()) {
                joined.push(node.clone());
            }
        }
        let place = |n: &Node| (n.id.clone(), n.host.clone(), n.state.clone());
        let changed = !nodes.iter().map(place).eq(list.nodes.iter().map(place));
        list.nodes = nodes;
        drop(list);
        if changed {
            self.changes.send_modify(|n| *n = n.wrapping_add(1));
        }
        joined
    }

    /// A Pump is no longer read, for it is offline; false, and nothing happens, if the list says otherwise by now.
    pub fn leave(&self, id: &str) -> bool {
        let mut list = self.list.lock();
        let offline = list.nodes.iter().any(|n| n.id == id && n.state == State::Offline);
        if offline {
            list.read.remove(id);
        }
        offline
    }

    /// Whether it was offline when the list was last read, and nothing of it is left to be read.
    pub fn is_gone(&self, id: &str) -> bool {
        let list = self.list.lock();
        let offline = list.nodes.iter().any(|n| n.id == id && n.state == State::Offline);
        offline && !list.read.contains(id)
    }

    /// Whether it was seen to go offline by itself, and not just to be called so.
    pub fn closed(&self, id: &str) -> bool {
        self.list.lock().closing.contains(id)
    }

    pub fn node(&self, id: &str) -> Option<Node> {
        self.list.lock().nodes.iter().find(|n| n.id == id).cloned()
    }

    /// How many are read.
    pub fn count(&self) -> usize {
        self.list.lock().read.len()
    }

    /// Ends when the Pump `id` is no longer to be read at `host`.
    pub async fn displaced(&self, id: &str, host: &str) {
        let mut changes = self.changes.subscribe();
        loop {
            if self.node(id).is_some_and(|n| n.host != host || n.state == State::Offline) {
                return;
            }
            // Cannot fail: the sender lives as long as `self`.
            let _ = changes.changed().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::CommitTs;

    fn node(id: &str, state: State) -> Node {
        Node { id: id.into(), host: "h:1".into(), state, max_commit_ts: CommitTs(1), update_ts: CommitTs(1) }
    }

    #[test]
    fn who_leaves_and_who_comes_back() {
        let roster = Roster::new(vec![node("a", State::Online), node("b", State::Offline)]);
        let ids = |nodes: Vec<Node>| nodes.into_iter().map(|n| n.id).collect::<Vec<_>>();
        assert!(!roster.leave("a"), "it is online");
        assert!(roster.take(vec![node("a", State::Closing), node("b", State::Offline)]).is_empty());
        assert!(roster.take(vec![node("a", State::Offline), node("b", State::Offline)]).is_empty());
        assert!(roster.closed("a") && !roster.closed("b"));
        // It came back before its reader had left: the reader goes on.
        assert!(roster.take(vec![node("a", State::Online), node("b", State::Online)]).iter().all(|n| n.id == "b"));
        assert!(!roster.leave("a") && !roster.closed("a"));
        assert!(roster.take(vec![node("a", State::Offline)]).is_empty());
        assert!(roster.leave("a"));
        assert_eq!(ids(roster.take(vec![node("a", State::Paused), node("c", State::Online)])), ["a", "c"]);
        assert_eq!(roster.count(), 3);
    }
}
