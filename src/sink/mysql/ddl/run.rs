//! Runs one DDL from the stream to its end on the target, one statement at a time.
//!
//! ```text
//! begin_ddl (step 0, picture)  →  statement  →
//! step_ddl  (step 1, picture)  →  statement  →  …  →  end_ddl
//! ```
//! So at any moment the link's row says which single statement may be in flight, and what its
//! objects were before it.

use super::begun::Begun;
use super::conversion::send;
use super::conversion::warn_of_charset;
use super::conversion_table::warn_of_divisions;
use super::decision::{Decision, way};
use super::expected::{confirm, expected};
use super::foreign_key;
use super::judge::Verdict;
use super::picture::look;
use super::settle::{failed, in_the_midst, unknown};
use super::skipped;
use super::skipped::Skipped;
use super::skipped::{Unrun, not_run};
use super::wait::{own, until_over};
use super::{Answer, Asker, DdlPolicy, DdlTrouble, OnDdlError, for_good};
use crate::checkpoint::{DdlAt, Link};
use crate::error::Fault;
use crate::event::{Event, Events};
use crate::model::{CommitTs, Ddl};
use crate::mysql::error::SessionError;
use crate::mysql::error::{Class, classify};
use crate::mysql::session::{Session, shorten};
use crate::sink::mysql::PendingDdl;
use crate::sql::quote_name;
use crate::stop::Stop;

/// What a DDL needs to run.
pub struct DdlContext<'a> {
    /// A connection to the target without an open transaction. Everything in flight on others is
    /// durable.
    pub session: &'a mut Session,
    /// The link, owned by this run.
    pub link: &'a Link,
    /// The operator's decisions about DDLs; answers during the run are added.
    pub policy: &'a mut DdlPolicy,
    /// Asks the operator about a DDL that the target refuses.
    pub asker: Option<&'a Asker>,
    /// The operator's decision about a DDL that an earlier run left unfinished.
    pub word: Option<PendingDdl>,
    /// Ends a wait when a stop is requested.
    pub stop: &'a Stop,
    /// Where messages for the operator go.
    pub events: &'a Events,
}

/// How a DDL was handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// It ran on the target.
    Ran,
    /// The operator's replacement ran instead.
    Replaced,
    /// The operator skipped it.
    Skipped,
    /// It is irrelevant to the target, or its tables are missing there.
    LeftOut,
    /// It was followed (schema and position) and not run.
    Unrun(Unrun),
}

/// The result of a DDL. Its commit ts is the link's position in any case.
#[derive(Clone, Debug)]
pub struct Ran {
    /// How it was handled.
    pub how: How,
    /// The tables that are left out from here on, if that changed.
    pub skipped: Option<Skipped>,
}

impl Ran {
    /// Whether the DDL itself ran on the target.
    #[must_use]
    pub fn ran(&self) -> bool {
        self.how == How::Ran
    }
}

/// Why a DDL was not completed.
pub(super) enum StatementError {
    /// It was refused, by the target or before it was sent, and nothing of it is under way: the
    /// operator may decide otherwise.
    Refused(SessionError),
    /// Anything else.
    Failed(SessionError),
}

impl From<SessionError> for StatementError {
    fn from(failed: SessionError) -> Self {
        Self::Failed(failed)
    }
}

/// Runs, leaves out or refuses `ddl`, and moves the link's position to `ts`. After a lost
/// connection [`resume`] continues; after another error nothing of it is under way, unless the
/// error says so.
///
/// # Errors
/// The server's own error if it came from the target, so that the caller can tell what is worth
/// another try.
pub fn run(context: &mut DdlContext<'_>, skipped: &Skipped, ts: CommitTs, ddl: &Ddl) -> Result<Ran, SessionError> {
    asking(context, skipped, (ts, ddl), false)
}

/// Continues `ddl` after an error in [`run`] or here that is worth another try, a lost connection
/// (then in a new session) or a lock wait: finds out how far it came, and does what is left.
///
/// # Errors
/// As [`run`], and refused if the outcome of a statement is not known.
pub fn resume(context: &mut DdlContext<'_>, skipped: &Skipped, ts: CommitTs, ddl: &Ddl) -> Result<Ran, SessionError> {
    asking(context, skipped, (ts, ddl), true)
}

/// Tries until it is done, or the operator has no other answer.
fn asking(
    context: &mut DdlContext<'_>,
    skipped: &Skipped,
    (ts, ddl): (CommitTs, &Ddl),
    mut begun: bool,
) -> Result<Ran, SessionError> {
    loop {
        let tried = if begun { resume_once(context, skipped, ts, ddl) } else { run_once(context, skipped, ts, ddl) };
        let refused = match tried {
            Ok(ran) => return Ok(ran),
            Err(StatementError::Failed(failed)) => return Err(failed),
            Err(StatementError::Refused(failed)) => for_good(ts, failed),
        };
        begun = false;
        match answer(context, &DdlTrouble::new(ts, ddl, &refused)) {
            Answer::Again => {}
            Answer::Skip => {
                context.policy.replace.remove(&ts);
                context.policy.skip.insert(ts);
            }
            Answer::Replace(sql) => {
                context.policy.replace.insert(ts, sql);
            }
            Answer::Stop => return Err(SessionError::Refused(refused)),
        }
    }
}

fn answer(context: &DdlContext<'_>, trouble: &DdlTrouble) -> Answer {
    match (context.policy.on_error, context.asker) {
        (OnDdlError::Stop, _) => Answer::Stop,
        (OnDdlError::Ask, Some(asker)) => asker.ask(trouble),
        (OnDdlError::Ask, None) => {
            (context.events)(Event::Warning(
                "cannot ask what to do about this DDL, because there is no terminal: the run stops".to_owned(),
            ));
            Answer::Stop
        }
    }
}

fn run_once(context: &mut DdlContext<'_>, skipped: &Skipped, ts: CommitTs, ddl: &Ddl) -> Result<Ran, StatementError> {
    let how = match way(context, skipped, ts, ddl)? {
        Decision::Skip => return Ok(skipped::leave_out(context, skipped, ts, ddl)?),
        Decision::Follow => return Ok(skipped::follow(context, skipped, ts, ddl)?),
        Decision::Unrun(unrun) => {
            context.link.save_ddl_position(context.session, DdlAt::of(ts, ddl))?;
            unrun.tell(context, ts, ddl);
            How::Unrun(unrun)
        }
        Decision::LeaveOut(why) => {
            context.link.save_ddl_position(context.session, DdlAt::of(ts, ddl))?;
            not_run(context, &why, ts, ddl);
            How::LeftOut
        }
        Decision::Instead(statements) => {
            let mut begun = Begun::instead(ddl, statements);
            perform(context, (ts, ddl.job_id), &mut begun, 0, Some(ddl))?;
            return Ok(ran(context, skipped, (ts, ddl), true)?);
        }
        Decision::Run { statements, zones, optional_from, said } => {
            warn_of_charset(context, ts, ddl)?;
            warn_of_divisions(context, ts, ddl);
            for text in said {
                (context.events)(Event::Note(format!(
                    "{text}: `{}` (commit ts {})",
                    shorten(&ddl.query),
                    ts.explain()
                )));
            }
            let expected = expected(context.session.server(), ddl);
            let mut begun = Begun { zones, optional_from, expected, ..Begun::new(ddl, statements) };
            perform(context, (ts, ddl.job_id), &mut begun, 0, Some(ddl))?;
            return Ok(ran(context, skipped, (ts, ddl), false)?);
        }
    };
    Ok(Ran { how, skipped: skipped::end_of_database(context, skipped, ts, ddl)? })
}

fn resume_once(
    context: &mut DdlContext<'_>,
    skipped: &Skipped,
    ts: CommitTs,
    ddl: &Ddl,
) -> Result<Ran, StatementError> {
    let state = context.link.state(context.session)?;
    match state.intent {
        None if state.has(DdlAt::of(ts, ddl)) => {
            // It had ended, and what was recorded about it is durable with the position.
            let how = match way(context, skipped, ts, ddl)? {
                Decision::Run { .. } => return Ok(ran(context, skipped, (ts, ddl), false)?),
                Decision::Instead(_) => return Ok(ran(context, skipped, (ts, ddl), true)?),
                Decision::Skip => How::Skipped,
                Decision::Unrun(unrun) => How::Unrun(unrun),
                Decision::Follow | Decision::LeaveOut(_) => How::LeftOut,
            };
            Ok(Ran { how, skipped: Some(Skipped::load(context.session, context.link)?) })
        }
        None => run_once(context, skipped, ts, ddl),
        Some(intent) => {
            let Some(mut begun) = Begun::of(&intent).filter(|_| intent.ts == ts) else {
                let failed: SessionError = Fault::refused(format!(
                    "the stored intent of the DDL at {} was changed by another process",
                    ts.explain()
                ))
                .into();
                return Err(failed.into());
            };
            let step = intent.step as usize;
            if begun.ran {
                let all = begun.statements.len();
                perform(context, (ts, ddl.job_id), &mut begun, all, None)?;
                return Ok(ran(context, skipped, (ts, ddl), begun.replaced)?);
            }
            until_over(context, &intent.lock, &begun, step)?;
            let now = look(context.session, &begun.form(step))?;
            let next = match begun.judge(step, &now) {
                Verdict::Done => step + 1,
                Verdict::NotDone => step,
                Verdict::Partly(rest) => {
                    replace(&mut begun, step, rest);
                    step
                }
                Verdict::Unknown { why, before, now } => {
                    let failed: SessionError = unknown((ts, ddl.job_id), &begun, step, (why, &before, &now)).into();
                    return Err(failed.into());
                }
            };
            (context.events)(Event::Note(format!(
                "the connection was lost during `{}` (commit ts {}): {}",
                shorten(begun.statement(step)),
                ts.explain(),
                if next > step { "it took effect" } else { "it did not take effect, or not all of it, and runs now" }
            )));
            perform(context, (ts, ddl.job_id), &mut begun, next, None)?;
            Ok(ran(context, skipped, (ts, ddl), begun.replaced)?)
        }
    }
}

fn ran(
    context: &mut DdlContext<'_>,
    skipped: &Skipped,
    (ts, ddl): (CommitTs, &Ddl),
    replaced: bool,
) -> Result<Ran, SessionError> {
    let skipped = skipped::end_of_database(context, skipped, ts, ddl)?;
    let (query, at) = (shorten(&ddl.query), ts.explain());
    if !replaced {
        (context.events)(Event::Note(format!("ran `{query}` (commit ts {at})")));
        return Ok(Ran { how: How::Ran, skipped });
    }
    let instead = context.policy.replace.get(&ts).map_or("", String::as_str);
    (context.events)(Event::Warning(format!(
        "as you asked, `{}` ran instead of `{query}` (commit ts {at})",
        shorten(instead)
    )));
    Ok(Ran { how: How::Replaced, skipped })
}

pub(super) fn replace(begun: &mut Begun, step: usize, rest: String) {
    if let Some(statement) = begun.statements.get_mut(step) {
        *statement = rest;
    }
}

/// Runs the statements of `begun` from `step` on, each under its own intent, and ends the intent.
/// `fresh` is the DDL whose intent is not stored yet.
///
/// A statement that is refused because foreign keys hold its columns runs while these are dropped
/// ([`foreign_key::around`]).
pub(super) fn perform(
    context: &mut DdlContext<'_>,
    (ts, job): (CommitTs, i64),
    begun: &mut Begun,
    mut step: usize,
    fresh: Option<&Ddl>,
) -> Result<(), StatementError> {
    while step < begun.statements.len() {
        let fresh_now = fresh.filter(|_| step == 0);
        announce(context, (ts, job), begun, step, fresh_now).map_err(|failed| match failed.class() {
            // Without its database, nothing of it has begun.
            Some(class) if fresh_now.is_some() && !class.is_transient() => StatementError::Refused(failed),
            _ => StatementError::Failed(failed),
        })?;
        match statement(context, (ts, job), begun, step) {
            Ok(()) => step += 1,
            // At the first statement the refusal has ended the intent, which only `fresh` begins
            // again. A statement of the operator's is left as it is.
            Err(StatementError::Refused(failed))
                if !begun.replaced && (step > 0 || fresh.is_some()) && foreign_key::holds(&failed) =>
            {
                if !foreign_key::around(context.session, begun, step, fresh)? {
                    return Err(refused_at(step, failed));
                }
            }
            Err(StatementError::Refused(failed)) => return Err(refused_at(step, failed)),
            Err(failed) => return Err(failed),
        }
    }
    confirm(context, (ts, job), begun)?;
    let done = DdlAt { ts, job, early: begun.early.map(CommitTs) };
    Ok(context.link.end_ddl(context.session, Some(done))?)
}

/// The refusal of the statement of `step`. If statements before it are done, the intent stays, and
/// the error says so.
fn refused_at(step: usize, failed: SessionError) -> StatementError {
    if step > 0 { StatementError::Failed(in_the_midst(failed)) } else { StatementError::Refused(failed) }
}

/// Takes the picture of what `step` concerns, and stores that it is about to run in this session:
/// for `fresh`, whose intent is not stored yet, or as the next step of the stored one.
///
/// # Errors
/// If the link was taken over, or the target cannot be read or written.
pub fn announce(
    context: &mut DdlContext<'_>,
    (ts, job): (CommitTs, i64),
    begun: &mut Begun,
    step: usize,
    fresh: Option<&Ddl>,
) -> Result<(), SessionError> {
    let lock = context.link.ddl_lock();
    own(context, &lock)?;
    begun.picture = look(context.session, &begun.form(step))?;
    if fresh.is_some() || step > 0 {
        begun.keep_shown(step);
    }
    begun.origin = context.session.comment(ts);
    if let Some(name) = &begun.database {
        let sql = format!("USE {}", quote_name(name));
        // Refused: nothing of this step has begun.
        context.session.try_run(&sql).map_err(|error| failed(error, (ts, job), begun, &sql))?;
    }
    let stored = begun.write().map_err(|e| Fault::refused(format!("cannot store which objects a DDL affects: {e}")))?;
    let number = u32::try_from(step).unwrap_or(u32::MAX);
    match fresh {
        Some(ddl) => context.link.begin_ddl(context.session, (ts, ddl), &begun.text(), (number, &stored), &lock),
        None => context.link.step_ddl(context.session, (ts, &begun.text()), (number, &stored), &lock),
    }
}

/// Runs one statement whose intent is stored.
fn statement(
    context: &mut DdlContext<'_>,
    key: (CommitTs, i64),
    begun: &Begun,
    step: usize,
) -> Result<(), StatementError> {
    let sql = begun.statement(step);
    let Err(error) = send(context.session, begun, step) else { return Ok(()) };
    let class = classify(&error);
    if class == Class::Connection {
        return Err(failed(error, key, begun, sql).into());
    }
    // The server answered, so the statement has ended. The answer is not always the whole truth: a
    // DROP of several tables drops those that exist before it fails for one that does not, and an
    // error may come after the effect.
    let form = begun.form(step);
    let clear = class.is_definite() && form.is_single();
    if !clear {
        until_over(context, "", begun, step)?;
        let now = look(context.session, &form)?;
        match begun.judge(step, &now) {
            Verdict::NotDone => {}
            Verdict::Done if !class.is_definite() => {
                let error = anyhow::Error::from(failed(error, key, begun, sql));
                (context.events)(Event::Warning(format!("{error:#}: but it took effect")));
                return Ok(());
            }
            // The intent stays: the next run continues from there, or asks.
            _ => return Err(failed(error, key, begun, sql).into()),
        }
    }
    if !class.is_transient() && begun.optional_from.is_some_and(|from| step >= from) {
        let error = anyhow::Error::from(failed(error, key, begun, sql));
        (context.events)(Event::Warning(format!("{error:#}: left out, the rest of the DDL is done")));
        return clear_after(context, key, begun, step);
    }
    if step == 0 {
        // Nothing of the job happened: a restart may simply try again.
        context.link.end_ddl(context.session, None)?;
    }
    let failed = failed(error, key, begun, sql);
    Err(if class.is_transient() { StatementError::Failed(failed) } else { StatementError::Refused(failed) })
}

/// Removes the statements that belong to an optional statement that was left out.
fn clear_after(
    context: &mut DdlContext<'_>,
    key: (CommitTs, i64),
    begun: &Begun,
    step: usize,
) -> Result<(), StatementError> {
    let Some(sql) = begun.if_left_out.get(&step) else { return Ok(()) };
    let Err(error) = context.session.try_run(sql) else { return Ok(()) };
    let (class, failed) = (classify(&error), failed(error, key, begun, sql));
    if class == Class::Connection {
        return Err(failed.into());
    }
    (context.events)(Event::Warning(format!("{:#}", anyhow::Error::from(failed))));
    Ok(())
}
