//! A transaction of any size, written without holding it: first its lengths are counted, then its bytes are made.

use std::io::Write;

use anyhow::{Result, ensure};
use bytes::Bytes;
use prost::Message;
use prost::encoding::{encode_varint, encoded_len_varint};

use super::{Place, Stream};
use crate::model::Row;
use crate::playground::encode::{self, row};
use crate::source::binlog::Binlog;

/// The tags of `bytes` fields in messages that are written piece by piece (spec/tidb-binlog.md §3.1).
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
