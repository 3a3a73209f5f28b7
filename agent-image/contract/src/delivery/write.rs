//! Writes a delivery where the container's program waits for it.
//!
//! Each file is replaced atomically, and the marker is written last: a reader that has seen the marker
//! finds every file of a delivery, and never half a file. A writer that is killed leaves the marker as it was;
//! delivering again completes the work.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::{Delivery, DeliveryDir};

/// Name of the file in the configuration directory that is written last; it holds the generation.
pub const DELIVERY_MARKER: &str = ".complete";
/// The part of the configuration whose files are removed when they are no longer delivered.
const PERSONALITY: &str = "personality";

/// The directories that deliveries are written to.
#[derive(Clone, Debug)]
pub struct DeliveryDirs {
    /// For [`DeliveryDir::Config`], and the marker.
    pub config: PathBuf,
    /// For [`DeliveryDir::Secrets`].
    pub secrets: PathBuf,
}

impl DeliveryDirs {
    /// The path of a directory.
    #[must_use]
    pub fn path(&self, dir: DeliveryDir) -> &Path {
        match dir {
            DeliveryDir::Config => &self.config,
            DeliveryDir::Secrets => &self.secrets,
        }
    }

    /// The path of the marker.
    #[must_use]
    pub fn marker(&self) -> PathBuf {
        self.config.join(DELIVERY_MARKER)
    }
}

/// A file of a delivery could not be written, or one of an earlier delivery not removed.
#[derive(Debug, thiserror::Error)]
#[error("can't {action} {}; run the receiver as root, with the directory mounted writable", path.display())]
pub struct DeliveryWriteError {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// Writes the files of a delivery, removes what it no longer carries, and writes the marker.
///
/// Files are readable by everybody and writable by nobody (mode 0444). Removed are, when the delivery has a
/// file of configuration, the files of `personality/` that it does not carry; and, when it has a secret, all
/// other secrets, so that a replaced credential does not stay beside the new one.
///
/// The paths must have passed [`DeliveredFile::check`](super::DeliveredFile::check), which
/// [`read_delivery`](super::read_delivery) sees to.
pub fn write_delivery(dirs: &DeliveryDirs, delivery: &Delivery) -> Result<(), DeliveryWriteError> {
    for file in &delivery.files {
        write(&dirs.path(file.dir).join(&file.path), &file.contents)?;
    }
    let paths = |dir: DeliveryDir| -> BTreeSet<PathBuf> {
        let files = delivery.files.iter().filter(|file| file.dir == dir);
        files.map(|file| dirs.path(dir).join(&file.path)).collect()
    };
    let (config, secrets) = (paths(DeliveryDir::Config), paths(DeliveryDir::Secrets));
    if !config.is_empty() {
        remove_others(&dirs.config.join(PERSONALITY), &config)?;
    }
    if !secrets.is_empty() {
        remove_others(&dirs.secrets, &secrets)?;
    }
    let generation = delivery.generation.to_string();
    write(&dirs.marker(), generation.as_bytes())
}

/// Writes a file under another name and renames it.
fn write(path: &Path, contents: &[u8]) -> Result<(), DeliveryWriteError> {
    replace(path, contents).map_err(|source| DeliveryWriteError {
        action: "write",
        path: path.to_owned(),
        source,
    })
}

fn replace(path: &Path, contents: &[u8]) -> io::Result<()> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    fs::create_dir_all(parent)?;
    let temporary = parent.join(format!(".new-{}", name.display()));
    if temporary.exists() {
        fs::remove_file(&temporary)?;
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o400)
        .open(&temporary)?;
    file.write_all(contents)?;
    file.set_permissions(Permissions::from_mode(0o444))?;
    fs::rename(&temporary, path)
}

/// Removes all files below a directory but the kept ones.
fn remove_others(dir: &Path, kept: &BTreeSet<PathBuf>) -> Result<(), DeliveryWriteError> {
    let failed = |path: &Path, source| DeliveryWriteError {
        action: "remove files in",
        path: path.to_owned(),
        source,
    };
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(|e| failed(dir, e))?,
    };
    for entry in entries {
        let entry = entry.map_err(|e| failed(dir, e))?;
        let path = entry.path();
        if entry.file_type().map_err(|e| failed(dir, e))?.is_dir() {
            remove_others(&path, kept)?;
        } else if !kept.contains(&path) {
            fs::remove_file(&path).map_err(|e| failed(dir, e))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DeliveredFile;

    struct Container {
        root: tempfile::TempDir,
        dirs: DeliveryDirs,
    }

    impl Container {
        fn new() -> Self {
            let root = tempfile::tempdir().unwrap();
            let dirs = DeliveryDirs {
                config: root.path().join("etc/agent"),
                secrets: root.path().join("run/secrets"),
            };
            Self { root, dirs }
        }

        fn deliver(&self, generation: u64, files: &[(DeliveryDir, &str, &str)]) {
            let files = files.iter().map(|&(dir, path, contents)| DeliveredFile {
                dir,
                path: path.into(),
                contents: contents.into(),
            });
            let files = files.collect();
            write_delivery(&self.dirs, &Delivery { generation, files }).unwrap();
        }

        fn read(&self, path: &str) -> Option<String> {
            fs::read_to_string(self.root.path().join(path)).ok()
        }
    }

    use DeliveryDir::{Config, Secrets};

    #[test]
    fn delivered_files_are_read_only_and_the_marker_has_the_generation() {
        let container = Container::new();
        container.deliver(1, &[(Config, "agent.json", "{}"), (Secrets, "key", "k1")]);
        container.deliver(2, &[(Secrets, "key", "k2")]);
        assert_eq!(container.read("run/secrets/key").unwrap(), "k2");
        assert_eq!(container.read("etc/agent/agent.json").unwrap(), "{}");
        assert_eq!(container.read("etc/agent/.complete").unwrap(), "2");
        let key = container.dirs.secrets.join("key");
        let mode = fs::metadata(key).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o444);
    }

    #[test]
    fn parts_of_the_personality_that_are_no_longer_delivered_are_removed() {
        let container = Container::new();
        let parts = [
            (Config, "personality/a.md", "a"),
            (Config, "personality/b.md", "b"),
        ];
        container.deliver(1, &parts);
        container.deliver(2, &[(Secrets, "key", "k")]);
        assert!(container.read("etc/agent/personality/b.md").is_some());
        container.deliver(3, &[(Config, "personality/a.md", "A")]);
        assert_eq!(container.read("etc/agent/personality/b.md"), None);
        assert_eq!(container.read("etc/agent/personality/a.md").unwrap(), "A");
    }

    #[test]
    fn replaced_credential_is_removed_with_the_first_delivery_of_secrets_without_it() {
        let container = Container::new();
        let before = [
            (Secrets, "oauth-token", "t"),
            (Secrets, "deep/er/one", "x"),
            (Secrets, "identity", "i"),
        ];
        container.deliver(1, &before);
        container.deliver(2, &[(Config, "mission.md", "m")]);
        assert!(container.read("run/secrets/oauth-token").is_some());
        container.deliver(3, &[(Secrets, "api-key", "k"), (Secrets, "identity", "i")]);
        assert_eq!(container.read("run/secrets/oauth-token"), None);
        assert_eq!(container.read("run/secrets/deep/er/one"), None);
        assert_eq!(container.read("run/secrets/api-key").unwrap(), "k");
        assert_eq!(container.read("run/secrets/identity").unwrap(), "i");
    }

    #[test]
    fn delivery_that_fails_leaves_the_marker_as_it_was() {
        let container = Container::new();
        container.deliver(1, &[(Config, "a", "1")]);
        // A directory where a file should go.
        fs::create_dir_all(container.dirs.config.join("b/c")).unwrap();
        let files = vec![DeliveredFile {
            dir: Config,
            path: "b".into(),
            contents: vec![],
        }];
        let error = write_delivery(
            &container.dirs,
            &Delivery {
                generation: 2,
                files,
            },
        );
        let error = error.unwrap_err().to_string();
        assert!(
            error.starts_with("can't write /") && error.contains("/etc/agent/b;"),
            "{error}"
        );
        assert_eq!(container.read("etc/agent/.complete").unwrap(), "1");
    }
}
