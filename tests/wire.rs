//! Every exchange of `wire.json`, captured between real clients and a live PD and Pump: requests built by our own code,
//! byte for byte; answers read, and written again byte for byte, as the simulated cluster has to.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

use std::env;
use std::fmt::Debug;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use bytes::Bytes;
use libtest_mimic::{Arguments, Failed, Trial};
use prost::Message;
use serde::Deserialize;
use tisync::model::{Body, CommitTs, Pulled};
use tisync::pd::message::*;
use tisync::pd::{self, PUMPS, TIDB_SERVERS};
use tisync::source::binlog::{Binlog, PullBinlogReq, PullBinlogResp, WriteBinlogReq, WriteBinlogResp};
use tisync::source::{pump, read, write};

/// The cluster of the captured exchanges.
const CLUSTER: u64 = 7_710_597_548_067_916_630;

#[derive(Clone, Deserialize)]
struct Exchange {
    what: String,
    method: String,
    requests_hex: Vec<String>,
    responses_hex: Vec<String>,
    status_code: String,
    #[serde(default)]
    status_message: String,
}

type Test = fn(&Exchange);

/// What each exchange is tested with; `None` for calls that nothing here makes.
const TESTS: [(&str, Option<Test>); 13] = [
    ("members and cluster id, asked with cluster id 0", Some(members)),
    ("one timestamp", Some(one_timestamp)),
    ("ten timestamps", Some(ten_timestamps)),
    ("a timestamp asked with a wrong cluster id", Some(wrong_cluster_tso)),
    ("GC safe point", Some(safe_point)),
    ("stores", None),
    ("regions, at most 4", None),
    ("Pumps in etcd", Some(pumps)),
    ("TiDB servers in etcd", Some(tidb_servers)),
    ("a key that is not there", Some(absent_key)),
    ("the first four messages of a stream", Some(stream)),
    ("a wrong cluster id", Some(wrong_cluster_pull)),
    ("a health probe: an empty payload", Some(probe)),
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let root = env::var_os("TISYNC_RECORDINGS")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/recordings"), PathBuf::from);
    let file = root.join("wire.json");
    let Ok(text) = fs::read(&file) else {
        eprintln!("SKIPPED: {} is not there; set TISYNC_RECORDINGS to the folder of the recordings", file.display());
        let trials = TESTS.map(|(what, _)| Trial::test(what, || Ok(())).with_ignored_flag(true));
        return libtest_mimic::run(&arguments, trials.into()).exit_code();
    };
    let exchanges: Vec<Exchange> = serde_json::from_slice(&text).unwrap();
    let missing = TESTS.iter().find(|(what, _)| !exchanges.iter().any(|x| x.what == *what));
    assert!(missing.is_none(), "{} no longer holds `{}`", file.display(), missing.unwrap().0);
    let trials = exchanges.into_iter().map(trial).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(exchange: Exchange) -> Trial {
    let Some((_, test)) = TESTS.iter().find(|(what, _)| *what == exchange.what) else {
        let what = exchange.what.clone();
        return Trial::test(what, || Err(Failed::from("no test reads this exchange yet")));
    };
    match test {
        Some(test) => Trial::test(exchange.what.clone(), move || {
            test(&exchange);
            Ok(())
        }),
        None => {
            eprintln!(
                "not tested: `{}` ({}): tisync makes no such call and has no such message",
                exchange.what, exchange.method
            );
            Trial::test(exchange.what, || Ok(())).with_ignored_flag(true)
        }
    }
}

impl Exchange {
    fn asks(&self, method: &str, ours: &impl Message) {
        assert_eq!(self.method, method);
        assert_eq!(self.requests_hex, [hex::encode(ours.encode_to_vec())]);
    }

    /// The answers, once read and written again.
    fn answers<A: Message + Default + Debug>(&self) -> Vec<A> {
        assert_eq!(self.status_code, "OK");
        let answer = |text: &String| {
            let answer = A::decode(Bytes::from(hex::decode(text).unwrap())).unwrap();
            assert_eq!(hex::encode(answer.encode_to_vec()), *text, "{answer:?}");
            answer
        };
        self.responses_hex.iter().map(answer).collect()
    }

    fn answer<A: Message + Default + Debug>(&self) -> A {
        let mut answers = self.answers();
        assert_eq!(answers.len(), 1);
        answers.remove(0)
    }
}

fn cluster_id(header: Option<ResponseHeader>) -> u64 {
    let header = header.unwrap();
    assert_eq!(header.error, None);
    header.cluster_id
}

fn members(x: &Exchange) {
    x.asks("/pdpb.PD/GetMembers", &pd::members_request());
    let answer: GetMembersResponse = x.answer();
    assert_eq!(cluster_id(answer.header), CLUSTER);
    let leader = answer.leader.unwrap();
    assert_eq!((leader.name.as_str(), &leader.client_urls[..]), ("pdC", &["http://127.0.0.1:2579".to_owned()][..]));
    assert_eq!((answer.members, answer.etcd_leader), (vec![leader.clone()], Some(leader)));
}

fn one_timestamp(x: &Exchange) {
    x.asks("/pdpb.PD/Tso", &pd::tso_request(CLUSTER));
    let answer: TsoResponse = x.answer();
    assert_eq!((cluster_id(answer.header), answer.count), (CLUSTER, 1));
    let stamp = answer.timestamp.unwrap();
    assert_eq!((stamp.logical, stamp.suffix_bits), (1, 0));
    let ts = CommitTs::from_parts(stamp.physical.try_into().unwrap(), 1);
    // The hour in which it was captured.
    assert!(ts.explain().contains("(2026-11-21 13:"), "{}", ts.explain());
}

fn ten_timestamps(x: &Exchange) {
    let header = Some(RequestHeader { cluster_id: CLUSTER });
    x.asks("/pdpb.PD/Tso", &TsoRequest { header, count: 10, dc_location: "global".into() });
    let answer: TsoResponse = x.answer();
    // The last of the window: 2 to 11.
    assert_eq!((answer.count, answer.timestamp.unwrap().logical), (10, 11));
}

fn wrong_cluster_tso(x: &Exchange) {
    x.asks("/pdpb.PD/Tso", &pd::tso_request(42));
    assert!(x.responses_hex.is_empty());
    assert_eq!(x.status_code, "FailedPrecondition");
    // The words by which the client knows it.
    assert!(x.status_message.contains("mismatch cluster id"));
}

fn safe_point(x: &Exchange) {
    x.asks("/pdpb.PD/GetGCSafePoint", &pd::safe_point_request(CLUSTER));
    let answer: GetGcSafePointResponse = x.answer();
    assert_eq!(cluster_id(answer.header), CLUSTER);
    assert!(CommitTs(answer.safe_point).explain().contains("(2026-11-21 "));
}

fn pumps(x: &Exchange) {
    x.asks("/etcdserverpb.KV/Range", &pd::range_request(PUMPS));
    let answer: RangeResponse = x.answer();
    assert_eq!((answer.count, answer.more), (2, false));
    let keys: Vec<&[u8]> = answer.kvs.iter().map(|kv| &kv.key[..]).collect();
    assert_eq!(keys, [&b"/tidb-binlog/v1/pumps/pump-2"[..], b"/tidb-binlog/v1/pumps/vm:8450"]);
    for pair in &answer.kvs {
        let entry = pd::Status::read(&pair.value).unwrap();
        assert_eq!(entry.write().unwrap(), pair.value, "an entry is written as the original writes it");
        assert!(pair.mod_revision > pair.create_revision && pair.lease == 0);
    }
}

fn tidb_servers(x: &Exchange) {
    x.asks("/etcdserverpb.KV/Range", &pd::range_request(TIDB_SERVERS));
    let answer: RangeResponse = x.answer();
    assert_eq!(answer.kvs.len(), 1);
    assert!(answer.kvs[0].lease > 0);
    assert!(String::from_utf8_lossy(&answer.kvs[0].value).contains(r#""binlog_status":"On""#));
}

fn absent_key(x: &Exchange) {
    x.asks("/etcdserverpb.KV/Range", &pd::get_request("/tidb-binlog/v1/nothing"));
    let answer: RangeResponse = x.answer();
    assert!(answer.kvs.is_empty() && answer.count == 0 && answer.header.is_some());
}

fn stream(x: &Exchange) {
    x.asks("/binlog.Pump/PullBinlogs", &pump::request(CLUSTER, CommitTs(0)));
    assert!(x.requests_hex[0].ends_with("1200"), "the position is sent, empty as it is");
    // Byte for byte, the explicit empty position (`0a 00`) and, within the payload, the explicit zeros of a fake too.
    let answers: Vec<PullBinlogResp> = x.answers();
    assert_eq!(answers.len(), 4);
    let mut last = CommitTs(0);
    for (i, answer) in answers.into_iter().enumerate() {
        let entity = answer.entity.unwrap();
        let binlog = Binlog::decode(entity.payload.clone()).unwrap();
        assert_eq!(binlog.encode_to_vec(), entity.payload, "{binlog:?}");
        let pulled = read(entity.payload.clone()).unwrap();
        let meta = entity.meta.unwrap();
        assert_eq!(CommitTs::from_wire(meta.commit_ts), Some(pulled.ts()));
        assert_eq!((binlog.start_ts, binlog.commit_ts), (Some(meta.start_ts), Some(meta.commit_ts)));
        assert!(pulled.ts() > last);
        last = pulled.ts();
        // Our own writer leaves out the key in TiKV, which nobody downstream needs.
        let ours = Binlog { prewrite_key: binlog.prewrite_key.clone(), ..write(&pulled) };
        assert_eq!(ours, binlog);
        match (i, pulled) {
            (0, Pulled::Resolved(_)) => {}
            (1.., Pulled::Txn(txn)) => {
                let Body::Ddl { query, job_id, .. } = txn.body else { panic!("not a DDL: {txn:?}") };
                assert!(query.starts_with(b"CREATE ") && job_id > 0);
            }
            (_, other) => panic!("{other:?}"),
        }
    }
}

fn wrong_cluster_pull(x: &Exchange) {
    x.asks("/binlog.Pump/PullBinlogs", &pump::request(42, CommitTs(0)));
    let asked = PullBinlogReq::decode(Bytes::from(hex::decode(&x.requests_hex[0]).unwrap())).unwrap();
    assert_eq!(asked, pump::request(42, CommitTs(0)));
    assert_eq!(x.status_code, "Unknown");
    assert!(x.status_message.contains("cluster ID are mismatch"));
}

fn probe(x: &Exchange) {
    x.asks("/binlog.Pump/WriteBinlog", &WriteBinlogReq { cluster_id: CLUSTER, payload: Bytes::new() });
    assert_eq!(x.answer::<WriteBinlogResp>().errmsg, "");
}
