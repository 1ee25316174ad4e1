//! `tisync config`: what a configuration says, without running anything.

mod check;
mod convert;
mod filter;
mod show;

use anyhow::Result;

use crate::cli::{ConfigCommand, Format};

/// Runs one of its subcommands.
pub fn run(command: &ConfigCommand, format: Format) -> Result<()> {
    match command {
        ConfigCommand::Check(args) => check::run(args, format),
        ConfigCommand::Show(args) => show::run(args, format),
        ConfigCommand::Filter(args) => filter::run(args, format),
        ConfigCommand::Convert(args) => convert::run(args),
    }
}
