//! Arguments of `tisync checkpoint`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{PlainArgs, SecurityArgs};

const SHOW_EXAMPLES: &str = "Examples:
  tisync checkpoint show --to mysql://repl@db2:3306 --output json";

const SET_EXAMPLES: &str = "Examples:
  tisync checkpoint set --to mysql://repl@db2:3306 --link default 470616376687198209";

const CLEAR_EXAMPLES: &str = "Examples:
  tisync checkpoint clear --config tisync.toml --link default --yes
  tisync checkpoint clear --to mysql://repl@db2:3306 --from pd://10.0.0.1:2379 --link default --yes";

/// What to do with checkpoints.
#[derive(Debug, Subcommand)]
pub enum CheckpointCommand {
    /// Shows where each link on the target stands, and Drainer's own checkpoint.
    #[command(after_help = SHOW_EXAMPLES)]
    Show(CheckpointShow),
    /// Moves a link to another commit ts, and says what that loses or repeats.
    #[command(after_help = SET_EXAMPLES)]
    Set(CheckpointSet),
    /// Forgets a link, and removes its entry among the Drainers in PD: its next start is a first start.
    #[command(after_help = CLEAR_EXAMPLES)]
    Clear(CheckpointClear),
}

/// The target that keeps the checkpoints.
#[derive(Args, Debug)]
pub struct CheckpointTarget {
    /// The target: `mysql://user@host:port/?ssl-mode=…`.
    #[arg(long, value_name = "URL", env = "TISYNC_TO", hide_env_values = true)]
    pub to: Option<String>,
    /// The same from a tisync.toml, or a drainer.toml, which also says where Drainer's checkpoint is.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What its password may travel over.
    #[command(flatten)]
    pub plain: PlainArgs,
}

/// Arguments of `tisync checkpoint show`.
#[derive(Args, Debug)]
pub struct CheckpointShow {
    /// The target.
    #[command(flatten)]
    pub target: CheckpointTarget,
    /// Only this link.
    #[arg(long, value_name = "NAME")]
    pub link: Option<String>,
}

/// Which link.
#[derive(Args, Debug)]
pub struct CheckpointLink {
    /// The link's name.
    #[arg(long, value_name = "NAME")]
    pub link: String,
    /// The upstream cluster's id, where several have a link of that name.
    #[arg(long, value_name = "ID", alias = "cluster")]
    pub cluster_id: Option<u64>,
}

/// Arguments of `tisync checkpoint set`.
#[derive(Args, Debug)]
pub struct CheckpointSet {
    /// The target.
    #[command(flatten)]
    pub target: CheckpointTarget,
    /// The link.
    #[command(flatten)]
    pub link: CheckpointLink,
    /// Everything at or below this ts counts as applied; what is above it is applied from now on.
    #[arg(value_name = "TS")]
    pub ts: u64,
    /// Does it although something is lost or repeated.
    #[arg(long)]
    pub yes: bool,
}

/// Arguments of `tisync checkpoint clear`.
#[derive(Args, Debug)]
pub struct CheckpointClear {
    /// The target.
    #[command(flatten)]
    pub target: CheckpointTarget,
    /// The link.
    #[command(flatten)]
    pub link: CheckpointLink,
    /// PD of the cluster that the link comes from, where its entry is: `pd://host:port[,…]`; --config knows it.
    #[arg(long, alias = "pd", value_name = "URL")]
    pub from: Option<String>,
    /// The link's --node-id, if it had one.
    #[arg(long, value_name = "ID")]
    pub node_id: Option<String>,
    /// TLS to that PD.
    #[command(flatten)]
    pub security: SecurityArgs,
    /// Does it.
    #[arg(long)]
    pub yes: bool,
}
