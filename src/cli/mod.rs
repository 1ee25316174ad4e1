//! The command line's types. They only hold what was typed; `commands` checks and runs it.

pub mod ts;

use clap::{ArgAction, Parser, Subcommand, ValueEnum};

/// Replicates a TiDB cluster to another TiDB, MySQL or MariaDB.
#[derive(Debug, Parser)]
#[command(name = "tisync", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// How the answer is written
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    pub output: Format,
    /// Say more on standard error
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Commit timestamps: from backups and dumps, to and from times, and whether replication can start at one
    #[command(subcommand)]
    Ts(ts::TsCommand),
}

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people and shell variables.
    Text,
    /// One JSON value with a `version`.
    Json,
    /// A header line and rows.
    Csv,
}
