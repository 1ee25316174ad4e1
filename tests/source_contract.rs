//! The contract of `Source`, run on every implementation.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::cast_possible_truncation)]

mod fake_cluster;

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fake_cluster::{CLUSTER, FakeCluster, NoJobs};
use jiff::tz::TimeZone;
use prost::Message;
use tisync::event::silent;
use tisync::merge::{Merge, Merged};
use tisync::model::{Body, CommitTs, Pulled, RawTxn};
use tisync::source::pb::Known;
use tisync::source::pb::frames::Binlog;
use tisync::source::pb::frames::frame;
use tisync::source::recording::{Meta, Writer};
use tisync::source::{Options, Source, open};

const START: u64 = 1_000 << 18;
const STEP: u64 = 7;
const TXNS: u64 = 500;

fn ts(i: u64) -> CommitTs {
    CommitTs(START + i * STEP)
}

fn options() -> Options {
    let mut options = Options::new(Arc::new(|_| Ok(Arc::new(NoJobs))));
    options.pump.timing.retry = Duration::from_millis(20);
    options.pump.timing.silence = Duration::from_secs(2);
    options.pump.timing.list_every = Duration::from_millis(20);
    options
}

/// 500 transactions of ever other kinds and sizes, dealt out to two streams.
fn dealt() -> (Vec<RawTxn>, [Vec<Pulled>; 2]) {
    let (mut list, mut streams) = (Vec::new(), [Vec::new(), Vec::new()]);
    for i in 1..=TXNS {
        let body = match i % 5 {
            0 => Body::Nothing,
            1 => Body::Ddl { job_id: i as i64, query: Bytes::from(format!("create table t{i}")), schema_state: 5 },
            _ => Body::Rows(vec![i as u8; (i * i % 90_000) as usize + 1].into()),
        };
        let txn = RawTxn { commit_ts: ts(i), start_ts: CommitTs(ts(i).0 - 3), body };
        let to = usize::from(i.wrapping_mul(2_654_435_761) >> 7 & 1 == 1);
        streams[to].push(Pulled::Txn(txn.clone()));
        if i % 17 == 0 {
            streams[1 - to].push(Pulled::Resolved(ts(i)));
        }
        list.push(txn);
    }
    (list, streams)
}

fn record(dir: &Path, streams: &[Vec<Pulled>; 2]) {
    for (i, said) in streams.iter().enumerate() {
        let mut writer = Writer::create(&dir.join(format!("pump-{i}")), i == 1).unwrap();
        said.iter().for_each(|p| writer.pulled(p).unwrap());
        writer.finish().unwrap();
    }
    let meta = Meta { cluster_id: CLUSTER, start_ts: CommitTs(START), end_ts: None, more: serde_json::Map::new() };
    meta.write(dir).unwrap();
}

/// Everything that `source` holds behind `from`, up to `last`.
fn pulled(source: &mut dyn Source, from: CommitTs, last: CommitTs) -> Vec<RawTxn> {
    let mut merge = Merge::new(source.streams(from).unwrap(), from);
    let (mut got, mut position) = (Vec::new(), from);
    while position < last {
        match merge.next(Duration::from_secs(10)).unwrap() {
            Merged::Txn(txn) => {
                assert!(txn.commit_ts > position);
                position = txn.commit_ts;
                got.push(txn);
            }
            Merged::Resolved(ts) => {
                assert!(ts > position);
                position = ts;
            }
            Merged::Idle => panic!("nothing more at {position}; behind {:?}", merge.holding_back()),
            Merged::End => break,
        }
    }
    got
}

fn contract(make: &dyn Fn() -> Box<dyn Source>, list: &[RawTxn], threads: &[&str]) {
    let last = ts(TXNS);
    assert_eq!(make().cluster_id(), CLUSTER);
    assert!(make().now().unwrap() >= last);
    // Behind the start, in the middle (a commit ts itself is not given again), between two, at the end.
    for from in [CommitTs(START), ts(1), ts(250), CommitTs(ts(250).0 + 1), last] {
        let expected: Vec<RawTxn> = list.iter().filter(|t| t.commit_ts > from).cloned().collect();
        let got = pulled(make().as_mut(), from, last);
        assert!(got == expected, "from {from}: {} of {}", got.len(), expected.len());
    }
    // What it no longer holds it does not pretend to have.
    let error = make().streams(CommitTs(START - (5 << 18))).expect_err("must fail");
    assert_eq!(tisync::error::exit_code(&error), 4, "{error:#}");
    // An idle stream says how far it is, or has ended.
    let mut source = make();
    for stream in source.streams(last).unwrap() {
        match stream.receiver.recv_timeout(Duration::from_secs(10)) {
            Ok(said) => assert!(matches!(said.unwrap(), Pulled::Resolved(_))),
            Err(e) => assert!(e.is_disconnected(), "{} says nothing", stream.name),
        }
    }
    // Dropping the streams, read by nobody, ends the threads, though the source lives on.
    let streams = source.streams(CommitTs(START)).unwrap();
    sleep(Duration::from_millis(50));
    drop(streams);
    let begin = Instant::now();
    while let Some(thread) = running(threads) {
        assert!(begin.elapsed() < Duration::from_secs(60), "the thread {thread} still runs");
        sleep(Duration::from_millis(20));
    }
}

fn running(names: &[&str]) -> Option<String> {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let mut names_now = tasks.filter_map(|t| fs::read_to_string(t.path().join("comm")).ok());
    names_now.find(|n| names.contains(&n.trim()))
}

/// Threads are counted by name, so one source at a time.
static ALONE: Mutex<()> = Mutex::new(());

#[test]
fn a_recording() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (list, streams) = dealt();
    let dir = tempfile::tempdir().unwrap();
    record(dir.path(), &streams);
    let from = format!("file://{}", dir.path().display());
    let make = || open(&from, &options(), &silent()).unwrap();
    assert_eq!(make().first(), Some(CommitTs(START)));
    contract(&make, &list, &["recording"]);
}

#[test]
fn the_pumps_of_a_cluster() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (list, streams) = dealt();
    let cluster = FakeCluster::start(ts(TXNS));
    for (i, said) in streams.iter().enumerate() {
        let pump = cluster.pump(&format!("pump-{i}"), said);
        pump.0.lock().unwrap().gc_metrics = format!("binlog_pump_storage_gc_ts {}\n", START >> 18);
    }
    let from = format!("pd://{}", cluster.pd_address());
    let make = || open(&from, &options(), &silent()).unwrap();
    assert_eq!(make().first(), None);
    contract(&make, &list, &["pumps", "pump"]);
}

/// In three files, the first of which is not Drainer's first; each begins again with what the one before ended with.
#[test]
fn the_files_of_a_drainer() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut list = Vec::new();
    let mut messages = vec![Binlog { tp: Some(0), commit_ts: Some(START as i64), ..Binlog::default() }];
    for i in 1..=TXNS {
        let bytes = Bytes::from(vec![i as u8; (i * i % 90_000) as usize + 1]);
        let empty = Binlog { tp: Some(0), commit_ts: Some(ts(i).0 as i64), ..Binlog::default() };
        let (message, body) = match i % 5 {
            0 => (empty, Body::Nothing),
            1 => (Binlog { tp: Some(1), ddl_query: Some(bytes.clone()), ..empty }, Body::Statement(bytes)),
            _ => {
                let body = Body::Named { events: bytes.clone(), zone: TimeZone::UTC };
                (Binlog { dml_data: Some(bytes), ..empty }, body)
            }
        };
        list.push(RawTxn { commit_ts: ts(i), start_ts: CommitTs(ts(i).0 - 1), body });
        messages.push(message);
    }
    let dir = tempfile::tempdir().unwrap();
    for (index, part) in [(7, &messages[..200]), (8, &messages[190..300]), (9, &messages[280..])] {
        let bytes: Vec<u8> = part.iter().flat_map(|m| frame(&m.encode_to_vec())).collect();
        fs::write(dir.path().join(format!("binlog-{index:016}-20261121113036")), bytes).unwrap();
    }
    let from = dir.path().display().to_string();
    let files = Known { cluster_id: CLUSTER, ..Known::default() };
    let make = || open(&from, &Options { files: files.clone(), ..options() }, &silent()).unwrap();
    assert_eq!(make().first(), Some(CommitTs(START - 1)));
    contract(&make, &list, &["drainer-files"]);
}

#[test]
fn what_is_no_source() {
    for from in ["mysql://root:secret@h:1/", "/no/such/folder", "kafka://h:1", "pd://h"] {
        let error = open(from, &options(), &silent()).err().expect("must fail");
        assert_eq!(tisync::error::exit_code(&error), 2, "{error:#}");
        let fault = tisync::error::fault(&error).unwrap();
        assert!(fault.hint.contains("pd://10.0.0.1:2379"), "{fault:?}");
        assert!(!format!("{error:?}").contains("secret"));
    }
}
