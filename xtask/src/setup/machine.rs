//! Which system this is.

use anyhow::{Result, bail};

/// A value of `/etc/os-release`.
pub fn os_release(key: &str) -> Option<String> {
    let text = std::fs::read_to_string("/etc/os-release").ok()?;
    text.lines().find_map(|line| {
        let (name, value) = line.split_once('=')?;
        (name == key).then(|| value.trim_matches('"').to_owned())
    })
}

/// Fails on systems that set-up cannot change by itself.
pub fn supported() -> Result<()> {
    let id = os_release("ID").unwrap_or_else(|| std::env::consts::OS.to_owned());
    let version = os_release("VERSION_ID").unwrap_or_default();
    let major: u32 = version
        .split('.')
        .next()
        .and_then(|m| m.parse().ok())
        .unwrap_or(u32::MAX);
    let oldest = match id.as_str() {
        "debian" => 12,
        "ubuntu" => 24,
        _ => bail!("set-up knows Debian 12+ and Ubuntu 24.04+, this is {id} {version}"),
    };
    if major < oldest {
        bail!("set-up needs {id} {oldest} or newer, this is {version}");
    }
    Ok(())
}
