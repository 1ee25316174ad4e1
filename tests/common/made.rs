//! A small recording, made message by message: tables, rows and DDL of one database, `d` unless a test names another.
#![allow(dead_code, reason = "each test uses its part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use prost::Message;
use serde_json::{Value as Json, json};
use tisync::model::{Column, CommitTs, Generated, Handle, Key, KeyPart, Kind, Row, RowChange, RowKind, Table, Value};
use tisync::playground::encode;
use tisync::playground::tableinfo::{Details, create_table, db_info, table_info};
use tisync::source::binlog::{Binlog, TP_COMMIT};
use tisync::source::recording::Writer;

/// The id of the database.
pub const SCHEMA: i64 = 100;
/// Where the stream begins, in milliseconds.
const BEGIN_MS: u64 = 1_735_689_600_000;

pub const INT: Kind = Kind::Int { bytes: 4, unsigned: false };

/// The cluster that it comes from, unless a test says another.
const CLUSTER: u64 = 7_000_000_000_000_000_009;

pub struct Made {
    database: String,
    cluster_id: u64,
    ms: u64,
    version: i64,
    jobs: Vec<Json>,
    payloads: Vec<Vec<u8>>,
}

/// A table whose first column is its clustered primary key; a name that ends in `?` may be NULL.
pub fn table(id: i64, name: &str, columns: &[(&str, Kind)]) -> Table {
    let column = |(id, (name, kind)): (i64, &(&str, Kind))| Column {
        id,
        name: name.trim_end_matches('?').to_owned(),
        kind: kind.clone(),
        nullable: name.ends_with('?'),
        generated: Generated::No,
        hidden: false,
        missing: Value::Null,
    };
    let parts = vec![KeyPart { column: 0, prefix: None }];
    Table {
        id,
        columns: (1..).zip(columns).map(column).collect(),
        keys: vec![Key { name: "PRIMARY".to_owned(), primary: true, parts }],
        handle: Handle::Int(0),
        charset: "utf8mb4".to_owned(),
        collation: "utf8mb4_bin".to_owned(),
        details: None,
        ..Table::named("d", name)
    }
}

impl Default for Made {
    /// With its database.
    fn default() -> Self {
        Self::of("d", CLUSTER)
    }
}

impl Made {
    /// One of another database, which it makes, and from another cluster.
    pub fn of(database: &str, cluster_id: u64) -> Self {
        let (jobs, payloads) = (Vec::new(), Vec::new());
        let mut made = Self { database: database.to_owned(), cluster_id, ms: BEGIN_MS, version: 40, jobs, payloads };
        made.job(1, 0, &format!("CREATE DATABASE `{database}`"), &db_info(SCHEMA, database), &Json::Null);
        made
    }

    /// Where it starts.
    pub fn start() -> String {
        CommitTs::from_parts(BEGIN_MS, 0).0.to_string()
    }

    /// CREATE TABLE.
    pub fn create(&mut self, table: &Table) -> u64 {
        self.create_with(table, &Details::default())
    }

    pub fn create_with(&mut self, table: &Table, details: &Details) -> u64 {
        self.alter(3, &create_table(table, details), table, details)
    }

    /// Any job that leaves `table` behind; gives its commit ts.
    pub fn alter(&mut self, action: u8, query: &str, table: &Table, details: &Details) -> u64 {
        self.job(action, table.id, query, &Json::Null, &table_info(table, details, 0))
    }

    /// A job as it is.
    pub fn job(&mut self, action: u8, table_id: i64, query: &str, db_info: &Json, table_info: &Json) -> u64 {
        self.typed(action, table_id, [query, query], json!({"DBInfo": db_info, "TableInfo": table_info}))
    }

    /// The same in the database of this id.
    pub fn job_in(
        &mut self,
        schema: i64,
        (action, table_id): (u8, i64),
        query: &str,
        db_info: &Json,
        table_info: &Json,
    ) -> u64 {
        let ts = self.job(action, table_id, query, db_info, table_info);
        self.last_job()["schema_id"] = json!(schema);
        ts
    }

    /// A job whose statement was typed in other words than TiDB restored it in for its message. `left` is what it leaves behind.
    pub fn typed(&mut self, action: u8, table_id: i64, [typed, restored]: [&str; 2], mut left: Json) -> u64 {
        self.version += 1;
        let id = 1000 + self.version;
        let (mut binlog, ts) = self.next();
        binlog.ddl_query = Some(restored.as_bytes().to_vec().into());
        binlog.ddl_job_id = Some(id);
        binlog.ddl_schema_state = Some(5);
        self.payloads.push(binlog.encode_to_vec());
        let finished = CommitTs::from_parts(self.ms, 2).0;
        let table_name = left["TableInfo"]["name"]["L"].clone();
        let updated = json!(CommitTs::from_parts(self.ms, 0).0);
        let date = |info: &mut Json| {
            if let Some(place) = info.get_mut("update_timestamp") {
                *place = updated.clone();
            }
        };
        date(&mut left["TableInfo"]);
        left["MultipleTableInfos"].as_array_mut().into_iter().flatten().for_each(date);
        left["SchemaVersion"] = json!(self.version);
        left["FinishedTS"] = json!(finished);
        self.jobs.push(json!({
            "id": id, "type": action, "schema_id": SCHEMA, "table_id": table_id, "schema_name": self.database.to_lowercase(),
            "table_name": table_name, "state": 6, "query": typed, "start_ts": finished, "binlog": left,
        }));
        ts
    }

    /// The job that was made last, as the history shows it.
    pub fn last_job(&mut self) -> &mut Json {
        self.jobs.last_mut().unwrap()
    }

    /// A transaction; gives its commit ts.
    pub fn rows(&mut self, table: &Table, kinds: Vec<RowKind>) -> u64 {
        self.rows_of(self.version, table, kinds)
    }

    /// A transaction that already has the definition which the next job leaves behind, though that one's message is yet to come.
    pub fn early_rows(&mut self, table: &Table, kinds: Vec<RowKind>) -> u64 {
        self.rows_of(self.version + 1, table, kinds)
    }

    fn rows_of(&mut self, version: i64, table: &Table, kinds: Vec<RowKind>) -> u64 {
        let table = Arc::new(table.clone());
        let changes: Vec<_> = kinds.into_iter().map(|kind| RowChange { table: Arc::clone(&table), kind }).collect();
        let (mut binlog, ts) = self.next();
        binlog.prewrite_value = Some(encode::prewrite(version, &changes, &mut |_| 0).unwrap());
        self.payloads.push(binlog.encode_to_vec());
        ts
    }

    pub fn insert(&mut self, table: &Table, row: Row) -> u64 {
        self.rows(table, vec![RowKind::Insert(row)])
    }

    fn next(&mut self) -> (Binlog, u64) {
        self.ms += 1000;
        let [start, commit] = [0, 1].map(|n| CommitTs::from_parts(self.ms, n));
        let binlog = Binlog {
            tp: Some(TP_COMMIT),
            start_ts: Some(start.to_wire()),
            commit_ts: Some(commit.to_wire()),
            ddl_job_id: Some(0),
            ddl_schema_state: Some(0),
            ..Binlog::default()
        };
        (binlog, commit.0)
    }

    /// Writes what there is so far, whatever stood there before.
    pub fn save(&self, dir: &Path) {
        let end = CommitTs::from_parts(self.ms + 500, 0).0;
        let meta =
            json!({"cluster_id": self.cluster_id, "start_ts": CommitTs::from_parts(BEGIN_MS, 0).0, "end_ts": end});
        fs::write(dir.join("meta.json"), meta.to_string()).unwrap();
        fs::write(dir.join("ddl_history.json"), json!(self.jobs).to_string()).unwrap();
        let _ = fs::remove_file(dir.join("binlogs.bin"));
        let mut writer = Writer::create(dir, false).unwrap();
        self.payloads.iter().for_each(|payload| writer.payload(payload).unwrap());
        writer.finish().unwrap();
    }
}
