//! A server under measurement: started on its core, ended with the measurement.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::machine::{self, Usage};

/// A running server; killed when it goes out of scope.
pub struct Program {
    child: Child,
    /// Its end would be a broken pipe for the server.
    _out: BufReader<ChildStdout>,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Program {
    /// Starts it; it says where it listens in its first line.
    pub fn start(mut command: Command) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        // What is started inherits the core.
        let pinned = machine::has_two_cores();
        if pinned {
            machine::pin(machine::SERVER)?;
        }
        let spawned = command.stdout(Stdio::piped()).spawn();
        if pinned {
            machine::pin(machine::GENERATOR)?;
        }
        let mut child = spawned.with_context(|| format!("{name} can't be started"))?;
        let out = child.stdout.take().context("no standard output")?;
        let (mut out, mut line) = (BufReader::new(out), String::new());
        out.read_line(&mut line)?;
        let address = line.trim().rsplit('/').next();
        let Some(address) = address.and_then(|address| address.parse().ok()) else {
            child.kill()?;
            child.wait()?;
            bail!("{name} does not say where it listens, but {line:?}");
        };
        Ok(Self {
            child,
            _out: out,
            address,
        })
    }

    /// Ends it at once, at whatever it is.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// What it has used so far.
    pub fn usage(&self) -> Result<Usage> {
        Usage::of(self.child.id()).context("the server has ended")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        self.kill().ok();
    }
}

/// A program that was built next to this one.
pub fn beside(name: &str) -> Result<PathBuf> {
    let here = std::env::current_exe()?;
    let path = here.parent().unwrap_or(Path::new("/")).join(name);
    if !path.exists() {
        bail!(
            "{} is missing; `cargo xtask bench chat` builds it",
            path.display()
        );
    }
    Ok(path)
}
