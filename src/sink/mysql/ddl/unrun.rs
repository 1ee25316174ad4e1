//! DDL that is followed and not run: the schema and the position move on.
//!
//! Of two opposite links one runs all DDL. The other one runs none, and what it finds upstream must have come from its own target. Anything
//! else there is on the wrong side: nobody brings it to the target, and rows will not fit soon.

use super::action;
use super::run::Ground;
use super::verdict::{Plan, plan};
use crate::error::Fault;
use crate::event::Event;
use crate::model::{CommitTs, Ddl, Side};
use crate::sink::mysql::WrongSide;
use crate::sink::mysql::session::shorten;

/// Why a DDL is followed and not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unrun {
    /// No DDL is run on this link.
    Off,
    /// The same, though it should have come from the target; the operator does not mind.
    WrongSide,
    /// The target had it first.
    CameBack,
}

impl Unrun {
    /// What `ddl` is where none is run.
    ///
    /// # Errors
    /// Refused if somebody ran it upstream, it would change something on the target, and the operator does mind.
    pub(super) fn of(ground: &Ground<'_>, ts: CommitTs, ddl: &Ddl) -> Result<Self, Fault> {
        if ddl.side != Side::Upstream || matches!(plan(ground.session.server(), ts, ddl), Ok(Plan::LeaveOut(_))) {
            return Ok(Self::Off);
        }
        match ground.policy.wrong_side {
            WrongSide::Ignore => Ok(Self::WrongSide),
            WrongSide::Stop => Err(refusal(ts, ddl)),
        }
    }

    /// Says it.
    pub(super) fn tell(self, ground: &Ground<'_>, ts: CommitTs, ddl: &Ddl) {
        let (query, at) = (shorten(&ddl.query), ts.explain());
        match self {
            Self::CameBack => not_run(ground, "because it came from there", ts, ddl),
            Self::Off if !action::brings_back(ddl.action) => {
                not_run(ground, "because no DDL is run on this link", ts, ddl)
            }
            Self::Off => (ground.events)(Event::Warning(format!(
                "no DDL is run on this link, and this one brings rows back that no binlog repeats: `{query}` (commit ts {at})"
            ))),
            Self::WrongSide => (ground.events)(Event::Warning(format!(
                "ignored, as --wrong-side-ddl says: `{query}` in database `{}` (commit ts {at}) was run on the source and did not come from \
                 the target, which does not have it",
                ddl.schema
            ))),
        }
    }
}

pub(super) fn not_run(ground: &Ground<'_>, why: &str, ts: CommitTs, ddl: &Ddl) {
    (ground.events)(Event::Note(format!(
        "not run on the target, {why}: `{}` (commit ts {})",
        shorten(&ddl.query),
        ts.explain()
    )));
}

fn refusal(ts: CommitTs, ddl: &Ddl) -> Fault {
    Fault::refused(format!(
        "this DDL is on the wrong side: `{}` in database `{}` (commit ts {}) was run on the source of this link, which runs no DDL, and \
         did not come from its target. So the target does not have it, and nobody brings it there",
        shorten(&ddl.query),
        ddl.schema,
        ts.explain()
    ))
    .hint(format!(
        "the position stays before it. To have it on both sides, start again with `--on-ddl-error 'replace:{0}=SQL'`, SQL being the \
         statement: it runs on the target, and the other direction knows it as its own. Or undo it on the source, run it on the target, \
         from where it comes by itself, and leave both out here with `--skip-ddl {0}` and the ts of what undoes it. `--skip-ddl {0}` \
         alone goes on without it, `--wrong-side-ddl ignore` without all of them: that is also what it takes where the other \
         direction is a Drainer, which does not say what came through it",
        ts.0
    ))
}
