//! Tests of a link's registration in a simulated cluster.

use std::thread::sleep;
use std::time::Duration;

use prost::Message;
use tonic::Status;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic_prost::ProstCodec;

use super::door::Caller;
use super::*;
use crate::event::silent;
use crate::pd::{DRAINERS, Status as Entry};
use crate::playground::cluster::{Cluster, ClusterSpec};
use crate::schema::{FileHistory, History};
use crate::source::pump::PumpSource;
use crate::source::{self, Source};

const ID: &str = "drainer-under-test";

#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    fn events(&self) -> Events {
        let told = self.clone();
        Arc::new(move |event| {
            if let Event::Note(text) | Event::Warning(text) = event {
                told.0.lock().push(text);
            }
        })
    }

    fn says(&self, words: &str) -> bool {
        self.0.lock().iter().any(|text| text.contains(words))
    }
}

struct World {
    cluster: Cluster,
    durable: DurablePosition,
    pump_status: Arc<PumpStatus>,
    stop: Stop,
    told: Told,
    listens: bool,
}

impl World {
    fn new(pumps: usize, registered: usize) -> Self {
        let mut spec = ClusterSpec::new(7_600_000_000_000_000_001, pumps);
        for (index, pump) in spec.pumps.iter_mut().enumerate() {
            pump.behaviour.fakes = Some(Duration::from_millis(20));
            pump.registered = index < registered;
        }
        Self {
            cluster: Cluster::start(spec).unwrap(),
            durable: DurablePosition::default(),
            pump_status: Arc::default(),
            stop: Stop::default(),
            told: Told::default(),
            listens: true,
        }
    }

    fn registration(&self) -> Registration {
        let options = Options {
            pd: self.cluster.pd_url(),
            security: Security::default(),
            id: ID.to_owned(),
            addr: Some("127.0.0.1:0".to_owned()),
            advertise: None,
            listen: self.listens,
            take_over: false,
            every: Duration::from_millis(2),
        };
        let (durable, pump_status) = (self.durable.clone(), Arc::clone(&self.pump_status));
        let mut registration =
            Registration::look(&options, durable, pump_status, &self.stop, &self.told.events()).unwrap();
        registration.register().unwrap();
        registration
    }

    fn online(&self) -> Registration {
        let mut registration = self.registration();
        registration.online(&Security::default()).unwrap();
        wait("it is online", || self.state() == State::Online);
        registration
    }

    fn key() -> String {
        format!("{DRAINERS}{ID}")
    }

    fn entry(&self) -> Entry {
        Entry::read(self.cluster.key(&Self::key()).unwrap().as_bytes()).unwrap()
    }

    fn state(&self) -> State {
        self.entry().state()
    }

    fn write(&self, entry: &Entry) {
        let json = String::from_utf8(entry.write().unwrap()).unwrap();
        self.cluster.set_key(&Self::key(), Some(&json));
    }

    /// Reads the cluster's Pumps, so that their list is read.
    fn source(&self) -> (PumpSource, Vec<source::Stream>) {
        let folder = tempfile::tempdir().unwrap();
        let jobs = folder.path().join("jobs.json");
        std::fs::write(&jobs, "[]").unwrap();
        let history: Arc<dyn History> = Arc::new(FileHistory::open(&jobs).unwrap());
        let given = Arc::clone(&history);
        let mut options = source::Options::new(Arc::new(move |_| Ok(Arc::clone(&given))));
        options.pump.status = Arc::clone(&self.pump_status);
        // Only Notify may cause a listing of the Pumps.
        options.pump.timing.list_every = Duration::from_secs(60);
        let pd = Pd::connect(&[self.cluster.pd_url()], &Security::default()).unwrap();
        let mut source = PumpSource::new(pd, history, silent(), &options);
        let streams = source.streams(CommitTs(1)).unwrap();
        (source, streams)
    }
}

#[track_caller]
fn wait(what: &str, mut reached: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !reached() {
        assert!(begin.elapsed() < Duration::from_secs(20), "not in time: {what}");
        sleep(Duration::from_millis(1));
    }
}

#[derive(Clone, PartialEq, Message)]
struct Empty {}

/// Calls a method of the service, with a stream as its answer or without.
fn call(host: &str, method: &'static str, stream: bool) -> Result<usize, Status> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let channel = Security::default().channel(host, Duration::from_secs(1)).unwrap();
        let mut grpc = Grpc::new(channel);
        grpc.ready().await.map_err(|e| Status::unavailable(e.to_string()))?;
        let (path, codec) = (PathAndQuery::from_static(method), ProstCodec::<Empty, Empty>::default());
        if !stream {
            return grpc.unary(tonic::Request::new(Empty {}), path, codec).await.map(|_| 1);
        }
        let mut answers = grpc.server_streaming(tonic::Request::new(Empty {}), path, codec).await?.into_inner();
        let mut count = 0;
        while answers.message().await?.is_some() {
            count += 1;
        }
        Ok(count)
    })
}

#[test]
fn t03_online_only_while_pumps_are_answered() {
    let world = World::new(3, 1);
    let mut registration = world.registration();
    assert_eq!(world.state(), State::Paused, "nobody is answered yet");
    assert!(world.cluster.join_pump(1).is_ok(), "a Pump does not ask who is not online");
    let (_source, _streams) = world.source();
    registration.online(&Security::default()).unwrap();
    wait("it is online", || world.state() == State::Online);
    let host = registration.name().1.to_owned();
    // The Pump is being read when it gets the answer that it may start, though the list is not read
    // otherwise.
    world.cluster.join_pump(2).unwrap();
    assert!(world.pump_status.positions().contains_key("pump-3"), "{:?}", world.pump_status.positions());
    assert_eq!(call(&host, "/binlog.Cistern/DumpBinlog", true).unwrap(), 0);
    assert_eq!(call(&host, "/binlog.Cistern/DumpDDLJobs", false).unwrap(), 1);
    assert_eq!(call(&host, "/binlog.Cistern/Other", false).unwrap_err().code(), tonic::Code::Unimplemented);
    // A run that drains answers too, and at once.
    world.stop.request();
    assert!(call(&host, "/binlog.Cistern/Notify", false).is_ok());
    drop(registration);
    assert_eq!(world.state(), State::Paused);
    assert!(call(&host, "/binlog.Cistern/Notify", false).is_err());
}

#[test]
fn t03_without_a_certificate_of_its_own_it_is_not_online() {
    let world = World::new(1, 1);
    let mut registration = world.registration();
    let tls = Security { ca: Some("ca.pem".into()), ..Security::default() };
    registration.online(&tls).unwrap();
    assert!(world.told.says("registered as paused, not online"));
    let before = world.entry().update_ts();
    world.durable.advance(CommitTs(77));
    wait("a heartbeat", || world.entry().update_ts() > before && world.entry().max_commit_ts() == CommitTs(77));
    assert_eq!(world.state(), State::Paused);
}

/// Whether our link answers at `address`; another process may have the port by now.
fn answers(address: &str) -> bool {
    use std::io::{Read, Write};
    let Ok(mut stream) = std::net::TcpStream::connect(address) else { return false };
    stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let mut text = Vec::new();
    let _ = stream.write_all(b"GET /status HTTP/1.0\r\n\r\n").and_then(|()| stream.read_to_end(&mut text));
    String::from_utf8_lossy(&text).contains(ID)
}

#[test]
fn t03_a_link_that_listens_on_no_port_is_waited_for_and_not_called() {
    let mut world = World::new(2, 1);
    world.listens = false;
    let mut registration = world.registration();
    registration.online(&Security::default()).unwrap();
    assert!(world.told.says("listens on no port (--no-listen)"));
    let before = world.entry().update_ts();
    world.durable.advance(CommitTs(77));
    wait("a heartbeat", || world.entry().update_ts() > before && world.entry().max_commit_ts() == CommitTs(77));
    assert_eq!(world.state(), State::Paused);
    world.cluster.join_pump(1).unwrap();
    assert!(!answers(registration.name().1), "it listens on no port");
    // The way to end it is its entry in PD.
    world.write(&world.entry().in_state(&State::Closing));
    wait("it is obeyed", || world.stop.requested());
    drop(registration);
    assert_eq!(world.state(), State::Offline);
}

#[test]
fn only_who_may_changes_the_run_and_learns_who_is_here() {
    let world = World::new(1, 1);
    let registration = world.online();
    let stranger = Caller { ip: [10, 0, 0, 9].into(), certified: false };
    for (node, action) in [(ID, "pause"), (ID, "close"), ("somebody-else", "close"), (ID, "destroy")] {
        let why = server::decide(&registration.shared, node, action, stranger).unwrap_err();
        assert!(!why.contains(ID) && why.contains("nodes set-state"), "{why}");
    }
    assert!(!world.stop.requested() && registration.asked().is_none());
    let known = Caller { certified: true, ..stranger };
    assert!(server::decide(&registration.shared, "somebody-else", "pause", known).unwrap_err().contains(ID));
    server::decide(&registration.shared, ID, "pause", known).unwrap();
    assert!(world.stop.requested());
    assert_eq!(registration.asked().unwrap().by, format!("`PUT /state/{ID}/pause` from 10.0.0.9"));
}

#[test]
fn whoever_asks_for_pages_costs_pd_one_timestamp_a_second() {
    let world = World::new(1, 1);
    let registration = world.online();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let begin = Instant::now();
    let asked: Vec<CommitTs> = runtime.block_on(async {
        let tasks: Vec<_> = (0..100)
            .map(|_| {
                let shared = Arc::clone(&registration.shared);
                tokio::spawn(async move { shared.now().await.unwrap() })
            })
            .collect();
        let mut asked = Vec::new();
        for task in tasks {
            asked.push(task.await.unwrap());
        }
        asked
    });
    // Each timestamp is a different one.
    let different: std::collections::BTreeSet<CommitTs> = asked.into_iter().collect();
    assert!(different.len() as u64 <= 1 + begin.elapsed().as_secs(), "{different:?}");
}

#[test]
fn t02_a_heartbeat_never_overwrites_what_others_write() {
    for round in 0..30 {
        let world = World::new(1, 1);
        let registration = world.online();
        // Between any two of its steps.
        sleep(Duration::from_micros(300 * round));
        // Read and written at once: what binlogctl does, except for its race.
        world.write(&world.entry().in_state(&State::Closing));
        wait("it is obeyed", || world.stop.requested());
        assert_eq!(world.state(), State::Closing);
        let at = world.entry().max_commit_ts();
        world.durable.advance(CommitTs(at.0 + 9));
        wait("it goes on saying where it is", || world.entry().max_commit_ts() > at);
        assert_eq!(world.state(), State::Closing);
        assert_eq!(registration.asked().unwrap().wish, Wish::Close);
        drop(registration);
        assert_eq!(world.state(), State::Offline);
    }
}

#[test]
fn heartbeats_that_fail_do_not_end_the_run() {
    let world = World::new(1, 1);
    let registration = world.online();
    world.cluster.set_etcd_writable(false);
    wait("somebody says so", || world.told.says("20 heartbeats in a row could not be written"));
    assert!(!world.stop.requested() && registration.asked().is_none());
    world.cluster.set_etcd_writable(true);
    wait("somebody says so", || world.told.says("accepts the heartbeats of drainer"));
    drop(registration);
    assert_eq!(world.state(), State::Paused);
}

#[test]
fn an_entry_that_another_process_took_is_left_alone() {
    let world = World::new(1, 1);
    let registration = world.online();
    let theirs = Entry::new(ID, "10.9.9.9:8249", &State::Online);
    // As another start would do it, whatever this one writes meanwhile.
    wait("it is taken", || {
        world.write(&theirs);
        world.told.says("now belongs to another process, at 10.9.9.9:8249")
    });
    drop(registration);
    assert_eq!(world.entry(), theirs);
    assert!(!world.stop.requested(), "the target's slots decide who may go on, not this");
}

#[test]
fn a_start_that_comes_to_nothing_leaves_the_entry_as_it_was() {
    let world = World::new(1, 1);
    drop(world.registration());
    assert_eq!(world.cluster.key(&World::key()), None);
    let before = Entry::new(ID, "10.9.9.9:1", &State::Paused);
    world.write(&before);
    drop(world.registration());
    assert_eq!(world.entry(), before);
    // Not over what another process has written meanwhile.
    let registration = world.registration();
    let theirs = Entry::new(ID, "10.9.9.9:8249", &State::Online);
    world.write(&theirs);
    drop(registration);
    assert_eq!(world.entry(), theirs);
}

#[test]
fn entries_that_were_left() {
    let world = World::new(1, 1);
    for left in ["", "{", r#"{"host":"10.9.9.9:1","state":"offline","label":{"labels":{"a":"b"}}}"#] {
        world.cluster.set_key(&World::key(), Some(left));
        drop(world.online());
        assert_eq!(world.state(), State::Paused, "over `{left}`");
    }
    assert!(world.cluster.key(&World::key()).unwrap().contains(r#""label":{"labels":{"a":"b"}}"#));
    // If the entry is deleted while the link runs, it is written again.
    let registration = world.online();
    world.cluster.set_key(&World::key(), None);
    wait("it is there again", || world.cluster.key(&World::key()).is_some());
    assert!(world.state() == State::Online && registration.asked().is_none());
}
