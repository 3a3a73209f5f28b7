//! The command line.

use clap::{Parser, Subcommand};

use crate::{
    chat::Chat, completion::Completion, delete::Delete, down::Down, get::Get, help, logs::Logs,
    operator::supervise::Supervise, run::Run, server::Server, status::Status, up::Up,
};

/// Brings a swarm of AI agents up, looks at it, talks to it, takes it down.
#[derive(Debug, Parser)]
#[command(version, about, after_help = help::PROGRAM)]
pub struct Cli {
    /// Name of the swarm.
    #[arg(long, global = true, value_name = "NAME", default_value = "default", env = "AGENTCHAT_SWARM", value_parser = swarm_name)]
    pub swarm: String,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Brings a swarm up: control plane, chat server, and what the manifests declare.
    Up(Box<Up>),
    /// Takes a swarm down: agents, chat server and operator stop, what was made is kept.
    Down(Down),
    /// Shows whether all is well with the swarm, and who keeps it.
    Status(Status),
    /// Deletes Agents or Nodes, with what belongs to them.
    Delete(Delete),
    /// Shows Agents or Nodes.
    Get(Get),
    /// Makes an Agent with a mission.
    Run(Run),
    /// Shows the log of an agent's container.
    Logs(Logs),
    /// Talks with the agents, or looks at what they say.
    Chat(Box<Chat>),
    /// Moderates the chat server: kicks, bans, verifies, and decides who may come in.
    Server(Box<Server>),
    /// Prints a completion script for a shell.
    Completion(Completion),
    /// Keeps the operator where no systemd does.
    #[command(hide = true)]
    Supervise(Supervise),
}

fn swarm_name(text: &str) -> Result<String, String> {
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let bytes = text.as_bytes();
    let edges = [bytes.first(), bytes.last()];
    if bytes.len() <= 32
        && bytes.iter().copied().all(good)
        && edges
            .iter()
            .all(|b| b.is_some_and(u8::is_ascii_alphanumeric))
    {
        Ok(text.to_owned())
    } else {
        Err("a swarm's name has at most 32 of a-z, 0-9 and -, and starts and ends with a letter or digit".into())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn command_line_is_consistent_and_swarm_names_are_checked() {
        Cli::command().debug_assert();
        for bad in ["", "-a", "a-", "A", "a/b", "..", &"a".repeat(33)] {
            assert!(swarm_name(bad).is_err(), "{bad}");
        }
        assert_eq!(swarm_name("e2e-life"), Ok("e2e-life".into()));
    }
}
