//! The simulated cluster over its real ports: streams, restarts, fakes, history pages, timestamps.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "a test that cannot go on panics")]

#[path = "common/wire.rs"]
mod wire;

use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use prost::Message;
use tisync::model::CommitTs;
use tisync::pd::message::{PutRequest, PutResponse, TxnResponse, swap_request};
use tisync::pd::message::{RangeRequest, RangeResponse, RequestHeader, TsoRequest, TsoResponse};
use tisync::playground::cluster::{Break, ClockMode, Cluster, ClusterSpec};
use tisync::source::binlog::{Binlog, TP_COMMIT, TP_ROLLBACK};
use wire::{Reader, ask, call, json, page};

const ID: u64 = 7_000_000_000_000_000_001;

/// A cluster that does nothing by itself: no fakes.
fn quiet(pumps: usize) -> Cluster {
    let mut spec = ClusterSpec::new(ID, pumps);
    spec.clock = ClockMode::Manual(CommitTs(1_000_000));
    for pump in &mut spec.pumps {
        pump.behaviour.fakes = None;
    }
    Cluster::start(spec).unwrap()
}

fn message(commit_ts: u64, job: i64) -> Bytes {
    let ts = i64::try_from(commit_ts).unwrap();
    let binlog = Binlog {
        tp: Some(TP_COMMIT),
        start_ts: Some(ts - 1),
        commit_ts: Some(ts),
        ddl_job_id: Some(job),
        ..Binlog::default()
    };
    binlog.encode_to_vec().into()
}

fn fill(cluster: &Cluster, all: impl IntoIterator<Item = u64>) {
    for ts in all {
        cluster.append(0, message(ts, 0)).unwrap();
    }
}

fn pd(cluster: &Cluster) -> String {
    cluster.pd_url().strip_prefix("pd://").unwrap().to_owned()
}

#[test]
fn a_stream_starts_behind_its_offset_and_never_ends() {
    let cluster = quiet(1);
    fill(&cluster, (1..=300).map(|n| n * 10));
    let address = cluster.pump_address(0).unwrap();
    let all: Vec<i64> = (1..=300).map(|n| n * 10).collect();
    assert_eq!(Reader::open(&address, ID, 0).unwrap().commit_ts(300), all);
    let mut middle = Reader::open(&address, ID, 1500).unwrap();
    assert_eq!(middle.commit_ts(150), all[150..]);
    let silence = middle.next_within(Duration::from_millis(250)).unwrap_err();
    assert_eq!(silence.message(), "nothing came");
    // It is still open: what is written now arrives.
    cluster.append(0, message(4000, 0)).unwrap();
    assert_eq!(middle.next().commit_ts, Some(4000));
    let later = cluster.commit(0, |ts| Ok(message(ts.0, 0))).unwrap();
    assert_eq!(middle.next().commit_ts, Some(later.to_wire()));
    assert!(later > CommitTs(1_000_000));
    let error = cluster.append(0, message(4000, 0)).unwrap_err().to_string();
    assert!(error.contains("already reached"), "{error}");
}

#[test]
fn a_stream_is_packed_for_whoever_asks() {
    let cluster = quiet(1);
    fill(&cluster, [5]);
    let (encoding, first) = wire::pull_with_gzip(&cluster.pump_address(0).unwrap(), ID);
    assert_eq!((encoding.as_deref(), first.commit_ts), (Some("gzip"), Some(5)));
}

#[test]
fn two_readers_of_one_pump_see_the_same() {
    let cluster = quiet(1);
    fill(&cluster, 1..=50);
    let address = cluster.pump_address(0).unwrap();
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let address = address.clone();
            thread::spawn(move || Reader::open(&address, ID, 0).unwrap().commit_ts(100))
        })
        .collect();
    fill(&cluster, 51..=100);
    for reader in readers {
        assert_eq!(reader.join().unwrap(), (1..=100).collect::<Vec<i64>>());
    }
}

#[test]
fn a_stopped_pump_is_gone_and_comes_back_with_its_store() {
    let cluster = quiet(2);
    fill(&cluster, 1..=3);
    let address = cluster.pump_address(0).unwrap();
    let mut reader = Reader::open(&address, ID, 0).unwrap();
    assert_eq!(reader.commit_ts(3), [1, 2, 3]);
    cluster.stop_pump(0).unwrap();
    let broken = reader.next_within(Duration::from_secs(5)).unwrap_err();
    assert_ne!(broken.message(), "nothing came");
    assert!(Reader::open(&address, ID, 3).is_err());
    // Its entry stays as it was, the other Pump lives on.
    assert_eq!(pumps(&cluster).len(), 2);
    fill(&cluster, 4..=5);
    Reader::open(&cluster.pump_address(1).unwrap(), ID, 0).unwrap();
    cluster.restart_pump(0).unwrap();
    assert_eq!(Reader::open(&address, ID, 3).unwrap().commit_ts(2), [4, 5]);
}

#[test]
fn an_idle_pump_writes_fakes() {
    let cluster = quiet(1);
    cluster.behave(0, |b| b.fakes = Some(Duration::from_millis(30))).unwrap();
    let address = cluster.pump_address(0).unwrap();
    let mut reader = Reader::open(&address, ID, 0).unwrap();
    let fakes: Vec<Binlog> = (0..3).map(|_| reader.next()).collect();
    for fake in &fakes {
        assert_eq!((fake.tp, fake.start_ts), (Some(TP_ROLLBACK), fake.commit_ts));
        assert_eq!((fake.ddl_job_id, fake.ddl_schema_state), (Some(0), Some(0)));
    }
    assert!(fakes.is_sorted_by(|a, b| a.commit_ts < b.commit_ts));
    // They are stored: whoever reads again sees the same ones.
    assert_eq!(Reader::open(&address, ID, 0).unwrap().next(), fakes[0]);
}

#[test]
fn pumps_misbehave_on_request() {
    let cluster = quiet(1);
    fill(&cluster, 1..=10);
    let address = cluster.pump_address(0).unwrap();
    cluster.behave(0, |b| b.break_every = Some(4)).unwrap();
    let mut reader = Reader::open(&address, ID, 0).unwrap();
    assert_eq!(reader.commit_ts(4), [1, 2, 3, 4]);
    assert_eq!(reader.next_within(Duration::from_secs(5)).unwrap_err().code(), tonic::Code::Unavailable);
    cluster.behave(0, |b| b.break_how = Break::CleanEnd).unwrap();
    let mut reader = Reader::open(&address, ID, 4).unwrap();
    assert_eq!(reader.commit_ts(4), [5, 6, 7, 8]);
    assert_eq!(reader.next_within(Duration::from_secs(5)).unwrap(), None);
    cluster.behave(0, |b| (b.break_every, b.silent) = (None, true)).unwrap();
    let mut reader = Reader::open(&address, ID, 8).unwrap();
    assert_eq!(reader.next_within(Duration::from_millis(250)).unwrap_err().message(), "nothing came");
    cluster.behave(0, |b| b.silent = false).unwrap();
    assert_eq!(reader.commit_ts(2), [9, 10]);
    cluster.slow_pump(0, Duration::from_millis(20)).unwrap();
    let begin = Instant::now();
    Reader::open(&address, ID, 0).unwrap().commit_ts(10);
    assert!(begin.elapsed() >= Duration::from_millis(200));
    // Purged data is silently left out, as a real Pump does it; only the gauge tells.
    cluster.set_gc_ts(0, CommitTs(7)).unwrap();
    assert_eq!(Reader::open(&address, ID, 2).unwrap().next().commit_ts, Some(8));
    cluster.set_gc_ts(0, CommitTs::from_millis(1_795_266_299_653)).unwrap();
    assert!(page(&address, "/metrics").1.contains("\nbinlog_pump_storage_gc_ts 1.795266299653e+12\n"));
}

fn pumps(cluster: &Cluster) -> Vec<serde_json::Value> {
    let key = Bytes::from_static(b"/tidb-binlog/v1/pumps/");
    let asked = RangeRequest { key, range_end: Bytes::from_static(b"/tidb-binlog/v1/pumps0"), limit: 0 };
    let answer: RangeResponse = ask(&pd(cluster), "/etcdserverpb.KV/Range", &asked).unwrap();
    assert_eq!(answer.count, i64::try_from(answer.kvs.len()).unwrap());
    answer.kvs.iter().map(|kv| serde_json::from_slice(&kv.value).unwrap()).collect()
}

#[test]
fn registrations_are_what_the_test_wants_them_to_be() {
    let cluster = quiet(2);
    cluster.set_pump_state(0, "paused").unwrap();
    cluster.register_pump(1, Some("127.0.0.1:1")).unwrap();
    let listed = pumps(&cluster);
    assert_eq!((&listed[0]["state"], &listed[0]["nodeId"]), (&"paused".into(), &"pump-1".into()));
    assert_eq!(listed[0]["host"], cluster.pump_address(0).unwrap());
    assert_eq!(listed[1]["host"], "127.0.0.1:1");
    cluster.register_pump(0, None).unwrap();
    cluster.register_pump(1, None).unwrap();
    assert!(pumps(&cluster).is_empty());
    cluster.set_binlog_status("Skipping");
    let servers = json(&cluster.status_address(), "/info/all");
    let id = servers["owner_id"].as_str().unwrap();
    assert_eq!(servers["all_servers_info"][id]["binlog_status"], "Skipping");
    let status = json(&cluster.status_address(), "/status");
    assert_eq!(status["version"], "8.0.11-TiDB-v8.1.0");
}

fn ids(cluster: &Cluster, query: &str) -> Vec<i64> {
    let jobs = json(&cluster.status_address(), &format!("/ddl/history{query}"));
    jobs.as_array().unwrap().iter().map(|j| j["id"].as_i64().unwrap()).collect()
}

#[test]
fn the_history_comes_in_pages_newest_first() {
    let cluster = quiet(0);
    assert!(ids(&cluster, "").is_empty());
    for id in 1..=2500 {
        cluster.publish_job(&format!(r#"{{"id":{id}}}"#)).unwrap();
    }
    assert_eq!(ids(&cluster, "?limit=3"), [2500, 2499, 2498]);
    assert_eq!(ids(&cluster, "?start_job_id=7&limit=2"), [7, 6]);
    assert_eq!(ids(&cluster, "?start_job_id=2&limit=2048"), [2, 1]);
    let all = ids(&cluster, "");
    assert_eq!((all.len(), all[0]), (2048, 2500));
    for (query, words) in [
        ("?limit=2049", "ddl history limit must be greater than 0 and less than or equal to 2048"),
        ("?limit=0", "ddl history limit must be greater than 0 and less than or equal to 2048"),
        ("?start_job_id=7", "when 'start_job_id' is specified, it must work with a 'limit'"),
        ("?start_job_id=0&limit=1", "ddl history start_job_id must be greater than 0"),
        ("?limit=x", r#"strconv.Atoi: parsing "x": invalid syntax"#),
    ] {
        let answer = page(&cluster.status_address(), &format!("/ddl/history{query}"));
        assert_eq!(answer, (400, words.to_owned()), "{query}");
    }
}

#[test]
fn a_job_can_come_later_than_its_message() {
    let cluster = quiet(1);
    cluster.publish_job(r#"{"id":5}"#).unwrap();
    cluster.publish_job_after_message(r#"{"id":6}"#, Duration::from_millis(300)).unwrap();
    cluster.append(0, message(9, 6)).unwrap();
    assert_eq!(ids(&cluster, ""), [5]);
    assert_eq!(Reader::open(&cluster.pump_address(0).unwrap(), ID, 0).unwrap().next().ddl_job_id, Some(6));
    let sent = Instant::now();
    assert_eq!(ids(&cluster, ""), [5]);
    while ids(&cluster, "") != [6, 5] {
        assert!(sent.elapsed() < Duration::from_secs(60));
        thread::sleep(Duration::from_millis(10));
    }
    assert!(sent.elapsed() > Duration::from_millis(200));
}

#[test]
fn etcd_writes_only_what_the_condition_allows() {
    let cluster = quiet(1);
    let key = "/tidb-binlog/v1/drainers/d";
    let write = |value: &[u8], revision| -> Result<TxnResponse, tonic::Status> {
        ask(&pd(&cluster), "/etcdserverpb.KV/Txn", &swap_request(key, value, revision))
    };
    let read = || {
        let answer: RangeResponse =
            ask(&pd(&cluster), "/etcdserverpb.KV/Range", &tisync::pd::get_request(key)).unwrap();
        answer.kvs.into_iter().next()
    };
    assert!(read().is_none() && !write(b"0", 7).unwrap().succeeded, "there is no such key");
    assert!(write(b"1", 0).unwrap().succeeded && !write(b"2", 0).unwrap().succeeded);
    let first = read().unwrap();
    assert_eq!((&first.value[..], first.version), (&b"1"[..], 1));
    assert!(write(b"3", first.mod_revision).unwrap().succeeded && !write(b"4", first.mod_revision).unwrap().succeeded);
    let put = PutRequest { key: Bytes::from(key), value: Bytes::from_static(b"5"), lease: 0 };
    assert!(ask::<_, PutResponse>(&pd(&cluster), "/etcdserverpb.KV/Put", &put).is_ok());
    let last = read().unwrap();
    assert_eq!((&last.value[..], last.create_revision, last.version), (&b"5"[..], first.create_revision, 3));
    cluster.set_etcd_writable(false);
    assert_eq!(write(b"6", last.mod_revision).unwrap_err().code(), tonic::Code::PermissionDenied);
    // A Pump's own entry can be written, too.
    cluster.set_etcd_writable(true);
    let pump = "/tidb-binlog/v1/pumps/pump-1";
    let put = PutRequest {
        key: Bytes::from(pump),
        value: Bytes::from_static(br#"{"nodeId":"pump-1","host":"10.0.0.1:8250","state":"paused"}"#),
        lease: 0,
    };
    ask::<_, PutResponse>(&pd(&cluster), "/etcdserverpb.KV/Put", &put).unwrap();
    assert_eq!(
        (&pumps(&cluster)[0]["state"], &pumps(&cluster)[0]["host"]),
        (&"paused".into(), &"10.0.0.1:8250".into())
    );
}

#[test]
fn timestamps_rise_over_all_clients() {
    let cluster = Cluster::start(ClusterSpec::new(ID, 0)).unwrap();
    let floor = CommitTs::from_millis(5_000_000_000_000);
    cluster.set_tso(floor);
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let address = pd(&cluster);
            thread::spawn(move || {
                let request = TsoRequest {
                    header: Some(RequestHeader { cluster_id: ID }),
                    count: 3,
                    dc_location: "global".to_owned(),
                };
                let requests = vec![Bytes::from(request.encode_to_vec()); 50];
                let answers = call(&address, "/pdpb.PD/Tso", requests, 50).unwrap();
                let last = answers.into_iter().map(|a| {
                    let answer = TsoResponse::decode(a).unwrap();
                    let ts = answer.timestamp.unwrap();
                    assert_eq!(answer.count, 3);
                    CommitTs::from_parts(ts.physical.cast_unsigned(), ts.logical.cast_unsigned())
                });
                last.collect::<Vec<_>>()
            })
        })
        .collect();
    let mut windows = Vec::new();
    for client in clients {
        let own = client.join().unwrap();
        assert!(own.len() == 50 && own.is_sorted_by(|a, b| a < b), "each client sees them rise");
        windows.extend(own);
    }
    windows.sort();
    assert!(windows.windows(2).all(|w| w[1].0 - w[0].0 >= 3), "no timestamp given out twice");
    assert!(windows[0] > floor && cluster.tso() > windows[199]);
}

#[test]
fn pd_and_tidb_can_be_away() {
    let cluster = quiet(1);
    let asked = RangeRequest { key: Bytes::from_static(b"/a"), ..RangeRequest::default() };
    let range = |c: &Cluster| ask::<_, RangeResponse>(&pd(c), "/etcdserverpb.KV/Range", &asked);
    cluster.set_pd_running(false).unwrap();
    assert!(range(&cluster).is_err());
    cluster.set_pd_running(true).unwrap();
    assert_eq!(range(&cluster).unwrap().count, 0);
    let error = call(&pd(&cluster), "/pdpb.PD/GetAllStores", vec![Bytes::new()], 1).unwrap_err();
    assert_eq!(error.code(), tonic::Code::Unimplemented);
    cluster.set_tidb_running(false).unwrap();
    cluster.set_tidb_running(true).unwrap();
    assert_eq!(page(&cluster.status_address(), "/nothing").0, 404);
}
