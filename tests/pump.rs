//! PD and Pumps that misbehave: what may not be lost, what must be refused, what must be told.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "pump_cases/entries.rs"]
mod entries;
mod fake_cluster;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use fake_cluster::{Cut, FakeCluster, NoJobs, PumpState};
use tisync::error::{Kind, fault};
use tisync::event::{Event, Events};
use tisync::merge::{Merge, Merged};
use tisync::model::{Body, CommitTs, Pulled, RawTxn};
use tisync::pd::{Pd, Security, State, Status};
use tisync::playground::cluster::{Cluster, ClusterSpec};
use tisync::source::pump::PumpSource;
use tisync::source::{Options, Source};

const BASE: u64 = 1_000_000 << 18;

fn ts(i: u64) -> CommitTs {
    CommitTs(BASE + i)
}

fn txn(i: u64) -> RawTxn {
    let body = Body::Rows(Bytes::from(format!("row {i}")));
    RawTxn { commit_ts: ts(i), start_ts: CommitTs(BASE), body }
}

fn said(of: impl IntoIterator<Item = u64>) -> Vec<Pulled> {
    of.into_iter().map(|i| Pulled::Txn(txn(i))).collect()
}

#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<Event>>>);

impl Told {
    fn events(&self) -> Events {
        let told = Arc::clone(&self.0);
        Arc::new(move |e| told.lock().unwrap().push(e))
    }

    fn waits_for(&self, words: &str) -> bool {
        self.0.lock().unwrap().iter().any(|e| matches!(e, Event::Waiting { what, .. } if what.contains(words)))
    }

    fn says(&self, words: &str) -> bool {
        self.count(words) > 0
    }

    fn count(&self, words: &str) -> usize {
        let text = |e: &&Event| match e {
            Event::Note(t) | Event::Warning(t) => t.contains(words),
            _ => false,
        };
        self.0.lock().unwrap().iter().filter(text).count()
    }
}

fn source(cluster: &FakeCluster, told: &Told) -> PumpSource {
    source_with(cluster, told, false)
}

fn source_with(cluster: &FakeCluster, told: &Told, gzip: bool) -> PumpSource {
    source_of(cluster, told, &options(gzip))
}

fn source_of(cluster: &FakeCluster, told: &Told, options: &Options) -> PumpSource {
    let pd = Pd::connect(&[cluster.pd_address()], &Security::default()).unwrap();
    PumpSource::new(pd, Arc::new(NoJobs), told.events(), options)
}

fn options(gzip: bool) -> Options {
    let mut options = Options::new(Arc::new(|_| Ok(Arc::new(NoJobs))));
    options.pump.gzip = gzip;
    options.pump.timing.retry = Duration::from_millis(10);
    options.pump.timing.retry_most = Duration::from_millis(50);
    options.pump.timing.silence = Duration::from_millis(700);
    options.pump.timing.list_every = Duration::from_millis(20);
    options
}

/// The merged list up to `last`, or the error on the way.
fn read_to(merge: &mut Merge, last: CommitTs) -> anyhow::Result<Vec<RawTxn>> {
    let (mut got, begin) = (Vec::new(), Instant::now());
    while merge.position() < last {
        anyhow::ensure!(begin.elapsed() < Duration::from_secs(20), "stuck: {:?}", merge.holding_back());
        match merge.next(Duration::from_millis(100))? {
            Merged::Txn(txn) => got.push(txn),
            Merged::Resolved(_) => {}
            Merged::Idle => {
                anyhow::ensure!(begin.elapsed() < Duration::from_secs(20), "stuck: {:?}", merge.holding_back())
            }
            Merged::End => anyhow::bail!("the streams ended"),
        }
    }
    Ok(got)
}

fn refusal(cluster: &FakeCluster, from: CommitTs) -> String {
    let error = source(cluster, &Told::default()).streams(from).expect_err("the start must be refused");
    let fault = fault(&error).unwrap();
    // Not being able to ask is another thing than a bad answer.
    let unasked = format!("{error:#}").contains("cannot find out");
    assert_eq!(fault.kind, if unasked { Kind::Connect } else { Kind::Refused }, "{error:#}");
    assert!(!fault.hint.is_empty());
    format!("{error:#}")
}

/// The error that ends a run which began well.
fn ends_with(cluster: &FakeCluster, then: impl FnOnce()) -> String {
    let told = Told::default();
    let mut source = source(cluster, &told);
    let mut merge = Merge::new(source.streams(ts(0)).unwrap(), ts(0));
    then();
    let error = read_to(&mut merge, CommitTs::MAX).unwrap_err();
    let fault = fault(&error).unwrap_or_else(|| panic!("no fault: {error:#}"));
    assert_eq!(fault.kind, Kind::Refused, "{error:#}");
    format!("{error:#}")
}

#[test]
fn what_pd_says() {
    let cluster = FakeCluster::start(ts(0));
    cluster.pump("p1", &[]);
    cluster.register("gone", "h:1", "offline", ts(5));
    cluster.put("/tidb-binlog/v1/pumps/broken", "");
    cluster.put("/tidb-binlog/v1/pumpsX", "not in the range");
    cluster.put("/tidb-binlog/v1/drainers/d", r#"{"host":"d:8249","state":"paused","maxCommitTS":9,"updateTS":9}"#);
    // The first address does not answer, the second does.
    let pd = Pd::connect(&["127.0.0.1:1".into(), format!("http://{}", cluster.pd_address())], &Security::default());
    let pd = pd.unwrap();
    assert_eq!(pd.cluster_id(), fake_cluster::CLUSTER);
    let first = pd.tso().unwrap();
    assert!(first > ts(0) && pd.tso().unwrap() > first);
    assert_eq!(pd.gc_safe_point().unwrap(), CommitTs(77));
    let pumps = pd.pumps().unwrap();
    assert_eq!(pumps.iter().map(|p| p.id.as_str()).collect::<Vec<_>>(), ["gone", "p1"]);
    assert_eq!(pumps[0].state, State::Offline);
    assert_eq!(pd.take_warnings().len(), 1);
    assert!(pd.take_warnings().is_empty());
    assert_eq!(pd.drainers().unwrap()[0].max_commit_ts, CommitTs(9));
    assert_eq!(pd.tidb_servers().unwrap()[0].binlog_status, "On");
    assert!(pd.range("/nothing").unwrap().is_empty());
}

/// The servers of PD that the operator wrote are replaced one after the other; a run that goes on for months meets that.
#[test]
fn a_pd_that_was_replaced_as_a_whole() {
    let asked = |cluster: &FakeCluster| cluster.shared.asked.load(std::sync::atomic::Ordering::SeqCst);
    let (first, second, third) = (FakeCluster::start(ts(0)), FakeCluster::start(ts(50)), FakeCluster::start(ts(99)));
    first.shared.others.lock().unwrap().push(second.pd_address());
    let pd = Pd::connect(&[first.pd_address()], &Security::default()).unwrap();
    assert!(pd.tso().unwrap() > ts(0));
    drop(first);
    // Named by the first one at the connect.
    assert!(pd.tso().unwrap() > ts(50));
    assert_eq!(pd.leader(), second.pd_address());
    // One that joins later is asked for again and again.
    second.shared.others.lock().unwrap().push(third.pd_address());
    let (before, begin) = (asked(&second), Instant::now());
    while asked(&second) == before {
        assert!(pd.tso().is_ok() && begin.elapsed() < Duration::from_secs(120));
        std::thread::sleep(Duration::from_millis(200));
    }
    drop(second);
    assert!(pd.tso().unwrap() > ts(99));
    assert_eq!(pd.leader(), third.pd_address());
    drop(third);
    let text = format!("{:#}", pd.tso().unwrap_err());
    assert!(text.contains("its leader could not be found again"), "{text}");
}

#[test]
fn pd_that_cannot_be_used() {
    let connect = |endpoints: &[String]| Pd::connect(endpoints, &Security::default()).err().unwrap();
    let error = connect(&["pd://127.0.0.1:1,127.0.0.1:2".into()]);
    let text = format!("{error:#}");
    assert!(text.contains("127.0.0.1:1: ") && text.contains("127.0.0.1:2: ") && text.contains("refused"), "{text}");
    assert_eq!(fault(&error).unwrap().kind, Kind::Connect);
    // Something that is no PD, a Pump.
    let cluster = FakeCluster::start(ts(0));
    let (_pump, address) = cluster.pump_unregistered(&[]);
    assert_eq!(fault(&connect(&[address])).unwrap().kind, Kind::Connect);
    let asked_tls = connect(&["https://127.0.0.1:1".into()]);
    assert_eq!(fault(&asked_tls).unwrap().kind, Kind::Usage);
    // The only member's own address leads nowhere from here: the address that answered is it, too.
    *cluster.shared.client_url.lock().unwrap() = Some("http://127.0.0.1:1".into());
    assert!(Pd::connect(&[cluster.pd_address()], &Security::default()).unwrap().tso().is_ok());
}

fn reconnects(cut: Cut) -> PumpState {
    let cluster = FakeCluster::start(ts(1000));
    let pump = cluster.pump("p1", &said((1..=40).map(|i| i * 3)));
    let other = cluster.pump("p2", &said((1..=40).map(|i| i * 3 + 1)));
    pump.0.lock().unwrap().cut = cut;
    other.0.lock().unwrap().cut = Cut::Clean(7);
    let told = Told::default();
    let mut source = source(&cluster, &told);
    let mut merge = Merge::new(source.streams(ts(0)).unwrap(), ts(0));
    let got = read_to(&mut merge, ts(121)).unwrap();
    let expected: Vec<RawTxn> = (3..=121).filter(|i| i % 3 != 2).map(txn).collect();
    assert_eq!(got, expected);
    assert!(told.waits_for("Pump p1"));
    pump
}

#[test]
fn a_stream_that_ends_cleanly_every_few_messages() {
    let pump = reconnects(Cut::Clean(3));
    let pulls = pump.0.lock().unwrap().pulls.clone();
    let expected: Vec<i64> = (0..13).map(|i| ts(i * 9).to_wire()).collect();
    assert_eq!(pulls[..13], expected, "each time from the last commit ts received");
}

#[test]
fn a_stream_that_is_reset_every_few_messages() {
    // What was on its way when the stream was reset may be lost; it comes again.
    assert!(reconnects(Cut::Reset(5)).0.lock().unwrap().pulls.len() > 5);
}

#[test]
fn a_stream_that_fails_every_few_messages() {
    assert!(reconnects(Cut::Status(4, tonic::Code::Unavailable)).0.lock().unwrap().pulls.len() > 9);
}

#[test]
fn what_was_sent_already_is_dropped() {
    let cluster = FakeCluster::start(ts(1000));
    let pump = cluster.pump("p1", &said(1..=20));
    {
        let mut pump = pump.0.lock().unwrap();
        pump.closed_bound = true;
        pump.cut = Cut::Clean(4);
    }
    // The stream itself, before the merge drops repetitions as well.
    let mut source = source(&cluster, &Told::default());
    let stream = source.streams(ts(0)).unwrap().remove(0);
    let mut got = Vec::new();
    while got.len() < 20 {
        if let Pulled::Txn(txn) = stream.receiver.recv_timeout(Duration::from_secs(10)).unwrap().unwrap() {
            got.push(txn);
        }
    }
    assert_eq!(got, (1..=20).map(txn).collect::<Vec<_>>());
}

#[test]
fn a_message_larger_than_grpc_takes_by_default() {
    let cluster = FakeCluster::start(ts(1000));
    let mut big = txn(2);
    big.body = Body::Rows(vec![7; 9 << 20].into());
    let list = [txn(1), big, txn(3)];
    cluster.pump("p1", &list.clone().map(Pulled::Txn));
    let mut source = source(&cluster, &Told::default());
    let mut merge = Merge::new(source.streams(ts(0)).unwrap(), ts(0));
    assert!(read_to(&mut merge, ts(3)).unwrap() == list);
}

#[test]
fn compressed_on_the_wire() {
    for gzip in [true, false] {
        let cluster = FakeCluster::start(ts(1000));
        let pump = cluster.pump("p1", &said(1..=9));
        let mut source = source_with(&cluster, &Told::default(), gzip);
        let mut merge = Merge::new(source.streams(ts(0)).unwrap(), ts(0));
        assert_eq!(read_to(&mut merge, ts(9)).unwrap(), (1..=9).map(txn).collect::<Vec<_>>());
        assert_eq!(pump.0.lock().unwrap().gzip, gzip);
    }
}

#[test]
fn t09_a_silent_connection_is_given_up_and_made_anew() {
    let cluster = FakeCluster::start(ts(1000));
    let pump = cluster.pump("p1", &said(1..=3));
    pump.0.lock().unwrap().fakes = false;
    cluster.pump("p2", &said(4..=9));
    let told = Told::default();
    let mut source = source(&cluster, &told);
    let mut merge = Merge::new(source.streams(ts(0)).unwrap(), ts(0));
    assert_eq!(read_to(&mut merge, ts(3)).unwrap().len(), 3);
    let begin = Instant::now();
    while !told.waits_for("nothing for 0.7 s") {
        assert!(begin.elapsed() < Duration::from_secs(10));
        assert!(
            !matches!(merge.next(Duration::from_millis(50)).unwrap(), Merged::Txn(_)),
            "p1 may still hold older data"
        );
    }
    assert_eq!(merge.holding_back(), Some(("Pump p1".into(), ts(3))));
    assert!(told.waits_for("Pump p1"));
    pump.0.lock().unwrap().fakes = true;
    assert_eq!(read_to(&mut merge, ts(9)).unwrap(), (4..=9).map(txn).collect::<Vec<_>>());
    assert!(pump.0.lock().unwrap().pulls.len() > 1);
}

#[test]
fn t08_a_pump_that_waits_is_told_from_one_that_hangs() {
    let cluster = FakeCluster::start(ts(1000));
    let pump = cluster.pump("p1", &said(1..=3));
    let gauges = |newest: u64| {
        pump.0.lock().unwrap().gc_metrics =
            format!("binlog_pump_storage_gc_ts 0\nbinlog_pump_storage_max_commit_ts {newest}\n");
    };
    pump.0.lock().unwrap().fakes = false;
    let told = Told::default();
    let mut source = source(&cluster, &told);
    let mut merge = Merge::new(source.streams(ts(0)).unwrap(), ts(0));
    assert_eq!(read_to(&mut merge, ts(3)).unwrap().len(), 3);
    let mut until = |words: &str| {
        let begin = Instant::now();
        while !(told.says(words) && told.waits_for(words)) {
            assert!(begin.elapsed() < Duration::from_secs(20), "nobody says {words}");
            merge.next(Duration::from_millis(20)).unwrap();
        }
    };
    // The Pump itself has come no further.
    gauges(1_000_000);
    until("it answers, but has not advanced: it is probably waiting");
    // It has, and does not send it.
    gauges(1_000_005);
    until("although it has data up to");
    pump.0.lock().unwrap().fakes = true;
    until_says(&told, &mut merge, "Pump p1 sends again after");
}

fn until_says(told: &Told, merge: &mut Merge, words: &str) {
    let begin = Instant::now();
    while !told.says(words) {
        assert!(begin.elapsed() < Duration::from_secs(20), "nobody says {words}");
        merge.next(Duration::from_millis(20)).unwrap();
    }
}

#[test]
fn t05_a_paused_pump_is_waited_for_and_named() {
    let cluster = FakeCluster::start(ts(1000));
    cluster.pump("p1", &said([1, 3]));
    cluster.register("p2", "127.0.0.1:1", "paused", ts(2));
    let told = Told::default();
    let mut source = source(&cluster, &told);
    let mut merge = Merge::new(source.streams(ts(0)).unwrap(), ts(0));
    assert!(told.says("Pump p2 is paused and does not answer"));
    assert_eq!(merge.next(Duration::from_millis(300)).unwrap(), Merged::Idle);
    assert_eq!(merge.holding_back().unwrap().0, "Pump p2");
    assert!(told.waits_for("Pump p2 (127.0.0.1:1, paused)"));
    let (_pump, address) = cluster.pump_unregistered(&said([2]));
    cluster.register("p2", &address, "online", ts(2));
    assert_eq!(read_to(&mut merge, ts(3)).unwrap(), [1, 2, 3].map(txn));
}

#[test]
fn t07_a_pump_that_comes_back_without_its_data_is_refused() {
    let cluster = FakeCluster::start(ts(1000));
    cluster.pump("p1", &said([1]));
    cluster.register("p2", "127.0.0.1:1", "paused", ts(2));
    let text = ends_with(&cluster, || {
        let (pump, address) = cluster.pump_unregistered(&[]);
        pump.0.lock().unwrap().gc_metrics = "binlog_pump_storage_gc_ts 1000001".into();
        cluster.register("p2", &address, "online", ts(2));
    });
    assert!(text.contains("Pump p2") && text.contains("has deleted everything older"), "{text}");
}

#[test]
fn starts_that_are_refused() {
    let cluster = FakeCluster::start(ts(1000));
    assert!(refusal(&cluster, ts(0)).contains("no Pump is registered"));
    cluster.register("p0", "127.0.0.1:1", "offline", ts(1));
    assert!(refusal(&cluster, ts(0)).contains("every Pump of this cluster is offline"));
    let pump = cluster.pump("p1", &said([1]));
    for (status, words) in [("Off", "turned off"), ("Skipping", "being lost"), ("Unknown", "binlog_status Unknown")] {
        cluster.tidb(status);
        assert!(refusal(&cluster, ts(0)).contains(words));
    }
    cluster.tidb("On");
    for (metrics, words) in [
        ("binlog_pump_storage_gc_ts 1.000001e+06\n", "has deleted everything older than"),
        ("binlog_pump_storage_other 1\n", "no usable binlog_pump_storage_gc_ts"),
        ("", "cannot find out whether Pump p1 still holds"),
    ] {
        pump.0.lock().unwrap().gc_metrics = metrics.into();
        assert!(refusal(&cluster, ts(0)).contains(words));
    }
    pump.0.lock().unwrap().gc_metrics = "binlog_pump_storage_gc_ts 1e+06\n".into();
    assert!(refusal(&cluster, CommitTs(BASE << 1)).contains("ahead of the cluster"));
    let told = Told::default();
    assert!(source(&cluster, &told).streams(ts(0)).is_ok());
    assert!(told.says("Pump p0 (127.0.0.1:1) is offline and is left out"));
    // A Pump that is online but cannot be reached.
    cluster.register("p3", "127.0.0.1:1", "online", ts(1));
    assert!(refusal(&cluster, ts(0)).contains("Pump p3"));
}

#[test]
fn streams_that_are_given_up() {
    let broken = |change: &dyn Fn(&PumpState)| {
        let cluster = FakeCluster::start(ts(1000));
        change(&cluster.pump("p1", &said(1..=3)));
        ends_with(&cluster, || ())
    };
    let text = broken(&|p| p.0.lock().unwrap().cluster_id = 42);
    assert!(text.contains("cluster ID are mismatch") && text.contains("Pump p1"), "{text}");
    let text = broken(&|p| p.0.lock().unwrap().payloads[1].1 = Bytes::from_static(b"\xff\xff\xff"));
    assert!(text.contains("is not a binlog") && text.contains("Pump p1"), "{text}");
    let text = broken(&|p| p.0.lock().unwrap().payloads.swap(0, 1));
    assert!(text.contains("goes backwards") && text.contains(&ts(1).explain()[..10]), "{text}");
    let text = broken(&|p| {
        let mut pump = p.0.lock().unwrap();
        let other = RawTxn { body: Body::Nothing, ..txn(1) };
        let payload = prost::Message::encode_to_vec(&tisync::source::write(&Pulled::Txn(other))).into();
        pump.payloads.insert(1, (ts(1), payload));
    });
    assert!(text.contains("another transaction of the same commit ts"), "{text}");
}

#[test]
fn t07_a_start_before_what_a_pump_still_holds_is_refused() {
    let cluster = FakeCluster::start(ts(1000));
    let pump = cluster.pump("p1", &said([1]));
    pump.0.lock().unwrap().gc_metrics = "binlog_pump_storage_gc_ts 1.000001e+06\n".into();
    let text = refusal(&cluster, ts(0));
    assert!(text.contains("Pump p1") && text.contains("has deleted everything older than"), "{text}");
}

#[test]
fn t06_nothing_goes_out_before_the_list_of_pumps_is_complete() {
    let cluster = FakeCluster::start(ts(1000));
    cluster.pump("p1", &said([1, 2]));
    let silent_etcd = |silent| *cluster.shared.etcd_fails.lock().unwrap() = silent;
    // The first listing fails: then there is nothing to merge.
    let mut first = source(&cluster, &Told::default());
    silent_etcd(true);
    assert_eq!(fault(&first.streams(ts(0)).unwrap_err()).unwrap().kind, Kind::Connect);
    silent_etcd(false);
    // A later one fails: what was committed since the last waits until the next.
    let told = Told::default();
    let mut running = source(&cluster, &told);
    let mut merge = Merge::new(running.streams(ts(0)).unwrap(), ts(0));
    assert_eq!(read_to(&mut merge, ts(2)).unwrap(), [1, 2].map(txn));
    silent_etcd(true);
    let begin = Instant::now();
    while !told.waits_for("PD to list the Pumps") {
        assert!(begin.elapsed() < Duration::from_secs(20));
        merge.next(Duration::from_millis(20)).unwrap();
    }
    while merge.next(Duration::from_millis(100)).unwrap() != Merged::Idle {
        assert!(begin.elapsed() < Duration::from_secs(20), "it goes on without the list");
    }
    assert_eq!(merge.holding_back().unwrap().0, "PD's list of Pumps");
    silent_etcd(false);
    let now = cluster.shared.tick();
    read_to(&mut merge, now).unwrap();
}

#[test]
fn t11_a_pump_that_moves_is_read_at_its_new_address_at_once() {
    let cluster = FakeCluster::start(ts(1000));
    let before = cluster.pump("p1", &said([1, 2]));
    before.0.lock().unwrap().fakes = false;
    let told = Told::default();
    let mut options = options(false);
    // So long that nothing but the list can be the reason.
    options.pump.timing.silence = Duration::from_secs(60);
    let mut source = source_of(&cluster, &told, &options);
    let mut merge = Merge::new(source.streams(ts(0)).unwrap(), ts(0));
    assert_eq!(read_to(&mut merge, ts(2)).unwrap(), [1, 2].map(txn));
    let (after, address) = cluster.pump_unregistered(&said([1, 2, 3]));
    let begin = Instant::now();
    cluster.register("p1", &address, "online", ts(3));
    assert_eq!(read_to(&mut merge, ts(3)).unwrap(), [txn(3)]);
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    assert_eq!(after.0.lock().unwrap().pulls, [ts(2).to_wire()], "from where the old address left off");
    assert!(told.says("Pump p1 has moved from"));
}

#[test]
fn binlog_that_is_skipped_while_running_is_told_and_counted() {
    let cluster = FakeCluster::start(ts(1000));
    cluster.pump("p1", &said([1]));
    let (told, options) = (Told::default(), options(false));
    let mut source = source_of(&cluster, &told, &options);
    let mut merge = Merge::new(source.streams(ts(0)).unwrap(), ts(0));
    let mut until = |words: &str| {
        let begin = Instant::now();
        while !told.says(words) {
            assert!(begin.elapsed() < Duration::from_secs(30), "nobody says {words}");
            merge.next(Duration::from_millis(20)).unwrap();
        }
    };
    cluster.tidb("Skipping");
    until("TiDB 127.0.0.1:4000 (8.0.11-TiDB-v8.1.0) skips binlog");
    cluster.tidb("On");
    until("writes binlog again");
    let lapses = options.pump.status.lapses();
    assert_eq!((lapses.len(), lapses[0].times, lapses[0].since), (1, 1, None));
    assert!(lapses[0].explain().contains("1 time"), "{}", lapses[0].explain());
    assert_eq!(told.count("skips binlog"), 1, "once for each change");
}

/// Pumps come, go offline in order and come back all the time, while somebody commits on whichever is online.
#[test]
fn pumps_that_join_and_leave_all_the_time_lose_nothing() {
    let mut spec = ClusterSpec::new(fake_cluster::CLUSTER, 4);
    for (index, pump) in spec.pumps.iter_mut().enumerate() {
        pump.behaviour.fakes = Some(Duration::from_millis(10));
        pump.registered = index == 0;
    }
    let cluster = Arc::new(Cluster::start(spec).unwrap());
    let drainer = format!("{}reader", tisync::pd::DRAINERS);
    let reached = |at: CommitTs| {
        let entry = Status::new("reader", "127.0.0.1:1", &State::Paused).at(at, at).write().unwrap();
        cluster.set_key(&drainer, Some(std::str::from_utf8(&entry).unwrap()));
    };
    let start = cluster.tso();
    reached(start);
    let (told, options) = (Told::default(), options(false));
    options.pump.status.set_registered(true);
    let pd = Pd::connect(&[cluster.pd_url()], &Security::default()).unwrap();
    let mut source = PumpSource::new(pd, Arc::new(NoJobs), told.events(), &options);
    let mut merge = Merge::new(source.streams(start).unwrap(), start);
    let upstream = Arc::clone(&cluster);
    let writer = std::thread::spawn(move || upstream_writes(&upstream));
    let (mut got, mut expected, mut end, begin) = (Vec::new(), Vec::new(), None, Instant::now());
    let mut writer = Some(writer);
    while end.is_none_or(|end| merge.position() < end) {
        assert!(begin.elapsed() < Duration::from_secs(60), "stuck: {:?}", merge.holding_back());
        match merge.next(Duration::from_millis(20)).unwrap() {
            Merged::Txn(txn) => got.push(txn.commit_ts),
            Merged::Resolved(at) => reached(at),
            _ => {}
        }
        if let Some(done) = writer.take_if(|w| w.is_finished()) {
            let committed: Vec<CommitTs> = done.join().unwrap();
            end = committed.last().copied();
            expected = committed;
        }
    }
    assert_eq!(got, expected);
    assert!(got.len() > 1_000);
    let (joined, left) = (told.count("has joined and is read from"), told.count("has gone offline"));
    assert!(joined > 10 && left > 5, "{joined} joined, {left} left");
}

/// Gives what was committed, in order.
fn upstream_writes(cluster: &Cluster) -> Vec<CommitTs> {
    let mut all = Vec::new();
    for round in 0..30_usize {
        // Each of the others in turn joins, leaves one round later, and stays away for one.
        let (joins, leaves) = (1 + round % 3, 1 + (round + 2) % 3);
        if cluster.pump_state(joins).unwrap() != "online" || round < 3 {
            cluster.join_pump(joins).unwrap();
        }
        if round > 3 && cluster.pump_state(leaves).unwrap() == "online" {
            let url = format!("http://{}/state/pump-{}/close", cluster.pump_address(leaves).unwrap(), leaves + 1);
            ureq::put(url).send_empty().unwrap();
        }
        for number in 0..40_usize {
            let online = cluster.online_pumps();
            let begun = cluster.tso();
            let commit = |ts: CommitTs| {
                let txn = RawTxn { commit_ts: ts, start_ts: begun, body: Body::Nothing };
                Ok(prost::Message::encode_to_vec(&tisync::source::write(&Pulled::Txn(txn))).into())
            };
            all.push(cluster.commit(online[(round + number) % online.len()], commit).unwrap());
            std::thread::sleep(Duration::from_millis(2));
        }
        while round > 3 && cluster.pump_state(leaves).unwrap() == "closing" {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    all
}

#[test]
fn a_pump_that_goes_offline() {
    // Everything read: its stream ends and the others go on.
    let cluster = FakeCluster::start(ts(1000));
    cluster.pump("p1", &said([2, 4]));
    let leaving = cluster.pump("p2", &said([1]));
    leaving.0.lock().unwrap().fakes = false;
    let told = Told::default();
    let mut running = source(&cluster, &told);
    let mut merge = Merge::new(running.streams(ts(0)).unwrap(), ts(0));
    assert_eq!(read_to(&mut merge, ts(1)).unwrap(), [txn(1)]);
    cluster.register("p2", "127.0.0.1:1", "offline", ts(1));
    assert_eq!(read_to(&mut merge, ts(4)).unwrap(), [2, 4].map(txn));
    assert!(told.says("all its data has been read"));

    // Not everything read: refused.
    let cluster = FakeCluster::start(ts(1000));
    let pump = cluster.pump("p1", &said([1]));
    pump.0.lock().unwrap().fakes = false;
    let text = ends_with(&cluster, || cluster.register("p1", "127.0.0.1:1", "offline", ts(9)));
    assert!(text.contains("gone offline") && text.contains("only up to"), "{text}");
}

#[test]
fn a_source_that_is_dropped_first_leaves_an_error() {
    let cluster = FakeCluster::start(ts(1000));
    cluster.pump("p1", &said([1]));
    let mut dropped = source(&cluster, &Told::default());
    let streams = dropped.streams(ts(0)).unwrap();
    drop(dropped);
    for stream in streams {
        let last = stream.receiver.iter().last().unwrap();
        assert!(last.unwrap_err().to_string().contains("closed while its streams were still open"));
    }
}
