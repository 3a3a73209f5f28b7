//! The folder of a swarm: `$XDG_STATE_HOME/agentchat/<swarm>`, its owner's alone.

use std::{
    env, fs,
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

/// The folder of one swarm.
#[derive(Clone, Debug)]
pub struct State {
    swarm: String,
    root: PathBuf,
}

impl State {
    /// Where the swarm's folder is or will be; touches nothing.
    pub fn locate(swarm: &str) -> Result<Self> {
        let absolute = |name: &str| {
            let path = PathBuf::from(env::var_os(name)?);
            path.is_absolute().then_some(path)
        };
        let base = absolute("XDG_STATE_HOME")
            .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
            .context("neither XDG_STATE_HOME nor HOME is set; set one of them")?;
        Ok(Self::below(&base, swarm))
    }

    /// The swarm's folder below a given base.
    pub fn below(base: &Path, swarm: &str) -> Self {
        Self {
            swarm: swarm.to_owned(),
            root: base.join("agentchat").join(swarm),
        }
    }

    /// Name of the swarm.
    pub fn swarm(&self) -> &str {
        &self.swarm
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder that `XDG_STATE_HOME` names.
    pub fn base(&self) -> &Path {
        let above = self.root.parent().and_then(Path::parent);
        above.unwrap_or(Path::new("/"))
    }

    /// Something in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The admin's kubeconfig.
    pub fn kubeconfig(&self) -> PathBuf {
        self.path("kubeconfig")
    }

    /// The log of a program.
    pub fn log(&self, program: &str) -> PathBuf {
        self.root.join("log").join(format!("{program}.log"))
    }

    /// The pid file of a process.
    pub fn pid_file(&self, process: &str) -> PathBuf {
        self.path(&format!("{process}.pid"))
    }

    /// Whether the folder is there.
    pub fn exists(&self) -> bool {
        self.root.is_dir()
    }

    /// Makes the folder, mode 0700, and what belongs into it.
    pub fn create(&self) -> Result<()> {
        let make = || {
            let mut builder = fs::DirBuilder::new();
            builder.recursive(true).mode(0o700);
            builder.create(self.root.join("log"))?;
            fs::set_permissions(&self.root, fs::Permissions::from_mode(0o700))
        };
        make().with_context(|| {
            format!(
                "the state folder {} can't be made; set XDG_STATE_HOME to a folder of yours",
                self.root.display()
            )
        })
    }

    /// A folder below it.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.path(name);
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path)
            .with_context(|| format!("{} can't be made", path.display()))?;
        Ok(path)
    }

    /// The folder of the user's own keys for chat servers that are no swarm's, made if it is not there.
    pub fn person_folder(&self) -> Result<PathBuf> {
        // No swarm can have this name.
        let path = self.root.with_file_name("_person");
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path)
            .with_context(|| {
                let path = path.display();
                format!("{path} can't be made; set XDG_STATE_HOME to a folder of yours")
            })?;
        Ok(path)
    }

    /// Removes the folder with everything in it, and the one above when no other swarm is there.
    pub fn remove(&self) -> Result<()> {
        if self.root.file_name() != Some(self.swarm.as_ref()) {
            bail!("{} is not a swarm's folder", self.root.display());
        }
        match fs::remove_dir_all(&self.root) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("{} can't be removed", self.root.display()))
            }
            _ => {
                if let Some(above) = self.root.parent() {
                    // Refused while other swarms are in it, which is as it should be.
                    drop(fs::remove_dir(above));
                }
                Ok(())
            }
        }
    }
}

/// Writes a file that only its owner can read, replacing it as a whole; says whether it changed.
pub fn write_private(path: &Path, contents: &[u8]) -> Result<bool> {
    if fs::read(path).is_ok_and(|old| old == contents) {
        return Ok(false);
    }
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    let write = || {
        let mut file = fs::OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .open(&fresh)?;
        file.write_all(contents)?;
        file.sync_all()?;
        fs::rename(&fresh, path)
    };
    write().with_context(|| format!("{} can't be written", path.display()))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_is_its_owners_alone_and_removed_as_a_whole() {
        let base = tempfile::tempdir().unwrap();
        let (one, two) = (
            State::below(base.path(), "one"),
            State::below(base.path(), "two"),
        );
        one.create().unwrap();
        two.create().unwrap();
        let mode = fs::metadata(one.root()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert!(write_private(&one.pid_file("b"), b"1").unwrap());
        assert!(!write_private(&one.pid_file("b"), b"1").unwrap());
        one.remove().unwrap();
        assert!(!one.exists() && two.exists());
        two.remove().unwrap();
        two.remove().unwrap();
        assert_eq!(fs::read_dir(base.path()).unwrap().count(), 0);
    }
}
