//! Lost connections and killed clients: nothing is judged before the statement is over.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use mysql::prelude::Queryable;
use tisync::playground::mariadb::PrivateServer;
use tisync::sink::mysql::ddl::Settled;

use super::Case;
use super::world::*;

pub const CASES: &[(&str, Case)] = &[
    ("a long ALTER of a killed client is waited for", killed_client),
    ("a connection that is lost during an ALTER", lost_connection),
    ("a connection that is lost around the bookkeeping", lost_around),
    ("an idle session of a run that was cut off is ended", idle_session),
    ("a run that is asked to stop does not wait on", stopped),
    ("a lock wait that takes too long may be tried again", lock_wait),
];

/// A way to the server that can be cut.
struct Wire {
    port: u16,
    ends: Arc<Mutex<Vec<TcpStream>>>,
}

impl Wire {
    fn to(server: &PrivateServer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, target) = (listener.local_addr().unwrap().port(), server.port());
        let ends: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
        let all = ends.clone();
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), TcpStream::connect(("127.0.0.1", target)).unwrap());
                all.lock().unwrap().extend([client.try_clone().unwrap(), server.try_clone().unwrap()]);
                for (from, to) in [(client.try_clone().unwrap(), server.try_clone().unwrap()), (server, client)] {
                    thread::spawn(move || copy(from, to));
                }
            }
        });
        Self { port, ends }
    }

    fn url(&self) -> String {
        format!("mysql://root@127.0.0.1:{}", self.port)
    }

    /// Both ends find the connection closed.
    fn cut(&self) {
        for end in self.ends.lock().unwrap().drain(..) {
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = [0; 4096];
    while let Ok(n @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..n]).is_err() {
            break;
        }
    }
}

/// Computes something for about two seconds: a copy of the table with an expensive column.
const SLOW: &str = "ALTER TABLE t ADD COLUMN h CHAR(128) AS (SHA2(REPEAT(id, 2000000), 512)) STORED";

fn slow_table(w: &mut World<'_>) {
    w.run("CREATE TABLE t (id INT PRIMARY KEY)");
    let ids: Vec<String> = (1_000_001..=1_000_030).map(|id| format!("({id})")).collect();
    w.run(&format!("INSERT INTO t VALUES {}", ids.join(",")));
}

fn runs(w: &mut World<'_>) -> bool {
    let sql = w.sent("ALTER TABLE t ADD COLUMN h");
    w.rows(&format!("SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE '{sql}%'")) != "0"
}

fn until_it_runs(w: &mut World<'_>) {
    let begin = Instant::now();
    while !runs(w) {
        assert!(begin.elapsed() < Duration::from_secs(30), "the ALTER did not begin");
        sleep(Duration::from_millis(5));
    }
}

fn killed_client(server: &PrivateServer) {
    let mut w = World::new(server, "killed_client");
    slow_table(&mut w);
    let wire = Wire::to(server);
    let job = ddl("killed_client", 5, SLOW);
    let mut old = w.start();
    old.session = w.open(&wire.url());
    w.announce(&mut old, &job, &[SLOW]);
    let sent = w.sent(SLOW);
    let thread = thread::spawn(move || {
        let _ = old.session.run(&sent);
        drop(old);
    });
    until_it_runs(&mut w);
    wire.cut();
    thread.join().unwrap();
    let mut new = w.start();
    assert!(runs(&mut w), "the server goes on with it");
    assert_eq!(w.settle(&mut new).unwrap(), Settled::Done);
    assert!(!runs(&mut w));
    assert_eq!(w.rows("SHOW COLUMNS FROM t LIKE 'h'").split('|').next(), Some("h"));
}

fn lost_connection(server: &PrivateServer) {
    let mut w = World::new(server, "lost");
    slow_table(&mut w);
    let wire = Wire::to(server);
    let job = ddl("lost", 5, SLOW);
    let mut run = w.start();
    let direct = std::mem::replace(&mut run.session, w.open(&wire.url()));
    drop(direct);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut other = World { conn: server.connect().unwrap(), ..World::new(server, "lost_watch") };
            until_it_runs(&mut other);
            wire.cut();
        });
        let error = w.apply(&mut run, &job).unwrap_err();
        assert_eq!(tisync::error::exit_code(&error), 3, "{error:#}");
    });
    let mut session = w.open(&w.url);
    assert!(w.resume(&mut session, &run.link, &job).unwrap().ran());
    assert!(w.heard("(commit ts 420747102018863124") && w.heard("it took effect"));
    assert_eq!(w.rows("SELECT COUNT(h) FROM t"), "30");
    run.session = session;
    let state = w.state(&mut run);
    assert_eq!((state.position, state.intent), (Some(TS), None));
}

fn lost_around(server: &PrivateServer) {
    let mut w = World::new(server, "lost_around");
    w.run("CREATE TABLE t (id INT)");
    let job = ddl("lost_around", 11, "TRUNCATE t");
    // Nothing had begun.
    let mut run = w.start();
    assert!(w.resume(&mut run.session, &run.link, &job).unwrap().ran());
    w.run("INSERT INTO t VALUES (1)");
    // It had ended, and only the answer was lost.
    assert!(w.resume(&mut run.session, &run.link, &job).unwrap().ran());
    assert_eq!(w.rows("SELECT * FROM t"), "1");
    // It had not come to the statement, the same session goes on.
    w.run("UPDATE tidb_binlog.tisync_checkpoint SET commit_ts = 0 WHERE link = 'lost_around'");
    w.announce(&mut run, &job, &["TRUNCATE t"]);
    assert!(w.resume(&mut run.session, &run.link, &job).unwrap().ran());
    assert_eq!(w.rows("SELECT * FROM t"), "");
    assert_eq!(w.state(&mut run).position, Some(TS));
    // Another run has the link by now.
    drop(w.start());
    let text = said(&w.resume(&mut run.session, &run.link, &job).unwrap_err());
    assert!(text.contains("another run has taken over"), "{text}");
}

fn idle_session(server: &PrivateServer) {
    let mut w = World::new(server, "idle");
    w.run("CREATE TABLE t (id INT)");
    let job = ddl("idle", 5, "ALTER TABLE t ADD COLUMN a INT");
    let mut old = w.start();
    w.announce(&mut old, &job, &["ALTER TABLE t ADD COLUMN a INT"]);
    let mut new = w.start();
    assert_eq!(w.settle(&mut new).unwrap(), Settled::TakenBack);
    assert!(w.heard("which had started a DDL and was no longer running anything"));
    assert!(old.session.run("ALTER TABLE t ADD COLUMN a INT").is_err(), "what it would still send must not arrive");
}

fn stopped(server: &PrivateServer) {
    let mut w = World::new(server, "stopped");
    slow_table(&mut w);
    let job = ddl("stopped", 5, SLOW);
    let mut old = w.start();
    w.announce(&mut old, &job, &[SLOW]);
    let mut lock = server.connect().unwrap();
    lock.query_drop("LOCK TABLES stopped.t WRITE").unwrap();
    let sent = w.sent(SLOW);
    let thread = thread::spawn(move || {
        let _ = old.session.run(&sent);
        drop(old);
    });
    until_it_runs(&mut w);
    let mut new = w.start();
    w.stop.request();
    let error = w.settle(&mut new).unwrap_err();
    assert_eq!(tisync::error::exit_code(&error), 5, "{error:#}");
    // The lock goes, the ALTER runs to its end, and the next run sees it.
    w.stop = tisync::stop::Stop::default();
    let mut new = w.start();
    let waiting = thread::spawn(move || {
        sleep(Duration::from_millis(2500));
        drop(lock);
    });
    assert_eq!(w.settle(&mut new).unwrap(), Settled::Done);
    assert!(w.heard("waiting for `ALTER TABLE t ADD COLUMN h"));
    waiting.join().unwrap();
    thread.join().unwrap();
}

fn lock_wait(server: &PrivateServer) {
    let mut w = World::new(server, "lock_wait");
    w.run("CREATE TABLE t (id INT)");
    w.run("INSERT INTO t VALUES (1)");
    let mut run = w.start();
    let job = ddl("lock_wait", 11, "TRUNCATE t");
    run.session.run("SET SESSION lock_wait_timeout = 1").unwrap();
    w.run("LOCK TABLES t READ");
    let error = said(&w.apply(&mut run, &job).unwrap_err());
    assert!(error.contains("error 1205"), "{error}");
    assert_eq!(w.state(&mut run).intent, None, "nothing happened");
    w.run("UNLOCK TABLES");
    assert!(w.resume(&mut run.session, &run.link, &job).unwrap().ran());
    assert_eq!((w.rows("SELECT * FROM t").as_str(), w.state(&mut run).position), ("", Some(TS)));
}
