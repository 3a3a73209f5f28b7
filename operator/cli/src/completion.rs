//! `agentctl completion`: scripts for shells.

use anyhow::Result;
use clap::{Args, Command};
use clap_complete::Shell;

use crate::{help, output};

/// Prints a completion script: `source <(agentctl completion bash)`.
#[derive(Debug, Args)]
#[command(after_help = help::COMPLETION)]
pub struct Completion {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

impl Completion {
    /// Prints the script for a program with this command line.
    pub fn run(&self, mut program: Command) -> Result<()> {
        let mut script = vec![];
        clap_complete::generate(self.shell, &mut program, "agentctl", &mut script);
        Ok(output::put(String::from_utf8(script)?)?)
    }
}
