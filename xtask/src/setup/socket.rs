//! The Podman API socket.

use std::process::Command;

use anyhow::Result;

use super::Step;
use crate::{command, engine, engine::Engine};

pub fn check() -> Result<Option<Step>> {
    let engine = Engine::machine();
    Ok((!engine.answers()).then(|| Step {
        what: format!("Podman API socket {}", engine.socket().display()),
        how: if engine::systemd() {
            format!("systemctl {}enable --now podman.socket", scope())
        } else {
            "start `podman system service` in the background; there is no systemd".to_owned()
        },
        system: true,
        act: start,
    }))
}

fn scope() -> &'static str {
    if nix::unistd::geteuid().is_root() {
        ""
    } else {
        "--user "
    }
}

fn start() -> Result<()> {
    if !engine::systemd() {
        return Engine::machine().start();
    }
    let mut systemctl = Command::new("systemctl");
    command::run(systemctl.args(scope().split_whitespace()).args([
        "enable",
        "--now",
        "podman.socket",
    ]))
}
