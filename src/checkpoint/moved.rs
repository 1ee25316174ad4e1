//! A link's position by somebody's word: where it begins, moved, forgotten.

use super::drainer::{self, DrainerTable, Left};
use super::failed::Failed;
use super::link::Link;
use super::take::{Taken, damaged};
use crate::model::CommitTs;
use crate::sink::mysql::session::Session;

impl Link {
    /// Before the first row of a link that has not started: Drainer's row at `drainer` is known, and whoever changes it from here on is
    /// somebody else; what is at or below `safe_until` (0: nothing) may be on the target already.
    ///
    /// # Errors
    /// If the link was taken over or has started.
    pub fn begin_behind_drainer(
        &self,
        session: &mut Session,
        drainer: CommitTs,
        safe_until: CommitTs,
    ) -> Result<(), Failed> {
        let set = format!("`drainer_ts` = {}, `safe_until` = {}, `updated_at` = NOW(3)", drainer.0, safe_until.0);
        let sql = format!(
            "UPDATE `tidb_binlog`.`tisync_checkpoint` SET {set} WHERE {} AND `run` = {} AND `commit_ts` = 0",
            self.link_condition(),
            self.run()
        );
        session.write(&sql)?;
        let state = self.state(session)?;
        if state.position.is_none() { Ok(()) } else { Err(self.refusal(session, None)) }
    }

    /// The same behind a Drainer's `row` that no link has written: the cluster's other links stand below it, and have no say in it any more.
    ///
    /// # Errors
    /// As [`begin_behind_drainer`](Self::begin_behind_drainer).
    pub fn begin_behind(&self, session: &mut Session, row: &drainer::Row, safe_until: CommitTs) -> Result<(), Failed> {
        session.transaction(|session| {
            self.begin_behind_drainer(session, row.commit_ts, safe_until)?;
            drainer::overtake(session, self, row, safe_until)
        })
    }

    /// Moves the link, just [taken](super::take) without slots, to `ts`: forward, what lies between counts as applied; backward,
    /// everything from there on comes again, safely as far as it was applied.
    ///
    /// # Errors
    /// If the link was taken over meanwhile.
    pub fn move_to(&self, session: &mut Session, ts: CommitTs, taken: &Taken) -> Result<(), Failed> {
        let back = taken.position.is_some_and(|at| ts < at);
        let (applied, safe_until) = if back {
            (Vec::new(), taken.applied.last().max(taken.position).max(taken.safe_until).unwrap_or_default())
        } else {
            let mut applied = taken.applied.clone();
            applied.forget_up_to(ts);
            let blob = applied.seal().map_err(|why| damaged(self.name(), None, &why))?;
            (blob, taken.safe_until.unwrap_or_default())
        };
        // The next run learns of a job at the position's edge by itself.
        let sql = format!(
            "UPDATE `tidb_binlog`.`tisync_checkpoint` SET `commit_ts` = {}, `applied` = x'{}', `safe_until` = {}, `last_job` = 0, `early_ddl` = '', \
             `schema_ts` = 0, `schema_version` = 0, `overtaken_ts` = 0, `updated_at` = NOW(3) WHERE {} AND `run` = {}",
            ts.0,
            hex::encode(applied),
            safe_until.0,
            self.link_condition(),
            self.run()
        );
        session.write(&sql)?;
        self.state(session).map(drop)
    }

    /// Deletes everything that the target knows of the link, just [taken](super::take); Drainer's row in `place` with it, or it becomes
    /// another link's, if this one wrote it last.
    ///
    /// # Errors
    /// If it cannot be deleted.
    pub fn forget(&self, session: &mut Session, place: &DrainerTable) -> Result<Left, Failed> {
        session.transaction(|session| {
            let left = drainer::release(session, place, self)?;
            for table in ["tisync_skipped", "tisync_slot", "tisync_checkpoint"] {
                session.exec(&format!("DELETE FROM `tidb_binlog`.`{table}` WHERE {}", self.link_condition()))?;
            }
            Ok(left)
        })
    }
}
