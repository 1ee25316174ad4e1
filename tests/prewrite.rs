//! Row data is walked in place, not by the protobuf library: this holds the walk against the library, on messages as TiDB
//! writes them and on damaged ones; and a transaction that is read row by row against one that is read at once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test: it fails loudly")]
#![allow(clippy::cast_possible_truncation, reason = "small numbers of a test, and the low bits of others")]

use std::sync::Arc;

use anyhow::Result;
use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use prost::Message;
use tisync::decode::{Kinds, LargeTxn, LeftOut, Lookup, TxnOutline, rows, wanted_rows};
use tisync::error::fault;
use tisync::model::{Column, CommitTs, Generated, Handle, Kind, LargeRows, RowChange, RowKind, Table, Value};
use tisync::playground::encode;
use tisync::source::binlog::{PrewriteValue, TableMutation};

const TS: CommitTs = CommitTs(470_616_376_687_198_209);

/// `id` BIGINT with the key as handle, `a` text; the id is the table's own.
fn table(id: i64) -> Arc<Table> {
    let column = |id, name: &str, kind| Column {
        id,
        name: name.to_owned(),
        kind,
        nullable: true,
        generated: Generated::No,
        hidden: false,
        missing: Value::Null,
    };
    Arc::new(Table {
        id,
        schema: "db".into(),
        name: format!("t{id}"),
        columns: vec![
            column(1, "id", Kind::Int { bytes: 8, unsigned: false }),
            column(2, "a", Kind::Text { charset: "utf8mb4".into(), collation: "utf8mb4_bin".into() }),
        ],
        keys: Vec::new(),
        handle: Handle::Int(0),
        foreign_keys: Vec::new(),
        partitions: Vec::new(),
        charset: "utf8mb4".into(),
        collation: "utf8mb4_bin".into(),
        details: None,
    })
}

/// Table 3 is one that nobody wants.
fn lookup(id: i64, _: i64) -> Result<Lookup> {
    Ok(if id == 3 { Lookup::Skip } else { Lookup::Read(table(id)) })
}

fn row() -> impl Strategy<Value = Vec<Value>> {
    (any::<i64>(), ".{0,12}").prop_map(|(id, text)| vec![Value::Int(id), Value::Bytes(text.into_bytes().into())])
}

fn change() -> impl Strategy<Value = RowKind> {
    prop_oneof![
        row().prop_map(RowKind::Insert),
        (row(), row()).prop_map(|(old, new)| RowKind::Update { old, new }),
        row().prop_map(RowKind::Delete),
    ]
}

/// What a transaction changes, table by table, and its message.
#[derive(Clone, Debug)]
struct Story {
    tables: Vec<(i64, Vec<RowKind>)>,
    version: i64,
}

impl Story {
    fn message(&self) -> PrewriteValue {
        let mutations = self.tables.iter().map(|(id, changes)| {
            let mut mutation = TableMutation { table_id: Some(*id), ..TableMutation::default() };
            let table = table(*id);
            for change in changes {
                match change {
                    RowKind::Insert(new) => {
                        mutation.inserted_rows.push(encode::row::insert(&table, new, 17).unwrap().into());
                        mutation.sequence.push(0);
                    }
                    RowKind::Update { old, new } => {
                        mutation.updated_rows.push(encode::row::update(&table, old, new, 17).unwrap().into());
                        mutation.sequence.push(1);
                    }
                    RowKind::Delete(old) => {
                        mutation.deleted_rows.push(encode::row::delete(&table, old, 17).unwrap().into());
                        mutation.sequence.push(4);
                    }
                }
            }
            mutation
        });
        PrewriteValue { schema_version: Some(self.version), mutations: mutations.collect() }
    }

    /// What the decoder has to give.
    fn wanted(&self) -> Vec<(i64, RowKind)> {
        let wanted = self.tables.iter().filter(|(id, _)| *id != 3);
        wanted.flat_map(|(id, changes)| changes.iter().map(|c| (*id, c.clone()))).collect()
    }
}

fn story() -> impl Strategy<Value = Story> {
    let tables = vec((1..6_i64, vec(change(), 0..7)), 0..4);
    (tables, any::<i64>()).prop_map(|(tables, version)| Story { tables, version })
}

/// Protobuf's own encoding of a number.
fn varint(mut n: u64, out: &mut Vec<u8>) {
    while n >= 0x80 {
        out.push((n & 0x7f) as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

fn delimited(number: u64, bytes: &[u8], out: &mut Vec<u8>) {
    varint(number << 3 | 2, out);
    varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// The same message with its fields in another order, runs of the sequence packed, and unknown fields in between.
fn reordered(message: &PrewriteValue, choices: &[u8]) -> Bytes {
    let mut choices = choices.iter().copied().cycle();
    let mut choose = |n: u8| choices.next().unwrap_or(0) % n;
    let mut out = Vec::new();
    for mutation in &message.mutations {
        let mut inner = Vec::new();
        let (mut inserted, mut updated, mut deleted) =
            (mutation.inserted_rows.iter(), mutation.updated_rows.iter(), mutation.deleted_rows.iter());
        let mut sequence = mutation.sequence.as_slice();
        let mut id = mutation.table_id;
        for step in (0..=u8::MAX).cycle() {
            // In turn once the choices had their say, so that it comes to an end.
            match if step < 200 { choose(8) } else { step % 8 } {
                0 => inserted.next().into_iter().for_each(|b| delimited(2, b, &mut inner)),
                1 => updated.next().into_iter().for_each(|b| delimited(3, b, &mut inner)),
                2 => deleted.next().into_iter().for_each(|b| delimited(6, b, &mut inner)),
                3 => {
                    if let Some((first, rest)) = sequence.split_first() {
                        varint(7 << 3, &mut inner);
                        varint(*first as u64, &mut inner);
                        sequence = rest;
                    }
                }
                4 => {
                    let (run, rest) = sequence.split_at(sequence.len().min(usize::from(choose(4))));
                    let mut packed = Vec::new();
                    run.iter().for_each(|n| varint(*n as u64, &mut packed));
                    delimited(7, &packed, &mut inner);
                    sequence = rest;
                }
                5 => inner.extend([9 << 3 | 3, 10 << 3, 5, 11 << 3 | 1, 1, 2, 3, 4, 5, 6, 7, 8, 9 << 3 | 4]),
                6 => inner.extend([0x7d, 1, 2, 3, 4]),
                _ => {
                    if let Some(id) = id.take() {
                        varint(1 << 3, &mut inner);
                        varint(id as u64, &mut inner);
                    }
                }
            }
            let done = inserted.len() + updated.len() + deleted.len() + sequence.len() == 0 && id.is_none();
            if done {
                break;
            }
        }
        delimited(2, &inner, &mut out);
    }
    varint(1 << 3, &mut out);
    varint(message.schema_version.unwrap_or(0) as u64, &mut out);
    out.into()
}

fn plain(changes: Vec<RowChange>) -> Vec<(i64, RowKind)> {
    changes.into_iter().map(|c| (c.table.id, c.kind)).collect()
}

fn large(value: &Bytes) -> Result<LargeTxn> {
    LargeTxn::open(&TxnOutline::read(value, TS)?, &mut lookup)
}

fn said<T>(result: Result<T>) -> Result<T, String> {
    result.map_err(|e| {
        assert!(fault(&e).is_some(), "an error without a hint: {e:#}");
        format!("{e:#}")
    })
}

proptest! {
    #[test]
    fn what_tidb_writes_is_read_as_it_is(story in story()) {
        let value = Bytes::from(story.message().encode_to_vec());
        let mut versions = Vec::new();
        let read = rows(&value, TS, &mut |id, version| {
            versions.push(version);
            lookup(id, version)
        });
        prop_assert_eq!(plain(read.unwrap()), story.wanted());
        prop_assert_eq!(versions, vec![story.version; story.tables.len()]);
    }

    #[test]
    fn the_order_of_fields_does_not_matter(story in story(), choices in vec(any::<u8>(), 60..300)) {
        // Every kind of step comes again and again, so that the message is written to its end.
        let choices: Vec<u8> = choices.into_iter().chain(0..8).chain([3, 7, 0, 1, 2]).collect();
        let value = reordered(&story.message(), &choices);
        // The library reads the same out of it.
        let library = PrewriteValue::decode(value.clone()).unwrap();
        prop_assert_eq!(library, story.message());
        prop_assert_eq!(plain(rows(&value, TS, &mut lookup).unwrap()), story.wanted());
        prop_assert_eq!(plain(large(&value).unwrap().collect::<Result<_>>().unwrap()), story.wanted());
    }

    /// The walk refuses what the library refuses, and nothing else; row by row gives the same rows and the same error.
    #[test]
    fn damage_is_refused_as_by_the_library(
        story in story(),
        choices in vec(any::<u8>(), 60..200),
        hurt in vec((any::<Index>(), any::<u8>()), 0..4),
        cut in any::<Index>(),
        shorten in any::<bool>(),
    ) {
        let choices: Vec<u8> = choices.into_iter().chain(0..8).collect();
        let mut bytes = reordered(&story.message(), &choices).to_vec();
        for (at, byte) in hurt {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if shorten {
            bytes.truncate(cut.index(bytes.len()));
        }
        let value = Bytes::from(bytes);
        let library = PrewriteValue::decode(value.clone());
        let at_once = said(rows(&value, TS, &mut lookup));
        match &at_once {
            Err(why) if why.starts_with("cannot read the row data") => prop_assert!(library.is_err(), "{why}"),
            _ => prop_assert!(library.is_ok(), "{:?}", library),
        }
        let by_row = said(large(&value).and_then(|l| l.collect::<Result<Vec<_>>>()));
        prop_assert_eq!(by_row.map(plain), at_once.map(plain));
    }

    #[test]
    fn any_bytes_are_rows_or_an_error(bytes in vec(any::<u8>(), 0..80)) {
        let value = Bytes::from(bytes);
        prop_assert_eq!(PrewriteValue::decode(value.clone()).is_ok(), {
            let why = said(rows(&value, TS, &mut lookup)).err().unwrap_or_default();
            !why.starts_with("cannot read the row data")
        });
    }

    /// Table 2 is left out, of table 1 some kinds are: their rows are counted, and never decoded, for they hold no rows at all.
    #[test]
    fn what_is_left_out_is_counted_and_never_decoded(
        story in story(), insert in any::<bool>(), update in any::<bool>(), delete in any::<bool>(), pass in 0..20_u64
    ) {
        let kinds = Kinds { insert, update, delete };
        let mut lookup = |id, version| Ok(match id {
            1 => Lookup::Some(table(1), kinds),
            2 => Lookup::LeaveOut,
            _ => lookup(id, version)?,
        });
        let mut message = story.message();
        let junk = |rows: &mut Vec<Bytes>| rows.iter_mut().for_each(|row| *row = Bytes::from_static(b"\xff"));
        for mutation in &mut message.mutations {
            let id = mutation.table_id.unwrap();
            for (wanted, rows) in [
                (insert, &mut mutation.inserted_rows), (update, &mut mutation.updated_rows), (delete, &mut mutation.deleted_rows)
            ] {
                if id == 2 || id == 3 || (id == 1 && !wanted) {
                    junk(rows);
                }
            }
        }
        let value = Bytes::from(message.encode_to_vec());
        let kept = |id: i64, kind: &RowKind| id != 2 && (id != 1 || match kind {
            RowKind::Insert(_) => insert,
            RowKind::Update { .. } => update,
            RowKind::Delete(_) => delete,
        });
        let wanted: Vec<_> = story.wanted().into_iter().filter(|(id, kind)| kept(*id, kind)).collect();
        let all = |id: i64| story.wanted().iter().filter(|(of, _)| *of == id).count() as u64;
        let of_one = wanted.iter().filter(|(of, _)| *of == 1).count() as u64;
        let expected = LeftOut { tables: all(2), kinds: all(1) - of_one };
        let (changes, left_out) = wanted_rows(&TxnOutline::read(&value, TS).unwrap(), &mut lookup).unwrap();
        prop_assert_eq!((plain(changes), left_out), (wanted.clone(), expected));

        let mut txn = LargeTxn::open(&TxnOutline::read(&value, TS).unwrap(), &mut lookup).unwrap();
        prop_assert_eq!((txn.row_count(), txn.left_out()), (wanted.len() as u64, expected));
        prop_assert!(txn.tables().all(|(_, rows)| rows > 0));
        let passed = txn.pass_over(pass).unwrap();
        prop_assert_eq!(passed, pass.min(wanted.len() as u64));
        prop_assert_eq!(plain(txn.by_ref().collect::<Result<_>>().unwrap()), &wanted[passed as usize..]);
        prop_assert_eq!(txn.given(), wanted.len() as u64);
    }

    #[test]
    fn a_large_one_goes_back_and_forth(story in story(), pass in 0..30_u64, again in any::<bool>()) {
        let value = Bytes::from(story.message().encode_to_vec());
        let wanted = story.wanted();
        let mut txn = large(&value).unwrap();
        prop_assert_eq!((txn.row_count(), txn.raw_size(), txn.commit_ts()), (wanted.len() as u64, value.len(), TS));
        let count: u64 = txn.tables().map(|(_, rows)| rows).sum();
        prop_assert_eq!(count, txn.row_count());
        if again {
            txn.by_ref().take(3).for_each(drop);
            txn.rewind();
        }
        let passed = txn.pass_over(pass).unwrap();
        prop_assert_eq!(passed, pass.min(wanted.len() as u64));
        let other = txn.clone();
        let rest = &wanted[passed as usize..];
        prop_assert_eq!(plain(txn.by_ref().collect::<Result<_>>().unwrap()), rest);
        prop_assert_eq!((txn.given(), txn.next().is_none()), (wanted.len() as u64, true));
        prop_assert_eq!(plain(other.collect::<Result<_>>().unwrap()), rest);
    }
}

#[test]
fn an_error_is_the_last_item() {
    let mut mutation = TableMutation { table_id: Some(1), ..TableMutation::default() };
    mutation.deleted_rows = vec![vec![8, 2, 8, 2].into(), vec![8].into(), vec![8, 2, 8, 6].into()];
    mutation.sequence = vec![4, 4, 4];
    let value = PrewriteValue { schema_version: Some(1), mutations: vec![mutation] }.encode_to_vec().into();
    let mut txn = large(&value).unwrap();
    assert!(txn.next().unwrap().is_ok());
    let error = txn.next().unwrap().unwrap_err();
    assert!(error.to_string().contains("`db`.`t1` (table id 1) committed at 470616376687198209"), "{error}");
    assert!(error.to_string().contains("change 2, delete"), "{error}");
    assert!(txn.next().is_none());
    assert_eq!(txn.pass_over(1).unwrap(), 0);
    txn.rewind();
    assert_eq!((txn.given(), txn.pass_over(9).unwrap()), (0, 3));
}
