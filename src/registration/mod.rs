//! Registers a running link as a Drainer in the upstream cluster, until the link is given up.
//!
//! Pumps do not go offline before every drainer that is not offline itself has what they hold, and
//! a Pump that starts tells every drainer that is online. So an entry must be true: `online` only
//! while this process answers, `paused` between runs, `offline` when the link is given up for good
//! (docs/protocol/tidb-binlog.md §1.5, §1.6).
//!
//! - [`entry`] chooses the node id and the address, and decides what to write, from what is there.
//! - [`heartbeat`] writes it every second, from a thread of its own; removes the entry of a link that
//!   is given up for good; and tells live nodes from dead ones.
//! - [`server`] answers Pumps (`binlog.Cistern`, gRPC) and people (HTTP, as Drainer does) on one
//!   port, at which [`door`] lets them in. It is asynchronous, on a small runtime of its own.

mod door;
mod entry;
pub mod heartbeat;
mod server;

use std::net::TcpListener;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::event::{Event, Events};
use crate::model::CommitTs;
use crate::pd::{Pd, Security, State, Status};
use crate::source::pump::PumpStatus;
use crate::stop::Stop;

pub use entry::{Asked, Wish};
pub use entry::{check_id, node_id};
pub use heartbeat::{Unregistered, unregister};

use entry::Identity;

/// What a place needs to know.
#[derive(Clone, Debug)]
pub struct Options {
    /// As the operator names PD.
    pub pd: String,
    /// TLS towards the cluster; its certificate and key also serve.
    pub security: Security,
    /// The node id; see [`node_id`].
    pub id: String,
    /// `host:port` to listen on; chosen if `None`.
    pub addr: Option<String>,
    /// `host:port` that Pumps are told; that of `addr` if `None`.
    pub advertise: Option<String>,
    /// Whether anybody is answered. If not the entry stays `paused`: Pumps wait for it, and do not call.
    pub listen: bool,
    /// Another process that keeps the entry alive is no reason to refuse: it is about to be ended.
    pub take_over: bool,
    /// Time between two heartbeats; [`HEARTBEAT`] but in tests.
    pub every: Duration,
}

/// Between two heartbeats, as Drainer has it.
pub const HEARTBEAT: Duration = Duration::from_secs(1);

/// How far the target is, as far as is known to be durable.
#[derive(Clone, Debug, Default)]
pub struct Durable(Arc<AtomicU64>);

impl Durable {
    /// Everything at or below is durable.
    #[must_use]
    pub fn get(&self) -> CommitTs {
        CommitTs(self.0.load(Ordering::SeqCst))
    }

    /// The run's events, listened to on their way.
    #[must_use]
    pub fn listening(&self, events: &Events) -> Events {
        let (durable, events) = (self.clone(), Arc::clone(events));
        Arc::new(move |event| {
            match &event {
                Event::Applied { position, .. } => drop(durable.0.fetch_max(position.0, Ordering::SeqCst)),
                Event::SetBack { position } => durable.0.store(position.0, Ordering::SeqCst),
                _ => {}
            }
            events(event);
        })
    }
}

/// The entry of a running link. Dropping it writes the state to leave behind.
pub struct Registration {
    shared: Arc<Shared>,
    listener: Option<TcpListener>,
    /// It is kept true.
    begun: bool,
    server: Option<server::Server>,
    beat: Option<heartbeat::Heartbeat>,
    registered: Registered,
}

/// What became of the entry.
#[derive(Debug)]
enum Registered {
    /// Nothing was written.
    No,
    /// It was written, in place of what is kept here, for a run that has not come to stand yet.
    Before(Option<Status>),
    /// The run stands: the entry stays.
    Yes,
}

/// What the threads of a place share.
struct Shared {
    id: String,
    /// The address that Pumps are told.
    host: String,
    pd: Pd,
    durable: Durable,
    pump_status: Arc<PumpStatus>,
    clock: Clock,
    every: Duration,
    stop: Stop,
    events: Events,
    standing: Mutex<entry::Standing>,
    /// What PD's clock said last to whoever asks for a page, if it could be asked, and when.
    asked: tokio::sync::Mutex<Option<(Instant, Option<CommitTs>)>>,
}

/// About what PD's clock says, without asking it each time: whole seconds since one timestamp
/// (docs/protocol/tidb-binlog.md §1.2).
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
    fn standing(&self) -> MutexGuard<'_, entry::Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody wants the run to end. Gives false if it is ending already.
    fn ask(&self, wish: Wish, by: String) -> bool {
        let news = self.standing().ask(wish, &by);
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
    /// Looks who is there and chooses the address; nothing is written yet.
    ///
    /// # Errors
    /// If PD cannot be asked; if a live drainer has this node id; if the address cannot be used.
    pub fn look(
        options: &Options,
        durable: Durable,
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

    /// Writes the entry, with what is durable, as `paused`: that is true until [`online`](Self::online). A run that ends before that leaves
    /// the entry as it was.
    ///
    /// # Errors
    /// If PD does not let us write.
    pub fn register(&mut self) -> Result<()> {
        let before = heartbeat::first(&self.shared)?;
        if matches!(self.registered, Registered::No) {
            self.registered = Registered::Before(before);
        }
        Ok(())
    }

    /// From now on Pumps are answered, and the entry says `online`. Without a certificate of our own in a cluster with TLS no Pump
    /// can call us, nor if nobody listens: then it stays `paused`, which Pumps wait for as well, and do not call.
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
            self.shared.standing().say(State::Online);
        }
        self.beat = Some(heartbeat::Heartbeat::start(Arc::clone(&self.shared))?);
        Ok(())
    }

    /// The node id and the address that Pumps are told.
    #[must_use]
    pub fn name(&self) -> (&str, &str) {
        (&self.shared.id, &self.shared.host)
    }

    /// Who asked from outside for the run to end, and for what.
    #[must_use]
    pub fn asked(&self) -> Option<Asked> {
        self.shared.standing().asked().cloned()
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // The beat first: nothing may say online once nobody answers.
        self.shared.standing().end();
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
