//! Writes files as Drainer does, with nothing of the code under test but its message types.

use std::fs;
use std::path::{Path, PathBuf};

use prost::Message;
use tisync::decode::named::{Column, DmlData, Event};
use tisync::source::pb::frames::Binlog;

pub fn varint(mut n: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while n >= 0x80 {
        out.push((n & 0x7f | 0x80) as u8);
        n >>= 7;
    }
    out.push(n as u8);
    out
}

fn zigzag(n: i64) -> Vec<u8> {
    varint(((n << 1) ^ (n >> 63)) as u64)
}

/// A datum of a row.
pub fn int(n: i64) -> Vec<u8> {
    [vec![8], zigzag(n)].concat()
}

pub fn uint(n: u64) -> Vec<u8> {
    [vec![9], varint(n)].concat()
}

pub fn text(text: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = text.as_ref();
    [vec![2], zigzag(bytes.len() as i64), bytes.to_vec()].concat()
}

pub fn float(x: f64) -> Vec<u8> {
    let bits = x.to_bits();
    let ordered = if bits >> 63 == 0 { bits ^ (1 << 63) } else { !bits };
    [vec![5], ordered.to_be_bytes().to_vec()].concat()
}

pub const NULL: [u8; 1] = [0];

/// A column of an event: name, MySQL's type code and name, value, new value of an update.
pub type Cell<'a> = (&'a str, u8, &'a str, Vec<u8>, Option<Vec<u8>>);

pub fn event(table: &str, tp: i32, cells: &[Cell<'_>]) -> Event {
    let (schema, table) = table.split_once('.').unwrap();
    let column = |(name, code, mysql_type, value, changed): &Cell<'_>| Column {
        name: Some((*name).to_owned()),
        tp: Some(vec![*code].into()),
        mysql_type: Some((*mysql_type).to_owned()),
        value: Some(value.clone().into()),
        changed_value: changed.clone().map(Into::into),
    };
    let row = cells.iter().map(|c| column(c).encode_to_vec().into()).collect();
    Event { schema_name: Some(schema.into()), table_name: Some(table.into()), tp: Some(tp), row }
}

pub fn rows(ts: u64, events: &[Event]) -> Binlog {
    let data = DmlData { events: events.iter().map(|e| e.encode_to_vec().into()).collect() };
    Binlog { tp: Some(0), commit_ts: Some(ts as i64), dml_data: Some(data.encode_to_vec().into()), ddl_query: None }
}

pub fn ddl(ts: u64, query: &str) -> Binlog {
    let query = query.as_bytes().to_vec().into();
    Binlog { tp: Some(1), commit_ts: Some(ts as i64), dml_data: None, ddl_query: Some(query) }
}

/// CRC-32C bit by bit.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, b| {
        (0..8).fold(crc ^ u32::from(*b), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 })
    })
}

pub fn frame(binlog: &Binlog) -> Vec<u8> {
    let payload = binlog.encode_to_vec();
    let mut out = vec![4, 5, 0x1b, 0x1c];
    out.extend((payload.len() as u64).to_le_bytes());
    out.extend_from_slice(&payload);
    out.extend(crc32c(&payload).to_le_bytes());
    out
}

pub fn name(dir: &Path, index: u64) -> PathBuf {
    dir.join(format!("binlog-{index:016}-20261121113036"))
}

pub fn file(dir: &Path, index: u64, binlogs: &[Binlog]) {
    let bytes: Vec<u8> = binlogs.iter().flat_map(frame).collect();
    fs::write(name(dir, index), bytes).unwrap();
}

/// The frames of a file that is known to be whole.
pub fn frames(bytes: &[u8]) -> Vec<&[u8]> {
    let mut out = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let length = u64::from_le_bytes(rest[4..12].try_into().unwrap()) as usize + 16;
        out.push(&rest[..length]);
        rest = &rest[length..];
    }
    out
}

pub fn commit_ts(frame: &[u8]) -> u64 {
    Binlog::decode(&frame[12..frame.len() - 4]).unwrap().commit_ts.unwrap() as u64
}
