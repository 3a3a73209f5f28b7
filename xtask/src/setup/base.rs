//! The root file system of the agent image, made locally by mmdebstrap: no registry is needed.

use std::fs;
use std::process::Command;

use anyhow::Result;

use super::{Step, machine};
use crate::{checksum, command, paths};

const PACKAGES: &str = "ca-certificates,git,ripgrep,jq,less";
/// The user whom agents run as; the contract crate and the operator know the same number.
const USER: &str = "10001";

pub fn check() -> Result<Option<Step>> {
    let made = fs::read_to_string(recipe_file()).is_ok_and(|made| made == recipe().join("\n"));
    Ok((!made || !paths::base_image().is_file()).then(|| Step {
        what: "base image".to_owned(),
        how: format!("mmdebstrap {} with {PACKAGES}, about a minute", suite()),
        system: false,
        act: make,
    }))
}

fn suite() -> String {
    machine::os_release("VERSION_CODENAME").unwrap_or_else(|| "bookworm".to_owned())
}

fn recipe_file() -> std::path::PathBuf {
    paths::tools().join("base-image.recipe")
}

fn recipe() -> Vec<String> {
    let mut words: Vec<String> = vec![
        "--quiet".to_owned(),
        "--variant=minbase".to_owned(),
        format!("--include={PACKAGES}"),
        "--aptopt=Acquire::Languages \"none\"".to_owned(),
    ];
    for dropped in ["man", "locale", "doc"] {
        words.push(format!("--dpkgopt=path-exclude=/usr/share/{dropped}/*"));
    }
    if machine::os_release("ID").as_deref() == Some("ubuntu") {
        words.push("--components=main,universe".to_owned());
    }
    for hook in [
        format!("groupadd --gid {USER} agent"),
        format!(
            "useradd --uid {USER} --gid {USER} --home-dir /home/agent --create-home --shell /bin/bash agent"
        ),
        format!(
            "install -d -o {USER} -g {USER} /home/agent/workspace /home/agent/.claude /home/agent/.agentchat"
        ),
        "install -d /etc/agent /run/agent /run/secrets".to_owned(),
    ] {
        words.push(format!("--customize-hook=chroot \"$1\" {hook}"));
    }
    words.push(suite());
    words
}

fn make() -> Result<()> {
    fs::create_dir_all(paths::tools())?;
    let unfinished = paths::tools().join("base-image.new.tar");
    command::run(Command::new("mmdebstrap").args(recipe()).arg(&unfinished))?;
    fs::write(checksum::base_sum_file(), checksum::sum_file(&unfinished)?)?;
    fs::rename(unfinished, paths::base_image())?;
    fs::write(recipe_file(), recipe().join("\n"))?;
    Ok(())
}
