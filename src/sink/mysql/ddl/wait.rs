//! Waiting until a statement of another session is over, whatever its end: nothing can be judged before.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::begun::Begun;
use super::run::Ground;
use crate::checkpoint::Failed;
use crate::checkpoint::locks::{self, Holder};
use crate::error::{Fault, Kind};
use crate::event::Event;
use crate::sink::mysql::failure::Class;
use crate::sink::mysql::session::{Flavour, quote_text, shorten};

/// The longest pause between two looks; the first ones are shorter, as a session that ended takes a moment to go.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How often somebody is told what is waited for.
const TELL_EVERY: Duration = Duration::from_secs(2);
/// How long a session that runs nothing may keep the lock before it is ended: its client is gone or cut off.
const IDLE: Duration = Duration::from_secs(2);
/// How long nothing has to be seen of a statement where no lock tells that its session is gone.
const UNSEEN: Duration = Duration::from_secs(1);

/// Waits until the session that holds `lock` is gone, and with it its statement, that of `step` of `begun`; on TiDB until none of its DDL jobs with this
/// statement is under way either. A statement that still runs is left alone, however long it takes.
///
/// # Errors
/// If the connection is lost, or somebody asks to stop.
pub(super) fn until_over(ground: &mut Ground<'_>, lock: &str, begun: &Begun, step: usize) -> Result<(), Failed> {
    let what = format!("the end of `{}`, which the target still runs", shorten(begun.statement(step)));
    let statement = &begun.sent(step);
    let mut clock = Clock::new(what);
    if !until_free(ground, lock, &mut clock)? {
        until_unseen(ground, statement, &mut clock)?;
    }
    until_no_job(ground, statement, &mut clock)
}

struct Clock {
    begin: Instant,
    told: Instant,
    pause: Duration,
    what: String,
}

impl Clock {
    fn new(what: String) -> Self {
        Self { begin: Instant::now(), told: Instant::now(), pause: Duration::from_millis(2), what }
    }

    fn tick(&mut self, ground: &Ground<'_>) -> Result<(), Failed> {
        if ground.stop.requested() {
            return Err(Fault::new(Kind::Interrupted, format!("stopped while waiting for {}", self.what))
                .hint("nothing was changed; start again whenever it suits")
                .into());
        }
        if self.told.elapsed() >= TELL_EVERY {
            self.told = Instant::now();
            (ground.events)(Event::Waiting { what: self.what.clone(), since: self.begin.elapsed() });
        }
        sleep(self.pause);
        self.pause = (self.pause * 2).min(LOOK_EVERY);
        Ok(())
    }
}

/// Takes `lock` for this session, once no earlier session of the link has it any more: so that a later run can tell that this one
/// lives. Does without where the server has no such locks.
///
/// # Errors
/// As [`until_over`].
pub(super) fn own(ground: &mut Ground<'_>, lock: &str) -> Result<(), Failed> {
    if !locks::hold(ground.session, lock)? {
        let mut clock = Clock::new("the end of a session on the target that the connection to was lost".to_owned());
        until_free(ground, lock, &mut clock)?;
        locks::hold(ground.session, lock)?;
    }
    Ok(())
}

/// False where locks tell nothing.
fn until_free(ground: &mut Ground<'_>, lock: &str, clock: &mut Clock) -> Result<bool, Failed> {
    if lock.is_empty() {
        return Ok(false);
    }
    let mut idle: Option<Instant> = None;
    loop {
        let holder = match locks::holder(ground.session, lock)? {
            Holder::Unknown => return Ok(false),
            Holder::Nobody => return Ok(true),
            Holder::Session(id) => id,
        };
        // To get it once more is the proof that it is our own.
        if locks::hold(ground.session, lock)? {
            return Ok(true);
        }
        if !sleeps(ground, holder)? {
            idle = None;
        } else if idle.get_or_insert_with(Instant::now).elapsed() > IDLE {
            idle = None;
            end(ground, lock)?;
        }
        clock.tick(ground)?;
    }
}

/// Whether a connection runs nothing, as far as the server tells.
fn sleeps(ground: &mut Ground<'_>, id: Option<u64>) -> Result<bool, Failed> {
    let Some(id) = id else { return Ok(false) };
    let sql = format!("SELECT COUNT(*) FROM information_schema.processlist WHERE id = {id} AND command = 'Sleep'");
    Ok(allowed(ground.session.fetch_one::<u64>(&sql))?.flatten() == Some(1))
}

/// Ends an idle session: what its client sent before it was cut off must not arrive later.
fn end(ground: &mut Ground<'_>, lock: &str) -> Result<(), Failed> {
    if let Some(id) = allowed(locks::end_holder(ground.session, lock, 0))?.flatten() {
        (ground.events)(Event::Note(format!(
            "ended connection {id} on the target, which had begun a DDL and ran nothing any more"
        )));
    }
    Ok(())
}

/// Without locks: until no session is seen to run the statement, for a while.
fn until_unseen(ground: &mut Ground<'_>, statement: &str, clock: &mut Clock) -> Result<(), Failed> {
    let table = if ground.session.server().flavour == Flavour::TiDb { "cluster_processlist" } else { "processlist" };
    let sql = format!(
        "SELECT COUNT(*) FROM information_schema.{table} WHERE id <> CONNECTION_ID() AND info = {}",
        quote_text(statement)
    );
    let mut unseen = Instant::now();
    while unseen.elapsed() < UNSEEN {
        match allowed(ground.session.fetch_one::<u64>(&sql))? {
            Some(Some(0)) => {}
            Some(_) => unseen = Instant::now(),
            None => {
                (ground.events)(Event::Warning(format!(
                    "this account may not see whether the target still runs `{}`: it is taken to be over",
                    shorten(statement)
                )));
                return Ok(());
            }
        }
        clock.tick(ground)?;
    }
    Ok(())
}

/// TiDB runs a DDL as a job of the cluster, which outlives the session that asked for it.
fn until_no_job(ground: &mut Ground<'_>, statement: &str, clock: &mut Clock) -> Result<(), Failed> {
    if ground.session.server().flavour != Flavour::TiDb {
        return Ok(());
    }
    let sql = format!(
        "SELECT COUNT(*) FROM information_schema.ddl_jobs WHERE query = {} AND state NOT IN ('synced', 'cancelled', 'rollback done')",
        quote_text(statement)
    );
    loop {
        match allowed(ground.session.fetch_one::<u64>(&sql))? {
            Some(Some(0)) => return Ok(()),
            Some(_) => clock.tick(ground)?,
            None => {
                (ground.events)(Event::Warning(
                    "this account may not see TiDB's DDL jobs: none is taken to be under way".to_owned(),
                ));
                return Ok(());
            }
        }
    }
}

/// `None` for an answer that says that the server or the account's rights do not go that far.
fn allowed<T>(answer: Result<T, Failed>) -> Result<Option<T>, Failed> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(failed) if failed.class() == Some(Class::Connection) => Err(failed),
        Err(_) => Ok(None),
    }
}
