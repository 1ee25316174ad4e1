//! A TCP proxy that makes a near server a far one: each byte arrives half a round trip later, in both directions, and as
//! many bytes as ever may be on their way meanwhile.
#![allow(dead_code, reason = "a bench has no tests")]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use crossbeam_channel::{Receiver, Sender, bounded};

/// The most that is read at once.
const CHUNK: usize = 64 << 10;
/// Chunks under way in one direction: with short delays more than any reader leaves lying, and at most 64 MiB.
const UNDER_WAY: usize = 1024;

/// A running proxy on a free port of 127.0.0.1; dropping it cuts all its connections.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
}

struct Shared {
    target: SocketAddr,
    one_way: Duration,
    stopped: AtomicBool,
    /// Both ends of each connection.
    open: Mutex<BTreeMap<u64, [TcpStream; 2]>>,
}

/// Bytes, and when they arrive.
struct Chunk {
    due: Instant,
    bytes: Vec<u8>,
}

impl Proxy {
    /// Forwards to `target`, with `round_trip` added to each round trip.
    ///
    /// # Errors
    /// If the system gives no port or no thread.
    pub fn start(target: SocketAddr, round_trip: Duration) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot listen on 127.0.0.1")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            target,
            one_way: round_trip / 2,
            stopped: AtomicBool::new(false),
            open: Mutex::default(),
        });
        let accepting = shared.clone();
        let thread = thread::Builder::new().name("proxy".to_owned()).spawn(move || accept(&listener, &accepting))?;
        Ok(Self { address, shared, listener: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Wakes the listener; if nobody answers, it is gone already.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.listener.take() {
            let _ = thread.join();
        }
        self.shared.connections().values().flatten().for_each(cut);
    }
}

impl Shared {
    fn connections(&self) -> MutexGuard<'_, BTreeMap<u64, [TcpStream; 2]>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An end that is closed already needs no cutting.
fn cut(stream: &TcpStream) {
    let _ = stream.shutdown(Shutdown::Both);
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for (number, client) in (0..).zip(listener.incoming()) {
        if shared.stopped.load(Ordering::SeqCst) {
            return;
        }
        let Ok(client) = client else { continue };
        let connection = shared.clone();
        // Without a thread or a server the client finds its connection closed, as it would without a proxy.
        let _ = thread::Builder::new().name("proxied".to_owned()).spawn(move || {
            let _ = forward(number, &client, &connection);
            cut(&client);
            connection.connections().remove(&number);
        });
    }
}

/// Serves one connection to its end.
fn forward(number: u64, client: &TcpStream, shared: &Shared) -> std::io::Result<()> {
    let server = TcpStream::connect(shared.target)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    shared.connections().insert(number, [client.try_clone()?, server.try_clone()?]);
    if shared.stopped.load(Ordering::SeqCst) {
        return Ok(());
    }
    thread::scope(|scope| {
        for (from, to) in [(client, &server), (&server, client)] {
            let (sender, receiver) = bounded(UNDER_WAY);
            scope.spawn(move || read(from, &sender, shared.one_way));
            scope.spawn(move || write(to, from, &receiver));
        }
    });
    Ok(())
}

/// Takes what comes until the other end says no more, or breaks off.
fn read(mut from: &TcpStream, queue: &Sender<Chunk>, one_way: Duration) {
    let mut buffer = vec![0; CHUNK];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let due = Instant::now() + one_way;
        let bytes = buffer.get(..length).unwrap_or_default().to_vec();
        if queue.send(Chunk { due, bytes }).is_err() {
            return;
        }
    }
}

/// Passes on each chunk when it is due.
fn write(mut to: &TcpStream, from: &TcpStream, queue: &Receiver<Chunk>) {
    for Chunk { due, bytes } in queue {
        let early = due.saturating_duration_since(Instant::now());
        if !early.is_zero() {
            sleep(early);
        }
        if to.write_all(&bytes).is_err() {
            // Nobody reads any more: the sender is to learn of it.
            cut(from);
            return;
        }
    }
    // The other direction may still have something to say.
    let _ = to.shutdown(Shutdown::Write);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that sends back what it gets, and a proxy in front of it.
    fn echo(round_trip: Duration) -> (Proxy, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                stream.set_nodelay(true).unwrap();
                thread::spawn(move || std::io::copy(&mut &stream, &mut &stream));
            }
        });
        let proxy = Proxy::start(address, round_trip).unwrap();
        let stream = TcpStream::connect(proxy.address()).unwrap();
        stream.set_nodelay(true).unwrap();
        (proxy, stream)
    }

    #[test]
    fn a_round_trip_takes_as_long_as_wanted() {
        let wanted = Duration::from_millis(20);
        let (_proxy, mut stream) = echo(wanted);
        let mut times: Vec<Duration> = (0..15)
            .map(|n| {
                let begin = Instant::now();
                stream.write_all(&[n; 100]).unwrap();
                let mut answer = [0; 100];
                stream.read_exact(&mut answer).unwrap();
                assert_eq!(answer, [n; 100]);
                begin.elapsed()
            })
            .collect();
        times.sort();
        // Never less; a loaded machine may make some of them longer.
        assert!(times[0] >= wanted && times[5] < wanted * 3 / 2, "{times:?}");
    }

    #[test]
    fn many_bytes_go_through_unharmed_and_need_not_wait_for_each_other() {
        const LENGTH: usize = 64 << 20;
        let one_way = Duration::from_millis(25);
        let (_proxy, stream) = echo(one_way * 2);
        let sender = stream.try_clone().unwrap();
        let byte = |n: usize| (n.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0];
        let begin = Instant::now();
        let sent = thread::spawn(move || {
            let all: Vec<u8> = (0..LENGTH).map(byte).collect();
            (&sender).write_all(&all).unwrap();
            sender.shutdown(Shutdown::Write).unwrap();
            all
        });
        let mut got = Vec::new();
        (&stream).read_to_end(&mut got).unwrap();
        assert!(sent.join().unwrap() == got);
        // One chunk after the other would take 64 MiB / 64 KiB times 25 ms = 25 s.
        assert!(begin.elapsed() < Duration::from_secs(12), "{:?}", begin.elapsed());
    }

    #[test]
    fn an_end_is_passed_on() {
        let (proxy, mut stream) = echo(Duration::from_millis(2));
        stream.write_all(b"last words").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "last words");
        let begin = Instant::now();
        while !proxy.shared.connections().is_empty() {
            assert!(begin.elapsed() < Duration::from_secs(5), "a connection is left over");
            sleep(Duration::from_millis(2));
        }
    }

    #[test]
    fn dropping_it_cuts_connections() {
        let (proxy, mut stream) = echo(Duration::ZERO);
        stream.write_all(b"x").unwrap();
        stream.read_exact(&mut [0]).unwrap();
        drop(proxy);
        let mut rest = Vec::new();
        // An end or an error, as the system likes; but no waiting.
        let _ = stream.read_to_end(&mut rest);
        assert!(rest.is_empty());
    }

    #[test]
    fn a_server_that_is_gone_closes_the_connection() {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let proxy = Proxy::start(address, Duration::ZERO).unwrap();
        let mut stream = TcpStream::connect(proxy.address()).unwrap();
        assert!(matches!(stream.read(&mut [0]), Ok(0) | Err(_)));
    }
}
