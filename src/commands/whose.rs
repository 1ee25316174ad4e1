//! Asks the clusters of links who they are: addresses do not tell that two links go opposite ways, or that one leads to its own source.

use std::time::Duration;

use crate::config::{Places, Remark, Settings};
use crate::event::silent;
use crate::identity::{Upstream, Verdict};
use crate::sink::mysql::connect::Target;
use crate::sink::mysql::session::Session;
use crate::source;

/// How long a target may take with each answer: nobody waits for one that hangs.
const LIMIT: Duration = Duration::from_secs(10);

/// Adds what their clusters say to the links' ends, and says who could not be asked. Changes nothing there.
pub fn identify(links: &mut [Settings]) -> Vec<Remark> {
    let mut remarks = Vec::new();
    let upstreams: Vec<Option<Upstream>> = links.iter_mut().map(|link| upstream(link, &mut remarks)).collect();
    for (index, link) in links.iter_mut().enumerate() {
        let own = upstreams.get(index).and_then(Option::as_ref);
        if upstreams.iter().all(Option::is_none) {
            continue;
        }
        if let Err(error) = target(link, own, upstreams.iter().flatten(), &mut remarks) {
            remarks.push(unasked(link, &error));
        }
    }
    remarks
}

/// The cluster that the link comes from, as far as it is a live one that answers.
fn upstream(link: &mut Settings, remarks: &mut Vec<Remark>) -> Option<Upstream> {
    if !source::is_cluster(&link.source.address) {
        return None;
    }
    let asked = Upstream::connect(&link.source.address, &link.source.security)
        .and_then(|upstream| Ok((upstream.servers()?, upstream)));
    match asked {
        Ok((servers, upstream)) => {
            let mut known = std::mem::take(&mut link.ends.from);
            if !known.has_sql() {
                known = known.and(Places::of_servers(servers));
            }
            link.ends.from = known.and(Places::of_cluster(upstream.cluster_id()));
            Some(upstream)
        }
        Err(error) => {
            remarks.push(unasked(link, &error));
            None
        }
    }
}

/// Which of the clusters the link's target is.
fn target<'a>(
    link: &mut Settings,
    own: Option<&Upstream>,
    all: impl Iterator<Item = &'a Upstream>,
    remarks: &mut Vec<Remark>,
) -> anyhow::Result<()> {
    let target = Target::parse_with(&link.target, &link.connection, &silent())?;
    let mut session = Session::open(&target.answering_within(LIMIT))?;
    let mut asked = Vec::new();
    for upstream in all {
        let id = upstream.cluster_id();
        if asked.contains(&id) {
            continue;
        }
        asked.push(id);
        let is_own = own.is_some_and(|own| own.cluster_id() == id);
        match upstream.is(&mut session, &target)? {
            Verdict::Same(how) => {
                link.ends.to = std::mem::take(&mut link.ends.to).and(Places::of_cluster(id));
                if is_own {
                    link.ends.one_by = Some(how);
                }
            }
            Verdict::Other => link.ends.two |= is_own,
            Verdict::Unknown(why) if is_own => {
                remarks.push(Remark::Warning(format!("link `{}`: {}", link.link, upstream.doubt(&target, &why))));
            }
            Verdict::Unknown(_) => {}
        }
    }
    Ok(())
}

/// Whoever does not answer keeps its link from starting, which then says why.
fn unasked(link: &Settings, error: &anyhow::Error) -> Remark {
    Remark::Note(format!("link `{}`: whether it leads to its own source was not asked: {error:#}", link.link))
}
