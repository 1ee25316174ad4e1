//! Everything that the target's checkpoints say, for an operator. Changes nothing there.

use super::applied::Applied;
use super::failed::Failed;
use super::lease::{self, Seen, Terms};
use super::link::{Intent, condition};
use super::locks::{self, Holder};
use super::look::standings;
use super::record::{self, Record};
use super::tables;
use super::take::damaged;
use super::who::Who;
use crate::error::Fault;
use crate::model::CommitTs;
use crate::sink::mysql::session::Session;

/// A link as its rows say.
#[derive(Clone, Debug)]
pub struct LinkSurvey {
    /// The upstream cluster.
    pub cluster_id: u64,
    /// The link's name.
    pub link: String,
    /// The number of the run that had it last.
    pub run: u64,
    /// Whether a session of that run lives; `None` if the server does not tell.
    pub running: Option<bool>,
    /// The process that had it last.
    pub who: Option<Who>,
    /// Who has its lease now.
    pub lease: Seen,
    /// Everything at or below is durable; `None` if it has not started.
    pub position: Option<CommitTs>,
    /// The lowest position that a slot wrote, and how many slots there are.
    pub slots: (Option<CommitTs>, usize),
    /// What is durable above the position.
    pub applied: Applied,
    /// Why a part of that cannot be read, and what to do; a run of this link would be refused.
    pub damaged: Option<Fault>,
    /// A DDL that was begun and not seen to end.
    pub pending: Option<Intent>,
    /// What it last wrote into Drainer's checkpoint.
    pub drainer: Option<CommitTs>,
    /// At or below may have been on the target before the link started.
    pub safe_until: Option<CommitTs>,
    /// Where a Drainer that has overtaken it stood when another link took over from it: its next run goes on behind that.
    pub overtaken: Option<CommitTs>,
    /// DDLs skipped by the operator's word.
    pub skipped: Vec<SkippedDdl>,
}

/// A DDL that was skipped by the operator's word.
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
    /// How many ranges, single transactions and begun split ones are durable above the position.
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
pub fn survey(session: &mut Session) -> Result<Vec<LinkSurvey>, Failed> {
    let there = tables::existing(session)?;
    let has = |name: &str| there.iter().any(|t| t == name);
    if !has("tisync_checkpoint") {
        return Ok(Vec::new());
    }
    let columns: Vec<String> = session.fetch(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'tidb_binlog' AND table_name = 'tisync_checkpoint'",
    )?;
    // A table of an older tisync lacks some.
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
            // A run of an older tisync has no lease, and any run may have lost it.
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

fn read_slots(session: &mut Session, cluster_id: u64, link: &str) -> Result<Vec<SlotRow>, Failed> {
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
) -> Result<Option<bool>, Failed> {
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

fn read_skipped(session: &mut Session, cluster_id: u64, link: &str) -> Result<Vec<SkippedDdl>, Failed> {
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
