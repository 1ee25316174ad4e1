//! A proxy between tisync and MariaDB that knows what passes: it counts the steps of applying, and at a chosen one it
//! lets a test do something before the statement goes on, behind it, or before or behind its answer.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle, sleep};
use std::time::Duration;

use crate::packet::{Answer, Frame};
use crate::steps::{Before, Step, steps};

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

/// What becomes of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    GoOn,
    Cut,
}

/// What was caught.
#[derive(Clone, Debug)]
pub struct Caught {
    /// Connections with an open transaction, as far as their client knows.
    pub open: usize,
}

/// Something to do at one moment.
pub struct Trap {
    pub step: Step,
    /// Counted over all connections from the moment it is set; 1 is the next.
    pub nth: u32,
    pub point: Point,
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

struct Shared {
    server: u16,
    run: AtomicBool,
    refuse: AtomicBool,
    /// Microseconds that each answer waits.
    delay: AtomicU64,
    trap: Mutex<Option<Trap>>,
    rewrite: Mutex<Option<Rewrite>>,
    links: Mutex<BTreeMap<u64, Arc<Link>>>,
    seen: Mutex<BTreeMap<Step, u64>>,
}

/// One connection.
struct Link {
    client: TcpStream,
    server: TcpStream,
    state: Mutex<State>,
    /// Held while an answer is passed on, and while none may be.
    gate: Mutex<()>,
}

#[derive(Default)]
struct State {
    before: Before,
    /// A statement is with the server.
    asked: bool,
    /// Its trap, unless that has gone off.
    trap: Option<(Trap, Caught, bool)>,
    cut: bool,
}

pub struct Proxy {
    shared: Arc<Shared>,
    port: u16,
    thread: Option<JoinHandle<()>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
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
    fn open(&self) -> usize {
        lock(&self.links).values().filter(|l| lock(&l.state).before.open).count()
    }

    /// The trap, if one of `steps` sets it off.
    fn catch(&self, steps: &[Step]) -> Option<(Trap, Caught)> {
        let mut slot = lock(&self.trap);
        let trap = slot.as_mut()?;
        if !steps.contains(&trap.step) {
            return None;
        }
        trap.nth = trap.nth.saturating_sub(1);
        if trap.nth > 0 {
            return None;
        }
        let trap = slot.take()?;
        drop(slot);
        Some((trap, Caught { open: self.open() }))
    }
}

impl Link {
    fn cut(&self) {
        lock(&self.state).cut = true;
        let _ = self.client.shutdown(Shutdown::Both);
        // Half: so that the answer to what is under way is still heard.
        let _ = self.server.shutdown(Shutdown::Write);
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
                let _ = open(shared, client, number);
            }
            Err(_) => sleep(TICK),
        }
    }
}

fn open(shared: &Arc<Shared>, client: TcpStream, number: u64) -> io::Result<()> {
    client.set_nonblocking(false)?;
    client.set_nodelay(true)?;
    let server = TcpStream::connect(("127.0.0.1", shared.server))?;
    server.set_nodelay(true)?;
    let link = Arc::new(Link { client, server, state: Mutex::default(), gate: Mutex::default() });
    lock(&shared.links).insert(number, Arc::clone(&link));
    let (requests, answers) = ((Arc::clone(shared), Arc::clone(&link)), (Arc::clone(shared), link));
    thread::spawn(move || {
        let _ = pass_requests(&requests.0, &requests.1);
        lock(&requests.1.state).before = Before::default();
        requests.1.cut();
    });
    thread::spawn(move || {
        let _ = pass_answers(&answers.0, &answers.1);
        let _ = answers.1.client.shutdown(Shutdown::Both);
        let _ = answers.1.server.shutdown(Shutdown::Both);
        lock(&answers.0.links).remove(&number);
    });
    Ok(())
}

fn pass_requests(shared: &Shared, link: &Link) -> io::Result<()> {
    let (mut from, mut to) = (&link.client, &link.server);
    while let Some(first) = Frame::read(&mut from)? {
        let mut frames = vec![first];
        while frames.last().is_some_and(Frame::goes_on) {
            let Some(next) = Frame::read(&mut from)? else { return Ok(()) };
            frames.push(next);
        }
        let Some(text) = frames.first().and_then(Frame::query).map(<[u8]>::to_vec) else {
            write(&mut to, &frames)?;
            continue;
        };
        let rewrite = lock(&shared.rewrite).clone();
        match rewrite.and_then(|r| r(&String::from_utf8_lossy(&text))) {
            Some(Rewritten::Text(text)) => frames = vec![Frame::with_query(&text)],
            Some(Rewritten::Faked(rows)) => {
                let _gate = lock(&link.gate);
                write(&mut &link.client, &[Frame::ok(1, rows)])?;
                continue;
            }
            None => {}
        }
        let steps = steps(&text, &mut lock(&link.state).before);
        for step in &steps {
            *lock(&shared.seen).entry(*step).or_default() += 1;
        }
        if !request(shared, link, &frames, &steps)? {
            return Ok(());
        }
    }
    Ok(())
}

/// Passes one statement on; whether the connection goes on.
fn request(shared: &Shared, link: &Link, frames: &[Frame], steps: &[Step]) -> io::Result<bool> {
    let mut caught = shared.catch(steps);
    if caught.as_ref().is_some_and(|(trap, _)| trap.point == Point::Before) {
        let Some((trap, seen)) = caught.as_mut() else { return Ok(true) };
        let action = std::mem::replace(&mut trap.action, Box::new(|_| Then::GoOn));
        if action(seen) == Then::Cut {
            return Ok(false);
        }
    }
    let forwarded = caught.as_ref().is_some_and(|(trap, _)| trap.point == Point::Forwarded);
    let action = caught
        .as_mut()
        .filter(|_| forwarded)
        .map(|(trap, seen)| (std::mem::replace(&mut trap.action, Box::new(|_| Then::GoOn)), seen.clone()));
    // From here on no answer passes until the action is over.
    let gate = action.is_some().then(|| lock(&link.gate));
    {
        let mut state = lock(&link.state);
        state.asked = true;
        let pending = caught.as_ref().is_some_and(|(t, _)| matches!(t.point, Point::Answered | Point::Delivered));
        state.trap = caught.map(|(trap, seen)| (trap, seen, pending));
    }
    write(&mut &link.server, frames)?;
    if let Some((action, seen)) = action
        && action(&seen) == Then::Cut
    {
        link.cut();
        drop(gate);
        return Ok(false);
    }
    Ok(true)
}

fn write(to: &mut &TcpStream, frames: &[Frame]) -> io::Result<()> {
    frames.iter().try_for_each(|frame| to.write_all(&frame.0))
}

fn pass_answers(shared: &Shared, link: &Link) -> io::Result<()> {
    let (mut from, mut to) = (&link.server, &link.client);
    // Where an answer to a statement is expected to begin.
    let mut begins = false;
    while let Some(frame) = Frame::read(&mut from)? {
        let delay = shared.delay.load(Ordering::Relaxed);
        if delay > 0 {
            sleep(Duration::from_micros(delay));
        }
        let _gate = lock(&link.gate);
        begins |= std::mem::take(&mut lock(&link.state).asked);
        if !begins {
            pass(link, &mut to, &frame);
            continue;
        }
        let answer = Answer::read(frame.payload());
        begins = matches!(answer, Answer::Ok { more: true, .. });
        let trap = if begins { None } else { lock(&link.state).trap.take() };
        let mut action = None;
        if let Some((trap, caught, pending)) = trap {
            (trap.answer)(&answer);
            action = pending.then_some((trap.point, trap.action, caught));
        }
        if let Some((_, action, caught)) = action.take_if(|(point, ..)| *point == Point::Answered)
            && action(&caught) == Then::Cut
        {
            link.cut();
        }
        if let Answer::Ok { in_transaction, .. } = answer {
            let before = &mut lock(&link.state).before;
            before.open = in_transaction;
            if !in_transaction {
                before.data = 0;
            }
        }
        pass(link, &mut to, &frame);
        if let Some((_, action, mut caught)) = action {
            caught.open = shared.open();
            if action(&caught) == Then::Cut {
                link.cut();
            }
        }
    }
    Ok(())
}

/// A client that has gone gets nothing, but the server is heard to its end.
fn pass(link: &Link, to: &mut &TcpStream, frame: &Frame) {
    if !lock(&link.state).cut && to.write_all(&frame.0).is_err() {
        lock(&link.state).cut = true;
    }
}
