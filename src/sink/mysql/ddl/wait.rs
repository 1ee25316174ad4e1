//! Waits until a statement of another session is over; its outcome cannot be judged before.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::begun::Begun;
use super::run::DdlContext;
use crate::checkpoint::locks::{self, Holder};
use crate::error::{Fault, Kind};
use crate::event::Event;
use crate::mysql::error::Class;
use crate::mysql::error::SessionError;
use crate::mysql::session::{Flavour, shorten};
use crate::sql::quote_text;

/// The longest pause between two looks; the first ones are shorter, as a session that ended takes a
/// moment to disappear.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How often the wait is reported.
const TELL_EVERY: Duration = Duration::from_secs(2);
/// How long a session that runs nothing may keep the lock before it is ended: its client is gone or
/// cut off.
const IDLE: Duration = Duration::from_secs(2);
/// How long a statement must not be seen if no lock tells that its session is gone.
const UNSEEN: Duration = Duration::from_secs(1);

/// Waits until the session that holds `lock` is gone, and its statement, that of `step` of `begun`,
/// with it; on TiDB also until none of its DDL jobs with this statement is under way. A statement
/// that still runs is left alone, however long it takes.
///
/// # Errors
/// If the connection is lost, or a stop is requested; refused if the end cannot be seen and the
/// operator has not decided.
pub(super) fn until_over(
    context: &mut DdlContext<'_>,
    lock: &str,
    begun: &Begun,
    step: usize,
) -> Result<(), SessionError> {
    let what = format!("`{}` to finish, which the target is still running", shorten(begun.statement(step)));
    let statement = &begun.sent(step);
    let mut clock = Clock::new(what);
    if !until_free(context, lock, &mut clock)? {
        until_unseen(context, statement, &mut clock)?;
    }
    until_no_job(context, statement, &mut clock)
}

struct Clock {
    begin: Instant,
    told: Instant,
    pause: Duration,
    what: String,
    /// Whether it was reported that a session cannot be ended.
    refused: bool,
}

impl Clock {
    fn new(what: String) -> Self {
        Self { begin: Instant::now(), told: Instant::now(), pause: Duration::from_millis(2), what, refused: false }
    }

    fn tick(&mut self, context: &DdlContext<'_>) -> Result<(), SessionError> {
        if context.stop.requested() {
            return Err(Fault::new(Kind::Interrupted, format!("stopped while waiting for {}", self.what))
                .hint("nothing was changed; start again at any time")
                .into());
        }
        if self.told.elapsed() >= TELL_EVERY {
            self.told = Instant::now();
            (context.events)(Event::Waiting { what: self.what.clone(), since: self.begin.elapsed() });
        }
        sleep(self.pause);
        self.pause = (self.pause * 2).min(LOOK_EVERY);
        Ok(())
    }
}

/// Takes `lock` for this session once no earlier session of the link has it any more, so that a
/// later run can see that this one is alive. Goes on without it if the server has no such locks.
///
/// # Errors
/// As [`until_over`].
pub(super) fn own(context: &mut DdlContext<'_>, lock: &str) -> Result<(), SessionError> {
    if !locks::hold(context.session, lock)? {
        let mut clock = Clock::new("the end of a session on the target whose connection was lost".to_owned());
        until_free(context, lock, &mut clock)?;
        locks::hold(context.session, lock)?;
    }
    Ok(())
}

/// Waits for the lock; false if locks tell nothing.
fn until_free(context: &mut DdlContext<'_>, lock: &str, clock: &mut Clock) -> Result<bool, SessionError> {
    if lock.is_empty() {
        return Ok(false);
    }
    let mut idle: Option<Instant> = None;
    loop {
        let holder = match locks::holder(context.session, lock)? {
            Holder::Unknown => return Ok(false),
            Holder::Nobody => return Ok(true),
            Holder::Session(id) => id,
        };
        // Getting it proves that it is our own.
        if locks::hold(context.session, lock)? {
            return Ok(true);
        }
        if !sleeps(context, holder)? {
            idle = None;
        } else if idle.get_or_insert_with(Instant::now).elapsed() > IDLE {
            idle = None;
            end(context, lock, clock)?;
        }
        clock.tick(context)?;
    }
}

/// Whether a connection runs nothing, as far as the server tells.
fn sleeps(context: &mut DdlContext<'_>, id: Option<u64>) -> Result<bool, SessionError> {
    let Some(id) = id else { return Ok(false) };
    let sql = format!("SELECT COUNT(*) FROM information_schema.processlist WHERE id = {id} AND command = 'Sleep'");
    Ok(matches!(looked(context.session.fetch_one::<u64>(&sql))?, SessionState::Told(Some(1))))
}

/// Ends an idle session: what its client sent before it was cut off must not arrive later.
fn end(context: &mut DdlContext<'_>, lock: &str, clock: &mut Clock) -> Result<(), SessionError> {
    match looked(locks::end_holder(context.session, lock, 0))? {
        SessionState::Told(Some(id)) => (context.events)(Event::Note(format!(
            "ended connection {id} on the target, which had started a DDL and was no longer running anything"
        ))),
        SessionState::Denied(failed) if !std::mem::replace(&mut clock.refused, true) => {
            let error = anyhow::Error::from(failed);
            (context.events)(Event::Warning(format!(
                "a session on the target had started a DDL and is no longer running anything, but cannot be ended; \
                 this run waits until it is gone: {error:#}"
            )));
        }
        SessionState::Told(None) | SessionState::Busy | SessionState::Denied(_) => {}
    }
    Ok(())
}

/// For servers without locks: waits until no session is seen running the statement for a while.
fn until_unseen(context: &mut DdlContext<'_>, statement: &str, clock: &mut Clock) -> Result<(), SessionError> {
    let table = if context.session.server().flavour == Flavour::TiDb { "cluster_processlist" } else { "processlist" };
    let sql = format!(
        "SELECT COUNT(*) FROM information_schema.{table} WHERE id <> CONNECTION_ID() AND info = {}",
        quote_text(statement)
    );
    let mut unseen = Instant::now();
    while unseen.elapsed() < UNSEEN {
        match looked(context.session.fetch_one::<u64>(&sql))? {
            SessionState::Told(Some(0)) => {}
            SessionState::Told(_) | SessionState::Busy => unseen = Instant::now(),
            SessionState::Denied(failed) => return by_word(context, statement, failed),
        }
        clock.tick(context)?;
    }
    Ok(())
}

/// TiDB runs a DDL as a job of the cluster, which outlives the session that requested it.
fn until_no_job(context: &mut DdlContext<'_>, statement: &str, clock: &mut Clock) -> Result<(), SessionError> {
    if context.session.server().flavour != Flavour::TiDb {
        return Ok(());
    }
    let sql =
        format!("SELECT job_type, state FROM information_schema.ddl_jobs WHERE query = {}", quote_text(statement));
    loop {
        match looked(context.session.fetch::<(String, String)>(&sql))? {
            SessionState::Told(jobs) if !jobs.iter().any(|(kind, state)| under_way(kind, state)) => return Ok(()),
            SessionState::Told(_) | SessionState::Busy => clock.tick(context)?,
            SessionState::Denied(failed) => return by_word(context, statement, failed),
        }
    }
}

/// Whether a job of TiDB is still running. The parts of an ALTER TABLE are listed next to it as
/// jobs of their own, and stay `done` for good when the whole is `synced`: only the whole shows the
/// result.
fn under_way(kind: &str, state: &str) -> bool {
    !kind.contains("/* subjob */") && !matches!(state, "synced" | "cancelled" | "rollback done")
}

/// For a statement of which it cannot be seen whether it is still running: it counts as over if the
/// operator has decided about its outcome.
///
/// # Errors
/// Refused, with why it cannot be seen, if the operator has not decided.
fn by_word(context: &DdlContext<'_>, statement: &str, failed: SessionError) -> Result<(), SessionError> {
    let why = anyhow::Error::from(failed);
    let text = format!("tisync cannot tell whether the target is still running `{}`: {why:#}", shorten(statement));
    if context.word.is_some() {
        (context.events)(Event::Warning(format!("{text}; taken as finished because of --pending-ddl")));
        return Ok(());
    }
    Err(Fault::refused(text)
        .hint(
            "grant the account the PROCESS privilege on the target, or on TiDB what the message asks for, and start \
             again. Or wait until SHOW PROCESSLIST, and ADMIN SHOW DDL JOBS on TiDB, show no such statement; then \
             start with `--pending-ddl done` if it took effect, with `--pending-ddl again` if it did not",
        )
        .into())
}

/// The result of a look at other sessions and jobs.
#[derive(Debug)]
enum SessionState<T> {
    /// An answer.
    Told(T),
    /// No answer at the moment: the server was busy.
    Busy,
    /// No answer, now or later.
    Denied(SessionError),
}

/// Sorts the result of a query about other sessions.
///
/// # Errors
/// If the connection is lost, or the run has lost the link.
fn looked<T>(answer: Result<T, SessionError>) -> Result<SessionState<T>, SessionError> {
    let failed = match answer {
        Ok(value) => return Ok(SessionState::Told(value)),
        Err(failed) => failed,
    };
    match failed.class() {
        None | Some(Class::Connection) => Err(failed),
        Some(Class::Contention | Class::ReadOnly | Class::Full) => Ok(SessionState::Busy),
        Some(_) => Ok(SessionState::Denied(failed)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(code: u16) -> Result<Option<u64>, SessionError> {
        let error = mysql::Error::MySqlError(mysql::MySqlError { state: "HY000".into(), message: "no".into(), code });
        Err(SessionError::Target { error, attempted: "a look".to_owned() })
    }

    #[test]
    fn parts_of_a_job_say_nothing_about_its_end() {
        // What TiDB 6.6 lists for `ALTER TABLE m ADD COLUMN d INT, ADD INDEX i (b)` for ever.
        let ended = [
            ("alter table multi-schema change", "synced"),
            ("add column /* subjob */", "done"),
            ("add index /* subjob */ /* txn */", "done"),
        ];
        assert!(!ended.iter().any(|(kind, state)| under_way(kind, state)));
        for state in ["none", "queueing", "running", "pausing", "paused", "cancelling", "rollingback", "done"] {
            assert!(under_way("alter table multi-schema change", state), "{state}");
            assert!(under_way("create table", state), "{state}");
        }
        assert!(!under_way("add index", "rollback done") && !under_way("drop column", "cancelled"));
    }

    #[test]
    fn a_failed_look_is_no_answer() {
        assert!(matches!(looked(Ok(Some(0_u64))), Ok(SessionState::Told(Some(0)))));
        for busy in [1205, 1317, 9001, 9005, 8028] {
            assert!(matches!(looked(answer(busy)), Ok(SessionState::Busy)), "{busy}");
        }
        for denied in [1142, 1227, 1109, 1146, 1105, 1064] {
            assert!(matches!(looked(answer(denied)), Ok(SessionState::Denied(_))), "{denied}");
        }
        assert!(looked(answer(2013)).is_err() && looked(answer(8027)).is_err());
    }
}
