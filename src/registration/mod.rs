//! Registers a running link as a Drainer in the upstream cluster, until the link is given up.
//!
//! A Pump does not go offline before every drainer that is not offline itself has what it holds,
//! and a Pump that starts tells every drainer that is online. So an entry must be true: `online`
//! only while this process answers, `paused` between runs, `offline` when the link is given up
//! (docs/protocol/tidb-binlog.md §1.5, §1.6).
//!
//! - [`entry`] chooses the node id and the address, and decides what to write, depending on the
//!   existing entries.
//! - [`heartbeat`] writes the entry every second, on its own thread; removes the entry of a link
//!   that is given up for good; and decides which nodes are alive.
//! - [`server`] answers Pumps (`binlog.Cistern`, gRPC) and people (HTTP, as Drainer does) on one
//!   port; [`door`] accepts their connections. It is asynchronous, on its own small runtime.

mod door;
mod entry;
pub mod heartbeat;
mod server;

use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use parking_lot::Mutex;

use crate::event::{Event, Events};
use crate::model::{CommitTs, DurablePosition};
use crate::pd::{Pd, Security, State, Status};
use crate::source::pump::PumpStatus;
use crate::stop::Stop;

pub use entry::{Asked, Wish};
pub use entry::{check_id, node_id};
pub use heartbeat::{Unregistered, unregister};

use entry::Identity;

/// Settings of a link's registration.
#[derive(Clone, Debug)]
pub struct Options {
    /// PD's address as the operator wrote it.
    pub pd: String,
    /// TLS towards the cluster; its certificate and key also serve.
    pub security: Security,
    /// The node id; [`node_id`] makes the default.
    pub id: String,
    /// `host:port` to listen on; chosen if `None`.
    pub addr: Option<String>,
    /// `host:port` that Pumps get; that of `addr` if `None`.
    pub advertise: Option<String>,
    /// Whether the link listens. If not, the entry stays `paused`: Pumps wait for it, and do not
    /// call.
    pub listen: bool,
    /// Whether to start although another process keeps the entry alive, because that one is about
    /// to be ended.
    pub take_over: bool,
    /// Time between two heartbeats; [`HEARTBEAT`] except in tests.
    pub every: Duration,
}

/// Time between two heartbeats, as in Drainer.
pub const HEARTBEAT: Duration = Duration::from_secs(1);

/// The entry of a running link. Dropping it writes the state for the time between runs.
pub struct Registration {
    shared: Arc<Shared>,
    listener: Option<TcpListener>,
    /// Whether the entry is kept up to date.
    begun: bool,
    server: Option<server::Server>,
    beat: Option<heartbeat::Heartbeat>,
    registered: Registered,
}

/// What was done to the entry.
#[derive(Debug)]
enum Registered {
    /// Nothing was written.
    No,
    /// It was written, in place of the one kept here, for a run that has not begun yet.
    Before(Option<Status>),
    /// The run has begun: the entry stays.
    Yes,
}

/// Shared by the threads of a registration.
struct Shared {
    id: String,
    /// The address that Pumps get.
    host: String,
    pd: Pd,
    durable: DurablePosition,
    pump_status: Arc<PumpStatus>,
    clock: Clock,
    every: Duration,
    stop: Stop,
    events: Events,
    standing: Mutex<entry::Standing>,
    /// PD's clock as last asked for a page (`None` if PD did not answer), and when.
    asked: tokio::sync::Mutex<Option<(Instant, Option<CommitTs>)>>,
}

/// PD's clock, approximately, without asking PD each time: whole seconds since one timestamp (spec
/// §1.2).
struct Clock {
    ts: CommitTs,
    at: Instant,
}

impl Clock {
    fn now(&self) -> CommitTs {
        CommitTs(self.ts.0 + CommitTs::from_millis(self.at.elapsed().as_secs() * 1000).0)
    }
}

impl Shared {
    /// The position that is durable on the target; 0 while it is not known.
    fn durable(&self) -> CommitTs {
        self.durable.get().unwrap_or_default()
    }

    /// Requests the end of the run. False if it is ending already.
    fn ask(&self, wish: Wish, by: String) -> bool {
        let news = self.standing.lock().ask(wish, &by);
        if news {
            let word = wish.word();
            (self.events)(Event::Warning(format!(
                "{by} asked this drainer to {word}: the run finishes its work and ends"
            )));
        }
        self.stop.request();
        news
    }
}

impl Registration {
    /// Looks at the other drainers and chooses the address; nothing is written yet.
    ///
    /// # Errors
    /// If PD cannot be asked; if a drainer with this node id is alive; if the address cannot be
    /// used.
    pub fn look(
        options: &Options,
        durable: DurablePosition,
        pump_status: Arc<PumpStatus>,
        stop: &Stop,
        events: &Events,
    ) -> Result<Self> {
        let pd = Pd::connect(std::slice::from_ref(&options.pd), &options.security)?;
        let clock = Clock { ts: pd.tso()?, at: Instant::now() };
        let Identity { listener, host, note } = entry::listen(options, &pd)?;
        if let Some(note) = note {
            events(Event::Note(note));
        }
        let drainers = pd.drainers()?;
        pd.take_warnings().into_iter().for_each(|w| events(Event::Warning(w)));
        if let Some(ghost) = heartbeat::ghosts_at_start(&drainers, &options.id, clock.now(), &pd.flags()) {
            events(Event::Warning(ghost));
        }
        let shared = Shared {
            id: options.id.clone(),
            host,
            pd,
            durable,
            pump_status,
            clock,
            every: options.every,
            stop: stop.clone(),
            events: Arc::clone(events),
            standing: Mutex::new(entry::Standing::new(State::Paused)),
            asked: tokio::sync::Mutex::default(),
        };
        if !options.take_over {
            heartbeat::alone(&shared)?;
        }
        Ok(Self {
            shared: Arc::new(shared),
            listener,
            begun: false,
            server: None,
            beat: None,
            registered: Registered::No,
        })
    }

    /// Writes the entry with the durable position, as `paused`: that is true until
    /// [`online`](Self::online). A run that ends before that leaves the entry as it was.
    ///
    /// # Errors
    /// If PD refuses the write.
    pub fn register(&mut self) -> Result<()> {
        let before = heartbeat::first(&self.shared)?;
        if matches!(self.registered, Registered::No) {
            self.registered = Registered::Before(before);
        }
        Ok(())
    }

    /// Starts to answer Pumps, and sets the entry to `online`. In a cluster with TLS, Pumps cannot
    /// call a link without a certificate; then, or if it does not listen, the entry stays `paused`:
    /// Pumps wait for it as well, and do not call.
    ///
    /// # Errors
    /// If the server cannot be started.
    pub fn online(&mut self, security: &Security) -> Result<()> {
        if std::mem::replace(&mut self.begun, true) {
            return Ok(());
        }
        self.registered = Registered::Yes;
        self.shared.pump_status.set_registered(true);
        let Some(listener) = self.listener.take() else {
            (self.shared.events)(Event::Note(format!(
                "drainer {} is registered as paused, not online, and listens on no port (--no-listen): Pumps wait for \
                 it before they go offline, but do not notify it when they start, and it has neither /status nor \
                 /metrics",
                self.shared.id
            )));
            self.beat = Some(heartbeat::Heartbeat::start(Arc::clone(&self.shared))?);
            return Ok(());
        };
        if security.tls() && security.cert.is_none() {
            (self.shared.events)(Event::Warning(format!(
                "drainer {} is registered as paused, not online: Pumps would call it over TLS, which needs --ssl-cert and --ssl-key",
                self.shared.id
            )));
        } else {
            self.server = Some(server::Server::start(listener, security, Arc::clone(&self.shared))?);
            self.shared.standing.lock().say(State::Online);
        }
        self.beat = Some(heartbeat::Heartbeat::start(Arc::clone(&self.shared))?);
        Ok(())
    }

    /// The node id and the address that Pumps get.
    #[must_use]
    pub fn name(&self) -> (&str, &str) {
        (&self.shared.id, &self.shared.host)
    }

    /// The request from outside for the run to end, if there was one.
    #[must_use]
    pub fn asked(&self) -> Option<Asked> {
        self.shared.standing.lock().asked().cloned()
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // The heartbeat ends first: the entry must not say online when nothing answers.
        self.shared.standing.lock().end();
        self.beat.take();
        let left = match std::mem::replace(&mut self.registered, Registered::No) {
            Registered::No => return,
            Registered::Before(before) => heartbeat::undo(&self.shared, before),
            Registered::Yes => heartbeat::last(&self.shared),
        };
        if let Err(error) = left {
            (self.shared.events)(Event::Warning(format!(
                "the entry of drainer {} in the cluster could not be updated ({error:#}); the next start takes it over",
                self.shared.id
            )));
        }
        self.shared.pump_status.set_registered(false);
        self.server.take();
    }
}

#[cfg(test)]
mod tests;
