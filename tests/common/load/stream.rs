//! The writing side: gives out ids, versions and timestamps as a TiDB would, and writes its messages into a recording.
//!
//! A transaction of any size, written without holding it: first its lengths are counted, then its bytes are made.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use prost::Message;
use prost::encoding::{encode_varint, encoded_len_varint};
use serde_json::{Map, Value as Json};

use super::{Draft, TableTruth, Truth};
use tisync::model::{ActionType, CommitTs, Row, RowChange, RowKind, Table};
use tisync::playground::encode;
use tisync::playground::encode::row::{self, Job};
use tisync::playground::tableinfo;
use tisync::source::binlog::{Binlog, TP_COMMIT};
use tisync::source::recording::{DDL_HISTORY, Meta, Writer};

/// The id of the cluster that never was.
const CLUSTER_ID: u64 = 7_000_000_000_000_000_004;
/// When the first transaction begins: the start of 2025, in milliseconds. Each begins one millisecond later than the one
/// before it.
const BEGIN_MS: u64 = 1_735_689_600_000;
/// A table of a [`Stream`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place(usize);

/// A recording that is being made.
pub struct Stream {
    dir: PathBuf,
    writer: Writer,
    history: BufWriter<File>,
    schema: String,
    schema_id: i64,
    last_id: i64,
    version: i64,
    now_ms: u64,
    tables: Vec<TableTruth>,
    changes: Vec<RowChange>,
    handles: Vec<i64>,
    txns: u64,
    row_changes: u64,
    job_count: u64,
}

impl Stream {
    /// Begins a recording in the folder `dir`, with the database `schema`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn create(dir: &Path, schema: &str) -> Result<Self> {
        let writer = Writer::create(dir, false)?;
        let path = dir.join(DDL_HISTORY);
        let history = File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
        let mut stream = Self {
            dir: dir.to_owned(),
            writer,
            history: BufWriter::new(history),
            schema: schema.to_owned(),
            schema_id: 0,
            // TiDB's own tables take the first ids and versions of a real cluster.
            last_id: 100,
            version: 40,
            now_ms: BEGIN_MS,
            tables: Vec::new(),
            changes: Vec::new(),
            handles: Vec::new(),
            txns: 0,
            row_changes: 0,
            job_count: 0,
        };
        stream.schema_id = stream.new_id();
        let job = stream.job(ActionType::CreateSchema, 0, "", format!("CREATE DATABASE `{schema}`"));
        let info = tableinfo::db_info(stream.schema_id, schema);
        stream.ddl(&job, |_| (info, Json::Null))?;
        Ok(stream)
    }

    /// Makes a table.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn table(&mut self, draft: Draft) -> Result<Place> {
        let Draft { mut table, details } = draft;
        table.id = self.new_id();
        table.schema.clone_from(&self.schema);
        let job = self.job(ActionType::CreateTable, table.id, &table.name, tableinfo::create_table(&table, &details));
        self.ddl(&job, |ts| (Json::Null, tableinfo::table_info(&table, &details, ts)))?;
        self.tables.push(TableTruth::new(Arc::new(table)));
        Ok(Place(self.tables.len() - 1))
    }

    /// A new row, in the transaction that is open. `handle` is the hidden row id where the table has no clustered key.
    ///
    /// # Errors
    /// If the row does not fit the table.
    pub fn insert(&mut self, place: Place, handle: i64, row: Row) -> Result<()> {
        self.truth(place)?.add(&row)?;
        self.push(place, handle, RowKind::Insert(row))
    }

    /// A changed row, in the transaction that is open.
    ///
    /// # Errors
    /// As [`insert`](Self::insert).
    pub fn update(&mut self, place: Place, handle: i64, old: Row, new: Row) -> Result<()> {
        // TiDB writes nothing for an update that changes nothing.
        if old == new {
            return Ok(());
        }
        let truth = self.truth(place)?;
        truth.remove(&old)?;
        truth.add(&new)?;
        self.push(place, handle, RowKind::Update { old, new })
    }

    /// A removed row, in the transaction that is open.
    ///
    /// # Errors
    /// As [`insert`](Self::insert).
    pub fn delete(&mut self, place: Place, handle: i64, row: Row) -> Result<()> {
        self.truth(place)?.remove(&row)?;
        self.push(place, handle, RowKind::Delete(row))
    }

    /// Commits the open transaction; an empty one leaves no trace, as in TiDB.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn commit(&mut self) -> Result<()> {
        let Some(first) = self.changes.first() else { return Ok(()) };
        let key = encode::row_key(first.table.id, self.handles.first().copied().unwrap_or(0));
        let mut handles = self.handles.iter();
        let value = encode::prewrite(self.version, &self.changes, &mut |_| handles.next().copied().unwrap_or(0))?;
        self.row_changes += u64::try_from(self.changes.len())?;
        self.changes.clear();
        self.handles.clear();
        let mut binlog = self.next_binlog(key);
        binlog.prewrite_value = Some(value);
        self.txns += 1;
        self.writer.payload(&binlog.encode_to_vec())
    }

    /// Ends the recording.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn finish(mut self) -> Result<Truth> {
        ensure!(self.changes.is_empty(), "the last transaction was not committed");
        self.history.write_all(b"]\n")?;
        self.history.into_inner().map_err(|e| e.into_error())?.sync_all().context("cannot write the history")?;
        self.writer.finish()?;
        let truth = Truth {
            start_ts: CommitTs::from_parts(BEGIN_MS, 0),
            end_ts: CommitTs::from_parts(self.now_ms, 1),
            txns: self.txns,
            row_changes: self.row_changes,
            tables: self.tables,
        };
        fs::write(self.dir.join("expected.tsv"), truth.lines())?;
        let more = Map::from_iter([("tidb".to_owned(), Json::from("8.0.11-TiDB-v8.1.0"))]);
        let (start_ts, end_ts) = (truth.start_ts, Some(truth.end_ts));
        Meta { cluster_id: CLUSTER_ID, start_ts, end_ts, more }.write(&self.dir)?;
        Ok(truth)
    }

    fn truth(&mut self, place: Place) -> Result<&mut TableTruth> {
        self.tables.get_mut(place.0).context("no such table in this stream")
    }

    fn push(&mut self, place: Place, handle: i64, kind: RowKind) -> Result<()> {
        let table: Arc<Table> = self.truth(place)?.table.clone();
        self.changes.push(RowChange { table, kind });
        self.handles.push(handle);
        Ok(())
    }

    /// An id for a database, a table or a job: they share one sequence.
    fn new_id(&mut self) -> i64 {
        self.last_id += 1;
        self.last_id
    }

    fn job(&self, action: ActionType, table_id: i64, table_name: &str, query: String) -> Job {
        let (schema_id, schema_name) = (self.schema_id, self.schema.clone());
        Job { action, schema_id, schema_name, table_id, table_name: table_name.to_owned(), query, comment: None }
    }

    fn ddl(&mut self, job: &Job, outcome: impl FnOnce(u64) -> (Json, Json)) -> Result<()> {
        let id = self.new_id();
        self.version += 1;
        let mut binlog = self.next_binlog(job.meta_key());
        binlog.ddl_query = Some(job.query.clone().into());
        binlog.ddl_job_id = Some(id);
        binlog.ddl_schema_state = Some(5);
        let start_ts = CommitTs::from_parts(self.now_ms, 0).0;
        let (db_info, table_info) = outcome(start_ts);
        self.history.write_all(if self.job_count == 0 { b"[\n" } else { b",\n" })?;
        self.job_count += 1;
        serde_json::to_writer(&mut self.history, &job.json(id, self.version, start_ts, &db_info, &table_info))?;
        self.writer.payload(&binlog.encode_to_vec())
    }

    /// The next message, still without content.
    fn next_binlog(&mut self, key: Bytes) -> Binlog {
        self.now_ms += 1;
        Binlog {
            tp: Some(TP_COMMIT),
            start_ts: Some(CommitTs::from_parts(self.now_ms, 0).to_wire()),
            commit_ts: Some(CommitTs::from_parts(self.now_ms, 1).to_wire()),
            prewrite_key: Some(key),
            ddl_job_id: Some(0),
            ddl_schema_state: Some(0),
            ..Binlog::default()
        }
    }
}

/// The tags of `bytes` fields in messages that are written piece by piece
/// (docs/protocol/tidb-binlog.md §3.1).
const PREWRITE_VALUE: u8 = 5 << 3 | 2;
const MUTATIONS: u8 = 2 << 3 | 2;
const INSERTED_ROWS: u8 = 2 << 3 | 2;
/// `TableMutation.sequence` with its tag: an insert.
const SEQUENCE_INSERT: [u8; 2] = [7 << 3, 0];

impl Stream {
    /// One transaction of `count` new rows, without ever holding more than one of them: `row` is asked twice for each,
    /// from 0 on, and has to answer the same.
    ///
    /// # Errors
    /// If it cannot be written, or is larger than a message can be.
    pub fn insert_many(&mut self, place: Place, count: u64, row: &dyn Fn(u64) -> Row) -> Result<()> {
        ensure!(self.changes.is_empty(), "there is an open transaction");
        let table = self.truth(place)?.table.clone();
        let encoded = |n: u64| row::insert(&table, &row(n), i64::try_from(n)?);
        let mut rows_len = 0;
        for n in 0..count {
            let content = row(n);
            self.truth(place)?.add(&content)?;
            rows_len += 1 + delimited(row::insert(&table, &content, i64::try_from(n)?)?.len());
        }
        let mut table_id = Vec::new();
        prost::encoding::int64::encode(1, &table.id, &mut table_id);
        let mut version = Vec::new();
        prost::encoding::int64::encode(1, &self.version, &mut version);
        let sequence_len = u64::try_from(SEQUENCE_INSERT.len())? * count;
        let mutation_len = u64::try_from(table_id.len())? + rows_len + sequence_len;
        let value_len = u64::try_from(version.len())? + 1 + length_len(mutation_len) + mutation_len;
        let (before, behind) = self.around(encode::row_key(table.id, 0));
        let len = u64::try_from(before.len() + behind.len())? + 1 + length_len(value_len) + value_len;
        let mut failed = None;
        self.writer.streamed(len, |out| {
            out.write_all(&before)?;
            head(out, PREWRITE_VALUE, value_len)?;
            out.write_all(&version)?;
            head(out, MUTATIONS, mutation_len)?;
            out.write_all(&table_id)?;
            for n in 0..count {
                match encoded(n) {
                    Ok(bytes) => {
                        head(out, INSERTED_ROWS, bytes.len() as u64)?;
                        out.write_all(&bytes)?;
                    }
                    Err(error) => {
                        failed = Some(error);
                        return Ok(());
                    }
                }
            }
            (0..count).try_for_each(|_| out.write_all(&SEQUENCE_INSERT))?;
            out.write_all(&behind)
        })?;
        self.txns += 1;
        self.row_changes += count;
        failed.map_or(Ok(()), Err)
    }

    /// What stands before and behind the rows in the next message.
    fn around(&mut self, key: Bytes) -> (Vec<u8>, Vec<u8>) {
        let all = self.next_binlog(key);
        let (ddl_job_id, ddl_schema_state) = (all.ddl_job_id, all.ddl_schema_state);
        let before = Binlog { ddl_job_id: None, ddl_schema_state: None, ..all };
        let behind = Binlog { ddl_job_id, ddl_schema_state, ..Binlog::default() };
        (before.encode_to_vec(), behind.encode_to_vec())
    }
}

/// The bytes that tell a length.
fn length_len(len: u64) -> u64 {
    encoded_len_varint(len) as u64
}

/// So many bytes with their length in front.
fn delimited(len: usize) -> u64 {
    let len = len as u64;
    length_len(len) + len
}

/// Tag and length of a field.
fn head(out: &mut dyn Write, tag: u8, len: u64) -> std::io::Result<()> {
    let mut bytes = vec![tag];
    encode_varint(len, &mut bytes);
    out.write_all(&bytes)
}
