//! Where things are.

use std::path::{Path, PathBuf};

/// The workspace's root.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// The build folder.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |d| root().join(d))
}

/// Downloaded and locally made tools.
pub fn tools() -> PathBuf {
    target().join("tools")
}

/// A program of the host, as the development profile builds it.
pub fn host_program(name: &str) -> PathBuf {
    target().join("debug").join(name)
}

/// Claude Code's native binary.
pub fn claude() -> PathBuf {
    tools()
        .join(format!("claude-code-{}", crate::versions::CLAUDE_VERSION))
        .join("claude")
}

/// kubectl, when it is not the machine's own.
pub fn kubectl() -> PathBuf {
    tools()
        .join(format!("kubectl-{}", crate::versions::KUBECTL_VERSION))
        .join("kubectl")
}

/// The root file system that the agent image starts from.
pub fn base_image() -> PathBuf {
    tools().join("base-image.tar")
}

/// The folder for sockets and other things that do not outlive a boot.
pub fn runtime_dir() -> PathBuf {
    if nix::unistd::geteuid().is_root() {
        return PathBuf::from("/run");
    }
    std::env::var_os("XDG_RUNTIME_DIR").map_or_else(std::env::temp_dir, PathBuf::from)
}

/// The Podman API socket of the machine, or of the user when not root.
pub fn machine_socket() -> PathBuf {
    runtime_dir().join("podman/podman.sock")
}
