//! Where a link stands, kept on the target itself: in the transaction whose data it covers.
//!
//! `tidb_binlog.tisync_checkpoint` has one row a link. Every transaction with data changes it first, so that a new run,
//! which locks it, waits for a commit that is still on its way, or has it rolled back; and every change names the run
//! that it belongs to, so that a run whose place was taken finds no row and stops.

use anyhow::Result;

use crate::error::Fault;
use crate::event::Events;
use crate::model::{CommitTs, Ddl};
use crate::sink::mysql::connect::Target;
use crate::sink::mysql::session::{Session, quote_text};

/// The schema of the state tables; Drainer's own checkpoint lives there too.
pub const SCHEMA: &str = "tidb_binlog";
/// The version of the layout of the state tables.
const VERSION: u32 = 1;

const CREATE: [&str; 3] = [
    "CREATE DATABASE IF NOT EXISTS `tidb_binlog` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    "CREATE TABLE IF NOT EXISTS `tidb_binlog`.`tisync_checkpoint` (
        `cluster_id` BIGINT UNSIGNED NOT NULL COMMENT 'of the upstream, from PD',
        `link` VARCHAR(64) NOT NULL,
        `version` INT NOT NULL COMMENT 'of this layout',
        `run` BIGINT UNSIGNED NOT NULL COMMENT 'number of the run that owns the link',
        `commit_ts` BIGINT UNSIGNED NOT NULL COMMENT 'everything at or below is durable here; 0: not started',
        `last_job` BIGINT NOT NULL DEFAULT 0 COMMENT 'id of the last DDL job at or below commit_ts, or 0',
        `ddl_ts` BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'commit ts of a DDL under way, or 0',
        `ddl_job` BIGINT NOT NULL DEFAULT 0,
        `ddl_schema` VARCHAR(64) NOT NULL DEFAULT '',
        `ddl_query` LONGTEXT,
        `updated_at` TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3),
        PRIMARY KEY (`cluster_id`, `link`)
    ) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    "CREATE TABLE IF NOT EXISTS `tidb_binlog`.`tisync_skipped` (
        `cluster_id` BIGINT UNSIGNED NOT NULL,
        `link` VARCHAR(64) NOT NULL,
        `commit_ts` BIGINT UNSIGNED NOT NULL COMMENT 'of the skipped DDL',
        `table_id` BIGINT NOT NULL COMMENT 'a table that it would have brought; 0: its whole database, or none',
        `job_id` BIGINT NOT NULL,
        `schema_name` VARCHAR(64) NOT NULL,
        `table_name` VARCHAR(64) NOT NULL,
        `query` LONGTEXT,
        `whole_schema` TINYINT NOT NULL DEFAULT 0,
        `rows_left_out` BIGINT UNSIGNED NOT NULL DEFAULT 0,
        `ended_ts` BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'when the upstream dropped it, or 0',
        PRIMARY KEY (`cluster_id`, `link`, `commit_ts`, `table_id`)
    ) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
];

/// A DDL that was begun and not known to have ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// Its commit ts.
    pub ts: CommitTs,
    /// TiDB's job id.
    pub job: i64,
    /// The database that was current.
    pub schema: String,
    /// The statement that was run.
    pub query: String,
}

/// A link's row, owned by this run.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    cluster_id: u64,
    link: String,
    run: u64,
    position: CommitTs,
    last_job: i64,
}

/// The checkpoint that the target at `to` keeps for the upstream `cluster_id`, or for its only one where that is unknown. Changes
/// nothing there.
///
/// # Errors
/// If the target cannot be read, or has several upstreams or links and it is not known which one is meant.
pub fn look(to: &str, cluster_id: Option<u64>, events: &Events) -> Result<Option<CommitTs>> {
    let mut session = Session::open(&Target::parse(to, events)?)?;
    let there: Option<u64> = session.first(
        "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'tidb_binlog' AND table_name = 'tisync_checkpoint'",
    )?;
    if there.unwrap_or(0) == 0 {
        return Ok(None);
    }
    let condition = cluster_id.map_or(String::new(), |id| format!("AND `cluster_id` = {id}"));
    let rows: Vec<(u64, String, u64)> = session.rows(&format!(
        "SELECT `cluster_id`, `link`, `commit_ts` FROM `tidb_binlog`.`tisync_checkpoint` WHERE `commit_ts` > 0 {condition}"
    ))?;
    match rows.as_slice() {
        [] => Ok(None),
        [(_, _, ts)] => Ok(Some(CommitTs(*ts))),
        several => {
            let list: Vec<String> =
                several.iter().map(|(id, link, ts)| format!("cluster {id}, link `{link}` at {ts}")).collect();
            Err(Fault::usage(format!("the target has several checkpoints: {}", list.join("; ")))
                .hint("name the upstream with --pd, or check the ts of one of them with --backup-ts")
                .into())
        }
    }
}

impl Checkpoint {
    /// Makes the state tables where they are missing, and takes the link over: whoever had it before is stopped at its
    /// next write, and whatever it had under way is either durable or gone when this returns. Gives the intent that
    /// was left behind, if one was.
    ///
    /// # Errors
    /// If the tables cannot be made, or are of another version.
    pub fn take(session: &mut Session, cluster_id: u64, link: &str) -> Result<(Self, Option<Intent>)> {
        if link.is_empty() || link.chars().count() > 64 {
            return Err(Fault::usage(format!("a link's name has 1 to 64 characters, not `{link}`")).into());
        }
        make_tables(session)?;
        let mut checkpoint = Self { cluster_id, link: link.to_owned(), run: 0, position: CommitTs(0), last_job: 0 };
        checkpoint.refuse_another_cluster(session)?;
        session.run(&format!(
            "INSERT IGNORE INTO `tidb_binlog`.`tisync_checkpoint` (`cluster_id`, `link`, `version`, `run`, `commit_ts`) \
             VALUES ({}, {VERSION}, 0, 0)",
            checkpoint.link_values()
        ))?;
        session.begin()?;
        let intent = checkpoint.lock(session).inspect_err(|_| session.rollback())?;
        session.commit()?;
        Ok((checkpoint, intent))
    }

    /// A link that another cluster has used already most likely means a wrong source or a wrong target.
    fn refuse_another_cluster(&self, session: &mut Session) -> Result<()> {
        let rows: Vec<(u64, u64)> = session.rows(&format!(
            "SELECT `cluster_id`, `commit_ts` FROM `tidb_binlog`.`tisync_checkpoint` WHERE `link` = {} AND `commit_ts` > 0",
            quote_text(&self.link)
        ))?;
        if rows.iter().any(|(id, _)| *id == self.cluster_id) {
            return Ok(());
        }
        let Some((other, ts)) = rows.first() else { return Ok(()) };
        Err(Fault::refused(format!(
            "link `{}` on the target belongs to cluster {other}, which has come to {}, but the source is cluster {}",
            self.link,
            CommitTs(*ts).explain(),
            self.cluster_id
        ))
        .hint("check that source and target are the right ones; a second cluster that shall go to this target needs a --link of its own")
        .into())
    }

    fn lock(&mut self, session: &mut Session) -> Result<Option<Intent>> {
        type Found = (u32, u64, u64, i64, u64, i64, String, Option<String>);
        let found: Option<Found> = session.first(&format!(
            "SELECT `version`, `run`, `commit_ts`, `last_job`, `ddl_ts`, `ddl_job`, `ddl_schema`, `ddl_query` \
             FROM `tidb_binlog`.`tisync_checkpoint` WHERE {} FOR UPDATE",
            self.link_condition()
        ))?;
        let Some((version, run, commit_ts, last_job, ddl_ts, job, schema, query)) = found else {
            return Err(Fault::refused("the checkpoint row vanished while it was being locked").into());
        };
        if version != VERSION {
            return Err(Fault::refused(format!(
                "the target's state tables are of version {version}, but this tisync knows version {VERSION}"
            ))
            .hint("use the tisync that made them, or a newer one")
            .into());
        }
        self.run = run + 1;
        self.position = CommitTs(commit_ts);
        self.last_job = last_job;
        let sql = format!(
            "UPDATE `tidb_binlog`.`tisync_checkpoint` SET `run` = {} WHERE {}",
            self.run,
            self.link_condition()
        );
        session.run(&sql)?;
        let intent = Intent { ts: CommitTs(ddl_ts), job, schema, query: query.unwrap_or_default() };
        Ok((ddl_ts != 0).then_some(intent))
    }

    /// Everything at or below is durable; `None` if the link has not started yet.
    #[must_use]
    pub fn position(&self) -> Option<CommitTs> {
        (self.position.0 > 0).then_some(self.position)
    }

    /// The last DDL job whose message lay at or below the position when the run took the link over. TiDB finishes a
    /// job a little after its message, so only this tells that a job at the position's edge is behind us.
    #[must_use]
    pub fn last_job(&self) -> Option<i64> {
        (self.last_job > 0).then_some(self.last_job)
    }

    /// The number of this run.
    #[must_use]
    pub fn run(&self) -> u64 {
        self.run
    }

    /// Writes `ts` within the transaction that is open, or alone; [`saved`](Self::saved) follows once it is durable.
    ///
    /// # Errors
    /// If the link was taken over, or `ts` lies below what is there.
    pub fn write(&self, session: &mut Session, ts: CommitTs) -> Result<()> {
        self.update(session, &format!("`commit_ts` = {}", ts.0), ts)
    }

    /// The same for the commit ts of DDL job `job`, which does not run here.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn write_ddl(&mut self, session: &mut Session, ts: CommitTs, job: i64) -> Result<()> {
        self.update(session, &format!("`commit_ts` = {}, `last_job` = {job}", ts.0), ts)?;
        self.last_job = job;
        Ok(())
    }

    /// Remembers that `ts` is durable.
    pub fn saved(&mut self, ts: CommitTs) {
        self.position = self.position.max(ts);
    }

    /// Stores that `ddl` is about to run as `query`.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn begin_ddl(&self, session: &mut Session, ts: CommitTs, ddl: &Ddl, query: &str) -> Result<()> {
        let set = format!(
            "`ddl_ts` = {}, `ddl_job` = {}, `ddl_schema` = {}, `ddl_query` = {}",
            ts.0,
            ddl.job_id,
            quote_text(&ddl.schema),
            quote_text(query)
        );
        self.update(session, &set, ts)
    }

    /// Clears the intent, and moves the position to the commit ts in `done` if the DDL took effect; with it comes the job.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn end_ddl(&mut self, session: &mut Session, done: Option<(CommitTs, i64)>) -> Result<()> {
        let (ts, last) = done.unwrap_or((self.position, self.last_job));
        let set = format!(
            "`last_job` = {last}, `commit_ts` = {}, `ddl_ts` = 0, `ddl_job` = 0, `ddl_schema` = '', `ddl_query` = NULL",
            ts.0
        );
        self.update(session, &set, ts)?;
        self.saved(ts);
        self.last_job = last;
        Ok(())
    }

    fn update(&self, session: &mut Session, set: &str, ts: CommitTs) -> Result<()> {
        let sql = format!(
            "UPDATE `tidb_binlog`.`tisync_checkpoint` SET {set} WHERE {} AND `run` = {} AND `commit_ts` <= {}",
            self.link_condition(),
            self.run,
            ts.0
        );
        if session.run(&sql)? == 1 {
            return Ok(());
        }
        let now: Option<(u64, u64)> = session.first(&format!(
            "SELECT `run`, `commit_ts` FROM `tidb_binlog`.`tisync_checkpoint` WHERE {}",
            self.link_condition()
        ))?;
        Err(match now {
            None => Fault::refused(format!("the checkpoint row of link `{}` was deleted during the run", self.link))
                .hint("nothing more was written; start again with the start ts that the data on the target has"),
            Some((run, _)) if run != self.run => Fault::refused(format!(
                "another run has taken over link `{}`: this one is number {}, that one {run}",
                self.link, self.run
            ))
            .hint("nothing was lost: the other run goes on. Two links to one target need different names"),
            Some((_, there)) => Fault::refused(format!(
                "the checkpoint of link `{}` would go back from {} to {}",
                self.link,
                CommitTs(there).explain(),
                ts.explain()
            )),
        }
        .into())
    }

    /// The condition that picks this link's rows in each of the state tables.
    #[must_use]
    pub fn link_condition(&self) -> String {
        format!("`cluster_id` = {} AND `link` = {}", self.cluster_id, quote_text(&self.link))
    }

    /// The first two columns of each state table as literals.
    #[must_use]
    pub fn link_values(&self) -> String {
        format!("{}, {}", self.cluster_id, quote_text(&self.link))
    }
}

/// Looks before it creates: an account that may not create needs none of it once the tables are there.
fn make_tables(session: &mut Session) -> Result<()> {
    let there: Option<u64> = session.first(
        "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'tidb_binlog' \
         AND table_name IN ('tisync_checkpoint', 'tisync_skipped')",
    )?;
    if there != Some(2) {
        for sql in CREATE {
            session.run(sql)?;
        }
    }
    Ok(())
}
