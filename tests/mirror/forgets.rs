//! A target that loses what it said is durable: a server that does not flush its log and is killed, one that is restored, one that
//! was restored to a time before the link began. The run goes on by itself and brings again what is missing, or says that it cannot.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use mysql::prelude::Queryable;
use tisync::event;
use tisync::model::CommitTs;
use tisync::playground::compare::{self, Definitions, Side};
use tisync::playground::mariadb::PrivateServer;
use tisync::playground::mirror::{Mirror, MirrorOptions};

use crate::common::binary;
use crate::common::failover::Failover;
use crate::common::run::Running;
use crate::common::target::position;
use crate::restarts::{Writing, write};
use crate::world::World;

const CLUSTER: u64 = 7_600_000_000_000_000_071;

/// Nothing of a commit is on the disk before a DDL or a full buffer.
const FORGETFUL: [&str; 2] = ["--innodb-flush-log-at-trx-commit=0", "--innodb-flush-log-at-timeout=2700"];

const TABLES: [&str; 5] = [
    "CREATE DATABASE r",
    "CREATE TABLE r.keyed (id BIGINT PRIMARY KEY, v VARCHAR(40))",
    "CREATE TABLE r.bare (a INT, b VARCHAR(10))",
    "CREATE TABLE r.hot (id INT PRIMARY KEY, n BIGINT)",
    "INSERT INTO r.hot VALUES (1, 0)",
];

fn world(cluster_id: u64, target: &[&str]) -> World {
    let options = MirrorOptions {
        cluster_id,
        auto_increment_offset: None,
        fakes: Duration::from_millis(100),
        events: event::silent(),
    };
    let world = World {
        a: Mirror::start(options).expect("MariaDB starts"),
        b: PrivateServer::start_with(target).expect("MariaDB starts"),
    };
    world.run(TABLES);
    world
}

/// Whoever asks before the start hears of it too.
#[test]
fn a_check_of_the_start_says_that_the_target_may_forget() {
    let ts =
        CommitTs::from_millis(u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap() - 60_000).to_string();
    let check = |target: &PrivateServer| binary::tisync(&["ts", "check", &ts, "--to", &target.url()]).expect(0).stdout;
    let said = check(&PrivateServer::start_with(&["--innodb-flush-log-at-trx-commit=2"]).expect("MariaDB starts"));
    assert!(said.contains("durability") && said.contains("innodb_flush_log_at_trx_commit is 2, and"), "{said}");
    let logging = ["--log-bin=binlog", "--sync-binlog=0"];
    let said = check(&PrivateServer::start_with(&logging).expect("MariaDB starts"));
    assert!(said.contains("sync_binlog is 0, and"), "{said}");
    assert!(!check(&PrivateServer::start().expect("MariaDB starts")).contains("durability"));
}

/// Waits until B has everything that A holds now.
#[track_caller]
fn caught_up(world: &World, run: &mut Running) {
    world.a.wait_caught_up(Duration::from_secs(60)).expect("the mirror follows");
    let end = world.a.cluster().tso().0;
    run.until("B is where A was", || position(&world.b).is_some_and(|ts| ts >= end));
}

fn rounds() -> u32 {
    std::env::var("TISYNC_FORGET_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(3)
}

#[test]
fn a_target_that_forgets_gets_it_again() {
    let mut world = world(CLUSTER, &FORGETFUL);
    let (stop, done) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut run = world.sync(&[]);
    let mut lost = 0_u64;
    for round in 0..rounds() {
        stop.store(false, Ordering::Relaxed);
        thread::scope(|scope| {
            let _writing = Writing(&stop);
            scope.spawn(|| write(|| world.a.connect().ok(), &stop, &done));
            let before = done.load(Ordering::Relaxed);
            run.until("some rows on B", || {
                done.load(Ordering::Relaxed) > before + 40
                    && world.b.connect().is_ok_and(|mut conn| conn.query_drop("SELECT n FROM r.hot").is_ok())
            });
            sleep(Duration::from_millis(u64::from(round * 397 % 1500)));
        });
        // Idle in every other round: then nothing but a save notices.
        if round % 2 == 1 {
            caught_up(&world, &mut run);
        }
        let there = position(&world.b).unwrap_or_default();
        world.b.restart().expect("B comes back");
        lost += u64::from(position(&world.b).unwrap_or_default() < there);
        caught_up(&world, &mut run);
        let (tables, rows) = world.same("r");
        assert!(tables == 3 && rows > 20, "{tables} tables, {rows} rows");
    }
    run.interrupt();
    let said = run.expect(5).stderr;
    let told = said.matches("the target no longer has what it had committed").count() as u64;
    println!(
        "{} rounds: B had lost something in {lost}, which was told {told} times; {} transactions",
        rounds(),
        done.load(Ordering::Relaxed)
    );
    // What is lost between two saves shows by the slots alone, so it is told at least as often as seen here.
    assert!(lost > 0 && told >= lost, "{said}");
    assert!(said.contains("may lose its last commits in a crash: innodb_flush_log_at_trx_commit is 0"), "{said}");
}

fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status().expect("cp runs");
    assert!(status.success());
}

#[test]
fn a_target_that_is_restored_gets_it_again() {
    let (world, mut run) = restored(CLUSTER + 1, |_| {});
    caught_up(&world, &mut run);
    world.same("r");
    run.interrupt();
    let said = run.expect(5).stderr;
    assert!(said.contains("the target no longer has what it had committed"), "{said}");
}

#[test]
fn a_target_that_is_restored_behind_what_the_pumps_hold_is_refused() {
    let (world, run) = restored(CLUSTER + 4, |world| {
        let cluster = world.a.cluster();
        cluster.set_gc_ts(0, cluster.tso()).expect("it has a Pump");
    });
    let said = run.expect(4).stderr;
    let (warning, error) = said.split_once("has deleted everything older than").unwrap_or_else(|| panic!("{said}"));
    assert!(warning.contains("the target no longer has what it had committed"), "{said}");
    assert!(error.contains("it no longer has the changes after"), "{said}");
    assert_eq!(world.on_b("SELECT COUNT(*) FROM r.bare"), ["0"]);
}

/// A replica that lacks the last commits takes the primary's place, at once behind the same address.
#[test]
fn a_promoted_replica_gets_again_what_it_lacks() {
    let options = MirrorOptions {
        cluster_id: CLUSTER + 5,
        auto_increment_offset: None,
        fakes: Duration::from_millis(100),
        events: event::silent(),
    };
    let a = Mirror::start(options).expect("MariaDB starts");
    let mut b = Failover::start(&[]);
    let mut conn = a.connect().expect("A answers");
    TABLES.iter().for_each(|sql| conn.query_drop(sql).expect("a statement"));
    let (from, to) = (a.cluster().pd_url(), b.url());
    let args = ["sync", "--from", &from, "--to", &to, "--quiet", "--start-ts", "1"];
    let mut run = Running::start(&args.map(str::to_owned));
    let (stop, done) = (AtomicBool::new(false), AtomicU64::new(0));
    let position = |conn: &mut mysql::Conn| -> u64 {
        let sql = "SELECT COALESCE(MAX(commit_ts), 0) FROM tidb_binlog.tisync_checkpoint";
        conn.query_first(sql).ok().flatten().unwrap_or_default()
    };
    thread::scope(|scope| {
        let _writing = Writing(&stop);
        scope.spawn(|| write(|| a.connect().ok(), &stop, &done));
        let begin = done.load(Ordering::Relaxed);
        run.until("some rows on B", || done.load(Ordering::Relaxed) > begin + 60);
        run.until("the link has begun on the replica", || position(&mut b.replica()) > 0);
        b.hold();
        let held = done.load(Ordering::Relaxed);
        run.until("more than the replica has", || done.load(Ordering::Relaxed) > held + 60);
        b.fail_over();
        let promoted = done.load(Ordering::Relaxed);
        run.until("more behind the fail-over", || done.load(Ordering::Relaxed) > promoted + 60);
    });
    a.wait_caught_up(Duration::from_secs(60)).expect("the mirror follows");
    let end = a.cluster().tso().0;
    run.until("B is where A was", || position(&mut b.connect()) >= end);
    let mut sides = (Side::new(conn, "r").expect("A answers"), Side::new(b.connect(), "r").expect("B answers"));
    let found = compare::databases(&mut sides.0, &mut sides.1, Definitions::Exact, &[]).expect("both can be read");
    assert!(found.equal() && found.rows > 100, "{}", found.differences.join("\n"));
    run.interrupt();
    let said = run.expect(5).stderr;
    assert!(said.contains("the target no longer has what it had committed"), "{said}");
}

/// B is set back to what it was before some rows and a DDL, under a run that goes on; `meanwhile` happens while it is away.
fn restored(cluster_id: u64, meanwhile: impl FnOnce(&World)) -> (World, Running) {
    let mut world = world(cluster_id, &[]);
    let data = world.b.socket().with_file_name("data");
    let kept = world.b.socket().with_file_name("kept");
    world.run((0..50).map(|n| format!("INSERT INTO r.keyed VALUES ({n}, 'before')")));
    let mut run = world.sync(&[]);
    caught_up(&world, &mut run);
    world.b.kill();
    copy(&data, &kept);
    world.b.restart().expect("B comes back");
    world.run((0..50).map(|n| format!("INSERT INTO r.bare VALUES ({n}, 'lost')")));
    world.run([
        "ALTER TABLE r.keyed ADD COLUMN more INT NOT NULL DEFAULT 7",
        "UPDATE r.keyed SET more = id",
        "DELETE FROM r.keyed WHERE id < 10",
    ]);
    caught_up(&world, &mut run);
    world.b.kill();
    fs::remove_dir_all(&data).expect("its own folder");
    copy(&kept, &data);
    meanwhile(&world);
    world.b.restart().expect("B comes back");
    (world, run)
}

#[test]
fn a_target_without_the_link_is_refused() {
    let mut world = world(CLUSTER + 2, &[]);
    let mut run = world.sync(&[]);
    caught_up(&world, &mut run);
    run.interrupt();
    run.expect(5);
    // A later run, which did not begin the link.
    let mut run = world.sync(&[]);
    let before = position(&world.b);
    world.run(["INSERT INTO r.bare VALUES (1, 'one')"]);
    // The position may move before the row is there.
    run.until("it runs", || position(&world.b) > before && world.on_b("SELECT COUNT(*) FROM r.bare") == ["1"]);
    let mut conn = world.b.connect().expect("B answers");
    conn.query_drop("DROP DATABASE tidb_binlog").expect("may drop");
    world.b.restart().expect("B comes back");
    world.run(["INSERT INTO r.bare VALUES (2, 'two')"]);
    let said = run.expect(4).stderr;
    assert!(said.contains("no longer knows link") && said.contains("hint: "), "{said}");
    assert_eq!(world.on_b("SELECT COUNT(*) FROM r.bare"), ["1"]);
}

/// One save of the position waits, another overtakes it: nothing goes back, and no run ends.
#[test]
fn restarts_end_no_run() {
    let mut world = world(CLUSTER + 3, &[]);
    let mut run = world.sync(&[]);
    caught_up(&world, &mut run);
    let restarts: u32 = std::env::var("TISYNC_RESTARTS").ok().and_then(|n| n.parse().ok()).unwrap_or(2);
    let done = AtomicU64::new(0);
    for n in 0..restarts {
        let (begin, stop) = (Instant::now(), AtomicBool::new(false));
        thread::scope(|scope| {
            let _writing = Writing(&stop);
            if n % 2 == 1 {
                scope.spawn(|| write(|| world.a.connect().ok(), &stop, &done));
            }
            // Else idle for as long as a save takes to come, with other phases each time.
            sleep(Duration::from_millis(2600 + u64::from(n * 211 % 900)));
            world.b.kill();
            world.run([format!("INSERT INTO r.bare VALUES ({n}, 'away')")]);
            sleep(Duration::from_millis(3200 + u64::from(n * 173 % 900)));
        });
        world.b.restart().expect("B comes back");
        caught_up(&world, &mut run);
        assert!(!run.ended(), "restart {n} after {:?}", begin.elapsed());
    }
    println!("{restarts} restarts, half of them while idle; {} transactions beside them", done.load(Ordering::Relaxed));
    world.same("r");
    run.interrupt();
    run.expect(5);
}
