//! Named locks, one for each session: a later run can see if the session is alive, and end it.
//!
//! Correctness does not rely on them: the slots' rows are for that. A server without such locks
//! (TiDB before 6.2, Galera in strict mode) only makes a take-over wait longer.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::record::fnv;
use crate::error::{Fault, Kind};
use crate::event::{Event, Events};
use crate::mysql::error::Class;
use crate::mysql::error::SessionError;
use crate::mysql::session::{Flavour, Session};
use crate::sql::quote_text;
use crate::stop::Stop;

/// Pause between looks at a lock that another session holds.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How often the wait is reported.
const TELL_EVERY: Duration = Duration::from_secs(2);

/// How often a question is repeated if the server was too busy for it.
const TRIES: u32 = 50;

/// MySQL's error code for a connection that does not exist.
const NO_SUCH_THREAD: u16 = 1094;

/// Who holds a named lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// No session: the one that had it is gone.
    Nobody,
    /// A session that is alive, with its connection id if the server tells it.
    Session(Option<u64>),
    /// The server has no such locks.
    Unknown,
}

/// The name of the lock of a session of `run`, at most 58 characters (servers take 64). `owner` is
/// `link`, `ddl`, or slot and claim.
#[must_use]
pub(super) fn name(cluster_id: u64, link: &str, run: u64, owner: &str) -> String {
    format!("tisync-{:016x}-{run:x}-{owner}", key(cluster_id, link))
}

/// The name of the lock that any run of a link holds while it is alive.
#[must_use]
pub fn lease(cluster_id: u64, link: &str) -> String {
    format!("tisync-{:016x}-lease", key(cluster_id, link))
}

fn key(cluster_id: u64, link: &str) -> u64 {
    let mut key = cluster_id.to_be_bytes().to_vec();
    key.extend_from_slice(link.as_bytes());
    fnv(&key)
}

/// The owner part of a slot's session.
pub(super) fn slot_owner(slot: u32, claim: u32) -> String {
    format!("{slot:x}-{claim:x}")
}

/// Takes the lock `name` for this session until it ends; false if another session has it, or the
/// server has no locks.
///
/// # Errors
/// If the server does not answer.
pub fn hold(session: &mut Session, name: &str) -> Result<bool, SessionError> {
    if !has_locks(session) {
        return Ok(false);
    }
    let got = ask(session, &format!("SELECT GET_LOCK({}, 0)", quote_text(name)))?;
    Ok(got.flatten() == Some(1))
}

/// Releases the lock `name` before the session ends, as often as it was taken: servers count that.
///
/// # Errors
/// If the server does not answer.
pub fn release(session: &mut Session, name: &str) -> Result<(), SessionError> {
    let sql = format!("SELECT RELEASE_LOCK({})", quote_text(name));
    while ask(session, &sql)?.flatten() == Some(1) {}
    Ok(())
}

/// Who holds the lock `name`.
///
/// # Errors
/// If the server does not answer.
pub fn holder(session: &mut Session, name: &str) -> Result<Holder, SessionError> {
    if !has_locks(session) {
        return Ok(Holder::Unknown);
    }
    let tidb = session.server().flavour == Flavour::TiDb;
    let used = ask(session, &format!("SELECT IS_USED_LOCK({})", quote_text(name)))?;
    Ok(match used {
        None => Holder::Unknown,
        Some(None | Some(0)) => Holder::Nobody,
        // TiDB says 1 for every other session.
        Some(Some(id)) => Holder::Session((!tidb).then_some(id)),
    })
}

/// TiDB before 6.2 accepts the functions, and does nothing.
fn has_locks(session: &Session) -> bool {
    let server = session.server();
    server.flavour != Flavour::TiDb || server.version >= (6, 2, 0)
}

/// The answer of a lock function; `None` if the server does not know it. A busy server is asked
/// again.
fn ask(session: &mut Session, sql: &str) -> Result<Option<Option<u64>>, SessionError> {
    let mut tries = 0;
    loop {
        match known(session.fetch_one::<Option<u64>>(sql)) {
            Err(failed) if failed.class() == Some(Class::Contention) && tries < TRIES => tries += 1,
            answer => return Ok(answer?.flatten()),
        }
        sleep(LOOK_EVERY);
    }
}

/// `None` for a server that does not know the function or the table, or does not show it to this
/// account.
pub(crate) fn known<T>(answer: Result<T, SessionError>) -> Result<Option<T>, SessionError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(failed) if failed.is_not_there() => Ok(None),
        Err(failed) => Err(failed),
    }
}

/// Ends the session that holds the lock `name`. `connection` is the id that it once wrote about
/// itself, or
/// 0. Returns the id of the connection that was ended. Needs no privilege for sessions of one's own
///    account.
///
/// # Errors
/// If the server refuses it.
pub fn end_holder(session: &mut Session, name: &str, connection: u64) -> Result<Option<u64>, SessionError> {
    let id = match holder(session, name)? {
        Holder::Nobody | Holder::Unknown => return Ok(None),
        Holder::Session(Some(id)) => id,
        Holder::Session(None) if is_unique(session, connection)? => connection,
        Holder::Session(None) => return Ok(None),
    };
    Ok(end(session, id)?.then_some(id))
}

/// Ends the connection `id`, unless it is this session's own; false if it is gone already. Needs no
/// privilege for one's own account.
///
/// # Errors
/// If the server refuses it.
pub(crate) fn end(session: &mut Session, id: u64) -> Result<bool, SessionError> {
    let own: Option<u64> = session.fetch_one("SELECT CONNECTION_ID()")?;
    if own == Some(id) {
        return Ok(false);
    }
    let word = if session.server().flavour == Flavour::TiDb { "KILL TIDB" } else { "KILL" };
    match session.exec(&format!("{word} {id}")) {
        Err(failed) if failed.code() == Some(NO_SUCH_THREAD) => Ok(false),
        Err(failed) => Err(failed),
        Ok(_) => Ok(true),
    }
}

/// Whether exactly one TiDB server of the cluster has such a connection: without global kill, each
/// server counts its own.
fn is_unique(session: &mut Session, connection: u64) -> Result<bool, SessionError> {
    let count = session.fetch_one::<u64>(&format!(
        "SELECT COUNT(*) FROM information_schema.cluster_processlist WHERE id = {connection}"
    ));
    Ok(connection != 0 && known(count)?.flatten() == Some(1))
}

/// Waits until no session holds the lock `name`; `what` describes the one that does, for reports.
/// False, at once, if the server has no such locks, so that nothing is known about that session.
///
/// # Errors
/// If the connection is lost, or a stop is requested.
pub fn wait_until_free(
    session: &mut Session,
    name: &str,
    what: &str,
    stop: &Stop,
    events: &Events,
) -> Result<bool, SessionError> {
    let (begin, mut told) = (Instant::now(), Instant::now());
    loop {
        match holder(session, name)? {
            Holder::Nobody => return Ok(true),
            Holder::Unknown => return Ok(false),
            Holder::Session(_) => {}
        }
        if stop.requested() {
            return Err(interrupted(what));
        }
        if told.elapsed() >= TELL_EVERY {
            told = Instant::now();
            events(Event::Waiting { what: what.to_owned(), since: begin.elapsed() });
        }
        sleep(LOOK_EVERY);
    }
}

pub(super) fn interrupted(what: &str) -> SessionError {
    Fault::new(Kind::Interrupted, format!("stopped while waiting for {what}"))
        .hint("nothing was changed; start again at any time")
        .into()
}
