//! A Drainer that has gone on behind a link: the link goes on behind Drainer in turn, and the cluster's other links, which stand below
//! as well, have no more say until each does the same.
//!
//! A Drainer begins at the row that the links left, which may lie below what they applied: then it has brought that again, and rows may
//! be back at what they were. So whatever lies above its checkpoint is brought again too, safely as far as it was there.

use super::{DrainerTable, Owner, Row, judge, lowest};
use crate::checkpoint::failed::Failed;
use crate::checkpoint::link::{Link, condition};
use crate::checkpoint::look::standings;
use crate::model::CommitTs;
use crate::sink::mysql::session::Session;

/// Where a link stands when it looks whether a Drainer has gone on.
#[derive(Clone, Copy, Debug)]
pub struct Reached {
    /// Everything at or below is on the target.
    pub position: CommitTs,
    /// The last of what may be there, by the link or by whoever was before it.
    pub last: CommitTs,
}

/// Where a link goes on behind a Drainer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Behind {
    /// Behind this ts, which Drainer has reached.
    pub ts: CommitTs,
    /// What is at or below may be on the target already; 0: nothing.
    pub safe_until: CommitTs,
    /// Drainer's row, unless another link has taken over from it.
    pub row: Option<Row>,
}

/// Moves the link, which stands at `reached`, behind the Drainer that has gone on since, if one has. `overlap` says up to where a Drainer
/// with this row may have come.
///
/// # Errors
/// If the target cannot be read or written, another run has taken the link over, or `overlap` fails.
pub fn go_on_behind<E: Into<Failed>>(
    session: &mut Session,
    place: &DrainerTable,
    link: &Link,
    reached: Reached,
    overlap: impl FnOnce(&Row) -> Result<CommitTs, E>,
) -> Result<Option<Behind>, Failed> {
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

/// Says of the cluster's other links that a Drainer has come to `row`, and may have brought what is at or below `safe_until`.
///
/// # Errors
/// If it cannot be written.
pub(in crate::checkpoint) fn overtake(
    session: &mut Session,
    link: &Link,
    row: &Row,
    safe_until: CommitTs,
) -> Result<(), Failed> {
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

fn set(session: &mut Session, link: &Link, behind: &Behind) -> Result<(), Failed> {
    let (here, run, ts) = (link.link_condition(), link.run(), behind.ts.0);
    // The next run learns of a job at the position's edge by itself.
    session.exec(&format!(
        "UPDATE `tidb_binlog`.`tisync_checkpoint` SET `commit_ts` = {ts}, `applied` = NULL, `safe_until` = {}, `drainer_ts` = {}, \
         `overtaken_ts` = 0, `last_job` = 0, `schema_ts` = 0, `schema_version` = 0, `updated_at` = NOW(3) WHERE {here} AND `run` = {run}",
        behind.safe_until.0,
        behind.row.map_or(0, |row| row.commit_ts.0)
    ))?;
    // A DDL that was under way is Drainer's, if that has passed it.
    session.exec(&format!(
        "UPDATE `tidb_binlog`.`tisync_checkpoint` SET `ddl_ts` = 0, `ddl_job` = 0, `ddl_schema` = '', `ddl_query` = NULL, `ddl_step` = 0, \
         `ddl_before` = NULL, `ddl_lock` = '' WHERE {here} AND `run` = {run} AND `ddl_ts` BETWEEN 1 AND {ts}"
    ))?;
    session.exec(&format!(
        "UPDATE `tidb_binlog`.`tisync_slot` SET `floor_ts` = {ts}, `applied` = '' WHERE {here} AND `run` = {run}"
    ))?;
    Ok(())
}
