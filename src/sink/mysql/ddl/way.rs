//! Which way a DDL takes: run, in which words, replaced, left out, or refused.

use std::collections::BTreeMap;

use super::constraint::{Named, Names};
use super::conversion;
use super::missing;
use super::range::keep_in_range;
use super::references;
use super::run::{Ground, Setback};
use super::unnamable;
use super::unrun::Unrun;
use super::verdict::{Plan, plan};
use super::view::{drop_other_spelling, own_definer};
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
        /// The zones, as SQL, of those that do not run in UTC, by their numbers.
        zones: BTreeMap<usize, String>,
        /// Those from this one on are left out where the target refuses them.
        optional_from: Option<usize>,
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
        Plan::Run { statements: planned, optional, mut said } => {
            let (mut statements, mut zones) = (Vec::new(), BTreeMap::new());
            let (mut names, mut left_behind) = (Names::default(), Vec::new());
            for planned in planned {
                let mut statement = match names.named(ground.session, &planned, ddl)? {
                    Named::Runs(statement, index) => {
                        left_behind.extend(index);
                        statement
                    }
                    Named::Goes(why) => {
                        said.push(why);
                        continue;
                    }
                };
                unnamable::check(ground.session.server(), &statement, ts, ddl).map_err(refused)?;
                said.extend(keep_in_range(ground.session, &mut statement, ddl)?);
                said.extend(own_definer(ground.session, &mut statement)?);
                statements.extend(drop_other_spelling(ground.session, &statement, ddl)?);
                super::collation::check(ground.session, &statement, ts)?;
                let prepared = conversion::prepare(ground.session, &statement, ts, ddl)?;
                said.extend(prepared.said);
                for (before, zone) in prepared.before {
                    zones.extend(zone.map(|zone| (statements.len(), zone)));
                    statements.push(before);
                }
                statements.extend(references::apart(ground.session, statement, ddl)?);
            }
            let optional = optional + left_behind.len();
            statements.extend(left_behind);
            let optional_from = (optional > 0).then(|| statements.len().saturating_sub(optional));
            Ok(Way::Run { statements, zones, optional_from, said })
        }
    }
}

pub(super) fn refused(fault: Fault) -> Setback {
    Setback::Refused(Failed::from(fault))
}
