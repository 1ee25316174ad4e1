//! Which way a DDL takes: run, in which words, replaced, left out, or refused.

use super::conversion;
use super::missing;
use super::run::{Ground, Setback};
use super::unnamable;
use super::unrun::Unrun;
use super::verdict::{Plan, plan};
use super::view::own_definer;
use crate::checkpoint::Failed;
use crate::error::Fault;
use crate::model::{CommitTs, Ddl, Side};
use crate::sink::mysql::skipped::Skipped;

/// See the module.
pub(super) enum Way {
    /// Left out by the operator's word.
    Skip,
    /// Its tables are missing on the target.
    Follow,
    /// It is followed alone.
    Unrun(Unrun),
    /// It means nothing to the target.
    LeaveOut(String),
    /// These statements run instead, by the operator's word.
    Instead(Vec<String>),
    /// These statements run, one after the other.
    Run {
        /// In the target's words.
        statements: Vec<String>,
        /// What an operator should know about them.
        said: Vec<String>,
    },
}

/// The way of `ddl`.
///
/// # Errors
/// Refused where the target cannot have it, before anything was sent.
pub(super) fn way(ground: &mut Ground<'_>, skipped: &Skipped, ts: CommitTs, ddl: &Ddl) -> Result<Way, Setback> {
    if ground.policy.skip.contains(&ts) {
        return Ok(Way::Skip);
    }
    let came_back = ddl.side == Side::Target;
    if let Some(statements) = ground.policy.instead(ts).map_err(refused)?.filter(|_| !came_back) {
        return Ok(Way::Instead(statements));
    }
    if missing::touches_missing(skipped, ts, ddl).map_err(refused)? {
        return Ok(Way::Follow);
    }
    if came_back {
        return Ok(Way::Unrun(Unrun::CameBack));
    }
    if !ground.policy.run {
        return Unrun::of(ground, ts, ddl).map(Way::Unrun).map_err(refused);
    }
    if let Some(why) = unnamable::never_there(ground.session.server(), ddl) {
        return Ok(Way::LeaveOut(why));
    }
    match plan(ground.session.server(), ts, ddl).map_err(refused)? {
        Plan::LeaveOut(why) => Ok(Way::LeaveOut(why)),
        Plan::Run { statements: planned, mut said } => {
            let mut statements = Vec::new();
            for mut statement in planned {
                unnamable::check(ground.session.server(), &statement, ts, ddl).map_err(refused)?;
                said.extend(own_definer(ground.session, &mut statement)?);
                super::collation::check(ground.session, &statement, ts)?;
                let prepared = conversion::prepare(ground.session, &statement, ts, ddl)?;
                said.extend(prepared.said);
                statements.extend(prepared.before);
                statements.push(statement);
            }
            Ok(Way::Run { statements, said })
        }
    }
}

pub(super) fn refused(fault: Fault) -> Setback {
    Setback::Refused(Failed::from(fault))
}
