//! A link's place in the upstream cluster, as its settings want it.

use std::sync::Arc;

use anyhow::Result;

use crate::config::Settings;
use crate::error::{Fault, Kind};
use crate::event::{Event, Events};
use crate::model::CommitTs;
use crate::place::{self, Asked, Durable, Options, Wish};
use crate::source;
use crate::source::pump::Muster;
use crate::stop::Stop;

pub use crate::place::Place;

/// Looks at the place of a link to a live cluster; `None` for a folder, or if the operator wants none.
pub fn look(
    settings: &Settings,
    cluster_id: u64,
    durable: Durable,
    muster: &Arc<Muster>,
    stop: &Stop,
    events: &Events,
) -> Result<Option<Place>> {
    if !source::is_cluster(&settings.source.address) {
        return Ok(None);
    }
    if !settings.register {
        let text =
            "not registered in the cluster (--no-register): a Pump that goes offline does not wait for this link";
        events(Event::Note(text.to_owned()));
        return Ok(None);
    }
    let id = settings.node_id.clone().unwrap_or_else(|| place::node_id(&settings.link, &settings.target, cluster_id));
    place::check_id(&id)?;
    let options = Options {
        pd: settings.source.address.clone(),
        security: settings.source.security.clone(),
        id,
        addr: settings.addr.clone(),
        advertise: settings.advertise_addr.clone(),
        listen: settings.listen,
        take_over: settings.take_over,
        every: place::HEARTBEAT,
    };
    Place::look(&options, durable, Arc::clone(muster), stop, events).map(Some)
}

/// Writes the entry, once it is known where the target stands.
pub fn register(place: &mut Place, events: &Events) -> Result<()> {
    place.register()?;
    let (id, host) = place.name();
    events(Event::Note(format!("registered in the cluster as drainer {id} at {host}")));
    Ok(())
}

/// How a run ends that somebody outside has asked to end.
pub fn stopped(asked: &Asked, position: CommitTs) -> Fault {
    let (what, hint) = match asked.wish {
        Wish::Pause => ("paused", "the same command goes on from there"),
        Wish::Close => (
            "taken offline",
            "Pumps no longer wait for this link; the same command goes on from there, as long as they still hold what follows",
        ),
    };
    let text = format!("{what} by {} after draining; everything up to {} is applied", asked.by, position.explain());
    Fault::new(Kind::Interrupted, text).hint(hint)
}
