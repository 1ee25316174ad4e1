//! A slot: the row where a worker records what it applies, in the transaction that applies it.
//!
//! The row's UPDATE comes first in each such transaction. It is three things at once. It is a
//! fence: it names run and claim, so it finds no row once another session owns the slot, and the
//! last batch, so it finds none if that is not the one that this session knows. It is the record.
//! And it cleans up: records at or below the low-water mark are left out.

use std::fmt;

use super::link::Link;
use super::locks;
use super::record::{self, Record};
use super::takeover::ShortWaits;
use super::takeover::damaged;
use crate::error::Fault;
use crate::model::CommitTs;
use crate::mysql::error::Class;
use crate::mysql::error::SessionError;
use crate::mysql::session::Session;

/// The slot's row is this session's but has another last batch than the session knows: a COMMIT
/// took effect although its answer said otherwise, or the server behind the connection has changed.
/// Claiming the slot again tells which.
#[derive(Debug, PartialEq, Eq)]
pub struct OtherBatch {
    /// The last batch that the session knows.
    known: u64,
    /// The last batch in the row.
    there: u64,
}

impl fmt::Display for OtherBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the last batch in the slot's row is {}, not {}", self.there, self.known)
    }
}

impl std::error::Error for OtherBatch {}

impl OtherBatch {
    /// Whether it is in the error chain of `error`.
    #[must_use]
    pub fn is(error: &anyhow::Error) -> bool {
        error.chain().any(|e| e.is::<Self>())
    }
}

/// A worker's slot, claimed by one session.
#[derive(Debug)]
pub struct Slot {
    link: Link,
    number: u32,
    claim: u32,
    durable: u64,
    floor: CommitTs,
    kept: Vec<Kept>,
    pending: Option<Pending>,
}

/// A durable record that the low-water mark has not passed yet.
#[derive(Debug)]
struct Kept {
    last: CommitTs,
    /// The transaction of a [`Record::Part`], which a later record of that transaction makes
    /// redundant.
    part: Option<CommitTs>,
    bytes: Vec<u8>,
}

/// What the row will have if the open transaction commits.
#[derive(Debug)]
struct Pending {
    batch: u64,
    floor: CommitTs,
    record: Record,
    bytes: Vec<u8>,
}

impl Kept {
    fn new(record: &Record, bytes: Vec<u8>) -> Self {
        let part = if let Record::Part { ts, .. } = record { Some(*ts) } else { None };
        Self { last: record.last(), part, bytes }
    }

    fn is_needed(&self, next: &Pending) -> bool {
        self.last > next.floor && !self.part.is_some_and(|ts| next.record.covers(ts))
    }
}

impl Slot {
    /// Makes slot `number` this session's: at the start, and after each reconnect. Waits up to two
    /// seconds for a transaction that the session before it still has open; then ends that session,
    /// and waits two more.
    ///
    /// # Errors
    /// If another run has taken the link over. Of class contention if the row is still locked,
    /// which is worth another try.
    pub fn claim(session: &mut Session, link: &Link, number: u32) -> Result<Self, SessionError> {
        // A failed transaction of this session may still be open, and must not be committed by what
        // follows.
        session.rollback();
        let waits = ShortWaits::begin(session)?;
        let claimed = match lock_row(session, link, number) {
            Err(failed) if failed.class() == Some(Class::Contention) => {
                end_older(session, link, number).and_then(|()| lock_row(session, link, number))
            }
            other => other,
        };
        match claimed {
            Ok(slot) => {
                waits.end(session)?;
                Ok(slot)
            }
            Err(failed) => {
                // If this fails, the connection is gone with its settings.
                let _ = waits.end(session);
                Err(failed)
            }
        }
    }

    /// The number of the last durable batch; 0 if none of this run is.
    #[must_use]
    pub fn durable(&self) -> u64 {
        self.durable
    }

    /// The size of the records that each transaction writes, in bytes. It grows while the low-water
    /// mark does not move.
    #[must_use]
    pub fn size(&self) -> usize {
        self.kept.iter().map(|k| k.bytes.len()).sum()
    }

    /// Records batch `batch` within the open transaction, which has done nothing yet. Everything at
    /// or below `floor` is durable: on a link that has not started, that is the start ts. A batch
    /// that was recorded and not [`saved`](Self::saved) is replaced.
    ///
    /// # Errors
    /// If another session owns the slot: then nothing of this transaction may be committed.
    pub fn write(
        &mut self,
        session: &mut Session,
        batch: u64,
        record: &Record,
        floor: CommitTs,
    ) -> Result<(), SessionError> {
        if !session.in_transaction() {
            return Err(Fault::refused("a batch is recorded outside of a transaction").into());
        }
        let sql = self.statement(batch, record, floor)?;
        let affected = session.exec(&sql)?;
        self.check(session, affected)
    }

    /// The statement of [`write`](Self::write), for a caller that sends it together with others
    /// ([`Session::begin_with`]) and then calls [`check`](Self::check).
    ///
    /// # Errors
    /// If `record` is not valid, or `batch` is not above the last durable one.
    pub fn statement(&mut self, batch: u64, record: &Record, floor: CommitTs) -> Result<String, SessionError> {
        if batch <= self.durable {
            return Err(Fault::refused(format!(
                "batch {batch} would be recorded after batch {} in slot {} of link `{}`",
                self.durable,
                self.number,
                self.link.name()
            ))
            .into());
        }
        let bytes = record.encode().map_err(|why| damaged(self.link.name(), Some(self.number), &why))?;
        let pending = Pending { batch, floor: floor.max(self.floor), record: record.clone(), bytes };
        let kept = self.kept.iter().filter(|k| k.is_needed(&pending)).map(|k| k.bytes.as_slice());
        let blob = record::seal(kept.chain([pending.bytes.as_slice()]));
        let sql = format!(
            "UPDATE `tidb_binlog`.`tisync_slot` SET `batch` = {batch}, `floor_ts` = {}, `applied` = x'{}'{} \
             WHERE {} AND `slot` = {} AND `run` = {} AND `claim` = {} AND `batch` = {}",
            pending.floor.0,
            hex::encode(blob),
            self.link.origins_assignment(),
            self.link.link_condition(),
            self.number,
            self.link.run(),
            self.claim,
            self.durable
        );
        self.pending = Some(pending);
        Ok(sql)
    }

    /// Checks that the [`statement`](Self::statement) found its row.
    ///
    /// # Errors
    /// If it did not: another session owns the slot, or the row has [another batch](OtherBatch).
    /// Nothing of this transaction may be committed.
    pub fn check(&mut self, session: &mut Session, affected: u64) -> Result<(), SessionError> {
        if affected == 1 {
            return Ok(());
        }
        self.undone();
        Err(refusal(session, &self.link, self.number, Some((self.claim, self.durable))))
    }

    /// Called when the transaction is durable.
    pub fn saved(&mut self) {
        if let Some(pending) = self.pending.take() {
            self.kept.retain(|k| k.is_needed(&pending));
            self.durable = pending.batch;
            self.floor = pending.floor;
            self.kept.push(Kept::new(&pending.record, pending.bytes));
        }
    }

    /// Called when the transaction was rolled back.
    pub fn undone(&mut self) {
        self.pending = None;
    }
}

/// Locks the row, which waits for a commit that is still on its way, and makes it this session's.
fn lock_row(session: &mut Session, link: &Link, number: u32) -> Result<Slot, SessionError> {
    session.transaction(|session| claim_row(session, link, number))
}

fn claim_row(session: &mut Session, link: &Link, number: u32) -> Result<Slot, SessionError> {
    type Row = (u64, u32, u64, u64, Option<Vec<u8>>);
    let here = format!("{} AND `slot` = {number}", link.link_condition());
    let row: Option<Row> = session.fetch_one(&format!(
        "SELECT `run`, `claim`, `batch`, `floor_ts`, `applied` FROM `tidb_binlog`.`tisync_slot` WHERE {here} FOR UPDATE"
    ))?;
    let Some((_, claim, durable, floor, blob)) = row.filter(|row| row.0 == link.run()) else {
        return Err(refusal(session, link, number, None));
    };
    let unusable = |why| damaged(link.name(), Some(number), &why);
    let records = record::open(blob.as_deref().unwrap_or_default()).map_err(unusable)?;
    let kept = records.iter().map(|r| Ok(Kept::new(r, r.encode()?))).collect::<Result<_, _>>().map_err(unusable)?;
    let claim = claim + 1;
    session.exec(&format!(
        "UPDATE `tidb_binlog`.`tisync_slot` SET `claim` = {claim}, `connection` = CONNECTION_ID(), `origins` = '' WHERE {here}"
    ))?;
    locks::hold(session, &link.slot_lock(number, claim))?;
    Ok(Slot { link: link.clone(), number, claim, durable, floor: CommitTs(floor), kept, pending: None })
}

/// Ends the session that claimed the slot before, which holds its row.
fn end_older(session: &mut Session, link: &Link, number: u32) -> Result<(), SessionError> {
    let row: Option<(u64, u32, u64)> = session.fetch_one(&format!(
        "SELECT `run`, `claim`, `connection` FROM `tidb_binlog`.`tisync_slot` WHERE {} AND `slot` = {number}",
        link.link_condition()
    ))?;
    match row {
        Some((run, claim, connection)) if run == link.run() => {
            // If it cannot be ended, the only thing left is to wait.
            match locks::end_holder(session, &link.slot_lock(number, claim), connection) {
                Err(failed) if failed.class() == Some(Class::Connection) => Err(failed),
                _ => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

/// Why a statement that names the slot's owner found no row; `own` is the claim of the session and
/// the last batch that it knows.
fn refusal(session: &mut Session, link: &Link, number: u32, own: Option<(u32, u64)>) -> SessionError {
    let general = link.refusal(session, None);
    let claimed = session.fetch_one::<(u64, u32, u64)>(&format!(
        "SELECT `run`, `claim`, `batch` FROM `tidb_binlog`.`tisync_slot` WHERE {} AND `slot` = {number}",
        link.link_condition()
    ));
    match claimed {
        Ok(Some((run, claim, there)))
            if run == link.run() && own.is_some_and(|(own, known)| own == claim && known != there) =>
        {
            other_batch(own, there)
        }
        Ok(Some((run, claim, _))) if run == link.run() => Fault::refused(format!(
            "another session of this run owns slot {number} of link `{}` (claim {claim})",
            link.name()
        ))
        .into(),
        _ => general,
    }
}

fn other_batch(own: Option<(u32, u64)>, there: u64) -> SessionError {
    let known = own.map(|(_, known)| known).unwrap_or_default();
    SessionError::Refused(anyhow::Error::new(OtherBatch { known, there }))
}
