//! The simulated servers against recorded exchanges with real ones: the recorded requests get answers of the recorded
//! shape, and a recording comes out of the simulated Pumps as it went in.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "a test that cannot go on panics")]

#[path = "common/wire.rs"]
mod wire;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use bytes::Bytes;
use libtest_mimic::{Arguments, Failed, Trial};
use prost::Message;
use serde::Deserialize;
use serde_json::Value;

use tisync::model::CommitTs;
use tisync::pd::message::{GetGcSafePointResponse, GetMembersResponse, RangeRequest, RangeResponse, TsoResponse};
use tisync::playground::bank::{Bank, BankOptions};
use tisync::playground::cluster::{Behaviour, Cluster, ClusterSpec, PumpSpec};
use tisync::playground::{self, Recording, ReplayOptions, Spread};
use tisync::source::binlog::{Binlog, Entity, PullBinlogResp, TP_ROLLBACK};
use wire::{Reader, call, json, page};

fn main() {
    let arguments = Arguments::from_args();
    let folder = folder();
    let there = folder.join("wire.json").exists();
    if !there {
        eprintln!("NO RECORDINGS in {}: set TISYNC_RECORDINGS; nothing is tested", folder.display());
    }
    let trial = |name: &str, run: fn(&Path)| {
        let folder = folder.clone();
        Trial::test(name, move || -> Result<(), Failed> {
            run(&folder);
            Ok(())
        })
        .with_ignored_flag(!there)
    };
    let trials = vec![
        trial("recorded_requests_get_recorded_shapes", recorded_requests),
        trial("pages_have_the_recorded_shape", pages),
        trial("a_recording_comes_out_as_it_went_in", whole_recording),
        trial("a_recording_spreads_over_pumps", spread),
        trial("two_recorded_pumps_stay_two", two_pumps),
        trial("a_packed_recording_without_bounds_is_read", packed),
        trial("jobs_appear_after_their_messages", late_jobs),
        trial("serve_runs_until_its_flag", serve),
        trial("schema_adds_up_to_the_dump", schema),
        trial("bank_definitions_look_like_tidbs", bank_definitions),
    ];
    libtest_mimic::run(&arguments, trials).exit();
}

fn folder() -> PathBuf {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/recordings");
    std::env::var_os("TISYNC_RECORDINGS").map_or(beside, PathBuf::from)
}

#[derive(Deserialize)]
struct Exchange {
    what: String,
    method: String,
    requests_hex: Vec<String>,
    responses_hex: Vec<String>,
    status_code: String,
    #[serde(default)]
    status_message: String,
}

impl Exchange {
    fn answers(&self) -> Vec<Bytes> {
        self.responses_hex.iter().map(|h| hex::decode(h).unwrap().into()).collect()
    }

    fn replay(&self, pd: &str, pump: &str) -> Result<Vec<Bytes>, tonic::Status> {
        let address = if self.method.starts_with("/binlog.") { pump } else { pd };
        let requests = self.requests_hex.iter().map(|h| hex::decode(h).unwrap().into()).collect();
        call(address, &self.method, requests, self.responses_hex.len().max(1))
    }
}

/// A cluster like the recorded one, with the messages that its Pump sent.
fn like_recorded(exchanges: &[Exchange]) -> Cluster {
    let mut spec = ClusterSpec::new(7_710_597_548_067_916_630, 0);
    for id in ["vm:8450", "pump-2"] {
        let behaviour = Behaviour { fakes: None, ..Behaviour::default() };
        spec.pumps.push(PumpSpec { behaviour, ..PumpSpec::new(id) });
    }
    let cluster = Cluster::start(spec).unwrap();
    for answer in exchanges.iter().filter(|e| e.method.ends_with("PullBinlogs")).flat_map(Exchange::answers) {
        let entity = PullBinlogResp::decode(answer).unwrap().entity.unwrap();
        cluster.append(0, entity.payload).unwrap();
    }
    let safe_point = exchanges.iter().find(|e| e.method.ends_with("GetGCSafePoint")).unwrap().answers();
    let safe_point = GetGcSafePointResponse::decode(safe_point[0].clone()).unwrap().safe_point;
    cluster.set_gc_safe_point(CommitTs(safe_point));
    cluster
}

fn recorded_requests(folder: &Path) {
    let exchanges: Vec<Exchange> = serde_json::from_slice(&std::fs::read(folder.join("wire.json")).unwrap()).unwrap();
    let cluster = like_recorded(&exchanges);
    let pd = cluster.pd_url().replace("pd://", "");
    let pump = cluster.pump_address(0).unwrap();
    let mut compared = BTreeMap::new();
    for exchange in &exchanges {
        let what = &exchange.what;
        let ours = exchange.replay(&pd, &pump);
        if exchange.method.ends_with("GetAllStores") || exchange.method.ends_with("ScanRegions") {
            // No TiKV is simulated, and nobody may think there is.
            assert_eq!(ours.unwrap_err().code(), tonic::Code::Unimplemented, "{what}");
            continue;
        }
        *compared.entry(exchange.method.as_str()).or_insert(0) += 1;
        if exchange.status_code == "OK" {
            let ours = ours.unwrap_or_else(|e| panic!("{what}: {e}"));
            assert_eq!(ours.len(), exchange.responses_hex.len(), "{what}");
            for (ours, real) in ours.into_iter().zip(exchange.answers()) {
                same_shape(exchange, &ours, &real);
            }
        } else {
            let error = ours.unwrap_err();
            assert_eq!(format!("{:?}", error.code()), exchange.status_code, "{what}");
            assert_eq!(error.message(), exchange.status_message, "{what}");
        }
    }
    let compared: Vec<_> = compared.into_iter().collect();
    assert_eq!(
        compared,
        [
            ("/binlog.Pump/PullBinlogs", 2),
            ("/binlog.Pump/WriteBinlog", 1),
            ("/etcdserverpb.KV/Range", 3),
            ("/pdpb.PD/GetGCSafePoint", 1),
            ("/pdpb.PD/GetMembers", 1),
            ("/pdpb.PD/Tso", 3)
        ]
    );
}

fn same_shape(exchange: &Exchange, ours: &Bytes, real: &Bytes) {
    let what = &exchange.what;
    match exchange.method.rsplit('/').next().unwrap() {
        "GetMembers" => {
            let [ours, real] = [ours, real].map(|b| GetMembersResponse::decode(b.clone()).unwrap());
            assert_eq!(ours.header, real.header, "{what}");
            assert_eq!(ours.members.len(), real.members.len(), "{what}");
            for answer in [&ours, &real] {
                assert_eq!((answer.leader.as_ref(), answer.etcd_leader.as_ref()), {
                    let only = answer.members.first();
                    (only, only)
                });
                let member = &answer.members[0];
                assert!(member.member_id > 0 && !member.name.is_empty());
                assert!(member.client_urls[0].starts_with("http://127.0.0.1:"));
                assert_eq!((member.client_urls.len(), member.peer_urls.len()), (1, 1));
            }
        }
        "Tso" => {
            let [ours, real] = [ours, real].map(|b| TsoResponse::decode(b.clone()).unwrap());
            assert_eq!((ours.header, ours.count), (real.header, real.count), "{what}");
            let (ours, real) = (ours.timestamp.unwrap(), real.timestamp.unwrap());
            assert_eq!(ours.suffix_bits, real.suffix_bits);
            assert!(ours.physical > real.physical && ours.logical > 0, "{what}");
        }
        "Range" => same_keys(what, ours, real),
        // These have nothing in them that could differ.
        _ => assert_eq!(hex::encode(ours), hex::encode(real), "{what}"),
    }
}

fn same_keys(what: &str, ours: &Bytes, real: &Bytes) {
    let [ours, real] = [ours, real].map(|b| RangeResponse::decode(b.clone()).unwrap());
    assert_eq!((ours.count, ours.more, ours.kvs.len()), (real.count, real.more, real.kvs.len()), "{what}");
    let header = ours.header.unwrap();
    assert_ne!(header.cluster_id, 7_710_597_548_067_916_630, "etcd's id is not TiDB's");
    assert!(header.revision > 0 && header.raft_term > 0);
    for (ours, real) in ours.kvs.iter().zip(&real.kvs) {
        if !what.contains("TiDB") {
            assert_eq!(ours.key, real.key, "{what}");
        }
        assert!(ours.mod_revision > 0 && ours.version > 0 && ours.create_revision > 0);
        let [ours, real]: [Value; 2] = [ours, real].map(|kv| serde_json::from_slice(&kv.value).unwrap());
        same_fields(what, &ours, &real);
        for field in ["nodeId", "state", "binlog_status", "isAlive", "label"] {
            assert_eq!(ours[field], real[field], "{what} {field}");
        }
    }
}

/// The same names with the same kinds of values, all the way down; lists by their first items.
fn same_fields(what: &str, ours: &Value, real: &Value) {
    match (ours, real) {
        (Value::Object(a), Value::Object(b)) => {
            assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>(), "{what}");
            a.iter().for_each(|(k, v)| same_fields(&format!("{what}.{k}"), v, &b[k]));
        }
        (Value::Array(a), Value::Array(b)) => {
            a.iter().zip(b).for_each(|(x, y)| same_fields(what, x, y));
        }
        (a, b) => assert_eq!(std::mem::discriminant(a), std::mem::discriminant(b), "{what}"),
    }
}

fn pages(folder: &Path) {
    let real = |name: &str| -> Value {
        serde_json::from_slice(&std::fs::read(folder.join("http").join(name)).unwrap()).unwrap()
    };
    let cluster = Cluster::start(ClusterSpec::new(7_710_597_548_067_916_630, 1)).unwrap();
    let (pd, tidb) = (cluster.pd_url().replace("pd://", ""), cluster.status_address());
    same_fields("members", &json(&pd, "/pd/api/v1/members"), &real("pd-members.json"));
    assert_eq!(json(&pd, "/pd/api/v1/cluster"), real("pd-cluster.json"));
    same_fields("status", &json(&tidb, "/status"), &real("tidb-status.json"));
    let [mut ours, mut theirs] = [json(&tidb, "/info/all"), real("tidb-info-all.json")];
    // The servers are listed under their own ids.
    let servers = |all: &mut Value| {
        let id = all["owner_id"].as_str().unwrap().to_owned();
        let all = all["all_servers_info"].as_object_mut().unwrap();
        all.remove(&id).unwrap()
    };
    same_fields("server", &servers(&mut ours), &servers(&mut theirs));
    same_fields("info", &ours, &theirs);
    let pump = cluster.pump_address(0).unwrap();
    let [ours, theirs] = [json(&pump, "/status"), real("pump-status.json")];
    same_fields("pump", &ours["status"]["pump-1"], &theirs["status"]["pump-2"]);
    let names = |v: &Value| v.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&ours), names(&theirs));
    let metrics = std::fs::read_to_string(folder.join("http/pump-metrics.txt")).unwrap();
    let ours = page(&pump, "/metrics").1;
    for line in ours.lines().filter(|l| !l.starts_with('#')) {
        let name = line.split(' ').next().unwrap();
        assert!(metrics.lines().any(|l| l.split(' ').next() == Some(name)), "a real Pump has no {name}");
    }
}

fn options(pumps: usize) -> ReplayOptions {
    ReplayOptions { pumps, ..ReplayOptions::default() }
}

/// What a Pump sends up to and including the recording's end, fakes of the simulation left out.
fn drain(cluster: &Cluster, pump: usize, recording: &Recording) -> Vec<Bytes> {
    let end = recording.end_ts.to_wire();
    let mut reader = Reader::open(&cluster.pump_address(pump).unwrap(), recording.cluster_id, 0).unwrap();
    let mut got = Vec::new();
    loop {
        let message = reader.next_within(Duration::from_secs(10)).unwrap().unwrap();
        let entity = PullBinlogResp::decode(message).unwrap().entity.unwrap();
        let meta = entity.meta.clone().unwrap();
        if meta.commit_ts > end {
            return got;
        }
        got.push(check(entity));
    }
}

/// The payload, after a look at what stands around it.
fn check(entity: Entity) -> Bytes {
    let binlog = Binlog::decode(entity.payload.clone()).unwrap();
    let meta = entity.meta.unwrap();
    assert_eq!((Some(meta.start_ts), Some(meta.commit_ts)), (binlog.start_ts, binlog.commit_ts));
    assert!(entity.pos.is_some() && entity.checksum.is_empty());
    entity.payload
}

fn is_fake(payload: &Bytes) -> bool {
    Binlog::decode(payload.clone()).unwrap().tp == Some(TP_ROLLBACK)
}

fn whole_recording(folder: &Path) {
    for name in ["everything", "bidi-a"] {
        let recording = Recording::read(&folder.join(name)).unwrap();
        let cluster = playground::start(&recording, &options(1)).unwrap();
        assert_eq!(drain(&cluster, 0, &recording), recording.streams[0], "{name}");
        assert!(cluster.tso() > recording.end_ts);
        let jobs = json(&cluster.status_address(), "/ddl/history");
        let file: Value =
            serde_json::from_slice(&std::fs::read(folder.join(name).join("ddl_history.json")).unwrap()).unwrap();
        let mut file = file.as_array().unwrap().clone();
        file.sort_by_key(|job| std::cmp::Reverse(job["id"].as_i64()));
        assert_eq!(jobs, Value::from(file), "{name}: the history comes out as it was recorded, newest first");
    }
}

fn spread(folder: &Path) {
    let recording = Recording::read(&folder.join("everything")).unwrap();
    for how in [Spread::Turns, Spread::Hash] {
        let cluster = playground::start(&recording, &ReplayOptions { spread: how, ..options(3) }).unwrap();
        let mut all = Vec::new();
        for pump in 0..3 {
            let own = drain(&cluster, pump, &recording);
            let (fakes, data): (Vec<_>, Vec<_>) = own.into_iter().partition(is_fake);
            assert!(data.len() > 700, "{how:?}: Pump {pump} got only {}", data.len());
            assert!(fakes.len() > 50, "{how:?}: Pump {pump} has only {} fakes", fakes.len());
            all.extend(data.into_iter().map(|p| (Binlog::decode(p.clone()).unwrap().commit_ts, p)));
        }
        all.sort_by_key(|(ts, _)| *ts);
        let merged: Vec<_> = all.into_iter().map(|(_, p)| p).collect();
        let whole: Vec<_> = recording.streams[0].iter().filter(|p| !is_fake(p)).cloned().collect();
        assert_eq!(merged, whole, "{how:?}: every transaction once, on one Pump");
    }
}

fn two_pumps(folder: &Path) {
    let recording = Recording::read(&folder.join("two-pumps")).unwrap();
    let cluster = playground::start(&recording, &options(1)).unwrap();
    assert_eq!((cluster.pump_count(), recording.streams.len()), (2, 2));
    for (pump, stream) in recording.streams.iter().enumerate() {
        let own: Vec<_> = stream.clone();
        assert_eq!(drain(&cluster, pump, &recording), own);
    }
}

fn packed(folder: &Path) {
    let recording = Recording::read(&folder.join("sbtest")).unwrap();
    assert_eq!((recording.streams.len(), recording.start_ts), (1, CommitTs(0)));
    let last = Binlog::decode(recording.streams[0].last().unwrap().clone()).unwrap().commit_ts.unwrap();
    assert_eq!(recording.end_ts.to_wire(), last);
    assert_eq!(recording.streams[0].iter().filter(|p| !is_fake(p)).count(), 48_081 + 47);
    let missing = Recording::read(folder).err().expect("there is no recording in the folder above").to_string();
    assert!(missing.contains("meta.json"), "{missing}");
}

fn late_jobs(folder: &Path) {
    let recording = Recording::read(&folder.join("bidi-a")).unwrap();
    let late = ReplayOptions { job_delay: Some(Duration::ZERO), ..options(1) };
    let cluster = playground::start(&recording, &late).unwrap();
    let count = || json(&cluster.status_address(), "/ddl/history").as_array().unwrap().len();
    // The older jobs have no message in this recording, so they are there from the start.
    assert_eq!(count(), recording.jobs.len() - 9);
    drain(&cluster, 0, &recording);
    assert_eq!(count(), recording.jobs.len());
}

fn serve(folder: &Path) {
    let folder = folder.join("bidi-b");
    let stop = Arc::new(AtomicBool::new(false));
    let (sender, receiver) = mpsc::channel();
    let flag = stop.clone();
    let server = std::thread::spawn(move || {
        let recording = Recording::read(&folder).unwrap();
        playground::serve(&recording, &options(1), &flag, |cluster| sender.send(cluster.pd_url()).unwrap())
    });
    let pd = receiver.recv_timeout(Duration::from_secs(30)).unwrap().replace("pd://", "");
    let asked = RangeRequest { key: Bytes::from_static(b"/tidb-binlog/v1/pumps/pump-1"), ..RangeRequest::default() };
    let answer: RangeResponse = wire::ask(&pd, "/etcdserverpb.KV/Range", &asked).unwrap();
    assert_eq!(answer.count, 1);
    stop.store(true, Ordering::Relaxed);
    server.join().unwrap().unwrap();
    assert!(wire::ask::<_, RangeResponse>(&pd, "/etcdserverpb.KV/Range", &asked).is_err());
}

/// The tables that `/schema` shows after all jobs are those that Dumpling found at the end.
fn schema(folder: &Path) {
    let folder = folder.join("everything");
    let recording = Recording::read(&folder).unwrap();
    let cluster = playground::start(&recording, &options(1)).unwrap();
    let tidb = cluster.status_address();
    let databases = json(&tidb, "/schema");
    let mut ours = Vec::new();
    for db in databases.as_array().unwrap().iter().map(|d| d["db_name"]["O"].as_str().unwrap()) {
        // Nobody dumped TiDB's own tables, nor the database of a first try.
        if matches!(db, "mysql" | "t1") {
            continue;
        }
        let tables = json(&tidb, &format!("/schema/{db}"));
        ours.extend(tables.as_array().unwrap().iter().map(|t| format!("{db}.{}", t["name"]["O"].as_str().unwrap())));
    }
    let files = std::fs::read_dir(folder.join("dump")).unwrap().map(|f| f.unwrap().file_name().into_string().unwrap());
    let mut dumped: Vec<String> = files
        .filter_map(|f| {
            f.strip_suffix("-schema.sql").or_else(|| f.strip_suffix("-schema-sequence.sql")).map(str::to_owned)
        })
        .map(|f| f.replace("%20", " ").replace("%60", "`"))
        .collect();
    ours.sort();
    dumped.sort();
    assert_eq!(ours, dumped);
    assert_eq!(page(&tidb, "/schema/nothing"), (400, "[schema:1049]Unknown database 'nothing'".to_owned()));
}

/// The bank's definitions look like those of a real TiDB for a table of the same kind.
fn bank_definitions(folder: &Path) {
    let real: Value =
        serde_json::from_slice(&std::fs::read(folder.join("http/tidb-schema-bank.json")).unwrap()).unwrap();
    let mut spec = ClusterSpec::new(7_710_597_548_067_916_630, 1);
    spec.pumps[0].behaviour.fakes = None;
    let cluster = Arc::new(Cluster::start(spec).unwrap());
    Bank::start(cluster.clone(), BankOptions::default()).unwrap();
    let tidb = cluster.status_address();
    let ours = |name: &str| json(&tidb, &format!("/schema/bank/{name}"));
    let real = |name: &str| real.as_array().unwrap().iter().find(|t| t["name"]["O"] == name).unwrap().clone();
    let transfers = ours("transfers");
    same_fields("transfers", &transfers, &real("transfers"));
    assert_eq!(transfers["cols"][0], real("transfers")["cols"][0]);
    let field = |table: &Value, at: usize, name: &str| table["cols"][at]["type"][name].clone();
    assert_eq!(field(&ours("accounts"), 2, "Flag"), field(&real("accounts"), 2, "Flag"));
    // An index's shape, from a table that has one.
    same_fields("index", &ours("stock")["index_info"], &real("accounts")["index_info"]);
    let job = &json(&tidb, "/ddl/history")[0];
    let recorded: Value =
        serde_json::from_slice(&std::fs::read(folder.join("http/tidb-ddl-history-limit-2.json")).unwrap()).unwrap();
    for (name, value) in job.as_object().unwrap() {
        assert_eq!(std::mem::discriminant(value), std::mem::discriminant(&recorded[0][name]), "job.{name}");
    }
    let databases = json(&tidb, "/schema");
    assert_eq!((databases[0]["db_name"]["O"].as_str(), databases.as_array().unwrap().len()), (Some("bank"), 1));
}
