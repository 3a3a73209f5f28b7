//! Podman settings that some machines need, in a file of our own: nothing of the machine's is changed.
//!
//! Root without `CAP_SYS_RESOURCE` (in a container or some virtual machines) cannot raise limits to
//! Podman's defaults. Without systemd, its cgroup manager and journal are not there to be used.

use std::fmt::Write;
use std::io::Write as _;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use nix::sys::resource::{Resource, getrlimit};

use super::Step;
use crate::{command, engine};

const FILE: &str = "/etc/containers/containers.conf.d/50-agentchat.conf";
/// What Podman asks for when nothing is configured.
const PODMAN_DEFAULT: u64 = 1_048_576;
const CAP_SYS_RESOURCE: u32 = 24;

pub fn check() -> Result<Option<Step>> {
    let wanted = settings();
    if !cfg!(target_os = "linux") || wanted.is_empty() || written(&wanted) {
        return Ok(None);
    }
    Ok(Some(Step {
        what: "Podman settings for this machine's limits and cgroups".to_owned(),
        how: format!("write {FILE}: {}", wanted.trim().replace('\n', "; ")),
        system: true,
        act: write,
    }))
}

fn written(wanted: &str) -> bool {
    std::fs::read_to_string(FILE).is_ok_and(|current| current == wanted)
}

/// The file's contents; empty when Podman's defaults work here.
fn settings() -> String {
    let mut text = String::new();
    if !may_raise_limits()
        && let (Ok((_, files)), Ok((_, processes))) = (
            getrlimit(Resource::RLIMIT_NOFILE),
            getrlimit(Resource::RLIMIT_NPROC),
        )
        && files.min(processes) < PODMAN_DEFAULT
    {
        let (files, processes) = (files.min(20_000), processes.min(20_000));
        let _ = writeln!(
            text,
            "[containers]\ndefault_ulimits = [\"nofile={files}:{files}\", \"nproc={processes}:{processes}\"]"
        );
    }
    if !engine::systemd() {
        text.push_str("[engine]\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\n");
    }
    text
}

/// Rootless Podman leaves limits alone; root needs the capability.
fn may_raise_limits() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let bits = effective.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok());
    !nix::unistd::geteuid().is_root() || bits.is_some_and(|b| b & (1 << CAP_SYS_RESOURCE) != 0)
}

fn write() -> Result<()> {
    command::run(command::as_root("mkdir").args(["-p", "/etc/containers/containers.conf.d"]))?;
    let mut tee = command::as_root("tee");
    let mut tee = tee
        .arg(FILE)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
    tee.stdin
        .take()
        .context("no standard input")?
        .write_all(settings().as_bytes())?;
    if !tee.wait()?.success() {
        bail!("cannot write {FILE}");
    }
    Ok(())
}
