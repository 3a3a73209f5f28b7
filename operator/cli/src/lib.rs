//! `agentctl`: everything that a person does with a swarm. The program is [`run`]; the rest is its parts.

pub mod apply;
pub mod args;
pub mod check;
pub mod exit;
pub mod manifest;
pub mod output;
pub mod service;
pub mod state;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};

/// The whole program, from its arguments to its exit code.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        Command::Detached(detached) => detached.become_service().map(|never| match never {}),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let bad = output::BAD;
            output::say(format_args!("{bad}error:{bad:#} {error:#}"));
            ExitCode::from(exit::code_of(&error) as u8)
        }
    }
}
