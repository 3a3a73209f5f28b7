//! `agentctl`: everything that a person does with a swarm. The program is [`run`](run()); the rest is its parts.

pub mod args;
pub mod channel;
pub mod chat;
pub mod check;
pub mod completion;
pub mod control;
pub mod delete;
pub mod down;
pub mod earlier;
pub mod exit;
pub mod get;
pub mod help;
pub mod interrupt;
pub mod logs;
pub mod operator;
pub mod output;
pub mod readiness;
pub mod run;
pub mod server;
pub mod state;
pub mod status;
pub mod suspension;
pub mod up;
pub mod wait;

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{CommandFactory, Parser};
use tokio::runtime::Builder;
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
            // A part of it may be a server's.
            let text = output::plain(&format!("{error:#}"));
            output::say(format_args!("{bad}error:{bad:#} {text}"));
            ExitCode::from(exit::code_of(&error) as u8)
        }
    }
}

fn carry_out(cli: &Cli) -> Result<()> {
    if matches!(cli.command, Command::Supervise(_)) {
        operator::supervise::close_inherited();
    }
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("off"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    match &cli.command {
        Command::Completion(completion) => completion.run(Cli::command()),
        _ => {
            let mut threads = match &cli.command {
                // It stays as long as the swarm, and does next to nothing.
                Command::Supervise(_) => Builder::new_current_thread(),
                _ => Builder::new_multi_thread(),
            };
            let runtime = threads
                .enable_all()
                .build()
                .context("threads can't be started")?;
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
        Command::Delete(delete) => delete.run(&state).await,
        Command::Status(status) => status.run(&state).await,
        Command::Get(get) => get.run(&state).await,
        Command::Run(run) => run.run(&state).await,
        Command::Logs(logs) => logs.run(&state).await,
        Command::Chat(chat) => chat.run(&state).await,
        Command::Server(server) => server.run(&state).await,
        Command::Supervise(supervise) => supervise.run(&state).await,
        Command::Completion(_) => Ok(()),
    }
}
