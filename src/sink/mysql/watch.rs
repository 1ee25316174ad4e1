//! Reports what keeps the target from answering while the workers wait for it.
//!
//! - Which sessions block another one, as far as the server tells.
//! - How long to wait before a retry, and how it is reported.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Error, Result};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use parking_lot::Mutex;

use super::shared::Shared;
use crate::checkpoint::locks;
use crate::error::{Fault, Kind, fault};
use crate::event::{Event, Events};
use crate::model::span_text;
use crate::mysql::address::Target;
use crate::mysql::answer::{Waiting, Waits};
use crate::mysql::error::SessionError;
use crate::mysql::error::{Class, class_of};
use crate::mysql::session::{Flavour, Session, shorten};
use crate::stop::Stop;

/// How long an answer may take before the wait is reported.
const PATIENCE: Duration = Duration::from_secs(5);
/// After what time the target is asked for the reason, so that it is known by then.
const CURIOUS: Duration = Duration::from_secs(4);
/// Pause between looks.
const EVERY: Duration = Duration::from_millis(500);
/// How often the target is asked which session is in the way.
const ASK_EVERY: Duration = Duration::from_secs(3);
/// How long that answer may take; it is asked on a connection of its own.
const ANSWER: Duration = Duration::from_secs(2);

/// How long an answer may be on its way after the target has finished the statement.
const LOST: Duration = Duration::from_secs(20);

/// The thread that watches waits; it ends soon after this is dropped.
pub(super) struct Watch {
    _end: Sender<()>,
}

impl Watch {
    /// Watches `waits` for the sink of `target`.
    pub(super) fn start(target: &Target, waits: &Arc<Waits>, events: &Events) -> Result<Self> {
        let (end, ended) = bounded(0);
        let mut look = Look {
            target: target.answering_within(ANSWER),
            waits: Arc::clone(waits),
            events: Arc::clone(events),
            session: None,
            why: None,
            told: false,
        };
        let builder = std::thread::Builder::new().name("target-watch".to_owned());
        // No thread waits for its end: it may be waiting for a target that hangs.
        builder.spawn(move || look.until(&ended)).context("cannot start a thread")?;
        Ok(Self { _end: end })
    }
}

struct Look {
    target: Target,
    waits: Arc<Waits>,
    events: Events,
    /// Open while something is in the way.
    session: Option<Session>,
    why: Option<Why>,
    told: bool,
}

/// The target's answer about a wait, and when it came.
struct Why {
    waiting: Waiting,
    asked: Instant,
    text: Option<String>,
}

impl Look {
    fn until(&mut self, ended: &Receiver<()>) {
        while ended.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
            let Some((waiting, more)) = self.waits.longest(CURIOUS) else {
                if std::mem::take(&mut self.told) {
                    (self.events)(Event::Unanswered { what: None, since: Duration::ZERO });
                }
                (self.session, self.why) = (None, None);
                continue;
            };
            if self.why.as_ref().is_some_and(|why| (&why.waiting.what, why.waiting.out) != (&waiting.what, waiting.out))
            {
                self.why = None;
            }
            // A reason that arrives later is added to what was reported already.
            if self.told {
                self.tell(&waiting, more);
            }
            if self.why.as_ref().is_none_or(|why| why.asked.elapsed() >= ASK_EVERY) {
                let text = self.ask(&waiting);
                self.why = Some(Why { waiting: waiting.clone(), asked: Instant::now(), text });
            }
            self.tell(&waiting, more);
        }
    }

    fn tell(&mut self, waiting: &Waiting, more: usize) {
        if waiting.since.elapsed() < PATIENCE {
            return;
        }
        let mut what = format!("the target to answer `{}` ({}", waiting.what, waiting.who);
        if waiting.session > 0 {
            what.push_str(&format!(", session {}", waiting.session));
        }
        what.push(')');
        if let Some(text) = self.why.as_ref().and_then(|why| why.text.as_ref()) {
            what.push_str(&format!(": {text}"));
        }
        if more > 0 {
            what.push_str(&format!("; and {more} more answers"));
        }
        (self.events)(Event::Unanswered { what: Some(what), since: waiting.since.elapsed() });
        self.told = true;
    }

    /// The target's own explanation, if it has one.
    fn ask(&mut self, waiting: &Waiting) -> Option<String> {
        if !waiting.out {
            return Some("the last attempt failed and is being repeated".to_owned());
        }
        if self.session.is_none() {
            match Session::open(&self.target) {
                Ok(session) => self.session = Some(session),
                Err(error) if class_of(&error) == Some(Class::Connection) => {
                    return Some("it does not answer on another connection either".to_owned());
                }
                Err(_) => return None,
            }
        }
        let found = self.session.as_mut().map(|session| why(session, waiting))?;
        found.unwrap_or_else(|_| {
            self.session = None;
            Some("it does not answer on another connection either".to_owned())
        })
    }
}

/// The target's explanation of a wait. If the target has long finished a connection's statement and
/// the answer is not here, the connection has lost it: no time limit tells that, because a DDL may
/// take any time. The connection is ended, and the wait ends as for a lost connection.
fn why(session: &mut Session, waiting: &Waiting) -> Result<Option<String>, SessionError> {
    if waiting.since.elapsed() >= LOST && has_answered(session, waiting.session, LOST.as_secs() / 2)? {
        // It may belong to another account, behind a proxy.
        let ended = locks::known(locks::end(session, waiting.session))?.unwrap_or(false);
        return Ok(Some(format!(
            "the target has finished it, but its answer was lost{}",
            if ended { ": the connection is ended" } else { "" }
        )));
    }
    of(session, waiting.session)
}

/// The session that holds the lock: table, id, user, host, command, and for how long.
type Holder = (Option<String>, u64, Option<String>, Option<String>, Option<String>, Option<u64>);

/// The state of a session: command, state, seconds.
type State = (Option<String>, Option<String>, Option<u64>);

const MARIADB: &str = "SELECT l.lock_table, CAST(b.trx_mysql_thread_id AS UNSIGNED), p.user, p.host, p.command, CAST(p.time AS UNSIGNED) \
     FROM information_schema.innodb_lock_waits w \
     JOIN information_schema.innodb_trx r ON r.trx_id = w.requesting_trx_id \
     JOIN information_schema.innodb_trx b ON b.trx_id = w.blocking_trx_id \
     LEFT JOIN information_schema.innodb_locks l ON l.lock_id = w.requested_lock_id \
     LEFT JOIN information_schema.processlist p ON p.id = b.trx_mysql_thread_id \
     WHERE r.trx_mysql_thread_id = ";
const MYSQL: &str = "SELECT w.locked_table, CAST(w.blocking_pid AS UNSIGNED), p.user, p.host, p.command, CAST(p.time AS UNSIGNED) \
     FROM sys.innodb_lock_waits w LEFT JOIN information_schema.processlist p ON p.id = w.blocking_pid \
     WHERE w.waiting_pid = ";
const TIDB: &str = "SELECT NULL, CAST(h.session_id AS UNSIGNED), h.user, NULL, IF(h.state = 'Idle', 'Sleep', 'Query'), \
     CAST(TIMESTAMPDIFF(SECOND, h.start_time, NOW()) AS UNSIGNED) \
     FROM information_schema.data_lock_waits w \
     JOIN information_schema.cluster_tidb_trx r ON r.id = w.trx_id \
     JOIN information_schema.cluster_tidb_trx h ON h.id = w.current_holding_trx_id \
     WHERE r.session_id = ";

/// The server's explanation why the session `waits` gets no answer; `None` if there is none.
///
/// # Errors
/// If the connection is lost. What the account may not see, or the server does not have, is not an
/// error.
pub(super) fn of(session: &mut Session, waits: u64) -> Result<Option<String>, SessionError> {
    if waits == 0 {
        return Ok(None);
    }
    let query = match session.server().flavour {
        Flavour::MariaDb => MARIADB,
        Flavour::MySql => MYSQL,
        Flavour::TiDb => TIDB,
    };
    let held = if_told(session.fetch_one::<Holder>(&format!("{query}{waits} LIMIT 1")))?;
    if let Some(holder) = held.flatten() {
        return Ok(Some(row_lock(&holder)));
    }
    let sql = format!(
        "SELECT command, state, CAST(time AS UNSIGNED) FROM information_schema.{} WHERE id = {waits}",
        if session.server().flavour == Flavour::TiDb { "cluster_processlist" } else { "processlist" }
    );
    Ok(if_told(session.fetch_one::<State>(&sql))?.and_then(state))
}

/// Whether the server has long answered what the session `waits` waits for: the session has run
/// nothing for `seconds`.
///
/// # Errors
/// As [`of`].
pub(super) fn has_answered(session: &mut Session, waits: u64, seconds: u64) -> Result<bool, SessionError> {
    let list = if session.server().flavour == Flavour::TiDb { "cluster_processlist" } else { "processlist" };
    let sql = format!(
        "SELECT COUNT(*) FROM information_schema.{list} WHERE id = {waits} AND command = 'Sleep' AND time >= {seconds}"
    );
    Ok(waits > 0 && if_told(session.fetch_one::<u64>(&sql))?.flatten() == Some(1))
}

fn row_lock((table, id, user, host, command, seconds): &Holder) -> String {
    let table = table.as_deref().map_or_else(|| "a row".to_owned(), |table| format!("a row of {table}"));
    let account = match (user, host) {
        (Some(user), Some(host)) => format!(" of {user}@{}", host.rsplit_once(':').map_or(host.as_str(), |(h, _)| h)),
        (Some(user), None) => format!(" of {user}"),
        _ => String::new(),
    };
    let time = seconds.map(|seconds| span_text(seconds.saturating_mul(1000))).unwrap_or_default();
    let doing = match command.as_deref() {
        Some("Sleep") => format!(", whose transaction has been open and idle for {time}"),
        Some(_) => format!(", which has been running for {time}"),
        None => String::new(),
    };
    format!("{table} is locked by session {id}{account}{doing}")
}

/// The text for a session that is not waiting for a row lock.
fn state(found: Option<State>) -> Option<String> {
    let Some((command, state, _)) = found else {
        return Some("the target no longer has that session: its answer was lost".to_owned());
    };
    let state = state.filter(|state| !state.is_empty())?;
    let lower = state.to_lowercase();
    let why = if ["global read lock", "backup lock", "commit lock"].iter().any(|lock| lower.contains(lock)) {
        ": another session holds FLUSH TABLES WITH READ LOCK, or a backup is running"
    } else if lower.contains("metadata lock") {
        ": another session has the table open in a transaction, or is altering it"
    } else {
        ""
    };
    let state = shorten(&state);
    match command.as_deref() {
        // It has answered, or is practically gone.
        Some("Sleep") => None,
        _ => Some(format!("its state there is `{state}`{why}")),
    }
}

/// `None` if the server does not tell this account.
fn if_told<T>(answer: Result<T, SessionError>) -> Result<Option<T>, SessionError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(failed) if failed.class() == Some(Class::Connection) => Err(failed),
        Err(_) => Ok(None),
    }
}

/// The first pause after a lost connection; each further one is twice as long.
const FIRST: Duration = Duration::from_millis(100);
/// The longest pause: a target that comes back is found within this.
const LONGEST: Duration = Duration::from_secs(15);
/// The first pause after a lock conflict: locks are soon free again.
const FIRST_LOCK: Duration = Duration::from_millis(5);
const LONGEST_LOCK: Duration = Duration::from_secs(2);
/// Number of lock conflicts without a report.
const QUIET: u32 = 5;
/// How long a lost connection is retried although the run was asked to end.
const LAST_PATIENCE: Duration = Duration::from_secs(3);
/// How often a waiting thread checks whether it still should wait.
const LOOK: Duration = Duration::from_millis(50);

/// The retries of one operation.
pub(super) struct Backoff {
    tries: u32,
    since: Instant,
}

impl Backoff {
    pub(super) fn new() -> Self {
        Self { tries: 0, since: Instant::now() }
    }

    /// The number of pauses so far.
    pub(super) fn tries(&self) -> u32 {
        self.tries
    }

    /// Waits before the next try, and reports it unless it is short.
    ///
    /// # Errors
    /// If the run is to end meanwhile.
    pub(super) fn pause(&mut self, class: Class, error: &Error, outlook: &Outlook<'_>) -> Result<()> {
        let (first, longest, quiet) = match class {
            Class::Contention => (FIRST_LOCK, LONGEST_LOCK, QUIET),
            _ => (FIRST, LONGEST, 0),
        };
        let pause = first.saturating_mul(1 << self.tries.min(16)).min(longest);
        self.tries += 1;
        if self.tries > quiet {
            outlook.tell(error, pause, self.since.elapsed());
        }
        let begin = Instant::now();
        // A drain after a signal still waits for a lock or a short loss, but not for a target that
        // is away.
        let patient = class == Class::Contention || self.since.elapsed() < LAST_PATIENCE;
        loop {
            outlook.check(error, patient)?;
            let left = pause.saturating_sub(begin.elapsed());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(LOOK));
        }
    }
}

/// What a waiting thread checks, and where it reports.
pub(super) struct Outlook<'a> {
    pub(super) stop: &'a Stop,
    pub(super) shared: &'a Shared,
    pub(super) events: &'a Events,
    pub(super) told: &'a LastNotice,
}

/// When a retry was last reported: all workers lose their connections at once, and one report is
/// enough.
#[derive(Default)]
pub(super) struct LastNotice(Mutex<Option<Instant>>);

impl Outlook<'_> {
    fn tell(&self, error: &Error, next: Duration, since: Duration) {
        let mut last = self.told.0.lock();
        if last.is_some_and(|at| at.elapsed() < next.max(Duration::from_secs(1))) {
            return;
        }
        *last = Some(Instant::now());
        (self.events)(Event::Retrying { why: format!("{error:#}"), next, since });
    }

    /// # Errors
    /// If the operator asked the run to end, or another worker failed.
    fn check(&self, error: &Error, patient: bool) -> Result<()> {
        if !patient && self.stop.requested() {
            let hint = fault(error).map(|f| f.hint.clone()).unwrap_or_default();
            return Err(Fault::new(
                Kind::Interrupted,
                format!(
                    "stopped while the target could not be written to; what was read but not applied will be read \
                         again: {error:#}"
                ),
            )
            .hint(format!("run the same command to resume from the checkpoint. {hint}"))
            .into());
        }
        if self.shared.is_stopped() {
            return Err(Fault::connect("gave up because another part of the run failed").into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_in_the_way_in_words() {
        let text = |s: &str| Some(s.to_owned());
        let holder = (text("`a`.`t`"), 52, text("app"), text("10.0.0.5:4711"), text("Sleep"), Some(95));
        assert_eq!(
            row_lock(&holder),
            "a row of `a`.`t` is locked by session 52 of app@10.0.0.5, whose transaction has been open and idle for 1m \
             35s"
        );
        assert_eq!(row_lock(&(None, 3, None, None, None, None)), "a row is locked by session 3");
        let ftwrl = state(Some((text("Query"), text("Waiting for backup lock"), Some(7)))).unwrap_or_default();
        assert!(
            ftwrl.contains("`Waiting for backup lock`: another session holds FLUSH TABLES WITH READ LOCK"),
            "{ftwrl}"
        );
        assert_eq!(state(Some((text("Query"), text(""), Some(7)))), None);
        assert!(state(None).is_some_and(|text| text.contains("no longer has that session")));
    }
}
