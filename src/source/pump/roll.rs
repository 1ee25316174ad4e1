//! Calls the roll: a stream that holds nothing but "up to this ts the list of Pumps is complete".
//!
//! A Pump that registers while a run goes on may take a transaction before anybody here knows of it. So the merge must
//! not pass a ts for which the list is not known: this stream says `Resolved(t)` only after a listing that began when the
//! cluster's clock was at `t`. What a Pump that is not in that listing holds was committed later.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result};

use super::{Outlet, PumpSource, Timing, check};
use crate::error::Fault;
use crate::event::{Event, Events};
use crate::model::CommitTs;
use crate::pd::{Node, Pd};

/// Every so many calls the TiDB servers are asked as well whether they still write Binlog.
const SERVERS_EVERY: u64 = 100;

pub(super) struct Roll {
    pd: Arc<Pd>,
    events: Events,
    timing: Timing,
    /// What the start listed; the pullers look up addresses here.
    nodes: Arc<Mutex<Vec<Node>>>,
    /// Those that are read, and those that were offline at the start.
    read: BTreeSet<String>,
    left_out: BTreeSet<String>,
    known_to: CommitTs,
}

impl Roll {
    pub(super) fn new(source: &PumpSource, known_to: CommitTs, nodes: Arc<Mutex<Vec<Node>>>) -> Self {
        let list = nodes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (read, left_out): (Vec<_>, Vec<_>) = list.into_iter().partition(check::is_active);
        let ids = |nodes: Vec<Node>| nodes.into_iter().map(|n| n.id).collect();
        Self {
            pd: Arc::clone(&source.pd),
            events: Arc::clone(&source.events),
            timing: source.timing,
            nodes,
            read: ids(read),
            left_out: ids(left_out),
            known_to,
        }
    }

    pub(super) async fn run(mut self, outlet: Outlet) {
        let mut answered = Instant::now();
        for call in 1_u64.. {
            // Nobody waits for room here: the next call brings newer news.
            if !outlet.heard(self.known_to) {
                return;
            }
            tokio::time::sleep(self.timing.roll_call).await;
            let pd = Arc::clone(&self.pd);
            let listing = tokio::task::spawn_blocking(move || list(&pd, call.is_multiple_of(SERVERS_EVERY)));
            match listing.await.context("the listing of the Pumps broke off").flatten() {
                Ok((known_to, nodes)) => {
                    answered = Instant::now();
                    if let Err(fault) = self.missing(&nodes) {
                        outlet.say(Err(fault.into()));
                        return;
                    }
                    self.known_to = known_to;
                    *self.nodes.lock().unwrap_or_else(PoisonError::into_inner) = nodes;
                }
                Err(error) if crate::error::fault(&error).is_some_and(|f| f.kind == crate::error::Kind::Refused) => {
                    outlet.say(Err(error));
                    return;
                }
                Err(error) => {
                    let what = format!("PD to list the Pumps ({error:#})");
                    (self.events)(Event::Waiting { what, since: answered.elapsed() });
                    tokio::time::sleep(self.timing.retry).await;
                }
            }
        }
    }

    /// Whether a Pump has appeared that is not read.
    fn missing(&self, nodes: &[Node]) -> Result<(), Fault> {
        let new = nodes.iter().find(|n| {
            let known_offline = self.left_out.contains(&n.id) && !check::is_active(n);
            !self.read.contains(&n.id) && !known_offline
        });
        let Some(node) = new else { return Ok(()) };
        let text =
            format!("Pump {} ({}, {}) has joined the cluster and is not read yet", node.id, node.host, node.state);
        Err(Fault::refused(text).hint("nothing is lost: start again, it goes on from the checkpoint with the new Pump"))
    }
}

/// The Pumps now, and the ts up to which no other can hold anything.
fn list(pd: &Pd, servers: bool) -> Result<(CommitTs, Vec<Node>)> {
    let known_to = pd.tso()?;
    let nodes = pd.pumps()?;
    if servers {
        check::binlog_is_on(&pd.tidb_servers()?)?;
    }
    // The start has shown them; once is enough.
    let _ = pd.take_warnings();
    Ok((known_to, nodes))
}
