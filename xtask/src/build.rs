//! What `up` and `test` build: one profile for the host and one for images, so that nothing is compiled twice.

use std::path::PathBuf;

use anyhow::Result;

use crate::{command, paths, versions};

/// The profile of the images' programs.
const GUEST_PROFILE: &str = "guest";

/// The images' programs: package and program.
const GUEST_PROGRAMS: [(&str, &str); 5] = [
    ("agent-supervisor", "agent-supervisor"),
    ("agent-runner", "agent-runner"),
    ("agentchat-mcp", "agentchat-mcp"),
    ("agentchat-server", "agentchat-server"),
    ("agentchat-e2e", "scripted-model"),
];

/// The programs of the host; the whole workspace, as the tests build it, so that features agree.
pub fn host() -> Result<()> {
    command::run(command::cargo().args(["build", "--workspace"]))
}

/// The static programs of the images.
pub fn guest() -> Result<()> {
    let mut cargo = command::cargo();
    cargo.args(["build", "--target", versions::GUEST_TARGET]);
    cargo.args(["--profile", GUEST_PROFILE]);
    for (package, program) in GUEST_PROGRAMS {
        cargo.args(["--package", package, "--bin", program]);
    }
    command::run(&mut cargo)
}

/// Where [`guest`] puts a program.
pub fn guest_program(name: &str) -> PathBuf {
    let target = paths::target().join(versions::GUEST_TARGET);
    target.join(GUEST_PROFILE).join(name)
}

/// Both.
pub fn all() -> Result<()> {
    host()?;
    guest()
}
