//! Calls the roll: a stream that holds "up to this ts the list of Pumps is complete", and the streams of Pumps that join.
//!
//! A Pump that registers while a run goes on may take a transaction before anybody here knows of it. So the merge must
//! not pass a ts for which the list is not known: this stream says `Resolved(t)` only after a listing that began when the
//! cluster's clock was at `t`. What a Pump that is not in that listing holds was committed later. So a Pump that joins is
//! read from the last `t` whose listing did not have it, and its stream is handed on before the next `Resolved`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};

use super::{Crew, Outlet, PumpSource, check};
use crate::error::Kind;
use crate::event::{Event, Events};
use crate::model::{CommitTs, Pulled};
use crate::pd::{Node, Pd, State, TidbServer, Unread};

/// Every so many calls the TiDB servers are asked as well whether they still write Binlog.
const SERVERS_EVERY: u64 = 100;

pub(super) struct Roll {
    pd: Arc<Pd>,
    events: Events,
    crew: Crew,
    known_to: CommitTs,
    /// Ids of Pumps whose entries could not be read the last time, and which were offline before.
    passed_over: BTreeSet<String>,
}

/// What one call brings.
struct List {
    /// No Pump that is not in it holds anything at or below this.
    known_to: CommitTs,
    nodes: Vec<Node>,
    unread: Vec<Unread>,
    /// If they were asked for.
    servers: Vec<TidbServer>,
}

impl Roll {
    pub(super) fn new(source: &PumpSource, known_to: CommitTs, crew: Crew) -> Self {
        Self {
            pd: Arc::clone(&source.pd),
            events: Arc::clone(&source.events),
            crew,
            known_to,
            passed_over: BTreeSet::new(),
        }
    }

    pub(super) async fn run(mut self, outlet: Outlet) {
        let mut answered = Instant::now();
        for call in 1_u64.. {
            // Nobody waits for room here: the next call brings newer news.
            if !outlet.heard(self.known_to) {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(self.crew.timing.roll_call) => {}
                () = self.crew.muster.rung() => {}
            }
            let asked = self.crew.muster.asked();
            let pd = Arc::clone(&self.pd);
            let listing = tokio::task::spawn_blocking(move || list(&pd, call.is_multiple_of(SERVERS_EVERY)));
            match listing.await.context("the listing of the Pumps broke off").flatten() {
                Ok(list) => {
                    answered = Instant::now();
                    if let Err(error) = self.pass_over(&list.unread) {
                        outlet.say(Err(error));
                        return;
                    }
                    if !self.take_in(list.nodes, &outlet) {
                        return;
                    }
                    self.known_to = list.known_to;
                    self.crew.muster.answered(asked);
                    for change in self.crew.muster.look(&list.servers) {
                        (self.events)(Event::Warning(change));
                    }
                }
                Err(error) if crate::error::fault(&error).is_some_and(|f| f.kind == Kind::Refused) => {
                    outlet.say(Err(error));
                    return;
                }
                Err(error) => {
                    let what = format!("PD to list the Pumps ({error:#})");
                    (self.events)(Event::Waiting { what, since: answered.elapsed() });
                    tokio::time::sleep(self.crew.timing.retry).await;
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
                if !self.crew.roster.is_gone(&entry.id) {
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
    fn take_in(&self, nodes: Vec<Node>, outlet: &Outlet) -> bool {
        for node in self.crew.roster.take(nodes) {
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
            let stream = self.crew.read(&node, from);
            if !outlet.say(Ok(Pulled::Joins { stream, from })) {
                return false;
            }
        }
        true
    }
}

/// The Pumps now, and the TiDB servers if they are asked for.
fn list(pd: &Pd, servers: bool) -> Result<List> {
    let known_to = pd.tso()?;
    let (nodes, unread) = pd.pump_entries()?;
    let servers = if servers { pd.tidb_servers()? } else { Vec::new() };
    // The start has shown them; once is enough.
    let _ = pd.take_warnings();
    Ok(List { known_to, nodes, unread, servers })
}
