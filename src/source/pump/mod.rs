//! A live cluster as a source: one stream for each of its Pumps, found through PD's etcd.
//!
//! Async code of the program lives here, behind `pd` and in `place`: one task for each Pump ([`pull`]) and one that calls
//! the roll ([`roll`]), on a small runtime in a thread of its own. A Pump that joins gets its task from the roll; one that
//! goes offline with everything read ends its own.

mod check;
mod crew;
mod lapse;
mod messages;
mod muster;
mod pull;
mod roll;
mod roster;
mod silence;

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, watch};

use super::{Options, SILENCE, Source, Stream};
use crate::error::Fault;
use crate::event::{Event, Events};
use crate::model::CommitTs;
use crate::pd::{Node, Pd, REQUEST_LIMIT, Security};
use crate::schema::History;

pub use check::{Lapse, binlog_is_on, gc_ts};
pub use muster::Muster;
pub use pull::request;

use crew::{Crew, Outlet};
use roster::Roster;

/// How patient the source is. Tests shorten it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// So long a Pump may say nothing before it is asked anew.
    pub silence: Duration,
    /// Pause before the first attempt to connect again.
    pub retry: Duration,
    /// It doubles up to this.
    pub retry_most: Duration,
    /// Pause between two looks at the list of Pumps. The merge never passes the last look.
    pub roll_call: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            silence: SILENCE,
            retry: Duration::from_secs(1),
            retry_most: Duration::from_secs(5),
            roll_call: Duration::from_millis(50),
        }
    }
}

/// The Pumps of a live cluster.
pub struct PumpSource {
    pd: Arc<Pd>,
    history: Arc<dyn History>,
    events: Events,
    security: Security,
    gzip: bool,
    timing: Timing,
    queue_bytes: usize,
    muster: Arc<Muster>,
    /// Dropped with the source: then the tasks behind its streams end.
    alive: Option<watch::Sender<()>>,
}

impl PumpSource {
    /// The Pumps that `pd` knows; nothing is asked yet.
    #[must_use]
    pub fn new(pd: Pd, history: Arc<dyn History>, events: Events, options: &Options) -> Self {
        let Options { security, gzip, timing, queue_bytes, muster, .. } = options.clone();
        Self { pd: Arc::new(pd), history, events, security, gzip, timing, queue_bytes, muster, alive: None }
    }

    /// The Pumps that have to be read from `from` on, after everything that forbids a start has been looked at.
    fn roster(&self, from: CommitTs) -> Result<(CommitTs, Vec<Node>)> {
        // Taken before the list: a Pump that is not in the list can hold nothing at or below this.
        let known_to = self.pd.tso()?;
        if from > known_to {
            let text = format!(
                "the start ts {} lies ahead of the cluster, which is at {}",
                from.explain(),
                known_to.explain()
            );
            return Err(Fault::refused(text).hint("what is written until then would be left out; check the ts").into());
        }
        let (nodes, unread) = self.pd.pump_entries()?;
        check::readable(unread.first())?;
        let servers = self.pd.tidb_servers()?;
        self.pd.take_warnings().into_iter().for_each(|w| (self.events)(Event::Warning(w)));
        let active = check::active(&nodes, &self.events)?;
        binlog_is_on(&servers)?;
        if servers.is_empty() {
            let text = "no TiDB server runs now, so nobody can say whether Binlog is on";
            (self.events)(Event::Warning(text.to_owned()));
        }
        let agent = self.security.agent(REQUEST_LIMIT)?;
        for node in active {
            check::reaches_back(&agent, &self.security, node, from, &self.events)?;
        }
        Ok((known_to, nodes))
    }

    fn runtime() -> Result<Runtime> {
        Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("pump")
            .enable_all()
            .build()
            .context("cannot start the threads that read the Pumps")
    }
}

impl Source for PumpSource {
    fn cluster_id(&self) -> u64 {
        self.pd.cluster_id()
    }

    fn history(&self) -> Arc<dyn History> {
        Arc::clone(&self.history)
    }

    fn now(&self) -> Result<CommitTs> {
        self.pd.tso()
    }

    fn first(&self) -> Option<CommitTs> {
        None
    }

    fn streams(&mut self, from: CommitTs) -> Result<Vec<Stream>> {
        let (known_to, nodes) = self.roster(from)?;
        (self.events)(Event::Live);
        let runtime = Self::runtime()?;
        let (alive, watched) = watch::channel(());
        let (tasks, mut started) = mpsc::unbounded_channel();
        let active: Vec<Node> = nodes.iter().filter(|n| check::is_active(n)).cloned().collect();
        let crew = Crew {
            cluster_id: self.pd.cluster_id(),
            security: self.security.clone(),
            gzip: self.gzip,
            timing: self.timing,
            events: Arc::clone(&self.events),
            queue_bytes: self.queue_bytes,
            muster: Arc::clone(&self.muster),
            roster: Arc::new(Roster::new(nodes)),
            alive: watched,
            runtime: runtime.handle().clone(),
            tasks,
        };
        let mut streams: Vec<Stream> = active.iter().map(|node| crew.read(node, from)).collect();
        streams.push(crew.call_roll(self, known_to));
        self.alive = Some(alive);
        let spawned = thread::Builder::new().name("pumps".to_owned()).spawn(move || {
            runtime.block_on(async {
                // No more tasks can come once the roll has ended, which holds the crew.
                while let Some(task) = started.recv().await {
                    let task: tokio::task::JoinHandle<()> = task;
                    // A task that panicked has closed its stream with an error: see `while_alive`.
                    let _ = task.await;
                }
            });
            runtime.shutdown_background();
        });
        spawned.context("cannot start the thread that reads the Pumps")?;
        Ok(streams)
    }
}
