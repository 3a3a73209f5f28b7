//! The Rust target of the programs inside the image.

use std::process::Command;

use anyhow::Result;

use super::Step;
use crate::{command, paths, versions};

pub fn check() -> Result<Option<Step>> {
    let root = command::output("rustc", ["--print", "sysroot"]).unwrap_or_default();
    let library = std::path::Path::new(root.trim())
        .join("lib/rustlib")
        .join(versions::GUEST_TARGET);
    Ok((!library.is_dir()).then(|| Step {
        what: format!("Rust target {}", versions::GUEST_TARGET),
        how: format!("rustup target add {}", versions::GUEST_TARGET),
        system: true,
        act: || {
            let mut rustup = Command::new("rustup");
            rustup
                .args(["target", "add", versions::GUEST_TARGET])
                .current_dir(paths::root());
            command::run(&mut rustup)
        },
    }))
}
