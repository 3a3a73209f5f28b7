//! The step between `agentctl` and a service: leave the terminal's session, note who one is, become the service.
//!
//! The pid file is written before the service exists, by the process that becomes it, so that there is no
//! moment at which a service runs and nothing says so.

use std::{
    convert::Infallible, ffi::OsString, os::unix::process::CommandExt, path::PathBuf,
    process::Command,
};

use anyhow::{Context, Result};
use clap::Args;

use super::Process;
use crate::state::write_private;

/// Becomes a service; `agentctl` calls itself with this.
#[derive(Debug, Args)]
pub struct Detached {
    #[arg(long)]
    pid_file: PathBuf,
    #[arg(long)]
    fingerprint: String,
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

impl Detached {
    /// Returns only when it fails.
    pub fn become_service(&self) -> Result<Infallible> {
        nix::unistd::setsid().context("no session of its own")?;
        let own = Process::of(nix::unistd::getpid().as_raw()).context("/proc can't be read")?;
        write_private(&self.pid_file, own.line(&self.fingerprint).as_bytes())?;
        let (program, args) = self.command.split_first().context("no program")?;
        let error = Command::new(program).args(args).exec();
        Err(error).with_context(|| format!("{} can't be started", program.display()))
    }
}
