//! The arguments of `tisync mark`.

use clap::{Args, Subcommand};

use super::PlainArgs;
use crate::mark::{DEFAULT_TABLE, ROWS};

/// `tisync mark …`: the table by which two opposite links recognise what came from the other side.
#[derive(Debug, Subcommand)]
pub enum MarkCommand {
    /// Makes the mark table and the rows of a channel where they are missing; what is there stays as it is
    #[command(after_help = SETUP_EXAMPLES)]
    Setup(MarkSetupArgs),
    /// Shows the rows: how many transactions carried them, and who writes
    #[command(after_help = STATUS_EXAMPLES)]
    Status(MarkStatusArgs),
    /// Deletes the rows of a channel that nobody writes with any more
    #[command(after_help = DROP_EXAMPLES)]
    Drop(MarkDropArgs),
}

const SETUP_EXAMPLES: &str = "Examples:
  tisync mark setup --to mysql://repl@db1:4000 --to mysql://repl@db2:4000 --channel-id 1
  tisync mark setup --to mysql://repl@db1:4000 --channel-id 1 --dry-run

The table is Drainer's own, so that a Drainer may be on the other side. `tisync sync` makes further rows by itself if it has more
connections. The account needs CREATE, SELECT, INSERT and UPDATE there.";

const STATUS_EXAMPLES: &str = "Examples:
  tisync mark status --to mysql://repl@db1:4000 --to mysql://repl@db2:4000
  tisync mark status --to mysql://repl@db1:4000 --channel-id 1 --output json

Exit code 0 if links can write with marks there, 1 if the table or the channel's rows are missing.";

const DROP_EXAMPLES: &str = "Examples:
  tisync mark drop --to mysql://repl@db1:4000 --channel-id 1 --yes

Refused while a link uses the channel: its sessions live, or a row changes within four seconds.";

/// Where marks are.
#[derive(Args, Debug)]
pub struct MarkPlace {
    /// A cluster or server: `mysql://user@host:port/?…`. May be given twice, for both sides.
    #[arg(long, value_name = "URL", env = "TISYNC_TO", hide_env_values = true, required = true)]
    pub to: Vec<String>,
    /// The mark table.
    #[arg(long, value_name = "DB.TABLE", default_value = DEFAULT_TABLE)]
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
    /// Rows to make, one for each connection that will write at once.
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
    /// Shows this channel alone.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub channel_id: Option<i64>,
}

/// Arguments of `tisync mark drop`.
#[derive(Args, Debug)]
pub struct MarkDropArgs {
    /// Where.
    #[command(flatten)]
    pub place: MarkPlace,
    /// The channel whose rows go.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub channel_id: i64,
    /// Prints the SQL, and changes nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Does not ask.
    #[arg(long, short)]
    pub yes: bool,
}
