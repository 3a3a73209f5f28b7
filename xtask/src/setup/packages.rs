//! The distribution's packages.

use std::process::Command;

use anyhow::Result;

use super::Step;
use crate::{command, paths, versions};

const ALWAYS: [&str; 8] = [
    "podman",
    "crun",
    "netavark",
    "aardvark-dns",
    "iptables",
    "golang-github-containers-common",
    "musl-tools",
    "mmdebstrap",
];

/// Packages that are wanted and not installed.
fn absent() -> Vec<&'static str> {
    let mut wanted = ALWAYS.to_vec();
    if !nix::unistd::geteuid().is_root() {
        wanted.extend(["uidmap", "slirp4netns"]);
    }
    if !paths::claude().is_file() && versions::claude().is_some() && !command::exists("npm") {
        wanted.push("npm");
    }
    let no_pip = || command::output("python3", ["-m", "pip", "--version"]).is_none();
    if super::find_kubectl().is_none() && no_pip() {
        wanted.push("python3-pip");
    }
    let format = "${Package} ${db:Status-Status}\n";
    // dpkg-query fails when one is unknown, and still lists the others.
    let listed = Command::new("dpkg-query")
        .args(["-W", "-f", format])
        .args(&wanted)
        .output();
    let listed = listed
        .map(|o| String::from_utf8_lossy(&o.stdout).into_owned())
        .unwrap_or_default();
    wanted.retain(|name| {
        !listed
            .lines()
            .any(|line| line == format!("{name} installed"))
    });
    wanted
}

pub fn check() -> Result<Option<Step>> {
    let absent = absent();
    Ok((!absent.is_empty()).then(|| Step {
        what: format!("packages {}", absent.join(" ")),
        how: format!(
            "apt-get install --no-install-recommends {}",
            absent.join(" ")
        ),
        system: true,
        act: install,
    }))
}

fn install() -> Result<()> {
    command::run(command::as_root("apt-get").arg("update"))?;
    let mut apt = command::as_root("env");
    apt.args([
        "DEBIAN_FRONTEND=noninteractive",
        "apt-get",
        "install",
        "--yes",
    ]);
    command::run(apt.arg("--no-install-recommends").args(absent()))
}
