//! A live cluster as a source: one stream for each of its Pumps, found through PD's etcd.
//!
//! The only async code of the program lives here and behind `pd`: one task for each Pump ([`pull`]) and one that calls the
//! roll ([`roll`]), on a small runtime in a thread of its own.

mod check;
mod messages;
mod pull;
mod roll;

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use super::queue::Queue;
use super::{Options, SILENCE, Source, Stream};
use crate::error::Fault;
use crate::event::{Event, Events};
use crate::model::{CommitTs, Pulled};
use crate::pd::{Node, Pd, REQUEST_LIMIT, Security};
use crate::schema::History;

pub use check::{binlog_is_on, gc_ts};
pub use pull::request;

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
    /// Dropped with the source: then the tasks behind its streams end.
    alive: Option<watch::Sender<()>>,
}

impl PumpSource {
    /// The Pumps that `pd` knows; nothing is asked yet.
    #[must_use]
    pub fn new(pd: Pd, history: Arc<dyn History>, events: Events, options: &Options) -> Self {
        let Options { security, gzip, timing, queue_bytes, .. } = options.clone();
        Self { pd: Arc::new(pd), history, events, security, gzip, timing, queue_bytes, alive: None }
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
        let nodes = self.pd.pumps()?;
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
        let runtime = Self::runtime()?;
        let (alive, watched) = watch::channel(());
        let (mut streams, mut tasks) = (Vec::new(), Vec::new());
        let shared = Arc::new(Mutex::new(nodes.clone()));
        let active: Vec<&Node> = nodes.iter().filter(|n| check::is_active(n)).collect();
        let mut open = |name: String| {
            let (queue, receiver) = Queue::new(self.queue_bytes, active.len());
            streams.push(Stream { name, receiver });
            Outlet { queue: Arc::new(queue), alive: watched.clone() }
        };
        for node in &active {
            let outlet = open(format!("Pump {}", node.id));
            let puller = pull::Puller::new(self, node, from, Arc::clone(&shared));
            tasks.push(runtime.spawn(outlet.clone().while_alive(puller.run(outlet))));
        }
        let outlet = open("the list of Pumps".to_owned());
        let roll = roll::Roll::new(self, known_to, shared);
        tasks.push(runtime.spawn(outlet.clone().while_alive(roll.run(outlet))));
        self.alive = Some(alive);
        let spawned = thread::Builder::new().name("pumps".to_owned()).spawn(move || {
            runtime.block_on(async {
                for task in tasks {
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

/// The writing end of a stream.
#[derive(Clone)]
struct Outlet {
    queue: Arc<Queue>,
    alive: watch::Receiver<()>,
}

impl Outlet {
    /// Passes on what the stream says, waiting for room; false if nobody listens any more.
    fn say(&self, said: Result<Pulled>) -> bool {
        match self.queue.offer(said) {
            Ok(heard) => heard,
            Err(said) => tokio::task::block_in_place(|| self.queue.send(said)),
        }
    }

    /// Waits until all that the stream said up to `position` has been taken; false if nobody listens any more.
    fn drained(&self, position: CommitTs) -> bool {
        tokio::task::block_in_place(|| self.queue.drain(position))
    }

    /// Says again how far the stream is, which is always true; the answer tells whether anybody still listens.
    fn heard(&self, position: CommitTs) -> bool {
        self.queue.is_heard(position)
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
