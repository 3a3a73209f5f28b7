//! SHA-256 of files, as text.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use ring::digest::{Context as Digest, SHA256};

use crate::paths;

/// Bytes as lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// SHA-256 of a file, in hexadecimal.
pub fn sum_file(path: &Path) -> Result<String> {
    let mut file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let (mut digest, mut buffer) = (Digest::new(&SHA256), vec![0; 1024 * 1024]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(digest.finish().as_ref())),
            read => digest.update(&buffer[..read]),
        }
    }
}

/// Where the base image's checksum is kept.
pub fn base_sum_file() -> PathBuf {
    paths::tools().join("base-image.sha256")
}
