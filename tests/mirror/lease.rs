//! One link, run twice: the real binary, on a target that both reach.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use mysql::prelude::Queryable;

use crate::common::binary::tisync;
use crate::common::run::Running;
use crate::common::target::position;
use crate::world::World;

const CLUSTER: u64 = 7_600_000_000_000_000_070;

/// Ports are of no interest here: a run that is registered waits for the port of one that was killed.
const LOOSE: &str = "--no-register";

/// Writes to A all the time, also to a table without a key, in which everything that comes twice is seen.
struct Load {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<u64>>,
}

impl Load {
    fn start(world: &World) -> Self {
        world.run([
            "CREATE DATABASE l",
            "CREATE TABLE l.keyed (id BIGINT PRIMARY KEY, v BIGINT)",
            "CREATE TABLE l.bare (n BIGINT)",
        ]);
        let over = Arc::<AtomicBool>::default();
        let (stop, mut conn) = (Arc::clone(&over), world.conn());
        let thread = thread::spawn(move || {
            let mut n = 0_u64;
            while !stop.load(Ordering::Relaxed) {
                n += 1;
                for sql in [
                    "BEGIN".to_owned(),
                    format!("INSERT INTO l.keyed VALUES ({n}, {n})"),
                    format!("UPDATE l.keyed SET v = v + 1 WHERE id > {}", n.saturating_sub(5)),
                    format!("INSERT INTO l.bare VALUES ({})", n % 10),
                    "COMMIT".to_owned(),
                ] {
                    conn.query_drop(sql).unwrap();
                }
                thread::sleep(Duration::from_millis(3));
            }
            n
        });
        Self { over, thread: Some(thread) }
    }

    fn stop(&mut self) -> u64 {
        self.over.store(true, Ordering::Relaxed);
        self.thread.take().map_or(0, |t| t.join().unwrap())
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

/// The number of the run that has the link.
fn run_number(world: &World) -> u64 {
    let there = world.on_b("SELECT 1 FROM information_schema.tables WHERE table_name = 'tisync_checkpoint'");
    if there.is_empty() {
        return 0;
    }
    let rows = world.on_b("SELECT CAST(run AS CHAR) FROM tidb_binlog.tisync_checkpoint WHERE link = 'default'");
    rows.first().map_or(0, |n| n.parse().unwrap())
}

/// Starts a run that takes the link over, and waits until it has made progress.
fn going(world: &World, more: &[&str]) -> Running {
    let (before, at) = (run_number(world), position(&world.b));
    let mut run = world.sync(&[&[LOOSE], more].concat());
    run.until("it runs", || run_number(world) > before && position(&world.b) > at);
    run
}

fn catch_up(world: &World, load: &mut Load) {
    let written = load.stop();
    world.catch_up();
    let (tables, rows) = world.same("l");
    println!("{written} transactions, {rows} rows equal");
    assert!(tables == 2 && rows as u64 == 2 * written && written > 50);
}

#[test]
fn a_second_run_is_refused_and_the_first_goes_on() {
    let world = World::start(CLUSTER);
    let mut load = Load::start(&world);
    let mut first = going(&world, &[]);
    let run = run_number(&world);
    for _ in 0..3 {
        let second = world.sync(&[LOOSE]).expect(4);
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        let who = format!("link `default` on the target is already run by pid {} on {} (", first.id(), host.trim());
        for words in [who.as_str(), "its position is ", "start with --take-over"] {
            assert!(second.stderr.contains(words), "{words}: {}", second.stderr);
        }
    }
    let at = position(&world.b);
    first.until("it goes on", || position(&world.b) > at);
    assert_eq!(run_number(&world), run);
    // Another link to the same target is nobody's business.
    let other = world.sync(&[LOOSE, "--link", "other", "--tables", "none.*", "--until", "caught-up"]);
    other.expect(0);
    let shown = tisync(&["checkpoint", "show", "--to", &world.b.url()]).expect(0).stdout;
    assert!(shown.contains(&format!("\n  run by pid {} on ", first.id())), "{shown}");

    // By word, it is the first that stops.
    let second = going(&world, &["--take-over"]);
    let ran = first.expect(4);
    let told = format!("this one is run {run}, that one is run {}, pid {} on ", run_number(&world), second.id());
    assert!(
        ran.stderr.contains("another run has taken over link `default`") && ran.stderr.contains(&told),
        "{}",
        ran.stderr
    );
    second.interrupt();
    second.expect(5);
    catch_up(&world, &mut load);
}

#[test]
fn a_killed_run_is_in_nobodys_way() {
    let world = World::start(CLUSTER + 1);
    let mut load = Load::start(&world);
    let mut run = going(&world, &[]);
    let mut waits = Vec::new();
    for round in 0..20_u64 {
        thread::sleep(Duration::from_millis(20 * (round % 7)));
        drop(run); // As `kill -9`.
        let (begin, before) = (Instant::now(), run_number(&world));
        run = world.sync(&[LOOSE]);
        run.until("it has the link", || run_number(&world) > before);
        waits.push(begin.elapsed());
    }
    drop(run);
    catch_up(&world, &mut load);
    waits.sort_unstable();
    println!("a start behind a kill took {:?} to {:?}, mostly {:?}", waits[0], waits[19], waits[10]);
    // A single one may have to wait for a commit on its way, and a busy machine makes each slow. But one that waits for the lease does so for two
    // seconds at least, however quick the machine is.
    assert!(waits[3] < Duration::from_secs(2), "{waits:?}");
}

#[test]
fn a_run_that_is_stopped_for_long_is_passed_and_then_stops() {
    let world = World::start(CLUSTER + 2);
    let mut load = Load::start(&world);
    let first = going(&world, &[]);
    first.signal("STOP");
    let begin = Instant::now();
    // Not quiet: it says why it waits, and why it goes on.
    let (from, to) = (world.a.cluster().pd_url(), world.b.url());
    let args = ["sync", "--from", &from, "--to", &to, "--start-ts", "1", LOOSE].map(str::to_owned);
    let mut second = Running::start(&args);
    let at = position(&world.b);
    second.until("it has taken over", || position(&world.b) > at);
    assert!(begin.elapsed() > Duration::from_secs(12), "{:?}", begin.elapsed());
    first.signal("CONT");
    let ran = first.expect(4);
    assert!(ran.stderr.contains("another run has taken over link `default`"), "{}", ran.stderr);
    let at = position(&world.b);
    second.until("it goes on", || position(&world.b) > at);
    second.interrupt();
    let ran = second.expect(5);
    assert!(ran.stderr.contains("its process or machine is gone, and this run takes over"), "{}", ran.stderr);
    catch_up(&world, &mut load);
}
