//! Settles, at the start of a run, a DDL that an earlier run began and did not see end.
//!
//! - What an operator reads when a statement of a DDL does not complete.
//! - Two pictures shown side by side to an operator: few lines, those that differ.

use super::begun::Begun;
use super::judge::Verdict;
use super::picture::{Ids, ObjectState, Picture, look};
use super::run::{DdlContext, StatementError, perform, replace};
use super::wait::until_over;
use crate::checkpoint::Intent;
use crate::error::{Fault, counted};
use crate::event::Event;
use crate::model::CommitTs;
use crate::mysql::error::SessionError;
use crate::mysql::error::{classify, refuse};
use crate::mysql::session::shorten;
use crate::sink::mysql::options::PendingDdl;
use crate::sql::quote_name;

/// How a DDL of an earlier run was settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It is done, and the link's position is its commit ts.
    Done,
    /// Nothing of it is on the target; the intent is removed, and the stream brings the DDL again.
    TakenBack,
}

/// Waits until the session that ran `intent` is gone, judges the outcome, and completes it: the
/// rest of a job of several statements runs here; a job of which nothing happened is left to the
/// stream, so that this run's options apply to it.
///
/// The operator's decision counts if the target's tables do not tell.
///
/// # Errors
/// Refused, with both states, if the outcome is not known and the operator has not decided.
pub fn settle(context: &mut DdlContext<'_>, intent: &Intent) -> Result<Settled, SessionError> {
    let what = format!(
        "`{}` in database `{}` (job {}, commit ts {})",
        shorten(&intent.query),
        intent.schema,
        intent.job,
        intent.ts.explain()
    );
    let Some(mut begun) = Begun::of(intent) else {
        return by_word(context, intent, &what);
    };
    if begun.ran {
        return confirm_again(context, intent, begun, &what);
    }
    let step = intent.step as usize;
    until_over(context, &intent.lock, &begun, step)?;
    let now = look(context.session, &begun.form(step))?;
    let judged = begun.judge(step, &now);
    let (verdict, by) = match (judged, context.word) {
        (Verdict::Unknown { why, before, now }, None) => {
            return Err(unknown((intent.ts, intent.job), &begun, step, (why, &before, &now)).into());
        }
        (Verdict::Unknown { .. }, Some(PendingDdl::Done)) => (Verdict::Done, "according to --pending-ddl"),
        (Verdict::Unknown { .. }, Some(PendingDdl::Again)) => (Verdict::NotDone, "according to --pending-ddl"),
        // The target's state takes precedence: an option left in a script must not run a DDL twice.
        (known, _) => (known, "according to the target's tables"),
    };
    let next = match verdict {
        Verdict::Done => {
            (context.events)(Event::Note(format!("an earlier run's DDL took effect, {by}: {what}")));
            step + 1
        }
        Verdict::NotDone if step == 0 => {
            context.link.end_ddl(context.session, None)?;
            (context.events)(Event::Note(format!(
                "an earlier run's DDL did not take effect, {by}, and will run again: {what}"
            )));
            return Ok(Settled::TakenBack);
        }
        Verdict::Partly(rest) => {
            (context.events)(Event::Note(format!(
                "an earlier run's DDL took effect partly: `{rest}` is left of {what}"
            )));
            replace(&mut begun, step, rest);
            step
        }
        Verdict::NotDone | Verdict::Unknown { .. } => step,
    };
    finish(context, intent, begun, next)
}

/// For a DDL that ran, and left tables that are not as they must be: they are compared once more,
/// unless the operator has accepted them.
fn confirm_again(
    context: &mut DdlContext<'_>,
    intent: &Intent,
    mut begun: Begun,
    what: &str,
) -> Result<Settled, SessionError> {
    if context.word == Some(PendingDdl::Done) {
        begun.expected.clear();
        (context.events)(Event::Warning(format!("as you asked, the target's tables stay as they are after {what}")));
    }
    let all = begun.statements.len();
    finish(context, intent, begun, all)
}

/// Runs the statements from `step` on, compares the tables and ends the intent.
fn finish(
    context: &mut DdlContext<'_>,
    intent: &Intent,
    mut begun: Begun,
    step: usize,
) -> Result<Settled, SessionError> {
    match perform(context, (intent.ts, intent.job), &mut begun, step, None) {
        Ok(()) => Ok(Settled::Done),
        Err(StatementError::Failed(failed) | StatementError::Refused(failed)) => Err(failed),
    }
}

/// For an intent without a picture that this version can read, or with one of other statements:
/// only the operator can decide.
fn by_word(context: &mut DdlContext<'_>, intent: &Intent, what: &str) -> Result<Settled, SessionError> {
    match context.word {
        None => Err(Fault::refused(format!(
            "an earlier run started this DDL on the target and did not see it finish: {what}. It was started by \
             another version of tisync, or its row was changed, so tisync cannot tell whether it took effect"
        ))
        .hint(
            "check on the target whether it took effect: continue with `--pending-ddl done` if it did, with \
             `--pending-ddl again` if it did not",
        )
        .into()),
        Some(PendingDdl::Done) => {
            (context.events)(Event::Note(format!("taken as done, as you asked: {what}")));
            context.link.end_ddl(context.session, Some((intent.ts, intent.job).into()))?;
            Ok(Settled::Done)
        }
        Some(PendingDdl::Again) => {
            (context.events)(Event::Note(format!("will be run again, as you asked: {what}")));
            context.link.end_ddl(context.session, None)?;
            Ok(Settled::TakenBack)
        }
    }
}

/// The refusal of a statement after others of its DDL.
pub(super) fn in_the_midst(failed: SessionError) -> SessionError {
    match failed {
        SessionError::Target { error, attempted } if !classify(&error).is_transient() => SessionError::Refused(refuse(
            &error,
            attempted,
            "the statements before it in this DDL are done: run a suitable statement on the target by hand, and start \
             again; the run then continues after it",
        )),
        other => other,
    }
}

/// The refusal of `sql` by the target.
pub(super) fn failed(error: mysql::Error, (ts, job): (CommitTs, i64), begun: &Begun, sql: &str) -> SessionError {
    let place = begun.database.as_ref().map_or(String::new(), |d| format!(" in database `{d}`"));
    SessionError::Target {
        error,
        attempted: format!(
            "cannot run the DDL of commit ts {} (job {job}){place}: the target refused `{}`",
            ts.explain(),
            shorten(sql)
        ),
    }
}

/// The error for a statement with an unknown outcome.
pub(super) fn unknown(
    (ts, job): (CommitTs, i64),
    begun: &Begun,
    step: usize,
    (why, before, now): (&str, &str, &str),
) -> Fault {
    let part = match begun.statements.len() {
        0 | 1 => String::new(),
        all => format!("statement {} of {all} of ", step + 1),
    };
    Fault::refused(format!(
        "this DDL was started on the target and its end was not seen: {part}job {job} (commit ts {}), `{}`. tisync \
         cannot tell whether it took effect: {why}\nbefore it:\n{before}\nnow:\n{now}",
        ts.explain(),
        shorten(begun.statement(step))
    ))
    .hint(
        "check on the target whether it took effect: continue with `--pending-ddl done` if it did, with `--pending-ddl \
         again` if it did not",
    )
}

/// Limit of lines for each side.
const LINES: usize = 6;

/// Both pictures, each in at most six lines: what each object is, and the lines of definitions that
/// differ.
pub(super) fn both(before: &Picture, now: &Picture) -> (String, String) {
    let (old, new) = (lines(before), lines(now));
    (differing(&old, &new), differing(&new, &old))
}

/// A line, and whether it is always shown.
type Line = (String, bool);

fn differing(own: &[Line], other: &[Line]) -> String {
    let kept = own.iter().filter(|(line, always)| *always || other.iter().all(|(o, _)| o != line));
    let mut lines: Vec<String> = kept.map(|(line, _)| format!("  {}", shorten(line))).collect();
    if lines.len() > LINES {
        lines.truncate(LINES - 1);
        lines.push("  …".to_owned());
    }
    lines.join("\n")
}

fn lines(picture: &Picture) -> Vec<Line> {
    let mut out = Vec::new();
    if let Some(database) = &picture.database {
        let name = quote_name(&database.name);
        match &database.there {
            None => out.push((format!("database {name}: does not exist"), true)),
            Some(state) => {
                out.push((format!("database {name}: {}", counted(state.tables.len(), "table")), true));
                out.push((state.definition.clone(), false));
                out.extend(state.tables.iter().map(|t| (format!("table {}", quote_name(t)), false)));
            }
        }
    }
    for object in &picture.objects {
        let name = format!("{}.{}", quote_name(&object.schema), quote_name(&object.name));
        match &object.there {
            None => out.push((format!("{name}: does not exist"), true)),
            Some(state) => {
                out.push((format!("{name}: {}", described(state)), true));
                out.extend(state.definition.lines().map(|l| (l.trim().to_owned(), false)));
            }
        }
    }
    out
}

fn described(state: &ObjectState) -> String {
    let mut text = match &state.ids {
        None => "its ids are unknown".to_owned(),
        Some(Ids { table, partitions }) => {
            let own = table.iter().map(|id| format!("id {id}"));
            own.chain(partitions.iter().map(|(name, ids)| format!("partition {name} {ids:?}")))
                .collect::<Vec<_>>()
                .join(", ")
        }
    };
    if let Some(created) = &state.created {
        text.push_str(&format!(", created {created}"));
    }
    if let Some(counter) = &state.counter {
        text.push_str(&format!(", next value {counter}"));
    }
    text
}
