//! The list of Pumps during a run, and the tasks that read them.
//!
//! A Pump that registers during a run may take a transaction before this process knows of it. So
//! the merge must not pass a ts up to which the list of Pumps is not known. [`PumpWatcher`] lists
//! the Pumps again and again. Its stream says `Resolved(t)` only after a listing that began when
//! the cluster's clock was at `t`: what a Pump missing from that listing holds was committed later.
//! A Pump that joins is read from the last `t` whose listing did not have it, and its stream is
//! handed on before the next `Resolved`.
//!
//! [`Membership`] holds the last list and which of its Pumps are read. Both change only under one
//! lock, so a Pump that left is noticed when it comes back, and one that came back in time has not
//! left.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::{Options, PumpSource, check, pull};
use crate::error::Kind;
use crate::event::{Event, Events};
use crate::model::{CommitTs, Pulled, Queue, Stream};
use crate::pd::{Node, Pd, Security, State, TidbServer, Unread};

/// What a task needs to read a Pump.
#[derive(Clone)]
pub(super) struct PullContext {
    pub cluster_id: u64,
    pub security: Security,
    pub options: Options,
    pub events: Events,
    /// For all Pumps together. A Pump that joins gets the share that it would have had from the
    /// start; the others keep theirs.
    pub queue_bytes: usize,
    pub list: Arc<Membership>,
    pub alive: watch::Receiver<()>,
    pub runtime: Handle,
    /// To the thread that waits for the tasks' ends.
    pub tasks: mpsc::UnboundedSender<JoinHandle<()>>,
}

impl PullContext {
    /// Starts the task that reads `node` behind `from`.
    pub fn read(&self, node: &Node, from: CommitTs) -> Stream {
        let (sender, stream) = self.open(format!("Pump {}", node.id));
        // The task does not hold `self`, which would keep the channel of tasks open.
        let puller = pull::Puller::new(self, node, from);
        self.spawn(sender.clone().while_alive(puller.run(sender)));
        stream
    }

    /// Starts the task that keeps listing the Pumps; up to `known_to` the list is complete.
    pub fn watch_list(self, source: &PumpSource, known_to: CommitTs) -> Stream {
        let (sender, stream) = self.open("PD's list of Pumps".to_owned());
        let (runtime, tasks) = (self.runtime.clone(), self.tasks.clone());
        let watcher = PumpWatcher::new(source, known_to, self);
        // Fails only when the thread that waits for the tasks has ended.
        let _ = tasks.send(runtime.spawn(sender.clone().while_alive(watcher.run(sender))));
        stream
    }

    fn open(&self, name: String) -> (StreamSender, Stream) {
        let (queue, receiver) = Queue::new(self.queue_bytes, self.list.count());
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
    /// Passes on what the stream says, waiting for room; false if the receiver is gone.
    pub fn say(&self, said: Result<Pulled>) -> bool {
        match self.queue.offer(said) {
            Ok(heard) => heard,
            Err(said) => tokio::task::block_in_place(|| self.queue.send(said)),
        }
    }

    /// Waits until all that the stream said up to `position` has been taken; false if the receiver
    /// is gone.
    pub fn drained(&self, position: CommitTs) -> bool {
        tokio::task::block_in_place(|| self.queue.drain(position))
    }

    /// Repeats how far the stream is, which is always true; false if the receiver is gone.
    pub fn heard(&self, position: CommitTs) -> bool {
        self.queue.send_resolved(position)
    }

    /// Runs `work` until it ends or the source is dropped. A stream that was cut short must not
    /// look as if it had ended, so being dropped and a panic both give it an error to end with.
    async fn while_alive(mut self, work: impl Future<Output = ()> + Send + 'static) {
        let mut task = tokio::spawn(work);
        let why = tokio::select! {
            ended = &mut task => match ended {
                Ok(()) => return,
                Err(e) => format!("reading a stream failed: {e}"),
            },
            // No value is ever sent: a change means that the source was dropped.
            _ = self.alive.changed() => "the source was closed while its streams were still open".to_owned(),
        };
        task.abort();
        self.say(Err(anyhow::anyhow!(why)));
    }
}

/// With every so many listings, the TiDB servers are asked whether they still write Binlog.
const SERVERS_EVERY: u64 = 100;

/// The task that keeps listing the Pumps, and starts reading those that join.
pub(super) struct PumpWatcher {
    pd: Arc<Pd>,
    events: Events,
    pull: PullContext,
    known_to: CommitTs,
    /// Ids of Pumps whose entries could not be read in the last listing, and that were offline
    /// before.
    passed_over: BTreeSet<String>,
}

/// The result of one listing.
struct Listed {
    /// A Pump that is not in it holds nothing at or below this.
    known_to: CommitTs,
    nodes: Vec<Node>,
    unread: Vec<Unread>,
    /// Empty if they were not asked for.
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
            // Never waits for room here: the next listing brings a newer ts.
            if !sender.heard(self.known_to) {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(self.pull.options.timing.list_every) => {}
                () = self.pull.options.status.requested() => {}
            }
            let asked = self.pull.options.status.asked();
            let pd = Arc::clone(&self.pd);
            let listing = tokio::task::spawn_blocking(move || list(&pd, call.is_multiple_of(SERVERS_EVERY)));
            match listing.await.context("listing the Pumps failed").flatten() {
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
                    self.pull.options.status.answered(asked);
                    for change in self.pull.options.status.look(&list.servers) {
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
                    tokio::time::sleep(self.pull.options.timing.retry).await;
                }
            }
        }
    }

    /// Ignores entries that cannot be read if the Pump was offline and all that it held has been
    /// read.
    ///
    /// # Errors
    /// Refused for any other: that Pump may hold what no other has.
    fn pass_over(&mut self, unread: &[Unread]) -> Result<()> {
        for entry in unread {
            if !self.passed_over.contains(&entry.id) {
                if !self.pull.list.is_gone(&entry.id) {
                    return check::readable(Some(entry));
                }
                let text =
                    format!("Pump {} was offline, and its entry in etcd {}: it is still left out", entry.id, entry.why);
                (self.events)(Event::Warning(text));
            }
        }
        self.passed_over = unread.iter().map(|entry| entry.id.clone()).collect();
        Ok(())
    }

    /// Takes over a new list, and hands on the streams of Pumps that joined; false if the receiver
    /// is gone.
    fn take_in(&self, nodes: Vec<Node>, sender: &StreamSender) -> bool {
        for node in self.pull.list.take(nodes) {
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
                _ => Event::Warning(format!(
                    "{text}: it may have data that no other Pump has, so everything waits for it"
                )),
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

/// The last list of Pumps, and which of them are read.
pub(super) struct Membership {
    list: Mutex<PumpList>,
    /// Rises when the address or state of a Pump has changed.
    changes: watch::Sender<u64>,
}

struct PumpList {
    nodes: Vec<Node>,
    /// Ids of the Pumps that are read.
    read: BTreeSet<String>,
    /// Ids of the Pumps that were seen in state `closing`, and have not been online since.
    closing: BTreeSet<String>,
}

impl Membership {
    /// `nodes`, of which the active ones are read.
    pub fn new(nodes: Vec<Node>) -> Self {
        let ids = |keep: &dyn Fn(&Node) -> bool| nodes.iter().filter(|n| keep(n)).map(|n| n.id.clone()).collect();
        let read = ids(&check::is_active);
        let closing = ids(&|n: &Node| n.state == State::Closing);
        Self { list: Mutex::new(PumpList { nodes, read, closing }), changes: watch::Sender::new(0) }
    }

    /// Takes over a new list; returns the Pumps that have to be read from now on.
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

    /// Stops reading a Pump that is offline; false, with no change, if it is no longer offline in
    /// the list.
    pub fn leave(&self, id: &str) -> bool {
        let mut list = self.list.lock();
        let offline = list.nodes.iter().any(|n| n.id == id && n.state == State::Offline);
        if offline {
            list.read.remove(id);
        }
        offline
    }

    /// Whether the Pump was offline in the last list, and nothing of it is left to read.
    pub fn is_gone(&self, id: &str) -> bool {
        let list = self.list.lock();
        let offline = list.nodes.iter().any(|n| n.id == id && n.state == State::Offline);
        offline && !list.read.contains(id)
    }

    /// Whether the Pump was seen going offline by itself, rather than only being marked offline.
    pub fn closed(&self, id: &str) -> bool {
        self.list.lock().closing.contains(id)
    }

    pub fn node(&self, id: &str) -> Option<Node> {
        self.list.lock().nodes.iter().find(|n| n.id == id).cloned()
    }

    /// How many Pumps are read.
    pub fn count(&self) -> usize {
        self.list.lock().read.len()
    }

    /// Ends when the Pump `id` has moved away from `host`, or is offline.
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
        let list = Membership::new(vec![node("a", State::Online), node("b", State::Offline)]);
        let ids = |nodes: Vec<Node>| nodes.into_iter().map(|n| n.id).collect::<Vec<_>>();
        assert!(!list.leave("a"), "it is online");
        assert!(list.take(vec![node("a", State::Closing), node("b", State::Offline)]).is_empty());
        assert!(list.take(vec![node("a", State::Offline), node("b", State::Offline)]).is_empty());
        assert!(list.closed("a") && !list.closed("b"));
        // It came back before its reader had left: the reader goes on.
        assert!(list.take(vec![node("a", State::Online), node("b", State::Online)]).iter().all(|n| n.id == "b"));
        assert!(!list.leave("a") && !list.closed("a"));
        assert!(list.take(vec![node("a", State::Offline)]).is_empty());
        assert!(list.leave("a"));
        assert_eq!(ids(list.take(vec![node("a", State::Paused), node("c", State::Online)])), ["a", "c"]);
        assert_eq!(list.count(), 3);
    }
}
