//! MariaDB is killed again and again while it is written to, and so is the sync: nothing is lost, nothing comes twice.

use std::fs::OpenOptions;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use mysql::Conn;
use mysql::prelude::Queryable;

use crate::common::target::position;
use crate::wire::Reader;
use crate::world::World;

const CLUSTER: u64 = 7_600_000_000_000_000_031;

/// Tells writers to stop at the latest when it is dropped: a test that fails must not wait for them.
pub struct Writing<'a>(pub &'a AtomicBool);

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Writes until told to stop, through lost connections.
pub fn write(connect: impl Fn() -> Option<Conn>, stop: &AtomicBool, done: &AtomicU64) {
    let mut n = 0_u64;
    while !stop.load(Ordering::Relaxed) {
        let Some(mut conn) = connect() else {
            thread::sleep(Duration::from_millis(20));
            continue;
        };
        while !stop.load(Ordering::Relaxed) {
            n += 1;
            let statements = [
                "BEGIN".to_owned(),
                format!("INSERT INTO r.keyed (id, v) VALUES ({n}, 'row {n}')"),
                format!("INSERT INTO r.bare VALUES ({}, 'bare')", n % 7),
                format!("UPDATE r.keyed SET v = CONCAT(v, '.') WHERE id > {} AND id < {n}", n.saturating_sub(3)),
                format!("DELETE FROM r.bare WHERE a = {} LIMIT 1", n % 5),
                "UPDATE r.hot SET n = n + 1".to_owned(),
                "COMMIT".to_owned(),
            ];
            if statements.iter().any(|sql| conn.query_drop(sql).is_err()) {
                break;
            }
            done.fetch_add(1, Ordering::Relaxed);
            if n.is_multiple_of(150) && conn.query_drop(format!("ALTER TABLE r.keyed ADD COLUMN c{n} INT")).is_err() {
                break;
            }
        }
    }
}

#[test]
fn killed_again_and_again() {
    let world = World::start(CLUSTER);
    world.run([
        "CREATE DATABASE r",
        "CREATE TABLE r.keyed (id BIGINT PRIMARY KEY, v VARCHAR(40))",
        "CREATE TABLE r.bare (a INT, b VARCHAR(10))",
        "CREATE TABLE r.hot (id INT PRIMARY KEY, n BIGINT)",
        "INSERT INTO r.hot VALUES (1, 0)",
    ]);
    let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    thread::scope(|scope| {
        let _writing = Writing(&stop);
        scope.spawn(|| write(|| world.a.connect().ok(), &stop, &done));
        let mut run = world.sync(&[]);
        for round in 0..6 {
            let before = (done.load(Ordering::Relaxed), position(&world.b));
            run.until("some progress", || {
                done.load(Ordering::Relaxed) > before.0 + 60 && position(&world.b) > before.1
            });
            world.a.restart().expect("A comes back");
            if round % 2 == 1 {
                // Dropped: killed.
                drop(run);
                run = world.sync(&[]);
            }
        }
    });
    world.catch_up();
    let (tables, rows) = world.same("r");
    println!("{} transactions, {tables} tables, {rows} rows", done.load(Ordering::Relaxed));
    assert!(tables == 3 && rows > 300);

    // What the Pump holds is as many transactions as the counter says that A committed, in rising order.
    let counted: u64 = world.conn().query_first("SELECT n FROM r.hot").unwrap().unwrap();
    let address = world.a.cluster().pump_address(0).unwrap();
    let mut reader = Reader::open(&address, CLUSTER, 0).unwrap();
    let end = world.a.cluster().tso().to_wire();
    let (mut last, mut txns) = (0, 0);
    while last < end {
        let message = reader.next();
        let ts = message.commit_ts.unwrap();
        assert!(ts > last, "{ts} behind {last}");
        assert!(message.start_ts.unwrap() <= ts);
        last = ts;
        txns += u64::from(message.prewrite_value.is_some());
    }
    // One more put the counter there.
    assert_eq!(txns, counted + 1);
}

#[test]
fn a_binlog_that_ends_in_the_middle_of_an_event() {
    let world = World::start(CLUSTER + 1);
    world.run(["CREATE DATABASE r", "CREATE TABLE r.t (a INT)", "INSERT INTO r.t VALUES (1)"]);
    world.catch_up();
    let folder = world.a.socket().with_file_name("data");
    world.a.kill();
    // What is left of an event of 100 bytes whose writer was killed.
    let mut file = OpenOptions::new().append(true).open(folder.join("binlog.000001")).unwrap();
    file.write_all(&[0, 0, 0, 0, 162, 1, 0, 0, 0, 100, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 7]).unwrap();
    world.a.restart().expect("A comes back");
    world.run(["INSERT INTO r.t VALUES (2)"]);
    world.catch_up();
    assert_eq!(world.same("r"), (1, 2));
}
