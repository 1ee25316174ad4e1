//! The subcommands, a file or folder each: check the arguments, build the parts, run them.
//!
//! `tisync completions` and `tisync man` are here: both are made from the arguments in `cli`.

pub(crate) mod checkpoint;
mod clusters;
pub(crate) mod config;
pub mod init;
mod mark;
pub(crate) mod nodes;
pub(crate) mod playground;
mod record;
pub(crate) mod schema;
pub mod sync;
pub mod ts;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::cli::{Cli, Command};
use crate::output;

/// Runs the subcommand of the command line.
///
/// # Errors
/// The error of the subcommand; see [`crate::error::exit_code`] for the exit code.
pub fn run(cli: Cli) -> Result<()> {
    match cli.command {
        Command::Ts(command) => ts::run(&command, cli.output, cli.verbose, &clusters::Clusters),
        Command::Sync(args) => sync::run(&args),
        Command::Checkpoint(command) => checkpoint::run(&command, cli.output),
        Command::Schema(command) => schema::run(&command, cli.output),
        Command::Record(args) => record::run(&args),
        Command::Mark(command) => mark::run(&command, cli.output),
        Command::Nodes(command) => nodes::run(&command, cli.output),
        Command::Config(command) => config::run(&command, cli.output),
        Command::Init(args) => init::run(&args, cli.output),
        Command::Playground(args) => playground::run(&args),
        Command::Completions { shell } => completions(shell),
        Command::Man { dir } => man(dir.as_deref()),
    }
}

/// The manual page of tisync.toml; the others are made from the arguments.
const FILE_PAGE: &str = include_str!("tisync.toml.5");

/// Prints the completion script of `shell`.
pub fn completions(shell: Shell) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "tisync", &mut script);
    output::answer(String::from_utf8(script)?.trim_end())
}

/// Prints the manual page, or writes those of all subcommands into `dir`.
pub fn man(dir: Option<&Path>) -> Result<()> {
    let Some(dir) = dir else {
        let mut page = Vec::new();
        Man::new(Cli::command()).render(&mut page)?;
        return output::answer(String::from_utf8(page)?.trim_end());
    };
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let mut root = Cli::command().disable_help_subcommand(true);
    // `build` gives the subcommands their full names, as in `tisync-ts-now`.
    root.build();
    pages(&root, dir)?;
    let path = dir.join("tisync.toml.5");
    fs::write(&path, FILE_PAGE).with_context(|| format!("cannot write {}", path.display()))
}

fn pages(command: &clap::Command, dir: &Path) -> Result<()> {
    let mut page = Vec::new();
    Man::new(command.clone()).render(&mut page)?;
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    let path = dir.join(format!("{name}.1"));
    fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?;
    for sub in command.get_subcommands().filter(|c| !c.is_hide_set()) {
        pages(sub, dir)?;
    }
    Ok(())
}
