//! The arguments of `tisync nodes`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use jiff::SignedDuration;

use super::ts::PdArgs;

const LIST_EXAMPLES: &str = "Examples:
  tisync nodes list --pd http://10.0.0.1:2379
  tisync nodes list --config tisync.toml --cluster a
  tisync nodes list --pd http://10.0.0.1:2379 --all --output json | jq '.nodes[] | select(.life == \"dead\")'

An entry stays for ever, whatever becomes of its node. A node that says that it runs and was not heard of for 30 s is called dead.";

const ACT_EXAMPLES: &str = "Examples:
  tisync nodes pause pump-1:8250 --pd http://10.0.0.1:2379 --wait 1m
  tisync nodes offline old-drainer:8249 --pd http://10.0.0.1:2379

The node itself is asked, as binlogctl does. It answers at once and stops when it may: a Pump goes offline only when every drainer
that is not offline has all it holds. Exit code: 0 it will (with --wait: it has), 1 it refused, 3 it does not answer, 124 not in time.";

const SET_STATE_EXAMPLES: &str = "Examples:
  tisync nodes set-state dead-drainer:8249 offline --pd http://10.0.0.1:2379

For entries whose node is gone: it writes the entry and tells the node nothing. A Drainer or Pump that runs writes its own state over it.";

/// `tisync nodes …`.
#[derive(Debug, Subcommand)]
pub enum NodesCommand {
    /// List Pumps and drainers with where they stand and whether they live
    #[command(after_help = LIST_EXAMPLES)]
    List(ListArgs),
    /// Ask a Pump or drainer to pause
    #[command(after_help = ACT_EXAMPLES)]
    Pause(ActArgs),
    /// Ask a Pump or drainer to go offline for good
    #[command(after_help = ACT_EXAMPLES)]
    Offline(ActArgs),
    /// Write a state into the entry of a node that is gone
    #[command(after_help = SET_STATE_EXAMPLES)]
    SetState(SetStateArgs),
}

/// Whose nodes are meant.
#[derive(Debug, Args)]
pub struct ClusterArgs {
    /// Where the cluster's PD is.
    #[command(flatten)]
    pub pd: PdArgs,
    /// Takes the address of PD and the TLS files from this tisync.toml or drainer.toml, unless --pd is given
    #[arg(long, value_name = "FILE", env = "TISYNC_CONFIG")]
    pub config: Option<PathBuf>,
    /// The cluster's name in the tisync.toml, where several have a PD
    #[arg(long, value_name = "NAME", requires = "config")]
    pub cluster: Option<String>,
}

/// Arguments of `nodes list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Also those that are offline
    #[arg(long)]
    pub all: bool,
    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

/// Which node is meant.
#[derive(Debug, Args)]
pub struct NodeArgs {
    /// The node id, as `nodes list` shows it
    #[arg(value_name = "ID")]
    pub id: String,
    /// What it is, where a Pump and a drainer have the same id
    #[arg(long, value_enum)]
    pub kind: Option<KindArg>,
}

/// Arguments of `nodes pause` and `nodes offline`.
#[derive(Debug, Args)]
pub struct ActArgs {
    /// Which one.
    #[command(flatten)]
    pub node: NodeArgs,
    /// Wait until its entry says so, this long at the most: 30s, 5m, 1h
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub wait: Option<Duration>,
    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

/// Arguments of `nodes set-state`.
#[derive(Debug, Args)]
pub struct SetStateArgs {
    /// Which one.
    #[command(flatten)]
    pub node: NodeArgs,
    /// The state to write
    #[arg(value_enum)]
    pub state: StateArg,
    /// Do not ask before writing
    #[arg(long, short)]
    pub yes: bool,
    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KindArg {
    /// It stores binlog.
    Pump,
    /// It reads binlog: a Drainer, or a tisync.
    Drainer,
}

/// The states of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StateArg {
    /// It runs.
    Online,
    /// It is about to stop.
    Pausing,
    /// It has stopped, and will come back.
    Paused,
    /// It is about to stop for good.
    Closing,
    /// It has stopped for good.
    Offline,
}

fn time(text: &str) -> Result<Duration, String> {
    let time: SignedDuration = text.parse().map_err(|_| "expected a time such as 30s, 5m or 1h".to_owned())?;
    Duration::try_from(time).map_err(|_| "expected a time that is not negative".to_owned())
}
