//! Arguments of `tisync schema`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{PlainArgs, SecurityArgs, sync::RouteArg};

const DIFF_EXAMPLES: &str = "Examples:
  tisync schema diff --config tisync.toml
  tisync schema diff --from mysql://root@tidb1:4000 --to mysql://repl@db2:3306 --tables 'shop.*'
  tisync schema diff --from dump/ --to mysql://repl@db2:3306 --sql > alike.sql

Exit codes:
  0 all are the same   1 something differs   3 cannot connect or not allowed   4 something could not be compared";

/// What to do with definitions.
#[derive(Debug, Subcommand)]
pub enum SchemaCommand {
    /// Compares the definitions of all replicated tables, and says what makes the target's like the upstream's.
    #[command(after_help = DIFF_EXAMPLES)]
    Diff(SchemaDiffArgs),
}

/// Arguments of `tisync schema diff`.
#[derive(Args, Debug)]
pub struct SchemaDiffArgs {
    /// A tisync.toml or a drainer.toml with the link.
    #[arg(long, value_name = "FILE", env = "TISYNC_CONFIG")]
    pub config: Option<PathBuf>,
    /// Which link of the file.
    #[arg(long, value_name = "NAME", env = "TISYNC_LINK")]
    pub link: Option<String>,
    /// Where the right definitions are: a cluster (pd://host:port), a server (mysql://user@host:port) or the folder of a Dumpling dump.
    #[arg(long, value_name = "SOURCE", env = "TISYNC_FROM", hide_env_values = true)]
    pub from: Option<String>,
    /// The target: `mysql://user@host:port/?ssl-mode=…`.
    #[arg(long, value_name = "URL", env = "TISYNC_TO", hide_env_values = true)]
    pub to: Option<String>,
    /// Which tables, as for `sync`; may be given several times.
    #[arg(long, value_name = "PATTERN")]
    pub tables: Vec<String>,
    /// Names on the target, as for `sync`; may be given several times.
    #[arg(long, value_name = "FROM=TO")]
    pub route: Vec<RouteArg>,
    /// Status address of a TiDB server, `http://host:10080`, instead of those registered in PD.
    #[arg(long, value_name = "URL", env = "TISYNC_SCHEMA_FROM")]
    pub schema_from: Option<String>,
    /// Prints the statements alone.
    #[arg(long)]
    pub sql: bool,
    /// TLS to the upstream cluster.
    #[command(flatten)]
    pub security: SecurityArgs,
    /// What the target's password may travel over.
    #[command(flatten)]
    pub plain: PlainArgs,
}
