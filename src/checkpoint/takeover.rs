//! Takes a link over from an earlier run, with a fence against that run's later writes.
//!
//! The earlier run is stopped at its next write, and all that it had under way is either durable or
//! gone when this returns. The link's row is locked, then every slot's, each of which waits for the
//! transaction that holds it. Only then are the records read: a commit that was still on its way is
//! among them. The slots get the new run's number, so a transaction that an older run begins later
//! finds no row of its own.
//!
//! Rows that sessions of earlier runs hold are waited for in short steps ([`Wait`]): each reports
//! the wait and ends those sessions.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::acknowledged::Applied;
use super::lease::Who;
use super::link::{Intent, Link, LinkRow, STATE, StateRow, condition};
use super::{locks, record};
use crate::checkpoint;
use crate::error::Fault;
use crate::event::{Event, Events};
use crate::model::CommitTs;
use crate::mysql::error::{Class, Refusal, SessionError};
use crate::mysql::session::Session;
use crate::sql::quote_text;
use crate::stop::Stop;

/// What a run finds when it has taken a link over.
#[derive(Debug)]
pub struct TakenOver {
    /// The link, owned by this run.
    pub link: Link,
    /// Everything at or below is durable; `None` if the link has not started.
    pub position: Option<CommitTs>,
    /// What else is durable, above the position.
    pub applied: Applied,
    /// The last DDL job at or below the position, if the link has seen one.
    pub last_job: Option<i64>,
    /// A DDL that an earlier run began and did not see end.
    pub intent: Option<Intent>,
    /// What is at or below may have been on the target before the link started.
    pub safe_until: Option<CommitTs>,
}

/// Creates the state tables where they are missing, and takes the link over with `slots` slots,
/// numbered from 0. Sessions of earlier runs that hold its rows for more than two seconds are
/// ended; it never gives up by itself.
///
/// # Errors
/// If the tables cannot be created, are of an unknown version or damaged, or the link belongs to
/// another cluster.
pub fn take(session: &mut Session, cluster_id: u64, link: &str, slots: usize, events: &Events) -> Result<TakenOver> {
    take_unless(session, (cluster_id, link), (slots, 0), None, &Stop::default(), events)
}

/// As [`take`], for a process that says who it is, and until a stop is requested. The run's number
/// will be above `above`: a target that lost rows must not give a number twice.
///
/// # Errors
/// As [`take`], and interrupted. As [`take`], and interrupted.
pub fn take_unless(
    session: &mut Session,
    (cluster_id, link): (u64, &str),
    (slots, above): (usize, u64),
    who: Option<&Who>,
    stop: &Stop,
    events: &Events,
) -> Result<TakenOver> {
    if link.is_empty() || link.chars().count() > 64 {
        return Err(Fault::usage(format!("a link's name must have 1 to 64 characters, not `{link}`")).into());
    }
    let waits = ShortWaits::begin(session)?;
    // Depending on the server's settings, a lock wait that times out rolls everything back. With
    // autocommit off, what follows is in a transaction nevertheless, and the locks are complete
    // when a whole pass over them succeeds.
    session.exec("SET SESSION autocommit = 0")?;
    let what = format!("an earlier run of link `{link}` on the target");
    let mut wait = Wait::new(what, stop, events);
    let mut taking = Taking { cluster_id, link, slots, above, who, marked: None };
    match taking.run(session, &mut wait) {
        Ok(taken) => {
            session.exec("SET SESSION autocommit = 1")?;
            waits.end(session)?;
            Ok(taken)
        }
        Err(failed) => {
            // Switching autocommit on would commit what is open. If this fails, the connection is
            // gone, and all of that with it.
            if session.exec("ROLLBACK").and_then(|_| session.exec("SET SESSION autocommit = 1")).is_ok() {
                let _ = waits.end(session);
            }
            Err(failed.into())
        }
    }
}

struct Taking<'a> {
    cluster_id: u64,
    link: &'a str,
    slots: usize,
    above: u64,
    who: Option<&'a Who>,
    /// The value to which the mark was raised in the open transaction, if the session writes a
    /// mark.
    marked: Option<i64>,
}

/// The content of the locked rows.
struct LockedRows {
    run: u64,
    position: CommitTs,
    state: LinkRow,
    slots: Vec<u32>,
    applied: Applied,
}

impl Taking<'_> {
    fn run(&mut self, session: &mut Session, wait: &mut Wait<'_>) -> Result<TakenOver, SessionError> {
        while let Err(failed) = checkpoint::prepare(session, self.cluster_id, self.link) {
            wait.step(session, failed, |s| self.old_sessions(s))?;
        }
        self.refuse_another_cluster(session)?;
        loop {
            let found = match self.lock(session) {
                Ok(found) => found,
                Err(failed) => {
                    // No rollback: what is locked stays locked, so an old run cannot go on
                    // meanwhile.
                    wait.step(session, failed, |s| self.old_sessions(s))?;
                    continue;
                }
            };
            match self.write(session, &found) {
                Ok(link) => {
                    let LockedRows { position, state: LinkRow { last_job, intent, safe_until, .. }, applied, .. } =
                        found;
                    let position = (position.0 > 0).then_some(position);
                    return Ok(TakenOver { link, position, applied, last_job, intent, safe_until });
                }
                Err(failed) => {
                    session.exec("ROLLBACK")?;
                    self.marked = None;
                    wait.step(session, failed, |s| self.old_sessions(s))?;
                }
            }
        }
    }

    /// A link that another cluster has used already most likely means a wrong source or a wrong
    /// target.
    fn refuse_another_cluster(&self, session: &mut Session) -> Result<(), SessionError> {
        let rows: Vec<(u64, u64)> = session.fetch(&format!(
            "SELECT `cluster_id`, `commit_ts` FROM `tidb_binlog`.`tisync_checkpoint` WHERE `link` = {} AND `commit_ts` > 0",
            quote_text(self.link)
        ))?;
        if rows.iter().any(|(id, _)| *id == self.cluster_id) {
            return Ok(());
        }
        let Some((other, ts)) = rows.first() else { return Ok(()) };
        Err(Fault::refused(format!(
            "link `{}` on the target belongs to cluster {other}, which has reached {}, but the source is cluster {}",
            self.link,
            CommitTs(*ts).explain(),
            self.cluster_id
        ))
        .hint(
            "check that source and target are the right ones; a second cluster that replicates to this target needs \
               its own --link name",
        )
        .into())
    }

    /// Locks the link's row and all slots, and reads them. The mark comes first, as in each
    /// transaction of the sessions that hold them.
    fn lock(&mut self, session: &mut Session) -> Result<LockedRows, SessionError> {
        session.mark_open(&mut self.marked)?;
        type Row = (u32, Option<Vec<u8>>);
        let here = condition(self.cluster_id, self.link);
        let there: Option<u64> =
            session.fetch_one(&format!("SELECT `run` FROM `tidb_binlog`.`tisync_checkpoint` WHERE {here}"))?;
        if there.is_none() {
            session.exec(&format!(
                "INSERT IGNORE INTO `tidb_binlog`.`tisync_checkpoint` (`cluster_id`, `link`, `version`, `run`, `commit_ts`) \
                 VALUES ({}, {}, {}, 0, 0)",
                self.cluster_id,
                quote_text(self.link),
                checkpoint::VERSION
            ))?;
        }
        let vanished = || Fault::refused("the checkpoint row vanished while it was being locked");
        let from = format!("FROM `tidb_binlog`.`tisync_checkpoint` WHERE {here} FOR UPDATE");
        let (version, merged) =
            session.fetch_one::<Row>(&format!("SELECT `version`, `applied` {from}"))?.ok_or_else(vanished)?;
        checkpoint::check_version(version)?;
        let state: StateRow = session.fetch_one(&format!("SELECT {STATE} {from}"))?.ok_or_else(vanished)?;
        let slots: Vec<(u32, u64, Option<Vec<u8>>)> = session.fetch(&format!(
            "SELECT `slot`, `floor_ts`, `applied` FROM `tidb_binlog`.`tisync_slot` WHERE {here} ORDER BY `slot` FOR UPDATE"
        ))?;
        let run = state.0;
        let state = LinkRow::read(state)?;
        let floors = slots.iter().map(|(_, floor, _)| CommitTs(*floor)).max();
        let position = state.position.max(floors).unwrap_or_default();
        let mut records = Vec::new();
        let blobs = slots.iter().map(|(slot, _, blob)| (Some(*slot), blob)).chain([(None, &merged)]);
        for (slot, blob) in blobs {
            let blob = blob.as_deref().unwrap_or_default();
            records.extend(record::open(blob).map_err(|why| damaged(self.link, slot, &why))?);
        }
        let slots = slots.into_iter().map(|(slot, ..)| slot).collect();
        Ok(LockedRows { run, position, state, slots, applied: Applied::new(records, position) })
    }

    fn write(&self, session: &mut Session, found: &LockedRows) -> Result<Link, SessionError> {
        let here = condition(self.cluster_id, self.link);
        let (run, position) = (found.run.max(self.above) + 1, found.position.0);
        let applied = found.applied.seal().map_err(|why| damaged(self.link, None, &why))?;
        session.exec(&format!(
            "UPDATE `tidb_binlog`.`tisync_checkpoint` SET `version` = {}, `run` = {run}, `commit_ts` = {position}, \
             `applied` = x'{}', `holder` = {} WHERE {here}",
            checkpoint::VERSION,
            hex::encode(applied),
            quote_text(&self.who.map(Who::text).unwrap_or_default())
        ))?;
        // By their numbers: deleting up to the end of a range would wait for the next row, which is
        // another link's.
        let gone: Vec<String> =
            found.slots.iter().filter(|slot| **slot as usize >= self.slots).map(u32::to_string).collect();
        if !gone.is_empty() {
            let gone = gone.join(", ");
            session.exec(&format!("DELETE FROM `tidb_binlog`.`tisync_slot` WHERE {here} AND `slot` IN ({gone})"))?;
        }
        let fresh = format!("{run}, 0, 0, 0, {position}, ''");
        let rows: Vec<String> = (0..self.slots)
            .map(|slot| format!("({}, {}, {slot}, {fresh})", self.cluster_id, quote_text(self.link)))
            .collect();
        if !rows.is_empty() {
            session.exec(&format!(
                "INSERT INTO `tidb_binlog`.`tisync_slot` \
                 (`cluster_id`, `link`, `slot`, `run`, `claim`, `connection`, `batch`, `floor_ts`, `applied`) VALUES {} \
                 ON DUPLICATE KEY UPDATE `run` = {run}, `claim` = 0, `connection` = 0, `batch` = 0, \
                 `floor_ts` = {position}, `applied` = ''",
                rows.join(", ")
            ))?;
        }
        let link = Link::new(self.cluster_id, self.link, run, found.applied.last().unwrap_or_default())
            .with_early(found.state.early.clone());
        // Before the new number is visible: the next run finds this one by the lock.
        locks::hold(session, &link.control_lock())?;
        session.exec("COMMIT")?;
        Ok(link)
    }

    /// The sessions of the runs that own the link and its slots, as far as one can see without
    /// locking.
    fn old_sessions(&self, session: &mut Session) -> Result<Vec<Old>, SessionError> {
        let here = condition(self.cluster_id, self.link);
        let name = |run, owner: &str| locks::name(self.cluster_id, self.link, run, owner);
        let run: Option<u64> =
            session.fetch_one(&format!("SELECT `run` FROM `tidb_binlog`.`tisync_checkpoint` WHERE {here}"))?;
        let mut old: Vec<Old> = run
            .map(|run| Old { lock: name(run, "link"), connection: 0, what: format!("run {run}") })
            .into_iter()
            .collect();
        if checkpoint::existing(session)?.iter().any(|t| t == "tisync_slot") {
            let slots: Vec<(u32, u64, u32, u64)> = session.fetch(&format!(
                "SELECT `slot`, `run`, `claim`, `connection` FROM `tidb_binlog`.`tisync_slot` WHERE {here}"
            ))?;
            old.extend(slots.into_iter().map(|(slot, run, claim, connection)| Old {
                lock: name(run, &locks::slot_owner(slot, claim)),
                connection,
                what: format!("slot {slot} of run {run}"),
            }));
        }
        Ok(old)
    }
}

/// The error for records that cannot be read: without them it is not known what is on the target.
pub(super) fn damaged(link: &str, slot: Option<u32>, Refusal(why): &Refusal) -> Fault {
    let place =
        slot.map_or("tidb_binlog.tisync_checkpoint".to_owned(), |n| format!("tidb_binlog.tisync_slot, slot {n}"));
    Fault::refused(format!("the records of link `{link}` in {place} (column `applied`) are unusable: {why}")).hint(
        "without them there is no way to tell which transactions above the checkpoint the target has: restore \
               the row, or reload the target and use a new --link name",
    )
}

/// How long one statement waits for a row or a table before its holder is looked for, in seconds.
const STEP: u32 = 2;
/// Pause after a deadlock, which means that others are busy with the same rows.
const PAUSE: Duration = Duration::from_millis(50);
/// The error code for a lock wait that timed out.
const LOCK_WAIT: u16 = 1205;

/// Session settings with short lock waits, in force until [`end`](Self::end).
pub(super) struct ShortWaits {
    rows: u64,
    tables: u64,
}

impl ShortWaits {
    pub(super) fn begin(session: &mut Session) -> Result<Self, SessionError> {
        let found: Option<(u64, u64)> = session.fetch_one("SELECT @@innodb_lock_wait_timeout, @@lock_wait_timeout")?;
        let (rows, tables) = found.unwrap_or((50, 86_400));
        session.exec(&format!("SET SESSION innodb_lock_wait_timeout = {STEP}, lock_wait_timeout = {STEP}"))?;
        Ok(Self { rows, tables })
    }

    pub(super) fn end(&self, session: &mut Session) -> Result<(), SessionError> {
        let Self { rows, tables } = self;
        session.exec(&format!("SET SESSION innodb_lock_wait_timeout = {rows}, lock_wait_timeout = {tables}")).map(drop)
    }
}

/// A session of an earlier run.
pub(super) struct Old {
    /// Its named lock.
    pub(super) lock: String,
    /// Its connection id as it once wrote it, or 0.
    pub(super) connection: u64,
    /// A description, as in `slot 3 of run 7`.
    pub(super) what: String,
}

/// A wait of several steps.
pub(super) struct Wait<'a> {
    begin: Instant,
    what: String,
    stop: &'a Stop,
    events: &'a Events,
    refused: bool,
}

impl<'a> Wait<'a> {
    pub(super) fn new(what: String, stop: &'a Stop, events: &'a Events) -> Self {
        Self { begin: Instant::now(), what, stop, events, refused: false }
    }

    /// Decides whether `failed` is worth another try, after a pause or after ending the sessions
    /// that `old` finds.
    ///
    /// # Errors
    /// `failed` itself if it is not, or that a stop was requested.
    pub(super) fn step(
        &mut self,
        session: &mut Session,
        failed: SessionError,
        old: impl FnOnce(&mut Session) -> Result<Vec<Old>, SessionError>,
    ) -> Result<(), SessionError> {
        if failed.class() != Some(Class::Contention) {
            return Err(failed);
        }
        if self.stop.requested() {
            return Err(locks::interrupted(&self.what));
        }
        if failed.code() != Some(LOCK_WAIT) {
            sleep(PAUSE);
            return Ok(());
        }
        (self.events)(Event::Waiting { what: self.what.clone(), since: self.begin.elapsed() });
        for Old { lock, connection, what } in old(session)? {
            match locks::end_holder(session, &lock, connection) {
                Ok(None) => {}
                Ok(Some(id)) => (self.events)(Event::Note(format!(
                    "ended connection {id} on the target: it belonged to {what}, which this run takes over"
                ))),
                Err(failed) if failed.class() == Some(Class::Connection) => return Err(failed),
                Err(failed) if !std::mem::replace(&mut self.refused, true) => {
                    let error = anyhow::Error::from(failed);
                    (self.events)(Event::Warning(format!(
                        "cannot end the connection of {what}, so this run waits until it ends: {error:#}"
                    )));
                }
                Err(_) => {}
            }
        }
        Ok(())
    }
}
