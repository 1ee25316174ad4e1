//! Reads and changes checkpoints from outside of a run, for an operator.
//!
//! Reading ([`look`], [`survey`]) changes nothing on the target. The operator can also say where a
//! link begins, move it, or have it forgotten.

use anyhow::Result;

use super::acknowledged::Applied;
use super::drainer::{self, DrainerRowLeft, DrainerTable};
use super::lease::{self, Seen, Terms, Who};
use super::link::{Intent, Link, condition};
use super::locks::{self, Holder};
use super::record::{self, Record};
use super::takeover::{TakenOver, damaged};
use crate::checkpoint;
use crate::error::Fault;
use crate::event::Events;
use crate::model::CommitTs;
use crate::mysql::address::Target;
use crate::mysql::error::SessionError;
use crate::mysql::session::Session;

/// A link and its position.
pub(super) struct Standing {
    pub(super) cluster_id: u64,
    pub(super) link: String,
    pub(super) position: CommitTs,
    /// The position that it last wrote into Drainer's checkpoint, or 0.
    pub(super) drainer: CommitTs,
    /// The position of a Drainer that has overtaken it, when another link continued from there; or
    /// 0.
    pub(super) overtaken: CommitTs,
}

/// The checkpoint on the target `to` for the upstream `cluster_id`, or for its only upstream if
/// that is unknown.
///
/// # Errors
/// If the target cannot be read, or has several upstreams or links and it is not known which one is
/// meant.
pub fn look(to: &str, cluster_id: Option<u64>, events: &Events) -> Result<Option<CommitTs>> {
    let mut session = Session::open(&Target::parse(to, events)?)?;
    let started: Vec<Standing> =
        standings(&mut session, cluster_id)?.into_iter().filter(|s| s.position.0 > 0).collect();
    match started.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(one.position)),
        several => {
            let list: Vec<String> = several
                .iter()
                .map(|s| format!("cluster {}, link `{}` at {}", s.cluster_id, s.link, s.position))
                .collect();
            Err(Fault::usage(format!("the target has several checkpoints: {}", list.join("; ")))
                .hint("give the upstream with --pd, or check the ts of one of them with --backup-ts")
                .into())
        }
    }
}

/// The checkpoint of the link of that name from the upstream `cluster_id`.
///
/// # Errors
/// If it cannot be read.
pub fn of_link(session: &mut Session, cluster_id: u64, link: &str) -> Result<Option<CommitTs>, SessionError> {
    let all = standings(session, Some(cluster_id))?;
    Ok(all.into_iter().find(|s| s.link == link && s.position.0 > 0).map(|s| s.position))
}

/// Every link on the target, or those of one cluster. The position of a link is the larger one of
/// its row's and its slots'.
pub(super) fn standings(session: &mut Session, cluster_id: Option<u64>) -> Result<Vec<Standing>, SessionError> {
    let columns = checkpoint::columns(session, "tisync_checkpoint")?;
    if columns.is_empty() {
        return Ok(Vec::new());
    }
    // A table of an older version of tisync lacks some columns.
    let or_zero = |name: &str| if columns.iter().any(|c| c == name) { format!("c.`{name}`") } else { "0".to_owned() };
    let (drainer, overtaken) = (or_zero("drainer_ts"), or_zero("overtaken_ts"));
    let slots = checkpoint::existing(session)?.iter().any(|t| t == "tisync_slot");
    let condition = cluster_id.map_or(String::new(), |id| format!("WHERE `cluster_id` = {id}"));
    let floor = if slots {
        "(SELECT COALESCE(MAX(s.`floor_ts`), 0) FROM `tidb_binlog`.`tisync_slot` s \
         WHERE s.`cluster_id` = c.`cluster_id` AND s.`link` = c.`link`)"
    } else {
        "0"
    };
    let rows: Vec<(u64, String, u64, u64, u64, u64)> = session.fetch(&format!(
        "SELECT c.`cluster_id`, c.`link`, c.`commit_ts`, {floor}, {drainer}, {overtaken} \
         FROM `tidb_binlog`.`tisync_checkpoint` c {condition} ORDER BY c.`cluster_id`, c.`link`"
    ))?;
    Ok(rows
        .into_iter()
        .map(|(cluster_id, link, ts, floor, drainer, overtaken)| Standing {
            cluster_id,
            link,
            position: CommitTs(ts.max(floor)),
            drainer: CommitTs(drainer),
            overtaken: CommitTs(overtaken),
        })
        .collect())
}

/// A link with everything that its rows say.
#[derive(Clone, Debug)]
pub struct LinkSurvey {
    /// The upstream cluster.
    pub cluster_id: u64,
    /// The link's name.
    pub link: String,
    /// The number of its last run.
    pub run: u64,
    /// Whether a session of that run is alive; `None` if the server does not show it.
    pub running: Option<bool>,
    /// The process of its last run.
    pub who: Option<Who>,
    /// Who holds its lease now.
    pub lease: Seen,
    /// Everything at or below is durable; `None` if it has not started.
    pub position: Option<CommitTs>,
    /// The lowest position that a slot wrote, and the number of slots.
    pub slots: (Option<CommitTs>, usize),
    /// What is durable above the position.
    pub applied: Applied,
    /// Why a part of that cannot be read, and what to do; a run of this link would be refused.
    pub damaged: Option<Fault>,
    /// A DDL that was begun and not seen to end.
    pub pending: Option<Intent>,
    /// The position that it last wrote into Drainer's checkpoint.
    pub drainer: Option<CommitTs>,
    /// What is at or below may have been on the target before the link started.
    pub safe_until: Option<CommitTs>,
    /// The position of a Drainer that has overtaken it, when another link continued from there: its
    /// next run goes on behind that.
    pub overtaken: Option<CommitTs>,
    /// DDLs that the operator skipped.
    pub skipped: Vec<SkippedDdl>,
}

/// A DDL that the operator skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedDdl {
    /// Its commit ts.
    pub commit_ts: CommitTs,
    /// Its text, perhaps cut.
    pub query: String,
    /// What is left out because of it, as in `db.table`.
    pub name: String,
    /// Row changes left out so far.
    pub rows: u64,
}

impl LinkSurvey {
    /// How many ranges, single transactions and unfinished split ones are durable above the
    /// position.
    #[must_use]
    pub fn above(&self) -> (usize, usize, usize) {
        let (mut ranges, mut single, mut parts) = (0, 0, 0);
        for record in self.applied.records() {
            match record {
                Record::Range { .. } => ranges += 1,
                Record::List(list) => single += list.len(),
                Record::Part { .. } => parts += 1,
            }
        }
        (ranges, single, parts)
    }
}

/// Every link on the target.
///
/// # Errors
/// If they cannot be read.
pub fn survey(session: &mut Session) -> Result<Vec<LinkSurvey>, SessionError> {
    let there = checkpoint::existing(session)?;
    let has = |name: &str| there.iter().any(|t| t == name);
    if !has("tisync_checkpoint") {
        return Ok(Vec::new());
    }
    let columns: Vec<String> = session.fetch(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'tidb_binlog' AND table_name = 'tisync_checkpoint'",
    )?;
    // A table of an older version of tisync lacks some columns.
    let or = |name: &str, otherwise: &str| {
        if columns.iter().any(|c| c == name) { format!("`{name}`") } else { otherwise.to_owned() }
    };
    type Row = (u64, String, u64, u64, u64, i64, Option<String>, u32, u64, u64, Option<Vec<u8>>, String);
    let rows: Vec<Row> = session.fetch(&format!(
        "SELECT `cluster_id`, `link`, `run`, `commit_ts`, `ddl_ts`, `ddl_job`, `ddl_query`, {}, {}, {}, {}, {} \
         FROM `tidb_binlog`.`tisync_checkpoint` ORDER BY `cluster_id`, `link`",
        or("ddl_step", "0"),
        or("drainer_ts", "0"),
        or("safe_until", "0"),
        or("applied", "NULL"),
        or("holder", "''")
    ))?;
    let standings = standings(session, None)?;
    let mut found = Vec::new();
    for (cluster_id, link, run, commit_ts, ddl_ts, job, query, step, drainer, safe_until, applied, holder) in rows {
        let ts = |n: u64| (n > 0).then_some(CommitTs(n));
        let slots = if has("tisync_slot") { read_slots(session, cluster_id, &link)? } else { Vec::new() };
        let floors = slots.iter().map(|s| s.floor);
        let position = floors.clone().chain([CommitTs(commit_ts)]).max().unwrap_or_default();
        let (mut records, mut bad) = (Vec::new(), None);
        for (slot, blob) in slots.iter().map(|s| (Some(s.number), &s.applied)).chain([(None, &applied)]) {
            let blob = blob.as_deref().unwrap_or_default();
            match record::open(blob) {
                Ok(there) => records.extend(there),
                Err(why) => bad = Some(damaged(&link, slot, &why)),
            }
        }
        let who = Who::read(&holder);
        let lease = lease::seen(session, cluster_id, &link, who.as_ref())?;
        let running = match lease.lives(Terms::IDLE) {
            Some(lives) if lease != Seen::Free => Some(lives),
            // A run of an older version of tisync has no lease, and any run may have lost it.
            _ => running(session, cluster_id, &link, run, &slots)?,
        };
        let intent = Intent { ts: CommitTs(ddl_ts), job, query: query.unwrap_or_default(), step, ..Intent::default() };
        found.push(LinkSurvey {
            cluster_id,
            run,
            running,
            who,
            lease,
            position: ts(position.0),
            slots: (floors.min(), slots.len()),
            applied: Applied::new(records, position),
            damaged: bad,
            pending: (ddl_ts > 0).then_some(intent),
            drainer: ts(drainer),
            safe_until: ts(safe_until),
            overtaken: standings
                .iter()
                .find(|s| s.cluster_id == cluster_id && s.link == link)
                .and_then(|s| ts(s.overtaken.0)),
            skipped: if has("tisync_skipped") { read_skipped(session, cluster_id, &link)? } else { Vec::new() },
            link,
        });
    }
    Ok(found)
}

struct SlotRow {
    number: u32,
    run: u64,
    claim: u32,
    floor: CommitTs,
    applied: Option<Vec<u8>>,
}

fn read_slots(session: &mut Session, cluster_id: u64, link: &str) -> Result<Vec<SlotRow>, SessionError> {
    type Row = (u32, u64, u32, u64, Option<Vec<u8>>);
    let rows: Vec<Row> = session.fetch(&format!(
        "SELECT `slot`, `run`, `claim`, `floor_ts`, `applied` FROM `tidb_binlog`.`tisync_slot` WHERE {} ORDER BY `slot`",
        condition(cluster_id, link)
    ))?;
    let row = |(number, run, claim, floor, applied)| SlotRow { number, run, claim, floor: CommitTs(floor), applied };
    Ok(rows.into_iter().map(row).collect())
}

/// Whether one of the run's named locks is held.
fn running(
    session: &mut Session,
    cluster_id: u64,
    link: &str,
    run: u64,
    slots: &[SlotRow],
) -> Result<Option<bool>, SessionError> {
    let mut names = vec![locks::name(cluster_id, link, run, "link"), locks::name(cluster_id, link, run, "ddl")];
    names.extend(slots.iter().map(|s| locks::name(cluster_id, link, s.run, &locks::slot_owner(s.number, s.claim))));
    for name in names {
        match locks::holder(session, &name)? {
            Holder::Session(_) => return Ok(Some(true)),
            Holder::Unknown => return Ok(None),
            Holder::Nobody => {}
        }
    }
    Ok(Some(false))
}

fn read_skipped(session: &mut Session, cluster_id: u64, link: &str) -> Result<Vec<SkippedDdl>, SessionError> {
    let rows: Vec<(u64, Option<String>, String, String, u64)> = session.fetch(&format!(
        "SELECT `commit_ts`, `query`, `schema_name`, `table_name`, `rows_left_out` FROM `tidb_binlog`.`tisync_skipped` \
         WHERE {} ORDER BY `commit_ts`, `table_id`",
        condition(cluster_id, link)
    ))?;
    let row = |(ts, query, schema, table, rows): (u64, Option<String>, String, String, u64)| SkippedDdl {
        commit_ts: CommitTs(ts),
        query: query.unwrap_or_default(),
        name: if table.is_empty() { format!("{schema}.*") } else { format!("{schema}.{table}") },
        rows,
    };
    Ok(rows.into_iter().map(row).collect())
}

impl Link {
    /// Called before the first row of a link that has not started: records that Drainer's row was
    /// at `drainer`, so that later changes to it are noticed. What is at or below `safe_until` (0:
    /// nothing) may be on the target already.
    ///
    /// # Errors
    /// If the link was taken over or has started.
    pub fn begin_behind_drainer(
        &self,
        session: &mut Session,
        drainer: CommitTs,
        safe_until: CommitTs,
    ) -> Result<(), SessionError> {
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

    /// As [`begin_behind_drainer`](Self::begin_behind_drainer), behind a Drainer's `row` that no
    /// link has written: the cluster's other links are below it and do not count for it any more.
    ///
    /// # Errors
    /// As [`begin_behind_drainer`](Self::begin_behind_drainer).
    pub fn begin_behind(
        &self,
        session: &mut Session,
        row: &drainer::Row,
        safe_until: CommitTs,
    ) -> Result<(), SessionError> {
        session.transaction(|session| {
            self.begin_behind_drainer(session, row.commit_ts, safe_until)?;
            drainer::overtake(session, self, row, safe_until)
        })
    }

    /// Moves the link, just [taken](super::takeover) without slots, to `ts`. Forward, what lies
    /// between counts as applied. Backward, everything from there on is applied again, in safe mode
    /// as far as it was applied.
    ///
    /// # Errors
    /// If the link was taken over meanwhile.
    pub fn move_to(&self, session: &mut Session, ts: CommitTs, taken: &TakenOver) -> Result<(), SessionError> {
        let back = taken.position.is_some_and(|at| ts < at);
        let (applied, safe_until) = if back {
            (Vec::new(), taken.applied.last().max(taken.position).max(taken.safe_until).unwrap_or_default())
        } else {
            let mut applied = taken.applied.clone();
            applied.forget_up_to(ts);
            let blob = applied.seal().map_err(|why| damaged(self.name(), None, &why))?;
            (blob, taken.safe_until.unwrap_or_default())
        };
        // The next run finds a DDL job at the position itself.
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

    /// Deletes all rows of the link, just [taken](super::takeover). If the link last wrote
    /// Drainer's row in `place`, that row is deleted too, or handed to another link.
    ///
    /// # Errors
    /// If the rows cannot be deleted.
    pub fn forget(&self, session: &mut Session, place: &DrainerTable) -> Result<DrainerRowLeft, SessionError> {
        session.transaction(|session| {
            let left = drainer::release(session, place, self)?;
            for table in ["tisync_skipped", "tisync_slot", "tisync_checkpoint"] {
                session.exec(&format!("DELETE FROM `tidb_binlog`.`{table}` WHERE {}", self.link_condition()))?;
            }
            Ok(left)
        })
    }
}
