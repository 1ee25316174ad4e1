//! Drainer's own checkpoint, `tidb_binlog.checkpoint`, kept in step with that of the links.
//!
//! So Drainer can go on where a link ended, and a link notices that Drainer did
//! (docs/protocol/tidb-binlog.md §8).
//!
//! The table has one row per cluster, however many links the cluster has on this target: so it has
//! the position of the slowest. Each link's own row repeats what the link last wrote there; that
//! tells whether the last write was a link's or a Drainer's. A link that Drainer has overtaken does
//! not count until it runs again ([`overtake`]).
//!
//! A Drainer that has gone on after a link: the link goes on behind Drainer in turn
//! ([`go_on_behind`]). The cluster's other links stand below Drainer's position as well, and do not
//! count until each has done the same. Drainer begins at the row that the links left, which may be
//! below what they applied: then it has applied that again, and rows may have old values for a
//! while. So everything above Drainer's checkpoint is applied again too, in safe mode as far as it
//! was there.
//!
//! When a link is forgotten, its row here must not pass for a Drainer's ([`release`]).

mod place;

use serde::Deserialize;

use super::inspect::{Standing, standings};
use super::link::{Link, condition};
use crate::model::CommitTs;
use crate::mysql::error::SessionError;
use crate::mysql::session::Session;
use crate::sql::quote_text;
pub use place::{DrainerPlace, DrainerRow, DrainerTable};

/// A row of Drainer's checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Row {
    /// Written at the end of a clean stop: the target is exactly at the commit ts. Otherwise later
    /// transactions may be there.
    #[serde(default)]
    pub consistent: bool,
    /// Everything at or below is on the target; 0: nothing yet.
    #[serde(rename = "commitTS", deserialize_with = "commit_ts")]
    pub commit_ts: CommitTs,
    /// TiDB's largest schema version among what was applied; 0 in rows of old versions of Drainer.
    #[serde(rename = "schema-version", default)]
    pub schema_version: i64,
}

fn commit_ts<'de, D: serde::Deserializer<'de>>(from: D) -> Result<CommitTs, D::Error> {
    i64::deserialize(from).map(|ts| CommitTs::from_wire(ts).unwrap_or_default())
}

impl Row {
    fn json(self) -> String {
        format!(
            r#"{{"consistent":{},"commitTS":{},"ts-map":{{}},"schema-version":{}}}"#,
            self.consistent,
            self.commit_ts.to_wire(),
            self.schema_version
        )
    }
}

/// Who wrote Drainer's row last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// There is no row.
    Nobody,
    /// A link wrote it last.
    Us(Row),
    /// Drainer wrote it, no link ever did, and it is not ahead: a link may continue from here and
    /// write it.
    Before(Row),
    /// Drainer wrote it after a link did, or it is ahead of the links: Drainer has gone on, or runs
    /// at the same time. What is above the link's position may be on the target already.
    Other(Row),
}

/// Who wrote the row of the link's cluster last, for a link that is at `position`.
///
/// # Errors
/// If it cannot be read.
pub fn owner(
    session: &mut Session,
    place: &DrainerTable,
    link: &Link,
    position: CommitTs,
) -> Result<Owner, SessionError> {
    let row = place.read(session, link.cluster_id())?;
    let links = standings(session, Some(link.cluster_id()))?;
    Ok(judge(row, &links, lowest(&links, link, position)))
}

/// Writes the position `ts` of the link, which must be durable, into the row. If the cluster has
/// several links, the slowest one's position is written, with the schema version that it had there,
/// and never `consistent`. Writes nothing if the row is [Drainer's](Owner::Other). Returns the
/// owner that it found.
///
/// # Errors
/// If it cannot be written, or another run has taken the link over. If it cannot be written, or
/// another run has taken the link over.
pub fn write(
    session: &mut Session,
    place: &DrainerTable,
    link: &Link,
    (ts, schema_version): (CommitTs, i64),
    consistent: bool,
) -> Result<Owner, SessionError> {
    if !place.exists(session)? {
        for sql in place.create() {
            session.exec(&sql)?;
        }
    }
    session.transaction(|session| {
        let own: Option<(u64, u64)> = session.fetch_one(&format!(
            "SELECT `run`, `overtaken_ts` FROM `tidb_binlog`.`tisync_checkpoint` WHERE {} FOR UPDATE",
            link.link_condition()
        ))?;
        let Some((_, overtaken)) = own.filter(|(run, _)| *run == link.run()) else {
            return Err(link.refusal(session, None));
        };
        // What other links say about this row can be relied on only once it is locked.
        let there = place.locked(session, link.cluster_id(), " FOR UPDATE")?;
        if overtaken > 0 {
            let row = there.unwrap_or(Row { consistent: false, commit_ts: CommitTs(overtaken), schema_version: 0 });
            return Ok(Owner::Other(row));
        }
        let links = standings(session, Some(link.cluster_id()))?;
        let alone = !links.iter().any(|l| has_say(l, link));
        let owner = judge(there, &links, lowest(&links, link, ts));
        if matches!(owner, Owner::Other(_)) {
            return Ok(owner);
        }
        let own = Row { consistent: consistent && alone, commit_ts: ts, schema_version };
        let row = slowest(session, &links, link, own)?;
        let text = quote_text(&row.json());
        session.exec(&format!(
            "INSERT INTO {} (`clusterID`, `checkPoint`) VALUES ({}, {text}) ON DUPLICATE KEY UPDATE `checkPoint` = {text}",
            place.quoted(),
            link.cluster_id()
        ))?;
        session.exec(&format!(
            "UPDATE `tidb_binlog`.`tisync_checkpoint` SET `drainer_ts` = {}, `schema_ts` = {}, `schema_version` = {schema_version} \
             WHERE {}",
            row.commit_ts.0,
            ts.0,
            link.link_condition()
        ))?;
        Ok(owner)
    })
}

/// Whether `other` is another link that keeps Drainer's row at its position: not one that never
/// started, or that Drainer has overtaken.
fn has_say(other: &Standing, link: &Link) -> bool {
    other.link != link.name() && other.position.0 > 0 && other.overtaken.0 == 0
}

/// The position of the slowest link.
fn lowest(links: &[Standing], link: &Link, position: CommitTs) -> CommitTs {
    let others = links.iter().filter(|l| has_say(l, link));
    others.map(|l| l.position).chain([position]).min().unwrap_or(position)
}

/// What the slowest link last said of itself: its position and the schema version there; `own` is
/// what this link says. A schema version that is too low is also correct; 0 if none is known.
fn slowest(session: &mut Session, links: &[Standing], link: &Link, own: Row) -> Result<Row, SessionError> {
    let others: Vec<&Standing> = links.iter().filter(|l| has_say(l, link)).collect();
    if others.is_empty() {
        return Ok(own);
    }
    let said: Vec<(String, u64, i64)> = session.fetch(&format!(
        "SELECT `link`, `schema_ts`, `schema_version` FROM `tidb_binlog`.`tisync_checkpoint` WHERE `cluster_id` = {}",
        link.cluster_id()
    ))?;
    let of = |other: &Standing| {
        let known = said.iter().find(|(name, ts, _)| *name == other.link && *ts > 0 && *ts <= other.position.0);
        let (commit_ts, schema_version) =
            known.map_or((other.position, 0), |(_, ts, version)| (CommitTs(*ts), *version));
        Row { commit_ts, schema_version, ..own }
    };
    Ok(others.into_iter().map(of).chain([own]).min_by_key(|row| row.commit_ts).unwrap_or(own))
}

fn judge(there: Option<Row>, links: &[Standing], ts: CommitTs) -> Owner {
    match there {
        None => Owner::Nobody,
        Some(row) if links.iter().any(|l| l.drainer == row.commit_ts) => Owner::Us(row),
        Some(row) if row.commit_ts > ts || links.iter().any(|l| l.drainer.0 > 0) => Owner::Other(row),
        Some(row) => Owner::Before(row),
    }
}

/// What became of Drainer's row when a link was forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DrainerRowLeft {
    /// There is none, or the link had not written it last: unchanged.
    AsItWas,
    /// Only this link wrote it; it was deleted.
    Gone,
    /// Another link of the cluster, of this name, goes on writing it.
    HandedOn(String),
}

/// Settles the row before the link's own row is deleted, in the same transaction. Locks in the
/// order in which runs do.
pub(in crate::checkpoint) fn release(
    session: &mut Session,
    place: &DrainerTable,
    link: &Link,
) -> Result<DrainerRowLeft, SessionError> {
    let cluster = link.cluster_id();
    session.exec(&format!(
        "SELECT `link` FROM `tidb_binlog`.`tisync_checkpoint` WHERE `cluster_id` = {cluster} ORDER BY `link` FOR UPDATE"
    ))?;
    let there = if place.exists(session)? { place.locked(session, cluster, " FOR UPDATE")? } else { None };
    let Some(row) = there else { return Ok(DrainerRowLeft::AsItWas) };
    let links = standings(session, Some(cluster))?;
    let wrote = |name: &str| links.iter().any(|l| l.link == name && l.drainer == row.commit_ts);
    if !wrote(link.name()) {
        return Ok(DrainerRowLeft::AsItWas);
    }
    let heir = links.iter().filter(|l| has_say(l, link)).min_by_key(|l| l.position);
    let Some(heir) = heir else {
        session.exec(&format!("DELETE FROM {} WHERE `clusterID` = {cluster}", place.quoted()))?;
        return Ok(DrainerRowLeft::Gone);
    };
    session.exec(&format!(
        "UPDATE `tidb_binlog`.`tisync_checkpoint` SET `drainer_ts` = {} WHERE {}",
        row.commit_ts.0,
        condition(cluster, &heir.link)
    ))?;
    Ok(DrainerRowLeft::HandedOn(heir.link.clone()))
}

/// The position of a link when it checks whether a Drainer has gone on.
#[derive(Clone, Copy, Debug)]
pub struct Reached {
    /// Everything at or below is on the target.
    pub position: CommitTs,
    /// The last transaction that may be there, by the link or by what replicated before it.
    pub last: CommitTs,
}

/// The position of a link that goes on behind a Drainer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Behind {
    /// The position that Drainer has reached.
    pub ts: CommitTs,
    /// What is at or below may be on the target already; 0: nothing.
    pub safe_until: CommitTs,
    /// Drainer's row; `None` if another link has continued from it already.
    pub row: Option<Row>,
}

/// Moves the link, which is at `reached`, behind a Drainer that has gone on since, if there is one.
/// `overlap` gives the ts up to which a Drainer with this row may have applied transactions.
///
/// # Errors
/// If the target cannot be read or written, another run has taken the link over, or `overlap`
/// fails.
pub fn go_on_behind<E: Into<SessionError>>(
    session: &mut Session,
    place: &DrainerTable,
    link: &Link,
    reached: Reached,
    overlap: impl FnOnce(&Row) -> Result<CommitTs, E>,
) -> Result<Option<Behind>, SessionError> {
    let cluster = link.cluster_id();
    session.transaction(|session| {
        session.exec(&format!(
            "SELECT `link` FROM `tidb_binlog`.`tisync_checkpoint` WHERE `cluster_id` = {cluster} ORDER BY `link` FOR UPDATE"
        ))?;
        let own: Option<(u64, u64, u64)> = session.fetch_one(&format!(
            "SELECT `run`, `overtaken_ts`, `safe_until` FROM `tidb_binlog`.`tisync_checkpoint` WHERE {}",
            link.link_condition()
        ))?;
        let Some((_, ts, safe_until)) = own.filter(|(run, ..)| *run == link.run()) else {
            return Err(link.refusal(session, None));
        };
        let behind = match ts {
            1.. => Behind { ts: CommitTs(ts), safe_until: CommitTs(safe_until), row: None },
            0 => {
                let there = if place.exists(session)? { place.locked(session, cluster, " FOR UPDATE")? } else { None };
                let links = standings(session, Some(cluster))?;
                let Owner::Other(row) = judge(there, &links, lowest(&links, link, reached.position)) else {
                    return Ok(None);
                };
                let safe_until = overlap(&row).map_err(Into::into)?;
                overtake(session, link, &row, safe_until)?;
                Behind { ts: row.commit_ts, safe_until, row: Some(row) }
            }
        };
        let last = if reached.last > behind.ts { reached.last } else { CommitTs(0) };
        let behind = Behind { safe_until: behind.safe_until.max(last), ..behind };
        set(session, link, &behind)?;
        Ok(Some(behind))
    })
}

/// Marks the cluster's other links as overtaken by a Drainer that came to `row`, and may have
/// applied what is at or below `safe_until`.
///
/// # Errors
/// If it cannot be written.
pub(in crate::checkpoint) fn overtake(
    session: &mut Session,
    link: &Link,
    row: &Row,
    safe_until: CommitTs,
) -> Result<(), SessionError> {
    let links = standings(session, Some(link.cluster_id()))?;
    for other in links.iter().filter(|l| l.link != link.name() && l.position.0 > 0) {
        session.exec(&format!(
            "UPDATE `tidb_binlog`.`tisync_checkpoint` SET `overtaken_ts` = {}, `drainer_ts` = 0, `safe_until` = GREATEST(`safe_until`, {}) \
             WHERE {}",
            row.commit_ts.0,
            safe_until.0,
            condition(other.cluster_id, &other.link)
        ))?;
    }
    Ok(())
}

fn set(session: &mut Session, link: &Link, behind: &Behind) -> Result<(), SessionError> {
    let (here, run, ts) = (link.link_condition(), link.run(), behind.ts.0);
    // The next run finds a DDL job at the position itself.
    session.exec(&format!(
        "UPDATE `tidb_binlog`.`tisync_checkpoint` SET `commit_ts` = {ts}, `applied` = NULL, `safe_until` = {}, `drainer_ts` = {}, \
         `overtaken_ts` = 0, `last_job` = 0, `schema_ts` = 0, `schema_version` = 0, `updated_at` = NOW(3) WHERE {here} AND `run` = {run}",
        behind.safe_until.0,
        behind.row.map_or(0, |row| row.commit_ts.0)
    ))?;
    // A DDL that was under way is Drainer's business if Drainer has passed it.
    session.exec(&format!(
        "UPDATE `tidb_binlog`.`tisync_checkpoint` SET `ddl_ts` = 0, `ddl_job` = 0, `ddl_schema` = '', `ddl_query` = NULL, `ddl_step` = 0, \
         `ddl_before` = NULL, `ddl_lock` = '' WHERE {here} AND `run` = {run} AND `ddl_ts` BETWEEN 1 AND {ts}"
    ))?;
    session.exec(&format!(
        "UPDATE `tidb_binlog`.`tisync_slot` SET `floor_ts` = {ts}, `applied` = '' WHERE {here} AND `run` = {run}"
    ))?;
    Ok(())
}
