//! `tisync nodes`: Pumps and drainers as etcd knows them; binlogctl's work.

mod act;
mod list;
mod report;
mod set_state;

use anyhow::Result;

use crate::cli::Format;
use crate::cli::nodes::{ClusterArgs, KindArg, NodeArgs, NodesCommand};
use crate::config::{self, security};
use crate::error::Fault;
use crate::output;
use crate::pd::{DRAINERS, Node, PUMPS, Pd, Security, State};

/// Runs one of them.
pub fn run(command: &NodesCommand, format: Format) -> Result<()> {
    match command {
        NodesCommand::List(args) => list::run(args, format),
        NodesCommand::Pause(args) => act::run(args, &act::PAUSE, format),
        NodesCommand::Offline(args) => act::run(args, &act::OFFLINE, format),
        NodesCommand::SetState(args) => set_state::run(args, format),
    }
}

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Pump,
    Drainer,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Pump => "pump",
            Self::Drainer => "drainer",
        }
    }

    /// What its key begins with.
    fn prefix(self) -> &'static str {
        match self {
            Self::Pump => PUMPS,
            Self::Drainer => DRAINERS,
        }
    }
}

fn connect(args: &ClusterArgs) -> Result<(Pd, Security)> {
    let given = security(&args.pd.security);
    let (addresses, security) = match (&args.config, args.pd.pd.as_slice()) {
        (None, []) => {
            let fault = Fault::usage("no cluster was named whose nodes are meant");
            return Err(fault
                .hint("give --pd http://HOST:2379 or --config FILE, or TISYNC_PD in the environment")
                .into());
        }
        (Some(file), []) => {
            let (address, of_file) = config::upstream(file, args.cluster.as_deref(), &config::environment)?;
            (vec![address], if given == Security::default() { of_file } else { given })
        }
        (_, addresses) => (addresses.to_vec(), given),
    };
    Ok((Pd::connect(&addresses, &security)?, security))
}

/// All Pumps and all drainers.
fn nodes(pd: &Pd) -> Result<Vec<(Kind, Node)>> {
    let pumps = pd.pumps()?.into_iter().map(|node| (Kind::Pump, node));
    let all = pumps.chain(pd.drainers()?.into_iter().map(|node| (Kind::Drainer, node))).collect();
    pd.take_warnings().iter().for_each(|w| output::warn(w));
    Ok(all)
}

/// The one node that is meant.
fn find(pd: &Pd, args: &NodeArgs) -> Result<(Kind, Node)> {
    let wanted = |kind: Kind| match args.kind {
        None => true,
        Some(KindArg::Pump) => kind == Kind::Pump,
        Some(KindArg::Drainer) => kind == Kind::Drainer,
    };
    let all = nodes(pd)?;
    let mut found: Vec<_> = all.iter().filter(|(kind, node)| wanted(*kind) && node.id == args.id.trim()).collect();
    match (found.pop(), found.is_empty()) {
        (Some((kind, node)), true) => Ok((*kind, node.clone())),
        (Some(_), false) => {
            let text = format!("both a Pump and a drainer have the node id {}", args.id);
            Err(Fault::usage(text).hint("say which with --kind pump or --kind drainer").into())
        }
        (None, _) => {
            let ids: Vec<&str> = all.iter().filter(|(kind, _)| wanted(*kind)).map(|(_, n)| n.id.as_str()).collect();
            let hint =
                if ids.is_empty() { "none is registered".to_owned() } else { format!("there are: {}", ids.join(", ")) };
            Err(Fault::usage(format!("no node has the id {}", args.id)).hint(hint).into())
        }
    }
}

/// The drainers that a Pump which goes offline waits for: not offline, and without all that it holds.
fn held_back_by<'a>(pump: &Node, drainers: impl Iterator<Item = &'a Node>) -> Vec<&'a Node> {
    drainers.filter(|d| d.state != State::Offline && d.max_commit_ts < pump.max_commit_ts).collect()
}
