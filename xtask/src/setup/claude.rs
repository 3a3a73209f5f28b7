//! Claude Code's native binary, from its npm package. Node.js is needed for nothing but fetching it.

use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest;

use super::Step;
use crate::{command, paths, versions};

pub fn check() -> Result<Option<Step>> {
    if paths::claude().is_file() {
        return Ok(None);
    }
    let how = match versions::claude() {
        Some(pinned) => format!(
            "npm pack {}@{}, checksum pinned",
            pinned.package,
            versions::CLAUDE_VERSION
        ),
        None => "no package is pinned for this architecture yet".to_owned(),
    };
    let what = format!("Claude Code {}", versions::CLAUDE_VERSION);
    Ok(Some(Step {
        what,
        how,
        system: false,
        act: fetch,
    }))
}

fn fetch() -> Result<()> {
    let Some(pinned) = versions::claude() else {
        bail!("no Claude Code package is pinned for this architecture; x86-64 only so far");
    };
    fs::create_dir_all(paths::tools())?;
    let scratch = tempfile::tempdir_in(paths::tools())?;
    let mut npm = Command::new("npm");
    npm.args(["pack", "--silent"])
        .arg(format!("{}@{}", pinned.package, versions::CLAUDE_VERSION));
    command::run(npm.current_dir(scratch.path()).stdout(Stdio::null()))?;
    let archive = fs::read_dir(scratch.path())?
        .next()
        .context("npm fetched nothing")??
        .path();
    let sum = digest::digest(&digest::SHA512, &fs::read(&archive)?);
    let sum = format!("sha512-{}", STANDARD.encode(sum));
    if sum != pinned.checksum {
        bail!(
            "{} has checksum {sum}, expected {}",
            pinned.package,
            pinned.checksum
        );
    }
    let mut tar = Command::new("tar");
    command::run(
        tar.arg("-xzf")
            .arg(&archive)
            .arg("-C")
            .arg(scratch.path())
            .arg("package/claude"),
    )?;
    let home = paths::claude();
    fs::create_dir_all(home.parent().context("Claude Code has no folder")?)?;
    fs::rename(scratch.path().join("package/claude"), home)?;
    Ok(())
}
