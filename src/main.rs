//! Parse, run, show the error, exit.

use std::process::ExitCode;

use clap::Parser;
use tisync::cli::Cli;
use tisync::{commands, error, output};

fn main() -> ExitCode {
    let cli = Cli::parse();
    output::set_color(cli.color);
    match commands::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::error(&failure);
            ExitCode::from(error::exit_code(&failure))
        }
    }
}
