//! `agentctl completion`: scripts for shells.

use anyhow::Result;
use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::{args::Cli, help, output};

/// Prints a completion script: `source <(agentctl completion bash)`.
#[derive(Debug, Args)]
#[command(after_help = help::COMPLETION)]
pub struct Completion {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

impl Completion {
    /// Carries it out.
    pub fn run(&self) -> Result<()> {
        let mut script = vec![];
        clap_complete::generate(self.shell, &mut Cli::command(), "agentctl", &mut script);
        Ok(output::put(String::from_utf8(script)?)?)
    }
}
