//! Measurements, each next to a reference that is taken in the same run.

use std::{
    convert::Infallible,
    os::unix::process::CommandExt,
    process::{Command, ExitCode},
};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use crate::{build, command, engine::Engine, image, paths, setup, test};

/// What can be measured.
#[derive(Clone, Copy, ValueEnum)]
pub enum What {
    /// From `kubectl apply` to an agent's first message
    Start,
    /// The chat server, next to a bare WebSocket hub; see `cargo xtask bench chat -- --help`
    Chat,
}

/// Measures, with the arguments that are left.
pub fn run(what: What, rest: &[String]) -> Result<ExitCode> {
    match what {
        What::Start if rest.is_empty() => start().map(|()| ExitCode::SUCCESS),
        What::Start => bail!("`cargo xtask bench start` takes no arguments"),
        What::Chat => match chat(rest)? {},
    }
}

/// Builds both servers and the generator as they are released, and hands over to the generator. It succeeds
/// when everything was reached.
fn chat(rest: &[String]) -> Result<Infallible> {
    let packages = [
        "--package",
        "agentchat-server",
        "--package",
        "agentchat-bench",
    ];
    command::run(command::cargo().args(["build", "--release"]).args(packages))?;
    let mut bench = Command::new(paths::target().join("release/agentchat-bench"));
    let error = bench.args(rest).exec();
    Err(error).with_context(|| format!("cannot start `{}`", command::shown(&bench)))
}

/// Sets up, builds, and measures on the tests' engine.
fn start() -> Result<()> {
    setup::run(true, false)?;
    build::all()?;
    let engine = Engine::tests();
    engine.start()?;
    let measured = image::build(engine.socket()).and_then(|tags| {
        // The tests' profile: what `cargo xtask up` runs is what is measured.
        let mut cargo = command::cargo();
        cargo.args(["test", "--package", "agentchat-e2e", "--bench", "start"]);
        test::environment(&mut cargo, engine.socket(), &tags);
        command::run(&mut cargo)
    });
    engine.stop()?;
    measured
}
