//! At the start of a run: what became of the DDL that an earlier run began and did not see end?

use super::begun::Begun;
use super::judge::Verdict;
use super::look::look;
use super::refusal::unknown;
use super::run::{Ground, Setback, perform, replace};
use super::wait::until_over;
use crate::checkpoint::{Failed, Intent};
use crate::error::Fault;
use crate::event::Event;
use crate::sink::mysql::PendingDdl;
use crate::sink::mysql::session::shorten;

/// How a DDL that was left behind was settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It is done, and the link's position is its commit ts.
    Done,
    /// Nothing of it is on the target, the intent is taken back, and the stream brings it again.
    TakenBack,
}

/// Waits until the session that ran `intent` is gone, judges what became of it, and finishes it: what is left of a job of several
/// statements runs here; a job of which nothing happened is left to the stream, so that this run's options hold for it.
///
/// The operator's word counts where the target's tables do not tell.
///
/// # Errors
/// Refused, with both states, if it cannot be told and the operator has not said it.
pub fn settle(ground: &mut Ground<'_>, intent: &Intent) -> Result<Settled, Failed> {
    let what = format!(
        "`{}` in database `{}` (job {}, commit ts {})",
        shorten(&intent.query),
        intent.schema,
        intent.job,
        intent.ts.explain()
    );
    let Some(mut begun) = Begun::of(intent) else {
        return by_word(ground, intent, &what);
    };
    if begun.ran {
        return confirm_again(ground, intent, begun, &what);
    }
    let step = intent.step as usize;
    until_over(ground, &intent.lock, &begun, step)?;
    let now = look(ground.session, &begun.form(step))?;
    let judged = begun.judge(step, &now);
    let (verdict, by) = match (judged, ground.word) {
        (Verdict::Unknown { why, before, now }, None) => {
            return Err(unknown((intent.ts, intent.job), &begun, step, (why, &before, &now)).into());
        }
        (Verdict::Unknown { .. }, Some(PendingDdl::Done)) => (Verdict::Done, "by your word"),
        (Verdict::Unknown { .. }, Some(PendingDdl::Again)) => (Verdict::NotDone, "by your word"),
        // What can be seen wins: a word that is left in a script must not run a DDL twice.
        (known, _) => (known, "by the target's tables"),
    };
    let next = match verdict {
        Verdict::Done => {
            (ground.events)(Event::Note(format!("an earlier run's DDL took effect, {by}: {what}")));
            step + 1
        }
        Verdict::NotDone if step == 0 => {
            ground.link.end_ddl(ground.session, None)?;
            (ground.events)(Event::Note(format!(
                "an earlier run's DDL did not take effect, {by}, and will run again: {what}"
            )));
            return Ok(Settled::TakenBack);
        }
        Verdict::Partly(rest) => {
            (ground.events)(Event::Note(format!(
                "an earlier run's DDL took effect in part: `{rest}` is left of {what}"
            )));
            replace(&mut begun, step, rest);
            step
        }
        Verdict::NotDone | Verdict::Unknown { .. } => step,
    };
    finish(ground, intent, begun, next)
}

/// A DDL that ran, and left the tables otherwise than they have to be: they are compared once more, unless the operator has said that they may stay.
fn confirm_again(ground: &mut Ground<'_>, intent: &Intent, mut begun: Begun, what: &str) -> Result<Settled, Failed> {
    if ground.word == Some(PendingDdl::Done) {
        begun.expected.clear();
        (ground.events)(Event::Warning(format!("by your word, the target's tables stay as they are after {what}")));
    }
    let all = begun.statements.len();
    finish(ground, intent, begun, all)
}

/// Runs what is left from `step` on, compares the tables and ends the intent.
fn finish(ground: &mut Ground<'_>, intent: &Intent, mut begun: Begun, step: usize) -> Result<Settled, Failed> {
    match perform(ground, (intent.ts, intent.job), &mut begun, step, None) {
        Ok(()) => Ok(Settled::Done),
        Err(Setback::Failed(failed) | Setback::Refused(failed)) => Err(failed),
    }
}

/// An intent without a picture that this version can read, or with one of other statements: only the operator knows.
fn by_word(ground: &mut Ground<'_>, intent: &Intent, what: &str) -> Result<Settled, Failed> {
    match ground.word {
        None => Err(Fault::refused(format!(
            "an earlier run began this DDL on the target and did not see it end: {what}. It was begun by another version of \
             tisync, or its row was changed, so whether it took effect cannot be told"
        ))
        .hint(
            "look at the target whether it took effect: go on with `--pending-ddl done` if it did, with `--pending-ddl again` if \
             it did not",
        )
        .into()),
        Some(PendingDdl::Done) => {
            (ground.events)(Event::Note(format!("taken as done by your word: {what}")));
            ground.link.end_ddl(ground.session, Some((intent.ts, intent.job).into()))?;
            Ok(Settled::Done)
        }
        Some(PendingDdl::Again) => {
            (ground.events)(Event::Note(format!("will be run again by your word: {what}")));
            ground.link.end_ddl(ground.session, None)?;
            Ok(Settled::TakenBack)
        }
    }
}
