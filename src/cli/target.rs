//! Arguments of `tisync checkpoint`, `tisync mark` and `tisync schema`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::sync::RouteArg;
use super::{PlainArgs, SecurityArgs};
use crate::mark::ROWS;
use crate::model::DEFAULT_MARK_TABLE;

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
    /// Shows the position of each link on the target, and Drainer's own checkpoint.
    #[command(after_help = SHOW_EXAMPLES)]
    Show(CheckpointShow),
    /// Moves a link to another commit ts, and says what that loses or repeats.
    #[command(after_help = SET_EXAMPLES)]
    Set(CheckpointSet),
    /// Deletes a link's checkpoint, and removes its entry from PD's list of Drainers: its next
    /// start is a first start.
    #[command(after_help = CLEAR_EXAMPLES)]
    Clear(CheckpointClear),
}

/// The target that keeps the checkpoints.
#[derive(Args, Debug)]
pub struct CheckpointTarget {
    /// The target: `mysql://user@host:port/?ssl-mode=…`.
    #[arg(long, value_name = "URL", env = "TISYNC_TO", hide_env_values = true)]
    pub to: Option<String>,
    /// Takes the target from a tisync.toml, or a drainer.toml, which also says where Drainer's
    /// checkpoint is.
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
    /// The upstream cluster's id, if several have a link of that name.
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
    /// Everything up to this ts counts as applied; replication continues after it.
    #[arg(value_name = "TS")]
    pub ts: u64,
    /// Goes ahead even if something is lost or repeated.
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
    /// PD of the cluster that the link replicates from, where its entry is: `pd://host:port[,…]`;
    /// not needed with --config.
    #[arg(long, alias = "pd", value_name = "URL")]
    pub from: Option<String>,
    /// The link's --node-id, if it had one.
    #[arg(long, value_name = "ID")]
    pub node_id: Option<String>,
    /// TLS to that PD.
    #[command(flatten)]
    pub security: SecurityArgs,
    /// Confirms the deletion.
    #[arg(long)]
    pub yes: bool,
}

/// `tisync mark …`: the table by which two opposite links recognise what came from the other side.
#[derive(Debug, Subcommand)]
pub enum MarkCommand {
    /// Creates the mark table and the rows of a channel if they are missing; existing ones are left
    /// as they are
    #[command(after_help = SETUP_EXAMPLES)]
    Setup(MarkSetupArgs),
    /// Shows the rows: how many transactions carried them, and which links use them
    #[command(after_help = STATUS_EXAMPLES)]
    Status(MarkStatusArgs),
    /// Deletes the rows of a channel that is no longer in use
    #[command(after_help = DROP_EXAMPLES)]
    Drop(MarkDropArgs),
}

const SETUP_EXAMPLES: &str = "Examples:
  tisync mark setup --to mysql://repl@db1:4000 --to mysql://repl@db2:4000 --channel-id 1
  tisync mark setup --to mysql://repl@db1:4000 --channel-id 1 --dry-run

The table is Drainer's own, so a Drainer can be on the other side. `tisync sync` adds rows by itself if it has more
connections. The account needs CREATE, SELECT, INSERT and UPDATE there.";

const STATUS_EXAMPLES: &str = "Examples:
  tisync mark status --to mysql://repl@db1:4000 --to mysql://repl@db2:4000
  tisync mark status --to mysql://repl@db1:4000 --channel-id 1 --output json

Exit code 0 if links can write marks there, 1 if the table or the channel's rows are missing.";

const DROP_EXAMPLES: &str = "Examples:
  tisync mark drop --to mysql://repl@db1:4000 --channel-id 1 --yes

Refused while a link uses the channel: its sessions are alive, or a row changes within four seconds.";

/// Where marks are.
#[derive(Args, Debug)]
pub struct MarkPlace {
    /// A cluster or server: `mysql://user@host:port/?…`. May be given twice, for both sides.
    #[arg(long, value_name = "URL", env = "TISYNC_TO", hide_env_values = true, required = true)]
    pub to: Vec<String>,
    /// The mark table.
    #[arg(long, value_name = "DB.TABLE", default_value = DEFAULT_MARK_TABLE)]
    pub table: String,
    /// What its password may travel over.
    #[command(flatten)]
    pub plain: PlainArgs,
}

/// Arguments of `tisync mark setup`.
#[derive(Args, Debug)]
pub struct MarkSetupArgs {
    /// Where.
    #[command(flatten)]
    pub place: MarkPlace,
    /// The channel, the same number on both clusters.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub channel_id: i64,
    /// Rows to create, one for each connection that will write at the same time.
    #[arg(long, value_name = "N", default_value_t = ROWS, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub rows: u32,
    /// Prints the SQL, and changes nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// Arguments of `tisync mark status`.
#[derive(Args, Debug)]
pub struct MarkStatusArgs {
    /// Where.
    #[command(flatten)]
    pub place: MarkPlace,
    /// Shows only this channel.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub channel_id: Option<i64>,
}

/// Arguments of `tisync mark drop`.
#[derive(Args, Debug)]
pub struct MarkDropArgs {
    /// Where.
    #[command(flatten)]
    pub place: MarkPlace,
    /// The channel whose rows are deleted.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub channel_id: i64,
    /// Prints the SQL, and changes nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Does not ask for confirmation.
    #[arg(long, short)]
    pub yes: bool,
}

const DIFF_EXAMPLES: &str = "Examples:
  tisync schema diff --config tisync.toml
  tisync schema diff --from mysql://root@tidb1:4000 --to mysql://repl@db2:3306 --tables 'shop.*'
  tisync schema diff --from dump/ --to mysql://repl@db2:3306 --sql > alike.sql

Exit codes:
  0 all are equal   1 something differs   3 cannot connect or not allowed   4 something could not be compared";

/// What to do with definitions.
#[derive(Debug, Subcommand)]
pub enum SchemaCommand {
    /// Compares the definitions of all replicated tables, and prints the SQL that makes the
    /// target's like the upstream's.
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
    /// Where the correct definitions are: a cluster (pd://host:port), a server
    /// (mysql://user@host:port) or the folder of a Dumpling dump.
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
    /// Prints only the statements.
    #[arg(long)]
    pub sql: bool,
    /// TLS to the upstream cluster.
    #[command(flatten)]
    pub security: SecurityArgs,
    /// What the target's password may travel over.
    #[command(flatten)]
    pub plain: PlainArgs,
}
