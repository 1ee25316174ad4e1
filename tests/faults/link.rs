//! One connection through the proxy: statements one way, answers the other, and what a trap does to them.

use std::io::{self, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::thread::{self, sleep};
use std::time::Duration;

use crate::packet::{Answer, Frame};
use crate::proxy::{Caught, Point, Rewritten, Shared, Then, Trap, lock};
use crate::steps::{Before, Step, steps};

/// One connection.
pub struct Link {
    client: TcpStream,
    server: TcpStream,
    pub state: Mutex<State>,
    /// Held while an answer is passed on, and while none may be.
    gate: Mutex<()>,
}

#[derive(Default)]
pub struct State {
    pub before: Before,
    /// A statement is with the server.
    asked: bool,
    /// Its trap, unless that has gone off.
    trap: Option<(Trap, Caught, bool)>,
    cut: bool,
    /// The server's number for it.
    pub session: u32,
}

impl Link {
    /// The client is gone; the server is heard to the end of what it has.
    pub fn cut(&self) {
        lock(&self.state).cut = true;
        let _ = self.client.shutdown(Shutdown::Both);
        // Half: so that the answer to what is under way is still heard.
        let _ = self.server.shutdown(Shutdown::Write);
    }
}

/// Connects `client` to the server.
pub fn open(shared: &Arc<Shared>, client: TcpStream, number: u64) -> io::Result<()> {
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
    let session = lock(&link.state).session;
    let mut caught = shared.catch(steps, session);
    if caught.as_ref().is_some_and(|(trap, _)| trap.at.point == Point::Before) {
        let Some((trap, seen)) = caught.as_mut() else { return Ok(true) };
        let action = std::mem::replace(&mut trap.action, Box::new(|_| Then::GoOn));
        match action(seen) {
            Then::GoOn => {}
            Then::Cut => return Ok(false),
            Then::Answer(code) => {
                let _gate = lock(&link.gate);
                pass(link, &mut &link.client, &Frame::error(code));
                return Ok(true);
            }
        }
    }
    let forwarded = caught.as_ref().is_some_and(|(trap, _)| trap.at.point == Point::Forwarded);
    let action = caught
        .as_mut()
        .filter(|_| forwarded)
        .map(|(trap, seen)| (std::mem::replace(&mut trap.action, Box::new(|_| Then::GoOn)), seen.clone()));
    // From here on no answer passes until the action is over.
    let gate = action.is_some().then(|| lock(&link.gate));
    {
        let mut state = lock(&link.state);
        state.asked = true;
        let pending = caught.as_ref().is_some_and(|(t, _)| matches!(t.at.point, Point::Answered | Point::Delivered));
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
            if let Some(session) = frame.greeting().filter(|_| frame.sequence() == 0) {
                lock(&link.state).session = session;
            }
            pass(link, &mut to, &frame);
            continue;
        }
        let answer = Answer::read(frame.payload());
        begins = matches!(answer, Answer::Ok { more: true, .. });
        let trap = if begins { None } else { lock(&link.state).trap.take() };
        let mut action = None;
        if let Some((trap, caught, pending)) = trap {
            (trap.answer)(&answer);
            action = pending.then_some((trap.at.point, trap.action, caught));
        }
        let mut instead = None;
        if let Some((_, action, caught)) = action.take_if(|(point, ..)| *point == Point::Answered) {
            match action(&caught) {
                Then::GoOn => {}
                Then::Cut => link.cut(),
                Then::Answer(code) => instead = Some(Frame::error(code)),
            }
        }
        if let Answer::Ok { in_transaction, .. } = answer {
            let before = &mut lock(&link.state).before;
            before.open = in_transaction;
            if !in_transaction {
                before.data = 0;
            }
        }
        pass(link, &mut to, instead.as_ref().unwrap_or(&frame));
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
