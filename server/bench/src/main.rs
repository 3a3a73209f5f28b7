//! Measures the chat server next to a bare WebSocket hub that does nothing but hand frames on.
//!
//! Server and generator run on one core each of the same machine, and every figure stands next to its
//! reference from the same run. Losses, repeats and reorders are counted per receiver and sender, and the
//! generator reports its own lag, so that a run which it spoiled is seen.

mod agent;
mod args;
mod chat_server;
mod clock;
mod connection;
mod crowd;
mod dial;
mod frame;
mod histogram;
mod load;
mod machine;
mod marker;
mod plain;
mod program;
mod prose;
mod report;
mod row;
mod scenario;
mod sequence;

use std::{io::Write, process::ExitCode};

use anyhow::{Result, bail};
use clap::Parser;

use crate::{
    args::{Args, Output},
    scenario::Effort,
};

fn main() -> Result<ExitCode> {
    run(&Args::parse())
}

/// Succeeds when everything was reached.
fn run(args: &Args) -> Result<ExitCode> {
    let (mut out, mut err) = (std::io::stdout(), std::io::stderr());
    let chosen = scenario::chosen(&args.scenarios)?;
    if args.list {
        for scenario in chosen {
            writeln!(out, "{:12} {}", scenario.name, scenario.about)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    if cfg!(debug_assertions) {
        bail!("an unoptimised build measures nothing; use `cargo xtask bench chat`");
    }
    machine::raise_files()?;
    match machine::has_two_cores() {
        true => machine::pin(machine::GENERATOR)?,
        false => writeln!(
            err,
            "one core only: server and generator disturb each other"
        )?,
    }
    let effort = Effort {
        measured: args.measured(),
        rounds: args.rounds,
    };
    let mut rows = vec![];
    for scenario in chosen {
        writeln!(err, "{}: {}", scenario.name, scenario.about)?;
        rows.push(scenario.measure(effort)?);
    }
    match args.output {
        Output::Table => write!(out, "{}", report::table(&rows))?,
        Output::Json => writeln!(out, "{}", serde_json::to_string_pretty(&rows)?)?,
    }
    let all = rows.iter().all(|row| row.reached);
    Ok(if all {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
