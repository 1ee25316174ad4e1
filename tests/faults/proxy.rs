//! A proxy between tisync and MariaDB that knows what passes: it counts the steps of applying, and at a chosen one it
//! lets a test do something before the statement goes on, behind it, or before or behind its answer.

use std::collections::BTreeMap;
use std::io;
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle, sleep};
use std::time::Duration;

use crate::link::{self, Link};
use crate::packet::Answer;
use crate::steps::Step;

/// How often the listener looks whether it should go on.
const TICK: Duration = Duration::from_millis(2);

/// Where in the life of a statement something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// The server has not seen it.
    Before,
    /// The server has it, the client has no answer.
    Forwarded,
    /// The server has answered, the client has no answer.
    Answered,
    /// The client has the answer.
    Delivered,
}

/// One moment of applying.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    pub step: Step,
    pub point: Point,
    /// Counted over all connections from when it is awaited; 1 is the next.
    pub nth: u32,
}

/// What becomes of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    GoOn,
    Cut,
    /// The client gets this error: before the server sees the statement, then it never does; or instead of the server's answer.
    Answer(u16),
}

/// What was caught.
#[derive(Clone, Debug)]
pub struct Caught {
    /// Connections with an open transaction, as far as their client knows.
    pub open: usize,
    /// The server's number of the connection.
    pub session: u32,
}

/// Something to do at one moment.
pub struct Trap {
    pub at: Moment,
    pub action: Box<dyn FnOnce(&Caught) -> Then + Send>,
    /// Gets the server's answer to the statement, whether or not anybody else does.
    pub answer: Box<dyn FnOnce(&Answer) + Send>,
}

/// Changes what the server gets to see.
pub enum Rewritten {
    Text(String),
    /// The server never sees it; the client is told that so many rows were changed.
    Faked(u8),
}

type Rewrite = Arc<dyn Fn(&str) -> Option<Rewritten> + Send + Sync>;

pub struct Shared {
    pub server: u16,
    run: AtomicBool,
    refuse: AtomicBool,
    /// Microseconds that each answer waits.
    pub delay: AtomicU64,
    trap: Mutex<Option<Trap>>,
    pub rewrite: Mutex<Option<Rewrite>>,
    pub links: Mutex<BTreeMap<u64, Arc<Link>>>,
    pub seen: Mutex<BTreeMap<Step, u64>>,
}

pub struct Proxy {
    shared: Arc<Shared>,
    port: u16,
    thread: Option<JoinHandle<()>>,
}

pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Proxy {
    /// Starts one in front of the server on port `server`.
    pub fn start(server: u16) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared {
            server,
            run: AtomicBool::new(true),
            refuse: AtomicBool::default(),
            delay: AtomicU64::default(),
            trap: Mutex::default(),
            rewrite: Mutex::default(),
            links: Mutex::default(),
            seen: Mutex::default(),
        });
        let thread = thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&shared, listener, port)
        });
        Ok(Self { shared, port, thread: Some(thread) })
    }

    /// The target for `sync`.
    pub fn url(&self) -> String {
        format!("mysql://root@127.0.0.1:{}/?ssl-mode=disabled", self.port)
    }

    /// Sets the one trap; one that has not gone off is given up.
    pub fn set(&self, trap: Trap) {
        *lock(&self.shared.trap) = Some(trap);
    }

    /// Gives the trap up; whether it was still set.
    pub fn unset(&self) -> bool {
        lock(&self.shared.trap).take().is_some()
    }

    /// Rewrites statements from now on, or no more.
    pub fn rewrite(&self, rewrite: Option<Rewrite>) {
        *lock(&self.shared.rewrite) = rewrite;
    }

    /// Every answer waits this long.
    pub fn delay(&self, delay: Duration) {
        self.shared.delay.store(u64::try_from(delay.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Whether the port is closed.
    pub fn refuse(&self, refuse: bool) {
        self.shared.refuse.store(refuse, Ordering::Relaxed);
    }

    pub fn refuses(&self) -> bool {
        self.shared.refuse.load(Ordering::Relaxed)
    }

    /// Cuts every connection.
    pub fn cut(&self) {
        lock(&self.shared.links).values().for_each(|link| link.cut());
    }

    /// How many connections have a transaction open.
    pub fn open(&self) -> usize {
        self.shared.open()
    }

    /// How often each step has passed.
    pub fn seen(&self) -> BTreeMap<Step, u64> {
        lock(&self.shared.seen).clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.run.store(false, Ordering::Relaxed);
        self.unset();
        self.cut();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// How many connections have a transaction open.
    pub fn open(&self) -> usize {
        lock(&self.links).values().filter(|l| lock(&l.state).before.open).count()
    }

    /// The trap, if one of `steps` sets it off.
    pub fn catch(&self, steps: &[Step], session: u32) -> Option<(Trap, Caught)> {
        let mut slot = lock(&self.trap);
        let trap = slot.as_mut()?;
        if !steps.contains(&trap.at.step) {
            return None;
        }
        trap.at.nth = trap.at.nth.saturating_sub(1);
        if trap.at.nth > 0 {
            return None;
        }
        let trap = slot.take()?;
        drop(slot);
        Some((trap, Caught { open: self.open(), session }))
    }
}

fn accept(shared: &Arc<Shared>, listener: TcpListener, port: u16) {
    let mut listener = Some(listener);
    let mut number = 0;
    while shared.run.load(Ordering::Relaxed) {
        if shared.refuse.load(Ordering::Relaxed) {
            listener = None;
        } else if listener.is_none() {
            listener = TcpListener::bind(("127.0.0.1", port)).ok();
        }
        let Some(listening) = &listener else {
            sleep(TICK);
            continue;
        };
        let _ = listening.set_nonblocking(true);
        match listening.accept() {
            Ok((client, _)) => {
                number += 1;
                // A server that is away closes the connection, which is what the client then sees.
                let _ = link::open(shared, client, number);
            }
            Err(_) => sleep(TICK),
        }
    }
}
