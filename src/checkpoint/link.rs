//! A link as one run owns it: its identity, its position, and a DDL under way.

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::Mutex;

use super::acknowledged::Forgotten;
use super::lease::Who;
use super::locks;
use super::record::{self, DdlAt, EarlyDdl};
use crate::error::Fault;
use crate::model::{CommitTs, Ddl, Table};
use crate::mysql::error::SessionError;
use crate::mysql::session::Session;
use crate::sql::quote_text;

/// A DDL that was begun and is not known to have ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Intent {
    /// Its commit ts.
    pub ts: CommitTs,
    /// TiDB's job id.
    pub job: i64,
    /// The database that was current.
    pub schema: String,
    /// The statements that run, as text.
    pub query: String,
    /// Index of the statement that was under way.
    pub step: u32,
    /// Its objects before that statement, as the run that began it wrote them; `None` if that was a
    /// tisync with layout 1.
    pub before: Option<String>,
    /// The named lock that the session that ran it holds while it is alive; empty with layout 1.
    pub lock: String,
}

/// The content of a link's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkRow {
    /// The position in the row, without what the slots say; `None` if the link has not started.
    pub position: Option<CommitTs>,
    /// The last DDL job at or below it. TiDB finishes a job a little after its message, so only
    /// this tells that a job at the position itself is done.
    pub last_job: Option<i64>,
    /// A DDL under way.
    pub intent: Option<Intent>,
    /// What is at or below may have been on the target before the link started.
    pub safe_until: Option<CommitTs>,
    /// DDL jobs above the position that are on the target already, each with the commit ts of its
    /// message.
    pub early: Vec<(i64, CommitTs)>,
}

/// The columns that [`LinkRow::read`] takes, in its order.
pub(super) const STATE: &str = "`run`, `commit_ts`, `last_job`, `ddl_ts`, `ddl_job`, `ddl_schema`, `ddl_query`, `ddl_step`, `ddl_before`, `ddl_lock`, `safe_until`, `early_ddl`";
pub(super) type StateRow = (u64, u64, i64, u64, i64, String, Option<String>, u32, Option<String>, String, u64, String);

impl LinkRow {
    pub(super) fn read(row: StateRow) -> Result<Self, SessionError> {
        let (_, ts, last_job, ddl_ts, job, schema, query, step, before, lock, safe_until, early) = row;
        let intent = Intent { ts: CommitTs(ddl_ts), job, schema, query: query.unwrap_or_default(), step, before, lock };
        Ok(Self {
            position: (ts > 0).then_some(CommitTs(ts)),
            last_job: (last_job > 0).then_some(last_job),
            intent: (ddl_ts > 0).then_some(intent),
            safe_until: (safe_until > 0).then_some(CommitTs(safe_until)),
            early: record::read(&early)?,
        })
    }

    /// Whether the DDL of `at` has ended.
    #[must_use]
    pub fn has(&self, at: DdlAt) -> bool {
        match at.early {
            Some(_) => self.early.iter().any(|(job, _)| *job == at.job),
            None => self.position.is_some_and(|there| there >= at.ts),
        }
    }
}

/// A link, owned by one run: upstream cluster, name, number of the run.
#[derive(Clone, Debug)]
pub struct Link {
    cluster_id: u64,
    name: String,
    run: u64,
    /// When the position reaches this ts, the records of earlier runs in the row are no longer
    /// needed; 0: there are none.
    applied_until: CommitTs,
    /// Other clusters whose data this run passes on; every slot records them.
    origins: Arc<Mutex<String>>,
    early: EarlyDdl,
}

/// Size of the column `origins` in characters: a dozen clusters.
const ORIGINS: usize = 255;

impl Link {
    pub(super) fn new(cluster_id: u64, name: &str, run: u64, applied_until: CommitTs) -> Self {
        let (origins, early) = (Arc::default(), EarlyDdl::default());
        Self { cluster_id, name: name.to_owned(), run, applied_until, origins, early }
    }

    /// Sets the DDL jobs that ran before their message came.
    pub(super) fn with_early(self, jobs: Vec<(i64, CommitTs)>) -> Self {
        Self { early: EarlyDdl::new(jobs), ..self }
    }

    /// DDL jobs above the position that are on the target already.
    #[must_use]
    pub fn early_jobs(&self) -> Vec<i64> {
        self.early.jobs().into_iter().map(|(job, _)| job).collect()
    }

    /// From here on every slot records that data of these other clusters is passed on.
    pub fn set_origins(&self, origins: &BTreeSet<u64>) {
        let mut text = String::new();
        for id in origins.iter().map(ToString::to_string) {
            if text.len() + id.len() < ORIGINS {
                let comma = if text.is_empty() { "" } else { "," };
                text.push_str(&format!("{comma}{id}"));
            }
        }
        *self.origins.lock() = text;
    }

    /// The assignment of `origins` in a slot's statement; empty if nothing is passed on, as nearly
    /// always.
    pub(super) fn origins_assignment(&self) -> String {
        let text = self.origins.lock();
        if text.is_empty() { String::new() } else { format!(", `origins` = '{text}'") }
    }

    /// The upstream cluster's id.
    #[must_use]
    pub fn cluster_id(&self) -> u64 {
        self.cluster_id
    }

    /// The link's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of this run.
    #[must_use]
    pub fn run(&self) -> u64 {
        self.run
    }

    /// The condition for this link's rows in each of the state tables.
    #[must_use]
    pub fn link_condition(&self) -> String {
        condition(self.cluster_id, &self.name)
    }

    /// The values of the first two columns of each state table, as SQL literals.
    #[must_use]
    pub fn link_values(&self) -> String {
        format!("{}, {}", self.cluster_id, quote_text(&self.name))
    }

    /// The name of the lock held by the session that runs this run's DDL.
    #[must_use]
    pub fn ddl_lock(&self) -> String {
        locks::name(self.cluster_id, &self.name, self.run, "ddl")
    }

    /// Name of the empty table that shows how the target writes a definition. Each run uses the
    /// same name, so that none is left behind for ever.
    #[must_use]
    pub fn reference(&self) -> String {
        format!("tisync_reference_{:x}", Table::id_of_names(&self.cluster_id.to_string(), &self.name))
    }

    /// The name of the lock held by the session that writes the link's row.
    #[must_use]
    pub fn control_lock(&self) -> String {
        locks::name(self.cluster_id, &self.name, self.run, "link")
    }

    pub(super) fn slot_lock(&self, slot: u32, claim: u32) -> String {
        locks::name(self.cluster_id, &self.name, self.run, &locks::slot_owner(slot, claim))
    }

    /// Makes `session` the one that writes the link's row, which [`take`](super::takeover) does for
    /// its own: needed after a reconnect. The session before it, if the server still has it, is
    /// ended.
    ///
    /// # Errors
    /// If the connection is lost.
    pub fn hold(&self, session: &mut Session) -> Result<(), SessionError> {
        let name = self.control_lock();
        if !locks::hold(session, &name)? {
            // If it is not ended, or not gone yet, it keeps the lock, and a later run finds it by
            // that.
            let _ = locks::end_holder(session, &name, 0);
            locks::hold(session, &name)?;
        }
        Ok(())
    }

    /// Reads the link's row.
    ///
    /// # Errors
    /// If it cannot be read, or another run has taken the link over.
    pub fn state(&self, session: &mut Session) -> Result<LinkRow, SessionError> {
        let row: Option<StateRow> = session.fetch_one(&format!(
            "SELECT {STATE} FROM `tidb_binlog`.`tisync_checkpoint` WHERE {}",
            self.link_condition()
        ))?;
        match row {
            Some(row) if row.0 == self.run => LinkRow::read(row),
            _ => Err(self.refusal(session, None)),
        }
    }

    /// Writes the position `ts`, within the open transaction or alone, unless this run has written
    /// a later one: a save that was delayed comes after the next. Everything at or below must be
    /// durable. Returns whether it wrote.
    ///
    /// # Errors
    /// If the link was taken over.
    pub fn save_position(&self, session: &mut Session, ts: CommitTs) -> Result<bool, SessionError> {
        let sql = self.update_sql(&format!("`commit_ts` = {}{}", ts.0, self.clean(ts)), "<=", ts);
        if session.write(&sql)? == 1 {
            return Ok(true);
        }
        match self.state(session)?.position {
            Some(there) if there > ts => Ok(false),
            _ => Err(self.refusal(session, Some(ts))),
        }
    }

    /// Writes the position after a DDL that does not run here.
    ///
    /// # Errors
    /// If the link was taken over, or its position is beyond that.
    pub fn save_ddl_position(&self, session: &mut Session, at: impl Into<DdlAt>) -> Result<(), SessionError> {
        let at = at.into();
        self.over(session, at, "")
    }

    /// Moves the position to the DDL of `at`, and sets what `set` says.
    fn over(&self, session: &mut Session, at: DdlAt, set: &str) -> Result<(), SessionError> {
        let position = at.position();
        let Some(early) = at.early else {
            let moved = format!("`commit_ts` = {}, `last_job` = {}{}{set}", position.0, at.job, self.clean(position));
            return self.update(session, &moved, "<=", position);
        };
        let jobs = self.early.with(at);
        let text = quote_text(&record::write(&jobs));
        let moved = format!("`commit_ts` = {}, `early_ddl` = {text}{}{set}", early.0, self.clean(early));
        self.update(session, &moved, "<=", early)?;
        self.early.set(jobs);
        Ok(())
    }

    /// Stores that step `step` of the statements `query` of `ddl` is about to run, in the session
    /// that holds the lock `lock`, on objects that are now as `before` says.
    ///
    /// # Errors
    /// If the link was taken over, or its position has reached `ts` already.
    pub fn begin_ddl(
        &self,
        session: &mut Session,
        (ts, ddl): (CommitTs, &Ddl),
        query: &str,
        (step, before): (u32, &str),
        lock: &str,
    ) -> Result<(), SessionError> {
        let set = format!(
            "`ddl_ts` = {}, `ddl_job` = {}, `ddl_schema` = {}, `ddl_query` = {}, `ddl_step` = {step}, `ddl_before` = {}, \
             `ddl_lock` = {}",
            ts.0,
            ddl.job_id,
            quote_text(&ddl.schema),
            quote_text(query),
            quote_text(before),
            quote_text(lock)
        );
        // A copy of this statement that a lost connection delivers late must find nothing to do:
        // neither when the position has passed, nor when the job is in the list of those that ran
        // early.
        let done = format!(" AND FIND_IN_SET('{}:{}', `early_ddl`) = 0", ddl.job_id, ts.0);
        let sql = self.update_sql(&set, "<", ts) + if ddl.early.is_some() { &done } else { "" };
        if session.write(&sql)? == 1 {
            return Ok(());
        }
        Err(self.refusal(session, Some(ts)))
    }

    /// Stores that the statements before `step` of the DDL at `ts` are done, and that `step` is
    /// about to run on objects that are now as `before` says, in the session that holds the lock
    /// `lock`. `query` is the text of all statements; one of them may be the rest of another by
    /// now.
    ///
    /// # Errors
    /// If the link was taken over, or this DDL is not under way, or already further.
    pub fn step_ddl(
        &self,
        session: &mut Session,
        (ts, query): (CommitTs, &str),
        (step, before): (u32, &str),
        lock: &str,
    ) -> Result<(), SessionError> {
        let sql = format!(
            "UPDATE `tidb_binlog`.`tisync_checkpoint` SET `ddl_step` = {step}, `ddl_query` = {}, `ddl_before` = {}, `ddl_lock` = {} \
             WHERE {} AND `run` = {} AND `ddl_ts` = {} AND `ddl_step` <= {step}",
            quote_text(query),
            quote_text(before),
            quote_text(lock),
            self.link_condition(),
            self.run,
            ts.0
        );
        if session.write(&sql)? == 1 {
            return Ok(());
        }
        Err(self.refusal(session, None))
    }

    /// Clears the intent, and moves the position to the DDL in `done` if that took effect.
    ///
    /// # Errors
    /// As [`save_ddl_position`](Self::save_ddl_position).
    pub fn end_ddl(&self, session: &mut Session, done: Option<DdlAt>) -> Result<(), SessionError> {
        let cleared = "`ddl_ts` = 0, `ddl_job` = 0, `ddl_schema` = '', `ddl_query` = NULL, `ddl_step` = 0, `ddl_before` = NULL, \
                       `ddl_lock` = ''";
        match done {
            Some(at) => self.over(session, at, &format!(", {cleared}")),
            None => self.update(session, cleared, "<=", CommitTs::MAX),
        }
    }

    /// Drops the records of earlier runs once the position has reached the last of them.
    fn clean(&self, ts: CommitTs) -> &'static str {
        if self.applied_until.0 > 0 && ts >= self.applied_until { ", `applied` = NULL" } else { "" }
    }

    fn update_sql(&self, set: &str, compare: &str, ts: CommitTs) -> String {
        format!(
            "UPDATE `tidb_binlog`.`tisync_checkpoint` SET {set} WHERE {} AND `run` = {} AND `commit_ts` {compare} {}",
            self.link_condition(),
            self.run,
            ts.0
        )
    }

    fn update(&self, session: &mut Session, set: &str, compare: &str, ts: CommitTs) -> Result<(), SessionError> {
        if session.write(&self.update_sql(set, compare, ts))? == 1 {
            return Ok(());
        }
        Err(self.refusal(session, Some(ts)))
    }

    /// Why a statement that names this run found no row; `ts` is the position that it would have
    /// written.
    pub(super) fn refusal(&self, session: &mut Session, ts: Option<CommitTs>) -> SessionError {
        let now = session.fetch_one::<(u64, u64, String)>(&format!(
            "SELECT `run`, `commit_ts`, `holder` FROM `tidb_binlog`.`tisync_checkpoint` WHERE {}",
            self.link_condition()
        ));
        match (now, ts) {
            (Err(failed), _) => failed,
            (Ok(None), _) => {
                Fault::refused(format!("the checkpoint row of link `{}` was deleted during the run", self.name))
                    .hint("nothing more was written; start again with the start ts that matches the data on the target")
                    .into()
            }
            (Ok(Some((run, ..))), _) if run < self.run => Forgotten::of_run(self.run, run).into(),
            (Ok(Some((run, _, holder))), _) if run != self.run => Fault::refused(format!(
                "another run has taken over link `{}`: this one is run {}, that one is run {run}{}",
                self.name,
                self.run,
                Who::read(&holder).map_or(String::new(), |who| format!(", {who}"))
            ))
            .hint("nothing was lost: the other run continues. Two links to one target need different names")
            .into(),
            (Ok(Some((_, there, _))), Some(ts)) => Fault::refused(format!(
                "the checkpoint of link `{}` would go back from {} to {}",
                self.name,
                CommitTs(there).explain(),
                ts.explain()
            ))
            .into(),
            (Ok(Some(_)), None) => Fault::refused(format!(
                "the rows of link `{}` in tidb_binlog were changed during the run by something other than tisync",
                self.name
            ))
            .hint("nothing more was written; find out who changed them, then start again")
            .into(),
        }
    }
}

pub(super) fn condition(cluster_id: u64, link: &str) -> String {
    format!("`cluster_id` = {cluster_id} AND `link` = {}", quote_text(link))
}
