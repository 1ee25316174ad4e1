//! Reads `binlog.PrewriteValue` in place (docs/protocol/tidb-binlog.md §3.1).
//!
//! Neither the rows nor a list of them are copied, so a transaction of millions of rows takes no
//! more memory than its bytes. It accepts what a protobuf library accepts; `tests/prewrite.rs`
//! compares the two.

use std::fmt;

use anyhow::{Result, bail, ensure};

use super::Kinds;
use super::datum::Cursor;
use crate::model::RowKind;

/// Limit of nested groups in an unknown field.
const MAX_DEPTH: usize = 99;

/// Limit of tables in a transaction. A table takes a hundred times as many bytes here as an empty
/// one in the message.
const MAX_TABLES: usize = 1 << 16;

/// The outline of a `PrewriteValue`. All of it has been walked once: its fields are where they must
/// be.
#[derive(Clone, Debug)]
pub(super) struct Prewrite {
    /// Schema version that the writing session used.
    pub schema_version: i64,
    /// One for each table, in the order in which the transaction touched them.
    pub mutations: Vec<Mutation>,
}

impl Prewrite {
    /// Walks the whole of `value`.
    pub fn read(value: &[u8]) -> Result<Self> {
        let mut outline = Self { schema_version: 0, mutations: Vec::new() };
        let mut from = Cursor::new(value);
        while !from.is_empty() {
            match field(&mut from)? {
                (1, Field::Number(n)) => outline.schema_version = n.cast_signed(),
                (2, Field::Bytes(bytes)) => {
                    let end = value.len() - from.rest().len();
                    ensure!(outline.mutations.len() < MAX_TABLES, "it has changes of more than {MAX_TABLES} tables");
                    outline.mutations.push(Mutation::read(bytes, end)?);
                }
                (number @ 1..=2, _) => bail!("field {number} is of the wrong type"),
                _ => {}
            }
        }
        Ok(outline)
    }
}

/// The schema version of `value`, which is read no further than that field; 0 if it has none.
pub(super) fn schema_version(value: &[u8]) -> Result<i64> {
    let mut from = Cursor::new(value);
    while !from.is_empty() {
        if let (1, Field::Number(version)) = field(&mut from)? {
            return Ok(version.cast_signed());
        }
    }
    Ok(0)
}

/// The rows of one table, and how far they have been read.
#[derive(Clone, Debug)]
pub(super) struct Mutation {
    /// The logical table id.
    pub table_id: Option<i64>,
    inserted: List,
    updated: List,
    deleted: List,
    sequence: Sequence,
    /// Changes read so far.
    given: u64,
}

/// One of the lists of rows: where in the value to look for its next item, and how many are left.
#[derive(Clone, Copy, Debug)]
struct List {
    number: u32,
    at: usize,
    left: u64,
    /// The sum over all its items.
    bytes: u64,
}

/// The order of the changes: single numbers, or runs of them.
#[derive(Clone, Copy, Debug)]
struct Sequence {
    at: usize,
    /// The rest of the current run, as a range in the value.
    run: (usize, usize),
    left: u64,
}

/// The kind of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Insert,
    Update,
    Delete,
}

impl Action {
    pub fn of(kind: &RowKind) -> Self {
        match kind {
            RowKind::Insert(_) => Self::Insert,
            RowKind::Update { .. } => Self::Update,
            RowKind::Delete(_) => Self::Delete,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
        })
    }
}

/// Field number of `sequence`.
const SEQUENCE: u32 = 7;

impl Mutation {
    /// Walks `bytes`, which end at `end` in the value.
    fn read(bytes: &[u8], end: usize) -> Result<Self> {
        let list = |number| List { number, at: 0, left: 0, bytes: 0 };
        let (mut table_id, mut lists) = (None, [list(2), list(3), list(6)]);
        let mut sequence = Sequence { at: 0, run: (0, 0), left: 0 };
        let mut from = Cursor::new(bytes);
        while !from.is_empty() {
            let at = end - from.rest().len();
            match field(&mut from)? {
                (1, Field::Number(n)) => table_id = Some(n.cast_signed()),
                (number @ (2 | 3 | 6), Field::Bytes(row)) => {
                    for list in lists.iter_mut().filter(|l| l.number == number) {
                        list.count(at, row);
                    }
                }
                (SEQUENCE, Field::Number(_)) => sequence.count(at, 1),
                (SEQUENCE, Field::Bytes(run)) => sequence.count(at, numbers(run)?),
                (number @ (1..=3 | 6 | SEQUENCE), _) => bail!("field {number} of a table is of the wrong type"),
                _ => {}
            }
        }
        let [inserted, updated, deleted] = lists;
        Ok(Self { table_id, inserted, updated, deleted, sequence, given: 0 })
    }

    /// Changes that are left, if the sequence is right.
    pub fn left(&self) -> u64 {
        self.sequence.left
    }

    /// Rows that are left, whatever the sequence says.
    pub fn rows_left(&self) -> u64 {
        self.inserted.left + self.updated.left + self.deleted.left
    }

    /// Rows of some kinds that are left.
    pub fn left_of(&self, kinds: Kinds) -> u64 {
        let of = |wanted: bool, list: &List| if wanted { list.left } else { 0 };
        of(kinds.insert, &self.inserted) + of(kinds.update, &self.updated) + of(kinds.delete, &self.deleted)
    }

    /// New rows that are left, and the bytes of all new rows.
    pub fn inserted(&self) -> (u64, u64) {
        (self.inserted.left, self.inserted.bytes)
    }

    /// Changes read so far, including the last one.
    pub fn given(&self) -> u64 {
        self.given
    }

    /// The next change and its row; `None` after the last one. `value` is what the outline was made
    /// from.
    #[inline]
    pub fn next<'a>(&mut self, value: &'a [u8]) -> Result<Option<(Action, &'a [u8])>> {
        let Some(code) = self.sequence.next(value)? else {
            let left = self.rows_left();
            ensure!(left == 0, "{left} rows are left over after the {} changes that the sequence lists", self.given);
            return Ok(None);
        };
        self.given += 1;
        let (action, list) = match code {
            0 => (Action::Insert, &mut self.inserted),
            1 => (Action::Update, &mut self.updated),
            4 => (Action::Delete, &mut self.deleted),
            2 | 3 => bail!("change {} is of the obsolete kind {code}, which does not carry the row", self.given),
            _ => bail!("change {} is of the unknown kind {code}", self.given),
        };
        match list.next(value)? {
            Some(row) => Ok(Some((action, row))),
            None => bail!("change {}, {action}: the sequence lists more of them than there are rows", self.given),
        }
    }
}

impl List {
    fn count(&mut self, at: usize, row: &[u8]) {
        if self.left == 0 {
            self.at = at;
        }
        self.left += 1;
        self.bytes += row.len() as u64;
    }

    #[inline]
    fn next<'a>(&mut self, value: &'a [u8]) -> Result<Option<&'a [u8]>> {
        if self.left == 0 {
            return Ok(None);
        }
        let mut from = behind(value, self.at);
        loop {
            let (number, field) = field(&mut from)?;
            if let (true, Field::Bytes(row)) = (number == self.number, field) {
                self.at = value.len() - from.rest().len();
                self.left -= 1;
                return Ok(Some(row));
            }
        }
    }
}

impl Sequence {
    fn count(&mut self, at: usize, more: u64) {
        if self.left == 0 {
            self.at = at;
        }
        self.left += more;
    }

    #[inline]
    fn next(&mut self, value: &[u8]) -> Result<Option<i32>> {
        if self.left == 0 {
            return Ok(None);
        }
        while self.run.0 >= self.run.1 {
            let mut from = behind(value, self.at);
            let field = field(&mut from)?;
            self.at = value.len() - from.rest().len();
            match field {
                (SEQUENCE, Field::Number(n)) => {
                    self.left -= 1;
                    return Ok(Some(low(n)));
                }
                (SEQUENCE, Field::Bytes(run)) => self.run = (self.at - run.len(), self.at),
                _ => {}
            }
        }
        let mut from = behind(value, self.run.0);
        let code = low(from.uvarint()?);
        self.run.0 = value.len() - from.rest().len();
        self.left -= 1;
        Ok(Some(code))
    }
}

fn behind(value: &[u8], at: usize) -> Cursor<'_> {
    Cursor::new(value.get(at..).unwrap_or_default())
}

/// A number as protobuf reads an `int32`: the upper half is ignored.
#[allow(clippy::cast_possible_truncation, reason = "so the format is defined")]
fn low(n: u64) -> i32 {
    n as i32
}

/// The number of items in a packed run.
fn numbers(run: &[u8]) -> Result<u64> {
    let mut from = Cursor::new(run);
    let mut count = 0;
    while !from.is_empty() {
        from.uvarint()?;
        count += 1;
    }
    Ok(count)
}

/// The content of a field.
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// Of a type that no field read here has.
    Other,
}

/// Wire types.
const NUMBER: u64 = 0;
const EIGHT_BYTES: u64 = 1;
const BYTES: u64 = 2;
const GROUP: u64 = 3;
const GROUP_END: u64 = 4;
const FOUR_BYTES: u64 = 5;

/// Number and content of the next field.
#[inline]
fn field<'a>(from: &mut Cursor<'a>) -> Result<(u32, Field<'a>)> {
    let (number, wire) = key(from)?;
    let field = match wire {
        NUMBER => Field::Number(from.uvarint()?),
        BYTES => {
            let length = from.uvarint()?;
            Field::Bytes(from.take(usize::try_from(length)?)?)
        }
        _ => {
            pass(number, wire, from, MAX_DEPTH)?;
            Field::Other
        }
    };
    Ok((number, field))
}

#[inline]
fn key(from: &mut Cursor<'_>) -> Result<(u32, u64)> {
    let key = from.uvarint()?;
    let number = u32::try_from(key)? >> 3;
    ensure!(number > 0, "a field has the number 0");
    Ok((number, key & 7))
}

/// Skips the content of a field.
fn pass(number: u32, wire: u64, from: &mut Cursor<'_>, depth: usize) -> Result<()> {
    match wire {
        NUMBER => {
            from.uvarint()?;
        }
        EIGHT_BYTES => {
            from.array::<8>()?;
        }
        BYTES => {
            let length = from.uvarint()?;
            from.take(usize::try_from(length)?)?;
        }
        GROUP => {
            ensure!(depth > 0, "groups are nested too deeply");
            loop {
                match key(from)? {
                    (end, GROUP_END) => {
                        ensure!(end == number, "group {number} ends as {end}");
                        return Ok(());
                    }
                    (inner, wire) => pass(inner, wire, from, depth - 1)?,
                }
            }
        }
        FOUR_BYTES => {
            from.array::<4>()?;
        }
        _ => bail!("field {number} has the impossible type {wire}"),
    }
    Ok(())
}
