//! What `up` and `test` build: one profile, so that nothing is compiled twice.

use anyhow::Result;

use crate::{command, versions};

/// The packages whose programs go into the image.
pub const GUEST_PACKAGES: [&str; 3] = ["agent-supervisor", "agent-runner", "agentchat-mcp"];

/// The programs of the host; the whole workspace, as the tests build it, so that features agree.
pub fn host() -> Result<()> {
    command::run(command::cargo().args(["build", "--workspace"]))
}

/// The static programs of the image.
pub fn guest() -> Result<()> {
    let mut cargo = command::cargo();
    cargo.args(["build", "--target", versions::GUEST_TARGET]);
    for package in GUEST_PACKAGES {
        cargo.args(["--package", package]);
    }
    command::run(&mut cargo)
}

/// Both.
pub fn all() -> Result<()> {
    host()?;
    guest()
}
