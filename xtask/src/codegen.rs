//! Files generated from the Rust types: `manifests/crds/*.yaml`.

use anyhow::{Result, bail};

use crate::paths;

/// Writes the files that differ; with `check`, only names them and fails.
pub fn run(check: bool) -> Result<()> {
    let dir = paths::root().join("manifests/crds");
    let mut stale = Vec::new();
    for (name, yaml) in agentchat_api::crds()? {
        let path = dir.join(name);
        if std::fs::read_to_string(&path).is_ok_and(|current| current == yaml) {
            continue;
        }
        if !check {
            std::fs::create_dir_all(&dir)?;
            std::fs::write(&path, yaml)?;
            println!("wrote {}", path.display());
        }
        stale.push(name.to_owned());
    }
    if check && !stale.is_empty() {
        bail!(
            "out of date: {}; run `cargo xtask codegen`",
            stale.join(", ")
        );
    }
    Ok(())
}
