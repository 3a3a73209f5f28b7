//! PID 1 of an agent container.

mod backoff;
mod config;
mod control;
mod files;
mod healthcheck;
mod ledger;
mod orphans;
mod receive;
mod report;
mod signals;
mod state;
mod supervise;

use std::path::PathBuf;
use std::process::ExitCode;

use agentchat_contract::{Layout, exit};
use clap::{Args, Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// Starts the agent of this container, restarts it, stops it, and says how it does.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: Run,
    /// Directory that all paths are below; for tests.
    #[arg(
        long,
        env = "AGENT_ROOT",
        hide = true,
        global = true,
        default_value = "/"
    )]
    root: PathBuf,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the agent; the default.
    Run(Run),
    /// Takes configuration and secrets from standard input.
    Receive,
    /// Prints the state, one JSON line.
    Report {
        /// Goes on with a line for each change.
        #[arg(long)]
        follow: bool,
    },
    /// Succeeds while the supervisor is alive.
    Healthcheck,
}

#[derive(Args)]
struct Run {
    /// The agent's name.
    name: Option<String>,
    /// The program to run; for tests.
    #[arg(long, hide = true, default_value = "agent-runner")]
    runner: PathBuf,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_env_filter(
            EnvFilter::try_from_env("AGENT_LOG").unwrap_or_else(|_| EnvFilter::new("info")),
        )
        .with_writer(std::io::stderr)
        .with_ansi(false)
        // Nobody may read the log any more; complaining of that to the log would be a panic.
        .log_internal_errors(false)
        .init();
    let layout = Layout::new(cli.root);
    let result = match cli.command {
        Some(Command::Receive) => receive::receive(&layout, std::io::stdin().lock()),
        Some(Command::Report { follow }) => report::report(&layout, follow),
        Some(Command::Healthcheck) => healthcheck::healthcheck(&layout),
        Some(Command::Run(run)) => supervise::run(layout, run.name, run.runner),
        None => supervise::run(layout, cli.run.name, cli.run.runner),
    };
    match result {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::from(u8::try_from(exit::ERROR).unwrap_or(1))
        }
    }
}
