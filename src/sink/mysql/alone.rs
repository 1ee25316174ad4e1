//! Runs a DDL on a worker while nothing else is in flight.
//!
//! The second part waits for the link of the opposite direction to bring a DDL of the target to the
//! source, and limits how long. What is held back is not lost: the stream keeps it, and the
//! position stays before it.

use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Error, Result};

use super::batch::full_name;
use super::ddl::{self, DdlContext, DdlPolicy, How, Ran, Unrun};
use super::shape::{Changed, HINT_AHEAD};
use super::shared::Context;
use super::watch::Backoff;
use super::worker::{VAGUE, Worker};
use crate::checkpoint::{DdlAt, locks};
use crate::error::{Fault, Kind};
use crate::event::Event;
use crate::model::{CommitTs, Ddl, Table};
use crate::mysql::error::{class_of, is_vague};
use crate::mysql::session::shorten;
use crate::sink::{DecidedDdl, Totals};

impl Worker {
    /// Runs `ddl` to its end, reconnecting as often as necessary.
    pub(super) fn ddl(&mut self, ts: CommitTs, ddl: &Ddl) -> Result<()> {
        self.be_patient(true);
        let mut backoff = Backoff::new();
        let mut begun = false;
        // The operator's answer holds until the DDL is over, on any connection.
        let mut policy = self.context.options.ddl.clone();
        let ran = loop {
            let error = match self.try_ddl((ts, ddl), begun, &mut policy, &mut backoff) {
                Ok(ran) => break ran,
                Err(error) => error,
            };
            let most = if is_vague(&error) { VAGUE } else { u32::MAX };
            let passing = class_of(&error).filter(|c| c.is_transient() && backoff.tries() < most);
            let Some(class) = passing else { return Err(error) };
            // The session that ran it has to be gone before its effect can be judged.
            self.hang_up();
            begun = true;
            self.pause(&mut backoff, class, &error)?;
        };
        self.be_patient(false);
        let context = &self.context;
        if let Some(skipped) = ran.skipped {
            context.shared.set_skipped(skipped);
        }
        context.shared.count(|totals| count(totals, ran.how, ts, ddl, &policy));
        Ok(())
    }

    fn try_ddl(
        &mut self,
        (ts, ddl): (CommitTs, &Ddl),
        begun: bool,
        policy: &mut DdlPolicy,
        backoff: &mut Backoff,
    ) -> Result<Ran> {
        let context = self.context.clone();
        let (skipped, position) = (context.shared.skipped(), DdlAt::of(ts, ddl).position());
        let lane = self.lane(backoff)?;
        let mut ddl_context = DdlContext {
            session: &mut lane.session,
            link: &context.link,
            policy,
            asker: context.options.asker.as_ref(),
            word: None,
            stop: &context.options.stop,
            events: &context.events,
        };
        let ran = if begun {
            ddl::resume(&mut ddl_context, &skipped, ts, ddl)
        } else {
            ddl::run(&mut ddl_context, &skipped, ts, ddl)
        };
        let ran = ran.map_err(Error::from)?;
        lane.acknowledge(&context.acknowledged, &context.link, |all, compared| all.position(position, compared))?;
        // The next DDL may be run by another worker, which would wait for this session to end. If
        // the connection is lost now, so is the lock.
        let _ = locks::release(&mut lane.session, &context.link.ddl_lock());
        Ok(ran)
    }
}

/// Counts a finished DDL.
fn count(totals: &mut Totals, how: How, ts: CommitTs, ddl: &Ddl, policy: &DdlPolicy) {
    match how {
        How::Ran => totals.ddl += 1,
        How::Replaced => totals.replaced_ddl += 1,
        How::Unrun(Unrun::Off) => totals.unrun_ddl += 1,
        How::Unrun(Unrun::WrongSide) => totals.wrong_side_ddl += 1,
        How::Unrun(Unrun::CameBack) => totals.returned_ddl += 1,
        How::Skipped | How::LeftOut => totals.skipped_ddl += 1,
    }
    if matches!(how, How::Replaced | How::Skipped) {
        totals.decided.push(DecidedDdl {
            commit_ts: ts,
            schema: ddl.schema.clone(),
            query: shorten(&ddl.query),
            instead: policy.replace.get(&ts).filter(|_| how == How::Replaced).map(|sql| shorten(sql)),
        });
    }
}

/// The age up to which a change of the target's table may still come through the source; an older
/// one will not.
const OLDEST: Duration = Duration::from_secs(600);
/// How long it is waited for in any case; and how long the source's history may be silent.
const AT_LEAST: Duration = Duration::from_secs(10);
const SILENT: Duration = Duration::from_secs(60);
/// How long a DDL without a visible effect may be on its way.
const NEWS: Duration = Duration::from_secs(60);
/// Pause between looks, at first and later.
const FIRST: Duration = Duration::from_millis(20);
const LONGEST: Duration = Duration::from_millis(200);
/// After what time the wait is reported, and how often.
const TELL_AFTER: Duration = Duration::from_secs(2);
const TELL_EVERY: Duration = Duration::from_secs(5);
/// Pause between looks for a stop.
const LOOK: Duration = Duration::from_millis(50);

/// How the target's table differs from every definition that the source is known to reach.
pub(super) struct Difference {
    /// The differences, for messages.
    pub(super) texts: Vec<String>,
    /// When the target's table was changed.
    pub(super) changed: Option<Changed>,
    /// When the newest DDL on it ran that the source has, or that is under way in its history.
    pub(super) newest: Option<CommitTs>,
}

impl Difference {
    /// Whether no DDL of the target can still be on its way to the source after `waited`: the
    /// source has something newer than all DDL on the target's table, or that DDL is old.
    fn stays(&self, waited: Duration) -> bool {
        let Some(changed) = self.changed else { return waited > OLDEST };
        let overtaken = self.newest.is_some_and(|ts| (changed.at + 1) * 1000 < ts.physical_ms());
        overtaken || changed.age > OLDEST
    }
}

/// Why rows of a table are held; an error says why the source's history does not show it.
type Why = Result<Difference>;

/// Rows of one table that wait.
pub(super) struct HeldRows {
    table: String,
    since: Instant,
    told: Option<Instant>,
    pause: Duration,
}

impl HeldRows {
    pub(super) fn new(table: &Arc<Table>) -> Self {
        Self { table: full_name(table), since: Instant::now(), told: None, pause: FIRST }
    }

    /// Waits a moment if the source may still hear of the target's last DDL on the table, although
    /// nothing shows it. Returns whether it waited: not every DDL goes to the source.
    ///
    /// # Errors
    /// If the run is to end.
    pub(super) fn wait_for_news(
        &mut self,
        context: &Context,
        changed: Option<Changed>,
        newest: Option<CommitTs>,
    ) -> Result<bool> {
        let due = |c: &Changed| c.age < NEWS && newest.is_none_or(|ts| ts.physical_ms() < c.at * 1000);
        let Some(changed) = changed.filter(due) else { return Ok(false) };
        self.wait(context, Ok(Difference { texts: Vec::new(), changed: Some(changed), newest }))?;
        Ok(true)
    }

    /// Waits a moment.
    ///
    /// # Errors
    /// If the wait has been long enough, or the run is to end.
    pub(super) fn wait(&mut self, context: &Context, why: Why) -> Result<()> {
        let waited = self.since.elapsed();
        match why {
            Err(error) if waited > SILENT => return Err(error),
            Err(_) => {}
            Ok(difference) if waited > AT_LEAST && difference.stays(waited) => return Err(given_up(&difference.texts)),
            Ok(_) => {}
        }
        if waited > TELL_AFTER && self.told.is_none_or(|at| at.elapsed() > TELL_EVERY) {
            self.told = Some(Instant::now());
            let what = format!(
                "the target's DDL on {}, which the link in the other direction has not yet replicated to the source",
                self.table
            );
            (context.events)(Event::Waiting { what, since: waited });
        }
        self.pause = (self.pause * 2).min(LONGEST);
        let begin = Instant::now();
        while begin.elapsed() < self.pause {
            self.check(context)?;
            sleep(LOOK.min(self.pause));
        }
        self.check(context)
    }

    fn check(&self, context: &Context) -> Result<()> {
        if context.options.stop.requested() {
            return Err(Fault::new(
                Kind::Interrupted,
                format!(
                    "stopped while rows of {} were waiting for the target's own DDL to reach the source",
                    self.table
                ),
            )
            .hint("nothing is lost; run the same command to resume from the checkpoint")
            .into());
        }
        if context.shared.is_stopped() {
            return Err(Fault::connect("gave up because another part of the run failed").into());
        }
        Ok(())
    }
}

fn given_up(differences: &[String]) -> Error {
    Fault::refused(format!(
        "{}\nNo DDL of the target that has yet to reach the source explains this difference",
        differences.join("\n  ")
    ))
    .hint(HINT_AHEAD)
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_still_be_on_its_way() {
        let stays = |at: Option<u64>, age: u64, newest: Option<u64>, waited: u64| {
            let changed = at.map(|at| Changed { age: Duration::from_secs(age), at });
            let newest = newest.map(|ms| CommitTs(ms << 18));
            Difference { texts: Vec::new(), changed, newest }.stays(Duration::from_secs(waited))
        };
        // Changed a moment ago, and nothing is known; or what is known is older, or of that very
        // second.
        assert!(!stays(Some(1000), 5, None, 500));
        assert!(!stays(Some(1000), 5, Some(999_000), 500) && !stays(Some(1000), 5, Some(1_000_900), 500));
        // Overtaken, or too old.
        assert!(stays(Some(1000), 5, Some(1_001_001), 0) && stays(Some(1000), 601, None, 0));
        // A server that does not show when the table was changed.
        assert!(!stays(None, 0, Some(1_001_001), 599) && stays(None, 0, None, 601));
    }
}
