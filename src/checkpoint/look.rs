//! A look at the target's checkpoints from outside of a run.

use anyhow::Result;

use super::failed::Failed;
use super::tables;
use crate::error::Fault;
use crate::event::Events;
use crate::model::CommitTs;
use crate::sink::mysql::connect::Target;
use crate::sink::mysql::session::Session;

/// A link and how far it has come.
pub(super) struct Standing {
    pub(super) cluster_id: u64,
    pub(super) link: String,
    pub(super) position: CommitTs,
    /// What it last wrote into Drainer's checkpoint, or 0.
    pub(super) drainer: CommitTs,
    /// Where a Drainer that has overtaken it stood when another link took over from it, or 0.
    pub(super) overtaken: CommitTs,
}

/// The checkpoint that the target at `to` keeps for the upstream `cluster_id`, or for its only one where that is unknown. Changes
/// nothing there.
///
/// # Errors
/// If the target cannot be read, or has several upstreams or links and it is not known which one is meant.
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
                .hint("name the upstream with --pd, or check the ts of one of them with --backup-ts")
                .into())
        }
    }
}

/// The checkpoint that `session`'s server keeps for the link of that name from the upstream `cluster_id`. Changes nothing there.
///
/// # Errors
/// If it cannot be read.
pub fn of_link(session: &mut Session, cluster_id: u64, link: &str) -> Result<Option<CommitTs>, Failed> {
    let all = standings(session, Some(cluster_id))?;
    Ok(all.into_iter().find(|s| s.link == link && s.position.0 > 0).map(|s| s.position))
}

/// Every link on the target, or those of one cluster. A link's position is what its row says, or what a slot says it
/// reached behind that.
pub(super) fn standings(session: &mut Session, cluster_id: Option<u64>) -> Result<Vec<Standing>, Failed> {
    let columns = tables::columns(session, "tisync_checkpoint")?;
    if columns.is_empty() {
        return Ok(Vec::new());
    }
    // A table of an older tisync lacks some.
    let or_zero = |name: &str| if columns.iter().any(|c| c == name) { format!("c.`{name}`") } else { "0".to_owned() };
    let (drainer, overtaken) = (or_zero("drainer_ts"), or_zero("overtaken_ts"));
    let slots = tables::existing(session)?.iter().any(|t| t == "tisync_slot");
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
