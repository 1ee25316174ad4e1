//! One file a subcommand: checks its arguments, builds the parts, runs them.

mod checkpoint;
mod config;
mod generate;
mod init;
mod live;
mod mark;
mod nodes;
mod place;
mod playground;
mod record;
mod schema;
pub mod sync;
pub mod ts;
mod whose;

use anyhow::Result;

use crate::cli::{Cli, Command};

/// Runs what the command line asks for.
///
/// # Errors
/// Whatever the subcommand failed with; [`crate::error::exit_code`] gives the exit code.
pub fn run(cli: Cli) -> Result<()> {
    match cli.command {
        Command::Ts(command) => ts::run(&command, cli.output, cli.verbose, &live::Clusters),
        Command::Sync(args) => sync::run(&args),
        Command::Checkpoint(command) => checkpoint::run(&command, cli.output),
        Command::Schema(command) => schema::run(&command, cli.output),
        Command::Record(args) => record::run(&args),
        Command::Mark(command) => mark::run(&command, cli.output),
        Command::Nodes(command) => nodes::run(&command, cli.output),
        Command::Config(command) => config::run(&command, cli.output),
        Command::Init(args) => init::run(&args, cli.output),
        Command::Playground(args) => playground::run(&args),
        Command::Completions { shell } => generate::completions(shell),
        Command::Man { dir } => generate::man(dir.as_deref()),
    }
}
