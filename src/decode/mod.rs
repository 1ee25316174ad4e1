//! From the bytes of a binlog to typed rows: every value checked against the definition that was valid when the
//! transaction was committed. Bad bytes give an error that names the commit ts, the table and the column.

#![warn(clippy::indexing_slicing)]

pub mod cursor;
pub mod datum;
pub mod decimal;
mod handle;
pub mod json;
pub mod row;
pub mod time;
pub mod value;

use std::slice::Iter;
use std::sync::Arc;

use anyhow::{Context, Error, Result, bail};
use bytes::Bytes;
use prost::Message;

use crate::error::Fault;
use crate::model::{CommitTs, RowChange, RowKind, Table};
use crate::source::binlog::{PrewriteValue, TableMutation};

/// How the rows of a table are to be read.
#[derive(Clone, Debug)]
pub enum Lookup {
    /// With this definition, the one that was valid when the transaction was committed.
    Read(Arc<Table>),
    /// Not at all: nobody wants them.
    Skip,
}

/// `TableMutation.sequence`: the next of the inserted rows (spec/tidb-binlog.md §3.1).
const INSERT: i32 = 0;
/// The next of the updated rows.
const UPDATE: i32 = 1;
/// The next of the deleted rows.
const DELETE_ROW: i32 = 4;

/// The row changes in `value`, a serialized [`PrewriteValue`], in its order: table by table in the order of their first
/// touch, and within a table as they happened.
///
/// `lookup(table_id, schema_version)` says how to read a table, or that nobody wants it: then its rows are not decoded.
///
/// # Errors
/// If `lookup` fails, or if the bytes are not what the format and the definition say.
pub fn rows(
    value: &Bytes,
    commit_ts: CommitTs,
    lookup: &mut dyn FnMut(i64, i64) -> Result<Lookup>,
) -> Result<Vec<RowChange>> {
    let prewrite = PrewriteValue::decode(value.clone()).map_err(|e| {
        let message = format!("cannot read the row data of the transaction committed at {}: {e}", commit_ts.explain());
        Error::new(Fault::refused(message).hint(DAMAGED))
    })?;
    let version = prewrite.schema_version.unwrap_or(0);
    let mut changes = Vec::new();
    for mutation in &prewrite.mutations {
        let Some(id) = mutation.table_id else {
            let message = format!("the transaction committed at {} changes a table without id", commit_ts.explain());
            bail!(Fault::refused(message).hint(DAMAGED));
        };
        let found = lookup(id, version).with_context(|| {
            format!("cannot read the rows of table id {id} in the transaction of commit ts {}", commit_ts.explain())
        })?;
        if let Lookup::Read(table) = found {
            table_rows(mutation, &table, &mut changes).map_err(|e| blame(e, commit_ts, &table))?;
        }
    }
    Ok(changes)
}

const DAMAGED: &str = "the message is damaged, or written by a TiDB newer than this program knows; nothing of it was \
                       applied. Keep a copy of the stream and report it";

/// `error` with the transaction and the table it belongs to.
fn blame(error: Error, commit_ts: CommitTs, table: &Table) -> Error {
    let message = format!(
        "cannot read a row of `{}`.`{}` (table id {}) committed at {}: {error:#}",
        table.schema,
        table.name,
        table.id,
        commit_ts.explain()
    );
    Error::new(Fault::refused(message).hint(
        "the row does not fit the table's definition at that time, so the definition or the row is not what this \
         program takes it for; nothing of the transaction was applied. Keep a copy of the stream and report it",
    ))
}

/// Walks `sequence`, which is the order of the changes, with one cursor for each of the three lists.
fn table_rows(mutation: &TableMutation, table: &Arc<Table>, changes: &mut Vec<RowChange>) -> Result<()> {
    let mut inserted = mutation.inserted_rows.iter();
    let mut updated = mutation.updated_rows.iter();
    let mut deleted = mutation.deleted_rows.iter();
    changes.reserve(mutation.sequence.len().min(inserted.len() + updated.len() + deleted.len()));
    for (n, code) in mutation.sequence.iter().enumerate() {
        let (what, kind) = match *code {
            INSERT => ("insert", next(&mut inserted).and_then(|bytes| row::insert(table, bytes)).map(RowKind::Insert)),
            UPDATE => ("update", next(&mut updated).and_then(|bytes| row::update(table, bytes))),
            DELETE_ROW => {
                ("delete", next(&mut deleted).and_then(|bytes| row::delete(table, bytes)).map(RowKind::Delete))
            }
            2 | 3 => bail!("change {} is of the obsolete kind {code}, which does not carry the row", n + 1),
            _ => bail!("change {} is of the unknown kind {code}", n + 1),
        };
        let kind = kind.with_context(|| format!("change {}, {what}", n + 1))?;
        changes.push(RowChange { table: Arc::clone(table), kind });
    }
    let left = inserted.len() + updated.len() + deleted.len();
    if left > 0 {
        bail!("{left} rows are left over behind the {} changes that the sequence lists", mutation.sequence.len());
    }
    Ok(())
}

fn next<'a>(list: &mut Iter<'a, Bytes>) -> Result<&'a Bytes> {
    list.next().context("the sequence lists more of them than there are rows")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Kind as FaultKind, fault};
    use crate::model::{Column, Generated, Handle, Kind, Value};

    const TS: CommitTs = CommitTs(470_616_376_687_198_209);

    fn table() -> Arc<Table> {
        let kind = Kind::Int { bytes: 8, unsigned: false };
        let (name, generated, missing) = ("id".to_owned(), Generated::No, Value::Null);
        Arc::new(Table {
            id: 7,
            schema: "db".into(),
            name: "t".into(),
            columns: vec![Column { id: 1, name, kind, nullable: true, generated, hidden: false, missing }],
            keys: Vec::new(),
            handle: Handle::RowId,
            foreign_keys: Vec::new(),
            partitions: Vec::new(),
            charset: "utf8mb4".into(),
            collation: "utf8mb4_bin".into(),
        })
    }

    /// One inserted row, one updated and one deleted, in the order that `sequence` says.
    fn message(sequence: &[i32]) -> Bytes {
        let mutation = TableMutation {
            table_id: Some(7),
            inserted_rows: vec![vec![8, 2, 8, 2, 8, 10].into()],
            updated_rows: vec![vec![8, 2, 8, 10, 8, 2, 8, 12].into()],
            deleted_rows: vec![vec![8, 2, 8, 12].into()],
            sequence: sequence.to_vec(),
        };
        PrewriteValue { schema_version: Some(9), mutations: vec![mutation] }.encode_to_vec().into()
    }

    fn read(value: &Bytes) -> Result<Vec<RowChange>> {
        rows(value, TS, &mut |id, version| {
            assert_eq!((id, version), (7, 9));
            Ok(Lookup::Read(table()))
        })
    }

    fn problem(value: &Bytes) -> String {
        let error = read(value).unwrap_err();
        let fault = fault(&error).expect("a fault that an operator can read");
        assert_eq!(fault.kind, FaultKind::Refused);
        assert!(!fault.hint.is_empty());
        format!("{error:#}")
    }

    #[test]
    fn the_sequence_is_the_order() {
        let int = |n| vec![Value::Int(n)];
        let found: Vec<RowKind> = read(&message(&[4, 0, 1])).unwrap().into_iter().map(|change| change.kind).collect();
        let expected = [RowKind::Delete(int(6)), RowKind::Insert(int(5)), RowKind::Update { old: int(5), new: int(6) }];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_packed_sequence_is_read_as_well() {
        // schema version 9; a mutation of table 7 with one inserted row and the sequence [0] in packed form.
        let packed = b"\x08\x09\x12\x0d\x08\x07\x12\x06\x08\x02\x08\x02\x08\x0a\x3a\x01\x00";
        assert_eq!(read(&Bytes::from_static(packed)).unwrap().len(), 1);
    }

    #[test]
    fn a_sequence_that_does_not_fit_is_refused() {
        for (sequence, expected) in [
            (&[0, 1][..], "1 rows are left over behind the 2 changes"),
            (&[0, 1, 4, 0], "change 4, insert: the sequence lists more of them than there are rows"),
            (&[0, 2], "change 2 is of the obsolete kind 2"),
            (&[5], "change 1 is of the unknown kind 5"),
        ] {
            let problem = problem(&message(sequence));
            assert!(problem.contains(expected), "{problem}");
            assert!(problem.contains("`db`.`t` (table id 7) committed at 470616376687198209 (2026-"), "{problem}");
        }
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let problem = problem(&Bytes::from_static(b"\x12\x7f"));
        assert!(problem.contains("committed at 470616376687198209 (2026-"), "{problem}");
        let nameless = PrewriteValue { schema_version: Some(9), mutations: vec![TableMutation::default()] };
        let error = read(&nameless.encode_to_vec().into()).unwrap_err();
        assert!(error.to_string().contains("a table without id"), "{error}");
    }

    #[test]
    fn a_failed_lookup_is_told_with_its_cause() {
        let error = rows(&message(&[]), TS, &mut |_, _| bail!("no such table")).unwrap_err();
        assert!(format!("{error:#}").ends_with("no such table"), "{error:#}");
    }
}
