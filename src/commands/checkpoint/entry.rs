//! The entry of a link among the Drainers in PD, which goes when the link is forgotten: Pumps would wait for it for ever.

use anyhow::Result;

use super::settings;
use crate::cli::checkpoint::CheckpointClear;
use crate::config::security;
use crate::error::Fault;
use crate::output;
use crate::pd::{Pd, Security};
use crate::place::{self, Left};
use crate::source;

/// Where it is.
pub(super) enum Entry {
    /// In this PD, under this id.
    In(Box<Pd>, String),
    /// Nobody said which PD it is.
    Somewhere(String),
    /// The link comes from files.
    Nowhere,
}

impl Entry {
    /// Finds the PD of the cluster and the node id of the link.
    pub(super) fn find(args: &CheckpointClear, cluster_id: u64) -> Result<Self> {
        let link = &args.link.link;
        let of_file = match (&args.target.to, &args.target.config) {
            (None, Some(file)) => Some(settings(file, Some(link), &args.target.plain)?),
            _ => None,
        };
        let target = args.target.to.as_ref().or(of_file.as_ref().map(|s| &s.target));
        let given = args.node_id.clone().or(of_file.as_ref().and_then(|s| s.node_id.clone()));
        let id = match (given, target) {
            (Some(id), _) => id,
            (None, Some(target)) => place::node_id(link, target, cluster_id),
            (None, None) => return Ok(Self::Nowhere),
        };
        let pd = match (&args.from, of_file) {
            (Some(address), _) => Some((address.clone(), security(&args.security))),
            (None, Some(file)) => Some((file.source.address, file.source.security)),
            (None, None) => None,
        };
        match pd {
            None => Ok(Self::Somewhere(id)),
            Some((address, _)) if !source::is_cluster(&address) => Ok(Self::Nowhere),
            Some((address, security)) => Ok(Self::In(Box::new(connect(&address, &security, cluster_id)?), id)),
        }
    }

    /// Removes it.
    pub(super) fn remove(self) -> Result<()> {
        match self {
            Self::Nowhere => Ok(()),
            Self::Somewhere(id) => {
                output::warn(&format!(
                    "if the link was registered, its entry {id} is still among the Drainers in PD, and no Pump can go offline before it gets \
                     further: `tisync nodes set-state {id} offline --pd` and the address of PD; with --from pd://… this command \
                     would have removed it"
                ));
                Ok(())
            }
            Self::In(pd, id) => {
                match place::leave(&pd, &id)? {
                    Left::Nothing => {}
                    Left::Removed => output::note(&format!("the entry of drainer {id} in PD is removed")),
                    Left::Alive(host) => output::warn(&format!(
                        "the entry of drainer {id} in PD stays: somebody keeps it alive, at {host}. `tisync nodes offline {id} {}` asks \
                         that one to end",
                        pd.flags()
                    )),
                }
                Ok(())
            }
        }
    }
}

fn connect(address: &str, security: &Security, cluster_id: u64) -> Result<Pd> {
    let pd = Pd::connect(&[address.to_owned()], security)?;
    if pd.cluster_id() == cluster_id {
        return Ok(pd);
    }
    let text = format!("the link comes from cluster {cluster_id}, but {address} is PD of cluster {}", pd.cluster_id());
    Err(Fault::refused(text).hint("name the PD of the right cluster with --from; nothing was changed").into())
}
