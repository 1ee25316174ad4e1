//! The lease: who may start, and what it costs.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use crate::common::server;
use tisync::checkpoint::lease::{Lease, Terms};
use tisync::checkpoint::take_unless;
use tisync::error::exit_code;
use tisync::event::Events;
use tisync::mark;
use tisync::model::Mark;
use tisync::playground::mariadb::PrivateServer;
use tisync::sink::mysql::{MysqlOptions, MysqlSink};
use tisync::stop::Stop;

use super::*;

pub const CASES: &[(&str, Case)] = &[
    ("a lease that somebody keeps is refused, and given back at its end", refused),
    ("a lease is taken over by word, and the older one says so", taken_over),
    ("a lease whose connection is silent is gone", silent_holder),
    ("a lease that was lost is taken again, unless a later run has the link", lost),
    ("a lease whose connection went without a word is taken from it", half_dead),
    ("leases of other links and clusters do not collide", others),
    ("an account without any privilege but the tables' keeps a lease", poor),
    ("an idle link writes nothing for its lease", idle),
    ("mark drop knows a link that has written nothing", unwritten),
];

fn target(url: &str) -> Target {
    Target::parse(url, &silent()).unwrap()
}

fn lease(server: &PrivateServer, link: (u64, &str), terms: Terms, events: &Events) -> anyhow::Result<Lease> {
    Lease::take(&target(&server.url()), link, None, terms, &Stop::default(), events)
}

fn fresh(server: &PrivateServer, link: (u64, &str)) -> anyhow::Result<Lease> {
    lease(server, link, Terms::default(), &silent())
}

/// The link's row says who has the lease, as `sync` writes it.
fn tell(server: &PrivateServer, link: (u64, &str), lease: &Lease) -> Session {
    let mut session = session(server);
    let taken = take_unless(&mut session, link, (0, 0), Some(lease.who()), &Stop::default(), &silent()).unwrap();
    lease.owns(&taken.link);
    session
}

/// The connection that has the lease, which is the only one of its name.
fn holder(server: &PrivateServer, cluster: u64, link: &str) -> Option<u64> {
    let name = tisync::checkpoint::locks::lease(cluster, link);
    server.connect().unwrap().query_first::<Option<u64>, _>(format!("SELECT IS_USED_LOCK('{name}')")).unwrap().flatten()
}

fn refused(server: &PrivateServer) {
    let link = (501, "refused");
    let first = fresh(server, link).unwrap();
    let begin = Instant::now();
    let text = words(&fresh(server, link).err().expect("refused"));
    assert!(
        text.contains("run by connection ") && text.contains("it has not started"),
        "nothing is written yet: {text}"
    );
    let _session = tell(server, link, &first);
    let error = fresh(server, link).err().expect("refused");
    assert!(begin.elapsed() < HANGS, "{:?} for two", begin.elapsed());
    assert_eq!(exit_code(&error), 4);
    let text = words(&error);
    let id = holder(server, 501, "refused").unwrap();
    for part in [
        format!("link `refused` on the target is already run by pid {} on ", std::process::id()),
        format!("(account root, tisync {}) since 20", env!("CARGO_PKG_VERSION")),
        format!("(connection {id} from "),
        "or start with --take-over".to_owned(),
    ] {
        assert!(text.contains(&part), "{part}: {text}");
    }
    assert_eq!(holder(server, 501, "refused"), Some(id), "it is unharmed");
    drop(first);
    assert_eq!(holder(server, 501, "refused"), None);
    let begin = Instant::now();
    for _ in 0..20 {
        drop(fresh(server, link).unwrap());
    }
    // One that waits does so for two seconds at least.
    assert!(begin.elapsed() < Duration::from_secs(40), "{:?}", begin.elapsed());
}

fn taken_over(server: &PrivateServer) {
    let link = (502, "taken_over");
    let (events, heard_old) = heard();
    let old = lease(server, link, Terms::default(), &events).unwrap();
    let _s = tell(server, link, &old);
    let before = holder(server, 502, "taken_over");
    let (events, heard_new) = heard();
    let new = lease(server, link, Terms { take_over: true, ..Terms::default() }, &events).unwrap();
    let _t = tell(server, link, &new);
    let notes = heard_new.lock().unwrap().join("\n");
    assert!(notes.contains("is run by pid") && notes.contains("this run takes over"), "{notes}");
    let after = holder(server, 502, "taken_over");
    assert!(after.is_some() && after != before);
    wait(|| heard_old.lock().unwrap().iter().any(|n| n.contains("is now held by pid")));
    assert_eq!(holder(server, 502, "taken_over"), after, "the older one does not take it back");
    // Nor does it when the new one has gone.
    drop(new);
    wait(|| {
        heard_old
            .lock()
            .unwrap()
            .iter()
            .any(|n| n.contains("run 2 has taken over link `taken_over` from this one (run 1)"))
    });
    drop(fresh(server, link).expect("nobody is in the way"));
}

/// Nothing here takes so long, on any machine.
const HANGS: Duration = Duration::from_secs(60);

#[track_caller]
fn wait(mut reached: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !reached() {
        assert!(begin.elapsed() < HANGS);
        sleep(Duration::from_millis(20));
    }
}

/// A connection that says nothing is what a stopped process, or a machine that is gone, leaves on the server.
fn silent_holder(server: &PrivateServer) {
    let link = (503, "silent");
    let name = tisync::checkpoint::locks::lease(503, "silent");
    let mut dead = session(server);
    assert!(tisync::checkpoint::locks::hold(&mut dead, &name).unwrap());
    let (events, heard) = heard();
    let begin = Instant::now();
    let terms = Terms { idle: Duration::from_secs(4), ..Terms::default() };
    let mine = lease(server, link, terms, &events).unwrap();
    assert!(begin.elapsed() >= Duration::from_millis(2900), "{:?}", begin.elapsed());
    let notes = heard.lock().unwrap().join("\n");
    let id = dead.connection_id();
    assert!(notes.contains(&format!("was run by connection {id}")) && notes.contains("machine is gone"), "{notes}");
    assert!(dead.run("DO 0").is_err(), "it was ended");
    assert!(holder(server, 503, "silent").is_some());
    // One that was silent for long is not looked at for as long again; how quick that is, a busy machine does not tell every time.
    drop(mine);
    let quick = (0..5).any(|_| {
        let mut dead = session(server);
        tisync::checkpoint::locks::hold(&mut dead, &name).unwrap();
        sleep(Duration::from_millis(2100));
        let begin = Instant::now();
        let terms = Terms { idle: Duration::from_secs(2), ..Terms::default() };
        drop(lease(server, link, terms, &silent()).unwrap());
        begin.elapsed() < Duration::from_secs(1)
    });
    assert!(quick, "it waits for the idle time once more");
    // Somebody who asks to stop need not wait for it.
    let mut dead = session(server);
    tisync::checkpoint::locks::hold(&mut dead, &name).unwrap();
    let stop = Stop::default();
    stop.request();
    let error = Lease::take(&target(&server.url()), link, None, Terms::default(), &stop, &silent()).err().unwrap();
    assert_eq!(exit_code(&error), 5, "{error:#}");
}

fn lost(server: &PrivateServer) {
    let link = (504, "lost");
    let (events, heard) = heard();
    let mine = lease(server, link, Terms::default(), &events).unwrap();
    let mut session = tell(server, link, &mine);
    let first = holder(server, 504, "lost").unwrap();
    server.connect().unwrap().query_drop(format!("KILL {first}")).unwrap();
    wait(|| holder(server, 504, "lost").is_some_and(|id| id != first));
    assert!(heard.lock().unwrap().is_empty(), "{heard:?}");
    let text = words(&fresh(server, link).err().expect("refused"));
    assert!(text.contains("the link was last taken over by pid"), "{text}");
    // Somebody of an older tisync, who knows no leases, takes the link over.
    take(&mut session, 504, "lost", 0, &silent()).unwrap();
    let second = holder(server, 504, "lost").unwrap();
    server.connect().unwrap().query_drop(format!("KILL {second}")).unwrap();
    wait(|| heard.lock().unwrap().iter().any(|n| n.contains("run 2 has taken over link `lost` from this one (run 1)")));
    wait(|| holder(server, 504, "lost").is_none());
    drop(fresh(server, link).unwrap());
}

/// A way to the server on which, from a moment on, nothing arrives any more, and nobody is told; new connections work.
struct Way {
    port: u16,
    stalled: Arc<Mutex<Vec<Arc<AtomicBool>>>>,
}

impl Way {
    fn open(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let stalled = Arc::<Mutex<Vec<Arc<AtomicBool>>>>::default();
        let all = Arc::clone(&stalled);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let server = TcpStream::connect(("127.0.0.1", to)).unwrap();
                let stall = Arc::<AtomicBool>::default();
                all.lock().unwrap().push(Arc::clone(&stall));
                for (mut from, mut to) in [(client.try_clone().unwrap(), server.try_clone().unwrap()), (server, client)]
                {
                    let stall = Arc::clone(&stall);
                    thread::spawn(move || {
                        let mut bytes = [0; 4096];
                        while let Ok(n @ 1..) = from.read(&mut bytes) {
                            if !stall.load(Ordering::SeqCst) && to.write_all(&bytes[..n]).is_err() {
                                break;
                            }
                        }
                        // One that stalled stays open on the server's side.
                        thread::sleep(Duration::from_secs(if stall.load(Ordering::SeqCst) { 60 } else { 0 }));
                    });
                }
            }
        });
        Self { port, stalled }
    }

    fn stall(&self) {
        self.stalled.lock().unwrap().iter().for_each(|one| one.store(true, Ordering::SeqCst));
    }
}

fn half_dead(server: &PrivateServer) {
    let way = Way::open(server.port());
    let to = target(&format!("mysql://root@127.0.0.1:{}?ssl-mode=disabled", way.port));
    let (events, heard) = heard();
    let mine = Lease::take(&to, (510, "half_dead"), None, Terms::default(), &Stop::default(), &events).unwrap();
    let first = holder(server, 510, "half_dead").unwrap();
    way.stall();
    // The server knows nothing of it, and still has the lock for the old connection.
    wait(|| holder(server, 510, "half_dead").is_some_and(|id| id != first));
    assert!(heard.lock().unwrap().is_empty(), "{heard:?}");
    drop(mine);
    assert_eq!(holder(server, 510, "half_dead"), None);
}

fn others(server: &PrivateServer) {
    let all = [(505, "a"), (505, "b"), (506, "a"), (505, "A")];
    let leases: Vec<Lease> = all.iter().map(|link| fresh(server, *link).unwrap()).collect();
    let ids: std::collections::BTreeSet<u64> = all.iter().filter_map(|(c, l)| holder(server, *c, l)).collect();
    assert_eq!(ids.len(), all.len());
    drop(leases);
}

fn poor(server: &PrivateServer) {
    let link = (507, "poor");
    drop(started(server, 507, "poor", 1));
    let mut root = server.connect().unwrap();
    root.query_drop("CREATE USER lessee IDENTIFIED BY ''").unwrap();
    root.query_drop("GRANT SELECT, INSERT, UPDATE, DELETE ON tidb_binlog.* TO lessee").unwrap();
    let to = target(&server.url().replace("root@", "lessee@"));
    let (events, heard) = heard();
    let take = |terms: Terms| Lease::take(&to, link, None, terms, &Stop::default(), &events);
    let first = take(Terms::default()).unwrap();
    let text = words(&take(Terms::default()).err().expect("it sees its own connections"));
    assert!(text.contains("run by connection ") && !text.contains("cannot see"), "{text}");
    let second = take(Terms { take_over: true, ..Terms::default() }).unwrap();
    assert_eq!(heard.lock().unwrap().iter().filter(|n| n.contains("cannot")).count(), 0, "{heard:?}");
    drop((first, second));
    // Another account's is not seen: then it counts as living.
    let _roots = fresh(server, link).unwrap();
    let begin = Instant::now();
    let text = words(&take(Terms::default()).err().expect("refused"));
    assert!(text.contains("cannot see whether that connection is alive"), "{text}");
    assert!(begin.elapsed() < HANGS, "{:?}", begin.elapsed());
}

/// What a server counts of statements that write, and of changed rows.
fn writes(conn: &mut Conn) -> BTreeMap<String, u64> {
    let of_interest = [
        "Com_insert",
        "Com_update",
        "Com_delete",
        "Com_replace",
        "Com_commit",
        "Com_begin",
        "Innodb_rows_inserted",
        "Innodb_rows_updated",
        "Innodb_rows_deleted",
        "Handler_commit",
        "Binlog_commits",
        "Com_do",
    ];
    let all: Vec<(String, String)> = conn.query("SHOW GLOBAL STATUS").unwrap();
    all.into_iter()
        .filter(|(name, _)| of_interest.contains(&name.as_str()))
        .map(|(name, n)| (name, n.parse().unwrap()))
        .collect()
}

fn idle(_: &PrivateServer) {
    let server = server::start(&[]).unwrap();
    let options = MysqlOptions { start: Some(ts(0)), ..MysqlOptions::new(508, "idle") };
    let sink = MysqlSink::open(&server.url(), options, silent()).unwrap();
    let mut conn = server.connect().unwrap();
    sleep(Duration::from_millis(700));
    let before = writes(&mut conn);
    sleep(Duration::from_millis(6500));
    let mut after = writes(&mut conn);
    let pings = after["Com_do"] - before["Com_do"];
    // One every two seconds, of which a busy machine sees fewer.
    assert!((1..=4).contains(&pings), "{pings} pings");
    after.insert("Com_do".to_owned(), before["Com_do"]);
    assert_eq!(after, before);
    let begin = Instant::now();
    drop(sink);
    assert!(begin.elapsed() < HANGS, "{:?}", begin.elapsed());
}

/// The rows of the channel say nothing of a link that has only just begun, and nothing changes.
fn unwritten(_: &PrivateServer) {
    let server = server::start(&[]).unwrap();
    let (mark, other) = (Mark::drainers(5), Mark::drainers(6));
    let mut session = session(&server);
    for mark in [&mark, &other] {
        let plan = mark::plan(&mut session, mark, 2).unwrap();
        mark::apply(&mut session, &plan).unwrap();
    }
    let options = MysqlOptions { start: Some(ts(0)), mark: Some(mark.clone()), ..MysqlOptions::new(509, "young") };
    let sink = MysqlSink::open(&server.url(), options, silent()).unwrap();
    session.run(&format!("UPDATE {} SET channel_info = 'somebody'", mark.quoted())).unwrap();
    assert_eq!(mark::in_use(&mut session, &mark).unwrap().unwrap(), "link `young` of cluster 509 runs");
    assert_eq!(mark::status(&mut session, &mark, None).unwrap().in_use_by, ["link `young` of cluster 509"]);
    assert_eq!(mark::in_use(&mut session, &other).unwrap(), None);
    drop(sink);
    assert_eq!(mark::in_use(&mut session, &mark).unwrap(), None);
}
