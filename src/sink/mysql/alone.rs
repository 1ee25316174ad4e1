//! What a worker does while nothing else is under way: DDL.

use anyhow::{Error, Result};

use super::ddl::{self, DdlPolicy, Ground, How, Ran, Unrun};
use super::failure::{class_of, is_vague};
use super::retry::{Backoff, passes};
use super::session::shorten;
use super::worker::{VAGUE, Worker};
use crate::checkpoint::{DdlAt, locks};
use crate::model::{CommitTs, Ddl};
use crate::sink::{DecidedDdl, Totals};

impl Worker {
    /// Runs `ddl` to its end, over as many connections as it takes.
    pub(super) fn ddl(&mut self, ts: CommitTs, ddl: &Ddl) -> Result<()> {
        self.be_patient(true);
        let mut backoff = Backoff::new();
        let mut begun = false;
        // What somebody answers holds until the DDL is over, on whatever connection.
        let mut policy = self.context.options.ddl.clone();
        let ran = loop {
            let error = match self.try_ddl((ts, ddl), begun, &mut policy, &mut backoff) {
                Ok(ran) => break ran,
                Err(error) => error,
            };
            let most = if is_vague(&error) { VAGUE } else { u32::MAX };
            let passing = class_of(&error).filter(|c| passes(*c) && backoff.tries() < most);
            let Some(class) = passing else { return Err(error) };
            // The session that ran it has to be gone before anybody can say what became of it.
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
        let mut ground = Ground {
            session: &mut lane.session,
            link: &context.link,
            policy,
            asker: context.options.asker.as_ref(),
            word: None,
            stop: &context.options.stop,
            events: &context.events,
        };
        let ran =
            if begun { ddl::resume(&mut ground, &skipped, ts, ddl) } else { ddl::run(&mut ground, &skipped, ts, ddl) };
        let ran = ran.map_err(Error::from)?;
        lane.acknowledge(&context.acknowledged, &context.link, |all, compared| all.position(position, compared))?;
        // The next DDL may be another worker's, which would wait for this session to be gone. If the connection is lost now, so is the lock.
        let _ = locks::release(&mut lane.session, &context.link.ddl_lock());
        Ok(ran)
    }
}

/// Counts a DDL that is over.
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
