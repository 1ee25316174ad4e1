//! Arguments of `tisync config`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::SyncArgs;

pub(super) const EXAMPLES: &str = "Examples:
  tisync config check /etc/drainer.toml
  tisync config show --config tisync.toml --origin
  tisync config convert /etc/drainer.toml -o tisync.toml";

const CHECK_EXAMPLES: &str = "Examples:
  tisync config check tisync.toml
  tisync config check /etc/drainer.toml --output json
  # Where the clusters cannot be reached, as in a build:
  tisync config check tisync.toml --offline";

const SHOW_EXAMPLES: &str = "Examples:
  tisync config show --config tisync.toml --link orders
  tisync config show --config /etc/drainer.toml --origin --workers 4";

const FILTER_EXAMPLES: &str = "Examples:
  tisync config filter /etc/drainer.toml orders.items
  tisync config filter tisync.toml --link orders orders.items 'audit.*'";

const CONVERT_EXAMPLES: &str = "Examples:
  tisync config convert /etc/drainer.toml
  tisync config convert /etc/drainer.toml -o tisync.toml";

/// The subcommands of `tisync config`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Says everything that is wrong with a file, and what should be known about it. Asks the clusters who they are, and changes nothing there.
    #[command(after_help = CHECK_EXAMPLES)]
    Check(CheckArgs),
    /// Shows what `tisync sync` with the same arguments would work with. Passwords are never shown.
    Show(Box<ShowArgs>),
    /// Says of tables whether a link replicates them, and which rule decides. Exit code 1 if one of them is left out.
    #[command(after_help = FILTER_EXAMPLES)]
    Filter(FilterArgs),
    /// Writes the tisync.toml that means the same as a drainer.toml, with comments that say what each line was.
    #[command(after_help = CONVERT_EXAMPLES)]
    Convert(ConvertArgs),
}

/// Arguments of `tisync config filter`.
#[derive(Args, Debug)]
pub struct FilterArgs {
    /// A tisync.toml or a drainer.toml.
    pub file: PathBuf,
    /// Tables, by the upstream's names: `db.table`; `db` or `db.*` for the database itself.
    #[arg(required = true, value_name = "DB.TABLE")]
    pub tables: Vec<String>,
    /// The link of a file that has several.
    #[arg(long, value_name = "NAME")]
    pub link: Option<String>,
}

/// Arguments of `tisync config check`.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// A tisync.toml or a drainer.toml.
    pub file: PathBuf,
    /// Connects to nothing: then it cannot tell whether a link leads back to its own source under another address.
    #[arg(long)]
    pub offline: bool,
}

/// Arguments of `tisync config show`.
#[derive(Args, Debug)]
#[command(after_help = SHOW_EXAMPLES)]
pub struct ShowArgs {
    /// Says of each value where it came from: a flag, the environment, a line of the file, the default.
    #[arg(long)]
    pub origin: bool,
    /// What `tisync sync` would be called with.
    #[command(flatten)]
    pub sync: SyncArgs,
}

/// Arguments of `tisync config convert`.
#[derive(Args, Debug)]
pub struct ConvertArgs {
    /// A drainer.toml.
    pub file: PathBuf,
    /// Writes into this file, which must not exist, instead of standard output. Passwords go into files beside it that only their owner
    /// can read.
    #[arg(short, long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Writes passwords into the tisync.toml itself.
    #[arg(long)]
    pub with_passwords: bool,
}
