//! Developer commands: `cargo xtask setup|build|image|up|down|test|bench|codegen`.
#![expect(
    clippy::print_stdout,
    reason = "a command line tool reports on standard output"
)]

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

mod bench;
mod build;
mod checksum;
mod codegen;
mod command;
mod engine;
mod image;
mod paths;
mod setup;
mod test;
mod up;
mod versions;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Set up, build and test this project")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install what is missing on this machine
    Setup {
        /// Go on without asking
        #[arg(long)]
        yes: bool,
        /// Only say what is missing; fails when something is
        #[arg(long)]
        check: bool,
    },
    /// Build the programs of the host and of the images
    Build,
    /// Build the images of agents, chat server and scripted model in an engine, and print their tags
    Image {
        /// The engine's API socket; the machine's Podman socket when left out
        #[arg(long)]
        socket: Option<PathBuf>,
    },
    /// Set up, build, and bring a swarm up with `agentctl up`
    Up {
        /// Set up without asking
        #[arg(long)]
        yes: bool,
        /// The engine's API socket; the machine's Podman socket when left out
        #[arg(long)]
        socket: Option<PathBuf>,
        /// Passed on to `agentctl up`; see `agentctl up --help`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<String>,
    },
    /// Take the swarm down with `agentctl down`
    Down {
        /// Passed on to `agentctl down`; see `agentctl down --help`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<String>,
    },
    /// Check formats and lints, and run every test; the last line is the count
    Test,
    /// Measure something next to its reference
    Bench {
        /// What to measure
        what: bench::What,
        /// Passed on to what measures
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<String>,
    },
    /// Write the generated manifests
    Codegen {
        /// Only compare; fails when a file is out of date
        #[arg(long)]
        check: bool,
    },
}

fn main() -> ExitCode {
    run(Cli::parse().task).unwrap_or_else(|error| {
        println!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn run(task: Task) -> Result<ExitCode> {
    match task {
        Task::Setup { yes, check } => setup::run(yes, check)?,
        Task::Build => build::all()?,
        Task::Image { socket } => {
            build::guest()?;
            println!(
                "{}",
                image::build(&socket.unwrap_or_else(paths::machine_socket))?
            );
        }
        Task::Up { yes, socket, rest } => match up::up(yes, socket, &rest)? {},
        Task::Down { rest } => return up::down(&rest),
        Task::Test => return test::run(),
        Task::Bench { what, rest } => return bench::run(what, &rest),
        Task::Codegen { check } => codegen::run(check)?,
    }
    Ok(ExitCode::SUCCESS)
}
