//! Identifies running clusters and targets, for `tisync sync` and `tisync ts`.
//!
//! - The facts that `tisync ts` needs from clusters and targets.
//! - The identity of the clusters of links: addresses do not show that two links go opposite ways,
//!   or that one leads back to its own source.
//! - The registration of a link in the upstream cluster, as its settings want it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;

use super::ts::check::PumpFact;
use super::ts::{Live, SourceFacts};
use crate::cli::ts::PdArgs;
use crate::config::{Places, Remark, Settings, security};
use crate::error::{Fault, Kind};
use crate::event::{Event, Events, silent};
use crate::identity::{Upstream, Verdict};
use crate::model::{CommitTs, DurablePosition};
use crate::mysql::address::Target;
use crate::mysql::session::Session;
use crate::pd::{Pd, State};
pub use crate::registration::Registration;
use crate::registration::{self, Asked, Options, Wish};
use crate::sink::mysql::check;
use crate::source::pump::{self, PumpStatus};
use crate::source::{self, Source};
use crate::stop::Stop;
use crate::{checkpoint, output};

/// How long a Pump may take to send its metrics.
const METRICS_LIMIT: Duration = Duration::from_secs(5);

/// Answers from real clusters.
#[derive(Clone, Copy, Debug)]
pub struct Clusters;

impl Live for Clusters {
    fn now(&self, args: &PdArgs) -> Result<CommitTs> {
        Pd::connect(&args.pd, &security(&args.security))?.tso()
    }

    fn source(&self, args: &PdArgs) -> Result<SourceFacts> {
        let security = security(&args.security);
        let pd = Pd::connect(&args.pd, &security)?;
        let now = pd.tso()?;
        let agent = security.agent(METRICS_LIMIT)?;
        let mut pumps = Vec::new();
        for node in pd.pumps()?.into_iter().filter(|n| n.state != State::Offline) {
            let gc_ms = pump::gc_ts(&agent, &security, &node.host)?.physical_ms();
            pumps.push(PumpFact { name: node.id, gc_ms });
        }
        pd.take_warnings().iter().for_each(|w| output::warn(w));
        Ok(SourceFacts { cluster_id: pd.cluster_id(), now, pumps })
    }

    fn checkpoint(&self, to: &str, cluster_id: Option<u64>) -> Result<Option<CommitTs>> {
        checkpoint::look(to, cluster_id, &output::events())
    }

    fn risk(&self, to: &str) -> Result<Option<String>> {
        check::risk_of(to, &output::events())
    }
}

/// The time limit of each answer of a target: one that hangs must not hold up the command.
const LIMIT: Duration = Duration::from_secs(10);

/// Adds the identity of their clusters to the links' ends, and reports clusters that did not
/// answer. Changes nothing on the clusters.
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

/// The cluster that the link comes from, if it is a live one that answers.
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

/// Finds out which of the clusters the link's target is.
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

/// The remark about a cluster that did not answer: this keeps its link from starting, and the link
/// then says why.
fn unasked(link: &Settings, error: &anyhow::Error) -> Remark {
    Remark::Note(format!("link `{}`: could not check whether it leads back to its own source: {error:#}", link.link))
}

/// Prepares the registration of a link in the cluster of `source`; `None` if that needs none, or
/// the operator wants none.
pub fn look(
    settings: &Settings,
    source: &dyn Source,
    (durable, pumps): (&DurablePosition, &Arc<PumpStatus>),
    stop: &Stop,
    events: &Events,
) -> Result<Option<Registration>> {
    if !source.registers() {
        return Ok(None);
    }
    if !settings.register {
        let text = "not registered in the cluster (--no-register): Pumps that go offline do not wait for this link";
        events(Event::Note(text.to_owned()));
        return Ok(None);
    }
    let id = settings
        .node_id
        .clone()
        .unwrap_or_else(|| registration::node_id(&settings.link, &settings.target, source.cluster_id()));
    registration::check_id(&id)?;
    let options = Options {
        pd: settings.source.address.clone(),
        security: settings.source.security.clone(),
        id,
        addr: settings.addr.clone(),
        advertise: settings.advertise_addr.clone(),
        listen: settings.listen,
        take_over: settings.take_over,
        every: registration::HEARTBEAT,
    };
    Registration::look(&options, durable.clone(), Arc::clone(pumps), stop, events).map(Some)
}

/// Writes the entry, once the target's position is known.
pub fn register(place: &mut Registration, events: &Events) -> Result<()> {
    place.register()?;
    let (id, host) = place.name();
    events(Event::Note(format!("registered in the cluster as drainer {id} at {host}")));
    Ok(())
}

/// The error of a run whose end was requested through the cluster.
pub fn stopped(asked: &Asked, position: CommitTs) -> Fault {
    let (what, hint) = match asked.wish {
        Wish::Pause => ("paused", "run the same command to resume"),
        Wish::Close => (
            "taken offline",
            "Pumps no longer wait for this link; the same command resumes it, as long as they still hold the changes \
             that follow",
        ),
    };
    let text =
        format!("{what} by {} and stopped cleanly; everything up to {} is applied", asked.by, position.explain());
    Fault::new(Kind::Interrupted, text).hint(hint)
}
