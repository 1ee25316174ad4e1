//! Raw command-line arguments, help and examples. Only `commands` and `config` read them.

pub mod cluster;
pub mod config;
mod sync;
pub mod target;
pub mod ts;

pub use cluster::PlaygroundArgs;
pub use cluster::RecordArgs;
pub use config::{CheckArgs, ConfigCommand, ConvertArgs, FilterArgs, ShowArgs};
pub use sync::Size;
pub use sync::{OnDdlErrorArg, SyncArgs};

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::path::PathBuf;

use crate::output::ColorChoice;
use crate::sink::mysql::Connection;

/// Replicates a TiDB cluster to another TiDB, MySQL or MariaDB, in the foreground, exactly once.
#[derive(Debug, Parser)]
#[command(
    name = "tisync",
    version,
    propagate_version = true,
    arg_required_else_help = true,
    after_help = "Examples:
  tisync init
  COMMIT_TS=$(tisync ts from-dumpling dump/)
  tisync sync --from pd://10.0.0.1:2379 --to mysql://repl@db2:3306 --start-ts $COMMIT_TS
  tisync playground

Exit codes:
  0 done   1 the answer is no   2 usage   3 cannot connect or not allowed
  4 refused to protect data   5 stopped cleanly by a signal, can resume   124 timed out   130 second signal"
)]
pub struct Cli {
    /// When to colour messages.
    #[arg(long, global = true, value_enum, default_value_t, env = "TISYNC_COLOR")]
    pub color: ColorChoice,
    /// How the answer is written.
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    pub output: Format,
    /// Prints more details on standard error.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
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

const TS_EXAMPLES: &str = "Examples:
  COMMIT_TS=$(tisync ts from-dumpling dump/)
  tisync ts decode 470616376687198209";

const CHECKPOINT_EXAMPLES: &str = "Examples:
  tisync checkpoint show --to mysql://repl@db2:3306
  tisync checkpoint set --to mysql://repl@db2:3306 --link default 470616376687198209";

const MARK_EXAMPLES: &str = "Examples:
  tisync mark setup --to mysql://repl@db1:4000 --to mysql://repl@db2:4000 --channel-id 1
  tisync mark status --to mysql://repl@db1:4000 --channel-id 1";

const NODES_EXAMPLES: &str = "Examples:
  tisync nodes list --pd http://10.0.0.1:2379
  tisync nodes pause --pd http://10.0.0.1:2379 pump-1:8250";

const SCHEMA_EXAMPLES: &str = "Examples:
  tisync schema diff --config tisync.toml
  tisync schema diff --from mysql://root@tidb1:4000 --to mysql://repl@db2:3306";

const COMPLETIONS_EXAMPLES: &str = "Examples:
  tisync completions bash > /etc/bash_completion.d/tisync
  tisync completions fish > ~/.config/fish/completions/tisync.fish";

const MAN_EXAMPLES: &str = "Examples:
  tisync man | man -l -
  tisync man --dir /usr/local/share/man/man1";

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Finds, checks and converts timestamps (TSO).
    #[command(subcommand, after_help = TS_EXAMPLES)]
    Ts(Box<ts::TsCommand>),
    /// Replicates: pulls transactions from a cluster (or a folder) and applies them to a target.
    Sync(Box<SyncArgs>),
    /// Shows, moves or clears the positions of links on a target.
    #[command(subcommand, after_help = CHECKPOINT_EXAMPLES)]
    Checkpoint(Box<target::CheckpointCommand>),
    /// Compares the definitions of tables on both sides.
    #[command(subcommand, after_help = SCHEMA_EXAMPLES)]
    Schema(Box<target::SchemaCommand>),
    /// Records a cluster's stream in a folder, to be replayed later with `sync --from DIR`.
    Record(Box<RecordArgs>),
    /// The table by which two opposite links recognise changes that came from the other side.
    #[command(subcommand, after_help = MARK_EXAMPLES)]
    Mark(Box<target::MarkCommand>),
    /// Lists the Pumps and drainers of a cluster, pauses them, takes them offline.
    #[command(subcommand, after_help = NODES_EXAMPLES)]
    Nodes(Box<cluster::NodesCommand>),
    /// Checks, shows and converts configurations: tisync.toml, and drainer.toml as it is.
    #[command(subcommand, after_help = config::EXAMPLES)]
    Config(Box<ConfigCommand>),
    /// Asks for everything that one or two links need, checks each answer at once, and writes a
    /// tisync.toml.
    #[command(after_help = config::INIT_EXAMPLES)]
    Init(Box<config::InitArgs>),
    /// Demonstrates tisync on this machine: a simulated TiDB cluster, a private MariaDB and a sync
    /// between them.
    Playground(Box<PlaygroundArgs>),
    /// Prints the completion script of a shell.
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Prints a manual page, or writes all of them into a folder.
    #[command(after_help = MAN_EXAMPLES)]
    Man {
        /// Write every page into this folder instead.
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

/// What a target's password may travel over.
#[derive(Args, Clone, Debug, Default)]
pub struct PlainArgs {
    /// Allows sending the target's password to another machine without TLS, where it can be read on
    /// the network.
    #[arg(long)]
    pub allow_plain_password: bool,
}

impl PlainArgs {
    /// What a connection has beside its address, for commands that take no configuration.
    #[must_use]
    pub fn connection(&self) -> Connection {
        Connection { allow_plain_password: self.allow_plain_password, ..Connection::default() }
    }
}

/// TLS to PD, Pumps and TiDB's status port.
#[derive(Args, Clone, Debug, Default)]
pub struct SecurityArgs {
    /// CA certificate (PEM) of the upstream cluster; turns TLS on.
    #[arg(long, value_name = "FILE", env = "TISYNC_SSL_CA", help_heading = "TLS to the upstream cluster")]
    pub ssl_ca: Option<PathBuf>,
    /// Client certificate (PEM) for the upstream cluster.
    #[arg(
        long,
        value_name = "FILE",
        env = "TISYNC_SSL_CERT",
        requires = "ssl_key",
        help_heading = "TLS to the upstream cluster"
    )]
    pub ssl_cert: Option<PathBuf>,
    /// Private key (PEM) of the client certificate.
    #[arg(
        long,
        value_name = "FILE",
        env = "TISYNC_SSL_KEY",
        requires = "ssl_cert",
        help_heading = "TLS to the upstream cluster"
    )]
    pub ssl_key: Option<PathBuf>,
}
