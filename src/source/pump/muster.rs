//! What others may know of the Pumps while they are read, and how they have the roll called at once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{Notify, watch};

use super::check::Lapse;
use crate::model::CommitTs;

/// Shared between a cluster's source and whoever answers for the link in the cluster.
pub struct Muster {
    /// How often a roll call was asked for.
    asked: AtomicU64,
    rung: Notify,
    /// Up to which of these a listing has been made that began later.
    done: watch::Sender<u64>,
    positions: Mutex<BTreeMap<String, Arc<AtomicU64>>>,
    lapses: Mutex<BTreeMap<String, Lapse>>,
    registered: AtomicBool,
}

impl Default for Muster {
    fn default() -> Self {
        Self {
            asked: AtomicU64::new(0),
            rung: Notify::new(),
            done: watch::Sender::new(0),
            positions: Mutex::default(),
            lapses: Mutex::default(),
            registered: AtomicBool::new(false),
        }
    }
}

impl Muster {
    /// Has the roll called now; ends when a listing that began after this call is complete, and every Pump that it
    /// brought is being read.
    pub async fn call(&self) {
        let mut done = self.done.subscribe();
        let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        self.rung.notify_one();
        // Cannot fail: the sender lives as long as `self`.
        let _ = done.wait_for(|done| *done >= number).await;
    }

    /// How far each Pump has been read, by node id; those that are not read any more have left.
    #[must_use]
    pub fn positions(&self) -> BTreeMap<String, CommitTs> {
        let positions = lock(&self.positions);
        positions.iter().map(|(id, ts)| (id.clone(), CommitTs(ts.load(Ordering::Relaxed)))).collect()
    }

    /// The TiDB servers that did not write Binlog at some time of this run, in the order of their names.
    #[must_use]
    pub fn lapses(&self) -> Vec<Lapse> {
        lock(&self.lapses).values().cloned().collect()
    }

    /// The link has an entry among the cluster's drainers, so that a Pump waits for it before it goes offline.
    pub fn set_registered(&self, registered: bool) {
        self.registered.store(registered, Ordering::SeqCst);
    }

    pub(super) fn registered(&self) -> bool {
        self.registered.load(Ordering::SeqCst)
    }

    /// Where a Pump's reader says how far it is.
    pub(super) fn enrol(&self, id: &str, from: CommitTs) -> Arc<AtomicU64> {
        let position = Arc::new(AtomicU64::new(from.0));
        lock(&self.positions).insert(id.to_owned(), Arc::clone(&position));
        position
    }

    pub(super) fn leave(&self, id: &str) {
        lock(&self.positions).remove(id);
    }

    /// Ends when a roll call is asked for.
    pub(super) async fn rung(&self) {
        self.rung.notified().await;
    }

    /// How many roll calls have been asked for so far: a listing that begins now answers them.
    pub(super) fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }

    pub(super) fn answered(&self, asked: u64) {
        self.done.send_modify(|done| *done = asked.max(*done));
    }

    /// The servers as they are now; gives what has changed since the last look, one sentence each.
    pub(super) fn look(&self, servers: &[crate::pd::TidbServer]) -> Vec<String> {
        let mut lapses = lock(&self.lapses);
        servers.iter().filter_map(|server| Lapse::update(&mut lapses, server, Instant::now())).collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
