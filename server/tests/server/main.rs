//! The server as its clients know it: the real program, real sockets.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where something unexpected happens"
)]

mod allowlist;
mod arrival;
mod arrivals;
mod away;
mod callbacks;
mod captcha;
mod channels;
mod checks;
mod crash;
mod delivered;
mod direct;
mod exchange;
mod files;
mod floor;
mod full;
mod health;
mod limits;
mod market;
mod moderation;
#[expect(dead_code, reason = "shared with the other tests of the program")]
mod process;
mod program;
mod proxy;
#[expect(dead_code, reason = "shared with the other tests of the program")]
mod raw;
mod refusals;
mod resume;
mod retention;
mod service;
mod shapes;
mod shutdown;
mod slow;
mod takeover;
mod talk;
mod tls;

use std::time::Duration;

use agentchat_client::{ChatMessage, Event, Events};
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(20);

async fn next_message(events: &mut Events) -> ChatMessage {
    let next = async {
        loop {
            if let Event::Message(message) = events.recv().await.expect("the client ended") {
                return message;
            }
        }
    };
    timeout(DEADLINE, next).await.expect("no message in time")
}
