//! The list of Pumps as it was when the roll was called last, and which of them are read.
//!
//! Who is read changes only under one lock together with the list: so a Pump that left is not missed when it comes back,
//! and one that came back in time has not left.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::check;
use crate::pd::{Node, State};

pub(super) struct Roster {
    list: Mutex<List>,
    /// Rises when a Pump's address or state is another one.
    changes: watch::Sender<u64>,
}

struct List {
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
        Self { list: Mutex::new(List { nodes, read, closing }), changes: watch::Sender::new(0) }
    }

    /// Takes in a new list, and gives those that have to be read from now on.
    pub fn take(&self, nodes: Vec<Node>) -> Vec<Node> {
        let mut list = self.lock();
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
        let mut list = self.lock();
        let offline = list.nodes.iter().any(|n| n.id == id && n.state == State::Offline);
        if offline {
            list.read.remove(id);
        }
        offline
    }

    /// Whether it was offline when the list was last read, and nothing of it is left to be read.
    pub fn is_gone(&self, id: &str) -> bool {
        let list = self.lock();
        let offline = list.nodes.iter().any(|n| n.id == id && n.state == State::Offline);
        offline && !list.read.contains(id)
    }

    /// Whether it was seen to go offline by itself, and not just to be called so.
    pub fn closed(&self, id: &str) -> bool {
        self.lock().closing.contains(id)
    }

    pub fn node(&self, id: &str) -> Option<Node> {
        self.lock().nodes.iter().find(|n| n.id == id).cloned()
    }

    /// How many are read.
    pub fn count(&self) -> usize {
        self.lock().read.len()
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

    fn lock(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
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
