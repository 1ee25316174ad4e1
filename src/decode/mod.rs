//! Decodes the bytes of a transaction into typed rows.
//!
//! Each value is checked against the definition that was valid when the transaction was committed.
//! Bad bytes give an error that names the commit ts, the table and the column.

#![warn(clippy::indexing_slicing)]

pub mod datum;
pub mod json;
mod large;
pub mod named;
mod once;
mod prewrite;
pub mod row;
pub mod value;

use std::sync::Arc;

use anyhow::{Context, Error, Result, bail};
use bytes::Bytes;

use self::once::Once;
use self::prewrite::{Action, Mutation, Prewrite};
use crate::error::Fault;
use crate::model::{CommitTs, RowChange, RowKind, Table};

pub use large::LargeTxn;

/// How the rows of a table are to be read.
#[derive(Clone, Debug)]
pub enum Lookup {
    /// With this definition, the one that was valid when the transaction was committed.
    Read(Arc<Table>),
    /// As `Read`, but only changes of some kinds are wanted; the others are left out and counted.
    Some(Arc<Table>, Kinds),
    /// As the inner value says, but each change may occur twice.
    Twice(Box<Self>, Writes),
    /// Not at all: the operator left the table out; its changes are counted.
    LeaveOut,
    /// Not at all, and not counted: the changes do not concern this link.
    Skip,
}

/// How often a transaction holds each change of a table's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writes {
    /// Once, as far as is known.
    Once,
    /// Twice, because the table's partitions are being reorganised.
    Twice,
    /// Twice; and TiDB has copied the rows to the new partitions since. So a row without a key that
    /// got an id in each partition is there twice.
    TwiceAndCopied,
}

/// The kinds of row changes that are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds {
    /// New rows.
    pub insert: bool,
    /// Changed rows.
    pub update: bool,
    /// Removed rows.
    pub delete: bool,
}

impl Kinds {
    /// All of them.
    pub const ALL: Self = Self { insert: true, update: true, delete: true };

    /// None of them.
    pub const NONE: Self = Self { insert: false, update: false, delete: false };

    const fn has(self, action: Action) -> bool {
        match action {
            Action::Insert => self.insert,
            Action::Update => self.update,
            Action::Delete => self.delete,
        }
    }
}

/// Numbers of row changes that were not decoded, because the operator does not want them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Of tables that are left out.
    pub tables: u64,
    /// Of a kind that is left out.
    pub kinds: u64,
}

/// The row changes in `value`, a serialized `binlog.PrewriteValue`, in its order: table by table in
/// the order in which the transaction touched them, and within a table as they happened.
///
/// `lookup(table_id, schema_version)` says how to read a table, or that it is not wanted: then its
/// rows are not decoded.
///
/// # Errors
/// If `lookup` fails, or if the bytes do not fit the format and the definition.
pub fn rows(
    value: &Bytes,
    commit_ts: CommitTs,
    lookup: &mut dyn FnMut(i64, i64) -> Result<Lookup>,
) -> Result<Vec<RowChange>> {
    Ok(wanted_rows(&TxnOutline::read(value, commit_ts)?, lookup)?.0)
}

/// As [`rows`], with the number of changes that the operator left out.
///
/// # Errors
/// As [`rows`].
pub fn wanted_rows(
    outline: &TxnOutline,
    lookup: &mut dyn FnMut(i64, i64) -> Result<Lookup>,
) -> Result<(Vec<RowChange>, LeftOut)> {
    let mut changes = Vec::new();
    let (value, commit_ts) = (&outline.value, outline.commit_ts);
    let (parts, left_out) = outline.parts(lookup)?;
    for mut part in parts {
        let most = part.wanted().min(part.mutation.rows_left());
        changes.reserve(usize::try_from(most).unwrap_or(0));
        while let Some(change) = part.next(value).map_err(|e| blame(e, commit_ts, &part.table))? {
            changes.push(change);
        }
    }
    Ok((changes, left_out))
}

/// The schema version of the session that wrote `value`, a serialized `binlog.PrewriteValue`; 0 if
/// it does not say.
///
/// # Errors
/// If `value` is damaged before that field.
pub fn schema_version(value: &[u8]) -> Result<i64> {
    prewrite::schema_version(value)
}

/// The ids of the tables whose rows are in `value`.
///
/// # Errors
/// If `value` is damaged.
pub fn tables(value: &[u8]) -> Result<Vec<i64>> {
    Ok(Prewrite::read(value)?.mutations.iter().filter_map(|m| m.table_id).collect())
}

/// The rows of one table that are wanted, with the definition that reads them.
#[derive(Clone)]
struct Part {
    table: Arc<Table>,
    kinds: Kinds,
    mutation: Mutation,
    writes: Writes,
    /// Removes second writes, if there may be any.
    once: Option<Once>,
}

impl Part {
    fn new(table: Arc<Table>, kinds: Kinds, mutation: Mutation, writes: Writes) -> Self {
        let may_repeat = (writes != Writes::Once || !table.partitions.is_empty()) && mutation.left() > 1;
        let once = may_repeat.then(|| Once::new(&table, writes));
        Self { table, kinds, mutation, writes, once }
    }

    /// The next change that is wanted; `None` after the last one.
    #[inline]
    fn next(&mut self, value: &Bytes) -> Result<Option<RowChange>> {
        match self.once.is_some() {
            false => change(&mut self.mutation, value, &self.table, self.kinds).map(|c| c.map(|(change, _)| change)),
            true => self.next_once(value),
        }
    }

    /// A copy of this part, at its beginning.
    fn again(&self) -> Self {
        Self::new(Arc::clone(&self.table), self.kinds, self.mutation.clone(), self.writes)
    }

    /// Skips the next change, decoded only if necessary. Returns whether it is wanted; `None` after
    /// the last one.
    fn pass_over(&mut self, value: &Bytes) -> Result<Option<bool>> {
        match self.once.is_some() {
            false => Ok(self.mutation.next(value)?.map(|(action, _)| self.kinds.has(action))),
            true => Ok(self.next_once(value)?.map(|_| true)),
        }
    }

    fn next_once(&mut self, value: &Bytes) -> Result<Option<RowChange>> {
        let Some(once) = &mut self.once else { return Ok(None) };
        loop {
            while let Some(change) = once.next() {
                if self.kinds.has(Action::of(&change.kind)) {
                    return Ok(Some(change));
                }
            }
            match change(&mut self.mutation, value, &self.table, Kinds::ALL)? {
                Some((change, row)) => {
                    let id = row::row_id(&self.table, &change.kind, row)?;
                    once.take(change, id);
                }
                None if once.end() => {}
                None => return Ok(None),
            }
        }
    }

    /// The number of row changes that are wanted, if the sequence is right.
    fn wanted(&self) -> u64 {
        if self.kinds == Kinds::ALL { self.mutation.left() } else { self.mutation.left_of(self.kinds) }
    }
}

/// Where the rows of a transaction are in its bytes. All of these have been walked once, so that
/// whatever reads rows afterwards (the loopback filter, the decoder) need not find them again.
#[derive(Clone, Debug)]
pub struct TxnOutline {
    commit_ts: CommitTs,
    value: Bytes,
    prewrite: Prewrite,
}

impl TxnOutline {
    /// Walks `value`, a serialized `binlog.PrewriteValue`.
    ///
    /// # Errors
    /// If the bytes are not such a message. An error within a row shows when that row is read.
    pub fn read(value: &Bytes, commit_ts: CommitTs) -> Result<Self> {
        let prewrite = Prewrite::read(value).map_err(|e| {
            let message =
                format!("cannot read the row data of the transaction committed at {}: {e:#}", commit_ts.explain());
            Error::new(Fault::refused(message).hint(DAMAGED))
        })?;
        Ok(Self { commit_ts, value: value.clone(), prewrite })
    }

    /// When the transaction took effect.
    #[must_use]
    pub fn commit_ts(&self) -> CommitTs {
        self.commit_ts
    }

    /// The size of the transaction in bytes, undecoded.
    #[must_use]
    pub fn raw_size(&self) -> usize {
        self.value.len()
    }

    /// Looks up the definition of each table, once each.
    fn parts(&self, lookup: &mut dyn FnMut(i64, i64) -> Result<Lookup>) -> Result<(Vec<Part>, LeftOut)> {
        let commit_ts = self.commit_ts;
        let mut parts = Vec::with_capacity(self.prewrite.mutations.len());
        let mut left_out = LeftOut::default();
        for mutation in &self.prewrite.mutations {
            let Some(id) = mutation.table_id else {
                let message =
                    format!("the transaction committed at {} changes a table without an id", commit_ts.explain());
                bail!(Fault::refused(message).hint(DAMAGED));
            };
            let found = lookup(id, self.prewrite.schema_version).with_context(|| {
                format!("cannot read the rows of table id {id} in the transaction of commit ts {}", commit_ts.explain())
            })?;
            let (found, writes) =
                if let Lookup::Twice(found, writes) = found { (*found, writes) } else { (found, Writes::Once) };
            match found {
                Lookup::Read(table) => parts.push(Part::new(table, Kinds::ALL, mutation.clone(), writes)),
                Lookup::Some(table, kinds) => {
                    let part = Part::new(table, kinds, mutation.clone(), writes);
                    left_out.kinds += part.mutation.left().saturating_sub(part.wanted());
                    parts.push(part);
                }
                Lookup::LeaveOut => left_out.tables += mutation.left(),
                Lookup::Skip | Lookup::Twice(..) => {}
            }
        }
        Ok((parts, left_out))
    }
}

/// The next change of these `kinds` in `mutation`, and its bytes; `None` after the last one. Others
/// are skipped undecoded.
#[inline]
fn change<'a>(
    mutation: &mut Mutation,
    value: &'a Bytes,
    table: &Arc<Table>,
    kinds: Kinds,
) -> Result<Option<(RowChange, &'a [u8])>> {
    let (action, row) = loop {
        match mutation.next(value)? {
            Some((action, _)) if !kinds.has(action) => {}
            Some(found) => break found,
            None => return Ok(None),
        }
    };
    let kind = match action {
        Action::Insert => row::insert_from(table, row, value).map(RowKind::Insert),
        Action::Update => row::update_from(table, row, value),
        Action::Delete => row::delete_from(table, row, value).map(RowKind::Delete),
    };
    match kind {
        Ok(kind) => Ok(Some((RowChange { table: Arc::clone(table), kind }, row))),
        Err(error) => Err(error.context(format!("change {}, {action}", mutation.given()))),
    }
}

const DAMAGED: &str = "the message is damaged, or was written by a newer TiDB than this version of tisync supports; \
    nothing of it was applied. Keep a copy of the stream and report it";

/// `error` with the transaction and the table that it belongs to.
fn blame(error: Error, commit_ts: CommitTs, table: &Table) -> Error {
    let message = format!(
        "cannot read a row of `{}`.`{}` (table id {}) committed at {}: {error:#}",
        table.schema,
        table.name,
        table.id,
        commit_ts.explain()
    );
    Error::new(Fault::refused(message).hint(
        "the row does not fit the table's definition at that time, so tisync misreads one of the two; nothing of the \
         transaction was applied. Keep a copy of the stream and report it",
    ))
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;
    use crate::error::{Kind as FaultKind, fault};
    use crate::model::{Column, Generated, Handle, Kind, Value};
    use crate::source::binlog::{PrewriteValue, TableMutation};

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
            details: None,
        })
    }

    /// One inserted row, one updated and one deleted, in the order of `sequence`.
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
        // schema version 9; a mutation of table 7 with one inserted row and the sequence [0] in
        // packed form.
        let packed = b"\x08\x09\x12\x0d\x08\x07\x12\x06\x08\x02\x08\x02\x08\x0a\x3a\x01\x00";
        assert_eq!(read(&Bytes::from_static(packed)).unwrap().len(), 1);
    }

    #[test]
    fn a_sequence_that_does_not_fit_is_refused() {
        for (sequence, expected) in [
            (&[0, 1][..], "1 rows are left over after the 2 changes"),
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
        assert!(error.to_string().contains("a table without an id"), "{error}");
    }

    #[test]
    fn a_failed_lookup_is_told_with_its_cause() {
        let error = rows(&message(&[]), TS, &mut |_, _| bail!("no such table")).unwrap_err();
        assert!(format!("{error:#}").ends_with("no such table"), "{error:#}");
    }
}
