//! What an image is built from: its build file, what else goes in, and the hash of all of it.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{Seek, SeekFrom},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use ring::digest::{SHA256, digest};

use crate::{checksum, paths, versions};

/// One image: its name, its build file, and what else goes in, by its name in the context.
pub struct Image {
    pub name: &'static str,
    pub containerfile: PathBuf,
    pub inputs: Vec<(&'static str, Input)>,
    pub base: Option<String>,
}

/// Something that goes into an image.
#[derive(Clone)]
pub enum Input {
    /// A file that is there.
    File(PathBuf),
    /// The contents of one that is not.
    Made(Vec<u8>),
}

/// An empty directory of an image.
pub struct Directory {
    pub path: &'static str,
    pub mode: u32,
    /// User and group.
    pub owner: u32,
}

impl Image {
    /// Name and hash of everything that goes in.
    pub fn tag(&self) -> Result<String> {
        let mut text = checksum::sum_file(&self.containerfile)?;
        for (name, input) in &self.inputs {
            let sum = match input {
                Input::File(path) => sum(path)?,
                Input::Made(bytes) => checksum::hex(digest(&SHA256, bytes).as_ref()),
            };
            text.push_str(&format!("\n{name} {sum}"));
        }
        text.push_str(self.base.as_deref().unwrap_or_default());
        let hash = digest(&SHA256, text.as_bytes());
        let hash = checksum::hex(&hash.as_ref()[..6]);
        Ok(format!("{}:{hash}", self.name))
    }

    /// The build's context, as an uncompressed tar in a file that nobody else sees.
    pub fn context(&self) -> Result<File> {
        let mut tar = tar::Builder::new(tempfile::tempfile_in(paths::tools())?);
        tar.append_path_with_name(&self.containerfile, "Containerfile")?;
        for (name, input) in &self.inputs {
            match input {
                Input::File(path) => tar.append_path_with_name(path, name).with_context(|| {
                    format!(
                        "{} is not there; run `cargo xtask setup` and `build`",
                        path.display()
                    )
                })?,
                Input::Made(bytes) => {
                    let mut header = header(0o644, 0);
                    header.set_size(u64::try_from(bytes.len())?);
                    tar.append_data(&mut header, name, &bytes[..])?;
                }
            }
        }
        let mut file = tar.into_inner()?;
        file.seek(SeekFrom::Start(0))?;
        Ok(file)
    }
}

/// A tar of directories, and of those that they are in, which are root's.
pub fn directories(directories: &[Directory]) -> Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut made = BTreeSet::new();
    let mut append = |path: &Path, mode, owner| {
        let mut header = header(mode, owner);
        header.set_entry_type(tar::EntryType::Directory);
        header.set_size(0);
        tar.append_data(&mut header, path, std::io::empty())
    };
    for directory in directories {
        let path = Path::new(directory.path.trim_start_matches('/'));
        let parents: Vec<_> = path.ancestors().skip(1).collect();
        for parent in parents.into_iter().rev() {
            if !parent.as_os_str().is_empty() && made.insert(parent.to_owned()) {
                append(parent, 0o755, 0)?;
            }
        }
        append(path, directory.mode, directory.owner)?;
        made.insert(path.to_owned());
    }
    Ok(tar.into_inner()?)
}

/// The same at any time: it goes into the hash.
fn header(mode: u32, owner: u32) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_mode(mode);
    header.set_uid(owner.into());
    header.set_gid(owner.into());
    header.set_mtime(0);
    header
}

/// Checksum of a file; the big ones have theirs on file.
fn sum(path: &Path) -> Result<String> {
    if path == paths::base_image() {
        return std::fs::read_to_string(checksum::base_sum_file())
            .context("the base image is not there; run `cargo xtask setup`");
    }
    if path == paths::claude() {
        // Its package's checksum was verified when it was fetched.
        return Ok(versions::claude()
            .map_or(versions::CLAUDE_VERSION, |p| p.checksum)
            .to_owned());
    }
    checksum::sum_file(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_have_their_owners_and_their_parents_are_roots() {
        let made = directories(&[
            Directory {
                path: "/var/lib/a",
                mode: 0o700,
                owner: 7,
            },
            Directory {
                path: "/var/b",
                mode: 0o1777,
                owner: 0,
            },
        ]);
        let made = made.unwrap();
        let mut archive = tar::Archive::new(&made[..]);
        let entries = archive.entries().unwrap().map(|entry| {
            let entry = entry.unwrap();
            let header = entry.header();
            assert!(header.entry_type().is_dir());
            let path = entry.path().unwrap().display().to_string();
            (path, header.mode().unwrap(), header.uid().unwrap())
        });
        let entries: Vec<_> = entries.collect();
        let wanted = [
            ("var", 0o755, 0),
            ("var/lib", 0o755, 0),
            ("var/lib/a", 0o700, 7),
            ("var/b", 0o1777, 0),
        ];
        let wanted = wanted.map(|(path, mode, owner)| (path.to_owned(), mode, owner));
        assert_eq!(entries, wanted);
    }
}
