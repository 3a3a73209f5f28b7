//! Measurements, each next to a reference that is taken in the same run.

use anyhow::Result;
use clap::ValueEnum;

use crate::{build, command, engine::Engine, image, setup, test};

/// What can be measured.
#[derive(Clone, Copy, ValueEnum)]
pub enum What {
    /// From `kubectl apply` to an agent's first message
    Start,
}

/// Sets up, builds, and measures on the tests' engine.
pub fn run(what: What) -> Result<()> {
    setup::run(true, false)?;
    build::all()?;
    let engine = Engine::tests();
    engine.start()?;
    let measured = image::build(engine.socket()).and_then(|tag| {
        let name = match what {
            What::Start => "start",
        };
        // The tests' profile: what `cargo xtask up` runs is what is measured.
        let mut cargo = command::cargo();
        cargo.args(["test", "--package", "agentchat-e2e", "--bench", name]);
        test::surroundings(&mut cargo, engine.socket(), &tag);
        command::run(&mut cargo)
    });
    engine.stop()?;
    measured
}
