//! What becomes of Drainer's row when a link is forgotten: it must not pass for a Drainer's.

use super::has_say;
use super::place::DrainerTable;
use crate::checkpoint::failed::Failed;
use crate::checkpoint::link::{Link, condition};
use crate::checkpoint::look::standings;
use crate::sink::mysql::session::Session;

/// What a link that was forgotten left of Drainer's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Left {
    /// There is none, or the link had not written it last: it is as it was.
    AsItWas,
    /// It was the link's alone, and is deleted.
    Gone,
    /// Another link of the cluster goes on writing it.
    HandedOn(String),
}

/// Sees to the row before the link's own one is deleted, in the same transaction. Locks in the order in which runs do.
pub(in crate::checkpoint) fn release(session: &mut Session, place: &DrainerTable, link: &Link) -> Result<Left, Failed> {
    let cluster = link.cluster_id();
    session.exec(&format!(
        "SELECT `link` FROM `tidb_binlog`.`tisync_checkpoint` WHERE `cluster_id` = {cluster} ORDER BY `link` FOR UPDATE"
    ))?;
    let there = if place.exists(session)? { place.locked(session, cluster, " FOR UPDATE")? } else { None };
    let Some(row) = there else { return Ok(Left::AsItWas) };
    let links = standings(session, Some(cluster))?;
    let wrote = |name: &str| links.iter().any(|l| l.link == name && l.drainer == row.commit_ts);
    if !wrote(link.name()) {
        return Ok(Left::AsItWas);
    }
    let heir = links.iter().filter(|l| has_say(l, link)).min_by_key(|l| l.position);
    let Some(heir) = heir else {
        session.exec(&format!("DELETE FROM {} WHERE `clusterID` = {cluster}", place.quoted()))?;
        return Ok(Left::Gone);
    };
    session.exec(&format!(
        "UPDATE `tidb_binlog`.`tisync_checkpoint` SET `drainer_ts` = {} WHERE {}",
        row.commit_ts.0,
        condition(cluster, &heir.link)
    ))?;
    Ok(Left::HandedOn(heir.link.clone()))
}
