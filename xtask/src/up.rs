//! From a checkout to a swarm, and back. The logic of both lives in `agentctl`; this installs what it needs,
//! builds it and calls it.

use std::{
    convert::Infallible,
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Command, ExitCode},
    time::Instant,
};

use anyhow::{Context, Result};

use crate::{build, command, engine::Engine, image, paths, setup};

/// Sets up, builds, and calls `agentctl up` with what was built.
pub fn up(yes: bool, socket: Option<PathBuf>, rest: &[String]) -> Result<Infallible> {
    let start = Instant::now();
    setup::run(yes, false)?;
    build::all()?;
    let socket = socket.unwrap_or_else(paths::machine_socket);
    let tags = image::build(&socket)?;
    println!("built in {:.1} s; starting", start.elapsed().as_secs_f64());
    let mut agentctl = agentctl("up");
    agentctl
        .arg("--file")
        .arg(paths::root().join("manifests/quickstart"));
    agentctl
        .arg("--agent-image")
        .arg(&tags.agent)
        .arg("--socket")
        .arg(socket);
    let names = [
        "AGENTCHAT_AGENT_IMAGE",
        "AGENTCHAT_SERVER_IMAGE",
        "AGENTCHAT_MODEL_IMAGE",
    ];
    tags.tell(&mut agentctl, names);
    // From here on the terminal is agentctl's alone, Ctrl-C included.
    let error = agentctl.args(rest).exec();
    Err(error).with_context(|| format!("cannot start `{}`", command::shown(&agentctl)))
}

/// Calls `agentctl down`. With `--purge`, the engine's service that `setup` started ends as well, unless it
/// still has containers.
pub fn down(rest: &[String]) -> Result<ExitCode> {
    if !paths::host_program("agentctl").exists() {
        build::host()?;
    }
    let mut agentctl = agentctl("down");
    agentctl.args(rest);
    let status = agentctl.status();
    let status = status.with_context(|| format!("cannot start `{}`", command::shown(&agentctl)))?;
    if status.success() && rest.iter().any(|word| word == "--purge") {
        Engine::machine().stop_if_idle()?;
    }
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

fn agentctl(verb: &str) -> Command {
    let mut agentctl = Command::new(paths::host_program("agentctl"));
    agentctl.arg(verb);
    agentctl
}
