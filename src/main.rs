//! Parses the command line, runs it, shows the error, exits.

use std::process::ExitCode;

use clap::Parser;
use tisync::cli::{Cli, Command};
use tisync::{commands, error, output};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match &cli.command {
        Command::Ts(command) => commands::ts::run(command, cli.output, cli.verbose, &commands::ts::NotWired),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            output::error(&e);
            ExitCode::from(error::exit_code(&e))
        }
    }
}
