//! The order of rows and DDL where the stream's order is not the one that rows were written in.
//!
//! Early rows come before the message of the DDL that they were written with
//! ([`crate::schema::EarlyJob`]): the stream is read on up to that message, the DDL runs, then the
//! transactions read on the way are taken.
//!
//! Late rows come behind a TRUNCATE PARTITION or EXCHANGE PARTITION that their session did not know
//! of ([`crate::schema::LateTable`]): what they wrote into such a partition is gone with it, or in
//! the other table. The target tells to which partition a row belongs.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;

use super::{Pipeline, waiting};
use crate::decode::{self, Lookup};
use crate::event::Event;
use crate::merge::{Merge, Merged};
use crate::model::{Body, Change, CommitTs, Partition, RawTxn, Row, RowChange, RowKind, Table, Txn};
use crate::schema::{EarlyJob, LateTable};
use crate::selection::Selection;

/// How long it waits for the stream before it looks at the signals again.
const PATIENCE: Duration = Duration::from_millis(100);

/// Transactions that were read before their turn, and the bytes of their rows.
#[derive(Default)]
pub struct ReadAhead {
    txns: VecDeque<RawTxn>,
    bytes: usize,
}

impl ReadAhead {
    pub(super) fn next(&mut self) -> Option<RawTxn> {
        let txn = self.txns.pop_front()?;
        self.bytes = self.bytes.saturating_sub(size(&txn));
        Some(txn)
    }

    fn put_back(&mut self, txn: RawTxn) {
        self.bytes += size(&txn);
        self.txns.push_front(txn);
    }

    fn add(&mut self, txn: RawTxn) {
        self.bytes += size(&txn);
        self.txns.push_back(txn);
    }

    fn message(&self, job: i64) -> Option<Message> {
        self.txns.iter().find_map(|txn| Message::of(txn, job))
    }
}

fn size(txn: &RawTxn) -> usize {
    match &txn.body {
        Body::Rows(value) => value.len(),
        _ => 0,
    }
}

/// The content of a DDL's message.
struct Message {
    ts: CommitTs,
    query: Bytes,
    state: i32,
}

impl Message {
    fn of(txn: &RawTxn, job: i64) -> Option<Self> {
        match &txn.body {
            Body::Ddl { job_id, query, schema_state } if *job_id == job && *schema_state != 1 => {
                Some(Self { ts: txn.commit_ts, query: query.clone(), state: *schema_state })
            }
            _ => None,
        }
    }
}

/// Where the search for a message ended.
enum Search {
    Found(Message),
    /// The stream is beyond the job's end: the message lay before the start, and the DDL did too.
    Passed,
    /// The stream ends before it, or holds more in between than fits into memory.
    Missing,
    /// A stop was requested.
    Stopped,
}

impl Pipeline<'_> {
    /// Returns `raw` if its turn has come. `None` if a DDL had to run first: `raw` is kept, and
    /// the next transaction has to be asked for.
    pub(super) fn in_turn(&mut self, raw: RawTxn, merge: &mut Merge) -> Result<Option<RawTxn>> {
        let Body::Rows(value) = &raw.body else { return Ok(Some(raw)) };
        let (value, ts) = (value.clone(), raw.commit_ts);
        // Damaged bytes are refused where the rows are decoded.
        let Ok(version) = decode::schema_version(&value) else { return Ok(Some(raw)) };
        let begun = Instant::now();
        let early = {
            let mut wait =
                waiting(&self.events, &self.stop, self.sink, "a DDL job whose rows have arrived to finish upstream");
            self.catalog.early((version, ts), &|| decode::tables(&value).or_else(|_| Ok(Vec::new())), &mut wait)
        };
        if begun.elapsed() > PATIENCE {
            (self.events)(Event::Resumed);
        }
        let Some(job) = early.with_context(|| format!("cannot follow the schema at commit ts {}", ts.explain()))?
        else {
            return Ok(Some(raw));
        };
        self.ahead.put_back(raw);
        self.run_early(job, ts, merge)?;
        Ok(None)
    }

    /// Runs `job` before the transaction of commit ts `ts`.
    fn run_early(&mut self, job: EarlyJob, ts: CommitTs, merge: &mut Merge) -> Result<()> {
        let message = match self.search(job, merge)? {
            Search::Found(message) => message,
            Search::Stopped => return Ok(()),
            Search::Passed => return self.catalog.ran_early(job.id),
            Search::Missing => {
                let query = Bytes::from(self.catalog.written(job.id).unwrap_or_default().to_owned());
                Message { ts: job.finished, query, state: 0 }
            }
        };
        if let Some(mut ddl) = self.ddl(message.ts, job.id, &message.query, message.state)? {
            ddl.early = Some(CommitTs(ts.0 - 1));
            self.sink.apply(Txn { commit_ts: message.ts, change: Change::Ddl(Box::new(ddl)) })?;
        }
        self.catalog.ran_early(job.id)
    }

    /// Reads on up to the message of `job`.
    fn search(&mut self, job: EarlyJob, merge: &mut Merge) -> Result<Search> {
        if let Some(message) = self.ahead.message(job.id) {
            return Ok(Search::Found(message));
        }
        self.sink.flush()?;
        let since = Instant::now();
        loop {
            if self.stop.requested() {
                return Ok(Search::Stopped);
            }
            if self.ahead.bytes > self.large.unwrap_or(usize::MAX) {
                return Ok(Search::Missing);
            }
            match merge.next(PATIENCE)? {
                Merged::Txn(txn) => {
                    let (message, passed) = (Message::of(&txn, job.id), txn.commit_ts > job.finished);
                    self.ahead.add(txn);
                    match message {
                        Some(message) => return Ok(Search::Found(message)),
                        None if passed => return Ok(Search::Passed),
                        None => {}
                    }
                }
                Merged::Resolved(ts) if ts >= job.finished => return Ok(Search::Passed),
                Merged::Resolved(_) => {}
                Merged::Idle => {
                    let what = format!("the message of DDL job {}, whose rows come before it", job.id);
                    (self.events)(Event::Waiting { what, since: since.elapsed() });
                }
                Merged::End => return Ok(Search::Missing),
            }
        }
    }
}

/// A table with late rows in a transaction, under the target's names.
pub(super) struct Late {
    /// The definition that its rows are read with.
    reads: Arc<Table>,
    /// The table that they are in now.
    now: Arc<Table>,
    /// Partitions that they are no longer in, each with the table that has its rows now.
    moved: Vec<(Partition, Option<i64>)>,
}

/// Where a row is now.
#[derive(Clone, Debug)]
enum Place {
    In(Arc<Table>),
    Gone,
}

impl Late {
    /// How to read the rows of `table`, and, if they are wanted, what is needed to place them.
    pub(super) fn of(table: LateTable, selection: &mut Selection) -> (Lookup, Option<Self>) {
        let found = selection.lookup(&table.now);
        let (now, kinds) = match &found {
            Lookup::Read(now) => (Arc::clone(now), None),
            Lookup::Some(now, kinds) => (Arc::clone(now), Some(*kinds)),
            _ => return (found, None),
        };
        // Its own definition, by which its rows are recognised.
        let (columns, handle) = (table.reads.columns.clone(), table.reads.handle.clone());
        let reads = Arc::new(Table { columns, handle, ..Table::clone(&now) });
        let moved = table.moved.into_iter().map(|m| (m.partition, m.to)).collect();
        let lookup = match kinds {
            None => Lookup::Read(Arc::clone(&reads)),
            Some(kinds) => Lookup::Some(Arc::clone(&reads), kinds),
        };
        (lookup, Some(Self { reads, now, moved }))
    }
}

impl Pipeline<'_> {
    /// Replaces the table of each row of `late` by the one that the row is in; rows that are gone
    /// are left out.
    pub(super) fn put_late(&mut self, rows: Vec<RowChange>, late: &[Late]) -> Result<Vec<RowChange>> {
        let mut placed = Vec::with_capacity(rows.len());
        let mut rows = rows.into_iter().peekable();
        while let Some(row) = rows.next() {
            let Some(late) = late.iter().find(|l| Arc::ptr_eq(&l.reads, &row.table)) else {
                placed.push(row);
                continue;
            };
            let mut kinds = vec![row.kind];
            while let Some(next) = rows.next_if(|next| Arc::ptr_eq(&next.table, &late.reads)) {
                kinds.push(next.kind);
            }
            self.put_table(kinds, late, &mut placed)?;
        }
        Ok(placed)
    }

    fn put_table(&mut self, kinds: Vec<RowKind>, late: &Late, placed: &mut Vec<RowChange>) -> Result<()> {
        let images: Vec<&Row> = kinds.iter().flat_map(images).collect();
        let partitions: Vec<Partition> = late.moved.iter().map(|(partition, _)| partition.clone()).collect();
        let found = match partitions.is_empty() {
            true => vec![None; images.len()],
            false => self.sink.locate(&late.now, &partitions, &images)?,
        };
        let mut places = Vec::with_capacity(found.len());
        for at in found {
            let moved = at.and_then(|at| late.moved.get(at));
            places.push(match moved {
                None => Place::In(Arc::clone(&late.now)),
                Some((_, None)) => Place::Gone,
                Some((_, Some(id))) => self.other(*id),
            });
        }
        let mut places = places.into_iter();
        for kind in kinds {
            let first = places.next().unwrap_or(Place::Gone);
            let before = placed.len();
            match kind {
                RowKind::Insert(_) | RowKind::Delete(_) => put(placed, first, kind),
                RowKind::Update { old, new } => match (first, places.next().unwrap_or(Place::Gone)) {
                    (Place::In(a), Place::In(b)) if Arc::ptr_eq(&a, &b) => {
                        put(placed, Place::In(a), RowKind::Update { old, new });
                    }
                    (from, to) => {
                        put(placed, from, RowKind::Delete(old));
                        put(placed, to, RowKind::Insert(new));
                    }
                },
            }
            self.late_rows += u64::from(placed.len() == before);
        }
        Ok(())
    }

    /// The table that has a partition's rows now, if it is wanted.
    fn other(&mut self, id: i64) -> Place {
        let Some(table) = self.catalog.live(id) else { return Place::Gone };
        match self.selection.lookup(&table) {
            Lookup::Read(table) | Lookup::Some(table, _) => Place::In(table),
            _ => Place::Gone,
        }
    }
}

fn images(kind: &RowKind) -> impl Iterator<Item = &Row> {
    let (first, second) = match kind {
        RowKind::Insert(row) | RowKind::Delete(row) => (row, None),
        RowKind::Update { old, new } => (old, Some(new)),
    };
    std::iter::once(first).chain(second)
}

fn put(placed: &mut Vec<RowChange>, place: Place, kind: RowKind) {
    if let Place::In(table) = place {
        placed.push(RowChange { table, kind });
    }
}
