//! A live cluster as a source: one stream for each of its Pumps, found through PD's etcd.
//!
//! Each Pump is read by its own task ([`pull`]), and one more keeps listing the Pumps
//! ([`membership`]), on a small runtime in its own thread. A Pump that joins gets its task
//! from the latter; the task of one that goes offline ends when all is read. Other async code is in
//! `pd` and `registration`.
//!
//! [`PumpStatus`] is what other parts may know of the Pumps during a run, and how they request a
//! new listing at once. [`Silence`] tells why a Pump sends nothing: a healthy one sends at least a
//! position marker every few seconds.

mod check;
mod membership;
mod messages;
mod pull;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use parking_lot::Mutex;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Notify, mpsc, watch};

use super::{SILENCE, Source, Stream};
use crate::error::Fault;
use crate::event::{Event, Events};
use crate::model::{CommitTs, span_text};
use crate::pd::{Node, Pd, REQUEST_LIMIT, Security};
use crate::schema::History;
pub use check::{Lapse, binlog_is_on, gc_ts};
use membership::{Membership, PullContext, StreamSender};
pub use pull::request;

/// How often the source asks, and how long it waits. Tests shorten these times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How long a Pump may send nothing before it is reconnected.
    pub silence: Duration,
    /// Pause before the first attempt to reconnect.
    pub retry: Duration,
    /// Limit of that pause, which doubles with each attempt.
    pub retry_most: Duration,
    /// Pause between two listings of the Pumps. The merge never passes the last listing.
    pub list_every: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            silence: SILENCE,
            retry: Duration::from_secs(1),
            retry_most: Duration::from_secs(5),
            list_every: Duration::from_millis(50),
        }
    }
}

/// How Pumps are read, beyond the options of [every source](super::Options).
#[derive(Clone, Default)]
pub struct Options {
    /// Whether Pumps shall compress their messages.
    pub gzip: bool,
    /// Pauses and time limits.
    pub timing: Timing,
    /// Gets each Pump's position, and passes on requests to list the Pumps at once.
    pub status: Arc<PumpStatus>,
}

/// The Pumps of a live cluster as a source.
pub struct PumpSource {
    pd: Arc<Pd>,
    history: Arc<dyn History>,
    events: Events,
    security: Security,
    options: Options,
    queue_bytes: usize,
    /// Dropped with the source, which ends the tasks behind its streams.
    alive: Option<watch::Sender<()>>,
}

impl PumpSource {
    /// The Pumps that `pd` knows; nothing is requested yet.
    #[must_use]
    pub fn new(pd: Pd, history: Arc<dyn History>, events: Events, options: &super::Options) -> Self {
        let super::Options { security, pump: options, queue_bytes, .. } = options.clone();
        Self { pd: Arc::new(pd), history, events, security, options, queue_bytes, alive: None }
    }

    /// The Pumps to be read behind `from`, after everything that forbids a start has been checked;
    /// and the ts up to which that list is complete.
    fn pumps_to_read(&self, from: CommitTs) -> Result<(CommitTs, Vec<Node>)> {
        // Taken before the list: a Pump that is not in the list can hold nothing at or below this.
        let known_to = self.pd.tso()?;
        if from > known_to {
            let text = format!(
                "the start ts {} lies ahead of the cluster, which is at {}",
                from.explain(),
                known_to.explain()
            );
            return Err(Fault::refused(text).hint("changes written until then would be left out; check the ts").into());
        }
        let (nodes, unread) = self.pd.pump_entries()?;
        check::readable(unread.first())?;
        let servers = self.pd.tidb_servers()?;
        self.pd.take_warnings().into_iter().for_each(|w| (self.events)(Event::Warning(w)));
        let active = check::active(&nodes, &self.events)?;
        binlog_is_on(&servers)?;
        if servers.is_empty() {
            let text = "no TiDB server is running, so it is unknown whether binlog is enabled";
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

    fn is_live(&self) -> bool {
        true
    }

    fn registers(&self) -> bool {
        true
    }

    fn streams(&mut self, from: CommitTs) -> Result<Vec<Stream>> {
        let (known_to, nodes) = self.pumps_to_read(from)?;
        (self.events)(Event::Live);
        let runtime = Self::runtime()?;
        let (alive, watched) = watch::channel(());
        let (tasks, mut started) = mpsc::unbounded_channel();
        let active: Vec<Node> = nodes.iter().filter(|n| check::is_active(n)).cloned().collect();
        let pull = PullContext {
            cluster_id: self.pd.cluster_id(),
            security: self.security.clone(),
            options: self.options.clone(),
            events: Arc::clone(&self.events),
            queue_bytes: self.queue_bytes,
            list: Arc::new(Membership::new(nodes)),
            alive: watched,
            runtime: runtime.handle().clone(),
            tasks,
        };
        let mut streams: Vec<Stream> = active.iter().map(|node| pull.read(node, from)).collect();
        streams.push(pull.watch_list(self, known_to));
        self.alive = Some(alive);
        let spawned = thread::Builder::new().name("pumps".to_owned()).spawn(move || {
            runtime.block_on(async {
                // No more tasks can come once the watcher has ended, because it holds the sender of
                // `tasks`.
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

/// What a cluster's source shares with the parts that report on the link: how far each Pump has
/// been read, and requests for a new listing of the Pumps.
pub struct PumpStatus {
    /// How many listings were requested.
    asked: AtomicU64,
    requested: Notify,
    /// The highest request that a later listing has answered.
    done: watch::Sender<u64>,
    positions: Mutex<BTreeMap<String, Arc<AtomicU64>>>,
    lapses: Mutex<BTreeMap<String, Lapse>>,
    registered: AtomicBool,
}

impl Default for PumpStatus {
    fn default() -> Self {
        Self {
            asked: AtomicU64::new(0),
            requested: Notify::new(),
            done: watch::Sender::new(0),
            positions: Mutex::default(),
            lapses: Mutex::default(),
            registered: AtomicBool::new(false),
        }
    }
}

impl PumpStatus {
    /// Requests a listing of the Pumps; ends when a listing that began after this call is complete,
    /// and every Pump in it is being read.
    pub async fn call(&self) {
        let mut done = self.done.subscribe();
        let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        self.requested.notify_one();
        // Cannot fail: the sender lives as long as `self`.
        let _ = done.wait_for(|done| *done >= number).await;
    }

    /// How far each Pump has been read, by node id. Pumps that are no longer read are left out.
    #[must_use]
    pub fn positions(&self) -> BTreeMap<String, CommitTs> {
        let positions = self.positions.lock();
        positions.iter().map(|(id, ts)| (id.clone(), CommitTs(ts.load(Ordering::Relaxed)))).collect()
    }

    /// The TiDB servers that did not write Binlog at some time of this run, ordered by name.
    #[must_use]
    pub fn lapses(&self) -> Vec<Lapse> {
        self.lapses.lock().values().cloned().collect()
    }

    /// Whether the link has an entry among the cluster's drainers: then a Pump waits for it before
    /// it goes offline.
    pub fn set_registered(&self, registered: bool) {
        self.registered.store(registered, Ordering::SeqCst);
    }

    fn registered(&self) -> bool {
        self.registered.load(Ordering::SeqCst)
    }

    /// Registers a Pump's reader, which stores its position in the result.
    fn add(&self, id: &str, from: CommitTs) -> Arc<AtomicU64> {
        let position = Arc::new(AtomicU64::new(from.0));
        self.positions.lock().insert(id.to_owned(), Arc::clone(&position));
        position
    }

    fn leave(&self, id: &str) {
        self.positions.lock().remove(id);
    }

    /// Ends when a listing is requested.
    async fn requested(&self) {
        self.requested.notified().await;
    }

    /// How many listings have been requested so far: a listing that begins now answers them.
    fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }

    fn answered(&self, asked: u64) {
        self.done.send_modify(|done| *done = asked.max(*done));
    }

    /// Records the state of the servers now; returns a sentence for each that has changed.
    fn look(&self, servers: &[crate::pd::TidbServer]) -> Vec<String> {
        let mut lapses = self.lapses.lock();
        servers.iter().filter_map(|server| Lapse::update(&mut lapses, server, Instant::now())).collect()
    }
}

/// Why a Pump sends nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// Its metrics do not answer either.
    Hangs,
    /// It has more, and does not send it.
    Stuck,
    /// It has nothing newer itself.
    Waits,
}

/// Why one Pump is silent, reported once for each cause.
#[derive(Default)]
struct Silence(Mutex<Option<Cause>>);

impl Silence {
    /// The text for nothing received for `limit`, at `position`, if the Pump's metrics say that it
    /// is at `newest` (exact to the millisecond); and whether the cause is a new one.
    pub fn explain(&self, limit: Duration, position: CommitTs, newest: Result<CommitTs>) -> (String, bool) {
        let begin = format!("nothing for {} s, not even a position marker", limit.as_secs_f32());
        let (cause, text) = match newest {
            Err(error) => (
                Cause::Hangs,
                format!("{begin}, and its metrics do not answer ({error:#}): it hangs or is unreachable"),
            ),
            Ok(newest) if newest.physical_ms() > position.physical_ms() => (
                Cause::Stuck,
                format!("{begin}, although it has data up to {}: it hangs; reconnecting", newest.explain()),
            ),
            Ok(_) => (
                Cause::Waits,
                format!(
                    "{begin}; it answers, but has not advanced: it is probably waiting for TiKV to resolve a \
                     transaction (up to 10 min). The lag is not caused by tisync"
                ),
            ),
        };
        let mut told = self.0.lock();
        let news = told.replace(cause) != Some(cause);
        (text, news)
    }

    /// The Pump sends again after `silent`: the text for that, if its silence was reported.
    pub fn over(&mut self, id: &str, silent: Duration) -> Option<String> {
        self.0.get_mut().take()?;
        let time = span_text(u64::try_from(silent.as_millis()).unwrap_or(u64::MAX));
        Some(format!("Pump {id} sends again after {time}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t08_a_pump_that_waits_is_told_from_one_that_hangs() {
        let mut silence = Silence::default();
        let limit = Duration::from_secs(30);
        let at = CommitTs::from_parts(1000, 7);
        let (text, news) = silence.explain(limit, at, Ok(CommitTs::from_millis(1000)));
        assert!(
            news && text.contains("waiting") && text.contains("not caused by tisync") && !text.contains("hangs"),
            "{text}"
        );
        assert!(!silence.explain(limit, at, Ok(CommitTs::from_millis(1000))).1, "told once");
        let (text, news) = silence.explain(limit, at, Ok(CommitTs::from_millis(1001)));
        assert!(news && text.contains("hangs") && text.contains("has data up to"), "{text}");
        let (text, news) = silence.explain(limit, at, Err(anyhow::anyhow!("refused")));
        assert!(news && text.contains("hangs or is unreachable") && text.contains("nothing for 30 s"), "{text}");
        assert!(silence.over("p1", Duration::from_secs(95)).is_some_and(|t| t.contains("p1 sends again after 1m 35s")));
        assert!(silence.over("p1", limit).is_none());
    }
}
