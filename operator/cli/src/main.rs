//! `agentctl`: everything that a person does with a swarm.

use std::process::ExitCode;

fn main() -> ExitCode {
    agentctl::run()
}
