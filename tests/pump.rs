//! PD and Pumps that misbehave: what may not be lost, what must be refused, what must be told.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod fake_cluster;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use fake_cluster::{Cut, FakeCluster, NoJobs, PumpState};
use tisync::error::{Kind, fault};
use tisync::event::{Event, Events};
use tisync::merge::{Merge, Merged};
use tisync::model::{Body, CommitTs, Pulled, RawTxn};
use tisync::pd::{Pd, Security, State};
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
        let text = |e: &Event| match e {
            Event::Note(t) | Event::Warning(t) => t.contains(words),
            _ => false,
        };
        self.0.lock().unwrap().iter().any(text)
    }
}

fn source(cluster: &FakeCluster, told: &Told) -> PumpSource {
    source_with(cluster, told, false)
}

fn source_with(cluster: &FakeCluster, told: &Told, gzip: bool) -> PumpSource {
    let mut options = Options::new(Arc::new(|_| Ok(Arc::new(NoJobs))));
    options.gzip = gzip;
    options.timing.retry = Duration::from_millis(10);
    options.timing.retry_most = Duration::from_millis(50);
    options.timing.silence = Duration::from_millis(700);
    options.timing.roll_call = Duration::from_millis(20);
    let pd = Pd::connect(&[cluster.pd_address()], &Security::default()).unwrap();
    PumpSource::new(pd, Arc::new(NoJobs), told.events(), &options)
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
fn a_silent_pump_is_named_and_asked_again() {
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
fn a_paused_pump_is_waited_for_and_followed_to_its_new_address() {
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
fn a_paused_pump_that_comes_back_without_its_data() {
    let cluster = FakeCluster::start(ts(1000));
    cluster.pump("p1", &said([1]));
    cluster.register("p2", "127.0.0.1:1", "paused", ts(2));
    let text = ends_with(&cluster, || {
        let (pump, address) = cluster.pump_unregistered(&[]);
        pump.0.lock().unwrap().gc_metrics = "binlog_pump_storage_gc_ts 1000001".into();
        cluster.register("p2", &address, "online", ts(2));
    });
    assert!(text.contains("Pump p2") && text.contains("has deleted what is older"), "{text}");
}

#[test]
fn starts_that_are_refused() {
    let cluster = FakeCluster::start(ts(1000));
    assert!(refusal(&cluster, ts(0)).contains("no Pump is registered"));
    cluster.register("p0", "127.0.0.1:1", "offline", ts(1));
    assert!(refusal(&cluster, ts(0)).contains("every Pump of this cluster is offline"));
    let pump = cluster.pump("p1", &said([1]));
    for (status, words) in [("Off", "switched off"), ("Skipping", "being lost"), ("Unknown", "binlog_status Unknown")] {
        cluster.tidb(status);
        assert!(refusal(&cluster, ts(0)).contains(words));
    }
    cluster.tidb("On");
    for (metrics, words) in [
        ("binlog_pump_storage_gc_ts 1.000001e+06\n", "has deleted what is older than"),
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
fn a_pump_that_joins_is_not_passed_by() {
    let cluster = FakeCluster::start(ts(1000));
    cluster.pump("p1", &said([1]));
    let text = ends_with(&cluster, || drop(cluster.pump("p2", &said([5]))));
    assert!(text.contains("Pump p2") && text.contains("has joined the cluster"), "{text}");
}

#[test]
fn binlog_that_is_skipped_while_running() {
    let cluster = FakeCluster::start(ts(1000));
    cluster.pump("p1", &said([1]));
    let text = ends_with(&cluster, || cluster.tidb("Skipping"));
    assert!(text.contains("binlog_status Skipping"), "{text}");
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
    assert!(told.says("all it held has been read"));

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
