//! `agentctl`: everything that a person does with a swarm. The program is [`run`](run()); the rest is its parts.

pub mod args;
pub mod chat;
pub mod check;
pub mod completion;
pub mod control;
pub mod down;
pub mod exit;
pub mod get;
pub mod help;
pub mod interrupt;
pub mod logs;
pub mod output;
pub mod run;
pub mod server;
pub mod service;
pub mod standing;
pub mod state;
pub mod suspension;
pub mod swarm;
pub mod up;
pub mod wait;

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use tracing_subscriber::EnvFilter;

use args::{Cli, Command};
use state::State;

/// The whole program, from its arguments to its exit code.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    match carry_out(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader, `head` for one, has seen enough.
        Err(error) if output::is_closed(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let bad = output::BAD;
            // Some of its words may be a server's.
            let words = output::plain(&format!("{error:#}"));
            output::say(format_args!("{bad}error:{bad:#} {words}"));
            ExitCode::from(exit::code_of(&error) as u8)
        }
    }
}

fn carry_out(cli: &Cli) -> Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("off"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    match &cli.command {
        Command::Detached(detached) => detached.become_service().map(|never| match never {}),
        Command::Completion(completion) => completion.run(),
        _ => {
            let runtime = tokio::runtime::Runtime::new().context("no threads to work with")?;
            let outcome = runtime.block_on(connected(cli));
            // A read of the terminal that is still under way must not hold up the end.
            runtime.shutdown_background();
            outcome
        }
    }
}

async fn connected(cli: &Cli) -> Result<()> {
    let state = State::locate(&cli.swarm)?;
    match &cli.command {
        Command::Up(up) => up.run(&state).await,
        Command::Down(down) => down.run(&state).await,
        Command::Get(get) => get.run(&state).await,
        Command::Run(run) => run.run(&state).await,
        Command::Logs(logs) => logs.run(&state).await,
        Command::Chat(chat) => chat.run(&state).await,
        Command::Server(server) => server.run(&state).await,
        Command::Completion(_) | Command::Detached(_) => Ok(()),
    }
}
