//! The bank's stream, read back through `decode`: what a replicator would see adds up, always, and ends where the bank
//! says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "a test that cannot go on panics")]

#[path = "common/wire.rs"]
mod wire;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value as Json;
use tisync::decode::{self, Lookup};
use tisync::model::{CommitTs, Row, RowKind, Table, Value};
use tisync::playground::bank::{Bank, BankOptions, Expected, Limit};
use tisync::playground::cluster::{ClockMode, Cluster, ClusterSpec};
use tisync::playground::mariadb::PrivateServer;
use tisync::source::binlog::{Binlog, TP_COMMIT};
use wire::{Reader, json};

const ID: u64 = 7_000_000_000_000_000_002;

/// Two Pumps without fakes, on a clock that nobody but the bank moves.
fn cluster() -> Arc<Cluster> {
    let mut spec = ClusterSpec::new(ID, 2);
    spec.clock = ClockMode::Manual(CommitTs::from_millis(1_795_266_299_653));
    for pump in &mut spec.pumps {
        pump.behaviour.fakes = None;
    }
    Arc::new(Cluster::start(spec).unwrap())
}

fn options(seed: u64) -> BankOptions {
    BankOptions { seed, accounts: 20, rate: None, ddl_every: Some(60), show_every: Some(2), ..BankOptions::default() }
}

fn worked(cluster: &Arc<Cluster>, options: BankOptions, txns: u64) -> Bank {
    let mut bank = Bank::start(cluster.clone(), options).unwrap();
    let limit = Limit { txns: Some(txns), time: None };
    assert_eq!(bank.run(limit, &AtomicBool::new(false)).unwrap(), txns);
    bank
}

/// Everything that both Pumps hold, merged, up to now.
fn stream(cluster: &Cluster) -> Vec<Binlog> {
    let end = cluster.tso();
    let mut all = Vec::new();
    for pump in 0..cluster.pump_count() {
        cluster.append_fake(pump, end).unwrap();
        let mut reader = Reader::open(&cluster.pump_address(pump).unwrap(), ID, 0).unwrap();
        loop {
            let binlog = reader.next();
            if binlog.tp != Some(TP_COMMIT) {
                break;
            }
            all.push(binlog);
        }
    }
    all.sort_by_key(|b| b.commit_ts);
    all
}

/// Table definitions as of each schema version: the newest ones, cut to the columns that the history names.
struct Definitions(BTreeMap<i64, Vec<(i64, Arc<Table>)>>);

impl Definitions {
    fn new(history: &Json, newest: &[Expected]) -> Self {
        let newest: BTreeMap<_, _> = newest.iter().map(|e| (e.table.id, e.table.clone())).collect();
        let mut all: BTreeMap<i64, Vec<_>> = BTreeMap::new();
        let mut jobs: Vec<&Json> = history.as_array().unwrap().iter().collect();
        jobs.sort_by_key(|j| j["id"].as_i64());
        for job in jobs.iter().map(|j| &j["binlog"]).filter(|b| !b["TableInfo"].is_null()) {
            let info = &job["TableInfo"];
            let mut table = (*newest[&info["id"].as_i64().unwrap()]).clone();
            let columns = info["cols"].as_array().unwrap();
            table.columns.truncate(columns.len());
            for (column, json) in table.columns.iter().zip(columns) {
                assert_eq!((Some(column.id), json["name"]["O"].as_str()), (json["id"].as_i64(), Some(&*column.name)));
            }
            let version = job["SchemaVersion"].as_i64().unwrap();
            all.entry(table.id).or_default().push((version, Arc::new(table)));
        }
        Self(all)
    }

    fn at(&self, id: i64, version: i64) -> Arc<Table> {
        self.0[&id].iter().rev().find(|(v, _)| *v <= version).unwrap().1.clone()
    }
}

/// What a target holds: rows as text, each with how often it is there.
#[derive(Default)]
struct Target(BTreeMap<i64, Vec<Row>>);

impl Target {
    fn apply(&mut self, table: &Table, kind: RowKind) {
        let rows = self.0.entry(table.id).or_default();
        match kind {
            RowKind::Insert(row) => rows.push(row),
            RowKind::Update { old, new } => *Self::find(rows, &old, table) = new,
            RowKind::Delete(row) => {
                let at = rows.iter().position(|r| r == &row).unwrap_or_else(|| panic!("no {row:?}"));
                rows.swap_remove(at);
            }
        }
    }

    fn find<'a>(rows: &'a mut [Row], old: &Row, table: &Table) -> &'a mut Row {
        rows.iter_mut().find(|r| *r == old).unwrap_or_else(|| panic!("{} has no row {old:?}", table.name))
    }

    /// Old rows get what a column added later holds for them.
    fn widen(&mut self, table: &Table) {
        for row in self.0.entry(table.id).or_default() {
            row.extend(table.columns.iter().skip(row.len()).map(|c| c.missing.clone()));
        }
    }

    fn sum(&self, table: i64) -> i64 {
        self.0.get(&table).into_iter().flatten().map(|row| cents(&row[2])).sum()
    }
}

fn cents(value: &Value) -> i64 {
    let Value::Decimal(d) = value else { panic!("{value:?} is no balance") };
    std::str::from_utf8(&d.text).unwrap().replace('.', "").parse().unwrap()
}

fn sorted(rows: &[Row]) -> Vec<String> {
    let mut rows: Vec<_> = rows.iter().map(|r| format!("{r:?}")).collect();
    rows.sort();
    rows
}

#[test]
fn the_stream_adds_up_at_every_commit_and_ends_at_the_expected_state() {
    let cluster = cluster();
    let bank = worked(&cluster, options(7), 700);
    let expected = bank.expected();
    let history = json(&cluster.status_address(), "/ddl/history");
    let definitions = Definitions::new(&history, &expected);
    let accounts = expected.iter().find(|e| e.table.name == "accounts").unwrap().table.id;
    let (mut target, mut transactions, mut ddl) = (Target::default(), 0, 0);
    for binlog in stream(&cluster) {
        assert!(binlog.start_ts < binlog.commit_ts);
        if let Some(id) = binlog.ddl_job_id.filter(|id| *id > 0) {
            let job = history.as_array().unwrap().iter().find(|j| j["id"] == id).expect("the job is in the history");
            assert_eq!(job["query"].as_str().unwrap().as_bytes(), binlog.ddl_query.unwrap());
            let version = job["binlog"]["SchemaVersion"].as_i64().unwrap();
            if let Some(table) = job["binlog"]["TableInfo"]["id"].as_i64() {
                target.widen(&definitions.at(table, version));
            }
            ddl += 1;
            continue;
        }
        let value = binlog.prewrite_value.unwrap();
        let ts = CommitTs::from_wire(binlog.commit_ts.unwrap()).unwrap();
        let lookup = &mut |id, version| Ok(Lookup::Read(definitions.at(id, version)));
        for change in decode::rows(&value, ts, lookup).unwrap() {
            target.apply(&change.table, change.kind);
        }
        assert_eq!(target.sum(accounts), bank.sum(), "at {}", ts.explain());
        transactions += 1;
    }
    assert!(transactions > 650 && ddl > 12, "{transactions} transactions, {ddl} DDL");
    for Expected { table, rows } in &expected {
        assert!(rows.len() > 15, "{} has only {} rows", table.name, rows.len());
        let got = target.0.remove(&table.id).unwrap_or_default();
        assert_eq!(sorted(&got), sorted(rows), "{}", table.name);
    }
    assert!(target.0.is_empty());
}

#[test]
fn the_same_seed_writes_the_same_bytes() {
    let bytes = |seed| -> Vec<Bytes> {
        let cluster = cluster();
        worked(&cluster, options(seed), 150);
        let text = json(&cluster.status_address(), "/ddl/history").to_string();
        let encode = |b: &Binlog| prost::Message::encode_to_vec(b).into();
        stream(&cluster).iter().map(encode).chain([Bytes::from(text)]).collect()
    };
    let first = bytes(3);
    assert_eq!(first, bytes(3));
    assert_ne!(first, bytes(4));
}

#[test]
fn types_edges_and_keys_are_all_shown() {
    let cluster = cluster();
    let bank = worked(&cluster, options(11), 700);
    let expected = bank.expected();
    let kinds = expected.iter().find(|e| e.table.name == "kinds").unwrap();
    for (at, column) in kinds.table.columns.iter().enumerate() {
        let values: Vec<_> = kinds.rows.iter().map(|r| &r[at]).collect();
        assert!(values.iter().any(|v| **v != Value::Null), "{} has only NULL", column.name);
        assert!(!column.nullable || values.contains(&&Value::Null), "{} has no NULL", column.name);
    }
    let log = expected.iter().find(|e| e.table.name == "log").unwrap();
    let mut rows = sorted(&log.rows);
    let all = rows.len();
    rows.dedup();
    assert!(rows.len() < all, "a table without a key holds equal rows");
    assert!(expected.iter().any(|e| e.table.columns.iter().any(|c| c.name == "added_1")));
}

#[test]
fn a_bank_runs_at_its_rate_on_its_own_thread_and_stops() {
    let cluster = Arc::new(Cluster::start(ClusterSpec::new(ID, 1)).unwrap());
    cluster.behave(0, |b| b.fakes = Some(Duration::from_millis(1))).unwrap();
    let options = BankOptions { rate: Some(200.0), job_delay: Some(Duration::ZERO), ..BankOptions::default() };
    let bank = Bank::start(cluster.clone(), options).unwrap();
    // Nobody has read a message yet, so no job has been revealed.
    assert_eq!(json(&cluster.status_address(), "/ddl/history").as_array().unwrap().len(), 0);
    let running = bank.spawn(Limit { txns: None, time: Some(Duration::from_millis(300)) });
    let bank = running.wait().unwrap();
    assert!((5..=65).contains(&bank.done()), "{} transactions in 300 ms", bank.done());
    let running = bank.spawn(Limit::default());
    std::thread::sleep(Duration::from_millis(100));
    assert!(!running.finished());
    let bank = running.stop().unwrap();
    let total: i64 = bank.expected()[0].rows.iter().map(|r| cents(&r[2])).sum();
    assert_eq!(total, bank.sum());
    Reader::open(&cluster.pump_address(0).unwrap(), ID, 0).unwrap().commit_ts(20);
    assert!(!json(&cluster.status_address(), "/ddl/history").as_array().unwrap().is_empty());
}

#[test]
fn a_server_takes_every_statement() {
    use mysql::prelude::Queryable;
    let cluster = cluster();
    let bank = worked(&cluster, options(7), 700);
    let server = PrivateServer::start().unwrap();
    let mut target = server.connect().unwrap();
    for query in stream(&cluster).into_iter().filter_map(|b| b.ddl_query) {
        let query = String::from_utf8(query.to_vec()).unwrap();
        target.query_drop(&query).unwrap_or_else(|e| panic!("{query}: {e}"));
    }
    for Expected { table, .. } in bank.expected() {
        let columns: Vec<String> = target
            .exec(
                "SELECT column_name FROM information_schema.columns WHERE table_schema = 'bank' AND table_name = ? \
                   ORDER BY ordinal_position",
                (&table.name,),
            )
            .unwrap();
        assert_eq!(columns, table.columns.iter().map(|c| c.name.clone()).collect::<Vec<_>>());
    }
}
