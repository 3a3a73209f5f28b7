//! From `kubectl apply` to an agent's first message, next to what Podman and Claude Code take by themselves.
//!
//! Needs the environment that `cargo xtask bench` sets, as the tests do. Rounds of both alternate, so that
//! whatever else the machine does hits both.

#![expect(
    clippy::unwrap_used,
    reason = "a measurement ends where something unexpected happens"
)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "prints what it measured"
)]
#![expect(
    dead_code,
    unused_imports,
    reason = "the tests' harness can do more than is measured here"
)]

#[path = "../../tests/swarm/chat.rs"]
mod chat;
mod ours;
mod reference;
#[path = "../../tests/swarm/swarm.rs"]
mod swarm;
#[path = "../../tests/swarm/wait.rs"]
mod wait;

use std::time::Duration;

/// Rounds of each; the median counts.
const ROUNDS: usize = 5;

#[tokio::main]
async fn main() {
    let swarm = swarm::Swarm::up_with("bench-start", &swarm::quickstart("00-nodes.yaml"));
    let endpoint = reference::Endpoint::start().await;
    let mut person = swarm.person().await;
    let (mut ours, mut bare, mut apply) = (vec![], vec![], vec![]);
    for round in 0..=ROUNDS {
        let (applied, first_message) = ours::round(&swarm, &mut person, round).await;
        let reference = reference::round(&endpoint).await;
        // The first round warms both up.
        if round > 0 {
            bare.push(reference);
            apply.push(applied);
            ours.push(first_message);
        }
    }
    drop(person);
    swarm.purge().await;
    let (ours, bare, apply) = (median(ours), median(bare), median(apply));
    println!("from `kubectl apply` to the agent's first message, median of {ROUNDS}:");
    println!("  {:>6.0} ms  the whole way", millis(ours));
    println!(
        "  {:>6.0} ms  reference: a bare container with Claude Code, from create to its first request",
        millis(bare)
    );
    println!(
        "  {:>6.2} ×   ratio",
        ours.as_secs_f64() / bare.as_secs_f64()
    );
    println!(
        "  {:>6.0} ms  more than the reference, {:.0} ms of them kubectl's own run",
        millis(ours) - millis(bare),
        millis(apply)
    );
}

fn median(mut all: Vec<Duration>) -> Duration {
    all.sort();
    all[all.len() / 2]
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
