//! What comes from Pumps, and from files in their place.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use jiff::tz::TimeZone;
use prost::Message;
use tempfile::TempDir;
use tisync::decode::named::{Column, DmlData, Event, Names};
use tisync::decode::{Kinds, LargeTxn, Lookup, TxnOutline, Writes, json, rows as read_rows, tables as ids};
use tisync::model::{Body, CommitTs, Definition, Pulled, RawTxn};
use tisync::playground::encode;
use tisync::source::pb::frames::{Binlog, read_message as read_named};
use tisync::source::pb::frames::{Frames as PbFrames, Next, frame};
use tisync::source::recording::Frames;
use tisync::source::{read, write};

use crate::rows;
use crate::targets::Target;

const TS: CommitTs = CommitTs(470_616_376_687_198_209);

pub fn targets() -> Vec<Target> {
    let target = |name, seeds, read, share| Target { name, seeds, words: &[], read, share };
    vec![
        target("message", messages, message, 150),
        target("rows", rows::prewrites, prewrite, 250),
        target("json", documents, document, 60),
        target("drainer-message", named, named_message, 120),
        target("drainer-file", named_files, named_file, 20),
        target("recording", recordings, recording, 20),
    ]
}

/// A `Binlog` of a Pump, and the rows in it.
fn message(input: &[u8]) {
    if let Ok(Pulled::Txn(RawTxn { body: Body::Rows(value), .. })) = read(Bytes::copy_from_slice(input)) {
        prewrite(&value);
    }
}

fn messages() -> Vec<Vec<u8>> {
    let txn = |body| write(&Pulled::Txn(RawTxn { commit_ts: TS, start_ts: CommitTs(TS.0 - 5), body })).encode_to_vec();
    let query = Bytes::from_static(b"ALTER TABLE `db`.`t1` ADD COLUMN `x` INT");
    let ddl = Body::Ddl { job_id: 77, query, schema_state: 5 };
    let fake = write(&Pulled::Resolved(TS)).encode_to_vec();
    let with_rows = rows::prewrites().into_iter().map(|value| txn(Body::Rows(value.into())));
    with_rows.chain([txn(ddl), fake]).collect()
}

/// The rows of a transaction, at once, row by row, and as while partitions are reorganised.
fn prewrite(input: &[u8]) {
    let tables = rows::tables();
    let find = |id: i64| tables.iter().find(|t| t.id == id).cloned();
    let value = Bytes::copy_from_slice(input);
    let _ = ids(&value);
    let once = read_rows(&value, TS, &mut |id, _| Ok(find(id).map_or(Lookup::Skip, Lookup::Read)));
    let mut lookup = |id: i64, _| Ok(find(id).map_or(Lookup::Skip, Lookup::Read));
    let large = TxnOutline::read(&value, TS).and_then(|outline| LargeTxn::open(&outline, &mut lookup));
    if let Ok(rows) = large {
        // What is read at once ends at the first row that cannot be read; so does this.
        let count = rows.take_while(Result::is_ok).count();
        assert!(once.is_err() || once.is_ok_and(|all| all.len() == count), "read at once there are other rows");
    }
    for writes in [Writes::Twice, Writes::TwiceAndCopied] {
        let lookup = |id| find(id).map_or(Lookup::Skip, |t| Lookup::Twice(Box::new(Lookup::Read(t)), writes));
        let _ = read_rows(&value, TS, &mut |id, _| Ok(lookup(id)));
    }
}

fn document(input: &[u8]) {
    let _ = json::length(input);
    let _ = json::text(input);
}

fn documents() -> Vec<Vec<u8>> {
    [
        r#"{"a": [1, -2.5, "x", null, true, false], "b": {"c": {"d": {}}}}"#,
        "[[[[[[1]]]]]]",
        r#""text""#,
        "18446744073709551615",
    ]
    .iter()
    .map(|text| encode::document(text.as_bytes()).expect("a document"))
    .collect()
}

/// A message of Drainer's files, and the rows in it.
fn named_message(input: &[u8]) {
    let Ok(RawTxn { body: Body::Named { events, zone }, .. }) =
        read_named(Bytes::copy_from_slice(input), &TimeZone::UTC)
    else {
        return;
    };
    let tables = rows::tables();
    let mut find = |_: &str, name: &str| {
        let known = tables.iter().find(|t| t.name == name);
        Ok(known.map_or(Definition::Missing, |t| Definition::Table(Arc::clone(t))))
    };
    let _ = Names::default().rows((&events, &zone, TS), &|_, _| Kinds::ALL, &mut find);
}

fn named() -> Vec<Vec<u8>> {
    // Codes of MySQL's types with a datum for each.
    let text = |text: &[u8]| [&[2, u8::try_from(text.len() * 2).expect("short")], text].concat();
    let values: [(u8, &str, Vec<u8>); 8] = [
        (8, "bigint", vec![8, 84]),
        (8, "bigint", vec![9, 200, 1]),
        (1, "tinyint", vec![8, 2]),
        (13, "year", vec![8, 0xe4, 0x1f]),
        (246, "decimal", [&[6, 30, 10], &[0x80; 14][..]].concat()),
        (12, "datetime", text(b"2024-02-29 23:59:58.123456")),
        (254, "char", text("Ä key".as_bytes())),
        (252, "text", text(b"long")),
    ];
    let event = |tp, table: &str| {
        let column = |(at, (code, name, value)): (usize, &(u8, &str, Vec<u8>))| Column {
            name: Some(format!("c{}", at + 1)),
            tp: Some(vec![*code].into()),
            mysql_type: Some((*name).to_owned()),
            value: Some(value.clone().into()),
            changed_value: (tp == 1).then(|| value.clone().into()),
        };
        let row = values.iter().enumerate().map(|cell| column(cell).encode_to_vec().into()).collect();
        Event { schema_name: Some("db".to_owned()), table_name: Some(table.to_owned()), tp: Some(tp), row }
    };
    let rows = |events: Vec<Event>| {
        let data = DmlData { events: events.iter().map(|e| e.encode_to_vec().into()).collect() };
        Binlog {
            tp: Some(0),
            commit_ts: Some(TS.to_wire()),
            dml_data: Some(data.encode_to_vec().into()),
            ddl_query: None,
        }
    };
    let query = Some(Bytes::from_static(b"use db; create table t1 (id int)"));
    let ddl = Binlog { tp: Some(1), commit_ts: Some(TS.to_wire()), dml_data: None, ddl_query: query };
    [rows(vec![event(0, "t1")]), rows(vec![event(1, "t2"), event(2, "t3")]), ddl]
        .iter()
        .map(Message::encode_to_vec)
        .collect()
}

/// A file of this content, read to its end by `take`, which says whether there may be more.
fn file(input: &[u8], name: &str, take: &mut dyn FnMut(&PathBuf)) {
    thread_local! {
        static FOLDER: TempDir = tempfile::tempdir().expect("a folder");
    }
    FOLDER.with(|folder| {
        let path = folder.path().join(name);
        std::fs::write(&path, input).expect("the file");
        take(&path);
    });
}

fn named_file(input: &[u8]) {
    file(input, "binlog-0000000000000000-20261121113036", &mut |path| {
        let Ok(mut frames) = PbFrames::open(path) else { return };
        while let Ok(Next::Payload(payload)) = frames.read() {
            named_message(&payload);
        }
    });
}

fn named_files() -> Vec<Vec<u8>> {
    let frames: Vec<u8> = named().iter().flat_map(|message| frame(message)).collect();
    let packed = zstd::encode_all(frames.as_slice(), 3).expect("packed");
    vec![frames, packed]
}

fn recording(input: &[u8]) {
    for name in ["binlogs.bin", "binlogs.bin.zst"] {
        file(input, name, &mut |path| {
            let Ok(frames) = Frames::open(path) else { return };
            frames.take_while(Result::is_ok).flatten().for_each(|frame| message(&frame.payload));
        });
    }
}

fn recordings() -> Vec<Vec<u8>> {
    let length = |m: &[u8]| u32::try_from(m.len()).expect("short").to_be_bytes();
    let frames: Vec<u8> = messages().iter().flat_map(|m| [&length(m)[..], m].concat()).collect();
    let packed = zstd::encode_all(frames.as_slice(), 3).expect("packed");
    vec![frames, packed]
}
