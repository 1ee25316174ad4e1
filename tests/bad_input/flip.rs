//! A server whose answers arrive with some bits the other way round: a run ends, with an exit code that is published, and never by a panic.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use tisync::playground::mariadb::PrivateServer;

use crate::Case;
use crate::common::binary::{Ran, command, wait};
use crate::world::World;
use tisync::playground::Random;

pub const CASES: &[Case] = &[("a server whose answers arrive damaged", flipped)];

/// Rounds; `TISYNC_FLIP_ROUNDS` says another number.
const ROUNDS: u64 = 8;
/// How many of them at once.
const AT_ONCE: usize = 8;
/// The longest that a run may take: a connection that is set up, an answer that is lost, and tries to come back.
const LIMIT: Duration = Duration::from_secs(240);
/// What a run on good bytes gets from the server, about.
const ANSWERS: usize = 12_000;

/// Passes on what `port` of this machine says, with a bit of the bytes at `places` turned; all connections count together.
struct Flip {
    port: u16,
    stopped: Arc<AtomicBool>,
}

impl Flip {
    fn start(server: u16, places: Vec<(usize, u8)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (stopped, passed, places) =
            (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)), Arc::new(places));
        let ended = stopped.clone();
        thread::spawn(move || {
            for client in listener.incoming() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                let (Ok(client), Ok(server)) = (client, TcpStream::connect(("127.0.0.1", server))) else { continue };
                let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                thread::spawn(move || pass(from, to, |_| {}));
                let (passed, places) = (passed.clone(), places.clone());
                thread::spawn(move || {
                    pass(server, client, |bytes| {
                        let begin = passed.fetch_add(bytes.len(), Ordering::SeqCst);
                        for (at, bit) in places.iter() {
                            if let Some(byte) = at.checked_sub(begin).and_then(|i| bytes.get_mut(i)) {
                                *byte ^= bit;
                            }
                        }
                    });
                });
            }
        });
        Self { port, stopped }
    }
}

impl Drop for Flip {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, mut change: impl FnMut(&mut [u8])) {
    let _ = (from.set_nodelay(true), to.set_nodelay(true));
    let mut buffer = [0; 16 << 10];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        change(&mut buffer[..length]);
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

fn round(server: &PrivateServer, seed: u64) -> Ran {
    let world = World::new(server, 5000 + seed);
    world.record(&world.payloads());
    let folder = world.dir.path().to_str().unwrap();
    let mut random = Random::new(seed);
    let places = (0..1 + random.index(3)).map(|_| (random.index(ANSWERS), 1 << random.index(8))).collect();
    let flip = Flip::start(server.port(), places);
    let url = format!("mysql://root@127.0.0.1:{}?connect-timeout=1&ssl-mode=disabled", flip.port);
    let link = format!("flip-{seed}");
    let mut child = command(&["sync", "--quiet", "--from", folder, "--to", &url, "--link", &link]);
    let mut child = child
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let begin = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begin.elapsed() > LIMIT {
            child.kill().unwrap();
            let said = wait(child).stderr;
            return Ran { code: -1, stdout: String::new(), stderr: format!("it waits for ever:\n{said}") };
        }
        sleep(Duration::from_millis(20));
    }
    wait(child)
}

fn flipped(world: &mut World) {
    let number = |name: &str, usual| std::env::var(name).map_or(usual, |n: String| n.parse().unwrap());
    let (rounds, first) = (number("TISYNC_FLIP_ROUNDS", ROUNDS), number("TISYNC_FLIP_SEED", 1));
    let server = world.server;
    let (next, seen) = (Mutex::new(first), Mutex::new(BTreeMap::<i32, Vec<u64>>::new()));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let seed = {
                        let mut next = next.lock().unwrap();
                        *next += 1;
                        *next - 1
                    };
                    if seed >= first + rounds {
                        return;
                    }
                    let ran = round(server, seed);
                    seen.lock().unwrap().entry(ran.code).or_default().push(seed);
                    if ![0, 2, 3, 4].contains(&ran.code) || ran.stderr.contains("panicked") {
                        eprintln!("seed {seed}: exit code {}:\n{}", ran.code, ran.stderr);
                    }
                    assert!(!ran.stderr.contains("panicked"), "seed {seed}: {}", ran.stderr);
                }
            });
        }
    });
    let seen = seen.into_inner().unwrap();
    let counts: Vec<String> = seen.iter().map(|(code, seeds)| format!("{code}: {}", seeds.len())).collect();
    eprintln!("exit codes of {rounds} runs: {}", counts.join(", "));
    let odd: Vec<_> = seen.iter().filter(|(code, _)| ![0, 2, 3, 4].contains(*code)).collect();
    assert!(odd.is_empty(), "exit codes with their seeds: {odd:?}");
}
