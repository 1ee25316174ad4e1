//! Waiting for rows that sessions of earlier runs hold: in short steps, with a word, and with an end to those sessions.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::failed::Failed;
use super::locks;
use crate::event::{Event, Events};
use crate::sink::mysql::failure::Class;
use crate::sink::mysql::session::Session;
use crate::stop::Stop;

/// How long one statement waits for a row or a table before somebody looks who holds it, in seconds.
const STEP: u32 = 2;
/// Pause after a deadlock, which says that others are busy with the same rows.
const PAUSE: Duration = Duration::from_millis(50);
/// The code for a wait that took too long.
const LOCK_WAIT: u16 = 1205;

/// Settings that wait but briefly, in force until [`end`](Self::end).
pub(super) struct ShortWaits {
    rows: u64,
    tables: u64,
}

impl ShortWaits {
    pub(super) fn begin(session: &mut Session) -> Result<Self, Failed> {
        let found: Option<(u64, u64)> = session.fetch_one("SELECT @@innodb_lock_wait_timeout, @@lock_wait_timeout")?;
        let (rows, tables) = found.unwrap_or((50, 86_400));
        session.exec(&format!("SET SESSION innodb_lock_wait_timeout = {STEP}, lock_wait_timeout = {STEP}"))?;
        Ok(Self { rows, tables })
    }

    pub(super) fn end(&self, session: &mut Session) -> Result<(), Failed> {
        let Self { rows, tables } = self;
        session.exec(&format!("SET SESSION innodb_lock_wait_timeout = {rows}, lock_wait_timeout = {tables}")).map(drop)
    }
}

/// A session of an earlier run.
pub(super) struct Old {
    /// Its named lock.
    pub(super) lock: String,
    /// The number of its connection as it once wrote it, or 0.
    pub(super) connection: u64,
    /// What it is, as in `slot 3 of run 7`.
    pub(super) what: String,
}

/// A wait that may have several steps.
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

    /// Says whether `failed` is worth another try, after a pause or after ending the sessions that `old` finds.
    ///
    /// # Errors
    /// `failed` itself if it is not, or the wish to stop.
    pub(super) fn step(
        &mut self,
        session: &mut Session,
        failed: Failed,
        old: impl FnOnce(&mut Session) -> Result<Vec<Old>, Failed>,
    ) -> Result<(), Failed> {
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
                        "cannot end the connection of {what}, so this run waits until it is gone: {error:#}"
                    )));
                }
                Err(_) => {}
            }
        }
        Ok(())
    }
}
